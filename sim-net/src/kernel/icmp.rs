//! The packets that a kernel makes itself to say that it will not carry another one.

use std::net::Ipv4Addr;

use crate::headers::{self, Protocol};

/// Octets of the longest packet made here: IPv4 header 20, ICMP header 8, and of the packet that it
/// is about the header and eight octets (at most 60 + 8).
pub const MAX_ERROR: usize = 20 + 8 + 68;

/// What an ICMP error says. Source: RFC 792, RFC 1812 §5.2.7 (specified).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Type 3 code 0.
    Network,
    /// Type 3 code 1.
    Host,
    /// Type 3 code 3.
    Port,
    /// Type 3 code 4, with the MTU of the next hop.
    FragmentationNeeded(usize),
    /// Type 11 code 0.
    TtlExceeded,
}

/// Writes an ICMP error from `from` about `packet` into `out`.
///
/// Returns `false`, and leaves `out` empty, where no error may be sent: about an ICMP error, a
/// broadcast, or a packet that is too short to be quoted (RFC 1122 §3.2.2).
pub fn error_about(packet: &[u8], from: Ipv4Addr, what: Unreachable, out: &mut Vec<u8>) -> bool {
    out.clear();
    let header = packet.first().map_or(0, |b| usize::from(b & 0x0f) * 4);
    let Some(quote) = packet.get(..header + 8) else {
        return false;
    };
    if header < 20
        || headers::icmp_error_quote(packet).is_some()
        || headers::dst_addr(packet).is_broadcast()
        || headers::src_addr(packet).is_unspecified()
    {
        return false;
    }
    let (kind, code, rest) = match what {
        Unreachable::Network => (3, 0, 0),
        Unreachable::Host => (3, 1, 0),
        Unreachable::Port => (3, 3, 0),
        Unreachable::FragmentationNeeded(mtu) => (3, 4, u16::try_from(mtu).unwrap_or(u16::MAX)),
        Unreachable::TtlExceeded => (11, 0, 0),
    };
    ipv4_header(
        out,
        Protocol::Icmp,
        from,
        headers::src_addr(packet),
        8 + quote.len(),
    );
    out.extend_from_slice(&[kind, code, 0, 0, 0, 0]);
    out.extend_from_slice(&rest.to_be_bytes());
    out.extend_from_slice(quote);
    true
}

/// Writes the reset that answers the TCP segment `packet` into `out`; `false` where there is none
/// to send. Source: RFC 9293 §3.10.7.1 (specified).
pub fn reset_for(packet: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let header = packet.first().map_or(0, |b| usize::from(b & 0x0f) * 4);
    let Some(flags) = headers::tcp_flags(packet) else {
        return false;
    };
    let Some(segment) = packet.get(header..header + 20) else {
        return false;
    };
    if flags.rst {
        return false;
    }
    let word = |at: usize| {
        u32::from_be_bytes([
            segment[at],
            segment[at + 1],
            segment[at + 2],
            segment[at + 3],
        ])
    };
    let len = u32::try_from(headers::payload_len(packet)).unwrap_or(0)
        + u32::from(flags.syn)
        + u32::from(flags.fin);
    let (seq, ack, bits) = if flags.ack {
        (word(8), 0, 0x04)
    } else {
        (0, word(4).wrapping_add(len), 0x14)
    };
    ipv4_header(
        out,
        Protocol::Tcp,
        headers::dst_addr(packet),
        headers::src_addr(packet),
        20,
    );
    out.extend_from_slice(&segment[2..4]);
    out.extend_from_slice(&segment[0..2]);
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    out.extend_from_slice(&[0x50, bits, 0, 0, 0, 0, 0, 0]);
    true
}

fn ipv4_header(
    out: &mut Vec<u8>,
    protocol: Protocol,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    payload: usize,
) {
    let total = u16::try_from(20 + payload)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    out.extend_from_slice(&[
        0x45,
        0,
        total[0],
        total[1],
        0,
        0,
        0x40,
        0,
        64,
        protocol.into(),
        0,
        0,
    ]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::tests::{packet, tuple};

    const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

    #[test]
    fn an_error_quotes_the_packet_and_goes_back_to_its_sender() {
        let t = tuple(Protocol::Udp, "10.0.0.1:5000", "10.0.0.2:53");
        let mut out = Vec::new();
        assert!(error_about(
            &packet(t, 0, 100),
            ROUTER,
            Unreachable::Port,
            &mut out
        ));
        assert_eq!(headers::dst_addr(&out), *t.src.ip());
        assert_eq!((out[20], out[21]), (3, 3));
        let quote = headers::icmp_error_quote(&out).expect("it is an error");
        assert_eq!(headers::five_tuple(quote), Some(t));
        assert!(out.len() <= MAX_ERROR);
    }

    #[test]
    fn no_error_is_sent_about_an_error() {
        let t = tuple(Protocol::Udp, "10.0.0.1:5000", "10.0.0.2:53");
        let (mut first, mut second) = (Vec::new(), Vec::new());
        assert!(error_about(
            &packet(t, 0, 0),
            ROUTER,
            Unreachable::Host,
            &mut first
        ));
        assert!(!error_about(&first, ROUTER, Unreachable::Host, &mut second));
        assert!(second.is_empty());
    }

    #[test]
    fn the_next_hops_mtu_is_told() {
        let t = tuple(Protocol::Tcp, "10.0.0.1:5000", "10.0.0.2:80");
        let mut out = Vec::new();
        let what = Unreachable::FragmentationNeeded(1500);
        assert!(error_about(&packet(t, 0x10, 8000), ROUTER, what, &mut out));
        assert_eq!(out[26..28], 1500_u16.to_be_bytes());
    }

    #[test]
    fn a_syn_is_answered_by_a_reset_that_acknowledges_it() {
        let t = tuple(Protocol::Tcp, "10.0.0.1:5000", "10.0.0.2:80");
        let mut out = Vec::new();
        assert!(reset_for(&packet(t, 0x02, 0), &mut out));
        assert_eq!(headers::five_tuple(&out), Some(t.reversed()));
        let flags = headers::tcp_flags(&out).expect("TCP");
        assert!(flags.rst && flags.ack);
        assert_eq!(out[28..32], 1_u32.to_be_bytes());
        let reset = out.clone();
        assert!(
            !reset_for(&reset, &mut out),
            "a reset is never answered by one"
        );
    }
}

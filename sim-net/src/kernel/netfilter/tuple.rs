//! A packet as connection tracking sees it.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::headers::{self, FiveTuple, Protocol};

const ICMP_ECHO_REPLY: u16 = 0;
const ICMP_ECHO: u16 = 8;

/// What a packet is to connection tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a conversation.
    Flow(FiveTuple),
    /// An ICMP error about a packet of this conversation, as that packet left its sender.
    Error(FiveTuple),
    /// Neither: truncated, or ICMP that asks nothing and reports nothing.
    Invalid,
}

/// Classifies a packet of at least an IPv4 header.
pub(super) fn classify(packet: &[u8]) -> Kind {
    if let Some(quote) = headers::icmp_error_quote(packet) {
        return of(quote).map_or(Kind::Invalid, Kind::Error);
    }
    of(packet).map_or(Kind::Invalid, Kind::Flow)
}

/// The tuple of a packet that is no ICMP error. For ICMP the source port is the identifier and the
/// destination port the type, so that a question and its answer are two directions of one flow.
fn of(packet: &[u8]) -> Option<FiveTuple> {
    let mut tuple = headers::five_tuple(packet)?;
    if tuple.protocol == Protocol::Icmp {
        let kind = *packet.get(usize::from(packet[0] & 0x0f) * 4)?;
        if !matches!(u16::from(kind), ICMP_ECHO | ICMP_ECHO_REPLY) {
            return None;
        }
        tuple.dst.set_port(u16::from(kind));
    }
    Some(tuple)
}

/// The tuple of the packets that answer `tuple`.
pub(super) fn invert(tuple: FiveTuple) -> FiveTuple {
    if tuple.protocol != Protocol::Icmp {
        return tuple.reversed();
    }
    let answer = if tuple.dst.port() == ICMP_ECHO {
        ICMP_ECHO_REPLY
    } else {
        ICMP_ECHO
    };
    FiveTuple {
        protocol: Protocol::Icmp,
        src: SocketAddrV4::new(*tuple.dst.ip(), tuple.src.port()),
        dst: SocketAddrV4::new(*tuple.src.ip(), answer),
    }
}

/// Whether a packet with this tuple may begin a conversation, as far as its protocol's ports say:
/// an echo reply that nobody asked for may not.
pub(super) fn may_begin(tuple: FiveTuple) -> bool {
    tuple.protocol != Protocol::Icmp || tuple.dst.port() == ICMP_ECHO
}

/// Which end of a packet a translation rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manip {
    /// The source, at POSTROUTING and INPUT.
    Source,
    /// The destination, at PREROUTING and OUTPUT.
    Destination,
}

impl Manip {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// Rewrites one end of a packet to that of `target`; an ICMP query has one identifier for both ends.
/// A packet that is too short for its ports keeps them.
pub(super) fn rewrite(packet: &mut [u8], target: FiveTuple, manip: Manip) {
    if headers::five_tuple(packet).is_none() {
        return;
    }
    match manip {
        Manip::Source => headers::set_src(packet, target.src),
        Manip::Destination => {
            headers::set_dst(packet, target.dst);
            if headers::protocol(packet) == Protocol::Icmp {
                let src = headers::src_addr(packet);
                headers::set_src(packet, SocketAddrV4::new(src, target.src.port()));
            }
        }
    }
}

/// The fields that rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) protocol: Protocol,
    /// `None` where the protocol has no ports or the packet is too short for them.
    pub(super) dport: Option<u16>,
}

impl Fields {
    /// `None` where the octets are no IPv4 header.
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        if !headers::is_ipv4(packet) {
            return None;
        }
        let protocol = headers::protocol(packet);
        let dport = match protocol {
            Protocol::Tcp | Protocol::Udp => headers::five_tuple(packet).map(|t| t.dst.port()),
            Protocol::Icmp | Protocol::Other(_) => None,
        };
        Some(Self {
            src: headers::src_addr(packet),
            dst: headers::dst_addr(packet),
            protocol,
            dport,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::tests::{packet, tuple};

    #[test]
    fn an_echo_and_its_reply_are_two_directions_of_one_flow() {
        let t = tuple(Protocol::Icmp, "10.0.0.1:77", "10.0.0.2:0");
        let echo = packet(t, 0, 0);
        let mut reply = packet(tuple(Protocol::Icmp, "10.0.0.2:77", "10.0.0.1:0"), 0, 0);
        reply[20] = 0;
        let (Kind::Flow(asked), Kind::Flow(answered)) = (classify(&echo), classify(&reply)) else {
            panic!("both are queries");
        };
        assert_eq!(invert(asked), answered);
        assert_eq!(invert(answered), asked);
        assert!(may_begin(asked) && !may_begin(answered));
    }

    #[test]
    fn an_error_is_about_the_packet_it_quotes() {
        let t = tuple(Protocol::Udp, "10.0.0.1:5000", "10.0.0.2:53");
        let quote = packet(t, 0, 0);
        let mut error = packet(
            tuple(Protocol::Icmp, "10.0.0.2:0", "10.0.0.1:0"),
            0,
            quote.len(),
        );
        error[20] = 3;
        error[28..].copy_from_slice(&quote);
        assert_eq!(classify(&error), Kind::Error(t));
        error[28] = 0;
        assert_eq!(classify(&error), Kind::Invalid, "the quote is broken");
    }

    #[test]
    fn other_icmp_and_truncated_packets_are_invalid() {
        let t = tuple(Protocol::Icmp, "10.0.0.1:77", "10.0.0.2:0");
        let mut advertisement = packet(t, 0, 0);
        advertisement[20] = 9;
        assert_eq!(classify(&advertisement), Kind::Invalid);
        let udp = packet(tuple(Protocol::Udp, "1.1.1.1:1", "2.2.2.2:2"), 0, 0);
        assert_eq!(classify(&udp[..22]), Kind::Invalid);
        let fields = Fields::of(&udp[..22]).expect("the IPv4 header is whole");
        assert_eq!(fields.dport, None);
        assert!(Fields::of(&udp[..19]).is_none());
    }

    #[test]
    fn an_echos_identifier_is_rewritten_from_either_end() {
        let t = tuple(Protocol::Icmp, "10.0.0.1:77", "10.0.0.2:0");
        for manip in [Manip::Source, Manip::Destination] {
            let mut p = packet(t, 0, 0);
            let target = tuple(Protocol::Icmp, "10.9.9.9:78", "10.8.8.8:0");
            rewrite(&mut p, target, manip);
            let after = headers::five_tuple(&p).expect("it is whole");
            assert_eq!(after.src.port(), 78);
            let moved = match manip {
                Manip::Source => *after.src.ip() == *target.src.ip(),
                Manip::Destination => *after.dst.ip() == *target.dst.ip(),
            };
            assert!(moved);
        }
    }
}

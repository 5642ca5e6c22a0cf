//! The header fields that the data path reads and rewrites, straight in the packet's octets.
//!
//! Parsing and building belong to smoltcp; what remains here is what a kernel does to a packet that
//! is not its own: classify it, translate it, count its hops. Checksums are offloaded (see
//! [`crate::frame::Frame`]), so a rewrite touches only the field itself.

use std::net::{Ipv4Addr, SocketAddrV4};

/// A transport protocol by its IP number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// 1.
    Icmp,
    /// 6.
    Tcp,
    /// 17.
    Udp,
    /// Any other.
    Other(u8),
}

impl From<u8> for Protocol {
    #[inline]
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Icmp,
            6 => Self::Tcp,
            17 => Self::Udp,
            n => Self::Other(n),
        }
    }
}

impl From<Protocol> for u8 {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Icmp => 1,
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Other(n) => n,
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Icmp => f.write_str("icmp"),
            Self::Tcp => f.write_str("tcp"),
            Self::Udp => f.write_str("udp"),
            Self::Other(n) => write!(f, "{n}"),
        }
    }
}

/// Who talks to whom. For ICMP queries the source port is the identifier and the destination port
/// is 0; for protocols without ports both are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FiveTuple {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Sender.
    pub src: SocketAddrV4,
    /// Receiver.
    pub dst: SocketAddrV4,
}

impl FiveTuple {
    /// The same conversation seen from the other end.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            protocol: self.protocol,
            src: self.dst,
            dst: self.src,
        }
    }
}

/// A 5-tuple in two words, for maps: hashed and compared in a few instructions, where field by field
/// it is many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowKey {
    addrs: u64,
    ports: u64,
}

impl From<FiveTuple> for FlowKey {
    #[inline]
    fn from(flow: FiveTuple) -> Self {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let ports = pair(flow.src.port().into(), flow.dst.port().into());
        Self {
            addrs: pair((*flow.src.ip()).into(), (*flow.dst.ip()).into()),
            // A port has 16 bits; the protocol lies above the destination's.
            ports: ports | u64::from(u8::from(flow.protocol)) << 16,
        }
    }
}

/// The TCP flags that a kernel's policy looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the bits of a header"
)]
pub struct TcpFlags {
    /// Synchronise.
    pub syn: bool,
    /// Acknowledge.
    pub ack: bool,
    /// Finish.
    pub fin: bool,
    /// Reset.
    pub rst: bool,
}

const IPV4_HEADER: usize = 20;

/// First octet of a packet of version 4 without options, as nearly all are.
const PLAIN: u8 = 0x45;

/// Whether the octets begin with a whole IPv4 header. What is not named as fallible below may only
/// be asked of such a packet.
#[must_use]
#[inline]
pub fn is_ipv4(packet: &[u8]) -> bool {
    match packet.first_chunk::<IPV4_HEADER>() {
        Some(header) if header[0] == PLAIN => true,
        Some(header) => {
            header[0] >> 4 == 4 && (IPV4_HEADER..=packet.len()).contains(&header_len(packet))
        }
        None => false,
    }
}

fn header_len(packet: &[u8]) -> usize {
    usize::from(packet[0] & 0x0f) * 4
}

fn port_at(packet: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([packet[at], packet[at + 1]])
}

/// Source address.
#[must_use]
pub fn src_addr(packet: &[u8]) -> Ipv4Addr {
    Ipv4Addr::new(packet[12], packet[13], packet[14], packet[15])
}

/// Destination address.
#[must_use]
pub fn dst_addr(packet: &[u8]) -> Ipv4Addr {
    Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19])
}

/// Transport protocol.
#[must_use]
pub fn protocol(packet: &[u8]) -> Protocol {
    packet[9].into()
}

/// Time to live, in hops.
#[must_use]
pub fn ttl(packet: &[u8]) -> u8 {
    packet[8]
}

/// Sets the time to live, in hops.
pub fn set_ttl(packet: &mut [u8], hops: u8) {
    packet[8] = hops;
}

/// Takes one hop off the time to live and says what is left.
pub fn decrement_ttl(packet: &mut [u8]) -> u8 {
    packet[8] = packet[8].saturating_sub(1);
    packet[8]
}

/// Whether the packet may not be fragmented.
#[must_use]
pub fn dont_fragment(packet: &[u8]) -> bool {
    packet[6] & 0x40 != 0
}

/// The conversation that a packet belongs to; `None` where it is no whole IPv4 header, or too
/// short to carry the ports that its protocol has.
#[must_use]
#[inline]
pub fn five_tuple(packet: &[u8]) -> Option<FiveTuple> {
    if let Some(head) = packet.first_chunk::<{ IPV4_HEADER + 4 }>()
        && head[0] == PLAIN
        && let protocol @ (Protocol::Tcp | Protocol::Udp) = Protocol::from(head[9])
    {
        let end = |addr: usize, port: usize| {
            let ip = Ipv4Addr::new(head[addr], head[addr + 1], head[addr + 2], head[addr + 3]);
            SocketAddrV4::new(ip, u16::from_be_bytes([head[port], head[port + 1]]))
        };
        return Some(FiveTuple {
            protocol,
            src: end(12, 20),
            dst: end(16, 22),
        });
    }
    unusual_five_tuple(packet)
}

/// The same for packets with options, of other protocols, or cut off.
fn unusual_five_tuple(packet: &[u8]) -> Option<FiveTuple> {
    if !is_ipv4(packet) {
        return None;
    }
    let at = header_len(packet);
    let protocol = protocol(packet);
    let (src_port, dst_port) = match protocol {
        Protocol::Tcp | Protocol::Udp => {
            packet.get(at..at + 4)?;
            (port_at(packet, at), port_at(packet, at + 2))
        }
        Protocol::Icmp => {
            packet.get(at..at + 6)?;
            let query = matches!(packet[at], 0 | 8);
            (if query { port_at(packet, at + 4) } else { 0 }, 0)
        }
        Protocol::Other(_) => (0, 0),
    };
    Some(FiveTuple {
        protocol,
        src: SocketAddrV4::new(src_addr(packet), src_port),
        dst: SocketAddrV4::new(dst_addr(packet), dst_port),
    })
}

/// The flags of a TCP segment; `None` for anything else.
#[must_use]
#[inline]
pub fn tcp_flags(packet: &[u8]) -> Option<TcpFlags> {
    if !is_ipv4(packet) || packet[9] != u8::from(Protocol::Tcp) {
        return None;
    }
    let bits = *packet.get(header_len(packet) + 13)?;
    Some(TcpFlags {
        fin: bits & 0x01 != 0,
        syn: bits & 0x02 != 0,
        rst: bits & 0x04 != 0,
        ack: bits & 0x10 != 0,
    })
}

/// Octets of payload after the transport header; 0 for what is neither TCP nor UDP.
#[must_use]
pub fn payload_len(packet: &[u8]) -> usize {
    if !is_ipv4(packet) {
        return 0;
    }
    let at = header_len(packet);
    let headers = match protocol(packet) {
        Protocol::Tcp => packet
            .get(at + 12)
            .map_or(0, |offset| at + usize::from(offset >> 4) * 4),
        Protocol::Udp => at + 8,
        _ => return 0,
    };
    packet.len().saturating_sub(headers)
}

/// Octets of the IPv4 and TCP headers of a segment, options included; `None` for anything else.
#[must_use]
pub fn tcp_headers_len(packet: &[u8]) -> Option<usize> {
    if !is_ipv4(packet) || protocol(packet) != Protocol::Tcp {
        return None;
    }
    let at = header_len(packet);
    let headers = at + usize::from(*packet.get(at + 12)? >> 4) * 4;
    (headers >= at + 20 && headers <= packet.len()).then_some(headers)
}

/// Sets the length that the IPv4 header names to that of the packet.
///
/// # Panics
/// If that is more than 65,535 octets.
pub fn set_total_len(packet: &mut [u8]) {
    let len = u16::try_from(packet.len()).expect("an IPv4 packet has at most 65,535 octets");
    packet[2..4].copy_from_slice(&len.to_be_bytes());
}

/// Adds `by` to the sequence number of a TCP segment, modulo 2^32.
pub fn advance_seq(packet: &mut [u8], by: u32) {
    let at = header_len(packet) + 4;
    let seq = [packet[at], packet[at + 1], packet[at + 2], packet[at + 3]];
    let seq = u32::from_be_bytes(seq).wrapping_add(by);
    packet[at..at + 4].copy_from_slice(&seq.to_be_bytes());
}

/// Adds flags to a TCP segment, by their bits in the header.
pub fn set_tcp_flags(packet: &mut [u8], flags: u8) {
    let at = header_len(packet) + 13;
    packet[at] |= flags;
}

/// Takes flags off a TCP segment, by their bits in the header.
pub fn clear_tcp_flags(packet: &mut [u8], flags: u8) {
    let at = header_len(packet) + 13;
    packet[at] &= !flags;
}

/// The packet that an ICMP error quotes (its IPv4 header and at least eight octets); `None` where
/// the packet is no ICMP error.
#[must_use]
pub fn icmp_error_quote(packet: &[u8]) -> Option<&[u8]> {
    if !is_ipv4(packet) || protocol(packet) != Protocol::Icmp {
        return None;
    }
    let at = header_len(packet);
    let quote = packet.get(at + 8..)?;
    (matches!(packet[at], 3 | 4 | 5 | 11 | 12) && quote.len() >= IPV4_HEADER + 8).then_some(quote)
}

/// The same, to be rewritten.
pub fn icmp_error_quote_mut(packet: &mut [u8]) -> Option<&mut [u8]> {
    icmp_error_quote(packet)?;
    let at = header_len(packet);
    packet.get_mut(at + 8..)
}

/// The port that rules of security groups and network ACLs are about: the destination's; for ICMP
/// the message type, which stands first after the IPv4 header. `tuple` is the packet's own.
#[must_use]
pub fn rule_port(packet: &[u8], tuple: &FiveTuple) -> u16 {
    match tuple.protocol {
        Protocol::Icmp => packet
            .get(header_len(packet))
            .map_or(0, |kind| u16::from(*kind)),
        _ => tuple.dst.port(),
    }
}

/// Rewrites the source address.
pub fn set_src_addr(packet: &mut [u8], to: Ipv4Addr) {
    packet[12..16].copy_from_slice(&to.octets());
}

/// Rewrites the destination address.
pub fn set_dst_addr(packet: &mut [u8], to: Ipv4Addr) {
    packet[16..20].copy_from_slice(&to.octets());
}

/// Rewrites the source. The port is left alone where the protocol has none.
pub fn set_src(packet: &mut [u8], to: SocketAddrV4) {
    set_src_addr(packet, *to.ip());
    set_port(packet, 0, to.port());
}

/// Rewrites the destination. The port is left alone where the protocol has none.
pub fn set_dst(packet: &mut [u8], to: SocketAddrV4) {
    set_dst_addr(packet, *to.ip());
    set_port(packet, 2, to.port());
}

fn set_port(packet: &mut [u8], offset: usize, port: u16) {
    let at = match protocol(packet) {
        Protocol::Tcp | Protocol::Udp => header_len(packet) + offset,
        Protocol::Icmp if offset == 0 && matches!(packet.get(header_len(packet)), Some(0 | 8)) => {
            header_len(packet) + 4
        }
        _ => return,
    };
    // A packet cut off before its ports has none to rewrite.
    if let Some(field) = packet.get_mut(at..at + 2) {
        field.copy_from_slice(&port.to_be_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A packet with the header fields that the data path reads, and `payload` octets of zeros.
    pub(crate) fn packet(tuple: FiveTuple, flags: u8, payload: usize) -> Vec<u8> {
        let transport = match tuple.protocol {
            Protocol::Tcp => 20,
            _ => 8,
        };
        let mut p = vec![0; IPV4_HEADER + transport + payload];
        let total = u16::try_from(p.len()).expect("a test packet is small");
        p[0] = 0x45;
        p[2..4].copy_from_slice(&total.to_be_bytes());
        p[6] = 0x40;
        p[8] = 64;
        p[9] = tuple.protocol.into();
        p[12..16].copy_from_slice(&tuple.src.ip().octets());
        p[16..20].copy_from_slice(&tuple.dst.ip().octets());
        match tuple.protocol {
            Protocol::Icmp => {
                p[20] = 8;
                p[24..26].copy_from_slice(&tuple.src.port().to_be_bytes());
            }
            Protocol::Tcp | Protocol::Udp => {
                p[20..22].copy_from_slice(&tuple.src.port().to_be_bytes());
                p[22..24].copy_from_slice(&tuple.dst.port().to_be_bytes());
            }
            Protocol::Other(_) => {}
        }
        if tuple.protocol == Protocol::Tcp {
            p[32] = 0x50;
            p[33] = flags;
        }
        p
    }

    pub(crate) fn tuple(protocol: Protocol, src: &str, dst: &str) -> FiveTuple {
        FiveTuple {
            protocol,
            src: src.parse().expect("a socket address"),
            dst: dst.parse().expect("a socket address"),
        }
    }

    #[test]
    fn a_tcp_packet_is_read_and_rewritten_in_place() {
        let t = tuple(Protocol::Tcp, "10.0.0.1:40000", "10.0.0.2:80");
        let mut p = packet(t, 0x12, 5);
        assert_eq!(five_tuple(&p), Some(t));
        assert_eq!(payload_len(&p), 5);
        let flags = tcp_flags(&p).expect("it is TCP");
        assert!(flags.syn && flags.ack && !flags.fin && !flags.rst);
        set_dst(&mut p, "172.17.0.2:8080".parse().expect("an address"));
        set_src(&mut p, "10.9.9.9:1024".parse().expect("an address"));
        let after = tuple(Protocol::Tcp, "10.9.9.9:1024", "172.17.0.2:8080");
        assert_eq!(five_tuple(&p), Some(after));
        assert_eq!(decrement_ttl(&mut p), 63);
        assert!(dont_fragment(&p));
    }

    #[test]
    fn an_echo_request_is_told_by_its_identifier() {
        let t = tuple(Protocol::Icmp, "10.0.0.1:77", "10.0.0.2:0");
        let mut p = packet(t, 0, 0);
        assert_eq!(five_tuple(&p), Some(t));
        set_src(&mut p, "10.0.0.3:78".parse().expect("an address"));
        assert_eq!(five_tuple(&p).map(|t| t.src.port()), Some(78));
    }

    #[test]
    fn a_truncated_packet_has_no_tuple() {
        let p = packet(tuple(Protocol::Udp, "1.1.1.1:1", "2.2.2.2:2"), 0, 0);
        for len in 0..24 {
            assert_eq!(five_tuple(&p[..len]), None, "{len} octets");
        }
        assert!(five_tuple(&p).is_some());
    }

    #[test]
    fn a_header_length_that_cannot_be_is_no_packet() {
        let mut p = packet(tuple(Protocol::Tcp, "1.1.1.1:1", "2.2.2.2:2"), 0x02, 0);
        for words in (0..5).chain(11..16) {
            p[0] = 0x40 | words;
            assert!(!is_ipv4(&p), "{words} words");
            assert_eq!((five_tuple(&p), tcp_flags(&p)), (None, None));
            assert_eq!((payload_len(&p), icmp_error_quote(&p)), (0, None));
        }
    }
}

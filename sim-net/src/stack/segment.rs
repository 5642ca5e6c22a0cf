//! The fields of a TCP segment that the adapter reads, and the few it rewrites.
//!
//! Offsets are those of RFC 9293, section 3.1.

use std::net::SocketAddrV4;

/// Header fields of one segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    pub(super) flags: u8,
    pub(super) payload: usize,
    /// Whether the header has options.
    pub(super) options: bool,
}

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

const IP: usize = 20;
const TCP: usize = 20;

/// Octets of an acknowledgement without options.
pub(super) const PURE_ACK: usize = IP + TCP;

fn transport(packet: &[u8]) -> usize {
    usize::from(packet[0] & 0x0f) * 4
}

fn word(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
}

impl Segment {
    /// Reads the header of a TCP packet; `None` if it is not whole.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let at = transport(packet);
        let header = packet.get(at..at + TCP)?;
        let data = at + usize::from(header[12] >> 4) * 4;
        if header[12] >> 4 < 5 || data > packet.len() {
            return None;
        }
        Some(Self {
            seq: word(header, 4),
            ack: word(header, 8),
            window: u16::from_be_bytes([header[14], header[15]]),
            flags: header[13],
            payload: packet.len() - data,
            options: header[12] >> 4 > 5,
        })
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether it asks for a new connection.
    pub(super) fn opens(&self) -> bool {
        self.flags & (SYN | ACK | RST) == SYN
    }
}

/// What a segment says beyond its fixed header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) mss: Option<u16>,
    pub(super) window_scale: Option<u8>,
    /// Whether it selectively acknowledges something.
    pub(super) sack: bool,
    /// The first octets that it selectively acknowledges, and one past them.
    pub(super) sack_block: (u32, u32),
}

impl Options {
    pub(super) fn read(packet: &[u8]) -> Self {
        let at = transport(packet);
        let end = (at + usize::from(packet[at + 12] >> 4) * 4).min(packet.len());
        let mut options = &packet[(at + TCP).min(end)..end];
        let mut found = Self::default();
        while let [kind, rest @ ..] = options {
            options = match (kind, rest) {
                (0, _) => break,
                (1, _) => rest,
                (2, [4, high, low, ..]) => {
                    found.mss = Some(u16::from_be_bytes([*high, *low]));
                    &rest[3..]
                }
                (3, [3, shift, ..]) => {
                    found.window_scale = Some(*shift);
                    &rest[2..]
                }
                (5, [len, ..]) if *len >= 10 && usize::from(*len) <= options.len() => {
                    found.sack = true;
                    found.sack_block = (word(rest, 1), word(rest, 5));
                    &options[usize::from(*len)..]
                }
                (_, [len, ..]) if *len >= 2 && usize::from(*len) <= options.len() => {
                    &options[usize::from(*len)..]
                }
                _ => break,
            };
        }
        found
    }
}

/// Lowers the largest segment that a SYN names to `mss` octets, if it names more.
pub(super) fn limit_mss(packet: &mut [u8], mss: usize) {
    let mut at = transport(packet) + TCP;
    let header = transport(packet) + usize::from(packet[at - TCP + 12] >> 4) * 4;
    let end = header.min(packet.len());
    while at < end {
        at += match packet[at..end] {
            [1, ..] => 1,
            [2, 4, high, low, ..] => {
                let named = u16::from_be_bytes([high, low]);
                let limited = u16::try_from(mss).map_or(named, |mss| mss.min(named));
                packet[at + 2..at + 4].copy_from_slice(&limited.to_be_bytes());
                return;
            }
            [kind, len, ..] if kind > 1 && len >= 2 => usize::from(len),
            _ => return,
        };
    }
}

/// Sets the acknowledgement number.
pub(super) fn set_ack(packet: &mut [u8], ack: u32) {
    let at = transport(packet) + 8;
    packet[at..at + 4].copy_from_slice(&ack.to_be_bytes());
}

/// An acknowledgement without payload or options, made of the addresses, ports and sequence
/// number of `packet`.
pub(super) fn pure_ack(packet: &[u8], seq: u32, ack: u32, window: u16) -> [u8; PURE_ACK] {
    let at = transport(packet);
    let mut made = [0; PURE_ACK];
    made[..IP].copy_from_slice(&packet[..IP]);
    made[0] = 0x45;
    made[3] = 40;
    made[2] = 0;
    made[IP..IP + 4].copy_from_slice(&packet[at..at + 4]);
    made[IP + 4..IP + 8].copy_from_slice(&seq.to_be_bytes());
    made[IP + 8..IP + 12].copy_from_slice(&ack.to_be_bytes());
    made[IP + 12] = 0x50;
    made[IP + 13] = ACK;
    made[IP + 14..IP + 16].copy_from_slice(&window.to_be_bytes());
    made
}

/// The addresses and ports of a segment from `from` to `to`, for [`pure_ack`] to fill in.
pub(super) fn envelope(from: SocketAddrV4, to: SocketAddrV4) -> [u8; PURE_ACK] {
    let mut made = [0; PURE_ACK];
    made[0] = 0x45;
    made[8] = 64;
    made[9] = 6;
    made[12..16].copy_from_slice(&from.ip().octets());
    made[16..20].copy_from_slice(&to.ip().octets());
    made[IP..IP + 2].copy_from_slice(&from.port().to_be_bytes());
    made[IP + 2..IP + 4].copy_from_slice(&to.port().to_be_bytes());
    made
}

/// Whether sequence number `a` comes after `b`.
pub(super) fn after(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A SYN with these options.
    fn syn(options: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; IP + TCP];
        packet[0] = 0x45;
        packet[IP + 12] = u8::try_from((TCP + options.len()) / 4 * 16).expect("few options");
        packet[IP + 13] = SYN;
        packet.extend_from_slice(options);
        packet
    }

    #[test]
    fn a_syns_largest_segment_is_lowered_and_never_raised() {
        // One octet of nothing, a window scale of 7, and 8961 octets.
        let options = [1, 3, 3, 7, 2, 4, 0x23, 0x01, 4, 2, 0, 0];
        for (limit, named) in [(1460, 1460), (8961, 8961), (65_495, 8961), (70_000, 8961)] {
            let mut packet = syn(&options);
            limit_mss(&mut packet, limit);
            assert_eq!(Options::read(&packet).mss, Some(named));
            assert_eq!(Options::read(&packet).window_scale, Some(7));
        }
    }

    #[test]
    fn options_that_name_none_or_end_early_stay_as_they_are() {
        let ends: [&[u8]; 5] = [
            &[],
            &[0, 2, 4, 9],
            &[1, 1, 1, 2],
            &[3, 0, 2, 4],
            &[1, 1, 8, 90],
        ];
        for options in ends {
            let mut packet = syn(options);
            limit_mss(&mut packet, 100);
            assert_eq!(packet, syn(options));
        }
    }
}

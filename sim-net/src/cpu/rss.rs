//! Receive-side scaling: which core a flow's frames go to.
//!
//! The Toeplitz hash over addresses and ports with the key that drivers ship by default.
//! Source: Microsoft, "Verifying the RSS hash calculation" (specified); ENA uses Toeplitz on the
//! 5-tuple, ENA Linux best practices (vendor).

use crate::headers::{self, FiveTuple, Protocol};

/// The default key of the RSS specification.
const KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// Octets that are hashed: two addresses and two ports.
const INPUT: usize = 12;

/// What each value of each octet adds to the hash.
static CONTRIBUTIONS: [[u32; 256]; INPUT] = contributions();

/// The 32 bits of the key that start at `bit`.
const fn key_window(bit: usize) -> u32 {
    let mut window = 0;
    let mut i = 0;
    while i < 32 {
        let at = bit + i;
        let set = KEY[at / 8] >> (7 - at % 8) & 1;
        window = window << 1 | set as u32;
        i += 1;
    }
    window
}

const fn contributions() -> [[u32; 256]; INPUT] {
    let mut table = [[0; 256]; INPUT];
    let mut octet = 0;
    while octet < INPUT {
        let mut value = 0;
        while value < 256 {
            let mut bit = 0;
            while bit < 8 {
                if value & (0x80 >> bit) != 0 {
                    table[octet][value] ^= key_window(octet * 8 + bit);
                }
                bit += 1;
            }
            value += 1;
        }
        octet += 1;
    }
    table
}

/// The Toeplitz hash of a conversation; ports count for TCP and UDP only.
#[must_use]
pub fn hash(tuple: &FiveTuple) -> u32 {
    let mut input = [0; INPUT];
    input[..4].copy_from_slice(&tuple.src.ip().octets());
    input[4..8].copy_from_slice(&tuple.dst.ip().octets());
    if matches!(tuple.protocol, Protocol::Tcp | Protocol::Udp) {
        input[8..10].copy_from_slice(&tuple.src.port().to_be_bytes());
        input[10..].copy_from_slice(&tuple.dst.port().to_be_bytes());
    }
    // An octet of zero adds nothing, so that without ports the addresses alone count.
    let added = CONTRIBUTIONS.iter().zip(input);
    added.fold(0, |hash, (table, octet)| hash ^ table[usize::from(octet)])
}

/// The hash of the conversation that a packet belongs to; 0 for what is no packet.
#[must_use]
pub fn hash_packet(packet: &[u8]) -> u32 {
    headers::five_tuple(packet).map_or(0, |tuple| hash(&tuple))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::tests::tuple;

    /// The vectors of the specification's table for IPv4.
    #[test]
    fn the_hash_agrees_with_the_published_vectors() {
        let cases = [
            (
                "66.9.149.187:2794",
                "161.142.100.80:1766",
                0x51cc_c178,
                0x323e_8fc2,
            ),
            (
                "199.92.111.2:14230",
                "65.69.140.83:4739",
                0xc626_b0ea,
                0xd718_262a,
            ),
            (
                "24.19.198.95:12898",
                "12.22.207.184:38024",
                0x5c2b_394a,
                0xd2d0_a5de,
            ),
        ];
        for (src, dst, with_ports, addresses_only) in cases {
            assert_eq!(
                hash(&tuple(Protocol::Tcp, src, dst)),
                with_ports,
                "{src} {dst}"
            );
            assert_eq!(
                hash(&tuple(Protocol::Other(47), src, dst)),
                addresses_only,
                "{src} {dst}"
            );
        }
    }
}

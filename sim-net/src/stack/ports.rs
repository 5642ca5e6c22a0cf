//! The choice of an ephemeral port.
//!
//! As Linux does it for `connect`: a hash of the two addresses and the destination port gives a
//! starting point, a small table of offsets moves it on after each success, and the search takes
//! every second port of the range, first those of one parity and then those of the other, so that
//! `connect` and `bind` to port 0 get in each other's way as little as can be. Source: Linux 6.18,
//! `net/ipv4/inet_hashtables.c`, `__inet_hash_connect` (specified). Linux draws its hash key and a
//! part of each offset at random; here both follow from the stack's seed.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;

/// The ports of one namespace that sockets are given when they ask for none.
#[derive(Debug)]
pub(super) struct EphemeralPorts {
    range: RangeInclusive<u16>,
    seed: u64,
    /// By a part of the hash, those that are not zero: a program asks few peers.
    offsets: BTreeMap<u8, u32>,
}

/// A good spread of the bits of `value` (the finaliser of SplitMix64).
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl EphemeralPorts {
    /// # Panics
    /// If the range is empty.
    pub(super) fn new(range: RangeInclusive<u16>, seed: u64) -> Self {
        assert!(!range.is_empty(), "there is no ephemeral port at all");
        Self {
            range,
            seed: mix(seed ^ 0x706f_7274),
            offsets: BTreeMap::new(),
        }
    }

    /// The first port in search order towards `to` that `free` accepts.
    pub(super) fn choose(
        &mut self,
        from: Ipv4Addr,
        to: SocketAddrV4,
        free: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let low = u32::from(*self.range.start());
        let count = u32::from(*self.range.end()) - low + 1;
        let pair = u64::from(u32::from(from)) << 32 | u64::from(u32::from(*to.ip()));
        let hash = mix(self.seed ^ pair ^ mix(u64::from(to.port())));
        let [place, _, _, _, a, b, c, d] = hash.to_be_bytes();
        let entry = self.offsets.entry(place).or_default();
        let start = (u32::from_be_bytes([a, b, c, d]).wrapping_add(*entry) % count) & !1;
        let even = count.next_multiple_of(2);
        for parity in 0..2 {
            for step in 0..even / 2 {
                let offset = (start + parity + step * 2) % even;
                let Ok(port) = u16::try_from(low + offset) else {
                    continue;
                };
                if offset < count && free(port) {
                    *entry = entry.wrapping_add(step * 2 + 2);
                    return Some(port);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn to(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), port)
    }

    proptest! {
        /// Whatever the range, each of its ports is found once before the search gives up.
        #[test]
        fn the_search_finds_every_port_once(low in 1_u16..60_000, count in 1_u16..300, seed: u64) {
            let range = low..=low.saturating_add(count - 1);
            let mut ports = EphemeralPorts::new(range.clone(), seed);
            let mut used = BTreeSet::new();
            for _ in range.clone() {
                let port = ports.choose(FROM, to(80), |p| !used.contains(&p));
                prop_assert!(port.is_some_and(|p| range.contains(&p) && used.insert(p)));
            }
            prop_assert_eq!(ports.choose(FROM, to(80), |p| !used.contains(&p)), None);
        }
    }

    #[test]
    fn the_first_ports_are_of_one_parity_and_follow_each_other() {
        let mut ports = EphemeralPorts::new(32768..=60999, 7);
        let first = ports.choose(FROM, to(80), |_| true).expect("all are free");
        let second = ports
            .choose(FROM, to(80), |p| p != first)
            .expect("many are free");
        assert_eq!(first % 2, 0);
        assert_eq!(second, if first == 60998 { 32768 } else { first + 2 });
    }

    #[test]
    fn the_seed_moves_the_starting_point() {
        let start = |seed| EphemeralPorts::new(32768..=60999, seed).choose(FROM, to(80), |_| true);
        let starts: BTreeSet<_> = (0..10).map(start).collect();
        assert!(starts.len() > 5);
    }
}

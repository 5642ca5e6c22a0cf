//! A packet rate allowance: a token bucket that drops what it has no token for.
//!
//! Source of the mechanism: Amazon EC2 User Guide, monitoring-network-performance-ena, 2023-06
//! (vendor): `pps_allowance_exceeded` counts both directions together. AWS publishes no rate, and
//! neither how it is enforced: dropping without a queue is assumed.

use sim_core::{PacketRate, SimDuration, SimTime};

use crate::vpc::defaults;

/// Token units in a packet; a rate in packets per second earns a whole number in a picosecond.
const UNITS_PER_PACKET: u128 = 1_000_000_000_000;

/// A packet rate allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRatePlan {
    /// Packets per second, both directions together.
    pub rate: PacketRate,
    /// Packets that may come at once after a pause; at least one.
    pub burst: u64,
}

impl PacketRatePlan {
    /// `rate` with the burst that [`defaults::PACKET_RATE_BURST`] says.
    #[must_use]
    pub fn new(rate: PacketRate) -> Self {
        let window = SimDuration::from_ns(defaults::PACKET_RATE_BURST.value);
        let burst = window.div_ceil(rate.interval()).max(1);
        Self { rate, burst }
    }

    /// What one interface may send to the resolver and the metadata service.
    ///
    /// # Panics
    /// Never: the rate is not zero.
    #[must_use]
    pub fn link_local() -> Self {
        let rate = PacketRate::per_second(defaults::LINK_LOCAL_RATE.value);
        Self {
            rate: rate.expect("the rate is not zero"),
            burst: defaults::LINK_LOCAL_BURST.value,
        }
    }
}

/// The bucket.
#[derive(Clone, Debug)]
pub(crate) struct PacketBucket {
    rate: u128,
    capacity: u128,
    tokens: u128,
    counted_at: SimTime,
}

impl PacketBucket {
    /// A full bucket.
    pub(crate) fn new(plan: &PacketRatePlan) -> Self {
        let capacity = u128::from(plan.burst.max(1)) * UNITS_PER_PACKET;
        Self {
            rate: plan.rate.pps().into(),
            capacity,
            tokens: capacity,
            counted_at: SimTime::ZERO,
        }
    }

    /// Takes a token at `now`, if there is one.
    pub(crate) fn take(&mut self, now: SimTime) -> bool {
        let earned = self.rate * u128::from(now.saturating_since(self.counted_at).as_ps());
        self.tokens = (self.tokens + earned).min(self.capacity);
        self.counted_at = self.counted_at.max(now);
        let Some(left) = self.tokens.checked_sub(UNITS_PER_PACKET) else {
            return false;
        };
        self.tokens = left;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(pps: u64, burst: u64) -> PacketRatePlan {
        PacketRatePlan {
            rate: PacketRate::per_second(pps).expect("not zero"),
            burst,
        }
    }

    #[test]
    fn the_default_burst_is_ten_milliseconds_of_the_rate() {
        assert_eq!(PacketRatePlan::new(plan(100_000, 0).rate).burst, 1_000);
        assert_eq!(PacketRatePlan::new(plan(1, 0).rate).burst, 1);
    }

    #[test]
    fn a_token_comes_back_after_exactly_one_interval() {
        let mut bucket = PacketBucket::new(&plan(3, 1));
        assert!(bucket.take(SimTime::ZERO));
        let third = 333_333_333_334;
        assert!(!bucket.take(SimTime::from_ps(third - 1)));
        assert!(bucket.take(SimTime::from_ps(third)));
    }

    proptest! {
        #[test]
        fn no_window_passes_more_than_burst_and_rate_allow(
            pps in 1..2_000_000_u64,
            burst in 1..50_u64,
            gaps in proptest::collection::vec(0..3_000_000_u64, 1..300),
        ) {
            let mut bucket = PacketBucket::new(&plan(pps, burst));
            let mut now = SimTime::ZERO;
            let mut passed = Vec::new();
            for gap in gaps {
                now += SimDuration::from_ps(gap);
                if bucket.take(now) {
                    passed.push(now);
                }
            }
            for (first, start) in passed.iter().enumerate() {
                for (count, end) in passed[first..].iter().enumerate() {
                    let earned = u128::from(pps) * u128::from((*end - *start).as_ps());
                    let allowed = u128::from(burst) * UNITS_PER_PACKET + earned;
                    prop_assert!((count as u128 + 1) * UNITS_PER_PACKET <= allowed);
                }
            }
        }
    }
}

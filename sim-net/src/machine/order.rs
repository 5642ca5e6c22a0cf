//! Frames of one flow leave in the order in which they were made, whichever core made them.
//!
//! Linux sees to it by keeping a flow on one transmit queue while it has frames there
//! (`ooo_okay` in `netdev_pick_tx`). Here a frame is handed to the interface at the time that its
//! pass has come to, and the passes of two cores overlap; so a frame waits for the one before it.

use sim_core::{LookupMap, SimDuration, SimTime};

/// Flows that a generation remembers.
const GENERATION: usize = 1024;

/// When the last frame of each flow is handed over.
///
/// Two generations: what nobody asked for while the newer one filled up is forgotten, and lies far
/// in the past by then.
#[derive(Debug, Default)]
pub struct FlowOrder {
    newer: LookupMap<u32, SimTime>,
    older: LookupMap<u32, SimTime>,
}

impl FlowOrder {
    /// The time at which a frame of `flow` that is ready at `at` is handed over: after the one
    /// before it.
    pub fn admit(&mut self, flow: u32, at: SimTime) -> SimTime {
        let last = self
            .newer
            .get(&flow)
            .or_else(|| self.older.get(&flow))
            .copied();
        let at = match last {
            Some(last) if last >= at => last + SimDuration::from_ps(1),
            _ => at,
        };
        if self.newer.len() >= GENERATION && !self.newer.contains_key(&flow) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(flow, at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_ns(ns)
    }

    #[test]
    fn a_frame_waits_for_the_one_before_it_of_its_flow_only() {
        let mut order = FlowOrder::default();
        assert_eq!(order.admit(1, at(50)), at(50));
        assert_eq!(order.admit(1, at(20)), at(50) + SimDuration::from_ps(1));
        assert_eq!(order.admit(2, at(20)), at(20));
        assert_eq!(order.admit(1, at(60)), at(60));
    }

    #[test]
    fn memory_is_bounded_and_the_recent_past_is_kept() {
        let mut order = FlowOrder::default();
        for flow in 0..5_000 {
            order.admit(flow, at(u64::from(flow)));
        }
        assert!(order.newer.len() + order.older.len() <= 2 * GENERATION);
        assert!(order.admit(4_999, at(0)) > at(4_999));
    }
}

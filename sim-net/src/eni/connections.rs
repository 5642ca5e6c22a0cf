//! The tracked connections of a machine, which all its interfaces share.
//!
//! Source: Amazon EC2 User Guide, security-group-connection-tracking and
//! monitoring-network-performance-ena, 2023-06 (vendor): above an instance's maximum, packets of
//! new tracked connections are dropped (`conntrack_allowance_exceeded`). AWS publishes no maximum.

use sim_core::SimTime;

use crate::deadlines::{DeadlineId, Deadlines};

/// How many connections a machine tracks. Nothing is counted where there is no limit.
#[derive(Clone, Debug)]
pub struct TrackedConnections {
    limit: Option<usize>,
    deadlines: Deadlines<()>,
}

impl TrackedConnections {
    /// None yet, and at most `limit` at a time.
    #[must_use]
    pub fn new(limit: Option<u64>) -> Self {
        Self {
            limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            deadlines: Deadlines::default(),
        }
    }

    /// Connections that are tracked at `now`; 0 where there is no limit.
    pub fn count(&mut self, now: SimTime) -> usize {
        while self.deadlines.take_passed(now).is_some() {}
        self.deadlines.len()
    }

    /// Whether one more may be tracked.
    pub(crate) fn has_room(&mut self, now: SimTime) -> bool {
        let Some(limit) = self.limit else {
            return true;
        };
        self.deadlines.len() < limit || self.count(now) < limit
    }

    /// One more is tracked until then.
    pub(crate) fn open(&mut self, until: SimTime) -> Option<DeadlineId> {
        self.limit.map(|_| self.deadlines.add(until, ()))
    }

    /// It is tracked until another time.
    pub(crate) fn prolong(&mut self, place: Option<DeadlineId>, until: SimTime) {
        if let Some(place) = place {
            self.deadlines.set(place, until);
        }
    }

    /// It is forgotten at once.
    pub(crate) fn close(&mut self, place: Option<DeadlineId>) {
        if let Some(place) = place {
            self.deadlines.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ps: u64) -> SimTime {
        SimTime::from_ps(ps)
    }

    #[test]
    fn room_comes_back_when_a_connection_is_forgotten() {
        let mut tracked = TrackedConnections::new(Some(2));
        let first = tracked.open(at(10));
        let second = tracked.open(at(20));
        assert!(!tracked.has_room(at(9)));
        assert!(tracked.has_room(at(10)));
        tracked.prolong(second, at(30));
        assert_eq!(tracked.count(at(25)), 1);
        tracked.prolong(first, at(40));
        assert_eq!(tracked.count(at(25)), 1, "what is forgotten stays so");
        tracked.close(second);
        assert_eq!(tracked.count(at(25)), 0);
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut tracked = TrackedConnections::new(None);
        assert_eq!(tracked.open(at(10)), None);
        assert!(tracked.has_room(at(0)));
        assert_eq!(tracked.count(at(0)), 0);
    }
}

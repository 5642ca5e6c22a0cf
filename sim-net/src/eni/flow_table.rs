//! State for each flow that forgets flows which are over.
//!
//! A hash map cannot be walked (its order is an accident), so a ring beside it names every flow
//! once. Each flow that is added makes the table look at the two oldest entries of the ring: one
//! that is over is forgotten, one that lives goes to the end. The table thus never holds more than
//! about twice the flows that live, and what it holds depends on nothing but what was offered.

use std::collections::VecDeque;

use sim_core::{LookupMap, SimTime};

use crate::headers::{FiveTuple, FlowKey};

/// Entries that are looked at when one is added.
const LOOKED_AT: usize = 2;

/// State that has an end.
pub(crate) trait Expires {
    /// From this time on the state means nothing.
    fn expires(&self) -> SimTime;
}

/// The flows of one interface.
#[derive(Clone, Debug)]
pub(crate) struct FlowTable<V> {
    flows: LookupMap<FlowKey, V>,
    ring: VecDeque<FlowKey>,
    /// So many flows are kept whether they are over or not.
    spared: usize,
}

impl<V: Expires> FlowTable<V> {
    pub(crate) fn new() -> Self {
        Self {
            flows: LookupMap::new(),
            ring: VecDeque::new(),
            spared: 0,
        }
    }

    /// The same, but forgets nothing while there are fewer than `spared` flows: for flows that are
    /// over and begin again all the time.
    pub(crate) fn sparing(spared: usize) -> Self {
        Self {
            spared,
            ..Self::new()
        }
    }

    /// Whether there is nothing to find.
    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// The state of a flow that lives at `now`.
    pub(crate) fn get(&self, flow: &FiveTuple, now: SimTime) -> Option<&V> {
        self.flows
            .get(&(*flow).into())
            .filter(|state| state.expires() > now)
    }

    /// The state of a flow, to be changed. It may be over, and then means nothing but that there is
    /// room for it.
    pub(crate) fn entry(&mut self, flow: &FiveTuple) -> Option<&mut V> {
        self.flows.get_mut(&(*flow).into())
    }

    /// Sets the state of a flow.
    pub(crate) fn insert(&mut self, flow: &FiveTuple, state: V, now: SimTime) {
        for _ in 0..LOOKED_AT {
            if self.ring.len() < self.spared {
                break;
            }
            let Some(oldest) = self.ring.pop_front() else {
                break;
            };
            if self
                .flows
                .get(&oldest)
                .is_some_and(|state| state.expires() > now)
            {
                self.ring.push_back(oldest);
            } else {
                self.flows.remove(&oldest);
            }
        }
        let key = (*flow).into();
        if self.flows.insert(key, state).is_none() {
            self.ring.push_back(key);
        }
    }

    /// Entries held, over or not.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        assert_eq!(
            self.flows.len(),
            self.ring.len(),
            "the ring names every flow once"
        );
        self.ring.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, SocketAddrV4};

    use proptest::prelude::*;

    use super::*;
    use crate::headers::Protocol;

    impl Expires for SimTime {
        fn expires(&self) -> SimTime {
            *self
        }
    }

    fn flow(port: u16) -> FiveTuple {
        let at = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        FiveTuple {
            protocol: Protocol::Tcp,
            src: at(port),
            dst: at(80),
        }
    }

    #[test]
    fn a_flow_that_is_over_is_not_found() {
        let mut table = FlowTable::new();
        table.insert(&flow(1), SimTime::from_ps(10), SimTime::ZERO);
        assert!(table.get(&flow(1), SimTime::from_ps(9)).is_some());
        assert!(table.get(&flow(1), SimTime::from_ps(10)).is_none());
        assert!(table.entry(&flow(1)).is_some() && table.entry(&flow(2)).is_none());
    }

    #[test]
    fn every_part_of_a_5_tuple_tells_flows_apart() {
        let one = flow(1);
        let other = SocketAddrV4::new(Ipv4Addr::BROADCAST, u16::MAX);
        let mut table = FlowTable::new();
        table.insert(&one, SimTime::MAX, SimTime::ZERO);
        for different in [
            FiveTuple {
                protocol: Protocol::Udp,
                ..one
            },
            FiveTuple {
                protocol: Protocol::Other(255),
                ..one
            },
            FiveTuple {
                src: SocketAddrV4::new(*one.src.ip(), 2),
                ..one
            },
            FiveTuple {
                src: SocketAddrV4::new(*other.ip(), 1),
                ..one
            },
            FiveTuple {
                dst: SocketAddrV4::new(*one.dst.ip(), u16::MAX),
                ..one
            },
            FiveTuple {
                dst: SocketAddrV4::new(*other.ip(), 80),
                ..one
            },
            one.reversed(),
        ] {
            assert!(
                table.get(&different, SimTime::ZERO).is_none(),
                "{different:?}"
            );
        }
    }

    #[test]
    fn a_stream_of_short_flows_does_not_fill_the_table() {
        let mut table = FlowTable::new();
        for n in 0..60_000_u16 {
            let now = SimTime::from_ps(u64::from(n));
            table.insert(&flow(n), SimTime::from_ps(u64::from(n) + 100), now);
            assert!(table.held() <= 202, "{} of 100 that live", table.held());
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_table_that_never_forgets(
            steps in proptest::collection::vec((0..40_u16, 0..60_u64, 0..8_u64), 1..400),
        ) {
            let mut table = FlowTable::new();
            let mut all = BTreeMap::new();
            let mut now = 0;
            for (port, life, gap) in steps {
                now += gap;
                let (at, ends) = (SimTime::from_ps(now), SimTime::from_ps(now + life));
                let expected = all.get(&port).filter(|ends: &&SimTime| **ends > at);
                prop_assert_eq!(table.get(&flow(port), at), expected);
                table.insert(&flow(port), ends, at);
                all.insert(port, ends);
                table.held();
            }
        }
    }
}

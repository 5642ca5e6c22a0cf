//! The limit of a single flow.
//!
//! Source: Amazon EC2 User Guide, ec2-instance-network-bandwidth, 2023-06 (vendor): 5 Gbit/s for a
//! 5-tuple, 10 inside a cluster placement group, 25 with ENA Express. That a flow above it waits in
//! a queue of its own, and then drops, is assumed.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{ByteSize, DataRate, SimDuration, SimTime};

use super::flow_table::{Expires, FlowTable};
use crate::headers::FiveTuple;
use crate::vpc::defaults;

/// Flows whose clocks are kept although they are below their rate: few enough to cost no memory to
/// speak of, and most interfaces have fewer.
const SPARED: usize = 1024;

/// The limit of one 5-tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowLimitPlan {
    /// Rate of one flow.
    pub rate: DataRate,
    /// Longest wait of a packet of that flow; one that would wait longer is dropped.
    pub max_wait: SimDuration,
    /// Peers with a limit of their own.
    pub fast_peers: Option<FastPeers>,
}

/// Peers that a higher limit holds for: those of the same cluster placement group, or those with
/// which both ends use ENA Express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastPeers {
    rate: DataRate,
    addrs: Arc<[Ipv4Addr]>,
}

impl FastPeers {
    /// Flows to `addrs`, given in any order, have the limit `rate`.
    #[must_use]
    pub fn new(rate: DataRate, addrs: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        let mut addrs: Vec<_> = addrs.into_iter().collect();
        addrs.sort_unstable();
        Self {
            rate,
            addrs: addrs.into(),
        }
    }
}

impl FlowLimitPlan {
    /// `rate` for all peers, with the wait that [`defaults::SINGLE_FLOW_WAIT`] says.
    #[must_use]
    pub fn new(rate: DataRate) -> Self {
        let max_wait = SimDuration::from_ns(defaults::SINGLE_FLOW_WAIT.value);
        Self {
            rate,
            max_wait,
            fast_peers: None,
        }
    }

    fn rate_to(&self, peer: Ipv4Addr) -> DataRate {
        match &self.fast_peers {
            Some(fast) if fast.addrs.binary_search(&peer).is_ok() => fast.rate,
            _ => self.rate,
        }
    }
}

/// What becomes of a packet of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowVerdict {
    Pass,
    HoldUntil(SimTime),
    Drop,
}

#[derive(Clone, Copy, Debug)]
struct FlowClock {
    /// The flow has spent its rate up to this time.
    free_at: SimTime,
}

impl Expires for FlowClock {
    fn expires(&self) -> SimTime {
        self.free_at
    }
}

/// The clocks of the flows of one interface; a flow that is below its rate needs none.
#[derive(Clone, Debug)]
pub(crate) struct FlowLimit {
    plan: FlowLimitPlan,
    flows: FlowTable<FlowClock>,
}

impl FlowLimit {
    pub(crate) fn new(plan: FlowLimitPlan) -> Self {
        Self {
            plan,
            flows: FlowTable::sparing(SPARED),
        }
    }

    /// Gives a packet of `size` its place among those of its flow. `peak` is the rate at which
    /// frames leave the machine: a flow may have all of one that is not above the flow's limit.
    pub(crate) fn admit(
        &mut self,
        flow: FiveTuple,
        size: ByteSize,
        now: SimTime,
        peak: Option<DataRate>,
    ) -> FlowVerdict {
        let rate = self.plan.rate_to(*flow.dst.ip());
        if peak.is_some_and(|peak| peak <= rate) {
            return FlowVerdict::Pass;
        }
        let time = rate.transmission_time(size);
        let Some(clock) = self.flows.entry(&flow) else {
            self.flows.insert(
                &flow,
                FlowClock {
                    free_at: now + time,
                },
                now,
            );
            return FlowVerdict::Pass;
        };
        let starts = clock.free_at.max(now);
        if starts - now > self.plan.max_wait {
            return FlowVerdict::Drop;
        }
        clock.free_at = starts + time;
        if starts == now {
            FlowVerdict::Pass
        } else {
            FlowVerdict::HoldUntil(starts)
        }
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.flows.held()
    }
}

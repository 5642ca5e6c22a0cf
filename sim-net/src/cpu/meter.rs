//! What the running pass has cost so far, and whom the time is accounted to.

use std::sync::Arc;

use sim_core::{SimDuration, SimTime};

use super::component::{Component, HopTable};
use crate::cost::{Charge, CostProfile, Primitive};
use crate::ids::{CoreId, FlowTag};

/// The clock of a pass: it starts with the event's time and advances with every primitive that the
/// path is charged for.
#[derive(Debug)]
pub struct Meter {
    profile: Arc<CostProfile>,
    start: SimTime,
    spent: SimDuration,
    running: Option<CoreId>,
    tag: FlowTag,
    /// Time by workload and component.
    pub hops: HopTable,
}

impl Meter {
    /// A meter for a machine whose kernel costs what `profile` says.
    #[must_use]
    pub fn new(profile: Arc<CostProfile>, tags: usize) -> Self {
        Self {
            profile,
            start: SimTime::ZERO,
            spent: SimDuration::ZERO,
            running: None,
            tag: FlowTag::new(0),
            hops: HopTable::new(tags),
        }
    }

    /// Starts a pass on `core`.
    ///
    /// # Panics
    /// If a pass is running already: passes do not nest.
    pub fn begin(&mut self, now: SimTime, core: CoreId) {
        assert!(self.running.is_none(), "passes do not nest");
        self.start = now;
        self.spent = SimDuration::ZERO;
        self.running = Some(core);
    }

    /// Ends the pass and says what it cost.
    pub fn end(&mut self) -> SimDuration {
        self.running = None;
        self.spent
    }

    /// The core of the running pass.
    #[must_use]
    pub fn core(&self) -> Option<CoreId> {
        self.running
    }

    /// The time that the pass has come to.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.start + self.spent
    }

    /// Accounts what follows to `tag`.
    pub fn set_tag(&mut self, tag: FlowTag) {
        self.tag = tag;
    }

    /// Time that passes on the core without being a primitive: a program's own work.
    pub fn spend(&mut self, component: Component, time: SimDuration) {
        self.spent += time;
        self.hops.add(self.tag, component, time);
    }

    /// The cost of one primitive for latencies that no core pays.
    #[must_use]
    pub fn latency_of(&self, primitive: Primitive) -> SimDuration {
        self.profile.cost(primitive, 0)
    }
}

impl Charge for Meter {
    #[inline]
    fn charge(&mut self, primitive: Primitive, bytes: usize) {
        let time = self.profile.cost(primitive, bytes);
        self.spent += time;
        self.hops.add(self.tag, Component::of(primitive), time);
    }

    #[inline]
    fn charge_n(&mut self, primitive: Primitive, n: u32) {
        let time = self.profile.cost(primitive, 0) * u64::from(n);
        self.spent += time;
        self.hops.add(self.tag, Component::of(primitive), time);
    }
}

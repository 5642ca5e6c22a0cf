//! The limit of what goes through an internet gateway.
//!
//! It stands before the machine's bandwidth and not in it: frames that wait for it delay no others.
//! Source: Amazon EC2 User Guide, ec2-instance-network-bandwidth, 2023-06 (vendor); that they wait in
//! a queue of their own is assumed.

use sim_core::{ByteSize, DataRate, SimTime};

use super::queue::{Queue, QueueLimit};
use super::shaper::{Shaper, ShaperPlan};
use crate::vpc::defaults;

/// One direction of one machine.
#[derive(Clone, Debug)]
pub(super) struct InternetLimit {
    rate: DataRate,
    shaper: Shaper,
    queue: Queue,
}

impl InternetLimit {
    /// Idle.
    pub(super) fn new(rate: DataRate) -> Self {
        Self {
            rate,
            shaper: Shaper::new(&ShaperPlan::constant(rate)),
            queue: Queue::new(QueueLimit::packets(defaults::TX_QUEUE.as_usize())),
        }
    }

    /// When a frame that is offered at `now` may begin to be sent; `None` where the queue is full.
    pub(super) fn begin(&mut self, now: SimTime, size: ByteSize) -> Option<SimTime> {
        if !self.queue.has_room(now, size) {
            return None;
        }
        let end = self.shaper.serve(now, size);
        self.queue.enter(now, end, size);
        let time = self.rate.transmission_time(size);
        Some(SimTime::from_ps(end.as_ps() - time.as_ps()))
    }

    /// Whether a frame may come in at `now`.
    pub(super) fn has_room(&mut self, now: SimTime, size: ByteSize) -> bool {
        self.queue.has_room(now, size)
    }

    /// When a frame has passed that comes in at `now` and is there from `at` on.
    pub(super) fn pass(&mut self, now: SimTime, at: SimTime, size: ByteSize) -> SimTime {
        let passed = self.shaper.serve_cut_through(at, size);
        self.queue.enter(now, passed, size);
        passed
    }
}

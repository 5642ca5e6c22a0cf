//! What waits for a server whose departures are known: a ring of departure times.

use std::collections::VecDeque;

use sim_core::{ByteSize, SimTime};

/// How much may wait, the frame being sent included; `None` for no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLimit {
    /// Frames.
    pub packets: Option<usize>,
    /// Octets. A frame larger than that never enters.
    pub bytes: Option<ByteSize>,
}

impl QueueLimit {
    /// No bound.
    pub const UNLIMITED: Self = Self {
        packets: None,
        bytes: None,
    };

    /// A bound on frames only.
    #[must_use]
    pub const fn packets(packets: usize) -> Self {
        Self {
            packets: Some(packets),
            bytes: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    departs: SimTime,
    /// Octets that have entered since the start, this frame's included.
    entered: u64,
}

/// The frames of one interface that have entered a server and not left it. Departures must not
/// decrease from one to the next.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    limit: QueueLimit,
    ring: VecDeque<Waiting>,
    entered: u64,
    /// Octets of the frames that the ring has forgotten.
    forgotten: u64,
}

impl Queue {
    pub(crate) fn new(limit: QueueLimit) -> Self {
        Self {
            limit,
            ring: VecDeque::new(),
            entered: 0,
            forgotten: 0,
        }
    }

    /// Whether a frame of `size` may enter at `now`.
    pub(crate) fn has_room(&mut self, now: SimTime, size: ByteSize) -> bool {
        self.forget(now);
        self.limit.packets.is_none_or(|most| self.ring.len() < most)
            && self
                .limit
                .bytes
                .is_none_or(|most| self.backlog(now) + size <= most)
    }

    /// A frame of `size` enters at `now` and leaves at `departs`.
    pub(crate) fn enter(&mut self, now: SimTime, departs: SimTime, size: ByteSize) {
        self.forget(now);
        self.entered += size.bytes();
        if departs > now {
            assert!(
                self.ring.back().is_none_or(|last| last.departs <= departs),
                "a frame overtakes another in a queue"
            );
            self.ring.push_back(Waiting {
                departs,
                entered: self.entered,
            });
        } else {
            assert!(self.ring.is_empty(), "a frame overtakes another in a queue");
            self.forgotten = self.entered;
        }
    }

    fn forget(&mut self, now: SimTime) {
        while let Some(first) = self.ring.front().filter(|first| first.departs <= now) {
            self.forgotten = first.entered;
            self.ring.pop_front();
        }
    }

    /// Octets that have not left by `now`; a frame counts whole until its last bit has left.
    pub(crate) fn backlog(&self, now: SimTime) -> ByteSize {
        let left = self.ring.partition_point(|waiting| waiting.departs <= now);
        let gone = left
            .checked_sub(1)
            .map_or(self.forgotten, |last| self.ring[last].entered);
        ByteSize::from_bytes(self.entered - gone)
    }

    /// The first time, not before `now`, at which at most `most` octets wait.
    pub(crate) fn drain_time(&self, now: SimTime, most: ByteSize) -> SimTime {
        if self.backlog(now) <= most {
            return now;
        }
        // After the last frame of the ring nothing waits, so that the search always finds one.
        let too_much = |waiting: &Waiting| self.entered - waiting.entered > most.bytes();
        self.ring[self.ring.partition_point(too_much)].departs
    }
}

#[cfg(test)]
mod tests;

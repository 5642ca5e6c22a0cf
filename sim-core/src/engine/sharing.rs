//! How many threads run a world, and which partitions each of them has.
//!
//! A run is cut into *stints*, each longer than the one before. Before each, partitions are shared
//! out by the events that they had in the last, or one thread takes them all if more would not pay.
//! This is decided from counted events alone, never from a clock, so that a run can be repeated; and
//! no result depends on it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::course::Course;
use super::slot::Slot;
use super::{Engine, Partition, StopReason, parallel};
use crate::time::SimTime;

/// What threads have done in the life of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadUse {
    /// The largest number of threads that ran at once.
    pub most: usize,
    /// Windows.
    pub windows: u64,
    /// Windows whose partitions several threads shared.
    pub shared_windows: u64,
    /// Events of those windows.
    pub shared_events: u64,
    /// Of each of those windows the events of the busiest thread, all windows together: what is
    /// left of `shared_events` on the longest way, before threads have waited for each other.
    pub busiest_events: u64,
}

impl ThreadUse {
    /// Adds what threads have done for another world.
    pub fn merge(&mut self, other: &Self) {
        self.most = self.most.max(other.most);
        self.windows += other.windows;
        self.shared_windows += other.shared_windows;
        self.shared_events += other.shared_events;
        self.busiest_events += other.busiest_events;
    }
}

/// Which windows threads share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Those of a stint where it pays, as far as the last stint tells.
    #[default]
    WherePaid,
    /// All, for tests and measurements.
    Always,
}

/// Events of the first stint, which one thread runs alone to see what there is to share.
const FIRST_STINT: u64 = 1 << 12;

/// What a meeting of threads after a window costs each of them, in events. With it, two threads share
/// windows of more than 40 events, if these are spread evenly. Every thread reads what all have
/// posted, so that it grows with their number (assumed; two were measured).
///
/// Measured with `figures break-even` (requests in bridge mode on eight instances, about 1 us an
/// event). Time of one thread over that of two, which shared every window, by events a window, on
/// two cores with nothing else to do, and on two that other work kept busy all the time (load 6 to
/// 8), where a meeting waits for a thread that has no core:
///
/// | events | 35 | 70 | 140 | 218 | 234 | 241 |
/// |---|---:|---:|---:|---:|---:|---:|
/// | idle | 1.78 | 1.85 | 1.76 | 1.73 | 1.87 | 1.81 |
/// | busy | 0.44 | 0.82 | 1.09 | 1.52 | 1.04 | 0.95 |
///
/// This lies between (assumed).
const MEETING: u64 = 8;

/// Threads have to save at least one part in so many of the time of one.
const LEAST_GAIN: u64 = 10;

/// What was seen in a stint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stint {
    pub(super) events: u64,
    pub(super) windows: u64,
    /// Of each window the events of the busiest thread, all windows together. As if every window
    /// were shared as well as the whole, where one thread has run them all.
    pub(super) critical: u64,
}

impl Stint {
    /// Whether threads that meet after each window are enough faster than one.
    pub(super) fn pays(&self, threads: usize) -> bool {
        let meetings = self.windows * MEETING * threads as u64;
        let shared = self.critical.saturating_add(meetings);
        shared.saturating_mul(LEAST_GAIN) < self.events.saturating_mul(LEAST_GAIN - 1)
    }
}

impl<P: Partition> Engine<P> {
    /// Lets threads share other windows than those where it pays.
    pub fn set_sharing(&mut self, sharing: Sharing) {
        self.sharing = sharing;
    }

    /// What threads have done so far.
    #[must_use]
    pub const fn thread_use(&self) -> ThreadUse {
        self.threads
    }

    /// Runs stint after stint.
    pub(super) fn run_stints(&mut self, end: SimTime, workers: &mut [P::Worker]) -> StopReason {
        let threads = workers.len().min(self.slots.len()).max(1);
        let mut length = FIRST_STINT;
        let always = threads > 1 && self.sharing == Sharing::Always;
        let mut shares = always.then(|| share_out(&vec![0; self.slots.len()], threads).0);
        if threads > 1 {
            // What happened in an earlier run is not part of the first stint.
            self.slots.iter_mut().for_each(|slot| {
                slot.take_recent();
            });
        }
        let mut settled = threads == 1;
        self.threads.most = self.threads.most.max(1);
        loop {
            let pause = if settled {
                u64::MAX
            } else {
                self.events.saturating_add(length)
            };
            let course = Course {
                end,
                pause,
                lookahead: self.lookahead,
                limits: self.limits,
            };
            let before = (self.events, self.threads.windows);
            let (stopped, critical) = match &shares {
                Some(shares) => parallel::run(self, &course, shares, &mut workers[..threads]),
                None => (self.run_windows(&course, &mut workers[0]), None),
            };
            if let Some(reason) = stopped {
                return reason;
            }
            let recent: Vec<u64> = self.slots.iter_mut().map(Slot::take_recent).collect();
            let (planned, most) = share_out(&recent, threads);
            let stint = Stint {
                events: self.events - before.0,
                windows: self.threads.windows - before.1,
                critical: critical.unwrap_or(most),
            };
            let pays = always || stint.pays(threads);
            // Threads that were tried and did not pay are not tried again.
            settled = shares.is_some() && !pays;
            shares = pays.then_some(planned);
            length = length.saturating_mul(2);
        }
    }
}

/// Gives each partition a thread, the busiest first and always to the thread that has least. Also
/// how many events the busiest thread would have had.
fn share_out(events: &[u64], threads: usize) -> (Vec<u32>, u64) {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|&partition| (Reverse(events[partition]), partition));
    let count = u32::try_from(threads).expect("few threads");
    let mut least: BinaryHeap<_> = (0..count)
        .map(|thread| Reverse((0, 0_u32, thread)))
        .collect();
    let mut shares = vec![0; events.len()];
    let mut most = 0;
    for partition in order {
        let Some(Reverse((load, partitions, thread))) = least.pop() else {
            break;
        };
        shares[partition] = thread;
        let load = load + events[partition];
        most = most.max(load);
        // Among the idle, as many for each.
        least.push(Reverse((load, partitions + 1, thread)));
    }
    (shares, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_partitions_are_kept_apart() {
        let (shares, most) = share_out(&[1, 10, 2, 9, 0, 0], 2);
        assert_eq!(most, 11);
        assert_ne!(shares[1], shares[3]);
        assert_ne!(shares[4], shares[5], "idle ones are spread as well");
        assert_eq!(share_out(&[], 3), (vec![], 0));
    }

    #[test]
    fn threads_pay_where_windows_are_full_and_work_is_even() {
        let stint = |events, windows, critical| Stint {
            events,
            windows,
            critical,
        };
        assert!(stint(1_000, 10, 500).pays(2));
        assert!(!stint(1_000, 10, 500).pays(64), "too many to meet");
        assert!(!stint(1_000, 500, 500).pays(2), "two events a window");
        assert!(!stint(1_000, 10, 950).pays(2), "one thread has it all");
        assert!(!stint(0, 0, 0).pays(2), "nothing to share");
    }
}

//! Where threads meet after each window: what each has to say, for all to read.
//!
//! A thread posts a report and waits for those of the others. What it did before it posted is seen by
//! who has read the post, so the board is the barrier too. There are two rows, used in turn: no
//! thread can post the next but one report before all have read this one.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::{PartitionId, StopReason, earliest};
use crate::time::SimTime;

/// What one thread knows at the end of a window, or all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Its earliest pending event, those on their way to others included.
    pub(super) next: SimTime,
    /// Events of this window.
    pub(super) events: u64,
    /// Events of the thread that had most.
    pub(super) most: u64,
    pub(super) livelock: Option<StopReason>,
    /// Whether the stop flag was seen.
    pub(super) stop: bool,
}

/// Times that a waiting thread looks again before it lets another thread have its core. A window of
/// one thread outlasts it only where the other has no work or no core.
const SPINS: u32 = 256;

/// Reports of all threads.
pub(super) struct Board {
    rows: [Vec<Cell>; 2],
    broken: AtomicBool,
}

/// Apart from the next in memory, so that posts do not slow each other down.
#[derive(Default)]
#[repr(align(128))]
struct Cell {
    /// Up to which round this has been posted.
    round: AtomicU64,
    next: AtomicU64,
    events: AtomicU64,
    stop: AtomicBool,
    /// Whether time stands still, and where.
    stuck: AtomicBool,
    stuck_at: AtomicU64,
    stuck_in: AtomicU32,
}

impl Board {
    pub(super) fn new(threads: usize) -> Self {
        let row = || (0..threads).map(|_| Cell::default()).collect();
        Self {
            rows: [row(), row()],
            broken: AtomicBool::new(false),
        }
    }

    /// Posts the report of one thread. Rounds count from 1.
    pub(super) fn post(&self, round: u64, thread: usize, report: &Report) {
        let cell = &self.row(round)[thread];
        cell.next.store(report.next.as_ps(), Ordering::Relaxed);
        cell.events.store(report.events, Ordering::Relaxed);
        cell.stop.store(report.stop, Ordering::Relaxed);
        let stuck = match report.livelock {
            Some(StopReason::Livelock { at, partition }) => Some((at, partition)),
            _ => None,
        };
        cell.stuck.store(stuck.is_some(), Ordering::Relaxed);
        if let Some((at, partition)) = stuck {
            cell.stuck_at.store(at.as_ps(), Ordering::Relaxed);
            cell.stuck_in.store(partition.0, Ordering::Relaxed);
        }
        cell.round.store(round, Ordering::Release);
    }

    /// Waits until all have posted; what they say together. `None` if one will never.
    pub(super) fn read(&self, round: u64) -> Option<Report> {
        let mut all = Report {
            next: SimTime::MAX,
            events: 0,
            most: 0,
            livelock: None,
            stop: false,
        };
        let mut spins = 0;
        for cell in self.row(round) {
            while cell.round.load(Ordering::Acquire) != round {
                if self.broken.load(Ordering::Relaxed) {
                    return None;
                }
                if spins < SPINS {
                    spins += 1;
                    std::hint::spin_loop();
                } else {
                    std::thread::yield_now();
                }
            }
            let events = cell.events.load(Ordering::Relaxed);
            let next = SimTime::from_ps(cell.next.load(Ordering::Relaxed));
            all.next = all.next.min(next);
            all.events += events;
            all.most = all.most.max(events);
            all.stop |= cell.stop.load(Ordering::Relaxed);
            if cell.stuck.load(Ordering::Relaxed) {
                let stuck = StopReason::Livelock {
                    at: SimTime::from_ps(cell.stuck_at.load(Ordering::Relaxed)),
                    partition: PartitionId(cell.stuck_in.load(Ordering::Relaxed)),
                };
                all.livelock = earliest(all.livelock, Some(stuck));
            }
        }
        Some(all)
    }

    fn row(&self, round: u64) -> &[Cell] {
        &self.rows[usize::from(round.is_multiple_of(2))]
    }

    /// For as long as this lives: if its thread panics, nobody waits for its posts any more.
    pub(super) fn guard(&self) -> Guard<'_> {
        Guard(self)
    }
}

/// See [`Board::guard`].
pub(super) struct Guard<'a>(&'a Board);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

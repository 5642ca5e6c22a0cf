//! Where threads meet after each window: what each has to say, for all to read.
//!
//! A thread posts a report and waits for those of the others. What it did before it posted is seen by
//! who has read the post, so the board is the barrier too. There are two rows, used in turn: no
//! thread can post the next but one report before all have read this one.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};

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

/// Times that a waiting thread looks again before it sleeps: some 30 us, about what it takes to fall
/// asleep and to be woken on another core. Threads that have no core each sleep at once, or they would
/// keep those that they wait for from running.
const SPINS: u32 = 2_000;

/// Reports of all threads.
pub(super) struct Board {
    rows: [Vec<Cell>; 2],
    broken: AtomicBool,
    spins: u32,
    /// Threads that sleep, or are about to.
    sleepers: AtomicUsize,
    /// Held by who falls asleep and by who wakes.
    bed: Mutex<()>,
    alarm: Condvar,
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
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            rows: [row(), row()],
            broken: AtomicBool::new(false),
            spins: if threads > cores { 0 } else { SPINS },
            sleepers: AtomicUsize::new(0),
            bed: Mutex::new(()),
            alarm: Condvar::new(),
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
        self.wake();
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
                if spins < self.spins {
                    spins += 1;
                    std::hint::spin_loop();
                } else {
                    self.sleep(cell, round);
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

    /// Sleeps until somebody posts, unless this has been posted.
    fn sleep(&self, cell: &Cell, round: u64) {
        let bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        // Either this thread sees the post, or who posts sees this thread.
        fence(Ordering::SeqCst);
        let awake =
            cell.round.load(Ordering::Acquire) == round || self.broken.load(Ordering::Relaxed);
        if !awake {
            drop(self.alarm.wait(bed));
        }
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            drop(self.bed.lock());
            self.alarm.notify_all();
        }
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
            self.0.wake();
        }
    }
}

//! The windows of one run on several threads.
//!
//! Each thread has partitions of its own, with an agenda of its own. It runs those that are due,
//! leaves messages in the mailboxes of the threads that they are for, posts a report, waits for the
//! others, and takes from its mailboxes. All threads read the same reports, so all see the same next
//! window, and the same end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::board::{Board, Report};
use super::context::Outgoing;
use super::course::{Course, Span};
use super::slot::{Slot, Window};
use super::{Engine, Partition, PartitionId, StopReason, earliest};
use crate::agenda::Agenda;
use crate::time::SimTime;

/// Runs windows on as many threads as there are workers. `shares` names the thread of each
/// partition. Why it stopped, `None` if it only pauses; and of each window the events of the busiest
/// thread, all windows together.
pub(super) fn run<P: Partition>(
    engine: &mut Engine<P>,
    course: &Course,
    shares: &[u32],
    workers: &mut [P::Worker],
) -> (Option<StopReason>, Option<u64>) {
    let threads = workers.len();
    let (places, shards) = split(engine, shares, threads);
    let ground = Ground {
        course,
        shares,
        places: &places,
        events: engine.events,
        stop: engine.stop.as_deref(),
        board: Board::new(threads),
        mail: [(); 2].map(|()| (0..threads * threads).map(|_| Mutex::default()).collect()),
    };
    let mut crew = shards.into_iter().zip(workers);
    let done: Vec<(Shard<P>, Ending)> = std::thread::scope(|scope| {
        // Where a thread cannot be started, those that wait for it already must not.
        let _guard = ground.board.guard();
        let first = crew.next();
        let others: Vec<_> = crew
            .map(|(shard, worker)| scope.spawn(|| shard.run(&ground, worker)))
            .collect();
        let first = first.map(|(shard, worker)| shard.run(&ground, worker));
        let others = others.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        first.into_iter().chain(others).collect()
    });
    let ending = done[0].1;
    join(engine, shares, done.into_iter().map(|(shard, _)| shard));
    engine.events += ending.events;
    engine.threads.most = engine.threads.most.max(threads);
    engine.threads.windows += ending.windows;
    engine.threads.shared_windows += ending.windows;
    engine.threads.shared_events += ending.events;
    engine.threads.busiest_events += ending.critical;
    (ending.stopped, Some(ending.critical))
}

/// Takes the partitions apart: the place of each within its thread's share, and the shares.
fn split<P: Partition>(
    engine: &mut Engine<P>,
    shares: &[u32],
    threads: usize,
) -> (Vec<u32>, Vec<Shard<P>>) {
    let mut shards: Vec<Shard<P>> = (0..threads).map(Shard::new).collect();
    let mut places = Vec::with_capacity(shares.len());
    for ((number, slot), &thread) in (0_u32..).zip(engine.slots.drain(..)).zip(shares) {
        let shard = &mut shards[thread as usize];
        places.push(u32::try_from(shard.slots.len()).expect("at most 2^32 partitions"));
        shard.slots.push(slot);
        shard.numbers.push(PartitionId(number));
    }
    for shard in &mut shards {
        let count = u32::try_from(shard.slots.len()).expect("at most 2^32 partitions");
        shard.agenda = Agenda::new(count);
        for (place, slot) in (0..count).zip(&shard.slots) {
            shard.agenda.set(place, slot.next());
        }
    }
    (places, shards)
}

/// Puts the partitions back in their order.
fn join<P: Partition>(
    engine: &mut Engine<P>,
    shares: &[u32],
    shards: impl Iterator<Item = Shard<P>>,
) {
    let mut slots: Vec<_> = shards.map(|shard| shard.slots.into_iter()).collect();
    let next = |&thread: &u32| {
        slots[thread as usize]
            .next()
            .expect("as many as were given")
    };
    engine.slots.extend(shares.iter().map(next));
    for (partition, slot) in (0_u32..).zip(&engine.slots) {
        engine.agenda.set(partition, slot.next());
    }
}

/// Messages from one thread to another.
type Mailbox<M> = Mutex<Vec<Outgoing<M>>>;

/// What all threads see.
struct Ground<'a, M> {
    course: &'a Course,
    /// The thread of each partition, and its place among the thread's.
    shares: &'a [u32],
    places: &'a [u32],
    /// Events before this.
    events: u64,
    stop: Option<&'a AtomicBool>,
    board: Board,
    /// By receiver and sender; two sets, used in turn like the rows of the board.
    mail: [Vec<Mailbox<M>>; 2],
}

impl<M> Ground<'_, M> {
    fn mailbox(&self, round: u64, from: usize, to: usize) -> &Mailbox<M> {
        let threads = self.mail[0].len().isqrt();
        &self.mail[usize::from(round.is_multiple_of(2))][to * threads + from]
    }

    fn stop_is_set(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// How a thread's run ended: the same for all of them, where none has panicked.
#[derive(Clone, Copy, Default)]
struct Ending {
    stopped: Option<StopReason>,
    events: u64,
    windows: u64,
    critical: u64,
}

/// The partitions of one thread.
struct Shard<P: Partition> {
    thread: usize,
    slots: Vec<Slot<P>>,
    /// Which partitions they are.
    numbers: Vec<PartitionId>,
    agenda: Agenda,
    /// Places of the partitions that run in this window; kept for its room, as all that follows.
    due: Vec<u32>,
    /// Messages of this window.
    outbox: Vec<Outgoing<P::Message>>,
    /// Messages for each thread, this one included.
    parcels: Vec<Vec<Outgoing<P::Message>>>,
}

impl<P: Partition> Shard<P> {
    fn new(thread: usize) -> Self {
        Self {
            thread,
            slots: Vec::new(),
            numbers: Vec::new(),
            agenda: Agenda::new(0),
            due: Vec::new(),
            outbox: Vec::new(),
            parcels: Vec::new(),
        }
    }

    /// Runs windows until all threads see the end.
    fn run(mut self, ground: &Ground<'_, P::Message>, worker: &mut P::Worker) -> (Self, Ending) {
        let _guard = ground.board.guard();
        let threads = ground.mail[0].len().isqrt();
        self.parcels.resize_with(threads, Vec::new);
        let mut ending = Ending::default();
        let mut report = Report {
            next: self.agenda.next(),
            events: 0,
            most: 0,
            livelock: None,
            stop: ground.stop_is_set(),
        };
        for round in 1.. {
            ground.board.post(round, self.thread, &report);
            let Some(all) = ground.board.read(round) else {
                break;
            };
            self.hand_over(ground, round, worker);
            ending.events += all.events;
            ending.critical += all.most;
            if all.livelock.is_some() {
                ending.stopped = all.livelock;
                break;
            }
            let events = ground.events + ending.events;
            match ground.course.span(all.next, events, all.stop) {
                Ok(span) => report = self.run_window(ground, &span, round + 1, worker),
                Err(halt) => {
                    ending.stopped = halt;
                    break;
                }
            }
            ending.windows += 1;
        }
        (self, ending)
    }

    /// Every partition of the share with events in the window runs them, and messages are posted.
    fn run_window(
        &mut self,
        ground: &Ground<'_, P::Message>,
        span: &Span,
        round: u64,
        worker: &mut P::Worker,
    ) -> Report {
        let mut report = Report {
            next: SimTime::MAX,
            events: 0,
            most: 0,
            livelock: None,
            stop: false,
        };
        self.agenda.due(span.end, &mut self.due);
        for &place in &self.due {
            let window = Window {
                partition: self.numbers[place as usize],
                end: span.end,
                lookahead: ground.course.lookahead,
                budget: span.budget,
                max_events_at_one_instant: ground.course.limits.max_events_at_one_instant,
            };
            let slot = &mut self.slots[place as usize];
            let outcome = slot.run(&window, &mut self.outbox, worker);
            self.agenda.set(place, slot.next());
            report.events += outcome.events;
            report.livelock = earliest(report.livelock, outcome.livelock);
        }
        report.next = self.agenda.next();
        for outgoing in self.outbox.drain(..) {
            report.next = report.next.min(outgoing.key.at);
            self.parcels[ground.shares[outgoing.to.index()] as usize].push(outgoing);
        }
        for (to, parcel) in self.parcels.iter_mut().enumerate() {
            if to != self.thread && !parcel.is_empty() {
                let mailbox = ground.mailbox(round, self.thread, to);
                // Empty: its receiver has taken what was there.
                std::mem::swap(&mut *lock(mailbox), parcel);
            }
        }
        report.stop = ground.stop_is_set();
        report
    }

    /// Takes what has come from all threads, to each partition in the order of keys.
    fn hand_over(&mut self, ground: &Ground<'_, P::Message>, round: u64, worker: &mut P::Worker) {
        let mut inbox = std::mem::take(&mut self.parcels[self.thread]);
        for from in (0..self.parcels.len()).filter(|&from| from != self.thread) {
            inbox.append(&mut lock(ground.mailbox(round, from, self.thread)));
        }
        inbox.sort_unstable_by_key(|message| (message.to, message.key));
        for Outgoing { to, key, message } in inbox.drain(..) {
            let place = ground.places[to.index()];
            let slot = &mut self.slots[place as usize];
            slot.accept(key, message, worker);
            self.agenda.set(place, slot.next());
        }
        self.parcels[self.thread] = inbox;
    }
}

/// A thread that panics holds no mailbox: the lock cannot be poisoned.
fn lock<T>(mailbox: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mailbox.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The loop: partitions, windows and messages.
//!
//! The world is a list of [`Partition`]s that share nothing. Each has a queue of its own, and what
//! one tells another takes at least the *lookahead*. So within a *window* of one lookahead no
//! partition can hear of another, and each runs through its own events alone; at the *barrier*
//! after the window, messages are handed over. Windows start at the earliest pending event of all,
//! so idle time costs nothing, and idle partitions cost nothing either.
//!
//! The order of events is that of [`EventKey`], within each partition. It depends neither on the
//! order in which partitions run within a window nor on the length of the windows, and so not on
//! threads either: [`Engine::run_parallel`] shares the partitions of the same windows out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::agenda::Agenda;
use crate::digest::Digest;
use crate::queue::EventQueue;
use crate::time::{SimDuration, SimTime};

mod board;
mod context;
mod course;
mod parallel;
mod sharing;
mod slot;

pub use context::Context;
use context::Outgoing;
use course::Course;
pub use sharing::{Sharing, ThreadUse};
use slot::{Slot, Window};

crate::id_type! {
    /// A partition of the world.
    PartitionId;
    /// An entity of one partition: what schedules events there.
    EntityId;
}

/// What an event contributes to the run's digest.
pub trait EventCode {
    /// A number that tells this event from others of its instant and source.
    ///
    /// It may depend on what the event means and on whom it is for, not on where data happens to
    /// be stored (a slot of a pool, an address).
    fn code(&self) -> u64;
}

/// A part of the world that shares nothing with the others.
pub trait Partition: Send {
    /// What happens inside the partition: small, plain, with dense ids.
    type Event: Copy + std::fmt::Debug + EventCode + Send;
    /// What crosses partitions.
    type Message: Send;
    /// Scratch space of the thread that runs partitions, such as buffer pools. It must make no
    /// difference to results.
    type Worker: Send;

    /// How many entities schedule events here. Asked once, when the engine is made.
    fn entity_count(&self) -> usize;

    /// An event happens.
    fn handle(
        &mut self,
        event: Self::Event,
        ctx: &mut Context<'_, Self::Event, Self::Message>,
        worker: &mut Self::Worker,
    );

    /// A message has reached this partition, though its time has not come yet: store it, and name
    /// the event that stands for it. Messages of one window come in the order of their keys.
    fn accept(&mut self, message: Self::Message, worker: &mut Self::Worker) -> Self::Event;
}

/// Bounds that no sane run meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events in the life of the engine. Several partitions may pass it by the rest of a window.
    pub max_events: u64,
    /// Events at one instant in one partition: more of them is a loop in which time stands still.
    pub max_events_at_one_instant: u64,
}

impl Default for Limits {
    /// 10^12 events, and 10^7 at one instant.
    fn default() -> Self {
        Self {
            max_events: 1_000_000_000_000,
            max_events_at_one_instant: 10_000_000,
        }
    }
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Every event before the end has happened, and others are pending.
    EndReached,
    /// Nothing is pending any more.
    Idle,
    /// As many events as [`Limits::max_events`] have happened.
    EventLimit,
    /// As many events as [`Limits::max_events_at_one_instant`] have happened and time stands still.
    Livelock {
        /// The instant.
        at: SimTime,
        /// Where.
        partition: PartitionId,
    },
    /// The stop flag was set.
    Interrupted,
}

/// What a call of [`Engine::run_until`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunStats {
    /// Events that happened during this call.
    pub events: u64,
    /// How far simulated time has come: the end if it was reached, else the latest event.
    pub now: SimTime,
    /// Why it stopped.
    pub stopped: StopReason,
}

/// A world and its pending events.
///
/// Two partitions that play ping-pong:
///
/// ```
/// use sim_core::*;
///
/// #[derive(Clone, Copy, Debug)]
/// struct Ball(u32);
///
/// impl EventCode for Ball {
///     fn code(&self) -> u64 {
///         self.0.into()
///     }
/// }
///
/// struct Player {
///     other: PartitionId,
///     hits: u32,
/// }
///
/// const FLIGHT: SimDuration = SimDuration::from_us(20);
/// const ARM: EntityId = EntityId::new(0);
///
/// impl Partition for Player {
///     type Event = Ball;
///     type Message = Ball;
///     type Worker = ();
///
///     fn entity_count(&self) -> usize {
///         1
///     }
///
///     fn handle(&mut self, ball: Ball, ctx: &mut Context<'_, Ball, Ball>, _: &mut ()) {
///         self.hits += 1;
///         ctx.send(ARM, self.other, ctx.now() + FLIGHT, Ball(ball.0 + 1));
///     }
///
///     fn accept(&mut self, ball: Ball, _: &mut ()) -> Ball {
///         ball
///     }
/// }
///
/// let player = |other| Player { other: PartitionId::new(other), hits: 0 };
/// let mut engine = Engine::new(vec![player(1), player(0)], FLIGHT);
/// engine.schedule(PartitionId::new(0), ARM, SimTime::ZERO, Ball(0));
///
/// let stats = engine.run_until(SimTime::from_ps(1) + FLIGHT * 4, &mut ());
/// assert_eq!((stats.events, stats.stopped), (5, StopReason::EndReached));
/// assert_eq!(engine.partitions().map(|player| player.hits).collect::<Vec<_>>(), [3, 2]);
/// ```
pub struct Engine<P: Partition> {
    slots: Vec<Slot<P>>,
    agenda: Agenda,
    lookahead: SimDuration,
    limits: Limits,
    stop: Option<Arc<AtomicBool>>,
    events: u64,
    /// Partitions that run in this window; kept for its room.
    due: Vec<u32>,
    /// Messages of this window; kept for its room.
    outbox: Vec<Outgoing<P::Message>>,
    threads: ThreadUse,
    sharing: Sharing,
    /// Tests run the partitions of a window in reverse, which must make no difference.
    #[cfg(test)]
    reversed: bool,
}

/// With one partition there are no windows, so the stop flag is looked at after so many events.
const EVENTS_PER_SLICE: u64 = 1 << 16;

impl<P: Partition> Engine<P> {
    /// A world at time zero. `lookahead` is the least time in which one partition can reach
    /// another, such as the smallest one-way latency of the fabric between them.
    ///
    /// # Panics
    /// If there are several partitions and the lookahead is zero, or more than 2^32 entities.
    #[must_use]
    pub fn new(partitions: Vec<P>, lookahead: SimDuration) -> Self {
        assert!(
            partitions.len() < 2 || !lookahead.is_zero(),
            "several partitions need a lookahead above zero"
        );
        let count = u32::try_from(partitions.len()).expect("at most 2^32 partitions");
        let mut first_source = 0;
        let slots = partitions
            .into_iter()
            .map(|partition| {
                let slot = Slot::new(partition, first_source);
                first_source = slot.end_of_sources();
                slot
            })
            .collect();
        Self {
            slots,
            agenda: Agenda::new(count),
            lookahead,
            limits: Limits::default(),
            stop: None,
            events: 0,
            due: Vec::new(),
            outbox: Vec::new(),
            threads: ThreadUse::default(),
            sharing: Sharing::default(),
            #[cfg(test)]
            reversed: false,
        }
    }

    /// The same world with other limits than the default ones.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A flag that ends a run early when somebody sets it. It is looked at once a window.
    pub fn set_stop_flag(&mut self, stop: Arc<AtomicBool>) {
        self.stop = Some(stop);
    }

    /// Schedules an event from outside, such as the first one of an application.
    ///
    /// Which entity schedules it makes the order: events of one entity at one instant happen in the
    /// order of these calls, those of several entities in the order of the entities.
    ///
    /// # Panics
    /// If there is no such entity, or the partition is past this instant.
    pub fn schedule(
        &mut self,
        partition: PartitionId,
        source: EntityId,
        at: SimTime,
        event: P::Event,
    ) {
        let slot = &mut self.slots[partition.index()];
        slot.schedule(source, at, event);
        self.agenda.set(partition.0, slot.next());
    }

    /// Runs all events **before** `end`.
    ///
    /// # Panics
    /// If an invariant of the engine is broken: an event in the past, two events with one key, a
    /// message faster than the lookahead, 2^32 events of one entity.
    pub fn run_until(&mut self, end: SimTime, worker: &mut P::Worker) -> RunStats {
        self.run_parallel(end, std::slice::from_mut(worker))
    }

    /// Runs all events **before** `end` on as many threads as there are workers, in the same windows
    /// and with the same outcome as on one. Where windows hold too little to pay for threads, one
    /// runs them all; [`Engine::thread_use`] tells.
    ///
    /// # Panics
    /// As [`Engine::run_until`], or if there is no worker. If several threads panic, the first of
    /// them is heard. The world is lost then.
    pub fn run_parallel(&mut self, end: SimTime, workers: &mut [P::Worker]) -> RunStats {
        let before = self.events;
        let stopped = self.run_stints(end, workers);
        let latest = || {
            self.slots
                .iter()
                .map(Slot::now)
                .max()
                .unwrap_or(SimTime::ZERO)
        };
        let now = if stopped == StopReason::EndReached {
            end
        } else {
            latest()
        };
        RunStats {
            events: self.events - before,
            now,
            stopped,
        }
    }

    /// Runs windows on one thread. `None` if the course only pauses.
    fn run_windows(&mut self, course: &Course, worker: &mut P::Worker) -> Option<StopReason> {
        loop {
            let start = self.agenda.next();
            let span = match course.span(start, self.events, self.stop_is_set()) {
                Ok(span) => span,
                Err(halt) => return halt,
            };
            self.threads.windows += 1;
            let livelock = if self.slots.len() == 1 {
                self.run_slice(course.end, worker)
            } else {
                self.run_window(span.end, span.budget, worker)
            };
            if livelock.is_some() {
                return livelock;
            }
        }
    }

    fn stop_is_set(&self) -> bool {
        let stop = self.stop.as_ref();
        stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// A single partition hears from nobody, and runs on until the end or the next look at the
    /// stop flag.
    fn run_slice(&mut self, end: SimTime, worker: &mut P::Worker) -> Option<StopReason> {
        let slice = EVENTS_PER_SLICE.min(self.limits.max_events - self.events);
        let window = self.window(PartitionId(0), end, slice);
        let slot = &mut self.slots[0];
        let outcome = slot.run(&window, &mut self.outbox, worker);
        self.agenda.set(0, slot.next());
        self.events += outcome.events;
        outcome.livelock
    }

    /// Every partition with events before `end` runs them, then messages are handed over.
    ///
    /// Each gets what was left of the events at the start of the window, so that where it stops does
    /// not depend on which one ran first.
    fn run_window(
        &mut self,
        end: SimTime,
        budget: u64,
        worker: &mut P::Worker,
    ) -> Option<StopReason> {
        let mut due = std::mem::take(&mut self.due);
        self.agenda.due(end, &mut due);
        #[cfg(test)]
        if self.reversed {
            due.reverse();
        }
        let mut livelock = None;
        for &index in &due {
            let window = self.window(PartitionId(index), end, budget);
            let slot = &mut self.slots[index as usize];
            let outcome = slot.run(&window, &mut self.outbox, worker);
            self.agenda.set(index, slot.next());
            self.events += outcome.events;
            livelock = earliest(livelock, outcome.livelock);
        }
        self.due = due;
        self.hand_over(worker);
        livelock
    }

    fn window(&self, partition: PartitionId, end: SimTime, budget: u64) -> Window {
        Window {
            partition,
            end,
            lookahead: self.lookahead,
            budget,
            max_events_at_one_instant: self.limits.max_events_at_one_instant,
        }
    }

    /// The barrier: messages go to their partitions, to each in the order of their keys.
    fn hand_over(&mut self, worker: &mut P::Worker) {
        self.outbox
            .sort_unstable_by_key(|message| (message.to, message.key));
        for Outgoing { to, key, message } in self.outbox.drain(..) {
            let slot = &mut self.slots[to.index()];
            slot.accept(key, message, worker);
            self.agenda.set(to.0, slot.next());
        }
    }

    /// How many events have happened since the start.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// How many events are pending.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.slots.iter().map(Slot::pending).sum()
    }

    /// The least time in which one partition can reach another.
    #[must_use]
    pub const fn lookahead(&self) -> SimDuration {
        self.lookahead
    }

    /// The partitions, in order.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = &P> {
        self.slots.iter().map(Slot::partition)
    }

    /// A partition.
    #[must_use]
    pub fn partition(&self, id: PartitionId) -> &P {
        self.slots[id.index()].partition()
    }

    /// A partition, mutable. What is changed here is in no digest.
    pub fn partition_mut(&mut self, id: PartitionId) -> &mut P {
        self.slots[id.index()].partition_mut()
    }

    /// Runs all events before `end`, and gives what was asked of the queue of each partition, what
    /// was pending before included.
    #[cfg(feature = "trace")]
    pub fn run_traced(
        &mut self,
        end: SimTime,
        worker: &mut P::Worker,
    ) -> Vec<Vec<crate::QueueOperation>> {
        for slot in &mut self.slots {
            let queue = slot.queue_mut();
            let mut events = Vec::new();
            while let Some(event) = queue.pop() {
                events.push(event);
            }
            // A queue that has not popped anything: its events are pushed again.
            *queue = EventQueue::new();
            queue.start_trace();
            events
                .iter()
                .for_each(|&(key, event)| queue.push(key, event));
        }
        self.run_until(end, worker);
        let queues = self.slots.iter_mut().map(Slot::queue_mut);
        queues.map(EventQueue::take_trace).collect()
    }

    /// The partitions, for the harvest after the run.
    #[must_use]
    pub fn into_partitions(self) -> Vec<P> {
        self.slots.into_iter().map(Slot::into_partition).collect()
    }

    /// A checksum over every event that happened: its key and its code, in the order of each
    /// partition, and the partitions in their order.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        for slot in &self.slots {
            digest.update(slot.digest());
        }
        digest.finish()
    }
}

/// Of several livelocks in one window, the first in time and then in the order of partitions.
fn earliest(a: Option<StopReason>, b: Option<StopReason>) -> Option<StopReason> {
    let rank = |reason: &StopReason| match reason {
        StopReason::Livelock { at, partition } => (*at, *partition),
        _ => (SimTime::MAX, PartitionId(u32::MAX)),
    };
    a.into_iter().chain(b).min_by_key(rank)
}

#[cfg(test)]
mod tests;

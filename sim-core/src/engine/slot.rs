//! A partition with its queue, and its run through one window.

use super::context::{Context, Outgoing, Progress, Sources};
use super::{EntityId, EventCode, EventQueue, Partition, PartitionId, StopReason};
use crate::digest::Digest;
use crate::queue::EventKey;
use crate::time::{SimDuration, SimTime};

/// A partition and all that the engine keeps for it. It shares nothing with other slots, so
/// any thread may run it through a window.
pub(super) struct Slot<P: Partition> {
    partition: P,
    queue: EventQueue<P::Event>,
    sources: Sources,
    digest: Digest,
    /// The time of the latest event.
    now: SimTime,
    /// How many events there have been at that instant.
    at_this_instant: u64,
    /// Events since partitions were last shared out among threads.
    recent: u64,
    /// Messages of the partition to itself; kept for its room.
    loopback: Vec<(EventKey, P::Message)>,
}

/// How far a partition may run.
pub(super) struct Window {
    pub(super) partition: PartitionId,
    pub(super) end: SimTime,
    pub(super) lookahead: SimDuration,
    /// Events, at most.
    pub(super) budget: u64,
    pub(super) max_events_at_one_instant: u64,
}

/// How far it ran.
pub(super) struct Outcome {
    pub(super) events: u64,
    pub(super) livelock: Option<StopReason>,
}

impl<P: Partition> Slot<P> {
    pub(super) fn new(partition: P, first_source: u32) -> Self {
        let sources = Sources::new(first_source, partition.entity_count());
        Self {
            partition,
            queue: EventQueue::new(),
            sources,
            digest: Digest::new(),
            now: SimTime::ZERO,
            at_this_instant: 0,
            recent: 0,
            loopback: Vec::new(),
        }
    }

    /// The number of the first entity of the next partition.
    pub(super) fn end_of_sources(&self) -> u32 {
        self.sources.end()
    }

    pub(super) fn schedule(&mut self, source: EntityId, at: SimTime, event: P::Event) {
        let key = self.sources.key(source, at);
        self.queue.push(key, event);
    }

    pub(super) fn accept(&mut self, key: EventKey, message: P::Message, worker: &mut P::Worker) {
        let event = self.partition.accept(message, worker);
        self.queue.push(key, event);
    }

    /// Runs the events of the window, in order.
    pub(super) fn run(
        &mut self,
        window: &Window,
        outbox: &mut Vec<Outgoing<P::Message>>,
        worker: &mut P::Worker,
    ) -> Outcome {
        let mut ctx = Context {
            now: self.now,
            partition: window.partition,
            lookahead: window.lookahead,
            sources: &mut self.sources,
            queue: &mut self.queue,
            outbox,
            loopback: &mut self.loopback,
            key: EventKey::FIRST,
            progress: Progress {
                digest: &mut self.digest,
                at_this_instant: &mut self.at_this_instant,
                most_at_one_instant: window.max_events_at_one_instant,
                events: 0,
                budget: window.budget,
                end: window.end,
            },
        };
        let mut livelock = None;
        while ctx.progress.events < window.budget {
            let Some((key, event)) = ctx.queue.pop_before(window.end) else {
                break;
            };
            ctx.begin(key, event.code());
            self.partition.handle(event, &mut ctx, worker);
            if !ctx.loopback.is_empty() {
                for (key, message) in ctx.loopback.drain(..) {
                    let event = self.partition.accept(message, worker);
                    ctx.queue.push(key, event);
                }
            }
            if *ctx.progress.at_this_instant >= window.max_events_at_one_instant
                && ctx.queue.peek_time() == Some(ctx.now)
            {
                livelock = Some(StopReason::Livelock {
                    at: ctx.now,
                    partition: window.partition,
                });
                break;
            }
        }
        let events = ctx.progress.events;
        self.now = ctx.now;
        self.recent += events;
        Outcome { events, livelock }
    }

    /// The time of the next event, or never.
    pub(super) fn next(&self) -> SimTime {
        self.queue.peek_time().unwrap_or(SimTime::MAX)
    }

    /// The time of the latest event.
    pub(super) fn now(&self) -> SimTime {
        self.now
    }

    #[cfg(feature = "trace")]
    pub(super) fn queue_mut(&mut self) -> &mut EventQueue<P::Event> {
        &mut self.queue
    }

    /// Events since this was last asked.
    pub(super) fn take_recent(&mut self) -> u64 {
        std::mem::take(&mut self.recent)
    }

    pub(super) fn pending(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    pub(super) fn partition(&self) -> &P {
        &self.partition
    }

    pub(super) fn partition_mut(&mut self) -> &mut P {
        &mut self.partition
    }

    pub(super) fn into_partition(self) -> P {
        self.partition
    }
}

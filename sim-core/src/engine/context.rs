//! What an event may do to the future.

use super::{EntityId, EventQueue, PartitionId};
use crate::digest::Digest;
use crate::queue::{EventKey, SourceId};
use crate::time::{SimDuration, SimTime};

/// A message on its way to another partition.
pub(super) struct Outgoing<M> {
    pub(super) to: PartitionId,
    pub(super) key: EventKey,
    pub(super) message: M,
}

/// The counters that make keys unique: one for each entity of a partition.
#[derive(Debug)]
pub(super) struct Sources {
    /// The number, in the whole world, of the first entity of this partition.
    first: u32,
    counters: Vec<u32>,
}

impl Sources {
    pub(super) fn new(first: u32, count: usize) -> Self {
        let sources = Self {
            first,
            counters: vec![0; count],
        };
        assert!(sources.checked_end().is_some(), "at most 2^32 entities");
        sources
    }

    /// The number of the first entity of the next partition.
    pub(super) fn end(&self) -> u32 {
        self.checked_end().expect("checked when made")
    }

    fn checked_end(&self) -> Option<u32> {
        self.first
            .checked_add(u32::try_from(self.counters.len()).ok()?)
    }

    /// The key of the next event of an entity.
    #[inline]
    pub(super) fn key(&mut self, source: EntityId, at: SimTime) -> EventKey {
        let counter = &mut self.counters[source.index()];
        let seq = *counter;
        *counter = seq
            .checked_add(1)
            .expect("fewer than 2^32 events of one entity");
        EventKey {
            at,
            source: SourceId::new(self.first as usize + source.index()),
            seq,
        }
    }
}

/// The present of a partition while it handles an event, and its way to cause other events.
pub struct Context<'a, E, M> {
    pub(super) now: SimTime,
    pub(super) partition: PartitionId,
    pub(super) lookahead: SimDuration,
    pub(super) sources: &'a mut Sources,
    pub(super) queue: &'a mut EventQueue<E>,
    /// For other partitions, at the barrier.
    pub(super) outbox: &'a mut Vec<Outgoing<M>>,
    /// For this partition, as soon as the event has been handled.
    pub(super) loopback: &'a mut Vec<(EventKey, M)>,
    /// What the present event is known by.
    pub(super) key: EventKey,
    /// The events of the run so far.
    pub(super) progress: Progress<'a>,
}

/// The events of a partition that happened, and how many more may.
pub(super) struct Progress<'a> {
    pub(super) digest: &'a mut Digest,
    /// How many events there have been at the present instant.
    pub(super) at_this_instant: &'a mut u64,
    /// How many there may be.
    pub(super) most_at_one_instant: u64,
    /// Events of this window, and their bound.
    pub(super) events: u64,
    pub(super) budget: u64,
    /// The end of the window.
    pub(super) end: SimTime,
}

impl<E: Copy, M> Context<'_, E, M> {
    /// The instant at which the event happens.
    #[must_use]
    #[inline]
    pub const fn now(&self) -> SimTime {
        self.now
    }

    /// The partition in which it happens.
    #[must_use]
    #[inline]
    pub const fn partition(&self) -> PartitionId {
        self.partition
    }

    /// The least time that a message to another partition takes.
    #[must_use]
    #[inline]
    pub const fn lookahead(&self) -> SimDuration {
        self.lookahead
    }

    /// What the present event is known by.
    #[must_use]
    #[inline]
    pub const fn key(&self) -> EventKey {
        self.key
    }

    /// Notes that an event happens now.
    #[inline]
    pub(super) fn begin(&mut self, key: EventKey, code: u64) {
        let progress = &mut self.progress;
        if key.at == self.now {
            *progress.at_this_instant += 1;
        } else {
            *progress.at_this_instant = 1;
            self.now = key.at;
        }
        self.key = key;
        progress.digest.update(key.at.as_ps());
        progress
            .digest
            .update((key.source.index() as u64) << 32 | u64::from(key.seq));
        progress.digest.update(code);
        progress.events += 1;
    }

    /// Goes on to the event with `key` and `code` without a detour through the queue, if that is what
    /// would happen next; if not, the event is to be put back with [`Context::put_back`]. It makes no
    /// difference to anything but speed: what stands for a run of events, such as the packets of a
    /// train, may handle one after another as long as nothing else comes between.
    #[must_use]
    #[inline]
    pub fn goes_on(&mut self, key: EventKey, code: u64) -> bool {
        let progress = &self.progress;
        let next = key.at < progress.end
            && progress.events < progress.budget
            && *progress.at_this_instant < progress.most_at_one_instant
            && self.loopback.is_empty()
            && self.queue.would_lead(key);
        if next {
            self.begin(key, code);
        }
        next
    }

    /// Schedules an event under a key that a message of this run or [`Context::send_run`] gave it.
    ///
    /// # Panics
    /// If it is in the past.
    #[inline]
    pub fn put_back(&mut self, key: EventKey, event: E) {
        self.queue.push(key, event);
    }

    /// Schedules an event of this partition, caused by one of its entities.
    ///
    /// # Panics
    /// If it is in the past, or there is no such entity.
    #[inline]
    pub fn schedule(&mut self, source: EntityId, at: SimTime, event: E) {
        let key = self.sources.key(source, at);
        self.queue.push(key, event);
    }

    /// Sends a message that stands for one event at each of these times, which must not decrease: as
    /// if as many messages had been sent one after another. Their keys differ in time and in the
    /// counter, which goes up by one from each to the next. The partition sees the first, and is to
    /// go on with the others by [`Context::goes_on`].
    ///
    /// # Panics
    /// If one would be there sooner than the lookahead allows, or there is none.
    pub fn send_run(&mut self, source: EntityId, to: PartitionId, at: &[SimTime], message: M) {
        assert!(at.is_sorted(), "the events of a run come in order");
        self.send(source, to, at[0], message);
        for at in &at[1..] {
            self.sources.key(source, *at);
        }
    }

    /// Sends a message to a partition, where it is an event at `at`.
    ///
    /// # Panics
    /// If it would be there sooner than the lookahead allows. This partition itself can be reached
    /// at once.
    #[inline]
    pub fn send(&mut self, source: EntityId, to: PartitionId, at: SimTime, message: M) {
        let key = self.sources.key(source, at);
        if to == self.partition {
            assert!(
                at >= self.now,
                "no event in the past: {key:?} at {:?}",
                self.now
            );
            self.loopback.push((key, message));
        } else {
            assert!(
                at >= self.now.saturating_add(self.lookahead),
                "a message from {:?} to {to:?} faster than the lookahead of {}: sent {}, there {at}",
                self.partition,
                self.lookahead,
                self.now,
            );
            self.outbox.push(Outgoing { to, key, message });
        }
    }
}

//! Pending events in their total order.

use std::cmp::Ordering;

use crate::time::SimTime;

crate::id_type! {
    /// The entity that scheduled an event, counted over the whole world.
    SourceId;
}

/// When an event happens, and what sets it apart from all others of that instant.
///
/// The order is by time, then by source, then by the source's own counter. It is total, and
/// depends on neither threads nor insertion order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// The instant at which it happens.
    pub at: SimTime,
    /// The entity that scheduled it.
    pub source: SourceId,
    /// How many events that entity had scheduled before.
    pub seq: u32,
}

impl EventKey {
    /// The first key of all.
    pub(crate) const FIRST: Self = Self {
        at: SimTime::ZERO,
        source: SourceId::new(0),
        seq: 0,
    };

    /// The key as one integer of the same order. One comparison of 128 bits is faster than three
    /// of fields, whose branches no processor can predict.
    #[inline]
    const fn packed(self) -> u128 {
        (self.at.as_ps() as u128) << 64 | (self.source.index() as u128) << 32 | self.seq as u128
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "takes the fields apart again"
    )]
    const fn unpacked(key: u128) -> Self {
        let at = SimTime::from_ps((key >> 64) as u64);
        Self {
            at,
            source: SourceId::new((key >> 32) as u32 as usize),
            seq: key as u32,
        }
    }
}

impl Ord for EventKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.packed().cmp(&other.packed())
    }
}

impl PartialOrd for EventKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The pending events of one partition: a 4-ary heap.
///
/// Keys and events lie apart, so that the four keys of a node share a cache line, and a pop
/// leaves a hole at the root, which the next push fills: an event that schedules one other sifts
/// once, not twice.
///
/// Measured in ns for one pop and one push, with events of 24 bytes and exponential delays, on two
/// cores busy with other work (10th percentile of slices of 5000; the benchmark `event_queue`
/// repeats the first and the last column):
///
/// | pending | this | keys beside events, no hole | `std::collections::BinaryHeap` |
/// |---:|---:|---:|---:|
/// | 16 | 23 | 28 | 34 |
/// | 100 | 27 | 42 | 42 |
/// | 10^3 | 41 | 57 | 56 |
/// | 10^4 | 56 | 91 | 92 |
/// | 10^5 | 290 | 246 | 480 |
///
/// A partition has tens to thousands of pending events. Eight children a node are slower there,
/// and faster only near 10^5, where the keys no longer fit the cache.
///
/// Chosen by what real runs ask of the queue of their busiest partition (CPU time in ns for a push and
/// its pop, medians of seven rounds in turn on two busy cores; `figures queues` of `benches` with the
/// feature `trace` repeats it):
///
/// | run | pending on average | this | `BinaryHeap` | wheel | radix heap | calendar |
/// |---|---:|---:|---:|---:|---:|---:|
/// | bulk | 191 | 26 | 44 | 35 | 35 | 17 |
/// | 10 pairs | 80 | 27 | 36 | 37 | 37 | 20 |
/// | 1000 pairs | 3907 | 51 | 76 | 41 | 55 | 572 |
/// | incast | 2517 | 43 | 67 | 40 | 44 | 41 |
/// | built-in scenario | 380 | 39 | 54 | 47 | 47 | 47 |
///
/// The wheel (slots of 66 ns, 64 of a level) and the radix heap keep the total order in a heap of the
/// present slot. The wheel gains 10 ns of the 1000 that an event takes where thousands pend, and
/// loses as much elsewhere. The calendar (days resized as it fills) is best where events are evenly
/// spaced, and fails where a thousand share a day. None is clearly better on all.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    /// Packed keys, heap-ordered.
    keys: Vec<u128>,
    /// The event of each key.
    events: Vec<E>,
    /// Whether the root has been popped already and its place is free.
    hole: bool,
    /// The key that was popped last: nothing may be pushed before its time.
    last: Option<u128>,
    #[cfg(feature = "trace")]
    trace: Option<Vec<QueueOperation>>,
}

/// What was asked of a queue.
#[cfg(feature = "trace")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueOperation {
    /// An event with this key was pushed.
    Push(EventKey),
    /// The first event was asked for, if before this.
    PopBefore(SimTime),
}

/// Children per node of the heap.
const ARITY: usize = 4;

impl<E: Copy> EventQueue<E> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keys: Vec::new(),
            events: Vec::new(),
            hole: false,
            last: None,
            #[cfg(feature = "trace")]
            trace: None,
        }
    }

    /// From now on, notes what is asked.
    #[cfg(feature = "trace")]
    pub fn start_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// What was asked since then.
    #[cfg(feature = "trace")]
    pub fn take_trace(&mut self) -> Vec<QueueOperation> {
        self.trace.take().unwrap_or_default()
    }

    /// Adds an event.
    ///
    /// # Panics
    /// If the event is earlier than the one that was popped last.
    #[inline]
    pub fn push(&mut self, key: EventKey, event: E) {
        if let Some(last) = self.last.map(EventKey::unpacked) {
            assert!(
                key.at >= last.at,
                "no event in the past: {key:?} after {last:?}"
            );
        }
        #[cfg(feature = "trace")]
        if let Some(trace) = &mut self.trace {
            trace.push(QueueOperation::Push(key));
        }
        let key = key.packed();
        if self.hole {
            self.hole = false;
            self.sift_down(key, event);
        } else {
            self.keys.push(key);
            self.events.push(event);
            self.sift_up(key, event);
        }
    }

    /// Removes the first event.
    ///
    /// # Panics
    /// If two events had the same key.
    #[inline]
    pub fn pop(&mut self) -> Option<(EventKey, E)> {
        self.fill_hole();
        let key = *self.keys.first()?;
        Some(self.take_root(key))
    }

    /// Removes the first event if it is before `end`.
    ///
    /// # Panics
    /// If two events had the same key.
    #[inline]
    pub fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, E)> {
        #[cfg(feature = "trace")]
        if let Some(trace) = &mut self.trace {
            trace.push(QueueOperation::PopBefore(end));
        }
        self.fill_hole();
        let key = *self.keys.first()?;
        (EventKey::unpacked(key).at < end).then(|| self.take_root(key))
    }

    /// The time of the first event.
    #[must_use]
    #[inline]
    pub fn peek_time(&self) -> Option<SimTime> {
        self.peek_packed().map(|key| EventKey::unpacked(key).at)
    }

    /// Whether an event with this key would be the first.
    #[must_use]
    #[inline]
    pub fn would_lead(&self, key: EventKey) -> bool {
        self.peek_packed().is_none_or(|first| key.packed() < first)
    }

    #[inline]
    fn peek_packed(&self) -> Option<u128> {
        let candidates = if self.hole { 1..ARITY + 1 } else { 0..1 };
        let candidates = self
            .keys
            .get(candidates.start..candidates.end.min(self.keys.len()))?;
        candidates.iter().min().copied()
    }

    /// The number of pending events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len() - usize::from(self.hole)
    }

    /// Whether no event is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands out the root and leaves its place free.
    #[inline]
    fn take_root(&mut self, key: u128) -> (EventKey, E) {
        let unpacked = EventKey::unpacked(key);
        assert!(
            self.last != Some(key),
            "two events with one key: {unpacked:?}"
        );
        self.last = Some(key);
        self.hole = true;
        (unpacked, self.events[0])
    }

    /// If the root has been popped and nothing came in its place, the last event does.
    #[inline]
    fn fill_hole(&mut self) {
        if !self.hole {
            return;
        }
        self.hole = false;
        if let (Some(key), Some(event)) = (self.keys.pop(), self.events.pop())
            && !self.keys.is_empty()
        {
            self.sift_down(key, event);
        }
    }

    /// Moves the last place up to where the event belongs, and puts it there.
    #[inline]
    fn sift_up(&mut self, key: u128, event: E) {
        let mut at = self.keys.len() - 1;
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.keys[parent] < key {
                break;
            }
            self.keys[at] = self.keys[parent];
            self.events[at] = self.events[parent];
            at = parent;
        }
        self.keys[at] = key;
        self.events[at] = event;
    }

    /// Moves the root's place down to where the event belongs, and puts it there.
    #[inline]
    fn sift_down(&mut self, key: u128, event: E) {
        let mut at = 0;
        while let Some((child, least)) = self.least_child(at) {
            if key < least {
                break;
            }
            self.keys[at] = least;
            self.events[at] = self.events[child];
            at = child;
        }
        self.keys[at] = key;
        self.events[at] = event;
    }

    /// The first of a node's children, and its key.
    #[inline]
    fn least_child(&self, node: usize) -> Option<(usize, u128)> {
        let first = node * ARITY + 1;
        if let Some(children) = self.keys.get(first..first + ARITY) {
            // A fixed number of children: conditional moves, no branch.
            let (mut offset, mut least) = (0, children[0]);
            for (index, &key) in children.iter().enumerate().skip(1) {
                let less = key < least;
                offset = if less { index } else { offset };
                least = if less { key } else { least };
            }
            return Some((first + offset, least));
        }
        let children = self.keys.get(first..)?.iter().copied().enumerate();
        children
            .map(|(index, key)| (first + index, key))
            .min_by_key(|(_, key)| *key)
    }
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;

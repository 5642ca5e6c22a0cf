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
    /// The key as one integer of the same order.
    #[inline]
    const fn packed(self) -> u128 {
        (self.at.as_ps() as u128) << 64 | (self.source.index() as u128) << 32 | self.seq as u128
    }
}

impl Ord for EventKey {
    /// One comparison of 128 bits: field by field would be three branches that no processor can
    /// predict.
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
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    heap: Vec<(EventKey, E)>,
    /// The key that was popped last: nothing may be pushed before its time.
    last: Option<EventKey>,
}

/// Children per node of the heap.
const ARITY: usize = 4;

impl<E: Copy> EventQueue<E> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            heap: Vec::new(),
            last: None,
        }
    }

    /// Adds an event.
    ///
    /// # Panics
    /// If the event is earlier than the one that was popped last.
    #[inline]
    pub fn push(&mut self, key: EventKey, event: E) {
        if let Some(last) = self.last {
            assert!(
                key.at >= last.at,
                "no event in the past: {key:?} after {last:?}"
            );
        }
        self.heap.push((key, event));
        self.sift_up(self.heap.len() - 1, (key, event));
    }

    /// Removes the first event.
    ///
    /// # Panics
    /// If two events had the same key.
    #[inline]
    pub fn pop(&mut self) -> Option<(EventKey, E)> {
        let last = self.heap.pop()?;
        let first = match self.heap.first() {
            Some(&first) => {
                self.sift_down(last);
                first
            }
            None => last,
        };
        assert!(
            self.last != Some(first.0),
            "two events with one key: {:?}",
            first.0
        );
        self.last = Some(first.0);
        Some(first)
    }

    /// Removes the first event if it is before `end`.
    ///
    /// # Panics
    /// If two events had the same key.
    #[inline]
    pub fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, E)> {
        if self.peek_time()? < end {
            self.pop()
        } else {
            None
        }
    }

    /// The time of the first event.
    #[must_use]
    #[inline]
    pub fn peek_time(&self) -> Option<SimTime> {
        self.heap.first().map(|(key, _)| key.at)
    }

    /// The number of pending events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether no event is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Moves the hole at `at` up to where `entry` belongs, and fills it.
    #[inline]
    fn sift_up(&mut self, mut at: usize, entry: (EventKey, E)) {
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.heap[parent].0 < entry.0 {
                break;
            }
            self.heap[at] = self.heap[parent];
            at = parent;
        }
        self.heap[at] = entry;
    }

    /// Moves the hole at the root down to where `entry` belongs, and fills it.
    #[inline]
    fn sift_down(&mut self, entry: (EventKey, E)) {
        let mut at = 0;
        loop {
            let first = at * ARITY + 1;
            let Some(children) = self.heap.get(first..) else {
                break;
            };
            let Some((offset, least)) = children
                .iter()
                .take(ARITY)
                .map(|(key, _)| *key)
                .enumerate()
                .min_by_key(|(_, key)| *key)
            else {
                break;
            };
            if entry.0 < least {
                break;
            }
            self.heap[at] = self.heap[first + offset];
            at = first + offset;
        }
        self.heap[at] = entry;
    }
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;

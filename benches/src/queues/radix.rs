//! A radix heap over the time of the key: buckets by the highest bit in which a time differs from
//! that of the last event removed. Ties have an order of their own, which an event pushed at the
//! present instant may come early in: the bucket of the present is a heap.

use sim_core::{EventKey, EventQueue, SimTime};

use super::{Entry, Payload, Queue};

/// See the module.
pub struct Radix {
    last: u64,
    present: EventQueue<Payload>,
    /// By the highest bit that differs.
    buckets: [Vec<Entry>; 64],
    /// Which are not empty.
    filled: u64,
    /// Kept for its room.
    spare: Vec<Entry>,
}

impl Default for Radix {
    fn default() -> Self {
        Self {
            last: 0,
            present: EventQueue::new(),
            buckets: std::array::from_fn(|_| Vec::new()),
            filled: 0,
            spare: Vec::new(),
        }
    }
}

impl Radix {
    fn put(&mut self, entry: Entry) {
        match (entry.key.at.as_ps() ^ self.last).checked_ilog2() {
            None => self.present.push(entry.key, entry.event),
            Some(bit) => {
                self.buckets[bit as usize].push(entry);
                self.filled |= 1 << bit;
            }
        }
    }

    fn earliest(&self) -> Option<SimTime> {
        let bucket = self.buckets.get(self.filled.trailing_zeros() as usize)?;
        bucket.iter().map(|entry| entry.key.at).min()
    }
}

impl Queue for Radix {
    fn push(&mut self, key: EventKey, event: Payload) {
        self.put(Entry { key, event });
    }

    fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, Payload)> {
        if self.present.is_empty() {
            let at = self.earliest()?;
            if at >= end {
                return None;
            }
            let bit = self.filled.trailing_zeros() as usize;
            self.last = at.as_ps();
            self.filled &= self.filled - 1;
            let empty = std::mem::take(&mut self.spare);
            let mut bucket = std::mem::replace(&mut self.buckets[bit], empty);
            bucket.drain(..).for_each(|entry| self.put(entry));
            self.spare = bucket;
        }
        self.present.pop_before(end)
    }

    fn peek_time(&self) -> Option<SimTime> {
        self.present.peek_time().or_else(|| self.earliest())
    }
}

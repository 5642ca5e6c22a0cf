//! Other queues of events than the simulator's, to hold it against: the same total order of keys,
//! the same operations.

mod calendar;
mod radix;
#[cfg(feature = "trace")]
pub mod replay;
mod wheel;

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

pub use calendar::Calendar;
pub use radix::Radix;
use sim_core::{EventKey, EventQueue, SimTime};
pub use wheel::Wheel;

/// As large as an event of the network model may be.
pub type Payload = [u64; 3];

/// What the engine asks of a queue.
pub trait Queue: Default {
    /// Adds an event, not before the time of the last that was removed.
    fn push(&mut self, key: EventKey, event: Payload);
    /// Removes the first event if it is before `end`.
    fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, Payload)>;
    /// The time of the first event.
    fn peek_time(&self) -> Option<SimTime>;
}

impl Queue for EventQueue<Payload> {
    fn push(&mut self, key: EventKey, event: Payload) {
        Self::push(self, key, event);
    }

    fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, Payload)> {
        Self::pop_before(self, end)
    }

    fn peek_time(&self) -> Option<SimTime> {
        Self::peek_time(self)
    }
}

/// An event and its key, which alone decides the order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key: EventKey,
    pub(crate) event: Payload,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// The standard library's heap.
#[derive(Default)]
pub struct Std(BinaryHeap<Reverse<Entry>>);

impl Queue for Std {
    fn push(&mut self, key: EventKey, event: Payload) {
        self.0.push(Reverse(Entry { key, event }));
    }

    fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, Payload)> {
        if self.0.peek()?.0.key.at >= end {
            return None;
        }
        let Reverse(Entry { key, event }) = self.0.pop()?;
        Some((key, event))
    }

    fn peek_time(&self) -> Option<SimTime> {
        self.0.peek().map(|Reverse(entry)| entry.key.at)
    }
}

#[cfg(test)]
mod tests {
    use sim_core::{SourceId, Streams, dist};

    use super::*;

    /// What a queue gives for pseudorandom pushes and pops, ties and long waits among them.
    fn given<Q: Queue>() -> Vec<Option<(EventKey, Payload)>> {
        let mut rng = Streams::new(1).stream("queue", "operations");
        let mut below = |limit| dist::below(&mut rng, limit);
        let (mut queue, mut given) = (Q::default(), Vec::new());
        let (mut now, mut end) = (0, 0);
        for seq in 0..20_000_u32 {
            if below(20) < 11 - u64::from(seq > 15_000) * 6 {
                let delay = match below(4) {
                    0 => 0,
                    1 => below(50),
                    2 => below(1_000_000),
                    _ => below(1_000_000_000_000),
                };
                let key = EventKey {
                    at: SimTime::from_ps(now + delay),
                    source: SourceId::new(usize::try_from(below(9)).expect("small")),
                    seq,
                };
                queue.push(key, [u64::from(seq); 3]);
            } else {
                end += below(200_000_000_000);
                let popped = queue.pop_before(SimTime::from_ps(end.max(now)));
                now = popped.map_or(now, |(key, _)| key.at.as_ps());
                given.push(popped);
                if popped.is_none() {
                    let next = queue.peek_time();
                    end = next.map_or(end, |at| end.max(at.as_ps()));
                }
            }
        }
        given
    }

    #[test]
    fn all_queues_keep_one_order() {
        let expected = given::<EventQueue<Payload>>();
        assert!(expected.iter().flatten().count() > 8_000);
        assert!(expected == given::<Std>());
        assert!(expected == given::<Radix>());
        assert!(expected == given::<Wheel>());
        assert!(expected == given::<Calendar>());
    }
}

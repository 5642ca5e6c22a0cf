//! Deadlines of many things, which move while the things live, and which of them have passed.
//!
//! Moving a deadline away costs nothing: the queue keeps the time at which it is looked at, and
//! only then learns that it has moved. Moving it nearer queues it again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sim_core::SimTime;

/// One deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeadlineId {
    slot: u32,
    generation: u32,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    generation: u32,
    /// The deadline and whose it is; `None` where the slot is free.
    entry: Option<(SimTime, T)>,
    /// When it is looked at.
    queued: SimTime,
}

/// The deadlines.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    queue: BinaryHeap<Reverse<(SimTime, u32, u32)>>,
}

impl<T> Default for Deadlines<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            queue: BinaryHeap::new(),
        }
    }
}

impl<T> Deadlines<T> {
    /// How many there are, passed or not.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds the deadline of `what`.
    ///
    /// # Panics
    /// If there are 2^32 already.
    pub(crate) fn add(&mut self, at: SimTime, what: T) -> DeadlineId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                entry: None,
                queued: at,
            });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 deadlines")
        });
        let this = &mut self.slots[slot as usize];
        this.entry = Some((at, what));
        this.queued = at;
        let generation = this.generation;
        self.queue.push(Reverse((at, slot, generation)));
        DeadlineId { slot, generation }
    }

    fn slot(&mut self, id: DeadlineId) -> Option<&mut Slot<T>> {
        let slot = &mut self.slots[id.slot as usize];
        (slot.generation == id.generation && slot.entry.is_some()).then_some(slot)
    }

    /// Moves a deadline; one that is gone stays so.
    pub(crate) fn set(&mut self, id: DeadlineId, at: SimTime) {
        let Some(slot) = self.slot(id) else { return };
        if let Some((deadline, _)) = &mut slot.entry {
            *deadline = at;
        }
        if at < slot.queued {
            slot.queued = at;
            self.queue.push(Reverse((at, id.slot, id.generation)));
        }
    }

    /// Takes a deadline away; says whose it was, if it was still there.
    pub(crate) fn remove(&mut self, id: DeadlineId) -> Option<T> {
        let slot = self.slot(id)?;
        slot.generation = slot.generation.wrapping_add(1);
        let what = slot.entry.take().map(|(_, what)| what);
        self.free.push(id.slot);
        what
    }

    /// Takes a deadline away that has passed by `now`, the one that was looked for first first.
    pub(crate) fn take_passed(&mut self, now: SimTime) -> Option<T> {
        while let Some(&Reverse((looked_at, slot, generation))) = self.queue.peek()
            && looked_at <= now
        {
            self.queue.pop();
            let id = DeadlineId { slot, generation };
            let Some(this) = self.slot(id) else { continue };
            if this.queued != looked_at {
                continue;
            }
            match &this.entry {
                Some((deadline, _)) if *deadline > now => {
                    this.queued = *deadline;
                    let again = Reverse((*deadline, slot, generation));
                    self.queue.push(again);
                }
                _ => return self.remove(id),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn at(ps: u64) -> SimTime {
        SimTime::from_ps(ps)
    }

    #[test]
    fn a_deadline_that_moves_passes_when_it_was_moved_to() {
        let mut deadlines = Deadlines::default();
        let (a, b) = (deadlines.add(at(10), 'a'), deadlines.add(at(20), 'b'));
        deadlines.set(a, at(30));
        deadlines.set(b, at(5));
        assert_eq!(deadlines.take_passed(at(4)), None);
        assert_eq!(deadlines.take_passed(at(25)), Some('b'));
        assert_eq!(deadlines.take_passed(at(29)), None);
        assert_eq!(deadlines.take_passed(at(30)), Some('a'));
        assert_eq!(deadlines.len(), 0);
        let c = deadlines.add(at(40), 'c');
        deadlines.set(a, at(1));
        assert_eq!(deadlines.remove(a), None, "its slot is another's now");
        assert_eq!(deadlines.remove(c), Some('c'));
        assert_eq!(deadlines.take_passed(SimTime::MAX), None);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_plain_list(
            steps in proptest::collection::vec((0..12_u8, 0..40_u64, 0..4_u64), 1..300),
        ) {
            let mut deadlines = Deadlines::default();
            let mut plain = BTreeMap::new();
            let mut ids = BTreeMap::new();
            let mut now = 0;
            for (who, life, gap) in steps {
                now += gap;
                while let Some(passed) = deadlines.take_passed(at(now)) {
                    let end: Option<u64> = plain.remove(&passed);
                    prop_assert!(end.is_some_and(|end| end <= now));
                }
                prop_assert!(plain.values().all(|&end| end > now));
                prop_assert_eq!(deadlines.len(), plain.len());
                let end = now + life;
                if life == 0 {
                    if let Some(&id) = ids.get(&who) {
                        prop_assert_eq!(deadlines.remove(id), plain.remove(&who).map(|_| who));
                    }
                } else if plain.insert(who, end).is_some() {
                    deadlines.set(ids[&who], at(end));
                } else {
                    ids.insert(who, deadlines.add(at(end), who));
                }
            }
        }
    }
}

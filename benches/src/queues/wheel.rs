//! A hierarchical timing wheel: eight levels of 64 slots, each slot of a level as long as the whole
//! level below. The slot of the present is a heap, which keeps the total order.

use sim_core::{EventKey, EventQueue, SimTime};

use super::{Entry, Payload, Queue};

/// Length of the shortest slot: 2^16 ps, 66 ns.
const SHORTEST: u32 = 16;
const LEVELS: usize = 8;
const SLOTS: usize = 64;

/// See the module.
pub struct Wheel {
    /// The present, in shortest slots.
    now: u64,
    present: EventQueue<Payload>,
    slots: Vec<Vec<Entry>>,
    /// Of each level the slots that are not empty.
    filled: [u64; LEVELS],
    spare: Vec<Entry>,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            now: 0,
            present: EventQueue::new(),
            slots: (0..LEVELS * SLOTS).map(|_| Vec::new()).collect(),
            filled: [0; LEVELS],
            spare: Vec::new(),
        }
    }
}

impl Wheel {
    fn put(&mut self, entry: Entry) {
        let at = entry.key.at.as_ps() >> SHORTEST;
        match (at ^ self.now).checked_ilog2() {
            None => self.present.push(entry.key, entry.event),
            Some(bit) => {
                let level = bit / 6;
                let slot = (at >> (6 * level)) % SLOTS as u64;
                self.filled[level as usize] |= 1 << slot;
                let slot = usize::try_from(slot).expect("below 64");
                self.slots[level as usize * SLOTS + slot].push(entry);
            }
        }
    }

    /// The lowest level with anything in it, and its first slot.
    fn first(&self) -> Option<(usize, u32)> {
        let level = self.filled.iter().position(|&filled| filled != 0)?;
        Some((level, self.filled[level].trailing_zeros()))
    }

    fn earliest(&self) -> Option<SimTime> {
        let (level, slot) = self.first()?;
        let entries = &self.slots[level * SLOTS + slot as usize];
        entries.iter().map(|entry| entry.key.at).min()
    }
}

impl Queue for Wheel {
    fn push(&mut self, key: EventKey, event: Payload) {
        self.put(Entry { key, event });
    }

    fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, Payload)> {
        while self.present.is_empty() {
            let at = self.earliest()?;
            if at >= end {
                return None;
            }
            let (level, slot) = self.first()?;
            // Straight to the earliest event, not slot by slot.
            self.now = at.as_ps() >> SHORTEST;
            self.filled[level] &= !(1 << slot);
            let empty = std::mem::take(&mut self.spare);
            let place = level * SLOTS + slot as usize;
            let mut entries = std::mem::replace(&mut self.slots[place], empty);
            entries.drain(..).for_each(|entry| self.put(entry));
            self.spare = entries;
        }
        self.present.pop_before(end)
    }

    fn peek_time(&self) -> Option<SimTime> {
        self.present.peek_time().or_else(|| self.earliest())
    }
}

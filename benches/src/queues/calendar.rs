//! A calendar queue: days in a circle, each a short sorted list. The number and length of days follow
//! the number and the spacing of events.

use sim_core::{EventKey, SimTime};

use super::{Entry, Payload, Queue};

/// See the module.
pub struct Calendar {
    /// Each from the last event to the first.
    days: Vec<Vec<Entry>>,
    /// Length of a day, as a power of two in ps.
    length: u32,
    /// The day of the present, counted from the start.
    today: u64,
    len: usize,
}

/// Days at first.
const FEWEST: usize = 16;

impl Default for Calendar {
    fn default() -> Self {
        Self {
            days: vec![Vec::new(); FEWEST],
            length: 20,
            today: 0,
            len: 0,
        }
    }
}

impl Calendar {
    fn place(&self, day: u64) -> usize {
        usize::try_from(day % self.days.len() as u64).expect("below a length")
    }

    fn put(&mut self, entry: Entry) {
        let place = self.place(entry.key.at.as_ps() >> self.length);
        let day = &mut self.days[place];
        let at = day.partition_point(|other| *other > entry);
        day.insert(at, entry);
    }

    /// The day of the first event.
    fn first(&self) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        let days = self.days.len() as u64;
        let has = |&day: &u64| {
            let last = self.days[self.place(day)].last();
            last.is_some_and(|entry| entry.key.at.as_ps() >> self.length == day)
        };
        // A year in which nothing happens is passed over at once.
        (self.today..self.today + days).find(has).or_else(|| {
            let firsts = self.days.iter().filter_map(|day| day.last());
            firsts
                .map(|entry| entry.key.at.as_ps() >> self.length)
                .min()
        })
    }

    /// As many days as events, each about as long as three gaps between the next 32 of them.
    fn resize(&mut self, days: usize) {
        let now = self.today << self.length;
        let mut all: Vec<Entry> = self.days.drain(..).flatten().collect();
        let sample = all.len().min(32);
        if sample > 1 {
            all.select_nth_unstable(sample - 1);
            let times = || all[..sample].iter().map(|entry| entry.key.at.as_ps());
            let spread = times().max().unwrap_or(0) - times().min().unwrap_or(0);
            self.length = (3 * spread / sample as u64).max(1).ilog2().max(4);
        }
        self.today = now >> self.length;
        self.days = vec![Vec::new(); days];
        all.into_iter().for_each(|entry| self.put(entry));
    }
}

impl Queue for Calendar {
    fn push(&mut self, key: EventKey, event: Payload) {
        self.put(Entry { key, event });
        self.len += 1;
        // A window's end may have moved the present on: an event before it moves it back.
        self.today = self.today.min(key.at.as_ps() >> self.length);
        if self.len > 2 * self.days.len() {
            self.resize(2 * self.days.len());
        }
    }

    fn pop_before(&mut self, end: SimTime) -> Option<(EventKey, Payload)> {
        let day = self.first()?;
        self.today = day;
        let place = self.place(day);
        let entries = &mut self.days[place];
        if entries.last()?.key.at >= end {
            return None;
        }
        let Entry { key, event } = entries.pop()?;
        self.len -= 1;
        if self.len < self.days.len() / 2 && self.days.len() > FEWEST {
            self.resize(self.days.len() / 2);
        }
        Some((key, event))
    }

    fn peek_time(&self) -> Option<SimTime> {
        let entries = &self.days[self.place(self.first()?)];
        entries.last().map(|entry| entry.key.at)
    }
}

//! When requests are due.

use sim_core::{SimDuration, SimRng, SimTime, dist};

use super::Os;
use crate::plan::{Arrivals, Load};

/// How long a program leaves what has failed alone before it tries again: a broken connection, and
/// a user of a closed load who got an error. Assumed.
pub(super) const RETRY_AFTER: SimDuration = SimDuration::from_ms(50);

/// Makes due times, each once, in order.
#[derive(Debug)]
pub struct Generator {
    load: Load,
    rng: SimRng,
    next: SimTime,
    burst_left: u32,
    waiting: Vec<SimTime>,
    armed: Option<SimTime>,
}

impl Generator {
    /// A generator that draws from `rng`, which belongs to it alone.
    #[must_use]
    pub fn new(load: Load, rng: SimRng) -> Self {
        let mut generator = Self {
            load,
            rng,
            next: SimTime::ZERO,
            burst_left: 0,
            waiting: Vec::new(),
            armed: None,
        };
        match load {
            Load::Open(_) => generator.advance(),
            Load::Closed { concurrency, .. } => {
                generator.waiting = vec![SimTime::ZERO; concurrency]
            }
        }
        generator
    }

    /// Keeps one timer pending: that of the next due time.
    pub fn arm(&mut self, os: &mut Os<'_, '_, '_>, token: u32) {
        if self.armed.is_some_and(|at| at <= os.now()) {
            self.armed = None;
        }
        if let Some(at) = self.next()
            && self.armed.is_none_or(|armed| at < armed)
        {
            self.armed = Some(at);
            os.timer(at, token);
        }
    }

    /// When the next request is due, as far as that is known.
    #[must_use]
    pub fn next(&self) -> Option<SimTime> {
        match self.load {
            Load::Open(_) => Some(self.next),
            Load::Closed { .. } => self.waiting.iter().min().copied(),
        }
    }

    /// The earliest due time that has come by `now`.
    pub fn pop_due(&mut self, now: SimTime) -> Option<SimTime> {
        let due = self.next().filter(|&due| due <= now)?;
        match self.load {
            Load::Open(_) => self.advance(),
            Load::Closed { .. } => {
                let index = self.waiting.iter().position(|&at| at == due)?;
                self.waiting.swap_remove(index);
                // A user asks when it gets round to it: nobody had promised to ask earlier.
                return Some(now);
            }
        }
        Some(due)
    }

    /// The user of a closed load who got an answer at `now` thinks and asks again.
    pub fn after_answer(&mut self, now: SimTime) {
        if let Load::Closed { think, .. } = self.load {
            self.waiting.push(now + think);
        }
    }

    /// The user of a closed load who got an error at `now` thinks, or waits a little, and asks
    /// again: errors may come at once, and would for ever at the same instant.
    pub fn after_error(&mut self, now: SimTime) {
        if let Load::Closed { think, .. } = self.load {
            self.waiting.push(now + think.max(RETRY_AFTER));
        }
    }

    fn advance(&mut self) {
        let Load::Open(arrivals) = self.load else {
            return;
        };
        let gap = match arrivals {
            Arrivals::Poisson { mean_gap } => dist::exponential(&mut self.rng, mean_gap),
            Arrivals::Constant { gap } => gap,
            Arrivals::Bursty { mean_gap, size } => {
                if self.burst_left > 0 {
                    self.burst_left -= 1;
                    SimDuration::ZERO
                } else {
                    self.burst_left = size.saturating_sub(1);
                    dist::exponential(&mut self.rng, mean_gap)
                }
            }
        };
        self.next += gap;
    }
}

#[cfg(test)]
mod tests {
    use sim_core::Streams;

    use super::*;

    fn due_times(load: Load, until: SimTime) -> Vec<SimTime> {
        let mut generator = Generator::new(load, Streams::new(1).stream("client", "arrivals"));
        std::iter::from_fn(|| generator.pop_due(until)).collect()
    }

    fn at(ms: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_ms(ms)
    }

    #[test]
    fn constant_arrivals_are_evenly_spaced() {
        let gap = SimDuration::from_ms(2);
        let due = due_times(Load::Open(Arrivals::Constant { gap }), at(7));
        assert_eq!(due, [at(2), at(4), at(6)]);
    }

    #[test]
    fn poisson_arrivals_have_the_mean_that_was_asked_for() {
        let mean_gap = SimDuration::from_us(100);
        let due = due_times(Load::Open(Arrivals::Poisson { mean_gap }), at(1000));
        assert!((9_700..10_300).contains(&due.len()), "{}", due.len());
        assert!(due.is_sorted());
    }

    #[test]
    fn a_burst_is_due_at_once() {
        let mean_gap = SimDuration::from_ms(1);
        let due = due_times(Load::Open(Arrivals::Bursty { mean_gap, size: 5 }), at(100));
        for burst in due.chunks_exact(5) {
            assert!(burst.iter().all(|&t| t == burst[0]));
        }
        assert!(due.len() > 300, "{}", due.len());
    }

    #[test]
    fn a_closed_load_asks_again_after_an_answer() {
        let think = SimDuration::from_ms(3);
        let load = Load::Closed {
            concurrency: 2,
            think,
        };
        let mut generator = Generator::new(load, Streams::new(1).stream("client", "arrivals"));
        assert_eq!(generator.pop_due(at(1)), Some(at(1)));
        assert_eq!(generator.pop_due(at(1)), Some(at(1)));
        assert_eq!(generator.pop_due(at(1)), None);
        generator.after_answer(at(4));
        assert_eq!(generator.pop_due(at(6)), None);
        assert_eq!(generator.pop_due(at(7)), Some(at(7)));
        generator.after_error(at(10));
        assert_eq!(generator.pop_due(at(59)), None);
        assert_eq!(generator.pop_due(at(60)), Some(at(60)));
    }
}

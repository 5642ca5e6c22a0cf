//! Simulated time against the clock that the protocol code sees.
//!
//! The protocol code counts microseconds and has its timers compiled in. Each connection therefore
//! has a clock of its own that may run faster than simulated time, and that changes its speed when
//! the connection is established without ever going back.

use sim_core::{SimDuration, SimTime};
use smoltcp::time::{Duration, Instant};

const PS_PER_US: u64 = 1_000_000;

/// The longest retransmission timeout in microseconds. Source: smoltcp 0.14.0, `socket/tcp.rs`,
/// `RTTE_MAX_RTO` (specified).
const LONGEST_TIMER: u64 = 60_000_000;

/// One connection's clock: `micros` at `origin`, and `scale` microseconds for each simulated one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: SimTime,
    micros: u64,
    scale: u64,
}

impl Clock {
    /// A clock that reads zero at simulated time zero.
    ///
    /// # Panics
    /// If `scale` is 0.
    pub(super) fn new(scale: u32) -> Self {
        assert!(scale > 0, "a clock scale of 0 would stop every timer");
        Self {
            origin: SimTime::ZERO,
            micros: 0,
            scale: u64::from(scale),
        }
    }

    /// What the clock reads at `time`, rounded down to its microsecond.
    pub(super) fn read(&self, time: SimTime) -> Instant {
        Instant::from_micros(i64::try_from(self.micros_at(time)).unwrap_or(i64::MAX))
    }

    /// The first moment at which the clock reads `instant`: rounded **up**, for a timer that is
    /// set too early does nothing and would be set again, for ever.
    pub(super) fn when(&self, instant: Instant) -> SimTime {
        let reading = u64::try_from(instant.total_micros()).unwrap_or(0);
        let ahead = reading.saturating_sub(self.micros);
        let whole = (ahead / self.scale).checked_mul(PS_PER_US);
        let rest = (ahead % self.scale * PS_PER_US).div_ceil(self.scale);
        match whole.and_then(|ps| ps.checked_add(rest)) {
            Some(ps) => self.origin.saturating_add(SimDuration::from_ps(ps)),
            None => SimTime::MAX,
        }
    }

    /// Runs at another speed from `now` on.
    ///
    /// # Panics
    /// If `scale` is 0.
    pub(super) fn rescale(&mut self, now: SimTime, scale: u32) {
        assert!(scale > 0, "a clock scale of 0 would stop every timer");
        self.micros = self.micros_at(now);
        self.origin = now;
        self.scale = u64::from(scale);
    }

    /// Skips over every timer that is set.
    pub(super) fn skip_timers(&mut self) {
        self.micros = self.micros.saturating_add(LONGEST_TIMER);
    }

    /// A simulated duration on this clock, rounded up.
    pub(super) fn lasting(&self, duration: SimDuration) -> Duration {
        let ps = duration.as_ps();
        let whole = (ps % PS_PER_US * self.scale).is_multiple_of(PS_PER_US);
        Duration::from_micros(self.scaled(ps).saturating_add(u64::from(!whole)))
    }

    fn micros_at(&self, time: SimTime) -> u64 {
        let elapsed = time.saturating_since(self.origin).as_ps();
        self.micros.saturating_add(self.scaled(elapsed))
    }

    /// Picoseconds to this clock's microseconds, rounded down, without overflow: both the quotient
    /// and the remainder times the scale fit.
    fn scaled(&self, ps: u64) -> u64 {
        let (whole, rest) = (ps / PS_PER_US, ps % PS_PER_US);
        whole
            .saturating_mul(self.scale)
            .saturating_add(rest * self.scale / PS_PER_US)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A timer set by `when` is due exactly then and not a picosecond sooner.
        #[test]
        fn a_timer_is_due_at_the_moment_it_is_set_for(
            scale in 1_u32..1000,
            rescaled in 1_u32..1000,
            change in 0_u64..10_000_000_000_000,
            ahead in 1_i64..200_000_000_000,
        ) {
            let mut clock = Clock::new(scale);
            clock.rescale(SimTime::from_ps(change), rescaled);
            let instant = clock.read(SimTime::from_ps(change)) + Duration::from_micros(ahead.unsigned_abs());
            let due = clock.when(instant);
            prop_assert!(clock.read(due) >= instant);
            let before = SimTime::from_ps(due.as_ps() - 1);
            prop_assert!(clock.read(before) < instant);
        }

        #[test]
        fn a_clock_never_goes_back(
            scales in prop::collection::vec((1_u32..400, 0_u64..5_000_000_000), 1..20),
        ) {
            let mut clock = Clock::new(1);
            let (mut now, mut last) = (SimTime::ZERO, clock.read(SimTime::ZERO));
            for (scale, step) in scales {
                now += SimDuration::from_ps(step);
                clock.rescale(now, scale);
                prop_assert!(clock.read(now) >= last);
                last = clock.read(now);
            }
        }
    }

    #[test]
    fn scale_five_makes_one_second_of_timer_200_ms() {
        let clock = Clock::new(5);
        let due = clock.when(Instant::from_secs(1));
        assert_eq!(due, SimTime::from_ps(200_000_000_000));
        let delay = clock.lasting(SimDuration::from_ms(40));
        assert_eq!(delay, Duration::from_millis(200));
    }

    #[test]
    fn a_timer_beyond_the_end_of_time_never_comes() {
        let clock = Clock::new(1);
        assert_eq!(clock.when(Instant::from_micros(i64::MAX)), SimTime::MAX);
    }
}

//! A rate with a peak, a baseline and a bucket of credits.
//!
//! Frames are served one after another. While credits last, a frame takes its time at the peak
//! rate; the bucket fills at the baseline rate and every bit sent takes one out, so that it loses
//! `peak − baseline` for each second of a burst; without credits, frames leave at the baseline
//! rate. Source of the mechanism: Amazon EC2 User Guide, ec2-instance-network-bandwidth, 2023-06
//! (vendor); that credits are counted in bits is assumed.
//!
//! A frame that begins with `c` credits therefore takes the longer of its time at the peak rate and
//! the time in which the baseline earns what the bucket lacks. That is the fluid model (peak until
//! the bucket is empty, then baseline) and not an approximation of it: the bucket is counted in
//! units of 10⁻¹² bit, of which a rate in bit/s earns a whole number in every picosecond.

use sim_core::{ByteSize, DataRate, SimDuration, SimTime};

/// Credit units in a bit.
const UNITS_PER_BIT: u128 = 1_000_000_000_000;

/// Rates and credits of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShaperPlan {
    /// Rate while credits last.
    pub peak: DataRate,
    /// Rate without credits; at most the peak.
    pub baseline: DataRate,
    /// Capacity of the bucket, in bits. Without meaning where both rates are the same.
    pub bucket_bits: u64,
    /// Credits at the start, in bits; what is above the capacity is lost.
    pub credit_bits: u64,
}

impl ShaperPlan {
    /// One rate, without credits.
    #[must_use]
    pub fn constant(rate: DataRate) -> Self {
        Self {
            peak: rate,
            baseline: rate,
            bucket_bits: 0,
            credit_bits: 0,
        }
    }

    /// Two rates and a full bucket, which lasts for `burst` of sending at the peak rate.
    ///
    /// # Panics
    /// If the baseline is above the peak, or the bucket would not fit 64 bits of bits.
    #[must_use]
    pub fn burst(peak: DataRate, baseline: DataRate, burst: SimDuration) -> Self {
        let above = peak
            .bps()
            .checked_sub(baseline.bps())
            .expect("the baseline is above the peak");
        let units = u128::from(above) * u128::from(burst.as_ps());
        let bits = u64::try_from(units / UNITS_PER_BIT).expect("a bucket beyond 64 bits of bits");
        Self {
            peak,
            baseline,
            bucket_bits: bits,
            credit_bits: bits,
        }
    }
}

/// The server of one direction. Its queue is kept by whoever offers frames.
#[derive(Clone, Debug)]
pub struct Shaper {
    peak: DataRate,
    baseline: DataRate,
    bucket: u128,
    /// Credits at `free_at`, in units, before what does not fit the bucket is lost.
    credit: u128,
    free_at: SimTime,
    busy: SimDuration,
    frames: u64,
    throttled: u64,
}

impl Shaper {
    /// A server that is idle.
    ///
    /// # Panics
    /// If the baseline is above the peak.
    #[must_use]
    pub fn new(plan: &ShaperPlan) -> Self {
        assert!(plan.baseline <= plan.peak, "the baseline is above the peak");
        let bucket_bits = if plan.baseline == plan.peak {
            0
        } else {
            plan.bucket_bits
        };
        let bucket = u128::from(bucket_bits) * UNITS_PER_BIT;
        Self {
            peak: plan.peak,
            baseline: plan.baseline,
            bucket,
            credit: (u128::from(plan.credit_bits) * UNITS_PER_BIT).min(bucket),
            free_at: SimTime::ZERO,
            busy: SimDuration::ZERO,
            frames: 0,
            throttled: 0,
        }
    }

    /// Serves a frame of `size` that is there from `ready` on, after all frames before it, and says
    /// when its last bit has left.
    pub fn serve(&mut self, ready: SimTime, size: ByteSize) -> SimTime {
        let start = ready.max(self.free_at);
        let at_peak = self.peak.transmission_time(size);
        let time = if self.baseline == self.peak {
            at_peak
        } else {
            self.time_with_credits(start, size, at_peak)
        };
        self.free_at = start + time;
        self.busy += time;
        self.frames += 1;
        self.free_at
    }

    /// The same for a frame whose last bit has just come in: its first bit may have been passed on
    /// before (cut-through), so that an idle server adds nothing, while a busy one still spaces
    /// frames by their time at its rate.
    pub fn serve_cut_through(&mut self, now: SimTime, size: ByteSize) -> SimTime {
        let lead = self.peak.transmission_time(size);
        let ready = SimTime::from_ps(now.as_ps().saturating_sub(lead.as_ps()));
        self.serve(ready, size).max(now)
    }

    /// Takes the credits of a frame and says how long it takes.
    fn time_with_credits(
        &mut self,
        start: SimTime,
        size: ByteSize,
        at_peak: SimDuration,
    ) -> SimDuration {
        let earned = |time: SimDuration| self.baseline_units(time);
        let credit = (self.credit + earned(start - self.free_at)).min(self.bucket);
        let need = u128::from(size.bytes()) * 8 * UNITS_PER_BIT;
        let (time, left) = match (credit + earned(at_peak)).checked_sub(need) {
            Some(left) => (at_peak, left),
            None => {
                let ps = (need - credit).div_ceil(u128::from(self.baseline.bps()));
                let ps = u64::try_from(ps).expect("a transmission time above 213 days");
                let time = SimDuration::from_ps(ps);
                self.throttled += 1;
                (time, credit + self.baseline_units(time) - need)
            }
        };
        self.credit = left;
        time
    }

    fn baseline_units(&self, time: SimDuration) -> u128 {
        u128::from(self.baseline.bps()) * u128::from(time.as_ps())
    }

    /// Credits at `now`, in whole bits; those of frames still being served are spent.
    #[must_use]
    pub fn credit_bits(&self, now: SimTime) -> u64 {
        let earned = self.baseline_units(now.saturating_since(self.free_at));
        let bits = (self.credit + earned).min(self.bucket) / UNITS_PER_BIT;
        u64::try_from(bits).unwrap_or(u64::MAX)
    }

    /// When the last frame so far has left.
    #[must_use]
    pub fn free_at(&self) -> SimTime {
        self.free_at
    }

    /// Time spent serving, up to [`Shaper::free_at`].
    #[must_use]
    pub fn busy(&self) -> SimDuration {
        self.busy
    }

    /// Frames served.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Frames that took longer than their time at the peak rate, for want of credits.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.throttled
    }

    /// Rate while credits last.
    #[must_use]
    pub fn peak(&self) -> DataRate {
        self.peak
    }
}

#[cfg(test)]
mod tests;

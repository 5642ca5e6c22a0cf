//! Simulated time: unsigned 64-bit picoseconds.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::ParseUnitError;
use crate::units::text::{self, Quantity};

/// An instant of simulated time, in picoseconds since the start of the run. It covers 213 days.
///
/// [`SimTime::MAX`] means *never*.
///
/// ```
/// use sim_core::{SimDuration, SimTime};
///
/// let sent = SimTime::ZERO + SimDuration::from_us(3);
/// assert_eq!(sent - SimTime::ZERO, SimDuration::from_ns(3_000));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SimTime(u64);

/// A span of simulated time, in picoseconds.
///
/// Its text form is exact in both directions: `"1.5 ms"`.
///
/// ```
/// use sim_core::SimDuration;
///
/// let delay: SimDuration = "1.5 ms".parse()?;
/// assert_eq!(delay, SimDuration::from_us(1_500));
/// assert_eq!(delay.to_string(), "1.5 ms");
/// # Ok::<(), sim_core::ParseUnitError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SimDuration(u64);

const PS_PER_NS: u64 = 1_000;
const PS_PER_US: u64 = 1_000_000;
const PS_PER_MS: u64 = 1_000_000_000;
const PS_PER_S: u64 = 1_000_000_000_000;

/// The units of a duration, smallest first.
const DURATION: Quantity = Quantity {
    name: "duration",
    suggested: "us",
    units: &[
        ("ps", 1),
        ("ns", PS_PER_NS),
        ("us", PS_PER_US),
        ("ms", PS_PER_MS),
        ("s", PS_PER_S),
        ("min", 60 * PS_PER_S),
        ("h", 3_600 * PS_PER_S),
    ],
    aliases: &[("µs", "us"), ("μs", "us")],
    max: u64::MAX,
    max_text: "213 days",
};

/// The units a duration is printed in: minutes and hours would hide the decimal scale.
const PRINTED: &[(&str, u64)] = &[
    ("ps", 1),
    ("ns", PS_PER_NS),
    ("us", PS_PER_US),
    ("ms", PS_PER_MS),
    ("s", PS_PER_S),
];

impl SimTime {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Never.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant this many picoseconds after the start.
    #[must_use]
    #[inline]
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// Picoseconds since the start.
    #[must_use]
    #[inline]
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// Whole nanoseconds since the start, rounded down.
    #[must_use]
    #[inline]
    pub const fn as_ns(self) -> u64 {
        self.0 / PS_PER_NS
    }

    /// The time since `earlier`, or zero if that is later.
    #[must_use]
    #[inline]
    pub const fn saturating_since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// The instant `duration` later, or *never* if that is beyond the range.
    #[must_use]
    #[inline]
    pub const fn saturating_add(self, duration: SimDuration) -> Self {
        Self(self.0.saturating_add(duration.0))
    }
}

impl SimDuration {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// The longest span, 213 days.
    pub const MAX: Self = Self(u64::MAX);

    /// This many picoseconds.
    #[must_use]
    #[inline]
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// This many nanoseconds.
    ///
    /// # Panics
    /// Above 213 days.
    #[must_use]
    pub const fn from_ns(ns: u64) -> Self {
        Self::scaled(ns, PS_PER_NS)
    }

    /// This many microseconds.
    ///
    /// # Panics
    /// Above 213 days.
    #[must_use]
    pub const fn from_us(us: u64) -> Self {
        Self::scaled(us, PS_PER_US)
    }

    /// This many milliseconds.
    ///
    /// # Panics
    /// Above 213 days.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self::scaled(ms, PS_PER_MS)
    }

    /// This many seconds.
    ///
    /// # Panics
    /// Above 213 days.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self::scaled(secs, PS_PER_S)
    }

    const fn scaled(count: u64, unit: u64) -> Self {
        match count.checked_mul(unit) {
            Some(ps) => Self(ps),
            None => panic!("a duration above 213 days"),
        }
    }

    /// Picoseconds.
    #[must_use]
    #[inline]
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// Whole nanoseconds, rounded down.
    #[must_use]
    #[inline]
    pub const fn as_ns(self) -> u64 {
        self.0 / PS_PER_NS
    }

    /// Seconds, for reports only: not exact.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / PS_PER_S as f64
    }

    /// Whether this is no time at all.
    #[must_use]
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The difference, or zero if `other` is longer.
    #[must_use]
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum, or the longest span if it is beyond the range.
    #[must_use]
    #[inline]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The sum, or nothing if it is beyond the range.
    #[must_use]
    #[inline]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(ps) => Some(Self(ps)),
            None => None,
        }
    }

    /// How many whole `other` fit into this span, rounded up.
    ///
    /// # Panics
    /// If `other` is zero.
    #[must_use]
    #[inline]
    pub const fn div_ceil(self, other: Self) -> u64 {
        self.0.div_ceil(other.0)
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;

    /// # Panics
    /// Beyond 213 days.
    #[inline]
    fn add(self, duration: SimDuration) -> Self {
        Self(
            self.0
                .checked_add(duration.0)
                .expect("an instant beyond 213 days"),
        )
    }
}

impl AddAssign<SimDuration> for SimTime {
    #[inline]
    fn add_assign(&mut self, duration: SimDuration) {
        *self = *self + duration;
    }
}

impl Sub for SimTime {
    type Output = SimDuration;

    /// # Panics
    /// If `earlier` is later.
    #[inline]
    fn sub(self, earlier: Self) -> SimDuration {
        SimDuration(
            self.0
                .checked_sub(earlier.0)
                .expect("a negative span of time"),
        )
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;

    /// # Panics
    /// Before the start of the run.
    #[inline]
    fn sub(self, duration: SimDuration) -> Self {
        Self(
            self.0
                .checked_sub(duration.0)
                .expect("an instant before the start of the run"),
        )
    }
}

impl Add for SimDuration {
    type Output = Self;

    /// # Panics
    /// Above 213 days.
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(
            self.0
                .checked_add(other.0)
                .expect("a duration above 213 days"),
        )
    }
}

impl AddAssign for SimDuration {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = Self;

    /// # Panics
    /// If `other` is longer.
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(
            self.0
                .checked_sub(other.0)
                .expect("a negative span of time"),
        )
    }
}

impl SubAssign for SimDuration {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<u64> for SimDuration {
    type Output = Self;

    /// # Panics
    /// Above 213 days.
    #[inline]
    fn mul(self, factor: u64) -> Self {
        Self(
            self.0
                .checked_mul(factor)
                .expect("a duration above 213 days"),
        )
    }
}

impl Div<u64> for SimDuration {
    type Output = Self;

    /// Rounded down.
    ///
    /// # Panics
    /// If the divisor is zero.
    #[inline]
    fn div(self, divisor: u64) -> Self {
        Self(self.0 / divisor)
    }
}

impl Sum for SimDuration {
    fn sum<I: Iterator<Item = Self>>(durations: I) -> Self {
        durations.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::print(f, self.0, PRINTED)
    }
}

impl fmt::Debug for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::MAX {
            f.pad("never")
        } else {
            text::print(f, self.0, PRINTED)
        }
    }
}

impl fmt::Debug for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SimDuration {
    type Err = ParseUnitError;

    fn from_str(value: &str) -> Result<Self, ParseUnitError> {
        DURATION.parse(value).map(Self)
    }
}

impl FromStr for SimTime {
    type Err = ParseUnitError;

    fn from_str(value: &str) -> Result<Self, ParseUnitError> {
        if value.trim() == "never" {
            Ok(Self::MAX)
        } else {
            DURATION.parse(value).map(Self)
        }
    }
}

text::serde_as_text!(SimDuration, SimTime);

#[cfg(test)]
mod tests;

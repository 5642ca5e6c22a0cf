//! Distributions of durations and sizes.
//!
//! Floats come in here and nowhere else in a simulation, through `libm` and never through the
//! platform's own functions, so that a draw has the same bits on every machine. Each sample takes
//! a fixed number of draws (stated at the function), except for the rejections of [`below`], whose
//! probability is below 2^-32 for every bound under 2^32.

use rand::Rng;

use crate::time::SimDuration;
use crate::units::Ratio;

/// A uniform integer below `bound`, without bias (Lemire, ACM TOMACS 29(1), 2019). One draw.
///
/// # Panics
/// If `bound` is zero.
#[inline]
pub fn below(rng: &mut impl Rng, bound: u64) -> u64 {
    assert!(bound > 0, "there is no integer below zero");
    let mut product = u128::from(rng.next_u64()) * u128::from(bound);
    if low(product) < bound {
        let threshold = bound.wrapping_neg() % bound;
        while low(product) < threshold {
            product = u128::from(rng.next_u64()) * u128::from(bound);
        }
    }
    high(product)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low half is what is asked for"
)]
const fn low(product: u128) -> u64 {
    product as u64
}

const fn high(product: u128) -> u64 {
    (product >> 64) as u64
}

/// A uniform integer from `low` to `high`, both included. One draw.
///
/// # Panics
/// If `low > high`.
pub fn uniform_u64(rng: &mut impl Rng, low: u64, high: u64) -> u64 {
    assert!(low <= high, "an empty range");
    match (high - low).checked_add(1) {
        Some(width) => low + below(rng, width),
        None => rng.next_u64(),
    }
}

/// A uniform duration from `low` to `high`, both included. One draw.
///
/// # Panics
/// If `low > high`.
pub fn uniform(rng: &mut impl Rng, low: SimDuration, high: SimDuration) -> SimDuration {
    SimDuration::from_ps(uniform_u64(rng, low.as_ps(), high.as_ps()))
}

/// An exponential duration with this mean, rounded to a picosecond. One draw.
///
/// The longest possible sample is 36.7 means: the draw has 53 bits.
pub fn exponential(rng: &mut impl Rng, mean: SimDuration) -> SimDuration {
    from_ps_f64(-libm::log(open_unit(rng)) * mean.as_ps() as f64)
}

/// A log-normal duration: its logarithm has the standard deviation `sigma`. Two draws.
pub fn lognormal(rng: &mut impl Rng, median: SimDuration, sigma: Ratio) -> SimDuration {
    from_ps_f64(libm::exp(sigma.as_f64() * normal(rng)) * median.as_ps() as f64)
}

/// A Pareto duration: at least `minimum`, longer than `x` with probability `(minimum / x)^shape`.
/// One draw.
///
/// # Panics
/// If `shape` is zero.
pub fn pareto(rng: &mut impl Rng, minimum: SimDuration, shape: Ratio) -> SimDuration {
    assert!(
        !shape.is_zero(),
        "a Pareto distribution needs a shape above zero"
    );
    from_ps_f64(libm::pow(open_unit(rng), -1.0 / shape.as_f64()) * minimum.as_ps() as f64)
}

/// A standard normal variate (Box and Muller, 1958). Two draws.
fn normal(rng: &mut impl Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(open_unit(rng)));
    radius * libm::cos(std::f64::consts::TAU * open_unit(rng))
}

/// A uniform variate in (0, 1]: never zero, so that its logarithm exists.
fn open_unit(rng: &mut impl Rng) -> f64 {
    const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
    ((rng.next_u64() >> 11) + 1) as f64 * STEP
}

/// Rounds to the nearest picosecond; what is beyond the range becomes the longest duration.
fn from_ps_f64(ps: f64) -> SimDuration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative, and the cast saturates"
    )]
    SimDuration::from_ps(libm::round(ps) as u64)
}

/// A distribution given by values and their integer weights, such as a measured one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Empirical {
    /// Values with the sum of all weights up to and including their own.
    cumulated: Vec<(u64, u64)>,
    total: u64,
}

impl Empirical {
    /// The distribution in which each value has a probability in proportion to its weight, unless
    /// the weights sum to zero or beyond 64 bits.
    #[must_use]
    pub fn new(weighted: &[(u64, u64)]) -> Option<Self> {
        let mut total = 0_u64;
        let mut cumulated = Vec::with_capacity(weighted.len());
        for &(value, weight) in weighted.iter().filter(|(_, weight)| *weight > 0) {
            total = total.checked_add(weight)?;
            cumulated.push((value, total));
        }
        (total > 0).then_some(Self { cumulated, total })
    }

    /// One of the values. One draw.
    pub fn sample(&self, rng: &mut impl Rng) -> u64 {
        let draw = below(rng, self.total);
        self.cumulated[self.cumulated.partition_point(|&(_, upto)| upto <= draw)].0
    }
}

#[cfg(test)]
mod tests;

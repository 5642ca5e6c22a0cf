//! Mean, spread and confidence interval of a few numbers.

use serde::{Deserialize, Serialize};

use super::student_t_quantile;

/// Number, mean and variance of a sample (Welford's algorithm), such as one value per
/// replication.
///
/// ```
/// use sim_core::Summary;
///
/// let replications: Summary = [10.0, 12.0, 11.0, 13.0].into_iter().collect();
/// let (lo, hi) = replications.interval(0.95).expect("two values or more");
/// assert!((lo - 9.446).abs() < 0.001 && (hi - 13.554).abs() < 0.001);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    n: u64,
    mean: f64,
    /// Sum of the squared deviations from the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl Summary {
    /// Of no numbers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            n: 0,
            mean: 0.0,
            squares: 0.0,
            min: f64::MAX,
            max: f64::MIN,
        }
    }

    /// Adds a number.
    pub fn record(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// How many numbers.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.n
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Their mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// The least.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }

    /// The variance of the distribution they come from, estimated with `n - 1`.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.n > 1).then(|| self.squares / (self.n - 1) as f64)
    }

    /// The standard deviation of the mean.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        self.variance()
            .map(|variance| libm::sqrt(variance / self.n as f64))
    }

    /// Student's interval for the mean at a confidence level such as 0.95: (low, high). Nothing
    /// for fewer than two numbers.
    ///
    /// # Panics
    /// If the level is not between 0 and 1.
    #[must_use]
    pub fn interval(&self, level: f64) -> Option<(f64, f64)> {
        assert!(
            level > 0.0 && level < 1.0,
            "a confidence level is between 0 and 1: {level}"
        );
        let error = self.standard_error()?;
        let half = error * student_t_quantile((1.0 + level) / 2.0, (self.n - 1) as f64);
        Some((self.mean - half, self.mean + half))
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<f64> for Summary {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut summary = Self::new();
        values.into_iter().for_each(|value| summary.record(value));
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;
    use proptest::prelude::*;

    #[test]
    fn few_numbers_claim_little() {
        let of = |values: &[f64]| values.iter().copied().collect::<Summary>();
        assert_eq!(
            (of(&[]).mean(), of(&[]).min(), of(&[]).max()),
            (None, None, None)
        );
        assert_eq!(
            (of(&[3.0]).mean(), of(&[3.0]).variance()),
            (Some(3.0), None)
        );
        assert_eq!(of(&[3.0]).interval(0.95), None);
        assert_eq!(of(&[3.0, 3.0]).interval(0.95), Some((3.0, 3.0)));
        assert_eq!(
            (of(&[4.0, 2.0]).min(), of(&[4.0, 2.0]).max()),
            (Some(2.0), Some(4.0))
        );
    }

    #[test]
    fn a_textbook_interval() {
        // Ten values with mean 5.5 and variance 55/6; t(0.975, 9) = 2.2621571628.
        let summary: Summary = (1..=10).map(f64::from).collect();
        assert!((summary.variance().unwrap() - 55.0 / 6.0).abs() < 1e-12);
        let (low, high) = summary.interval(0.95).unwrap();
        let half = 2.262_157_162_8 * (55.0_f64 / 60.0).sqrt();
        assert!((low - (5.5 - half)).abs() < 1e-9 && (high - (5.5 + half)).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_large_offset_does_not_spoil_the_variance(
            values in prop::collection::vec(-100..100_i32, 2..50)
        ) {
            let near: Summary = values.iter().map(|&value| f64::from(value)).collect();
            let far: Summary = values.iter().map(|&value| f64::from(value) + 1e9).collect();
            prop_assert!((near.variance().unwrap() - far.variance().unwrap()).abs() < 1e-3);
        }
    }
}

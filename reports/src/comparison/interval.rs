//! Intervals over replications.
//!
//! All take the level `alpha` as the probability of missing on either side together: 0.05 for a
//! 95 % interval. Logarithms and exponentials come from `libm`, so that every machine agrees.

use sim_core::student_t_quantile;

/// Confidence level of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// A mean over replications, with its interval if there are at least two of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Lower and upper end; `None` for a single replication.
    pub interval: Option<(f64, f64)>,
    /// Replications.
    pub n: u32,
}

/// Mean and Student-t interval of independent values; `None` if there are none.
///
/// Values without variance give an interval of zero width.
#[must_use]
pub fn mean(values: &[f64], alpha: f64) -> Option<Mean> {
    let n = u32::try_from(values.len()).ok().filter(|n| *n > 0)?;
    let count = f64::from(n);
    let value = values.iter().sum::<f64>() / count;
    if n == 1 {
        return Some(Mean {
            value,
            interval: None,
            n,
        });
    }
    let squares: f64 = values.iter().map(|v| (v - value) * (v - value)).sum();
    let standard_error = libm::sqrt(squares / (count - 1.0) / count);
    let half = student_t_quantile(1.0 - alpha / 2.0, count - 1.0) * standard_error;
    Some(Mean {
        value,
        interval: Some((value - half, value + half)),
        n,
    })
}

/// Mean of the paired differences `pair.0 - pair.1` and its Student-t interval.
#[must_use]
pub fn paired_difference(pairs: &[(f64, f64)], alpha: f64) -> Option<Mean> {
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    mean(&differences, alpha)
}

/// Geometric mean of the paired ratios `pair.0 / pair.1` and its interval.
///
/// The interval is Student's on the logarithms, taken back. Unlike Fieller's it exists whenever all
/// values are positive, it is the same whichever side is the baseline (the reciprocal), and the
/// ratio of multiplicative effects such as cost per packet is what it estimates. `None` if a value
/// is zero or negative.
#[must_use]
pub fn paired_ratio(pairs: &[(f64, f64)], alpha: f64) -> Option<Mean> {
    let mut logarithms = Vec::with_capacity(pairs.len());
    for (a, b) in pairs {
        if *a <= 0.0 || *b <= 0.0 {
            return None;
        }
        logarithms.push(libm::log(a / b));
    }
    let Mean { value, interval, n } = mean(&logarithms, alpha)?;
    let interval = interval.map(|(lo, hi)| (libm::exp(lo), libm::exp(hi)));
    Some(Mean {
        value: libm::exp(value),
        interval,
        n,
    })
}

/// Level of one interval so that `comparisons` of them hold together with 95 % (Bonferroni).
#[must_use]
pub fn bonferroni(comparisons: u32) -> f64 {
    (1.0 - CONFIDENCE) / f64::from(comparisons.max(1))
}

/// Upper 95 % limit of a failure rate when none of `n` requests failed (Clopper and Pearson 1934,
/// two-sided). Replications without a failure have no variance, yet do not prove that the rate is
/// zero.
#[must_use]
pub fn upper_limit_without_failures(n: u64) -> f64 {
    let alpha = 1.0 - CONFIDENCE;
    // 1 - (alpha/2)^(1/n), written so that a large n loses no digits.
    -libm::expm1(libm::log(alpha / 2.0) / n.max(1) as f64)
}

/// `value` rounded half away from zero to `decimals` places.
pub(crate) fn rounded(value: f64, decimals: u32) -> f64 {
    let scale = libm::pow(10.0, f64::from(decimals));
    let rounded = libm::round(value * scale) / scale;
    // A negative zero would be printed with its sign.
    if rounded.abs() > 0.0 { rounded } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() < 5e-4, "{value} is not {expected}");
    }

    /// By hand: differences 2, 4, 3, 5, 1; mean 3, variance 10/4, standard error 0.70711,
    /// t(0.975, 4) = 2.77645.
    #[test]
    fn the_paired_interval_is_the_one_computed_by_hand() {
        let pairs = [
            (12.0, 10.0),
            (24.0, 20.0),
            (18.0, 15.0),
            (30.0, 25.0),
            (8.0, 7.0),
        ];
        let mean = paired_difference(&pairs, 0.05).expect("there are pairs");
        let (lo, hi) = mean.interval.expect("there are five");
        close(mean.value, 3.0);
        close(lo, 3.0 - 1.963_24);
        close(hi, 3.0 + 1.963_24);
        assert_eq!(mean.n, 5);
    }

    /// By hand: logarithms 0.1, 0.2, 0.3; standard error 0.057735, t(0.975, 2) = 4.302653.
    #[test]
    fn the_ratio_interval_is_the_one_computed_by_hand() {
        let pairs = [0.1, 0.2, 0.3].map(|l| (libm::exp(l) * 7.0, 7.0));
        let mean = paired_ratio(&pairs, 0.05).expect("all are positive");
        let (lo, hi) = mean.interval.expect("there are three");
        close(mean.value, 1.221_40);
        close(lo, 0.952_74);
        close(hi, 1.565_83);
    }

    #[test]
    fn the_ratio_seen_from_the_other_side_is_the_reciprocal() {
        let pairs = [(3.0, 2.0), (5.0, 4.0), (9.0, 5.0)];
        let swapped = pairs.map(|(a, b)| (b, a));
        let there = paired_ratio(&pairs, 0.05).expect("positive");
        let back = paired_ratio(&swapped, 0.05).expect("positive");
        close(there.value * back.value, 1.0);
        let ((lo, _), (_, hi)) = (
            there.interval.expect("three"),
            back.interval.expect("three"),
        );
        close(lo * hi, 1.0);
    }

    #[test]
    fn a_ratio_to_zero_does_not_exist() {
        assert_eq!(paired_ratio(&[(1.0, 0.0), (1.0, 1.0)], 0.05), None);
        assert_eq!(paired_ratio(&[(0.0, 1.0)], 0.05), None);
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_no_mean() {
        assert_eq!(
            mean(&[7.0], 0.05),
            Some(Mean {
                value: 7.0,
                interval: None,
                n: 1
            })
        );
        assert_eq!(mean(&[], 0.05), None);
    }

    #[test]
    fn equal_values_have_an_interval_without_width() {
        let mean = mean(&[7.0; 5], 0.05).expect("five values");
        assert_eq!(mean.interval, Some((7.0, 7.0)));
    }

    /// Bonferroni's t for three comparisons and nine degrees of freedom is 2.933 in the tables;
    /// without correction it is 2.262.
    #[test]
    fn the_correction_widens_the_interval_as_the_tables_say() {
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        let half = |alpha: f64| {
            let (lo, hi) = mean(&values, alpha)
                .and_then(|m| m.interval)
                .expect("ten values");
            (hi - lo) / 2.0
        };
        // Standard error of 0..=9: sqrt(82.5 / 9 / 10).
        let standard_error = libm::sqrt(82.5 / 90.0);
        close(half(bonferroni(1)) / standard_error, 2.262_16);
        close(half(bonferroni(3)) / standard_error, 2.933_32);
    }

    /// Clopper and Pearson: 0 of 100 has the two-sided 95 % limit 3.62 %.
    #[test]
    fn no_failure_is_no_proof_of_zero() {
        close(upper_limit_without_failures(100), 0.036_217);
        assert!(upper_limit_without_failures(1_000_000_000) > 0.0);
    }

    #[test]
    fn rounding_never_prints_a_negative_zero() {
        assert_eq!(rounded(-0.2, 0).to_string(), "0");
        assert_eq!(rounded(2.5, 0).to_string(), "3");
        assert_eq!(rounded(0.123_456_7, 6).to_string(), "0.123457");
    }
}

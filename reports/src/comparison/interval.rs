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

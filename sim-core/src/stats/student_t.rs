//! Student's t distribution.

/// The probability that a variate with Student's distribution is at most `t`.
///
/// `df` is the degrees of freedom, which Welch's test makes fractional.
///
/// # Panics
/// If `df` is not positive.
#[must_use]
pub fn student_t_cdf(t: f64, df: f64) -> f64 {
    assert!(df > 0.0, "degrees of freedom are positive: {df}");
    let tail = upper_tail(t.abs(), df);
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// The value that a variate with Student's distribution is below with probability `p`: what a
/// confidence interval multiplies the standard error with. Accurate to about 1e-10.
///
/// # Panics
/// If `p` is not strictly between 0 and 1, or `df` is not positive.
#[must_use]
pub fn student_t_quantile(p: f64, df: f64) -> f64 {
    assert!(
        p > 0.0 && p < 1.0,
        "a probability strictly between 0 and 1: {p}"
    );
    assert!(df > 0.0, "degrees of freedom are positive: {df}");
    // By symmetry, look for the upper quantile of the smaller tail.
    let tail = p.min(1.0 - p);
    let mut high = 1.0;
    while upper_tail(high, df) > tail {
        high *= 2.0;
    }
    let mut low = 0.0;
    // Bisection needs no derivative and cannot fail; this is not a hot path.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if upper_tail(middle, df) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    let t = 0.5 * (low + high);
    if p < 0.5 { -t } else { t }
}

/// The probability of a value above `t >= 0` (Abramowitz and Stegun, 26.7.1 and 26.5.27).
fn upper_tail(t: f64, df: f64) -> f64 {
    0.5 * incomplete_beta(df / (df + t * t), t * t / (df + t * t), 0.5 * df, 0.5)
}

/// The regularised incomplete beta function I_x(a, b), with `y = 1 - x` given apart so that it
/// loses no digits.
fn incomplete_beta(x: f64, y: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let scale = libm::exp(
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
            + a * libm::log(x)
            + b * libm::log(y),
    );
    // The fraction converges fast on one side of the mean, and the other side is its mirror.
    if x < (a + 1.0) / (a + b + 2.0) {
        scale * continued_fraction(x, a, b) / a
    } else {
        1.0 - scale * continued_fraction(y, b, a) / b
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun, 26.5.8),
/// evaluated from the front by Lentz's method.
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..=1_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + numerator * d);
            c = away_from_zero(1.0 + numerator / c);
            change = c * d;
            result *= change;
        }
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{student_t_cdf, student_t_quantile};
    use proptest::prelude::*;

    /// Tables of the t distribution, to ten digits.
    #[test]
    fn agrees_with_the_tables() {
        let table = [
            (0.975, 1.0, 12.706_204_736_4),
            (0.975, 2.0, 4.302_652_729_9),
            (0.975, 5.0, 2.570_581_835_6),
            (0.975, 9.0, 2.262_157_162_8),
            (0.975, 29.0, 2.045_229_642_1),
            (0.975, 100.0, 1.983_971_518_4),
            (0.995, 1.0, 63.656_741_162_9),
            (0.995, 2.0, 9.924_843_200_9),
            (0.995, 5.0, 4.032_142_983_6),
            (0.995, 9.0, 3.249_835_541_6),
            (0.995, 29.0, 2.756_385_903_7),
            (0.995, 100.0, 2.625_890_521_4),
            (0.95, 9.0, 1.833_112_932_7),
            (0.75, 1.0, 1.0),
            (0.5, 7.0, 0.0),
        ];
        for (p, df, expected) in table {
            let t = student_t_quantile(p, df);
            assert!(
                (t - expected).abs() < 1e-6,
                "t({p}, {df}) = {t}, table {expected}"
            );
            let mirrored = student_t_quantile(1.0 - p, df);
            assert!(
                (mirrored + expected).abs() < 1e-6,
                "t(1 - {p}, {df}) = {mirrored}"
            );
        }
    }

    #[test]
    fn closed_forms_of_one_and_two_degrees() {
        for p in [0.6, 0.9, 0.99, 0.999_9] {
            let cauchy = (std::f64::consts::PI * (p - 0.5)).tan();
            assert!((student_t_quantile(p, 1.0) / cauchy - 1.0).abs() < 1e-9);
            let two = (2.0 * p - 1.0) * (0.5 / (p * (1.0 - p))).sqrt();
            assert!((student_t_quantile(p, 2.0) / two - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn many_degrees_are_normal() {
        let t = student_t_quantile(0.975, 1e7);
        assert!((t - 1.959_963_984_5).abs() < 1e-6, "{t}");
    }

    proptest! {
        #[test]
        fn quantile_inverts_the_distribution(p in 0.001..0.999_f64, df in 1.0..500.0_f64) {
            prop_assert!((student_t_cdf(student_t_quantile(p, df), df) - p).abs() < 1e-9);
        }

        #[test]
        fn more_degrees_make_a_narrower_interval(p in 0.6..0.999_f64, df in 1.0..100.0_f64) {
            prop_assert!(student_t_quantile(p, df + 1.0) < student_t_quantile(p, df));
        }
    }
}

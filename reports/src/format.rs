//! Numbers as a person reads them: three significant digits, SI prefixes, a space before the unit.

use crate::results::{Estimate, Metric};

/// Placeholder for a number that does not exist.
pub const NOTHING: &str = "–";

/// `value` with three significant digits, below 1000 without exponent: `1.23`, `12.3`, `123`.
fn three_digits(value: f64) -> String {
    for decimals in [2, 1] {
        let text = format!("{value:.decimals$}");
        // Rounding may add a digit: 9.996 is 10.0 and not 10.00.
        if text.trim_start_matches('-').len() <= 4 {
            return text;
        }
    }
    format!("{value:.0}")
}

/// Scales `value` by the first prefix under which it prints with at most three whole digits.
fn scaled(value: f64, steps: &[(f64, &str)]) -> (f64, String) {
    for (divisor, unit) in steps {
        if (value / divisor).abs() < 999.5 {
            return (*divisor, (*unit).to_owned());
        }
    }
    let (divisor, unit) = steps.last().expect("every unit has a step");
    (*divisor, (*unit).to_owned())
}

const NANOSECONDS: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
const BITS_PER_SECOND: [(f64, &str); 5] = [
    (1.0, "bit/s"),
    (1e3, "kbit/s"),
    (1e6, "Mbit/s"),
    (1e9, "Gbit/s"),
    (1e12, "Tbit/s"),
];

/// A time in nanoseconds, such as `12.3 µs`.
#[must_use]
pub fn nanoseconds(ns: f64) -> String {
    let (divisor, unit) = scaled(ns, &NANOSECONDS);
    if divisor <= 1.0 {
        format!("{ns:.0} ns")
    } else {
        format!("{} {unit}", three_digits(ns / divisor))
    }
}

/// A round time beside an axis, without needless zeros: `80 µs`, `1.5 ms`.
#[must_use]
pub fn tick(ns: f64) -> String {
    let text = nanoseconds(ns);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!(
                "{} {unit}",
                number.trim_end_matches('0').trim_end_matches('.')
            )
        }
        _ => text,
    }
}

/// A data rate in bit/s, such as `9.41 Gbit/s`.
#[must_use]
pub fn bits_per_second(bps: f64) -> String {
    let (divisor, unit) = scaled(bps, &BITS_PER_SECOND);
    if divisor <= 1.0 {
        format!("{bps:.0} bit/s")
    } else {
        format!("{} {unit}", three_digits(bps / divisor))
    }
}

/// An integer with commas between groups of three digits.
#[must_use]
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its sign, `+0.6` or `-0.4`.
#[must_use]
pub fn signed(value: f64, decimals: usize) -> String {
    format!("{value:+.decimals$}")
}

/// A rate of requests, whole above 100 per second.
#[must_use]
pub fn per_second(rate: f64) -> String {
    if rate >= 99.95 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive; saturates far above any rate"
        )]
        let whole = libm::round(rate) as u64;
        grouped(whole)
    } else {
        three_digits(rate)
    }
}

/// A share between 0 and 1 as percentage; small ones keep two significant digits.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() <= 0.0 {
        "0 %".to_owned()
    } else if percent < 0.001 {
        "<0.001 %".to_owned()
    } else if percent < 0.1 {
        format!("{percent:.3} %")
    } else if percent < 99.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// The estimate of a metric in its own unit.
#[must_use]
pub fn metric(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Throughput => bits_per_second(value),
        Metric::Requests => format!("{}/s", per_second(value)),
        Metric::Errors => percent(value),
        _ => nanoseconds(value),
    }
}

/// The estimate alone, or a dash.
#[must_use]
pub fn estimate(kind: Metric, estimate: Option<&Estimate>) -> String {
    let text = |value| match kind {
        // The heading names the unit.
        Metric::Requests => per_second(value),
        _ => metric(kind, value),
    };
    estimate
        .and_then(|e| e.estimate)
        .map_or_else(|| NOTHING.to_owned(), text)
}

/// The estimate with half the width of its interval, one unit and one number of decimals for both:
/// `12.34 ± 0.05 µs`. Without an interval, or with one of no width, the estimate alone.
#[must_use]
pub fn with_interval(kind: Metric, value: &Estimate) -> String {
    let plain = estimate(kind, Some(value));
    let (Some(centre), Some(lo), Some(hi)) = (value.estimate, value.lo, value.hi) else {
        return plain;
    };
    let half = (hi - lo) / 2.0;
    // The interval of a rate without failures is one-sided: it has no middle.
    if half <= 0.0 || (kind == Metric::Errors && centre <= 0.0) {
        return plain;
    }
    let (divisor, unit) = match kind {
        Metric::Errors => (0.01, "%".to_owned()),
        Metric::Requests => (1.0, String::new()),
        Metric::Throughput => scaled(centre, &BITS_PER_SECOND),
        _ => scaled(centre, &NANOSECONDS),
    };
    let half = half / divisor;
    let decimals = match kind {
        Metric::Errors if half < 0.095 => 3,
        _ if half < 0.095 => 2,
        _ if half < 1.95 => 1,
        _ => 0,
    };
    let shown = if libm::round(half * 1000.0) < 5.0 && decimals == 2 {
        "<0.01".to_owned()
    } else {
        format!("{half:.decimals$}")
    };
    let number = match kind {
        Metric::Requests if decimals == 0 => per_second(centre),
        _ => format!("{:.decimals$}", centre / divisor),
    };
    format!("{number} ± {shown} {unit}").trim_end().to_owned()
}

/// A difference with its sign and interval, one unit for all three: `+1.23 [+1.20, +1.26] µs`.
#[must_use]
pub fn difference(kind: Metric, value: f64, (lo, hi): (f64, f64)) -> String {
    let largest = value.abs().max(lo.abs()).max(hi.abs());
    if largest <= 0.0 {
        return "0".to_owned();
    }
    let (divisor, unit) = match kind {
        Metric::Errors => (0.01, "points".to_owned()),
        Metric::Requests => (1.0, "/s".to_owned()),
        Metric::Throughput => scaled(largest, &BITS_PER_SECOND),
        _ => scaled(largest, &NANOSECONDS),
    };
    let width = (hi - lo) / divisor;
    let decimals = match (kind, width) {
        (Metric::Errors, _) => 3,
        (_, width) if width < 0.2 => 2,
        (_, width) if width < 20.0 => 1,
        _ => 0,
    };
    let [value, lo, hi] = [value, lo, hi].map(|v| signed(v / divisor, decimals));
    format!("{value} [{lo}, {hi}] {unit}")
}

/// A ratio with half the width of its interval, as hyperfine prints it: `1.33 ± 0.02`. A narrow
/// interval earns a third decimal.
#[must_use]
pub fn ratio(value: f64, ends: Option<(f64, f64)>) -> String {
    let half = ends.map(|(lo, hi)| (hi - lo) / 2.0);
    match half {
        None => format!("{value:.2}"),
        Some(half) if half <= 0.0 && (value - 1.0).abs() <= 0.0 => format!("{value:.2}"),
        Some(half) if half < 0.0005 => format!("{value:.3} ± <0.001"),
        Some(half) if half < 0.005 => format!("{value:.3} ± {half:.3}"),
        Some(half) if value < 99.5 => format!("{value:.2} ± {half:.2}"),
        Some(half) => format!("{value:.0} ± {half:.0}"),
    }
}

/// A length of time that was set by a person, without needless zeros: `2 s`, `1.5 ms`.
#[must_use]
pub fn set_time(ns: u64) -> String {
    for (divisor, unit) in [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")] {
        if ns >= divisor {
            let fraction = format!("{:09}", (ns % divisor) * (1_000_000_000 / divisor));
            let digits = format!("{}.{fraction}", ns / divisor);
            return format!(
                "{} {unit}",
                digits.trim_end_matches('0').trim_end_matches('.')
            );
        }
    }
    format!("{ns} ns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_never_adds_a_digit() {
        assert_eq!(nanoseconds(999.0), "999 ns");
        assert_eq!(nanoseconds(999.6), "1.00 µs");
        assert_eq!(nanoseconds(9_996.0), "10.0 µs");
        assert_eq!(nanoseconds(99_960.0), "100 µs");
        assert_eq!(nanoseconds(999_600.0), "1.00 ms");
        assert_eq!(nanoseconds(100e9), "100 s");
        assert_eq!(tick(80_000.0), "80 µs");
        assert_eq!(tick(1_500_000.0), "1.5 ms");
        assert_eq!(tick(200.0), "200 ns");
    }

    #[test]
    fn rates_use_decimal_prefixes() {
        assert_eq!(bits_per_second(0.0), "0 bit/s");
        assert_eq!(bits_per_second(9.414e9), "9.41 Gbit/s");
        assert_eq!(per_second(12_345.4), "12,345");
        assert_eq!(per_second(2.3456), "2.35");
    }

    #[test]
    fn groups_are_of_three_digits() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn a_small_share_is_never_printed_as_zero() {
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.000_001), "<0.001 %");
        assert_eq!(percent(0.0004), "0.040 %");
        assert_eq!(percent(0.0123), "1.2 %");
        assert_eq!(percent(1.0), "100 %");
    }

    fn around(estimate: f64, half: f64) -> Estimate {
        let [lo, hi] = [estimate - half, estimate + half].map(Some);
        Estimate {
            estimate: Some(estimate),
            lo,
            hi,
            ..Estimate::default()
        }
    }

    #[test]
    fn an_estimate_has_as_many_decimals_as_its_interval() {
        let latency = |e, h| with_interval(Metric::LatencyP50, &around(e, h));
        assert_eq!(latency(12_340.0, 50.0), "12.34 ± 0.05 µs");
        assert_eq!(latency(405_120.0, 540.0), "405.1 ± 0.5 µs");
        assert_eq!(latency(616_000.0, 18_000.0), "616 ± 18 µs");
        assert_eq!(latency(616_000.0, 1.0), "616.00 ± <0.01 µs");
        assert_eq!(latency(616_000.0, 0.0), "616 µs");
        assert_eq!(
            with_interval(Metric::Requests, &around(1800.0, 4.0)),
            "1,800 ± 4"
        );
        assert_eq!(
            with_interval(Metric::Errors, &around(0.0002, 0.0001)),
            "0.020 ± 0.010 %"
        );
        assert_eq!(with_interval(Metric::Errors, &around(0.0, 0.0001)), "0 %");
    }

    #[test]
    fn differences_carry_their_sign() {
        let text = difference(Metric::LatencyP50, 1_234.0, (-1_204.0, 1_264.0));
        assert_eq!(text, "+1.2 [-1.2, +1.3] µs");
        let text = difference(Metric::Errors, -0.002, (-0.003, -0.001));
        assert_eq!(text, "-0.200 [-0.300, -0.100] points");
        assert_eq!(difference(Metric::Throughput, 0.0, (0.0, 0.0)), "0");
    }

    #[test]
    fn set_times_have_no_needless_zeros() {
        assert_eq!(set_time(2_000_000_000), "2 s");
        assert_eq!(set_time(1_500_000), "1.5 ms");
        assert_eq!(set_time(200_000_000), "200 ms");
        assert_eq!(set_time(7), "7 ns");
    }

    #[test]
    fn ratios_read_like_hyperfine() {
        assert_eq!(ratio(1.333, Some((1.313, 1.353))), "1.33 ± 0.02");
        assert_eq!(ratio(1.0023, Some((1.0013, 1.0033))), "1.002 ± 0.001");
        assert_eq!(ratio(1.0, Some((0.9999, 1.0001))), "1.000 ± <0.001");
        assert_eq!(ratio(1.0, Some((1.0, 1.0))), "1.00");
        assert_eq!(ratio(1.0, None), "1.00");
    }
}

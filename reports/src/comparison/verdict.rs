//! What a paired comparison says, in numbers and in words.

use super::interval::{self, Mean, bonferroni, rounded};
use super::{Runs, estimate, outcome_of};
use crate::format;
use crate::record::ModeRecord;
use crate::results::{Difference, Direction, Metric, Outcome, WorkloadResult};

/// Relative width of a bucket of the latency histogram (three significant digits). A difference
/// below it may come from rounding to buckets, however often it repeats.
const RESOLUTION: f64 = 0.001;

/// The other side of a comparison.
pub(super) struct Against<'a> {
    runs: &'a Runs<'a>,
    /// What it is called.
    name: &'static str,
    /// Why it has no numbers; `None` if it has.
    obstacle: Option<String>,
}

impl<'a> Against<'a> {
    pub(super) fn new(mode: Option<&ModeRecord>, runs: &'a Runs<'a>) -> Self {
        let obstacle = match mode {
            None => Some("baseline was not run".to_owned()),
            Some(mode) if !mode.deployable => Some("baseline not deployable".to_owned()),
            Some(_) if runs.is_empty() => Some("baseline has no such workload".to_owned()),
            Some(_) => match outcome_of(runs).0 {
                Outcome::Measured => None,
                outcome => Some(format!("baseline {}", outcome.word())),
            },
        };
        let name = "the baseline";
        Self {
            runs,
            name,
            obstacle,
        }
    }

    /// The same workload without neighbours.
    pub(super) fn alone(runs: &'a Runs<'a>) -> Self {
        let outcome = outcome_of(runs).0;
        let word = outcome.word();
        Self {
            runs,
            name: "the runs without neighbours",
            obstacle: (outcome != Outcome::Measured).then(|| format!("{word} without neighbours")),
        }
    }
}

/// Compares `runs` with the baseline in one metric; `comparisons` modes are compared in all.
pub(super) fn difference(
    metric: Metric,
    result: &WorkloadResult,
    runs: &Runs<'_>,
    against: &Against<'_>,
    comparisons: u32,
) -> Difference {
    if let Some(obstacle) = obstacle(metric, result, runs, against) {
        return not_comparable(&obstacle, comparisons);
    }
    let pairs = pairs(metric, runs, against.runs);
    let alpha = bonferroni(comparisons);
    let Some(diff) = interval::paired_difference(&pairs, alpha) else {
        return not_comparable("no replication in common", comparisons);
    };
    let ratio = interval::paired_ratio(&pairs, alpha);
    let (direction, verdict) = judge(metric, diff, ratio);
    let decimals = estimate::decimals(metric);
    let ends = |m: Mean| m.interval.unzip();
    let (lo, hi) = ends(diff);
    let (ratio_lo, ratio_hi) = ratio.map_or((None, None), ends);
    Difference {
        ratio: ratio.map(|r| rounded(r.value, 6)),
        ratio_lo: ratio_lo.map(|r| rounded(r, 6)),
        ratio_hi: ratio_hi.map(|r| rounded(r, 6)),
        diff: Some(rounded(diff.value, decimals)),
        lo: lo.map(|d| rounded(d, decimals)),
        hi: hi.map(|d| rounded(d, decimals)),
        n: diff.n,
        comparisons,
        direction,
        verdict,
    }
}

/// Values of both modes in the replications that both have.
fn pairs(metric: Metric, runs: &Runs<'_>, baseline: &Runs<'_>) -> Vec<(f64, f64)> {
    let mut pairs = Vec::with_capacity(runs.len());
    for (index, run) in runs {
        let partner = baseline.iter().find(|(i, _)| i == index);
        let values = partner.and_then(|(_, partner)| {
            Some((
                estimate::value(run, metric)?,
                estimate::value(partner, metric)?,
            ))
        });
        pairs.extend(values);
    }
    pairs
}

fn obstacle(
    metric: Metric,
    result: &WorkloadResult,
    runs: &Runs<'_>,
    against: &Against<'_>,
) -> Option<String> {
    if result.outcome != Outcome::Measured {
        return Some(result.outcome.word().to_owned());
    }
    if against.obstacle.is_some() {
        return against.obstacle.clone();
    }
    let withheld = [runs, against.runs]
        .into_iter()
        .any(|r| estimate::suppressed(r, metric).is_some());
    if withheld {
        return Some(format!("fewer than ten samples beyond {}", metric.label()));
    }
    let empty = |runs: &Runs<'_>| {
        runs.iter()
            .all(|(_, r)| estimate::value(r, metric).is_none())
    };
    if empty(runs) {
        return Some("no request was answered".to_owned());
    }
    empty(against.runs).then(|| format!("no request was answered in {}", against.name))
}

fn not_comparable(why: &str, comparisons: u32) -> Difference {
    Difference {
        ratio: None,
        ratio_lo: None,
        ratio_hi: None,
        diff: None,
        lo: None,
        hi: None,
        n: 0,
        comparisons,
        direction: Direction::NotComparable,
        verdict: format!("not comparable ({why})"),
    }
}

/// The verdict. A difference is stated only if the interval of the difference excludes zero and,
/// where a ratio exists, the interval of the ratio excludes one.
fn judge(metric: Metric, diff: Mean, ratio: Option<Mean>) -> (Direction, String) {
    let Some((lo, hi)) = diff.interval else {
        let size = size_in_words(metric, diff, ratio);
        return (
            Direction::Undecided,
            format!("{size}; one replication: not judged"),
        );
    };
    let excludes =
        |ends: Option<(f64, f64)>, value: f64| ends.is_none_or(|(lo, hi)| lo > value || hi < value);
    if lo.abs() <= 0.0 && hi.abs() <= 0.0 {
        let words = "no difference detected (identical in every replication)";
        return (Direction::None, words.to_owned());
    }
    if !excludes(diff.interval, 0.0) || !excludes(ratio.and_then(|r| r.interval), 1.0) {
        let range = range_in_words(metric, (lo, hi), ratio);
        return (Direction::None, format!("no difference detected {range}"));
    }
    if metric.is_latency() && ratio.is_some_and(|r| (r.value - 1.0).abs() < RESOLUTION) {
        let words = "no difference detected (below the histogram's resolution of 0.1 %)";
        return (Direction::None, words.to_owned());
    }
    let better = (diff.value < 0.0) == metric.lower_is_better();
    let direction = if better {
        Direction::Better
    } else {
        Direction::Worse
    };
    (direction, size_in_words(metric, diff, ratio))
}

/// The comparative of the metric: what a smaller (`true`) or a larger value is called.
const fn comparative(metric: Metric, smaller: bool) -> &'static str {
    match (metric, smaller) {
        (Metric::Throughput | Metric::Requests, true) => "lower by",
        (Metric::Throughput | Metric::Requests, false) => "higher by",
        (Metric::Errors, true) => "fewer errors by",
        (Metric::Errors, false) => "more errors by",
        (_, true) => "faster by",
        (_, false) => "slower by",
    }
}

/// Such as `faster by 12 % [10, 14]`: the sign is in the word, the numbers are positive unless the
/// interval reaches over zero.
fn size_in_words(metric: Metric, diff: Mean, ratio: Option<Mean>) -> String {
    let smaller = diff.value < 0.0;
    let sign = if smaller { -1.0 } else { 1.0 };
    let words = comparative(metric, smaller);
    let oriented = |m: Mean, centre: f64, scale: f64| {
        let turn = |v: f64| (v - centre) * scale * sign;
        let ends = m.interval.map(|(lo, hi)| (turn(lo), turn(hi)));
        (turn(m.value), ends.map(|(lo, hi)| (lo.min(hi), lo.max(hi))))
    };
    let (value, ends, unit) = match ratio {
        Some(ratio) if metric != Metric::Errors => {
            let (value, ends) = oriented(ratio, 1.0, 100.0);
            (value, ends, "%")
        }
        _ if metric == Metric::Errors => {
            let (value, ends) = oriented(diff, 0.0, 100.0);
            (value, ends, "percentage points")
        }
        _ => {
            let (value, ends) = oriented(diff, 0.0, 1.0);
            let text = |v: f64| format::metric(metric, v);
            let range = ends.map(|(lo, hi)| format!(" [{}, {}]", text(lo), text(hi)));
            return format!("{words} {}{}", text(value), range.unwrap_or_default());
        }
    };
    let decimals = decimals_for(value, ends);
    let range = ends
        .map(|(lo, hi)| format!(" [{lo:.decimals$}, {hi:.decimals$}]"))
        .unwrap_or_default();
    format!("{words} {value:.decimals$} {unit}{range}")
}

/// Such as `[-0.4 %, +0.6 %]`, the change that cannot be excluded.
fn range_in_words(metric: Metric, diff: (f64, f64), ratio: Option<Mean>) -> String {
    let ((lo, hi), unit) = match ratio.and_then(|r| r.interval) {
        Some((lo, hi)) if metric != Metric::Errors => {
            (((lo - 1.0) * 100.0, (hi - 1.0) * 100.0), "%")
        }
        _ if metric == Metric::Errors => ((diff.0 * 100.0, diff.1 * 100.0), "points"),
        _ => {
            let text = |v: f64| format::metric(metric, v);
            return format!("[{}, {}]", text(diff.0), text(diff.1));
        }
    };
    // Shares of failed requests are small: one more digit, or a bound would read as zero.
    let decimals = decimals_for(lo, Some((lo, hi))) + usize::from(metric == Metric::Errors);
    format!(
        "[{}, {} {unit}]",
        format::signed(lo, decimals),
        format::signed(hi, decimals)
    )
}

/// As many decimals as the width of the interval deserves: at most two, at most one above ten.
fn decimals_for(value: f64, ends: Option<(f64, f64)>) -> usize {
    let width = ends.map_or(value.abs() / 5.0, |(lo, hi)| hi - lo);
    if width >= 2.0 {
        0
    } else if width >= 0.2 || value.abs() >= 9.95 {
        1
    } else {
        2
    }
}

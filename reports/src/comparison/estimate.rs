//! Per-replication statistics and their estimate over replications.

use sim_core::Histogram;

use super::interval::{self, CONFIDENCE};
use crate::format;
use crate::record::WorkloadRun;
use crate::results::{Estimate, Metric};

/// Requests of a run, answered or failed.
pub(super) fn requests(run: &WorkloadRun) -> u64 {
    run.requests_ok + run.errors.values().sum::<u64>()
}

/// The statistic of one replication; `None` if the replication has no sample for it.
pub(super) fn value(run: &WorkloadRun, metric: Metric) -> Option<f64> {
    let seconds = run.measured.as_secs_f64();
    let per_second = |count: u64| (seconds > 0.0).then(|| count as f64 / seconds);
    match metric {
        Metric::LatencyMean => run.latency.mean(),
        Metric::Throughput => per_second(run.bytes).map(|bytes| bytes * 8.0),
        Metric::Requests => per_second(run.requests_ok),
        Metric::Errors => {
            let (all, failed) = (requests(run), run.errors.values().sum::<u64>());
            (all > 0).then(|| failed as f64 / all as f64)
        }
        _ => run.latency.value_at(metric.quantile()?).map(|ns| ns as f64),
    }
}

/// The histogram of all replications together. Merging is exact.
pub(crate) fn merged(runs: &[(u32, &WorkloadRun)]) -> Histogram {
    let mut all = Histogram::new();
    for (_, run) in runs {
        all.merge(&run.latency);
    }
    all
}

/// Why a percentile is withheld; `None` if it is not.
pub(super) fn suppressed(runs: &[(u32, &WorkloadRun)], metric: Metric) -> Option<String> {
    let quantile = metric.quantile()?;
    let all = merged(runs);
    if all.is_empty() || all.percentile_supported(quantile) {
        return None;
    }
    Some(format!(
        "withheld: fewer than ten of {} samples lie beyond {}",
        format::grouped(all.len()),
        metric.label()
    ))
}

/// Estimate of `metric` over the measured replications.
pub(super) fn estimate(runs: &[(u32, &WorkloadRun)], metric: Metric) -> Estimate {
    let values: Vec<f64> = runs
        .iter()
        .filter_map(|(_, run)| value(run, metric))
        .collect();
    let n = match metric {
        Metric::Throughput | Metric::Requests => values.len() as u64,
        Metric::Errors => runs.iter().map(|(_, run)| requests(run)).sum(),
        _ => runs.iter().map(|(_, run)| run.latency.len()).sum(),
    };
    let replications = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let bare = |note: String| Estimate {
        n,
        replications,
        note: Some(note),
        ..Estimate::default()
    };
    if let Some(why) = suppressed(runs, metric) {
        return bare(why);
    }
    let Some(mean) = interval::mean(&values, 1.0 - CONFIDENCE) else {
        return bare("no request was answered".to_owned());
    };
    let decimals = decimals(metric);
    let mut ends = mean.interval.map(|(lo, hi)| bounded(metric, lo, hi));
    let mut notes = Vec::new();
    if ends.is_none() {
        notes.push("one replication: no interval".to_owned());
    }
    if values.len() < runs.len() {
        let without = runs.len() - values.len();
        notes.push(format!(
            "{without} of {} replications without a sample",
            runs.len()
        ));
    }
    let saturated: u64 = runs.iter().map(|(_, run)| run.latency.saturated()).sum();
    if metric.is_latency() && saturated > 0 {
        notes.push(format!(
            "{} samples above 100 s count as 100 s",
            format::grouped(saturated)
        ));
    }
    if thin(runs, metric) {
        notes.push(format!(
            "fewer than ten samples beyond {} in a single replication",
            metric.label()
        ));
    }
    if metric == Metric::Errors && ends.is_some() && mean.value.abs() <= 0.0 {
        ends = Some((0.0, interval::upper_limit_without_failures(n)));
        notes.push(format!(
            "no failure in {} requests: binomial limit",
            format::grouped(n)
        ));
    }
    Estimate {
        estimate: Some(interval::rounded(mean.value, decimals)),
        lo: ends.map(|(lo, _)| interval::rounded(lo, decimals)),
        hi: ends.map(|(_, hi)| interval::rounded(hi, decimals)),
        n,
        replications,
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

/// Whether the percentile of a single replication rests on few samples, so that its mean over
/// replications may be biased although all replications together have enough.
fn thin(runs: &[(u32, &WorkloadRun)], metric: Metric) -> bool {
    let Some(quantile) = metric.quantile() else {
        return false;
    };
    runs.iter()
        .any(|(_, run)| !run.latency.is_empty() && !run.latency.percentile_supported(quantile))
}

/// Cuts an interval to what the metric can be: nothing here is negative, no rate exceeds one.
fn bounded(metric: Metric, lo: f64, hi: f64) -> (f64, f64) {
    let most = if metric == Metric::Errors {
        1.0
    } else {
        f64::MAX
    };
    (lo.max(0.0), hi.min(most))
}

/// Decimal places of an estimate: whole ns and bit/s, thousandths of a request per second.
pub(super) const fn decimals(metric: Metric) -> u32 {
    match metric {
        Metric::Requests => 3,
        Metric::Errors => 9,
        _ => 0,
    }
}

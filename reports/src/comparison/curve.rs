//! What the charts plot: a latency percentile curve and latency over time.

use std::collections::BTreeMap;

use super::interval::{self, CONFIDENCE};
use super::{estimate, runs_of};
use crate::record::{ModeRecord, WorkloadOutcome, WorkloadRun};

/// One point of a percentile curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CurvePoint {
    /// Quantile, 0 to 1.
    pub(crate) quantile: f64,
    /// Mean over replications of the per-replication quantile (ns).
    pub(crate) ns: f64,
    /// 95 % interval over replications (ns).
    pub(crate) interval: Option<(f64, f64)>,
}

/// Points per decade of 1 / (1 - p).
const PER_DECADE: u32 = 8;
/// No histogram of a run has samples beyond this many decades.
const DECADES: u32 = 9;

/// The percentile curve of a workload in a mode, as far as at least ten samples lie beyond.
pub(crate) fn percentiles(record: &ModeRecord, workload: &str) -> Vec<CurvePoint> {
    let runs = measured(record, workload);
    let all = estimate::merged(&runs);
    let mut points = Vec::new();
    for step in 1..=PER_DECADE * DECADES {
        let beyond = libm::exp10(-f64::from(step) / f64::from(PER_DECADE));
        let quantile = 1.0 - beyond;
        if all.is_empty() || !all.percentile_supported(quantile) {
            break;
        }
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|(_, run)| run.latency.value_at(quantile))
            .map(|ns| ns as f64)
            .collect();
        if let Some(mean) = interval::mean(&values, 1.0 - CONFIDENCE) {
            points.push(CurvePoint {
                quantile,
                ns: mean.value,
                interval: mean.interval,
            });
        }
    }
    points
}

/// Mean latency over time and the warm-up that was cut off (ns).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OverTime {
    /// Start of the bin (ns) and the mean latency in it (ns), all replications together.
    pub(crate) bins: Vec<(u64, f64)>,
    /// The longest warm-up of any replication (ns).
    pub(crate) warmup_ns: u64,
}

/// Latency over time of a workload in a mode.
pub(crate) fn over_time(record: &ModeRecord, workload: &str) -> OverTime {
    let runs = measured(record, workload);
    let mut bins: BTreeMap<u64, (u64, u128)> = BTreeMap::new();
    for (start, count, mean_ns) in runs.iter().flat_map(|(_, run)| &run.series) {
        let bin = bins.entry(*start).or_default();
        bin.0 += count;
        bin.1 += u128::from(*count) * u128::from(*mean_ns);
    }
    OverTime {
        bins: bins
            .into_iter()
            .filter(|(_, (count, _))| *count > 0)
            .map(|(start, (count, total))| (start, total as f64 / count as f64))
            .collect(),
        warmup_ns: runs
            .iter()
            .map(|(_, run)| run.warmup_cut.as_ns())
            .max()
            .unwrap_or(0),
    }
}

fn measured<'a>(record: &'a ModeRecord, workload: &str) -> Vec<(u32, &'a WorkloadRun)> {
    let mut runs = runs_of(record, workload);
    runs.retain(|(_, run)| run.outcome == WorkloadOutcome::Measured);
    runs
}

//! The document `ecsnet.results/1`: what every output format shows, and nothing else.
//!
//! Times are in integer nanoseconds, seeds and digests are strings, whole numbers are written
//! without a fraction, and every map has an order that depends on its content alone.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::record::{DensityRecord, FrameCounts, Performance, PlacementRecord, Provenance, Reason};

mod check;
mod isolation;

pub use check::{CheckResult, Observed};
pub(crate) use isolation::target;
pub use isolation::{
    Blast, Exposure, Interfered, Interference, Isolation, MatrixCell, NeighbourResult, PairCounts,
    Reachability, Victim,
};

/// Name and version of the document.
pub const SCHEMA: &str = "ecsnet.results/1";

/// The comparison of one scenario over the network modes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// Always `ecsnet.results/1`.
    pub schema: String,
    /// Where the numbers come from and what they rest on.
    pub provenance: Provenance,
    /// How estimates, intervals and verdicts were made.
    pub statistics: Statistics,
    /// The mode that the others are compared with.
    pub baseline: String,
    /// Modes in the order none, bridge, host, awsvpc, fargate, then any others by name.
    #[schemars(with = "BTreeMap<String, ModeResult>")]
    pub modes: IndexMap<String, ModeResult>,
    /// What the scenario asserts, and whether it holds; empty if it asserts nothing.
    #[serde(default)]
    pub checks: Vec<CheckResult>,
    /// How fast the simulator was; absent unless asked for, since it differs from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<Performance>,
}

/// How estimates, intervals and verdicts were made, in words a reviewer can check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Confidence level of every interval, 0.95.
    #[serde(serialize_with = "number")]
    pub confidence: f64,
    /// How the interval of an estimate is made.
    pub interval: String,
    /// How a mode is compared with the baseline.
    pub difference: String,
    /// Correction for comparing several modes at once.
    pub correction: String,
    /// When a percentile is withheld.
    pub suppression: String,
}

/// One network mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeResult {
    /// Whether the scenario can be deployed in this mode.
    pub deployable: bool,
    /// Why it cannot; null when it can.
    pub reason: Option<Reason>,
    /// Which task runs where, by task name.
    pub placement: Vec<PlacementRecord>,
    /// How many tasks fit on an instance; null if not asked for.
    pub density: Option<DensityRecord>,
    /// Workloads by name; empty if the mode is not deployable.
    pub workloads: BTreeMap<String, WorkloadResult>,
    /// Who can reach whom; null if the mode never ran and no host port is in conflict.
    pub isolation: Option<Isolation>,
    /// Frames dropped over all replications, by reason code.
    pub drops: BTreeMap<String, u64>,
    /// Conservation of frames over all replications.
    pub frames: FrameCounts,
    /// Events handled over all replications.
    pub events: u64,
    /// Digest over the digests of all replications, hexadecimal; null if the mode never ran.
    pub digest: Option<String>,
    /// Digest of each replication, hexadecimal, by replication.
    pub replication_digests: Vec<String>,
}

/// One workload in one mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadResult {
    /// Whether there was anything to measure.
    pub outcome: Outcome,
    /// Why there was not; null when measured.
    pub reason: Option<String>,
    /// Request latency (ns) from the intended send time; null for workloads without requests.
    pub latency_ns: Option<Latency>,
    /// Payload delivered (bit/s); null unless measured.
    pub throughput_bps: Option<Estimate>,
    /// Requests answered per second; null for workloads without requests.
    pub requests_per_s: Option<Estimate>,
    /// Share of requests that failed, 0 to 1; null for workloads without requests.
    pub errors: Option<Estimate>,
    /// Failed requests over all replications, by reason code.
    pub errors_by_reason: BTreeMap<String, u64>,
    /// Differences to the baseline by metric; empty for the baseline itself.
    #[schemars(with = "BTreeMap<String, Difference>")]
    pub vs_baseline: IndexMap<String, Difference>,
    /// Where the time goes, in path order.
    pub hops: Vec<Hop>,
    /// Client address that the server saw; null if none was recorded.
    pub source_seen: Option<String>,
}

/// Whether a workload could be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Traffic ran.
    Measured,
    /// The mode has no network: nothing in, nothing out.
    Isolated,
    /// The target is not reached from this client.
    Unreachable,
}

impl Outcome {
    /// The word used in every output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Isolated => "isolated",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Percentiles and mean of request latency (ns).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Median.
    pub p50: Estimate,
    /// 90th percentile.
    pub p90: Estimate,
    /// 99th percentile.
    pub p99: Estimate,
    /// 99.9th percentile.
    pub p999: Estimate,
    /// Arithmetic mean.
    pub mean: Estimate,
}

/// A number with its 95 % interval over replications.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Mean over replications of the per-replication statistic; null if withheld.
    #[serde(serialize_with = "optional_number")]
    pub estimate: Option<f64>,
    /// Lower end of the interval; null if there is none.
    #[serde(serialize_with = "optional_number")]
    pub lo: Option<f64>,
    /// Upper end of the interval; null if there is none.
    #[serde(serialize_with = "optional_number")]
    pub hi: Option<f64>,
    /// Samples behind the estimate: requests for latency and errors, replications otherwise.
    pub n: u64,
    /// Replications behind the interval.
    pub replications: u32,
    /// Why a number is missing, or what to bear in mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A mode against the baseline, in one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Geometric mean of the paired ratios mode / baseline; null where a value is zero or missing.
    #[serde(serialize_with = "optional_number")]
    pub ratio: Option<f64>,
    /// Lower end of the interval of the ratio.
    #[serde(serialize_with = "optional_number")]
    pub ratio_lo: Option<f64>,
    /// Upper end of the interval of the ratio.
    #[serde(serialize_with = "optional_number")]
    pub ratio_hi: Option<f64>,
    /// Mean of the paired differences mode - baseline, in the unit of the metric.
    #[serde(serialize_with = "optional_number")]
    pub diff: Option<f64>,
    /// Lower end of the interval of the difference.
    #[serde(serialize_with = "optional_number")]
    pub lo: Option<f64>,
    /// Upper end of the interval of the difference.
    #[serde(serialize_with = "optional_number")]
    pub hi: Option<f64>,
    /// Pairs of replications behind it.
    pub n: u32,
    /// Modes compared with the baseline in this metric: the number that the correction divides by.
    pub comparisons: u32,
    /// The verdict as a code.
    pub direction: Direction,
    /// The verdict in words.
    pub verdict: String,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Better than the baseline: less latency, fewer errors, more throughput.
    Better,
    /// Worse than the baseline.
    Worse,
    /// No difference detected.
    None,
    /// One replication: an estimate, but nothing to judge it by.
    Undecided,
    /// One of the two has no number.
    NotComparable,
}

impl Direction {
    /// The code as it stands in JSON and CSV.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::None => "none",
            Self::Undecided => "undecided",
            Self::NotComparable => "not_comparable",
        }
    }
}

/// Time in one component of the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// Name of the component.
    pub component: String,
    /// Visits over all replications.
    pub visits: u64,
    /// Mean time of one visit (ns), waiting included.
    #[serde(serialize_with = "optional_number")]
    pub mean_ns: Option<f64>,
    /// Visits per answered request; null for workloads without requests.
    #[serde(serialize_with = "optional_number")]
    pub visits_per_request: Option<f64>,
    /// Mean time per answered request (ns); null for workloads without requests.
    #[serde(serialize_with = "optional_number")]
    pub ns_per_request: Option<f64>,
}

/// What is measured of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Median latency (ns).
    LatencyP50,
    /// 90th percentile of latency (ns).
    LatencyP90,
    /// 99th percentile of latency (ns).
    LatencyP99,
    /// 99.9th percentile of latency (ns).
    LatencyP999,
    /// Mean latency (ns).
    LatencyMean,
    /// Payload delivered (bit/s).
    Throughput,
    /// Answered requests per second.
    Requests,
    /// Share of failed requests.
    Errors,
}

impl Metric {
    /// All metrics, in the order of every output.
    pub const ALL: [Self; 8] = [
        Self::LatencyP50,
        Self::LatencyP90,
        Self::LatencyP99,
        Self::LatencyP999,
        Self::LatencyMean,
        Self::Throughput,
        Self::Requests,
        Self::Errors,
    ];

    /// Key in `vs_baseline` and in the CSV file.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::LatencyP50 => "latency_ns.p50",
            Self::LatencyP90 => "latency_ns.p90",
            Self::LatencyP99 => "latency_ns.p99",
            Self::LatencyP999 => "latency_ns.p999",
            Self::LatencyMean => "latency_ns.mean",
            Self::Throughput => "throughput_bps",
            Self::Requests => "requests_per_s",
            Self::Errors => "errors",
        }
    }

    /// Name for a heading.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::LatencyP50 => "p50",
            Self::LatencyP90 => "p90",
            Self::LatencyP99 => "p99",
            Self::LatencyP999 => "p99.9",
            Self::LatencyMean => "mean",
            Self::Throughput => "throughput",
            Self::Requests => "requests/s",
            Self::Errors => "errors",
        }
    }

    /// Unit of the estimate as it stands in JSON and CSV.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "bit/s",
            Self::Requests => "1/s",
            Self::Errors => "ratio",
            _ => "ns",
        }
    }

    /// The quantile that the metric reads off the histogram, 0 to 1.
    #[must_use]
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Self::LatencyP50 => Some(0.5),
            Self::LatencyP90 => Some(0.9),
            Self::LatencyP99 => Some(0.99),
            Self::LatencyP999 => Some(0.999),
            _ => None,
        }
    }

    /// Whether it is read off the latency histogram.
    #[must_use]
    pub const fn is_latency(self) -> bool {
        !matches!(self, Self::Throughput | Self::Requests | Self::Errors)
    }

    /// Whether a smaller value is the better one.
    #[must_use]
    pub const fn lower_is_better(self) -> bool {
        self.is_latency() || matches!(self, Self::Errors)
    }
}

impl WorkloadResult {
    /// The estimate of `metric`; `None` where the workload has no such metric.
    #[must_use]
    pub fn metric(&self, metric: Metric) -> Option<&Estimate> {
        let latency = self.latency_ns.as_ref();
        match metric {
            Metric::LatencyP50 => latency.map(|l| &l.p50),
            Metric::LatencyP90 => latency.map(|l| &l.p90),
            Metric::LatencyP99 => latency.map(|l| &l.p99),
            Metric::LatencyP999 => latency.map(|l| &l.p999),
            Metric::LatencyMean => latency.map(|l| &l.mean),
            Metric::Throughput => self.throughput_bps.as_ref(),
            Metric::Requests => self.requests_per_s.as_ref(),
            Metric::Errors => self.errors.as_ref(),
        }
    }

    /// The difference to the baseline in `metric`; `None` for the baseline itself.
    #[must_use]
    pub fn difference(&self, metric: Metric) -> Option<&Difference> {
        self.vs_baseline.get(metric.key())
    }
}

impl Results {
    /// Names of all workloads of all modes, sorted.
    #[must_use]
    pub fn workload_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .modes
            .values()
            .flat_map(|m| m.workloads.keys().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The largest integer up to which every integer has an `f64` of its own, 2^53.
const EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Writes a whole number without a fraction, anything else in its shortest exact form.
#[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    assert!(value.is_finite(), "a result is not finite: {value}");
    if libm::trunc(*value).total_cmp(value).is_eq() && value.abs() < EXACT_INTEGER {
        serializer.serialize_i64(*value as i64)
    } else {
        serializer.serialize_f64(*value)
    }
}

fn optional_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, serializer),
        None => serializer.serialize_none(),
    }
}

//! From records to estimates, intervals and verdicts. Pure: no clock, no randomness.
//!
//! The unit of observation is the *replication*: samples of one run depend on each other, so no
//! interval here rests on them. Modes share their random numbers replication by replication, hence
//! differences are taken pair by pair before anything is averaged.

pub(crate) mod curve;
mod estimate;
mod interference;
pub mod interval;
mod isolation;
mod verdict;

pub use interference::{slowdowns, values};

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use sim_core::Digest;

use crate::record::{
    Experiment, FrameCounts, ModeRecord, Provenance, Replication, WorkloadOutcome, WorkloadRun,
};
use crate::results::{
    Difference, Hop, Isolation, Latency, MatrixCell, Metric, ModeResult, Outcome, Reachability,
    Results, SCHEMA, Statistics, WorkloadResult,
};

/// The modes that ecsnet compares, in the order of every output.
const MODE_ORDER: [&str; 5] = ["none", "bridge", "host", "awsvpc", "fargate"];

/// One workload's runs in one mode, by replication.
type Runs<'a> = Vec<(u32, &'a WorkloadRun)>;

/// Compares the modes of an experiment.
///
/// The result depends on the content of `experiment` alone, not on the order in which modes,
/// replications, workloads or input files were put into it.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use indexmap::IndexMap;
/// use reports::{
///     Experiment, FrameCounts, ModeRecord, Provenance, Replication, WorkloadOutcome, WorkloadRun,
/// };
/// use sim_core::{Histogram, SimDuration};
///
/// let run = |us: u64| {
///     let mut latency = Histogram::new();
///     latency.record_n(SimDuration::from_us(us), 1_000);
///     WorkloadRun {
///         outcome: WorkloadOutcome::Measured,
///         latency,
///         requests_ok: 1_000,
///         errors: BTreeMap::new(),
///         bytes: 1_000_000,
///         measured: SimDuration::from_secs(1),
///         hops: Vec::new(),
///         series: Vec::new(),
///         warmup_cut: SimDuration::ZERO,
///         source_seen: None,
///     }
/// };
/// let mode = |us: u64| ModeRecord {
///     deployable: true,
///     reason: None,
///     placement: Vec::new(),
///     density: None,
///     replications: (0..5)
///         .map(|index| Replication {
///             index,
///             workloads: IndexMap::from([("web".to_owned(), run(us + u64::from(index)))]),
///             drops: BTreeMap::new(),
///             frames: FrameCounts::default(),
///             digest: 1,
///             events: 1,
///         })
///         .collect(),
///     ..ModeRecord::default()
/// };
/// let experiment = Experiment {
///     provenance: Provenance::default(),
///     baseline: "host".to_owned(),
///     neighbours: Vec::new(),
///     modes: IndexMap::from([("host".to_owned(), mode(400)), ("bridge".to_owned(), mode(440))]),
/// };
/// let results = reports::compare(&experiment);
/// let verdict = &results.modes["bridge"].workloads["web"].vs_baseline["latency_ns.p50"].verdict;
/// assert!(verdict.starts_with("slower by 10.0"), "{verdict}");
/// ```
#[must_use]
pub fn compare(experiment: &Experiment) -> Results {
    let with_requests = workloads_with_requests(experiment);
    let baseline = experiment.modes.get(&experiment.baseline);
    let baseline_cells = baseline.map(isolation::matrix).unwrap_or_default();
    let mut modes = IndexMap::new();
    for (name, record) in ordered_modes(experiment) {
        let is_baseline = name == experiment.baseline;
        let mut workloads = BTreeMap::new();
        for workload in workload_names(record) {
            let has_requests = with_requests.contains(workload);
            let runs = runs_of(record, workload);
            let mut result = summarise(&runs, has_requests);
            if !is_baseline {
                let comparisons = comparable_modes(experiment, workload);
                result.vs_baseline = differences(&result, &runs, baseline, workload, comparisons);
            }
            workloads.insert(workload.to_owned(), result);
        }
        let mut result = mode_result(record, workloads);
        if result.digest.is_some() || !record.port_conflicts.is_empty() {
            let cells = (!is_baseline).then_some(baseline_cells.as_slice());
            result.isolation = Some(isolation(experiment, record, &result.workloads, cells));
        }
        modes.insert(name.to_owned(), result);
    }
    Results {
        schema: SCHEMA.to_owned(),
        provenance: canonical(&experiment.provenance),
        statistics: statistics(),
        baseline: experiment.baseline.clone(),
        modes,
        checks: Vec::new(),
        performance: None,
    }
}

/// Modes in the order of every output: the five known ones first, others by name.
pub(crate) fn ordered_modes(experiment: &Experiment) -> Vec<(&str, &ModeRecord)> {
    let mut modes: Vec<_> = experiment
        .modes
        .iter()
        .map(|(n, m)| (n.as_str(), m))
        .collect();
    modes.sort_by_key(|(name, _)| {
        let known = MODE_ORDER.iter().position(|m| m == name);
        (known.unwrap_or(MODE_ORDER.len()), *name)
    });
    modes
}

/// The runs of one workload, by replication number.
pub(crate) fn runs_of<'a>(record: &'a ModeRecord, workload: &str) -> Runs<'a> {
    runs_in(&record.replications, workload)
}

/// The runs of one workload in some replications, by their number.
fn runs_in<'a>(replications: &'a [Replication], workload: &str) -> Runs<'a> {
    ordered(replications)
        .into_iter()
        .filter_map(|r| r.workloads.get(workload).map(|run| (r.index, run)))
        .collect()
}

fn ordered(replications: &[Replication]) -> Vec<&Replication> {
    let mut replications: Vec<_> = replications.iter().collect();
    replications.sort_by_key(|r| r.index);
    replications
}

fn workload_names(record: &ModeRecord) -> BTreeSet<&str> {
    record
        .replications
        .iter()
        .flat_map(|r| r.workloads.keys().map(String::as_str))
        .collect()
}

/// Workloads made of requests, as opposed to bulk transfers. Decided over all modes: a mode in
/// which not one request was answered or failed still has a request rate, and it is zero.
fn workloads_with_requests(experiment: &Experiment) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for replication in experiment.modes.values().flat_map(|m| &m.replications) {
        for (name, run) in &replication.workloads {
            if estimate::requests(run) > 0 {
                names.insert(name.as_str());
            }
        }
    }
    names
}

/// Modes other than the baseline in which `workload` was measured, if the baseline measured it too:
/// the number of comparisons that one metric of the workload is part of.
fn comparable_modes(experiment: &Experiment, workload: &str) -> u32 {
    let measured = |m: &ModeRecord| outcome_of(&runs_of(m, workload)).0 == Outcome::Measured;
    let others = experiment
        .modes
        .iter()
        .filter(|(name, m)| **name != experiment.baseline && measured(m))
        .count();
    u32::try_from(others).unwrap_or(u32::MAX)
}

fn mode_result(record: &ModeRecord, workloads: BTreeMap<String, WorkloadResult>) -> ModeResult {
    let (frames, drops) = frames_and_drops(&record.replications);
    let mut digest = Digest::new();
    let mut events = 0;
    let mut replication_digests = Vec::new();
    for replication in ordered(&record.replications) {
        events += replication.events;
        digest.update(u64::from(replication.index));
        digest.update(replication.digest);
        replication_digests.push(hexadecimal(replication.digest));
    }
    let mut placement = record.placement.clone();
    placement.sort_by(|a, b| (&a.task, &a.host, &a.address).cmp(&(&b.task, &b.host, &b.address)));
    let ran = !replication_digests.is_empty();
    ModeResult {
        deployable: record.deployable,
        reason: record.reason.clone(),
        placement,
        density: record.density.clone(),
        isolation: None,
        workloads,
        drops,
        frames,
        events,
        digest: ran.then(|| hexadecimal(digest.finish())),
        replication_digests,
    }
}

/// Frames and drops of all replications together.
fn frames_and_drops(replications: &[Replication]) -> (FrameCounts, BTreeMap<String, u64>) {
    let mut drops: BTreeMap<String, u64> = BTreeMap::new();
    let mut frames = FrameCounts::default();
    for replication in replications {
        for (reason, count) in &replication.drops {
            *drops.entry(reason.clone()).or_default() += count;
        }
        frames.sent += replication.frames.sent;
        frames.delivered += replication.frames.delivered;
        frames.dropped += replication.frames.dropped;
        frames.in_flight += replication.frames.in_flight;
    }
    (frames, drops)
}

fn hexadecimal(digest: u64) -> String {
    format!("{digest:016x}")
}

/// What the runs and the rules say about isolation; `baseline` is the baseline's matrix, for others
/// than the baseline.
fn isolation(
    experiment: &Experiment,
    record: &ModeRecord,
    workloads: &BTreeMap<String, WorkloadResult>,
    baseline: Option<&[MatrixCell]>,
) -> Isolation {
    let fact = |w: &WorkloadResult| Reachability {
        reachable: w.outcome == Outcome::Measured && got_through(w),
        outcome: w.outcome,
        reason: w.reason.clone(),
        source_seen: w.source_seen.clone(),
    };
    let matrix = isolation::matrix(record);
    // A baseline of which nothing is known hides nothing.
    let baseline = baseline.filter(|cells| !cells.is_empty() && !matrix.is_empty());
    let mut port_conflicts = record.port_conflicts.clone();
    port_conflicts.sort();
    Isolation {
        reachable: workloads
            .iter()
            .map(|(n, w)| (n.clone(), fact(w)))
            .collect(),
        pairs: isolation::counts(record),
        exposed: baseline.map_or_else(Vec::new, |cells| {
            isolation::beyond(&matrix, cells, &experiment.baseline)
        }),
        hidden: baseline.map_or_else(Vec::new, |cells| {
            isolation::beyond(cells, &matrix, "this mode")
        }),
        blast_radius: isolation::blast_radius(record),
        interference: interference::interference(experiment, record),
        port_conflicts,
        matrix,
    }
}

/// Whether anything at all was delivered.
fn got_through(workload: &WorkloadResult) -> bool {
    [Metric::Requests, Metric::Throughput]
        .into_iter()
        .filter_map(|m| workload.metric(m)?.estimate)
        .any(|estimate| estimate > 0.0)
}

fn outcome_of(runs: &Runs<'_>) -> (Outcome, Option<String>) {
    let mut reason = None;
    let mut outcome = Outcome::Unreachable;
    for (_, run) in runs {
        match &run.outcome {
            WorkloadOutcome::Measured => return (Outcome::Measured, None),
            WorkloadOutcome::Isolated { reason: why } => {
                outcome = Outcome::Isolated;
                reason.get_or_insert_with(|| why.clone());
            }
            WorkloadOutcome::Unreachable { reason: why } => {
                reason.get_or_insert_with(|| why.clone());
            }
        }
    }
    (outcome, reason)
}

/// Estimates and hops of one workload in one mode.
fn summarise(runs: &Runs<'_>, has_requests: bool) -> WorkloadResult {
    let (outcome, reason) = outcome_of(runs);
    let measured: Runs<'_> = runs
        .iter()
        .filter(|(_, r)| r.outcome == WorkloadOutcome::Measured)
        .copied()
        .collect();
    let of = |metric| estimate::estimate(&measured, metric);
    let is_measured = outcome == Outcome::Measured;
    let mut errors_by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for (reason, count) in measured.iter().flat_map(|(_, r)| &r.errors) {
        *errors_by_reason.entry(reason.clone()).or_default() += count;
    }
    WorkloadResult {
        outcome,
        reason,
        latency_ns: (is_measured && has_requests).then(|| Latency {
            p50: of(Metric::LatencyP50),
            p90: of(Metric::LatencyP90),
            p99: of(Metric::LatencyP99),
            p999: of(Metric::LatencyP999),
            mean: of(Metric::LatencyMean),
        }),
        throughput_bps: is_measured.then(|| of(Metric::Throughput)),
        requests_per_s: (is_measured && has_requests).then(|| of(Metric::Requests)),
        errors: (is_measured && has_requests).then(|| of(Metric::Errors)),
        errors_by_reason,
        vs_baseline: IndexMap::new(),
        hops: hops(&measured),
        source_seen: runs.iter().find_map(|(_, r)| r.source_seen.clone()),
    }
}

/// Time per component, all replications together, in the order of the first replication's path.
fn hops(runs: &Runs<'_>) -> Vec<Hop> {
    let mut totals: IndexMap<&str, (u64, u128)> = IndexMap::new();
    let mut answered: u64 = 0;
    for (_, run) in runs {
        answered += run.requests_ok;
        for hop in &run.hops {
            let entry = totals.entry(&hop.component).or_default();
            entry.0 += hop.visits;
            entry.1 += u128::from(hop.total_ps);
        }
    }
    totals
        .into_iter()
        .map(|(component, (visits, total_ps))| {
            let total_ns = total_ps as f64 / 1000.0;
            let per = |n: u64| (n > 0).then(|| interval::rounded(total_ns / n as f64, 1));
            Hop {
                component: component.to_owned(),
                visits,
                mean_ns: per(visits),
                visits_per_request: (answered > 0)
                    .then(|| interval::rounded(visits as f64 / answered as f64, 3)),
                ns_per_request: per(answered),
            }
        })
        .collect()
}

/// Compares one workload with the same workload in the baseline, metric by metric.
fn differences(
    result: &WorkloadResult,
    runs: &Runs<'_>,
    baseline: Option<&ModeRecord>,
    workload: &str,
    comparisons: u32,
) -> IndexMap<String, Difference> {
    let baseline_runs = baseline.map(|b| runs_of(b, workload)).unwrap_or_default();
    let against = verdict::Against::new(baseline, &baseline_runs);
    Metric::ALL
        .into_iter()
        .filter(|m| result.outcome != Outcome::Measured || result.metric(*m).is_some())
        .map(|metric| {
            let difference = verdict::difference(metric, result, runs, &against, comparisons);
            (metric.key().to_owned(), difference)
        })
        .collect()
}

/// Sorts what has no order of its own.
fn canonical(provenance: &Provenance) -> Provenance {
    let mut provenance = provenance.clone();
    provenance.inputs.sort();
    provenance.constants.sort();
    provenance.constants.dedup();
    provenance.caveats.sort();
    provenance.caveats.dedup();
    provenance
}

fn statistics() -> Statistics {
    Statistics {
        confidence: interval::CONFIDENCE,
        interval: "Student t over independent replications; the estimate is the mean of the \
                   per-replication values"
            .to_owned(),
        difference: "paired by replication (common random numbers): Student t of the differences, \
                     and of the logarithms of the ratios; a difference is stated only if both \
                     intervals exclude equality"
            .to_owned(),
        correction: "Bonferroni: intervals against the baseline have level 1 - 0.05 / m for m \
                     modes compared in one metric, so that all of them hold together with 95 %"
            .to_owned(),
        suppression: "a percentile is withheld when fewer than ten samples lie beyond it in the \
                      histogram of all replications"
            .to_owned(),
    }
}

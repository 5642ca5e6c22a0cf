//! What neighbours do to workloads: the same replications without and with them, in pairs.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::Digest;

use super::{Runs, estimate, frames_and_drops, hexadecimal, ordered, runs_in, summarise, verdict};
use crate::record::{Experiment, ModeRecord, WorkloadRun};
use crate::results::{Interfered, Interference, Metric, NeighbourResult, Outcome, Victim};

/// What is compared of a workload made of requests.
const OF_REQUESTS: [Metric; 3] = [Metric::LatencyP50, Metric::LatencyP99, Metric::Errors];

/// What neighbours did in a mode; `None` if it did not run with any.
pub(super) fn interference(experiment: &Experiment, record: &ModeRecord) -> Option<Interference> {
    if record.crowded.is_empty() {
        return None;
    }
    let (frames, drops) = frames_and_drops(&record.crowded);
    let mut digest = Digest::new();
    for replication in ordered(&record.crowded) {
        digest.update(u64::from(replication.index));
        digest.update(replication.digest);
    }
    let neighbour = |name: &str| neighbour(&runs_in(&record.crowded, name));
    let victims: BTreeSet<&str> = experiment
        .neighbours
        .iter()
        .flat_map(|n| n.victims.iter().map(String::as_str))
        .collect();
    Some(Interference {
        neighbours: experiment
            .neighbours
            .iter()
            .map(|n| (n.name.clone(), neighbour(&n.name)))
            .collect(),
        victims: victims
            .into_iter()
            .map(|name| (name.to_owned(), victim(experiment, record, name)))
            .collect(),
        drops,
        frames,
        digest: hexadecimal(digest.finish()),
    })
}

fn neighbour(runs: &Runs<'_>) -> NeighbourResult {
    let result = summarise(
        runs,
        runs.iter().any(|(_, run)| estimate::requests(run) > 0),
    );
    NeighbourResult {
        outcome: result.outcome,
        reason: result.reason,
        throughput_bps: result.throughput_bps,
        requests_per_s: result.requests_per_s,
    }
}

fn victim(experiment: &Experiment, record: &ModeRecord, name: &str) -> Victim {
    let without = runs_in(&record.replications, name);
    let with = runs_in(&record.crowded, name);
    let has_requests = has_requests(&without) || has_requests(&with);
    let quiet = summarise(&without, has_requests);
    let crowded = summarise(&with, has_requests);
    let against = verdict::Against::alone(&without);
    let measured = quiet.outcome == Outcome::Measured || crowded.outcome == Outcome::Measured;
    let metrics = match (measured, has_requests) {
        (false, _) => &[][..],
        (true, true) => &OF_REQUESTS[..],
        (true, false) => &[Metric::Throughput][..],
    };
    let one = |metric: Metric| Interfered {
        without: quiet.metric(metric).cloned().unwrap_or_default(),
        with: crowded.metric(metric).cloned().unwrap_or_default(),
        difference: verdict::difference(metric, &crowded, &with, &against, 1),
    };
    let neighbours = experiment.neighbours.iter();
    Victim {
        neighbours: neighbours
            .filter(|n| n.victims.iter().any(|v| v == name))
            .map(|n| n.name.clone())
            .collect(),
        metrics: metrics
            .iter()
            .map(|metric| (metric.key().to_owned(), one(*metric)))
            .collect(),
    }
}

fn has_requests(runs: &Runs<'_>) -> bool {
    runs.iter().any(|(_, run)| estimate::requests(run) > 0)
}

/// Values of a metric in a mode, by replication.
#[must_use]
pub fn values(record: &ModeRecord, workload: &str, metric: Metric) -> BTreeMap<u32, f64> {
    of(&runs_in(&record.replications, workload), metric)
}

/// How many times worse a workload is with neighbours, by replication: its 99th percentile with them
/// over that without; of transfers the throughput without them over that with.
#[must_use]
pub fn slowdowns(record: &ModeRecord, workload: &str) -> BTreeMap<u32, f64> {
    let without = runs_in(&record.replications, workload);
    let with = runs_in(&record.crowded, workload);
    let transfer = !has_requests(&without);
    let metric = if transfer {
        Metric::Throughput
    } else {
        Metric::LatencyP99
    };
    let (without, with) = (of(&without, metric), of(&with, metric));
    without
        .into_iter()
        .filter_map(|(index, quiet)| {
            let crowded = *with.get(&index)?;
            let (worse, better) = if transfer {
                (quiet, crowded)
            } else {
                (crowded, quiet)
            };
            (better > 0.0).then(|| (index, worse / better))
        })
        .collect()
}

fn of(runs: &[(u32, &WorkloadRun)], metric: Metric) -> BTreeMap<u32, f64> {
    let value = |(index, run): &(u32, &WorkloadRun)| Some((*index, estimate::value(run, metric)?));
    runs.iter().filter_map(value).collect()
}

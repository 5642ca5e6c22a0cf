//! From what a world hands back to what reports read.

use reports::{FrameCounts, HopRun, Replication, WorkloadOutcome, WorkloadRun};
use sim_net::plan::MeasurePlan;
use sim_net::world::{Outcome, Reach, WorkloadOutcome as Measured};

/// The record of one run.
#[must_use]
pub fn replication(outcome: &Outcome, index: u32, measure: &MeasurePlan) -> Replication {
    let workload = |w: &Measured| (w.name.clone(), workload_run(w, measure));
    Replication {
        index,
        workloads: outcome.workloads.iter().map(workload).collect(),
        drops: outcome
            .drops
            .iter()
            .map(|(reason, n)| (reason.code().to_owned(), n))
            .collect(),
        frames: FrameCounts {
            sent: outcome.frames.sent,
            delivered: outcome.frames.delivered,
            dropped: outcome.frames.dropped,
            in_flight: outcome.frames.in_flight,
        },
        digest: outcome.digest,
        events: outcome.events,
    }
}

fn workload_run(workload: &Measured, measure: &MeasurePlan) -> WorkloadRun {
    let reach = match &workload.outcome {
        Reach::Measured => WorkloadOutcome::Measured,
        Reach::Isolated { reason } => WorkloadOutcome::Isolated {
            reason: reason.clone(),
        },
        Reach::Unreachable { reason } => WorkloadOutcome::Unreachable {
            reason: reason.clone(),
        },
    };
    let hop = |hop: &sim_net::world::Hop| HopRun {
        component: hop.component.to_owned(),
        visits: hop.visits,
        total_ps: hop.total.as_ps(),
    };
    WorkloadRun {
        outcome: reach,
        latency: workload.latency.clone(),
        requests_ok: workload.ok,
        errors: workload
            .errors
            .iter()
            .map(|(reason, n)| ((*reason).to_owned(), *n))
            .collect(),
        bytes: workload.bytes,
        measured: measure.duration,
        hops: workload.hops.iter().map(hop).collect(),
        series: workload
            .series
            .iter()
            .map(|&(start, count, sum_ns)| (start.as_ps() / 1000, count, sum_ns / count.max(1)))
            .collect(),
        warmup_cut: measure.warmup,
        source_seen: workload.source_seen.map(|address| address.to_string()),
    }
}

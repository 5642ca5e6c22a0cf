//! From lowered modes to the record that reports read.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indexmap::IndexMap;
use reports::{
    Experiment, ModeRecord, NeighbourRecord, PlacementRecord, Provenance, Reason, Replication,
};

use sim_core::ThreadUse;
use sim_net::plan::{Mode, Plan};
use sim_net::world::TaskAddress;

use crate::lower::{Lowered, ModeRefusal, Placed, port_conflicts};
use crate::reach::ReachError;
use crate::toml::Scenario;

use super::isolation::{self, Reached};
use super::{Matrix, Planned, Run, RunError, execute, pool};

/// A mode and what lowering made of it.
pub type LoweredMode = (Mode, Result<Lowered, ModeRefusal>);

/// How an experiment is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The mode that the others are compared with.
    pub baseline: Mode,
    /// Independent replications of each mode.
    pub replications: u32,
    /// Master seed.
    pub seed: u64,
    /// How many runs at once.
    pub jobs: usize,
    /// How many threads share one run, where it pays.
    pub threads: usize,
}

/// The mode that others are compared with if nobody says which: `host` if it can carry the scenario,
/// else the first that has a network and can, else the first of all.
#[must_use]
pub fn default_baseline(modes: &[LoweredMode]) -> Option<Mode> {
    let runs = |mode: Mode| {
        modes
            .iter()
            .any(|(m, lowered)| *m == mode && lowered.is_ok())
    };
    let order = [
        Mode::Host,
        Mode::Awsvpc,
        Mode::Bridge,
        Mode::Fargate,
        Mode::None,
    ];
    order
        .into_iter()
        .find(|mode| runs(*mode))
        .or(modes.first().map(|(mode, _)| *mode))
}

/// Finds out who reaches whom in every mode that can carry the scenario, then runs every replication
/// of it; where it has neighbours, once without and once with them. `modes` must have been lowered
/// from `scenario`.
///
/// # Errors
/// As [`execute`]; or if rules and packets disagree about who reaches whom.
pub fn experiment(
    scenario: &Scenario,
    modes: &[LoweredMode],
    settings: &Settings,
    mut provenance: Provenance,
    stop: &Arc<AtomicBool>,
    on_run: &(dyn Fn(ThreadUse) + Sync),
) -> Result<Experiment, RunError> {
    let lowered = || {
        modes
            .iter()
            .filter_map(|(_, lowered)| lowered.as_ref().ok())
    };
    let mut plans: Vec<_> = lowered().map(|l| planned(l, &l.plan, false)).collect();
    let quiet = plans.len();
    plans.extend(lowered().filter_map(|l| Some(planned(l, l.crowded.as_ref()?, true))));
    let Settings {
        baseline,
        replications,
        seed,
        jobs,
        threads,
    } = *settings;
    let matrix = Matrix {
        plans: &plans,
        replications,
        seed,
        jobs,
        threads,
    };
    // Before the runs, which take longer: a fault is told at once.
    let mut reached = look(modes, jobs, stop)?.into_iter();
    let mut runs = execute(&matrix, stop, on_run)?;
    let mut crowded = runs.split_off(quiet).into_iter();
    let mut runs = runs.into_iter();
    let mut records = IndexMap::new();
    for (mode, lowered) in modes {
        let mut record = match lowered {
            Ok(lowered) => ran(
                lowered,
                runs.next().unwrap_or_default(),
                reached.next().unwrap_or_default(),
                &mut provenance.caveats,
            ),
            Err(refusal) => refused(refusal),
        };
        if matches!(lowered, Ok(lowered) if lowered.crowded.is_some()) {
            record.crowded = their_replications(crowded.next().unwrap_or_default());
        }
        record.port_conflicts = port_conflicts(scenario, *mode);
        records.insert(mode.name().to_owned(), record);
    }
    Ok(Experiment {
        provenance,
        baseline: baseline.name().to_owned(),
        neighbours: neighbours(scenario),
        modes: records,
    })
}

/// How many runs of each replication there are: modes that can carry the scenario, twice with
/// neighbours.
#[must_use]
pub fn runs_per_replication(modes: &[LoweredMode]) -> usize {
    let lowered = modes
        .iter()
        .filter_map(|(_, lowered)| lowered.as_ref().ok());
    lowered.map(|l| 1 + usize::from(l.crowded.is_some())).sum()
}

fn planned<'a>(lowered: &Lowered, plan: &'a Plan, neighbours: bool) -> Planned<'a> {
    Planned {
        mode: lowered.mode,
        neighbours,
        plan,
    }
}

fn neighbours(scenario: &Scenario) -> Vec<NeighbourRecord> {
    let victim = |&index: &usize| scenario.workloads[index].name.clone();
    scenario
        .neighbours
        .iter()
        .map(|neighbour| NeighbourRecord {
            name: neighbour.workload.name.clone(),
            victims: neighbour.victims.iter().map(victim).collect(),
        })
        .collect()
}

fn their_replications(runs: Vec<Run>) -> Vec<Replication> {
    runs.into_iter().map(|run| run.replication).collect()
}

/// Where each task runs, with the address that it got.
#[must_use]
pub fn placement(lowered: &Lowered, addresses: &[TaskAddress]) -> Vec<PlacementRecord> {
    let addresses: BTreeMap<&str, Option<Ipv4Addr>> = addresses
        .iter()
        .map(|a| (a.task.as_str(), a.address))
        .collect();
    let record = |placed: &Placed| PlacementRecord {
        task: placed.task.clone(),
        host: placed.host.clone(),
        address: reached_at(
            placed,
            addresses.get(placed.task.as_str()).copied().flatten(),
        ),
        detail: placed.detail.clone(),
    };
    lowered.placed.iter().map(record).collect()
}

/// The address and the ports under which peers reach a task; empty if they cannot.
fn reached_at(placed: &Placed, address: Option<Ipv4Addr>) -> String {
    const MOST_PORTS: usize = 4;
    let Some(address) = address else {
        return String::new();
    };
    if placed.published.is_empty() {
        return if placed.own_address {
            address.to_string()
        } else {
            String::new()
        };
    }
    let ports = placed
        .published
        .iter()
        .take(MOST_PORTS)
        .map(|port| port.host_port.to_string());
    let mut text = format!("{address}:{}", ports.collect::<Vec<_>>().join(","));
    if placed.published.len() > MOST_PORTS {
        text.push_str(",...");
    }
    text
}

/// Who reaches whom in each mode that can carry the scenario.
fn look(modes: &[LoweredMode], jobs: usize, stop: &AtomicBool) -> Result<Vec<Reached>, RunError> {
    let one = |lowered: &Lowered| {
        if stop.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
        let mode = lowered.mode;
        isolation::look(&lowered.plan).map_err(|error| match error {
            ReachError::Disagreement(contradiction) => RunError::Disagreement {
                mode,
                contradiction,
            },
            other => RunError::Build {
                mode,
                message: other.to_string(),
            },
        })
    };
    let lowered = modes.iter().filter_map(|(_, l)| l.as_ref().ok());
    pool(jobs)?.install(|| lowered.map(one).collect())
}

fn ran(
    lowered: &Lowered,
    runs: Vec<Run>,
    reached: Reached,
    caveats: &mut Vec<String>,
) -> ModeRecord {
    // Addresses are the same in every replication: they come from the plan.
    let addresses = runs
        .first()
        .map(|run| run.addresses.as_slice())
        .unwrap_or_default();
    let placement = placement(lowered, addresses);
    let of_task = |a: &TaskAddress| Some((a.task.clone(), a.address?.to_string()));
    let mut addresses: BTreeMap<_, _> = addresses.iter().filter_map(of_task).collect();
    addresses.extend(reached.addresses);
    if let Some(tasks) = reached.part {
        caveats.push(format!(
            "{}, reachability: of each service the first {tasks} tasks are looked at",
            lowered.mode
        ));
    }
    ModeRecord {
        deployable: true,
        placement,
        density: lowered.density.clone(),
        addresses,
        reach: reached.attempts,
        words: reached.words,
        tasks: isolation::tasks(&lowered.plan),
        replications: their_replications(runs),
        ..ModeRecord::default()
    }
}

fn refused(refusal: &ModeRefusal) -> ModeRecord {
    let ModeRefusal {
        code,
        message,
        place,
    } = refusal.clone();
    ModeRecord {
        deployable: false,
        reason: Some(Reason {
            code,
            message,
            place,
        }),
        ..ModeRecord::default()
    }
}

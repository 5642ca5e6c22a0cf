//! From lowered modes to the record that reports read.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indexmap::IndexMap;
use reports::{Experiment, ModeRecord, PlacementRecord, Provenance, Reason};

use sim_net::plan::Mode;
use sim_net::world::TaskAddress;

use crate::lower::{Lowered, ModeRefusal, Placed};

use super::{Matrix, Run, RunError, execute};

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
    /// How many threads.
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

/// Runs every replication of every mode that can carry the scenario.
///
/// # Errors
/// As [`execute`].
pub fn experiment(
    modes: &[LoweredMode],
    settings: &Settings,
    provenance: Provenance,
    stop: &Arc<AtomicBool>,
    on_run: &(dyn Fn() + Sync),
) -> Result<Experiment, RunError> {
    let lowered = || {
        modes
            .iter()
            .filter_map(|(_, lowered)| lowered.as_ref().ok())
    };
    let plans: Vec<_> = lowered().map(|l| (l.mode, &l.plan)).collect();
    let Settings {
        baseline,
        replications,
        seed,
        threads,
    } = *settings;
    let matrix = Matrix {
        plans: &plans,
        replications,
        seed,
        threads,
    };
    let mut runs = execute(&matrix, stop, on_run)?.into_iter();
    let mut records = IndexMap::new();
    for (mode, lowered) in modes {
        let record = match lowered {
            Ok(lowered) => ran(lowered, runs.next().unwrap_or_default()),
            Err(refusal) => refused(refusal),
        };
        records.insert(mode.name().to_owned(), record);
    }
    Ok(Experiment {
        provenance,
        baseline: baseline.name().to_owned(),
        modes: records,
    })
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

fn ran(lowered: &Lowered, runs: Vec<Run>) -> ModeRecord {
    // Addresses are the same in every replication: they come from the plan.
    let addresses = runs
        .first()
        .map(|run| run.addresses.as_slice())
        .unwrap_or_default();
    let placement = placement(lowered, addresses);
    let replications = runs.into_iter().map(|run| run.replication).collect();
    let density = lowered.density.clone();
    ModeRecord {
        deployable: true,
        reason: None,
        placement,
        density,
        replications,
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
        placement: Vec::new(),
        density: None,
        replications: Vec::new(),
    }
}

//! Host ports that more tasks need than there are instances: found without placing anything.

use std::collections::{BTreeMap, BTreeSet};

use reports::PortConflict;

use crate::ecs::{Mode, check_mode};
use crate::toml::Scenario;

/// The conflicts of a scenario in a mode, sorted. A port is one task's on each instance, whoever comes
/// first; a service whose definition breaks a rule of the mode claims none.
#[must_use]
pub fn port_conflicts(scenario: &Scenario, mode: Mode) -> Vec<PortConflict> {
    let instances = scenario.capacity.iter().map(|c| u64::from(c.count)).sum();
    let mut claims: BTreeMap<(u16, String), (BTreeSet<&str>, u64)> = BTreeMap::new();
    for service in &scenario.services {
        let mode = service.mode.unwrap_or(mode);
        let Ok(plan) = check_mode(&service.task_definition, mode) else {
            continue;
        };
        for (protocol, port) in plan.fixed_ports() {
            let claim = claims.entry((port, protocol.to_string())).or_default();
            claim.0.insert(&service.name);
            claim.1 += u64::from(service.count);
        }
    }
    let too_many = claims
        .into_iter()
        .filter(|(_, (_, tasks))| *tasks > instances);
    too_many
        .map(|((port, protocol), (claimants, tasks))| PortConflict {
            port,
            protocol,
            claimants: claimants.into_iter().map(str::to_owned).collect(),
            tasks,
            instances,
        })
        .collect()
}

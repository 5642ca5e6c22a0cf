//! Lowers a scenario in one mode to the plan that the network model builds: tasks placed, host ports
//! settled, interfaces put into subnets, loads pointed at programs.
//!
//! A mode that cannot carry the scenario is an answer, not an error: [`ModeRefusal`] says why, in the
//! words of ECS where it has some.

use std::collections::BTreeMap;
use std::fmt;

use reports::{ConstantRecord, DensityRecord};
use sim_net::build::{BuildError, build};
use sim_net::plan::{MeasurePlan, Mode, Plan, PortPlan};

use crate::ecs::Refusal;
use crate::place::PlacementError;
use crate::toml::Scenario;

pub(crate) mod capacity;
mod conflicts;
mod hosts;
mod machine;
mod ports;
mod tasks;
#[cfg(test)]
mod tests;
mod workloads;

pub use conflicts::port_conflicts;

/// What `none` does with a task definition that publishes ports, which ECS refuses there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonePolicy {
    /// Refuses it, as ECS does: the question is whether these definitions can be deployed.
    AsWritten,
    /// Simulates it without the port mappings, and says so: the question is what the mode does.
    WithoutPorts,
}

/// A scenario in one mode, ready to be built.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The mode.
    pub mode: Mode,
    /// What the network model builds.
    pub plan: Plan,
    /// The same with the neighbours' load; `None` if the scenario has no neighbours.
    pub crowded: Option<Plan>,
    /// Where each task runs, in the order of the plan.
    pub placed: Vec<Placed>,
    /// How many tasks fit on an instance.
    pub density: Option<DensityRecord>,
    /// What was assumed, in words.
    pub assumptions: Vec<String>,
    /// What weakens trust in the results, in words.
    pub caveats: Vec<String>,
    /// Constants that the vendor does not specify and that this mode uses.
    pub constants: Vec<ConstantRecord>,
}

/// Where one task runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Name of the task.
    pub task: String,
    /// Name of its instance, or of its micro-VM.
    pub host: String,
    /// Zone, security groups and published ports.
    pub detail: String,
    /// The ports under which peers reach it, as they are outside.
    pub published: Vec<PortPlan>,
    /// Whether it is reached at every port, published or not: it has an address of its own.
    pub own_address: bool,
}

/// Why a mode cannot carry a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ModeRefusal {
    /// Stable code, such as `host-port-differs` or ECS's `RESOURCE:ENI`.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Where in the input the cause lies.
    pub place: Option<String>,
}

impl fmt::Display for ModeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            message,
            place,
        } = self;
        write!(f, "{code}: {message}")?;
        place
            .as_ref()
            .map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

impl ModeRefusal {
    /// Rules of the mode that a task definition breaks.
    fn rules(service: &str, file: &str, refusals: &[Refusal]) -> Self {
        let first = refusals.first();
        let place = |refusal: &Refusal| match refusal.place.as_str() {
            "" => file.to_owned(),
            place => format!("{file}: {place}"),
        };
        let messages: Vec<_> = refusals
            .iter()
            .map(|refusal| refusal.message.as_str())
            .collect();
        Self {
            code: first.map_or("refused", |refusal| refusal.code).to_owned(),
            message: format!("service {service}: {}", messages.join("; ")),
            place: first.map(place),
        }
    }
}

impl From<PlacementError> for ModeRefusal {
    fn from(error: PlacementError) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            place: None,
        }
    }
}

impl From<BuildError> for ModeRefusal {
    fn from(error: BuildError) -> Self {
        let code = match &error {
            BuildError::Address { .. } => "subnet-full",
            BuildError::PortTaken { .. } => "address-in-use",
            BuildError::BridgeFull { .. } => "bridge-full",
            _ => "not-buildable",
        };
        Self {
            code: code.to_owned(),
            message: error.to_string(),
            place: None,
        }
    }
}

/// Lowers a scenario in one mode.
///
/// # Errors
/// If the mode cannot carry the scenario: a task definition breaks a rule of the mode, a task fits on
/// no instance, or a subnet or a port is not to be had when the tasks start.
pub fn lower(
    scenario: &Scenario,
    mode: Mode,
    measure: &MeasurePlan,
    policy: NonePolicy,
) -> Result<Lowered, ModeRefusal> {
    let laid_out = tasks::lay_out(scenario, mode, policy)?;
    let mut region = scenario.region.clone();
    let hosts = hosts::lower(scenario, &mut region);
    let workloads = workloads::lower(scenario, &scenario.workloads, &laid_out.by_service);
    let plan = Plan {
        trains: true,
        region,
        instances: laid_out.instances,
        tasks: laid_out.tasks,
        hosts,
        workloads,
        listeners: [laid_out.listeners, hosts::listeners(scenario)].concat(),
        probes: Vec::new(),
        measure: *measure,
    };
    // What only shows when the world is put together, such as a subnet without free addresses, is an
    // answer about the mode as well.
    build(&plan, 0, 0)?;
    let crowded = crowded(scenario, &plan, &laid_out.by_service);
    if let Some(crowded) = &crowded {
        build(crowded, 0, 0)?;
    }
    let mut constants = machine::common_constants(&plan);
    constants.extend(laid_out.constants);
    let profiles = plan.instances.iter().map(|instance| &instance.profile);
    let guests = plan.tasks.iter().filter_map(|task| task.fargate.as_ref());
    let profiles = profiles.chain(guests.map(|guest| &guest.profile));
    let by_name: BTreeMap<&str, _> = profiles.map(|profile| (profile.name(), profile)).collect();
    for profile in by_name.values() {
        constants.extend(machine::profile_constants(profile));
    }
    constants.sort();
    constants.dedup();
    Ok(Lowered {
        mode,
        plan,
        crowded,
        placed: laid_out.placed,
        density: laid_out.density,
        assumptions: laid_out.assumptions,
        caveats: laid_out.caveats,
        constants,
    })
}

/// A plan with the neighbours' load beside that of the workloads. Whatever is in both worlds draws the
/// same random numbers, since streams hang on names.
fn crowded(scenario: &Scenario, plan: &Plan, tasks: &[Vec<usize>]) -> Option<Plan> {
    if scenario.neighbours.is_empty() {
        return None;
    }
    let neighbours = scenario.neighbours.iter().map(|n| &n.workload);
    let mut crowded = plan.clone();
    crowded
        .workloads
        .extend(workloads::lower(scenario, neighbours, tasks));
    Some(crowded)
}

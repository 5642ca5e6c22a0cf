//! Whether a network mode can carry a task definition, and in ECS's words why not.
//!
//! The rules are those of the mode that is asked about, not of the one that the definition names:
//! ecsnet compares modes.

use std::fmt;

use super::fargate::FargateSize;
use super::mode::{Mode, NetworkMode};
use super::task_definition::{Compatibility, PortSpec, Protocol, TaskDefinition};

mod common;
mod namespace;
mod ports;
#[cfg(test)]
mod tests;

/// Who says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalKind {
    /// ECS does not register the task definition.
    Registration,
    /// ECS registers it, and finds no instance that could ever run it.
    Placement,
    /// ECS runs it, and ecsnet does not simulate it.
    NotSimulated,
}

/// Why a mode cannot carry a task definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// A stable name of the rule, such as `host-port-differs`.
    pub code: &'static str,
    /// Who says no.
    pub kind: RefusalKind,
    /// The reason. In ECS's own words, and then beginning with `ClientException: `, where they
    /// are known.
    pub message: String,
    /// The field that breaks the rule, as a path in the task definition; empty for the whole.
    pub place: String,
    /// What to change.
    pub remedy: String,
}

/// Something that a mode accepts, and that a result should name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeCaveat {
    /// A stable name of the kind of caveat.
    pub code: &'static str,
    /// What is the matter.
    pub message: String,
    /// The field, as a path in the task definition; empty for the whole.
    pub place: String,
}

/// How a mode carries a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModePlan {
    /// The mode.
    pub mode: Mode,
    /// The containers, in the order of the task definition.
    pub containers: Vec<PublishedContainer>,
    /// The size of the micro-VM; on Fargate only.
    pub fargate_size: Option<FargateSize>,
    /// What a result should name.
    pub caveats: Vec<ModeCaveat>,
}

/// A container and what it publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedContainer {
    /// The container's name.
    pub name: String,
    /// The container has `lo` and nothing else, whatever the task has.
    pub isolated: bool,
    /// Its ports, in the order of the task definition.
    pub ports: Vec<PublishedPort>,
}

/// A port or a range of ports that a container listens on, and where it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// The port or ports inside the container.
    pub container: PortSpec,
    /// The protocol.
    pub protocol: Protocol,
    /// What stands for it on the outside.
    pub host: HostSide,
}

/// Where a container port is reached from outside the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostSide {
    /// At the task's own address, under the same number: `awsvpc` and Fargate.
    TaskAddress,
    /// At the instance's address, under this fixed number: `host`, and `bridge` with a host port.
    Fixed(u16),
    /// At the instance's address, under numbers that the ECS agent picks: as many in a row as there
    /// are container ports ([`DynamicPorts`](super::ports::DynamicPorts)).
    Dynamic,
}

impl ModePlan {
    /// The ports of the instance that the task needs by number.
    pub fn fixed_ports(&self) -> impl Iterator<Item = (Protocol, u16)> {
        let all = self
            .containers
            .iter()
            .flat_map(|container| &container.ports);
        all.filter_map(|port| match port.host {
            HostSide::Fixed(number) => Some((port.protocol, number)),
            HostSide::TaskAddress | HostSide::Dynamic => None,
        })
    }
}

/// What a rule finds goes here.
#[derive(Debug, Default)]
struct Findings {
    refusals: Vec<Refusal>,
    caveats: Vec<ModeCaveat>,
}

impl Findings {
    /// ECS would not register the definition.
    fn refuse(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        place: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.refuse_as(RefusalKind::Registration, code, message, place, remedy);
    }

    fn refuse_as(
        &mut self,
        kind: RefusalKind,
        code: &'static str,
        message: impl Into<String>,
        place: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (message, place, remedy) = (message.into(), place.into(), remedy.into());
        self.refusals.push(Refusal {
            code,
            kind,
            message,
            place,
            remedy,
        });
    }

    fn caveat(&mut self, code: &'static str, message: impl Into<String>, place: impl Into<String>) {
        self.caveats.push(ModeCaveat {
            code,
            message: message.into(),
            place: place.into(),
        });
    }
}

/// Whether a mode can carry a task definition, and how.
///
/// # Errors
/// Every rule that the definition breaks, in the order of the file within each group of rules.
pub fn check_mode(definition: &TaskDefinition, mode: Mode) -> Result<ModePlan, Vec<Refusal>> {
    let mut findings = Findings::default();
    common::not_simulated(definition, &mut findings);
    common::resources(definition, mode, &mut findings);
    let fargate_size = match mode {
        Mode::Fargate => common::fargate(definition, &mut findings),
        _ => None,
    };
    namespace::check(definition, mode, &mut findings);
    let containers = ports::check(definition, mode, &mut findings);
    evaluated_elsewhere(definition, mode, &mut findings);
    if findings.refusals.is_empty() {
        Ok(ModePlan {
            mode,
            containers,
            fargate_size,
            caveats: findings.caveats,
        })
    } else {
        Err(findings.refusals)
    }
}

/// What ECS would say to the definition as it stands, whatever modes are compared: the rules
/// between `networkMode` and `requiresCompatibilities`.
#[must_use]
pub fn check_registration(definition: &TaskDefinition) -> Vec<Refusal> {
    let mut findings = Findings::default();
    let named = definition.effective_network_mode();
    if definition.requires(Compatibility::Fargate) && named != NetworkMode::Awsvpc {
        // Words: aws/amazon-ecs-cli#1145.
        findings.refuse(
            "fargate-needs-awsvpc",
            "ClientException: Fargate only supports network mode 'awsvpc'.",
            "networkMode",
            "set \"networkMode\": \"awsvpc\", or drop FARGATE from `requiresCompatibilities`",
        );
    }
    if definition.requires(Compatibility::ManagedInstances)
        && !matches!(definition.network_mode, Some(mode) if mode != NetworkMode::Bridge)
    {
        // Source: ECS developer guide, managed instances networking (specified); our words.
        findings.refuse(
            "managed-instances-network-mode",
            "Managed Instances need a network mode other than bridge, and none is assumed",
            "networkMode",
            "set \"networkMode\": \"awsvpc\" or \"host\"",
        );
    }
    findings.refusals
}

/// Says so if the definition names another mode than the one it was evaluated in.
fn evaluated_elsewhere(definition: &TaskDefinition, mode: Mode, findings: &mut Findings) {
    let named = definition.effective_network_mode();
    if named != NetworkMode::of(mode) {
        let how = if definition.network_mode.is_some() {
            "names"
        } else {
            "means"
        };
        findings.caveat(
            "other-network-mode",
            format!("the task definition {how} {named}; evaluated as if it named {mode}"),
            "networkMode",
        );
    }
}

impl fmt::Display for PublishedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            HostSide::TaskAddress => write!(f, "{}/{}", self.container, self.protocol),
            HostSide::Fixed(port) => write!(f, "{port}->{}/{}", self.container, self.protocol),
            HostSide::Dynamic => write!(f, "dynamic->{}/{}", self.container, self.protocol),
        }
    }
}

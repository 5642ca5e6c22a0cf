//! ECS task definitions: what a file says, before any network mode judges it.

use std::ops::Range;

use crate::diagnostic::Report;
use crate::document::{Places, json};
use crate::place::query::Query;

use super::mode::{Mode, NetworkMode};

mod quantity;
mod read;
mod recognise;
#[cfg(test)]
mod tests;

pub use quantity::{parse_cpu, parse_memory};
pub use recognise::{Recognised, recognise};

/// A task definition.
///
/// Only what bears on the network, on capacity and on placement is kept; the rest of ECS's fields
/// is accepted and left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinition {
    /// The family, the definition's name.
    pub family: String,
    /// The revision, in what `describe-task-definition` returns.
    pub revision: Option<u32>,
    /// The network mode that the definition names; absent means `bridge` on Linux.
    pub network_mode: Option<NetworkMode>,
    /// The launch types that the definition is to be checked for.
    pub requires_compatibilities: Vec<Compatibility>,
    /// CPU units of the whole task; 1024 are one vCPU.
    pub cpu: Option<u32>,
    /// Memory of the whole task, in MiB.
    pub memory: Option<u32>,
    /// The operating system that the containers are for.
    pub operating_system: OperatingSystem,
    /// The processor architecture that the containers are for.
    pub architecture: Architecture,
    /// The `memberOf` expressions that bind its placement on instances.
    pub placement_constraints: Vec<Query>,
    /// Whether an App Mesh proxy takes the task's traffic.
    pub app_mesh: bool,
    /// The containers, in the order of the file.
    pub containers: Vec<ContainerDefinition>,
    /// Where each field stands in the file.
    pub places: Places,
}

/// A launch type that a definition is to be checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compatibility {
    /// Container instances.
    Ec2,
    /// Fargate.
    Fargate,
    /// ECS Anywhere.
    External,
    /// ECS Managed Instances.
    ManagedInstances,
}

/// What the containers of a task run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatingSystem {
    /// Linux, also if the definition says nothing.
    Linux,
    /// A Windows family, as the definition names it.
    Windows(String),
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86, also if the definition says nothing.
    X86,
    /// 64-bit Arm.
    Arm,
}

/// One container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerDefinition {
    /// The name, unique in the task.
    pub name: String,
    /// The image.
    pub image: String,
    /// Whether the task ends with this container; true unless the file says otherwise.
    pub essential: bool,
    /// CPU units reserved; 0 if the file gives none.
    pub cpu: u32,
    /// Hard memory limit, in MiB.
    pub memory: Option<u32>,
    /// Soft memory limit, in MiB: what placement reserves if it is given.
    pub memory_reservation: Option<u32>,
    /// The port mappings, in the order of the file.
    pub port_mappings: Vec<PortMapping>,
    /// Docker links, as written: `name` or `name:alias`.
    pub links: Vec<String>,
    /// Whether the container has no network but `lo`.
    pub disable_networking: bool,
    /// Whether the container has the rights of root on the instance.
    pub privileged: bool,
    /// The host name inside the container.
    pub hostname: Option<String>,
    /// Name servers of the container.
    pub dns_servers: Vec<String>,
    /// Search domains of the container.
    pub dns_search_domains: Vec<String>,
    /// Extra lines of `/etc/hosts`, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Kernel parameters that are set in the container.
    pub system_controls: Vec<SystemControl>,
    /// Containers that have to come first.
    pub depends_on: Vec<Dependency>,
    /// The container is a FireLens log router of this type (`fluentbit` or `fluentd`), which
    /// listens for the other containers' logs.
    pub firelens: Option<String>,
    /// Where the container's logs go, such as `awslogs` or `awsfirelens`.
    pub log_driver: Option<String>,
    /// The path of the container in the file, such as `containerDefinitions[0]`.
    pub place: String,
}

/// A kernel parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemControl {
    /// Its name, such as `net.core.somaxconn`.
    pub namespace: String,
    /// Its value, as written.
    pub value: String,
}

/// A container that has to come first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub container: String,
    /// `START`, `COMPLETE`, `SUCCESS` or `HEALTHY`.
    pub condition: String,
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// The default of ECS.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// The word in a task definition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One port or a range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortSpec {
    /// `containerPort`; 0 is what ECS refuses as an invalid setting.
    Single(u16),
    /// `containerPortRange`.
    Range {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
}

impl PortSpec {
    /// The first port.
    #[must_use]
    pub fn first(self) -> u16 {
        match self {
            Self::Single(port) => port,
            Self::Range { first, .. } => first,
        }
    }

    /// The last port.
    #[must_use]
    pub fn last(self) -> u16 {
        match self {
            Self::Single(port) => port,
            Self::Range { last, .. } => last,
        }
    }

    /// How many ports there are.
    #[must_use]
    pub fn len(self) -> usize {
        usize::from(self.last().saturating_sub(self.first())) + 1
    }

    /// Never: a specification names at least one port.
    #[must_use]
    pub fn is_empty(self) -> bool {
        false
    }

    /// Whether two specifications share a port.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first() <= other.last() && other.first() <= self.last()
    }

    /// Whether a port is among them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first()..=self.last()).contains(&port)
    }
}

impl std::fmt::Display for PortSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Single(port) => write!(f, "{port}"),
            Self::Range { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

/// One port mapping, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// The port or ports inside the container.
    pub container_port: PortSpec,
    /// The port of the instance; `Some(0)` and `None` differ in the file, not in their meaning.
    pub host_port: Option<u16>,
    /// The protocol.
    pub protocol: Protocol,
    /// The name by which Service Connect and VPC Lattice know the mapping.
    pub name: Option<String>,
    /// `http`, `http2` or `grpc`, for Service Connect.
    pub app_protocol: Option<String>,
    /// The path of the mapping, such as `containerDefinitions[0].portMappings[1]`.
    pub place: String,
}

impl TaskDefinition {
    /// Reads a task definition: ECS's own JSON, as `register-task-definition` takes it or as
    /// `describe-task-definition` returns it.
    ///
    /// The caveats are those of the file; whether a network mode can carry the definition is for
    /// [`check_mode`](super::check_mode).
    ///
    /// # Errors
    /// Everything that is wrong with the file, with its place.
    pub fn read(file: &str, text: &str) -> Result<(Self, Report), Report> {
        let (definition, report) = Self::read_all(file, text);
        match definition {
            Some(definition) if !report.has_errors() => Ok((definition, report)),
            _ => Err(report),
        }
    }

    /// As [`read`](Self::read), but gives what could be understood of a file that has errors, so
    /// that the rules of the network modes can be named as well.
    #[must_use]
    pub fn read_all(file: &str, text: &str) -> (Option<Self>, Report) {
        let mut report = Report::new(file, text);
        let definition = match json::parse(text) {
            Ok(node) => read::task_definition(&node, &mut report),
            Err(error) => {
                let mut problem = error.problem;
                let begins = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
                if begins.starts_with(['#', '[']) && ::toml::from_str::<::toml::Table>(text).is_ok()
                {
                    problem = problem.with_help(
                        "it is TOML: a scenario file is given without --task-definition",
                    );
                }
                report.error(Some(error.span), "", problem);
                None
            }
        };
        (definition, report)
    }

    /// The network mode that counts: `bridge` if the definition names none.
    ///
    /// Source: Amazon ECS API, `networkMode` (specified).
    #[must_use]
    pub fn effective_network_mode(&self) -> NetworkMode {
        self.network_mode.unwrap_or(NetworkMode::Bridge)
    }

    /// Whether the definition is to be checked for a launch type.
    #[must_use]
    pub fn requires(&self, compatibility: Compatibility) -> bool {
        self.requires_compatibilities.contains(&compatibility)
    }

    /// The modes that the definition itself asks for: Fargate if it requires only that, its
    /// network mode on instances if not, or both.
    #[must_use]
    pub fn named_modes(&self) -> Vec<Mode> {
        let on_instances = self.effective_network_mode().on_instances();
        let fargate = self.requires(Compatibility::Fargate);
        let only_fargate = fargate && self.requires_compatibilities.len() == 1;
        let mut modes = Vec::new();
        if !only_fargate {
            modes.push(on_instances);
        }
        if fargate {
            modes.push(Mode::Fargate);
        }
        modes
    }

    /// CPU units that placement reserves: the task's, or the sum of its containers'.
    #[must_use]
    pub fn reserved_cpu(&self) -> u32 {
        let containers = || {
            self.containers
                .iter()
                .map(|c| c.cpu)
                .fold(0, u32::saturating_add)
        };
        self.cpu.unwrap_or_else(containers)
    }

    /// Memory that placement reserves, in MiB: the task's, or the sum of its containers' (the soft
    /// limit of a container counts before its hard one).
    ///
    /// Source: Amazon ECS API, `memoryReservation` (specified).
    #[must_use]
    pub fn reserved_memory(&self) -> u32 {
        let one = |c: &ContainerDefinition| c.memory_reservation.or(c.memory).unwrap_or(0);
        let containers = || self.containers.iter().map(one).fold(0, u32::saturating_add);
        self.memory.unwrap_or_else(containers)
    }

    /// The container of a name.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.containers
            .iter()
            .find(|container| container.name == name)
    }

    /// The same definition publishing nothing: what `none` can carry of it.
    #[must_use]
    pub fn without_port_mappings(&self) -> Self {
        let mut definition = self.clone();
        for container in &mut definition.containers {
            container.port_mappings.clear();
        }
        definition
    }

    /// Where a field stands in the file.
    #[must_use]
    pub fn span(&self, place: &str) -> Option<Range<usize>> {
        self.places.span(place)
    }
}

//! EC2 instance types: what they have, and how many tasks with an interface of their own they carry.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sim_core::DataRate;

use crate::diagnostic::nearest;

mod limits;
#[cfg(test)]
mod tests;

pub use limits::{EniLimits, TaskLimit};

/// One instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name, such as `c5.large`.
    pub name: String,
    /// The processor architecture.
    pub architecture: Architecture,
    /// What runs between the instance and the machine.
    pub hypervisor: Hypervisor,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory, in MiB, as sold; a little less is registered with ECS.
    pub memory_mib: u32,
    /// Elastic network interfaces that can be attached, the primary one included.
    pub max_enis: u32,
    /// Bandwidth that lasts, each direction, all network cards together.
    pub baseline: DataRate,
    /// Bandwidth while network credits last.
    pub peak: DataRate,
    /// How many tasks with an interface of their own it carries.
    pub limits: EniLimits,
    /// Whether a cluster placement group takes it.
    pub cluster_placement: bool,
    /// Idle time after which connection tracking forgets an established TCP connection, in seconds.
    pub tcp_established_s: u32,
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    X86,
    /// 64-bit Arm.
    Arm,
}

/// What runs between an instance and its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hypervisor {
    /// AWS Nitro.
    Nitro,
    /// Xen, of older types.
    Xen,
    /// Nothing.
    BareMetal,
    /// Not published.
    Unknown,
}

impl Architecture {
    /// The word of `ecs.cpu-architecture`.
    ///
    /// Source: Amazon ECS developer guide, task placement constraints (specified).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
}

impl Hypervisor {
    /// The word of the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nitro => "nitro",
            Self::Xen => "xen",
            Self::BareMetal => "bare-metal",
            Self::Unknown => "unknown",
        }
    }
}

impl InstanceType {
    /// Tasks with an interface of their own, without trunking.
    #[must_use]
    pub fn tasks_without_trunking(&self) -> u32 {
        // The table has `max_enis` for every type whose size is known.
        self.limits.plain().map_or(0, TaskLimit::tasks)
    }

    /// Whether tasks can ride a trunk interface, and how many is known.
    #[must_use]
    pub fn can_trunk(&self) -> bool {
        self.limits.trunked().is_some()
    }

    /// Places for task interfaces, on a trunk if asked for and possible.
    #[must_use]
    pub fn task_interfaces(&self, trunking: bool) -> u32 {
        let trunked = self.limits.trunked().filter(|_| trunking);
        trunked.map_or_else(|| self.tasks_without_trunking(), TaskLimit::tasks)
    }
}

/// A line of the table: what is known of a type, which for some is the limits alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The type's name.
    pub name: String,
    /// How many tasks with an interface of their own it carries.
    pub limits: EniLimits,
    /// Everything else; `None` where size or bandwidth is not public, or nothing that ECS runs
    /// Linux on.
    pub instance: Option<InstanceType>,
}

/// The instance types that ecsnet knows.
#[derive(Clone, Debug)]
pub struct InstanceTypes {
    types: BTreeMap<String, Listed>,
}

impl InstanceTypes {
    /// The table that ecsnet ships; its README says where every column comes from.
    ///
    /// # Panics
    /// Never: the table is part of the program, and a test reads all of it.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<InstanceTypes> = LazyLock::new(|| {
            let text = include_str!("instance_types/instance_types.csv");
            let rows = text.lines().skip(1).map(|line| (line, row(line)));
            let types = rows.map(|(line, row)| {
                let row = row.unwrap_or_else(|| panic!("the shipped table has a bad line: {line}"));
                (row.name.clone(), row)
            });
            InstanceTypes {
                types: types.collect(),
            }
        });
        &BUILTIN
    }

    /// The type of a name, if its size is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.types.get(name)?.instance.as_ref()
    }

    /// The line of a name.
    #[must_use]
    pub fn listed(&self, name: &str) -> Option<&Listed> {
        self.types.get(name)
    }

    /// The known name that is nearest to an unknown one.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.types.keys().map(String::as_str))
    }

    /// All types of a known size, by name.
    pub fn iter(&self) -> impl Iterator<Item = &InstanceType> {
        self.all().filter_map(|listed| listed.instance.as_ref())
    }

    /// All lines, by name.
    pub fn all(&self) -> impl Iterator<Item = &Listed> {
        self.types.values()
    }
}

/// One line of the table.
fn row(line: &str) -> Option<Listed> {
    let fields: Vec<&str> = line.split(',').collect();
    let &[
        name,
        architecture,
        hypervisor,
        vcpus,
        memory,
        max_enis,
        baseline,
        peak,
        trunking,
        branches,
        plain,
        trunked,
        cluster,
        established,
    ] = fields.as_slice()
    else {
        return None;
    };
    let limits = EniLimits {
        max_enis: optional(max_enis)?,
        trunking: trunking_of(trunking)?,
        branch_interfaces: optional(branches)?,
        plain_documented: optional(plain)?,
        trunked_documented: optional(trunked)?,
    };
    let name = name.to_owned();
    if architecture.is_empty() {
        let instance = None;
        return Some(Listed {
            name,
            limits,
            instance,
        });
    }
    let architectures = [Architecture::X86, Architecture::Arm];
    let hypervisors = [
        Hypervisor::Nitro,
        Hypervisor::Xen,
        Hypervisor::BareMetal,
        Hypervisor::Unknown,
    ];
    let rate = |field: &str| DataRate::from_bps(field.parse::<u64>().ok()? * 1_000_000);
    let instance = InstanceType {
        name: name.clone(),
        architecture: architectures
            .into_iter()
            .find(|known| known.as_str() == architecture)?,
        hypervisor: hypervisors
            .into_iter()
            .find(|known| known.as_str() == hypervisor)?,
        vcpus: vcpus.parse().ok()?,
        memory_mib: memory.parse().ok()?,
        max_enis: limits.max_enis?,
        baseline: rate(baseline)?,
        peak: rate(peak)?,
        limits,
        cluster_placement: cluster == "yes",
        tcp_established_s: established.parse().ok()?,
    };
    Some(Listed {
        name,
        limits,
        instance: Some(instance),
    })
}

/// A number, or nothing where nothing stands; `None` for what is no number.
fn optional(field: &str) -> Option<Option<u32>> {
    match field {
        "" => Some(None),
        number => number.parse::<u32>().ok().map(Some),
    }
}

/// `yes`, `no` or `unknown`; `None` for another word.
fn trunking_of(field: &str) -> Option<Option<bool>> {
    match field {
        "yes" => Some(Some(true)),
        "no" => Some(Some(false)),
        "unknown" => Some(None),
        _ => None,
    }
}

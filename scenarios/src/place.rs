//! Placement of tasks on container instances, and what to say when a task fits nowhere.
//!
//! An instance qualifies if its zone is allowed and it has the CPU, the memory, the host ports and
//! the network interface that the task needs. Of those that qualify, a service's task goes to the
//! zone with the fewest tasks of the service, in it to the instance with the fewest of them, and
//! among equals to the one that comes first.
//!
//! Source: Amazon ECS API, `PlacementStrategy`: the default of a service is to spread over
//! `attribute:ecs.availability-zone` (specified). How ECS picks inside a zone is not published; that
//! it spreads there too, in the order of the instances, is assumed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ecs::ports::{HostPorts, PortError};
use crate::ecs::{Protocol, ports::DynamicPorts};

mod density;
#[cfg(test)]
mod tests;

pub use density::{Density, density};

/// Memory that an instance registers with ECS, in MiB: what the operating system sees of its
/// nominal memory.
///
/// The ratio is that of the one published example, an `m4.large` (8192 MiB nominal, 7985 MiB
/// registered), rounded down; that it holds for other types is assumed.
///
/// Source: Amazon ECS developer guide, container instance memory management (specified for the
/// example).
#[must_use]
pub fn registered_memory(nominal_mib: u32) -> u32 {
    let registered = u64::from(nominal_mib) * 7985 / 8192;
    u32::try_from(registered).unwrap_or(u32::MAX)
}

/// CPU units that an instance registers.
///
/// Source: Amazon ECS developer guide: 1024 units per vCPU (specified).
#[must_use]
pub fn registered_cpu(vcpus: u32) -> u32 {
    vcpus.saturating_mul(1024)
}

/// What is free on a container instance.
#[derive(Clone, Debug)]
pub struct Site {
    /// Name of the instance.
    pub name: String,
    /// Index of its zone.
    pub zone: usize,
    /// Free CPU units.
    pub cpu: u32,
    /// Free memory, in MiB.
    pub memory: u32,
    /// Free places for task network interfaces.
    pub interfaces: u32,
    /// Host ports that are taken.
    pub ports: HostPorts,
    /// The agent's choice of dynamic host ports.
    pub dynamic: DynamicPorts,
    /// Tasks of each service.
    tasks: BTreeMap<String, u32>,
}

impl Site {
    /// An empty instance.
    #[must_use]
    pub fn new(name: String, zone: usize, cpu: u32, memory: u32, interfaces: u32) -> Self {
        let (ports, dynamic) = (HostPorts::new(), DynamicPorts::default());
        Self {
            name,
            zone,
            cpu,
            memory,
            interfaces,
            ports,
            dynamic,
            tasks: BTreeMap::new(),
        }
    }

    fn tasks_of(&self, service: &str) -> u32 {
        self.tasks.get(service).copied().unwrap_or(0)
    }

    /// What the site lacks for a task, the first thing in the order in which it is looked at.
    fn lacks(&self, demand: &Demand) -> Option<Shortage> {
        if demand
            .zones
            .as_ref()
            .is_some_and(|zones| !zones.contains(&self.zone))
        {
            return Some(Shortage::Attribute);
        }
        if self.cpu < demand.cpu {
            return Some(Shortage::Cpu);
        }
        if self.memory < demand.memory {
            return Some(Shortage::Memory);
        }
        if let Err(error) = self.ports.check(demand.fixed_ports.iter().copied()) {
            return Some(Shortage::Ports(error));
        }
        (demand.interface && self.interfaces == 0).then_some(Shortage::Eni)
    }
}

/// What one task needs of an instance.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// CPU units.
    pub cpu: u32,
    /// Memory, in MiB.
    pub memory: u32,
    /// Host ports with a fixed number.
    pub fixed_ports: Vec<(Protocol, u16)>,
    /// Host ports that the agent chooses.
    pub dynamic_ports: u32,
    /// Whether the task gets a network interface of its own.
    pub interface: bool,
    /// The zones that it may run in; `None` for all.
    pub zones: Option<BTreeSet<usize>>,
}

/// Why an instance does not qualify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// It is in none of the zones of the task's subnets.
    Attribute,
    /// Too few CPU units.
    Cpu,
    /// Too little memory.
    Memory,
    /// A host port is not to be had.
    Ports(PortError),
    /// No place for another network interface.
    Eni,
}

impl Shortage {
    /// The reason as ECS gives it in `failures` and service events.
    ///
    /// Source: Amazon ECS developer guide, API failure reasons; service event messages (specified).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Attribute => "ATTRIBUTE",
            Self::Cpu => "RESOURCE:CPU",
            Self::Memory => "RESOURCE:MEMORY",
            Self::Ports(_) => "RESOURCE:PORTS",
            Self::Eni => "RESOURCE:ENI",
        }
    }

    /// How far down the list of conditions the instance came.
    fn depth(&self) -> u8 {
        match self {
            Self::Attribute => 0,
            Self::Cpu => 1,
            Self::Memory => 2,
            Self::Ports(_) => 3,
            Self::Eni => 4,
        }
    }
}

/// Completes "the closest matching container instance `x` …" as service events do.
impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute => f.write_str("is missing an attribute required by your task"),
            Self::Cpu => f.write_str("has insufficient CPU units available"),
            Self::Memory => f.write_str("has insufficient memory available"),
            Self::Ports(_) => f.write_str("is already using a port required by your task"),
            Self::Eni => f.write_str("encountered error \"RESOURCE:ENI\""),
        }
    }
}

/// A task fits on no instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementError {
    /// The task.
    pub task: String,
    /// The service that it belongs to.
    pub service: String,
    /// The instance that came closest and what it lacks; `None` if the cluster has no instance.
    pub closest: Option<(String, Shortage)>,
}

impl PlacementError {
    /// The reason as ECS gives it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.closest
            .as_ref()
            .map_or("RESOURCE:INSTANCE", |(_, shortage)| shortage.code())
    }
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            task,
            service,
            closest,
        } = self;
        write!(
            f,
            "(service {service}) was unable to place task {task} because no container "
        )?;
        let Some((instance, shortage)) = closest else {
            return f.write_str("instances were found in the cluster");
        };
        write!(
            f,
            "instance met all of its requirements; the closest matching "
        )?;
        write!(f, "container-instance {instance} {shortage}")?;
        if let Shortage::Ports(error) = shortage {
            write!(f, ": {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PlacementError {}

/// The container instances of a cluster, in the order in which they are offered.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The instances.
    pub sites: Vec<Site>,
}

impl Cluster {
    /// Places one task of a service, takes what it needs (dynamic host ports excepted: the agent
    /// chooses those when the task starts), and gives the index of the instance.
    ///
    /// # Errors
    /// If no instance qualifies: the one that came closest, and what it lacks.
    ///
    /// # Panics
    /// Never: what is taken was found to be free.
    pub fn place(
        &mut self,
        service: &str,
        task: &str,
        demand: &Demand,
    ) -> Result<usize, PlacementError> {
        let mut zone_tasks: BTreeMap<usize, u32> = BTreeMap::new();
        for site in &self.sites {
            *zone_tasks.entry(site.zone).or_default() += site.tasks_of(service);
        }
        let chosen = (0..self.sites.len())
            .filter(|&index| self.sites[index].lacks(demand).is_none())
            .min_by_key(|&index| {
                let site = &self.sites[index];
                (zone_tasks[&site.zone], site.tasks_of(service), index)
            });
        let Some(index) = chosen else {
            return Err(self.nowhere(service, task, demand));
        };
        let site = &mut self.sites[index];
        site.cpu -= demand.cpu;
        site.memory -= demand.memory;
        site.interfaces -= u32::from(demand.interface);
        for &(protocol, port) in &demand.fixed_ports {
            let taken = site.ports.take(protocol, port, format!("task {task}"));
            assert!(
                taken.is_ok(),
                "the ports of an instance that qualifies are free: {taken:?}"
            );
        }
        *site.tasks.entry(service.to_owned()).or_default() += 1;
        Ok(index)
    }

    fn nowhere(&self, service: &str, task: &str, demand: &Demand) -> PlacementError {
        let lacks = |site: &Site| site.lacks(demand).map(|lack| (site.name.clone(), lack));
        // The first of those that came furthest.
        let closest = self
            .sites
            .iter()
            .rev()
            .filter_map(lacks)
            .max_by_key(|(_, l)| l.depth());
        PlacementError {
            task: task.to_owned(),
            service: service.to_owned(),
            closest,
        }
    }
}

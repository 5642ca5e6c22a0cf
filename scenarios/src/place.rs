//! Placement of tasks on container instances, and what to say when a task fits nowhere.
//!
//! As ECS does it: instances are filtered by what they have (zone, CPU, memory, host ports, a place
//! for a network interface), then by constraints, which bind; strategies, one after another, choose
//! among those that are left. Only then does the task's interface take an address of a subnet, which
//! may fail when the task has been placed.
//!
//! Source: Amazon ECS developer guide, task placement (specified). Among instances that all
//! strategies find equal the one that comes first is taken; how ECS picks is not published
//! (assumed).

use std::collections::{BTreeMap, BTreeSet};

use sim_core::{SimRng, Streams};

use crate::ecs::ports::{DynamicPorts, HostPorts};
use crate::ecs::{HostSide, ModePlan, Protocol, TaskDefinition};

pub mod constraint;
mod density;
mod error;
pub mod provider;
pub mod query;
mod round;
pub mod strategy;
#[cfg(test)]
mod tests;

pub use constraint::Constraint;
pub use density::{Density, Limit, Need, density};
pub use error::{Cause, PlacementError, Shortage};
pub use provider::Share;
use round::Round;
pub use strategy::{Field, Resource, Strategy};

/// The attribute that holds an instance's zone.
///
/// Source: Amazon ECS developer guide, task placement constraints, built-in attributes (specified).
pub const ZONE_ATTRIBUTE: &str = "ecs.availability-zone";

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
    /// Name of the capacity provider that it belongs to.
    pub provider: String,
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
    /// Its attributes, built-in and custom, by name.
    pub attributes: BTreeMap<String, String>,
    /// Tasks of each group, such as `service:web`.
    tasks: BTreeMap<String, u32>,
}

impl Site {
    /// An empty instance without attributes.
    #[must_use]
    pub fn new(name: String, zone: usize, cpu: u32, memory: u32, interfaces: u32) -> Self {
        let (ports, dynamic) = (HostPorts::new(), DynamicPorts::default());
        Self {
            name,
            zone,
            provider: String::new(),
            cpu,
            memory,
            interfaces,
            ports,
            dynamic,
            attributes: BTreeMap::new(),
            tasks: BTreeMap::new(),
        }
    }

    fn tasks_of(&self, group: &str) -> u32 {
        self.tasks.get(group).copied().unwrap_or(0)
    }

    /// What the site lacks for a task, the first thing in the order in which it is looked at.
    fn lacks(&self, group: &str, demand: &Demand, constraints: &[Constraint]) -> Option<Shortage> {
        if demand
            .zones
            .as_ref()
            .is_some_and(|zones| !zones.contains(&self.zone))
        {
            return Some(Shortage::Attribute);
        }
        if self.cpu < demand.cpu {
            let (needs, free) = (demand.cpu, self.cpu);
            return Some(Shortage::Cpu { needs, free });
        }
        if self.memory < demand.memory {
            let (needs, free) = (demand.memory, self.memory);
            return Some(Shortage::Memory { needs, free });
        }
        if let Err(error) = self.ports.check(demand.fixed_ports.iter().copied()) {
            return Some(Shortage::Ports(error));
        }
        if demand.interface && self.interfaces == 0 {
            return Some(Shortage::Eni);
        }
        let broken = constraints
            .iter()
            .find(|constraint| !constraint.holds(group, &self.attributes, &self.tasks));
        broken.map(|constraint| Shortage::Constraint(constraint.clone()))
    }

    fn take(&mut self, group: &str, task: &str, demand: &Demand) {
        self.cpu -= demand.cpu;
        self.memory -= demand.memory;
        self.interfaces -= u32::from(demand.interface);
        for &(protocol, port) in &demand.fixed_ports {
            let taken = self.ports.take(protocol, port, format!("task {task}"));
            assert!(
                taken.is_ok(),
                "the ports of an instance that qualifies are free: {taken:?}"
            );
        }
        *self.tasks.entry(group.to_owned()).or_default() += 1;
    }
}

/// What one task needs of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// CPU units.
    pub cpu: u32,
    /// Memory, in MiB.
    pub memory: u32,
    /// Host ports with a fixed number.
    pub fixed_ports: Vec<(Protocol, u16)>,
    /// Host ports that the agent chooses, each mapping with how many in a row it needs.
    pub dynamic_ports: Vec<(Protocol, u32)>,
    /// Whether the task gets a network interface of its own.
    pub interface: bool,
    /// The zones that it may run in; `None` for all.
    pub zones: Option<BTreeSet<usize>>,
}

impl Demand {
    /// What a task of a definition needs in the mode of a plan; its zones are left open.
    #[must_use]
    pub fn of(definition: &TaskDefinition, plan: &ModePlan, interface: bool) -> Self {
        let ports = plan.containers.iter().flat_map(|one| &one.ports);
        let dynamic = ports.filter(|port| port.host == HostSide::Dynamic);
        Self {
            cpu: definition.reserved_cpu(),
            memory: definition.reserved_memory(),
            fixed_ports: plan.fixed_ports().collect(),
            dynamic_ports: dynamic
                .map(|port| {
                    let count = u32::try_from(port.container.len()).unwrap_or(u32::MAX);
                    (port.protocol, count)
                })
                .collect(),
            interface,
            zones: None,
        }
    }
}

/// How a service wants its tasks placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What binds.
    pub constraints: Vec<Constraint>,
    /// What chooses among the instances that are left, one after another.
    pub strategies: Vec<Strategy>,
    /// The capacity providers among which tasks are divided; empty for all instances alike.
    pub providers: Vec<Share>,
}

/// The default of a service: spread over zones.
///
/// Source: Amazon ECS API, `PlacementStrategy`: a service spreads over
/// `attribute:ecs.availability-zone` (specified). That it spreads over the instances of a zone too
/// is assumed.
impl Default for Policy {
    fn default() -> Self {
        let zones = Field::Attribute(ZONE_ATTRIBUTE.to_owned());
        Self {
            constraints: Vec::new(),
            strategies: vec![Strategy::Spread(zones), Strategy::Spread(Field::Instance)],
            providers: Vec::new(),
        }
    }
}

/// The container instances of a cluster, in the order in which they are offered, and the subnets
/// that task interfaces take their addresses from.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The instances. Between two tasks of a service only the one that took the first may be changed.
    pub sites: Vec<Site>,
    /// Free addresses, by the index of the subnet.
    pub addresses: Vec<u64>,
    streams: Streams,
    /// What `random` draws from, by service: one service more moves no other's tasks.
    random: BTreeMap<String, SimRng>,
    /// Tasks that each service has placed on each of its capacity providers.
    shares: BTreeMap<String, Vec<u32>>,
    /// The service that placed the last task.
    round: Option<Round>,
}

impl Cluster {
    /// A cluster of these instances and subnets. What `random` chooses depends on the seed.
    #[must_use]
    pub fn new(sites: Vec<Site>, addresses: Vec<u64>, seed: u64) -> Self {
        Self {
            sites,
            addresses,
            streams: Streams::new(seed),
            random: BTreeMap::new(),
            shares: BTreeMap::new(),
            round: None,
        }
    }

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
        policy: &Policy,
    ) -> Result<usize, PlacementError> {
        let group = format!("service:{service}");
        let counts = self.shares.entry(service.to_owned()).or_default();
        let share = provider::next(&policy.providers, counts);
        let provider = share.map(|index| policy.providers[index].provider.as_str());
        let current = self.round.take();
        self.round = match current.filter(|round| round.is_of(&group, demand, policy)) {
            None => Round::new(&self.sites, &group, demand, policy),
            current => current,
        };
        let ranked = self.round.as_mut();
        let chosen = match ranked.and_then(|round| round.choose(&self.sites, provider)) {
            Some(index) => index,
            None => self.search(service, task, (&group, provider), demand, policy)?,
        };
        #[cfg(test)]
        if self.round.is_some() {
            let found = self.search(service, task, (&group, provider), demand, policy);
            assert_eq!(found, Ok(chosen), "kept in order, and looked for");
        }
        if let Some(round) = &mut self.round {
            round.took(&self.sites, chosen);
        }
        self.sites[chosen].take(&group, task, demand);
        if let Some(share) = share {
            self.shares.entry(service.to_owned()).or_default()[share] += 1;
        }
        Ok(chosen)
    }

    /// Looks at every instance: where strategies draw lots, and where none qualifies.
    fn search(
        &mut self,
        service: &str,
        task: &str,
        (group, provider): (&str, Option<&str>),
        demand: &Demand,
        policy: &Policy,
    ) -> Result<usize, PlacementError> {
        let offered: Vec<usize> = (0..self.sites.len())
            .filter(|&index| provider.is_none_or(|name| self.sites[index].provider == name))
            .collect();
        let lacks = |index: usize| self.sites[index].lacks(group, demand, &policy.constraints);
        let qualify: Vec<usize> = offered
            .iter()
            .copied()
            .filter(|&index| lacks(index).is_none())
            .collect();
        let streams = self.streams;
        let random = self
            .random
            .entry(service.to_owned())
            .or_insert_with(|| streams.stream(service, "placement"));
        let chosen = strategy::choose(&self.sites, qualify, group, &policy.strategies, random);
        chosen.ok_or_else(|| {
            // The first of those that came furthest.
            let closest = offered
                .iter()
                .rev()
                .filter_map(|&index| Some((self.sites[index].name.clone(), lacks(index)?)))
                .max_by_key(|(_, shortage)| shortage.depth());
            PlacementError::nowhere(service, task, provider, closest)
        })
    }

    /// Takes an address for the interface of a task that has been placed, from the first of these
    /// subnets, beginning with the one whose turn it is, that has one; gives the index of the subnet.
    ///
    /// # Errors
    /// If none has a free address. By then ECS has started the task.
    pub fn attach(
        &mut self,
        service: &str,
        task: &str,
        subnets: &[(usize, &str)],
        turn: usize,
    ) -> Result<usize, PlacementError> {
        let in_turn = (0..subnets.len()).map(|offset| subnets[(turn + offset) % subnets.len()]);
        for (subnet, _) in in_turn {
            if let Some(left) = self.addresses[subnet].checked_sub(1) {
                self.addresses[subnet] = left;
                return Ok(subnet);
            }
        }
        let names = subnets.iter().map(|(_, name)| *name);
        Err(PlacementError::no_address(service, task, names))
    }
}

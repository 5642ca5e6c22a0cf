//! Who gets which address, and what the fabric and the security groups make of it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::PartitionId;

use super::BuildError;
use crate::ids::EniId;
use crate::plan::Plan;
use crate::vpc::{
    AddressAllocator, Endpoint, EndpointId, EniRules, Fabric, FabricError, GroupMembers, Location,
};

/// An interface of the plan with its address.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) addr: Ipv4Addr,
    pub(super) subnet: usize,
    pub(super) groups: Vec<usize>,
    pub(super) endpoint: EndpointId,
    machine: usize,
    eni: EniId,
    pub(super) placement_group: Option<u32>,
}

/// All interfaces: of instances, of tasks, of other machines. Machines are numbered in that order,
/// Fargate tasks between instances and other machines.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) instances: Vec<Interface>,
    /// By the index of the task; `None` for tasks without an interface of their own.
    pub(super) tasks: Vec<Option<Interface>>,
    pub(super) hosts: Vec<Interface>,
    pub(super) micro_vms: usize,
}

struct Allocation {
    subnets: Vec<AddressAllocator>,
    next: usize,
}

impl Allocation {
    fn interface(
        &mut self,
        name: String,
        subnet: usize,
        groups: &[usize],
        (machine, eni): (usize, usize),
        placement_group: Option<u32>,
    ) -> Result<Interface, BuildError> {
        let addr = self.subnets[subnet]
            .allocate()
            .map_err(|error| BuildError::Address {
                interface: name.clone(),
                error,
            })?;
        let endpoint = EndpointId::new(self.next);
        self.next += 1;
        Ok(Interface {
            name,
            addr,
            subnet,
            groups: groups.to_vec(),
            endpoint,
            machine,
            eni: EniId::new(eni),
            placement_group,
        })
    }
}

impl Addresses {
    pub(super) fn allocate(plan: &Plan) -> Result<Self, BuildError> {
        let subnets = plan
            .region
            .subnets
            .iter()
            .map(|s| AddressAllocator::new(s.cidr))
            .collect();
        let mut allocation = Allocation { subnets, next: 0 };
        let mut instances = Vec::new();
        for (index, i) in plan.instances.iter().enumerate() {
            let (name, groups) = (format!("{}/eth0", i.name), &i.security_groups);
            let at = (index, 0);
            instances.push(allocation.interface(name, i.subnet, groups, at, i.placement_group)?);
        }
        // Machines outside ECS come before tasks, so that another task moves none of their
        // addresses; among the machines they are last.
        let first_host =
            plan.instances.len() + plan.tasks.iter().filter(|t| t.fargate.is_some()).count();
        let mut hosts = Vec::new();
        for (index, h) in plan.hosts.iter().enumerate() {
            let at = (first_host + index, 0);
            let (name, groups) = (format!("{}/eth0", h.name), &h.security_groups);
            let subnet = h.location.subnet().expect("outside: to come");
            hosts.push(allocation.interface(name, subnet, groups, at, None)?);
        }
        let mut enis = vec![1; plan.instances.len()];
        let mut micro_vms = 0;
        let mut tasks = Vec::new();
        for task in &plan.tasks {
            let Some(network) = &task.network else {
                tasks.push(None);
                continue;
            };
            let (at, placement_group) = if let Some(instance) = task.instance {
                enis[instance] += 1;
                (
                    (instance, enis[instance] - 1),
                    plan.instances[instance].placement_group,
                )
            } else {
                micro_vms += 1;
                ((plan.instances.len() + micro_vms - 1, 0), None)
            };
            let (name, groups) = (format!("{}/eth0", task.name), &network.security_groups);
            let made = allocation.interface(name, network.subnet, groups, at, placement_group)?;
            tasks.push(Some(made));
        }
        Ok(Self {
            instances,
            tasks,
            hosts,
            micro_vms,
        })
    }

    /// Every interface, in the order of its endpoint's number.
    fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.instances
            .iter()
            .chain(&self.hosts)
            .chain(self.tasks.iter().flatten())
    }

    /// The addresses of all interfaces in a cluster placement group.
    pub(super) fn in_placement_group(&self, group: u32) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.iter()
            .filter(move |i| i.placement_group == Some(group))
            .map(|i| i.addr)
    }

    pub(super) fn fabric(&self, plan: &Plan) -> Result<Fabric, FabricError> {
        let endpoints = self.iter().map(|interface| Endpoint {
            partition: PartitionId::new(interface.machine),
            eni: interface.eni,
            addr: interface.addr,
            location: Location::Vpc {
                subnet: interface.subnet,
                zone: plan.region.subnets[interface.subnet].zone,
                placement_group: interface.placement_group,
            },
        });
        Fabric::new(plan.region.latency.clone(), plan.region.loss, endpoints)
    }

    /// What each interface's security groups allow, by the number of its endpoint. Interfaces with
    /// the same groups share one compiled set.
    pub(super) fn rules(&self, plan: &Plan) -> Vec<Arc<EniRules>> {
        let (groups, lists) = (&plan.region.security_groups, &plan.region.prefix_lists);
        let pairs = self
            .iter()
            .flat_map(|i| i.groups.iter().map(|&g| (g, i.addr)));
        let members = GroupMembers::new(groups.len(), pairs);
        let mut compiled: std::collections::BTreeMap<&[usize], Arc<EniRules>> =
            std::collections::BTreeMap::new();
        self.iter()
            .map(|interface| {
                compiled
                    .entry(&interface.groups)
                    .or_insert_with_key(|g| Arc::new(EniRules::compile(groups, g, &members, lists)))
                    .clone()
            })
            .collect()
    }
}

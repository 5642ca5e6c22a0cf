//! The elastic network interfaces of the Region, with what the plan says of each.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::LookupMap;

use super::layout::Layout;
use super::packet::TTL;
use super::region::GroupRules;
use crate::ids::IfaceId;
use crate::plan::{HostLocation, HostPlan, InstancePlan, Place, Plan, TaskNetworkPlan, TaskPlan};
use crate::vpc::EniRules;

/// What is behind an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A namespace, by the interface that it is there.
    Machine(usize, IfaceId),
    /// The NAT gateway with this index.
    NatGateway(usize),
}

/// An interface.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) addr: Ipv4Addr,
    pub(super) public: Option<Ipv4Addr>,
    /// Its subnet; `None` outside the VPCs.
    pub(super) subnet: Option<usize>,
    /// The prefix list of the AWS service that it belongs to.
    pub(super) service: Option<usize>,
    /// Its subnet's router, where its namespace has a default route to it.
    pub(super) router: Option<Ipv4Addr>,
    pub(super) groups: Vec<usize>,
    /// `None` where there are no groups.
    pub(super) rules: Option<Arc<EniRules>>,
    pub(super) source_dest_check: bool,
    pub(super) always_tracked: bool,
    /// Time to live of the metadata service's answers; `None` where it does not answer.
    pub(super) metadata: Option<u8>,
    pub(super) place: Option<Place>,
}

/// All interfaces, in the order of [`Layout::attached`].
pub(super) fn all(plan: &Plan, layout: &Layout, rules: &GroupRules) -> Vec<Interface> {
    let mut interfaces = Vec::with_capacity(layout.attached.len());
    let mut next_eni = vec![1; plan.instances.len()];
    let mut next_micro_vm = plan.instances.len();
    let mut at = LookupMap::new();
    for (index, instance) in plan.instances.iter().enumerate() {
        at.insert((index, 0), of_instance(plan, index, instance));
    }
    for (index, host) in plan.hosts.iter().enumerate() {
        at.insert((layout.first_host + index, 0), of_host(index, host));
    }
    for (index, task) in plan.tasks.iter().enumerate() {
        let Some(network) = &task.network else {
            continue;
        };
        let key = if let Some(instance) = task.instance {
            next_eni[instance] += 1;
            (instance, next_eni[instance] - 1)
        } else {
            next_micro_vm += 1;
            (next_micro_vm - 1, 0)
        };
        at.insert(key, of_task(plan, index, task, network));
    }
    let first_nat = layout.first_host + plan.hosts.len();
    for (index, gateway) in plan.region.nat_gateways.iter().enumerate() {
        let interface = Interface {
            role: Role::NatGateway(index),
            ..Interface::new(gateway.id.clone(), Some(gateway.subnet), &[])
        };
        at.insert((first_nat + index, 0), interface);
    }
    for attached in &layout.attached {
        let Some(mut interface) = at.remove(&(attached.machine, attached.eni)) else {
            continue;
        };
        if !matches!(interface.role, Role::NatGateway(_)) {
            interface.role = Role::Machine(attached.space, attached.iface);
        }
        interface.addr = attached.addr;
        interface.public = attached.public;
        interface.router = interface
            .subnet
            .and_then(|subnet| plan.region.subnets[subnet].cidr.hosts().next());
        interfaces.push(interface);
    }
    let keys: Vec<_> = interfaces.iter().map(|i| (i.addr, &i.groups[..])).collect();
    let sets = rules.compile(&keys);
    for (interface, set) in interfaces.iter_mut().zip(sets) {
        interface.rules = set;
    }
    interfaces
}

impl Interface {
    fn new(name: String, subnet: Option<usize>, groups: &[usize]) -> Self {
        Self {
            name,
            role: Role::Machine(usize::MAX, IfaceId::new(0)),
            addr: Ipv4Addr::UNSPECIFIED,
            public: None,
            subnet,
            service: None,
            router: None,
            groups: groups.to_vec(),
            rules: None,
            source_dest_check: false,
            always_tracked: false,
            metadata: Some(TTL),
            place: None,
        }
    }
}

fn of_instance(plan: &Plan, index: usize, instance: &InstancePlan) -> Interface {
    Interface {
        source_dest_check: instance.source_dest_check,
        metadata: metadata(plan, index),
        place: Some(Place::Instance(index)),
        ..Interface::new(
            instance.name.clone(),
            Some(instance.subnet),
            &instance.security_groups,
        )
    }
}

fn of_host(index: usize, host: &HostPlan) -> Interface {
    let service = match host.location {
        HostLocation::Service(list) => Some(list),
        HostLocation::Subnet(_) | HostLocation::Internet => None,
    };
    Interface {
        service,
        source_dest_check: host.source_dest_check,
        always_tracked: host.always_tracked,
        place: Some(Place::Host(index)),
        ..Interface::new(
            host.name.clone(),
            host.location.subnet(),
            &host.security_groups,
        )
    }
}

fn of_task(plan: &Plan, index: usize, task: &TaskPlan, network: &TaskNetworkPlan) -> Interface {
    Interface {
        source_dest_check: true,
        metadata: task.instance.and_then(|instance| metadata(plan, instance)),
        place: Some(Place::Container {
            task: index,
            container: 0,
        }),
        ..Interface::new(
            task.name.clone(),
            Some(network.subnet),
            &network.security_groups,
        )
    }
}

/// Time to live of the metadata service's answers to an instance's interfaces, if it answers: the
/// hop limit binds only where a token is asked for.
fn metadata(plan: &Plan, instance: usize) -> Option<u8> {
    let metadata = plan.instances[instance].metadata;
    metadata.enabled.then_some(if metadata.tokens_required {
        metadata.hop_limit
    } else {
        TTL
    })
}

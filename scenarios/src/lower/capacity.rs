//! What a group of instances offers to placement, and which addresses are free.

use sim_net::plan::Mode;
use sim_net::vpc::{AddressAllocator, RegionPlan};

use crate::ecs::ModePlan;
use crate::ecs::ports::DynamicPorts;
use crate::place::{Site, ZONE_ATTRIBUTE, registered_cpu, registered_memory};
use crate::toml::{Capacity, Location, Scenario};

/// One empty instance of a group, in a subnet.
///
/// Source of the attributes: Amazon ECS developer guide, task placement constraints; that of the
/// trunk, container-instance-eni (specified).
pub(crate) fn site(capacity: &Capacity, name: &str, subnet: usize, region: &RegionPlan) -> Site {
    let instance = &capacity.instance_type;
    let memory = registered_memory(instance.memory_mib);
    let (subnet, trunking) = (&region.subnets[subnet], trunks(capacity));
    let mut site = Site::new(
        name.to_owned(),
        subnet.zone,
        registered_cpu(instance.vcpus),
        memory.saturating_sub(capacity.reserved_memory_mib),
        instance.task_interfaces(trunking),
    );
    site.provider.clone_from(&capacity.provider);
    site.dynamic = DynamicPorts::new(capacity.dynamic_ports.clone());
    let mut attribute = |key: &str, value: &str| {
        site.attributes.insert(key.to_owned(), value.to_owned());
    };
    attribute("ecs.instance-type", &instance.name);
    attribute(ZONE_ATTRIBUTE, &region.zones[subnet.zone]);
    attribute("ecs.os-type", "linux");
    attribute("ecs.cpu-architecture", instance.architecture.as_str());
    attribute("ecs.subnet-id", &subnet.id);
    attribute("ecs.vpc-id", &region.vpcs[subnet.vpc].id);
    attribute("ecs.capability.task-eni", "");
    if trunking {
        attribute("ecs.awsvpc-trunk-id", &format!("eni-trunk-{name}"));
    }
    for (key, value) in &capacity.attributes {
        attribute(key, value);
    }
    site
}

/// Whether task interfaces of a group are branches of a trunk.
pub(crate) fn trunks(capacity: &Capacity) -> bool {
    capacity.trunking && capacity.instance_type.can_trunk()
}

/// The free addresses of each subnet before any instance and task, with those outside ECS that are
/// in it already counted: clients, NAT gateways and the interfaces of interface endpoints.
pub(crate) fn free_addresses(scenario: &Scenario) -> Vec<u64> {
    let usable = |cidr| u64::from(AddressAllocator::new(cidr).usable());
    let subnets = scenario.region.subnets.iter();
    let mut free: Vec<u64> = subnets.map(|subnet| usable(subnet.cidr)).collect();
    let clients = scenario.clients.iter();
    let clients = clients.filter_map(|client| match client.location {
        Location::Subnet(subnet) => Some(subnet),
        Location::Internet | Location::Service(_) => None,
    });
    let gateways = scenario.region.nat_gateways.iter().map(|nat| nat.subnet);
    let endpoints = scenario.endpoints.iter().flat_map(|one| &one.subnets);
    for subnet in clients.chain(gateways).chain(endpoints.copied()) {
        free[subnet] = free[subnet].saturating_sub(1);
    }
    free
}

/// What the instances of a group take: an address for the primary interface, and one for the trunk.
///
/// Source: Amazon ECS best practices, awsvpc mode (vendor).
pub(crate) fn take_addresses(capacity: &Capacity, free: &mut [u64]) {
    let each = if trunks(capacity) { 2 } else { 1 };
    for number in 0..capacity.count {
        let subnet = capacity.subnets[number as usize % capacity.subnets.len()];
        free[subnet] = free[subnet].saturating_sub(each);
    }
}

/// The addresses on `docker0` that a task takes: one for each container that has a network.
pub(crate) fn bridge_addresses(plan: &ModePlan) -> u64 {
    let connected = plan.containers.iter().filter(|one| !one.isolated);
    match plan.mode {
        Mode::Bridge => connected.count() as u64,
        _ => 0,
    }
}

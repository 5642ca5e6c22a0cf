//! What runs where: container instances, services, clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_net::cost::CostProfile;
use sim_net::vpc::RegionPlan;

use super::{Context, small};
use crate::diagnostic::{Problem, Report, nearest};
use crate::document::reader::At;
use crate::ecs::ports::EPHEMERAL_PORTS;
use crate::ecs::{Mode, TaskDefinition};
use crate::instance_types::{InstanceType, InstanceTypes};
use crate::toml::scenario::{AwsvpcNetwork, Capacity, Client, Location, Service};
use crate::toml::spec::{AwsvpcSpec, CapacitySpec, ClientSpec, ScenarioSpec, ServiceSpec};
use crate::toml::{ReadFile, cannot_read};

/// The cost profile of instances that name none.
const DEFAULT_KERNEL_PROFILE: &str = "linux-6.18-2vcpu";
/// The cost profile of ideal machines, and the word for them.
const IDEAL: &str = "ideal";
/// The zone of machines outside the VPC.
const INTERNET: &str = "internet";

/// Security groups of one interface, and subnets and groups of `awsvpcConfiguration`.
///
/// Source: Amazon VPC User Guide, amazon-vpc-limits (vendor); Amazon ECS API, `AwsVpcConfiguration`
/// (specified).
const MAX_GROUPS_OF_INTERFACE: usize = 16;
const MAX_AWSVPC_SUBNETS: usize = 16;
const MAX_AWSVPC_GROUPS: usize = 5;

pub(super) fn capacity(
    specs: &[CapacitySpec],
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<Capacity> {
    let mut placement_groups: Vec<&str> = Vec::new();
    let mut list: Vec<Capacity> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let name = match &spec.name {
            Some(name) => name.value.clone(),
            None if index == 0 => "capacity".to_owned(),
            None => format!("capacity-{}", index + 1),
        };
        let Some(instance_type) = instance_type(&spec.instance_type, context) else {
            continue;
        };
        if let Some(trunking) = spec.trunking.as_ref().filter(|trunking| trunking.value)
            && !instance_type.can_trunk()
        {
            let message = format!("{} has no trunk interface", instance_type.name);
            let help = "drop `trunking`, or use a type of the c5, m5, r5 families or newer";
            context.error(
                trunking,
                Problem::new("no-trunking", message).with_help(help),
            );
        }
        let placement_group = spec.placement_group.as_ref().map(|group| {
            if !instance_type.cluster_placement {
                let message = format!(
                    "{} cannot be in a cluster placement group",
                    instance_type.name
                );
                let help = "drop `placement_group`, or use another instance type";
                context.error(
                    group,
                    Problem::new("no-placement-group", message).with_help(help),
                );
            }
            let known = placement_groups
                .iter()
                .position(|known| *known == group.value);
            known.unwrap_or_else(|| {
                placement_groups.push(&group.value);
                placement_groups.len() - 1
            })
        });
        list.push(Capacity {
            name,
            instance_type,
            count: spec.count.as_ref().map_or(1, small),
            subnets: subnets(spec.subnets.as_deref(), usize::MAX, region, context),
            security_groups: groups(
                spec.security_groups.as_deref(),
                MAX_GROUPS_OF_INTERFACE,
                region,
                context,
            ),
            trunking: spec
                .trunking
                .as_ref()
                .is_some_and(|trunking| trunking.value),
            kernel_profile: kernel_profile(spec.kernel_profile.as_ref(), context),
            userland_proxy: spec.userland_proxy.as_ref().is_none_or(|proxy| proxy.value),
            placement_group: placement_group.and_then(|group| u32::try_from(group).ok()),
            dynamic_ports: match &spec.dynamic_ports {
                Some(ports) => ports.value.first..=ports.value.last,
                None => EPHEMERAL_PORTS,
            },
        });
    }
    context.apart(
        "capacities",
        specs.iter().filter_map(|spec| spec.name.as_ref()),
    );
    list
}

fn instance_type(name: &At<String>, context: &mut Context<'_>) -> Option<InstanceType> {
    let types = InstanceTypes::builtin();
    let found = types.get(&name.value);
    if found.is_none() {
        let message = format!("there is no instance type {:?}", name.value);
        let help = match types.nearest(&name.value) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "give a type of EC2, such as \"c5.large\"".to_owned(),
        };
        context.error(
            name,
            Problem::new("unknown-instance-type", message).with_help(help),
        );
    }
    found.cloned()
}

fn kernel_profile(name: Option<&At<String>>, context: &mut Context<'_>) -> String {
    let Some(name) = name else {
        return DEFAULT_KERNEL_PROFILE.to_owned();
    };
    if CostProfile::builtin(&name.value).is_none() {
        let message = format!("there is no cost profile {:?}", name.value);
        let known = CostProfile::BUILTIN;
        let help = match nearest(&name.value, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known: {}", known.join(", ")),
        };
        context.error(
            name,
            Problem::new("unknown-profile", message).with_help(help),
        );
    }
    name.value.clone()
}

/// Subnets by name; all if none are given.
fn subnets(
    names: Option<&[At<String>]>,
    most: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<usize> {
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        return (0..region.subnets.len()).take(most).collect();
    };
    context.length("subnets", names, most);
    context.find_all(
        "subnet",
        names,
        region.subnets.iter().map(|subnet| subnet.name.as_str()),
    )
}

/// Security groups by name; the first of the file if none are given.
fn groups(
    names: Option<&[At<String>]>,
    most: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<usize> {
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        return vec![0];
    };
    context.length("security groups", names, most);
    let known = region
        .security_groups
        .iter()
        .map(|group| group.name.as_str());
    context.find_all("security group", names, known)
}

/// The files that a scenario names.
pub(super) struct Files<'a> {
    pub(super) read_file: ReadFile<'a>,
    pub(super) reports: &'a mut Vec<Report>,
    pub(super) inputs: &'a mut BTreeMap<String, Arc<str>>,
}

/// The services, in the order of the file; `None` for one whose task definition cannot be used.
pub(super) fn services(
    specs: &[ServiceSpec],
    region: &RegionPlan,
    files: &mut Files<'_>,
    context: &mut Context<'_>,
) -> Vec<Option<Service>> {
    if specs.is_empty() {
        let problem = Problem::new("no-service", "the scenario has no service");
        let help = "add [[service]] with task_definition = \"FILE\"";
        context.error_in_file("service", problem.with_help(help));
    }
    let mut read: BTreeMap<&str, Option<Arc<TaskDefinition>>> = BTreeMap::new();
    let mut services = Vec::with_capacity(specs.len());
    for spec in specs {
        let file = spec.task_definition.value.as_str();
        let definition = match read.get(file) {
            Some(known) => known.clone(),
            None => {
                let definition = task_definition(&spec.task_definition, files, context);
                read.insert(file, definition.clone());
                definition
            }
        };
        let network = network(spec.awsvpc.as_ref(), region, context);
        services.push(definition.map(|task_definition| Service {
            name: match &spec.name {
                Some(name) => name.value.clone(),
                None => task_definition.family.clone(),
            },
            file: file.to_owned(),
            task_definition,
            count: spec.count.as_ref().map_or(1, small),
            mode: spec.mode.as_ref().map(|mode| mode.value),
            network,
        }));
    }
    if services
        .iter()
        .flatten()
        .any(|service| service.mode == Some(Mode::None))
    {
        context.assume("a service is kept in `none`: nothing reaches it");
    }
    services
}

fn task_definition(
    file: &At<String>,
    files: &mut Files<'_>,
    context: &mut Context<'_>,
) -> Option<Arc<TaskDefinition>> {
    let text = match (files.read_file)(&file.value) {
        Ok(text) => text,
        Err(error) => {
            context.error(file, cannot_read(&file.value, &error));
            return None;
        }
    };
    let (definition, report) = TaskDefinition::read_all(&file.value, &text);
    files
        .inputs
        .insert(file.value.clone(), Arc::clone(report.source()));
    let usable = !report.has_errors();
    if !usable {
        let message = format!("task definition {:?} has errors", file.value);
        let problem = Problem::new("bad-task-definition", message);
        context.error(file, problem.with_help("see its own messages"));
    }
    files.reports.push(report);
    definition.filter(|_| usable).map(Arc::new)
}

fn network(
    spec: Option<&AwsvpcSpec>,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> AwsvpcNetwork {
    let names = spec.and_then(|spec| spec.subnets.as_deref());
    let subnets = subnets(names, MAX_AWSVPC_SUBNETS, region, context);
    let names = spec.and_then(|spec| spec.security_groups.as_deref());
    let security_groups = groups(names, MAX_AWSVPC_GROUPS, region, context);
    let assign_public_ip = spec.and_then(|spec| spec.assign_public_ip.as_ref());
    AwsvpcNetwork {
        subnets,
        security_groups,
        assign_public_ip: assign_public_ip.is_some_and(|assign| assign.value),
    }
}

/// The clients, in the order of the file; `None` for one that cannot be used.
pub(super) fn clients(
    specs: &[ClientSpec],
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<Option<Client>> {
    specs
        .iter()
        .map(|spec| client(spec, region, context))
        .collect()
}

fn client(spec: &ClientSpec, region: &RegionPlan, context: &mut Context<'_>) -> Option<Client> {
    let location = location(spec, region, context);
    let ideal = |name: &&At<String>| name.value != IDEAL;
    let instance_type = match spec.instance_type.as_ref().filter(ideal) {
        Some(name) => Some(instance_type(name, context)?),
        None => None,
    };
    if let (None, Some(profile)) = (&instance_type, &spec.kernel_profile) {
        let problem = Problem::new("profile-of-ideal", "an ideal machine has no cost profile");
        let help = "give the client an `instance_type`, or drop `kernel_profile`";
        context.error(profile, problem.with_help(help));
    }
    let kernel_profile = match instance_type {
        Some(_) => kernel_profile(spec.kernel_profile.as_ref(), context),
        None => IDEAL.to_owned(),
    };
    let groups = |names: &Vec<At<String>>| {
        groups(
            Some(names.as_slice()),
            MAX_GROUPS_OF_INTERFACE,
            region,
            context,
        )
    };
    Some(Client {
        name: spec.name.value.clone(),
        location: location?,
        instance_type,
        kernel_profile,
        security_groups: spec.security_groups.as_ref().map(groups),
    })
}

fn location(spec: &ClientSpec, region: &RegionPlan, context: &mut Context<'_>) -> Option<Location> {
    let in_zone = |zone| region.subnets.iter().position(|subnet| subnet.zone == zone);
    let subnet = match &spec.subnet {
        Some(name) => {
            let known = region.subnets.iter().map(|subnet| subnet.name.as_str());
            Some(context.find("subnet", name, known)?)
        }
        None => None,
    };
    let zone = match &spec.zone {
        Some(zone) if zone.value == INTERNET => {
            if let Some(subnet) = &spec.subnet {
                let message = format!(
                    "client {:?} is on the internet and in a subnet",
                    spec.name.value
                );
                let help = "drop `subnet`, or `zone = \"internet\"`";
                context.error(subnet, Problem::new("two-places", message).with_help(help));
            }
            return Some(Location::Internet);
        }
        Some(zone) => {
            let known = region.zones.iter().map(String::as_str).chain([INTERNET]);
            Some((context.find("zone", zone, known)?, zone))
        }
        None => None,
    };
    match (subnet, zone) {
        (Some(subnet), Some((index, zone))) if region.subnets[subnet].zone != index => {
            let actual = &region.zones[region.subnets[subnet].zone];
            let message = format!(
                "subnet {:?} is in zone {actual:?}, not in {:?}",
                region.subnets[subnet].name, zone.value
            );
            let problem = Problem::new("two-places", message);
            context.error(zone, problem.with_help("drop `zone`: the subnet says it"));
            None
        }
        (Some(subnet), _) => Some(Location::Subnet(subnet)),
        (None, Some((index, zone))) => {
            let found = in_zone(index).map(Location::Subnet);
            if found.is_none() {
                let message = format!("zone {:?} has no subnet", zone.value);
                let problem = Problem::new("zone-without-subnet", message);
                context.error(
                    zone,
                    problem.with_help("give it one, or choose another zone"),
                );
            }
            found
        }
        // The last zone that has a subnet: far from the first instance.
        (None, None) => {
            let zone = (0..region.zones.len()).rev().find_map(in_zone);
            Some(Location::Subnet(zone.unwrap_or(0)))
        }
    }
}

/// Services and clients are named by workloads alike, so no two may have the same name.
pub(super) fn names_apart(
    spec: &ScenarioSpec,
    services: &[Option<Service>],
    context: &mut Context<'_>,
) {
    let services = spec
        .service
        .iter()
        .zip(services)
        .filter_map(|(spec, service)| match (&spec.name, service) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(service)) => Some(spec.task_definition.with(service.name.clone())),
            (None, None) => None,
        });
    let clients = spec.client.iter().map(|client| client.name.clone());
    let names: Vec<At<String>> = services.chain(clients).collect();
    context.apart("services or clients", names.iter());
    let neighbours = spec.neighbour.iter().map(|neighbour| &neighbour.workload);
    context.apart(
        "workloads",
        spec.workload
            .iter()
            .chain(neighbours)
            .map(|workload| &workload.name),
    );
}

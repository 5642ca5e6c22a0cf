//! What runs where: container instances and services.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::{Ratio, SimDuration};
use sim_net::cost::CostProfile;
use sim_net::plan::MetadataPlan;
use sim_net::vpc::RegionPlan;

use super::{Context, refer, small};
use crate::diagnostic::{Problem, Report, nearest};
use crate::document::reader::At;
use crate::ecs::ports::EPHEMERAL_PORTS;
use crate::ecs::{Mode, TaskDefinition};
use crate::instance_types::{InstanceType, InstanceTypes};
use crate::toml::scenario::{AwsvpcNetwork, Capacity, Service};
use crate::toml::spec::{CapacitySpec, ImdsSpec, ServiceModeWord, ServiceSpec, TokensWord};
use crate::toml::{ReadFile, cannot_read};

/// The cost profile of instances that name none.
const DEFAULT_KERNEL_PROFILE: &str = "linux-6.18-2vcpu";

/// Subnets of `awsvpcConfiguration`. Source: Amazon ECS API, `AwsVpcConfiguration` (specified).
const MAX_AWSVPC_SUBNETS: usize = 16;

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
        if let Some(instance_type) = instance_type(&spec.instance_type, context) {
            unsupported(spec, &instance_type, context);
            let group = spec.placement_group.as_ref();
            let group = group.map(|group| number_of(&group.value, &mut placement_groups));
            list.push(instances(name, spec, instance_type, group, region, context));
        }
    }
    context.apart(
        "capacities",
        specs.iter().filter_map(|spec| spec.name.as_ref()),
    );
    list
}

/// The number of a name in the order in which names are first used.
fn number_of<'a>(name: &'a str, names: &mut Vec<&'a str>) -> u32 {
    let known = names.iter().position(|known| *known == name);
    let number = known.unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    });
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reports what the instance type does not have.
fn unsupported(spec: &CapacitySpec, instance_type: &InstanceType, context: &mut Context<'_>) {
    let name = &instance_type.name;
    if let Some(trunking) = spec.trunking.as_ref().filter(|trunking| trunking.value)
        && !instance_type.can_trunk()
    {
        let message = format!("{name} has no trunk interface");
        let help = "drop `trunking`, or use a type of the c5, m5, r5 families or newer";
        context.error(
            trunking,
            Problem::new("no-trunking", message).with_help(help),
        );
    }
    if let Some(group) = &spec.placement_group
        && !instance_type.cluster_placement
    {
        let message = format!("{name} cannot be in a cluster placement group");
        let help = "drop `placement_group`, or use another instance type";
        context.error(
            group,
            Problem::new("no-placement-group", message).with_help(help),
        );
    }
    if let Some(credits) = &spec.credits
        && instance_type.peak == instance_type.baseline
    {
        let message = format!("{name} has no network credits: its bandwidth is always the same");
        let problem = Problem::new("no-credits", message);
        context.caveat(credits, problem.with_help("drop `credits`"));
    }
}

fn instances(
    name: String,
    spec: &CapacitySpec,
    instance_type: InstanceType,
    placement_group: Option<u32>,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Capacity {
    let yes = |given: &Option<At<bool>>| given.as_ref().is_none_or(|given| given.value);
    let owner = &spec.instance_type;
    let subnets = refer::subnets(spec.subnets.as_deref(), owner, usize::MAX, region, context);
    let vpc = vpc_of(&subnets, region);
    if let Some(public) = spec.public_address.as_ref().filter(|public| public.value) {
        refer::public_address(public, vpc, region, context);
    }
    let groups = spec.security_groups.as_deref();
    let by_type = SimDuration::from_secs(u64::from(instance_type.tcp_established_s));
    Capacity {
        count: spec.count.as_ref().map_or(1, small),
        subnets,
        security_groups: refer::groups(groups, owner, vpc, region, context),
        public_address: spec.public_address.as_ref().map(|public| public.value),
        source_dest_check: yes(&spec.source_dest_check),
        trunking: spec.trunking.as_ref().is_some_and(|given| given.value),
        kernel_profile: kernel_profile(spec.kernel_profile.as_ref(), context),
        offloads: yes(&spec.offloads),
        userland_proxy: yes(&spec.userland_proxy),
        icc: yes(&spec.icc),
        br_netfilter: yes(&spec.br_netfilter),
        placement_group,
        dynamic_ports: match &spec.dynamic_ports {
            Some(ports) => ports.value.first..=ports.value.last,
            None => EPHEMERAL_PORTS,
        },
        provider: match &spec.provider {
            Some(provider) => provider.value.clone(),
            None => name.clone(),
        },
        attributes: custom_attributes(spec),
        reserved_memory_mib: reserved_memory(spec, context),
        name,
        metadata: metadata(spec.imds.as_ref()),
        tracked_connections: spec.tracked_connections.as_ref().map(|most| most.value),
        packet_rate: spec.packet_rate.as_ref().map(|rate| rate.value),
        credits: spec
            .credits
            .as_ref()
            .map_or(Ratio::ONE, |share| share.value),
        tcp_idle_timeout: spec
            .tcp_idle_timeout
            .as_ref()
            .map_or(by_type, |time| time.value),
        instance_type,
    }
}

/// The VPC of subnets that are of one.
fn vpc_of(subnets: &[usize], region: &RegionPlan) -> usize {
    let first = subnets.first();
    first.map_or(refer::UNKNOWN, |&subnet| refer::vpc_of(subnet, region))
}

fn metadata(spec: Option<&ImdsSpec>) -> MetadataPlan {
    let mut plan = MetadataPlan::default();
    let Some(spec) = spec else { return plan };
    if let Some(enabled) = &spec.enabled {
        plan.enabled = enabled.value;
    }
    if let Some(hops) = &spec.hop_limit {
        plan.hop_limit = u8::try_from(hops.value).unwrap_or(u8::MAX);
    }
    if let Some(tokens) = &spec.tokens {
        plan.tokens_required = tokens.value == TokensWord::Required;
    }
    if let Some(block) = &spec.block_for_tasks {
        plan.blocked_for_tasks = block.value;
    }
    plan
}

fn custom_attributes(spec: &CapacitySpec) -> BTreeMap<String, String> {
    let given = spec.attributes.iter().flatten();
    given
        .map(|(name, value)| (name.clone(), value.value.clone()))
        .collect()
}

/// Octets of a MiB, in which ECS counts memory.
const MIB: u64 = 1 << 20;

fn reserved_memory(spec: &CapacitySpec, context: &mut Context<'_>) -> u32 {
    let Some(size) = &spec.reserved_memory else {
        return 0;
    };
    let bytes = size.value.bytes();
    if !bytes.is_multiple_of(MIB) {
        let message = format!(
            "`reserved_memory` {} is not a whole number of MiB",
            size.value
        );
        let help = format!("give {} MiB", bytes.div_ceil(MIB));
        context.error(size, Problem::new("not-whole", message).with_help(help));
    }
    u32::try_from(bytes / MIB).unwrap_or(u32::MAX)
}

pub(super) fn instance_type(name: &At<String>, context: &mut Context<'_>) -> Option<InstanceType> {
    let types = InstanceTypes::builtin();
    let found = types.get(&name.value);
    if found.is_none() {
        let mut message = format!("there is no instance type {:?}", name.value);
        let help = match types.nearest(&name.value) {
            Some(near) if near == name.value => {
                message = format!("the size of {near} is not known");
                "use another type; `ecsnet density` lists those that can be used".to_owned()
            }
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

pub(super) fn kernel_profile(name: Option<&At<String>>, context: &mut Context<'_>) -> String {
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
        let network = network(spec, region, context);
        services.push(definition.map(|task_definition| Service {
            name: match &spec.name {
                Some(name) => name.value.clone(),
                None => task_definition.family.clone(),
            },
            file: file.to_owned(),
            count: spec.count.as_ref().map_or(1, small),
            mode: spec.mode.as_ref().map(|mode| match mode.value {
                ServiceModeWord::Fixed(mode) => mode,
                // The first that the definition names: instances before Fargate, where it has both.
                ServiceModeWord::AsWritten => task_definition.named_modes()[0],
            }),
            task_definition,
            network,
            placement: super::placement::service(spec, context),
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

fn network(spec: &ServiceSpec, region: &RegionPlan, context: &mut Context<'_>) -> AwsvpcNetwork {
    let (owner, spec) = (&spec.task_definition, spec.awsvpc.as_ref());
    let names = spec.and_then(|spec| spec.subnets.as_deref());
    let subnets = refer::subnets(names, owner, MAX_AWSVPC_SUBNETS, region, context);
    let vpc = vpc_of(&subnets, region);
    let names = spec.and_then(|spec| spec.security_groups.as_deref());
    let security_groups = refer::groups(names, owner, vpc, region, context);
    let assign_public_ip = spec.and_then(|spec| spec.assign_public_ip.as_ref());
    let assign_public_ip = assign_public_ip.filter(|assign| assign.value);
    if let Some(assign) = assign_public_ip {
        refer::public_address(assign, vpc, region, context);
    }
    AwsvpcNetwork {
        subnets,
        security_groups,
        assign_public_ip: assign_public_ip.is_some(),
    }
}

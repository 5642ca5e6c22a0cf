//! Lays a scenario's tasks out over its instances.

use reports::{ConstantRecord, DensityRecord};
use sim_core::ByteSize;
use sim_net::eni::TrackingTimeouts;
use sim_net::kernel::netfilter::default_conntrack_max;
use sim_net::plan::{
    ContainerPlan, DockerPlan, FargatePlan, InstancePlan, ListenerPlan, Mode, TaskNetworkPlan,
    TaskPlan,
};
use sim_net::vpc::{PublicAddress, RegionPlan};

use crate::ecs::ports::PortError;
use crate::ecs::{ModePlan, check_mode};
use crate::place::{Cluster, Demand, Need, Policy, Site, density};
use crate::toml::{Capacity, Scenario, Service};

use super::{ModeRefusal, NonePolicy, Placed, capacity, machine, ports};

/// What laying out gives.
#[derive(Default)]
pub(super) struct LaidOut {
    pub(super) instances: Vec<InstancePlan>,
    pub(super) tasks: Vec<TaskPlan>,
    /// Indices of the tasks of each service.
    pub(super) by_service: Vec<Vec<usize>>,
    pub(super) placed: Vec<Placed>,
    /// What listens in tasks that publish nothing of it.
    pub(super) listeners: Vec<ListenerPlan>,
    pub(super) density: Option<DensityRecord>,
    pub(super) assumptions: Vec<String>,
    pub(super) caveats: Vec<String>,
    pub(super) constants: Vec<ConstantRecord>,
}

/// A service in its mode.
struct Offered<'a> {
    service: &'a Service,
    mode: Mode,
    plan: ModePlan,
    demand: Demand,
    policy: Policy,
}

/// Checks every service against its mode, then places all tasks.
pub(super) fn lay_out(
    scenario: &Scenario,
    mode: Mode,
    policy: NonePolicy,
) -> Result<LaidOut, ModeRefusal> {
    let mut out = LaidOut::default();
    let mut offered = Vec::with_capacity(scenario.services.len());
    for service in &scenario.services {
        offered.push(offer(
            service,
            mode,
            policy,
            &scenario.region,
            &mut out.caveats,
        )?);
    }
    out.assumptions.push(
        "every task definition is taken as if it named the mode that is looked at".to_owned(),
    );
    let mut sites = Vec::new();
    let mut addresses = capacity::free_addresses(scenario);
    if offered.iter().any(|offered| offered.mode != Mode::Fargate) {
        for capacity in &scenario.capacity {
            instances(capacity, scenario, &mut sites, &mut out);
            capacity::take_addresses(capacity, &mut addresses);
        }
        capacity_words(scenario, &offered, &mut out);
    }
    let mut cluster = Cluster::new(sites, addresses, scenario.measure.seed);
    out.density = density_record(&cluster, &offered);
    for offered in &offered {
        let mut tasks = Vec::with_capacity(offered.service.count as usize);
        for number in 0..offered.service.count {
            tasks.push(out.tasks.len());
            task(offered, number, &mut cluster, &scenario.region, &mut out)?;
        }
        out.by_service.push(tasks);
    }
    Ok(out)
}

/// Asks ECS's rules whether a service can be had in its mode.
fn offer<'a>(
    service: &'a Service,
    mode: Mode,
    policy: NonePolicy,
    region: &RegionPlan,
    caveats: &mut Vec<String>,
) -> Result<Offered<'a>, ModeRefusal> {
    let mode = service.mode.unwrap_or(mode);
    let Service {
        name,
        file,
        task_definition: definition,
        ..
    } = service;
    let plan = check_mode(definition, mode).or_else(|refusals| {
        let stripped = (mode == Mode::None && policy == NonePolicy::WithoutPorts)
            .then(|| check_mode(&definition.without_port_mappings(), mode).ok())
            .flatten();
        if stripped.is_some() {
            caveats.push(format!(
                "none, service {name}: ECS refuses the port mappings in this mode; simulated \
                 without them"
            ));
        }
        stripped.ok_or_else(|| ModeRefusal::rules(name, file, &refusals))
    })?;
    // That a definition names another mode is what a comparison is about, and said once for all.
    let worth = plan
        .caveats
        .iter()
        .filter(|caveat| caveat.code != "other-network-mode");
    caveats.extend(worth.map(|c| format!("{mode}, service {name}: {}", c.message)));
    assign_public_ip(service, mode, caveats)?;
    let own_interface = mode == Mode::Awsvpc;
    let zone = |&subnet: &usize| region.subnets[subnet].zone;
    let demand = Demand {
        zones: own_interface.then(|| service.network.subnets.iter().map(zone).collect()),
        ..Demand::of(definition, &plan, own_interface)
    };
    let policy = service.policy();
    if mode == Mode::Fargate && policy != Policy::default() {
        caveats.push(format!(
            "fargate, service {name}: placement strategies, constraints and capacity providers \
             belong to container instances and have no effect"
        ));
    }
    Ok(Offered {
        service,
        mode,
        plan,
        demand,
        policy,
    })
}

/// What a mode says to `assignPublicIp`.
///
/// Source: Amazon ECS API, `AwsVpcConfiguration` (specified); the words are those of `CreateService`.
fn assign_public_ip(
    service: &Service,
    mode: Mode,
    caveats: &mut Vec<String>,
) -> Result<(), ModeRefusal> {
    let name = &service.name;
    match mode {
        _ if !service.network.assign_public_ip => {}
        Mode::Fargate => {}
        Mode::Awsvpc => {
            return Err(ModeRefusal {
                code: "InvalidParameterException".to_owned(),
                message: format!(
                    "service {name}: Assign public IP is not supported for this launch type"
                ),
                place: None,
            });
        }
        Mode::None | Mode::Bridge | Mode::Host => caveats.push(format!(
            "{mode}, service {name}: `assign_public_ip` has no meaning; a task uses the address of \
             its instance"
        )),
    }
    Ok(())
}

/// The instances of a group, in the plan and as sites for placement.
fn instances(capacity: &Capacity, scenario: &Scenario, sites: &mut Vec<Site>, out: &mut LaidOut) {
    let instance = &capacity.instance_type;
    let trunking = capacity.trunking && instance.can_trunk();
    if capacity.trunking && !trunking {
        let (group, name) = (&capacity.name, &instance.name);
        out.caveats.push(format!(
            "{group}: {name} takes no trunk interface; tasks get plain ones"
        ));
    }
    let profile = machine::profile(&capacity.kernel_profile);
    let profile = profile.expect("validation accepts only profiles that exist");
    for number in 0..capacity.count {
        let subnet = capacity.subnets[number as usize % capacity.subnets.len()];
        let name = format!("{}/{number}", capacity.name);
        sites.push(capacity::site(capacity, &name, subnet, &scenario.region));
        out.instances.push(InstancePlan {
            name,
            instance_type: instance.name.clone(),
            cores: instance.vcpus as usize,
            profile: profile.clone(),
            offloads: capacity.offloads,
            subnet,
            security_groups: capacity.security_groups.clone(),
            bandwidth: machine::allowances(capacity),
            placement_group: capacity.placement_group,
            trunking,
            docker: docker(capacity),
            source_dest_check: capacity.source_dest_check,
            public_address: public_address(capacity, subnet, scenario),
            metadata: capacity.metadata,
            tracking: TrackingTimeouts {
                tcp_established: capacity.tcp_idle_timeout,
                ..TrackingTimeouts::default()
            },
        });
    }
}

/// Docker and the kernel of the instances of a group.
fn docker(capacity: &Capacity) -> DockerPlan {
    let memory = ByteSize::from_kib(u64::from(capacity.instance_type.memory_mib) << 10);
    DockerPlan {
        enabled: true,
        userland_proxy: capacity.userland_proxy,
        icc: capacity.icc,
        br_netfilter: capacity.br_netfilter,
        hairpin: !capacity.userland_proxy,
        conntrack_max: default_conntrack_max(memory.bytes()),
    }
}

fn public_address(capacity: &Capacity, subnet: usize, scenario: &Scenario) -> PublicAddress {
    let by_subnet = scenario.map_public_ip[subnet];
    match capacity.public_address.unwrap_or(by_subnet) {
        true => PublicAddress::Assigned,
        false => PublicAddress::None,
    }
}

fn capacity_words(scenario: &Scenario, offered: &[Offered<'_>], out: &mut LaidOut) {
    if scenario.capacity.is_empty() {
        return;
    }
    out.assumptions.push(
        "an instance registers 97.5 % of its nominal memory with ECS (as the published m4.large: \
         7985 of 8192 MiB) and 1024 CPU units per vCPU"
            .to_owned(),
    );
    let usual = Policy::default().strategies;
    if offered
        .iter()
        .any(|offered| offered.policy.strategies == usual)
    {
        out.assumptions.push(
            "tasks of a service spread over zones (the default of ECS), then over the instances of \
             a zone, in order"
                .to_owned(),
        );
    }
    if offered
        .iter()
        .any(|offered| offered.policy.strategies != usual)
    {
        out.assumptions.push(
            "among instances that the placement strategies of a service find equal, the first of \
             the file is taken"
                .to_owned(),
        );
    }
}

/// Starts one task.
fn task(
    offered: &Offered<'_>,
    number: u32,
    cluster: &mut Cluster,
    region: &RegionPlan,
    out: &mut LaidOut,
) -> Result<(), ModeRefusal> {
    let Offered {
        service,
        mode,
        plan,
        demand,
        policy,
    } = offered;
    let name = format!("{}/{number}", service.name);
    let instance = match mode {
        Mode::Fargate => None,
        _ => Some(cluster.place(&service.name, &name, demand, policy)?),
    };
    let zone = instance.map(|index| cluster.sites[index].zone);
    let has_interface = matches!(mode, Mode::Awsvpc | Mode::Fargate);
    let network = has_interface
        .then(|| network(service, *mode, number, zone, region, cluster))
        .transpose()?;
    let site = instance.map(|index| &mut cluster.sites[index]);
    let containers =
        ports::settle(plan, site, &name).map_err(|error| out_of_ports(&name, &error))?;
    if let (Some(network), Some(index)) = (&network, instance) {
        same_vpc(&name, network.subnet, &out.instances[index], region)?;
    }
    let fargate = (*mode == Mode::Fargate).then(|| micro_vm(offered, number == 0, out));
    let host = match instance {
        Some(index) => cluster.sites[index].name.clone(),
        None => format!("micro-VM of {name}"),
    };
    let subnet = network.as_ref().map(|network| network.subnet);
    let zone = zone
        .or(subnet.map(|subnet| region.subnets[subnet].zone))
        .unwrap_or_default();
    out.placed.push(Placed {
        task: name.clone(),
        host,
        detail: detail(
            &region.zones[zone],
            subnet.map(|s| region.subnets[s].name.as_str()),
            &containers,
        ),
        published: containers
            .iter()
            .flat_map(|c| c.ports.iter().copied())
            .collect(),
        own_address: has_interface,
    });
    if *mode == Mode::None {
        let index = out.tasks.len();
        out.listeners
            .extend(ports::unpublished(&service.task_definition, index));
    }
    out.tasks.push(TaskPlan {
        name,
        mode: *mode,
        instance,
        containers,
        network,
        fargate,
    });
    Ok(())
}

/// The interface of a task has to be in the VPC of its instance, which it is attached to.
fn same_vpc(
    task: &str,
    subnet: usize,
    instance: &InstancePlan,
    region: &RegionPlan,
) -> Result<(), ModeRefusal> {
    let vpc = |subnet: usize| region.subnets[subnet].vpc;
    let (wanted, given) = (vpc(subnet), vpc(instance.subnet));
    if wanted == given {
        return Ok(());
    }
    let name = |vpc: usize| &region.vpcs[vpc].name;
    Err(ModeRefusal {
        code: "subnet-of-other-vpc".to_owned(),
        message: format!(
            "task {task}: its subnet is in VPC {}, its instance {} in VPC {}",
            name(wanted),
            instance.name,
            name(given)
        ),
        place: None,
    })
}

fn out_of_ports(task: &str, error: &PortError) -> ModeRefusal {
    let message = format!("task {task}: {error}");
    ModeRefusal {
        code: "RESOURCE:PORTS".to_owned(),
        message,
        place: None,
    }
}

/// The network of a task: the subnets of its service in turn, those in the zone of its instance if
/// it has one.
fn network(
    service: &Service,
    mode: Mode,
    number: u32,
    zone: Option<usize>,
    region: &RegionPlan,
    cluster: &mut Cluster,
) -> Result<TaskNetworkPlan, ModeRefusal> {
    let fits = |&&subnet: &&usize| zone.is_none_or(|zone| region.subnets[subnet].zone == zone);
    // Placement has seen to it that the zone of the instance has one.
    let subnets: Vec<(usize, &str)> = service
        .network
        .subnets
        .iter()
        .filter(fits)
        .map(|&subnet| (subnet, region.subnets[subnet].name.as_str()))
        .collect();
    let task = format!("{}/{number}", service.name);
    let subnet = cluster.attach(&service.name, &task, &subnets, number as usize)?;
    let public = mode == Mode::Fargate && service.network.assign_public_ip;
    Ok(TaskNetworkPlan {
        public_address: match public {
            true => PublicAddress::Assigned,
            false => PublicAddress::None,
        },
        subnet,
        security_groups: service.network.security_groups.clone(),
    })
}

/// The micro-VM of a task. Those of a service have the same constants behind them, which the first
/// names.
fn micro_vm(offered: &Offered<'_>, first: bool, out: &mut LaidOut) -> FargatePlan {
    let size = offered
        .plan
        .fargate_size
        .expect("the rules of Fargate give a size");
    let profile = machine::profile(machine::DEFAULT_PROFILE).expect("a shipped profile");
    let (plan, constants) = machine::fargate(size, profile);
    if first {
        let constants = constants.iter().map(machine::constant);
        out.constants.extend(constants);
    }
    plan
}

fn detail(zone: &str, subnet: Option<&str>, containers: &[ContainerPlan]) -> String {
    const MOST_PORTS: usize = 6;
    let mut parts = vec![format!("zone {zone}")];
    parts.extend(subnet.map(|subnet| format!("own interface in subnet {subnet}")));
    let mappings = containers
        .iter()
        .flat_map(|c| c.ports.iter().map(move |port| (c, port)));
    let mut ports: Vec<_> = mappings
        .map(|(container, p)| {
            format!(
                "{}:{}/{} at {}",
                container.name, p.container_port, p.protocol, p.host_port
            )
        })
        .collect();
    if ports.len() > MOST_PORTS {
        let more = ports.len() - MOST_PORTS;
        ports.truncate(MOST_PORTS);
        ports.push(format!("{more} more"));
    }
    parts.extend(ports);
    parts.join(", ")
}

/// How many tasks of each service fit on the first instance when it is empty; the record names the
/// service of which the fewest do.
fn density_record(cluster: &Cluster, offered: &[Offered<'_>]) -> Option<DensityRecord> {
    let mut fewest: Option<(u64, String)> = None;
    let mut details = Vec::new();
    for Offered {
        service,
        mode,
        plan,
        demand,
        ..
    } in offered
    {
        let name = &service.name;
        if *mode == Mode::Fargate {
            details.push(format!("{name}: a micro-VM for each task"));
            continue;
        }
        let Some(site) = cluster.sites.first() else {
            continue;
        };
        let fits = density(
            site,
            &Need::of(demand, capacity::bridge_addresses(plan)),
            None,
        );
        details.push(format!("{name}: {}", fits.detail));
        // ECS refuses a task without memory, so each needs something.
        let (Some(tasks), Some(limit)) = (fits.sets, fits.limit) else {
            continue;
        };
        if fewest.as_ref().is_none_or(|(least, _)| tasks < *least) {
            let limit = match offered {
                [_] => limit.name().to_owned(),
                _ => format!("{} ({name})", limit.name()),
            };
            fewest = Some((tasks, limit));
        }
    }
    if details.is_empty() {
        return None;
    }
    let detail = details.join("; ");
    Some(match fewest {
        Some((tasks, binding_limit)) => DensityRecord {
            tasks_per_instance: Some(tasks),
            binding_limit,
            detail,
        },
        None => DensityRecord {
            tasks_per_instance: None,
            binding_limit: "none: no instance is shared".to_owned(),
            detail,
        },
    })
}

//! From a plan to a world.

mod address;
mod amazon;
mod machines;
mod roles;
mod targets;

use std::sync::Arc;

use sim_core::{Engine, PartitionId, SimTime, Streams};

use self::address::Addresses;
use crate::headers::Protocol;
use crate::ids::{AppId, FlowTag};
use crate::machine::{Event, Interval, Machine, Records};
use crate::mode::{Layout, Site, lay_out};
use crate::plan::{InstancePlan, Plan, WorkloadKind, WorkloadPlan};
use crate::vpc::AddressError;
use crate::world::{TaskAddress, World};

/// Why no world can be made of a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A task that needs an instance has none.
    #[error("task `{task}` is placed on no instance")]
    NoInstance {
        /// The task.
        task: String,
    },
    /// A task that needs an interface has no network.
    #[error("task `{task}` has no network configuration")]
    NoTaskNetwork {
        /// The task.
        task: String,
    },
    /// A Fargate task has no size.
    #[error("task `{task}` has no Fargate size")]
    NoTaskSize {
        /// The task.
        task: String,
    },
    /// A bridge task on an instance without Docker.
    #[error("task `{task}` needs `docker0`, and Docker does not run on its instance")]
    NoDocker {
        /// The task.
        task: String,
    },
    /// Only Fargate gives a task's interface a public address.
    #[error(
        "task `{task}`: InvalidParameterException: Assign public IP is not supported for this launch type"
    )]
    PublicAddressOnEc2 {
        /// The task.
        task: String,
    },
    /// A bridge has all the ports that Linux allows.
    #[error("bridge `{bridge}` is full")]
    BridgeFull {
        /// The bridge.
        bridge: String,
    },
    /// Two programs of one namespace want the same port.
    #[error(
        "port {port}/{protocol} of `{namespace}` on `{machine}` is in use: address already in use"
    )]
    PortTaken {
        /// The machine.
        machine: String,
        /// The namespace.
        namespace: String,
        /// The port.
        port: u16,
        /// TCP or UDP.
        protocol: Protocol,
    },
    /// A machine's MTU is below what IPv4 allows.
    #[error("the MTU of `{host}` is {mtu} octets; IPv4 needs at least 68")]
    MtuTooSmall {
        /// The machine.
        host: String,
        /// The MTU, in octets.
        mtu: usize,
    },
    /// An address is not to be had.
    #[error("interface `{interface}`: {error}")]
    Address {
        /// Whom the address was for.
        interface: String,
        /// What is wrong.
        error: AddressError,
    },
    /// The fabric refuses the addresses or latencies.
    #[error(transparent)]
    Fabric(#[from] crate::vpc::FabricError),
}

impl BuildError {
    pub(crate) fn port_taken(machine: &str, netns: &str, port: u16, protocol: Protocol) -> Self {
        Self::PortTaken {
            machine: machine.into(),
            namespace: netns.into(),
            port,
            protocol,
        }
    }
}

/// Makes the world of a plan.
///
/// Everything random in it hangs on `master_seed`, the replication and names, not on numbers:
/// the same workload has the same arrivals in every mode.
///
/// # Errors
/// If the plan contradicts itself, a port is taken twice, or a subnet is full.
pub fn build(plan: &Plan, master_seed: u64, replication: u32) -> Result<World, BuildError> {
    let streams = Streams::for_replication(master_seed, replication);
    let Assembly {
        machines,
        starts,
        reach,
        placements,
        times,
        fabric,
        ..
    } = assemble(plan, streams)?;
    let mut machines = machines;
    for machine in &mut machines {
        machine.measured = (times.start, times.end);
    }
    let mut engine = Engine::new(machines, fabric.min_latency());
    start(&mut engine, &starts);
    Ok(World::new(
        engine,
        plan,
        reach,
        placements,
        (times, records(plan, &times)),
    ))
}

/// The machines of a plan with everything on them, and where things are.
pub(crate) struct Assembly {
    /// Instances, micro-VMs, other machines.
    pub(crate) machines: Vec<Machine>,
    /// By task and container.
    pub(crate) sites: Vec<Vec<Site>>,
    /// Number of the first machine that ECS does not manage.
    pub(crate) first_host: usize,
    starts: Vec<Vec<AppId>>,
    /// Whether each workload can be measured, and whether each probe was started.
    reach: (Vec<crate::world::Reach>, Vec<bool>),
    placements: Vec<TaskAddress>,
    times: Times,
    fabric: Arc<crate::vpc::Fabric>,
}

/// Lays out a plan without starting anything.
pub(crate) fn assemble(plan: &Plan, streams: Streams) -> Result<Assembly, BuildError> {
    let addresses = Addresses::allocate(plan)?;
    let fabric = Arc::new(addresses.fabric(plan)?);
    let rules = addresses.rules(plan);
    let times = Times::of(plan);
    let records = records(plan, &times);
    let mut machines = machines::build(plan, &addresses, &fabric, &rules, streams, &records)?;
    let blocked = |instance: &InstancePlan| instance.metadata.blocked_for_tasks;
    let blocked_metadata: Vec<_> = plan.instances.iter().map(blocked).collect();
    let mut layout = Layout {
        machines: &mut machines.builders,
        task_enis: &machines.task_enis,
        micro_vms: &machines.micro_vms,
        blocked_metadata: &blocked_metadata,
    };
    let mut sites = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        sites.push(lay_out(task, &mut layout)?);
    }
    let placed = targets::Placed::new(plan, &addresses, &sites, &machines);
    let servers = roles::servers(&placed, streams);
    let clients = roles::clients(&placed, streams);
    let scanners = roles::scanners(&placed, times.stop);
    let programs = clients.programs.into_iter().chain(scanners.programs);
    roles::start(servers, programs, &mut machines.builders)?;
    let placements = placements(plan, &sites, &machines.builders);
    let first_host = machines.first_host;
    let (machines, starts): (Vec<_>, Vec<_>) = machines
        .builders
        .into_iter()
        .map(|builder| builder.finish())
        .unzip();
    Ok(Assembly {
        machines,
        sites,
        first_host,
        starts,
        reach: (clients.reach, scanners.started),
        placements,
        times,
        fabric,
    })
}

/// The times of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) start: SimTime,
    pub(crate) end: SimTime,
    pub(crate) stop: SimTime,
}

impl Times {
    fn of(plan: &Plan) -> Self {
        let start = SimTime::ZERO + plan.measure.warmup;
        let end = start + plan.measure.duration;
        Self {
            start,
            end,
            stop: end + plan.measure.cooldown,
        }
    }
}

/// The tag of what no workload or probe is accountable for.
pub(crate) fn idle_tag(plan: &Plan) -> FlowTag {
    FlowTag::new(plan.workloads.len())
}

/// The tag of a probe. Those of probes are the last, and have no record on every machine.
pub(crate) fn probe_tag(plan: &Plan, probe: usize) -> FlowTag {
    FlowTag::new(recorded_tags(plan) + probe)
}

/// The tag of each call that a workload's servers make, in the order of its calls. It is not the
/// workload's own: a server that is both asked and called, or called twice, tells them apart by it.
pub(crate) fn call_tags(plan: &Plan, workload: usize) -> impl Iterator<Item = FlowTag> + use<> {
    let first = idle_tag(plan).index() + 1 + calls(&plan.workloads[..workload]);
    let count = calls(&plan.workloads[workload..=workload]);
    (first..first + count).map(FlowTag::new)
}

fn calls(workloads: &[WorkloadPlan]) -> usize {
    let of = |workload: &WorkloadPlan| match &workload.kind {
        WorkloadKind::Request(request) => request.calls.len(),
        WorkloadKind::Bulk { .. } => 0,
    };
    workloads.iter().map(of).sum()
}

/// How many tags have a record.
fn recorded_tags(plan: &Plan) -> usize {
    idle_tag(plan).index() + 1 + calls(&plan.workloads)
}

fn records(plan: &Plan, times: &Times) -> Records {
    let interval = Interval::new(times.start, times.end, times.stop);
    Records::new(interval, recorded_tags(plan))
}

/// Starts every program with [`crate::app::START`] at time zero.
fn start(engine: &mut Engine<Machine>, starts: &[Vec<AppId>]) {
    for (index, apps) in starts.iter().enumerate() {
        let id = PartitionId::new(index);
        for &app in apps {
            let entity = engine.partition(id).app_entity(app);
            let event = Event::AppTimer {
                app,
                token: crate::app::START,
            };
            engine.schedule(id, entity, SimTime::ZERO, event);
        }
    }
}

fn placements(
    plan: &Plan,
    sites: &[Vec<Site>],
    machines: &[crate::mode::MachineBuilder],
) -> Vec<TaskAddress> {
    plan.tasks
        .iter()
        .zip(sites)
        .map(|(task, sites)| TaskAddress {
            task: task.name.clone(),
            host: sites
                .first()
                .map_or_else(String::new, |s| machines[s.machine].name().into()),
            address: sites.first().and_then(|site| site.service),
        })
        .collect()
}

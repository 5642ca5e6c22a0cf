//! The programs of a plan: who listens where and does what, and who makes which load.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use sim_core::{ByteSize, SimDuration, SimTime, Streams};

use super::targets::{Directory, Placed};
use super::{BuildError, call_tags, probe_tag};
use crate::app::{
    App, BulkClient, BulkConfig, Call, Generator, RequestClient, RequestClientConfig, Role, Scan,
    Scanner, Targets, UdpClient, UdpClientConfig, start_of,
};
use crate::headers::Protocol;
use crate::ids::{FlowTag, NetnsId};
use crate::mode::MachineBuilder;
use crate::plan::{
    Arrivals, CallPlan, Direction, Load, Place, RequestPlan, ServiceTime, Target, WorkloadKind,
    WorkloadPlan,
};
use crate::world::Reach;

/// A listening port and what it does for each workload.
#[derive(Debug)]
pub(super) struct ServerSpec {
    machine: usize,
    netns: NetnsId,
    port: u16,
    protocol: Protocol,
    roles: Vec<(FlowTag, Role)>,
}

/// A program that runs from the start.
#[derive(Debug)]
pub(super) struct Program {
    machine: usize,
    netns: NetnsId,
    app: App,
}

/// The clients, and whether each workload can reach anything at all.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) programs: Vec<Program>,
    pub(super) reach: Vec<Reach>,
}

/// The programs that make probes, and of each probe whether there is one: its target may have no
/// address.
#[derive(Debug)]
pub(super) struct Scanners {
    pub(super) programs: Vec<Program>,
    pub(super) started: Vec<bool>,
}

fn octets(size: ByteSize) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX).max(1)
}

/// A datagram carries its number in eight octets.
fn datagram(size: ByteSize) -> usize {
    octets(size).max(8)
}

fn label(placed: &Placed<'_>, place: Place) -> String {
    match place {
        Place::Container { task, container } => {
            let task = &placed.plan.tasks[task];
            format!("{}/{}", task.name, task.containers[container].name)
        }
        Place::Instance(index) => placed.plan.instances[index].name.clone(),
        Place::Host(index) => placed.plan.hosts[index].name.clone(),
    }
}

/// Every listening port: what containers publish, what workloads need, what the plan adds.
pub(super) fn servers(placed: &Placed<'_>, streams: Streams) -> Vec<ServerSpec> {
    let mut roles: BTreeMap<(Place, u16, Protocol), Vec<(FlowTag, Role)>> = BTreeMap::new();
    for (task_index, task) in placed.plan.tasks.iter().enumerate() {
        for (index, container) in task.containers.iter().enumerate() {
            let place = Place::Container {
                task: task_index,
                container: index,
            };
            for port in &container.ports {
                roles
                    .entry((place, port.container_port, port.protocol))
                    .or_default();
            }
        }
    }
    for listener in &placed.plan.listeners {
        let Target { place, port } = listener.target;
        roles.entry((place, port, listener.protocol)).or_default();
    }
    for (index, workload) in placed.plan.workloads.iter().enumerate() {
        let tag = FlowTag::new(index);
        let mut calls = calls(placed, workload);
        for &target in &workload.to {
            let role = entry_role(placed, index, target, &mut calls, streams);
            let key = (target.place, target.port, workload.protocol);
            roles.entry(key).or_default().push((tag, role));
        }
        let WorkloadKind::Request(request) = &workload.kind else {
            continue;
        };
        let call_tags = call_tags(placed.plan, index);
        for ((step, call), tag) in request.calls.iter().enumerate().zip(call_tags) {
            for &target in &call.to {
                let name = || {
                    let label = label(placed, target.place);
                    format!("{}/call/{step}/{label}", workload.name)
                };
                let (request, response) = (call.request, call.response);
                let role = answer(request, response, call.service_time, name, streams);
                let key = (target.place, target.port, Protocol::Tcp);
                roles.entry(key).or_default().push((tag, role));
            }
        }
    }
    let spec = |((place, port, protocol), roles)| {
        let (machine, netns) = placed.namespace(place);
        ServerSpec {
            machine,
            netns,
            port,
            protocol,
            roles,
        }
    };
    roles.into_iter().map(spec).collect()
}

fn answer(
    request: ByteSize,
    response: ByteSize,
    service: ServiceTime,
    name: impl FnOnce() -> String,
    streams: Streams,
) -> Role {
    let drawn = matches!(service, ServiceTime::Exponential(_));
    let stream = || Box::new(streams.stream(&name(), "service time"));
    Role::Answer {
        request: octets(request),
        response: octets(response),
        service,
        calls: Vec::new(),
        rng: drawn.then(stream),
    }
}

/// The targets of each call of a workload.
fn calls<'p, 'a>(placed: &'p Placed<'a>, workload: &'p WorkloadPlan) -> Vec<Directory<'p, 'a>> {
    let WorkloadKind::Request(request) = &workload.kind else {
        return Vec::new();
    };
    let calls = request.calls.iter();
    calls
        .map(|call| Directory::new(placed, &call.to, Protocol::Tcp))
        .collect()
}

/// What the server of a target does for the workload, with the targets of each of its calls.
fn entry_role(
    placed: &Placed<'_>,
    index: usize,
    target: Target,
    targets: &mut [Directory<'_, '_>],
    streams: Streams,
) -> Role {
    let workload = &placed.plan.workloads[index];
    match &workload.kind {
        WorkloadKind::Bulk {
            direction: Direction::Upload,
            ..
        } => Role::Sink,
        WorkloadKind::Bulk { bytes, .. } => Role::Source {
            bytes: bytes.map(ByteSize::bytes),
        },
        WorkloadKind::Request(plan) => {
            let name = || format!("{}/server/{}", workload.name, label(placed, target.place));
            let (request, response) = (plan.request, plan.response);
            let mut role = answer(request, response, plan.service_time, name, streams);
            if let Role::Answer {
                calls, response, ..
            } = &mut role
            {
                *calls = plan
                    .calls
                    .iter()
                    .zip(call_tags(placed.plan, index))
                    .zip(targets)
                    .map(|((c, tag), targets)| call(c, tag, targets.of(target.place).0))
                    .collect();
                if workload.protocol == Protocol::Udp {
                    *response = datagram(plan.response);
                }
            }
            role
        }
    }
}

/// A call whose targets cannot be found has none, and fails as an unreachable address would.
fn call(plan: &CallPlan, tag: FlowTag, mut targets: Targets) -> Call {
    if targets.is_empty() {
        // 192.0.2.0/24 is documentation space (RFC 5737): nobody has the address.
        targets = vec![SocketAddrV4::new(std::net::Ipv4Addr::new(192, 0, 2, 1), 1)].into();
    }
    Call::new(tag, targets, octets(plan.request), octets(plan.response))
}

/// The clients of all workloads.
pub(super) fn clients(placed: &Placed<'_>, streams: Streams) -> Clients {
    let mut clients = Clients {
        programs: Vec::new(),
        reach: Vec::new(),
    };
    for (index, workload) in placed.plan.workloads.iter().enumerate() {
        let reach = workload_clients(placed, index, workload, streams, &mut clients.programs);
        clients.reach.push(reach);
    }
    clients
}

/// The programs that make the probes: one in each namespace that has any.
pub(super) fn scanners(placed: &Placed<'_>, stop: SimTime) -> Scanners {
    let probes = &placed.plan.probes;
    let first_tag = probe_tag(placed.plan, 0).index();
    let mut started = Vec::with_capacity(probes.len());
    let mut scans: BTreeMap<(usize, NetnsId), Vec<Scan>> = BTreeMap::new();
    for (index, probe) in probes.iter().enumerate() {
        let addr = placed.probe_addr(probe.to);
        started.push(addr.is_some());
        let Some(addr) = addr else { continue };
        let scan = Scan {
            tag: FlowTag::new(first_tag + index),
            at: start_of(index, probes.len(), stop),
            to: SocketAddrV4::new(addr, probe.port),
            protocol: probe.protocol,
        };
        let place = placed.namespace(probe.from);
        scans.entry(place).or_default().push(scan);
    }
    let program = |((machine, netns), scans)| Program {
        machine,
        netns,
        app: App::Scanner(Box::new(Scanner::new(scans))),
    };
    Scanners {
        programs: scans.into_iter().map(program).collect(),
        started,
    }
}

fn workload_clients(
    placed: &Placed<'_>,
    index: usize,
    workload: &WorkloadPlan,
    streams: Streams,
    programs: &mut Vec<Program>,
) -> Reach {
    let mut reach = Reach::Isolated {
        reason: "the workload has no clients".into(),
    };
    let mut reachable = Vec::new();
    let mut directory = Directory::new(placed, &workload.to, workload.protocol);
    for (first_target, &from) in workload.from.iter().enumerate() {
        let (targets, refused) = directory.of(from);
        if let Some(reason) = refused {
            reach = Reach::Isolated { reason };
        }
        if !targets.is_empty() {
            let asks = Asks {
                tag: FlowTag::new(index),
                targets,
                first_target,
            };
            reachable.push((from, asks));
        }
    }
    let places = reachable.len();
    for (from, asks) in reachable {
        let (machine, netns) = placed.namespace(from);
        let name = format!("{}/client/{}", workload.name, label(placed, from));
        let app = client(workload, asks, places, &name, streams);
        programs.push(Program {
            machine,
            netns,
            app,
        });
    }
    if places > 0 { Reach::Measured } else { reach }
}

/// Whom a client asks, and for which workload.
struct Asks {
    tag: FlowTag,
    targets: Targets,
    /// Where it begins: clients begin at different targets, or few would get most of the load.
    first_target: usize,
}

/// One of `places` clients of a workload.
fn client(workload: &WorkloadPlan, asks: Asks, places: usize, name: &str, streams: Streams) -> App {
    match &workload.kind {
        WorkloadKind::Bulk {
            flows,
            bytes,
            direction,
        } => {
            let bytes = bytes.map(ByteSize::bytes);
            let (flows, direction) = (*flows, *direction);
            App::Bulk(Box::new(BulkClient::new(BulkConfig {
                tag: asks.tag,
                targets: asks.targets,
                first_target: asks.first_target,
                flows,
                bytes,
                direction,
            })))
        }
        WorkloadKind::Request(plan) => {
            let load = share(plan.load, places);
            let load = Generator::new(load, streams.stream(name, "arrivals"));
            request_client(plan, workload.protocol, asks, load)
        }
    }
}

fn request_client(plan: &RequestPlan, protocol: Protocol, asks: Asks, load: Generator) -> App {
    let Asks {
        tag,
        targets,
        first_target,
    } = asks;
    if protocol == Protocol::Udp {
        let config = UdpClientConfig {
            tag,
            targets,
            first_target,
            request: datagram(plan.request),
            timeout: plan.timeout,
        };
        return App::UdpClient(Box::new(UdpClient::new(config, load)));
    }
    let config = RequestClientConfig {
        tag,
        targets,
        first_target,
        request: octets(plan.request),
        response: octets(plan.response),
        connections: plan.connections,
        timeout: plan.timeout,
    };
    App::Client(Box::new(RequestClient::new(config, load)))
}

/// One of `places` clients has this share of an open load; users of a closed one are for each.
fn share(load: Load, places: usize) -> Load {
    let times = |gap: SimDuration| gap * places as u64;
    match load {
        Load::Open(Arrivals::Poisson { mean_gap }) => Load::Open(Arrivals::Poisson {
            mean_gap: times(mean_gap),
        }),
        Load::Open(Arrivals::Constant { gap }) => {
            Load::Open(Arrivals::Constant { gap: times(gap) })
        }
        Load::Open(Arrivals::Bursty { mean_gap, size }) => Load::Open(Arrivals::Bursty {
            mean_gap: times(mean_gap),
            size,
        }),
        closed @ Load::Closed { .. } => closed,
    }
}

/// Puts servers and clients on their machines, servers first.
pub(super) fn start(
    servers: Vec<ServerSpec>,
    clients: impl Iterator<Item = Program>,
    machines: &mut [MachineBuilder],
) -> Result<(), BuildError> {
    for server in servers {
        let ServerSpec {
            machine,
            netns,
            port,
            protocol,
            roles,
        } = server;
        machines[machine].serve(netns, port, protocol, roles)?;
    }
    for Program {
        machine,
        netns,
        app,
    } in clients
    {
        machines[machine].start(netns, app);
    }
    Ok(())
}

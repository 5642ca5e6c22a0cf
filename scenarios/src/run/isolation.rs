//! What a mode keeps apart, from its plan: who reaches whom at which address, and who is where.

use std::collections::BTreeMap;

use reports::{PartyKind, PartyRecord, PortRecord, ReachRecord, TaskRecord, Via};
use sim_net::headers::Protocol;
use sim_net::plan::{HostLocation, Mode, Place, Plan, PortPlan, TaskPlan};
use sim_net::reach::{self, Endpoint, Evaluator, Leg, Listener, Owner, ReachOutcome};

/// Attempts that one mode's records may hold. A scenario with more is looked at in a part of its
/// tasks: tasks of one service have the same rules, and differ in where they run only.
const MOST_ATTEMPTS: usize = 20_000;

/// The tasks of a plan, by name.
pub(super) fn tasks(plan: &Plan) -> BTreeMap<String, TaskRecord> {
    let port = |port: &PortPlan| PortRecord {
        container_port: port.container_port,
        host_port: port.host_port,
        protocol: protocol(port.protocol).to_owned(),
    };
    let task = |task: &TaskPlan| {
        let ports = task.containers.iter().flat_map(|c| &c.ports).map(port);
        let record = TaskRecord {
            mode: task.mode.name().to_owned(),
            ports: ports.collect(),
        };
        (task.name.clone(), record)
    };
    plan.tasks.iter().map(task).collect()
}

/// The private address of every instance and of every machine that ECS does not manage, by name.
pub(super) fn addresses(plan: &Plan, evaluator: &Evaluator) -> BTreeMap<String, String> {
    let instances = plan.instances.iter().enumerate();
    let instances = instances.map(|(index, i)| (i.name.clone(), Place::Instance(index)));
    let hosts = plan.hosts.iter().enumerate();
    let hosts = hosts.map(|(index, h)| (h.name.clone(), Place::Host(index)));
    instances
        .chain(hosts)
        .filter_map(|(name, place)| Some((name, evaluator.own_addr(place)?.to_string())))
        .collect()
}

/// Every source against every listening port, at every address that could lead there. Of services
/// with many tasks the first few, if all would be too many: how many of each is the second value.
pub(super) fn attempts(plan: &Plan, evaluator: &Evaluator) -> (Vec<ReachRecord>, Option<usize>) {
    let most = most_tasks(plan);
    let mut tasks_left = most;
    loop {
        let sources = sources(plan, tasks_left);
        let listeners: Vec<Listener> = evaluator
            .listeners()
            .iter()
            .filter(|listener| looked_at(plan, listener.owner, tasks_left))
            .copied()
            .collect();
        if sources.len() * listeners.len() <= MOST_ATTEMPTS || tasks_left == 1 {
            let part = (tasks_left < most).then_some(tasks_left);
            return (all(plan, evaluator, &sources, &listeners), part);
        }
        tasks_left = tasks_left.div_ceil(2);
    }
}

fn all(
    plan: &Plan,
    evaluator: &Evaluator,
    sources: &[Place],
    listeners: &[Listener],
) -> Vec<ReachRecord> {
    let mut records = Vec::new();
    for &from in sources {
        let asking = party(plan, from);
        for &listener in listeners {
            if listener.owner == Owner::Place(from) {
                continue;
            }
            let blank = ReachRecord {
                from: asking.clone(),
                to: owner(plan, listener.owner),
                port: listener.port,
                protocol: protocol(listener.protocol).to_owned(),
                via: Via::Own,
                address: String::new(),
                code: "no_address".to_owned(),
                leg: "forward".to_owned(),
                reached: false,
                agrees: None,
            };
            let ways = evaluator.ways(from, listener);
            if ways.is_empty() {
                records.push(blank);
                continue;
            }
            for way in ways {
                records.push(tried(plan, evaluator, from, listener, way, blank.clone()));
            }
        }
    }
    records
}

fn tried(
    plan: &Plan,
    evaluator: &Evaluator,
    from: Place,
    listener: Listener,
    way: Endpoint,
    blank: ReachRecord,
) -> ReachRecord {
    let verdict = evaluator.decide(from, way.addr, listener.protocol);
    let leg = match verdict.leg {
        Leg::Forward => "forward",
        Leg::Return => "return",
    };
    ReachRecord {
        via: via(plan, listener.owner, way.via),
        address: way.addr.to_string(),
        code: verdict.outcome.code().to_owned(),
        leg: leg.to_owned(),
        reached: verdict.outcome == ReachOutcome::Reached,
        ..blank
    }
}

/// A container's own address on `docker0` is no address of the VPC.
fn via(plan: &Plan, owner: Owner, via: reach::Via) -> Via {
    let bridged = matches!(
        owner,
        Owner::Place(Place::Container { task, .. }) if plan.tasks[task].mode == Mode::Bridge
    );
    match via {
        reach::Via::Loopback => Via::Loopback,
        reach::Via::Own if bridged => Via::Docker0,
        reach::Via::Own => Via::Own,
        reach::Via::Published => Via::HostPort,
        reach::Via::Public => Via::Public,
        reach::Via::Amazon => Via::LinkLocal,
    }
}

/// Everybody who may ask: containers, instances, other machines.
fn sources(plan: &Plan, tasks: usize) -> Vec<Place> {
    let containers = plan.tasks.iter().enumerate().flat_map(|(task, t)| {
        (0..t.containers.len()).map(move |container| Place::Container { task, container })
    });
    let containers = containers.filter(|place| looked_at(plan, Owner::Place(*place), tasks));
    let instances = (0..plan.instances.len()).map(Place::Instance);
    let hosts = (0..plan.hosts.len()).map(Place::Host);
    containers.chain(instances).chain(hosts).collect()
}

fn looked_at(plan: &Plan, owner: Owner, tasks: usize) -> bool {
    match owner {
        Owner::Place(Place::Container { task, .. }) => number(&plan.tasks[task].name) < tasks,
        _ => true,
    }
}

/// The number behind the slash of a name such as `web/0`.
fn number(name: &str) -> usize {
    let number = name.rsplit_once('/').and_then(|(_, n)| n.parse().ok());
    number.unwrap_or(0)
}

fn most_tasks(plan: &Plan) -> usize {
    let numbers = plan.tasks.iter().map(|task| number(&task.name) + 1);
    numbers.max().unwrap_or(1)
}

fn owner(plan: &Plan, owner: Owner) -> PartyRecord {
    let (name, kind) = match owner {
        Owner::Place(place) => return party(plan, place),
        Owner::InstanceMetadata => ("imds", PartyKind::Metadata),
        Owner::TaskMetadata => ("task_metadata", PartyKind::TaskMetadata),
        Owner::Resolver => ("resolver", PartyKind::Resolver),
    };
    PartyRecord {
        name: name.to_owned(),
        task: None,
        group: name.to_owned(),
        kind,
    }
}

fn party(plan: &Plan, place: Place) -> PartyRecord {
    let group = |name: &str| {
        name.rsplit_once('/')
            .map_or(name, |(group, _)| group)
            .to_owned()
    };
    match place {
        Place::Container { task, container } => {
            let task = &plan.tasks[task];
            let service = group(&task.name);
            // A container that is alone in its task needs no name of its own.
            let inside = |name: &str| match task.containers.len() {
                1 => name.to_owned(),
                _ => format!("{name}/{}", task.containers[container].name),
            };
            PartyRecord {
                name: inside(&task.name),
                task: Some(task.name.clone()),
                group: inside(&service),
                kind: PartyKind::Container,
            }
        }
        Place::Instance(index) => {
            let name = &plan.instances[index].name;
            PartyRecord {
                name: name.clone(),
                task: None,
                group: group(name),
                kind: PartyKind::Instance,
            }
        }
        Place::Host(index) => {
            let host = &plan.hosts[index];
            PartyRecord {
                name: host.name.clone(),
                task: None,
                group: host.name.clone(),
                kind: match host.location {
                    HostLocation::Subnet(_) => PartyKind::Vpc,
                    HostLocation::Internet | HostLocation::Service(_) => PartyKind::Outside,
                },
            }
        }
    }
}

/// A transport protocol as results name it.
fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp",
        _ => "tcp",
    }
}

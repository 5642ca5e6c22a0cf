//! What a mode keeps apart, from its plan: who reaches whom at which address, and who is where.

use std::collections::BTreeMap;

use reports::{PartyKind, PartyRecord, PortRecord, ReachRecord, TaskRecord, Via};
use sim_net::headers::Protocol;
use sim_net::plan::{HostLocation, Mode, Place, Plan, PortPlan, TaskPlan};
use sim_net::reach::{self, Evaluator, Leg, Owner, ReachOutcome};

use crate::reach::names::service;
use crate::reach::{
    Aim, Attempt, Listener, Names, ReachError, Simulate, Source, Survey, Tried, matrix, survey_of,
    with_internet,
};

/// Pairs of which one mode's records may tell. A scenario with more is looked at in a part of its
/// tasks: tasks of one service have the same rules, and differ in where they run only.
const MOST_PAIRS: usize = 20_000;

/// Who reaches whom in one mode.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Every attempt.
    pub(super) attempts: Vec<ReachRecord>,
    /// The words by which each end may be called, by its name.
    pub(super) words: BTreeMap<String, Vec<String>>,
    /// The address of every instance and of every machine that ECS does not manage, by name.
    pub(super) addresses: BTreeMap<String, String>,
    /// How many tasks of each service were looked at, if not all.
    pub(super) part: Option<usize>,
}

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

/// Every source against every listening port, at every address that could lead there, by the rules
/// and by packets, as [`crate::reach`] finds it. Of services with many tasks the first few, if all
/// would be too many.
///
/// # Errors
/// If the plan cannot be built, or rules and packets disagree.
pub(super) fn look(plan: &Plan) -> Result<Reached, ReachError> {
    let plan = with_internet(plan.clone());
    let evaluator = Evaluator::new(&plan)?;
    let names = Names::new(&plan, &evaluator);
    let (sources, listeners, part) = part(&plan, &names);
    let survey = survey_of(&plan, &evaluator, sources, listeners, Simulate::Sample)?;
    let called = |source: &Source| (source.name.clone(), source.words.clone());
    Ok(Reached {
        attempts: records(&plan, &evaluator, &survey),
        words: names.sources().iter().map(called).collect(),
        addresses: addresses(&plan, &evaluator),
        part,
    })
}

fn addresses(plan: &Plan, evaluator: &Evaluator) -> BTreeMap<String, String> {
    let instances = plan.instances.iter().enumerate();
    let instances = instances.map(|(index, i)| (i.name.clone(), Place::Instance(index)));
    let hosts = plan.hosts.iter().enumerate();
    let hosts = hosts.map(|(index, h)| (h.name.clone(), Place::Host(index)));
    instances
        .chain(hosts)
        .filter_map(|(name, place)| Some((name, evaluator.own_addr(place)?.to_string())))
        .collect()
}

/// The sources and listeners to look at, and how many tasks of each service are among them if not
/// all are.
fn part(plan: &Plan, names: &Names) -> (Vec<Source>, Vec<Listener>, Option<usize>) {
    let most = most_tasks(plan);
    let mut tasks_left = most;
    loop {
        let asks = |source: &&Source| looked_at(plan, source.place, tasks_left);
        let listens = |listener: &&Listener| match listener.aim {
            Aim::Program(target) => looked_at(plan, target.place, tasks_left),
            Aim::Literal(_) => true,
        };
        let sources: Vec<Source> = names.sources().iter().filter(asks).cloned().collect();
        let listeners: Vec<Listener> = names.listeners().iter().filter(listens).cloned().collect();
        if sources.len() * listeners.len() <= MOST_PAIRS || tasks_left == 1 {
            let part = (tasks_left < most).then_some(tasks_left);
            return (sources, listeners, part);
        }
        tasks_left = tasks_left.div_ceil(2);
    }
}

fn looked_at(plan: &Plan, place: Place, tasks: usize) -> bool {
    match place {
        Place::Container { task, .. } => number(&plan.tasks[task].name) < tasks,
        Place::Instance(_) | Place::Host(_) => true,
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

/// The attempts of a survey, without those of a program to reach itself.
fn records(plan: &Plan, evaluator: &Evaluator, survey: &Survey) -> Vec<ReachRecord> {
    let asked: Vec<PartyRecord> = survey.listeners.iter().map(|l| asked(plan, l)).collect();
    let mut records = Vec::new();
    for (row, source) in survey.sources.iter().enumerate() {
        let from = PartyRecord {
            name: source.name.clone(),
            group: source.group.clone(),
            kind: kind(plan, source.place),
        };
        for (column, listener) in survey.listeners.iter().enumerate() {
            if matches!(listener.aim, Aim::Program(target) if target.place == source.place) {
                continue;
            }
            let blank = ReachRecord {
                from: from.clone(),
                to: asked[column].clone(),
                port: listener.port(),
                protocol: protocol(listener.protocol).to_owned(),
                via: Via::Own,
                address: String::new(),
                code: "no_address".to_owned(),
                leg: "forward".to_owned(),
                reached: false,
                agrees: None,
            };
            let attempts = matrix::attempts(evaluator, source, listener);
            if attempts.is_empty() {
                records.push(blank);
                continue;
            }
            let sent = survey.sent.includes(row, column);
            records.extend(attempts.into_iter().map(|attempt| {
                let verdict = evaluator.decide(source.place, attempt.addr, listener.protocol);
                let foretold = verdict.outcome != ReachOutcome::Undetermined;
                ReachRecord {
                    via: via(plan, listener.aim, attempt),
                    address: attempt.addr.to_string(),
                    code: verdict.outcome.code().to_owned(),
                    leg: leg(verdict.leg).to_owned(),
                    reached: verdict.outcome == ReachOutcome::Reached,
                    // Had they not agreed, there would be no survey.
                    agrees: (sent && foretold).then_some(true),
                    ..blank.clone()
                }
            }));
        }
    }
    records
}

fn leg(leg: Leg) -> &'static str {
    match leg {
        Leg::Forward => "forward",
        Leg::Return => "return",
    }
}

/// A container's own address on `docker0` is no address of the VPC.
fn via(plan: &Plan, aim: Aim, attempt: Attempt) -> Via {
    let bridged = matches!(aim, Aim::Program(target) if matches!(
        target.place,
        Place::Container { task, .. } if plan.tasks[task].mode == Mode::Bridge
    ));
    match attempt.tried {
        Tried::Via(reach::Via::Loopback) => Via::Loopback,
        Tried::Via(reach::Via::Own) if bridged => Via::Docker0,
        Tried::Via(reach::Via::Own) => Via::Own,
        Tried::Via(reach::Via::Published) => Via::HostPort,
        Tried::Via(reach::Via::Public) => Via::Public,
        Tried::Via(reach::Via::Amazon) | Tried::Literal => Via::LinkLocal,
    }
}

fn asked(plan: &Plan, listener: &Listener) -> PartyRecord {
    let amazon = |name: &str| match service(name) {
        Some(Owner::InstanceMetadata) => PartyKind::Metadata,
        Some(Owner::TaskMetadata) => PartyKind::TaskMetadata,
        Some(Owner::Resolver) => PartyKind::Resolver,
        Some(Owner::Place(_)) | None => PartyKind::Outside,
    };
    PartyRecord {
        name: listener.party().to_owned(),
        group: listener.party_group().to_owned(),
        kind: match listener.aim {
            Aim::Program(target) => kind(plan, target.place),
            Aim::Literal(_) => amazon(listener.party()),
        },
    }
}

fn kind(plan: &Plan, place: Place) -> PartyKind {
    match place {
        Place::Container { .. } => PartyKind::Container,
        Place::Instance(_) => PartyKind::Instance,
        Place::Host(index) => match plan.hosts[index].location {
            HostLocation::Subnet(_) => PartyKind::Vpc,
            HostLocation::Internet | HostLocation::Service(_) => PartyKind::Outside,
        },
    }
}

/// A transport protocol as results name it.
fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp",
        _ => "tcp",
    }
}

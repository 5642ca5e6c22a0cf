//! The same found a second time: real SYNs and datagrams in the simulated world.
//!
//! Up to a number of attempts all are made. Beyond it, one pair of each kind is tried, where a pair's
//! kind is what both ends belong to, their modes, security groups and subnets, and whether they share
//! an instance or a task; then pairs that are spread evenly over the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use sim_core::Ratio;
use sim_net::build::{BuildError, build};
use sim_net::headers::Protocol;
use sim_net::machine::ProbeResult;
use sim_net::plan::{
    HostLocation, ListenerPlan, MeasurePlan, Mode, Place, Plan, ProbeAddress, ProbePlan, Target,
    WorkloadKind,
};
use sim_net::reach::{Evaluator, ReachOutcome, Verdict};
use sim_net::vpc::PublicAddress;

use super::matrix::{Attempt, Matrix, attempts};
use super::names::{Aim, Listener, Source};

/// Attempts that are made where not all were asked for.
pub const LIMIT: u64 = 20_000;

/// Attempts in one world; worlds run in parallel.
const WORLD: usize = 4096;

/// Nothing here is drawn: who may reach whom does not depend on the seed.
const SEED: u64 = 1;

/// How much of it to find with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulate {
    /// Every attempt.
    All,
    /// Every attempt if there are at most [`LIMIT`], else about as many as that.
    Sample,
    /// None.
    Nothing,
}

/// What packets found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// Attempts that were made.
    pub probes: u64,
    /// Attempts whose outcome the rules had foretold.
    pub agreed: u64,
    /// Attempts for which the rules foretell nothing.
    pub undetermined: u64,
}

/// The pairs whose attempts were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No pair's.
    Nothing,
    /// Every pair's.
    All,
    /// These, by the numbers of source and listener.
    Pairs(BTreeSet<(usize, usize)>),
}

impl Sent {
    /// Whether the attempts of a pair were made.
    #[must_use]
    pub fn includes(&self, source: usize, listener: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Pairs(pairs) => pairs.contains(&(source, listener)),
        }
    }
}

/// An attempt on whose outcome rules and packets disagree: a fault of ecsnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// Number of the source.
    pub source: usize,
    /// Number of the listener.
    pub listener: usize,
    /// The address that was tried.
    pub attempt: Attempt,
    /// What the rules say.
    pub rules: Verdict,
    /// What the packets found.
    pub packets: ProbeResult,
}

/// What packets found, or where they found something else.
#[derive(Clone, Debug)]
pub enum Second {
    /// They agree.
    Agrees(Simulated, Sent),
    /// The first attempt on which they do not, and how many there are.
    Disagrees(Box<Disagreement>, u64),
}

/// Tries with packets.
///
/// # Errors
/// If no world can be made of the plan.
pub fn simulate(
    plan: &Plan,
    evaluator: &Evaluator,
    sources: &[Source],
    listeners: &[Listener],
    matrix: &Matrix,
    how: Simulate,
) -> Result<Second, BuildError> {
    let row = |source| (0..listeners.len()).map(move |listener| (source, listener));
    let all = (0..sources.len()).flat_map(row);
    let sent = match how {
        Simulate::Nothing => Sent::Nothing,
        Simulate::Sample if matrix.attempts() > LIMIT => {
            Sent::Pairs(sample(plan, sources, listeners, matrix.attempts()))
        }
        Simulate::All | Simulate::Sample => Sent::All,
    };
    let mut pairs: Box<dyn Iterator<Item = (usize, usize)>> = match &sent {
        Sent::Nothing => return Ok(Second::Agrees(Simulated::default(), sent)),
        Sent::Pairs(pairs) => Box::new(pairs.iter().copied()),
        Sent::All => Box::new(all),
    };
    let bare = bare(plan);
    let mut found = Simulated::default();
    let mut first = None;
    let mut disagreements = 0;
    // Attempts are made up as they are needed: all of a large cluster would not fit into memory.
    let per_round = WORLD * rayon::current_num_threads();
    let mut tries = Vec::with_capacity(per_round);
    loop {
        while tries.len() < per_round
            && let Some((source, listener)) = pairs.next()
        {
            let attempts = attempts(evaluator, &sources[source], &listeners[listener]);
            tries.extend(
                attempts
                    .into_iter()
                    .map(|attempt| (source, listener, attempt)),
            );
        }
        if tries.is_empty() {
            break;
        }
        let one = |tries: &[Try]| world(&bare, tries, sources, listeners);
        // What is over goes into the next round: which attempts share a world does not depend on the
        // number of threads.
        let round: Vec<Try> = tries.drain(..per_round.min(tries.len())).collect();
        let results: Result<Vec<_>, _> = round.par_chunks(WORLD).map(one).collect();
        for ((source, listener, attempt), packets) in round.into_iter().zip(results?.concat()) {
            let protocol = listeners[listener].protocol;
            let rules = evaluator.decide(sources[source].place, attempt.addr, protocol);
            found.probes += 1;
            if rules.outcome == ReachOutcome::Undetermined {
                found.undetermined += 1;
            } else if rules.agrees_with(packets) {
                found.agreed += 1;
            } else {
                disagreements += 1;
                first.get_or_insert(Disagreement {
                    source,
                    listener,
                    attempt,
                    rules,
                    packets,
                });
            }
        }
    }
    drop(pairs);
    Ok(match first {
        None => Second::Agrees(found, sent),
        Some(disagreement) => Second::Disagrees(Box::new(disagreement), disagreements),
    })
}

type Try = (usize, usize, Attempt);

/// The plan without loads and losses: all that remains is who may reach whom. What listened because a
/// load named it still does.
fn bare(plan: &Plan) -> Plan {
    let mut kept: BTreeSet<(Target, Protocol)> = plan
        .listeners
        .iter()
        .map(|listener| (listener.target, listener.protocol))
        .collect();
    for workload in &plan.workloads {
        kept.extend(
            workload
                .to
                .iter()
                .map(|&target| (target, workload.protocol)),
        );
        if let WorkloadKind::Request(request) = &workload.kind {
            let called = request.calls.iter().flat_map(|call| &call.to);
            kept.extend(called.map(|&target| (target, Protocol::Tcp)));
        }
    }
    let listener = |(target, protocol)| ListenerPlan { target, protocol };
    let mut bare = plan.clone();
    bare.listeners = kept.into_iter().map(listener).collect();
    bare.workloads.clear();
    bare.region.loss = Ratio::from_ppm(0);
    bare.region.latency.jitter = None;
    bare
}

/// Makes attempts in a world of their own.
fn world(
    bare: &Plan,
    tries: &[Try],
    sources: &[Source],
    listeners: &[Listener],
) -> Result<Vec<ProbeResult>, BuildError> {
    let probe = |(source, listener, attempt): &Try| ProbePlan {
        from: sources[*source].place,
        to: ProbeAddress::Literal(*attempt.addr.ip()),
        port: attempt.addr.port(),
        protocol: listeners[*listener].protocol,
    };
    let mut plan = bare.clone();
    plan.probes = tries.iter().map(probe).collect();
    plan.measure = MeasurePlan::for_probes(tries.len());
    let outcome = build(&plan, SEED, 0)?.run(&Arc::new(AtomicBool::new(false)));
    Ok(outcome.probes)
}

/// One pair of each kind, then others spread evenly, for about [`LIMIT`] attempts.
fn sample(
    plan: &Plan,
    sources: &[Source],
    listeners: &[Listener],
    attempts: u64,
) -> BTreeSet<(usize, usize)> {
    let pairs = sources.len() * listeners.len();
    // A pair has so many attempts on average, rounded up.
    let each = attempts.div_ceil(pairs.max(1) as u64).max(1);
    let wanted = usize::try_from(LIMIT / each).unwrap_or(usize::MAX);
    let mut chosen = one_of_each_kind(plan, sources, listeners);
    if chosen.len() > wanted {
        let all = chosen.len();
        let kept = (0..wanted).map(|n| n * all / wanted);
        let representatives: Vec<_> = chosen.into_iter().collect();
        return kept.map(|n| representatives[n]).collect();
    }
    let more = wanted - chosen.len();
    chosen.extend((0..more).map(|n| {
        let pair = n * pairs / more;
        (pair / listeners.len(), pair % listeners.len())
    }));
    chosen
}

fn one_of_each_kind(
    plan: &Plan,
    sources: &[Source],
    listeners: &[Listener],
) -> BTreeSet<(usize, usize)> {
    let of_listener = |aim| match aim {
        Aim::Program(target) => network(plan, target.place),
        Aim::Literal(_) => Network::default(),
    };
    let (rows, row_kinds) = kinds(sources.iter().map(|s| (&s.group, network(plan, s.place))));
    let (columns, column_kinds) = kinds(listeners.iter().map(|l| (&l.group, of_listener(l.aim))));
    let mut seen = vec![false; row_kinds * column_kinds * Relation::COUNT];
    let mut chosen = BTreeSet::new();
    for (source, row) in rows.iter().enumerate() {
        for (listener, column) in columns.iter().enumerate() {
            let relation = Relation::of(plan, sources[source].place, listeners[listener].aim);
            let kind = (row * column_kinds + column) * Relation::COUNT + relation as usize;
            if !std::mem::replace(&mut seen[kind], true) {
                chosen.insert((source, listener));
            }
        }
    }
    chosen
}

/// The number of each kind, and how many there are.
fn kinds<K: Ord>(all: impl Iterator<Item = K>) -> (Vec<usize>, usize) {
    let mut known = BTreeMap::new();
    let mut number = |kind| {
        let next = known.len();
        *known.entry(kind).or_insert(next)
    };
    let numbers = all.map(&mut number).collect();
    (numbers, known.len())
}

/// What the VPC sees of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Network<'a> {
    mode: Option<Mode>,
    subnet: Option<usize>,
    groups: &'a [usize],
    public: bool,
}

fn network(plan: &Plan, place: Place) -> Network<'_> {
    let of = |mode, subnet, groups, public| Network {
        mode,
        subnet,
        groups,
        public: public != PublicAddress::None,
    };
    let instance = |index: usize, mode| {
        let instance = &plan.instances[index];
        let groups = instance.security_groups.as_slice();
        of(mode, Some(instance.subnet), groups, instance.public_address)
    };
    match place {
        Place::Container { task, .. } => {
            let task = &plan.tasks[task];
            match (&task.network, task.instance) {
                (Some(network), _) => {
                    let groups = network.security_groups.as_slice();
                    let subnet = Some(network.subnet);
                    of(Some(task.mode), subnet, groups, network.public_address)
                }
                (None, Some(index)) => instance(index, Some(task.mode)),
                (None, None) => Network::default(),
            }
        }
        Place::Instance(index) => instance(index, None),
        Place::Host(index) => {
            let host = &plan.hosts[index];
            let groups = host.security_groups.as_slice();
            let subnet = match host.location {
                HostLocation::Subnet(subnet) => Some(subnet),
                HostLocation::Internet | HostLocation::Service(_) => None,
            };
            of(None, subnet, groups, host.public_address)
        }
    }
}

/// How near to each other the two ends are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    SamePlace,
    SameTask,
    SameInstance,
    Apart,
}

impl Relation {
    const COUNT: usize = 4;

    fn of(plan: &Plan, from: Place, to: Aim) -> Self {
        let Aim::Program(target) = to else {
            return Self::Apart;
        };
        if from == target.place {
            return Self::SamePlace;
        }
        let (from, to) = (on(plan, from), on(plan, target.place));
        match (from, to) {
            ((Some(a), _), (Some(b), _)) if a == b => Self::SameTask,
            ((_, Some(a)), (_, Some(b))) if a == b => Self::SameInstance,
            _ => Self::Apart,
        }
    }
}

/// The task and the instance of a place.
fn on(plan: &Plan, place: Place) -> (Option<usize>, Option<usize>) {
    match place {
        Place::Container { task, .. } => (Some(task), plan.tasks[task].instance),
        Place::Instance(index) => (None, Some(index)),
        Place::Host(_) => (None, None),
    }
}

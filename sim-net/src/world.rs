//! A world that runs, and what it leaves behind.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sim_core::{Engine, Histogram, Limits, Sharing, SimDuration, SimTime, StopReason, ThreadUse};

use crate::build::{Times, call_tags};
use crate::cpu::{Component, HopTable};
use crate::frame::Depot;
use crate::ids::FlowTag;
use crate::machine::{
    CapturedPacket, ErrorKind, FrameCounts, Machine, ProbeNote, ProbeResult, Records,
    WorkloadRecord,
};
use crate::plan::{Plan, WorkloadKind, WorkloadPlan};
use crate::stack::StackWorker;
use crate::verdict::DropCounters;

/// Whether a workload could be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It had someone to talk to.
    Measured,
    /// The mode gives its target no address, or its client no way out.
    Isolated {
        /// Why.
        reason: String,
    },
    /// There was an address, and nothing ever came back from it.
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// Where a task has ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskAddress {
    /// The task.
    pub task: String,
    /// Its machine.
    pub host: String,
    /// The address at which others find it; `None` in mode `none`.
    pub address: Option<Ipv4Addr>,
}

/// Time of a workload in one part of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Which part.
    pub component: &'static str,
    /// How often it was passed.
    pub visits: u64,
    /// Time spent there, in all.
    pub total: SimDuration,
}

/// What a workload leaves behind.
#[derive(Clone, Debug)]
pub struct WorkloadOutcome {
    /// Its name.
    pub name: String,
    /// Whether it could be measured.
    pub outcome: Reach,
    /// Latency of requests that were due in the measured interval; empty for transfers.
    pub latency: Histogram,
    /// Sum of those latencies, exactly.
    pub latency_total: SimDuration,
    /// How many were answered.
    pub ok: u64,
    /// How many failed, by reason.
    pub errors: BTreeMap<&'static str, u64>,
    /// Payload octets that reached the receiving program in the measured interval.
    pub bytes: u64,
    /// Time by part of the path, in the measured interval.
    pub hops: Vec<Hop>,
    /// The client's address as the server saw it.
    pub source_seen: Option<Ipv4Addr>,
    /// Start of each bin, requests due in it that were answered, and the sum of their latencies in
    /// ns; the warm-up included.
    pub series: Vec<(SimTime, u64, u64)>,
    /// Digest of the due times: equal where two runs had the same arrivals.
    pub arrivals: u64,
}

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether the stop flag ended it early.
    pub interrupted: bool,
    /// By the order of the plan.
    pub workloads: Vec<WorkloadOutcome>,
    /// By the order of the plan.
    pub probes: Vec<ProbeResult>,
    /// Where tasks have ended up.
    pub placements: Vec<TaskAddress>,
    /// Frames that did not arrive, by reason.
    pub drops: DropCounters,
    /// All frames.
    pub frames: FrameCounts,
    /// Digest over all events.
    pub digest: u64,
    /// How many there were.
    pub events: u64,
    /// Packets that travelled with others as one message.
    pub in_trains: u64,
    /// What a capture has kept, by time.
    pub captured: Vec<CapturedPacket>,
    /// What threads have done. All else is the same for any number of them.
    pub threads: ThreadUse,
}

/// A world.
pub struct World {
    engine: Engine<Machine>,
    /// One for each thread.
    workers: Vec<StackWorker>,
    /// Name of each workload, and whether it is a transfer.
    workloads: Vec<(String, bool)>,
    /// Of each probe, whether its target has an address.
    probes: Vec<bool>,
    /// The tags of each workload: its own, and those of the calls that its servers make.
    tags: Vec<Vec<FlowTag>>,
    reach: Vec<Reach>,
    placements: Vec<TaskAddress>,
    /// Empty; those of the machines are added after the run.
    records: Records,
    times: Times,
}

/// Events at one instant beyond which a world is taken to spin. The largest worlds have a few
/// thousand.
const MOST_EVENTS_AT_ONE_INSTANT: u64 = 10_000_000;

impl World {
    pub(crate) fn new(
        engine: Engine<Machine>,
        plan: &Plan,
        (reach, probes): (Vec<Reach>, Vec<bool>),
        placements: Vec<TaskAddress>,
        (times, records): (Times, Records),
    ) -> Self {
        let limits = Limits {
            max_events_at_one_instant: MOST_EVENTS_AT_ONE_INSTANT,
            ..Limits::default()
        };
        Self {
            engine: engine.with_limits(limits),
            workers: vec![StackWorker::default()],
            workloads: plan
                .workloads
                .iter()
                .map(|w| (w.name.clone(), is_transfer(w)))
                .collect(),
            probes,
            tags: (0..plan.workloads.len())
                .map(|index| tags(plan, index))
                .collect(),
            reach,
            placements,
            records,
            times,
        }
    }

    /// Keeps a copy of every frame that passes an interface of the machines whose name `keep`
    /// accepts.
    pub fn capture(&mut self, keep: impl Fn(&str) -> bool) {
        let machines = self.engine.partitions().len();
        for index in 0..machines {
            let machine = self.engine.partition_mut(sim_core::PartitionId::new(index));
            if keep(&machine.name) {
                machine.account.captured = Some(Vec::new());
            }
        }
    }

    /// Lets so many threads run the world together, where it pays.
    ///
    /// # Panics
    /// If there are none.
    pub fn set_threads(&mut self, threads: usize) {
        assert!(threads > 0, "a world is run by one thread at least");
        self.workers.resize_with(threads, StackWorker::default);
        if threads > 1 {
            let depot = Arc::new(Depot::default());
            for worker in &mut self.workers {
                worker.frames.share(depot.clone());
            }
        }
    }

    /// Lets threads share other windows than those where it pays.
    pub fn set_sharing(&mut self, sharing: Sharing) {
        self.engine.set_sharing(sharing);
    }

    /// Runs the world to its end for what is asked of the queue of each machine.
    #[cfg(feature = "trace")]
    #[must_use]
    pub fn queue_traces(mut self) -> Vec<Vec<sim_core::QueueOperation>> {
        self.engine
            .run_traced(self.times.stop, &mut self.workers[0])
    }

    /// The machine with this number.
    pub fn machine_mut(&mut self, index: usize) -> &mut Machine {
        self.engine.partition_mut(sim_core::PartitionId::new(index))
    }

    /// The machines.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.engine.partitions()
    }

    /// Runs the world to its end, or until `stop` is set.
    ///
    /// # Panics
    /// If the world spins at one instant, or frames were not conserved: both are bugs.
    pub fn run(mut self, stop: &Arc<AtomicBool>) -> Outcome {
        self.engine.set_stop_flag(stop.clone());
        let stats = self.engine.run_parallel(self.times.stop, &mut self.workers);
        let threads = self.engine.thread_use();
        if let StopReason::Livelock { at, .. } = stats.stopped {
            panic!("the world spins at {at:?}");
        }
        let digest = self.engine.digest();
        let machines = self.engine.into_partitions();
        let frames = conserve(&machines);
        machines
            .iter()
            .for_each(|machine| machine.check_utilisation(self.times.stop));
        let mut drops = DropCounters::default();
        let mut in_trains = 0;
        let mut captured = Vec::new();
        let mut notes = vec![ProbeNote::default(); self.probes.len()];
        let mut hops = HopTable::new(self.records.tags());
        for machine in machines {
            drops.merge(&machine.account.drops);
            in_trains += machine.account.in_trains;
            hops.merge(machine.hops());
            captured.extend(machine.captured());
            let (theirs, seen) = machine.into_records();
            for (probe, note) in seen.iter() {
                notes[probe].merge(note);
            }
            self.records.merge(&theirs);
        }
        captured.sort_by(|a: &CapturedPacket, b| (a.at, &a.point).cmp(&(b.at, &b.point)));
        let mut workload = |(index, (name, transfer)): (usize, &(String, bool))| {
            let (reach, tags) = (&self.reach[index], &self.tags[index]);
            let record = self.records.get_mut(FlowTag::new(index));
            let record = record.expect("every workload has a record");
            let mut outcome = workload_outcome(name, reach, record, &hops, tags);
            if *transfer && !record.reached && outcome.outcome == Reach::Measured {
                let reason = "nothing of the transfer ever arrived".into();
                outcome.outcome = Reach::Unreachable { reason };
            }
            outcome
        };
        Outcome {
            interrupted: stats.stopped == StopReason::Interrupted,
            workloads: self
                .workloads
                .iter()
                .enumerate()
                .map(&mut workload)
                .collect(),
            probes: self.probes.iter().zip(&notes).map(probe_result).collect(),
            placements: self.placements,
            drops,
            frames,
            digest,
            events: stats.events,
            in_trains,
            captured,
            threads,
        }
    }
}

fn tags(plan: &Plan, workload: usize) -> Vec<FlowTag> {
    std::iter::once(FlowTag::new(workload))
        .chain(call_tags(plan, workload))
        .collect()
}

fn is_transfer(workload: &WorkloadPlan) -> bool {
    matches!(workload.kind, WorkloadKind::Bulk { .. })
}

/// Checks that no frame was lost or made from nothing, on any machine, interface, or in the fabric.
fn conserve(machines: &[Machine]) -> FrameCounts {
    let mut total = FrameCounts::default();
    let (mut departed, mut arrived) = (0, 0);
    for machine in machines {
        let counts = machine.conserve();
        total.sent += counts.sent;
        total.delivered += counts.delivered;
        total.dropped += counts.dropped;
        total.in_flight += counts.in_flight;
        departed += machine.enis.iter().map(|e| e.counts.departed).sum::<u64>();
        arrived += machine.enis.iter().map(|e| e.counts.arrived).sum::<u64>();
    }
    assert_eq!(departed, arrived, "frames were lost or made in the fabric");
    assert_eq!(
        total.sent,
        total.delivered + total.dropped + total.in_flight,
        "frames sent = delivered + dropped + in flight"
    );
    total
}

fn workload_outcome(
    name: &str,
    reach: &Reach,
    record: &WorkloadRecord,
    hops: &HopTable,
    tags: &[FlowTag],
) -> WorkloadOutcome {
    let errors: BTreeMap<&'static str, u64> = ErrorKind::ALL
        .iter()
        .map(|&kind| (kind.code(), record.errors[kind as usize]))
        .filter(|&(_, n)| n > 0)
        .collect();
    let hop = |&component: &Component| {
        let cells = tags.iter().map(|&tag| hops.get(tag, component));
        Hop {
            component: component.code(),
            visits: cells.clone().map(|cell| cell.visits).sum(),
            total: cells.map(|cell| cell.total).sum(),
        }
    };
    let bins = (0_u64..)
        .zip(&record.series)
        .filter(|(_, (count, _))| *count > 0);
    let series = bins
        .map(|(bin, &(count, sum))| (SimTime::ZERO + record.bin() * bin, count, sum))
        .collect();
    WorkloadOutcome {
        name: name.to_owned(),
        outcome: final_reach(reach, record, &errors),
        latency: record.latency(),
        latency_total: record.latency_total,
        ok: record.ok,
        errors,
        bytes: record.bytes,
        hops: Component::ALL
            .iter()
            .map(hop)
            .filter(|h| h.visits > 0)
            .collect(),
        source_seen: record.source_seen,
        series,
        arrivals: record.arrivals,
    }
}

/// A workload that had an address to talk to and never got anything from it was not measured.
fn final_reach(
    reach: &Reach,
    record: &WorkloadRecord,
    errors: &BTreeMap<&'static str, u64>,
) -> Reach {
    if *reach != Reach::Measured || record.ok > 0 || record.bytes > 0 || errors.is_empty() {
        return reach.clone();
    }
    let unreachable = ErrorKind::NetworkUnreachable.code();
    if errors.keys().all(|&code| code == unreachable) {
        let reason = "the client's namespace has no route: network unreachable".into();
        return Reach::Isolated { reason };
    }
    let most = errors
        .iter()
        .max_by_key(|&(_, n)| n)
        .map_or("", |(code, _)| code);
    Reach::Unreachable {
        reason: format!("no request was answered: {most}"),
    }
}

fn probe_result((&started, note): (&bool, &ProbeNote)) -> ProbeResult {
    if started {
        return note.result();
    }
    ProbeResult::Failed {
        kind: ErrorKind::NetworkUnreachable,
        dropped: None,
    }
}

//! What one experiment leaves behind: plain data, no behaviour beyond look-ups.
//!
//! The run fills these types in and knows nothing of statistics; [`crate::compare`] reads them and
//! knows nothing of the simulated world.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sim_core::{Histogram, SimDuration};

/// All replications of all network modes of one scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Experiment {
    /// Where the numbers come from and what they rest on.
    pub provenance: Provenance,
    /// Name of the mode that the others are compared with, a key of `modes`.
    pub baseline: String,
    /// Loads that run in the crowded replications only, in the order of the scenario.
    #[serde(default)]
    pub neighbours: Vec<NeighbourRecord>,
    /// One record per mode. The order of insertion has no influence on any output.
    pub modes: IndexMap<String, ModeRecord>,
}

/// Everything needed to judge the numbers and to make them again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Version of ecsnet.
    pub version: String,
    /// Version of the TCP/IP stack inside the simulated hosts.
    pub smoltcp_version: String,
    /// The command that reproduces the results.
    pub command: String,
    /// Name of the scenario.
    pub scenario_name: String,
    /// Master seed. A string, since JavaScript rounds integers above 2^53.
    pub seed: String,
    /// Independent replications per mode.
    pub replications: u32,
    /// Measured time of one replication (ns of simulated time), warm-up excluded.
    pub duration_ns: u64,
    /// Warm-up before the measured interval (ns of simulated time).
    pub warmup_ns: u64,
    /// The files that were read, by content.
    pub inputs: Vec<InputHash>,
    /// What weakens trust in the results, in words.
    pub caveats: Vec<String>,
    /// What was assumed to build the scenario, in words.
    pub assumptions: Vec<String>,
    /// Constants used that the vendor does not specify: assumed, or measured by a third party.
    pub constants: Vec<ConstantRecord>,
}

/// One input file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputHash {
    /// File name as given, without its folder.
    pub name: String,
    /// SHA-256 of the content, lower-case hexadecimal.
    pub sha256: String,
}

/// A constant that a result rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstantRecord {
    /// Name of the constant.
    pub name: String,
    /// Its value, as it is written in the profile.
    pub value: String,
    /// Unit of the value; empty if it has none.
    pub unit: String,
    /// Where the value was read or measured.
    pub source: String,
    /// `specified`, `vendor`, `measured` or `assumed`.
    pub class: String,
}

/// A load that is there to disturb others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourRecord {
    /// Name of its workload.
    pub name: String,
    /// The workloads that it is meant to disturb.
    pub victims: Vec<String>,
}

/// One network mode of the scenario.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ModeRecord {
    /// Whether the scenario can be deployed in this mode at all.
    pub deployable: bool,
    /// Why it cannot; `None` when it can.
    pub reason: Option<Reason>,
    /// Which task runs where, and under which address its peers see it.
    pub placement: Vec<PlacementRecord>,
    /// How many tasks fit on an instance, and what runs out first.
    pub density: Option<DensityRecord>,
    /// The independent replications. Their order has no influence on any output.
    pub replications: Vec<Replication>,
    /// The same replications, with the same random numbers, and the neighbours' load beside it;
    /// empty if the scenario has no neighbours.
    #[serde(default)]
    pub crowded: Vec<Replication>,
    /// Who reaches whom, at every address that could lead there. The order has no influence.
    #[serde(default)]
    pub reach: Vec<ReachRecord>,
    /// The words by which expressions may call each end of these attempts, by its name.
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
    /// Host ports that more tasks need than there are instances. Also where the mode never ran.
    #[serde(default)]
    pub port_conflicts: Vec<PortConflict>,
    /// Address of each task, instance and other machine, by name; nothing for those without one.
    #[serde(default)]
    pub addresses: BTreeMap<String, String>,
    /// The mode that each task runs in, and what it publishes, by its name.
    #[serde(default)]
    pub tasks: BTreeMap<String, TaskRecord>,
}

/// A task as it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Its mode.
    pub mode: String,
    /// The ports of its containers and those of the host that lead there.
    pub ports: Vec<PortRecord>,
}

/// A port that a container publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRecord {
    /// The container's.
    pub container_port: u16,
    /// The host's.
    pub host_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// One attempt to reach a port: from whom, at which address, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReachRecord {
    /// Who asks.
    pub from: PartyRecord,
    /// Who is meant.
    pub to: PartyRecord,
    /// The port that the program meant listens on.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// What kind of address is tried.
    pub via: Via,
    /// The address and port that are tried, such as `10.0.0.4:32768`.
    pub address: String,
    /// What becomes of it: `reached`, `refused`, or the reason of a drop.
    pub code: String,
    /// On which leg it was decided: `forward` or `return`.
    pub leg: String,
    /// Whether it is reached.
    pub reached: bool,
    /// Whether packets in the simulated world found the same; `None` where none were sent, or the
    /// rules foretell nothing.
    pub agrees: Option<bool>,
}

/// One end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartyRecord {
    /// Its own name: `web/0`, with the container behind it if the task has several.
    pub name: String,
    /// What it is one of: the service, with the container behind it if there are several.
    pub group: String,
    /// What it is.
    pub kind: PartyKind,
}

/// What an end of an attempt is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    /// A container of a task.
    Container,
    /// A container instance, or a service on it that is no task.
    Instance,
    /// The metadata service of an instance, which hands out its credentials.
    Metadata,
    /// The metadata and credentials of tasks.
    TaskMetadata,
    /// Amazon's DNS resolver.
    Resolver,
    /// A machine in a VPC that ECS does not manage.
    Vpc,
    /// A machine outside every VPC.
    Outside,
}

/// What kind of address an attempt is made at.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The party's own address in a VPC or outside.
    Own,
    /// A container's address on `docker0`, which means something on its own instance only.
    Docker0,
    /// Loopback of a namespace that both share.
    Loopback,
    /// A published port of the instance.
    HostPort,
    /// A public address.
    Public,
    /// A link-local address.
    LinkLocal,
}

/// A host port that more tasks need than there are instances with it free.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortConflict {
    /// The port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Who needs it, by service, sorted.
    pub claimants: Vec<String>,
    /// Tasks that need it.
    pub tasks: u64,
    /// Instances that there are.
    pub instances: u64,
}

/// Why a mode cannot carry the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable code, such as the one that ECS returns: `RESOURCE:ENI`.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Where in the input the cause lies, such as `web.json: containerDefinitions[0]`.
    pub place: Option<String>,
}

impl Reason {
    /// Code, message and place, as they follow `cannot be deployed`. A message of ECS has its code
    /// in it: it is not said twice.
    pub(crate) fn in_words(&self) -> String {
        let Self {
            code,
            message,
            place,
        } = self;
        let code = match message.contains(&format!("({code})")) {
            true => String::new(),
            false => format!(" [{code}]"),
        };
        let place = place.as_ref().map(|place| format!(" ({place})"));
        format!("{code}: {message}{}", place.unwrap_or_default())
    }
}

/// Where one task was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacementRecord {
    /// Name of the task.
    pub task: String,
    /// The container instance, or the Fargate micro-VM.
    pub host: String,
    /// Address and port under which peers reach the task; empty if they cannot.
    pub address: String,
    /// Anything else worth knowing, such as zone and network interface.
    pub detail: String,
}

/// How many tasks fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DensityRecord {
    /// Tasks that fit on one instance; `None` where no instance limits them (Fargate).
    pub tasks_per_instance: Option<u64>,
    /// What runs out first: CPU, memory, network interfaces, ports or addresses.
    pub binding_limit: String,
    /// The arithmetic in words.
    pub detail: String,
}

/// One independent replication of one mode.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replication {
    /// Number of the replication. Equal numbers share their random numbers across modes, which is
    /// what makes differences between modes *paired*.
    pub index: u32,
    /// One record per workload.
    pub workloads: IndexMap<String, WorkloadRun>,
    /// Frames dropped in the whole run, by reason code.
    pub drops: BTreeMap<String, u64>,
    /// Conservation of frames over the whole run.
    pub frames: FrameCounts,
    /// Digest over all events of the run.
    pub digest: u64,
    /// Events handled.
    pub events: u64,
}

/// Frames of one run: `sent = delivered + dropped + in_flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameCounts {
    /// Frames handed to a link.
    pub sent: u64,
    /// Frames that arrived.
    pub delivered: u64,
    /// Frames dropped, for any reason.
    pub dropped: u64,
    /// Frames on their way when the run ended.
    pub in_flight: u64,
}

/// One workload in one replication.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkloadRun {
    /// Whether there is anything to measure.
    pub outcome: WorkloadOutcome,
    /// Request latency, counted from the intended send time; empty for bulk transfers.
    pub latency: Histogram,
    /// Requests answered within the measured interval.
    pub requests_ok: u64,
    /// Requests that failed, by reason code.
    pub errors: BTreeMap<String, u64>,
    /// Payload bytes delivered within the measured interval.
    pub bytes: u64,
    /// Length of the measured interval.
    pub measured: SimDuration,
    /// Time per component of the path, in path order.
    pub hops: Vec<HopRun>,
    /// Latency over time: start of the bin (ns since the start of the run), requests in it, their
    /// mean latency (ns). Bins of the warm-up are included.
    pub series: Vec<(u64, u64, u64)>,
    /// What was cut off at the start of the run.
    pub warmup_cut: SimDuration,
    /// Client address that the server saw.
    pub source_seen: Option<String>,
}

/// Whether a workload could be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkloadOutcome {
    /// Traffic ran.
    Measured,
    /// The mode has no network: nothing in, nothing out.
    Isolated {
        /// One sentence for a person.
        reason: String,
    },
    /// The target has a network, but this client does not reach it.
    Unreachable {
        /// One sentence for a person.
        reason: String,
    },
}

/// Time that requests spent in one component of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopRun {
    /// Name of the component, in the field's standard terms.
    pub component: String,
    /// Visits by frames of the workload within the measured interval.
    pub visits: u64,
    /// Time of all visits together (ps), waiting included.
    pub total_ps: u64,
}

/// How fast the simulator itself was. It stands apart from the results and is in no digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// Wall time of all runs (ns).
    pub wall_ns: u64,
    /// Events handled in all runs.
    pub events: u64,
    /// Frames sent in all runs.
    pub frames: u64,
    /// Events per second of wall time.
    pub events_per_s: u64,
    /// Frames per second of wall time.
    pub frames_per_s: u64,
    /// What threads have done.
    #[serde(default)]
    pub threads: ThreadRecord,
}

/// What threads have done in all runs. Results do not depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreadRecord {
    /// Threads that one run was given.
    pub given: u64,
    /// The largest number that ran one world together.
    pub most: u64,
    /// Windows of simulated time, of which each lasts as long as the least latency between machines.
    pub windows: u64,
    /// Windows whose machines several threads shared.
    pub shared_windows: u64,
    /// Events of those windows.
    pub shared_events: u64,
    /// Of each of those windows the events of the busiest thread, all windows together.
    pub busiest_events: u64,
    /// Why threads that were given were not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

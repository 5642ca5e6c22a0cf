//! What a mode keeps apart: who reaches whom, what a break-in reaches, what a neighbour does.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Difference, Estimate, Outcome};
use crate::record::{FrameCounts, PartyKind, PortConflict};

/// What a mode keeps apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Isolation {
    /// Reachability of each workload's target from its client, by workload.
    pub reachable: BTreeMap<String, Reachability>,
    /// Who reaches which port, by group: services, instances, other machines.
    #[serde(default)]
    pub matrix: Vec<MatrixCell>,
    /// Pairs of a source and a listening port.
    #[serde(default)]
    pub pairs: PairCounts,
    /// What is reached here and not in the baseline.
    #[serde(default)]
    pub exposed: Vec<Exposure>,
    /// What is reached in the baseline and not here.
    #[serde(default)]
    pub hidden: Vec<Exposure>,
    /// What somebody reaches who has taken over a container, by service.
    #[serde(default)]
    pub blast_radius: BTreeMap<String, Blast>,
    /// What neighbours do to workloads; null if the scenario has none.
    #[serde(default)]
    pub interference: Option<Interference>,
    /// Host ports that more tasks need than there are instances.
    #[serde(default)]
    pub port_conflicts: Vec<PortConflict>,
}

/// Whether one workload's client reaches its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reachability {
    /// Whether at least one request or byte got through.
    pub reachable: bool,
    /// What the run found.
    pub outcome: Outcome,
    /// Why it is not reachable; null if it is.
    pub reason: Option<String>,
    /// Client address that the server saw.
    pub source_seen: Option<String>,
}

/// All pairs of one group of sources and one port of one group of targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatrixCell {
    /// The sources: a service, an instance group, another machine.
    pub from: String,
    /// The targets.
    pub to: String,
    /// What the targets are.
    pub kind: PartyKind,
    /// The port that the targets listen on.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Pairs of a source and a target.
    pub pairs: u64,
    /// Those in which the target is reached, at whichever of its addresses.
    pub reached: u64,
    /// Those that pass something that is not simulated, and are not reached otherwise.
    pub undetermined: u64,
    /// Why those that are not reached are not, each reason once, sorted.
    pub reasons: Vec<String>,
}

impl MatrixCell {
    /// The port as `name:port`, with `/udp` behind it for UDP.
    #[must_use]
    pub fn target(&self) -> String {
        target(&self.to, self.port, &self.protocol)
    }
}

/// `name:port`, with `/udp` behind it for UDP.
pub(crate) fn target(name: &str, port: u16, protocol: &str) -> String {
    match protocol {
        "tcp" => format!("{name}:{port}"),
        other => format!("{name}:{port}/{other}"),
    }
}

/// How many pairs there are, and what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairCounts {
    /// Pairs of a source and a listening port of somebody else.
    pub all: u64,
    /// Those that are reached.
    pub reached: u64,
    /// Those of which nothing is known: they pass something that is not simulated.
    pub undetermined: u64,
    /// Those that were also tried with packets.
    pub simulated: u64,
    /// Those of them in which packets found something else than the rules say.
    pub disagreements: u64,
}

/// What is reached in one of two modes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exposure {
    /// The sources.
    pub from: String,
    /// The target with its port.
    pub to: String,
    /// One sentence for a person.
    pub sentence: String,
}

/// What somebody reaches who has taken over a container of a service: names with ports, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blast {
    /// Containers on the same instance, at their addresses on `docker0` or over shared loopback,
    /// past every security group.
    pub neighbours: Vec<String>,
    /// Other tasks, through the VPC or published ports.
    pub tasks: Vec<String>,
    /// Services of instances that are no tasks, such as the agent's introspection.
    pub instance_services: Vec<String>,
    /// Metadata services of instances: whoever reaches one has the instance's credentials.
    pub credentials: Vec<String>,
    /// Metadata and credentials of tasks.
    pub task_metadata: Vec<String>,
    /// DNS.
    pub resolver: Vec<String>,
    /// Machines in the VPC that ECS does not manage: databases, caches.
    pub vpc: Vec<String>,
    /// Machines outside.
    pub outside: Vec<String>,
}

impl Blast {
    /// The lists with what they are called.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &[String]); 8] {
        [
            ("neighbours", &self.neighbours),
            ("other tasks", &self.tasks),
            ("instance services", &self.instance_services),
            ("instance credentials", &self.credentials),
            ("task metadata", &self.task_metadata),
            ("DNS", &self.resolver),
            ("VPC", &self.vpc),
            ("outside", &self.outside),
        ]
    }

    /// How much is reached in all.
    #[must_use]
    pub fn size(&self) -> usize {
        self.parts().iter().map(|(_, list)| list.len()).sum()
    }
}

/// What neighbours do to workloads: every replication twice, without and with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interference {
    /// The neighbours, and what they achieved.
    pub neighbours: BTreeMap<String, NeighbourResult>,
    /// The workloads that they are meant to disturb.
    pub victims: BTreeMap<String, Victim>,
    /// Frames dropped in all replications with neighbours, by reason code.
    pub drops: BTreeMap<String, u64>,
    /// Conservation of frames over all replications with neighbours.
    pub frames: FrameCounts,
    /// Digest over the digests of all replications with neighbours, hexadecimal.
    pub digest: String,
}

/// What a neighbour achieved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeighbourResult {
    /// Whether its load ran.
    pub outcome: Outcome,
    /// Why it did not; null when it ran.
    pub reason: Option<String>,
    /// Payload delivered (bit/s); null unless it ran.
    pub throughput_bps: Option<Estimate>,
    /// Requests answered per second; null for workloads without requests.
    pub requests_per_s: Option<Estimate>,
}

/// A workload without and with neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Victim {
    /// The neighbours that are meant to disturb it.
    pub neighbours: Vec<String>,
    /// By metric: `latency_ns.p50`, `latency_ns.p99` and `errors` of requests, `throughput_bps` of
    /// transfers.
    #[schemars(with = "BTreeMap<String, Interfered>")]
    pub metrics: IndexMap<String, Interfered>,
}

/// One metric without and with neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interfered {
    /// Without them.
    pub without: Estimate,
    /// With them.
    pub with: Estimate,
    /// With them against without, paired by replication.
    pub difference: Difference,
}

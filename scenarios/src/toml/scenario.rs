//! What a scenario means: names resolved to indices, defaults filled in, everything checked.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::{ByteSize, PacketRate, Ratio, SimDuration};
use sim_net::plan::MetadataPlan;
use sim_net::vpc::{PublicAddress, RegionPlan};

use crate::assert::Check;
use crate::ecs::{Mode, Protocol, TaskDefinition};
use crate::instance_types::InstanceType;
use crate::place::{Constraint, Policy, Share, Strategy};

/// A validated scenario. Indices refer to the vectors of the same scenario, or of its `region`.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name in reports.
    pub name: String,
    /// The network.
    pub region: RegionPlan,
    /// Whether instances get a public address that say nothing of it, by the index of their subnet.
    pub map_public_ip: Vec<bool>,
    /// Groups of container instances.
    pub capacity: Vec<Capacity>,
    /// What ECS runs.
    pub services: Vec<Service>,
    /// Machines that ECS does not manage.
    pub clients: Vec<Client>,
    /// AWS services with interfaces in subnets.
    pub endpoints: Vec<InterfaceEndpoint>,
    /// The load.
    pub workloads: Vec<Workload>,
    /// Load that disturbs others, in runs of its own.
    pub neighbours: Vec<Neighbour>,
    /// What is asserted of the results.
    pub checks: Vec<Check>,
    /// What is measured, and for how long.
    pub measure: Measure,
    /// Defaults that a reader of the results should know of, in sentences.
    pub assumptions: Vec<String>,
    /// The text of every file that the scenario consists of, by name, for hashing.
    pub inputs: BTreeMap<String, Arc<str>>,
}

/// A group of like container instances.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Name; the instances are `name/0`, `name/1`, …
    pub name: String,
    /// What the instances are.
    pub instance_type: InstanceType,
    /// How many there are.
    pub count: u32,
    /// Subnets of their primary interfaces, taken in turn; never empty.
    pub subnets: Vec<usize>,
    /// Security groups of their primary interfaces.
    pub security_groups: Vec<usize>,
    /// Whether their primary interfaces have public addresses; `None` for as their subnets say.
    pub public_address: Option<bool>,
    /// Whether their primary interfaces drop what is not addressed to them.
    pub source_dest_check: bool,
    /// Whether task interfaces are branches of a trunk.
    pub trunking: bool,
    /// Name of a cost profile.
    pub kernel_profile: String,
    /// Segmentation and receive offload.
    pub offloads: bool,
    /// Docker's `userland-proxy`.
    pub userland_proxy: bool,
    /// Docker's `icc`.
    pub icc: bool,
    /// Whether bridged traffic passes the host's rules.
    pub br_netfilter: bool,
    /// Instances of one cluster placement group have the same number, also across capacities.
    pub placement_group: Option<u32>,
    /// Where dynamic host ports come from.
    pub dynamic_ports: RangeInclusive<u16>,
    /// Name of the capacity provider that they belong to.
    pub provider: String,
    /// Custom attributes of the instances, by name.
    pub attributes: BTreeMap<String, String>,
    /// Memory that is kept from tasks, in MiB.
    pub reserved_memory_mib: u32,
    /// Their metadata service.
    pub metadata: MetadataPlan,
    /// Tracked connections of all interfaces of an instance together.
    pub tracked_connections: Option<u64>,
    /// Packets per second of an instance, both directions together.
    pub packet_rate: Option<PacketRate>,
    /// Network credits at the start, as a share of the most there can be.
    pub credits: Ratio,
    /// Idle time after which security groups forget an established TCP connection.
    pub tcp_idle_timeout: SimDuration,
}

/// What ECS runs.
#[derive(Clone, Debug)]
pub struct Service {
    /// Name; the tasks are `name/0`, `name/1`, …
    pub name: String,
    /// The file that the task definition came from, as the scenario names it.
    pub file: String,
    /// The task definition.
    pub task_definition: Arc<TaskDefinition>,
    /// How many tasks there are.
    pub count: u32,
    /// The mode that the service keeps whichever mode is being looked at.
    pub mode: Option<Mode>,
    /// The tasks' own network, where they have one.
    pub network: AwsvpcNetwork,
    /// Where the tasks go, on instances.
    pub placement: Placement,
}

/// What a service says about where its tasks go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Strategies; empty for the default of ECS.
    pub strategies: Vec<Strategy>,
    /// Constraints, besides those of the task definition.
    pub constraints: Vec<Constraint>,
    /// Capacity providers that tasks are divided among; empty for all instances alike.
    pub providers: Vec<Share>,
}

impl Service {
    /// How the tasks are placed, with what the task definition asks for and what ECS assumes.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let Placement {
            strategies,
            constraints,
            providers,
        } = self.placement.clone();
        let usual = Policy::default();
        let definition = self.task_definition.placement_constraints.iter().cloned();
        Policy {
            constraints: constraints
                .into_iter()
                .chain(definition.map(Constraint::MemberOf))
                .collect(),
            strategies: if strategies.is_empty() {
                usual.strategies
            } else {
                strategies
            },
            providers,
        }
    }
}

/// The network of a service's tasks, in awsvpc and on Fargate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsvpcNetwork {
    /// Subnets, taken in turn; never empty.
    pub subnets: Vec<usize>,
    /// Security groups.
    pub security_groups: Vec<usize>,
    /// Whether the tasks get a public address; on Fargate only.
    pub assign_public_ip: bool,
}

/// A machine that ECS does not manage.
#[derive(Clone, Debug)]
pub struct Client {
    /// Name.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// Its address; `None` for any free one.
    pub address: Option<Ipv4Addr>,
    /// Public address of its interface in a subnet.
    pub public_address: PublicAddress,
    /// What it is; `None` for an ideal machine, that costs no time and has no limit.
    pub instance_type: Option<InstanceType>,
    /// Name of a cost profile: `ideal` for an ideal machine.
    pub kernel_profile: String,
    /// Segmentation and receive offload.
    pub offloads: bool,
    /// Its security groups; `None` for a machine whose traffic nothing filters.
    pub security_groups: Option<Vec<usize>>,
    /// Ports that it answers at without a workload.
    pub listen: Vec<Listen>,
    /// Whether its interface drops what is not addressed to it.
    pub source_dest_check: bool,
}

/// A port that something listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The port.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// An AWS service with an interface in each of its subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceEndpoint {
    /// Name.
    pub name: String,
    /// Its subnets; never empty.
    pub subnets: Vec<usize>,
    /// Security groups of its interfaces.
    pub security_groups: Vec<usize>,
    /// Ports that it answers at.
    pub ports: Vec<Listen>,
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In this subnet.
    Subnet(usize),
    /// Beyond the internet gateways.
    Internet,
    /// An AWS service with addresses of this prefix list.
    Service(usize),
}

/// A load.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Name in reports.
    pub name: String,
    /// Where it comes from; never empty.
    pub from: Vec<Party>,
    /// Where it goes.
    pub to: Target,
    /// What it does.
    pub kind: WorkloadKind,
}

/// A load that is there to disturb others.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// The load.
    pub workload: Workload,
    /// Indices of the workloads that it is meant to disturb; never empty.
    pub victims: Vec<usize>,
}

/// Who takes part in a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// This client.
    Client(usize),
    /// Every interface of this interface endpoint.
    Endpoint(usize),
    /// This container of every task of a service.
    Container {
        /// Index of the service.
        service: usize,
        /// Index of the container in its task definition.
        container: usize,
    },
}

/// A port that a workload goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Who listens.
    pub party: Party,
    /// The port that the program listens on (not the host port that may lead to it).
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// What a workload does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// Requests and responses.
    Request {
        /// When requests are made.
        load: Load,
        /// Size of a request.
        request: ByteSize,
        /// Size of a response.
        response: ByteSize,
        /// CPU time that the server takes.
        service_time: ServiceTime,
        /// How requests share connections; without meaning for UDP.
        connections: Connections,
        /// After which time an answer is given up.
        timeout: SimDuration,
        /// What the server asks of others before it answers, one after another.
        calls: Vec<Call>,
    },
    /// Data in one direction, over TCP.
    Bulk {
        /// Parallel connections from each source.
        flows: u32,
        /// Who sends.
        direction: Direction,
        /// Size of each flow; `None` for no end.
        size: Option<ByteSize>,
    },
    /// A datagram there and one of the same size back, one at a time.
    PingPong {
        /// Size of a datagram's payload.
        size: ByteSize,
        /// Pause between an answer and the next request.
        interval: SimDuration,
        /// After which time an answer is given up.
        timeout: SimDuration,
    },
}

/// When requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// At times that do not depend on the answers: so many a second over all sources together.
    Open {
        /// Requests a second.
        rate: PacketRate,
        /// How they are spread.
        arrivals: Arrivals,
    },
    /// Each of so many users per source waits for an answer, thinks, and asks again.
    Closed {
        /// Users per source.
        concurrency: u32,
        /// Pause between an answer and the next request.
        think_time: SimDuration,
    },
}

/// An arrival process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Exponential gaps.
    Poisson,
    /// Equal gaps.
    Constant,
    /// Bursts of so many requests, with exponential gaps between them.
    Bursty {
        /// Requests of a burst.
        size: u32,
    },
}

/// CPU time of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceTime {
    /// The same for all requests.
    Constant(SimDuration),
    /// Exponential with this mean.
    Exponential(SimDuration),
}

/// How requests share TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// This many stay open at each source.
    KeepAlive(u32),
    /// A new one for each request.
    PerRequest,
}

/// Who sends in a bulk transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The source.
    Upload,
    /// The target.
    Download,
}

/// A request that a server makes in order to answer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whom it asks.
    pub to: Target,
    /// Size of the request.
    pub request: ByteSize,
    /// Size of the response.
    pub response: ByteSize,
    /// CPU time that the called server takes.
    pub service_time: ServiceTime,
}

/// What is measured, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Simulated time before the measured interval.
    pub warmup: SimDuration,
    /// The measured interval.
    pub duration: SimDuration,
    /// Time after it for requests that are under way.
    pub cooldown: SimDuration,
    /// Independent repetitions.
    pub replications: u32,
    /// The master seed.
    pub seed: u64,
}

impl Default for Measure {
    /// What a scenario that says nothing gets.
    fn default() -> Self {
        Self {
            warmup: SimDuration::from_ms(200),
            duration: SimDuration::from_secs(2),
            cooldown: SimDuration::from_ms(500),
            replications: 10,
            seed: 1,
        }
    }
}

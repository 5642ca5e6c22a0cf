//! What to simulate: plain, validated data. A front end makes a [`Plan`]; [`crate::build`] makes a
//! world of it. Indices refer to the vectors of the same plan.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use serde::Serialize;
use sim_core::{ByteSize, DataRate, PacketRate, Ratio, SimDuration};

use crate::cost::CostProfile;
use crate::eni::TrackingTimeouts;
use crate::headers::Protocol;
use crate::kernel::netfilter::NetfilterConfig;
use crate::vpc::{PublicAddress, RegionPlan, defaults};

/// An ECS network mode. Fargate tasks are `awsvpc` tasks in a micro-VM of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A namespace with loopback only.
    None,
    /// One namespace per container, behind `docker0` and NAT.
    Bridge,
    /// The instance's own namespace.
    Host,
    /// One namespace and one network interface per task.
    Awsvpc,
    /// The same, without an instance to share.
    Fargate,
}

impl Mode {
    /// All modes, in the order in which reports list them.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Bridge,
        Self::Host,
        Self::Awsvpc,
        Self::Fargate,
    ];

    /// The name in command lines and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Awsvpc => "awsvpc",
            Self::Fargate => "fargate",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One simulated world and what is measured in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The VPCs and their latencies.
    pub region: RegionPlan,
    /// Container instances.
    pub instances: Vec<InstancePlan>,
    /// Tasks, placed.
    pub tasks: Vec<TaskPlan>,
    /// Machines that ECS does not manage: clients and services in the VPC.
    pub hosts: Vec<HostPlan>,
    /// What runs on them.
    pub workloads: Vec<WorkloadPlan>,
    /// Ports that something listens on beside those that containers publish and workloads name.
    pub listeners: Vec<ListenerPlan>,
    /// Single attempts to reach an address, each made once. They start [`PROBE_GAP`] apart, in order.
    pub probes: Vec<ProbePlan>,
    /// Whether packets that leave an interface together travel as one event. It changes nothing but
    /// the speed of the simulator, and is there so that this can be shown.
    pub trains: bool,
    /// What is measured when.
    pub measure: MeasurePlan,
}

impl Plan {
    /// Whether any machine has offloads.
    #[must_use]
    pub fn offloads(&self) -> bool {
        let fargate = self.tasks.iter().filter_map(|task| task.fargate.as_ref());
        self.instances.iter().any(|instance| instance.offloads)
            || self.hosts.iter().any(|host| host.offloads)
            || fargate.into_iter().any(|fargate| fargate.offloads)
    }
}

/// When a run measures. All requests whose intended send time lies in the measured interval count,
/// also if they end in the cool-down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasurePlan {
    /// Simulated time before the measured interval.
    pub warmup: SimDuration,
    /// Length of the measured interval.
    pub duration: SimDuration,
    /// Simulated time after it, in which what is under way may end.
    pub cooldown: SimDuration,
}

/// Time between the starts of two probes of a plan. Assumed: whatever they ask, one machine answers
/// that many without a full receive ring.
pub const PROBE_GAP: SimDuration = SimDuration::from_us(100);

/// How long a probe waits for an answer: a lost SYN is sent again after one second (RFC 6298), and
/// half a second is left for the answer to it. A run that ends earlier ends its probes.
pub const PROBE_TIMEOUT: SimDuration = SimDuration::from_ms(1_500);

impl MeasurePlan {
    /// A run that is long enough for this many probes, and measures nothing else.
    #[must_use]
    pub fn for_probes(probes: usize) -> Self {
        Self {
            warmup: SimDuration::ZERO,
            duration: PROBE_GAP * probes as u64,
            cooldown: PROBE_TIMEOUT + PROBE_GAP,
        }
    }
}

/// Bandwidth of a machine, each direction; `None` in a [`HostPlan`] means without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandwidthPlan {
    /// Rate while credits last.
    pub peak: DataRate,
    /// Rate without credits.
    pub baseline: DataRate,
    /// Most credits that can be saved, in bits above baseline.
    pub bucket_bits: u64,
    /// Credits at the start of the run, in bits; at most `bucket_bits`.
    pub credit_bits: u64,
    /// Limit of one 5-tuple.
    pub single_flow: Option<DataRate>,
    /// The same between machines of one cluster placement group.
    pub single_flow_in_group: Option<DataRate>,
    /// Packets per second, both directions together. AWS publishes none.
    pub packet_rate: Option<PacketRate>,
    /// Limit of what goes through an internet gateway, each direction.
    pub internet: Option<DataRate>,
    /// Tracked connections of all interfaces together. AWS publishes none.
    pub tracked_connections: Option<u64>,
}

impl BandwidthPlan {
    /// The same rate all the time, and no other limit.
    #[must_use]
    pub const fn constant(rate: DataRate) -> Self {
        Self {
            peak: rate,
            baseline: rate,
            bucket_bits: 0,
            credit_bits: 0,
            single_flow: None,
            single_flow_in_group: None,
            packet_rate: None,
            internet: None,
            tracked_connections: None,
        }
    }

    /// What an instance of this bandwidth and size may send, and be sent, through an internet
    /// gateway: half of its bandwidth from 32 vCPUs on, and 5 Gbit/s in the least.
    #[must_use]
    pub fn internet_limit(peak: DataRate, vcpus: u64) -> Option<DataRate> {
        let share = if vcpus >= defaults::INTERNET_SHARE_VCPUS.value {
            Ratio::from_ppm(defaults::INTERNET_SHARE.value).scale(peak.bps())
        } else {
            0
        };
        DataRate::from_bps(share.max(defaults::INTERNET.value))
    }
}

/// The instance metadata service (IMDS) as an instance is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataPlan {
    /// Whether it answers at all (`HttpEndpoint`).
    pub enabled: bool,
    /// Time to live of its answers (`HttpPutResponseHopLimit`), 1 to 64.
    pub hop_limit: u8,
    /// Whether it asks for a session token (`HttpTokens` = `required`, IMDSv2). Without, the hop
    /// limit stops nobody.
    pub tokens_required: bool,
    /// Whether the namespaces of `awsvpc` tasks have blackhole routes to it
    /// (`ECS_AWSVPC_BLOCK_IMDS`).
    pub blocked_for_tasks: bool,
}

impl Default for MetadataPlan {
    /// As the ECS-optimized Amazon Linux 2023 image is launched.
    /// Source: Amazon EC2 User Guide, configuring-IMDS-new-instances, 2023-06 (images with
    /// `imds-support=v2.0`; vendor); ECS agent README, `ECS_AWSVPC_BLOCK_IMDS` (specified).
    fn default() -> Self {
        Self {
            enabled: true,
            hop_limit: 2,
            tokens_required: true,
            blocked_for_tasks: false,
        }
    }
}

/// How Docker and the host kernel of an instance are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent daemon settings"
)]
pub struct DockerPlan {
    /// Whether Docker runs and has installed its rules in the host's namespace.
    pub enabled: bool,
    /// `userland-proxy`.
    pub userland_proxy: bool,
    /// `icc`: containers on `docker0` may talk to each other.
    pub icc: bool,
    /// Whether bridged traffic passes the host's rules (`br_netfilter`).
    pub br_netfilter: bool,
    /// Hairpin mode on the bridge's ports. Docker turns it on when the userland proxy is off.
    pub hairpin: bool,
    /// Most connections that the host kernel tracks (`nf_conntrack_max`); see
    /// [`crate::kernel::netfilter::default_conntrack_max`].
    pub conntrack_max: usize,
}

impl Default for DockerPlan {
    /// Docker 25 as the ECS-optimized images run it.
    /// Source: Docker 25, `cmd/dockerd/config_unix.go` (specified); `br_netfilter` loaded is assumed.
    /// Connection tracking is that of a machine with at least 4 GiB.
    fn default() -> Self {
        Self {
            enabled: true,
            userland_proxy: true,
            icc: true,
            br_netfilter: true,
            hairpin: false,
            conntrack_max: NetfilterConfig::default().conntrack_max,
        }
    }
}

/// A container instance.
#[derive(Clone, Debug)]
pub struct InstancePlan {
    /// Unique name; random streams hang on it.
    pub name: String,
    /// EC2 type, for reports.
    pub instance_type: String,
    /// Cores that packets and programs share.
    pub cores: usize,
    /// What its kernel costs.
    pub profile: Arc<CostProfile>,
    /// Segmentation and receive offload of its interfaces (TSO, GRO; `ethtool -k`).
    pub offloads: bool,
    /// Index of the subnet of its primary interface.
    pub subnet: usize,
    /// Indices of the security groups of its primary interface.
    pub security_groups: Vec<usize>,
    /// Bandwidth, shared by all its interfaces.
    pub bandwidth: BandwidthPlan,
    /// Instances of one cluster placement group name the same number.
    pub placement_group: Option<u32>,
    /// Whether task interfaces are branches of a trunk (VLAN sub-interfaces).
    pub trunking: bool,
    /// Docker's settings.
    pub docker: DockerPlan,
    /// The interface drops what is not addressed to it (EC2's source/destination check).
    pub source_dest_check: bool,
    /// Public address of its primary interface.
    pub public_address: PublicAddress,
    /// Its metadata service.
    pub metadata: MetadataPlan,
    /// When its interfaces forget tracked flows.
    pub tracking: TrackingTimeouts,
}

/// A task: where it runs and how its containers are wired.
#[derive(Clone, Debug)]
pub struct TaskPlan {
    /// Unique name such as `web/0`; random streams hang on it.
    pub name: String,
    /// Its network mode.
    pub mode: Mode,
    /// Index of its instance; `None` on Fargate.
    pub instance: Option<usize>,
    /// Its containers, in the order of the task definition.
    pub containers: Vec<ContainerPlan>,
    /// Network of the task itself: `awsvpc` and Fargate.
    pub network: Option<TaskNetworkPlan>,
    /// Its micro-VM: Fargate.
    pub fargate: Option<FargatePlan>,
}

/// A container of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Name in the task definition.
    pub name: String,
    /// Port mappings, with host ports as the ECS agent has settled them.
    pub ports: Vec<PortPlan>,
}

/// One settled port mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortPlan {
    /// Port that the program in the container listens on.
    pub container_port: u16,
    /// Port of the host that leads to it; equal to the container's except in bridge mode.
    pub host_port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// `awsvpcConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskNetworkPlan {
    /// Index of the subnet of the task's interface.
    pub subnet: usize,
    /// Indices of its security groups.
    pub security_groups: Vec<usize>,
    /// Public address of its interface: Fargate only (`assignPublicIp`).
    pub public_address: PublicAddress,
}

/// The micro-VM of a Fargate task.
#[derive(Clone, Debug)]
pub struct FargatePlan {
    /// Cores of the guest.
    pub cores: usize,
    /// What the guest kernel costs.
    pub profile: Arc<CostProfile>,
    /// Segmentation and receive offload of its interfaces (TSO, GRO; `ethtool -k`).
    pub offloads: bool,
    /// Bandwidth of the task.
    pub bandwidth: BandwidthPlan,
}

/// A machine in the VPC that ECS does not manage.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// Unique name; random streams hang on it.
    pub name: String,
    /// Cores; an ideal host has one of no cost.
    pub cores: usize,
    /// What its kernel costs; the ideal profile costs nothing.
    pub profile: Arc<CostProfile>,
    /// Segmentation and receive offload of its interfaces (TSO, GRO; `ethtool -k`).
    pub offloads: bool,
    /// Where it is.
    pub location: HostLocation,
    /// Its private address; `None` for any free one. Of a machine outside the VPCs, its only one.
    pub address: Option<Ipv4Addr>,
    /// Public address of its interface in a subnet.
    pub public_address: PublicAddress,
    /// Indices of its security groups. A machine outside the VPCs has none, and nothing is filtered.
    pub security_groups: Vec<usize>,
    /// Whether security groups track all its flows, whatever the rules: so it is with interface
    /// endpoints and network load balancers.
    pub always_tracked: bool,
    /// The interface drops what is not addressed to it (EC2's source/destination check).
    pub source_dest_check: bool,
    /// Bandwidth; `None` for an ideal host.
    pub bandwidth: Option<BandwidthPlan>,
    /// Largest packet, in octets.
    pub mtu: usize,
    /// Whether it has a default route through its subnet's router.
    pub default_route: bool,
    /// Networks that it reaches through another machine's address.
    pub routes: Vec<(Ipv4Net, Ipv4Addr)>,
}

/// Where a machine is that ECS does not manage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostLocation {
    /// In the subnet with this index.
    Subnet(usize),
    /// Beyond the internet gateways.
    Internet,
    /// An AWS service with the addresses of the prefix list with this index: reached through an
    /// internet gateway, or a gateway endpoint.
    Service(usize),
}

impl HostLocation {
    /// The subnet, where it is in one.
    #[must_use]
    pub fn subnet(self) -> Option<usize> {
        match self {
            Self::Subnet(subnet) => Some(subnet),
            Self::Internet | Self::Service(_) => None,
        }
    }
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In a container of a task.
    Container {
        /// Index of the task.
        task: usize,
        /// Index of the container in the task.
        container: usize,
    },
    /// In the namespace of a container instance.
    Instance(usize),
    /// On a machine that ECS does not manage.
    Host(usize),
}

/// A listening port: the program's own port, not the host port that may lead to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// Where the program runs.
    pub place: Place,
    /// The port that it listens on.
    pub port: u16,
}

/// A program that accepts and answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerPlan {
    /// Where it listens.
    pub target: Target,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// One attempt to reach an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbePlan {
    /// Where the attempt is made.
    pub from: Place,
    /// Whom it is for.
    pub to: ProbeAddress,
    /// Port.
    pub port: u16,
    /// TCP (a connection is opened) or UDP (a datagram is sent and echoed).
    pub protocol: Protocol,
}

/// The address that a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeAddress {
    /// This address.
    Literal(Ipv4Addr),
    /// The address of the namespace in which a program runs, before any translation: a container's
    /// own address in bridge mode, the instance's in host mode, the task's in `awsvpc`.
    Of(Place),
}

/// A load and what it measures.
#[derive(Clone, Debug)]
pub struct WorkloadPlan {
    /// Unique name; random streams hang on it.
    pub name: String,
    /// Where its clients run; each place runs the whole of `kind` (its share of an open load is
    /// the load divided by the number of places).
    pub from: Vec<Place>,
    /// Whom they talk to; connections go round the targets.
    pub to: Vec<Target>,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// What they do.
    pub kind: WorkloadKind,
}

/// What a workload does.
#[derive(Clone, Debug)]
pub enum WorkloadKind {
    /// Requests and responses.
    Request(RequestPlan),
    /// Data in one direction for as long as the run lasts, or `bytes` for each flow.
    Bulk {
        /// Parallel connections.
        flows: usize,
        /// Octets for each flow; `None` for no end.
        bytes: Option<ByteSize>,
        /// Who sends.
        direction: Direction,
    },
}

/// Who sends in a bulk transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The client.
    Upload,
    /// The server.
    Download,
}

/// Requests and responses over TCP or UDP.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// When requests are made.
    pub load: Load,
    /// Octets of a request.
    pub request: ByteSize,
    /// Octets of a response.
    pub response: ByteSize,
    /// How requests share connections (TCP).
    pub connections: Connections,
    /// CPU time that the server spends on a request.
    pub service_time: ServiceTime,
    /// What the server asks of others, one after another, before it answers.
    pub calls: Vec<CallPlan>,
    /// A request without a response by then is counted as timed out.
    pub timeout: SimDuration,
}

/// A request that a server makes to answer one.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// Whom it asks; calls go round the targets.
    pub to: Vec<Target>,
    /// Octets of the request.
    pub request: ByteSize,
    /// Octets of the response.
    pub response: ByteSize,
    /// CPU time that the called server spends.
    pub service_time: ServiceTime,
}

/// When requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// At times that do not depend on the answers. Latency counts from the intended time.
    Open(Arrivals),
    /// Each of `concurrency` users waits for an answer, thinks, and asks again.
    Closed {
        /// Users.
        concurrency: usize,
        /// Pause between an answer and the next request.
        think: SimDuration,
    },
}

/// An arrival process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Exponential gaps of this mean.
    Poisson {
        /// Mean gap.
        mean_gap: SimDuration,
    },
    /// Equal gaps.
    Constant {
        /// The gap.
        gap: SimDuration,
    },
    /// `size` requests at once, bursts with exponential gaps.
    Bursty {
        /// Mean gap between bursts.
        mean_gap: SimDuration,
        /// Requests in a burst.
        size: u32,
    },
}

/// How requests share TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// This many stay open; a request waits for a free one.
    KeepAlive(usize),
    /// A new one for each request.
    PerRequest,
}

/// CPU time of a server for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceTime {
    /// The same for all.
    Constant(SimDuration),
    /// Exponential with this mean.
    Exponential(SimDuration),
}

//! What a scenario file says, as it was typed: values with their places, absent keys as `None`.
//!
//! The documentation of these fields is the documentation of the file format.

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use sim_core::{ByteSize, PacketRate, Ratio, SimDuration};

use crate::document::reader::At;
use crate::ecs::Mode;

pub use super::checks::{CheckSpec, NeighbourSpec};
pub use super::words::{
    ArrivalsWord, DirectionWord, DistributionWord, KindWord, ProtocolWord, RuleProtocol,
};

/// A scenario: a VPC, instances, services that run on them, clients, and the load between them.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ScenarioSpec {
    /// Name of the scenario in reports. Default: `scenario`.
    pub name: Option<At<String>>,
    /// The network. Default: a /16 with one subnet in each of two zones and an open security group.
    pub vpc: Option<VpcSpec>,
    /// Container instances: what the modes other than Fargate run on. Default: none.
    #[schemars(default)]
    pub capacity: Vec<CapacitySpec>,
    /// What ECS runs. At least one service is needed.
    #[schemars(default)]
    pub service: Vec<ServiceSpec>,
    /// Machines that ECS does not manage: clients, databases, other services. Default: none.
    #[schemars(default)]
    pub client: Vec<ClientSpec>,
    /// The load. Default: none.
    #[schemars(default)]
    pub workload: Vec<WorkloadSpec>,
    /// Load that disturbs others: every mode runs without it and with it. Default: none.
    #[schemars(default)]
    pub neighbour: Vec<NeighbourSpec>,
    /// What is asserted of the results. Default: nothing.
    #[schemars(default)]
    pub check: Vec<CheckSpec>,
    /// What is measured, and for how long. Default: as the fields say.
    pub measure: Option<MeasureSpec>,
}

/// The network.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct VpcSpec {
    /// Address range of the VPC, /16 to /28. Default: the /16 around the first subnet; `10.0.0.0/16`
    /// without subnets.
    pub cidr: Option<At<Ipv4Net>>,
    /// Names of the availability zones. Default: those that subnets name, or `a` and `b`.
    pub zones: Option<Vec<At<String>>>,
    /// Subnets. Default: one /20 per zone, named as the zone.
    #[schemars(default)]
    pub subnet: Vec<SubnetSpec>,
    /// Security groups. Default: one named `open` that allows everything both ways.
    #[schemars(default)]
    pub security_group: Vec<SecurityGroupSpec>,
    /// One-way latencies of the fabric. Default: as the fields say.
    pub latency: Option<LatencySpec>,
    /// Right-skewed time on top of the latencies. Default: as the fields say.
    pub jitter: Option<JitterSpec>,
    /// Probability that the fabric loses a frame. Default: `0 %`.
    pub loss: Option<At<Ratio>>,
}

/// A subnet.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SubnetSpec {
    /// Name by which the rest of the file knows it.
    pub name: At<String>,
    /// Address range, inside the VPC's and apart from other subnets', /16 to /28.
    pub cidr: At<Ipv4Net>,
    /// Its availability zone.
    pub zone: At<String>,
}

/// A security group. What it does not allow is dropped; replies always pass.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecurityGroupSpec {
    /// Name by which the rest of the file knows it.
    pub name: At<String>,
    /// What may come in. Default: nothing.
    pub ingress: Option<Vec<RuleSpec>>,
    /// What may go out. Default: everything, as with a new security group of EC2. Give `[]` for
    /// nothing.
    pub egress: Option<Vec<RuleSpec>>,
}

/// One rule of a security group.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RuleSpec {
    /// `tcp`, `udp`, `icmp` or `all`. Default: `all`.
    pub protocol: Option<At<RuleProtocol>>,
    /// Destination ports of TCP and UDP, `80` or `"8000-8010"`. Default: all.
    pub ports: Option<At<Ports>>,
    /// The other end: an address range such as `10.0.0.0/8`, or the name of a security group.
    /// Default: `0.0.0.0/0`.
    pub peer: Option<At<String>>,
}

/// A port or a range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// One-way latencies of the fabric, without the hosts' own share; up to 10 s.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LatencySpec {
    /// Between instances of one cluster placement group. Default: `18 us`.
    pub placement_group: Option<At<SimDuration>>,
    /// Within an availability zone. Default: `75 us`.
    pub same_zone: Option<At<SimDuration>>,
    /// Between availability zones. Default: `400 us`.
    pub cross_zone: Option<At<SimDuration>>,
    /// To and from a client on the internet. Default: `10 ms`.
    pub internet: Option<At<SimDuration>>,
}

/// Right-skewed (log-normal) time on top of a latency.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct JitterSpec {
    /// `false` for a fabric that takes the same time for every frame. Default: `true`.
    pub enabled: Option<At<bool>>,
    /// Median of the addition, as a share of the latency, up to `1000 %`. Default: `8 %`.
    pub median: Option<At<Ratio>>,
    /// Standard deviation of its logarithm, up to `3`. Default: `1`.
    pub sigma: Option<At<Ratio>>,
    /// For how long one draw holds between two interfaces. Default: `100 us`.
    pub coherence: Option<At<SimDuration>>,
}

/// A group of container instances.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CapacitySpec {
    /// Name of the group; its instances are `name/0`, `name/1`, … Default: `capacity`, with its
    /// number from the second on.
    pub name: Option<At<String>>,
    /// EC2 instance type, such as `c5.large`.
    pub instance_type: At<String>,
    /// How many instances, 1 to 1000. Default: `1`.
    pub count: Option<At<u64>>,
    /// Subnets of the instances' primary interfaces, taken in turn. Default: all, in the order of
    /// the file.
    pub subnets: Option<Vec<At<String>>>,
    /// Security groups of the instances' primary interfaces, at most 16. Default: the first of the
    /// file.
    pub security_groups: Option<Vec<At<String>>>,
    /// Whether awsvpc tasks ride a trunk interface. Default: `false`.
    pub trunking: Option<At<bool>>,
    /// What the kernel of the instances costs, by the name of a cost profile. Default:
    /// `linux-6.18-2vcpu`.
    pub kernel_profile: Option<At<String>>,
    /// Docker's `userland-proxy`. Default: `true`.
    pub userland_proxy: Option<At<bool>>,
    /// Name of a cluster placement group; instances with the same name are near each other.
    /// Default: none.
    pub placement_group: Option<At<String>>,
    /// The ports that dynamic host ports come from (`ECS_DYNAMIC_HOST_PORT_RANGE`). Default:
    /// `32768-60999`.
    pub dynamic_ports: Option<At<Ports>>,
}

/// What ECS runs.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Name by which the rest of the file knows it; its tasks are `name/0`, `name/1`, … Default: the
    /// family of its task definition.
    pub name: Option<At<String>>,
    /// Path of the task definition, from the folder of the scenario file.
    pub task_definition: At<String>,
    /// How many tasks, 1 to 10000. Default: `1`.
    pub count: Option<At<u64>>,
    /// The mode that the service keeps whichever mode is being looked at. Default: the one that is
    /// being looked at.
    pub mode: Option<At<Mode>>,
    /// The tasks' own network, in awsvpc and on Fargate. Default: as the fields say.
    pub awsvpc: Option<AwsvpcSpec>,
}

/// `awsvpcConfiguration`: the network of a service's tasks.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AwsvpcSpec {
    /// Subnets of the tasks' interfaces, at most 16. Default: all.
    pub subnets: Option<Vec<At<String>>>,
    /// Security groups of the tasks' interfaces, at most 5. Default: the first of the file.
    pub security_groups: Option<Vec<At<String>>>,
    /// Whether the tasks get a public address; on Fargate only. Default: `false`.
    pub assign_public_ip: Option<At<bool>>,
}

/// A machine that ECS does not manage.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ClientSpec {
    /// Name by which workloads know it.
    pub name: At<String>,
    /// Its subnet. Default: the first of its zone.
    pub subnet: Option<At<String>>,
    /// Its availability zone, or `internet` for a machine outside the VPC. Default: that of its
    /// subnet, or the last zone.
    pub zone: Option<At<String>>,
    /// EC2 instance type, or `ideal` for a machine that costs no time and has no limit. Default:
    /// `ideal`.
    pub instance_type: Option<At<String>>,
    /// What its kernel costs, if it has an instance type. Default: `linux-6.18-2vcpu`.
    pub kernel_profile: Option<At<String>>,
    /// Its security groups. Default: none that filter: everything passes.
    pub security_groups: Option<Vec<At<String>>>,
}

/// A load.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// Name in reports.
    pub name: At<String>,
    /// `request`, `bulk` or `ping_pong`. Default: `request`.
    pub kind: Option<At<KindWord>>,
    /// Where it comes from: names of clients, or `service/container` for every task of a service.
    /// Default: all clients.
    pub from: Option<Vec<At<String>>>,
    /// Where it goes: `service/container:port`, `service:port` if the service has one container, or
    /// `client:port`; with `/udp` behind the port for UDP.
    pub to: At<String>,
    /// `tcp` or `udp`. Default: as `to` says; TCP if it says nothing.
    pub protocol: Option<At<ProtocolWord>>,
    /// Open load (`request`): requests per second over all sources, such as `200/s`; latency counts
    /// from the intended time of sending. Default: `100/s`, unless `concurrency` is given.
    pub rate: Option<At<PacketRate>>,
    /// Open load (`request`): `poisson`, `constant` or `bursty`. Default: `poisson`.
    pub arrivals: Option<At<ArrivalsWord>>,
    /// Bursty arrivals (`request`): requests of a burst, 2 to 10000. Default: `10`.
    pub burst_size: Option<At<u64>>,
    /// Closed load (`request`): users per source, each with one request at a time, 1 to 100000.
    pub concurrency: Option<At<u64>>,
    /// Closed load (`request`): pause of a user between an answer and the next request. Default:
    /// `0 s`.
    pub think_time: Option<At<SimDuration>>,
    /// `request` and `ping_pong`: size of a request, up to `64 MiB` (UDP: `1472 B`). Default:
    /// `1 KiB`; for `ping_pong` `64 B`.
    pub request_size: Option<At<ByteSize>>,
    /// `request`: size of a response, up to `64 MiB` (UDP: `1472 B`). Default: `4 KiB` (UDP:
    /// `1 KiB`). The answer of a `ping_pong` is as long as its request.
    pub response_size: Option<At<ByteSize>>,
    /// `request`: CPU time that the server takes for a request, up to `10 s`. Default: `0 s`.
    pub service_time: Option<At<SimDuration>>,
    /// `request`: `constant` or `exponential`. Default: `exponential`.
    pub service_time_distribution: Option<At<DistributionWord>>,
    /// `request` over TCP: how many connections stay open at each source, 1 to 10000, or
    /// `"per request"`. Default: `8`.
    pub connections: Option<At<ConnectionsSpec>>,
    /// `request` and `ping_pong`: after which time an answer is given up. Default: `1 s`.
    pub timeout: Option<At<SimDuration>>,
    /// `request`: what the server asks of others before it answers, one after another. Default:
    /// nothing.
    #[schemars(default)]
    pub call: Vec<CallSpec>,
    /// `bulk`: parallel connections from each source, 1 to 1000. Default: `1`.
    pub flows: Option<At<u64>>,
    /// `bulk`: `upload` (the source sends) or `download`. Default: `upload`.
    pub direction: Option<At<DirectionWord>>,
    /// `bulk`: size of each flow. Default: as much as goes through until the run ends.
    pub size: Option<At<ByteSize>>,
    /// `ping_pong`: pause between an answer and the next request. Default: `1 ms`.
    pub interval: Option<At<SimDuration>>,
}

/// A request that a server makes in order to answer one.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CallSpec {
    /// Where it goes, as `to` of a workload.
    pub to: At<String>,
    /// Size of the request. Default: `512 B`.
    pub request_size: Option<At<ByteSize>>,
    /// Size of the response. Default: `1 KiB`.
    pub response_size: Option<At<ByteSize>>,
    /// CPU time that the called server takes. Default: `0 s`.
    pub service_time: Option<At<SimDuration>>,
    /// `constant` or `exponential`. Default: `exponential`.
    pub service_time_distribution: Option<At<DistributionWord>>,
}

/// What is measured, and for how long.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MeasureSpec {
    /// Simulated time before the measured interval, up to `10 min`. Default: `200 ms`.
    pub warmup: Option<At<SimDuration>>,
    /// The measured interval, up to `1 h`. Default: `2 s`.
    pub duration: Option<At<SimDuration>>,
    /// Time after it for requests that are under way, up to `10 min`. Default: `500 ms`.
    pub cooldown: Option<At<SimDuration>>,
    /// Independent repetitions, 1 to 10000. Default: `10`.
    pub replications: Option<At<u64>>,
    /// The master seed of all random numbers. Default: `1`.
    pub seed: Option<At<u64>>,
}

/// How requests share connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionsSpec {
    /// This many stay open.
    KeepAlive(u64),
    /// A new one for each request.
    PerRequest,
}

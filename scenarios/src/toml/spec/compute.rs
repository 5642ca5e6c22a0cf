//! What runs where: container instances, services, clients.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use schemars::JsonSchema;
use sim_core::{ByteSize, PacketRate, Ratio, SimDuration};

use super::{ListenSpec, Ports};
use crate::document::reader::At;
use crate::toml::placement::{ConstraintSpec, ShareSpec, StrategySpec};
use crate::toml::words::{ServiceModeWord, TokensWord};

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
    /// Subnets of the instances' primary interfaces, of one VPC, taken in turn. Default: all of the
    /// first VPC, in the order of the file.
    pub subnets: Option<Vec<At<String>>>,
    /// Security groups of the instances' primary interfaces, at most 5. Default: the first of their
    /// VPC.
    pub security_groups: Option<Vec<At<String>>>,
    /// Whether the primary interfaces have public addresses. Default: as `map_public_ip` of each
    /// instance's subnet says.
    pub public_address: Option<At<bool>>,
    /// Whether the primary interfaces drop what is not addressed to them. Default: `true`.
    pub source_dest_check: Option<At<bool>>,
    /// Whether awsvpc tasks ride a trunk interface. Default: `false`.
    pub trunking: Option<At<bool>>,
    /// What the kernel of the instances costs, by the name of a cost profile. Default:
    /// `linux-6.18-2vcpu`.
    pub kernel_profile: Option<At<String>>,
    /// Whether the kernel hands large segments to its interfaces to be cut (TSO), and packets that
    /// come in together are put together (GRO). Default: `true`.
    pub offloads: Option<At<bool>>,
    /// Docker's `userland-proxy`. Default: `true`.
    pub userland_proxy: Option<At<bool>>,
    /// Docker's `icc`: containers on `docker0` may talk to each other. Default: `true`.
    pub icc: Option<At<bool>>,
    /// Whether bridged traffic passes the rules of the host (`br_netfilter`). Default: `true`.
    pub br_netfilter: Option<At<bool>>,
    /// Name of a cluster placement group; instances with the same name are near each other.
    /// Default: none.
    pub placement_group: Option<At<String>>,
    /// The ports that dynamic host ports come from (`ECS_DYNAMIC_HOST_PORT_RANGE`). Default:
    /// `32768-60999`.
    pub dynamic_ports: Option<At<Ports>>,
    /// Name of the capacity provider that the group belongs to; several may share one. Default: the
    /// name of the group.
    pub provider: Option<At<String>>,
    /// Custom attributes for placement (`ECS_INSTANCE_ATTRIBUTES`), at most 10. Default: none.
    pub attributes: Option<BTreeMap<String, At<String>>>,
    /// Memory that the instances keep from tasks (`ECS_RESERVED_MEMORY`), in whole MiB. Default: none.
    pub reserved_memory: Option<At<ByteSize>>,
    /// The instance metadata service. Default: as the fields say.
    pub imds: Option<ImdsSpec>,
    /// Connections that the security groups of all interfaces of an instance may track together, 1
    /// to 100000000; packets of further ones are dropped. Default: no limit, since AWS publishes none.
    pub tracked_connections: Option<At<u64>>,
    /// Packets per second of an instance, both directions together. Default: no limit, since AWS
    /// publishes none.
    pub packet_rate: Option<At<PacketRate>>,
    /// Network credits at the start of the run, as a share of the most that an instance can save.
    /// Default: `100 %`.
    pub credits: Option<At<Ratio>>,
    /// Idle time after which security groups forget an established TCP connection, `60 s` to
    /// `432000 s`. Default: that of the instance type, `350 s` (Nitro v6) or `432000 s`.
    pub tcp_idle_timeout: Option<At<SimDuration>>,
}

/// The instance metadata service (IMDS).
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ImdsSpec {
    /// Whether it answers (`HttpEndpoint`). Default: `true`.
    pub enabled: Option<At<bool>>,
    /// Time to live of its answers (`HttpPutResponseHopLimit`), 1 to 64. Default: `2`.
    pub hop_limit: Option<At<u64>>,
    /// `required` (IMDSv2) or `optional`, where the hop limit stops nobody (`HttpTokens`). Default:
    /// `required`.
    pub tokens: Option<At<TokensWord>>,
    /// Whether awsvpc tasks are kept from it (`ECS_AWSVPC_BLOCK_IMDS`). Default: `false`.
    pub block_for_tasks: Option<At<bool>>,
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
    /// The mode that the service keeps whichever mode is being looked at; `as_written` for the one
    /// that its task definition asks for, which is `bridge` if it names none. Default: the one that is
    /// being looked at.
    pub mode: Option<At<ServiceModeWord>>,
    /// The tasks' own network, in awsvpc and on Fargate. Default: as the fields say.
    pub awsvpc: Option<AwsvpcSpec>,
    /// Placement strategies, applied one after another, at most 5. Default: spread over
    /// `attribute:ecs.availability-zone`.
    #[schemars(default)]
    pub placement: Vec<StrategySpec>,
    /// Placement constraints, at most 10. Default: those of the task definition.
    #[schemars(default)]
    pub constraints: Vec<ConstraintSpec>,
    /// The capacity providers that the tasks are divided among. Default: all instances alike.
    #[schemars(default)]
    pub capacity_providers: Vec<ShareSpec>,
}

/// `awsvpcConfiguration`: the network of a service's tasks.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AwsvpcSpec {
    /// Subnets of the tasks' interfaces, of one VPC, at most 16. Default: all of the first VPC.
    pub subnets: Option<Vec<At<String>>>,
    /// Security groups of the tasks' interfaces, at most 5. Default: the first of their VPC.
    pub security_groups: Option<Vec<At<String>>>,
    /// Whether the tasks get a public address, on Fargate; refused in awsvpc on EC2, and without
    /// meaning in the other modes. Default: `false`.
    pub assign_public_ip: Option<At<bool>>,
}

/// A machine that ECS does not manage: a client, a database, a service outside.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ClientSpec {
    /// Name by which workloads know it.
    pub name: At<String>,
    /// Its subnet. Default: the first of its zone.
    pub subnet: Option<At<String>>,
    /// Its availability zone, or `internet` for a machine outside the VPCs. Default: that of its
    /// subnet, or the last zone.
    pub zone: Option<At<String>>,
    /// The prefix list of the AWS service that it is: a machine outside the VPCs, reached through an
    /// internet gateway or a gateway endpoint. Default: none.
    pub service: Option<At<String>>,
    /// Its address: private in a subnet, of the prefix list for a service, public on the internet.
    /// Default: any free one.
    pub address: Option<At<Ipv4Addr>>,
    /// Public address in a subnet: `true` for one of Amazon's, or the address. Default: as
    /// `map_public_ip` of its subnet says.
    pub public_address: Option<At<PublicAddressSpec>>,
    /// EC2 instance type, or `ideal` for a machine that costs no time and has no limit. Default:
    /// `ideal`.
    pub instance_type: Option<At<String>>,
    /// What its kernel costs, if it has an instance type. Default: `linux-6.18-2vcpu`.
    pub kernel_profile: Option<At<String>>,
    /// Whether its kernel hands large segments to its interface to be cut (TSO), and packets that
    /// come in together are put together (GRO). Default: `true` if it has an instance type.
    pub offloads: Option<At<bool>>,
    /// Its security groups, at most 5. Default: none that filter: everything passes.
    pub security_groups: Option<Vec<At<String>>>,
    /// Ports that it answers at without a workload, `5432` or `"53/udp"`. Default: none.
    pub listen: Option<Vec<At<ListenSpec>>>,
    /// Whether its interface drops what is not addressed to it. Default: `true`.
    pub source_dest_check: Option<At<bool>>,
}

/// A public address as a client names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAddressSpec {
    /// Whether it has one of Amazon's.
    Assigned(bool),
    /// This one.
    Fixed(Ipv4Addr),
}

//! The network: VPCs, what divides and guards them, and what leads out of them.

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use sim_core::{Ratio, SimDuration};

use super::{ListenSpec, Ports};
use crate::document::reader::At;
use crate::toml::words::{ActionWord, ConnectivityWord, RuleProtocol};

/// The network: the first VPC, further ones, and what is in them.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct VpcSpec {
    /// Folder of `aws ec2 describe-*` output (JSON) that the network is read from, beside this file.
    /// Subnets and security groups go by their `Name` tag or group name, or by AWS's identifier.
    /// Of the other keys only `latency`, `jitter` and `loss` can be given then. Default: none.
    pub from: Option<At<String>>,
    /// Address range of the first VPC, which is named `vpc`, /16 to /28. Default: the /16 around its
    /// first subnet; `10.0.0.0/16` without subnets.
    pub cidr: Option<At<Ipv4Net>>,
    /// Further address ranges of the first VPC, at most 4. Default: none.
    pub secondary_cidrs: Option<Vec<At<Ipv4Net>>>,
    /// Whether Amazon's resolver answers in the first VPC (`enableDnsSupport`). Default: `true`.
    pub dns_support: Option<At<bool>>,
    /// Further VPCs. Default: none.
    #[schemars(default)]
    pub other: Vec<OtherVpcSpec>,
    /// Names of the availability zones. Default: those that subnets name, or `a` and `b`.
    pub zones: Option<Vec<At<String>>>,
    /// Subnets. Default: one /20 per zone in the first VPC, named as the zone.
    #[schemars(default)]
    pub subnet: Vec<SubnetSpec>,
    /// Security groups. Default: one named `open` that allows everything both ways; in each further
    /// VPC one named `open-` and its name.
    #[schemars(default)]
    pub security_group: Vec<SecurityGroupSpec>,
    /// Prefix lists, which rules, routes, gateway endpoints and services outside name. Default: none.
    #[schemars(default)]
    pub prefix_list: Vec<PrefixListSpec>,
    /// Network ACLs. Default: none.
    #[schemars(default)]
    pub network_acl: Vec<NetworkAclSpec>,
    /// Route tables. Default: none; a subnet without one reaches nothing but its VPC.
    #[schemars(default)]
    pub route_table: Vec<RouteTableSpec>,
    /// Internet gateways, one for a VPC. Default: none.
    #[schemars(default)]
    pub internet_gateway: Vec<InternetGatewaySpec>,
    /// NAT gateways. Default: none.
    #[schemars(default)]
    pub nat_gateway: Vec<NatGatewaySpec>,
    /// Gateway endpoints. Default: none.
    #[schemars(default)]
    pub gateway_endpoint: Vec<GatewayEndpointSpec>,
    /// Interface endpoints (AWS PrivateLink). Default: none.
    #[schemars(default)]
    pub interface_endpoint: Vec<InterfaceEndpointSpec>,
    /// Peering connections. Default: none.
    #[schemars(default)]
    pub peering: Vec<PeeringSpec>,
    /// One-way latencies of the fabric. Default: as the fields say.
    pub latency: Option<LatencySpec>,
    /// Right-skewed time on top of the latencies. Default: as the fields say.
    pub jitter: Option<JitterSpec>,
    /// Probability that the fabric loses a frame. Default: `0 %`.
    pub loss: Option<At<Ratio>>,
}

/// A further VPC.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OtherVpcSpec {
    /// Name by which the rest of the file knows it.
    pub name: At<String>,
    /// Address ranges, 1 to 5, each /16 to /28.
    pub cidrs: Vec<At<Ipv4Net>>,
    /// Whether Amazon's resolver answers in it. Default: `true`.
    pub dns_support: Option<At<bool>>,
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
    /// Its VPC. Default: the first.
    pub vpc: Option<At<String>>,
    /// Its route table. Default: the main one of its VPC; without, only the VPC itself is reached.
    pub route_table: Option<At<String>>,
    /// Its network ACL. Default: one that allows everything.
    pub network_acl: Option<At<String>>,
    /// Whether instances and clients in it get a public address. Default: `false`.
    pub map_public_ip: Option<At<bool>>,
}

/// A security group. What it does not allow is dropped; replies always pass.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecurityGroupSpec {
    /// Name by which the rest of the file knows it.
    pub name: At<String>,
    /// Its VPC. Default: the first.
    pub vpc: Option<At<String>>,
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
    /// Name of the rule in explanations. Default: made of the group's name, the direction and its
    /// number.
    pub name: Option<At<String>>,
    /// `tcp`, `udp`, `icmp` or `all`. Default: `all`.
    pub protocol: Option<At<RuleProtocol>>,
    /// Destination ports of TCP and UDP, `80` or `"8000-8010"`. Default: all.
    pub ports: Option<At<Ports>>,
    /// The other end: an address range such as `10.0.0.0/8`, or the name of a security group or a
    /// prefix list. Default: `0.0.0.0/0`.
    pub peer: Option<At<String>>,
    /// When the rule is added, from the start of the run (the warm-up included), up to `2 h`.
    /// Default: it is there from the start.
    pub added_at: Option<At<SimDuration>>,
    /// When the rule is removed, from the start of the run, up to `2 h`. Default: never.
    pub removed_at: Option<At<SimDuration>>,
}

/// A prefix list: address ranges under one name.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PrefixListSpec {
    /// Name by which the rest of the file knows it, such as `com.amazonaws.eu-west-1.s3`.
    pub name: At<String>,
    /// Address ranges, 1 to 1000.
    pub cidrs: Vec<At<Ipv4Net>>,
}

/// A network ACL: what passes the edge of its subnets, in either direction by itself.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NetworkAclSpec {
    /// Name by which subnets know it.
    pub name: At<String>,
    /// Its VPC. Default: the first.
    pub vpc: Option<At<String>>,
    /// What may enter its subnets. Default: nothing.
    #[schemars(default)]
    pub ingress: Vec<AclEntrySpec>,
    /// What may leave its subnets. Default: nothing.
    #[schemars(default)]
    pub egress: Vec<AclEntrySpec>,
}

/// One rule of a network ACL. The lowest number that matches decides; what none matches is denied.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AclEntrySpec {
    /// Its number, 1 to 32766; unique in its direction.
    pub rule: At<u64>,
    /// `allow` or `deny`.
    pub action: At<ActionWord>,
    /// `tcp`, `udp`, `icmp` or `all`. Default: `all`.
    pub protocol: Option<At<RuleProtocol>>,
    /// Destination ports of TCP and UDP, `80` or `"1024-65535"`. Default: all.
    pub ports: Option<At<Ports>>,
    /// The other end. Default: `0.0.0.0/0`.
    pub cidr: Option<At<Ipv4Net>>,
    /// When the rule is added, from the start of the run (the warm-up included), up to `2 h`.
    /// Default: it is there from the start.
    pub added_at: Option<At<SimDuration>>,
    /// When the rule is removed, from the start of the run, up to `2 h`. Default: never.
    pub removed_at: Option<At<SimDuration>>,
}

/// A route table. Routes to the ranges of its VPC are in it by themselves.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RouteTableSpec {
    /// Name by which subnets know it.
    pub name: At<String>,
    /// Its VPC. Default: the first.
    pub vpc: Option<At<String>>,
    /// Routes; the longest prefix decides. Default: none but the local ones.
    #[schemars(default)]
    pub routes: Vec<RouteSpec>,
    /// Whether it is that of the VPC's subnets that name none. Default: `false`.
    pub main: Option<At<bool>>,
}

/// One route.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RouteSpec {
    /// Where packets want to go: an address range such as `0.0.0.0/0`, or the name of a prefix list.
    pub destination: At<String>,
    /// Where they go: `internet-gateway` (that of the VPC), `local`, `blackhole`, or the name of an
    /// internet gateway, a NAT gateway, a gateway endpoint or a peering connection.
    pub target: At<String>,
}

/// An internet gateway.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct InternetGatewaySpec {
    /// Name by which routes may know it.
    pub name: At<String>,
    /// Its VPC. Default: the first.
    pub vpc: Option<At<String>>,
}

/// A NAT gateway.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NatGatewaySpec {
    /// Name by which routes know it.
    pub name: At<String>,
    /// Its subnet, whose route table says where it leads.
    pub subnet: At<String>,
    /// `public`, with a public address, or `private`. Default: `public`.
    pub connectivity: Option<At<ConnectivityWord>>,
}

/// A gateway endpoint: leads to an AWS service without a public address.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GatewayEndpointSpec {
    /// Name by which routes know it.
    pub name: At<String>,
    /// Its VPC. Default: the first.
    pub vpc: Option<At<String>>,
    /// The prefix list of its service.
    pub service: At<String>,
}

/// An interface endpoint: an AWS service with an interface in subnets, one in each.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct InterfaceEndpointSpec {
    /// Name by which workloads know it.
    pub name: At<String>,
    /// Its subnets, of one VPC and each in another zone.
    pub subnets: Vec<At<String>>,
    /// Security groups of its interfaces, at most 5. Default: the first of its VPC.
    pub security_groups: Option<Vec<At<String>>>,
    /// Ports that it answers at, `443` or `"53/udp"`. Default: `[443]`.
    pub ports: Option<Vec<At<ListenSpec>>>,
}

/// A peering connection of two VPCs. It leads from one to the other and no further.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PeeringSpec {
    /// Name by which routes know it.
    pub name: At<String>,
    /// The VPC that asked for it.
    pub requester: At<String>,
    /// The VPC that accepted it.
    pub accepter: At<String>,
    /// Whether it is active. Default: `true`.
    pub active: Option<At<bool>>,
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

//! What a front end hands over: plain data, validated, with indices instead of names.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;
use sim_core::{Ratio, SimDuration, SimTime};

use super::defaults;
use super::security_group::{Direction, RuleRef};
use crate::headers::Protocol;

/// The VPCs of one Region and what connects them. Indices refer to the vectors of the same plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionPlan {
    /// VPCs. Address ranges of two that are peered do not overlap.
    pub vpcs: Vec<VpcPlan>,
    /// Names of the availability zones.
    pub zones: Vec<String>,
    /// Subnets, none overlapping another of its VPC.
    pub subnets: Vec<SubnetPlan>,
    /// Security groups.
    pub security_groups: Vec<SecurityGroupPlan>,
    /// Prefix lists, which rules and routes name.
    pub prefix_lists: Vec<PrefixListPlan>,
    /// Network ACLs.
    pub network_acls: Vec<NetworkAclPlan>,
    /// Route tables.
    pub route_tables: Vec<RouteTablePlan>,
    /// Internet gateways, at most one for each VPC.
    pub internet_gateways: Vec<InternetGatewayPlan>,
    /// NAT gateways.
    pub nat_gateways: Vec<NatGatewayPlan>,
    /// Gateway endpoints.
    pub gateway_endpoints: Vec<GatewayEndpointPlan>,
    /// Peering connections.
    pub peerings: Vec<PeeringPlan>,
    /// How long the fabric takes.
    pub latency: LatencyPlan,
    /// Probability that the fabric loses a frame, for every frame by itself.
    pub loss: Ratio,
}

impl RegionPlan {
    /// The rule that `rule` names.
    ///
    /// # Panics
    /// If it names a rule of another plan.
    #[must_use]
    pub fn rule(&self, rule: RuleRef) -> &RulePlan {
        let group = &self.security_groups[usize::from(rule.group)];
        let rules = match rule.direction {
            Direction::Ingress => &group.ingress,
            Direction::Egress => &group.egress,
        };
        &rules[usize::from(rule.rule)]
    }

    /// Whether two VPCs know each other's private addresses: they are one, or peered.
    #[must_use]
    pub fn joins(&self, a: usize, b: usize) -> bool {
        let ends = |p: &PeeringPlan| [(p.requester, p.accepter), (p.accepter, p.requester)];
        a == b
            || self
                .peerings
                .iter()
                .flat_map(ends)
                .any(|pair| pair == (a, b))
    }
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcPlan {
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Address ranges, none overlapping another.
    pub cidrs: Vec<Ipv4Net>,
    /// Whether Amazon's resolver answers, at the second address of the first range and at
    /// 169.254.169.253 (`enableDnsSupport`).
    pub dns_support: bool,
}

impl VpcPlan {
    /// The address at which the resolver answers beside its link-local one, if it does.
    /// Source: Amazon VPC User Guide, vpc-dns, 2023-06 (vendor).
    #[must_use]
    pub fn resolver_address(&self) -> Option<Ipv4Addr> {
        let network = self.cidrs.first()?.network();
        Some(Ipv4Addr::from_bits(network.to_bits().saturating_add(2)))
    }
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetPlan {
    /// Index of its VPC.
    pub vpc: usize,
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Address range.
    pub cidr: Ipv4Net,
    /// Index of its availability zone.
    pub zone: usize,
    /// Index of its route table; `None` for one that knows nothing but the VPC itself.
    pub route_table: Option<usize>,
    /// Index of its network ACL; `None` for one that allows everything.
    pub network_acl: Option<usize>,
}

/// A security group: what it allows; what it does not allow is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupPlan {
    /// Index of its VPC.
    pub vpc: usize,
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Rules for what comes in.
    pub ingress: Vec<RulePlan>,
    /// Rules for what goes out. None means that nothing goes out but replies.
    pub egress: Vec<RulePlan>,
}

/// One rule of a security group. All rules allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePlan {
    /// AWS's identifier, or one made up; what an explanation names.
    pub id: String,
    /// Protocol; `None` for all.
    pub protocol: Option<Protocol>,
    /// Destination ports of TCP and UDP. For ICMP the message types, of any code. For all other
    /// protocols, and where `protocol` is `None`, without meaning.
    pub ports: RangeInclusive<u16>,
    /// Who is at the other end.
    pub peer: PeerPlan,
    /// When it is there.
    pub lifetime: Lifetime,
}

impl RulePlan {
    /// The ports that the rule covers, by the protocol that it names.
    #[must_use]
    pub fn covered_ports(&self) -> RangeInclusive<u16> {
        covered_ports(self.protocol, &self.ports)
    }
}

/// Ports mean something for TCP, UDP and ICMP (message types) only.
fn covered_ports(protocol: Option<Protocol>, ports: &RangeInclusive<u16>) -> RangeInclusive<u16> {
    match protocol {
        None | Some(Protocol::Other(_)) => 0..=u16::MAX,
        Some(_) => ports.clone(),
    }
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerPlan {
    /// Any address in the range.
    Cidr(Ipv4Net),
    /// The private addresses of the interfaces that carry the group with this index.
    Group(usize),
    /// Any address in the prefix list with this index.
    PrefixList(usize),
}

/// The part of a run in which a rule is there: rules can be added and removed while flows live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// From this time on.
    pub from: SimTime,
    /// Up to this time, at which it is gone.
    pub until: SimTime,
}

impl Lifetime {
    /// The whole run.
    pub const ALWAYS: Self = Self {
        from: SimTime::ZERO,
        until: SimTime::MAX,
    };

    /// Whether it covers a moment.
    #[must_use]
    pub fn covers(self, at: SimTime) -> bool {
        self.from <= at && at < self.until
    }
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::ALWAYS
    }
}

/// A prefix list: address ranges under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixListPlan {
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people, such as `com.amazonaws.eu-west-1.s3`.
    pub name: String,
    /// Address ranges.
    pub cidrs: Vec<Ipv4Net>,
}

/// A network ACL: what passes the edge of its subnets. Stateless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAclPlan {
    /// Index of its VPC.
    pub vpc: usize,
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Entries for what enters the subnet, by ascending number. What none matches is denied.
    pub ingress: Vec<AclEntryPlan>,
    /// Entries for what leaves the subnet, by ascending number. What none matches is denied.
    pub egress: Vec<AclEntryPlan>,
}

/// One entry of a network ACL. The first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntryPlan {
    /// Its number, 1 to 32766; unique in its direction.
    pub number: u16,
    /// Whether it allows or denies.
    pub allow: bool,
    /// Protocol; `None` for all.
    pub protocol: Option<Protocol>,
    /// Destination ports of TCP and UDP. For ICMP the message types, of any code. For all other
    /// protocols, and where `protocol` is `None`, without meaning.
    pub ports: RangeInclusive<u16>,
    /// The other end.
    pub cidr: Ipv4Net,
    /// When it is there.
    pub lifetime: Lifetime,
}

impl AclEntryPlan {
    /// The ports that the entry covers, by the protocol that it names.
    #[must_use]
    pub fn covered_ports(&self) -> RangeInclusive<u16> {
        covered_ports(self.protocol, &self.ports)
    }
}

/// A route table. Routes to the ranges of its VPC (`local`) are among its routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTablePlan {
    /// Index of its VPC.
    pub vpc: usize,
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Routes. The longest prefix decides; of equally long ones a range before a prefix list,
    /// a static one before a propagated one, the first before others.
    pub routes: Vec<RoutePlan>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePlan {
    /// Where the packet wants to go.
    pub destination: RouteDestination,
    /// Where it goes.
    pub target: RouteTarget,
    /// Whether a virtual private gateway has put it there.
    pub propagated: bool,
}

/// Destination of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteDestination {
    /// Any address in the range.
    Cidr(Ipv4Net),
    /// Any address in the prefix list with this index.
    PrefixList(usize),
}

/// Target of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// The VPC itself.
    Local,
    /// The internet gateway with this index.
    InternetGateway(usize),
    /// The NAT gateway with this index.
    NatGateway(usize),
    /// The peering connection with this index.
    Peering(usize),
    /// The gateway endpoint with this index.
    GatewayEndpoint(usize),
    /// The target is gone: packets are dropped.
    Blackhole,
    /// Something that is not simulated, by its identifier, such as `tgw-0123`. What becomes of a
    /// packet there is undetermined; in the simulated world it is dropped.
    Unmodelled(String),
}

/// An internet gateway: translates between private and public addresses, one to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternetGatewayPlan {
    /// Index of its VPC.
    pub vpc: usize,
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatGatewayPlan {
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Index of its subnet.
    pub subnet: usize,
    /// Its private address; `None` for any free one of the subnet.
    pub address: Option<Ipv4Addr>,
    /// Its public address, where it is not private.
    pub public_address: PublicAddress,
}

/// Whether an interface has a public address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublicAddress {
    /// It has none.
    #[default]
    None,
    /// It has one of Amazon's pool.
    Assigned,
    /// It has this one.
    Fixed(Ipv4Addr),
}

/// A gateway endpoint: leads to an AWS service without a public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayEndpointPlan {
    /// Index of its VPC.
    pub vpc: usize,
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Index of the prefix list that holds the addresses of its service.
    pub prefix_list: usize,
}

/// A peering connection of two VPCs. It leads from one to the other and no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeringPlan {
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Index of the VPC that asked for it.
    pub requester: usize,
    /// Index of the VPC that accepted it.
    pub accepter: usize,
    /// Whether it is active.
    pub active: bool,
}

/// One-way latency of the fabric, without the hosts' own share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyPlan {
    /// Between instances of one cluster placement group.
    pub placement_group: SimDuration,
    /// Within an availability zone. Two interfaces of one machine are no nearer than that.
    pub same_zone: SimDuration,
    /// From zone to zone.
    pub cross_zone: SimDuration,
    /// To and from a client outside.
    pub internet: SimDuration,
    /// What varies; `None` for a fabric that takes the same time for every frame.
    pub jitter: Option<JitterPlan>,
}

/// Right-skewed time on top of a latency.
///
/// The addition is log-normal. It is drawn again for a pair of interfaces when the last draw is
/// older than `coherence`, since a queue in the fabric does not empty between two frames that
/// follow each other; and a frame never overtakes another of its pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterPlan {
    /// Median of the addition, as a share of the latency.
    pub median: Ratio,
    /// Standard deviation of its logarithm.
    pub sigma: Ratio,
    /// For how long one draw holds; zero for a draw for every frame.
    pub coherence: SimDuration,
}

impl Default for LatencyPlan {
    /// As [`defaults`] says.
    fn default() -> Self {
        Self {
            placement_group: SimDuration::from_ns(defaults::LATENCY_PLACEMENT_GROUP.value),
            same_zone: SimDuration::from_ns(defaults::LATENCY_SAME_ZONE.value),
            cross_zone: SimDuration::from_ns(defaults::LATENCY_CROSS_ZONE.value),
            internet: SimDuration::from_ns(defaults::LATENCY_INTERNET.value),
            jitter: Some(JitterPlan::default()),
        }
    }
}

impl Default for JitterPlan {
    /// As [`defaults`] says.
    fn default() -> Self {
        Self {
            median: Ratio::from_ppm(defaults::JITTER_MEDIAN.value),
            sigma: Ratio::from_ppm(defaults::JITTER_SIGMA.value),
            coherence: SimDuration::from_ns(defaults::JITTER_COHERENCE.value),
        }
    }
}

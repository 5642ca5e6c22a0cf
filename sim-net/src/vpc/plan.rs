//! What a front end hands over: plain data, validated, with indices instead of names.

use std::ops::RangeInclusive;

use ipnet::Ipv4Net;
use sim_core::{Ratio, SimDuration};

use super::defaults;
use super::security_group::{Direction, RuleRef};
use crate::headers::Protocol;

/// A VPC. Indices refer to the vectors of the same plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcPlan {
    /// Address ranges.
    pub cidrs: Vec<Ipv4Net>,
    /// Names of the availability zones.
    pub zones: Vec<String>,
    /// Subnets, none overlapping another.
    pub subnets: Vec<SubnetPlan>,
    /// Security groups.
    pub security_groups: Vec<SecurityGroupPlan>,
    /// How long the fabric takes.
    pub latency: LatencyPlan,
    /// Probability that the fabric loses a frame, for every frame by itself.
    pub loss: Ratio,
}

impl VpcPlan {
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
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetPlan {
    /// AWS's identifier, or one made up.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Address range.
    pub cidr: Ipv4Net,
    /// Index of its availability zone.
    pub zone: usize,
}

/// A security group: what it allows; what it does not allow is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupPlan {
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
}

impl RulePlan {
    /// The ports that the rule covers, by the protocol that it names.
    #[must_use]
    pub fn covered_ports(&self) -> RangeInclusive<u16> {
        match self.protocol {
            None | Some(Protocol::Other(_)) => 0..=u16::MAX,
            Some(_) => self.ports.clone(),
        }
    }
}

/// The other end of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerPlan {
    /// Any address in the range.
    Cidr(Ipv4Net),
    /// The private addresses of the interfaces that carry the group with this index.
    Group(usize),
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

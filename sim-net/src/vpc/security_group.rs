//! Security groups: the rules of all groups of one interface, made ready for lookups.
//!
//! A group allows and never denies, so the order of groups and rules decides nothing; where several
//! rules allow the same packet, the one named is the first that allows any peer, else the first.
//! Source: Amazon VPC User Guide, security-group-rules, 2023-06 (vendor).

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::SimTime;

use super::plan::{PeerPlan, PrefixListPlan, RulePlan, SecurityGroupPlan};
use super::port_map::{Peer, PortMap, PortRule};
use super::timeline::Timeline;
use crate::headers::Protocol;

/// Which way a packet goes, seen from the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// In from the fabric.
    Ingress,
    /// Out to the fabric.
    Egress,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }
}

/// Names a rule of a [`RegionPlan`](super::RegionPlan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleRef {
    /// Which of the group's two lists.
    pub direction: Direction,
    /// Index of the group in the plan.
    pub group: u16,
    /// Index of the rule in the list.
    pub rule: u16,
}

/// A rule that allows a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleMatch {
    /// The rule.
    pub rule: RuleRef,
    /// Whether it allows any peer, which decides whether the flow is tracked.
    pub open: bool,
}

/// The private addresses of the interfaces that carry each group.
#[derive(Clone, Debug)]
pub struct GroupMembers(Vec<Arc<[Ipv4Addr]>>);

impl GroupMembers {
    /// The members of `groups` groups, from pairs of group and address in any order.
    ///
    /// # Panics
    /// If a pair names a group that is not one of them.
    #[must_use]
    pub fn new(groups: usize, pairs: impl IntoIterator<Item = (usize, Ipv4Addr)>) -> Self {
        let mut members = vec![Vec::new(); groups];
        for (group, addr) in pairs {
            members[group].push(addr);
        }
        let sorted = members.into_iter().map(|mut addrs| {
            addrs.sort_unstable();
            addrs.dedup();
            addrs.into()
        });
        Self(sorted.collect())
    }
}

/// What the security groups of one interface allow, and when. Interfaces with the same groups share
/// it.
#[derive(Clone, Debug)]
pub struct EniRules(Timeline<RuleSet>);

/// What they allow at one time.
#[derive(Clone, Debug)]
pub struct RuleSet {
    ingress: Rules,
    egress: Rules,
}

/// One direction, by protocol.
#[derive(Clone, Debug)]
struct Rules {
    tcp: PortMap,
    udp: PortMap,
    icmp: PortMap,
    /// Protocols without ports, with the protocol that the rule names.
    other: Vec<(Option<Protocol>, Peer, RuleRef)>,
}

impl EniRules {
    /// The rules of an interface that carries the `attached` ones of `groups`.
    ///
    /// # Panics
    /// If an index is out of range, or there are more than 65,536 groups or rules in a group.
    #[must_use]
    pub fn compile(
        groups: &[SecurityGroupPlan],
        attached: &[usize],
        members: &GroupMembers,
        prefix_lists: &[PrefixListPlan],
    ) -> Self {
        let compiler = Compiler {
            groups,
            attached,
            members,
            prefix_lists,
        };
        let lifetimes = [Direction::Ingress, Direction::Egress]
            .into_iter()
            .flat_map(|direction| compiler.rules(direction))
            .map(|(_, rule)| rule.lifetime);
        Self(Timeline::new(lifetimes, |at| RuleSet {
            ingress: compiler.compile(Direction::Ingress, at),
            egress: compiler.compile(Direction::Egress, at),
        }))
    }

    /// The rules that are there at `now`.
    #[must_use]
    pub fn at(&self, now: SimTime) -> &RuleSet {
        self.0.at(now)
    }

    /// Whether rules come or go during the run.
    #[must_use]
    pub fn change(&self) -> bool {
        self.0.values().len() > 1
    }
}

impl RuleSet {
    /// The rule that allows a packet of `protocol` to or from `peer`. `port` is the destination
    /// port; for ICMP the message type.
    #[must_use]
    pub fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        peer: Ipv4Addr,
        port: u16,
    ) -> Option<RuleMatch> {
        let rules = self.direction(direction);
        let Some(map) = rules.map(protocol) else {
            return rules.lookup_other(protocol, peer);
        };
        match map.open(port) {
            Some(rule) => Some(RuleMatch { rule, open: true }),
            None => map
                .for_peer(peer, port)
                .map(|rule| RuleMatch { rule, open: false }),
        }
    }

    /// The rule that allows such a packet to the first of `ports`, where every one of them is allowed.
    #[must_use]
    pub fn lookup_all(
        &self,
        direction: Direction,
        protocol: Protocol,
        peer: Ipv4Addr,
        ports: &RangeInclusive<u16>,
    ) -> Option<RuleMatch> {
        let allows = |port| self.lookup(direction, protocol, peer, port);
        let first = allows(*ports.start())?;
        let map = self.direction(direction).map(protocol);
        let mut others = map.into_iter().flat_map(|map| map.starts_within(ports));
        others.all(|port| allows(port).is_some()).then_some(first)
    }

    /// Whether `direction` lets a reply to or from anybody pass on all ports: half of what makes a
    /// flow untracked. Never for protocols other than TCP and UDP.
    #[must_use]
    pub fn all_open(&self, direction: Direction, protocol: Protocol) -> bool {
        let rules = self.direction(direction);
        match protocol {
            Protocol::Tcp => rules.tcp.all_open().is_some(),
            Protocol::Udp => rules.udp.all_open().is_some(),
            Protocol::Icmp | Protocol::Other(_) => false,
        }
    }

    /// Whether a flow that begins in `direction` at `port` is untracked: the rule allows any peer,
    /// and the other direction allows any peer on all ports.
    /// Source: Amazon EC2 User Guide, security-group-connection-tracking, 2023-06 (vendor).
    #[must_use]
    pub fn untracked(&self, direction: Direction, protocol: Protocol, port: u16) -> bool {
        self.all_open(direction.reversed(), protocol)
            && self
                .direction(direction)
                .map(protocol)
                .is_some_and(|map| map.open(port).is_some())
    }

    fn direction(&self, direction: Direction) -> &Rules {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// What a set of rules is made of.
struct Compiler<'a> {
    groups: &'a [SecurityGroupPlan],
    attached: &'a [usize],
    members: &'a GroupMembers,
    prefix_lists: &'a [PrefixListPlan],
}

impl<'a> Compiler<'a> {
    fn rules(&self, direction: Direction) -> impl Iterator<Item = (RuleRef, &'a RulePlan)> {
        let groups = self.groups;
        self.attached
            .iter()
            .flat_map(move |g| rules_of(groups, *g, direction))
    }

    /// The rules of one direction that are there at a time.
    fn compile(&self, direction: Direction, at: SimTime) -> Rules {
        let mut by_protocol = [Vec::new(), Vec::new(), Vec::new()];
        let mut other = Vec::new();
        let there = self
            .rules(direction)
            .filter(|(_, rule)| rule.lifetime.covers(at));
        for (rule, plan) in there {
            let peer = match &plan.peer {
                PeerPlan::Cidr(cidr) => Peer::of_cidr(*cidr),
                PeerPlan::Group(group) => Peer::Members(self.members.0[*group].clone()),
                PeerPlan::PrefixList(list) => Peer::of_cidrs(&self.prefix_lists[*list].cidrs),
            };
            let classes = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp];
            for (list, class) in by_protocol.iter_mut().zip(classes) {
                if plan.protocol.is_none_or(|p| p == class) {
                    let peer = peer.clone();
                    list.push(PortRule {
                        ports: plan.covered_ports(),
                        peer,
                        rule,
                    });
                }
            }
            if matches!(plan.protocol, None | Some(Protocol::Other(_))) {
                other.push((plan.protocol, peer, rule));
            }
        }
        let [tcp, udp, icmp] = by_protocol.map(|rules| PortMap::new(&rules));
        Rules {
            tcp,
            udp,
            icmp,
            other,
        }
    }
}

impl Rules {
    fn map(&self, protocol: Protocol) -> Option<&PortMap> {
        match protocol {
            Protocol::Tcp => Some(&self.tcp),
            Protocol::Udp => Some(&self.udp),
            Protocol::Icmp => Some(&self.icmp),
            Protocol::Other(_) => None,
        }
    }

    fn lookup_other(&self, protocol: Protocol, peer: Ipv4Addr) -> Option<RuleMatch> {
        let allows = |(named, allowed, _): &&(Option<Protocol>, Peer, RuleRef)| {
            named.is_none_or(|p| p == protocol) && allowed.matches(peer)
        };
        let open = |found: &&(Option<Protocol>, Peer, RuleRef)| matches!(found.1, Peer::Any);
        let any = self.other.iter().filter(allows).find(open);
        any.or_else(|| self.other.iter().find(allows))
            .map(|found| RuleMatch {
                rule: found.2,
                open: open(&found),
            })
    }
}

/// The rules of one group in one direction, with their names.
fn rules_of(
    groups: &[SecurityGroupPlan],
    group: usize,
    direction: Direction,
) -> impl Iterator<Item = (RuleRef, &RulePlan)> {
    let narrow = |index| u16::try_from(index).expect("at most 65,536 groups and rules in a group");
    let rules = match direction {
        Direction::Ingress => &groups[group].ingress,
        Direction::Egress => &groups[group].egress,
    };
    rules.iter().enumerate().map(move |(index, plan)| {
        (
            RuleRef {
                direction,
                group: narrow(group),
                rule: narrow(index),
            },
            plan,
        )
    })
}

#[cfg(test)]
mod tests;

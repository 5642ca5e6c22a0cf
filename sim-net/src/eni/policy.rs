//! Security groups at work: stateful, with tracked and untracked flows.
//!
//! A tracked flow is remembered from its first packet, and its packets pass both ways until it is
//! forgotten, whatever the rules say. A flow is untracked if its rule allows any peer and the other
//! direction allows any peer on all ports; it needs no memory, since the rules let every packet of
//! it pass, and it counts among none. When its rule is removed it stops at once, while a tracked flow
//! goes on. Where rules come and go an untracked flow is remembered as such, or its next packet would
//! be taken to begin a tracked one, which the removed rule could no longer stop.
//! Source: Amazon EC2 User Guide, security-group-connection-tracking,
//! 2023-06 (vendor).
//!
//! ICMP errors about a tracked flow pass with it. Source: Amazon EC2 User Guide, network_mtu,
//! 2023-06 (vendor).

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use sim_core::SimTime;

use super::connections::TrackedConnections;
use super::flow_table::{Expires, FlowTable};
use super::tracking::{TrackedFlow, TrackingTimeouts};
use crate::headers::{self, FiveTuple, Protocol, TcpFlags};
use crate::vpc::{Direction, EniRules, RouteTable, RouteTarget, RuleMatch, RuleRef, RuleSet};

/// What the security groups say to a packet, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A rule allows it, and the flow that it begins is tracked.
    Tracked(RuleRef),
    /// A rule allows it, and the flow is untracked. Of a reply to an untracked flow this is the
    /// rule that lets it pass, not the one that let the flow begin.
    Untracked(RuleRef),
    /// It belongs to a tracked flow, which this rule let begin.
    Established(RuleRef),
    /// It is an ICMP error about a tracked flow, which this rule let begin.
    Related(RuleRef),
    /// A rule allows it, and the flow that it would begin is one more than the machine tracks.
    Full(RuleRef),
    /// No rule allows it.
    Denied,
}

impl Decision {
    /// Whether the packet passes.
    #[must_use]
    pub fn allows(self) -> bool {
        !matches!(self, Self::Denied | Self::Full(_))
    }

    /// The rule that decided.
    #[must_use]
    pub fn rule(self) -> Option<RuleRef> {
        match self {
            Self::Tracked(rule)
            | Self::Untracked(rule)
            | Self::Established(rule)
            | Self::Related(rule)
            | Self::Full(rule) => Some(rule),
            Self::Denied => None,
        }
    }
}

/// Which flows an interface tracks although its rules would leave them untracked.
/// Source: Amazon EC2 User Guide, security-group-connection-tracking, automatically tracked
/// connections, 2023-06 (vendor).
#[derive(Clone, Debug, Default)]
pub struct AutoTracking {
    /// All of them: the interface is one of an interface endpoint or a network load balancer.
    pub always: bool,
    /// Those with these addresses, sorted: of interfaces that track all their flows.
    pub peers: Arc<[Ipv4Addr]>,
    /// Those that this route table sends through a NAT gateway; `None` where it sends none.
    pub routes: Option<Arc<RouteTable>>,
}

impl AutoTracking {
    /// Whether flows with `peer` are tracked.
    #[must_use]
    pub fn covers(&self, peer: Ipv4Addr) -> bool {
        let through_nat_gateway = |routes: &Arc<RouteTable>| {
            let route = routes.lookup(peer);
            route.is_some_and(|route| matches!(route.target, RouteTarget::NatGateway(_)))
        };
        self.always
            || self.peers.binary_search(&peer).is_ok()
            || self.routes.as_ref().is_some_and(through_nat_gateway)
    }
}

/// The security groups of one interface and the flows that they track.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Arc<EniRules>,
    timeouts: TrackingTimeouts,
    auto: AutoTracking,
    /// By the flow as this interface sends it.
    flows: FlowTable<TrackedFlow>,
}

impl Policy {
    /// No flow yet.
    #[must_use]
    pub fn new(rules: Arc<EniRules>, timeouts: TrackingTimeouts, auto: AutoTracking) -> Self {
        Self {
            rules,
            timeouts,
            auto,
            flows: FlowTable::new(),
        }
    }

    /// Decides about a packet with this 5-tuple and remembers its flow, which counts among the
    /// machine's `tracked` ones where it is.
    pub fn admit(
        &mut self,
        direction: Direction,
        packet: &[u8],
        tuple: &FiveTuple,
        now: SimTime,
        tracked: &mut TrackedConnections,
    ) -> Decision {
        let flags = headers::tcp_flags(packet);
        let mut place = None;
        if !self.flows.is_empty()
            && let Some(flow) = self.flows.entry(&key(direction, tuple))
        {
            if flow.expires() > now && !begins_again(flow, flags) {
                let decision = goes_on(flow, &self.rules, direction, packet, tuple, now);
                if decision.allows() {
                    flow.see(direction, flags, &self.timeouts, now);
                    tracked.prolong(flow.place, flow.expires());
                }
                return decision;
            }
            place = flow.place;
        }
        let decision = self.by_rules(direction, packet, tuple, flags, now);
        let (rule, untracked) = match decision {
            Decision::Tracked(rule) => (rule, false),
            Decision::Untracked(rule) if self.remembers_untracked(packet) => (rule, true),
            _ => return decision,
        };
        // One that begins again has the place of the one that is over.
        tracked.close(place);
        if !untracked && !tracked.has_room(now) {
            return Decision::Full(rule);
        }
        let mut flow = TrackedFlow::new(rule, direction, tuple.protocol);
        flow.see(direction, flags, &self.timeouts, now);
        flow.untracked = untracked;
        if !untracked {
            flow.place = tracked.open(flow.expires());
        }
        self.flows.insert(&key(direction, tuple), flow, now);
        decision
    }

    /// Whether an untracked flow is remembered: where rules change. An ICMP error begins no flow.
    fn remembers_untracked(&self, packet: &[u8]) -> bool {
        self.rules.change() && headers::icmp_error_quote(packet).is_none()
    }

    /// What [`Policy::admit`] would say, without remembering anything.
    #[must_use]
    pub fn explain(
        &self,
        direction: Direction,
        packet: &[u8],
        tuple: &FiveTuple,
        now: SimTime,
    ) -> Decision {
        let flags = headers::tcp_flags(packet);
        match self.flows.get(&key(direction, tuple), now) {
            Some(flow) if !begins_again(flow, flags) => {
                goes_on(flow, &self.rules, direction, packet, tuple, now)
            }
            _ => self.by_rules(direction, packet, tuple, flags, now),
        }
    }

    /// A packet of no flow that is remembered.
    fn by_rules(
        &self,
        direction: Direction,
        packet: &[u8],
        tuple: &FiveTuple,
        flags: Option<TcpFlags>,
        now: SimTime,
    ) -> Decision {
        let is_error =
            tuple.protocol == Protocol::Icmp && headers::icmp_error_quote(packet).is_some();
        if is_error && let Some(flow) = self.quoted(direction, packet, now) {
            return Decision::Related(flow.rule);
        }
        let rules = self.rules.at(now);
        let Some(found) = allowed(rules, direction, packet, tuple) else {
            return Decision::Denied;
        };
        if is_error {
            // An error begins no flow, or errors the other way would pass as its replies.
            return Decision::Untracked(found.rule);
        }
        let answers = || {
            may_be_reply(flags)
                && rules.untracked(direction.reversed(), tuple.protocol, tuple.src.port())
        };
        let begins = found.open && rules.all_open(direction.reversed(), tuple.protocol);
        let untracked = begins || answers();
        if untracked && !self.auto.covers(peer(direction, tuple)) {
            Decision::Untracked(found.rule)
        } else {
            Decision::Tracked(found.rule)
        }
    }

    /// The tracked flow that an ICMP error is about. The error quotes a packet that went the other
    /// way.
    fn quoted(&self, direction: Direction, packet: &[u8], now: SimTime) -> Option<&TrackedFlow> {
        let quoted = headers::five_tuple(headers::icmp_error_quote(packet)?)?;
        let flow = self.flows.get(&key(direction.reversed(), &quoted), now);
        flow.filter(|flow| !flow.untracked)
    }
}

/// The other end.
fn peer(direction: Direction, tuple: &FiveTuple) -> Ipv4Addr {
    match direction {
        Direction::Ingress => *tuple.src.ip(),
        Direction::Egress => *tuple.dst.ip(),
    }
}

/// The rule that allows a packet.
fn allowed(
    rules: &RuleSet,
    direction: Direction,
    packet: &[u8],
    tuple: &FiveTuple,
) -> Option<RuleMatch> {
    let port = headers::rule_port(packet, tuple);
    rules.lookup(direction, tuple.protocol, peer(direction, tuple), port)
}

/// A packet of a flow that is remembered.
fn goes_on(
    flow: &TrackedFlow,
    rules: &EniRules,
    direction: Direction,
    packet: &[u8],
    tuple: &FiveTuple,
    now: SimTime,
) -> Decision {
    if !flow.untracked {
        return Decision::Established(flow.rule);
    }
    match allowed(rules.at(now), direction, packet, tuple) {
        Some(found) => Decision::Untracked(found.rule),
        None => Decision::Denied,
    }
}

/// The flow of a packet as this interface sends it. An ICMP query has its identifier as the source
/// port both ways.
fn key(direction: Direction, tuple: &FiveTuple) -> FiveTuple {
    match (direction, tuple.protocol) {
        (Direction::Egress, _) => *tuple,
        (Direction::Ingress, Protocol::Icmp) => FiveTuple {
            protocol: tuple.protocol,
            src: SocketAddrV4::new(*tuple.dst.ip(), tuple.src.port()),
            dst: SocketAddrV4::new(*tuple.src.ip(), 0),
        },
        (Direction::Ingress, _) => tuple.reversed(),
    }
}

/// Whether a TCP packet opens a new connection on the ports of one that is over. Of an untracked one
/// nobody knows whether it is.
fn begins_again(flow: &TrackedFlow, flags: Option<TcpFlags>) -> bool {
    (flow.untracked || flow.closed()) && !may_be_reply(flags)
}

/// Whether a packet may be a reply: anything but the SYN that opens a TCP connection.
fn may_be_reply(flags: Option<TcpFlags>) -> bool {
    flags.is_none_or(|flags| !flags.syn || flags.ack)
}

#[cfg(test)]
mod tests;

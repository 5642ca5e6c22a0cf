//! What security groups and network ACLs say to a packet.

use std::net::Ipv4Addr;

use super::packet::{Flow, Kind, Packet};
use super::text;
use super::trace::Trace;
use super::verdict::Verdict;
use super::walk::{Walker, dropped, undetermined};
use crate::headers::Protocol;
use crate::verdict::DropReason;
use crate::vpc::{Direction, RouteTarget};

impl<T: Trace> Walker<'_, T> {
    /// The security groups of an interface.
    pub(super) fn groups(
        &mut self,
        direction: Direction,
        index: usize,
        packet: &Packet,
    ) -> Result<(), Verdict> {
        let interface = self.interface(index);
        let Some(rules) = &interface.rules else {
            return Ok(());
        };
        let rules = rules.at(self.region().at);
        let component = match direction {
            Direction::Ingress => "security group ingress",
            Direction::Egress => "security group egress",
        };
        let flow = packet.flow();
        let tuple = match direction {
            Direction::Egress => flow,
            Direction::Ingress => flow.reversed(),
        };
        let known = |f: &Flow| f.interface == index && f.tuple == tuple;
        if self.flows.iter().any(known) {
            self.say(packet, &interface.name, component, "allow", || {
                "tracked flow".into()
            });
            return Ok(());
        }
        let (first, last) = packet.dst_ports();
        let protocol = packet.tuple.protocol;
        let peer = match direction {
            Direction::Ingress => *packet.tuple.src.ip(),
            Direction::Egress => *packet.tuple.dst.ip(),
        };
        let Some(found) = rules.lookup_all(direction, protocol, peer, &(first..=last)) else {
            self.say(packet, &interface.name, component, "deny", || {
                text::groups(&self.e.region.plan, &interface.groups, direction)
            });
            return Err(dropped(
                match direction {
                    Direction::Ingress => DropReason::SecurityGroupIngress,
                    Direction::Egress => DropReason::SecurityGroupEgress,
                },
                packet,
            ));
        };
        self.say(packet, &interface.name, component, "allow", || {
            text::group_rule(&self.e.region.plan, found.rule)
        });
        let may_be_reply = !(protocol == Protocol::Tcp && packet.kind == Kind::Ask);
        let untracked = rules.untracked(direction, protocol, first)
            || (may_be_reply
                && rules.untracked(direction.reversed(), protocol, packet.tuple.src.port()));
        if (!untracked || self.always_tracked(index, peer)) && protocol != Protocol::Icmp {
            let flow = Flow {
                interface: index,
                tuple,
            };
            self.flows.push(flow).ok_or_else(|| undetermined(packet))?;
        }
        Ok(())
    }

    /// Whether a flow between an interface and `peer` is tracked whatever the rules say.
    fn always_tracked(&self, index: usize, peer: Ipv4Addr) -> bool {
        let region = self.region();
        let interface = self.interface(index);
        let through_nat_gateway = |subnet| {
            let found = region.route(subnet, peer);
            found.is_some_and(|found| matches!(found.target, RouteTarget::NatGateway(_)))
        };
        interface.always_tracked
            || region
                .vpc_of(index)
                .is_some_and(|vpc| region.always_tracked(vpc, peer))
            || interface.subnet.is_some_and(through_nat_gateway)
    }

    /// The network ACL of a subnet.
    pub(super) fn acl(
        &mut self,
        direction: Direction,
        subnet: usize,
        peer: Ipv4Addr,
        packet: &Packet,
    ) -> Result<(), Verdict> {
        let region = self.region();
        let plan = &region.plan.subnets[subnet];
        let Some(acl) = plan.network_acl else {
            return Ok(());
        };
        let (protocol, ports) = (packet.tuple.protocol, packet.dst_ports());
        let verdict = region.acls[acl].check(direction, protocol, peer, ports);
        let (component, reason) = match direction {
            Direction::Ingress => ("network ACL ingress", DropReason::NetworkAclIngress),
            Direction::Egress => ("network ACL egress", DropReason::NetworkAclEgress),
        };
        let decision = if verdict.allow { "allow" } else { "deny" };
        self.say(packet, &plan.id, component, decision, || {
            let mut rule = text::acl_entry(&region.plan, acl, direction, verdict);
            if !verdict.allow && ports.0 != ports.1 {
                rule.push_str(&format!(" (needs ports {}-{})", ports.0, ports.1));
            }
            rule
        });
        if verdict.allow {
            Ok(())
        } else {
            Err(dropped(reason, packet))
        }
    }
}

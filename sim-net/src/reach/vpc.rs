//! A packet's way through the Region, from one network interface to another.
//!
//! The order of the checks is that of AWS's documents: security group, route, network ACL of the
//! subnet that it leaves, gateway, network ACL of the subnet that it enters, source/destination
//! check, security group. Source: Amazon VPC User Guide, `VPC_Security` and `VPC_Route_Tables`,
//! 2023-06 (vendor); where a gateway comes in between is derived.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::endpoints::RESOLVER;
use super::interface::{Interface, Role};
use super::packet::Packet;
use super::region::{Found, Region};
use super::text;
use super::trace::{Note, Trace};
use super::verdict::Verdict;
use super::walk::{At, Step, Walker, dropped, undetermined};
use crate::headers::FiveTuple;
use crate::verdict::DropReason;
use crate::vpc::{Direction, RouteTarget};

impl<'a, T: Trace> Walker<'a, T> {
    pub(super) fn region(&self) -> &'a Region {
        &self.e.region
    }

    pub(super) fn interface(&self, index: usize) -> &'a Interface {
        &self.e.region.interfaces[index]
    }

    /// A step at something of the Region that leaves the packet as it is.
    pub(super) fn say(
        &mut self,
        packet: &Packet,
        place: &str,
        component: &'static str,
        decision: &'static str,
        rule: impl FnOnce() -> String,
    ) {
        self.trace.note(packet.tuple, packet, || Note {
            place: place.to_owned(),
            component,
            decision,
            rule: rule(),
        });
    }

    /// A packet leaves by an interface, handed to the next hop `next`.
    pub(super) fn depart(&mut self, from: usize, next: Ipv4Addr, packet: Packet) -> Step {
        let interface = self.interface(from);
        let direct = next.is_unspecified() || Some(next) == interface.router;
        let to = if direct { *packet.tuple.dst.ip() } else { next };
        let Some(subnet) = interface.subnet else {
            return self.outside_sends(from, to, packet);
        };
        if interface.source_dest_check && *packet.tuple.src.ip() != interface.addr {
            self.say(
                &packet,
                &interface.name,
                "source/destination check",
                "drop",
                || format!("{} is not {}", packet.tuple.src.ip(), interface.addr),
            );
            return Err(dropped(DropReason::SourceCheck, &packet));
        }
        let plan = &self.region().plan.subnets[subnet];
        if let Some(service) = self.amazon(plan.vpc, to) {
            return self.ask_amazon(service, from, packet);
        }
        // What is for the resolver is not filtered, whether it answers or not.
        let vpc = &self.region().plan.vpcs[plan.vpc];
        if to != RESOLVER && vpc.resolver_address() != Some(to) {
            self.groups(Direction::Egress, from, &packet)?;
        }
        if to.is_link_local() {
            return Err(self.nowhere(&packet, "no such service"));
        }
        if plan.cidr.contains(&to) {
            return match self.region().private(plan.vpc, to) {
                Some(found) => Ok(At::Arrive(found, packet)),
                None => Err(self.nowhere(&packet, "no interface of the subnet has the address")),
            };
        }
        self.routed(from, subnet, to, packet)
    }

    /// A packet whose way the subnet's route table decides.
    fn routed(&mut self, from: usize, subnet: usize, to: Ipv4Addr, packet: Packet) -> Step {
        let region = self.region();
        let plan = &region.plan.subnets[subnet];
        let found = region.route(subnet, to);
        let verdict = match found.map(|f| f.target) {
            None => Some(dropped(DropReason::VpcNoRoute, &packet)),
            Some(target) if self.is_gone(from, plan.vpc, target) => {
                Some(dropped(DropReason::VpcBlackhole, &packet))
            }
            Some(RouteTarget::Blackhole) => Some(dropped(DropReason::VpcBlackhole, &packet)),
            Some(RouteTarget::Unmodelled(_)) => Some(undetermined(&packet)),
            Some(_) => None,
        };
        let decision = match verdict {
            None => "route",
            Some(v) if v == undetermined(&packet) => "undetermined",
            Some(_) => "drop",
        };
        self.say(&packet, &plan.id, "route table", decision, || {
            text::vpc_route(&region.plan, subnet, found)
        });
        if let Some(verdict) = verdict {
            return Err(verdict);
        }
        let Some(Found { target, .. }) = found else {
            return Err(dropped(DropReason::VpcNoRoute, &packet));
        };
        if let RouteTarget::NatGateway(gateway) = target {
            return self.through_nat(*gateway, subnet, packet);
        }
        self.acl(Direction::Egress, subnet, *packet.tuple.dst.ip(), &packet)?;
        match target {
            RouteTarget::Local => match region.private(plan.vpc, to) {
                Some(found) => self.enter(found, packet),
                None => Err(self.nowhere(&packet, "no interface of the VPC has the address")),
            },
            RouteTarget::InternetGateway(gateway) => {
                self.through_internet(from, *gateway, to, packet)
            }
            RouteTarget::Peering(peering) => self.through_peering(*peering, plan.vpc, to, packet),
            RouteTarget::GatewayEndpoint(endpoint) => {
                self.through_endpoint(*endpoint, plan.vpc, to, packet)
            }
            RouteTarget::NatGateway(_) | RouteTarget::Blackhole | RouteTarget::Unmodelled(_) => {
                Err(undetermined(&packet))
            }
        }
    }

    /// Whether a route leads to something of another VPC, or a NAT gateway's own back to itself.
    fn is_gone(&self, from: usize, vpc: usize, target: &RouteTarget) -> bool {
        let region = self.region();
        match *target {
            RouteTarget::InternetGateway(gateway) => region.internet[vpc] != Some(gateway),
            RouteTarget::NatGateway(gateway) => {
                let at = region.nat[gateway];
                at == from || region.vpc_of(at) != Some(vpc)
            }
            RouteTarget::Peering(peering) => {
                let peering = &region.plan.peerings[peering];
                vpc != peering.requester && vpc != peering.accepter
            }
            RouteTarget::GatewayEndpoint(endpoint) => {
                region.plan.gateway_endpoints[endpoint].vpc != vpc
            }
            RouteTarget::Local | RouteTarget::Blackhole | RouteTarget::Unmodelled(_) => false,
        }
    }

    /// Through an internet gateway, which translates the sender's address.
    fn through_internet(
        &mut self,
        from: usize,
        gateway: usize,
        to: Ipv4Addr,
        mut packet: Packet,
    ) -> Step {
        let region = self.region();
        let name = &region.plan.internet_gateways[gateway].id;
        let interface = self.interface(from);
        let Some(public) = interface.public else {
            self.say(&packet, name, "internet gateway", "drop", || {
                format!("{} has no public address", interface.name)
            });
            return Err(dropped(DropReason::NoPublicAddress, &packet));
        };
        let before = packet.tuple;
        let port = packet.flow().src.port();
        packet.set_src(SocketAddrV4::new(public, port));
        self.translated(before, &packet, name, "internet gateway", || {
            format!("{} -> {public}", interface.addr)
        });
        if let Some(found) = region.outside(to) {
            return Ok(At::Arrive(found, packet));
        }
        self.enter_vpc(to, packet)
    }

    /// To the interface that has this public address.
    fn enter_vpc(&mut self, to: Ipv4Addr, mut packet: Packet) -> Step {
        let region = self.region();
        let Some(found) = region.public(to) else {
            return Err(self.nowhere(&packet, "nobody has the public address"));
        };
        let interface = self.interface(found);
        let gateway = region.vpc_of(found).and_then(|vpc| region.internet[vpc]);
        let before = packet.tuple;
        let port = packet.flow().dst.port();
        packet.set_dst(SocketAddrV4::new(interface.addr, port));
        let name = gateway.map_or("", |index| &region.plan.internet_gateways[index].id);
        self.translated(before, &packet, name, "internet gateway", || {
            format!("{to} -> {}", interface.addr)
        });
        self.enter(found, packet)
    }

    fn translated(
        &mut self,
        before: FiveTuple,
        after: &Packet,
        place: &str,
        component: &'static str,
        rule: impl FnOnce() -> String,
    ) {
        self.trace.note(before, after, || Note {
            place: place.to_owned(),
            component,
            decision: "translate",
            rule: rule(),
        });
    }

    fn through_peering(
        &mut self,
        peering: usize,
        vpc: usize,
        to: Ipv4Addr,
        packet: Packet,
    ) -> Step {
        let region = self.region();
        let plan = &region.plan.peerings[peering];
        let say = "peering connection";
        if !plan.active {
            self.say(&packet, &plan.id, say, "drop", || "it is not active".into());
            return Err(dropped(DropReason::PeeringInactive, &packet));
        }
        let other = match vpc {
            v if v == plan.requester => Some(plan.accepter),
            v if v == plan.accepter => Some(plan.requester),
            _ => None,
        };
        let other = other.filter(|&other| {
            region.plan.vpcs[other]
                .cidrs
                .iter()
                .any(|cidr| cidr.contains(&to))
        });
        let Some(other) = other else {
            self.say(&packet, &plan.id, say, "drop", || {
                format!("{to} is not in the VPC at its other end")
            });
            return Err(dropped(DropReason::PeeringNotTransitive, &packet));
        };
        let name = &region.plan.vpcs[other].id;
        self.say(&packet, &plan.id, say, "forward", || format!("to {name}"));
        match region.private(other, to) {
            Some(found) => self.enter(found, packet),
            None => Err(self.nowhere(&packet, "no interface of the VPC has the address")),
        }
    }

    fn through_endpoint(
        &mut self,
        endpoint: usize,
        vpc: usize,
        to: Ipv4Addr,
        packet: Packet,
    ) -> Step {
        let region = self.region();
        let plan = &region.plan.gateway_endpoints[endpoint];
        let found = region
            .outside(to)
            .filter(|&host| self.interface(host).service == Some(plan.prefix_list));
        let Some(found) = found else {
            return Err(self.nowhere(&packet, "the endpoint's service does not have the address"));
        };
        self.endpoint = Some((found, vpc));
        self.say(&packet, &plan.id, "gateway endpoint", "forward", || {
            format!("to {}", region.plan.prefix_lists[plan.prefix_list].name)
        });
        Ok(At::Arrive(found, packet))
    }

    /// From a machine outside the VPCs.
    fn outside_sends(&mut self, from: usize, to: Ipv4Addr, packet: Packet) -> Step {
        let region = self.region();
        if let Some(found) = region.outside(to) {
            return Ok(At::Arrive(found, packet));
        }
        if region.public(to).is_some() {
            return self.enter_vpc(to, packet);
        }
        let list = self.interface(from).service;
        let endpoints = &region.plan.gateway_endpoints;
        let asked = self
            .endpoint
            .filter(|(host, _)| *host == from)
            .map(|(_, vpc)| vpc);
        let vpcs = asked.into_iter().chain(
            endpoints
                .iter()
                .filter(|endpoint| Some(endpoint.prefix_list) == list)
                .map(|endpoint| endpoint.vpc),
        );
        for vpc in vpcs {
            if let Some(found) = region.private(vpc, to) {
                self.say(&packet, "", "gateway endpoint", "forward", String::new);
                return self.enter(found, packet);
            }
        }
        Err(self.nowhere(&packet, "nobody has the public address"))
    }

    /// A packet crosses the edge of the subnet of an interface, inwards.
    pub(super) fn enter(&mut self, to: usize, packet: Packet) -> Step {
        if let Some(subnet) = self.interface(to).subnet {
            self.acl(Direction::Ingress, subnet, *packet.tuple.src.ip(), &packet)?;
        }
        Ok(At::Arrive(to, packet))
    }

    /// A packet comes to an interface.
    pub(super) fn arrive(&mut self, to: usize, packet: Packet) -> Step {
        let interface = self.interface(to);
        let (space, iface) = match interface.role {
            Role::NatGateway(_) => return self.nat_gateway(to, packet),
            Role::Machine(space, iface) => (space, iface),
        };
        if interface.source_dest_check && *packet.tuple.dst.ip() != interface.addr {
            self.say(
                &packet,
                &interface.name,
                "source/destination check",
                "drop",
                || format!("{} is not {}", packet.tuple.dst.ip(), interface.addr),
            );
            return Err(dropped(DropReason::DestinationCheck, &packet));
        }
        self.groups(Direction::Ingress, to, &packet)?;
        Ok(At::Receive(space, iface, packet))
    }

    fn nowhere(&mut self, packet: &Packet, why: &'static str) -> Verdict {
        self.say(packet, "fabric", "destination", "drop", || why.to_owned());
        dropped(DropReason::FabricNoRoute, packet)
    }
}

//! What is at the end of a route and answers or goes on itself: NAT gateways and Amazon's services.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::endpoints::{METADATA, METADATA_PORT, RESOLVER, RESOLVER_PORT};
use super::interface::Role;
use super::packet::{Kind, Mapping, NAT_PORTS, Packet, TTL};
use super::trace::{Note, Trace};
use super::verdict::Leg;
use super::walk::{At, Step, Walker, dropped, undetermined};
use crate::headers::{FiveTuple, Protocol};
use crate::verdict::DropReason;
use crate::vpc::Direction;

/// One of Amazon's own services, which nothing filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amazon {
    /// The instance metadata service.
    Metadata,
    /// The VPC's resolver.
    Resolver,
}

impl Amazon {
    fn name(self) -> &'static str {
        match self {
            Self::Metadata => "instance metadata service",
            Self::Resolver => "resolver",
        }
    }

    fn listens(self, protocol: Protocol, port: u16) -> bool {
        match self {
            Self::Metadata => (protocol, port) == (Protocol::Tcp, METADATA_PORT),
            Self::Resolver => port == RESOLVER_PORT,
        }
    }
}

/// NAT gateways.
impl<T: Trace> Walker<'_, T> {
    /// To a NAT gateway, whose subnet's edge counts unless it is the sender's own subnet.
    pub(super) fn through_nat(&mut self, gateway: usize, subnet: usize, packet: Packet) -> Step {
        let index = self.e.region.nat[gateway];
        let Some(interface) = self.e.region.interfaces.get(index) else {
            return Err(undetermined(&packet));
        };
        if interface.subnet == Some(subnet) {
            return Ok(At::Arrive(index, packet));
        }
        self.acl(Direction::Egress, subnet, *packet.tuple.dst.ip(), &packet)?;
        self.enter(index, packet)
    }

    /// A packet comes to a NAT gateway: from outside where it is for the gateway's own address, else
    /// from inside. It goes on from the gateway's interface.
    pub(super) fn nat_gateway(&mut self, at: usize, mut packet: Packet) -> Step {
        let interface = self.interface(at);
        let before = packet.tuple;
        let flow = packet.flow();
        if *flow.dst.ip() == interface.addr {
            let asked = flow.reversed();
            let find = |m: &&Mapping| m.interface == at && m.outside == asked;
            let Some(mapping) = self.mappings.iter().find(find).copied() else {
                return Err(self.no_mapping(at, &packet));
            };
            packet.set_dst(mapping.inside.src);
            packet.client = mapping.client;
        } else {
            let Some(outside) = self.map(at, &packet)? else {
                return Err(self.no_mapping(at, &packet));
            };
            packet.set_src(outside.src);
            if packet.leg == Leg::Forward {
                packet.client = NAT_PORTS;
            }
        }
        self.trace.note(before, &packet, || Note {
            place: interface.name.clone(),
            component: "NAT gateway",
            decision: "translate",
            rule: "a free port of 1024-65535, and back".to_owned(),
        });
        Ok(At::Depart(at, Ipv4Addr::UNSPECIFIED, packet))
    }

    /// What a conversation from inside is outside; `None` where the packet can begin none.
    fn map(
        &mut self,
        at: usize,
        packet: &Packet,
    ) -> Result<Option<FiveTuple>, super::verdict::Verdict> {
        let inside = packet.flow();
        let find = |m: &&Mapping| m.interface == at && m.inside == inside;
        if let Some(mapping) = self.mappings.iter().find(find) {
            return Ok(Some(mapping.outside));
        }
        // Its route does not hang on the source, so it would come here again and again.
        let again = |m: &Mapping| m.interface == at && m.inside.dst == inside.dst;
        if self.mappings.iter().any(again) {
            let name = &self.interface(at).name;
            self.say(packet, name, "NAT gateway", "drop", || {
                "its route leads back to it".to_owned()
            });
            return Err(dropped(DropReason::TtlExceeded, packet));
        }
        let begins = match packet.kind {
            Kind::Ask => true,
            Kind::Answer => inside.protocol == Protocol::Udp,
            Kind::Reset | Kind::Unreachable(_) => false,
        };
        if !begins {
            return Ok(None);
        }
        let taken = u16::try_from(self.mappings.iter().count()).unwrap_or(0);
        let mapping = Mapping {
            interface: at,
            inside,
            outside: FiveTuple {
                src: SocketAddrV4::new(self.interface(at).addr, NAT_PORTS.0 + taken),
                ..inside
            },
            client: packet.client,
        };
        self.mappings
            .push(mapping)
            .ok_or_else(|| undetermined(packet))?;
        Ok(Some(mapping.outside))
    }

    fn no_mapping(&mut self, at: usize, packet: &Packet) -> super::verdict::Verdict {
        let name = &self.interface(at).name;
        self.say(packet, name, "NAT gateway", "drop", || {
            "no mapping: nobody behind it has begun this conversation".to_owned()
        });
        dropped(DropReason::NatNoMapping, packet)
    }
}

/// Amazon's services.
impl<T: Trace> Walker<'_, T> {
    /// The service that answers at an address, seen from a VPC.
    pub(super) fn amazon(&self, vpc: usize, to: Ipv4Addr) -> Option<Amazon> {
        if to == METADATA {
            return Some(Amazon::Metadata);
        }
        let vpc = &self.e.region.plan.vpcs[vpc];
        let resolves = to == RESOLVER || vpc.resolver_address() == Some(to);
        (resolves && vpc.dns_support).then_some(Amazon::Resolver)
    }

    /// One of Amazon's services is asked. Its answer comes straight back to the interface, past
    /// security groups and network ACLs.
    pub(super) fn ask_amazon(&mut self, service: Amazon, from: usize, packet: Packet) -> Step {
        let interface = self.interface(from);
        let name = service.name();
        let Role::Machine(space, iface) = interface.role else {
            return Err(undetermined(&packet));
        };
        let ttl = match service {
            Amazon::Resolver => Some(TTL),
            Amazon::Metadata => interface.metadata,
        };
        let Some(ttl) = ttl else {
            self.say(&packet, &interface.name, name, "drop", || {
                "HttpEndpoint = disabled".into()
            });
            return Err(dropped(DropReason::MetadataOff, &packet));
        };
        if packet.kind != Kind::Ask {
            return Err(dropped(DropReason::UnexpectedReply, &packet));
        }
        let listens = service.listens(packet.tuple.protocol, packet.tuple.dst.port());
        let decision = if listens { "accept" } else { "refuse" };
        self.say(&packet, &interface.name, name, decision, || {
            format!("answers with ttl {ttl}")
        });
        let mut answer = if listens {
            packet.back(Kind::Answer)
        } else {
            packet.refusal()
        };
        answer.ttl = ttl;
        Ok(At::Receive(space, iface, answer))
    }
}

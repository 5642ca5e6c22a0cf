//! Which way packets go from an interface to an address.
//!
//! Amazon's services come first, then the sender's own subnet, then the subnet's route table and
//! what it leads to. Source: Amazon VPC User Guide, VPC_Route_Tables, VPC_Internet_Gateway,
//! vpc-nat-gateway, and the VPC peering guide, 2023-06 (vendor).

use std::net::Ipv4Addr;

use sim_core::SimDuration;

use super::distance::between;
use super::{AmazonService, EndpointId, Fabric, IMDS, Location, RESOLVER};
use crate::headers;
use crate::verdict::DropReason;
use crate::vpc::defaults;
use crate::vpc::plan::RouteTarget;

/// What an internet gateway does to a packet's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// The new source: the sender's public address. Only packets from the sender's private address
    /// are translated.
    pub source: Option<Ipv4Addr>,
    /// The new destination: the receiver's private address.
    pub destination: Option<Ipv4Addr>,
}

impl Translation {
    /// Rewrites a packet, and the one that it quotes if it is an ICMP error.
    pub fn apply(self, packet: &mut [u8]) {
        if let Some(to) = self.source {
            let from = headers::src_addr(packet);
            headers::set_src_addr(packet, to);
            if let Some(quote) = headers::icmp_error_quote_mut(packet)
                && headers::dst_addr(quote) == from
            {
                headers::set_dst_addr(quote, to);
            }
        }
        if let Some(to) = self.destination {
            let from = headers::dst_addr(packet);
            headers::set_dst_addr(packet, to);
            if let Some(quote) = headers::icmp_error_quote_mut(packet)
                && headers::src_addr(quote) == from
            {
                headers::set_src_addr(quote, to);
            }
        }
    }
}

/// A way that leads somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The interface at its end.
    pub to: EndpointId,
    /// One-way latency, without jitter.
    pub latency: SimDuration,
    /// Largest packet, in octets.
    pub mtu: usize,
    /// Whether it passes an internet gateway.
    pub internet: bool,
}

/// The way from an interface to an address.
///
/// What can stop a packet is asked in this order: the route table, the ACL of the subnet that it
/// leaves, the gateway that it goes through, whether the address exists, the ACL of the subnet that
/// it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Index of the subnet whose edge it crosses first, if any; its ACL is asked about what leaves.
    pub leaves: Option<usize>,
    /// Index of the subnet whose edge it crosses last, if any; its ACL is asked about what enters,
    /// with translated addresses.
    pub enters: Option<usize>,
    /// What becomes of the packet's addresses.
    pub translation: Translation,
    /// Where it leads, or why nowhere. Without a subnet in `leaves` the reason stands before the ACL
    /// is asked, with one after it.
    pub way: Result<Way, DropReason>,
}

impl Path {
    fn dropped(reason: DropReason) -> Self {
        Self {
            leaves: None,
            enters: None,
            translation: Translation::default(),
            way: Err(reason),
        }
    }

    fn is_outside(&self) -> bool {
        self.way.is_ok_and(|way| way.internet)
    }

    fn to(way: Way) -> Self {
        Self {
            way: Ok(way),
            ..Self::dropped(DropReason::FabricNoRoute)
        }
    }
}

impl Fabric {
    /// The way of packets from the interface `from` to `dst`.
    #[must_use]
    pub fn path(&self, from: EndpointId, dst: Ipv4Addr) -> Path {
        match self.endpoints[from].location {
            Location::Vpc { subnet, .. } => self.out_of_subnet(from, subnet, dst),
            Location::Amazon { vpc, .. } => match self.resolve(vpc, dst) {
                Some(to) => self.inside(from, to),
                None => Path::dropped(DropReason::FabricNoRoute),
            },
            Location::Internet => self.to_public(dst),
            Location::Service(list) => self.out_of_service(from, list, dst),
        }
    }

    fn out_of_subnet(&self, from: EndpointId, subnet: usize, dst: Ipv4Addr) -> Path {
        let edge = &self.subnets[subnet];
        let vpc = edge.vpc;
        if let Some(path) = self.to_amazon(from, vpc, dst) {
            return path;
        }
        if edge.cidr.contains(&dst) {
            let within = self.to_private(from, vpc, dst);
            return Path {
                enters: None,
                ..within
            };
        }
        let beyond = match edge.routes.lookup(dst) {
            Some(route) => self.by_route(from, vpc, route.target, dst),
            None => Err(DropReason::VpcNoRoute),
        };
        match beyond {
            // A NAT gateway in the sender's own subnet is reached without crossing its edge; by way of
            // an internet gateway even a neighbour is not.
            Ok(path) if path.enters == Some(subnet) && !path.is_outside() => Path {
                enters: None,
                ..path
            },
            Ok(path) => Path {
                leaves: Some(subnet),
                ..path
            },
            Err(reason) => Path::dropped(reason),
        }
    }

    /// The way beyond the sender's subnet; the reason where the route itself says that there is
    /// none. A target of another VPC is as good as gone.
    fn by_route(
        &self,
        from: EndpointId,
        vpc: usize,
        target: &RouteTarget,
        dst: Ipv4Addr,
    ) -> Result<Path, DropReason> {
        let gone = Err(DropReason::VpcBlackhole);
        match *target {
            RouteTarget::Local => Ok(self.to_private(from, vpc, dst)),
            RouteTarget::InternetGateway(index)
                if self.vpcs[vpc].internet_gateway == Some(index) =>
            {
                Ok(self.through_internet_gateway(from, dst))
            }
            RouteTarget::NatGateway(index) => {
                let gateway = self.nat_gateways[index];
                // One whose own route leads to itself would go round and round.
                let other = gateway != from;
                match self.subnet_of(gateway) {
                    Some(at) if other && self.subnets[at].vpc == vpc => Ok(Path {
                        enters: Some(at),
                        ..self.inside(from, gateway)
                    }),
                    _ => gone,
                }
            }
            RouteTarget::Peering(index) => self.through_peering(from, vpc, index, dst),
            RouteTarget::GatewayEndpoint(index) if self.gateway_endpoints[index].vpc == vpc => {
                let list = self.gateway_endpoints[index].prefix_list;
                Ok(self.through_endpoint(from, list, dst))
            }
            RouteTarget::InternetGateway(_)
            | RouteTarget::GatewayEndpoint(_)
            | RouteTarget::Blackhole => gone,
            RouteTarget::Unmodelled(_) => Err(DropReason::NotModelled),
        }
    }

    /// The way to Amazon's services; `None` for any other address.
    fn to_amazon(&self, from: EndpointId, vpc: usize, dst: Ipv4Addr) -> Option<Path> {
        let service = if dst == IMDS {
            if !self.endpoints[from].metadata {
                return Some(Path::dropped(DropReason::MetadataOff));
            }
            AmazonService::Metadata
        } else if self.vpcs[vpc].resolver.is_some()
            && (dst == RESOLVER || self.vpcs[vpc].resolver == Some(dst))
        {
            AmazonService::Resolver
        } else if dst.is_link_local() {
            return Some(Path::dropped(DropReason::FabricNoRoute));
        } else {
            return None;
        };
        let to = self.services.get(&(vpc, service));
        Some(match to {
            Some(to) => self.inside(from, *to),
            None => Path::dropped(DropReason::FabricNoRoute),
        })
    }

    /// Straight to another interface inside; no edge is crossed.
    fn inside(&self, from: EndpointId, to: EndpointId) -> Path {
        let [a, b] = [from, to].map(|id| self.endpoints[id].location);
        Path::to(Way {
            to,
            latency: between(&self.latency, a, b),
            mtu: defaults::MTU_VPC.as_usize(),
            internet: false,
        })
    }

    /// To the private address of an interface of a VPC, across the edge of its subnet.
    fn to_private(&self, from: EndpointId, vpc: usize, dst: Ipv4Addr) -> Path {
        let Some(to) = self.resolve(vpc, dst) else {
            return Path::dropped(DropReason::FabricNoRoute);
        };
        Path {
            enters: self.subnet_of(to),
            ..self.inside(from, to)
        }
    }

    fn through_peering(
        &self,
        from: EndpointId,
        vpc: usize,
        index: usize,
        dst: Ipv4Addr,
    ) -> Result<Path, DropReason> {
        let peering = &self.peerings[index];
        let other = match vpc {
            v if v == peering.requester => peering.accepter,
            v if v == peering.accepter => peering.requester,
            _ => return Err(DropReason::VpcBlackhole),
        };
        let inside = self.vpcs[other]
            .cidrs
            .iter()
            .any(|cidr| cidr.contains(&dst));
        Ok(if !peering.active {
            Path::dropped(DropReason::PeeringInactive)
        } else if inside {
            self.to_private(from, other, dst)
        } else {
            Path::dropped(DropReason::PeeringNotTransitive)
        })
    }

    fn through_internet_gateway(&self, from: EndpointId, dst: Ipv4Addr) -> Path {
        let Some(public) = self.endpoints[from].public else {
            return Path::dropped(DropReason::NoPublicAddress);
        };
        let mut path = self.to_public(dst);
        path.translation.source = Some(public);
        path
    }

    /// From beyond the internet gateways to an address there, or to a public one.
    fn to_public(&self, dst: Ipv4Addr) -> Path {
        let Some(to) = self.resolve_public(dst) else {
            return Path::dropped(DropReason::FabricNoRoute);
        };
        let mut path = Path::to(Way {
            to,
            latency: self.latency.internet,
            mtu: defaults::MTU_INTERNET.as_usize(),
            internet: true,
        });
        if !self.endpoints[to].location.is_outside() {
            path.enters = self.subnet_of(to);
            path.translation.destination = Some(self.endpoints[to].addr);
        }
        path
    }

    fn through_endpoint(&self, from: EndpointId, list: usize, dst: Ipv4Addr) -> Path {
        let serves = |to: &EndpointId| self.endpoints[*to].location == Location::Service(list);
        match self.resolve_public(dst).filter(serves) {
            Some(to) => self.over_endpoint(from, to),
            None => Path::dropped(DropReason::FabricNoRoute),
        }
    }

    /// A service answers to public addresses, and to private ones where a gateway endpoint leads to
    /// it.
    fn out_of_service(&self, from: EndpointId, list: usize, dst: Ipv4Addr) -> Path {
        let path = self.to_public(dst);
        if path.way.is_ok() {
            return path;
        }
        let mut vpcs = self
            .gateway_endpoints
            .iter()
            .filter(|endpoint| endpoint.prefix_list == list)
            .map(|endpoint| endpoint.vpc);
        match vpcs.find_map(|vpc| self.resolve(vpc, dst)) {
            Some(to) => Path {
                enters: self.subnet_of(to),
                ..self.over_endpoint(from, to)
            },
            None => path,
        }
    }

    /// A gateway endpoint adds no distance (assumed), and its packets may be as large as inside a
    /// VPC (assumed).
    fn over_endpoint(&self, from: EndpointId, to: EndpointId) -> Path {
        let path = self.inside(from, to);
        let same_zone = |way| Way {
            latency: self.latency.same_zone,
            ..way
        };
        Path {
            way: path.way.map(same_zone),
            ..path
        }
    }

    fn subnet_of(&self, id: EndpointId) -> Option<usize> {
        match self.endpoints[id].location {
            Location::Vpc { subnet, .. } => Some(subnet),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

//! The fabric between network interfaces: who has an address, which way packets go there, how far
//! it is, and how long a frame takes.
//!
//! A [`Fabric`] is built once and shared by all machines. What changes while a world runs belongs
//! to the sender: each sending interface has a [`FabricPort`] with its own random streams, so that
//! partitions share no state and an added interface shifts nobody else's draws.

mod distance;
mod path;
mod port;

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use sim_core::{IndexVec, LookupMap, PartitionId, Ratio, SimDuration, id_type};

pub use self::path::{Path, Translation, Way};
pub use self::port::{FabricPort, Transit};
use super::network_acl::NetworkAcl;
use super::plan::{GatewayEndpointPlan, LatencyPlan, PeeringPlan, RegionPlan};
use super::route_table::RouteTable;
use crate::ids::EniId;

id_type!(
    /// An interface as the fabric knows it.
    EndpointId
);

/// Address of the instance metadata service in every VPC.
/// Source: Amazon EC2 User Guide, instancedata-data-retrieval, 2023-06 (vendor).
pub const IMDS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Address of the resolver in every VPC, beside the second of the VPC's first range.
/// Source: Amazon VPC User Guide, vpc-dns, 2023-06 (vendor).
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

/// A service of Amazon's that every interface of a VPC reaches, past groups, ACLs and routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AmazonService {
    /// The instance metadata service.
    Metadata,
    /// The resolver.
    Resolver,
}

/// Where an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// In a VPC.
    Vpc {
        /// Index of the subnet.
        subnet: usize,
        /// Index of the availability zone.
        zone: usize,
        /// Cluster placement group of the machine.
        placement_group: Option<u32>,
    },
    /// Beside a VPC: it answers to the addresses of the service, and to this VPC only.
    Amazon {
        /// Index of the VPC.
        vpc: usize,
        /// Which service.
        service: AmazonService,
    },
    /// Outside, beyond the internet gateways.
    Internet,
    /// Outside, and reached through gateway endpoints too: a service with the addresses of the
    /// prefix list with this index.
    Service(usize),
}

impl Location {
    /// Whether it is beyond the internet gateways.
    #[must_use]
    pub fn is_outside(self) -> bool {
        matches!(self, Self::Internet | Self::Service(_))
    }
}

/// An interface that frames can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The machine.
    pub partition: PartitionId,
    /// The interface of that machine.
    pub eni: EniId,
    /// Its private address; outside the VPCs, its only one.
    pub addr: Ipv4Addr,
    /// Its public address, which an internet gateway translates.
    pub public: Option<Ipv4Addr>,
    /// Where it is.
    pub location: Location,
    /// Whether the metadata service answers it.
    pub metadata: bool,
}

/// Why no fabric can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FabricError {
    /// Two interfaces of a VPC have the same address, or two of all the same public one.
    #[error("two network interfaces have the address {addr}")]
    DuplicateAddress {
        /// The address.
        addr: Ipv4Addr,
    },
    /// Two VPCs with gateway endpoints to one service have an interface with the same private
    /// address each, and the service, which sees that address and no more, could not tell whom to
    /// answer.
    #[error("interfaces of two VPCs with gateway endpoints to one service have the address {addr}")]
    AmbiguousAddress {
        /// The address.
        addr: Ipv4Addr,
    },
    /// A latency of zero leaves the machines no time in which they are independent.
    #[error("the latency `{which}` is zero; the smallest is 1 ps")]
    ZeroLatency {
        /// Which one.
        which: &'static str,
    },
}

/// A subnet as its packets see it.
#[derive(Clone, Debug)]
struct Subnet {
    vpc: usize,
    cidr: Ipv4Net,
    routes: Arc<RouteTable>,
    /// Index of its network ACL.
    acl: Option<usize>,
}

#[derive(Clone, Debug)]
struct Vpc {
    cidrs: Vec<Ipv4Net>,
    /// Where the resolver is beside [`RESOLVER`]; `None` where it does not answer.
    resolver: Option<Ipv4Addr>,
    /// Index of its internet gateway.
    internet_gateway: Option<usize>,
}

/// The fabric: immutable while a world runs.
#[derive(Clone, Debug)]
pub struct Fabric {
    latency: LatencyPlan,
    loss: Ratio,
    endpoints: IndexVec<EndpointId, Endpoint>,
    /// By VPC and private address.
    private: LookupMap<(usize, Ipv4Addr), EndpointId>,
    /// Interfaces outside by their address, and those in VPCs with an internet gateway by their
    /// public one.
    public: LookupMap<Ipv4Addr, EndpointId>,
    services: LookupMap<(usize, AmazonService), EndpointId>,
    subnets: Vec<Subnet>,
    vpcs: Vec<Vpc>,
    acls: Vec<NetworkAcl>,
    nat_gateways: Vec<EndpointId>,
    gateway_endpoints: Vec<GatewayEndpointPlan>,
    peerings: Vec<PeeringPlan>,
    min_latency: SimDuration,
}

impl Fabric {
    /// The fabric that connects `endpoints`. `nat_gateways` says which of them the NAT gateways of
    /// the plan are, in their order.
    ///
    /// # Errors
    /// If two have the same address, a service could not tell two apart, or a latency is zero.
    ///
    /// # Panics
    /// If an index of the plan, or a subnet of an endpoint, is out of range.
    pub fn new(
        region: &RegionPlan,
        endpoints: impl IntoIterator<Item = Endpoint>,
        nat_gateways: Vec<EndpointId>,
    ) -> Result<Self, FabricError> {
        let latency = region.latency.clone();
        if let Some(which) = distance::zero(&latency) {
            return Err(FabricError::ZeroLatency { which });
        }
        let mut fabric = Self {
            latency,
            loss: region.loss,
            endpoints: IndexVec::new(),
            private: LookupMap::new(),
            public: LookupMap::new(),
            services: LookupMap::new(),
            subnets: subnets(region),
            vpcs: vpcs(region),
            acls: region
                .network_acls
                .iter()
                .map(NetworkAcl::compile)
                .collect(),
            nat_gateways,
            gateway_endpoints: region.gateway_endpoints.clone(),
            peerings: region.peerings.clone(),
            min_latency: SimDuration::ZERO,
        };
        for endpoint in endpoints {
            fabric.add(endpoint)?;
        }
        if let Some(addr) = fabric.ambiguous() {
            return Err(FabricError::AmbiguousAddress { addr });
        }
        let by_endpoint = !fabric.gateway_endpoints.is_empty();
        fabric.min_latency = distance::least(&fabric.latency, &fabric.endpoints, by_endpoint);
        Ok(fabric)
    }

    fn add(&mut self, endpoint: Endpoint) -> Result<(), FabricError> {
        let id = self.endpoints.push(endpoint);
        let Endpoint { addr, location, .. } = endpoint;
        let taken = |addr| Err(FabricError::DuplicateAddress { addr });
        match location {
            Location::Vpc { subnet, .. } => {
                let vpc = self.subnets[subnet].vpc;
                if self.private.insert((vpc, addr), id).is_some() {
                    return taken(addr);
                }
                if let Some(public) = endpoint.public
                    && self.vpcs[vpc].internet_gateway.is_some()
                    && self.public.insert(public, id).is_some()
                {
                    return taken(public);
                }
            }
            Location::Amazon { vpc, service } => {
                if self.services.insert((vpc, service), id).is_some() {
                    return taken(addr);
                }
            }
            Location::Internet | Location::Service(_) => {
                if self.public.insert(addr, id).is_some() {
                    return taken(addr);
                }
            }
        }
        Ok(())
    }

    /// An address to which a service's answers could go in two VPCs.
    fn ambiguous(&self) -> Option<Ipv4Addr> {
        let served = |list| {
            let mut all = self.endpoints.iter();
            all.any(|endpoint| endpoint.location == Location::Service(list))
        };
        let pairs = self
            .gateway_endpoints
            .iter()
            .enumerate()
            .flat_map(|(n, a)| {
                let others = self.gateway_endpoints[n + 1..].iter();
                others
                    .filter(|b| a.prefix_list == b.prefix_list && a.vpc != b.vpc)
                    .map(move |b| (a, b.vpc))
            });
        pairs
            .filter(|(a, _)| served(a.prefix_list))
            .find_map(|(a, other)| {
                let inside = self.endpoints.iter().filter(|e| {
                    matches!(e.location, Location::Vpc { subnet, .. }
                        if self.subnets[subnet].vpc == a.vpc)
                });
                inside
                    .map(|e| e.addr)
                    .find(|addr| self.resolve(other, *addr).is_some())
            })
    }

    /// What the fabric knows of an interface.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> &Endpoint {
        &self.endpoints[id]
    }

    /// The interface of a VPC with this private address.
    #[must_use]
    pub fn resolve(&self, vpc: usize, addr: Ipv4Addr) -> Option<EndpointId> {
        self.private.get(&(vpc, addr)).copied()
    }

    /// The interface that has this address outside the VPCs: one beyond the internet gateways, or
    /// one in a VPC that has such a gateway, by its public address.
    #[must_use]
    pub fn resolve_public(&self, addr: Ipv4Addr) -> Option<EndpointId> {
        self.public.get(&addr).copied()
    }

    /// The route table of a subnet.
    #[must_use]
    pub fn routes(&self, subnet: usize) -> &Arc<RouteTable> {
        &self.subnets[subnet].routes
    }

    /// The network ACL of a subnet; `None` where it has none.
    #[must_use]
    pub fn network_acl(&self, subnet: usize) -> Option<&NetworkAcl> {
        Some(&self.acls[self.subnets[subnet].acl?])
    }

    /// The smallest latency on any path: what a conservative engine may look ahead. With fewer than
    /// two interfaces, the smallest of the plan.
    #[must_use]
    pub fn min_latency(&self) -> SimDuration {
        self.min_latency
    }
}

fn subnets(region: &RegionPlan) -> Vec<Subnet> {
    let tables: Vec<_> = region
        .route_tables
        .iter()
        .map(|plan| Arc::new(RouteTable::compile(plan, &region.prefix_lists)))
        .collect();
    let local: Vec<_> = region
        .vpcs
        .iter()
        .map(|vpc| Arc::new(RouteTable::local(vpc)))
        .collect();
    let subnet = |plan: &super::plan::SubnetPlan| Subnet {
        vpc: plan.vpc,
        cidr: plan.cidr,
        routes: match plan.route_table {
            Some(table) => tables[table].clone(),
            None => local[plan.vpc].clone(),
        },
        acl: plan.network_acl,
    };
    region.subnets.iter().map(subnet).collect()
}

fn vpcs(region: &RegionPlan) -> Vec<Vpc> {
    let gateway = |vpc| region.internet_gateways.iter().position(|g| g.vpc == vpc);
    let vpc = |(index, plan): (usize, &super::plan::VpcPlan)| Vpc {
        cidrs: plan.cidrs.clone(),
        resolver: plan.resolver_address().filter(|_| plan.dns_support),
        internet_gateway: gateway(index),
    };
    region.vpcs.iter().enumerate().map(vpc).collect()
}

#[cfg(test)]
mod tests;

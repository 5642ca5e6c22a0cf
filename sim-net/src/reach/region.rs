//! The policy of the Region, made ready for evaluation at one moment.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use sim_core::{LookupMap, SimTime};

use super::acl::Acl;
use super::interface::{self, Interface, Role};
use super::layout::Layout;
use crate::plan::Plan;
use crate::vpc::{
    EniRules, GroupMembers, PrefixListPlan, RegionPlan, RouteDestination, RouteTarget,
    SecurityGroupPlan,
};

/// One destination of one route.
#[derive(Clone, Copy, Debug)]
struct Prefix {
    net: Ipv4Net,
    /// The route's place in its table.
    route: usize,
}

/// The Region.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) plan: RegionPlan,
    /// The moment.
    pub(super) at: SimTime,
    pub(super) interfaces: Vec<Interface>,
    by_private: LookupMap<(usize, Ipv4Addr), usize>,
    by_public: LookupMap<Ipv4Addr, usize>,
    by_outside: LookupMap<Ipv4Addr, usize>,
    /// By route table: longest prefix first, and of equally long ones the one that decides.
    routes: Vec<Vec<Prefix>>,
    pub(super) acls: Vec<Acl>,
    pub(super) nat: Vec<usize>,
    /// The internet gateway of each VPC.
    pub(super) internet: Vec<Option<usize>>,
    /// Interfaces all flows of which are tracked.
    always_tracked: Vec<usize>,
}

/// What a route table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) target: &'a RouteTarget,
    /// Index of the table and of the route; `None` for the route that needs no table.
    pub(super) route: Option<(usize, usize)>,
}

impl Region {
    pub(super) fn compile(plan: &Plan, layout: &Layout, at: SimTime) -> Self {
        let region = plan.region.clone();
        let rules = GroupRules {
            groups: &region.security_groups,
            lists: &region.prefix_lists,
        };
        let interfaces = interface::all(plan, layout, &rules);
        let mut compiled = Self {
            by_private: LookupMap::with_capacity(interfaces.len()),
            by_public: LookupMap::new(),
            by_outside: LookupMap::new(),
            routes: (0..region.route_tables.len())
                .map(|table| prefixes(&region, table))
                .collect(),
            acls: region.network_acls.iter().map(|a| Acl::at(a, at)).collect(),
            nat: vec![usize::MAX; region.nat_gateways.len()],
            internet: (0..region.vpcs.len())
                .map(|vpc| region.internet_gateways.iter().position(|g| g.vpc == vpc))
                .collect(),
            always_tracked: (0..interfaces.len())
                .filter(|&index| interfaces[index].always_tracked)
                .collect(),
            at,
            plan: region,
            interfaces: Vec::new(),
        };
        for (index, interface) in interfaces.iter().enumerate() {
            match interface.subnet {
                Some(subnet) => {
                    let vpc = compiled.plan.subnets[subnet].vpc;
                    compiled.by_private.insert((vpc, interface.addr), index);
                    if let Some(public) = interface.public {
                        compiled.by_public.insert(public, index);
                    }
                }
                None => {
                    compiled.by_outside.insert(interface.addr, index);
                }
            }
            if let Role::NatGateway(gateway) = interface.role {
                compiled.nat[gateway] = index;
            }
        }
        compiled.interfaces = interfaces;
        compiled
    }

    /// The interface of a VPC with this private address.
    pub(super) fn private(&self, vpc: usize, addr: Ipv4Addr) -> Option<usize> {
        self.by_private.get(&(vpc, addr)).copied()
    }

    /// The interface with this public address, where an internet gateway leads to it.
    pub(super) fn public(&self, addr: Ipv4Addr) -> Option<usize> {
        let index = *self.by_public.get(&addr)?;
        let vpc = self.vpc_of(index)?;
        self.internet[vpc].map(|_| index)
    }

    /// The machine outside with this address.
    pub(super) fn outside(&self, addr: Ipv4Addr) -> Option<usize> {
        self.by_outside.get(&addr).copied()
    }

    /// Whether all flows with an address are tracked, as a VPC knows it.
    pub(super) fn always_tracked(&self, vpc: usize, peer: Ipv4Addr) -> bool {
        self.always_tracked.iter().any(|&index| {
            let (interface, of) = (&self.interfaces[index], self.vpc_of(index));
            let private =
                || interface.addr == peer && of.is_some_and(|of| self.plan.joins(vpc, of));
            interface.public == Some(peer) || private()
        })
    }

    pub(super) fn vpc_of(&self, interface: usize) -> Option<usize> {
        let subnet = self.interfaces[interface].subnet?;
        Some(self.plan.subnets[subnet].vpc)
    }

    /// The route of a subnet to an address.
    pub(super) fn route(&self, subnet: usize, to: Ipv4Addr) -> Option<Found<'_>> {
        let plan = &self.plan.subnets[subnet];
        let Some(table) = plan.route_table else {
            let local = self.plan.vpcs[plan.vpc]
                .cidrs
                .iter()
                .any(|c| c.contains(&to));
            return local.then_some(Found {
                target: &RouteTarget::Local,
                route: None,
            });
        };
        let prefix = self.routes[table].iter().find(|p| p.net.contains(&to))?;
        Some(Found {
            target: &self.plan.route_tables[table].routes[prefix.route].target,
            route: Some((table, prefix.route)),
        })
    }
}

/// The destinations of a route table in the order in which they are tried.
fn prefixes(region: &RegionPlan, table: usize) -> Vec<Prefix> {
    let mut found = Vec::new();
    for (index, route) in region.route_tables[table].routes.iter().enumerate() {
        let (nets, listed) = match &route.destination {
            RouteDestination::Cidr(net) => (std::slice::from_ref(net), false),
            RouteDestination::PrefixList(list) => (&region.prefix_lists[*list].cidrs[..], true),
        };
        for &net in nets {
            let order = (u8::MAX - net.prefix_len(), listed, route.propagated, index);
            found.push((order, Prefix { net, route: index }));
        }
    }
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, prefix)| prefix).collect()
}

/// The rules of all security groups.
pub(super) struct GroupRules<'a> {
    groups: &'a [SecurityGroupPlan],
    lists: &'a [PrefixListPlan],
}

impl GroupRules<'_> {
    /// What each interface's groups allow. Interfaces with the same groups share one set.
    pub(super) fn compile(
        &self,
        interfaces: &[(Ipv4Addr, &[usize])],
    ) -> Vec<Option<Arc<EniRules>>> {
        let pairs = interfaces
            .iter()
            .flat_map(|(addr, groups)| groups.iter().map(|&group| (group, *addr)));
        let members = GroupMembers::new(self.groups.len(), pairs);
        let mut sets: std::collections::BTreeMap<&[usize], Arc<EniRules>> =
            std::collections::BTreeMap::new();
        let set = |&(_, groups)| -> Option<Arc<EniRules>> {
            let groups: &[usize] = groups;
            if groups.is_empty() {
                return None;
            }
            let compile = |attached: &&[usize]| {
                Arc::new(EniRules::compile(
                    self.groups,
                    attached,
                    &members,
                    self.lists,
                ))
            };
            Some(sets.entry(groups).or_insert_with_key(compile).clone())
        };
        interfaces.iter().map(set).collect()
    }
}

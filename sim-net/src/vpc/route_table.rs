//! Route tables, made ready for lookups.
//!
//! The longest prefix decides; of equally long ones a range before a prefix list, a static route
//! before a propagated one, the first before others.
//! Source: Amazon VPC User Guide, VPC_Route_Tables, 2023-06 (vendor); which of several prefix lists
//! wins AWS leaves open (assumed: the first).

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::plan::{PrefixListPlan, RouteDestination, RouteTablePlan, RouteTarget, VpcPlan};

/// The route that decides about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteMatch<'a> {
    /// Its index in the plan; `None` for one that no plan names: the local route of a subnet
    /// without a table.
    pub route: Option<usize>,
    /// The range that the address is in; of a prefix list, the one that matched.
    pub prefix: Ipv4Net,
    /// Where packets go.
    pub target: &'a RouteTarget,
}

/// A route to one range, with what decides between several to the same.
struct Candidate {
    cidr: Ipv4Net,
    /// Whether a prefix list has it, whether it is propagated, and its place in the plan.
    rank: (bool, bool, usize),
    route: Option<usize>,
    target: RouteTarget,
}

#[derive(Clone, Debug)]
struct Entry {
    network: u32,
    route: Option<usize>,
    target: RouteTarget,
}

/// The entries of one prefix length, by their network.
#[derive(Clone, Debug)]
struct Level {
    prefix_len: u8,
    mask: u32,
    entries: Vec<Entry>,
}

/// One route table. It does not change while a world runs.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// By descending prefix length.
    levels: Vec<Level>,
}

impl RouteTable {
    /// The table of a plan.
    ///
    /// # Panics
    /// If a route names a prefix list that is not one of `prefix_lists`.
    #[must_use]
    pub fn compile(plan: &RouteTablePlan, prefix_lists: &[PrefixListPlan]) -> Self {
        let mut all = Vec::new();
        for (index, route) in plan.routes.iter().enumerate() {
            let (cidrs, from_list) = match &route.destination {
                RouteDestination::Cidr(cidr) => (std::slice::from_ref(cidr), false),
                RouteDestination::PrefixList(list) => (&prefix_lists[*list].cidrs[..], true),
            };
            all.extend(cidrs.iter().map(|cidr| Candidate {
                cidr: cidr.trunc(),
                rank: (from_list, route.propagated, index),
                route: Some(index),
                target: route.target.clone(),
            }));
        }
        Self::of(all)
    }

    /// The table of a subnet that has none: it knows the ranges of the VPC itself.
    #[must_use]
    pub fn local(vpc: &VpcPlan) -> Self {
        let local = |cidr: &Ipv4Net| Candidate {
            cidr: cidr.trunc(),
            rank: (false, false, 0),
            route: None,
            target: RouteTarget::Local,
        };
        Self::of(vpc.cidrs.iter().map(local).collect())
    }

    fn of(mut all: Vec<Candidate>) -> Self {
        all.sort_by_key(|c| (Reverse(c.cidr.prefix_len()), c.cidr.network(), c.rank));
        all.dedup_by_key(|c| c.cidr);
        let mut levels: Vec<Level> = Vec::new();
        for candidate in all {
            let prefix_len = candidate.cidr.prefix_len();
            let entry = Entry {
                network: candidate.cidr.network().to_bits(),
                route: candidate.route,
                target: candidate.target,
            };
            match levels.last_mut() {
                Some(level) if level.prefix_len == prefix_len => level.entries.push(entry),
                _ => levels.push(Level {
                    prefix_len,
                    mask: candidate.cidr.netmask().to_bits(),
                    entries: vec![entry],
                }),
            }
        }
        Self { levels }
    }

    /// The route of packets to `dst`.
    #[must_use]
    pub fn lookup(&self, dst: Ipv4Addr) -> Option<RouteMatch<'_>> {
        self.levels.iter().find_map(|level| {
            let network = dst.to_bits() & level.mask;
            let found = level.entries.binary_search_by_key(&network, |e| e.network);
            let entry = &level.entries[found.ok()?];
            Some(RouteMatch {
                route: entry.route,
                prefix: Ipv4Net::new_assert(Ipv4Addr::from_bits(network), level.prefix_len),
                target: &entry.target,
            })
        })
    }

    /// Whether any route leads to a NAT gateway.
    #[must_use]
    pub fn has_nat_gateway(&self) -> bool {
        let mut entries = self.levels.iter().flat_map(|level| &level.entries);
        entries.any(|entry| matches!(entry.target, RouteTarget::NatGateway(_)))
    }
}

#[cfg(test)]
mod tests;

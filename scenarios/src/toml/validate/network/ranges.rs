//! Address ranges: VPCs, zones, subnets, prefix lists.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;
use sim_net::vpc::{PrefixListPlan, RegionPlan, SubnetPlan, VpcPlan};

use crate::diagnostic::Problem;
use crate::document::reader::At;
use crate::toml::spec::{PrefixListSpec, SubnetSpec, VpcSpec};
use crate::toml::validate::{Context, refer};

/// Prefix lengths that EC2 gives to VPCs and subnets.
///
/// Source: Amazon VPC User Guide, subnet sizing (vendor).
const PREFIXES: RangeInclusive<u8> = 16..=28;

/// Address ranges of a VPC. Source: Amazon VPC User Guide, amazon-vpc-limits (vendor).
const MAX_RANGES: usize = 5;

/// Entries of a prefix list. Source: Amazon VPC User Guide, amazon-vpc-limits (vendor).
const MAX_ENTRIES: usize = 1000;

/// The range that public addresses come from which nobody has named.
///
/// Source: RFC 2544, for benchmarks (assumed: real ones are no matter of a simulation).
const PUBLIC: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 18, 0, 0), 15);

/// The name of the first VPC.
const FIRST: &str = "vpc";

/// Whether two ranges have an address in common.
pub(super) fn overlap(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(other) || other.contains(one)
}

pub(super) fn vpcs(spec: &VpcSpec, region: &mut RegionPlan, context: &mut Context<'_>) {
    for other in &spec.other {
        if other.name.value == FIRST {
            let problem = Problem::new("duplicate-name", "two VPCs are named \"vpc\"");
            let help = "rename this one: the first VPC has that name";
            context.error(&other.name, problem.with_help(help));
        }
    }
    context.apart("VPCs", spec.other.iter().map(|other| &other.name));
    let mut cidrs = vec![first_cidr(spec, context)];
    let secondary = spec.secondary_cidrs.as_deref().unwrap_or(&[]);
    ranges(secondary, &mut cidrs, context);
    let first = (FIRST, cidrs, &spec.dns_support);
    let others = spec.other.iter().map(|other| {
        let mut cidrs = Vec::new();
        ranges(&other.cidrs, &mut cidrs, context);
        (other.name.value.as_str(), cidrs, &other.dns_support)
    });
    let all: Vec<_> = std::iter::once(first).chain(others).collect();
    for (index, (name, cidrs, dns_support)) in all.into_iter().enumerate() {
        region.vpcs.push(VpcPlan {
            id: format!("vpc-{index}"),
            name: name.to_owned(),
            cidrs,
            dns_support: dns_support.as_ref().is_none_or(|dns| dns.value),
        });
    }
}

fn first_cidr(spec: &VpcSpec, context: &mut Context<'_>) -> Ipv4Net {
    if let Some(cidr) = &spec.cidr {
        range(cidr, context);
        return cidr.value;
    }
    let in_first = |subnet: &&SubnetSpec| subnet.vpc.as_ref().is_none_or(|vpc| vpc.value == FIRST);
    let first = spec.subnet.iter().find(in_first);
    let around = first.map_or([10, 0, 0, 0].into(), |subnet| subnet.cidr.value.addr());
    Ipv4Net::new_assert(around, 16).trunc()
}

/// Further ranges of a VPC.
fn ranges(given: &[At<Ipv4Net>], cidrs: &mut Vec<Ipv4Net>, context: &mut Context<'_>) {
    for cidr in given {
        range(cidr, context);
        if let Some(other) = cidrs.iter().find(|other| overlap(other, &cidr.value)) {
            let message = format!("{} overlaps {other} of the same VPC", cidr.value);
            let problem = Problem::new("overlapping-ranges", message);
            context.error(cidr, problem.with_help("choose ranges that are apart"));
        }
        if cidrs.len() == MAX_RANGES {
            let message = format!("a VPC has at most {MAX_RANGES} address ranges");
            let problem = Problem::new("too-many", message);
            context.error(cidr, problem.with_help("shorten the list"));
        }
        cidrs.push(cidr.value);
    }
}

/// Reports a range that a VPC cannot have.
fn range(cidr: &At<Ipv4Net>, context: &mut Context<'_>) {
    prefix("VPC", cidr, context);
    let public = Ipv4Net::new_assert(PUBLIC.0, PUBLIC.1);
    if overlap(&public, &cidr.value) {
        let message = format!(
            "{} overlaps {public}, whose addresses are public here",
            cidr.value
        );
        let help = "choose another range: machines outside and public addresses are given those";
        context.error(cidr, Problem::new("public-range", message).with_help(help));
    }
}

fn prefix(what: &str, cidr: &At<Ipv4Net>, context: &mut Context<'_>) {
    let length = cidr.value.prefix_len();
    if !PREFIXES.contains(&length) {
        let message = format!("a {what} of /{length} is not possible: {}", cidr.value);
        let help = format!("give /{} to /{}", PREFIXES.start(), PREFIXES.end());
        context.error(cidr, Problem::new("bad-prefix", message).with_help(help));
    }
}

pub(super) fn zones(spec: &VpcSpec, region: &mut RegionPlan, context: &mut Context<'_>) {
    let zones = &mut region.zones;
    if let Some(given) = &spec.zones {
        context.apart("zones", given.iter());
        zones.extend(given.iter().map(|zone| zone.value.clone()));
    }
    if zones.is_empty() {
        for subnet in &spec.subnet {
            if !zones.contains(&subnet.zone.value) {
                zones.push(subnet.zone.value.clone());
            }
        }
    }
    if zones.is_empty() {
        *zones = vec!["a".to_owned(), "b".to_owned()];
    }
}

pub(super) fn subnets(spec: &VpcSpec, region: &mut RegionPlan, context: &mut Context<'_>) {
    if spec.subnet.is_empty() {
        region.subnets = default_subnets(spec, region, context);
        return;
    }
    context.apart("subnets", spec.subnet.iter().map(|subnet| &subnet.name));
    for spec in &spec.subnet {
        let (name, cidr) = (&spec.name.value, spec.cidr.value);
        prefix("subnet", &spec.cidr, context);
        let vpc = refer::vpc(spec.vpc.as_ref(), region, context);
        inside(spec, vpc, region, context);
        let overlaps =
            |other: &&SubnetPlan| refer::same_vpc(other.vpc, vpc) && overlap(&other.cidr, &cidr);
        if let Some(other) = region.subnets.iter().find(overlaps) {
            let message = format!(
                "subnet {name:?} ({cidr}) overlaps {:?} ({})",
                other.name, other.cidr
            );
            let problem = Problem::new("overlapping-subnets", message);
            context.error(
                &spec.cidr,
                problem.with_help("choose ranges that are apart"),
            );
        }
        let zones = region.zones.iter().map(String::as_str);
        let zone = context.find("zone", &spec.zone, zones).unwrap_or(0);
        region.subnets.push(subnet(vpc, name.clone(), cidr, zone));
    }
}

fn subnet(vpc: usize, name: String, cidr: Ipv4Net, zone: usize) -> SubnetPlan {
    SubnetPlan {
        vpc,
        id: format!("subnet-{name}"),
        name,
        cidr,
        zone,
        route_table: None,
        network_acl: None,
    }
}

/// Reports a subnet that is in none of its VPC's ranges.
fn inside(spec: &SubnetSpec, vpc: usize, region: &RegionPlan, context: &mut Context<'_>) {
    let (name, cidr) = (&spec.name.value, spec.cidr.value);
    let Some(plan) = region.vpcs.get(vpc) else {
        return;
    };
    if plan.cidrs.iter().any(|range| range.contains(&cidr)) {
        return;
    }
    let ranges: Vec<_> = plan.cidrs.iter().map(ToString::to_string).collect();
    let ranges = ranges.join(", ");
    let (the_vpc, wider) = match vpc {
        0 => ("the VPC".to_owned(), "a wider `vpc.cidr`"),
        _ => (format!("VPC {:?}", plan.name), "another of its `cidrs`"),
    };
    let message = format!("subnet {name:?} ({cidr}) is outside {the_vpc} ({ranges})");
    let help = format!("choose a range inside {ranges}, or {wider}");
    context.error(
        &spec.cidr,
        Problem::new("outside-vpc", message).with_help(help),
    );
}

/// One subnet per zone, each a sixteenth of the VPC (a /20 of a /16).
fn default_subnets(
    spec: &VpcSpec,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<SubnetPlan> {
    let (zones, cidr) = (&region.zones, region.vpcs[0].cidrs[0]);
    let length = (cidr.prefix_len() + 4).min(*PREFIXES.end());
    let parts = cidr
        .subnets(length)
        .map(Iterator::collect)
        .unwrap_or_else(|_| vec![cidr]);
    if parts.len() < zones.len() {
        let message = format!(
            "{} zones do not fit in {cidr} without subnets given",
            zones.len()
        );
        let problem = Problem::new("no-room", message).with_help("give [[vpc.subnet]]");
        match &spec.cidr {
            Some(cidr) => context.error(cidr, problem),
            None => context.error_in_file("vpc.zones", problem),
        }
    }
    let pairs = zones.iter().zip(parts).enumerate();
    let subnets: Vec<_> = pairs
        .map(|(zone, (name, cidr))| subnet(0, name.clone(), cidr, zone))
        .collect();
    let list: Vec<_> = subnets
        .iter()
        .map(|s| format!("{} {}", s.name, s.cidr))
        .collect();
    context.assume(format!(
        "no subnet is given: one per zone is used ({})",
        list.join(", ")
    ));
    subnets
}

/// Gives every subnet its route table, by itself the main one of its VPC, and its network ACL.
pub(super) fn subnet_tables(
    specs: &[SubnetSpec],
    region: &mut RegionPlan,
    context: &mut Context<'_>,
) {
    for (index, spec) in specs.iter().enumerate() {
        let vpc = region.subnets[index].vpc;
        if let Some(name) = &spec.route_table {
            let tables = region.route_tables.iter();
            let tables: Vec<_> = tables.map(|table| (&*table.name, table.vpc)).collect();
            let found = of_vpc("route table", name, &tables, vpc, region, context);
            region.subnets[index].route_table = found;
        }
        if let Some(name) = &spec.network_acl {
            let acls = region.network_acls.iter();
            let acls: Vec<_> = acls.map(|acl| (&*acl.name, acl.vpc)).collect();
            let found = of_vpc("network ACL", name, &acls, vpc, region, context);
            region.subnets[index].network_acl = found;
        }
    }
}

/// The index of what a subnet names, which has to be of the subnet's VPC.
fn of_vpc(
    what: &str,
    name: &At<String>,
    known: &[(&str, usize)],
    vpc: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Option<usize> {
    let found = context.find(what, name, known.iter().map(|(name, _)| *name))?;
    let other = known[found].1;
    if !refer::same_vpc(other, vpc) {
        let message = format!(
            "{what} {:?} is of VPC {}, the subnet of VPC {}",
            name.value,
            refer::vpc_name(other, region),
            refer::vpc_name(vpc, region)
        );
        let problem = Problem::new("of-other-vpc", message);
        let help = format!("use a {what} of VPC {}", refer::vpc_name(vpc, region));
        context.error(name, problem.with_help(help));
    }
    Some(found)
}

/// Whether instances and clients get a public address, by subnet.
pub(super) fn map_public_ip(
    specs: &[SubnetSpec],
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<bool> {
    let mut mapped = vec![false; region.subnets.len()];
    for (index, spec) in specs.iter().enumerate() {
        if let Some(map) = spec.map_public_ip.as_ref().filter(|map| map.value) {
            refer::public_address(map, region.subnets[index].vpc, region, context);
            mapped[index] = true;
        }
    }
    mapped
}

pub(super) fn prefix_lists(
    specs: &[PrefixListSpec],
    region: &mut RegionPlan,
    context: &mut Context<'_>,
) {
    for spec in specs {
        if let Some(first_too_many) = spec.cidrs.get(MAX_ENTRIES) {
            let message = format!(
                "{} entries, at most {MAX_ENTRIES} are allowed",
                spec.cidrs.len()
            );
            let problem = Problem::new("too-many", message);
            context.error(first_too_many, problem.with_help("shorten the list"));
        }
        region.prefix_lists.push(PrefixListPlan {
            id: format!("pl-{}", spec.name.value),
            name: spec.name.value.clone(),
            cidrs: spec.cidrs.iter().map(|cidr| cidr.value).collect(),
        });
    }
}

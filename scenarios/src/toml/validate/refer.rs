//! What names of the network stand for: VPCs, subnets, security groups, prefix lists.
//!
//! Everything here asks a [`RegionPlan`] alone, wherever it came from.

use sim_net::vpc::{RegionPlan, SecurityGroupPlan};

use super::Context;
use crate::diagnostic::Problem;
use crate::document::reader::At;

/// Stands for a VPC whose name is unknown, which has been reported: it fits everywhere, so that one
/// mistake is told once.
pub(super) const UNKNOWN: usize = usize::MAX;

/// Security groups of one interface.
///
/// Source: Amazon VPC User Guide, amazon-vpc-limits (vendor): 5, which AWS raises on request to at
/// most 16; Amazon ECS API, `AwsVpcConfiguration` (specified): 5.
const MAX_GROUPS: usize = 5;

/// Whether two VPCs may be the same.
pub(super) fn same_vpc(one: usize, other: usize) -> bool {
    one == other || one == UNKNOWN || other == UNKNOWN
}

/// Whether a peering connection joins two VPCs.
pub(super) fn peered(one: usize, other: usize, region: &RegionPlan) -> bool {
    let sides = |side| same_vpc(side, one) || same_vpc(side, other);
    let mut peerings = region.peerings.iter();
    peerings.any(|peering| sides(peering.requester) && sides(peering.accepter))
}

/// A VPC by name; the first if none is given.
pub(super) fn vpc(
    name: Option<&At<String>>,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> usize {
    let Some(name) = name else { return 0 };
    let known = region.vpcs.iter().map(|vpc| vpc.name.as_str());
    context.find("VPC", name, known).unwrap_or(UNKNOWN)
}

/// The name of a VPC, in quotes.
pub(super) fn vpc_name(vpc: usize, region: &RegionPlan) -> String {
    let found = region.vpcs.get(vpc);
    found.map_or_else(|| "?".to_owned(), |vpc| format!("{:?}", vpc.name))
}

/// The VPC of a subnet.
pub(super) fn vpc_of(subnet: usize, region: &RegionPlan) -> usize {
    region.subnets.get(subnet).map_or(UNKNOWN, |it| it.vpc)
}

/// A subnet by name.
pub(super) fn subnet(
    name: &At<String>,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Option<usize> {
    one_of_its_name("subnets", name, subnet_ids(name, region), context);
    let found = context.find("subnet", name, subnet_words(region));
    found.map(|word| word % region.subnets.len())
}

/// A prefix list by name.
pub(super) fn prefix_list(
    name: &At<String>,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Option<usize> {
    let known = region.prefix_lists.iter().map(|list| list.name.as_str());
    context.find("prefix list", name, known)
}

/// Subnets of one VPC by name; all of the first VPC if none are given. Where there are none, it is
/// reported at `owner`.
pub(super) fn subnets(
    names: Option<&[At<String>]>,
    owner: &At<String>,
    most: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<usize> {
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        let all = 0..region.subnets.len();
        let first_vpc = all.filter(|&subnet| same_vpc(vpc_of(subnet, region), 0));
        let list: Vec<usize> = first_vpc.take(most).collect();
        if list.is_empty() {
            let problem = Problem::new("no-subnet", "the first VPC has no subnet");
            context.error(owner, problem.with_help("give it one, or say `subnets`"));
        }
        return list;
    };
    context.length("subnets", names, most);
    for name in names {
        one_of_its_name("subnets", name, subnet_ids(name, region), context);
    }
    let found = context.find_all("subnet", names, subnet_words(region));
    let found: Vec<usize> = once(found.iter().map(|word| word % region.subnets.len()));
    let Some(&first) = found.first() else {
        return found;
    };
    let vpc = vpc_of(first, region);
    let elsewhere = |&&subnet: &&usize| !same_vpc(vpc_of(subnet, region), vpc);
    if let Some(&other) = found.iter().find(elsewhere) {
        let name = &region.subnets[other].name;
        let at = names.iter().find(|given| given.value == *name);
        let message = format!(
            "subnet {name:?} is in VPC {}, {:?} in VPC {}",
            vpc_name(vpc_of(other, region), region),
            region.subnets[first].name,
            vpc_name(vpc, region)
        );
        let problem = Problem::new("two-vpcs", message);
        let help = "list subnets of one VPC: interfaces share security groups, which have one VPC";
        context.error(at.unwrap_or(owner), problem.with_help(help));
    }
    found
}

/// Reports a name that several things of AWS's have: tags need not be unique, and none of them is
/// meant more than another.
fn one_of_its_name(what: &str, name: &At<String>, mut ids: Vec<&str>, context: &mut Context<'_>) {
    // Names of a file that are given twice have been reported.
    ids.dedup();
    if ids.len() > 1 {
        let message = format!("{} {what} are named {:?}", ids.len(), name.value);
        let help = format!("give one by its identifier: {}", ids.join(", "));
        let problem = Problem::new("ambiguous-name", message);
        context.error(name, problem.with_help(help));
    }
}

/// The identifiers of the subnets with a name.
fn subnet_ids<'a>(name: &At<String>, region: &'a RegionPlan) -> Vec<&'a str> {
    let named = region.subnets.iter().filter(|it| it.name == name.value);
    named.map(|it| it.id.as_str()).collect()
}

/// The words by which subnets go: their names, then their identifiers, where they are AWS's.
fn subnet_words(region: &RegionPlan) -> impl Iterator<Item = &str> + Clone {
    let all = &region.subnets;
    let names = all.iter().map(|subnet| subnet.name.as_str());
    let ids = all.iter().map(|subnet| subnet.id.as_str());
    let made_up = all
        .first()
        .is_some_and(|it| is_made_up("subnet-", &it.name, &it.id));
    names.chain(ids.take(if made_up { 0 } else { all.len() }))
}

/// Whether an identifier is the one that a scenario file gives to what it names.
fn is_made_up(prefix: &str, name: &str, id: &str) -> bool {
    id.strip_prefix(prefix) == Some(name)
}

/// Each once, in the order in which they first come: one may go by its name and its identifier.
fn once(list: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut seen = Vec::new();
    for index in list {
        if !seen.contains(&index) {
            seen.push(index);
        }
    }
    seen
}

/// Security groups of an interface in a VPC by name; the VPC's `default`, or else its first, if none
/// are given. Where there
/// is none, it is reported at `owner`.
pub(super) fn groups(
    names: Option<&[At<String>]>,
    owner: &At<String>,
    vpc: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<usize> {
    let all = &region.security_groups;
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        let mut here = (0..all.len()).filter(|group| same_vpc(all[*group].vpc, vpc));
        let default = here.clone().find(|group| all[*group].name == "default");
        let first = default.or(here.next());
        if first.is_none() {
            let message = format!("VPC {} has no security group", vpc_name(vpc, region));
            let help = "add [[vpc.security_group]] with its `vpc`";
            context.error(
                owner,
                Problem::new("no-security-group", message).with_help(help),
            );
        }
        return first.into_iter().collect();
    };
    if let Some(first_too_many) = names.get(MAX_GROUPS) {
        let message = format!(
            "{} security groups, at most {MAX_GROUPS} are allowed",
            names.len()
        );
        let help = "shorten the list: AWS allows 5 for an interface unless the quota is raised";
        context.error(
            first_too_many,
            Problem::new("too-many", message).with_help(help),
        );
    }
    for name in names {
        let named = |it: &&SecurityGroupPlan| it.name == name.value && same_vpc(it.vpc, vpc);
        let ids = all.iter().filter(named).map(|it| it.id.as_str());
        one_of_its_name("security groups", name, ids.collect(), context);
    }
    let ids = all.iter().map(|group| group.id.as_str());
    let made_up = all
        .first()
        .is_some_and(|it| is_made_up("sg-", &it.name, &it.id));
    let ids = ids.take(if made_up { 0 } else { all.len() });
    let known = all.iter().map(|group| group.name.as_str()).chain(ids);
    let found = context.find_all("security group", names, known);
    // Every VPC of AWS has a group of the name `default`: a name means the one of this VPC.
    let here = |word: &usize| {
        let group = word % all.len();
        let same =
            |other: &usize| all[*other].name == all[group].name && same_vpc(all[*other].vpc, vpc);
        match *word < all.len() {
            true => (0..all.len()).find(same).unwrap_or(group),
            false => group,
        }
    };
    let found: Vec<usize> = once(found.iter().map(here));
    for &group in &found {
        let group = &all[group];
        if same_vpc(group.vpc, vpc) {
            continue;
        }
        let at = names.iter().find(|given| given.value == group.name);
        let message = format!(
            "security group {:?} is of VPC {}, the interface is in VPC {}",
            group.name,
            vpc_name(group.vpc, region),
            vpc_name(vpc, region)
        );
        let problem = Problem::new("group-of-other-vpc", message);
        let help = format!("use a security group of VPC {}", vpc_name(vpc, region));
        context.error(at.unwrap_or(owner), problem.with_help(help));
    }
    found
}

/// The internet gateway of a VPC.
pub(super) fn internet_gateway(vpc: usize, region: &RegionPlan) -> Option<usize> {
    let mut gateways = region.internet_gateways.iter();
    gateways.position(|gateway| same_vpc(gateway.vpc, vpc))
}

/// Says that a public address is of no use in a VPC without an internet gateway.
pub(super) fn public_address<T>(
    at: &At<T>,
    vpc: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) {
    if internet_gateway(vpc, region).is_none() && vpc != UNKNOWN {
        let message = format!(
            "a public address in VPC {}, which has no internet gateway, reaches nobody",
            vpc_name(vpc, region)
        );
        let problem = Problem::new("no-internet-gateway", message);
        context.caveat(at, problem.with_help("add [[vpc.internet_gateway]]"));
    }
}

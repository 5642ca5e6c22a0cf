//! VPCs, their subnets, and the availability zones of these.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use sim_net::vpc::{SubnetPlan, VpcPlan};

use super::context::{Context, id};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{cidr, name_tag, required, required_with};
use crate::diagnostic::Problem;
use crate::document::reader::{At, Reader};

/// Reads the VPCs.
pub(super) fn read_vpcs(documents: &Documents<'_>, context: &mut Context) {
    for item in documents.items(Kind::Vpc) {
        let Some(mut reader) = context.reports.reader(item) else {
            continue;
        };
        let id = id(&mut reader, Kind::Vpc);
        let name = name_tag(&mut reader, "Tags");
        let cidrs = vpc_ranges(&mut reader);
        context
            .ipv6
            .note_record_list(item, "Ipv6CidrBlockAssociationSet");
        let (Some(id), Some(cidrs)) = (id, cidrs) else {
            continue;
        };
        let index = context.region.vpcs.len();
        context.ids.add(Kind::Vpc, &id, Some(index));
        context.region.vpcs.push(VpcPlan {
            name: name.unwrap_or_else(|| id.clone()),
            cidrs,
            // describe-vpcs does not say; AWS turns it on in every new VPC.
            // Source: Amazon VPC User Guide, vpc-dns, 2026-11 (vendor).
            dns_support: documents.resolvers.get(&id).copied().unwrap_or(true),
            id,
        });
    }
}

/// The ranges of a VPC, the first one first. Those that are no longer associated are left out.
fn vpc_ranges(reader: &mut Reader<'_>) -> Option<Vec<Ipv4Net>> {
    let first = required_with(reader, "CidrBlock", Kind::Vpc.command(), cidr)?;
    let mut ranges = vec![first];
    let more = reader.tables("CidrBlockAssociationSet", |reader| {
        let state = reader.table("CidrBlockState", |reader| {
            reader.get::<String>("State").map(|at| at.value)
        });
        if state.is_some_and(|state| state != "associated") {
            return None;
        }
        reader.read("CidrBlock", cidr)
    });
    for range in more {
        if ranges.iter().any(|other| other.value == range.value) {
            continue;
        }
        if let Some(other) = ranges
            .iter()
            .find(|other| overlap(other.value, range.value))
        {
            let problem = overlapping("ranges of the VPC", range.value, other.value, None);
            reader.error_at(&range.place, range.span.clone(), problem);
        }
        ranges.push(range);
    }
    Some(ranges.into_iter().map(|at| at.value).collect())
}

/// Whether two ranges have an address in common.
pub(super) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Two ranges that AWS would not have let exist together.
fn overlapping(what: &str, one: Ipv4Net, other: Ipv4Net, owner: Option<&str>) -> Problem {
    let owner = owner
        .map(|owner| format!(" of {owner}"))
        .unwrap_or_default();
    Problem::new(
        "overlapping-ranges",
        format!("{what} overlap: {one} and {other}{owner}"),
    )
    .with_help("give ranges without a common address")
}

/// Reads the subnets.
pub(super) fn read_subnets(documents: &Documents<'_>, context: &mut Context) {
    let zones: BTreeSet<String> = documents
        .items(Kind::Subnet)
        .iter()
        .filter_map(|item| zone(item).map(str::to_owned))
        .collect();
    context.region.zones = zones.into_iter().collect();
    for item in documents.items(Kind::Subnet) {
        if let Some((subnet, map_public_ip)) = read_subnet(item, context) {
            let index = context.region.subnets.len();
            context.ids.add(Kind::Subnet, &subnet.id, Some(index));
            context.region.subnets.push(subnet);
            context.map_public_ip.push(map_public_ip);
        }
    }
}

/// The name of a subnet's zone, or where that is withheld its identifier.
fn zone<'a>(item: &Item<'a>) -> Option<&'a str> {
    let key = |key| item.node.get(key).and_then(|node| node.as_str());
    key("AvailabilityZone").or_else(|| key("AvailabilityZoneId"))
}

/// A subnet, and whether instances get a public address in it.
fn read_subnet(item: &Item<'_>, context: &mut Context) -> Option<(SubnetPlan, bool)> {
    let command = Kind::Subnet.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::Subnet);
    let name = name_tag(&mut reader, "Tags");
    context
        .ipv6
        .note_record_list(item, "Ipv6CidrBlockAssociationSet");
    let vpc = context
        .ids
        .refer(&mut reader, "VpcId", Kind::Vpc, Kind::Subnet);
    let zone = match zone(item) {
        Some(zone) => context.region.zones.iter().position(|name| name == zone),
        None => {
            required::<String>(&mut reader, "AvailabilityZone", command);
            None
        }
    };
    let map_public_ip = reader.get::<bool>("MapPublicIpOnLaunch");
    if ipv6_only(&mut reader) {
        let span = reader.span();
        context.ipv6.note(item.file, span, &item.place);
        return None;
    }
    let cidr = required_with(&mut reader, "CidrBlock", command, cidr);
    let (id, vpc, zone, cidr) = (id?, vpc?, zone?, cidr?);
    check_place(&mut reader, &cidr, &context.region.vpcs[vpc]);
    let mut others = context.region.subnets.iter();
    if let Some(other) = others.find(|other| other.vpc == vpc && overlap(other.cidr, cidr.value)) {
        let problem = overlapping("subnets", cidr.value, other.cidr, Some(&other.id));
        reader.error_at(&cidr.place, cidr.span.clone(), problem);
    }
    let subnet = SubnetPlan {
        vpc,
        name: name.unwrap_or_else(|| id.clone()),
        id,
        cidr: cidr.value,
        zone,
        route_table: None,
        network_acl: None,
    };
    Some((subnet, map_public_ip.is_some_and(|map| map.value)))
}

/// A subnet without IPv4.
fn ipv6_only(reader: &mut Reader<'_>) -> bool {
    reader
        .node("Ipv6Native")
        .is_some_and(|node| node.show() == "true")
        && reader.node("CidrBlock").is_none()
}

/// A subnet lies in a range of its VPC.
fn check_place(reader: &mut Reader<'_>, cidr: &At<Ipv4Net>, vpc: &VpcPlan) {
    if vpc.cidrs.iter().any(|range| range.contains(&cidr.value)) {
        return;
    }
    let ranges: Vec<_> = vpc.cidrs.iter().map(ToString::to_string).collect();
    let problem = Problem::new(
        "outside-vpc",
        format!(
            "the subnet's range {} is not in its VPC {} ({})",
            cidr.value,
            vpc.id,
            ranges.join(", ")
        ),
    )
    .with_help("give a part of a range of the VPC");
    reader.error_at(&cidr.place, cidr.span.clone(), problem);
}

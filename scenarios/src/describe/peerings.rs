//! Peering connections, and what a route to one comes to.

use ipnet::Ipv4Net;
use sim_net::vpc::{PeeringPlan, RouteTarget};

use super::context::{Context, Ids, id};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{name_tag, required};
use super::vpcs::overlap;
use crate::diagnostic::Problem;
use crate::document::reader::Reader;

/// Reads the peering connections. One to a VPC that no file has leads to the unknown.
pub(super) fn read(documents: &Documents<'_>, context: &mut Context) {
    for item in documents.items(Kind::Peering) {
        read_peering(item, context);
    }
}

fn read_peering(item: &Item<'_>, context: &mut Context) -> Option<()> {
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::Peering)?;
    let name = name_tag(&mut reader, "Tags");
    let active = is_active(&mut reader);
    let Sides {
        requester,
        accepter,
    } = sides(&mut reader, &id)?;
    let index = |vpc: &str| context.ids.index(Kind::Vpc, vpc);
    let (Some(one), Some(other)) = (index(&requester), index(&accepter)) else {
        report_missing_side(&mut reader, &context.ids, &id, [&requester, &accepter]);
        let target = RouteTarget::Unmodelled(id.clone());
        context.targets.insert(id, target);
        return None;
    };
    let active = active?;
    let ranges = |vpc: usize| context.region.vpcs[vpc].cidrs.as_slice();
    check_ranges(&mut reader, ranges(one), ranges(other), active);
    let peering = context.region.peerings.len();
    context.ids.add(Kind::Peering, &id, Some(peering));
    context
        .targets
        .insert(id.clone(), RouteTarget::Peering(peering));
    context.region.peerings.push(PeeringPlan {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        requester: one,
        accepter: other,
        active,
    });
    Some(())
}

/// Reads a table that has to be there.
fn table<T>(
    reader: &mut Reader<'_>,
    key: &'static str,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Option<T> {
    if reader.node(key).is_none() {
        let command = Kind::Peering.command();
        reader.missing(key, format!("take the output of `{command}` as it is"));
    }
    reader.table(key, read)
}

fn is_active(reader: &mut Reader<'_>) -> Option<bool> {
    table(reader, "Status", |reader| {
        let code = required::<String>(reader, "Code", Kind::Peering.command())?;
        Some(code.value == "active")
    })
}

/// The identifiers of the two VPCs.
struct Sides {
    requester: String,
    accepter: String,
}

fn sides(reader: &mut Reader<'_>, id: &str) -> Option<Sides> {
    let side = |reader: &mut Reader<'_>| {
        let region = reader.get::<String>("Region").map(|at| at.value);
        let vpc = required::<String>(reader, "VpcId", Kind::Peering.command())?;
        Some((vpc.value, region))
    };
    let requester = table(reader, "RequesterVpcInfo", side);
    let accepter = table(reader, "AccepterVpcInfo", side);
    let ((requester, here), (accepter, there)) = (requester?, accepter?);
    if here.is_some() && there.is_some() && here != there {
        let problem = Problem::new(
            "cross-region",
            format!("{id} connects two Regions: the way between is taken as one between zones"),
        );
        reader.caveat("VpcPeeringConnectionId", problem);
    }
    Some(Sides {
        requester,
        accepter,
    })
}

/// A VPC of another account or Region is in no file. One that is there and broken has been reported.
fn report_missing_side(reader: &mut Reader<'_>, ids: &Ids, id: &str, sides: [&String; 2]) {
    let missing = sides.into_iter().find(|vpc| !ids.knows(Kind::Vpc, vpc));
    let Some(missing) = missing.filter(|_| ids.given(Kind::Vpc)) else {
        return;
    };
    let problem = Problem::new(
        "unknown-peer",
        format!("{id} leads to {missing}, which no file has: routes to it are undetermined"),
    )
    .with_help("add the files of that VPC's account and Region, if you can");
    reader.caveat("VpcPeeringConnectionId", problem);
}

/// VPCs with a common address cannot be peered: the connection never becomes active.
fn check_ranges(reader: &mut Reader<'_>, ours: &[Ipv4Net], theirs: &[Ipv4Net], active: bool) {
    let pair = ours
        .iter()
        .flat_map(|one| theirs.iter().map(move |other| (*one, *other)))
        .find(|(one, other)| overlap(*one, *other));
    let Some((one, other)) = pair else { return };
    let problem = Problem::new(
        "overlapping-ranges",
        format!("ranges of the peered VPCs overlap: {one} and {other}"),
    );
    if active {
        let help = "AWS lets such a connection never become active: take all files at one time";
        reader.error("VpcPeeringConnectionId", problem.with_help(help));
    } else {
        reader.caveat("VpcPeeringConnectionId", problem);
    }
}

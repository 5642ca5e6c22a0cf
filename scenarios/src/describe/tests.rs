//! What the reader makes of files: the example, every kind of problem, mutilated files, and a
//! collection of real ones.

use std::fmt::Write as _;

use sim_net::vpc::{AclEntryPlan, PeerPlan, RouteDestination, RouteTarget, RulePlan};

use super::*;

mod corpus;
mod example;
mod fuzz;
mod ports;
mod problems;
mod variants;

/// The files of the example, by name.
pub(super) fn example() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vpc");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// The example with a change in one file. The text that is replaced must be there, once.
pub(super) fn changed(file: &str, old: &str, new: &str) -> Vec<(String, String)> {
    let mut files = example();
    let (_, text) = files.iter_mut().find(|(name, _)| name == file).unwrap();
    assert_eq!(text.matches(old).count(), 1, "{old}");
    *text = text.replace(old, new);
    files
}

/// The example without some files.
pub(super) fn without(names: &[&str]) -> Vec<(String, String)> {
    let mut files = example();
    files.retain(|(name, _)| !names.contains(&name.as_str()));
    files
}

/// Files that can be read.
pub(super) fn accepted(files: &[(String, String)]) -> Imported {
    match read_files(files) {
        Ok((imported, _)) => imported,
        Err(reports) => panic!("{}", text(&reports)),
    }
}

/// The errors of files that cannot be read, as a user sees them without a terminal.
pub(super) fn refused(files: &[(String, String)]) -> String {
    let reports = read_files(files).expect_err("the files are good");
    let mut text = String::new();
    for report in &reports {
        for error in report.errors() {
            let _ = writeln!(text, "{}", report.line(error));
            let help = error.help.as_deref().expect("every error has a remedy");
            let _ = writeln!(text, "  help: {help}");
        }
    }
    assert!(!text.is_empty());
    text
}

/// The caveats of files that can be read and that the example does not have.
pub(super) fn new_caveats(files: &[(String, String)]) -> String {
    let old = accepted(&example()).caveats;
    let mut new = accepted(files).caveats;
    // A caveat that only moved is not new.
    let message = |line: &str| line.split(": caveat: ").nth(1).unwrap_or(line).to_owned();
    new.retain(|caveat| !old.iter().any(|other| message(other) == message(caveat)));
    new.join("\n")
}

pub(super) fn text(reports: &[Report]) -> String {
    reports.iter().map(ToString::to_string).collect()
}

/// What was read, for people.
pub(super) fn show(imported: &Imported) -> String {
    let mut text = String::new();
    let region = &imported.region;
    for vpc in &region.vpcs {
        let _ = writeln!(
            text,
            "vpc {} {:?} {:?} resolver {}",
            vpc.id, vpc.name, vpc.cidrs, vpc.dns_support
        );
    }
    let _ = writeln!(text, "zones {:?}", region.zones);
    for subnet in &region.subnets {
        let _ = writeln!(
            text,
            "subnet {} {:?} in vpc {}: {} zone {} table {:?} acl {:?}",
            subnet.id,
            subnet.name,
            subnet.vpc,
            subnet.cidr,
            subnet.zone,
            subnet.route_table,
            subnet.network_acl
        );
    }
    for list in &region.prefix_lists {
        let _ = writeln!(
            text,
            "prefix list {} {:?} {:?}",
            list.id, list.name, list.cidrs
        );
    }
    for group in &region.security_groups {
        let _ = writeln!(
            text,
            "group {} {:?} in vpc {}",
            group.id, group.name, group.vpc
        );
        for (direction, rules) in [("in", &group.ingress), ("out", &group.egress)] {
            rules
                .iter()
                .for_each(|rule| show_rule(&mut text, direction, rule));
        }
    }
    for acl in &region.network_acls {
        let _ = writeln!(text, "acl {} {:?} in vpc {}", acl.id, acl.name, acl.vpc);
        for (direction, entries) in [("in", &acl.ingress), ("out", &acl.egress)] {
            entries
                .iter()
                .for_each(|entry| show_entry(&mut text, direction, entry));
        }
    }
    show_gateways(&mut text, region);
    for table in &region.route_tables {
        let _ = writeln!(
            text,
            "table {} {:?} in vpc {}",
            table.id, table.name, table.vpc
        );
        for route in &table.routes {
            let destination = match &route.destination {
                RouteDestination::Cidr(cidr) => cidr.to_string(),
                RouteDestination::PrefixList(list) => format!("prefix list {list}"),
            };
            let propagated = if route.propagated { " propagated" } else { "" };
            let _ = writeln!(text, "  {destination} via {:?}{propagated}", route.target);
        }
    }
    for interface in &imported.interfaces {
        let _ = writeln!(
            text,
            "interface {} {:?} ({}) {} in subnet {} public {:?} groups {:?} check {} of {:?} {:?}",
            interface.id,
            interface.name,
            interface.kind.name(),
            interface.address,
            interface.subnet,
            interface.public_address,
            interface.security_groups,
            interface.source_dest_check,
            interface.instance,
            interface.instance_type,
        );
    }
    text
}

fn show_rule(text: &mut String, direction: &str, rule: &RulePlan) {
    let peer = match &rule.peer {
        PeerPlan::Cidr(cidr) => cidr.to_string(),
        PeerPlan::Group(group) => format!("group {group}"),
        PeerPlan::PrefixList(list) => format!("prefix list {list}"),
    };
    let _ = writeln!(
        text,
        "  {direction} {:?} {:?} {peer} ({})",
        rule.protocol, rule.ports, rule.id
    );
}

fn show_entry(text: &mut String, direction: &str, entry: &AclEntryPlan) {
    let action = if entry.allow { "allow" } else { "deny" };
    let AclEntryPlan {
        number,
        protocol,
        ports,
        cidr,
        ..
    } = entry;
    let _ = writeln!(
        text,
        "  {direction} {number} {action} {protocol:?} {ports:?} {cidr}"
    );
}

fn show_gateways(text: &mut String, region: &RegionPlan) {
    for gateway in &region.internet_gateways {
        let _ = writeln!(
            text,
            "internet gateway {} {:?} of vpc {}",
            gateway.id, gateway.name, gateway.vpc
        );
    }
    for gateway in &region.nat_gateways {
        let _ = writeln!(
            text,
            "nat gateway {} {:?} in subnet {}: {:?} {:?}",
            gateway.id, gateway.name, gateway.subnet, gateway.address, gateway.public_address
        );
    }
    for endpoint in &region.gateway_endpoints {
        let _ = writeln!(
            text,
            "gateway endpoint {} {:?} of vpc {} to prefix list {}",
            endpoint.id, endpoint.name, endpoint.vpc, endpoint.prefix_list
        );
    }
    for peering in &region.peerings {
        let _ = writeln!(
            text,
            "peering {} {:?} from vpc {} to vpc {} active {}",
            peering.id, peering.name, peering.requester, peering.accepter, peering.active
        );
    }
}

/// The target of a table's route to a destination.
pub(super) fn target<'a>(imported: &'a Imported, table: &str, to: &str) -> &'a RouteTarget {
    let mut tables = imported.region.route_tables.iter();
    let table = tables.find(|plan| plan.id == table).unwrap();
    let to = RouteDestination::Cidr(to.parse().unwrap());
    let mut routes = table.routes.iter();
    &routes.find(|route| route.destination == to).unwrap().target
}

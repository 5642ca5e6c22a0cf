//! What was read, as text.

use sim_net::vpc::{AclEntryPlan, PeerPlan, RulePlan};

use super::*;

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
    show_policy(&mut text, region);
    show_gateways(&mut text, region);
    show_tables(&mut text, region);
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

fn show_policy(text: &mut String, region: &RegionPlan) {
    for group in &region.security_groups {
        let _ = writeln!(
            text,
            "group {} {:?} in vpc {}",
            group.id, group.name, group.vpc
        );
        for (direction, rules) in [("in", &group.ingress), ("out", &group.egress)] {
            rules
                .iter()
                .for_each(|rule| show_rule(text, direction, rule));
        }
    }
    for acl in &region.network_acls {
        let _ = writeln!(text, "acl {} {:?} in vpc {}", acl.id, acl.name, acl.vpc);
        for (direction, entries) in [("in", &acl.ingress), ("out", &acl.egress)] {
            entries
                .iter()
                .for_each(|entry| show_entry(text, direction, entry));
        }
    }
}

fn show_tables(text: &mut String, region: &RegionPlan) {
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
}

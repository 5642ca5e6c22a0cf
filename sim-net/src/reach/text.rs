//! Rules as the tools of their place print them.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::acl::AclVerdict;
use super::layout::{Socket, Space};
use super::region::Found;
use crate::headers::Protocol;
use crate::ids::IfaceId;
use crate::kernel::route::RouteTable;
use crate::kernel::show;
use crate::vpc::{Direction, PeerPlan, RegionPlan, RouteDestination, RouteTarget, RuleRef};

/// The listening socket, as `ss -ln` prints it.
pub(super) fn socket(socket: &Socket) -> String {
    let mut text = format!("{} ", socket.protocol);
    let _ = match socket.addr {
        Some(addr) => write!(text, "{addr}:{}", socket.port),
        None => write!(text, "0.0.0.0:{}", socket.port),
    };
    if let Some(to) = socket.relay {
        let _ = write!(text, " -> {to}");
    }
    text
}

/// The route that decides about an address, as `ip route` prints it.
pub(super) fn ip_route(space: &Space, dst: Ipv4Addr) -> String {
    if space.is_local(dst) {
        return format!("local {dst} dev lo");
    }
    let Some(route) = space.routes.lookup(dst) else {
        return "no route: network is unreachable".to_owned();
    };
    let mut table = RouteTable::new();
    table.add(*route);
    let names = |iface: IfaceId| space.ifaces[iface.index()].name.clone();
    show::ip_route(&table, &names)
        .to_string()
        .trim_end()
        .to_owned()
}

/// A rule of a security group.
pub(super) fn group_rule(region: &RegionPlan, rule: RuleRef) -> String {
    let group = &region.security_groups[usize::from(rule.group)];
    let plan = region.rule(rule);
    let what = match plan.protocol {
        None => "all".to_owned(),
        Some(p @ (Protocol::Tcp | Protocol::Udp | Protocol::Icmp)) => {
            format!("{p} {}", ports(*plan.ports.start(), *plan.ports.end()))
        }
        Some(other) => other.to_string(),
    };
    let peer = match &plan.peer {
        PeerPlan::Cidr(cidr) => cidr.to_string(),
        PeerPlan::Group(index) => region.security_groups[*index].id.clone(),
        PeerPlan::PrefixList(index) => region.prefix_lists[*index].id.clone(),
    };
    let word = preposition(rule.direction);
    format!(
        "{} {}: {what} {word} {peer} ({})",
        group.id, group.name, plan.id
    )
}

/// The groups of an interface, none of which allows a packet.
pub(super) fn groups(region: &RegionPlan, groups: &[usize], direction: Direction) -> String {
    let named = groups.iter().map(|&group| {
        let group = &region.security_groups[group];
        format!("{} {}", group.id, group.name)
    });
    let named: Vec<_> = named.collect();
    let rules = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    format!("{}: no {rules} rule allows it", named.join(", "))
}

/// An entry of a network ACL.
pub(super) fn acl_entry(
    region: &RegionPlan,
    acl: usize,
    direction: Direction,
    verdict: AclVerdict,
) -> String {
    let plan = &region.network_acls[acl];
    let word = preposition(direction);
    let entries = match direction {
        Direction::Ingress => &plan.ingress,
        Direction::Egress => &plan.egress,
    };
    let Some(entry) = verdict.entry.map(|index| &entries[index]) else {
        return format!("{} * deny all {word} 0.0.0.0/0", plan.id);
    };
    let what = match entry.protocol {
        None => "all".to_owned(),
        Some(p @ (Protocol::Tcp | Protocol::Udp | Protocol::Icmp)) => {
            format!("{p} {}", ports(*entry.ports.start(), *entry.ports.end()))
        }
        Some(other) => other.to_string(),
    };
    let action = if entry.allow { "allow" } else { "deny" };
    let (id, number, cidr) = (&plan.id, entry.number, entry.cidr);
    format!("{id} #{number} {action} {what} {word} {cidr}")
}

/// A route of a route table.
pub(super) fn vpc_route(region: &RegionPlan, subnet: usize, found: Option<Found<'_>>) -> String {
    let subnet = &region.subnets[subnet];
    let table = match subnet.route_table {
        Some(table) => region.route_tables[table].id.as_str(),
        None => "main",
    };
    let Some(found) = found else {
        return format!("{table}: no route");
    };
    let Some((table, route)) = found.route else {
        return format!("{} {} -> local", table, region.vpcs[subnet.vpc].id);
    };
    let table = &region.route_tables[table];
    let route = &table.routes[route];
    let destination = match &route.destination {
        RouteDestination::Cidr(cidr) => cidr.to_string(),
        RouteDestination::PrefixList(list) => region.prefix_lists[*list].id.clone(),
    };
    let target = match &route.target {
        RouteTarget::Local => "local",
        RouteTarget::InternetGateway(index) => &region.internet_gateways[*index].id,
        RouteTarget::NatGateway(index) => &region.nat_gateways[*index].id,
        RouteTarget::Peering(index) => &region.peerings[*index].id,
        RouteTarget::GatewayEndpoint(index) => &region.gateway_endpoints[*index].id,
        RouteTarget::Blackhole => "blackhole",
        RouteTarget::Unmodelled(id) => id,
    };
    format!("{} {destination} -> {target}", table.id)
}

fn ports(first: u16, last: u16) -> String {
    if (first, last) == (0, u16::MAX) {
        "all".to_owned()
    } else if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

fn preposition(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

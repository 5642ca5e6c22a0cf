//! Two VPCs and what is outside: a host in each of three subnets, one on the internet, one that is
//! an AWS service.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sim_net::headers::Protocol;
use sim_net::machine::{ErrorKind, ProbeResult};
use sim_net::plan::{HostLocation, ListenerPlan, Place, Plan, ProbeAddress};
use sim_net::verdict::DropReason;
use sim_net::vpc::{
    AclEntryPlan, GatewayEndpointPlan, InternetGatewayPlan, Lifetime, NetworkAclPlan, PeerPlan,
    PeeringPlan, PrefixListPlan, PublicAddress, RouteDestination, RoutePlan, RouteTablePlan,
    RouteTarget, RulePlan, SubnetPlan, VpcPlan,
};

use crate::support::{host, plan, probe, run, target};

/// In the first subnet of the first VPC.
pub(crate) const A: Place = Place::Host(0);
/// In its second subnet.
pub(crate) const B: Place = Place::Host(1);
/// In the other VPC.
pub(crate) const C: Place = Place::Host(2);
/// On the internet.
pub(crate) const OUTSIDE: Place = Place::Host(3);
/// An AWS service.
pub(crate) const SERVICE: Place = Place::Host(4);

pub(crate) const A_ADDR: [u8; 4] = [10, 0, 0, 4];
pub(crate) const B_ADDR: [u8; 4] = [10, 0, 1, 4];
pub(crate) const C_ADDR: [u8; 4] = [10, 1, 0, 4];
pub(crate) const OUTSIDE_ADDR: [u8; 4] = [198, 19, 0, 1];
pub(crate) const SERVICE_ADDR: [u8; 4] = [52, 218, 0, 1];
/// Assigned public addresses, in their order.
pub(crate) const FIRST_PUBLIC: [u8; 4] = [198, 18, 0, 1];
pub(crate) const SECOND_PUBLIC: [u8; 4] = [198, 18, 0, 2];

pub(crate) fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a network")
}

pub(crate) fn route(destination: &str, target: RouteTarget) -> RoutePlan {
    RoutePlan {
        destination: RouteDestination::Cidr(net(destination)),
        target,
        propagated: false,
    }
}

pub(crate) fn table(vpc: usize, routes: Vec<RoutePlan>) -> RouteTablePlan {
    RouteTablePlan {
        vpc,
        id: "rtb".into(),
        name: "rtb".into(),
        routes,
    }
}

/// Each subnet has a route table of its own, which knows its VPC and no more; the gateways, the
/// endpoint and the peering connection are there, and no route leads to them.
pub(crate) fn site() -> Plan {
    let mut plan = plan(Vec::new());
    plan.instances.clear();
    let region = &mut plan.region;
    region.vpcs.push(VpcPlan {
        id: "vpc-1".into(),
        name: "other".into(),
        cidrs: vec![net("10.1.0.0/16")],
        dns_support: true,
    });
    region.subnets.push(SubnetPlan {
        vpc: 1,
        id: "subnet-2".into(),
        name: "subnet-2".into(),
        cidr: net("10.1.0.0/24"),
        zone: 0,
        route_table: None,
        network_acl: None,
    });
    for (index, subnet) in region.subnets.iter_mut().enumerate() {
        let local = region.vpcs[subnet.vpc].cidrs[0].to_string();
        let routes = vec![route(&local, RouteTarget::Local)];
        region.route_tables.push(table(subnet.vpc, routes));
        subnet.route_table = Some(index);
    }
    region.prefix_lists.push(PrefixListPlan {
        id: "pl-0".into(),
        name: "s3".into(),
        cidrs: vec![net("52.218.0.0/17")],
    });
    region.internet_gateways.push(InternetGatewayPlan {
        vpc: 0,
        id: "igw-0".into(),
        name: "igw".into(),
    });
    region.gateway_endpoints.push(GatewayEndpointPlan {
        vpc: 0,
        id: "vpce-0".into(),
        name: "s3".into(),
        prefix_list: 0,
    });
    region.peerings.push(PeeringPlan {
        id: "pcx-0".into(),
        name: "peering".into(),
        requester: 0,
        accepter: 1,
        active: true,
    });
    plan.hosts = vec![host("a", 0), host("b", 1), host("c", 2)];
    for (name, location) in [
        ("outside", HostLocation::Internet),
        ("service", HostLocation::Service(0)),
    ] {
        let mut outside = host(name, 0);
        outside.location = location;
        outside.security_groups.clear();
        plan.hosts.push(outside);
    }
    for place in [A, B, C, OUTSIDE, SERVICE] {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let target = target(place, 80);
            plan.listeners.push(ListenerPlan { target, protocol });
        }
    }
    plan
}

/// Adds a route to the table of a subnet.
pub(crate) fn add_route(plan: &mut Plan, subnet: usize, destination: &str, target: RouteTarget) {
    let table = &mut plan.region.route_tables[subnet];
    table.routes.push(route(destination, target));
}

/// Both of the first VPC's subnets lead to the internet, and its hosts have public addresses.
pub(crate) fn public() -> Plan {
    let mut plan = site();
    for subnet in 0..2 {
        add_route(
            &mut plan,
            subnet,
            "0.0.0.0/0",
            RouteTarget::InternetGateway(0),
        );
        plan.hosts[subnet].public_address = PublicAddress::Assigned;
    }
    plan
}

pub(crate) fn entry(
    number: u16,
    allow: bool,
    ports: std::ops::RangeInclusive<u16>,
) -> AclEntryPlan {
    AclEntryPlan {
        number,
        allow,
        protocol: Some(Protocol::Tcp),
        ports,
        cidr: net("0.0.0.0/0"),
        lifetime: Lifetime::ALWAYS,
    }
}

/// An entry for everything.
pub(crate) fn everything(number: u16, allow: bool) -> AclEntryPlan {
    AclEntryPlan {
        protocol: None,
        ..entry(number, allow, 0..=u16::MAX)
    }
}

/// Gives a subnet a network ACL.
pub(crate) fn set_acl(
    plan: &mut Plan,
    subnet: usize,
    ingress: Vec<AclEntryPlan>,
    egress: Vec<AclEntryPlan>,
) {
    plan.region.subnets[subnet].network_acl = Some(plan.region.network_acls.len());
    plan.region.network_acls.push(NetworkAclPlan {
        vpc: plan.region.subnets[subnet].vpc,
        id: "acl".into(),
        name: "acl".into(),
        ingress,
        egress,
    });
}

pub(crate) fn rule(protocol: Option<Protocol>, port: Option<u16>, peer: PeerPlan) -> RulePlan {
    RulePlan {
        id: "sgr".into(),
        protocol,
        ports: port.map_or(0..=u16::MAX, |port| port..=port),
        peer,
        lifetime: Lifetime::ALWAYS,
    }
}

pub(crate) fn cidr(text: &str) -> PeerPlan {
    PeerPlan::Cidr(net(text))
}

/// What a TCP and a UDP attempt at port 80 find, and for which reasons frames were dropped.
pub(crate) fn attempt(
    plan: &Plan,
    from: Place,
    to: [u8; 4],
) -> ([ProbeResult; 2], Vec<DropReason>) {
    let mut plan = plan.clone();
    let to = ProbeAddress::Literal(Ipv4Addr::from(to));
    plan.probes = vec![
        probe(from, to, 80, Protocol::Tcp),
        probe(from, to, 80, Protocol::Udp),
    ];
    let outcome = run(&plan);
    crate::support::compare(&plan, &outcome.probes);
    let reasons = outcome.drops.iter().map(|(reason, _)| reason).collect();
    ([outcome.probes[0], outcome.probes[1]], reasons)
}

/// Both attempts are answered, nothing is dropped, and the target sees this source.
#[track_caller]
pub(crate) fn reaches(plan: &Plan, from: Place, to: [u8; 4], seen: [u8; 4]) {
    let found = attempt(plan, from, to);
    assert_eq!(found, ([crate::support::reached(seen); 2], vec![]));
}

/// Neither attempt is answered, and this is the only reason.
#[track_caller]
pub(crate) fn dropped(plan: &Plan, from: Place, to: [u8; 4], reason: DropReason) {
    let (found, reasons) = attempt(plan, from, to);
    assert_eq!(reasons, [reason]);
    for result in found {
        let ProbeResult::Failed { kind, dropped } = result else {
            panic!("{result:?}");
        };
        let why = dropped.map(|(_, reason)| reason);
        assert_eq!((kind, why), (ErrorKind::TimedOut, Some(reason)));
    }
}

use sim_core::PartitionId;

use super::super::tests::{net, outside, region};
use super::*;
use crate::ids::EniId;
use crate::vpc::{
    Endpoint, GatewayEndpointPlan, InternetGatewayPlan, PrefixListPlan, RegionPlan,
    RouteDestination, RoutePlan, RouteTablePlan,
};

/// An interface in one of the subnets, at the fourth address of its range.
const HERE: EndpointId = EndpointId::new(0);
const NEIGHBOUR: EndpointId = EndpointId::new(1);
const NAT: EndpointId = EndpointId::new(2);
const SERVICE: EndpointId = EndpointId::new(3);

const FAR: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);

fn in_subnet(subnet: usize, last: u8) -> Endpoint {
    let third = u8::try_from(subnet + 1).expect("few subnets");
    Endpoint {
        partition: PartitionId::new(0),
        eni: EniId::new(0),
        addr: Ipv4Addr::new(10, 0, third, last),
        public: None,
        location: Location::Vpc {
            subnet,
            zone: subnet,
            placement_group: None,
        },
        metadata: true,
    }
}

fn amazon(service: AmazonService, addr: Ipv4Addr) -> Endpoint {
    Endpoint {
        addr,
        location: Location::Amazon { vpc: 0, service },
        ..in_subnet(0, 0)
    }
}

/// Somebody in the first subnet, a neighbour in the second, and a NAT gateway in `nat`; the routes
/// to everywhere lead to `target`.
fn fabric(nat: usize, target: RouteTarget) -> Fabric {
    let mut region = region();
    region.prefix_lists = vec![PrefixListPlan {
        id: "pl".to_owned(),
        name: "s3".to_owned(),
        cidrs: vec![net("52.0.0.0/16")],
    }];
    region.gateway_endpoints = vec![GatewayEndpointPlan {
        vpc: 0,
        id: "vpce".to_owned(),
        name: "s3".to_owned(),
        prefix_list: 0,
    }];
    region.route_tables[0].routes[1].target = target;
    of(&region, nat)
}

fn of(region: &RegionPlan, nat: usize) -> Fabric {
    let service = Endpoint {
        addr: Ipv4Addr::new(52, 0, 0, 1),
        location: Location::Service(0),
        ..in_subnet(0, 0)
    };
    let mut gateway = in_subnet(nat, 9);
    gateway.public = Some(outside(9));
    let all = [
        in_subnet(0, 4),
        in_subnet(1, 4),
        gateway,
        service,
        amazon(AmazonService::Metadata, IMDS),
        amazon(AmazonService::Resolver, RESOLVER),
    ];
    Fabric::new(region, all, vec![NAT]).expect("a fabric")
}

fn reason(path: Path) -> DropReason {
    path.way.expect_err("it leads nowhere")
}

fn leads_to(path: Path) -> EndpointId {
    path.way.expect("it leads somewhere").to
}

#[test]
fn a_route_to_a_nat_gateway_leads_to_its_interface_across_both_edges() {
    let path = fabric(1, RouteTarget::NatGateway(0)).path(HERE, FAR);
    assert_eq!(leads_to(path), NAT);
    assert_eq!((path.leaves, path.enters), (Some(0), Some(1)));
    assert_eq!(path.translation, Translation::default());
    let path = fabric(0, RouteTarget::NatGateway(0)).path(HERE, FAR);
    assert_eq!(leads_to(path), NAT);
    assert_eq!((path.leaves, path.enters), (None, None), "the same subnet");
}

#[test]
fn a_nat_gateway_goes_on_by_the_table_of_its_own_subnet() {
    let fabric = fabric(1, RouteTarget::InternetGateway(0));
    let path = fabric.path(NAT, Ipv4Addr::new(52, 0, 0, 1));
    assert_eq!(leads_to(path), SERVICE);
    assert_eq!((path.leaves, path.enters), (Some(1), None));
    assert_eq!(path.translation.source, Some(outside(9)));
    // And back.
    let path = fabric.path(SERVICE, outside(9));
    assert_eq!((leads_to(path), path.enters), (NAT, Some(1)));
    let back = fabric.path(NAT, Ipv4Addr::new(10, 0, 1, 4));
    assert_eq!(leads_to(back), HERE);
    assert_eq!((back.leaves, back.enters), (Some(1), Some(0)));
}

#[test]
fn a_nat_gateway_whose_route_leads_to_itself_is_a_blackhole() {
    let fabric = fabric(1, RouteTarget::NatGateway(0));
    assert_eq!(reason(fabric.path(NAT, FAR)), DropReason::VpcBlackhole);
}

#[test]
fn a_target_of_another_vpc_is_as_good_as_gone() {
    let mut region = region();
    region.vpcs.push(region.vpcs[0].clone());
    region.internet_gateways.push(InternetGatewayPlan {
        vpc: 1,
        ..region.internet_gateways[0].clone()
    });
    region.route_tables[0].routes[1].target = RouteTarget::InternetGateway(1);
    let path = of(&region, 1).path(HERE, FAR);
    assert_eq!(
        (reason(path), path.leaves),
        (DropReason::VpcBlackhole, None)
    );
}

#[test]
fn amazons_services_come_before_every_route() {
    let mut fabric = fabric(1, RouteTarget::Blackhole);
    let second = Ipv4Addr::new(10, 0, 0, 2);
    for (dst, index) in [(IMDS, 4), (RESOLVER, 5), (second, 5)] {
        let path = fabric.path(HERE, dst);
        assert_eq!(leads_to(path), EndpointId::new(index));
        assert_eq!((path.leaves, path.enters), (None, None));
    }
    let back = fabric.path(EndpointId::new(4), Ipv4Addr::new(10, 0, 1, 4));
    assert_eq!(leads_to(back), HERE);
    assert_eq!((back.leaves, back.enters), (None, None));
    let other = Ipv4Addr::new(169, 254, 1, 1);
    assert_eq!(reason(fabric.path(HERE, other)), DropReason::FabricNoRoute);
    fabric.endpoints[HERE].metadata = false;
    assert_eq!(reason(fabric.path(HERE, IMDS)), DropReason::MetadataOff);
}

#[test]
fn without_dns_support_nobody_is_at_the_resolvers_addresses() {
    let mut region = region();
    region.vpcs[0].dns_support = false;
    let fabric = of(&region, 1);
    for dst in [RESOLVER, Ipv4Addr::new(10, 0, 0, 2)] {
        assert_eq!(reason(fabric.path(HERE, dst)), DropReason::FabricNoRoute);
    }
}

#[test]
fn a_service_answers_the_private_addresses_behind_its_endpoint() {
    let there = fabric(1, RouteTarget::GatewayEndpoint(0));
    let path = there.path(HERE, Ipv4Addr::new(52, 0, 0, 1));
    assert_eq!((leads_to(path), path.leaves), (SERVICE, Some(0)));
    assert_eq!(path.translation, Translation::default());
    let back = there.path(SERVICE, Ipv4Addr::new(10, 0, 1, 4));
    assert_eq!((leads_to(back), back.enters), (HERE, Some(0)));
    assert_eq!(there.min_latency(), there.latency.same_zone);
    let mut region = region();
    region.gateway_endpoints.clear();
    let none = of(&region, 1);
    let back = none.path(SERVICE, Ipv4Addr::new(10, 0, 1, 4));
    assert_eq!(reason(back), DropReason::FabricNoRoute);
}

#[test]
fn the_edge_is_asked_before_the_gateway_and_after_the_route() {
    let to = |target| fabric(1, target).path(HERE, FAR);
    let before = to(RouteTarget::Unmodelled("tgw".to_owned()));
    assert_eq!(
        (reason(before), before.leaves),
        (DropReason::NotModelled, None)
    );
    let after = to(RouteTarget::InternetGateway(0));
    assert_eq!(
        (reason(after), after.leaves),
        (DropReason::NoPublicAddress, Some(0))
    );
    let mut region = region();
    region.route_tables.push(RouteTablePlan {
        routes: vec![RoutePlan {
            destination: RouteDestination::Cidr(net("10.0.0.0/16")),
            target: RouteTarget::Local,
            propagated: false,
        }],
        ..region.route_tables[0].clone()
    });
    region.subnets[0].route_table = Some(1);
    let none = of(&region, 1).path(HERE, FAR);
    assert_eq!((reason(none), none.leaves), (DropReason::VpcNoRoute, None));
    assert_eq!(
        leads_to(of(&region, 1).path(HERE, Ipv4Addr::new(10, 0, 2, 4))),
        NEIGHBOUR
    );
}

#[test]
fn a_service_that_could_not_tell_two_interfaces_apart_is_refused() {
    let mut region = region();
    region.vpcs.push(region.vpcs[0].clone());
    region.subnets.push(region.subnets[0].clone());
    region.subnets[3].vpc = 1;
    region.subnets[3].route_table = None;
    region.gateway_endpoints = (0..2)
        .map(|vpc| GatewayEndpointPlan {
            vpc,
            id: "vpce".to_owned(),
            name: "s3".to_owned(),
            prefix_list: 0,
        })
        .collect();
    let service = Endpoint {
        addr: Ipv4Addr::new(52, 0, 0, 1),
        location: Location::Service(0),
        ..in_subnet(0, 0)
    };
    let twin = Endpoint {
        addr: in_subnet(0, 4).addr,
        ..in_subnet(3, 4)
    };
    let all = [in_subnet(0, 4), twin, service];
    let made = |region: &RegionPlan, count| {
        Fabric::new(region, all[..count].iter().copied(), Vec::new()).map(|_| ())
    };
    let addr = twin.addr;
    let ambiguous = crate::vpc::FabricError::AmbiguousAddress { addr };
    assert_eq!(made(&region, 3), Err(ambiguous));
    assert_eq!(made(&region, 2), Ok(()), "nobody serves");
    region.gateway_endpoints.pop();
    assert_eq!(made(&region, 3), Ok(()), "one VPC");
}

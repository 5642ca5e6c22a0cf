//! What leads where: route tables, gateways, endpoints, peering connections.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sim_net::vpc::{
    GatewayEndpointPlan, InternetGatewayPlan, NatGatewayPlan, PeeringPlan, PublicAddress,
    RegionPlan, RouteDestination, RoutePlan, RouteTablePlan, RouteTarget,
};

use super::ranges::overlap;
use crate::diagnostic::Problem;
use crate::document::reader::At;
use crate::toml::spec::{
    ConnectivityWord, GatewayEndpointSpec, InternetGatewaySpec, NatGatewaySpec, PeeringSpec,
    RouteSpec, RouteTableSpec, VpcSpec,
};
use crate::toml::validate::{Context, refer, unknown};

/// Routes of a table. Source: Amazon VPC User Guide, amazon-vpc-limits (vendor): 50 by default, at
/// most 1000.
const MAX_ROUTES: usize = 1000;

/// The range that no route can lead to: Amazon's own services.
///
/// Source: Amazon VPC User Guide, VPC_Route_Tables (vendor).
const RESERVED: (Ipv4Addr, u8) = (Ipv4Addr::new(169, 254, 168, 0), 22);

/// Targets that have no name of their own.
const INTERNET_GATEWAY: &str = "internet-gateway";
const LOCAL: &str = "local";
const BLACKHOLE: &str = "blackhole";

pub(super) fn peerings(specs: &[PeeringSpec], region: &mut RegionPlan, context: &mut Context<'_>) {
    for spec in specs {
        let requester = refer::vpc(Some(&spec.requester), region, context);
        let accepter = refer::vpc(Some(&spec.accepter), region, context);
        if requester == accepter && requester != refer::UNKNOWN {
            let message = format!("VPC {:?} is peered with itself", spec.accepter.value);
            let problem = Problem::new("peered-with-itself", message);
            context.error(&spec.accepter, problem.with_help("name two VPCs"));
        } else {
            between(spec, requester, accepter, region, context);
        }
        region.peerings.push(PeeringPlan {
            id: format!("pcx-{}", spec.name.value),
            name: spec.name.value.clone(),
            requester,
            accepter,
            active: spec.active.as_ref().is_none_or(|active| active.value),
        });
    }
}

/// Two VPCs are peered once, and have no address in common.
fn between(
    spec: &PeeringSpec,
    requester: usize,
    accepter: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) {
    let pair = |peering: &&PeeringPlan| {
        let pair = (peering.requester, peering.accepter);
        pair == (requester, accepter) || pair == (accepter, requester)
    };
    let (Some(one), Some(other)) = (region.vpcs.get(requester), region.vpcs.get(accepter)) else {
        return;
    };
    if let Some(earlier) = region.peerings.iter().find(pair) {
        let message = format!(
            "{:?} joins the same VPCs as {:?}",
            spec.name.value, earlier.name
        );
        let problem = Problem::new("duplicate-peering", message);
        context.error(&spec.name, problem.with_help("drop one"));
    }
    let mut common = one.cidrs.iter().flat_map(|range| {
        let shared = other.cidrs.iter().filter(move |it| overlap(it, range));
        shared.map(move |it| (range, it))
    });
    if let Some((range, its)) = common.next() {
        let message = format!(
            "{range} of VPC {:?} overlaps {its} of VPC {:?}: they cannot be peered",
            one.name, other.name
        );
        let problem = Problem::new("overlapping-ranges", message);
        context.error(
            &spec.accepter,
            problem.with_help("give one of them another range"),
        );
    }
}

pub(super) fn internet_gateways(
    specs: &[InternetGatewaySpec],
    region: &mut RegionPlan,
    context: &mut Context<'_>,
) {
    for spec in specs {
        let vpc = refer::vpc(spec.vpc.as_ref(), region, context);
        let earlier = region.internet_gateways.iter().find(|it| it.vpc == vpc);
        if let Some(earlier) = earlier.filter(|_| vpc != refer::UNKNOWN) {
            let message = format!(
                "VPC {} has two internet gateways, {:?} and {:?}",
                refer::vpc_name(vpc, region),
                earlier.name,
                spec.name.value
            );
            let problem = Problem::new("two-internet-gateways", message);
            let help = "drop one: a VPC has one at most";
            context.error(&spec.name, problem.with_help(help));
        }
        region.internet_gateways.push(InternetGatewayPlan {
            vpc,
            id: format!("igw-{}", spec.name.value),
            name: spec.name.value.clone(),
        });
    }
}

pub(super) fn nat_gateways(
    specs: &[NatGatewaySpec],
    region: &mut RegionPlan,
    context: &mut Context<'_>,
) {
    for spec in specs {
        let subnet = refer::subnet(&spec.subnet, region, context);
        let vpc = subnet.map_or(refer::UNKNOWN, |subnet| refer::vpc_of(subnet, region));
        let word = spec.connectivity.as_ref().map(|word| word.value);
        let public = word.unwrap_or(ConnectivityWord::Public) == ConnectivityWord::Public;
        let led_out = refer::internet_gateway(vpc, region).is_some() || vpc == refer::UNKNOWN;
        if public && !led_out {
            // Source: Amazon EC2 API, CreateNatGateway, `Gateway.NotAttached` (vendor).
            let message = format!(
                "public NAT gateway {:?} is in VPC {}, which has no internet gateway",
                spec.name.value,
                refer::vpc_name(vpc, region)
            );
            let problem = Problem::new("no-internet-gateway", message);
            let help = "add [[vpc.internet_gateway]], or set `connectivity = \"private\"`";
            context.error(&spec.subnet, problem.with_help(help));
        }
        region.nat_gateways.push(NatGatewayPlan {
            id: format!("nat-{}", spec.name.value),
            name: spec.name.value.clone(),
            subnet: subnet.unwrap_or(refer::UNKNOWN),
            address: None,
            public_address: match public {
                true => PublicAddress::Assigned,
                false => PublicAddress::None,
            },
        });
    }
}

pub(super) fn gateway_endpoints(
    specs: &[GatewayEndpointSpec],
    region: &mut RegionPlan,
    context: &mut Context<'_>,
) {
    for spec in specs {
        let vpc = refer::vpc(spec.vpc.as_ref(), region, context);
        let prefix_list = refer::prefix_list(&spec.service, region, context);
        region.gateway_endpoints.push(GatewayEndpointPlan {
            vpc,
            id: format!("vpce-{}", spec.name.value),
            name: spec.name.value.clone(),
            prefix_list: prefix_list.unwrap_or(refer::UNKNOWN),
        });
    }
}

/// The route tables, and the main one of each VPC for its subnets.
pub(super) fn route_tables(spec: &VpcSpec, region: &mut RegionPlan, context: &mut Context<'_>) {
    targets_apart(spec, context);
    let specs = &spec.route_table;
    context.apart("route tables", specs.iter().map(|table| &table.name));
    let mut mains: Vec<usize> = Vec::new();
    for spec in specs {
        let vpc = refer::vpc(spec.vpc.as_ref(), region, context);
        let table = region.route_tables.len();
        if let Some(main) = spec.main.as_ref().filter(|main| main.value) {
            if mains.contains(&vpc) {
                let name = refer::vpc_name(vpc, region);
                let message = format!("VPC {name} has two main route tables");
                let problem = Problem::new("two-main-tables", message);
                context.error(main, problem.with_help("drop `main` of one"));
            }
            mains.push(vpc);
            for subnet in region.subnets.iter_mut().filter(|it| it.vpc == vpc) {
                subnet.route_table = Some(table);
            }
        }
        let routes = routes(spec, vpc, region, context);
        region.route_tables.push(RouteTablePlan {
            vpc,
            id: format!("rtb-{}", spec.name.value),
            name: spec.name.value.clone(),
            routes,
        });
    }
}

/// Whatever a route can lead to has a name of its own.
fn targets_apart(spec: &VpcSpec, context: &mut Context<'_>) {
    let names = (spec.internet_gateway.iter().map(|it| &it.name))
        .chain(spec.nat_gateway.iter().map(|it| &it.name))
        .chain(spec.gateway_endpoint.iter().map(|it| &it.name))
        .chain(spec.peering.iter().map(|it| &it.name));
    context.apart("targets of routes", names.clone());
    let reserved =
        |name: &&At<String>| [INTERNET_GATEWAY, LOCAL, BLACKHOLE].contains(&name.value.as_str());
    for name in names.filter(reserved) {
        let message = format!(
            "{:?} means something else as the target of a route",
            name.value
        );
        let problem = Problem::new("reserved-name", message);
        context.error(name, problem.with_help("choose another name"));
    }
}

fn routes(
    spec: &RouteTableSpec,
    vpc: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<RoutePlan> {
    if spec.routes.len() > MAX_ROUTES {
        let (name, many) = (&spec.name.value, spec.routes.len());
        let message = format!("route table {name:?} has {many} routes");
        let help = format!("give at most {MAX_ROUTES}");
        context.error(
            &spec.name,
            Problem::new("too-many", message).with_help(help),
        );
    }
    let route = |destination, target| RoutePlan {
        destination,
        target,
        propagated: false,
    };
    let mut routes: Vec<RoutePlan> = Vec::with_capacity(spec.routes.len() + 1);
    for spec in &spec.routes {
        let destination = destination(&spec.destination, region, context);
        let target = target(&spec.target, vpc, region, context);
        let (Some(destination), Some(target)) = (destination, target) else {
            continue;
        };
        if routes.iter().any(|other| other.destination == destination) {
            let message = format!("two routes are for {}", spec.destination.value);
            let problem = Problem::new("duplicate-route", message);
            context.error(&spec.destination, problem.with_help("drop one"));
        }
        fitting(spec, &destination, &target, vpc, region, context);
        routes.push(route(destination, target));
    }
    let ranges = region.vpcs.get(vpc).map_or(&[][..], |vpc| &vpc.cidrs);
    for range in ranges.iter().rev() {
        let local = RouteDestination::Cidr(*range);
        if !routes.iter().any(|route| route.destination == local) {
            routes.insert(0, route(local, RouteTarget::Local));
        }
    }
    routes
}

fn destination(
    name: &At<String>,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Option<RouteDestination> {
    if let Ok(cidr) = name.value.parse::<Ipv4Net>() {
        return Some(RouteDestination::Cidr(cidr.trunc()));
    }
    if name.value.parse::<Ipv4Addr>().is_ok() || name.value.contains('/') {
        let message = format!("{:?} is no IPv4 network", name.value);
        let help = "write an address and a prefix length, such as \"0.0.0.0/0\"";
        context.error(name, Problem::new("not-a-network", message).with_help(help));
        return None;
    }
    refer::prefix_list(name, region, context).map(RouteDestination::PrefixList)
}

/// What a route leads to, which has to be in reach of the table's VPC.
fn target(
    name: &At<String>,
    vpc: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Option<RouteTarget> {
    match name.value.as_str() {
        LOCAL => return Some(RouteTarget::Local),
        BLACKHOLE => return Some(RouteTarget::Blackhole),
        INTERNET_GATEWAY => {
            let found = refer::internet_gateway(vpc, region);
            if found.is_none() && vpc != refer::UNKNOWN {
                let message = format!(
                    "VPC {} has no internet gateway",
                    refer::vpc_name(vpc, region)
                );
                let problem = Problem::new("no-internet-gateway", message);
                context.error(name, problem.with_help("add [[vpc.internet_gateway]]"));
            }
            return found.map(RouteTarget::InternetGateway);
        }
        _ => {}
    }
    let found = named(name, region);
    let Some((what, target, vpcs)) = found else {
        let words = [INTERNET_GATEWAY, LOCAL, BLACKHOLE];
        let known: Vec<_> = words.into_iter().chain(target_names(region)).collect();
        context.error(name, unknown("target", &name.value, &known));
        return None;
    };
    if !vpcs.iter().any(|&side| refer::same_vpc(side, vpc)) {
        let its: Vec<_> = vpcs
            .iter()
            .map(|&vpc| refer::vpc_name(vpc, region))
            .collect();
        let message = format!(
            "{what} {:?} is of VPC {}, the route table of VPC {}",
            name.value,
            its.join(" and "),
            refer::vpc_name(vpc, region)
        );
        let problem = Problem::new("of-other-vpc", message);
        let help = format!("lead to a gateway of VPC {}", refer::vpc_name(vpc, region));
        context.error(name, problem.with_help(help));
    }
    Some(target)
}

/// What has a name: what it is, as a target, and the VPCs that it is of.
fn named(
    name: &At<String>,
    region: &RegionPlan,
) -> Option<(&'static str, RouteTarget, Vec<usize>)> {
    let is_it = |other: &str| other == name.value;
    let (gateways, nats) = (&region.internet_gateways, &region.nat_gateways);
    if let Some(index) = gateways.iter().position(|it| is_it(&it.name)) {
        let target = RouteTarget::InternetGateway(index);
        return Some(("internet gateway", target, vec![gateways[index].vpc]));
    }
    if let Some(index) = nats.iter().position(|it| is_it(&it.name)) {
        let vpc = refer::vpc_of(nats[index].subnet, region);
        return Some(("NAT gateway", RouteTarget::NatGateway(index), vec![vpc]));
    }
    let (endpoints, peerings) = (&region.gateway_endpoints, &region.peerings);
    if let Some(index) = endpoints.iter().position(|it| is_it(&it.name)) {
        let target = RouteTarget::GatewayEndpoint(index);
        return Some(("gateway endpoint", target, vec![endpoints[index].vpc]));
    }
    let index = peerings.iter().position(|it| is_it(&it.name))?;
    let sides = vec![peerings[index].requester, peerings[index].accepter];
    Some(("peering connection", RouteTarget::Peering(index), sides))
}

fn target_names(region: &RegionPlan) -> impl Iterator<Item = &str> {
    (region.internet_gateways.iter().map(|it| it.name.as_str()))
        .chain(region.nat_gateways.iter().map(|it| it.name.as_str()))
        .chain(region.gateway_endpoints.iter().map(|it| it.name.as_str()))
        .chain(region.peerings.iter().map(|it| it.name.as_str()))
}

/// Reports a route that EC2 would not take.
///
/// Source: Amazon VPC User Guide, VPC_Route_Tables and gateway endpoints (vendor).
fn fitting(
    spec: &RouteSpec,
    destination: &RouteDestination,
    target: &RouteTarget,
    vpc: usize,
    region: &RegionPlan,
    context: &mut Context<'_>,
) {
    let text = &spec.destination.value;
    let ranges = region.vpcs.get(vpc).map_or(&[][..], |vpc| &vpc.cidrs);
    let inside = |cidr: &Ipv4Net| ranges.iter().any(|range| range.contains(cidr));
    let problem = match (destination, target) {
        (_, RouteTarget::GatewayEndpoint(endpoint)) => {
            let list = region.gateway_endpoints[*endpoint].prefix_list;
            let fits = *destination == RouteDestination::PrefixList(list) || list == refer::UNKNOWN;
            (!fits).then(|| {
                let message = format!("{text} is not the prefix list of the gateway endpoint");
                let list = &region.prefix_lists[list].name;
                let help = format!("set `destination = {list:?}`");
                Problem::new("not-its-prefix-list", message).with_help(help)
            })
        }
        (RouteDestination::PrefixList(_), RouteTarget::Local) => Some(not_local(text)),
        (RouteDestination::PrefixList(_), _) => None,
        (RouteDestination::Cidr(cidr), _) if reserved().contains(cidr) => {
            let message = format!("no route can lead to {text}: Amazon's services are there");
            Some(Problem::new("reserved-range", message).with_help("drop the route"))
        }
        (RouteDestination::Cidr(cidr), RouteTarget::Local) if inside(cidr) => None,
        (_, RouteTarget::Local) => (vpc != refer::UNKNOWN).then(|| not_local(text)),
        (RouteDestination::Cidr(cidr), RouteTarget::NatGateway(_))
            if region
                .subnets
                .iter()
                .any(|it| it.vpc == vpc && it.cidr == *cidr) =>
        {
            None
        }
        (RouteDestination::Cidr(cidr), _) if inside(cidr) => {
            let message = format!("{text} is inside the VPC, where `local` leads");
            let help = "drop the route: inside the VPC only the range of a whole subnet can lead \
                        elsewhere, to a NAT gateway";
            Some(Problem::new("inside-vpc", message).with_help(help))
        }
        _ => None,
    };
    if let Some(problem) = problem {
        context.error(&spec.destination, problem);
    }
}

fn reserved() -> Ipv4Net {
    Ipv4Net::new_assert(RESERVED.0, RESERVED.1)
}

fn not_local(text: &str) -> Problem {
    let message = format!("{text} is outside the VPC, so that `local` does not lead there");
    Problem::new("not-local", message).with_help("choose another target")
}

/// Reports NAT gateways whose own subnet leads back to them, or leads public ones nowhere.
pub(super) fn nat_loops(specs: &[NatGatewaySpec], region: &RegionPlan, context: &mut Context<'_>) {
    for (index, spec) in specs.iter().enumerate() {
        let routes = routes_of(index, region);
        let back = routes.iter().find(|route| leads_back(index, route, region));
        if let Some(route) = back {
            let destination = match &route.destination {
                RouteDestination::Cidr(cidr) => cidr.to_string(),
                RouteDestination::PrefixList(list) => region.prefix_lists[*list].name.clone(),
            };
            let message = format!(
                "the subnet of NAT gateway {:?} leads {destination} back to it",
                spec.name.value
            );
            let problem = Problem::new("nat-loop", message);
            let help = "give the subnet a route table that leads to an internet gateway";
            context.error(&spec.subnet, problem.with_help(help));
            continue;
        }
        let public = region.nat_gateways[index].public_address != PublicAddress::None;
        let known = region.subnets.get(region.nat_gateways[index].subnet);
        let out = |route: &RoutePlan| matches!(route.target, RouteTarget::InternetGateway(_));
        if public && known.is_some() && !routes.iter().any(out) {
            let message = format!(
                "NAT gateway {:?} reaches nobody: its subnet has no route to an internet gateway",
                spec.name.value
            );
            let problem = Problem::new("nat-without-way", message);
            let help = "put it into a subnet that has one";
            context.caveat(&spec.subnet, problem.with_help(help));
        }
    }
}

/// The routes of the subnet of a NAT gateway.
fn routes_of(nat: usize, region: &RegionPlan) -> &[RoutePlan] {
    let subnet = region.subnets.get(region.nat_gateways[nat].subnet);
    let table = subnet.and_then(|subnet| subnet.route_table);
    table.map_or(&[], |table| &region.route_tables[table].routes)
}

/// Whether a route that starts at a NAT gateway comes back to it over routes for the same range.
fn leads_back(nat: usize, route: &RoutePlan, region: &RegionPlan) -> bool {
    let mut target = &route.target;
    for _ in 0..=region.nat_gateways.len() {
        let RouteTarget::NatGateway(next) = *target else {
            return false;
        };
        if next == nat {
            return true;
        }
        let mut onward = routes_of(next, region).iter();
        match onward.find(|onward| onward.destination == route.destination) {
            Some(onward) => target = &onward.target,
            None => return false,
        }
    }
    false
}

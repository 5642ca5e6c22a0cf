//! Machines that ECS does not manage.

use std::net::Ipv4Addr;

use sim_net::vpc::{PublicAddress, RegionPlan};

use super::compute::{instance_type, kernel_profile};
use super::network::Network;
use super::{Context, listeners, refer};
use crate::diagnostic::Problem;
use crate::document::reader::At;
use crate::toml::scenario::{Client, Location, Service};
use crate::toml::spec::{ClientSpec, PublicAddressSpec, ScenarioSpec};

/// The cost profile of ideal machines, and the word for them.
const IDEAL: &str = "ideal";
/// The zone of machines outside the VPCs.
const INTERNET: &str = "internet";

/// The clients, in the order of the file; `None` for one that cannot be used.
pub(super) fn clients(
    specs: &[ClientSpec],
    network: &Network,
    context: &mut Context<'_>,
) -> Vec<Option<Client>> {
    let mut taken: Vec<Ipv4Addr> = Vec::new();
    for spec in specs {
        let public = spec.public_address.as_ref().and_then(fixed);
        for address in spec.address.iter().chain(&public) {
            if taken.contains(&address.value) {
                let message = format!("two clients have the address {}", address.value);
                let problem = Problem::new("duplicate-address", message);
                context.error(address, problem.with_help("give each its own"));
            }
            taken.push(address.value);
        }
    }
    specs
        .iter()
        .map(|spec| client(spec, network, context))
        .collect()
}

/// The public address that is given as such.
fn fixed(spec: &At<PublicAddressSpec>) -> Option<At<Ipv4Addr>> {
    match spec.value {
        PublicAddressSpec::Fixed(address) => Some(spec.with(address)),
        PublicAddressSpec::Assigned(_) => None,
    }
}

fn client(spec: &ClientSpec, network: &Network, context: &mut Context<'_>) -> Option<Client> {
    let region = &network.region;
    let location = location(spec, region, context);
    let ideal = |name: &&At<String>| name.value != IDEAL;
    let instance_type = match spec.instance_type.as_ref().filter(ideal) {
        Some(name) => Some(instance_type(name, context)?),
        None => None,
    };
    if let (None, Some(profile)) = (&instance_type, &spec.kernel_profile) {
        let problem = Problem::new("profile-of-ideal", "an ideal machine has no cost profile");
        let help = "give the client an `instance_type`, or drop `kernel_profile`";
        context.error(profile, problem.with_help(help));
    }
    let kernel_profile = match instance_type {
        Some(_) => kernel_profile(spec.kernel_profile.as_ref(), context),
        None => IDEAL.to_owned(),
    };
    let vpc = match location {
        Some(Location::Subnet(subnet)) => refer::vpc_of(subnet, region),
        _ => refer::UNKNOWN,
    };
    if let Some(Location::Internet | Location::Service(_)) = location {
        outside(spec, context);
    }
    if let (Some(address), Some(location)) = (&spec.address, location) {
        self::address(address, location, region, context);
    }
    let groups = spec.security_groups.as_deref();
    let groups = groups.map(|groups| refer::groups(Some(groups), &spec.name, vpc, region, context));
    let listen = spec.listen.as_deref().unwrap_or(&[]);
    Some(Client {
        name: spec.name.value.clone(),
        location: location?,
        address: spec.address.as_ref().map(|address| address.value),
        public_address: public_address(spec, location?, network, context),
        instance_type,
        kernel_profile,
        offloads: match &spec.offloads {
            Some(given) => given.value,
            None => spec
                .instance_type
                .as_ref()
                .is_some_and(|name| name.value != IDEAL),
        },
        security_groups: groups,
        listen: listeners(listen, context),
        source_dest_check: spec.source_dest_check.as_ref().is_none_or(|it| it.value),
    })
}

/// Reports what a machine outside the VPCs does not have.
fn outside(spec: &ClientSpec, context: &mut Context<'_>) {
    let groups = spec.security_groups.as_ref().and_then(|list| list.first());
    let keys = [
        (groups.map(|it| it.with(())), "security groups"),
        (
            spec.public_address.as_ref().map(|it| it.with(())),
            "a public address beside its own",
        ),
        (
            spec.source_dest_check.as_ref().map(|it| it.with(())),
            "a source/destination check",
        ),
    ];
    for (at, what) in keys {
        let Some(at) = at else { continue };
        let name = &spec.name.value;
        let message = format!("client {name:?} is outside the VPCs and cannot have {what}");
        let problem = Problem::new("outside", message);
        context.error(&at, problem.with_help("drop it, or give a `subnet`"));
    }
}

/// Reports an address that a machine cannot have where it is.
fn address(
    address: &At<Ipv4Addr>,
    location: Location,
    region: &RegionPlan,
    context: &mut Context<'_>,
) {
    let ip = address.value;
    let problem = match location {
        Location::Subnet(subnet) => {
            let subnet = &region.subnets[subnet];
            let (name, cidr) = (&subnet.name, subnet.cidr);
            // Source: Amazon VPC User Guide, subnet sizing (vendor): the first four and the last.
            let reserved = || {
                let offset = u32::from(ip) - u32::from(cidr.network());
                offset < 4 || ip == cidr.broadcast()
            };
            if !cidr.contains(&ip) {
                let message = format!("{ip} is outside subnet {name:?} ({cidr})");
                Some(Problem::new("outside-subnet", message))
            } else if reserved() {
                let message = format!("{ip} is reserved in subnet {name:?} ({cidr})");
                Some(Problem::new("reserved-address", message))
            } else {
                None
            }
        }
        Location::Service(list) => {
            let list = &region.prefix_lists[list];
            let inside = list.cidrs.iter().any(|cidr| cidr.contains(&ip));
            (!inside).then(|| {
                let message = format!("{ip} is not in prefix list {:?}", list.name);
                Problem::new("outside-prefix-list", message)
            })
        }
        Location::Internet => {
            let mut ranges = region.vpcs.iter().flat_map(|vpc| &vpc.cidrs);
            ranges.find(|range| range.contains(&ip)).map(|range| {
                let message = format!("{ip} is inside the VPC range {range}");
                Problem::new("inside-vpc", message)
            })
        }
    };
    if let Some(problem) = problem {
        let help = match location {
            Location::Subnet(_) => "give a free address of the subnet, not its first four or last",
            Location::Service(_) => "give an address of the prefix list",
            Location::Internet => "give an address outside the VPCs",
        };
        context.error(address, problem.with_help(help));
    }
}

fn public_address(
    spec: &ClientSpec,
    location: Location,
    network: &Network,
    context: &mut Context<'_>,
) -> PublicAddress {
    let Location::Subnet(subnet) = location else {
        return PublicAddress::None;
    };
    let Some(given) = &spec.public_address else {
        return match network.map_public_ip[subnet] {
            true => PublicAddress::Assigned,
            false => PublicAddress::None,
        };
    };
    let region = &network.region;
    let address = match given.value {
        PublicAddressSpec::Assigned(false) => return PublicAddress::None,
        PublicAddressSpec::Assigned(true) => PublicAddress::Assigned,
        PublicAddressSpec::Fixed(address) => {
            self::address(&given.with(address), Location::Internet, region, context);
            PublicAddress::Fixed(address)
        }
    };
    refer::public_address(given, refer::vpc_of(subnet, region), region, context);
    address
}

fn location(spec: &ClientSpec, region: &RegionPlan, context: &mut Context<'_>) -> Option<Location> {
    let subnet = match &spec.subnet {
        Some(name) => Some(refer::subnet(name, region, context)?),
        None => None,
    };
    if let Some(service) = &spec.service {
        let list = refer::prefix_list(service, region, context)?;
        for other in [&spec.subnet, &spec.zone].into_iter().flatten() {
            two_places(spec, other, "is a service outside the VPCs", context);
        }
        return Some(Location::Service(list));
    }
    let zone = match &spec.zone {
        Some(zone) if zone.value == INTERNET => {
            if let Some(subnet) = &spec.subnet {
                two_places(spec, subnet, "is on the internet", context);
            }
            return Some(Location::Internet);
        }
        Some(zone) => {
            let known = region.zones.iter().map(String::as_str).chain([INTERNET]);
            Some((context.find("zone", zone, known)?, zone))
        }
        None => None,
    };
    in_vpc(subnet, zone, region, context)
}

/// Reports a second word on where a client is.
fn two_places(spec: &ClientSpec, other: &At<String>, what: &str, context: &mut Context<'_>) {
    let name = &spec.name.value;
    let key = other.place.rsplit('.').next().unwrap_or("subnet");
    let message = format!("client {name:?} {what} and in a {key}");
    let outside = match &spec.service {
        Some(_) => "`service`",
        None => "`zone = \"internet\"`",
    };
    let problem = Problem::new("two-places", message);
    context.error(
        other,
        problem.with_help(format!("drop `{key}`, or {outside}")),
    );
}

fn in_vpc(
    subnet: Option<usize>,
    zone: Option<(usize, &At<String>)>,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Option<Location> {
    // In the first VPC, if it has a subnet there.
    let in_zone = |zone| {
        let mut subnets: Vec<_> = region.subnets.iter().enumerate().collect();
        subnets.retain(|(_, subnet)| subnet.zone == zone);
        subnets.sort_by_key(|(_, subnet)| subnet.vpc != 0);
        subnets.first().map(|(index, _)| *index)
    };
    match (subnet, zone) {
        (Some(subnet), Some((index, zone))) if region.subnets[subnet].zone != index => {
            let actual = &region.zones[region.subnets[subnet].zone];
            let message = format!(
                "subnet {:?} is in zone {actual:?}, not in {:?}",
                region.subnets[subnet].name, zone.value
            );
            let problem = Problem::new("two-places", message);
            context.error(zone, problem.with_help("drop `zone`: the subnet says it"));
            None
        }
        (Some(subnet), _) => Some(Location::Subnet(subnet)),
        (None, Some((index, zone))) => {
            let found = in_zone(index).map(Location::Subnet);
            if found.is_none() {
                let message = format!("zone {:?} has no subnet", zone.value);
                let problem = Problem::new("zone-without-subnet", message);
                context.error(
                    zone,
                    problem.with_help("give it one, or choose another zone"),
                );
            }
            found
        }
        // The last zone that has a subnet: far from the first instance.
        (None, None) => {
            let zone = (0..region.zones.len()).rev().find_map(in_zone);
            Some(Location::Subnet(zone.unwrap_or(0)))
        }
    }
}

/// Services, clients and interface endpoints are named by workloads alike, so no two may have the
/// same name.
pub(super) fn names_apart(
    spec: &ScenarioSpec,
    services: &[Option<Service>],
    context: &mut Context<'_>,
) {
    let services = spec
        .service
        .iter()
        .zip(services)
        .filter_map(|(spec, service)| match (&spec.name, service) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(service)) => Some(spec.task_definition.with(service.name.clone())),
            (None, None) => None,
        });
    let clients = spec.client.iter().map(|client| client.name.clone());
    let network = spec.vpc.iter();
    let endpoints = network.flat_map(|vpc| &vpc.interface_endpoint);
    let endpoints = endpoints.map(|endpoint| endpoint.name.clone());
    let names: Vec<At<String>> = services.chain(clients).chain(endpoints).collect();
    context.apart("services, clients or endpoints", names.iter());
    let neighbours = spec.neighbour.iter().map(|n| &n.workload.name);
    let workloads = spec.workload.iter().map(|workload| &workload.name);
    context.apart("workloads", workloads.chain(neighbours));
}

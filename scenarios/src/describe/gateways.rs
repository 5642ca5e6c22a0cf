//! What leads out of a VPC: internet gateways, NAT gateways, peering connections, endpoints. Each
//! also says what a route to it comes to.

use sim_net::vpc::{
    GatewayEndpointPlan, InternetGatewayPlan, NatGatewayPlan, PeeringPlan, PublicAddress,
    RouteTarget,
};

use super::context::{Context, Ids, id};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{address, name_tag, required, required_with};
use super::vpcs::overlap;
use crate::diagnostic::Problem;
use crate::document::reader::{FromNode, Reader};
use crate::document::{Node, json};

/// Reads the internet gateways. One that is attached nowhere is a dead end.
pub(super) fn read_internet_gateways(documents: &Documents<'_>, context: &mut Context) {
    for item in documents.items(Kind::InternetGateway) {
        let Some(mut reader) = context.reports.reader(item) else {
            continue;
        };
        let Some(id) = id(&mut reader, Kind::InternetGateway) else {
            continue;
        };
        let name = name_tag(&mut reader, "Tags");
        let ids = &context.ids;
        let vpcs = reader.tables("Attachments", |reader| {
            let state = reader.get::<String>("State").map(|at| at.value);
            if state.is_some_and(|state| !matches!(state.as_str(), "available" | "attached")) {
                return None;
            }
            let key = "VpcId";
            ids.refer(reader, key, Kind::Vpc, Kind::InternetGateway)
        });
        let Some(vpc) = vpcs.first().copied() else {
            context.targets.insert(id, RouteTarget::Blackhole);
            continue;
        };
        let gateways = &mut context.region.internet_gateways;
        if let Some(other) = gateways.iter().find(|other| other.vpc == vpc) {
            let problem = Problem::new(
                "two-internet-gateways",
                format!("{id} and {} are attached to the same VPC", other.id),
            )
            .with_help("a VPC has one internet gateway: take all files at one time");
            reader.error("Attachments", problem);
        }
        let index = gateways.len();
        context.ids.add(Kind::InternetGateway, &id, Some(index));
        context
            .targets
            .insert(id.clone(), RouteTarget::InternetGateway(index));
        gateways.push(InternetGatewayPlan {
            vpc,
            name: name.unwrap_or_else(|| id.clone()),
            id,
        });
    }
}

/// Reads the NAT gateways, with their interfaces.
pub(super) fn read_nat_gateways(documents: &Documents<'_>, context: &mut Context) {
    for item in documents.items(Kind::NatGateway) {
        read_nat_gateway(item, context);
    }
}

/// The address of a NAT gateway that counts.
struct NatAddress {
    interface: Option<String>,
    private: Option<std::net::Ipv4Addr>,
    public: Option<std::net::Ipv4Addr>,
    primary: bool,
}

fn read_nat_gateway(item: &Item<'_>, context: &mut Context) -> Option<()> {
    let command = Kind::NatGateway.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::NatGateway)?;
    let name = name_tag(&mut reader, "Tags");
    let state = required::<String>(&mut reader, "State", command)?;
    if state.value != "available" {
        if !matches!(state.value.as_str(), "deleted" | "failed") {
            let problem = Problem::new(
                "not-available",
                format!("{id} is {}: it is taken as not there", state.value),
            );
            reader.caveat("State", problem);
        }
        context.targets.insert(id, RouteTarget::Blackhole);
        return None;
    }
    let mode = reader.get::<String>("AvailabilityMode");
    if mode.is_some_and(|mode| mode.value == "regional") {
        let problem = Problem::new(
            "not-simulated",
            format!(
                "{id} is a regional NAT gateway, which is not simulated: routes to it are undetermined"
            ),
        );
        reader.caveat("AvailabilityMode", problem);
        context
            .targets
            .insert(id.clone(), RouteTarget::Unmodelled(id));
        return None;
    }
    let subnet = context
        .ids
        .refer(&mut reader, "SubnetId", Kind::Subnet, Kind::NatGateway);
    let private = reader
        .get::<String>("ConnectivityType")
        .is_some_and(|kind| kind.value == "private");
    let addresses = reader.tables("NatGatewayAddresses", nat_address);
    let Some(main) = addresses
        .iter()
        .find(|address| address.primary)
        .or(addresses.first())
    else {
        reader.missing(
            "NatGatewayAddresses",
            format!("take the output of `{command}` as it is"),
        );
        return None;
    };
    if addresses.len() > 1 {
        let problem = Problem::new(
            "secondary-addresses",
            format!(
                "{id} has {} addresses: only the first is simulated",
                addresses.len()
            ),
        );
        reader.caveat("NatGatewayAddresses", problem);
    }
    let public = match main.public {
        Some(public) if !private => PublicAddress::Fixed(public),
        _ => PublicAddress::None,
    };
    if !private && public == PublicAddress::None {
        reader.missing(
            "NatGatewayAddresses",
            "a public NAT gateway has a `PublicIp`",
        );
    }
    let subnet = subnet?;
    let index = context.region.nat_gateways.len();
    let target = RouteTarget::NatGateway(index);
    context.ids.add(Kind::NatGateway, &id, Some(index));
    context.targets.insert(id.clone(), target.clone());
    for address in &addresses {
        if let Some(interface) = &address.interface {
            context.targets.insert(interface.clone(), target.clone());
        }
    }
    context.region.nat_gateways.push(NatGatewayPlan {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        subnet,
        address: main.private,
        public_address: public,
    });
    Some(())
}

fn nat_address(reader: &mut Reader<'_>) -> Option<NatAddress> {
    let command = Kind::NatGateway.command();
    Some(NatAddress {
        interface: reader.get("NetworkInterfaceId").map(|at| at.value),
        private: required_with(reader, "PrivateIp", command, address).map(|at| at.value),
        public: reader.read("PublicIp", address).map(|at| at.value),
        primary: reader.get("IsPrimary").is_some_and(|at| at.value),
    })
}

/// Reads the peering connections. One to a VPC that no file has leads to the unknown.
pub(super) fn read_peerings(documents: &Documents<'_>, context: &mut Context) {
    for item in documents.items(Kind::Peering) {
        read_peering(item, context);
    }
}

fn read_peering(item: &Item<'_>, context: &mut Context) -> Option<()> {
    let command = Kind::Peering.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::Peering)?;
    let name = name_tag(&mut reader, "Tags");
    let status = reader.table("Status", |reader| {
        required::<String>(reader, "Code", command).map(|at| at.value)
    });
    if reader.node("Status").is_none() {
        reader.missing("Status", format!("take the output of `{command}` as it is"));
    }
    let side = |reader: &mut Reader<'_>| {
        let region = reader.get::<String>("Region").map(|at| at.value);
        Some((required::<String>(reader, "VpcId", command)?.value, region))
    };
    let mut sides = Vec::new();
    for key in ["RequesterVpcInfo", "AccepterVpcInfo"] {
        if reader.node(key).is_none() {
            reader.missing(key, format!("take the output of `{command}` as it is"));
        }
        sides.extend(reader.table(key, side));
    }
    let [(requester, here), (accepter, there)] = &sides[..] else {
        return None;
    };
    let index = |vpc: &str| context.ids.index(Kind::Vpc, vpc);
    let (Some(one), Some(other)) = (index(requester), index(accepter)) else {
        let missing = if context.ids.knows(Kind::Vpc, requester) {
            accepter
        } else {
            requester
        };
        // A VPC that is there and broken has been reported.
        if !context.ids.knows(Kind::Vpc, missing) && context.ids.given(Kind::Vpc) {
            let problem = Problem::new(
                "unknown-peer",
                format!(
                    "{id} leads to {missing}, which no file has: routes to it are undetermined"
                ),
            )
            .with_help("add the files of that VPC's account and Region, if you can");
            reader.caveat("VpcPeeringConnectionId", problem);
        }
        context
            .targets
            .insert(id.clone(), RouteTarget::Unmodelled(id));
        return None;
    };
    if here.is_some() && there.is_some() && here != there {
        let problem = Problem::new(
            "cross-region",
            format!("{id} connects two Regions: the way between is taken as one between zones"),
        );
        reader.caveat("VpcPeeringConnectionId", problem);
    }
    let active = status? == "active";
    check_ranges(
        &mut reader,
        context.region.vpcs[one].cidrs.as_slice(),
        &context.region.vpcs[other].cidrs,
        active,
    );
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

/// VPCs with a common address cannot be peered: the connection never becomes active.
fn check_ranges(
    reader: &mut Reader<'_>,
    ours: &[ipnet::Ipv4Net],
    theirs: &[ipnet::Ipv4Net],
    active: bool,
) {
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

/// Reads the endpoints. Those that are interfaces are among the interfaces.
pub(super) fn read_endpoints(documents: &Documents<'_>, context: &mut Context) {
    for item in documents.items(Kind::Endpoint) {
        read_endpoint(item, context);
    }
}

fn read_endpoint(item: &Item<'_>, context: &mut Context) -> Option<()> {
    let command = Kind::Endpoint.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::Endpoint)?;
    let name = name_tag(&mut reader, "Tags");
    let vpc = context
        .ids
        .refer(&mut reader, "VpcId", Kind::Vpc, Kind::Endpoint);
    let service = required::<String>(&mut reader, "ServiceName", command);
    let state = reader.get::<String>("State").map(|at| at.value);
    if state.is_some_and(|state| !state.eq_ignore_ascii_case("available")) {
        context.targets.insert(id, RouteTarget::Blackhole);
        return None;
    }
    // Before interface endpoints came, the key was not there.
    let kind = reader.get::<String>("VpcEndpointType");
    match kind.as_ref().map_or("Gateway", |kind| kind.value.as_str()) {
        "Gateway" => {}
        "Interface" => {
            check_interfaces(&mut reader, &context.ids);
            return None;
        }
        other => {
            let problem = Problem::new(
                "not-simulated",
                format!(
                    "{id} is an endpoint of the type {other}, which is not simulated: routes to it are undetermined"
                ),
            );
            reader.caveat("VpcEndpointType", problem);
            context
                .targets
                .insert(id.clone(), RouteTarget::Unmodelled(id));
            return None;
        }
    }
    if policy_restricts(&mut reader) {
        let problem = Problem::new(
            "not-simulated",
            format!("the policy of {id} is not simulated: it lets everything pass"),
        );
        reader.caveat("PolicyDocument", problem);
    }
    let (vpc, service) = (vpc?, service?);
    let mut lists = context.region.prefix_lists.iter();
    let Some(prefix_list) = lists.position(|list| list.name == service.value) else {
        let problem = Problem::new(
            "unknown-prefix-list",
            format!(
                "no file has the addresses of {}: routes to {id} are undetermined",
                service.value
            ),
        )
        .with_help(format!(
            "save the output of `{}` in this folder",
            Kind::PrefixList.command()
        ));
        reader.caveat("ServiceName", problem);
        context
            .targets
            .insert(id.clone(), RouteTarget::Unmodelled(id));
        return None;
    };
    let index = context.region.gateway_endpoints.len();
    context.ids.add(Kind::Endpoint, &id, Some(index));
    context
        .targets
        .insert(id.clone(), RouteTarget::GatewayEndpoint(index));
    context.region.gateway_endpoints.push(GatewayEndpointPlan {
        vpc,
        name: name.unwrap_or_else(|| id.clone()),
        id,
        prefix_list,
    });
    Some(())
}

/// The interfaces of an endpoint have to be there, for it is nothing else.
fn check_interfaces(reader: &mut Reader<'_>, ids: &Ids) {
    for interface in reader
        .list("NetworkInterfaceIds", String::from_node)
        .unwrap_or_default()
    {
        let _ = ids.resolve(reader, &interface, Kind::Interface);
    }
}

/// Whether an endpoint's policy is other than the one that AWS gives it: everything by everyone.
fn policy_restricts(reader: &mut Reader<'_>) -> bool {
    let Some(text) = reader.node("PolicyDocument").and_then(Node::as_str) else {
        return false;
    };
    let Ok(policy) = json::parse(text) else {
        return true;
    };
    let Some(statements) = policy.get("Statement").and_then(Node::as_array) else {
        return true;
    };
    let is = |statement: &Node, key: &str, value: &str| {
        statement.get(key).and_then(Node::as_str) == Some(value)
    };
    let open = |statement: &Node| {
        is(statement, "Effect", "Allow")
            && ["Principal", "Action", "Resource"]
                .iter()
                .all(|key| is(statement, key, "*"))
            && statement.get("Condition").is_none()
    };
    !matches!(statements, [only] if open(only))
}

/// The kind of record that an identifier belongs to, by how it begins.
pub(super) fn kind_of_target(id: &str) -> Option<Kind> {
    let prefix = id.split('-').next().unwrap_or_default();
    match prefix {
        "igw" => Some(Kind::InternetGateway),
        "nat" => Some(Kind::NatGateway),
        "pcx" => Some(Kind::Peering),
        "vpce" => Some(Kind::Endpoint),
        "eni" => Some(Kind::Interface),
        _ => None,
    }
}

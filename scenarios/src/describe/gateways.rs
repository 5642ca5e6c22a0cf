//! Internet gateways and NAT gateways, and what a route to one comes to.

use std::net::Ipv4Addr;

use sim_net::vpc::{InternetGatewayPlan, NatGatewayPlan, PublicAddress, RouteTarget};

use super::context::{Context, NatAddresses, id};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{address, name_tag, required, required_with};
use crate::diagnostic::Problem;
use crate::document::reader::{At, Reader};

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
    private: At<Ipv4Addr>,
    public: Option<At<Ipv4Addr>>,
    primary: bool,
}

fn read_nat_gateway(item: &Item<'_>, context: &mut Context) -> Option<()> {
    let command = Kind::NatGateway.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::NatGateway)?;
    let name = name_tag(&mut reader, "Tags");
    if let Some(target) = not_there(&mut reader, &id)? {
        context.targets.insert(id, target);
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
    let public = match &main.public {
        Some(public) if !private => PublicAddress::Fixed(public.value),
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
    context.nat_addresses.push(NatAddresses {
        file: item.file,
        private: main.private.clone(),
        public: main.public.clone().filter(|_| !private),
    });
    context.region.nat_gateways.push(NatGatewayPlan {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        subnet,
        address: Some(main.private.value),
        public_address: public,
    });
    Some(())
}

/// What a route to a NAT gateway that is not in the plan comes to; `None` for one that is.
#[expect(
    clippy::option_option,
    reason = "unreadable, in the plan and not there are three cases"
)]
fn not_there(reader: &mut Reader<'_>, id: &str) -> Option<Option<RouteTarget>> {
    let state = required::<String>(reader, "State", Kind::NatGateway.command())?;
    if state.value != "available" {
        if !matches!(state.value.as_str(), "deleted" | "failed") {
            let problem = Problem::new(
                "not-available",
                format!("{id} is {}: it is taken as not there", state.value),
            );
            reader.caveat("State", problem);
        }
        return Some(Some(RouteTarget::Blackhole));
    }
    let mode = reader.get::<String>("AvailabilityMode");
    if mode.is_some_and(|mode| mode.value == "regional") {
        let problem = Problem::new(
            "not-simulated",
            format!("regional NAT gateways are not simulated: routes to {id} are undetermined"),
        );
        reader.caveat("AvailabilityMode", problem);
        return Some(Some(RouteTarget::Unmodelled(id.to_owned())));
    }
    Some(None)
}

fn nat_address(reader: &mut Reader<'_>) -> Option<NatAddress> {
    let command = Kind::NatGateway.command();
    Some(NatAddress {
        interface: reader.get("NetworkInterfaceId").map(|at| at.value),
        private: required_with(reader, "PrivateIp", command, address)?,
        public: reader.read("PublicIp", address),
        primary: reader.get("IsPrimary").is_some_and(|at| at.value),
    })
}

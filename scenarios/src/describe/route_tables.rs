//! Route tables, and which subnet has which.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use sim_net::vpc::{
    RegionPlan, RouteDestination, RoutePlan, RouteTablePlan, RouteTarget, SubnetPlan,
};

use super::context::{Context, Ids, id, not_given, prefix_list, unknown};
use super::documents::{Documents, Item};
use super::kind::{Kind, kind_of_id};
use super::values::{cidr, name_tag, required};
use crate::diagnostic::{Problem, shorten};
use crate::document::reader::{At, Reader};

/// The keys of a route that name its target. An interface comes before the instance that has it.
const TARGETS: [&str; 11] = [
    "NatGatewayId",
    "VpcPeeringConnectionId",
    "TransitGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "GatewayId",
    "EgressOnlyInternetGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
];

/// Reads the route tables, and gives every subnet its own.
pub(super) fn read(documents: &Documents<'_>, context: &mut Context) {
    let mut main = vec![None; context.region.vpcs.len()];
    for item in documents.items(Kind::RouteTable) {
        read_table(item, context, &mut main);
    }
    if !documents.given(Kind::RouteTable) && documents.given(Kind::Vpc) {
        let consequence = "what leaves a VPC is undetermined";
        context
            .reports
            .folder_caveat(not_given(Kind::RouteTable, consequence));
    }
    for subnet in 0..context.region.subnets.len() {
        if context.region.subnets[subnet].route_table.is_some() {
            continue;
        }
        let vpc = context.region.subnets[subnet].vpc;
        let table = match main[vpc] {
            Some(table) => table,
            None => *main[vpc].insert(unknown_table(vpc, documents, context)),
        };
        context.region.subnets[subnet].route_table = Some(table);
    }
}

/// The main route table of a VPC where no file has it: what leaves the VPC is undetermined.
fn unknown_table(vpc: usize, documents: &Documents<'_>, context: &mut Context) -> usize {
    let plan = &context.region.vpcs[vpc];
    let id = format!("main route table of {}", plan.id);
    if documents.given(Kind::RouteTable) {
        let problem = Problem::new(
            "no-main-table",
            format!("no file has the {id}: what leaves it from subnets without a table of their own is undetermined"),
        )
        .with_help(format!("save the output of `{}` without filters", Kind::RouteTable.command()));
        context.reports.folder_caveat(problem);
    }
    let mut routes = Vec::new();
    add_local(&mut routes, &plan.cidrs);
    routes.push(RoutePlan {
        destination: RouteDestination::Cidr(Ipv4Net::default()),
        target: RouteTarget::Unmodelled(id.clone()),
        propagated: false,
    });
    context.region.route_tables.push(RouteTablePlan {
        vpc,
        name: id.clone(),
        id,
        routes,
    });
    context.region.route_tables.len() - 1
}

/// Adds the routes to the VPC's own ranges that are not there. Whether one was missing.
fn add_local(routes: &mut Vec<RoutePlan>, cidrs: &[Ipv4Net]) -> bool {
    let before = routes.len();
    for cidr in cidrs {
        let destination = RouteDestination::Cidr(*cidr);
        if !routes.iter().any(|route| route.destination == destination) {
            routes.push(RoutePlan {
                destination,
                target: RouteTarget::Local,
                propagated: false,
            });
        }
    }
    routes.len() > before
}

fn read_table(item: &Item<'_>, context: &mut Context, main: &mut [Option<usize>]) -> Option<()> {
    let command = Kind::RouteTable.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::RouteTable);
    let name = name_tag(&mut reader, "Tags");
    let vpc = context
        .ids
        .refer(&mut reader, "VpcId", Kind::Vpc, Kind::RouteTable);
    let index = context.region.route_tables.len();
    if reader.node("Routes").is_none() {
        reader.missing("Routes", format!("take the output of `{command}` as it is"));
    }
    let mut routes = Routes {
        targets: &context.targets,
        ids: &context.ids,
        region: &context.region,
        vpc,
        ipv6: Vec::new(),
        reported: BTreeSet::new(),
    };
    let mut plan = reader.tables("Routes", |reader| routes.read(reader));
    for (span, place) in std::mem::take(&mut routes.ipv6) {
        context.ipv6.note(item.file, span, &place);
    }
    let (id, vpc) = (id?, vpc?);
    if add_local(&mut plan, &context.region.vpcs[vpc].cidrs) {
        let problem = Problem::new(
            "no-local-route",
            format!("{id} lacks a `local` route to its VPC: it is added"),
        );
        reader.caveat("Routes", problem);
    }
    let table = Table {
        index,
        id: &id,
        vpc,
        ids: &context.ids,
    };
    for at in reader.tables("Associations", association) {
        table.associate(&mut reader, at, &mut context.region.subnets, main);
    }
    context.ids.add(Kind::RouteTable, &id, Some(index));
    context.region.route_tables.push(RouteTablePlan {
        vpc,
        name: name.unwrap_or_else(|| id.clone()),
        id,
        routes: plan,
    });
    Some(())
}

/// To whom a table applies.
enum Association {
    Main,
    Subnet(At<String>),
    Gateway(String),
}

fn association(reader: &mut Reader<'_>) -> Option<Association> {
    let state = reader.table("AssociationState", |reader| {
        reader.get::<String>("State").map(|at| at.value)
    });
    if state.is_some_and(|state| matches!(state.as_str(), "disassociated" | "failed")) {
        return None;
    }
    if let Some(subnet) = reader.get("SubnetId") {
        return Some(Association::Subnet(subnet));
    }
    if let Some(gateway) = reader.get::<String>("GatewayId") {
        return Some(Association::Gateway(gateway.value));
    }
    if reader.get::<bool>("Main").is_some_and(|at| at.value) {
        return Some(Association::Main);
    }
    reader.missing(
        "SubnetId",
        "an association names a subnet, or is the main one",
    );
    None
}

/// A table, as its associations see it.
struct Table<'a> {
    index: usize,
    id: &'a str,
    vpc: usize,
    ids: &'a Ids,
}

impl Table<'_> {
    fn associate(
        &self,
        reader: &mut Reader<'_>,
        with: Association,
        subnets: &mut [SubnetPlan],
        main: &mut [Option<usize>],
    ) {
        let Self { id, vpc, index, .. } = *self;
        match with {
            Association::Main if main[vpc].replace(index).is_some() => {
                let problem = Problem::new(
                    "contradiction",
                    format!("{id} is a second main route table of its VPC"),
                )
                .with_help("a VPC has one: take all files at one time");
                reader.error("Associations", problem);
            }
            Association::Main => {}
            Association::Subnet(name) => {
                let Some(subnet) = self.ids.resolve(reader, &name, Kind::Subnet) else {
                    return;
                };
                let subnet = &mut subnets[subnet];
                if subnet.vpc != vpc || subnet.route_table.replace(index).is_some() {
                    let problem = Problem::new(
                        "contradiction",
                        format!(
                            "subnet {} has a route table already, or is in another VPC",
                            subnet.id
                        ),
                    )
                    .with_help(
                        "a subnet has one route table, of its VPC: take all files at one time",
                    );
                    reader.error_at(&name.place, name.span, problem);
                }
            }
            Association::Gateway(gateway) => {
                let problem = Problem::new(
                    "not-simulated",
                    format!("{id} routes what comes in through {gateway}, which is not simulated"),
                );
                reader.caveat("Associations", problem);
            }
        }
    }
}

/// Reads the routes of a table.
struct Routes<'a> {
    targets: &'a BTreeMap<String, RouteTarget>,
    ids: &'a Ids,
    region: &'a RegionPlan,
    vpc: Option<usize>,
    ipv6: Vec<(std::ops::Range<usize>, String)>,
    /// Targets that have been reported of this table.
    reported: BTreeSet<String>,
}

impl Routes<'_> {
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<RoutePlan> {
        if reader.node("DestinationIpv6CidrBlock").is_some() {
            self.ipv6.push((reader.span(), reader.place().to_owned()));
            return None;
        }
        let destination = if let Some(list) = reader.get("DestinationPrefixListId") {
            // The target is read all the same: it may be wrong as well.
            prefix_list(reader, self.ids, &list, "route").map(RouteDestination::PrefixList)
        } else if reader.node("DestinationCidrBlock").is_some() {
            let range = reader.read("DestinationCidrBlock", cidr);
            range.map(|at| RouteDestination::Cidr(at.value))
        } else {
            required::<String>(reader, "DestinationCidrBlock", Kind::RouteTable.command());
            None
        };
        let origin = reader.get::<String>("Origin");
        let propagated = origin.is_some_and(|at| at.value == "EnableVgwRoutePropagation");
        let target = self.target(reader)?;
        Some(RoutePlan {
            destination: destination?,
            target,
            propagated,
        })
    }

    fn target(&mut self, reader: &mut Reader<'_>) -> Option<RouteTarget> {
        let state = reader.get::<String>("State");
        if state.is_some_and(|at| at.value == "blackhole") {
            return Some(RouteTarget::Blackhole);
        }
        let named = TARGETS.into_iter().find(|key| reader.node(key).is_some());
        let Some(key) = named else {
            reader.missing(
                "GatewayId",
                "a route has a target, such as `GatewayId`, or the state `blackhole`",
            );
            return None;
        };
        let id = reader.get::<String>(key)?;
        if id.value == "local" {
            return Some(RouteTarget::Local);
        }
        if let Some(target) = self.targets.get(&id.value) {
            if self.vpc.is_some_and(|vpc| !self.within(target, vpc)) {
                let problem = Problem::new(
                    "wrong-vpc",
                    format!("{} does not belong to the VPC of the route table", id.value),
                )
                .with_help("a route leads to a gateway of its own VPC");
                reader.error_at(&id.place, id.span.clone(), problem);
            }
            if matches!(target, RouteTarget::Unmodelled(_)) {
                self.caveat(reader, key, &id.value, "");
            }
            return Some(target.clone());
        }
        match kind_of_id(&id.value) {
            Some(kind) if !self.ids.given(kind) => {
                let command = format!("save the output of `{}` in this folder", kind.command());
                self.caveat(reader, key, &id.value, &command);
            }
            Some(kind) if !self.ids.knows(kind, &id.value) => {
                reader.error_at(&id.place, id.span.clone(), unknown(kind, &id.value));
            }
            _ => self.caveat(reader, key, &id.value, ""),
        }
        Some(RouteTarget::Unmodelled(id.value))
    }

    /// One caveat for each target of a table.
    fn caveat(&mut self, reader: &mut Reader<'_>, key: &str, id: &str, help: &str) {
        if !self.reported.insert(id.to_owned()) {
            return;
        }
        let why = if help.is_empty() {
            "is not simulated"
        } else {
            "is in no file"
        };
        let mut problem = Problem::new(
            "undetermined-route",
            format!(
                "{} {why}: what takes this route is undetermined",
                shorten(id)
            ),
        );
        if !help.is_empty() {
            problem = problem.with_help(help);
        }
        reader.caveat(key, problem);
    }

    /// Whether a target is one of a VPC's.
    fn within(&self, target: &RouteTarget, vpc: usize) -> bool {
        match target {
            RouteTarget::InternetGateway(index) => self.region.internet_gateways[*index].vpc == vpc,
            RouteTarget::NatGateway(index) => {
                let subnet = self.region.nat_gateways[*index].subnet;
                self.region.subnets[subnet].vpc == vpc
            }
            RouteTarget::GatewayEndpoint(index) => self.region.gateway_endpoints[*index].vpc == vpc,
            RouteTarget::Peering(index) => {
                let peering = &self.region.peerings[*index];
                peering.requester == vpc || peering.accepter == vpc
            }
            RouteTarget::Local | RouteTarget::Blackhole | RouteTarget::Unmodelled(_) => true,
        }
    }
}

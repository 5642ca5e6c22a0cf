//! Network interfaces: who is where, and what it is.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sim_net::vpc::{RegionPlan, RouteTarget};

use super::context::{Context, Ids, NatAddresses, id, not_given};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{address, name_tag, required, required_with};
use super::{ImportedInterface, InterfaceKind};
use crate::diagnostic::Problem;
use crate::document::Node;
use crate::document::reader::{At, Reader};

/// Most groups of an interface, without an increased quota.
/// Source: Amazon VPC User Guide, amazon-vpc-limits, 2026-11 (vendor); up to 16 on request.
const MOST_GROUPS: usize = 5;

/// Addresses at the start of a subnet that AWS keeps: the network's, the router's, the resolver's,
/// one for later.
/// Source: Amazon VPC User Guide, subnet-sizing, 2026-11 (vendor).
const RESERVED_FIRST: u32 = 4;

/// What `describe-instances` says of an instance.
#[derive(Debug, Default)]
struct Instance {
    name: Option<String>,
    instance_type: Option<String>,
    interfaces: usize,
}

/// Reads the interfaces.
pub(super) fn read(documents: &Documents<'_>, context: &mut Context) -> Vec<ImportedInterface> {
    let mut instances = BTreeMap::new();
    let mut listed = Vec::new();
    for item in documents.items(Kind::Reservation) {
        read_reservation(item, context, &mut instances, &mut listed);
    }
    let mut items: Vec<(Item<'_>, Option<String>)> = Vec::new();
    if documents.given(Kind::Interface) {
        items.extend(
            documents
                .items(Kind::Interface)
                .iter()
                .map(|item| (item.clone(), None)),
        );
    } else {
        let consequence = if listed.is_empty() {
            "there is nobody in the VPCs"
        } else {
            "only those that the instances list are there"
        };
        if documents.given(Kind::Vpc) {
            context
                .reports
                .folder_caveat(not_given(Kind::Interface, consequence));
        }
        items.extend(listed);
    }
    let endpoints = endpoint_interfaces(documents);
    let public = public_addresses(documents, context);
    let mut found = Found {
        endpoints: &endpoints,
        public: &public,
        instances: &mut instances,
        by_address: BTreeMap::new(),
        by_public: BTreeMap::new(),
    };
    let mut interfaces = Vec::new();
    for (item, instance) in &items {
        interfaces.extend(read_interface(
            item,
            instance.as_deref(),
            context,
            &mut found,
        ));
    }
    check_nat_gateways(&found, context);
    report_machines(&instances, context);
    name_uniquely(&mut interfaces);
    interfaces
}

/// An instance with several interfaces is several machines here.
fn report_machines(instances: &BTreeMap<String, Instance>, context: &mut Context) {
    for (id, instance) in instances {
        if instance.interfaces > 1 {
            let problem = Problem::new(
                "several-interfaces",
                format!(
                    "instance {id} has {} network interfaces: each is simulated as a machine of its own",
                    instance.interfaces
                ),
            );
            context.reports.folder_caveat(problem);
        }
    }
}

/// Random streams hang on names, and so do explanations: no two are equal.
fn name_uniquely(interfaces: &mut [ImportedInterface]) {
    loop {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for interface in interfaces.iter() {
            *count.entry(interface.name.clone()).or_default() += 1;
        }
        let mut changed = false;
        for interface in interfaces.iter_mut() {
            // One that is named by its identifier keeps it: the others have another suffix.
            if count[&interface.name] > 1 && interface.name != interface.id {
                interface.name = format!("{} ({})", interface.name, interface.id);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// The instances of a reservation, and their interfaces.
fn read_reservation<'a>(
    item: &Item<'a>,
    context: &mut Context,
    instances: &mut BTreeMap<String, Instance>,
    listed: &mut Vec<(Item<'a>, Option<String>)>,
) {
    let Some(mut reader) = context.reports.reader(item) else {
        return;
    };
    let command = Kind::Reservation.command();
    let nodes = item.node.get("Instances").and_then(Node::as_array);
    let mut number = 0;
    reader.tables("Instances", |reader| {
        let at = number;
        number += 1;
        let id = required::<String>(reader, "InstanceId", command)?.value;
        let state = reader.table("State", |reader| {
            reader.get::<String>("Name").map(|at| at.value)
        });
        match state.as_deref() {
            Some("terminated") => return None,
            None | Some("running" | "pending") => {}
            Some(state) => {
                let problem = Problem::new(
                    "not-running",
                    format!("instance {id} is {state}: it is simulated as if it ran"),
                );
                reader.caveat("State", problem);
            }
        }
        let interfaces = nodes?
            .get(at)?
            .get("NetworkInterfaces")
            .and_then(Node::as_array)
            .unwrap_or_default();
        for (index, node) in interfaces.iter().enumerate() {
            let place = format!("{}.NetworkInterfaces[{index}]", reader.place());
            let item = Item {
                file: item.file,
                place,
                node,
            };
            listed.push((item, Some(id.clone())));
        }
        let instance = Instance {
            name: name_tag(reader, "Tags"),
            instance_type: reader.get("InstanceType").map(|at| at.value),
            interfaces: 0,
        };
        instances.insert(id, instance);
        Some(())
    });
}

/// The interfaces of interface endpoints, as the endpoints list them.
fn endpoint_interfaces(documents: &Documents<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for item in documents.items(Kind::Endpoint) {
        let list = item
            .node
            .get("NetworkInterfaceIds")
            .and_then(Node::as_array);
        let texts = list.unwrap_or_default().iter().filter_map(Node::as_str);
        all.extend(texts.map(str::to_owned));
    }
    all
}

/// Elastic addresses by the interface that they are associated with, with the private address that
/// they stand for.
fn public_addresses(
    documents: &Documents<'_>,
    context: &mut Context,
) -> BTreeMap<String, Vec<(Option<Ipv4Addr>, Ipv4Addr)>> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for item in documents.items(Kind::Address) {
        let Some(mut reader) = context.reports.reader(item) else {
            continue;
        };
        let public = required_with(&mut reader, "PublicIp", Kind::Address.command(), address);
        let private = reader.read("PrivateIpAddress", address).map(|at| at.value);
        let interface = reader.get::<String>("NetworkInterfaceId");
        if let (Some(public), Some(interface)) = (public, interface) {
            all.entry(interface.value)
                .or_default()
                .push((private, public.value));
        }
    }
    all
}

/// What has been found so far.
struct Found<'a> {
    endpoints: &'a [String],
    public: &'a BTreeMap<String, Vec<(Option<Ipv4Addr>, Ipv4Addr)>>,
    instances: &'a mut BTreeMap<String, Instance>,
    /// Interfaces by VPC and private address.
    by_address: BTreeMap<(usize, Ipv4Addr), String>,
    /// Interfaces by public address.
    by_public: BTreeMap<Ipv4Addr, String>,
}

/// An interface as it is written.
struct Spec {
    id: String,
    subnet: usize,
    groups: Vec<usize>,
    private: At<Ipv4Addr>,
    public: Option<At<Ipv4Addr>>,
    check: bool,
    instance: Option<String>,
    tag: Option<String>,
    description: Option<String>,
    interface_type: Option<String>,
    requester: Option<String>,
}

fn read_interface(
    item: &Item<'_>,
    instance: Option<&str>,
    context: &mut Context,
    found: &mut Found<'_>,
) -> Option<ImportedInterface> {
    context.ipv6.note_record_list(item, "Ipv6Addresses");
    let Context {
        reports,
        ids,
        region,
        targets,
        ..
    } = context;
    let mut reader = reports.reader(item)?;
    let spec = read_spec(&mut reader, instance, ids)?;
    let subnet = &region.subnets[spec.subnet];
    if let Some(problem) = misplaced(spec.private.value, subnet.cidr, &subnet.id) {
        let (place, span) = (&spec.private.place, spec.private.span.clone());
        reader.error_at(place, span, problem);
    }
    report_foreign_groups(&mut reader, &spec.groups, region, subnet.vpc);
    let place = (subnet.vpc, spec.private.value);
    if let Some(other) = found.by_address.insert(place, spec.id.clone()) {
        let (place, span) = (&spec.private.place, spec.private.span.clone());
        reader.error_at(place, span, in_use(spec.private.value, &spec.id, &other));
    }
    let public = spec.public.clone().or_else(|| {
        let elastic = found.public.get(&spec.id)?.iter();
        let mut own = elastic.filter(|(of, _)| of.is_none_or(|of| of == spec.private.value));
        own.next().map(|(_, public)| spec.private.with(*public))
    });
    if let Some(public) = &public
        && let Some(other) = found.by_public.insert(public.value, spec.id.clone())
    {
        let problem = in_use(public.value, &spec.id, &other);
        reader.error_at(&public.place, public.span.clone(), problem);
    }
    let nat = matches!(targets.get(&spec.id), Some(RouteTarget::NatGateway(_)));
    let endpoint = found.endpoints.contains(&spec.id);
    let kind = kind(&spec, nat, endpoint);
    let known = spec.instance.as_ref();
    let known = known.and_then(|id| found.instances.get_mut(id));
    let (mut instance_name, mut instance_type) = (None, None);
    if let Some(known) = known {
        known.interfaces += 1;
        instance_name.clone_from(&known.name);
        instance_type.clone_from(&known.instance_type);
    }
    Some(ImportedInterface {
        name: spec
            .tag
            .or(instance_name)
            .or(spec.instance.clone())
            .or(spec.description)
            .unwrap_or_else(|| spec.id.clone()),
        id: spec.id,
        subnet: spec.subnet,
        address: spec.private.value,
        public_address: public.map(|at| at.value),
        security_groups: spec.groups,
        source_dest_check: spec.check,
        kind,
        instance: spec.instance,
        instance_type,
    })
}

/// Reads an interface; `instance` is the one that lists it. One without IPv4 is none.
fn read_spec(reader: &mut Reader<'_>, instance: Option<&str>, ids: &Ids) -> Option<Spec> {
    let command = Kind::Interface.command();
    let id = id(reader, Kind::Interface);
    let subnet = ids.refer(reader, "SubnetId", Kind::Subnet, Kind::Interface);
    let groups = groups(reader, ids);
    if reader.node("PrivateIpAddress").is_none() && length(reader, "Ipv6Addresses") > 0 {
        return None;
    }
    let private = required_with(reader, "PrivateIpAddress", command, address);
    let check = reader.get::<bool>("SourceDestCheck");
    let attached = reader.table("Attachment", |reader| {
        Some(reader.get::<String>("InstanceId").map(|at| at.value))
    });
    let public = reader.table("Association", |reader| reader.read("PublicIp", address));
    let (id, subnet, private) = (id?, subnet?, private?);
    report_left_out(reader, &id, attached.is_none() && instance.is_none());
    let text = |reader: &mut Reader<'_>, key| {
        let text = reader.get::<String>(key).map(|at| at.value);
        text.filter(|text| !text.trim().is_empty())
    };
    Some(Spec {
        id,
        subnet,
        groups,
        private,
        public,
        check: check.is_none_or(|at| at.value),
        instance: attached.flatten().or(instance.map(str::to_owned)),
        tag: name_tag(reader, "TagSet"),
        description: text(reader, "Description"),
        interface_type: text(reader, "InterfaceType"),
        requester: text(reader, "RequesterId"),
    })
}

/// How many elements a list has.
fn length(reader: &mut Reader<'_>, key: &'static str) -> usize {
    let list = reader.node(key).and_then(Node::as_array);
    list.map_or(0, <[Node]>::len)
}

/// The groups of an interface.
fn groups(reader: &mut Reader<'_>, ids: &Ids) -> Vec<usize> {
    let command = Kind::Interface.command();
    let groups = reader.tables("Groups", |reader| {
        required::<String>(reader, "GroupId", command)
    });
    if groups.len() > MOST_GROUPS {
        let problem = Problem::new(
            "too-many-groups",
            format!("{} security groups; an interface has at most {MOST_GROUPS}", groups.len()),
        )
        .with_help(format!(
            "the quota is {MOST_GROUPS} security groups for each network interface; merge some of them"
        ));
        reader.error("Groups", problem);
    }
    let mut indices = Vec::with_capacity(groups.len());
    for group in groups {
        indices.extend(ids.resolve(reader, &group, Kind::SecurityGroup));
    }
    indices.dedup();
    indices
}

/// A group can be associated with further VPCs, which `describe-security-groups` does not say.
fn report_foreign_groups(
    reader: &mut Reader<'_>,
    groups: &[usize],
    region: &RegionPlan,
    vpc: usize,
) {
    for group in groups.iter().map(|group| &region.security_groups[*group]) {
        if group.vpc != vpc {
            let problem = Problem::new(
                "group-of-another-vpc",
                format!(
                    "{} is of another VPC: it is taken as associated with this one",
                    group.id
                ),
            );
            reader.caveat("Groups", problem);
        }
    }
}

/// What an interface has and the simulated one has not.
fn report_left_out(reader: &mut Reader<'_>, id: &str, detached: bool) {
    if length(reader, "PrivateIpAddresses") > 1 || length(reader, "Ipv4Prefixes") > 0 {
        let problem = Problem::new(
            "secondary-addresses",
            format!("{id} has more than one private address: only the first is simulated"),
        );
        reader.caveat("PrivateIpAddresses", problem);
    }
    if detached {
        let problem = Problem::new(
            "not-attached",
            format!("{id} is not attached: it is simulated as a machine all the same"),
        );
        reader.caveat("NetworkInterfaceId", problem);
    }
}

/// Why an address cannot be one of an interface in a subnet.
fn misplaced(address: Ipv4Addr, cidr: Ipv4Net, subnet: &str) -> Option<Problem> {
    let number = u32::from(address);
    let problem = if !cidr.contains(&address) {
        Problem::new(
            "outside-subnet",
            format!("{address} is not in the subnet {subnet} ({cidr})"),
        )
    } else if number - u32::from(cidr.network()) < RESERVED_FIRST || address == cidr.broadcast() {
        Problem::new(
            "reserved-address",
            format!("{address} is one of the five addresses of {subnet} that AWS keeps"),
        )
    } else {
        return None;
    };
    Some(problem.with_help("give a free address of the subnet, or take all files at one time"))
}

/// What is behind an interface, by its type, its description and who made it: old interfaces have
/// the type `interface`, whatever they are.
fn kind(spec: &Spec, nat: bool, endpoint: bool) -> InterfaceKind {
    let description = spec.description.as_deref().unwrap_or_default();
    let begins = |text: &str| description.starts_with(text);
    let made_by = |who: &str| spec.requester.as_deref() == Some(who);
    match spec.interface_type.as_deref().unwrap_or("interface") {
        "nat_gateway" | "natGateway" => InterfaceKind::NatGateway,
        _ if nat || begins("Interface for NAT Gateway ") => InterfaceKind::NatGateway,
        "vpc_endpoint" => InterfaceKind::InterfaceEndpoint,
        _ if endpoint || begins("VPC Endpoint Interface ") => InterfaceKind::InterfaceEndpoint,
        "network_load_balancer" => InterfaceKind::NetworkLoadBalancer,
        _ if begins("ELB net/") => InterfaceKind::NetworkLoadBalancer,
        "load_balancer" => InterfaceKind::LoadBalancer,
        _ if made_by("amazon-elb") || begins("ELB ") => InterfaceKind::LoadBalancer,
        "lambda" => InterfaceKind::Lambda,
        _ if begins("AWS Lambda VPC ENI") => InterfaceKind::Lambda,
        _ if made_by("amazon-rds") || begins("RDSNetworkInterface") => InterfaceKind::Rds,
        _ if begins("arn:aws") && description.contains(":ecs:") => InterfaceKind::EcsTask,
        _ if spec.instance.is_some() => InterfaceKind::Instance,
        _ => InterfaceKind::Other,
    }
}

/// The NAT gateways' own addresses, which the interfaces need not list.
fn check_nat_gateways(found: &Found<'_>, context: &mut Context) {
    let Context {
        reports,
        region,
        targets,
        nat_addresses,
        ..
    } = context;
    let mut taken: BTreeMap<(usize, Ipv4Addr), &str> = BTreeMap::new();
    let mut taken_public: BTreeMap<Ipv4Addr, &str> = BTreeMap::new();
    for (index, (gateway, addresses)) in region.nat_gateways.iter().zip(nat_addresses).enumerate() {
        let NatAddresses {
            file,
            private,
            public,
        } = addresses;
        let subnet = &region.subnets[gateway.subnet];
        if let Some(problem) = misplaced(private.value, subnet.cidr, &subnet.id) {
            reports.error_at(*file, private, problem);
        }
        let other = |id: &&String| targets.get(*id) != Some(&RouteTarget::NatGateway(index));
        let mut check = |at: &At<Ipv4Addr>, interface: Option<&String>, gateway_there| {
            let there = interface.filter(other).map(String::as_str);
            if let Some(there) = there.or(gateway_there) {
                reports.error_at(*file, at, in_use(at.value, &gateway.id, there));
            }
        };
        let place = (subnet.vpc, private.value);
        let there = taken.insert(place, &gateway.id);
        check(private, found.by_address.get(&place), there);
        if let Some(public) = public {
            let there = taken_public.insert(public.value, &gateway.id);
            check(public, found.by_public.get(&public.value), there);
        }
    }
}

fn in_use(address: Ipv4Addr, one: &str, other: &str) -> Problem {
    Problem::new(
        "address-in-use",
        format!("{address} is the address of {other} and of {one}"),
    )
    .with_help("an address belongs to one interface: take all files at one time")
}

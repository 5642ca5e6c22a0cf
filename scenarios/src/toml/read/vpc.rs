//! Reads the network.

use super::{NS, S, duration, listen, name, ports, ratio, required};
use crate::diagnostic::Problem;
use crate::document::Node;
use crate::document::reader::{At, FromNode, Reader};
use crate::toml::spec::{
    AclEntrySpec, GatewayEndpointSpec, InterfaceEndpointSpec, InternetGatewaySpec, JitterSpec,
    LatencySpec, NatGatewaySpec, NetworkAclSpec, OtherVpcSpec, PeeringSpec, PrefixListSpec,
    RouteSpec, RouteTableSpec, RuleSpec, SecurityGroupSpec, SubnetSpec, VpcSpec,
};

/// The latest time at which a rule can change: the longest run there is, in nanoseconds.
const LAST_CHANGE: u64 = 7200 * S;

pub(super) fn vpc(reader: &mut Reader<'_>) -> VpcSpec {
    let spec = VpcSpec {
        from: reader.get("from"),
        cidr: reader.get("cidr"),
        secondary_cidrs: reader.list("secondary_cidrs", FromNode::from_node),
        dns_support: reader.get("dns_support"),
        other: reader.tables("other", other),
        zones: reader.list("zones", name),
        subnet: reader.tables("subnet", subnet),
        security_group: reader.tables("security_group", security_group),
        prefix_list: reader.tables("prefix_list", prefix_list),
        network_acl: reader.tables("network_acl", network_acl),
        route_table: reader.tables("route_table", route_table),
        internet_gateway: reader.tables("internet_gateway", internet_gateway),
        nat_gateway: reader.tables("nat_gateway", nat_gateway),
        gateway_endpoint: reader.tables("gateway_endpoint", gateway_endpoint),
        interface_endpoint: reader.tables("interface_endpoint", interface_endpoint),
        peering: reader.tables("peering", peering),
        latency: reader.table("latency", |reader| Some(latency(reader))),
        jitter: reader.table("jitter", |reader| Some(jitter(reader))),
        loss: ratio(reader, "loss", 1),
    };
    reader.refuse_unknown();
    spec
}

fn other(reader: &mut Reader<'_>) -> Option<OtherVpcSpec> {
    let name = required(reader, "name", name, "name the VPC: name = \"shared\"");
    let help = "give its address ranges: cidrs = [\"10.1.0.0/16\"]";
    let cidrs = required_list(reader, "cidrs", FromNode::from_node, help);
    let dns_support = reader.get("dns_support");
    reader.refuse_unknown();
    Some(OtherVpcSpec {
        name: name?,
        cidrs: cidrs?,
        dns_support,
    })
}

fn subnet(reader: &mut Reader<'_>) -> Option<SubnetSpec> {
    let name = required(reader, "name", name, "name the subnet: name = \"a\"");
    let help = "give its address range: cidr = \"10.0.0.0/20\"";
    let cidr = required(reader, "cidr", FromNode::from_node, help);
    let zone = required(
        reader,
        "zone",
        self::name,
        "name its availability zone: zone = \"a\"",
    );
    let vpc = reader.read("vpc", self::name);
    let route_table = reader.read("route_table", self::name);
    let network_acl = reader.read("network_acl", self::name);
    let map_public_ip = reader.get("map_public_ip");
    reader.refuse_unknown();
    Some(SubnetSpec {
        name: name?,
        cidr: cidr?,
        zone: zone?,
        vpc,
        route_table,
        network_acl,
        map_public_ip,
    })
}

fn security_group(reader: &mut Reader<'_>) -> Option<SecurityGroupSpec> {
    let name = required(
        reader,
        "name",
        name,
        "name the security group: name = \"web\"",
    );
    let vpc = reader.read("vpc", self::name);
    let mut rules = |key| reader.node(key).is_some().then(|| reader.tables(key, rule));
    let (ingress, egress) = (rules("ingress"), rules("egress"));
    reader.refuse_unknown();
    Some(SecurityGroupSpec {
        name: name?,
        vpc,
        ingress,
        egress,
    })
}

fn rule(reader: &mut Reader<'_>) -> Option<RuleSpec> {
    let spec = RuleSpec {
        name: reader.read("name", name),
        protocol: reader.get("protocol"),
        ports: reader.read("ports", ports),
        peer: reader.get("peer"),
        added_at: duration(reader, "added_at", 0, LAST_CHANGE),
        removed_at: duration(reader, "removed_at", 0, LAST_CHANGE),
    };
    reader.refuse_unknown();
    Some(spec)
}

fn prefix_list(reader: &mut Reader<'_>) -> Option<PrefixListSpec> {
    let help = "name the prefix list: name = \"com.amazonaws.eu-west-1.s3\"";
    let name = required(reader, "name", name, help);
    let help = "give its address ranges: cidrs = [\"52.218.0.0/17\"]";
    let cidrs = required_list(reader, "cidrs", FromNode::from_node, help);
    reader.refuse_unknown();
    Some(PrefixListSpec {
        name: name?,
        cidrs: cidrs?,
    })
}

fn network_acl(reader: &mut Reader<'_>) -> Option<NetworkAclSpec> {
    let name = required(
        reader,
        "name",
        name,
        "name the network ACL: name = \"public\"",
    );
    let vpc = reader.read("vpc", self::name);
    let ingress = reader.tables("ingress", acl_entry);
    let egress = reader.tables("egress", acl_entry);
    reader.refuse_unknown();
    Some(NetworkAclSpec {
        name: name?,
        vpc,
        ingress,
        egress,
    })
}

fn acl_entry(reader: &mut Reader<'_>) -> Option<AclEntrySpec> {
    if reader.node("rule").is_none() {
        reader.missing("rule", "give its number: rule = 100");
    }
    let rule = reader.number("rule", 1, 32_766);
    let help = "say what it does: action = \"allow\" or \"deny\"";
    let action = required(reader, "action", FromNode::from_node, help);
    let protocol = reader.get("protocol");
    let ports = reader.read("ports", ports);
    let cidr = reader.get("cidr");
    let added_at = duration(reader, "added_at", 0, LAST_CHANGE);
    let removed_at = duration(reader, "removed_at", 0, LAST_CHANGE);
    reader.refuse_unknown();
    Some(AclEntrySpec {
        rule: rule?,
        action: action?,
        protocol,
        ports,
        cidr,
        added_at,
        removed_at,
    })
}

fn route_table(reader: &mut Reader<'_>) -> Option<RouteTableSpec> {
    let name = required(
        reader,
        "name",
        name,
        "name the route table: name = \"public\"",
    );
    let vpc = reader.read("vpc", self::name);
    let routes = reader.tables("routes", route);
    let main = reader.get("main");
    reader.refuse_unknown();
    Some(RouteTableSpec {
        name: name?,
        vpc,
        routes,
        main,
    })
}

fn route(reader: &mut Reader<'_>) -> Option<RouteSpec> {
    let help = "say for which addresses it is: destination = \"0.0.0.0/0\"";
    let destination = required(reader, "destination", FromNode::from_node, help);
    let help = "say where it leads: target = \"internet-gateway\"";
    let target = required(reader, "target", FromNode::from_node, help);
    reader.refuse_unknown();
    Some(RouteSpec {
        destination: destination?,
        target: target?,
    })
}

fn internet_gateway(reader: &mut Reader<'_>) -> Option<InternetGatewaySpec> {
    let help = "name the internet gateway: name = \"igw\"";
    let name = required(reader, "name", name, help);
    let vpc = reader.read("vpc", self::name);
    reader.refuse_unknown();
    Some(InternetGatewaySpec { name: name?, vpc })
}

fn nat_gateway(reader: &mut Reader<'_>) -> Option<NatGatewaySpec> {
    let name = required(
        reader,
        "name",
        name,
        "name the NAT gateway: name = \"nat-a\"",
    );
    let help = "name the subnet that it is in: subnet = \"public-a\"";
    let subnet = required(reader, "subnet", self::name, help);
    let connectivity = reader.get("connectivity");
    reader.refuse_unknown();
    Some(NatGatewaySpec {
        name: name?,
        subnet: subnet?,
        connectivity,
    })
}

fn gateway_endpoint(reader: &mut Reader<'_>) -> Option<GatewayEndpointSpec> {
    let help = "name the gateway endpoint: name = \"s3\"";
    let name = required(reader, "name", name, help);
    let vpc = reader.read("vpc", self::name);
    let help = "name the prefix list of its service: service = \"com.amazonaws.eu-west-1.s3\"";
    let service = required(reader, "service", self::name, help);
    reader.refuse_unknown();
    Some(GatewayEndpointSpec {
        name: name?,
        vpc,
        service: service?,
    })
}

fn interface_endpoint(reader: &mut Reader<'_>) -> Option<InterfaceEndpointSpec> {
    let help = "name the interface endpoint: name = \"ecr\"";
    let name = required(reader, "name", name, help);
    let help = "name the subnets of its interfaces: subnets = [\"a\"]";
    let subnets = required_list(reader, "subnets", self::name, help);
    let security_groups = reader.list("security_groups", self::name);
    let ports = reader.list("ports", listen);
    reader.refuse_unknown();
    Some(InterfaceEndpointSpec {
        name: name?,
        subnets: subnets?,
        security_groups,
        ports,
    })
}

fn peering(reader: &mut Reader<'_>) -> Option<PeeringSpec> {
    let help = "name the peering connection: name = \"to-shared\"";
    let name = required(reader, "name", name, help);
    let help = "name the VPC that asked: requester = \"vpc\"";
    let requester = required(reader, "requester", self::name, help);
    let help = "name the VPC that accepted: accepter = \"shared\"";
    let accepter = required(reader, "accepter", self::name, help);
    let active = reader.get("active");
    reader.refuse_unknown();
    Some(PeeringSpec {
        name: name?,
        requester: requester?,
        accepter: accepter?,
        active,
    })
}

fn latency(reader: &mut Reader<'_>) -> LatencySpec {
    let spec = LatencySpec {
        placement_group: duration(reader, "placement_group", NS, 10 * S),
        same_zone: duration(reader, "same_zone", NS, 10 * S),
        cross_zone: duration(reader, "cross_zone", NS, 10 * S),
        internet: duration(reader, "internet", NS, 10 * S),
    };
    reader.refuse_unknown();
    spec
}

fn jitter(reader: &mut Reader<'_>) -> JitterSpec {
    let spec = JitterSpec {
        enabled: reader.get("enabled"),
        median: ratio(reader, "median", 10),
        sigma: ratio(reader, "sigma", 3),
        coherence: duration(reader, "coherence", 0, 10 * S),
    };
    reader.refuse_unknown();
    spec
}

/// Reads a list that must be there and not be empty.
fn required_list<T>(
    reader: &mut Reader<'_>,
    key: &'static str,
    read: impl Fn(&Node) -> Result<T, Problem>,
    help: &str,
) -> Option<Vec<At<T>>> {
    let node = reader.node(key);
    match node {
        None => reader.missing(key, help),
        Some(node) if node.as_array().is_some_and(|list| list.is_empty()) => {
            let problem = Problem::new("empty", format!("`{key}`: the list is empty"));
            reader.error(key, problem.with_help(help));
        }
        Some(_) => {}
    }
    reader.list(key, read)
}

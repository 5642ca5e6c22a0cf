//! Reads what runs where.

use std::net::Ipv4Addr;

use super::{MIB, S, absent, duration, listen, name, ports, ratio, required, size};
use crate::diagnostic::Problem;
use crate::document::reader::{FromNode, Reader, wrong_kind};
use crate::document::{Node, Value};
use crate::toml::placement;
use crate::toml::spec::{
    AwsvpcSpec, CapacitySpec, ClientSpec, ImdsSpec, Ports, PublicAddressSpec, ServiceSpec,
};

pub(super) fn capacity(reader: &mut Reader<'_>) -> Option<CapacitySpec> {
    let help = "name an EC2 instance type: instance_type = \"c5.large\"";
    let instance_type = required(reader, "instance_type", FromNode::from_node, help);
    let spec = CapacitySpec {
        name: reader.read("name", name),
        // What is missing has been reported; the other keys are read all the same.
        instance_type: instance_type.clone().unwrap_or_else(|| absent(reader)),
        count: reader.number("count", 1, 1000),
        subnets: reader.list("subnets", name),
        security_groups: reader.list("security_groups", name),
        public_address: reader.get("public_address"),
        source_dest_check: reader.get("source_dest_check"),
        trunking: reader.get("trunking"),
        kernel_profile: reader.get("kernel_profile"),
        offloads: reader.get("offloads"),
        userland_proxy: reader.get("userland_proxy"),
        icc: reader.get("icc"),
        br_netfilter: reader.get("br_netfilter"),
        placement_group: reader.read("placement_group", name),
        dynamic_ports: reader.read("dynamic_ports", dynamic_ports),
        provider: reader.read("provider", name),
        attributes: placement::attributes(reader),
        reserved_memory: size(reader, "reserved_memory", 1024 * 1024 * MIB),
        imds: reader.table("imds", |reader| Some(imds(reader))),
        tracked_connections: reader.number("tracked_connections", 1, 100_000_000),
        packet_rate: reader.get("packet_rate"),
        credits: ratio(reader, "credits", 1),
        tcp_idle_timeout: duration(reader, "tcp_idle_timeout", 60 * S, 432_000 * S),
    };
    reader.refuse_unknown();
    instance_type.map(|_| spec)
}

/// A port or a range without port 0, which asks for any port.
fn dynamic_ports(node: &Node) -> Result<Ports, Problem> {
    let ports = ports(node)?;
    if ports.first == 0 {
        let problem = Problem::new("not-ports", "port 0 is no port that a container can have");
        return Err(problem.with_help("begin the range at 1 or above"));
    }
    Ok(ports)
}

fn imds(reader: &mut Reader<'_>) -> ImdsSpec {
    let spec = ImdsSpec {
        enabled: reader.get("enabled"),
        hop_limit: reader.number("hop_limit", 1, 64),
        tokens: reader.get("tokens"),
        block_for_tasks: reader.get("block_for_tasks"),
    };
    reader.refuse_unknown();
    spec
}

pub(super) fn service(reader: &mut Reader<'_>) -> Option<ServiceSpec> {
    let help = "name a task definition file: task_definition = \"web.json\"";
    let task_definition = required(reader, "task_definition", FromNode::from_node, help);
    let name = reader.read("name", name);
    let count = reader.number("count", 1, 100_000);
    let mode = reader.get("mode");
    let awsvpc = reader.table("awsvpc", |reader| Some(awsvpc(reader)));
    let placement = reader.tables("placement", placement::strategy);
    let constraints = reader.tables("constraints", placement::constraint);
    let capacity_providers = reader.tables("capacity_providers", placement::share);
    reader.refuse_unknown();
    Some(ServiceSpec {
        name,
        task_definition: task_definition?,
        count,
        mode,
        awsvpc,
        placement,
        constraints,
        capacity_providers,
    })
}

fn awsvpc(reader: &mut Reader<'_>) -> AwsvpcSpec {
    let spec = AwsvpcSpec {
        subnets: reader.list("subnets", name),
        security_groups: reader.list("security_groups", name),
        assign_public_ip: reader.get("assign_public_ip"),
    };
    reader.refuse_unknown();
    spec
}

pub(super) fn client(reader: &mut Reader<'_>) -> Option<ClientSpec> {
    let name = required(reader, "name", name, "name the client: name = \"users\"");
    let spec = ClientSpec {
        name: name.clone().unwrap_or_else(|| absent(reader)),
        subnet: reader.read("subnet", self::name),
        zone: reader.read("zone", self::name),
        service: reader.read("service", self::name),
        address: reader.get("address"),
        public_address: reader.read("public_address", public_address),
        instance_type: reader.get("instance_type"),
        kernel_profile: reader.get("kernel_profile"),
        offloads: reader.get("offloads"),
        security_groups: reader.list("security_groups", self::name),
        listen: reader.list("listen", listen),
        source_dest_check: reader.get("source_dest_check"),
    };
    reader.refuse_unknown();
    name.map(|_| spec)
}

fn public_address(node: &Node) -> Result<PublicAddressSpec, Problem> {
    match &node.value {
        Value::Bool(assigned) => Ok(PublicAddressSpec::Assigned(*assigned)),
        Value::String(_) => Ipv4Addr::from_node(node).map(PublicAddressSpec::Fixed),
        _ => Err(wrong_kind(node, "true, false or an address")),
    }
}

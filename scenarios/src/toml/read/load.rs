//! Reads the load.

use sim_core::PacketRate;

use super::{MIB, S, US, absent, duration, name, required, size};
use crate::diagnostic::Problem;
use crate::document::reader::{FromNode, Reader, whole_number, wrong_kind};
use crate::document::{Node, Value};
use crate::toml::spec::{CallSpec, ConnectionsSpec, MeasureSpec, WorkloadSpec};

pub(super) fn workload(reader: &mut Reader<'_>) -> Option<WorkloadSpec> {
    let spec = workload_keys(reader);
    reader.refuse_unknown();
    spec
}

/// The keys of a workload, in a table that may have others.
pub(in crate::toml) fn workload_keys(reader: &mut Reader<'_>) -> Option<WorkloadSpec> {
    let name = required(reader, "name", name, "name the workload: name = \"browse\"");
    let to = required(reader, "to", FromNode::from_node, TO_HELP);
    let spec = WorkloadSpec {
        name: name.clone().unwrap_or_else(|| absent(reader)),
        kind: reader.get("kind"),
        from: reader.list("from", FromNode::from_node),
        to: to.clone().unwrap_or_else(|| absent(reader)),
        protocol: reader.get("protocol"),
        rate: reader.get::<PacketRate>("rate"),
        arrivals: reader.get("arrivals"),
        burst_size: reader.number("burst_size", 2, 10_000),
        concurrency: reader.number("concurrency", 1, 100_000),
        think_time: duration(reader, "think_time", 0, 3600 * S),
        request_size: size(reader, "request_size", 64 * MIB),
        response_size: size(reader, "response_size", 64 * MIB),
        service_time: duration(reader, "service_time", 0, 10 * S),
        service_time_distribution: reader.get("service_time_distribution"),
        connections: reader.read("connections", connections),
        timeout: duration(reader, "timeout", US, 3600 * S),
        call: reader.tables("call", call),
        flows: reader.number("flows", 1, 1000),
        direction: reader.get("direction"),
        size: size(reader, "size", 1024 * 1024 * MIB),
        interval: duration(reader, "interval", 0, 3600 * S),
    };
    (name.is_some() && to.is_some()).then_some(spec)
}

fn call(reader: &mut Reader<'_>) -> Option<CallSpec> {
    let to = required(reader, "to", FromNode::from_node, TO_HELP);
    let request_size = size(reader, "request_size", 64 * MIB);
    let response_size = size(reader, "response_size", 64 * MIB);
    let service_time = duration(reader, "service_time", 0, 10 * S);
    let service_time_distribution = reader.get("service_time_distribution");
    reader.refuse_unknown();
    let to = to?;
    Some(CallSpec {
        to,
        request_size,
        response_size,
        service_time,
        service_time_distribution,
    })
}

pub(super) fn measure(reader: &mut Reader<'_>) -> MeasureSpec {
    let spec = MeasureSpec {
        warmup: duration(reader, "warmup", 0, 600 * S),
        duration: duration(reader, "duration", US, 3600 * S),
        cooldown: duration(reader, "cooldown", 0, 600 * S),
        replications: reader.number("replications", 1, 10_000),
        seed: reader.number("seed", 0, u64::MAX),
    };
    reader.refuse_unknown();
    spec
}

const TO_HELP: &str = "say where the load goes: to = \"service/container:port\"";

fn connections(node: &Node) -> Result<ConnectionsSpec, Problem> {
    match &node.value {
        Value::String(text) if text == "per request" => Ok(ConnectionsSpec::PerRequest),
        Value::Number(_) => Ok(ConnectionsSpec::KeepAlive(whole_number(node, 1, 10_000)?)),
        _ => Err(
            wrong_kind(node, "a number of connections or \"per request\"")
                .with_help("give 1 to 10000, or \"per request\""),
        ),
    }
}

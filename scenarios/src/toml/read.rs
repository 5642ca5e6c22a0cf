//! Reads the tables of a scenario file.

use sim_core::{ByteSize, PacketRate, Ratio, SimDuration};

use crate::diagnostic::{Problem, Report};
use crate::document::reader::{At, FromNode, Reader, whole_number, wrong_kind};
use crate::document::{Node, Value, toml};

use super::checks;
use super::spec::{
    AwsvpcSpec, CallSpec, CapacitySpec, ClientSpec, ConnectionsSpec, JitterSpec, LatencySpec,
    MeasureSpec, Ports, RuleSpec, ScenarioSpec, SecurityGroupSpec, ServiceSpec, SubnetSpec,
    VpcSpec, WorkloadSpec,
};
use super::units::within;

impl ScenarioSpec {
    /// Reads a text. What could be understood is given even if the report has errors; nothing is if
    /// the text is no TOML.
    #[must_use]
    pub fn read(file: &str, text: &str) -> (Option<Self>, Report) {
        let mut report = Report::new(file, text);
        let root = match toml::parse(text) {
            Ok(root) => root,
            Err(errors) => {
                for error in errors {
                    report.error(Some(error.span), "", error.problem);
                }
                return (None, report);
            }
        };
        let spec = Reader::new(&root, "", &mut report).map(|mut reader| scenario(&mut reader));
        (spec, report)
    }
}

fn scenario(reader: &mut Reader<'_>) -> ScenarioSpec {
    let spec = ScenarioSpec {
        name: reader.read("name", title),
        vpc: reader.table("vpc", |reader| Some(vpc(reader))),
        capacity: reader.tables("capacity", capacity),
        service: reader.tables("service", service),
        client: reader.tables("client", client),
        workload: reader.tables("workload", workload),
        neighbour: reader.tables("neighbour", checks::neighbour),
        check: reader.tables("check", checks::check),
        measure: reader.table("measure", |reader| Some(measure(reader))),
    };
    reader.refuse_unknown();
    spec
}

fn vpc(reader: &mut Reader<'_>) -> VpcSpec {
    let spec = VpcSpec {
        cidr: reader.get("cidr"),
        zones: reader.list("zones", name),
        subnet: reader.tables("subnet", subnet),
        security_group: reader.tables("security_group", security_group),
        latency: reader.table("latency", |reader| Some(latency(reader))),
        jitter: reader.table("jitter", |reader| Some(jitter(reader))),
        loss: ratio(reader, "loss", 1),
    };
    reader.refuse_unknown();
    spec
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
    reader.refuse_unknown();
    Some(SubnetSpec {
        name: name?,
        cidr: cidr?,
        zone: zone?,
    })
}

fn security_group(reader: &mut Reader<'_>) -> Option<SecurityGroupSpec> {
    let name = required(
        reader,
        "name",
        name,
        "name the security group: name = \"web\"",
    );
    let mut rules = |key| reader.node(key).is_some().then(|| reader.tables(key, rule));
    let (ingress, egress) = (rules("ingress"), rules("egress"));
    reader.refuse_unknown();
    Some(SecurityGroupSpec {
        name: name?,
        ingress,
        egress,
    })
}

fn rule(reader: &mut Reader<'_>) -> Option<RuleSpec> {
    let spec = RuleSpec {
        protocol: reader.get("protocol"),
        ports: reader.read("ports", ports),
        peer: reader.get("peer"),
    };
    reader.refuse_unknown();
    Some(spec)
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

fn capacity(reader: &mut Reader<'_>) -> Option<CapacitySpec> {
    let help = "name an EC2 instance type: instance_type = \"c5.large\"";
    let instance_type = required(reader, "instance_type", FromNode::from_node, help);
    let spec = CapacitySpec {
        name: reader.read("name", name),
        // What is missing has been reported; the other keys are read all the same.
        instance_type: instance_type.clone().unwrap_or_else(|| absent(reader)),
        count: reader.number("count", 1, 1000),
        subnets: reader.list("subnets", name),
        security_groups: reader.list("security_groups", name),
        trunking: reader.get("trunking"),
        kernel_profile: reader.get("kernel_profile"),
        userland_proxy: reader.get("userland_proxy"),
        placement_group: reader.read("placement_group", name),
        dynamic_ports: reader.read("dynamic_ports", ports),
    };
    reader.refuse_unknown();
    instance_type.map(|_| spec)
}

fn service(reader: &mut Reader<'_>) -> Option<ServiceSpec> {
    let help = "name a task definition file: task_definition = \"web.json\"";
    let task_definition = required(reader, "task_definition", FromNode::from_node, help);
    let name = reader.read("name", name);
    let count = reader.number("count", 1, 10_000);
    let mode = reader.get("mode");
    let awsvpc = reader.table("awsvpc", |reader| Some(awsvpc(reader)));
    reader.refuse_unknown();
    Some(ServiceSpec {
        name,
        task_definition: task_definition?,
        count,
        mode,
        awsvpc,
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

fn client(reader: &mut Reader<'_>) -> Option<ClientSpec> {
    let name = required(reader, "name", name, "name the client: name = \"users\"");
    let subnet = reader.read("subnet", self::name);
    let zone = reader.read("zone", self::name);
    let instance_type = reader.get("instance_type");
    let kernel_profile = reader.get("kernel_profile");
    let security_groups = reader.list("security_groups", self::name);
    reader.refuse_unknown();
    let name = name?;
    Some(ClientSpec {
        name,
        subnet,
        zone,
        instance_type,
        kernel_profile,
        security_groups,
    })
}

fn workload(reader: &mut Reader<'_>) -> Option<WorkloadSpec> {
    let spec = workload_keys(reader);
    reader.refuse_unknown();
    spec
}

/// The keys of a workload, in a table that may have others.
pub(super) fn workload_keys(reader: &mut Reader<'_>) -> Option<WorkloadSpec> {
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

fn measure(reader: &mut Reader<'_>) -> MeasureSpec {
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

/// Stands in for a text that is missing, in an entry that will be left out.
fn absent(reader: &Reader<'_>) -> At<String> {
    At {
        value: String::new(),
        span: reader.span(),
        place: reader.place().to_owned(),
    }
}

const TO_HELP: &str = "say where the load goes: to = \"service/container:port\"";

/// Units of the bounds above, in nanoseconds and bytes.
const NS: u64 = 1;
const US: u64 = 1000;
const S: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;

fn duration(
    reader: &mut Reader<'_>,
    key: &'static str,
    least_ns: u64,
    most_ns: u64,
) -> Option<At<SimDuration>> {
    let (least, most) = (
        SimDuration::from_ns(least_ns),
        SimDuration::from_ns(most_ns),
    );
    reader.read(key, |node| {
        let value = SimDuration::from_node(node)?;
        if value == SimDuration::ZERO && least > SimDuration::ZERO {
            return Err(Problem::new("zero", "zero is not allowed here")
                .with_help(format!("give {least} to {most}")));
        }
        within(value, &least, &most)
    })
}

fn size(reader: &mut Reader<'_>, key: &'static str, most: u64) -> Option<At<ByteSize>> {
    let (least, most) = (ByteSize::from_bytes(1), ByteSize::from_bytes(most));
    reader.read(key, |node| {
        let value = ByteSize::from_node(node)?;
        if value.bytes() == 0 {
            return Err(Problem::new("zero", "zero is not allowed here")
                .with_help(format!("give {least} to {most}")));
        }
        within(value, &least, &most)
    })
}

fn ratio(reader: &mut Reader<'_>, key: &'static str, most: u64) -> Option<At<Ratio>> {
    let most = Ratio::new(most, 1).unwrap_or(Ratio::ONE);
    reader.read(key, |node| {
        within(Ratio::from_node(node)?, &Ratio::ZERO, &most)
    })
}

/// Reads a key that must be there.
pub(super) fn required<T>(
    reader: &mut Reader<'_>,
    key: &'static str,
    read: impl FnOnce(&Node) -> Result<T, Problem>,
    help: &str,
) -> Option<At<T>> {
    if reader.node(key).is_none() {
        reader.missing(key, help);
        return None;
    }
    reader.read(key, read)
}

/// A text for people.
pub(super) fn title(node: &Node) -> Result<String, Problem> {
    let title = String::from_node(node)?;
    if title.trim().is_empty() {
        return Err(Problem::new("empty", "the name is empty").with_help("give one, or drop it"));
    }
    Ok(title)
}

/// A name, such as other parts of the file can refer to.
pub(super) fn name(node: &Node) -> Result<String, Problem> {
    const LONGEST: usize = 64;
    let name = String::from_node(node)?;
    let help = "give a name of letters, digits, `-`, `_` and `.`";
    if name.is_empty() {
        return Err(Problem::new("empty", "the name is empty").with_help(help));
    }
    let odd = name
        .chars()
        .find(|c| !(c.is_alphanumeric() || "-_.".contains(*c)));
    if let Some(odd) = odd {
        let message = format!("{:?} has {odd:?} in it", node.as_str().unwrap_or_default());
        return Err(Problem::new("not-a-name", message).with_help(help));
    }
    if name.len() > LONGEST {
        let message = format!("the name is {} bytes long", name.len());
        let help = format!("give a name of at most {LONGEST} bytes");
        return Err(Problem::new("not-a-name", message).with_help(help));
    }
    Ok(name)
}

/// `80`, `"80"` or `"8000-8010"`.
fn ports(node: &Node) -> Result<Ports, Problem> {
    let most = u64::from(u16::MAX);
    if matches!(node.value, Value::Number(_)) {
        let port = u16::try_from(whole_number(node, 0, most)?).unwrap_or(u16::MAX);
        return Ok(Ports {
            first: port,
            last: port,
        });
    }
    let text = String::from_node(node).map_err(|_| wrong_kind(node, "a port or a range"))?;
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let wrong = |why: &str| {
        Problem::new("not-ports", format!("{text:?}: {why}"))
            .with_help("give a port, 80, or a range, \"8000-8010\"")
    };
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(Ports { first, last }),
        (Ok::<u16, _>(_), Ok::<u16, _>(_)) => Err(wrong("the first port is above the last")),
        _ => Err(wrong("ports go from 0 to 65535")),
    }
}

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

//! Reads the fields of a task definition, collecting every problem on the way.

use crate::diagnostic::{Problem, Report, nearest, shorten};
use crate::document::reader::{At, FromNode, Reader, whole_number, wrong_kind};
use crate::document::{Node, Places, Value};
use crate::ecs::fields;
use crate::ecs::mode::NetworkMode;
use crate::place::query::Query;

use super::{
    Architecture, Compatibility, ContainerDefinition, Dependency, OperatingSystem, PortMapping,
    PortSpec, Protocol, Recognised, SystemControl, TaskDefinition, parse_cpu, parse_memory,
    recognise,
};

/// Reads the task definition of a document.
pub(super) fn task_definition(node: &Node, report: &mut Report) -> Option<TaskDefinition> {
    let (root, _) = match recognise(node) {
        Recognised::TaskDefinition(root, path) => (root, path),
        Recognised::Other(problem) => {
            report.error(Some(first_line(node, report.source())), "", problem);
            return None;
        }
    };
    let mut reader = Reader::new(root, "", report)?;
    let family = reader.get::<String>("family").map(|family| family.value);
    match family.as_deref() {
        None => reader.missing("family", "name the task definition: \"family\": \"web\""),
        Some("") => reader.error("family", empty("family")),
        Some(_) => {}
    }
    let network_mode = reader
        .read("networkMode", read_network_mode)
        .map(|mode| mode.value);
    let requires = reader
        .list("requiresCompatibilities", read_compatibility)
        .unwrap_or_default();
    let cpu = task_quantity(&mut reader, "cpu", parse_cpu);
    let memory = task_quantity(&mut reader, "memory", parse_memory);
    let revision = reader.number("revision", 0, u64::from(u32::MAX));
    let platform = reader.table("runtimePlatform", |reader| Some(runtime_platform(reader)));
    let (operating_system, architecture) =
        platform.unwrap_or((OperatingSystem::Linux, Architecture::X86));
    let app_mesh = reader.table("proxyConfiguration", |reader| Some(is_app_mesh(reader)));
    let constraints = reader.tables("placementConstraints", placement_constraint);
    let containers = reader.tables("containerDefinitions", container);
    let no_containers = root.get("containerDefinitions").and_then(Node::as_array);
    if no_containers.is_some_and(<[Node]>::is_empty) {
        reader.error(
            "containerDefinitions",
            Problem::new("no-containers", "the task definition has no containers")
                .with_help("give at least one container definition"),
        );
    }
    list_unknown(&mut reader, fields::TASK_DEFINITION);
    duplicate_names(&containers, &mut reader);
    Some(TaskDefinition {
        family: family.unwrap_or_default(),
        revision: revision.and_then(|revision| u32::try_from(revision.value).ok()),
        network_mode,
        requires_compatibilities: requires.into_iter().map(|one| one.value).collect(),
        cpu,
        memory,
        operating_system,
        architecture,
        placement_constraints: constraints,
        app_mesh: app_mesh.unwrap_or(false),
        containers,
        places: Places::of(root),
    })
}

fn first_line(node: &Node, text: &str) -> std::ops::Range<usize> {
    let length = text[node.span.clone()]
        .find('\n')
        .unwrap_or(node.span.len());
    node.span.start..node.span.start + length
}

fn empty(key: &str) -> Problem {
    Problem::new("empty", format!("`{key}` is empty")).with_help("give it a value")
}

fn read_network_mode(node: &Node) -> Result<NetworkMode, Problem> {
    let word = String::from_node(node)?;
    let known = NetworkMode::ALL.map(NetworkMode::as_str);
    if let Some(mode) = NetworkMode::ALL
        .into_iter()
        .find(|mode| mode.as_str() == word)
    {
        return Ok(mode);
    }
    let help = match word.as_str() {
        "default" | "<default>" => {
            "leave `networkMode` out: that is how ECS's default is asked for (bridge on Linux)"
                .to_owned()
        }
        _ => match nearest(&word, known) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "give none, bridge, host or awsvpc".to_owned(),
        },
    };
    Err(Problem::new(
        "unknown-network-mode",
        format!("{word:?} is no network mode of ECS"),
    )
    .with_help(help))
}

fn read_compatibility(node: &Node) -> Result<Compatibility, Problem> {
    match String::from_node(node)?.as_str() {
        "EC2" => Ok(Compatibility::Ec2),
        "FARGATE" => Ok(Compatibility::Fargate),
        "EXTERNAL" => Ok(Compatibility::External),
        "MANAGED_INSTANCES" => Ok(Compatibility::ManagedInstances),
        other => Err(Problem::new(
            "unknown-compatibility",
            format!("{other:?} is no launch type of ECS"),
        )
        .with_help("give EC2, FARGATE, EXTERNAL or MANAGED_INSTANCES")),
    }
}

/// CPU or memory of the task: ECS takes a string, tools around it also a number.
fn task_quantity(
    reader: &mut Reader<'_>,
    key: &'static str,
    parse: fn(&str) -> Result<u32, Problem>,
) -> Option<u32> {
    let read = reader.read(key, |node| match &node.value {
        Value::String(text) => parse(text).map(|value| (value, None)),
        Value::Number(text) => parse(text).map(|value| (value, Some(text.clone()))),
        _ => Err(wrong_kind(node, "a string")),
    })?;
    let (value, number) = read.value;
    if let Some(number) = number {
        let message = format!("`{key}` of the task is the number {number}; ECS takes a string");
        let help = format!("write \"{key}\": \"{number}\"");
        reader.caveat(
            key,
            Problem::new("number-for-string", message).with_help(help),
        );
    }
    Some(value)
}

fn runtime_platform(reader: &mut Reader<'_>) -> (OperatingSystem, Architecture) {
    let system = reader.read("operatingSystemFamily", |node| {
        let name = String::from_node(node)?;
        match name.as_str() {
            "LINUX" => Ok(OperatingSystem::Linux),
            _ if name.starts_with("WINDOWS_SERVER_") => Ok(OperatingSystem::Windows(name)),
            _ => Err(Problem::new(
                "unknown-operating-system",
                format!("{name:?} is no operating system family of ECS"),
            )
            .with_help("give LINUX")),
        }
    });
    let architecture = reader.read("cpuArchitecture", |node| {
        match String::from_node(node)?.as_str() {
            "X86_64" => Ok(Architecture::X86),
            "ARM64" => Ok(Architecture::Arm),
            other => Err(Problem::new(
                "unknown-architecture",
                format!("{other:?} is no processor architecture of ECS"),
            )
            .with_help("give X86_64 or ARM64")),
        }
    });
    (
        system.map_or(OperatingSystem::Linux, |system| system.value),
        architecture.map_or(Architecture::X86, |architecture| architecture.value),
    )
}

/// A task definition takes `memberOf` alone.
///
/// Source: Amazon ECS API, `TaskDefinitionPlacementConstraint` (specified); the words of the refusal
/// are those of `RegisterTaskDefinition` (measured).
fn placement_constraint(reader: &mut Reader<'_>) -> Option<Query> {
    let kind = reader.read("type", |node| {
        let word = String::from_node(node)?;
        if word == "memberOf" {
            return Ok(());
        }
        let message = format!(
            "ClientException: Create TaskDefinition: constraint.type '{word}' is not supported."
        );
        let help = match word.as_str() {
            "distinctInstance" => "that belongs to the service, not to the task definition",
            _ => "give memberOf",
        };
        Err(Problem::new("constraint-type", message).with_help(help))
    });
    let query = reader.read("expression", |node| {
        Ok(Query::parse(&String::from_node(node)?)?)
    });
    if reader.node("expression").is_none() {
        reader.missing("expression", "say which instances are meant");
    }
    list_unknown(reader, fields::PLACEMENT_CONSTRAINT);
    kind.and(query).map(|query| query.value)
}

fn is_app_mesh(reader: &mut Reader<'_>) -> bool {
    // APPMESH is the only type there is, and the default.
    reader
        .get::<String>("type")
        .is_none_or(|kind| kind.value == "APPMESH")
}

fn container(reader: &mut Reader<'_>) -> Option<ContainerDefinition> {
    let name = required_name(reader, "name");
    let image = required_name(reader, "image");
    let essential = reader
        .get::<bool>("essential")
        .is_none_or(|essential| essential.value);
    let cpu = lenient(reader, "cpu", 0, u64::from(u32::MAX)).unwrap_or(0);
    let memory = lenient(reader, "memory", 0, u64::from(u32::MAX)).filter(|mib| *mib > 0);
    let memory_reservation =
        lenient(reader, "memoryReservation", 0, u64::from(u32::MAX)).filter(|mib| *mib > 0);
    let port_mappings = reader.tables("portMappings", port_mapping);
    let flag = |reader: &mut Reader<'_>, key| {
        reader
            .get::<bool>(key)
            .is_some_and(|flag: At<bool>| flag.value)
    };
    let definition = ContainerDefinition {
        name,
        image,
        essential,
        cpu,
        memory,
        memory_reservation,
        port_mappings,
        links: strings(reader, "links"),
        disable_networking: flag(reader, "disableNetworking"),
        privileged: flag(reader, "privileged"),
        hostname: reader
            .get::<String>("hostname")
            .map(|hostname| hostname.value),
        dns_servers: strings(reader, "dnsServers"),
        dns_search_domains: strings(reader, "dnsSearchDomains"),
        extra_hosts: reader.tables("extraHosts", |reader| {
            Some(format!(
                "{}:{}",
                text(reader, "hostname"),
                text(reader, "ipAddress")
            ))
        }),
        system_controls: reader.tables("systemControls", |reader| {
            let (namespace, value) = (text(reader, "namespace"), text(reader, "value"));
            Some(SystemControl { namespace, value })
        }),
        depends_on: reader.tables("dependsOn", |reader| {
            let (container, condition) = (text(reader, "containerName"), text(reader, "condition"));
            Some(Dependency {
                container,
                condition,
            })
        }),
        firelens: reader.table("firelensConfiguration", |reader| Some(text(reader, "type"))),
        log_driver: reader.table("logConfiguration", |reader| Some(text(reader, "logDriver"))),
        place: reader.place().to_owned(),
    };
    container_caveats(&definition, reader);
    list_unknown(reader, fields::CONTAINER);
    Some(definition)
}

/// What is accepted but not simulated, where the network could show it.
fn container_caveats(container: &ContainerDefinition, reader: &mut Reader<'_>) {
    let name = &container.name;
    let mut caveat = |key: &str, message: String| {
        reader.caveat(key, Problem::new("not-simulated", message));
    };
    if !container.dns_servers.is_empty() || !container.dns_search_domains.is_empty() {
        let key = if container.dns_servers.is_empty() {
            "dnsSearchDomains"
        } else {
            "dnsServers"
        };
        caveat(
            key,
            format!("`{key}` of container `{name}` is not simulated: no names are looked up"),
        );
    }
    if !container.extra_hosts.is_empty() {
        caveat(
            "extraHosts",
            format!("`extraHosts` of container `{name}` is not simulated: no names are looked up"),
        );
    }
    for control in &container.system_controls {
        if control.namespace.starts_with("net.") {
            let (parameter, value) = (&control.namespace, &control.value);
            caveat(
                "systemControls",
                format!("`{parameter}` = {value:?} of container `{name}` is not simulated"),
            );
        }
    }
    if container.firelens.is_some() {
        caveat(
            "firelensConfiguration",
            format!("log traffic to the FireLens router `{name}` is not simulated"),
        );
    }
}

fn port_mapping(reader: &mut Reader<'_>) -> Option<PortMapping> {
    let single = lenient_port(reader, "containerPort");
    let range = reader.read("containerPortRange", port_range);
    let host_port = lenient_port(reader, "hostPort");
    let protocol = reader.read("protocol", |node| match String::from_node(node)?.as_str() {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        other => Err(Problem::new(
            "unknown-protocol",
            format!("{other:?} is no protocol of ECS"),
        )
        .with_help("give tcp or udp")),
    });
    let name = reader.get::<String>("name").map(|name| name.value);
    let app_protocol = reader
        .get::<String>("appProtocol")
        .map(|protocol| protocol.value);
    list_unknown(reader, fields::PORT_MAPPING);
    let container_port = match (single, range) {
        (Some(_), Some(range)) => {
            reader.error(
                "containerPortRange",
                Problem::new(
                    "port-and-range",
                    format!(
                        "`containerPort` and `containerPortRange` {} together",
                        range.value
                    ),
                )
                .with_help("give one of the two"),
            );
            range.value
        }
        (Some(port), None) => PortSpec::Single(port),
        (None, Some(range)) => range.value,
        (None, None) => {
            // A value that was there and wrong has been reported already.
            let tried = ["containerPort", "containerPortRange"];
            if tried.into_iter().all(|key| reader.node(key).is_none()) {
                reader.missing(
                    "containerPort",
                    "give the port that the container listens on",
                );
            }
            return None;
        }
    };
    let place = reader.place().to_owned();
    let protocol = protocol.map(|protocol| protocol.value).unwrap_or_default();
    Some(PortMapping {
        container_port,
        host_port,
        protocol,
        name,
        app_protocol,
        place,
    })
}

fn port_range(node: &Node) -> Result<PortSpec, Problem> {
    let text = String::from_node(node)?;
    let wrong = |why: &str| {
        Problem::new(
            "invalid-port-range",
            format!("{text:?} is no port range: {why}"),
        )
        .with_help("give the first and the last port, such as \"8000-8010\"")
    };
    let (first, last) = text
        .split_once('-')
        .ok_or_else(|| wrong("there is no `-` in it"))?;
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first < last => Ok(PortSpec::Range { first, last }),
        (Some(_), Some(_)) => Err(wrong("the first port must be less than the last")),
        _ => Err(wrong("ports go from 1 to 65535")),
    }
}

fn text(reader: &mut Reader<'_>, key: &'static str) -> String {
    reader
        .get::<String>(key)
        .map(|text| text.value)
        .unwrap_or_default()
}

fn strings(reader: &mut Reader<'_>, key: &'static str) -> Vec<String> {
    let list = reader.list(key, String::from_node).unwrap_or_default();
    list.into_iter().map(|text| text.value).collect()
}

fn required_name(reader: &mut Reader<'_>, key: &'static str) -> String {
    let had_one = reader.node(key).is_some();
    let name = reader.get::<String>(key).map(|name| name.value);
    match name.as_deref() {
        None if !had_one => reader.missing(key, format!("set `{key}` of the container")),
        Some("") => reader.error(key, empty(key)),
        _ => {}
    }
    name.unwrap_or_default()
}

/// A whole number that may be written as a string, as old files do; stated as a caveat.
fn lenient(reader: &mut Reader<'_>, key: &'static str, least: u64, most: u64) -> Option<u32> {
    let read = reader.read(key, |node| match &node.value {
        Value::String(text) => {
            let trimmed = text.trim();
            let digits = !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit());
            if !digits {
                return Err(wrong_kind(node, "a whole number"));
            }
            let number = Node {
                span: node.span.clone(),
                value: Value::Number(trimmed.into()),
            };
            Ok((whole_number(&number, least, most)?, true))
        }
        _ => Ok((whole_number(node, least, most)?, false)),
    })?;
    let (value, was_text) = read.value;
    if was_text {
        let message = format!("`{key}` is the string \"{value}\"; ECS takes a number");
        let help = format!("write \"{key}\": {value}");
        reader.caveat(
            key,
            Problem::new("string-for-number", message).with_help(help),
        );
    }
    u32::try_from(value).ok()
}

fn lenient_port(reader: &mut Reader<'_>, key: &'static str) -> Option<u16> {
    lenient(reader, key, 0, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok())
}

/// Names the fields that are none of ECS's (a misspelt one would otherwise be lost in silence), and
/// those that are given twice.
fn list_unknown(reader: &mut Reader<'_>, known: &[&str]) {
    let unknown: Vec<String> = reader
        .unknown()
        .map(|entry| entry.key.clone())
        .filter(|key| !known.contains(&key.as_str()))
        .collect();
    for entry in reader.overridden() {
        let message = format!(
            "`{}` is given twice; the last one counts",
            shorten(&entry.key)
        );
        let place = crate::document::join(reader.place(), &entry.key);
        let problem = Problem::new("duplicate-key", message).with_help("drop one of them");
        reader.caveat_at(&place, entry.key_span.clone(), problem);
    }
    for key in unknown {
        let message = format!("ECS has no field `{}` here; it is ignored", shorten(&key));
        let mut problem = Problem::new("unknown-field", message);
        if let Some(near) = nearest(&key, known.iter().copied()) {
            problem = problem.with_help(format!("did you mean `{near}`?"));
        }
        reader.caveat(&key, problem);
    }
}

fn duplicate_names(containers: &[ContainerDefinition], reader: &mut Reader<'_>) {
    for (index, container) in containers.iter().enumerate() {
        let name = &container.name;
        let before = containers[..index].iter().find(|other| other.name == *name);
        if let Some(before) = before.filter(|_| !name.is_empty()) {
            let place = format!("{}.name", container.place);
            let problem = Problem::new(
                "duplicate-container",
                format!(
                    "two containers are named `{name}`, the other is {}",
                    before.place
                ),
            );
            let span = container_span(reader, index);
            reader.error_at(&place, span, problem.with_help("rename one"));
        }
    }
}

fn container_span(reader: &mut Reader<'_>, index: usize) -> std::ops::Range<usize> {
    let list = reader.node("containerDefinitions").and_then(Node::as_array);
    let node = list.and_then(|nodes| nodes.get(index));
    let name = node.and_then(|node| node.get("name"));
    name.map_or_else(|| reader.span(), |name| name.span.clone())
}

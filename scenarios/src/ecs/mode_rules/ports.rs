//! Port mapping rules, per mode.

use super::{Findings, HostSide, PublishedContainer, PublishedPort, RefusalKind};
use crate::ecs::mode::{Mode, NetworkMode};
use crate::ecs::ports::{
    DOUBTFUL_RESERVED_TCP_PORT, EPHEMERAL_PORTS, MAX_FIXED_PORTS, RESERVED_TCP_PORTS,
};
use crate::ecs::task_definition::{
    ContainerDefinition, PortMapping, PortSpec, Protocol, TaskDefinition,
};

/// Port ranges that one container can have.
///
/// Source: Amazon ECS API, `PortMapping.containerPortRange` (specified).
const MAX_RANGES: usize = 100;

/// Checks every port mapping and says how the mode publishes it.
pub(super) fn check(
    definition: &TaskDefinition,
    mode: Mode,
    findings: &mut Findings,
) -> Vec<PublishedContainer> {
    for container in &definition.containers {
        ranges(container, findings);
        for mapping in &container.port_mappings {
            valid(container, mapping, findings);
            match NetworkMode::of(mode) {
                NetworkMode::None => none(container, mapping, findings),
                NetworkMode::Host => {
                    same_number(mapping, "host", findings);
                    host_range(mapping, findings);
                }
                NetworkMode::Awsvpc => same_number(mapping, "awsvpc", findings),
                NetworkMode::Bridge => bridge(mapping, findings),
            }
        }
    }
    match NetworkMode::of(mode) {
        NetworkMode::Host | NetworkMode::Awsvpc => shared_namespace(definition, mode, findings),
        NetworkMode::Bridge => host_port_once(definition, findings),
        NetworkMode::None => {}
    }
    let published = publish(definition, mode);
    if matches!(mode, Mode::Bridge | Mode::Host) {
        fixed_ports(definition, &published, findings);
    }
    published
}

fn publish(definition: &TaskDefinition, mode: Mode) -> Vec<PublishedContainer> {
    let side = |mapping: &PortMapping| match NetworkMode::of(mode) {
        NetworkMode::Awsvpc | NetworkMode::None => HostSide::TaskAddress,
        NetworkMode::Host => HostSide::Fixed(mapping.container_port.first()),
        NetworkMode::Bridge => match mapping.host_port {
            Some(port) if port > 0 => HostSide::Fixed(port),
            _ => HostSide::Dynamic,
        },
    };
    let port = |mapping: &PortMapping| PublishedPort {
        container: mapping.container_port,
        protocol: mapping.protocol,
        host: side(mapping),
    };
    let container = |container: &ContainerDefinition| PublishedContainer {
        name: container.name.clone(),
        isolated: container.disable_networking || mode == Mode::None,
        ports: container.port_mappings.iter().map(port).collect(),
    };
    definition.containers.iter().map(container).collect()
}

fn valid(container: &ContainerDefinition, mapping: &PortMapping, findings: &mut Findings) {
    let name = &container.name;
    if mapping.container_port == PortSpec::Single(0) {
        // Words: aws/aws-cli#7288.
        findings.refuse(
            "invalid-container-port",
            format!("ClientException: Invalid 'containerPort' setting for container '{name}'."),
            format!("{}.containerPort", mapping.place),
            "give a port from 1 to 65535",
        );
    }
    if let (PortSpec::Range { .. }, Some(host)) = (mapping.container_port, mapping.host_port)
        && host > 0
    {
        findings.refuse(
            "host-port-with-range",
            format!(
                "`hostPort` {host} cannot go with `containerPortRange` {}",
                mapping.container_port
            ),
            format!("{}.hostPort", mapping.place),
            "drop `hostPort`: ECS sets the host's range",
        );
    }
    if container.disable_networking {
        findings.caveat(
            "port-without-network",
            format!(
                "container `{name}` maps port {} and has no network",
                mapping.container_port
            ),
            &mapping.place,
        );
    }
}

/// Source: Amazon ECS API, `PortMapping.containerPortRange` (specified); our words.
fn ranges(container: &ContainerDefinition, findings: &mut Findings) {
    let is_range = |m: &&PortMapping| matches!(m.container_port, PortSpec::Range { .. });
    let count = container.port_mappings.iter().filter(is_range).count();
    let name = &container.name;
    if count > MAX_RANGES {
        findings.refuse(
            "too-many-ranges",
            format!("container `{name}` has {count} port ranges, ECS allows {MAX_RANGES}"),
            format!("{}.portMappings", container.place),
            "merge ranges that touch",
        );
    }
    for (index, mapping) in container.port_mappings.iter().enumerate() {
        let earlier = container.port_mappings[..index].iter().find(|earlier| {
            earlier.protocol == mapping.protocol
                && (is_range(&mapping) || is_range(earlier))
                && earlier.container_port.overlaps(mapping.container_port)
        });
        if let Some(earlier) = earlier {
            findings.refuse(
                "overlapping-ranges",
                format!(
                    "container `{name}` maps ports {} and {}, which overlap",
                    earlier.container_port, mapping.container_port
                ),
                &mapping.place,
                "include each port in one mapping only",
            );
        }
    }
}

fn none(container: &ContainerDefinition, mapping: &PortMapping, findings: &mut Findings) {
    // Source: Amazon ECS API, `networkMode` (specified); our words.
    findings.refuse(
        "ports-in-none",
        format!(
            "port mappings cannot be specified when networkMode=none: container `{}` maps port {}",
            container.name, mapping.container_port
        ),
        &mapping.place,
        "drop `portMappings`, or use another network mode",
    );
}

fn same_number(mapping: &PortMapping, mode: &str, findings: &mut Findings) {
    let PortSpec::Single(port) = mapping.container_port else {
        return;
    };
    let place = format!("{}.hostPort", mapping.place);
    match mapping.host_port {
        Some(0) if mode == "host" => findings.caveat(
            "zero-host-port",
            "`hostPort` 0 in host mode is taken as omitted, which ECS does not document",
            place,
        ),
        Some(host) if host != 0 && host != port => {
            // Words: aws/amazon-ecs-cli#1014, pulumi/pulumi-awsx#935.
            findings.refuse(
                "host-port-differs",
                format!(
                    "ClientException: When networkMode={mode}, the host ports and container ports \
                     in port mappings must match."
                ),
                place,
                format!(
                    "hostPort is {host}, containerPort {port}: drop `hostPort` or set it to {port}"
                ),
            );
        }
        _ => {}
    }
}

fn host_range(mapping: &PortMapping, findings: &mut Findings) {
    if let PortSpec::Range { .. } = mapping.container_port {
        // Source: Amazon ECS API, `PortMapping.containerPortRange` (specified); our words.
        findings.refuse(
            "range-in-host",
            format!(
                "`containerPortRange` {} cannot be used when networkMode=host",
                mapping.container_port
            ),
            format!("{}.containerPortRange", mapping.place),
            "use bridge or awsvpc, or list the ports one by one",
        );
    }
}

fn bridge(mapping: &PortMapping, findings: &mut Findings) {
    if let Some(host) = mapping.host_port
        && EPHEMERAL_PORTS.contains(&host)
    {
        // Source: Amazon ECS API, `PortMapping.hostPort` (specified).
        findings.caveat(
            "ephemeral-host-port",
            format!(
                "host port {host} is in the range that dynamic ports come from ({}-{})",
                EPHEMERAL_PORTS.start(),
                EPHEMERAL_PORTS.end()
            ),
            format!("{}.hostPort", mapping.place),
        );
    }
}

/// Containers that share a namespace cannot listen on the same port.
///
/// Source: ECS developer guide, task networking with awsvpc (specified), and the kernel: a second
/// bind fails; our words.
fn shared_namespace(definition: &TaskDefinition, mode: Mode, findings: &mut Findings) {
    let mappings = definition.containers.iter().flat_map(|container| {
        container
            .port_mappings
            .iter()
            .map(move |mapping| (container, mapping))
    });
    let mappings: Vec<_> = mappings.collect();
    for (index, (container, mapping)) in mappings.iter().enumerate() {
        let earlier = mappings[..index].iter().find(|(other, earlier)| {
            // Ranges of one container are judged by `ranges`.
            let single = |m: &PortMapping| matches!(m.container_port, PortSpec::Single(_));
            earlier.protocol == mapping.protocol
                && earlier.container_port.overlaps(mapping.container_port)
                && (other.name != container.name || (single(earlier) && single(mapping)))
        });
        let Some((other, _)) = earlier else { continue };
        let whose = if mode == Mode::Host {
            "the instance's"
        } else {
            "one"
        };
        let who = if other.name == container.name {
            format!("container `{}` maps it twice", container.name)
        } else {
            format!(
                "containers `{}` and `{}` share {whose} namespace",
                other.name, container.name
            )
        };
        findings.refuse(
            "duplicate-container-port",
            format!(
                "port {}/{} can be listened on once in the task: {who}",
                mapping.container_port, mapping.protocol
            ),
            &mapping.place,
            "let one of them listen on another port",
        );
    }
}

/// A host port can lead to one container port only.
fn host_port_once(definition: &TaskDefinition, findings: &mut Findings) {
    let mut seen: Vec<(Protocol, u16)> = Vec::new();
    for mapping in definition.containers.iter().flat_map(|c| &c.port_mappings) {
        let Some(port) = mapping.host_port.filter(|port| *port > 0) else {
            continue;
        };
        if seen.contains(&(mapping.protocol, port)) {
            findings.refuse_as(
                RefusalKind::Placement,
                "duplicate-host-port",
                format!(
                    "host port {port}/{} is mapped twice in the task (RESOURCE:PORTS)",
                    mapping.protocol
                ),
                format!("{}.hostPort", mapping.place),
                "give one of the mappings another host port, or none for a dynamic one",
            );
        }
        seen.push((mapping.protocol, port));
    }
}

/// What no instance has: a reserved port, or more fixed ports than ECS lets it reserve.
fn fixed_ports(
    definition: &TaskDefinition,
    published: &[PublishedContainer],
    findings: &mut Findings,
) {
    let mut count = RESERVED_TCP_PORTS.len();
    let places = definition
        .containers
        .iter()
        .flat_map(|container| &container.port_mappings);
    let ports = published.iter().flat_map(|container| &container.ports);
    for (mapping, published) in places.zip(ports) {
        let HostSide::Fixed(port) = published.host else {
            continue;
        };
        count += 1;
        let key = if mapping.host_port.is_some() {
            "hostPort"
        } else {
            "containerPort"
        };
        let place = format!("{}.{key}", mapping.place);
        if mapping.protocol == Protocol::Tcp && RESERVED_TCP_PORTS.contains(&port) {
            findings.refuse_as(
                RefusalKind::Placement,
                "reserved-host-port",
                format!("host port {port}/tcp is reserved on every container instance (RESOURCE:PORTS)"),
                place,
                "use another port: 22, 2375, 2376, 51678 and 51679 are SSH's, Docker's and the agent's",
            );
        } else if mapping.protocol == Protocol::Tcp && port == DOUBTFUL_RESERVED_TCP_PORT {
            findings.caveat(
                "doubtful-reserved-port",
                format!(
                    "host port {port}/tcp is reserved by the API reference, not by the agent's code"
                ),
                place,
            );
        }
    }
    if count > MAX_FIXED_PORTS {
        findings.refuse_as(
            RefusalKind::Placement,
            "too-many-host-ports",
            format!(
                "the task needs {} host ports; an instance can reserve {MAX_FIXED_PORTS}, of which {} \
                 are taken from the start (RESOURCE:PORTS)",
                count - RESERVED_TCP_PORTS.len(),
                RESERVED_TCP_PORTS.len()
            ),
            "containerDefinitions",
            "use dynamic host ports: they do not count",
        );
    }
}

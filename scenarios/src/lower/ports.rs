//! Settles the host ports of a task when it starts, as the ECS agent does.

use sim_net::headers;
use sim_net::plan::{ContainerPlan, ListenerPlan, Place, PortPlan, Target};

use crate::ecs::ports::PortError;
use crate::ecs::{HostSide, ModePlan, PortMapping, Protocol, PublishedPort, TaskDefinition};
use crate::place::Site;

/// The transport protocol as the network model names it.
pub(super) fn transport(protocol: Protocol) -> headers::Protocol {
    match protocol {
        Protocol::Tcp => headers::Protocol::Tcp,
        Protocol::Udp => headers::Protocol::Udp,
    }
}

/// The containers of a task with every port mapping settled; dynamic host ports are taken from the
/// instance in the order of the task definition.
pub(super) fn settle(
    plan: &ModePlan,
    mut site: Option<&mut Site>,
    task: &str,
) -> Result<Vec<ContainerPlan>, PortError> {
    let mut containers = Vec::new();
    for container in &plan.containers {
        let mut ports = Vec::new();
        for port in &container.ports {
            let first = first_host_port(port, site.as_deref_mut(), task)?;
            ports.extend(mappings(port, first));
        }
        containers.push(ContainerPlan {
            name: container.name.clone(),
            ports,
        });
    }
    Ok(containers)
}

fn first_host_port(
    port: &PublishedPort,
    site: Option<&mut Site>,
    task: &str,
) -> Result<u16, PortError> {
    match (port.host, site) {
        (HostSide::Fixed(number), _) => Ok(number),
        (HostSide::Dynamic, Some(site)) => {
            let count = port.container.len();
            site.dynamic.take(
                &mut site.ports,
                port.protocol,
                count,
                &format!("task {task}"),
            )
        }
        // A task with an address of its own, and so no host port.
        (HostSide::TaskAddress | HostSide::Dynamic, _) => Ok(port.container.first()),
    }
}

/// One mapping for each port of a range.
fn mappings(port: &PublishedPort, first: u16) -> impl Iterator<Item = PortPlan> {
    let protocol = transport(port.protocol);
    let container = port.container.first()..=port.container.last();
    (0..)
        .zip(container)
        .map(move |(offset, container_port)| PortPlan {
            container_port,
            host_port: first.saturating_add(offset),
            protocol,
        })
}

/// What the programs of a task listen on where no mapping publishes it: ports are a matter of the
/// program, and mode `none` only leaves out that anybody can get there.
pub(super) fn unpublished(
    definition: &TaskDefinition,
    task: usize,
) -> impl Iterator<Item = ListenerPlan> {
    let listens = move |container: usize, mapping: &PortMapping| {
        let protocol = transport(mapping.protocol);
        let ports = mapping.container_port.first()..=mapping.container_port.last();
        ports.map(move |port| ListenerPlan {
            target: Target {
                place: Place::Container { task, container },
                port,
            },
            protocol,
        })
    };
    let containers = definition.containers.iter().enumerate();
    containers.flat_map(move |(index, container)| {
        let mappings = container.port_mappings.iter();
        mappings.flat_map(move |mapping| listens(index, mapping))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::{Mode, PortSpec, PublishedContainer};

    fn task(ports: Vec<PublishedPort>) -> ModePlan {
        let container = PublishedContainer {
            name: "web".into(),
            isolated: false,
            ports,
        };
        let containers = vec![container];
        ModePlan {
            mode: Mode::Bridge,
            containers,
            fargate_size: None,
            caveats: Vec::new(),
        }
    }

    #[test]
    fn dynamic_ports_are_taken_in_order_and_ranges_stay_together() {
        let mut site = Site::new("i".into(), 0, 0, 0, 0);
        let port = |container, host| PublishedPort {
            container,
            protocol: Protocol::Tcp,
            host,
        };
        let plan = task(vec![
            port(PortSpec::Single(80), HostSide::Dynamic),
            port(
                PortSpec::Range {
                    first: 90,
                    last: 91,
                },
                HostSide::Dynamic,
            ),
            port(PortSpec::Single(53), HostSide::Fixed(1053)),
        ]);
        let settled = settle(&plan, Some(&mut site), "web/0").unwrap();
        let pairs: Vec<_> = settled[0]
            .ports
            .iter()
            .map(|p| (p.container_port, p.host_port))
            .collect();
        assert_eq!(
            pairs,
            [(80, 32_768), (90, 32_769), (91, 32_770), (53, 1053)]
        );
        let second = settle(&plan, Some(&mut site), "web/1").unwrap();
        assert_eq!(second[0].ports[0].host_port, 32_771);
    }

    #[test]
    fn a_task_with_its_own_address_keeps_its_ports() {
        let port = PublishedPort {
            container: PortSpec::Single(80),
            protocol: Protocol::Udp,
            host: HostSide::TaskAddress,
        };
        let settled = settle(&task(vec![port]), None, "web/0").unwrap();
        let expected = PortPlan {
            container_port: 80,
            host_port: 80,
            protocol: headers::Protocol::Udp,
        };
        assert_eq!(settled[0].ports, [expected]);
    }
}

//! `bridge`: one namespace per container, a veth pair into `docker0`, NAT to the outside.
//!
//! ```text
//! in:   eth0 (security groups of the instance) ── PREROUTING: DNAT hostPort → container
//!         ── FORWARD ── docker0 ── veth ── eth0 of the container ── program
//! out:  program ── eth0 of the container ── veth ── docker0 ── FORWARD
//!         ── POSTROUTING: MASQUERADE to the instance's address ── eth0
//! next: program ── veth ── docker0 ── veth ── another container: every port, no NAT
//! local: what the rules leave alone goes to the userland proxy
//! ```
//!
//! Source: ECS developer guide, networking-networkmode-bridge; Docker 25, `setup_ip_tables_linux.go`
//! (specified).

use std::net::SocketAddrV4;

use super::{Layout, Site};
use crate::build::BuildError;
use crate::plan::TaskPlan;

/// Lays out a task: each container gets its namespace, its address on `docker0`, and its published
/// ports.
///
/// # Errors
/// If the task names no instance, Docker does not run there, or a host port is taken.
pub fn lay_out(task: &TaskPlan, layout: &mut Layout<'_>) -> Result<Vec<Site>, BuildError> {
    let instance = layout.instance_of(task)?;
    let mut sites = Vec::new();
    for container in &task.containers {
        let machine = &mut layout.machines[instance];
        let docker0 = machine.docker0().ok_or_else(|| BuildError::NoDocker {
            task: task.name.clone(),
        })?;
        let netns = machine.add_netns(format!("{}/{}", task.name, container.name));
        let addr = machine.join_bridge(docker0, netns, "eth0", true)?;
        for port in &container.ports {
            machine.publish(port, SocketAddrV4::new(addr, port.container_port))?;
        }
        sites.push(Site {
            machine: instance,
            netns,
            own: Some(addr),
            service: machine.primary_addr(),
            host_ports: container.ports.clone(),
        });
    }
    Ok(sites)
}

//! `awsvpc`: one namespace and one elastic network interface per task; its containers share them.
//!
//! ```text
//! in:   eth0 = task ENI (security groups of the task) ── program
//! out:  program ── eth0 ── VPC, also to a task on the same instance
//! task metadata:  ecs-eth0 ── ecs-bridge ── the instance's PREROUTING: DNAT ── ECS agent
//! ```
//!
//! The instance's rules and `docker0` are not on the way. On an instance with a trunk the interface
//! is a VLAN sub-interface of it.
//! Source: ECS agent, `ecscni`; ECS developer guide, task-networking-awsvpc (specified).

use super::{Attachment, Layout, Site};
use crate::build::BuildError;
use crate::plan::TaskPlan;

/// Lays out a task: the pause container's namespace with the task's interface, shared by all
/// containers.
///
/// # Errors
/// If the task names no instance or no network.
pub fn lay_out(task: &TaskPlan, layout: &mut Layout<'_>) -> Result<Vec<Site>, BuildError> {
    let instance = layout.instance_of(task)?;
    let eni = layout.task_eni(task)?;
    let blocked = layout.blocked_metadata[instance];
    let machine = &mut layout.machines[instance];
    let attachment = if machine.trunking() {
        Attachment::Branch
    } else {
        Attachment::Interface
    };
    let netns = machine.add_netns(task.name.clone());
    machine.attach_eni(netns, &eni, attachment);
    machine.join_agent(netns)?;
    if blocked {
        machine.block_metadata(netns);
    }
    let own = Some(eni.addr);
    let site = Site {
        machine: instance,
        netns,
        own,
        service: own,
        host_ports: Vec::new(),
    };
    Ok(vec![site; task.containers.len()])
}

//! Fargate: an `awsvpc` task in a micro-VM of its own, with its own kernel and interface.
//!
//! ```text
//! in:   task ENI (security groups of the task) ── virtual device ── eth0 ── program
//! out:  program ── eth0 ── virtual device ── task ENI ── VPC
//! task metadata:  fargate-bridge ── agent, in the same micro-VM
//! ```
//!
//! Nothing is shared with another task but the fabric, and there is no instance whose metadata
//! could be asked.
//! Source: ECS developer guide, AWS_Fargate; ECS agent, `ecs-agent/netlib` (specified).

use super::{Attachment, Layout, Site};
use crate::build::BuildError;
use crate::plan::TaskPlan;

/// Lays out a task: its containers share the micro-VM's namespace.
///
/// # Errors
/// If the task names no network or no size.
pub fn lay_out(task: &TaskPlan, layout: &mut Layout<'_>) -> Result<Vec<Site>, BuildError> {
    let eni = layout.task_eni(task)?;
    let index = layout.micro_vm_of(task)?;
    let machine = &mut layout.machines[index];
    let netns = machine.root();
    machine.attach_eni(netns, &eni, Attachment::Virtual);
    machine.add_micro_vm_agent()?;
    let own = Some(eni.addr);
    let site = Site {
        machine: index,
        netns,
        own,
        service: own,
        host_ports: Vec::new(),
    };
    Ok(vec![site; task.containers.len()])
}

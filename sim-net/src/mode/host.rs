//! `host`: the instance's own namespace.
//!
//! ```text
//! in:   eth0 (security groups of the instance) ── Docker's hooks, INPUT ── program
//! out:  program ── OUTPUT, Docker's hooks ── eth0
//! ```
//!
//! No address is translated, but the packet passes the hooks that Docker keeps in this namespace.
//! Source: ECS developer guide, task networking (specified).

use super::{Layout, Site};
use crate::build::BuildError;
use crate::plan::TaskPlan;

/// Lays out a task: every container runs in the instance's namespace.
///
/// # Errors
/// If the task names no instance.
pub fn lay_out(task: &TaskPlan, layout: &mut Layout<'_>) -> Result<Vec<Site>, BuildError> {
    let instance = layout.instance_of(task)?;
    let machine = &layout.machines[instance];
    let (netns, addr) = (machine.root(), machine.primary_addr());
    let site = Site {
        machine: instance,
        netns,
        own: addr,
        service: addr,
        host_ports: Vec::new(),
    };
    Ok(vec![site; task.containers.len()])
}

//! `none`: a namespace of its own with loopback, and nothing else.
//!
//! ```text
//! program ── lo          everything else: network unreachable
//! ```
//!
//! Source: ECS developer guide, task networking; API reference, `networkMode` (specified).

use super::{Layout, Site};
use crate::build::BuildError;
use crate::plan::TaskPlan;

/// Lays out a task: one namespace per container, with no interface but loopback.
///
/// # Errors
/// If the task names no instance.
pub fn lay_out(task: &TaskPlan, layout: &mut Layout<'_>) -> Result<Vec<Site>, BuildError> {
    let instance = layout.instance_of(task)?;
    let sites = task.containers.iter().map(|container| {
        let netns =
            layout.machines[instance].add_netns(format!("{}/{}", task.name, container.name));
        Site {
            machine: instance,
            netns,
            own: None,
            service: None,
            host_ports: Vec::new(),
        }
    });
    Ok(sites.collect())
}

//! The five network modes. Each file lays one task out and reads like its packet walk.
//!
//! A mode carries no number: it is a path, and the cost of a path is the sum of the primitives on
//! it.

pub mod awsvpc;
pub mod bridge;
pub mod fargate;
pub mod host;
pub mod none;
mod site;

pub use self::site::{Attachment, EniSpec, MachineBuilder};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::build::BuildError;
use crate::ids::NetnsId;
use crate::plan::{Mode, PortPlan, TaskPlan};

/// Where a container has ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Index of its machine.
    pub machine: usize,
    /// Its namespace there.
    pub netns: NetnsId,
    /// The namespace's own address.
    pub own: Option<Ipv4Addr>,
    /// The address at which others are told to find it.
    pub service: Option<Ipv4Addr>,
    /// Ports that differ between the two.
    pub host_ports: Vec<PortPlan>,
}

/// What a mode works with: the machines, and what was decided about tasks beforehand.
#[derive(Debug)]
pub struct Layout<'a> {
    /// The machines under construction: instances first, by their index in the plan.
    pub machines: &'a mut [MachineBuilder],
    /// The interface of each task that has one, by the task's name.
    pub task_enis: &'a BTreeMap<String, EniSpec>,
    /// The micro-VM of each Fargate task, by the task's name.
    pub micro_vms: &'a BTreeMap<String, usize>,
    /// Of each instance, whether its tasks may not ask for its metadata.
    pub blocked_metadata: &'a [bool],
}

impl Layout<'_> {
    /// The machine of the instance that a task was placed on.
    ///
    /// # Errors
    /// If the plan names none.
    pub fn instance_of(&self, task: &TaskPlan) -> Result<usize, BuildError> {
        task.instance
            .filter(|&index| index < self.machines.len())
            .ok_or_else(|| BuildError::NoInstance {
                task: task.name.clone(),
            })
    }

    /// The interface of a task.
    ///
    /// # Errors
    /// If the plan gives the task no network.
    pub fn task_eni(&self, task: &TaskPlan) -> Result<EniSpec, BuildError> {
        let found = self.task_enis.get(&task.name);
        found.cloned().ok_or_else(|| BuildError::NoTaskNetwork {
            task: task.name.clone(),
        })
    }

    /// The micro-VM of a Fargate task.
    ///
    /// # Errors
    /// If the plan gives the task no size.
    pub fn micro_vm_of(&self, task: &TaskPlan) -> Result<usize, BuildError> {
        let found = self.micro_vms.get(&task.name);
        found.copied().ok_or_else(|| BuildError::NoTaskSize {
            task: task.name.clone(),
        })
    }
}

/// Lays out a task in its mode.
///
/// # Errors
/// What the mode finds missing in the plan, and ports that are taken.
pub fn lay_out(task: &TaskPlan, layout: &mut Layout<'_>) -> Result<Vec<Site>, BuildError> {
    match task.mode {
        Mode::None => none::lay_out(task, layout),
        Mode::Bridge => bridge::lay_out(task, layout),
        Mode::Host => host::lay_out(task, layout),
        Mode::Awsvpc => awsvpc::lay_out(task, layout),
        Mode::Fargate => fargate::lay_out(task, layout),
    }
}

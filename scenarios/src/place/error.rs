//! Why a task could not be placed, in the words of ECS.

use std::fmt;

use crate::ecs::ports::PortError;

use super::Constraint;

/// Why an instance does not qualify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// It is in none of the zones of the task's subnets.
    Attribute,
    /// Too few CPU units.
    Cpu {
        /// What the task needs.
        needs: u32,
        /// What is free.
        free: u32,
    },
    /// Too little memory.
    Memory {
        /// What the task needs, in MiB.
        needs: u32,
        /// What is free, in MiB.
        free: u32,
    },
    /// A host port is not to be had.
    Ports(PortError),
    /// No place for another network interface.
    Eni,
    /// A constraint of the service or of the task definition.
    Constraint(Constraint),
}

impl Shortage {
    /// The reason as ECS gives it in `failures` and service events.
    ///
    /// Source: Amazon ECS developer guide, API failure reasons; service event messages (specified).
    /// That of constraints as `RunTask` and service events show it (measured).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Attribute => "ATTRIBUTE",
            Self::Cpu { .. } => "RESOURCE:CPU",
            Self::Memory { .. } => "RESOURCE:MEMORY",
            Self::Ports(_) => "RESOURCE:PORTS",
            Self::Eni => "RESOURCE:ENI",
            Self::Constraint(Constraint::MemberOf(_)) => {
                "MemberOf placement constraint unsatisfied."
            }
            Self::Constraint(Constraint::DistinctInstance) => {
                "DistinctInstance placement constraint unsatisfied."
            }
        }
    }

    /// How far down the list of conditions the instance came.
    pub(super) fn depth(&self) -> u8 {
        match self {
            Self::Attribute => 0,
            Self::Cpu { .. } => 1,
            Self::Memory { .. } => 2,
            Self::Ports(_) => 3,
            Self::Eni => 4,
            Self::Constraint(_) => 5,
        }
    }

    /// What ECS leaves out: the numbers behind it.
    fn detail(&self) -> String {
        match self {
            Self::Attribute => "it is in no zone of the task's subnets".to_owned(),
            Self::Cpu { needs, free } => format!("{needs} CPU units needed, {free} free"),
            Self::Memory { needs, free } => format!("{needs} MiB needed, {free} MiB free"),
            Self::Ports(error) => error.to_string(),
            Self::Eni => "no place for another task interface".to_owned(),
            Self::Constraint(constraint) => constraint.to_string(),
        }
    }
}

/// Completes "The closest matching (container-instance x) …" as service events do.
impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute => f.write_str("is missing an attribute required by your task"),
            Self::Cpu { .. } => f.write_str("has insufficient CPU units available"),
            Self::Memory { .. } => f.write_str("has insufficient memory available"),
            Self::Ports(_) => f.write_str("is already using a port required by your task"),
            Self::Eni | Self::Constraint(_) => write!(f, "encountered error \"{}\"", self.code()),
        }
    }
}

/// A task could not be placed, or not be started where it was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementError {
    /// The task.
    pub task: String,
    /// The service that it belongs to.
    pub service: String,
    /// Why.
    pub cause: Cause,
}

/// Why a task could not be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no container instance, in the cluster or in this capacity provider.
    NoInstance(Option<String>),
    /// No instance qualifies; this one came closest.
    Closest {
        /// Its name.
        instance: String,
        /// What it lacks.
        shortage: Box<Shortage>,
    },
    /// The task was placed, and these subnets have no address for its interface.
    NoAddress(Vec<String>),
}

impl PlacementError {
    pub(super) fn nowhere(
        service: &str,
        task: &str,
        provider: Option<&str>,
        closest: Option<(String, Shortage)>,
    ) -> Self {
        let cause = match closest {
            Some((instance, shortage)) => Cause::Closest {
                instance,
                shortage: Box::new(shortage),
            },
            None => Cause::NoInstance(provider.map(str::to_owned)),
        };
        let (task, service) = (task.to_owned(), service.to_owned());
        Self {
            task,
            service,
            cause,
        }
    }

    pub(super) fn no_address<'n>(
        service: &str,
        task: &str,
        subnets: impl Iterator<Item = &'n str>,
    ) -> Self {
        Self {
            task: task.to_owned(),
            service: service.to_owned(),
            cause: Cause::NoAddress(subnets.map(str::to_owned).collect()),
        }
    }

    /// The reason as ECS gives it.
    ///
    /// Source: as for [`Shortage::code`]; that of a full subnet is EC2's error code, as stopped tasks
    /// show it (measured).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.cause {
            Cause::NoInstance(_) => "RESOURCE:INSTANCE",
            Cause::Closest { shortage, .. } => shortage.code(),
            Cause::NoAddress(_) => "InsufficientFreeAddressesInSubnet",
        }
    }
}

/// ECS's event, and behind it the numbers.
///
/// Source: Amazon ECS developer guide, service event messages (specified).
impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            task,
            service,
            cause,
        } = self;
        if let Cause::NoAddress(subnets) = cause {
            let first = subnets.first().map_or("", String::as_str);
            write!(
                f,
                "RunTask succeeds, and task {task} goes from PROVISIONING to STOPPED: Unexpected \
                 EC2 error while attempting to Create Network Interface in subnet '{first}': \
                 InsufficientFreeAddressesInSubnet"
            )?;
            return match subnets.len() {
                0 | 1 => Ok(()),
                _ => write!(f, " (none is free in {})", subnets.join(", ")),
            };
        }
        write!(
            f,
            "(service {service}) was unable to place a task because no container instance met all \
             of its requirements. "
        )?;
        match cause {
            Cause::Closest { instance, shortage } => {
                let detail = shortage.detail();
                write!(
                    f,
                    "The closest matching (container-instance {instance}) {shortage}. "
                )?;
                write!(f, "Task {task}: {detail}")
            }
            Cause::NoInstance(provider) => {
                write!(f, "Reason: No Container Instances were found in your ")?;
                match provider {
                    Some(name) => write!(f, "capacity provider {name}")?,
                    None => write!(f, "cluster")?,
                }
                write!(f, ". Task {task}")
            }
            Cause::NoAddress(_) => Ok(()),
        }
    }
}

impl std::error::Error for PlacementError {}

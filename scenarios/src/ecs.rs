//! What ECS knows: task definitions, the rules of each network mode, ports, Fargate sizes.

pub mod fargate;
mod fields;
pub mod mode;
pub mod mode_rules;
pub mod ports;
pub mod task_definition;

pub use fargate::FargateSize;
pub use mode::{Mode, NetworkMode};
pub use mode_rules::{
    HostSide, ModePlan, PublishedContainer, PublishedPort, Refusal, RefusalKind, check_mode,
};
pub use task_definition::{ContainerDefinition, PortMapping, PortSpec, Protocol, TaskDefinition};

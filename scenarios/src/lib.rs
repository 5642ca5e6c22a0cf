//! scenarios

pub mod diagnostic;
pub mod document;
pub mod ecs;
pub mod instance_types;
pub mod toml;

//! The network that ecsnet simulates, from the socket to the VPC fabric.
//!
//! A [`machine::Machine`] is one partition of the engine: an instance, a Fargate micro-VM, a client
//! or a service in the VPC, with its cores, namespaces, bridges, network interfaces and programs.
//! Machines meet only in the [`vpc::Fabric`]. [`mode`] lays tasks out on machines, one file per ECS
//! network mode, and [`build`] turns a [`plan::Plan`] into a world that runs.
//!
//! Nothing here reads a file, a clock or the environment, and nothing depends on the order of a
//! hash map: the same plan and seed give the same events on any machine.

pub mod app;
pub mod build;
pub mod cost;
pub mod cpu;
mod deadlines;
pub mod eni;
pub mod frame;
pub mod headers;
pub mod ids;
pub mod kernel;
pub mod machine;
pub mod mode;
pub mod offload;
pub mod plan;
pub mod reach;
pub mod stack;
pub mod verdict;
pub mod vpc;
pub mod world;

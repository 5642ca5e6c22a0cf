//! What a user writes (scenario files, ECS task definitions), what it means, and how it is run.
//!
//! [`toml`] and [`ecs`] read and validate, [`place`] finds an instance for every task, [`lower`] turns
//! a scenario in one network mode into the plan that the network model builds, [`run`] runs every mode
//! and replication, [`mod@assert`] holds the results against what the scenario asserts, and [`builtin`] has
//! the scenarios that nobody needs to write. The `ecsnet` command around it is in this crate's binary,
//! the only place that knows a terminal.

pub mod assert;
pub mod builtin;
pub mod check;
pub mod density;
pub mod describe;
pub mod diagnostic;
pub mod document;
pub mod ecs;
pub mod instance_types;
pub mod lower;
pub mod place;
pub mod reach;
pub mod run;
pub mod toml;

//! Cores: what waits for them, in which order they take it, and what it costs.

mod component;
mod core;
mod meter;
pub mod rss;

pub use self::component::{Component, HopCell, HopTable};
pub use self::core::{BACKLOG, Core, Descriptor, Ingress, ROUND, Slice, Softirq, Work};
pub use self::meter::Meter;

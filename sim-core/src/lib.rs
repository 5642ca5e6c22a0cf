//! The simulator that knows no network.
//!
//! What is here, in the order in which a reader needs it:
//!
//! - [`SimTime`], [`SimDuration`], [`DataRate`], [`ByteSize`], [`PacketRate`], [`Ratio`]: a unit is a
//!   type, integers only, exact text forms.
//! - [`EventQueue`] and [`Engine`]: pending events in a total order and the loop over partitions.
//! - [`Streams`] and [`dist`]: random numbers that depend on names, not on the order of draws.
//! - [`Histogram`], [`Series`], [`Summary`], [`Counter`]: what a run leaves behind.
//! - [`Digest`]: the proof that two runs were the same run.
//!
//! Invariants: no wall clock, no environment, no result that depends on threads, no unordered
//! iteration, no float outside [`dist`] and the statistics.

mod agenda;
mod collections;
mod digest;
pub mod dist;
mod engine;
mod id;
mod queue;
mod rng;
mod stats;
mod time;
mod units;

pub use collections::LookupMap;
pub use digest::Digest;
pub use engine::{
    Context, Engine, EntityId, EventCode, Limits, Partition, PartitionId, RunStats, Sharing,
    StopReason, ThreadUse,
};
pub use id::{Id, IndexVec};
#[cfg(feature = "trace")]
pub use queue::QueueOperation;
pub use queue::{EventKey, EventQueue, SourceId};
pub use rng::{LazyStream, SimRng, Streams};
pub use stats::{
    Counter, Histogram, Series, SeriesBin, Summary, mser5, student_t_cdf, student_t_quantile,
};
pub use time::{SimDuration, SimTime};
pub use units::{ByteSize, DataRate, PacketRate, ParseUnitError, Ratio};

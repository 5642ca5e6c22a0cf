//! From what runs leave behind to what a person reads.
//!
//! [`record`] is plain data: one [`Experiment`] holds every replication of every network mode.
//! [`comparison::compare`] is a pure function from it to [`Results`], the document
//! `ecsnet.results/1`. Each remaining module is one output format, and none of them computes a
//! statistic of its own.
//!
//! **Invariant:** nothing here sees a simulated world, a file, a clock or the environment: the same
//! experiment gives the same bytes on every machine.

pub mod comparison;
pub mod csv;
pub mod density;
pub mod format;
pub mod html;
pub mod json;
pub mod pcapng;
pub mod reach;
pub mod record;
pub mod results;
pub mod schema;
mod svg;
pub mod terminal;

pub use comparison::compare;
pub use record::{
    ConstantRecord, DensityRecord, Experiment, FrameCounts, HopRun, InputHash, ModeRecord,
    NeighbourRecord, PartyKind, PartyRecord, Performance, PlacementRecord, PortConflict,
    PortRecord, Provenance, ReachRecord, Reason, Replication, TaskRecord, ThreadRecord, Via,
    WorkloadOutcome, WorkloadRun,
};
pub use results::Results;

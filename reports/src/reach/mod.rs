//! Who reaches whom: the document `ecsnet.reach/1`, and how it looks on a terminal.
//!
//! As with a comparison, [`record`] is plain data that somebody else fills in, and nothing here
//! evaluates a rule.

pub mod json;
pub mod record;
pub mod terminal;

pub use record::{
    AddressVerdict, Difference, Explanation, Flow, HopRecord, LegName, ListenerRecord, ModeReach,
    PairRecord, ReachProvenance, ReachResults, SimulatedRecord, SourceRecord, SymbolRecord,
    VerdictRecord, ViaName,
};

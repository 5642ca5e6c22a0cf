//! Who reaches whom, by evaluating the rules: no packet is sent and no clock runs.
//!
//! [`crate::world`] finds the same by sending packets. The two must agree on every pair.

mod verdict;

pub use verdict::{Leg, ReachOutcome, Verdict, Walk, WalkHop};

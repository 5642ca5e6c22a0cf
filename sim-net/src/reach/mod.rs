//! Who reaches whom, by evaluating the rules: no packet is sent and no clock runs.
//!
//! [`crate::world`] finds the same by sending packets. The two must agree on every pair.
//!
//! * `layout` takes over what the modes lay out: namespaces, routes, rules, listening ports.
//! * `walk` follows one attempt there and back; `namespace` and `netfilter` through a machine (which rules
//!   of a chain are worth a look say `candidates`), `vpc`, `policy` and `gateway` through the Region.
//! * `region`, `interface` and `acl` are the Region's policy at one moment.

mod acl;
mod agreement;
mod candidates;
mod endpoints;
mod evaluator;
mod gateway;
mod interface;
mod layout;
mod namespace;
mod netfilter;
mod packet;
mod policy;
mod region;
mod remedy;
mod text;
mod trace;
mod verdict;
mod vpc;
mod walk;

pub use endpoints::{Endpoint, Listener, Owner, Via};
pub use evaluator::Evaluator;
pub use remedy::remedy;
pub use verdict::{Leg, ReachOutcome, Verdict, Walk, WalkHop};

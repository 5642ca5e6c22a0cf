//! Netfilter: the rules and the connection tracking of one namespace.
//!
//! A namespace without rules has no [`Netfilter`] and pays for none. One that has passes every
//! packet through its hooks as Linux does: `prerouting`, then `input` or `forward` and
//! `postrouting`; for its own packets `output` and `postrouting`. What the hooks of one traversal
//! know of the packet is in its [`PacketState`].
//!
//! [`docker`] and [`ecs_agent`] write the rule sets of an ECS container instance; the engine knows
//! neither.
//!
//! What Linux does and this does not: `raw`, `mangle` and `security` tables, marks, helpers, zones,
//! sequence numbers in connection tracking, reuse of a source's earlier port by its next connection
//! (`find_appropriate_src`), eviction of a closing connection that holds a wanted port.

mod chain;
mod conntrack;
pub mod docker;
pub mod ecs_agent;
mod engine;
mod nat;
mod passed;
mod rule;
mod state;
mod tcp;
mod traverse;
mod tuple;

pub use chain::{Chain, ChainId, Decider, MAX_DEPTH, Policy, Table};
pub use conntrack::{Connection, Conntrack, Direction, EntryId};
pub use engine::{Backend, Netfilter, NetfilterConfig, default_conntrack_max};
pub use rule::{CtStates, Match, Negatable, RejectWith, Rule, Target, is, not};
pub use state::{CtState, Hook, NfVerdict, PacketContext, PacketState};
pub use tcp::TcpState;

#[cfg(test)]
mod tests;

//! The kernel's data path: routes, bridges, netfilter.
//!
//! Each part is the state of one namespace (or, for a bridge, of one device) and decides about one
//! packet at a time. None of them knows a mode, a task or a queue: whoever walks the packet calls
//! them in the order in which Linux does.

pub mod bridge;
pub mod fdb;
pub mod icmp;
pub mod netfilter;
pub mod netns;
pub mod route;
pub mod show;

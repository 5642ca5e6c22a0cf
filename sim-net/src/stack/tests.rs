//! Two stacks joined by a simulated link.

mod congestion;
mod determinism;
mod harness;
mod property;
mod tcp;
mod traps;
mod udp;

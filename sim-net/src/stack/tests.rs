//! Two stacks joined by a simulated link.

mod harness;
mod tcp;

//! Two stacks joined by a simulated link.

mod congestion;
mod harness;
mod tcp;

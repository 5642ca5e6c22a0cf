//! Whole worlds: what must come out of paths and primitives.

mod agreement;
mod conservation;
mod contention;
mod determinism;
mod explain;
mod gateways;
mod offloads;
mod options;
mod ordering;
mod physics;
mod programs;
mod services;
mod support;
mod trains;
mod truth_table;
mod vpc_lifetimes;
mod vpc_paths;
mod vpc_support;

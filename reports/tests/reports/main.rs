//! Every output format on fabricated experiments.

#[path = "../fixture/mod.rs"]
mod fixture;

mod terminal;

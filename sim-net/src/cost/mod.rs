//! What the operations of a data path cost.
//!
//! A mode carries no number of its own: a mode is a path, a path is a list of [`Primitive`]s, and a
//! [`CostProfile`] prices them, each with its source and class. Code that walks a path hands every
//! operation to a [`Charge`].

mod primitive;
mod profile;
mod reader;

pub use primitive::Primitive;
pub use profile::{Class, Cost, CostProfile, Price, ProfileError, ProfileProblem};

/// Whoever pays for the operations of a path: a core, a trace, a counter in a test.
pub trait Charge {
    /// One operation on a socket buffer that carries `bytes` octets.
    fn charge(&mut self, primitive: Primitive, bytes: usize);

    /// The same operation `n` times, on no octets.
    fn charge_n(&mut self, primitive: Primitive, n: u32);
}

/// Nobody pays: for static evaluation of the same rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Free;

impl Charge for Free {
    fn charge(&mut self, _: Primitive, _: usize) {}

    fn charge_n(&mut self, _: Primitive, _: u32) {}
}

#[cfg(test)]
mod paths;

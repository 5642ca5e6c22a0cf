//! A price for every primitive, and where each price comes from.

use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::Serialize;
use sim_core::SimDuration;

use super::{Primitive, reader};

/// How far a number can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// By a standard or by definition.
    Specified,
    /// Stated by whoever makes the thing.
    Vendor,
    /// Measured, on the machine that the source names.
    Measured,
    /// Chosen; the source says why.
    Assumed,
}

impl Class {
    /// Every class.
    pub const ALL: &'static [Self] =
        &[Self::Specified, Self::Vendor, Self::Measured, Self::Assumed];

    /// The word in a profile's file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Specified => "specified",
            Self::Vendor => "vendor",
            Self::Measured => "measured",
            Self::Assumed => "assumed",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one operation costs, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// Picoseconds per operation.
    pub per_packet_ps: u64,
    /// Picoseconds per octet that the socket buffer carries.
    pub per_byte_ps: u64,
}

/// A cost with its provenance, for reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Price {
    /// The cost.
    pub cost: Cost,
    /// How far it can be trusted.
    pub class: Class,
    /// Where it comes from, or why it was chosen.
    pub source: String,
}

/// Everything that was wrong with a profile's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cost profile: {}", list(.problems))]
pub struct ProfileError {
    /// At least one problem, in the order of the text, then what is missing.
    pub problems: Vec<ProfileProblem>,
}

fn list(problems: &[ProfileProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// One thing wrong with a profile's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileProblem {
    /// Not TOML.
    #[error("not TOML: {message}")]
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// A key that a profile does not have.
    #[error("line {line}: unknown key `{key}`; known are {known}")]
    UnknownKey {
        /// Line of the text, from 1.
        line: usize,
        /// The key with the keys above it.
        key: String,
        /// What could stand there.
        known: &'static str,
    },
    /// A primitive that does not exist.
    #[error("line {line}: unknown primitive `{name}`")]
    UnknownPrimitive {
        /// Line of the text, from 1.
        line: usize,
        /// As typed.
        name: String,
    },
    /// A primitive without a price.
    #[error("primitive `{name}` has no price")]
    MissingPrimitive {
        /// Its key.
        name: &'static str,
    },
    /// A key that has to be there.
    #[error("line {line}: `{key}` is missing")]
    MissingKey {
        /// Line of the text, from 1.
        line: usize,
        /// The key with the keys above it.
        key: String,
    },
    /// A value of the wrong kind.
    #[error("line {line}: `{key}` must be {expected}")]
    WrongKind {
        /// Line of the text, from 1.
        line: usize,
        /// The key with the keys above it.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A cost below zero.
    #[error("line {line}: `{key}` = {value} is negative")]
    Negative {
        /// Line of the text, from 1.
        line: usize,
        /// The key with the keys above it.
        key: String,
        /// As typed.
        value: String,
    },
    /// A cost finer than the simulator's clock.
    #[error(
        "line {line}: `{key}` = {value} is finer than a picosecond; give at most three decimals"
    )]
    TooFine {
        /// Line of the text, from 1.
        line: usize,
        /// The key with the keys above it.
        key: String,
        /// As typed.
        value: String,
    },
    /// A cost that no kernel has.
    #[error("line {line}: `{key}` = {value} is above one second")]
    TooLarge {
        /// Line of the text, from 1.
        line: usize,
        /// The key with the keys above it.
        key: String,
        /// As typed.
        value: String,
    },
    /// A class that does not exist.
    #[error(
        "line {line}: unknown class `{value}` of `{key}`; known are specified, vendor, measured, \
         assumed"
    )]
    UnknownClass {
        /// Line of the text, from 1.
        line: usize,
        /// The key with the keys above it.
        key: String,
        /// As typed.
        value: String,
    },
}

/// What every operation costs on one kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostProfile {
    name: String,
    description: String,
    /// Apart from `prices`, so that the hot path touches only this.
    costs: [Cost; Primitive::COUNT],
    prices: Vec<Price>,
}

impl CostProfile {
    /// The names that [`builtin`](Self::builtin) knows.
    pub const BUILTIN: &'static [&'static str] =
        &["linux-6.18-2vcpu", "linux-4.x-literature", "ideal"];

    /// Reads a profile. Every primitive has a table of its own below `primitives`:
    ///
    /// ```
    /// use sim_net::cost::{CostProfile, Primitive};
    ///
    /// let mut text = String::from("name = \"mine\"\ndescription = \"a machine\"\n");
    /// for p in Primitive::ALL {
    ///     text += &format!(
    ///         "[primitives.{}]\nper_packet_ns = 3.5\nper_byte_ns = 0.125\n\
    ///          class = \"assumed\"\nsource = \"an example\"\n",
    ///         p.name()
    ///     );
    /// }
    /// let profile = CostProfile::from_toml(&text).expect("it is complete");
    /// assert_eq!(profile.cost(Primitive::VethHop, 8).as_ps(), 4_500);
    /// ```
    ///
    /// Costs are decimal nanoseconds, read exactly: a profile gives the same picoseconds on every
    /// machine.
    ///
    /// # Errors
    /// If the text is no TOML, has an unknown or missing key, or a value that no cost can have:
    /// all of it at once.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let (name, description, prices) =
            reader::read(text).map_err(|problems| ProfileError { problems })?;
        Ok(Self::new(name, description, prices))
    }

    fn new(name: String, description: String, prices: Vec<Price>) -> Self {
        assert_eq!(prices.len(), Primitive::COUNT, "one price per primitive");
        let mut costs = [Cost::default(); Primitive::COUNT];
        for (cost, price) in costs.iter_mut().zip(&prices) {
            *cost = price.cost;
        }
        Self {
            name,
            description,
            costs,
            prices,
        }
    }

    /// A profile that comes with the simulator; [`BUILTIN`](Self::BUILTIN) lists the names.
    ///
    /// `linux-6.18-2vcpu` was measured on one virtual machine, `linux-4.x-literature` is put
    /// together from publications, `ideal` costs nothing.
    ///
    /// # Panics
    /// If a profile that was compiled in is not valid; a test reads them all.
    #[must_use]
    pub fn builtin(name: &str) -> Option<&'static Self> {
        Self::of_name(name).map(AsRef::as_ref)
    }

    /// The same, to be shared by machines.
    #[must_use]
    pub fn shared(name: &str) -> Option<Arc<Self>> {
        Self::of_name(name).cloned()
    }

    fn of_name(name: &str) -> Option<&'static Arc<Self>> {
        static LINUX_6_18: LazyLock<Arc<CostProfile>> =
            LazyLock::new(|| Arc::new(compiled_in(include_str!("profiles/linux-6.18-2vcpu.toml"))));
        static LINUX_4: LazyLock<Arc<CostProfile>> = LazyLock::new(|| {
            Arc::new(compiled_in(include_str!(
                "profiles/linux-4.x-literature.toml"
            )))
        });
        static IDEAL: LazyLock<Arc<CostProfile>> = LazyLock::new(|| Arc::new(CostProfile::ideal()));
        match name {
            "linux-6.18-2vcpu" => Some(&LINUX_6_18),
            "linux-4.x-literature" => Some(&LINUX_4),
            "ideal" => Some(&IDEAL),
            _ => None,
        }
    }

    /// Nothing costs anything: for tests of the physics, and for hosts whose own time is not the
    /// subject.
    #[must_use]
    pub fn ideal() -> Self {
        let price = Price {
            cost: Cost::default(),
            class: Class::Specified,
            source: "an ideal host, by definition".to_owned(),
        };
        Self::new(
            "ideal".to_owned(),
            "A host whose kernel and programs take no time".to_owned(),
            vec![price; Primitive::COUNT],
        )
    }

    /// The profile's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What machine the profile describes.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What one operation on a socket buffer of `bytes` octets takes.
    #[must_use]
    #[inline]
    pub fn cost(&self, primitive: Primitive, bytes: usize) -> SimDuration {
        let cost = self.costs[primitive as usize];
        SimDuration::from_ps(cost.per_packet_ps + cost.per_byte_ps * bytes as u64)
    }

    /// What `n` operations on no octets take.
    #[must_use]
    pub fn cost_n(&self, primitive: Primitive, n: u32) -> SimDuration {
        SimDuration::from_ps(self.costs[primitive as usize].per_packet_ps * u64::from(n))
    }

    /// The price of one primitive with its provenance.
    #[must_use]
    pub fn price(&self, primitive: Primitive) -> &Price {
        &self.prices[primitive as usize]
    }

    /// Every primitive with its price, in the order of [`Primitive::ALL`].
    pub fn sources(&self) -> impl Iterator<Item = (Primitive, &Price)> {
        Primitive::ALL.iter().copied().zip(&self.prices)
    }
}

fn compiled_in(text: &str) -> CostProfile {
    CostProfile::from_toml(text).expect("a profile that comes with the simulator is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_profile_is_found_by_its_own_name() {
        for name in CostProfile::BUILTIN {
            let profile = CostProfile::builtin(name).expect("it is listed");
            assert_eq!(profile.name(), *name);
            assert!(!profile.description().is_empty());
            assert_eq!(profile.sources().count(), Primitive::COUNT);
        }
        assert_eq!(CostProfile::builtin("linux-2.4"), None);
    }

    #[test]
    fn an_ideal_host_takes_no_time() {
        let ideal = CostProfile::ideal();
        for &p in Primitive::ALL {
            assert_eq!(ideal.cost(p, 65_536), SimDuration::ZERO);
        }
    }

    #[test]
    fn a_cost_grows_with_the_octets() {
        let p = CostProfile::builtin("linux-6.18-2vcpu").expect("it is listed");
        let copy = p.price(Primitive::CopyToUser).cost;
        assert!(copy.per_byte_ps > 0);
        assert_eq!(
            p.cost(Primitive::CopyToUser, 1000).as_ps(),
            copy.per_packet_ps + 1000 * copy.per_byte_ps
        );
        assert_eq!(
            p.cost_n(Primitive::VethHop, 3).as_ps(),
            3 * p.cost(Primitive::VethHop, 0).as_ps()
        );
    }

    #[test]
    fn every_assumption_gives_its_reason() {
        for name in CostProfile::BUILTIN {
            let profile = CostProfile::builtin(name).expect("it is listed");
            for (p, price) in profile.sources() {
                assert!(price.source.len() > 15, "{name}: {p:?}: {}", price.source);
            }
        }
    }
}

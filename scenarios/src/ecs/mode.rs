//! The `networkMode` of a task definition, and the five modes that ecsnet compares.

use std::fmt;

pub use sim_net::plan::Mode;

/// The `networkMode` of a task definition.
///
/// Source: Amazon ECS API, `NetworkMode` (specified).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkMode {
    /// A namespace of its own per container with `lo` only.
    None,
    /// Docker's bridge; the default on Linux.
    Bridge,
    /// The namespace of the instance.
    Host,
    /// An elastic network interface per task.
    Awsvpc,
}

impl NetworkMode {
    /// All, in the order in which reports list them.
    pub const ALL: [Self; 4] = [Self::None, Self::Bridge, Self::Host, Self::Awsvpc];

    /// The word in a task definition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Awsvpc => "awsvpc",
        }
    }

    /// What a task definition must name to be deployed in a mode.
    #[must_use]
    pub fn of(mode: Mode) -> Self {
        match mode {
            Mode::None => Self::None,
            Mode::Bridge => Self::Bridge,
            Mode::Host => Self::Host,
            Mode::Awsvpc | Mode::Fargate => Self::Awsvpc,
        }
    }

    /// The mode on container instances.
    #[must_use]
    pub fn on_instances(self) -> Mode {
        match self {
            Self::None => Mode::None,
            Self::Bridge => Mode::Bridge,
            Self::Host => Mode::Host,
            Self::Awsvpc => Mode::Awsvpc,
        }
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The mode of a name on the command line or in a scenario file.
#[must_use]
pub fn parse_mode(word: &str) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode.name() == word)
}

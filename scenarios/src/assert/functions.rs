//! What an expression can ask.

use reports::results::Metric;

use super::Unit;
use Argument::{
    Asker, Code, DropReason, Mode, Party, Port, Service, Target, Task, Victim, Workload,
};

/// A function of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Metric(Metric),
    Interference,
    Deployable,
    Refused,
    Isolated,
    Reaches,
    Density,
    DensityLimit,
    SourceSeen,
    AddressOf,
    Placed,
    PlacedMode,
    HostPort,
    Drops,
    Exposed,
    BlastRadius,
    PortConflicts,
}

/// What an argument names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Workload,
    /// A workload that a neighbour is meant to disturb.
    Victim,
    /// A mode; optional where it is the last argument of a function that can do without.
    Mode,
    /// A code of a refusal.
    Code,
    /// The reason of a drop.
    DropReason,
    /// A service, a container, a task, an instance or another machine.
    Party,
    /// A party that asks others: none of Amazon's own services.
    Asker,
    /// A service or a container of one.
    Service,
    /// A party with a port.
    Target,
    Task,
    /// The port of a container, a number.
    Port,
}

impl Argument {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Workload => "a workload",
            Self::Victim => "a workload with neighbours",
            Self::Mode => "a mode",
            Self::Code => "a code",
            Self::DropReason => "a reason",
            Self::Party | Self::Asker => "a service, task, instance or client",
            Self::Service => "a service",
            Self::Target => "\"name:port\"",
            Self::Task => "a task",
            Self::Port => "the number of a port",
        }
    }
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// Yes or no.
    Fact,
    /// A quantity with an interval.
    Estimate(Unit),
    /// A number that is what it is.
    Exact,
    /// A text.
    Text,
}

/// A function's name, what it takes, how many of that must be there, and what it gives.
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) function: Function,
    pub(super) takes: &'static [Argument],
    pub(super) least: usize,
    pub(super) gives: Gives,
}

const fn metric(name: &'static str, metric: Metric, unit: Unit) -> Signature {
    Signature {
        name,
        function: Function::Metric(metric),
        takes: &[Workload, Mode],
        least: 1,
        gives: Gives::Estimate(unit),
    }
}

const fn other(
    name: &'static str,
    function: Function,
    takes: &'static [Argument],
    least: usize,
    gives: Gives,
) -> Signature {
    Signature {
        name,
        function,
        takes,
        least,
        gives,
    }
}

/// Every function.
pub(super) const FUNCTIONS: &[Signature] = &[
    metric("p50", Metric::LatencyP50, Unit::Time),
    metric("p90", Metric::LatencyP90, Unit::Time),
    metric("p99", Metric::LatencyP99, Unit::Time),
    metric("p999", Metric::LatencyP999, Unit::Time),
    metric("mean", Metric::LatencyMean, Unit::Time),
    metric("throughput", Metric::Throughput, Unit::DataRate),
    metric("rate", Metric::Requests, Unit::Frequency),
    metric("errors", Metric::Errors, Unit::Share),
    other(
        "interference",
        Function::Interference,
        &[Victim, Mode],
        1,
        Gives::Estimate(Unit::Number),
    ),
    other("deployable", Function::Deployable, &[Mode], 1, Gives::Fact),
    other("refused", Function::Refused, &[Mode, Code], 1, Gives::Fact),
    other(
        "isolated",
        Function::Isolated,
        &[Workload, Mode],
        1,
        Gives::Fact,
    ),
    other(
        "reaches",
        Function::Reaches,
        &[Asker, Target, Mode],
        2,
        Gives::Fact,
    ),
    other("density", Function::Density, &[Mode], 1, Gives::Exact),
    other(
        "density_limit",
        Function::DensityLimit,
        &[Mode],
        1,
        Gives::Text,
    ),
    other(
        "source_seen",
        Function::SourceSeen,
        &[Workload, Mode],
        1,
        Gives::Text,
    ),
    other(
        "address_of",
        Function::AddressOf,
        &[Party, Mode],
        1,
        Gives::Text,
    ),
    other("placed", Function::Placed, &[Task, Mode], 1, Gives::Text),
    other(
        "placed_mode",
        Function::PlacedMode,
        &[Task, Mode],
        1,
        Gives::Text,
    ),
    other(
        "host_port",
        Function::HostPort,
        &[Task, Port, Mode],
        2,
        Gives::Exact,
    ),
    other(
        "drops",
        Function::Drops,
        &[DropReason, Mode],
        1,
        Gives::Exact,
    ),
    other(
        "exposed",
        Function::Exposed,
        &[Mode, Party],
        2,
        Gives::Exact,
    ),
    other(
        "blast_radius",
        Function::BlastRadius,
        &[Service, Mode],
        1,
        Gives::Exact,
    ),
    other(
        "port_conflicts",
        Function::PortConflicts,
        &[Mode],
        1,
        Gives::Exact,
    ),
];

impl Signature {
    /// How it is called, for messages.
    pub(super) fn usage(&self) -> String {
        let arguments = self.takes.iter().enumerate().map(|(index, argument)| {
            let word = match argument {
                Workload => "workload",
                Victim => "victim",
                Mode => "mode",
                Code => "code",
                DropReason => "reason",
                Party | Asker => "who",
                Service => "service",
                Target => "name:port",
                Task => "task",
                Port => return "port".to_owned(),
            };
            match index < self.least {
                true => format!("\"{word}\""),
                false => format!("[\"{word}\"]"),
            }
        });
        format!(
            "{}({})",
            self.name,
            arguments.collect::<Vec<_>>().join(", ")
        )
    }
}

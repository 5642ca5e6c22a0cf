//! What a scenario asserts of its results.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One assertion in one mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// Its name.
    pub name: String,
    /// The assertion, as the scenario has it.
    pub that: String,
    /// Why it is made, in the scenario's words; null if it does not say.
    pub because: Option<String>,
    /// The mode that it was evaluated in; null if it names all its modes itself.
    pub mode: Option<String>,
    /// Whether it holds.
    pub passed: bool,
    /// Why it does not hold, where the values alone do not say it; null otherwise.
    pub reason: Option<String>,
    /// What it looks at, and what was found there.
    pub observed: Vec<Observed>,
}

/// A value that an assertion looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// The expression, such as `p99("web")`.
    pub what: String,
    /// Its value, as a person reads it.
    pub value: String,
}

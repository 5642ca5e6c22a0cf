//! The cluster query language, as `memberOf` constraints use it.
//!
//! An expression is a comparison, or comparisons joined with `and`, `or` and `not` and grouped in
//! parentheses: `attribute:ecs.instance-type =~ c5.* and not attribute:rack in [r1, r2]`.
//!
//! Source: Amazon ECS developer guide, cluster query language (specified). What a comparison says
//! about an instance that lacks the attribute is not published: here it holds for `!=`, `!in`, `!~`
//! and `!exists`, and for nothing else (assumed). A pattern has to match the whole value.

use std::collections::BTreeMap;
use std::fmt;

mod parse;
mod pattern;
#[cfg(test)]
mod tests;

pub use parse::QueryError;
use pattern::Pattern;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    root: Node,
}

/// What an expression asks an instance about.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its attributes, built-in ones included.
    pub attributes: &'a BTreeMap<String, String>,
    /// The groups of its tasks, such as `service:web`, with how many tasks each has.
    pub tasks: &'a BTreeMap<String, u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Subject, Test),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Attribute(String),
    TaskGroup,
    RunningTasks,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// One of these, or none of them.
    In {
        values: Vec<String>,
        wanted: bool,
    },
    Exists {
        wanted: bool,
    },
    Matches {
        pattern: Pattern,
        wanted: bool,
    },
    /// Above or below a number, the number itself included or not.
    Ordered {
        above: bool,
        equal: bool,
        than: u64,
    },
}

impl Query {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it cannot be read, and what would be understood there.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let root = parse::parse(text)?;
        let text = text.to_owned();
        Ok(Self { text, root })
    }

    /// Whether an instance is a member.
    #[must_use]
    pub fn holds(&self, facts: Facts<'_>) -> bool {
        self.root.holds(facts)
    }
}

/// As it was written.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Node {
    fn holds(&self, facts: Facts<'_>) -> bool {
        match self {
            Self::And(left, right) => left.holds(facts) && right.holds(facts),
            Self::Or(left, right) => left.holds(facts) || right.holds(facts),
            Self::Not(inner) => !inner.holds(facts),
            Self::Compare(subject, test) => subject.passes(test, facts),
        }
    }
}

impl Subject {
    fn passes(&self, test: &Test, facts: Facts<'_>) -> bool {
        match self {
            Self::Attribute(name) => {
                let value = facts.attributes.get(name);
                test.holds(value.map(String::as_str).into_iter())
            }
            Self::TaskGroup => {
                let running = facts.tasks.iter().filter(|(_, tasks)| **tasks > 0);
                test.holds(running.map(|(group, _)| group.as_str()))
            }
            Self::RunningTasks => {
                let tasks: u32 = facts.tasks.values().sum();
                test.holds([tasks.to_string().as_str()].into_iter())
            }
        }
    }
}

impl Test {
    /// An attribute has one value or none, the tasks of an instance may be of many groups: one that
    /// fits is enough, and a negated test holds if none fits.
    fn holds<'v>(&self, mut found: impl Iterator<Item = &'v str>) -> bool {
        match self {
            Self::In { values, wanted } => {
                found.any(|value| values.iter().any(|known| known == value)) == *wanted
            }
            Self::Exists { wanted } => found.next().is_some() == *wanted,
            Self::Matches { pattern, wanted } => {
                found.any(|value| pattern.matches(value)) == *wanted
            }
            Self::Ordered { above, equal, than } => found.any(|value| {
                let Ok(value) = value.parse::<u64>() else {
                    return false;
                };
                let beyond = if *above { value > *than } else { value < *than };
                beyond || (*equal && value == *than)
            }),
        }
    }
}

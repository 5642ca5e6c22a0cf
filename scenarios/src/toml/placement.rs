//! The keys that say where tasks go: what they are, and how they are read.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::diagnostic::Problem;
use crate::document::join;
use crate::document::reader::{At, FromNode, Reader};

use super::words::Word;

/// One placement strategy, as `placementStrategy` of ECS has it.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StrategySpec {
    /// `spread`, `binpack` or `random`.
    #[schemars(rename = "type")]
    pub kind: At<StrategyWord>,
    /// What to spread over (`instanceId`, `host`, `attribute:NAME`) or to pack (`cpu`, `memory`).
    pub field: Option<At<String>>,
}

/// One placement constraint, as `placementConstraints` of ECS has it.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConstraintSpec {
    /// `distinctInstance` or `memberOf`.
    #[schemars(rename = "type")]
    pub kind: At<ConstraintWord>,
    /// For `memberOf`: an expression of the cluster query language.
    pub expression: Option<At<String>>,
}

/// One capacity provider of a service.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ShareSpec {
    /// The `provider` of a capacity.
    pub provider: At<String>,
    /// Tasks that go to it before the others are divided, 0 to 100000; of one provider at most.
    /// Default: `0`.
    pub base: Option<At<u64>>,
    /// Its part of the other tasks, 0 to 1000. Default: `1`.
    pub weight: Option<At<u64>>,
}

/// The word for a placement strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyWord {
    /// Where the fewest tasks of the service are.
    Spread,
    /// Where the least is left.
    Binpack,
    /// Anywhere.
    Random,
}

/// The word for a placement constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintWord {
    /// Each task on another instance.
    DistinctInstance,
    /// Where an expression holds.
    MemberOf,
}

impl Word for StrategyWord {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("spread", Self::Spread),
        ("binpack", Self::Binpack),
        ("random", Self::Random),
    ];
}

impl Word for ConstraintWord {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("distinctInstance", Self::DistinctInstance),
        ("memberOf", Self::MemberOf),
    ];
}

/// Reads one of `placement`.
pub(super) fn strategy(reader: &mut Reader<'_>) -> Option<StrategySpec> {
    let kind = required(reader, "type", "say which: type = \"spread\"");
    let field = reader.get("field");
    reader.refuse_unknown();
    Some(StrategySpec { kind: kind?, field })
}

/// Reads one of `constraints`.
pub(super) fn constraint(reader: &mut Reader<'_>) -> Option<ConstraintSpec> {
    let kind = required(reader, "type", "say which: type = \"memberOf\"");
    let expression = reader.get("expression");
    reader.refuse_unknown();
    let kind = kind?;
    Some(ConstraintSpec { kind, expression })
}

/// Reads one of `capacity_providers`.
pub(super) fn share(reader: &mut Reader<'_>) -> Option<ShareSpec> {
    let provider = required(
        reader,
        "provider",
        "name a capacity: provider = \"general\"",
    );
    let base = reader.number("base", 0, 100_000);
    let weight = reader.number("weight", 0, 1000);
    reader.refuse_unknown();
    let provider = provider?;
    Some(ShareSpec {
        provider,
        base,
        weight,
    })
}

fn required<T: FromNode>(reader: &mut Reader<'_>, key: &'static str, help: &str) -> Option<At<T>> {
    if reader.node(key).is_none() {
        reader.missing(key, help);
        return None;
    }
    reader.get(key)
}

/// Custom attributes of an instance, and the length of their names and values.
///
/// Source: Amazon ECS API, `PutAttributes` and `Attribute` (specified).
const MOST_ATTRIBUTES: usize = 10;
const LONGEST: usize = 128;

/// Reads a table of texts by free names: `attributes`.
pub(super) fn attributes(reader: &mut Reader<'_>) -> Option<BTreeMap<String, At<String>>> {
    let key = "attributes";
    let node = reader.node(key)?;
    let place = join(reader.place(), key);
    let Some(entries) = node.as_table() else {
        let problem = Problem::new(
            "wrong-type",
            format!("`{key}`: expected a table, found {}", node.show()),
        );
        let help = "write attributes = { rack = \"r1\" }";
        reader.error(key, problem.with_help(help));
        return None;
    };
    let mut attributes = BTreeMap::new();
    for (number, entry) in entries.iter().enumerate() {
        let (name, place) = (&entry.key, join(&place, &entry.key));
        if let Err(problem) = attribute_name(name, number) {
            reader.error_at(&place, entry.key_span.clone(), problem);
        }
        match String::from_node(&entry.node) {
            Ok(value) if (1..=LONGEST).contains(&value.chars().count()) => {
                let span = entry.node.span.clone();
                attributes.insert(name.clone(), At { value, span, place });
            }
            Ok(_) => {
                let message = format!("attribute `{name}` is empty or too long");
                let problem = Problem::new("bad-attribute", message);
                let help = format!("give 1 to {LONGEST} characters");
                reader.error_at(&place, entry.node.span.clone(), problem.with_help(help));
            }
            Err(problem) => reader.error_at(&place, entry.node.span.clone(), problem),
        }
    }
    Some(attributes)
}

fn attribute_name(name: &str, number: usize) -> Result<(), Problem> {
    let wrong =
        |message: String, help: &str| Err(Problem::new("bad-attribute", message).with_help(help));
    if number >= MOST_ATTRIBUTES {
        let message = format!("more than {MOST_ATTRIBUTES} attributes");
        return wrong(message, "ECS takes no more for an instance: drop some");
    }
    if name.starts_with("ecs.") {
        let message = format!("attribute `{name}` is one that ECS sets itself");
        return wrong(message, "choose a name that does not begin with `ecs.`");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./\\".contains(c);
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(fits) {
        let message = format!("{name:?} is no name of an attribute");
        return wrong(
            message,
            "give at most 128 letters, digits, `-`, `_`, `.`, `/`, `\\`",
        );
    }
    Ok(())
}

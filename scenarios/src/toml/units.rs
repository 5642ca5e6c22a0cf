//! How the quantities of a scenario are read: a string with a number and a unit.

use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;
use sim_core::{ByteSize, PacketRate, ParseUnitError, Ratio, SimDuration};

use crate::diagnostic::{Problem, nearest};
use crate::document::reader::{FromNode, wrong_kind};
use crate::document::{Node, Value};

/// Reads a quantity; a bare number is told that its unit is missing.
fn quantity<T>(node: &Node) -> Result<T, Problem>
where
    T: FromStr<Err = ParseUnitError>,
{
    let text = match &node.value {
        Value::String(text) | Value::Number(text) => text,
        _ => return Err(wrong_kind(node, "a number with a unit, in quotes")),
    };
    match (text.parse(), &node.value) {
        (Ok(value), Value::String(_)) => Ok(value),
        // A ratio reads without a unit; it has to be in quotes all the same, as every quantity.
        (Ok(_), _) => Err(
            Problem::new("wrong-type", format!("{text} is not in quotes"))
                .with_help(format!("write \"{text}\"")),
        ),
        (Err(error), _) => Err(Problem::new(code(&error), error.to_string())),
    }
}

fn code(error: &ParseUnitError) -> &'static str {
    match error {
        ParseUnitError::Empty { .. } | ParseUnitError::NotANumber { .. } => "not-a-quantity",
        ParseUnitError::MissingUnit { .. } => "missing-unit",
        ParseUnitError::UnknownUnit { .. } => "unknown-unit",
        ParseUnitError::Negative { .. } => "negative",
        ParseUnitError::Zero { .. } => "zero",
        _ => "out-of-range",
    }
}

impl FromNode for SimDuration {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        quantity(node)
    }
}

impl FromNode for ByteSize {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        quantity(node)
    }
}

impl FromNode for PacketRate {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        quantity(node)
    }
}

impl FromNode for Ratio {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        quantity(node)
    }
}

impl FromNode for Ipv4Addr {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        let text = String::from_node(node)?;
        text.parse().map_err(|_| {
            Problem::new("not-an-address", format!("{text:?} is no IPv4 address"))
                .with_help("write four numbers, such as \"10.0.0.10\"")
        })
    }
}

impl FromNode for Ipv4Net {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        let text = String::from_node(node)?;
        let help = "write an address and a prefix length, such as \"10.0.0.0/16\"";
        let wrong = |why: String| Problem::new("not-a-network", why).with_help(help);
        if text.parse::<Ipv4Addr>().is_ok() {
            return Err(wrong(format!("{text:?} has no prefix length")));
        }
        let net: Self = text
            .parse()
            .map_err(|_| wrong(format!("{text:?} is no IPv4 network")))?;
        if net.addr() != net.network() {
            return Err(Problem::new(
                "host-bits",
                format!("{text:?} has bits set behind its prefix"),
            )
            .with_help(format!("write \"{}\"", net.trunc())));
        }
        Ok(net)
    }
}

/// Checks that a value is between two bounds; the bounds are shown as they print.
///
/// # Errors
/// It is outside.
pub(crate) fn within<T: PartialOrd + std::fmt::Display>(
    value: T,
    least: &T,
    most: &T,
) -> Result<T, Problem> {
    if value < *least || value > *most {
        return Err(
            Problem::new("out-of-range", format!("{value} is out of range"))
                .with_help(format!("give {least} to {most}")),
        );
    }
    Ok(value)
}

/// Reads one of a few words.
///
/// # Errors
/// It is another word; the nearest known one is named.
pub(crate) fn word<T: Copy>(node: &Node, known: &[(&str, T)]) -> Result<T, Problem> {
    let text = String::from_node(node)?;
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words = known.iter().map(|(word, _)| *word);
    let help = match nearest(&text, words.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("give {}", words.collect::<Vec<_>>().join(" or ")),
    };
    Err(Problem::new("unknown-word", format!("{text:?} is unknown here")).with_help(help))
}

//! Values of AWS documents that are texts there and types here.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;
use sim_net::headers::Protocol;

use crate::diagnostic::{Problem, shorten};
use crate::document::reader::{At, FromNode, Reader, wrong_kind};
use crate::document::{Node, Value};

/// Every port, and every ICMP type.
pub(super) const ALL_PORTS: RangeInclusive<u16> = 0..=u16::MAX;

/// Reads a key that AWS always writes; its absence is an error.
pub(super) fn required<T: FromNode>(
    reader: &mut Reader<'_>,
    key: &'static str,
    command: &str,
) -> Option<At<T>> {
    required_with(reader, key, command, T::from_node)
}

/// The same, read with a function.
pub(super) fn required_with<T>(
    reader: &mut Reader<'_>,
    key: &'static str,
    command: &str,
    read: impl FnOnce(&Node) -> Result<T, Problem>,
) -> Option<At<T>> {
    if reader.node(key).is_none() {
        reader.missing(key, format!("take the output of `{command}` as it is"));
        return None;
    }
    reader.read(key, read)
}

/// The value of the tag `Name`, if there is one and it is not empty.
pub(super) fn name_tag(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let tags = reader.node(key)?.as_array()?;
    let text = |tag: &Node, key: &str| tag.get(key).and_then(Node::as_str).map(str::to_owned);
    tags.iter()
        .find(|tag| text(tag, "Key").as_deref() == Some("Name"))
        .and_then(|tag| text(tag, "Value"))
        .filter(|name| !name.trim().is_empty())
}

/// Reads an IPv4 address range.
pub(super) fn cidr(node: &Node) -> Result<Ipv4Net, Problem> {
    let Value::String(text) = &node.value else {
        return Err(wrong_kind(node, "an address range such as \"10.0.0.0/16\""));
    };
    let net: Ipv4Net = text.parse().map_err(|_| {
        Problem::new(
            "bad-range",
            format!("{:?} is no IPv4 address range", shorten(text)),
        )
        .with_help("give a range such as \"10.0.0.0/16\"")
    })?;
    if net.trunc() != net {
        return Err(
            Problem::new("bad-range", format!("{net} has bits set behind its prefix"))
                .with_help(format!("AWS writes {}", net.trunc())),
        );
    }
    Ok(net)
}

/// Reads an IPv4 address.
pub(super) fn address(node: &Node) -> Result<Ipv4Addr, Problem> {
    let Value::String(text) = &node.value else {
        return Err(wrong_kind(node, "an address such as \"10.0.0.10\""));
    };
    text.parse().map_err(|_| {
        Problem::new(
            "bad-address",
            format!("{:?} is no IPv4 address", shorten(text)),
        )
        .with_help("give an address such as \"10.0.0.10\"")
    })
}

/// What a rule says about protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleProtocol {
    /// Every protocol.
    All,
    /// One of IPv4.
    One(Protocol),
    /// ICMPv6, which means nothing to IPv4.
    Icmpv6,
}

/// The protocol number of ICMPv6.
/// Source: IANA, Assigned Internet Protocol Numbers (specified).
const ICMPV6: u8 = 58;

/// Reads a protocol: a name or a number, as text or not; `-1` is all.
pub(super) fn protocol(node: &Node) -> Result<RuleProtocol, Problem> {
    let text = match &node.value {
        Value::String(text) | Value::Number(text) => text,
        _ => {
            return Err(wrong_kind(
                node,
                "a protocol such as \"tcp\", \"6\" or \"-1\"",
            ));
        }
    };
    Ok(match text.to_ascii_lowercase().as_str() {
        "-1" | "all" => RuleProtocol::All,
        "tcp" => RuleProtocol::One(Protocol::Tcp),
        "udp" => RuleProtocol::One(Protocol::Udp),
        "icmp" => RuleProtocol::One(Protocol::Icmp),
        "icmpv6" => RuleProtocol::Icmpv6,
        number => match number.parse::<u8>() {
            Ok(ICMPV6) => RuleProtocol::Icmpv6,
            Ok(number) => RuleProtocol::One(Protocol::from(number)),
            Err(_) => {
                return Err(Problem::new(
                    "bad-protocol",
                    format!("{:?} is no protocol", shorten(text)),
                )
                .with_help("give tcp, udp, icmp, a number from 0 to 255, or -1 for all"));
            }
        },
    })
}

/// Reads a port, an ICMP type or a code; `-1` stands for every one and is `None`.
fn port(node: &Node) -> Result<Option<u16>, Problem> {
    let (Value::Number(text) | Value::String(text)) = &node.value else {
        return Err(wrong_kind(node, "a whole number"));
    };
    match text.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(number) => u16::try_from(number).map(Some).map_err(|_| {
            Problem::new("out-of-range", format!("{number} is out of range"))
                .with_help("give a number from -1 to 65535")
        }),
        Err(_) => Err(wrong_kind(node, "a whole number")),
    }
}

/// The ports of a rule between two keys, by its protocol. Absent ones are all.
///
/// For ICMP the first is the type, and a code is reported: types alone are told apart.
pub(super) fn ports(
    reader: &mut Reader<'_>,
    protocol: RuleProtocol,
    keys: (&'static str, &'static str),
) -> Option<RangeInclusive<u16>> {
    let from = read_port(reader, keys.0)?;
    let to = read_port(reader, keys.1)?;
    match protocol {
        RuleProtocol::One(Protocol::Icmp) => icmp(reader, keys.1, from, to),
        RuleProtocol::One(Protocol::Tcp | Protocol::Udp) => {
            let (from, to) = (from.unwrap_or(0), to.unwrap_or(u16::MAX));
            if from > to {
                let problem = Problem::new(
                    "reversed-ports",
                    format!("the ports {from} to {to} are no range"),
                )
                .with_help(format!("give the lower port in `{}`", keys.0));
                reader.error(keys.0, problem);
                return None;
            }
            Some(from..=to)
        }
        _ => Some(ALL_PORTS),
    }
}

/// The outer `None` is a value that cannot be read, and has been reported.
#[expect(
    clippy::option_option,
    reason = "unreadable, every port and one port are three cases"
)]
fn read_port(reader: &mut Reader<'_>, key: &'static str) -> Option<Option<u16>> {
    match reader.node(key) {
        None => Some(None),
        Some(_) => reader.read(key, port).map(|at| at.value),
    }
}

/// The ICMP types of a rule.
pub(super) fn icmp(
    reader: &mut Reader<'_>,
    code_key: &'static str,
    kind: Option<u16>,
    code: Option<u16>,
) -> Option<RangeInclusive<u16>> {
    let Some(kind) = kind else {
        return Some(ALL_PORTS);
    };
    if let Some(code) = code {
        let problem = Problem::new(
            "icmp-code",
            format!(
                "ICMP codes are not told apart: the rule holds for type {kind} with any code, not only with {code}"
            ),
        );
        reader.caveat(code_key, problem);
    }
    Some(kind..=kind)
}

/// Whether two values say the same, wherever they stand and in whatever order their keys come.
pub(super) fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(a, b)| same(a, b))
        }
        (Value::Table(ones), Value::Table(others)) => {
            ones.len() == others.len()
                && ones
                    .iter()
                    .all(|a| other.get(&a.key).is_some_and(|b| same(&a.node, b)))
        }
        (a, b) => a == b,
    }
}

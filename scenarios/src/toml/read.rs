//! Reads the tables of a scenario file.

use sim_core::{ByteSize, Ratio, SimDuration};

use crate::diagnostic::{Problem, Report};
use crate::document::reader::{At, FromNode, Reader, whole_number, wrong_kind};
use crate::document::{Node, Value, toml};

use super::checks;
use super::spec::{ListenSpec, Ports, ScenarioSpec};
use super::units::within;
use super::words::ProtocolWord;

mod compute;
pub(super) mod load;
mod vpc;

impl ScenarioSpec {
    /// Reads a text. What could be understood is given even if the report has errors; nothing is if
    /// the text is no TOML.
    #[must_use]
    pub fn read(file: &str, text: &str) -> (Option<Self>, Report) {
        let mut report = Report::new(file, text);
        let root = match toml::parse(text) {
            Ok(root) => root,
            Err(_) if text.trim_start().starts_with('{') => {
                report.error(Some(0..1), "", looks_like_json());
                return (None, report);
            }
            Err(errors) => {
                for error in errors {
                    report.error(Some(error.span), "", error.problem);
                }
                return (None, report);
            }
        };
        let spec = Reader::new(&root, "", &mut report).map(|mut reader| scenario(&mut reader));
        (spec, report)
    }
}

/// One message in place of one for each line.
fn looks_like_json() -> Problem {
    let message = "not TOML: it looks like JSON, and a scenario file is TOML";
    Problem::new("toml-syntax", message).with_help("give a task definition with --task-definition")
}

fn scenario(reader: &mut Reader<'_>) -> ScenarioSpec {
    let spec = ScenarioSpec {
        name: reader.read("name", title),
        vpc: reader.table("vpc", |reader| Some(vpc::vpc(reader))),
        capacity: reader.tables("capacity", compute::capacity),
        service: reader.tables("service", compute::service),
        client: reader.tables("client", compute::client),
        workload: reader.tables("workload", load::workload),
        neighbour: reader.tables("neighbour", checks::neighbour),
        check: reader.tables("check", checks::check),
        measure: reader.table("measure", |reader| Some(load::measure(reader))),
    };
    reader.refuse_unknown();
    spec
}

/// Stands in for a text that is missing, in an entry that will be left out.
fn absent(reader: &Reader<'_>) -> At<String> {
    At {
        value: String::new(),
        span: reader.span(),
        place: reader.place().to_owned(),
    }
}

/// Units of the bounds above, in nanoseconds and bytes.
const NS: u64 = 1;
const US: u64 = 1000;
const S: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;

fn duration(
    reader: &mut Reader<'_>,
    key: &'static str,
    least_ns: u64,
    most_ns: u64,
) -> Option<At<SimDuration>> {
    let (least, most) = (
        SimDuration::from_ns(least_ns),
        SimDuration::from_ns(most_ns),
    );
    reader.read(key, |node| {
        let value = SimDuration::from_node(node)?;
        if value == SimDuration::ZERO && least > SimDuration::ZERO {
            return Err(Problem::new("zero", "zero is not allowed here")
                .with_help(format!("give {least} to {most}")));
        }
        within(value, &least, &most)
    })
}

fn size(reader: &mut Reader<'_>, key: &'static str, most: u64) -> Option<At<ByteSize>> {
    let (least, most) = (ByteSize::from_bytes(1), ByteSize::from_bytes(most));
    reader.read(key, |node| {
        let value = ByteSize::from_node(node)?;
        if value.bytes() == 0 {
            return Err(Problem::new("zero", "zero is not allowed here")
                .with_help(format!("give {least} to {most}")));
        }
        within(value, &least, &most)
    })
}

fn ratio(reader: &mut Reader<'_>, key: &'static str, most: u64) -> Option<At<Ratio>> {
    let most = Ratio::new(most, 1).unwrap_or(Ratio::ONE);
    reader.read(key, |node| {
        within(Ratio::from_node(node)?, &Ratio::ZERO, &most)
    })
}

/// Reads a key that must be there.
pub(super) fn required<T>(
    reader: &mut Reader<'_>,
    key: &'static str,
    read: impl FnOnce(&Node) -> Result<T, Problem>,
    help: &str,
) -> Option<At<T>> {
    if reader.node(key).is_none() {
        reader.missing(key, help);
        return None;
    }
    reader.read(key, read)
}

/// A text for people.
pub(super) fn title(node: &Node) -> Result<String, Problem> {
    let title = String::from_node(node)?;
    if title.trim().is_empty() {
        return Err(Problem::new("empty", "the name is empty").with_help("give one, or drop it"));
    }
    Ok(title)
}

/// A name, such as other parts of the file can refer to.
pub(super) fn name(node: &Node) -> Result<String, Problem> {
    const LONGEST: usize = 64;
    let name = String::from_node(node)?;
    let help = "give a name of letters, digits, `-`, `_` and `.`";
    if name.is_empty() {
        return Err(Problem::new("empty", "the name is empty").with_help(help));
    }
    let odd = name
        .chars()
        .find(|c| !(c.is_alphanumeric() || "-_.".contains(*c)));
    if let Some(odd) = odd {
        let message = format!("{:?} has {odd:?} in it", node.as_str().unwrap_or_default());
        return Err(Problem::new("not-a-name", message).with_help(help));
    }
    if name.len() > LONGEST {
        let message = format!("the name is {} bytes long", name.len());
        let help = format!("give a name of at most {LONGEST} bytes");
        return Err(Problem::new("not-a-name", message).with_help(help));
    }
    Ok(name)
}

/// `80`, `"80"` or `"8000-8010"`.
fn ports(node: &Node) -> Result<Ports, Problem> {
    let most = u64::from(u16::MAX);
    if matches!(node.value, Value::Number(_)) {
        let port = u16::try_from(whole_number(node, 0, most)?).unwrap_or(u16::MAX);
        return Ok(Ports {
            first: port,
            last: port,
        });
    }
    let text = String::from_node(node).map_err(|_| wrong_kind(node, "a port or a range"))?;
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let wrong = |why: &str| {
        Problem::new("not-ports", format!("{text:?}: {why}"))
            .with_help("give a port, 80, or a range, \"8000-8010\"")
    };
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(Ports { first, last }),
        (Ok::<u16, _>(_), Ok::<u16, _>(_)) => Err(wrong("the first port is above the last")),
        _ => Err(wrong("ports go from 0 to 65535")),
    }
}

/// `5432`, `"5432"`, `"5432/tcp"` or `"53/udp"`.
fn listen(node: &Node) -> Result<ListenSpec, Problem> {
    let most = u64::from(u16::MAX);
    if matches!(node.value, Value::Number(_)) {
        return Ok(ListenSpec {
            port: u16::try_from(whole_number(node, 1, most)?).unwrap_or(u16::MAX),
            protocol: ProtocolWord::Tcp,
        });
    }
    let text = String::from_node(node).map_err(|_| wrong_kind(node, "a port"))?;
    let (port, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let protocol = match protocol {
        "tcp" => Some(ProtocolWord::Tcp),
        "udp" => Some(ProtocolWord::Udp),
        _ => None,
    };
    match (port.parse(), protocol) {
        (Ok(port @ 1..), Some(protocol)) => Ok(ListenSpec { port, protocol }),
        _ => Err(Problem::new("not-a-port", format!("{text:?} is no port"))
            .with_help("give a port from 1 to 65535, 5432, with \"/udp\" behind it for UDP")),
    }
}

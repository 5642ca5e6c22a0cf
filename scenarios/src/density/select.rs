//! Which rows of an answer are shown, and in which order.

use std::cmp::Ordering;

use reports::density::{Density, Row};
use sim_core::ByteSize;

use super::TRUNKED;
use crate::diagnostic::nearest;

/// What a row can be filtered and sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The name of the type.
    Type,
    /// What comes before the dot in it.
    Family,
    /// The processor architecture.
    Arch,
    /// What runs below.
    Hypervisor,
    /// Virtual processors.
    Vcpus,
    /// Memory as sold.
    Memory,
    /// Interfaces that can be attached.
    Enis,
    /// Whether trunk interfaces are supported.
    Trunking,
    /// How many fit in a mode.
    Fits(&'static str),
}

/// The names of the keys.
const KEYS: [(&str, Key); 13] = [
    ("type", Key::Type),
    ("family", Key::Family),
    ("arch", Key::Arch),
    ("hypervisor", Key::Hypervisor),
    ("vcpus", Key::Vcpus),
    ("memory", Key::Memory),
    ("enis", Key::Enis),
    ("trunking", Key::Trunking),
    ("none", Key::Fits("none")),
    ("bridge", Key::Fits("bridge")),
    ("host", Key::Fits("host")),
    ("awsvpc", Key::Fits("awsvpc")),
    ("trunked", Key::Fits(TRUNKED)),
];

/// The value of a key in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(u64),
    Text(String),
}

/// What values a key has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Flag,
    Number,
    Size,
}

/// A filter or a sort key that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl SelectError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

impl Key {
    fn parse(name: &str) -> Result<Self, SelectError> {
        let found = KEYS.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, key)| key).ok_or_else(|| {
            let known = KEYS.map(|(known, _)| known);
            let help = match nearest(name, known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known: {}", known.join(", ")),
            };
            SelectError::new(format!("there is no column {name:?}"), help)
        })
    }

    fn form(self) -> Form {
        match self {
            Self::Type | Self::Family | Self::Arch | Self::Hypervisor => Form::Text,
            Self::Trunking => Form::Flag,
            Self::Vcpus | Self::Enis | Self::Fits(_) => Form::Number,
            Self::Memory => Form::Size,
        }
    }

    /// `None` where it is not known.
    fn of(self, row: &Row) -> Option<Value> {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let number = |number: Option<u32>| Some(Value::Number(number?.into()));
        match self {
            Self::Type => text(&row.instance_type),
            Self::Family => text(family(row)),
            Self::Arch => text(row.architecture.as_ref()?),
            Self::Hypervisor => text(row.hypervisor.as_ref()?),
            Self::Vcpus => number(row.vcpus),
            Self::Memory => Some(Value::Number(u64::from(row.memory_mib?) << 20)),
            Self::Enis => number(row.max_enis),
            Self::Trunking => text(if row.trunking? { "true" } else { "false" }),
            Self::Fits(mode) => Some(Value::Number(row.fits.get(mode)?.sets?)),
        }
    }
}

fn family(row: &Row) -> &str {
    let name = row.instance_type.as_str();
    name.split_once('.').map_or(name, |(family, _)| family)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// `family=c5`, `vcpus>=4`, `memory<=16GiB`, `arch=arm64,x86_64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    key: Key,
    relation: Relation,
    /// One value; several for `=` (any of them) and `!=` (none of them).
    values: Vec<Value>,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// An unknown column, a value that is none of its values, or no relation between the two.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        const RELATIONS: [(&str, Relation); 6] = [
            (">=", Relation::AtLeast),
            ("<=", Relation::AtMost),
            ("!=", Relation::NotEqual),
            ("=", Relation::Equal),
            (">", Relation::Above),
            ("<", Relation::Below),
        ];
        let at = text.find(['=', '!', '<', '>']).unwrap_or(text.len());
        let (name, rest) = text.split_at(at);
        let relation = RELATIONS
            .into_iter()
            .find_map(|(sign, relation)| Some((rest.strip_prefix(sign)?, relation)));
        let Some((values, relation)) = relation else {
            let message = format!("{text:?} compares nothing");
            return Err(SelectError::new(
                message,
                "write it like family=c5, vcpus>=4 or memory<=16GiB",
            ));
        };
        let key = Key::parse(name.trim())?;
        let ordered = !matches!(relation, Relation::Equal | Relation::NotEqual);
        if ordered && matches!(key.form(), Form::Text | Form::Flag) {
            let message = format!("{text:?}: {} is no number", name.trim());
            return Err(SelectError::new(message, "use = or !="));
        }
        let several = values.split(',').map(|one| value(key, one.trim()));
        let values = several.collect::<Result<Vec<_>, _>>()?;
        if ordered && values.len() > 1 {
            let message = format!("{text:?} compares with several values");
            return Err(SelectError::new(message, "give one, or use = or !="));
        }
        Ok(Self {
            key,
            relation,
            values,
        })
    }

    /// Whether a row passes; one whose value is not known does not.
    fn passes(&self, row: &Row) -> bool {
        let Some(value) = self.key.of(row) else {
            return false;
        };
        let compared = || value.cmp(&self.values[0]);
        match self.relation {
            Relation::Equal => self.values.contains(&value),
            Relation::NotEqual => !self.values.contains(&value),
            Relation::Above => compared() == Ordering::Greater,
            Relation::AtLeast => compared() != Ordering::Less,
            Relation::Below => compared() == Ordering::Less,
            Relation::AtMost => compared() != Ordering::Greater,
        }
    }
}

fn value(key: Key, text: &str) -> Result<Value, SelectError> {
    let wrong =
        |what: &str, help: &str| Err(SelectError::new(format!("{text:?} is no {what}"), help));
    match key.form() {
        Form::Text if text.is_empty() => wrong("value", "give one, such as family=c5"),
        Form::Text => Ok(Value::Text(text.to_owned())),
        Form::Flag if ["true", "false"].contains(&text) => Ok(Value::Text(text.to_owned())),
        Form::Flag => wrong("truth value", "give true or false"),
        Form::Number => match text.parse() {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) => wrong("whole number", "give a whole number"),
        },
        Form::Size => match text.parse::<ByteSize>() {
            Ok(size) => Ok(Value::Number(size.bytes())),
            Err(error) => Err(SelectError::new(
                error.to_string(),
                "give a size, such as 16GiB",
            )),
        },
    }
}

/// A column to sort by, from the least or, with `-` before it, from the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    key: Key,
    descending: bool,
}

impl Sort {
    /// Reads a column.
    ///
    /// # Errors
    /// There is no such column.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let key = Key::parse(name)?;
        Ok(Self { key, descending })
    }

    /// What is not known comes last, either way.
    fn compare(self, a: &Row, b: &Row) -> Ordering {
        match (self.key.of(a), self.key.of(b)) {
            (Some(a), Some(b)) if self.descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

/// Keeps the rows that pass all filters, and sorts them; among equals and without a column by
/// family and size.
pub fn apply(density: &mut Density, filters: &[Filter], sort: Option<Sort>) {
    for subject in &mut density.subjects {
        let rows = &mut subject.rows;
        rows.retain(|row| filters.iter().all(|filter| filter.passes(row)));
        rows.sort_by(|a, b| {
            let size = |row: &Row| (row.vcpus.unwrap_or(u32::MAX), row.memory_mib);
            let usual = family(a)
                .cmp(family(b))
                .then_with(|| size(a).cmp(&size(b)))
                .then_with(|| a.instance_type.cmp(&b.instance_type));
            sort.map_or(Ordering::Equal, |sort| sort.compare(a, b))
                .then(usual)
        });
    }
}

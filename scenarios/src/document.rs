//! A document as the user wrote it: values with the bytes they stand on.
//!
//! Scenario files (TOML) and AWS documents (JSON) become the same tree, so that one reader serves
//! both and every message can point at line and column.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diagnostic::{Problem, shorten};

pub mod json;
pub mod reader;
#[cfg(test)]
mod tests;
pub mod toml;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The bytes of the text that are this value.
    pub span: Range<usize>,
    /// The value.
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON's `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written (TOML's other radices are brought to decimal), so that nothing is lost.
    Number(String),
    /// A text, with its escapes resolved.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// A table or object, in the order of the text. JSON lets a key come twice; the last one counts.
    Table(Vec<Entry>),
    /// A TOML date or time, as written: no key takes one.
    Datetime(String),
}

/// A key of a table and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Range<usize>,
    /// The value.
    pub node: Node,
}

/// The text is no document of its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte at which reading stopped.
    pub span: Range<usize>,
    /// What is wrong.
    pub problem: Problem,
}

impl Node {
    /// What kind of value it is, in the words of a message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
            Value::Datetime(_) => "a date or time",
        }
    }

    /// The value as a message shows it: as written if it is short, else its kind.
    #[must_use]
    pub fn show(&self) -> String {
        match &self.value {
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(text) | Value::Datetime(text) => shorten(text),
            Value::String(text) => format!("{:?}", shorten(text)),
            Value::Array(_) | Value::Table(_) => self.kind().into(),
        }
    }

    /// The entries of a table.
    #[must_use]
    pub fn as_table(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The elements of a list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a table; the last one if the key comes twice.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let entries = self.as_table()?;
        entries
            .iter()
            .rev()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }
}

/// Where each value of a document stands, by its path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Range<usize>>);

impl Places {
    /// Every value below a node, with the node itself under the empty path.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        let mut places = Self::default();
        places.add(String::new(), node);
        places
    }

    fn add(&mut self, place: String, node: &Node) {
        match &node.value {
            Value::Table(entries) => {
                for entry in entries {
                    self.add(join(&place, &entry.key), &entry.node);
                }
            }
            Value::Array(nodes) => {
                for (index, element) in nodes.iter().enumerate() {
                    self.add(format!("{place}[{index}]"), element);
                }
            }
            _ => {}
        }
        self.0.insert(place, node.span.clone());
    }

    /// The bytes of a value; of the nearest one around it if the value itself is absent.
    #[must_use]
    pub fn span(&self, place: &str) -> Option<Range<usize>> {
        let mut place = place;
        loop {
            if let Some(span) = self.0.get(place) {
                return Some(span.clone());
            }
            if place.is_empty() {
                return None;
            }
            place = place.rfind(['.', '[']).map_or("", |at| &place[..at]);
        }
    }
}

/// The path of a key of the table at `place`.
#[must_use]
pub fn join(place: &str, key: &str) -> String {
    if place.is_empty() {
        key.to_owned()
    } else {
        format!("{place}.{key}")
    }
}

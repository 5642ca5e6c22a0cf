//! Reads typed values out of the tables of a document and reports what does not fit.
//!
//! A reader remembers the keys it was asked for, so the keys that a table knows are those that its
//! reading code asks for: nothing has to be kept in step by hand.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Entry, Node, Value, join};
use crate::diagnostic::{Problem, Report, nearest, shorten};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// The bytes of the file it stands on.
    pub span: Range<usize>,
    /// Its path, such as `service[0].count`.
    pub place: String,
}

impl<T> At<T> {
    /// The same place with another value.
    #[must_use]
    pub fn with<U>(&self, value: U) -> At<U> {
        At {
            value,
            span: self.span.clone(),
            place: self.place.clone(),
        }
    }
}

/// A type that can be read from one value of a document.
pub trait FromNode: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// What does not fit, with the remedy; the caller adds the place.
    fn from_node(node: &Node) -> Result<Self, Problem>;
}

/// "cannot take this kind of value".
pub(crate) fn wrong_kind(node: &Node, expected: &str) -> Problem {
    Problem::new(
        "wrong-type",
        format!("expected {expected}, found {}", node.show()),
    )
    .with_help(format!("give {expected}"))
}

impl FromNode for String {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        match &node.value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(wrong_kind(node, "a string")),
        }
    }
}

impl FromNode for bool {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        match &node.value {
            Value::Bool(value) => Ok(*value),
            _ => Err(wrong_kind(node, "true or false")),
        }
    }
}

/// Reads a whole number between two bounds.
pub(crate) fn whole_number(node: &Node, least: u64, most: u64) -> Result<u64, Problem> {
    let Value::Number(text) = &node.value else {
        return Err(wrong_kind(node, "a whole number"));
    };
    let range = || format!("a whole number from {least} to {most}");
    if text.starts_with('-') && text[1..].chars().any(|c| c.is_ascii_digit() && c != '0') {
        return Err(Problem::new("negative", format!("{text} is negative"))
            .with_help(format!("give {}", range())));
    }
    // `-0` is zero.
    let plain = text.trim_start_matches(['-', '+']);
    if !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return match plain.parse::<u64>() {
            Ok(0) if least > 0 => Err(Problem::new("zero", "zero is not allowed here")
                .with_help(format!("give {}", range()))),
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => Err(
                Problem::new("out-of-range", format!("{text} is out of range"))
                    .with_help(format!("give {}", range())),
            ),
        };
    }
    Err(wrong_kind(node, "a whole number"))
}

/// Reads one table.
#[derive(Debug)]
pub struct Reader<'a> {
    entries: &'a [Entry],
    span: Range<usize>,
    place: String,
    asked: Vec<&'static str>,
    report: &'a mut Report,
}

impl<'a> Reader<'a> {
    /// A reader of a table; `None`, with a problem reported, if the value is no table.
    pub fn new(node: &'a Node, place: &str, report: &'a mut Report) -> Option<Self> {
        let Some(entries) = node.as_table() else {
            report.error(Some(node.span.clone()), place, wrong_kind(node, "a table"));
            return None;
        };
        let (span, place) = (node.span.clone(), place.to_owned());
        Some(Self {
            entries,
            span,
            place,
            asked: Vec::new(),
            report,
        })
    }

    /// The bytes of the table.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The path of the table.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The keys that were asked for, in the order of asking.
    #[must_use]
    pub fn asked(&self) -> &[&'static str] {
        &self.asked
    }

    /// Reports an error at a key of this table, or at the table if it lacks the key.
    pub fn error(&mut self, key: &str, problem: Problem) {
        let (span, place) = self.locate(key);
        self.report.error(Some(span), place, problem);
    }

    /// Reports a caveat at a key of this table, or at the table if it lacks the key.
    pub fn caveat(&mut self, key: &str, problem: Problem) {
        let (span, place) = self.locate(key);
        self.report.caveat(Some(span), place, problem);
    }

    /// Reports an error at bytes that the caller knows.
    pub fn error_at(&mut self, place: &str, span: Range<usize>, problem: Problem) {
        self.report.error(Some(span), place, problem);
    }

    fn locate(&self, key: &str) -> (Range<usize>, String) {
        match self.entries.iter().rev().find(|entry| entry.key == key) {
            Some(entry) => (entry.node.span.clone(), join(&self.place, key)),
            None => (self.span.clone(), self.place.clone()),
        }
    }

    /// The value of a key as it stands; JSON's `null` counts as absent.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let entry = self.entries.iter().rev().find(|entry| entry.key == key)?;
        (entry.node.value != Value::Null).then_some(&entry.node)
    }

    /// Reads the value of a key with a function.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Node) -> Result<T, Problem>,
    ) -> Option<At<T>> {
        let node = self.node(key)?;
        let place = join(&self.place, key);
        match read(node) {
            Ok(value) => Some(At {
                value,
                span: node.span.clone(),
                place,
            }),
            Err(problem) => {
                self.report
                    .error(Some(node.span.clone()), place, name_key(key, problem));
                None
            }
        }
    }

    /// Reads the value of a key.
    pub fn get<T: FromNode>(&mut self, key: &'static str) -> Option<At<T>> {
        self.read(key, T::from_node)
    }

    /// Reads a whole number between two bounds.
    pub fn number(&mut self, key: &'static str, least: u64, most: u64) -> Option<At<u64>> {
        self.read(key, |node| whole_number(node, least, most))
    }

    /// Reads a list, every element with a function; elements that do not fit are reported and left
    /// out. `None` if the key is absent or no list.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Node) -> Result<T, Problem>,
    ) -> Option<Vec<At<T>>> {
        let node = self.node(key)?;
        let place = join(&self.place, key);
        let Some(nodes) = node.as_array() else {
            let problem = name_key(key, wrong_kind(node, "a list"));
            self.report.error(Some(node.span.clone()), place, problem);
            return None;
        };
        let mut list = Vec::with_capacity(nodes.len());
        for (index, element) in nodes.iter().enumerate() {
            let place = format!("{place}[{index}]");
            let span = element.span.clone();
            match read(element) {
                Ok(value) => list.push(At { value, span, place }),
                Err(problem) => self.report.error(Some(span), place, name_key(key, problem)),
            }
        }
        Some(list)
    }

    /// Reads a table with a function.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let place = join(&self.place, key);
        if node.as_table().is_none() {
            let problem = name_key(key, wrong_kind(node, "a table"));
            self.report.error(Some(node.span.clone()), place, problem);
            return None;
        }
        read(&mut Reader::new(node, &place, self.report)?)
    }

    /// Reads a list of tables, every one with a function; those it gives up on are left out.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.node(key) else {
            return Vec::new();
        };
        let place = join(&self.place, key);
        let Some(nodes) = node.as_array() else {
            let help = match node.as_table() {
                Some(_) if place.contains('[') => "put it in brackets: [...]".to_owned(),
                Some(_) => format!("put it in a list: [...], in TOML also [[{place}]]"),
                None => "give a list".to_owned(),
            };
            let problem = name_key(key, wrong_kind(node, "a list of tables")).with_help(help);
            self.report.error(Some(node.span.clone()), place, problem);
            return Vec::new();
        };
        let mut list = Vec::with_capacity(nodes.len());
        for (index, element) in nodes.iter().enumerate() {
            let place = format!("{place}[{index}]");
            if let Some(mut reader) = Reader::new(element, &place, self.report) {
                list.extend(read(&mut reader));
            }
        }
        list
    }

    /// Reports that a key which must be there is not.
    pub fn missing(&mut self, key: &'static str, help: impl Into<String>) {
        let name = match self.place.as_str() {
            "" => "the file".to_owned(),
            place => format!("`{place}`"),
        };
        let problem = Problem::new("missing-key", format!("{name} has no `{key}`"));
        // The whole table would be too much to show: its first line is enough.
        let text = &self.report.source()[self.span.clone()];
        let end = self.span.start + text.find('\n').unwrap_or(text.len());
        let span = self.span.start..end;
        self.report
            .error(Some(span), join(&self.place, key), problem.with_help(help));
    }

    /// The entries that nobody asked for.
    pub fn unknown(&self) -> impl Iterator<Item = &'a Entry> + use<'a, '_> {
        self.entries
            .iter()
            .filter(|entry| !self.asked.contains(&entry.key.as_str()))
    }

    /// The keys that a later entry of the same name overrides, last first. TOML knows none.
    pub fn overridden(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let mut seen = BTreeSet::new();
        self.entries
            .iter()
            .rev()
            .filter(move |entry| !seen.insert(entry.key.as_str()))
    }

    /// Reports a caveat at bytes that the caller knows.
    pub fn caveat_at(&mut self, place: &str, span: Range<usize>, problem: Problem) {
        self.report.caveat(Some(span), place, problem);
    }

    /// Reports every key that nobody asked for, with the nearest known one.
    pub fn refuse_unknown(&mut self) {
        for entry in self.entries {
            if self.asked.contains(&entry.key.as_str()) {
                continue;
            }
            let message = format!("unknown key `{}`", shorten(&entry.key));
            let help = match nearest(&entry.key, self.asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            let problem = Problem::new("unknown-key", message).with_help(help);
            let place = join(&self.place, &entry.key);
            self.report
                .error(Some(entry.key_span.clone()), place, problem);
        }
    }
}

/// A message says which key it is about.
fn name_key(key: &str, problem: Problem) -> Problem {
    Problem {
        message: format!("`{key}`: {}", problem.message),
        ..problem
    }
}

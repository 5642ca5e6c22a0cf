//! JSON with positions.
//!
//! `serde_json` judges the text, so that what is JSON and what is not is its word, and bounds the
//! depth; the locator then walks a text that is known to be good.

use std::ops::Range;

use super::{Entry, Node, SyntaxError, Value};
use crate::diagnostic::Problem;

/// Reads a text.
///
/// # Errors
/// The text is not JSON, or is nested deeper than 128 levels.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    // Editors on Windows put a byte order mark in front; the AWS command line takes such files.
    let skipped = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let body = &text[skipped..];
    if let Err(error) = serde_json::from_str::<serde_json::Value>(body) {
        return Err(syntax_error(body, skipped, &error));
    }
    let mut locator = Locator { text, at: skipped };
    locator.value().ok_or_else(|| SyntaxError {
        span: locator.at..locator.at,
        problem: Problem::new("json-syntax", "not JSON"),
    })
}

fn syntax_error(body: &str, skipped: usize, error: &serde_json::Error) -> SyntaxError {
    let line_start = body
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let offset = skipped + (line_start + error.column().saturating_sub(1)).min(body.len());
    // The position is said by the span; serde_json repeats it at the end of its message.
    let message = error.to_string();
    let message = message
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut problem = Problem::new("json-syntax", format!("not JSON: {message}"));
    if body.trim().is_empty() {
        problem = Problem::new("json-syntax", "not JSON: the file is empty");
    } else if message.contains("trailing comma") {
        problem = problem.with_help("remove the comma before the closing bracket");
    }
    SyntaxError {
        span: offset..offset + 1,
        problem,
    }
}

/// Walks a text that is JSON. Every step is checked all the same, so that a mistake here would end
/// in `None`, not in a panic.
struct Locator<'a> {
    text: &'a str,
    at: usize,
}

impl Locator<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self) -> Option<Node> {
        self.skip_space();
        let start = self.at;
        let value = match self.peek()? {
            b'{' => self.object()?,
            b'[' => self.array()?,
            b'"' => Value::String(self.string()?.0),
            _ => self.scalar()?,
        };
        Some(Node {
            span: start..self.at,
            value,
        })
    }

    fn object(&mut self) -> Option<Value> {
        self.take(b'{')?;
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(Value::Table(entries));
                }
                b',' => self.at += 1,
                _ => {
                    let (key, key_span) = self.string()?;
                    self.skip_space();
                    self.take(b':')?;
                    entries.push(Entry {
                        key,
                        key_span,
                        node: self.value()?,
                    });
                }
            }
        }
    }

    fn array(&mut self) -> Option<Value> {
        self.take(b'[')?;
        let mut nodes = Vec::new();
        loop {
            self.skip_space();
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return Some(Value::Array(nodes));
                }
                b',' => self.at += 1,
                _ => nodes.push(self.value()?),
            }
        }
    }

    fn string(&mut self) -> Option<(String, Range<usize>)> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let span = start..self.at;
        Some((
            serde_json::from_str(self.text.get(span.clone())?).ok()?,
            span,
        ))
    }

    fn scalar(&mut self) -> Option<Value> {
        let rest = self.text.get(self.at..)?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let word = &rest[..end.unwrap_or(rest.len())];
        if word.is_empty() {
            return None;
        }
        self.at += word.len();
        Some(match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => Value::Number(number.to_owned()),
        })
    }
}

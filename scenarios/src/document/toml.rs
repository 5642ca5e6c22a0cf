//! TOML with positions.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::{Entry, Node, SyntaxError, Value};
use crate::diagnostic::Problem;

/// Reads a text.
///
/// # Errors
/// The text is not TOML; every mistake that the parser could get past is listed.
pub fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let span = 0..text.len();
        return Ok(Node {
            span,
            value: Value::Table(entries(table.get_ref())),
        });
    }
    Err(errors
        .iter()
        .map(|error| syntax_error(text, error))
        .collect())
}

fn syntax_error(text: &str, error: &::toml::de::Error) -> SyntaxError {
    let span = error.span().unwrap_or(text.len()..text.len());
    // A message of two lines names on the second what was expected.
    let message = error.message().replace('\n', "; ");
    let mut problem = Problem::new("toml-syntax", format!("not TOML: {message}"));
    if message.contains("string values must be quoted") {
        problem = problem.with_help("put the value in double quotes, such as \"10 Gbit/s\"");
    }
    SyntaxError { span, problem }
}

fn entries(table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            node: node(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    let kind = match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(integer) => Value::Number(
            i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| integer.as_str().to_owned(), |number| number.to_string()),
        ),
        DeValue::Float(float) => Value::Number(float.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
        DeValue::Array(array) => Value::Array(array.iter().map(node).collect()),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Node {
        span: value.span(),
        value: kind,
    }
}

//! Expressions as words and symbols.

use std::ops::Range;

use super::ExpressionError;

/// A word or a symbol and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name, or one of the words `and`, `or`, `not`.
    Word(String),
    /// Text in quotes, without them.
    Text(String),
    Number(f64),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
}

/// Longer ones come before those that they begin with.
const SYMBOLS: [&str; 11] = ["<=", ">=", "==", "!=", "<", ">", "(", ")", ",", "*", "/"];

/// Splits an expression.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (len, kind) = token(text, at, c)?;
        let span = at..at + len;
        at = span.end;
        tokens.push(Token { span, kind });
    }
    Ok(tokens)
}

fn token(text: &str, at: usize, first: char) -> Result<(usize, TokenKind), ExpressionError> {
    let rest = &text[at..];
    let while_ = |keep: fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
    if first.is_ascii_alphabetic() || first == '_' {
        let len = while_(|c| c.is_ascii_alphanumeric() || c == '_');
        return Ok((len, TokenKind::Word(rest[..len].to_owned())));
    }
    if first.is_ascii_digit() {
        let len = while_(|c| c.is_ascii_alphanumeric() || c == '.');
        let number = rest[..len].parse::<f64>().ok();
        let plain = rest[..len].bytes().all(|b| b.is_ascii_digit() || b == b'.');
        return match number.filter(|number| plain && number.is_finite()) {
            Some(number) => Ok((len, TokenKind::Number(number))),
            None => {
                let message = format!("{:?} is no number", &rest[..len]);
                let help = "put a quantity with a unit in quotes, such as \"2 ms\"";
                Err(ExpressionError::new(at..at + len, "not-a-number", message).with_help(help))
            }
        };
    }
    if matches!(first, '"' | '\'') {
        let Some(len) = rest[1..].find(first) else {
            let message = "the text has no closing quote";
            let error = ExpressionError::new(at..text.len(), "unclosed-text", message);
            return Err(error.with_help(format!("close it with {first}")));
        };
        return Ok((len + 2, TokenKind::Text(rest[1..=len].to_owned())));
    }
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        return Ok((symbol.len(), TokenKind::Symbol(symbol)));
    }
    let help = match first {
        '=' => "compare with ==".to_owned(),
        '!' => "write `not`, or != to compare".to_owned(),
        '&' => "write `and`".to_owned(),
        '|' => "write `or`".to_owned(),
        '+' | '-' => "quantities can be multiplied and divided".to_owned(),
        _ => format!("symbols are {}", SYMBOLS.join(" ")),
    };
    let message = format!("{first:?} has no meaning here");
    let span = at..at + first.len_utf8();
    Err(ExpressionError::new(span, "unexpected-character", message).with_help(help))
}

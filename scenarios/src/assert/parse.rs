//! Expressions as trees.
//!
//! From the loosest to the tightest: `or`, `and`, `not`, one comparison, `*` and `/`.

use std::ops::Range;

use super::token::{Token, TokenKind, tokens};
use super::{ExpressionError, Operation, Relation};

/// A part of an expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree {
    pub(super) span: Range<usize>,
    pub(super) kind: TreeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TreeKind {
    Number(f64),
    Text(String),
    Call {
        name: String,
        name_span: Range<usize>,
        arguments: Vec<Tree>,
    },
    Not(Box<Tree>),
    All(Box<Tree>, Box<Tree>),
    Any(Box<Tree>, Box<Tree>),
    Compare(Relation, Box<Tree>, Box<Tree>),
    Arithmetic(Operation, Box<Tree>, Box<Tree>),
}

/// How many brackets and words may stand around one part: the stack is finite.
const DEEPEST: usize = 64;

/// The longest expression, in words and symbols: one that is longer is several.
const LONGEST: usize = 1000;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Tree, ExpressionError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        let error = ExpressionError::new(0..text.len(), "empty", "the expression is empty");
        return Err(error.with_help("write for example: p99(\"web\") < \"2 ms\""));
    }
    if let Some(token) = tokens.get(LONGEST) {
        let message = "the expression is too long";
        let error = ExpressionError::new(token.span.clone(), "too-long", message);
        return Err(error.with_help("make several checks of it"));
    }
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        depth: 0,
        end: text.len(),
    };
    let tree = parser.any()?;
    match parser.peek() {
        None => Ok(tree),
        Some(token) => {
            let message = format!("{} does not belong here", show(token));
            let help = match &token.kind {
                TokenKind::Symbol(")") => "it closes no bracket",
                _ => "join conditions with `and` or `or`",
            };
            let error = ExpressionError::new(token.span.clone(), "trailing", message);
            Err(error.with_help(help))
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    depth: usize,
    end: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    fn symbol(&mut self, wanted: &'static str) -> bool {
        let found = matches!(self.peek(), Some(t) if t.kind == TokenKind::Symbol(wanted));
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, wanted: &str) -> bool {
        let is_it = |t: &Token| matches!(&t.kind, TokenKind::Word(word) if word == wanted);
        let found = self.peek().is_some_and(is_it);
        self.next += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Tree, ExpressionError> {
        let mut left = self.all()?;
        while self.word("or") {
            left = joined(left, self.all()?, TreeKind::Any);
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Tree, ExpressionError> {
        let mut left = self.not()?;
        while self.word("and") {
            left = joined(left, self.not()?, TreeKind::All);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Tree, ExpressionError> {
        let Some(token) = self.peek() else {
            return Err(self.expected("a condition"));
        };
        if !self.word("not") {
            return self.comparison();
        }
        let inner = self.deeper(token, Self::not)?;
        let span = token.span.start..inner.span.end;
        let kind = TreeKind::Not(Box::new(inner));
        Ok(Tree { span, kind })
    }

    fn comparison(&mut self) -> Result<Tree, ExpressionError> {
        let left = self.product()?;
        let Some(relation) = self.relation() else {
            return Ok(left);
        };
        let right = self.product()?;
        let at = self.peek();
        if self.relation().is_some() {
            let span = at.map_or(right.span.clone(), |token| token.span.clone());
            let error = ExpressionError::new(span, "chained", "a second comparison in a row");
            return Err(error.with_help("write two, joined with `and`"));
        }
        Ok(joined(left, right, |a, b| {
            TreeKind::Compare(relation, a, b)
        }))
    }

    fn relation(&mut self) -> Option<Relation> {
        let TokenKind::Symbol(symbol) = self.peek()?.kind else {
            return None;
        };
        let relation = match symbol {
            "<" => Relation::Less,
            "<=" => Relation::LessOrEqual,
            ">" => Relation::Greater,
            ">=" => Relation::GreaterOrEqual,
            "==" => Relation::Equal,
            "!=" => Relation::NotEqual,
            _ => return None,
        };
        self.next += 1;
        Some(relation)
    }

    fn product(&mut self) -> Result<Tree, ExpressionError> {
        let mut left = self.operand()?;
        loop {
            let operation = if self.symbol("*") {
                Operation::Times
            } else if self.symbol("/") {
                Operation::Over
            } else {
                return Ok(left);
            };
            left = joined(left, self.operand()?, |a, b| {
                TreeKind::Arithmetic(operation, a, b)
            });
        }
    }

    fn operand(&mut self) -> Result<Tree, ExpressionError> {
        let Some(token) = self.peek() else {
            return Err(self.expected("a value"));
        };
        let span = token.span.clone();
        match &token.kind {
            TokenKind::Number(number) => {
                self.next += 1;
                let kind = TreeKind::Number(*number);
                Ok(Tree { span, kind })
            }
            TokenKind::Text(text) => {
                self.next += 1;
                let kind = TreeKind::Text(text.clone());
                Ok(Tree { span, kind })
            }
            TokenKind::Word(name) if !matches!(name.as_str(), "and" | "or" | "not") => {
                self.next += 1;
                self.call(token, name)
            }
            TokenKind::Symbol("(") => {
                self.next += 1;
                let inner = self.deeper(token, Self::any)?;
                if !self.symbol(")") {
                    return Err(self.unclosed(token));
                }
                Ok(inner)
            }
            _ => Err(self.expected("a value")),
        }
    }

    fn call(&mut self, token: &Token, name: &str) -> Result<Tree, ExpressionError> {
        let open = self.peek();
        if !self.symbol("(") {
            let message = format!("`{name}` stands alone");
            let error = ExpressionError::new(token.span.clone(), "no-arguments", message);
            let help = format!("a function takes arguments: {name}(\"...\"); names go in quotes");
            return Err(error.with_help(help));
        }
        let mut arguments = Vec::new();
        while !self.symbol(")") {
            if !arguments.is_empty() && !self.symbol(",") {
                return Err(self.unclosed(open.unwrap_or(token)));
            }
            arguments.push(self.deeper(token, Self::any)?);
        }
        let end = self.tokens[self.next - 1].span.end;
        Ok(Tree {
            span: token.span.start..end,
            kind: TreeKind::Call {
                name: name.to_owned(),
                name_span: token.span.clone(),
                arguments,
            },
        })
    }

    fn deeper(
        &mut self,
        at: &Token,
        read: impl FnOnce(&mut Self) -> Result<Tree, ExpressionError>,
    ) -> Result<Tree, ExpressionError> {
        if self.depth == DEEPEST {
            let message = format!("more than {DEEPEST} levels of brackets and `not`");
            let error = ExpressionError::new(at.span.clone(), "too-deep", message);
            return Err(error.with_help("make several checks of it"));
        }
        self.depth += 1;
        let tree = read(self)?;
        self.depth -= 1;
        Ok(tree)
    }

    fn expected(&self, what: &str) -> ExpressionError {
        match self.peek() {
            None => {
                let message = format!("the expression ends where {what} is expected");
                ExpressionError::new(self.end..self.end, "incomplete", message)
                    .with_help("complete it")
            }
            Some(token) => {
                let message = format!("expected {what}, found {}", show(token));
                ExpressionError::new(token.span.clone(), "unexpected", message)
                    .with_help("a value is a number, a text in quotes or a function")
            }
        }
    }

    fn unclosed(&self, open: &Token) -> ExpressionError {
        match self.peek() {
            None => {
                ExpressionError::new(open.span.clone(), "unclosed", "the bracket is not closed")
                    .with_help("close it with )")
            }
            Some(token) => {
                let message = format!("expected `)`, found {}", show(token));
                ExpressionError::new(token.span.clone(), "unexpected", message)
                    .with_help("separate arguments with a comma, conditions with `and` or `or`")
            }
        }
    }
}

fn joined(left: Tree, right: Tree, kind: impl FnOnce(Box<Tree>, Box<Tree>) -> TreeKind) -> Tree {
    Tree {
        span: left.span.start..right.span.end,
        kind: kind(Box::new(left), Box::new(right)),
    }
}

fn show(token: &Token) -> String {
    match &token.kind {
        TokenKind::Word(word) => format!("`{word}`"),
        TokenKind::Text(text) => format!("{text:?}"),
        TokenKind::Number(number) => number.to_string(),
        TokenKind::Symbol(symbol) => format!("`{symbol}`"),
    }
}

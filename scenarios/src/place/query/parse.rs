//! Reads expressions of the cluster query language.

use std::fmt;

use crate::diagnostic::{Problem, nearest};

use super::pattern::Pattern;
use super::{Node, Subject, Test};

/// Expressions within expressions: more than anybody writes, and few enough for any stack.
const DEEPEST: usize = 32;

/// Where an expression cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The expression.
    pub text: String,
    /// The character at which reading ended, counted from one.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
    /// What would be understood.
    pub help: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            column,
            message,
            ..
        } = self;
        write!(f, "{text:?}, character {column}: {message}")
    }
}

impl std::error::Error for QueryError {}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::new("bad-expression", error.to_string()).with_help(error.help)
    }
}

/// The words for operators; the long ones are those of the developer guide.
const OPERATORS: [(&str, Operator); 20] = [
    ("==", Operator::In(true)),
    ("equals", Operator::In(true)),
    ("!=", Operator::In(false)),
    ("not_equals", Operator::In(false)),
    ("=~", Operator::Matches(true)),
    ("matches", Operator::Matches(true)),
    ("!~", Operator::Matches(false)),
    ("not_matches", Operator::Matches(false)),
    (
        ">=",
        Operator::Ordered {
            above: true,
            equal: true,
        },
    ),
    (
        "greater_than_equal",
        Operator::Ordered {
            above: true,
            equal: true,
        },
    ),
    (
        "<=",
        Operator::Ordered {
            above: false,
            equal: true,
        },
    ),
    (
        "less_than_equal",
        Operator::Ordered {
            above: false,
            equal: true,
        },
    ),
    (
        ">",
        Operator::Ordered {
            above: true,
            equal: false,
        },
    ),
    (
        "greater_than",
        Operator::Ordered {
            above: true,
            equal: false,
        },
    ),
    (
        "<",
        Operator::Ordered {
            above: false,
            equal: false,
        },
    ),
    (
        "less_than",
        Operator::Ordered {
            above: false,
            equal: false,
        },
    ),
    ("exists", Operator::Exists(true)),
    ("not_exists", Operator::Exists(false)),
    ("in", Operator::OneOf(true)),
    ("not_in", Operator::OneOf(false)),
];

#[derive(Clone, Copy)]
enum Operator {
    In(bool),
    OneOf(bool),
    Exists(bool),
    Matches(bool),
    Ordered { above: bool, equal: bool },
}

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Result<Node, QueryError> {
    let characters: Vec<char> = text.chars().collect();
    let mut reader = Reader {
        source: text,
        text: &characters,
        at: 0,
        depth: 0,
    };
    let node = reader.either()?;
    reader.blanks();
    match reader.peek() {
        None => Ok(node),
        Some(')') => Err(reader.error("this `)` closes nothing", "drop it")),
        Some(_) => Err(reader.error(
            "something is left over",
            "join comparisons with `and` or `or`",
        )),
    }
}

struct Reader<'a> {
    source: &'a str,
    text: &'a [char],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn error_at(
        &self,
        at: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> QueryError {
        QueryError {
            text: self.source.to_owned(),
            column: at + 1,
            message: message.into(),
            help: help.into(),
        }
    }

    fn error(&self, message: impl Into<String>, help: impl Into<String>) -> QueryError {
        self.error_at(self.at, message, help)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Takes signs, such as `&&`.
    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let there = sign
            .chars()
            .eq(self.text[self.at..].iter().copied().take(sign.len()));
        if there {
            self.at += sign.len();
        }
        there
    }

    /// Takes a word if it stands alone.
    fn word(&mut self, word: &str) -> bool {
        let before = self.at;
        let alone = self.sign(word)
            && self
                .peek()
                .is_none_or(|c| c.is_whitespace() || "(!)[".contains(c));
        if !alone {
            self.at = before;
        }
        alone
    }

    fn either(&mut self) -> Result<Node, QueryError> {
        let mut left = self.both()?;
        while self.word("or") || self.sign("||") {
            left = Node::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Node, QueryError> {
        let mut left = self.one()?;
        while self.word("and") || self.sign("&&") {
            left = Node::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    /// One comparison, or an expression that is negated or in parentheses.
    fn one(&mut self) -> Result<Node, QueryError> {
        self.blanks();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error("too many parentheses", "write it with fewer"));
        }
        let start = self.at;
        let node = if self.word("not") || self.sign("!") {
            Node::Not(Box::new(self.one()?))
        } else if self.sign("(") {
            let inner = self.either()?;
            if !self.sign(")") {
                return Err(self.error_at(start, "this `(` is not closed", "add `)`"));
            }
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, QueryError> {
        let subject = self.subject()?;
        let at = self.at;
        let test = match self.operator()? {
            Operator::In(wanted) => Test::In {
                values: vec![self.value()?],
                wanted,
            },
            Operator::OneOf(wanted) => Test::In {
                values: self.list()?,
                wanted,
            },
            Operator::Exists(wanted) => Test::Exists { wanted },
            Operator::Matches(wanted) => Test::Matches {
                pattern: self.pattern()?,
                wanted,
            },
            Operator::Ordered { above, equal } => {
                let before = self.at;
                let value = self.value()?;
                let number = |_| {
                    self.error_at(
                        before,
                        format!("{value:?} is no number"),
                        "compare with a whole number",
                    )
                };
                let than = value.parse().map_err(number)?;
                Test::Ordered { above, equal, than }
            }
        };
        if subject == Subject::RunningTasks && matches!(test, Test::Exists { .. }) {
            return Err(self.error_at(
                at,
                "`runningTasksCount` is always there",
                "compare it with a number",
            ));
        }
        Ok(Node::Compare(subject, test))
    }

    fn subject(&mut self) -> Result<Subject, QueryError> {
        const HELP: &str = "begin with attribute:NAME, task:group or runningTasksCount";
        self.blanks();
        let at = self.at;
        let word = self.bare(|c| c.is_alphanumeric() || "-_./\\:".contains(c));
        match word.as_str() {
            "" => Err(self.error_at(at, "a comparison is missing", HELP)),
            "task:group" => Ok(Subject::TaskGroup),
            "runningTasksCount" => Ok(Subject::RunningTasks),
            _ => match word.strip_prefix("attribute:") {
                Some("") => Err(self.error(
                    "the attribute has no name",
                    "write attribute:ecs.instance-type, say",
                )),
                Some(name) => Ok(Subject::Attribute(name.to_owned())),
                None => {
                    let message = format!("cannot compare {word:?}");
                    let known = ["attribute:", "task:group", "runningTasksCount"];
                    let help = match nearest(&word, known) {
                        Some(near) => format!("did you mean {near}?"),
                        None if word.starts_with("ecs.") => {
                            format!("did you mean attribute:{word}?")
                        }
                        None => HELP.to_owned(),
                    };
                    Err(self.error_at(at, message, help))
                }
            },
        }
    }

    fn operator(&mut self) -> Result<Operator, QueryError> {
        self.blanks();
        for (word, operator) in [
            ("!exists", Operator::Exists(false)),
            ("!in", Operator::OneOf(false)),
        ] {
            if self.word(word) {
                return Ok(operator);
            }
        }
        for (word, operator) in OPERATORS {
            let signs = !word.starts_with(char::is_alphabetic);
            if (signs && self.sign(word)) || (!signs && self.word(word)) {
                return Ok(operator);
            }
        }
        let help = "give ==, !=, in [...], !in [...], =~, !~, >, >=, <, <=, exists or !exists";
        Err(self.error("an operator is missing", help))
    }

    /// The characters from here on that fit.
    fn bare(&mut self, fits: impl Fn(char) -> bool) -> String {
        let rest = self.text[self.at..].iter().copied();
        let word: String = rest.take_while(|c| fits(*c)).collect();
        self.at += word.chars().count();
        word
    }

    fn value(&mut self) -> Result<String, QueryError> {
        self.blanks();
        let at = self.at;
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            self.at += 1;
            let value = self.bare(|c| c != quote);
            if self.peek().is_none() {
                return Err(self.error_at(at, "this quote is not closed", format!("add {quote}")));
            }
            self.at += 1;
            return Ok(value);
        }
        let value = self.bare(|c| !c.is_whitespace() && !"()[],".contains(c));
        if value.is_empty() {
            return Err(self.error("a value is missing", "give one, such as c5.large"));
        }
        Ok(value)
    }

    fn list(&mut self) -> Result<Vec<String>, QueryError> {
        if !self.sign("[") {
            return Err(self.error("a list is missing", "write it in brackets: [a, b]"));
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        if !self.sign("]") {
            return Err(self.error("the list is not closed", "write it in brackets: [a, b]"));
        }
        Ok(values)
    }

    /// A pattern ends at a blank, or at a `)` that it has not opened.
    fn pattern(&mut self) -> Result<Pattern, QueryError> {
        self.blanks();
        let at = self.at;
        let mut open = 0_usize;
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace()) {
            match c {
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                _ => {}
            }
            text.push(c);
            self.at += 1;
        }
        if text.is_empty() {
            return Err(self.error("a pattern is missing", "give one, such as c5.*"));
        }
        Pattern::parse(&text).map_err(|(offset, why)| {
            let help = "patterns have ., [a-z], (a|b), *, + and ?, and match the whole value";
            self.error_at(at + offset, why, help)
        })
    }
}

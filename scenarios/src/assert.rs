//! Assertions of a scenario about its own results: `[[check]]`.
//!
//! An expression is read in three steps: `token` and `parse` make a tree with positions,
//! `resolve` looks names and units up in the scenario, and [`evaluate`] holds the result against
//! what a comparison found. The first two report what is wrong at its place; the third never fails,
//! but what was not measured does not hold either.

use std::ops::Range;

use crate::diagnostic::Problem;
use crate::ecs::Mode;

mod evaluate;
mod functions;
mod known;
mod observe;
mod parse;
mod reach;
mod resolve;
#[cfg(test)]
mod tests;
mod token;
mod value;

pub use evaluate::evaluate;
pub use known::{Known, KnownService};

use functions::Function;

/// An assertion about the results.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// The expression as it was typed.
    pub that: String,
    /// Why it is made.
    pub because: Option<String>,
    /// The modes that it is evaluated in; all that can be deployed if it does not say.
    pub modes: Option<Vec<Mode>>,
    claim: Claim,
}

/// What is wrong with an expression, at its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// The bytes of the expression that are meant.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub problem: Problem,
}

impl ExpressionError {
    fn new(span: Range<usize>, code: &'static str, message: impl Into<String>) -> Self {
        let problem = Problem::new(code, message);
        Self { span, problem }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.problem = self.problem.with_help(help);
        self
    }
}

impl Check {
    /// Reads an expression about a scenario that knows these names.
    ///
    /// # Errors
    /// What is wrong with it: everything that names and units make wrong, or the first mistake in
    /// its form.
    pub fn read(that: &str, known: &Known<'_>) -> Result<Self, Vec<ExpressionError>> {
        let tree = parse::parse(that).map_err(|error| vec![error])?;
        let claim = resolve::resolve(that, &tree, known)?;
        Ok(Self {
            name: that.to_owned(),
            that: that.to_owned(),
            because: None,
            modes: None,
            claim,
        })
    }

    /// Whether it says something else in one mode than in another: some of its functions name no
    /// mode.
    #[must_use]
    pub fn depends_on_mode(&self) -> bool {
        self.claim.depends_on_mode()
    }
}

/// Something that holds or does not, with every name and unit resolved.
#[derive(Clone, Debug, PartialEq)]
enum Claim {
    /// A function that says yes or no.
    Fact(Call),
    Not(Box<Claim>),
    All(Box<Claim>, Box<Claim>),
    Any(Box<Claim>, Box<Claim>),
    Compare {
        relation: Relation,
        left: Term,
        right: Term,
    },
    /// Two quantities that cannot be told apart, or differ by one per cent at most.
    Same(Term, Term),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl Relation {
    const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    const fn is_ordering(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// A value, with every quantity in its base unit.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    Number(f64),
    Text(String),
    Call(Call),
    Arithmetic {
        operation: Operation,
        left: Box<Term>,
        right: Box<Term>,
        /// The text that it was typed as, and the unit of what comes out.
        text: String,
        unit: Unit,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Times,
    Over,
}

/// A function with its arguments.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    function: Function,
    /// The names among the arguments, without the mode.
    names: Vec<String>,
    /// The port among them.
    port: Option<u16>,
    /// The mode that it names; the one that is being looked at if it names none.
    mode: Option<Mode>,
    /// The text that it was typed as.
    text: String,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Nanoseconds.
    Time,
    /// Bits per second.
    DataRate,
    /// Events per second.
    Frequency,
    /// A share between 0 and 1.
    Share,
    /// Nothing.
    Number,
}

impl Unit {
    const fn words(self) -> &'static str {
        match self {
            Self::Time => "a time",
            Self::DataRate => "a data rate",
            Self::Frequency => "a rate of requests",
            Self::Share => "a share",
            Self::Number => "a number",
        }
    }

    /// A quantity of it, for messages.
    const fn example(self) -> &'static str {
        match self {
            Self::Time => "\"2 ms\"",
            Self::DataRate => "\"5 Gbit/s\"",
            Self::Frequency => "\"200/s\"",
            Self::Share => "\"0.1 %\"",
            Self::Number => "1.5",
        }
    }
}

impl Claim {
    fn depends_on_mode(&self) -> bool {
        match self {
            Self::Fact(call) => call.depends_on_mode(),
            Self::Not(claim) => claim.depends_on_mode(),
            Self::All(a, b) | Self::Any(a, b) => a.depends_on_mode() || b.depends_on_mode(),
            Self::Compare { left, right, .. } | Self::Same(left, right) => {
                left.depends_on_mode() || right.depends_on_mode()
            }
        }
    }
}

impl Term {
    /// Whether it has no function in it, so that no result can change it.
    fn is_fixed(&self) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) => true,
            Self::Call(_) => false,
            Self::Arithmetic { left, right, .. } => left.is_fixed() && right.is_fixed(),
        }
    }

    fn depends_on_mode(&self) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) => false,
            Self::Call(call) => call.depends_on_mode(),
            Self::Arithmetic { left, right, .. } => {
                left.depends_on_mode() || right.depends_on_mode()
            }
        }
    }
}

impl Call {
    fn depends_on_mode(&self) -> bool {
        self.mode.is_none()
    }
}

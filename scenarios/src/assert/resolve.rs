//! Looks the names of an expression up, and brings its quantities to base units.

use std::ops::Range;

use sim_core::{DataRate, PacketRate, ParseUnitError, Ratio, SimDuration};
use sim_net::verdict::DropReason;

use super::functions::{Argument, FUNCTIONS, Function, Gives, Signature};
use super::known::Known;
use super::parse::{Tree, TreeKind};
use super::{Call, Claim, ExpressionError, Operation, Relation, Term, Unit};
use crate::diagnostic::nearest;
use crate::ecs::Mode;
use crate::ecs::mode::parse_mode;
use crate::reach::names::is_service;

/// Resolves a tree; all that is wrong with it is reported at once.
pub(super) fn resolve(
    text: &str,
    tree: &Tree,
    known: &Known<'_>,
) -> Result<Claim, Vec<ExpressionError>> {
    let mut resolver = Resolver {
        text,
        known,
        errors: Vec::new(),
    };
    let claim = resolver.claim(tree);
    match claim {
        Some(claim) if resolver.errors.is_empty() => Ok(claim),
        _ => Err(resolver.errors),
    }
}

struct Resolver<'a> {
    text: &'a str,
    known: &'a Known<'a>,
    errors: Vec<ExpressionError>,
}

/// A term and what it is.
struct Typed {
    term: Term,
    kind: Kind,
    span: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text in quotes: a name, or a quantity with a unit.
    Quoted,
    Text,
    /// A number of the expression, or a function that gives an exact one.
    Exact,
    Estimate(Unit),
}

impl Resolver<'_> {
    fn error(&mut self, span: &Range<usize>, code: &'static str, message: String, help: String) {
        let error = ExpressionError::new(span.clone(), code, message);
        self.errors.push(error.with_help(help));
    }

    fn claim(&mut self, tree: &Tree) -> Option<Claim> {
        match &tree.kind {
            TreeKind::Not(inner) => Some(Claim::Not(Box::new(self.claim(inner)?))),
            TreeKind::All(a, b) => {
                let (a, b) = (self.claim(a), self.claim(b));
                Some(Claim::All(Box::new(a?), Box::new(b?)))
            }
            TreeKind::Any(a, b) => {
                let (a, b) = (self.claim(a), self.claim(b));
                Some(Claim::Any(Box::new(a?), Box::new(b?)))
            }
            TreeKind::Compare(relation, a, b) => {
                let (a, b) = (self.term(a), self.term(b));
                self.compare(tree, *relation, a?, b?)
            }
            TreeKind::Call {
                name, arguments, ..
            } if name == "same" => self.same(tree, arguments),
            TreeKind::Call { .. } => {
                let (call, signature) = self.call(tree)?;
                if signature.gives == Gives::Fact {
                    return Some(Claim::Fact(call));
                }
                self.not_a_condition(tree);
                None
            }
            TreeKind::Number(_) | TreeKind::Text(_) | TreeKind::Arithmetic(..) => {
                self.not_a_condition(tree);
                None
            }
        }
    }

    fn not_a_condition(&mut self, tree: &Tree) {
        let message = format!(
            "`{}` is a value and no condition",
            &self.text[tree.span.clone()]
        );
        let help = "compare it with something: < <= > >= == !=".to_owned();
        self.error(&tree.span, "not-a-condition", message, help);
    }

    fn term(&mut self, tree: &Tree) -> Option<Typed> {
        let span = tree.span.clone();
        let (term, kind) = match &tree.kind {
            TreeKind::Number(number) => (Term::Number(*number), Kind::Exact),
            TreeKind::Text(text) => (Term::Text(text.clone()), Kind::Quoted),
            TreeKind::Call { .. } if !is_same(tree) => {
                let (call, signature) = self.call(tree)?;
                let kind = match signature.gives {
                    Gives::Estimate(unit) => Kind::Estimate(unit),
                    Gives::Exact => Kind::Exact,
                    Gives::Text => Kind::Text,
                    Gives::Fact => {
                        self.not_a_value(tree);
                        return None;
                    }
                };
                (Term::Call(call), kind)
            }
            TreeKind::Arithmetic(operation, a, b) => {
                let (a, b) = (self.term(a), self.term(b));
                self.arithmetic(tree, *operation, a?, b?)?
            }
            _ => {
                self.not_a_value(tree);
                return None;
            }
        };
        Some(Typed { term, kind, span })
    }

    fn not_a_value(&mut self, tree: &Tree) {
        let message = format!(
            "`{}` is a condition and no value",
            &self.text[tree.span.clone()]
        );
        let help = "join conditions with `and`, `or` and `not`".to_owned();
        self.error(&tree.span, "not-a-value", message, help);
    }

    fn arithmetic(
        &mut self,
        tree: &Tree,
        operation: Operation,
        a: Typed,
        b: Typed,
    ) -> Option<(Term, Kind)> {
        for side in [&a, &b] {
            if matches!(side.kind, Kind::Text | Kind::Quoted) {
                let message = format!("cannot calculate with {}", &self.text[side.span.clone()]);
                let help = "multiply and divide functions and plain numbers".to_owned();
                self.error(&side.span.clone(), "not-a-number", message, help);
                return None;
            }
        }
        let number = Unit::Number;
        let kind = match (operation, a.kind, b.kind) {
            (_, Kind::Exact, Kind::Exact) => Kind::Exact,
            (_, Kind::Estimate(unit), Kind::Exact) => Kind::Estimate(unit),
            (Operation::Times, Kind::Exact, Kind::Estimate(unit)) => Kind::Estimate(unit),
            (Operation::Times, Kind::Estimate(unit), Kind::Estimate(other))
            | (Operation::Over, Kind::Estimate(unit), Kind::Estimate(other))
                if other == number =>
            {
                Kind::Estimate(unit)
            }
            (Operation::Times, Kind::Estimate(other), Kind::Estimate(unit)) if other == number => {
                Kind::Estimate(unit)
            }
            (Operation::Over, Kind::Estimate(unit), Kind::Estimate(other)) if unit == other => {
                Kind::Estimate(number)
            }
            (Operation::Over, Kind::Exact, Kind::Estimate(other)) if other == number => {
                Kind::Estimate(number)
            }
            (_, left, right) => {
                let verb = match operation {
                    Operation::Times => "multiplied",
                    Operation::Over => "divided",
                };
                let (left, right) = (words(left), words(right));
                let message = format!("{left} cannot be {verb} by {right}");
                let help = "divide like by like, or multiply and divide by a number".to_owned();
                self.error(&tree.span, "unit-mismatch", message, help);
                return None;
            }
        };
        let unit = match kind {
            Kind::Estimate(unit) => unit,
            _ => Unit::Number,
        };
        let term = Term::Arithmetic {
            operation,
            left: Box::new(a.term),
            right: Box::new(b.term),
            text: self.text[tree.span.clone()].to_owned(),
            unit,
        };
        Some((term, kind))
    }

    fn compare(&mut self, tree: &Tree, relation: Relation, a: Typed, b: Typed) -> Option<Claim> {
        let (a, b) = self.alike(tree, a, b)?;
        if a.kind == Kind::Text && relation.is_ordering() {
            let message = format!("texts have no order: `{}`", relation.symbol());
            let help = "compare them with == or !=".to_owned();
            self.error(&tree.span, "text-order", message, help);
            return None;
        }
        let fixed = |side: &Typed| matches!(side.term, Term::Number(_));
        let estimate = |side: &Typed| matches!(side.kind, Kind::Estimate(_)) && !fixed(side);
        let inexact = match (estimate(&a), estimate(&b)) {
            (true, true) => true,
            (false, false) => false,
            // Requests that failed are counted: none is none.
            (left, _) => !is_errors(if left { &a.term } else { &b.term }),
        };
        if inexact && !relation.is_ordering() {
            let message = format!(
                "an estimate never is {} to anything",
                match relation {
                    Relation::NotEqual => "exactly unequal",
                    _ => "exactly equal",
                }
            );
            let help = "use same(a, b), or not same(a, b)".to_owned();
            self.error(&tree.span, "estimate-equality", message, help);
            return None;
        }
        Some(Claim::Compare {
            relation,
            left: a.term,
            right: b.term,
        })
    }

    /// Brings two sides to the same kind.
    fn alike(&mut self, tree: &Tree, a: Typed, b: Typed) -> Option<(Typed, Typed)> {
        let (a, b) = match (a.kind, b.kind) {
            (Kind::Quoted, Kind::Quoted) => {
                let message = "both sides are fixed".to_owned();
                let help = "compare with a function, such as p99(\"web\")".to_owned();
                self.error(&tree.span, "nothing-to-check", message, help);
                return None;
            }
            (Kind::Quoted, other) => (self.quoted(a, other)?, b),
            (other, Kind::Quoted) => {
                let b = self.quoted(b, other)?;
                (a, b)
            }
            _ => (a, b),
        };
        let comparable = match (a.kind, b.kind) {
            // A bare number has no unit; a quoted one has been read by now.
            (Kind::Exact, Kind::Estimate(unit)) | (Kind::Estimate(unit), Kind::Exact) => {
                unit == Unit::Number
            }
            (left, right) => left == right,
        };
        if a.term.is_fixed() && b.term.is_fixed() {
            let message = "both sides are fixed".to_owned();
            let help = "compare with a function, such as p99(\"web\")".to_owned();
            self.error(&tree.span, "nothing-to-check", message, help);
            return None;
        }
        if !comparable {
            let message = format!(
                "{} cannot be compared with {}",
                words(a.kind),
                words(b.kind)
            );
            let unit = [a.kind, b.kind].into_iter().find_map(|kind| match kind {
                Kind::Estimate(unit) if unit != Unit::Number => Some(unit),
                _ => None,
            });
            let help = unit.map_or("compare like with like".to_owned(), |unit| {
                format!(
                    "write {} in quotes and with a unit: {}",
                    unit.words(),
                    unit.example()
                )
            });
            self.error(&tree.span, "unit-mismatch", message, help);
            return None;
        }
        Some((a, b))
    }

    /// A text in quotes beside something of another kind: a quantity, or a name.
    fn quoted(&mut self, side: Typed, other: Kind) -> Option<Typed> {
        let Term::Text(text) = &side.term else {
            return Some(side);
        };
        let unit = match other {
            Kind::Estimate(unit) => unit,
            Kind::Exact => Unit::Number,
            Kind::Text | Kind::Quoted => {
                return Some(Typed {
                    kind: Kind::Text,
                    ..side
                });
            }
        };
        match quantity(text, unit) {
            Ok(number) => Some(Typed {
                term: Term::Number(number),
                kind: other,
                span: side.span,
            }),
            Err(message) => {
                let help = format!("write {} such as {}", unit.words(), unit.example());
                self.error(&side.span, "not-a-quantity", message, help);
                None
            }
        }
    }

    fn same(&mut self, tree: &Tree, arguments: &[Tree]) -> Option<Claim> {
        let [a, b] = arguments else {
            let message = format!("`same` takes 2 values, not {}", arguments.len());
            let help = "write same(a, b)".to_owned();
            self.error(&tree.span, "wrong-arguments", message, help);
            return None;
        };
        let (a, b) = (self.term(a), self.term(b));
        let (a, b) = self.alike(tree, a?, b?)?;
        if a.kind == Kind::Text {
            let message = "`same` compares quantities".to_owned();
            self.error(
                &tree.span,
                "not-a-number",
                message,
                "use == for texts".to_owned(),
            );
            return None;
        }
        Some(Claim::Same(a.term, b.term))
    }

    fn call(&mut self, tree: &Tree) -> Option<(Call, &'static Signature)> {
        let TreeKind::Call {
            name,
            name_span,
            arguments,
        } = &tree.kind
        else {
            return None;
        };
        let Some(signature) = FUNCTIONS.iter().find(|signature| signature.name == *name) else {
            let names = FUNCTIONS.iter().map(|signature| signature.name);
            let help = match nearest(name, names.clone().chain(["same"])) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}, same", names.collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no function `{name}`");
            self.error(name_span, "unknown-function", message, help);
            return None;
        };
        if !(signature.least..=signature.takes.len()).contains(&arguments.len()) {
            let message = format!("`{name}` does not take {} arguments", arguments.len());
            let help = format!("write {}", signature.usage());
            self.error(&tree.span, "wrong-arguments", message, help);
            return None;
        }
        let before = self.errors.len();
        let (mut names, mut port, mut mode) = (Vec::new(), None, None);
        for (argument, takes) in arguments.iter().zip(signature.takes) {
            if *takes == Argument::Port {
                port = self.port(argument);
                continue;
            }
            let TreeKind::Text(text) = &argument.kind else {
                let given = &self.text[argument.span.clone()];
                let message = format!("`{name}` takes {}, not `{given}`", takes.words());
                let help = "put the name in quotes".to_owned();
                self.error(&argument.span, "wrong-arguments", message, help);
                continue;
            };
            if *takes == Argument::Mode {
                mode = self.mode(text, &argument.span);
            } else {
                self.name(*takes, text, &argument.span);
                names.push(text.clone());
            }
        }
        let call = Call {
            function: signature.function,
            names,
            port,
            mode,
            text: self.text[tree.span.clone()].to_owned(),
        };
        (self.errors.len() == before).then_some((call, signature))
    }

    fn port(&mut self, tree: &Tree) -> Option<u16> {
        let port = match &tree.kind {
            TreeKind::Number(number) => (1..=u16::MAX).find(|p| numbers_equal(*p, *number)),
            _ => None,
        };
        if port.is_none() {
            let message = format!("`{}` is no port", &self.text[tree.span.clone()]);
            let help = "give a number from 1 to 65535, without quotes".to_owned();
            self.error(&tree.span, "not-a-port", message, help);
        }
        port
    }

    fn mode(&mut self, text: &str, span: &Range<usize>) -> Option<Mode> {
        let mode = parse_mode(text);
        if mode.is_none() {
            let help = match nearest(text, Mode::ALL.map(Mode::name)) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "modes are none, bridge, host, awsvpc and fargate".to_owned(),
            };
            self.error(
                span,
                "unknown-name",
                format!("there is no mode {text:?}"),
                help,
            );
        }
        mode
    }

    /// Reports a name that the scenario does not have.
    fn name(&mut self, takes: Argument, text: &str, span: &Range<usize>) {
        let known = self.known;
        let (what, found, names): (_, _, Vec<&str>) = match takes {
            Argument::Workload => {
                let names = known.workloads.clone();
                ("workload", names.contains(&text), names)
            }
            Argument::Victim if known.workloads.contains(&text) => {
                if !known.victims.contains(&text) {
                    let message = format!("no neighbour disturbs workload {text:?}");
                    let help = "add [[neighbour]], or name it in a neighbour's `victims`";
                    self.error(span, "no-neighbour", message, help.to_owned());
                }
                return;
            }
            Argument::Victim => ("workload", false, known.workloads.clone()),
            Argument::DropReason => {
                let codes = DropReason::ALL.iter().map(|reason| reason.code());
                let codes: Vec<_> = codes.collect();
                ("reason for a drop", codes.contains(&text), codes)
            }
            Argument::Asker if is_service(text) => {
                let message = format!("{text:?} asks nobody");
                let help = "it can only be what is reached".to_owned();
                self.error(span, "asks-nobody", message, help);
                return;
            }
            Argument::Party | Argument::Asker => (
                "service, task or machine",
                known.is_party(text),
                known.parties(),
            ),
            Argument::Service => {
                let names = known.services.iter().map(|service| service.name).collect();
                ("service", known.is_service(text), names)
            }
            Argument::Task => {
                let names = known.services.iter().map(|service| service.name).collect();
                ("task", known.is_task(text), names)
            }
            Argument::Target => return self.target(text, span),
            Argument::Code | Argument::Mode | Argument::Port => return,
        };
        if !found {
            let help = match nearest(text, names.iter().copied()) {
                Some(near) if takes == Argument::Task => format!("did you mean \"{near}/0\"?"),
                Some(near) => format!("did you mean {near:?}?"),
                None if names.is_empty() => format!("the scenario has no {what}"),
                None if takes == Argument::DropReason => {
                    "`drops` of results.json has them".to_owned()
                }
                None => format!("known: {}", names.join(", ")),
            };
            self.error(
                span,
                "unknown-name",
                format!("there is no {what} {text:?}"),
                help,
            );
        }
    }

    fn target(&mut self, text: &str, span: &Range<usize>) {
        let parts = split_target(text);
        match parts {
            Some((name, _, _)) => self.name(Argument::Party, name, span),
            None => {
                let message = format!("{text:?} is no target");
                let help = "write \"name:port\", with \"/udp\" behind it for UDP".to_owned();
                self.error(span, "not-a-target", message, help);
            }
        }
    }
}

/// `name:port`, with `/udp` behind it or not: the name, the port and the protocol.
pub(super) fn split_target(text: &str) -> Option<(&str, u16, &str)> {
    let (name, port) = text.rsplit_once(':')?;
    let (port, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    matches!(protocol, "tcp" | "udp").then_some((name, port, protocol))
}

fn numbers_equal(port: u16, number: f64) -> bool {
    f64::from(port).total_cmp(&number).is_eq()
}

fn is_same(tree: &Tree) -> bool {
    matches!(&tree.kind, TreeKind::Call { name, .. } if name == "same")
}

fn is_errors(term: &Term) -> bool {
    use reports::results::Metric;
    matches!(term, Term::Call(call) if call.function == Function::Metric(Metric::Errors))
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Quoted | Kind::Text => "a text",
        Kind::Exact => "a number",
        Kind::Estimate(unit) => unit.words(),
    }
}

/// A text as a quantity, in the base unit of what it counts.
fn quantity(text: &str, unit: Unit) -> Result<f64, String> {
    let said = |error: ParseUnitError| error.to_string();
    match unit {
        Unit::Time => text
            .parse::<SimDuration>()
            .map(|time| time.as_ps() as f64 / 1000.0)
            .map_err(said),
        Unit::DataRate => text
            .parse::<DataRate>()
            .map(|rate| rate.bps() as f64)
            .map_err(said),
        Unit::Frequency => text
            .parse::<PacketRate>()
            .map(|rate| rate.pps() as f64)
            .map_err(said),
        Unit::Share => {
            const PARTS: u64 = 1_000_000_000_000;
            let ratio = text.parse::<Ratio>().map_err(said)?;
            if ratio > Ratio::ONE {
                return Err(format!("{text:?} is more than all"));
            }
            Ok(ratio.scale(PARTS) as f64 / PARTS as f64)
        }
        Unit::Number => Err(format!(
            "{text:?} is a text, where a plain number is expected"
        )),
    }
}

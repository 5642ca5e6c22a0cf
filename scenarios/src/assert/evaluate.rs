//! Holds assertions against what a comparison found.

use reports::comparison::{slowdowns, values};
use reports::results::{CheckResult, Metric, ModeResult, Observed, Outcome, WorkloadResult};
use reports::{Experiment, ModeRecord, Results, TaskRecord};

use super::functions::Function;
use super::observe::show;
use super::value::{Estimated, Truth, Value, calculate, compare, same};
use super::{Call, Check, Claim, Term, Unit, reach};
use crate::ecs::Mode;

/// Evaluates checks, each in its modes, in the order of the scenario and of the modes.
///
/// A check that names all its modes itself is evaluated once. `results` must have been made from
/// `experiment`.
#[must_use]
pub fn evaluate(checks: &[Check], experiment: &Experiment, results: &Results) -> Vec<CheckResult> {
    let facts = Facts {
        experiment,
        results,
    };
    checks.iter().flat_map(|check| facts.check(check)).collect()
}

/// What a claim is held against.
pub(super) struct Facts<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) results: &'a Results,
}

/// A claim on its way: what it has looked at.
struct Look<'a> {
    facts: &'a Facts<'a>,
    mode: Option<&'a str>,
    observed: Vec<Observed>,
}

impl Facts<'_> {
    fn check(&self, check: &Check) -> Vec<CheckResult> {
        if !check.depends_on_mode() {
            return vec![self.in_mode(check, None)];
        }
        let named = check.modes.as_ref();
        let named = named.map(|modes| modes.iter().map(|mode| mode.name()).collect());
        let modes: Vec<&str> = named.unwrap_or_else(|| {
            let deployable = self
                .results
                .modes
                .iter()
                .filter(|(_, mode)| mode.deployable);
            deployable.map(|(name, _)| name.as_str()).collect()
        });
        if modes.is_empty() {
            let reason = "no mode can carry the scenario".to_owned();
            return vec![result(check, None, Truth::Open(reason), Vec::new())];
        }
        modes
            .into_iter()
            .map(|mode| self.in_mode(check, Some(mode)))
            .collect()
    }

    fn in_mode(&self, check: &Check, mode: Option<&str>) -> CheckResult {
        let mut look = Look {
            facts: self,
            mode,
            observed: Vec::new(),
        };
        let truth = look.claim(&check.claim);
        result(check, mode, truth, look.observed)
    }

    /// A mode that was compared.
    pub(super) fn mode(&self, name: &str) -> Result<(&ModeResult, &ModeRecord), String> {
        let found = self.results.modes.get(name);
        found
            .zip(self.experiment.modes.get(name))
            .ok_or_else(|| format!("{name} was not compared: add it to --modes"))
    }

    /// A mode that ran.
    pub(super) fn ran(&self, name: &str) -> Result<(&ModeResult, &ModeRecord), String> {
        let (result, record) = self.mode(name)?;
        if result.deployable {
            return Ok((result, record));
        }
        let code = result
            .reason
            .as_ref()
            .map_or("refused", |r| r.code.as_str());
        Err(format!("{name} cannot carry the scenario ({code})"))
    }

    fn task(&self, mode: &str, name: &str) -> Result<&TaskRecord, String> {
        let found = self.ran(mode)?.1.tasks.get(name);
        found.ok_or_else(|| format!("{name} does not run in {mode}"))
    }

    fn workload(&self, mode: &str, name: &str) -> Result<&WorkloadResult, String> {
        let found = self.ran(mode)?.0.workloads.get(name);
        found.ok_or_else(|| format!("{mode} did not run {name}"))
    }

    fn metric(&self, mode: &str, name: &str, metric: Metric) -> Result<Value, String> {
        let workload = self.workload(mode, name)?;
        if workload.outcome != Outcome::Measured {
            return Err(format!("{name} is {} in {mode}", workload.outcome.word()));
        }
        let estimate = workload
            .metric(metric)
            .ok_or_else(|| format!("{name} has no requests"))?;
        let value = estimate.estimate.ok_or_else(|| {
            let why = estimate.note.as_deref().unwrap_or("not measured");
            format!("{name} in {mode}: {why}")
        })?;
        let record = self.ran(mode)?.1;
        Ok(Value::Estimate(Estimated {
            value,
            interval: estimate.lo.zip(estimate.hi),
            series: values(record, name, metric),
            ratio: false,
        }))
    }

    fn interference(&self, mode: &str, name: &str) -> Result<Value, String> {
        let (result, record) = self.ran(mode)?;
        let interference = result
            .isolation
            .as_ref()
            .and_then(|isolation| isolation.interference.as_ref());
        let interference = interference.ok_or("it ran without neighbours")?;
        let metrics = interference.victims.get(name).map(|victim| &victim.metrics);
        let of = |metric: Metric| metrics.and_then(|metrics| metrics.get(metric.key()));
        let found = of(Metric::LatencyP99).or_else(|| of(Metric::Throughput));
        let found = found.ok_or_else(|| format!("{name} was not measured in {mode}"))?;
        let ratio = found
            .difference
            .ratio
            .and(Estimated::of_ratios(slowdowns(record, name)));
        let ratio =
            ratio.ok_or_else(|| format!("{name} in {mode}: {}", found.difference.verdict))?;
        Ok(Value::Estimate(ratio))
    }
}

fn result(check: &Check, mode: Option<&str>, truth: Truth, observed: Vec<Observed>) -> CheckResult {
    CheckResult {
        name: check.name.clone(),
        that: check.that.clone(),
        because: check.because.clone(),
        mode: mode.map(str::to_owned),
        passed: truth == Truth::Holds,
        reason: match truth {
            Truth::Open(why) => Some(why),
            Truth::Holds | Truth::Fails => None,
        },
        observed,
    }
}

impl Look<'_> {
    /// Every part is looked at, also where one alone decides: what was found is worth knowing.
    fn claim(&mut self, claim: &Claim) -> Truth {
        match claim {
            Claim::Fact(call) => self.fact(call),
            Claim::Not(claim) => self.claim(claim).not(),
            Claim::All(a, b) => {
                let (a, b) = (self.claim(a), self.claim(b));
                a.and(b)
            }
            Claim::Any(a, b) => {
                let (a, b) = (self.claim(a), self.claim(b));
                a.not().and(b.not()).not()
            }
            Claim::Compare {
                relation,
                left,
                right,
            } => self.two(left, right, |a, b| compare(*relation, a, b)),
            Claim::Same(left, right) => self.two(left, right, same),
        }
    }

    fn two(&mut self, a: &Term, b: &Term, judge: impl Fn(&Value, &Value) -> Truth) -> Truth {
        let (a, b) = (self.side(a), self.side(b));
        match (a, b) {
            (Ok(a), Ok(b)) => judge(&a, &b),
            (Err(why), _) | (_, Err(why)) => Truth::Open(why),
        }
    }

    /// A side of a comparison: its value is observed, unless it is fixed.
    fn side(&mut self, term: &Term) -> Result<Value, String> {
        let value = self.term(term);
        let (what, unit) = match term {
            Term::Number(_) | Term::Text(_) => return value,
            Term::Call(call) => (&call.text, call.function.unit()),
            Term::Arithmetic { text, unit, .. } => (text, *unit),
        };
        let shown = value
            .as_ref()
            .map_or("?".to_owned(), |value| show(value, unit));
        self.observe(what, shown);
        value
    }

    fn observe(&mut self, what: &str, value: String) {
        let what = what.to_owned();
        let observed = Observed { what, value };
        if !self.observed.contains(&observed) {
            self.observed.push(observed);
        }
    }

    fn term(&self, term: &Term) -> Result<Value, String> {
        match term {
            Term::Number(number) => Ok(Value::Exact(*number)),
            Term::Text(text) => Ok(Value::Text(text.clone())),
            Term::Call(call) => self.value(call),
            Term::Arithmetic {
                operation,
                left,
                right,
                ..
            } => calculate(*operation, self.term(left)?, self.term(right)?),
        }
    }

    fn mode<'m>(&'m self, call: &'m Call) -> &'m str {
        // One of both is there: a check without modes of its own depends on none.
        call.mode.map(Mode::name).or(self.mode).unwrap_or_default()
    }

    fn value(&self, call: &Call) -> Result<Value, String> {
        let (facts, mode) = (self.facts, self.mode(call));
        let name = call.names.first().map_or("", String::as_str);
        let exact = |number: usize| Ok(Value::Exact(number as f64));
        match call.function {
            Function::Metric(metric) => facts.metric(mode, name, metric),
            Function::Interference => facts.interference(mode, name),
            Function::Density => match &facts.ran(mode)?.0.density {
                Some(density) => Ok(Value::Exact(
                    // Nothing limits the tasks of Fargate.
                    density
                        .tasks_per_instance
                        .map_or(f64::INFINITY, |n| n as f64),
                )),
                None => Err(format!("{mode} has no density")),
            },
            Function::DensityLimit => match &facts.ran(mode)?.0.density {
                Some(density) => Ok(Value::Text(density.binding_limit.clone())),
                None => Err(format!("{mode} has no density")),
            },
            Function::PlacedMode => Ok(Value::Text(facts.task(mode, name)?.mode.clone())),
            Function::HostPort => {
                let task = facts.task(mode, name)?;
                let mut ports = task.ports.iter();
                let port = ports.find(|port| Some(port.container_port) == call.port);
                let port =
                    port.ok_or_else(|| format!("{name} publishes no such port in {mode}"))?;
                Ok(Value::Exact(f64::from(port.host_port)))
            }
            Function::SourceSeen => {
                let seen = facts.workload(mode, name)?.source_seen.clone();
                let seen = seen.ok_or_else(|| format!("no server of {name} saw a client"))?;
                Ok(Value::Text(seen))
            }
            Function::AddressOf => {
                let address = facts.ran(mode)?.1.addresses.get(name);
                let address = address.ok_or_else(|| format!("{name} has no address in {mode}"))?;
                Ok(Value::Text(address.clone()))
            }
            Function::Placed => {
                let mut placement = facts.ran(mode)?.0.placement.iter();
                let placed = placement.find(|placed| placed.task == name);
                let placed = placed.ok_or_else(|| format!("{name} was not placed"))?;
                Ok(Value::Text(placed.host.clone()))
            }
            Function::Drops => {
                let drops = &facts.ran(mode)?.0.drops;
                Ok(Value::Exact(drops.get(name).copied().unwrap_or(0) as f64))
            }
            Function::PortConflicts => exact(facts.mode(mode)?.1.port_conflicts.len()),
            Function::Exposed => exact(reach::exposed(facts, mode, name)?),
            Function::BlastRadius => exact(reach::blast_radius(facts, mode, name)?),
            Function::Deployable | Function::Refused | Function::Isolated | Function::Reaches => {
                Err("a condition has no value".to_owned())
            }
        }
    }

    fn fact(&mut self, call: &Call) -> Truth {
        let found = self.found(call);
        let (truth, shown) = match found {
            Ok((truth, shown)) => (truth, shown),
            Err(why) => (Truth::Open(why), "?".to_owned()),
        };
        self.observe(&call.text, shown);
        truth
    }

    /// Whether a fact holds, and what was found.
    fn found(&self, call: &Call) -> Result<(Truth, String), String> {
        let (facts, mode) = (self.facts, self.mode(call));
        let names: Vec<&str> = call.names.iter().map(String::as_str).collect();
        let yes_or_no = |holds: bool, what: String| Ok((Truth::from(holds), what));
        match (call.function, names.as_slice()) {
            (Function::Deployable, _) => {
                let reason = facts.mode(mode)?.0.reason.as_ref();
                let words = reason.map_or("yes".to_owned(), |r| format!("no ({})", r.code));
                yes_or_no(facts.mode(mode)?.0.deployable, words)
            }
            (Function::Refused, codes) => {
                let reason = facts.mode(mode)?.0.reason.as_ref();
                let is_it = |code: &str| codes.first().is_none_or(|wanted| *wanted == code);
                let words =
                    reason.map_or("no".to_owned(), |r| format!("{} ({})", r.code, r.message));
                yes_or_no(reason.is_some_and(|reason| is_it(&reason.code)), words)
            }
            (Function::Isolated, [name, ..]) => {
                let outcome = facts.workload(mode, name)?.outcome;
                yes_or_no(outcome == Outcome::Isolated, outcome.word().to_owned())
            }
            (Function::Reaches, [from, to, ..]) => reach::reaches(facts, mode, from, to),
            _ => Err("a value is no condition".to_owned()),
        }
    }
}

impl Function {
    /// What its value counts.
    fn unit(self) -> Unit {
        match self {
            Self::Metric(Metric::Throughput) => Unit::DataRate,
            Self::Metric(Metric::Requests) => Unit::Frequency,
            Self::Metric(Metric::Errors) => Unit::Share,
            Self::Metric(_) => Unit::Time,
            _ => Unit::Number,
        }
    }
}

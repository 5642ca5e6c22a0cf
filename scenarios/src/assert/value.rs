//! Values of expressions, and what can be said of two of them.
//!
//! An estimate keeps its value in each replication. Modes share their random numbers replication by
//! replication, so two estimates are compared in pairs, as everywhere in the results.

use std::collections::BTreeMap;

use reports::comparison::interval::{CONFIDENCE, Mean, mean, paired_difference, paired_ratio};

use super::{Operation, Relation};

/// A value of an expression.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A number that is what it is.
    Exact(f64),
    Text(String),
    Estimate(Estimated),
}

/// A value with an interval.
#[derive(Clone, Debug)]
pub(super) struct Estimated {
    pub(super) value: f64,
    /// `None` with one replication.
    pub(super) interval: Option<(f64, f64)>,
    /// The value in each replication.
    pub(super) series: BTreeMap<u32, f64>,
    /// A ratio of two estimates: its logarithm is what is symmetric.
    pub(super) ratio: bool,
}

/// What becomes of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Holds,
    Fails,
    /// Neither is shown, for this reason.
    Open(String),
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

impl Truth {
    pub(super) fn not(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
            Self::Open(why) => Self::Open(why),
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fails, _) | (_, Self::Fails) => Self::Fails,
            (Self::Open(why), _) | (_, Self::Open(why)) => Self::Open(why),
            (Self::Holds, Self::Holds) => Self::Holds,
        }
    }
}

/// The probability that an interval misses, on either side together.
const ALPHA: f64 = 1.0 - CONFIDENCE;

/// A relative difference that `same` lets pass whatever the intervals say.
const NEGLIGIBLE: f64 = 0.01;

impl Estimated {
    /// Of values that were computed from others, by replication; `None` if there are none.
    fn of_series(series: BTreeMap<u32, f64>, ratio: bool) -> Option<Self> {
        let values: Vec<f64> = series.values().copied().collect();
        let pairs: Vec<(f64, f64)> = values.iter().map(|value| (*value, 1.0)).collect();
        let geometric = ratio.then(|| paired_ratio(&pairs, ALPHA)).flatten();
        let mean = geometric.or_else(|| mean(&values, ALPHA))?;
        Some(Self {
            value: mean.value,
            interval: mean.interval,
            series,
            ratio,
        })
    }

    /// Of a slowdown or another ratio, by replication.
    pub(super) fn of_ratios(series: BTreeMap<u32, f64>) -> Option<Self> {
        Self::of_series(series, true)
    }

    fn scaled(&self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            interval: self.interval.map(|(lo, hi)| (lo * factor, hi * factor)),
            series: self.series.iter().map(|(i, v)| (*i, v * factor)).collect(),
            ratio: self.ratio,
        }
    }

    /// Values of both in the replications that both have.
    fn pairs(&self, other: &Self) -> Vec<(f64, f64)> {
        let pair = |(index, value): (&u32, &f64)| Some((*value, *other.series.get(index)?));
        self.series.iter().filter_map(pair).collect()
    }
}

/// Multiplies or divides. What has no value, such as a limitless number over another, is none: no
/// relation holds for it, and so its negation must not hold either.
pub(super) fn calculate(operation: Operation, a: Value, b: Value) -> Result<Value, String> {
    let value = product(operation, a, b)?;
    let undefined = match &value {
        Value::Exact(number) => number.is_nan(),
        Value::Text(_) => false,
        Value::Estimate(estimate) => estimate.value.is_nan(),
    };
    match undefined {
        true => Err("a calculation with what has no limit gives no number".to_owned()),
        false => Ok(value),
    }
}

fn product(operation: Operation, a: Value, b: Value) -> Result<Value, String> {
    let by_zero = || "a division by zero".to_owned();
    match (operation, a, b) {
        (Operation::Times, Value::Exact(a), Value::Exact(b)) => Ok(Value::Exact(a * b)),
        (Operation::Over, Value::Exact(a), Value::Exact(b)) => (b.abs() > 0.0)
            .then(|| Value::Exact(a / b))
            .ok_or_else(by_zero),
        (Operation::Times, Value::Exact(factor), Value::Estimate(estimate))
        | (Operation::Times, Value::Estimate(estimate), Value::Exact(factor)) => {
            Ok(Value::Estimate(estimate.scaled(factor)))
        }
        (Operation::Over, Value::Estimate(estimate), Value::Exact(divisor)) => (divisor.abs()
            > 0.0)
            .then(|| Value::Estimate(estimate.scaled(1.0 / divisor)))
            .ok_or_else(by_zero),
        (Operation::Over, Value::Exact(a), Value::Estimate(b)) => {
            let series = b.series.keys().map(|index| (*index, a)).collect();
            let a = Estimated {
                series,
                ..b.clone()
            };
            by_replication(operation, &a, &b)
        }
        (_, Value::Estimate(a), Value::Estimate(b)) => by_replication(operation, &a, &b),
        (_, Value::Text(_), _) | (_, _, Value::Text(_)) => Err("a text is no number".to_owned()),
    }
}

fn by_replication(operation: Operation, a: &Estimated, b: &Estimated) -> Result<Value, String> {
    let mut series = BTreeMap::new();
    for (index, a) in &a.series {
        let Some(b) = b.series.get(index) else {
            continue;
        };
        let value = match operation {
            Operation::Times => a * b,
            Operation::Over if b.abs() > 0.0 => a / b,
            Operation::Over => return Err("a division by zero".to_owned()),
        };
        series.insert(*index, value);
    }
    Estimated::of_series(series, operation == Operation::Over)
        .map(Value::Estimate)
        .ok_or_else(|| "no replication in common".to_owned())
}

/// Whether two values stand in a relation.
pub(super) fn compare(relation: Relation, a: &Value, b: &Value) -> Truth {
    match (a, b) {
        (Value::Exact(a), Value::Exact(b)) => numbers(relation, *a, *b).into(),
        (Value::Text(a), Value::Text(b)) => ((relation == Relation::Equal) == (a == b)).into(),
        (Value::Estimate(a), Value::Exact(b)) if !relation.is_ordering() => {
            numbers(relation, a.value, *b).into()
        }
        (Value::Exact(a), Value::Estimate(b)) if !relation.is_ordering() => {
            numbers(relation, *a, b.value).into()
        }
        (Value::Estimate(a), Value::Exact(b)) => {
            decide(relation, a.interval.map(|(lo, hi)| (lo - b, hi - b)))
        }
        (Value::Exact(a), Value::Estimate(b)) => {
            decide(relation, b.interval.map(|(lo, hi)| (a - hi, a - lo)))
        }
        (Value::Estimate(a), Value::Estimate(b)) => match distance(a, b) {
            Some(mean) => decide(relation, mean.interval),
            None => Truth::Open("no replication in common".to_owned()),
        },
        _ => Truth::Open("a text and a number".to_owned()),
    }
}

/// How far `a` is above `b`, in pairs: their difference, or the logarithm of their ratio where they
/// are ratios themselves.
fn distance(a: &Estimated, b: &Estimated) -> Option<Mean> {
    let pairs = a.pairs(b);
    let ratio = (a.ratio || b.ratio).then(|| paired_ratio(&pairs, ALPHA));
    if let Some(ratio) = ratio.flatten() {
        return Some(Mean {
            value: ratio.value - 1.0,
            interval: ratio.interval.map(|(lo, hi)| (lo - 1.0, hi - 1.0)),
            n: ratio.n,
        });
    }
    paired_difference(&pairs, ALPHA)
}

fn numbers(relation: Relation, a: f64, b: f64) -> bool {
    let order = a.partial_cmp(&b);
    match relation {
        Relation::Less => order.is_some_and(|o| o.is_lt()),
        Relation::LessOrEqual => order.is_some_and(|o| o.is_le()),
        Relation::Greater => order.is_some_and(|o| o.is_gt()),
        Relation::GreaterOrEqual => order.is_some_and(|o| o.is_ge()),
        Relation::Equal => order.is_some_and(|o| o.is_eq()),
        Relation::NotEqual => order.is_some_and(|o| o.is_ne()),
    }
}

/// What the interval of `a - b` says of `a relation b`.
fn decide(relation: Relation, interval: Option<(f64, f64)>) -> Truth {
    let Some((lo, hi)) = interval else {
        return Truth::Open("one replication has no interval to judge by".to_owned());
    };
    let (holds, fails) = match relation {
        Relation::Less => (hi < 0.0, lo >= 0.0),
        Relation::LessOrEqual => (hi <= 0.0, lo > 0.0),
        Relation::Greater => (lo > 0.0, hi <= 0.0),
        Relation::GreaterOrEqual => (lo >= 0.0, hi < 0.0),
        Relation::Equal | Relation::NotEqual => (false, false),
    };
    match (holds, fails) {
        (true, _) => Truth::Holds,
        (_, true) => Truth::Fails,
        _ => Truth::Open("the interval allows both".to_owned()),
    }
}

/// Whether two values cannot be told apart, or hardly differ.
pub(super) fn same(a: &Value, b: &Value) -> Truth {
    let near = |ratio: f64| (ratio - 1.0).abs() <= NEGLIGIBLE;
    let holds_zero = |interval: Option<(f64, f64)>| match interval {
        Some((lo, hi)) => Truth::from(lo <= 0.0 && hi >= 0.0),
        None => Truth::Open("one replication has no interval to judge by".to_owned()),
    };
    match (a, b) {
        (Value::Exact(a), Value::Exact(b)) => {
            (numbers(Relation::Equal, *a, *b) || (b.abs() > 0.0 && near(a / b))).into()
        }
        (Value::Estimate(a), Value::Exact(b)) | (Value::Exact(b), Value::Estimate(a)) => {
            if b.abs() > 0.0 && near(a.value / b) {
                return Truth::Holds;
            }
            holds_zero(a.interval.map(|(lo, hi)| (lo - b, hi - b)))
        }
        (Value::Estimate(a), Value::Estimate(b)) => {
            let pairs = a.pairs(b);
            if paired_ratio(&pairs, ALPHA).is_some_and(|ratio| near(ratio.value)) {
                return Truth::Holds;
            }
            match paired_difference(&pairs, ALPHA) {
                Some(difference) => holds_zero(difference.interval),
                None => Truth::Open("no replication in common".to_owned()),
            }
        }
        _ => Truth::Open("a text and a number".to_owned()),
    }
}

//! `summary.csv`: tidy, one row per mode, workload and metric.
//!
//! Every combination has a row, also where there is no number, so that a pivot table has no holes
//! whose reason is unknown: `outcome` and `note` say it.
//!
//! What neighbours do to a workload has rows of its own: the metric has `with_neighbours.` before its
//! name, and what it is compared with, the same runs without them, stands as `without neighbours` in
//! the column `baseline`.

use std::io::{self, Write};

use crate::results::{Difference, Estimate, Interfered, Metric, ModeResult, Results};

const HEADER: [&str; 20] = [
    "mode",
    "workload",
    "metric",
    "unit",
    "outcome",
    "estimate",
    "lo",
    "hi",
    "n",
    "replications",
    "baseline",
    "ratio",
    "ratio_lo",
    "ratio_hi",
    "diff",
    "diff_lo",
    "diff_hi",
    "direction",
    "verdict",
    "note",
];

/// Writes the table with a header row; numbers are in base units (ns, bit/s, 1/s, ratio).
///
/// # Errors
/// Those of `out`.
pub fn write(results: &Results, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEADER).map_err(cause)?;
    for (name, mode) in &results.modes {
        for workload in results.workload_names() {
            for metric in Metric::ALL {
                writer
                    .write_record(row(results, name, mode, workload, metric))
                    .map_err(cause)?;
            }
        }
        for row in interference(name, mode) {
            writer.write_record(row).map_err(cause)?;
        }
    }
    writer.flush()
}

fn row(
    results: &Results,
    name: &str,
    mode: &ModeResult,
    workload: &str,
    metric: Metric,
) -> [String; 20] {
    let result = mode.workloads.get(workload);
    let (outcome, why) = match result {
        Some(result) => (result.outcome.word(), result.reason.clone()),
        None if mode.deployable => ("not run", None),
        None => (
            "not deployable",
            mode.reason
                .as_ref()
                .map(|r| format!("{}: {}", r.code, r.message)),
        ),
    };
    let estimate = result
        .and_then(|r| r.metric(metric))
        .cloned()
        .unwrap_or_default();
    let Estimate {
        estimate,
        lo,
        hi,
        n,
        replications,
        note,
    } = estimate;
    let difference = result.and_then(|r| r.difference(metric));
    let of = |get: fn(&Difference) -> Option<f64>| number(difference.and_then(get));
    let absent = || {
        let bulk = result.is_some_and(|r| r.metric(metric).is_none());
        bulk.then(|| "the workload has no requests".to_owned())
    };
    let note = note.or(why).or_else(absent).unwrap_or_default();
    [
        name.to_owned(),
        workload.to_owned(),
        metric.key().to_owned(),
        metric.unit().to_owned(),
        outcome.to_owned(),
        number(estimate),
        number(lo),
        number(hi),
        n.to_string(),
        replications.to_string(),
        results.baseline.clone(),
        of(|d| d.ratio),
        of(|d| d.ratio_lo),
        of(|d| d.ratio_hi),
        of(|d| d.diff),
        of(|d| d.lo),
        of(|d| d.hi),
        difference
            .map(|d| d.direction.code())
            .unwrap_or_default()
            .to_owned(),
        difference.map(|d| d.verdict.clone()).unwrap_or_default(),
        note,
    ]
}

/// A row per victim and metric of a mode.
fn interference(name: &str, mode: &ModeResult) -> Vec<[String; 20]> {
    let isolation = mode.isolation.as_ref();
    let victims = isolation
        .and_then(|i| i.interference.as_ref())
        .map(|i| &i.victims);
    let mut rows = Vec::new();
    for (workload, victim) in victims.into_iter().flatten() {
        for metric in Metric::ALL {
            if let Some(found) = victim.metrics.get(metric.key()) {
                rows.push(interfered(name, workload, metric, found));
            }
        }
    }
    rows
}

fn interfered(mode: &str, workload: &str, metric: Metric, found: &Interfered) -> [String; 20] {
    let (with, d) = (&found.with, &found.difference);
    let outcome = match with.estimate {
        Some(_) => "measured",
        None => "not measured",
    };
    [
        mode.to_owned(),
        workload.to_owned(),
        format!("with_neighbours.{}", metric.key()),
        metric.unit().to_owned(),
        outcome.to_owned(),
        number(with.estimate),
        number(with.lo),
        number(with.hi),
        with.n.to_string(),
        with.replications.to_string(),
        "without neighbours".to_owned(),
        number(d.ratio),
        number(d.ratio_lo),
        number(d.ratio_hi),
        number(d.diff),
        number(d.lo),
        number(d.hi),
        d.direction.code().to_owned(),
        d.verdict.clone(),
        with.note.clone().unwrap_or_default(),
    ]
}

/// An error of the writer as what it is: a reader that has gone away is told by its kind.
pub(crate) fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The shortest decimal that reads back as the same number; empty for none.
fn number(value: Option<f64>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

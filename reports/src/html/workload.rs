//! The section of one workload: estimates, differences, hops.

use super::charts;
use super::view::{Mode, Verdict, class, headline};
use crate::format;
use crate::record::Experiment;
use crate::results::{Metric, ModeResult, Outcome, Results, WorkloadResult};

pub(super) struct Workload<'a> {
    pub(super) anchor: usize,
    pub(super) name: &'a str,
    pub(super) heads: Vec<&'static str>,
    pub(super) relative_heads: Vec<&'static str>,
    pub(super) rows: Vec<WorkloadRow<'a>>,
    pub(super) notes: Vec<String>,
    pub(super) errors: Vec<(&'a str, String)>,
    pub(super) charts: Vec<charts::Chart>,
    pub(super) details: Vec<DetailRow<'a>>,
    /// Whether hops have a time per request, or only one per visit.
    pub(super) per_request: bool,
    pub(super) hop_modes: Vec<Mode<'a>>,
    pub(super) hops: Vec<HopRow<'a>>,
    pub(super) hop_totals: Vec<String>,
}

pub(super) struct WorkloadRow<'a> {
    pub(super) mode: Mode<'a>,
    /// `None`: the mode has no numbers, and `state` says why.
    pub(super) cells: Option<Vec<String>>,
    pub(super) state: String,
    pub(super) samples: String,
    pub(super) relatives: Vec<Verdict>,
}

/// One metric of one mode in full.
pub(super) struct DetailRow<'a> {
    pub(super) mode: Mode<'a>,
    pub(super) metric: &'static str,
    pub(super) estimate: String,
    pub(super) interval: String,
    pub(super) n: String,
    pub(super) ratio: String,
    pub(super) difference: String,
    pub(super) verdict: Verdict,
}

pub(super) struct HopRow<'a> {
    pub(super) component: &'a str,
    /// Mean per visit, visits per request and total per request; empty where the path does not lead
    /// through the component.
    pub(super) cells: Vec<Option<(String, String, String)>>,
}

/// Metrics of requests in the main table; all others are one click away.
const MAIN: [Metric; 5] = [
    Metric::LatencyP50,
    Metric::LatencyP99,
    Metric::LatencyP999,
    Metric::Requests,
    Metric::Errors,
];

/// The view of one workload in all modes.
pub(super) fn view<'a>(
    anchor: usize,
    name: &'a str,
    experiment: &Experiment,
    results: &'a Results,
    modes: &[(Mode<'a>, &'a ModeResult)],
) -> Workload<'a> {
    let has = |metric: &Metric| {
        let of = |m: &ModeResult| m.workloads.get(name)?.metric(*metric).map(|_| ());
        results.modes.values().any(|m| of(m).is_some())
    };
    let all: Vec<Metric> = Metric::ALL.into_iter().filter(has).collect();
    let has_requests = all.contains(&Metric::Requests);
    let metrics: Vec<Metric> = if has_requests {
        MAIN.into_iter().filter(has).collect()
    } else {
        all.clone()
    };
    let relative = match headline(results, name) {
        Metric::Throughput => vec![Metric::Throughput],
        _ => vec![Metric::LatencyP50, Metric::LatencyP99],
    };
    let measured: Vec<(Mode<'a>, &'a WorkloadResult)> = modes
        .iter()
        .filter_map(|(mode, result)| Some((*mode, result.workloads.get(name)?)))
        .filter(|(_, w)| w.outcome == Outcome::Measured)
        .collect();
    let with_hops: Vec<_> = measured
        .iter()
        .filter(|(_, w)| !w.hops.is_empty())
        .copied()
        .collect();
    Workload {
        anchor,
        name,
        heads: metrics.iter().map(|m| m.label()).collect(),
        relative_heads: relative.iter().map(|m| m.label()).collect(),
        rows: modes
            .iter()
            .map(|(m, r)| workload_row(*m, r, name, &metrics, &relative))
            .collect(),
        notes: notes(&measured, &all),
        details: details(&measured, &all),
        errors: errors(&measured),
        charts: charts::of_workload(anchor, name, experiment, modes),
        per_request: with_hops
            .iter()
            .any(|(_, w)| w.hops.iter().any(|h| h.ns_per_request.is_some())),
        hop_modes: with_hops.iter().map(|(mode, _)| *mode).collect(),
        hops: hop_rows(&with_hops),
        hop_totals: with_hops.iter().map(|(_, w)| hop_total(w)).collect(),
    }
}

fn workload_row<'a>(
    mode: Mode<'a>,
    result: &ModeResult,
    name: &str,
    metrics: &[Metric],
    relative: &[Metric],
) -> WorkloadRow<'a> {
    let workload = result.workloads.get(name);
    let measured = workload.filter(|w| w.outcome == Outcome::Measured);
    let state = match workload {
        Some(workload) => workload.outcome.word(),
        None if result.deployable => "not run",
        None => "not deployable",
    };
    let number = |w: &WorkloadResult, m: &Metric| {
        w.metric(*m).map_or_else(
            || format::NOTHING.to_owned(),
            |e| format::with_interval(*m, e),
        )
    };
    let latency_samples = measured.and_then(|w| Some(w.latency_ns.as_ref()?.p50.n));
    let replications = measured.and_then(|w| Some(w.throughput_bps.as_ref()?.n));
    WorkloadRow {
        mode,
        cells: measured.map(|w| metrics.iter().map(|m| number(w, m)).collect()),
        state: state.to_owned(),
        samples: latency_samples
            .map(format::grouped)
            .or_else(|| replications.map(|n| format!("{n} replications")))
            .unwrap_or_default(),
        relatives: match measured {
            Some(w) => relative
                .iter()
                .map(|m| relative_cell(mode, w, *m))
                .collect(),
            None => Vec::new(),
        },
    }
}

fn relative_cell(mode: Mode<'_>, workload: &WorkloadResult, metric: Metric) -> Verdict {
    if mode.baseline {
        return Verdict {
            number: "1.00".to_owned(),
            words: "baseline".to_owned(),
            class: "muted",
        };
    }
    let Some(d) = workload.difference(metric) else {
        return Verdict {
            number: String::new(),
            words: format::NOTHING.to_owned(),
            class: "muted",
        };
    };
    let number = d
        .ratio
        .map(|r| format::ratio(r, d.ratio_lo.zip(d.ratio_hi)))
        .unwrap_or_default();
    Verdict {
        number,
        words: d.verdict.clone(),
        class: class(d.direction),
    }
}

/// Notes of the estimates, each with the modes that it concerns.
fn notes(measured: &[(Mode<'_>, &WorkloadResult)], metrics: &[Metric]) -> Vec<String> {
    let mut notes: Vec<(String, Vec<&str>)> = Vec::new();
    for metric in metrics {
        for (mode, workload) in measured {
            let Some(note) = workload.metric(*metric).and_then(|e| e.note.as_ref()) else {
                continue;
            };
            let words = format!("{}: {note}", metric.label());
            match notes.iter_mut().find(|(known, _)| *known == words) {
                Some((_, modes)) => modes.push(mode.name),
                None => notes.push((words, vec![mode.name])),
            }
        }
    }
    notes
        .into_iter()
        .map(|(words, modes)| format!("{words} ({})", modes.join(", ")))
        .collect()
}

fn errors<'a>(measured: &[(Mode<'a>, &WorkloadResult)]) -> Vec<(&'a str, String)> {
    let words = |w: &WorkloadResult| {
        let parts: Vec<String> = w
            .errors_by_reason
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(reason, count)| format!("{reason} {}", format::grouped(*count)))
            .collect();
        parts.join(", ")
    };
    measured
        .iter()
        .map(|(mode, w)| (mode.name, words(w)))
        .filter(|(_, words)| !words.is_empty())
        .collect()
}

/// Every metric of every mode, with the ends of its interval and its difference to the baseline.
fn details<'a>(measured: &[(Mode<'a>, &WorkloadResult)], metrics: &[Metric]) -> Vec<DetailRow<'a>> {
    let mut rows = Vec::new();
    for metric in metrics {
        for (mode, workload) in measured {
            let Some(estimate) = workload.metric(*metric) else {
                continue;
            };
            let range = |lo: Option<f64>, hi: Option<f64>| match lo.zip(hi) {
                Some((lo, hi)) => {
                    format!(
                        "{} to {}",
                        format::metric(*metric, lo),
                        format::metric(*metric, hi)
                    )
                }
                None => format::NOTHING.to_owned(),
            };
            let difference = workload.difference(*metric);
            let diff = difference.and_then(|d| {
                let ends = (d.lo?, d.hi?);
                Some(format::difference(*metric, d.diff?, ends))
            });
            rows.push(DetailRow {
                mode: *mode,
                metric: metric.label(),
                estimate: format::estimate(*metric, Some(estimate)),
                interval: range(estimate.lo, estimate.hi),
                n: format::grouped(estimate.n),
                ratio: difference
                    .and_then(|d| Some(format::ratio(d.ratio?, d.ratio_lo.zip(d.ratio_hi))))
                    .unwrap_or_else(|| format::NOTHING.to_owned()),
                difference: diff.unwrap_or_else(|| format::NOTHING.to_owned()),
                verdict: relative_cell(*mode, workload, *metric),
            });
        }
    }
    rows
}

fn hop_rows<'a>(measured: &[(Mode<'a>, &'a WorkloadResult)]) -> Vec<HopRow<'a>> {
    let mut components: Vec<&str> = Vec::new();
    for (_, workload) in measured {
        // From the end, so that a component that only this path has stands before the one that
        // follows it there, behind those that only the paths before have.
        let mut position = components.len();
        for hop in workload.hops.iter().rev() {
            match components.iter().position(|c| *c == hop.component) {
                Some(known) => position = position.min(known),
                None => components.insert(position, &hop.component),
            }
        }
    }
    let cell = |workload: &WorkloadResult, component: &str| {
        let hop = workload.hops.iter().find(|h| h.component == component)?;
        let time = |ns: Option<f64>| ns.map_or_else(String::new, format::nanoseconds);
        let visits = hop
            .visits_per_request
            .map_or_else(String::new, |v| format!("{v:.1}"));
        Some((time(hop.mean_ns), visits, time(hop.ns_per_request)))
    };
    components
        .into_iter()
        .map(|component| HopRow {
            component,
            cells: measured.iter().map(|(_, w)| cell(w, component)).collect(),
        })
        .collect()
}

fn hop_total(workload: &WorkloadResult) -> String {
    let parts: Vec<f64> = workload
        .hops
        .iter()
        .filter_map(|h| h.ns_per_request)
        .collect();
    if parts.is_empty() {
        return format::NOTHING.to_owned();
    }
    format::nanoseconds(parts.iter().sum())
}

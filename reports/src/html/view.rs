//! The page as rows of text: what the template shows, in the order in which it shows it.

use askama::Template;

use super::charts;
use crate::format;
use crate::record::{
    ConstantRecord, DensityRecord, Experiment, InputHash, PlacementRecord, Provenance,
};
use crate::results::{Direction, Metric, ModeResult, Outcome, Results, Statistics, WorkloadResult};
use crate::svg::COLOURS;

/// The whole page.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page<'a> {
    provenance: &'a Provenance,
    statistics: &'a Statistics,
    baseline: &'a str,
    duration: String,
    warmup: String,
    glance_heads: Vec<Head<'a>>,
    glance: Vec<GlanceRow<'a>>,
    reasons: Vec<(&'a str, String)>,
    workloads: Vec<Workload<'a>>,
    reachability: Vec<ReachabilityRow<'a>>,
    frames: Vec<FramesRow<'a>>,
    drops: Vec<(&'a str, &'a str, String)>,
    placements: Vec<(Mode<'a>, &'a [PlacementRecord])>,
    densities: Vec<(Mode<'a>, &'a DensityRecord)>,
    digests: Vec<(Mode<'a>, &'a str)>,
    inputs: &'a [InputHash],
    constants: &'a [ConstantRecord],
}

/// A mode's name with the index of its colour.
#[derive(Clone, Copy)]
pub(super) struct Mode<'a> {
    pub(super) name: &'a str,
    pub(super) series: usize,
    pub(super) baseline: bool,
}

struct Head<'a> {
    workload: &'a str,
    metric: &'static str,
}

struct GlanceRow<'a> {
    mode: Mode<'a>,
    deployable: bool,
    tasks: String,
    limit: &'a str,
    cells: Vec<Verdict>,
}

/// A number and what to make of it.
struct Verdict {
    number: String,
    words: String,
    class: &'static str,
}

struct Workload<'a> {
    anchor: usize,
    name: &'a str,
    heads: Vec<&'static str>,
    relative_heads: Vec<&'static str>,
    rows: Vec<WorkloadRow<'a>>,
    notes: Vec<String>,
    errors: Vec<(&'a str, String)>,
    charts: Vec<charts::Chart>,
    details: Vec<DetailRow<'a>>,
    hop_modes: Vec<Mode<'a>>,
    hops: Vec<HopRow<'a>>,
    hop_totals: Vec<String>,
}

struct WorkloadRow<'a> {
    mode: Mode<'a>,
    /// `None`: the mode has no numbers, and `state` says why.
    cells: Option<Vec<String>>,
    state: String,
    samples: String,
    relatives: Vec<Verdict>,
}

/// One metric of one mode in full.
struct DetailRow<'a> {
    mode: Mode<'a>,
    metric: &'static str,
    estimate: String,
    interval: String,
    n: String,
    ratio: String,
    difference: String,
    verdict: Verdict,
}

struct HopRow<'a> {
    component: &'a str,
    /// Mean per visit, visits per request and total per request; empty where the path does not lead
    /// through the component.
    cells: Vec<Option<(String, String, String)>>,
}

struct ReachabilityRow<'a> {
    workload: &'a str,
    cells: Vec<(Mode<'a>, &'static str, String)>,
}

struct FramesRow<'a> {
    mode: Mode<'a>,
    counts: [String; 4],
    balanced: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(experiment: &Experiment, results: &'a Results) -> Self {
        let provenance = &results.provenance;
        let modes = modes(results);
        let names = results.workload_names();
        let glance_heads = names
            .iter()
            .map(|&workload| Head {
                workload,
                metric: headline(results, workload).label(),
            })
            .collect();
        let glance = modes
            .iter()
            .map(|(mode, result)| glance_row(*mode, result, results, &names));
        let workloads = names
            .iter()
            .enumerate()
            .map(|(anchor, name)| workload(anchor, name, experiment, results, &modes));
        Self {
            provenance,
            statistics: &results.statistics,
            baseline: &results.baseline,
            duration: format::set_time(provenance.duration_ns),
            warmup: format::set_time(provenance.warmup_ns),
            glance_heads,
            glance: glance.collect(),
            reasons: reasons(&modes),
            workloads: workloads.collect(),
            reachability: reachability(&modes, &names),
            frames: frames(&modes),
            drops: drops(&modes),
            placements: modes
                .iter()
                .filter(|(_, m)| !m.placement.is_empty())
                .map(|(mode, m)| (*mode, m.placement.as_slice()))
                .collect(),
            densities: modes
                .iter()
                .filter_map(|(mode, m)| m.density.as_ref().map(|d| (*mode, d)))
                .collect(),
            digests: modes
                .iter()
                .filter_map(|(mode, m)| Some((*mode, m.digest.as_deref()?)))
                .collect(),
            inputs: &provenance.inputs,
            constants: &provenance.constants,
        }
    }
}

/// Modes with their colours: each of the five known modes has its own in every report.
fn modes(results: &Results) -> Vec<(Mode<'_>, &ModeResult)> {
    let mut next = 5;
    results
        .modes
        .iter()
        .map(|(name, result)| {
            let series = match name.as_str() {
                "none" => 0,
                "bridge" => 1,
                "host" => 2,
                "awsvpc" => 3,
                "fargate" => 4,
                _ => {
                    next += 1;
                    (next - 1) % COLOURS
                }
            };
            (
                Mode {
                    name,
                    series,
                    baseline: *name == results.baseline,
                },
                result,
            )
        })
        .collect()
}

/// The metric that stands for a workload on the first screen.
fn headline(results: &Results, workload: &str) -> Metric {
    let has = |metric: Metric| {
        let of = |m: &ModeResult| m.workloads.get(workload)?.metric(metric)?.estimate;
        results.modes.values().any(|m| of(m).is_some())
    };
    [Metric::LatencyP99, Metric::LatencyP50]
        .into_iter()
        .find(|m| has(*m))
        .unwrap_or(Metric::Throughput)
}

fn glance_row<'a>(
    mode: Mode<'a>,
    result: &'a ModeResult,
    results: &Results,
    names: &[&str],
) -> GlanceRow<'a> {
    let density = result.density.as_ref();
    GlanceRow {
        mode,
        deployable: result.deployable,
        tasks: density.map_or_else(
            || format::NOTHING.to_owned(),
            |d| {
                d.tasks_per_instance
                    .map_or_else(|| "no limit".to_owned(), format::grouped)
            },
        ),
        limit: density
            .filter(|d| d.tasks_per_instance.is_some())
            .map_or("", |d| &d.binding_limit),
        cells: names
            .iter()
            .map(|name| glance_cell(mode, result, name, headline(results, name)))
            .collect(),
    }
}

fn glance_cell(mode: Mode<'_>, result: &ModeResult, workload: &str, metric: Metric) -> Verdict {
    let Some(workload) = result.workloads.get(workload) else {
        let words = if result.deployable {
            "not run"
        } else {
            "not deployable"
        };
        return Verdict {
            number: String::new(),
            words: words.to_owned(),
            class: "muted",
        };
    };
    if workload.outcome != Outcome::Measured {
        let words = workload.outcome.word().to_owned();
        return Verdict {
            number: String::new(),
            words,
            class: "muted",
        };
    }
    let number = format::estimate(metric, workload.metric(metric));
    if mode.baseline {
        return Verdict {
            number,
            words: "baseline".to_owned(),
            class: "muted",
        };
    }
    match workload.difference(metric) {
        Some(d) => Verdict {
            number,
            words: d.verdict.clone(),
            class: class(d.direction),
        },
        None => Verdict {
            number,
            words: String::new(),
            class: "muted",
        },
    }
}

const fn class(direction: Direction) -> &'static str {
    match direction {
        Direction::Better => "better",
        Direction::Worse => "worse",
        _ => "muted",
    }
}

/// Why modes or workloads have no numbers, each said once.
fn reasons<'a>(modes: &[(Mode<'a>, &'a ModeResult)]) -> Vec<(&'a str, String)> {
    let mut reasons: Vec<(&str, String)> = Vec::new();
    for (mode, result) in modes {
        if let Some(reason) = &result.reason {
            let place = reason
                .place
                .as_ref()
                .map(|p| format!(" ({p})"))
                .unwrap_or_default();
            let words = format!(
                "not deployable [{}]: {}{place}",
                reason.code, reason.message
            );
            reasons.push((mode.name, words));
        }
        for workload in result.workloads.values() {
            if let Some(why) = &workload.reason {
                let words = format!("{}: {why}", workload.outcome.word());
                if !reasons.contains(&(mode.name, words.clone())) {
                    reasons.push((mode.name, words));
                }
            }
        }
    }
    reasons
}

/// Metrics of requests in the main table; all others are one click away.
const MAIN: [Metric; 5] = [
    Metric::LatencyP50,
    Metric::LatencyP99,
    Metric::LatencyP999,
    Metric::Requests,
    Metric::Errors,
];

fn workload<'a>(
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
        // A component that only this path has goes behind the one it follows there.
        let mut position = 0;
        for hop in &workload.hops {
            match components.iter().position(|c| *c == hop.component) {
                Some(known) => position = position.max(known + 1),
                None => {
                    components.insert(position, &hop.component);
                    position += 1;
                }
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

fn reachability<'a>(
    modes: &[(Mode<'a>, &'a ModeResult)],
    names: &[&'a str],
) -> Vec<ReachabilityRow<'a>> {
    let cell = |mode: Mode<'a>, result: &ModeResult, name: &str| {
        let fact = result
            .isolation
            .as_ref()
            .and_then(|i| i.reachable.get(name));
        match fact {
            None => (mode, "muted", "not run".to_owned()),
            Some(fact) if fact.reachable => {
                let seen = fact.source_seen.as_ref();
                (
                    mode,
                    "",
                    seen.map_or("reached".to_owned(), |s| format!("reached, sees {s}")),
                )
            }
            Some(fact) if fact.outcome == Outcome::Measured => {
                (mode, "worse", "nothing got through".to_owned())
            }
            Some(fact) => (mode, "muted", fact.outcome.word().to_owned()),
        }
    };
    names
        .iter()
        .map(|&workload| ReachabilityRow {
            workload,
            cells: modes
                .iter()
                .map(|(mode, result)| cell(*mode, result, workload))
                .collect(),
        })
        .collect()
}

fn frames<'a>(modes: &[(Mode<'a>, &'a ModeResult)]) -> Vec<FramesRow<'a>> {
    modes
        .iter()
        .filter(|(_, result)| result.digest.is_some())
        .map(|(mode, result)| {
            let f = result.frames;
            FramesRow {
                mode: *mode,
                counts: [f.sent, f.delivered, f.dropped, f.in_flight].map(format::grouped),
                balanced: f.sent == f.delivered + f.dropped + f.in_flight,
            }
        })
        .collect()
}

fn drops<'a>(modes: &[(Mode<'a>, &'a ModeResult)]) -> Vec<(&'a str, &'a str, String)> {
    let mut rows = Vec::new();
    for (mode, result) in modes {
        for (reason, count) in result.drops.iter().filter(|(_, count)| **count > 0) {
            rows.push((mode.name, reason.as_str(), format::grouped(*count)));
        }
    }
    rows
}

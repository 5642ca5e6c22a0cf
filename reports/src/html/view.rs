//! The page as rows of text: what the template shows, in the order in which it shows it.

use askama::Template;

use super::isolation::IsolationView;
use super::workload::{self, Workload};
use crate::format;
use crate::record::{
    ConstantRecord, DensityRecord, Experiment, InputHash, PlacementRecord, Provenance,
};
use crate::results::{CheckResult, Direction, Metric, ModeResult, Outcome, Results, Statistics};
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
    isolation: IsolationView<'a>,
    checks: &'a [CheckResult],
    checks_failed: usize,
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
pub(super) struct Verdict {
    pub(super) number: String,
    pub(super) words: String,
    pub(super) class: &'static str,
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
            .map(|(anchor, name)| workload::view(anchor, name, experiment, results, &modes));
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
            isolation: IsolationView::new(&modes, results),
            checks: &results.checks,
            checks_failed: results.checks.iter().filter(|c| !c.passed).count(),
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
pub(super) fn headline(results: &Results, workload: &str) -> Metric {
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

pub(super) const fn class(direction: Direction) -> &'static str {
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
            reasons.push((mode.name, format!("not deployable{}", reason.in_words())));
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

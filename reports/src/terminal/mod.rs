//! The comparison on a terminal: modes side by side, one table per workload, verdicts in words.
//!
//! Three layouts: below 72 columns the essentials, from 72 the usual percentiles, from 110 every
//! number with half the width of its interval.

mod density;
mod isolation;
pub(crate) mod text;

pub use density::render_density;
pub use isolation::check_line;
pub(crate) use isolation::instances;

use std::fmt::Write;

use text::{Align, Cell, Colour, Table};

use crate::format;
use crate::record::Reason;
use crate::results::{Difference, Direction, Metric, ModeResult, Outcome, Results, WorkloadResult};

/// Below this width the output is laid out as if it were this wide.
pub const MIN_WIDTH: usize = 48;

/// From this width the usual percentiles fit.
const USUAL: usize = 72;
/// From this width every number fits with its interval.
const WIDE: usize = 110;

/// Renders the comparison; no line is wider than `width` (at least [`MIN_WIDTH`]) columns.
#[must_use]
pub fn render(results: &Results, width: usize, colour: bool) -> String {
    let mut page = Page {
        out: String::new(),
        width: width.max(MIN_WIDTH),
        colour,
    };
    heading(&mut page, results);
    for workload in results.workload_names() {
        workload_section(&mut page, results, workload);
    }
    without_numbers(&mut page, results);
    density(&mut page, results);
    drops(&mut page, results);
    isolation::isolation(&mut page, results);
    isolation::checks(&mut page, results);
    footer(&mut page, results);
    page.out
}

/// What has been written so far, and how.
pub(crate) struct Page {
    pub(crate) out: String,
    pub(crate) width: usize,
    pub(crate) colour: bool,
}

impl Page {
    pub(crate) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// Wraps `words` after a label; further lines are indented to where the words begin.
    pub(crate) fn labelled(&mut self, label: &str, indent: usize, words: &str, colour: Colour) {
        let room = self.width - indent;
        for (number, line) in text::wrap(&text::clean(words), room)
            .into_iter()
            .enumerate()
        {
            let lead = if number == 0 { label } else { "" };
            let line = colour.paint(&line, self.colour);
            let padding = indent.saturating_sub(text::width(lead));
            writeln!(self.out, "{lead}{:padding$}{line}", "").expect("a string takes all");
        }
    }

    pub(crate) fn paragraph(&mut self, words: &str, colour: Colour) {
        self.labelled("", 0, words, colour);
    }
}

fn heading(page: &mut Page, results: &Results) {
    let provenance = &results.provenance;
    page.paragraph(&provenance.scenario_name, Colour::Bold);
    let replications = match provenance.replications {
        1 => "1 replication".to_owned(),
        n => format!("{n} replications"),
    };
    let about = format!(
        "{replications} of {} after {} warm-up · seed {} · baseline {}",
        format::set_time(provenance.duration_ns),
        format::set_time(provenance.warmup_ns),
        provenance.seed,
        results.baseline,
    );
    page.paragraph(&about, Colour::Dim);
}

fn workload_section(page: &mut Page, results: &Results, workload: &str) {
    page.blank();
    page.paragraph(workload, Colour::Bold);
    if let Some(samples) = samples(results, workload) {
        page.labelled("  ", 2, &samples, Colour::Dim);
    }
    let metrics = columns(results, workload, page.width);
    let relative = relative_metric(results, workload);
    let mut table = Table::new(page.width);
    table.header("mode", Align::Left);
    for metric in &metrics {
        table.header(metric.label(), Align::Right);
    }
    table.header(
        &format!("{} vs {}", relative.label(), results.baseline),
        Align::Left,
    );
    for (name, mode) in &results.modes {
        table.row(row(
            results,
            name,
            mode,
            workload,
            &metrics,
            relative,
            page.width >= WIDE,
        ));
    }
    page.out.push_str(&table.render(page.colour));
    verdicts(page, results, workload, relative);
    withheld(page, results, workload);
}

/// How many requests stand behind the numbers of a mode.
fn samples(results: &Results, workload: &str) -> Option<String> {
    let of = |mode: &ModeResult| Some(mode.workloads.get(workload)?.latency_ns.as_ref()?.p50.n);
    let counts: Vec<u64> = results.modes.values().filter_map(of).collect();
    let (least, most) = (counts.iter().min()?, counts.iter().max()?);
    let range = if least == most {
        format::grouped(*most)
    } else {
        format!("{} to {}", format::grouped(*least), format::grouped(*most))
    };
    Some(format!("n = {range} requests per mode"))
}

/// Which metrics have a column: those that have a number in some mode, as far as they fit.
fn columns(results: &Results, workload: &str, width: usize) -> Vec<Metric> {
    let wanted: &[Metric] = if width >= USUAL {
        &[
            Metric::LatencyP50,
            Metric::LatencyP99,
            Metric::LatencyP999,
            Metric::Requests,
            Metric::Errors,
        ]
    } else {
        &[Metric::LatencyP50, Metric::LatencyP99, Metric::Errors]
    };
    let mut metrics: Vec<Metric> = wanted
        .iter()
        .copied()
        .filter(|m| has_number(results, workload, *m))
        .collect();
    if !metrics.contains(&Metric::Requests) && !metrics.contains(&Metric::LatencyP50) {
        metrics.insert(0, Metric::Throughput);
    }
    metrics
}

fn has_number(results: &Results, workload: &str, metric: Metric) -> bool {
    let of = |mode: &ModeResult| mode.workloads.get(workload)?.metric(metric)?.estimate;
    results.modes.values().any(|mode| of(mode).is_some())
}

/// The metric of the relative column: the tail if there is one, else the median, else throughput.
fn relative_metric(results: &Results, workload: &str) -> Metric {
    [Metric::LatencyP99, Metric::LatencyP50]
        .into_iter()
        .find(|m| has_number(results, workload, *m))
        .unwrap_or(Metric::Throughput)
}

fn row(
    results: &Results,
    name: &str,
    mode: &ModeResult,
    workload: &str,
    metrics: &[Metric],
    relative: Metric,
    with_interval: bool,
) -> Vec<Cell> {
    let is_baseline = name == results.baseline;
    let style = if is_baseline {
        Colour::Bold
    } else {
        Colour::Plain
    };
    let mut cells = vec![Cell::new(name, style)];
    let Some(result) = mode
        .workloads
        .get(workload)
        .filter(|w| w.outcome == Outcome::Measured)
    else {
        cells.extend(
            metrics
                .iter()
                .map(|_| Cell::new(format::NOTHING, Colour::Dim)),
        );
        cells.push(Cell::new(state(mode, workload), Colour::Dim));
        return cells;
    };
    for metric in metrics {
        let estimate = result.metric(*metric);
        let text = match estimate {
            Some(estimate) if with_interval => format::with_interval(*metric, estimate),
            _ => format::estimate(*metric, estimate),
        };
        cells.push(Cell::new(&text, style));
    }
    cells.push(relative_cell(result, relative, is_baseline));
    cells
}

/// Why a mode has no numbers, in two words at most.
fn state(mode: &ModeResult, workload: &str) -> &'static str {
    match mode.workloads.get(workload) {
        Some(result) => result.outcome.word(),
        None if mode.deployable => "not run",
        None => "not deployable",
    }
}

fn relative_cell(result: &WorkloadResult, metric: Metric, is_baseline: bool) -> Cell {
    if is_baseline {
        return Cell::new("1.00 baseline", Colour::Bold);
    }
    let Some(difference) = result.difference(metric) else {
        return Cell::new(format::NOTHING, Colour::Dim);
    };
    ratio_cell(difference)
}

/// A ratio with its interval, or why there is none.
fn ratio_cell(difference: &Difference) -> Cell {
    let colour = match difference.direction {
        Direction::Better => Colour::Green,
        Direction::Worse => Colour::Red,
        _ => Colour::Dim,
    };
    match (difference.direction, difference.ratio) {
        (Direction::None, _) => Cell::new("no difference", colour),
        (Direction::NotComparable, _) | (_, None) => Cell::new("not comparable", colour),
        (_, Some(ratio)) => {
            let ends = difference.ratio_lo.zip(difference.ratio_hi);
            Cell::new(&format::ratio(ratio, ends), colour)
        }
    }
}

/// One line per mode that was compared: the median, the relative column, and errors if they differ.
fn verdicts(page: &mut Page, results: &Results, workload: &str, relative: Metric) {
    let mut metrics = vec![Metric::LatencyP50, relative];
    metrics.dedup();
    let mut first = true;
    let label_width = 2
        + results
            .modes
            .keys()
            .map(|n| text::width(n))
            .max()
            .unwrap_or(0)
        + 2;
    let indent = label_width.min(page.width / 3);
    for (name, mode) in &results.modes {
        let Some(result) = mode.workloads.get(workload) else {
            continue;
        };
        if result.outcome != Outcome::Measured || *name == results.baseline {
            continue;
        }
        let mut phrases: Vec<String> = metrics
            .iter()
            .filter_map(|m| Some(format!("{} {}", m.label(), result.difference(*m)?.verdict)))
            .collect();
        let errors = result.difference(Metric::Errors);
        phrases.extend(
            errors
                .filter(|d| d.direction != Direction::None)
                .map(|d| d.verdict.clone()),
        );
        if std::mem::take(&mut first) {
            page.blank();
        }
        let label = format!("  {}", text::cut(name, indent - 3));
        page.labelled(&label, indent, &phrases.join("; "), Colour::Plain);
    }
}

/// Percentiles that are missing for want of samples, each once.
fn withheld(page: &mut Page, results: &Results, workload: &str) {
    for metric in [Metric::LatencyP99, Metric::LatencyP999] {
        let note = results.modes.values().find_map(|mode| {
            let estimate = mode.workloads.get(workload)?.metric(metric)?;
            estimate
                .note
                .clone()
                .filter(|_| estimate.estimate.is_none() && estimate.n > 0)
        });
        if let Some(note) = note {
            page.labelled("  ", 2, &format!("{} {note}", metric.label()), Colour::Dim);
        }
    }
}

/// Modes that carry no traffic, with the reason.
fn without_numbers(page: &mut Page, results: &Results) {
    let mut first = true;
    for (name, mode) in &results.modes {
        for words in reasons(mode) {
            if std::mem::take(&mut first) {
                page.blank();
            }
            page.labelled("", 0, &format!("{name} {words}"), Colour::Yellow);
        }
    }
}

/// Why a mode, or one of its workloads, has no numbers.
fn reasons(mode: &ModeResult) -> Vec<String> {
    if !mode.deployable {
        let why = mode.reason.as_ref().map(Reason::in_words);
        let why = why.unwrap_or_default();
        return vec![format!("cannot be deployed{why}")];
    }
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for (workload, result) in &mode.workloads {
        if result.outcome == Outcome::Measured {
            continue;
        }
        let why = result.reason.as_deref().unwrap_or("no reason recorded");
        let words = format!("is {}: {why}", result.outcome.word());
        match reasons.iter_mut().find(|(known, _)| *known == words) {
            Some((_, workloads)) => workloads.push(workload),
            None => reasons.push((words, vec![workload])),
        }
    }
    reasons
        .into_iter()
        .map(|(words, workloads)| format!("{words} ({})", workloads.join(", ")))
        .collect()
}

fn density(page: &mut Page, results: &Results) {
    let mut parts = Vec::new();
    for (name, mode) in &results.modes {
        if let Some(density) = &mode.density {
            let tasks = density
                .tasks_per_instance
                .map_or_else(|| "no limit".to_owned(), format::grouped);
            parts.push(format!("{name} {tasks} ({})", density.binding_limit));
        }
    }
    if !parts.is_empty() {
        page.blank();
        page.labelled(
            "tasks per instance  ",
            20,
            &parts.join(" · "),
            Colour::Plain,
        );
    }
}

fn drops(page: &mut Page, results: &Results) {
    let mut block = isolation::Block::new("frames dropped");
    for (name, mode) in &results.modes {
        let parts: Vec<String> = mode
            .drops
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(reason, count)| format!("{reason} {}", format::grouped(*count)))
            .collect();
        if !parts.is_empty() {
            block.line(page, &format!("{name}: {}", parts.join(", ")));
        }
    }
}

fn footer(page: &mut Page, results: &Results) {
    page.blank();
    let provenance = &results.provenance;
    for caveat in &provenance.caveats {
        page.labelled("caveat   ", 9, caveat, Colour::Plain);
    }
    for assumption in &provenance.assumptions {
        page.labelled("assumed  ", 9, assumption, Colour::Plain);
    }
    if provenance.replications < 2 {
        let words = "One replication: estimates without intervals, nothing is judged.";
        page.paragraph(words, Colour::Dim);
        return;
    }
    let words = format!(
        "± is half of a 95 % interval over {} replications (Student t). Against {}: paired by \
         replication, Bonferroni-corrected over the modes compared.",
        provenance.replications, results.baseline
    );
    page.paragraph(&words, Colour::Dim);
}

//! What modes keep apart, and what a scenario asserts of it.

use std::collections::BTreeMap;

use super::text::{Align, Cell, Colour, Table, width};
use super::{Page, ratio_cell};
use crate::format;
use crate::results::{Blast, CheckResult, Exposure, Isolation, Metric, ModeResult, Results};

/// Sentences of one mode that are shown; the rest is counted.
const SENTENCES: usize = 3;
/// Where the words of a labelled line begin.
const INDENT: usize = 20;

/// Reachability, blast radius and conflicts, as far as there are any.
pub(super) fn isolation(page: &mut Page, results: &Results) {
    let modes: Vec<(&str, &Isolation)> = results
        .modes
        .iter()
        .filter_map(|(name, mode)| Some((name.as_str(), mode.isolation.as_ref()?)))
        .collect();
    reached(page, &modes);
    let mut block = Block::new("exposed");
    for (name, isolation) in &modes {
        for words in sentences(&isolation.exposed) {
            block.line(page, &format!("{name}: {words}"));
        }
    }
    let mut block = Block::new("blast radius");
    for (name, isolation) in &modes {
        if !isolation.blast_radius.is_empty() {
            if !block.begun {
                block.line(page, "how much a taken-over container reaches");
            }
            let words = blast_in_words(&isolation.blast_radius);
            block.line(page, &format!("{name}: {words}"));
        }
    }
    let mut block = Block::new("port conflicts");
    for (name, isolation) in &modes {
        for conflict in &isolation.port_conflicts {
            let words = format!(
                "{name}: {}/{} is needed by {} tasks ({}), on {}",
                conflict.port,
                conflict.protocol,
                format::grouped(conflict.tasks),
                conflict.claimants.join(", "),
                instances(conflict.instances),
            );
            block.line(page, &words);
        }
    }
    interference(page, results);
}

pub(crate) fn instances(count: u64) -> String {
    match count {
        1 => "1 instance".to_owned(),
        n => format!("{} instances", format::grouped(n)),
    }
}

/// Lines under one label.
pub(super) struct Block {
    label: &'static str,
    begun: bool,
}

impl Block {
    pub(super) const fn new(label: &'static str) -> Self {
        Self {
            label,
            begun: false,
        }
    }

    pub(super) fn line(&mut self, page: &mut Page, words: &str) {
        if !self.begun {
            page.blank();
        }
        let label = if self.begun { "" } else { self.label };
        self.begun = true;
        page.labelled(label, INDENT, words, Colour::Plain);
    }
}

fn reached(page: &mut Page, modes: &[(&str, &Isolation)]) {
    let parts: Vec<String> = modes
        .iter()
        .filter(|(_, isolation)| isolation.pairs.all > 0)
        .map(|(name, isolation)| {
            let (pairs, count) = (isolation.pairs, format::grouped);
            let unknown = match pairs.undetermined {
                0 => String::new(),
                n => format!(" ({} undetermined)", count(n)),
            };
            format!(
                "{name} {} of {}{unknown}",
                count(pairs.reached),
                count(pairs.all)
            )
        })
        .collect();
    if !parts.is_empty() {
        let mut block = Block::new("pairs reached");
        block.line(page, &parts.join(" · "));
    }
}

/// The first sentences, and how many more there are.
fn sentences(exposures: &[Exposure]) -> Vec<String> {
    let shown = exposures.iter().take(SENTENCES).map(|e| e.sentence.clone());
    let mut sentences: Vec<String> = shown.collect();
    if exposures.len() > SENTENCES {
        sentences.push(format!("and {} more", exposures.len() - SENTENCES));
    }
    sentences
}

/// How many ports a break-in reaches, by service, and of what kinds they are; services that reach
/// the same kinds together.
fn blast_in_words(radius: &BTreeMap<String, Blast>) -> String {
    let mut by_kinds: Vec<(String, Vec<String>)> = Vec::new();
    for (service, blast) in radius {
        let some = blast
            .parts()
            .into_iter()
            .filter(|(_, list)| !list.is_empty());
        let kinds = some.map(|(what, _)| what).collect::<Vec<_>>().join(", ");
        let size = format!("{service} {}", blast.size());
        match by_kinds.iter_mut().find(|(known, _)| *known == kinds) {
            Some((_, services)) => services.push(size),
            None => by_kinds.push((kinds, vec![size])),
        }
    }
    let words = by_kinds.into_iter().map(|(kinds, services)| {
        let services = services.join(", ");
        match kinds.is_empty() {
            true => services,
            false => format!("{services} ({kinds})"),
        }
    });
    words.collect::<Vec<_>>().join("; ")
}

/// A table for each victim: the modes, without and with neighbours.
fn interference(page: &mut Page, results: &Results) {
    for name in victims(results) {
        let of = |mode: &'_ ModeResult| {
            let interference = mode.isolation.as_ref()?.interference.clone()?;
            interference.victims.get(name).cloned()
        };
        let neighbours = results
            .modes
            .values()
            .find_map(of)
            .map(|v| v.neighbours.join(", "));
        page.blank();
        page.paragraph(&format!("{name}, disturbed"), Colour::Bold);
        let words = format!("by {}", neighbours.unwrap_or_default());
        page.labelled("  ", 2, &words, Colour::Dim);
        let mut table = Table::new(page.width);
        let metrics: Vec<Metric> = Metric::ALL
            .into_iter()
            .filter(|m| *m != Metric::Errors)
            .filter(|m| {
                let has = |mode| {
                    let victim = of(mode);
                    let found = victim.as_ref().and_then(|v| v.metrics.get(m.key()));
                    found.is_some_and(|f| f.without.estimate.or(f.with.estimate).is_some())
                };
                results.modes.values().any(has)
            })
            .collect();
        table.header("mode", Align::Left);
        for metric in &metrics {
            table.header(metric.label(), Align::Right);
            table.header("with", Align::Right);
        }
        let last = metrics.last().map_or("", |metric| metric.label());
        table.header(&format!("{last} ratio"), Align::Left);
        for (mode, result) in &results.modes {
            let victim = of(result);
            let mut cells = vec![Cell::new(mode, Colour::Plain)];
            let mut ratio = Cell::new(format::NOTHING, Colour::Dim);
            for metric in &metrics {
                let found = victim.as_ref().and_then(|v| v.metrics.get(metric.key()));
                for estimate in [found.map(|f| &f.without), found.map(|f| &f.with)] {
                    cells.push(Cell::new(
                        &format::estimate(*metric, estimate),
                        Colour::Plain,
                    ));
                }
                ratio = found.map_or(ratio, |found| ratio_cell(&found.difference));
            }
            cells.push(ratio);
            table.row(cells);
        }
        page.out.push_str(&table.render(page.colour));
    }
}

/// Names of all victims, sorted.
fn victims(results: &Results) -> Vec<&str> {
    let mut all = results.modes.values().filter_map(|mode| {
        let interference = mode.isolation.as_ref()?.interference.as_ref()?;
        Some(interference.victims.keys().map(String::as_str).collect())
    });
    // Each mode has the same.
    all.next().unwrap_or_default()
}

/// What a scenario asserts: a line for each check and mode.
pub(super) fn checks(page: &mut Page, results: &Results) {
    if results.checks.is_empty() {
        return;
    }
    let held = results.checks.iter().filter(|check| check.passed).count();
    page.blank();
    page.paragraph(
        &format!("checks: {held} of {} hold", results.checks.len()),
        Colour::Bold,
    );
    let modes = results
        .checks
        .iter()
        .filter_map(|check| check.mode.as_deref());
    let widest = modes.map(width).max().unwrap_or(0).min(page.width / 4);
    for check in &results.checks {
        let (word, colour) = if check.passed {
            ("pass", Colour::Plain)
        } else {
            ("FAIL", Colour::Red)
        };
        let mode = super::text::cut(check.mode.as_deref().unwrap_or_default(), widest);
        let label = format!("  {word}  {mode}");
        let indent = 8 + if widest > 0 { widest + 2 } else { 0 };
        let (first, evidence) = lines(check);
        page.labelled(&label, indent, &first, colour);
        for line in evidence {
            page.labelled("", indent, &line, Colour::Dim);
        }
    }
}

/// A check on one line: mode, assertion, what was found.
#[must_use]
pub fn check_line(check: &CheckResult) -> String {
    let mode = check
        .mode
        .as_ref()
        .map_or_else(String::new, |mode| format!("{mode}: "));
    super::text::clean(&format!("{mode}{}", words(check)))
}

/// A check over several lines: its name, the assertion if it does not hold, and what was found.
fn lines(check: &CheckResult) -> (String, Vec<String>) {
    let named = check.name != check.that;
    let mut evidence = Vec::new();
    if named && !check.passed {
        evidence.push(check.that.clone());
    }
    evidence.extend(found(check));
    let mut first = check.name.clone();
    if !check.passed {
        evidence.extend(reason(check).map(str::to_owned));
        if let Some(because) = &check.because {
            first.push_str(&format!(" ({because})"));
        }
    }
    (first, evidence)
}

fn found(check: &CheckResult) -> Vec<String> {
    let found = check.observed.iter();
    found.map(|o| format!("{} = {}", o.what, o.value)).collect()
}

/// Why a check does not hold, where what was found does not say so.
fn reason(check: &CheckResult) -> Option<&str> {
    let said = |reason: &&str| found(check).iter().any(|found| found.contains(reason));
    let reason = check.reason.as_deref();
    reason.filter(|reason| !said(reason))
}

fn words(check: &CheckResult) -> String {
    let mut words = String::new();
    if check.name != check.that {
        words.push_str(&format!("{}: ", check.name));
    }
    words.push_str(&check.that);
    let found = found(check).join("; ");
    if !found.is_empty() {
        words.push_str(&format!(" — {found}"));
    }
    if !check.passed {
        if let Some(reason) = reason(check) {
            words.push_str(&format!(" — {reason}"));
        }
        if let Some(because) = &check.because {
            words.push_str(&format!(" ({because})"));
        }
    }
    words
}

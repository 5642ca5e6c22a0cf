//! Who reaches whom on a terminal: a matrix per mode, what modes expose that others do not, and
//! attempts step by step.

mod explain;
mod matrix;

use std::collections::{BTreeMap, BTreeSet};

use super::record::{ModeReach, ReachResults};
use crate::format;
use crate::terminal::text::Colour;
use crate::terminal::{MIN_WIDTH, Page};

/// Pairs that are listed with their addresses before the rest is only counted.
const MOST_PAIRS: usize = 60;
/// Differences of one mode that are named before the rest is only counted.
const MOST_FLOWS: usize = 4;

/// How to show the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Columns that a line may have (at least [`MIN_WIDTH`]).
    pub width: usize,
    /// Whether escape sequences colour it.
    pub colour: bool,
    /// Pairs one by one with the verdict at each address, in place of a matrix.
    pub pairs: bool,
}

/// Renders the document.
#[must_use]
pub fn render(results: &ReachResults, view: View) -> String {
    let mut page = Page {
        out: String::new(),
        width: view.width.max(MIN_WIDTH),
        colour: view.colour,
    };
    page.paragraph(&results.provenance.scenario_name, Colour::Bold);
    if results.explanations.is_empty() {
        let mut named = Vec::new();
        for (name, mode) in &results.modes {
            section(&mut page, name, mode, view.pairs, &mut named);
        }
        if view.pairs {
            codes(&mut page, results);
        }
        let matrices = results.modes.values();
        matrix::legend(&mut page, matrices.filter(|mode| !listed(mode, view.pairs)));
        differences(&mut page, results);
    } else {
        refusals(&mut page, results);
        for explanation in &results.explanations {
            explain::render(&mut page, explanation);
        }
    }
    footer(&mut page, results);
    page.out
}

/// Whether a mode has its pairs one by one in place of a matrix.
fn listed(mode: &ModeReach, pairs: bool) -> bool {
    pairs && mode.pairs.is_some()
}

fn section(page: &mut Page, name: &str, mode: &ModeReach, pairs: bool, named: &mut Vec<String>) {
    page.blank();
    page.paragraph(name, Colour::Bold);
    if !mode.deployable {
        refusal(page, mode);
        return;
    }
    page.labelled("  ", 2, &summary(mode), Colour::Dim);
    if listed(mode, pairs) {
        list(page, mode);
    } else {
        matrix::render(page, mode, named);
    }
    let reasons = not_reached(mode);
    if !reasons.is_empty() {
        page.labelled("  not reached: ", 15, &reasons.join(", "), Colour::Plain);
    }
}

fn refusals(page: &mut Page, results: &ReachResults) {
    for (name, mode) in results.modes.iter().filter(|(_, mode)| !mode.deployable) {
        page.blank();
        page.paragraph(name, Colour::Bold);
        refusal(page, mode);
    }
}

fn refusal(page: &mut Page, mode: &ModeReach) {
    let words = mode.reason.as_ref().map_or_else(
        || "cannot be deployed".to_owned(),
        |reason| format!("cannot be deployed{}", reason.in_words()),
    );
    page.labelled("  ", 2, &words, Colour::Yellow);
}

/// How much there is, how much of it is reached, and how that was found.
fn summary(mode: &ModeReach) -> String {
    let pairs: u64 = mode.counts.values().sum();
    let reached = mode.counts.get("reached").copied().unwrap_or(0);
    let mut words = format!(
        "{} sources, {} listening ports; {} of {} pairs reached",
        format::grouped(mode.sources.len() as u64),
        format::grouped(mode.listeners.len() as u64),
        format::grouped(reached),
        format::grouped(pairs),
    );
    match mode.simulated {
        Some(simulated) if simulated.possible == 0 => words.push_str("; no attempt to make"),
        Some(simulated) => {
            let all = if simulated.probes == simulated.possible {
                "all".to_owned()
            } else {
                format!("{} of", format::grouped(simulated.probes))
            };
            words.push_str(&format!(
                "; {all} {} attempts also made with packets, {} agree",
                format::grouped(simulated.possible),
                format::grouped(simulated.agreed),
            ));
            if simulated.undetermined > 0 {
                let undetermined = format::grouped(simulated.undetermined);
                words.push_str(&format!(", {undetermined} undetermined"));
            }
        }
        None => words.push_str("; by the rules alone, no packet sent"),
    }
    words
}

fn not_reached(mode: &ModeReach) -> Vec<String> {
    let others = mode.counts.iter().filter(|(code, _)| *code != "reached");
    others
        .map(|(code, count)| format!("{code} {}", format::grouped(*count)))
        .collect()
}

fn list(page: &mut Page, mode: &ModeReach) {
    let pairs = mode.pairs.as_deref().unwrap_or_default();
    for pair in pairs.iter().take(MOST_PAIRS) {
        page.labelled(
            "  ",
            2,
            &format!("{} → {}", pair.from, pair.to),
            Colour::Plain,
        );
        if pair.at.is_empty() {
            let words = "no_address: it has none that this source could try";
            page.labelled("      ", 6, words, Colour::Dim);
        }
        for at in &pair.at {
            let code = &at.verdict.code;
            let words = format!("{} {}: {code}", at.address, at.via.words());
            let colour = match code.as_str() {
                "reached" => Colour::Green,
                "undetermined" => Colour::Yellow,
                _ => Colour::Plain,
            };
            page.labelled("      ", 6, &words, colour);
        }
    }
    if pairs.len() > MOST_PAIRS {
        let words = format!(
            "and {} pairs more: --json lists all",
            format::grouped((pairs.len() - MOST_PAIRS) as u64)
        );
        page.labelled("  ", 2, &words, Colour::Dim);
    }
}

/// What the codes of listed pairs mean, each once.
fn codes(page: &mut Page, results: &ReachResults) {
    let listed = results
        .modes
        .values()
        .flat_map(|mode| mode.pairs.iter().flatten().take(MOST_PAIRS));
    let verdicts = listed.flat_map(|pair| &pair.at).map(|at| &at.verdict);
    let others = verdicts.filter(|verdict| verdict.code != "reached");
    let meanings: BTreeSet<String> = others.map(matrix::meaning).collect();
    if meanings.is_empty() {
        return;
    }
    page.blank();
    page.paragraph("legend", Colour::Bold);
    for meaning in &meanings {
        page.labelled("  ", 2, meaning, Colour::Plain);
    }
}

/// What one mode exposes that others do not.
fn differences(page: &mut Page, results: &ReachResults) {
    let deployable = results.modes.values().filter(|mode| mode.deployable);
    if deployable.count() < 2 {
        return;
    }
    page.blank();
    page.paragraph("differences", Colour::Bold);
    if results.differences.is_empty() {
        page.labelled("  ", 2, "every mode reaches the same pairs", Colour::Plain);
    }
    for difference in &results.differences {
        let flows: Vec<String> = difference
            .flows
            .iter()
            .take(MOST_FLOWS)
            .map(|flow| {
                let pairs = format::grouped(flow.pairs);
                format!("{} → {} ({pairs})", flow.from, flow.to)
            })
            .collect();
        let more = difference.flows.len().saturating_sub(MOST_FLOWS);
        let more = match more {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let words = format!(
            "{} exposes {} that {} {} not: {}{more}",
            difference.mode,
            counted(difference.pairs, "pair"),
            join(&difference.not_in),
            if difference.not_in.len() == 1 {
                "does"
            } else {
                "do"
            },
            flows.join(", "),
        );
        page.labelled("  ", 2, &words, Colour::Plain);
    }
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", format::grouped(count))
}

/// Names as a person lists them.
fn join(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn footer(page: &mut Page, results: &ReachResults) {
    let provenance = &results.provenance;
    let undetermined: BTreeMap<&str, u64> = results
        .modes
        .iter()
        .filter_map(|(name, mode)| Some((name.as_str(), *mode.counts.get("undetermined")?)))
        .collect();
    page.blank();
    if !undetermined.is_empty() {
        let words = "where a verdict is undetermined, a packet would pass something that is not \
                     simulated; --explain names it";
        page.labelled("caveat   ", 9, words, Colour::Plain);
    }
    for caveat in &provenance.caveats {
        page.labelled("caveat   ", 9, caveat, Colour::Plain);
    }
    for assumption in &provenance.assumptions {
        page.labelled("assumed  ", 9, assumption, Colour::Plain);
    }
}

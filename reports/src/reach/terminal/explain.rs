//! One attempt step by step.

use crate::reach::record::{Explanation, HopRecord, LegName};
use crate::terminal::Page;
use crate::terminal::text::Colour;

/// Writes what happens to one attempt.
pub(super) fn render(page: &mut Page, explanation: &Explanation) {
    let Explanation {
        mode,
        from,
        to,
        address,
        via,
        protocol,
        verdict,
        hops,
        remedy,
    } = explanation;
    page.blank();
    let heading = format!(
        "{mode}: {from} → {to}, {protocol} {address} ({})",
        via.words()
    );
    page.paragraph(&heading, Colour::Bold);
    let colour = match verdict.code.as_str() {
        "reached" => Colour::Green,
        "undetermined" => Colour::Yellow,
        _ => Colour::Red,
    };
    let words = format!("{}: {}", verdict.code, verdict.description);
    page.labelled("verdict  ", 9, &words, colour);
    if let Some(remedy) = remedy {
        page.labelled("remedy   ", 9, remedy, Colour::Plain);
    }
    let mut leg = None;
    for (number, hop) in hops.iter().enumerate() {
        let first = leg != Some(hop.leg);
        if first {
            let words = match hop.leg {
                LegName::Forward => "there",
                LegName::Return => "back",
            };
            page.labelled("  ", 2, words, Colour::Dim);
        }
        leg = Some(hop.leg);
        step(page, number + 1, hop, first);
    }
}

/// One step. The packet is shown where a leg begins and where it changes.
fn step(page: &mut Page, number: usize, hop: &HopRecord, first: bool) {
    let label = format!("  {number:>3}  ");
    let words = format!("{}: {}, {}", hop.place, hop.component, hop.decision);
    page.labelled(&label, 7, &words, Colour::Plain);
    if let Some(rule) = &hop.rule {
        page.labelled("       rule    ", 15, rule, Colour::Dim);
    }
    if first || hop.after.is_some() {
        page.labelled("       packet  ", 15, &hop.before, Colour::Dim);
    }
    if let Some(after) = &hop.after {
        page.labelled("       becomes ", 15, after, Colour::Dim);
    }
}

//! What one mode exposes and others do not.

use std::collections::BTreeMap;

use reports::reach::{Difference, Flow};
use sim_net::plan::Mode;
use sim_net::reach::ReachOutcome;

use super::Survey;
use super::matrix::{Cell, Found};

/// A mode and what was found in it.
pub type Surveyed<'a> = (Mode, &'a Survey);

/// Pairs by what source and listener belong to.
type Flows<'a> = BTreeMap<(&'a str, &'a str), u64>;

/// Compares each mode with all others. Sources and listeners are the same if they have the same name.
/// A pair that is undetermined in a mode is no difference to it. Mode `none`, which has no network to
/// expose anything on, is not compared with.
#[must_use]
pub fn differences(modes: &[Surveyed<'_>]) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (index, (mode, survey)) in modes.iter().enumerate() {
        let others: Vec<_> = modes
            .iter()
            .enumerate()
            .filter(|(other, (mode, _))| *other != index && *mode != Mode::None)
            .map(|(_, (mode, other))| (*mode, Other::new(survey, other)))
            .collect();
        for (mask, flows) in exposed(survey, &others) {
            let not_in = others.iter().enumerate();
            let not_in = not_in.filter(|(bit, _)| mask & (1 << bit) != 0);
            let flow = |((from, to), pairs): (&(&str, &str), &u64)| Flow {
                from: (*from).to_owned(),
                to: (*to).to_owned(),
                pairs: *pairs,
            };
            differences.push(Difference {
                mode: mode.name().to_owned(),
                not_in: not_in
                    .map(|(_, (mode, _))| mode.name().to_owned())
                    .collect(),
                pairs: flows.values().sum(),
                flows: flows.iter().map(flow).collect(),
            });
        }
    }
    differences
}

/// The pairs that are reached, by the set of the others in which they are not.
fn exposed<'a>(survey: &'a Survey, others: &[(Mode, Other<'_>)]) -> BTreeMap<u32, Flows<'a>> {
    let mut found: BTreeMap<u32, Flows<'_>> = BTreeMap::new();
    for (source, named) in survey.sources.iter().enumerate() {
        for (listener, cell) in survey.matrix.row(source).iter().enumerate() {
            if !cell.reached() {
                continue;
            }
            let mut mask = 0;
            for (bit, (_, other)) in others.iter().enumerate() {
                if other.closed(source, listener) {
                    mask |= 1 << bit;
                }
            }
            if mask != 0 {
                let flow = (
                    named.group.as_str(),
                    survey.listeners[listener].group.as_str(),
                );
                *found.entry(mask).or_default().entry(flow).or_default() += 1;
            }
        }
    }
    found
}

/// Another mode, by the numbers that this one has for sources and listeners.
struct Other<'a> {
    survey: &'a Survey,
    sources: Vec<Option<usize>>,
    listeners: Vec<Option<usize>>,
}

impl<'a> Other<'a> {
    fn new(this: &Survey, survey: &'a Survey) -> Self {
        let sources = translate(
            this.sources.iter().map(|s| s.name.as_str()),
            survey.sources.iter().map(|s| s.name.as_str()),
        );
        let listeners = translate(
            this.listeners.iter().map(|l| l.name.as_str()),
            survey.listeners.iter().map(|l| l.name.as_str()),
        );
        Self {
            survey,
            sources,
            listeners,
        }
    }

    /// Whether the pair is not reached there for certain. A port that nothing listens on there is not
    /// reached; of a source that is not there nothing can be said.
    fn closed(&self, source: usize, listener: usize) -> bool {
        let Some(source) = self.sources[source] else {
            return false;
        };
        let Some(listener) = self.listeners[listener] else {
            return true;
        };
        let cell: Cell = self.survey.matrix.row(source)[listener];
        match cell.found() {
            Found::Reached(_) => false,
            Found::NoAddress => true,
            Found::Not(verdict) => verdict.outcome != ReachOutcome::Undetermined,
        }
    }
}

/// The place of each name in the other list.
fn translate<'a>(
    these: impl Iterator<Item = &'a str>,
    others: impl Iterator<Item = &'a str>,
) -> Vec<Option<usize>> {
    let places: BTreeMap<&str, usize> = others.enumerate().map(|(i, name)| (name, i)).collect();
    these.map(|name| places.get(name).copied()).collect()
}

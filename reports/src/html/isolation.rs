//! What modes keep apart, as rows of text.

use super::view::{Mode, Verdict, class};
use crate::format;
use crate::results::{
    Blast, Interfered, Isolation, MatrixCell, Metric, ModeResult, PairCounts, Results, Victim,
};
use crate::terminal::instances;

/// The section.
pub(super) struct IsolationView<'a> {
    pub(super) modes: Vec<Summary<'a>>,
    /// Rows of the matrix that differ between modes with a network that have both ends, and the rest.
    pub(super) different: Vec<MatrixRow>,
    pub(super) alike: Vec<MatrixRow>,
    pub(super) exposures: Vec<(&'a str, Vec<&'a str>)>,
    pub(super) blasts: Vec<BlastRow<'a>>,
    pub(super) conflicts: Vec<(&'a str, String)>,
    pub(super) victims: Vec<VictimView<'a>>,
}

/// A mode in numbers.
pub(super) struct Summary<'a> {
    pub(super) mode: Mode<'a>,
    pub(super) reached: String,
    pub(super) exposed: String,
    pub(super) hidden: String,
}

/// One source and one target over the modes.
pub(super) struct MatrixRow {
    pub(super) from: String,
    pub(super) to: String,
    /// Whether the row before has another source.
    pub(super) first: bool,
    /// Word, reason, class.
    pub(super) cells: Vec<(String, String, &'static str)>,
}

/// What somebody reaches from one service, over the modes.
pub(super) struct BlastRow<'a> {
    pub(super) service: &'a str,
    /// In each mode, what is reached by kind.
    pub(super) cells: Vec<Vec<(&'static str, String)>>,
}

/// A workload with neighbours.
pub(super) struct VictimView<'a> {
    pub(super) name: &'a str,
    pub(super) neighbours: String,
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<VictimRow<'a>>,
}

pub(super) struct VictimRow<'a> {
    pub(super) mode: Mode<'a>,
    /// Without, with, and what to make of it.
    pub(super) cells: Vec<(String, String, Verdict)>,
}

/// The mode whose tasks have no network.
const NO_NETWORK: &str = "none";

type Modes<'a> = [(Mode<'a>, &'a ModeResult)];

impl<'a> IsolationView<'a> {
    pub(super) fn new(modes: &Modes<'a>, results: &'a Results) -> Self {
        let isolated: Vec<(Mode<'a>, &'a Isolation)> = modes
            .iter()
            .filter_map(|(mode, result)| Some((*mode, result.isolation.as_ref()?)))
            .collect();
        let evaluated = |isolation: &Isolation| isolation.pairs != PairCounts::default();
        let looked_at: Vec<_> = isolated
            .iter()
            .filter(|(_, i)| evaluated(i))
            .copied()
            .collect();
        let (different, alike) = matrix(&looked_at);
        Self {
            modes: looked_at.iter().map(|(m, i)| summary(*m, i)).collect(),
            different,
            alike,
            exposures: looked_at
                .iter()
                .map(|(m, i)| {
                    (
                        m.name,
                        i.exposed.iter().map(|e| e.sentence.as_str()).collect(),
                    )
                })
                .filter(|(_, sentences): &(_, Vec<_>)| !sentences.is_empty())
                .collect(),
            blasts: blasts(&looked_at),
            conflicts: isolated
                .iter()
                .flat_map(|(m, i)| conflicts(m.name, i))
                .collect(),
            victims: victims(modes, results),
        }
    }

    /// Whether there is anything to show.
    pub(super) fn is_empty(&self) -> bool {
        self.modes.is_empty() && self.conflicts.is_empty() && self.victims.is_empty()
    }
}

fn summary<'a>(mode: Mode<'a>, isolation: &Isolation) -> Summary<'a> {
    let pairs = isolation.pairs;
    let (reached, all) = (format::grouped(pairs.reached), format::grouped(pairs.all));
    let unknown = match pairs.undetermined {
        0 => String::new(),
        n => format!(", {} undetermined", format::grouped(n)),
    };
    let count = |exposures: &[_]| match mode.baseline {
        true => "baseline".to_owned(),
        false => format::grouped(exposures.len() as u64),
    };
    Summary {
        mode,
        reached: format!("{reached} of {all}{unknown}"),
        exposed: count(&isolation.exposed),
        hidden: count(&isolation.hidden),
    }
}

/// Every source and target of any mode, with what each mode makes of them; those that modes differ in
/// first. The mode without a network differs from all others nearly everywhere: it makes no row
/// differ.
fn matrix(modes: &[(Mode<'_>, &Isolation)]) -> (Vec<MatrixRow>, Vec<MatrixRow>) {
    let key = |cell: &MatrixCell| (cell.from.clone(), cell.target());
    let mut keys: Vec<_> = modes
        .iter()
        .flat_map(|(_, i)| i.matrix.iter().map(key))
        .collect();
    keys.sort();
    keys.dedup();
    let row = |(from, to): (String, String)| {
        let cell = |isolation: &Isolation| {
            let mut cells = isolation.matrix.iter();
            cell_words(cells.find(|c| c.from == from && c.target() == to))
        };
        let cells = modes.iter().map(|(_, isolation)| cell(isolation)).collect();
        MatrixRow {
            from,
            to,
            cells,
            first: false,
        }
    };
    let networked: Vec<bool> = modes
        .iter()
        .map(|(mode, _)| mode.name != NO_NETWORK)
        .collect();
    let differs = |row: &MatrixRow| {
        let cells = row.cells.iter().zip(&networked);
        let words = cells.filter(|(cell, networked)| **networked && cell.0 != format::NOTHING);
        let words: Vec<&str> = words.map(|(cell, _)| cell.0.as_str()).collect();
        words.windows(2).any(|pair| pair[0] != pair[1])
    };
    let (mut different, mut alike): (Vec<_>, Vec<_>) = keys.into_iter().map(row).partition(differs);
    mark_first(&mut different);
    mark_first(&mut alike);
    (different, alike)
}

/// Marks the first row of each source.
fn mark_first(rows: &mut [MatrixRow]) {
    let mut before = None;
    for row in rows {
        row.first = before.as_ref() != Some(&row.from);
        before = Some(row.from.clone());
    }
}

fn cell_words(cell: Option<&MatrixCell>) -> (String, String, &'static str) {
    let Some(cell) = cell else {
        return (format::NOTHING.to_owned(), String::new(), "muted");
    };
    let reasons = cell.reasons.join(", ");
    if cell.reached == cell.pairs {
        ("reached".to_owned(), String::new(), "")
    } else if cell.reached > 0 {
        (format!("{} of {}", cell.reached, cell.pairs), reasons, "")
    } else if cell.undetermined > 0 {
        ("undetermined".to_owned(), reasons, "muted")
    } else {
        ("no".to_owned(), reasons, "muted")
    }
}

fn blasts<'a>(modes: &[(Mode<'a>, &'a Isolation)]) -> Vec<BlastRow<'a>> {
    let mut services: Vec<&str> = modes
        .iter()
        .flat_map(|(_, i)| i.blast_radius.keys().map(String::as_str))
        .collect();
    services.sort_unstable();
    services.dedup();
    let parts = |blast: &Blast| {
        let some = blast
            .parts()
            .into_iter()
            .filter(|(_, list)| !list.is_empty());
        some.map(|(what, list)| (what, list.join(", "))).collect()
    };
    let cell = |isolation: &Isolation, service: &str| {
        isolation
            .blast_radius
            .get(service)
            .map_or_else(Vec::new, parts)
    };
    services
        .into_iter()
        .map(|service| BlastRow {
            service,
            cells: modes.iter().map(|(_, i)| cell(i, service)).collect(),
        })
        .collect()
}

fn conflicts<'a>(mode: &'a str, isolation: &Isolation) -> Vec<(&'a str, String)> {
    let conflicts = isolation.port_conflicts.iter();
    conflicts
        .map(|c| {
            let words = format!(
                "{}/{} is needed by {} tasks ({}), on {}",
                c.port,
                c.protocol,
                format::grouped(c.tasks),
                c.claimants.join(", "),
                instances(c.instances)
            );
            (mode, words)
        })
        .collect()
}

fn victims<'a>(modes: &Modes<'a>, results: &'a Results) -> Vec<VictimView<'a>> {
    let of =
        |result: &'a ModeResult| Some(&result.isolation.as_ref()?.interference.as_ref()?.victims);
    let Some(names) = results.modes.values().find_map(of) else {
        return Vec::new();
    };
    let view = |(name, first): (&'a String, &'a Victim)| {
        let victim = |result: &'a ModeResult| of(result)?.get(name);
        let has = |m: &Metric| {
            let has = |r| victim(r).is_some_and(|v: &Victim| v.metrics.contains_key(m.key()));
            results.modes.values().any(has)
        };
        let metrics: Vec<Metric> = Metric::ALL.into_iter().filter(has).collect();
        let rows = modes.iter().filter_map(|(mode, result)| {
            let victim = victim(result)?;
            let cells = metrics
                .iter()
                .map(|m| cell(*m, victim.metrics.get(m.key())));
            Some(VictimRow {
                mode: *mode,
                cells: cells.collect(),
            })
        });
        VictimView {
            name,
            neighbours: first.neighbours.join(", "),
            rows: rows.collect(),
            heads: metrics.iter().map(|metric| metric.label()).collect(),
        }
    };
    names.iter().map(view).collect()
}

fn cell(metric: Metric, found: Option<&Interfered>) -> (String, String, Verdict) {
    let text = |estimate| format::estimate(metric, estimate);
    let verdict = found.map_or_else(
        || Verdict {
            number: String::new(),
            words: "not measured".to_owned(),
            class: "muted",
        },
        |found| Verdict {
            number: String::new(),
            words: found.difference.verdict.clone(),
            class: class(found.difference.direction),
        },
    );
    (
        text(found.map(|f| &f.without)),
        text(found.map(|f| &f.with)),
        verdict,
    )
}

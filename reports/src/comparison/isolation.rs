//! Who reaches whom, by group, and what a mode exposes that the baseline does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{ModeRecord, PartyKind, ReachRecord, Via};
use crate::results::{Blast, Exposure, MatrixCell, PairCounts, target};

/// The code of an attempt that passes something that is not simulated.
const UNDETERMINED: &str = "undetermined";

/// All pairs of one cell of the matrix.
type Cell<'a> = (&'a str, &'a str, PartyKind, u16, &'a str);

/// What becomes of one pair, at all its addresses together.
#[derive(Default)]
struct Pair<'a> {
    reached: bool,
    undetermined: bool,
    reasons: BTreeSet<&'a str>,
    simulated: bool,
    disagrees: bool,
}

/// Pairs by cell, and in it by the names of both ends.
type Pairs<'a> = BTreeMap<Cell<'a>, BTreeMap<(&'a str, &'a str), Pair<'a>>>;

fn pairs(record: &ModeRecord) -> Pairs<'_> {
    let mut pairs = Pairs::new();
    // Nobody is kept apart from himself.
    for attempt in record.reach.iter().filter(|a| a.from.name != a.to.name) {
        let (from, to) = (&attempt.from, &attempt.to);
        let cell = (
            from.group.as_str(),
            to.group.as_str(),
            to.kind,
            attempt.port,
            attempt.protocol.as_str(),
        );
        let ends = (from.name.as_str(), to.name.as_str());
        let pair = pairs.entry(cell).or_default().entry(ends).or_default();
        pair.reached |= attempt.reached;
        pair.undetermined |= attempt.code == UNDETERMINED;
        pair.simulated |= attempt.agrees.is_some();
        pair.disagrees |= attempt.agrees == Some(false);
        if !attempt.reached {
            pair.reasons.insert(&attempt.code);
        }
    }
    pairs
}

/// The matrix of a mode, sorted.
pub(super) fn matrix(record: &ModeRecord) -> Vec<MatrixCell> {
    let count = |n: usize| n as u64;
    pairs(record)
        .into_iter()
        .map(|((from, to, kind, port, protocol), pairs)| {
            let missed = || pairs.values().filter(|pair| !pair.reached);
            let reasons: BTreeSet<&str> = missed()
                .flat_map(|pair| pair.reasons.iter().copied())
                .collect();
            MatrixCell {
                from: from.to_owned(),
                to: to.to_owned(),
                kind,
                port,
                protocol: protocol.to_owned(),
                pairs: count(pairs.len()),
                reached: count(pairs.values().filter(|pair| pair.reached).count()),
                undetermined: count(missed().filter(|pair| pair.undetermined).count()),
                reasons: reasons.into_iter().map(str::to_owned).collect(),
            }
        })
        .collect()
}

/// How many pairs there are, and what becomes of them.
pub(super) fn counts(record: &ModeRecord) -> PairCounts {
    let mut counts = PairCounts::default();
    for pair in pairs(record).values().flat_map(BTreeMap::values) {
        counts.all += 1;
        counts.reached += u64::from(pair.reached);
        counts.undetermined += u64::from(pair.undetermined && !pair.reached);
        counts.simulated += u64::from(pair.simulated);
        counts.disagreements += u64::from(pair.disagrees);
    }
    counts
}

/// What somebody reaches from a container, by the group that the container is one of.
pub(super) fn blast_radius(record: &ModeRecord) -> BTreeMap<String, Blast> {
    let mut attempts: Vec<&ReachRecord> = record
        .reach
        .iter()
        .filter(|a| a.from.kind == PartyKind::Container && a.from.name != a.to.name)
        .collect();
    attempts.sort();
    let mut all: BTreeMap<String, Blast> = BTreeMap::new();
    for attempt in attempts {
        let blast = all.entry(attempt.from.group.clone()).or_default();
        if !attempt.reached {
            continue;
        }
        let list = match (attempt.to.kind, attempt.via) {
            (PartyKind::Container, Via::Docker0 | Via::Loopback) => &mut blast.neighbours,
            (PartyKind::Container, _) => &mut blast.tasks,
            (PartyKind::Instance, _) => &mut blast.instance_services,
            (PartyKind::Metadata, _) => &mut blast.credentials,
            (PartyKind::TaskMetadata, _) => &mut blast.task_metadata,
            (PartyKind::Resolver, _) => &mut blast.resolver,
            (PartyKind::Vpc, _) => &mut blast.vpc,
            (PartyKind::Outside, _) => &mut blast.outside,
        };
        let name = target(&attempt.to.group, attempt.port, &attempt.protocol);
        if let Err(at) = list.binary_search(&name) {
            list.insert(at, name);
        }
    }
    all
}

/// What is reached in the cells of `here` and not in those of `there`, a mode named `other`.
pub(super) fn beyond(here: &[MatrixCell], there: &[MatrixCell], other: &str) -> Vec<Exposure> {
    let mut found = Vec::new();
    for cell in here.iter().filter(|cell| cell.reached > 0) {
        let same = |c: &&MatrixCell| {
            (&c.from, &c.to, c.port, &c.protocol)
                == (&cell.from, &cell.to, cell.port, &cell.protocol)
        };
        let why = match there.iter().find(same) {
            // What is not known there may be just as open.
            Some(twin) if twin.reached > 0 || twin.undetermined > 0 => continue,
            Some(twin) => format!("{other} stops it ({})", twin.reasons.join(", ")),
            None => format!("{other} has no such pair"),
        };
        let part = if cell.reached == cell.pairs {
            String::new()
        } else {
            format!(" in {} of {} pairs", cell.reached, cell.pairs)
        };
        found.push(Exposure {
            from: cell.from.clone(),
            to: cell.target(),
            sentence: format!("{} reaches {}{part}; {why}", cell.from, cell.target()),
        });
    }
    found
}

//! Who reaches whom, by the names that an expression uses.

use std::collections::{BTreeMap, BTreeSet};

use reports::{ModeRecord, PartyRecord, ReachRecord};

use super::evaluate::Facts;
use super::resolve::split_target;
use super::value::Truth;

/// Whether a name means this party: its own, that of its task, its service or its group.
fn means(record: &ModeRecord, name: &str, party: &PartyRecord) -> bool {
    let words = record.words.get(&party.name);
    party.name == name || words.is_some_and(|words| words.iter().any(|word| word == name))
}

/// Attempts of others, by pair: whether the target is reached at one address at least, and the codes
/// of those at which it is not.
type Pairs<'a> = BTreeMap<(&'a str, &'a str, u16, &'a str), (bool, BTreeSet<&'a str>)>;

fn pairs<'a>(attempts: impl Iterator<Item = &'a ReachRecord>) -> Pairs<'a> {
    let mut pairs = Pairs::new();
    for attempt in attempts.filter(|attempt| attempt.from.name != attempt.to.name) {
        let key = (
            attempt.from.name.as_str(),
            attempt.to.name.as_str(),
            attempt.port,
            attempt.protocol.as_str(),
        );
        let pair = pairs.entry(key).or_default();
        pair.0 |= attempt.reached;
        if !attempt.reached {
            pair.1.insert(&attempt.code);
        }
    }
    pairs
}

/// Whether `from` reaches `target`, all of it or nothing.
pub(super) fn reaches(
    facts: &Facts<'_>,
    mode: &str,
    from: &str,
    target: &str,
) -> Result<(Truth, String), String> {
    let (to, port, protocol) = split_target(target).ok_or("it is no target")?;
    let record = facts.ran(mode)?.1;
    let meant = |attempt: &&ReachRecord| {
        means(record, from, &attempt.from)
            && means(record, to, &attempt.to)
            && attempt.port == port
            && attempt.protocol == protocol
    };
    let pairs = pairs(record.reach.iter().filter(meant));
    if pairs.is_empty() {
        return Err(format!(
            "in {mode} nothing listens at {target} that {from} could reach"
        ));
    }
    let reached = pairs.values().filter(|(reached, _)| *reached).count();
    let missed = pairs.values().filter(|(reached, _)| !reached);
    let codes: BTreeSet<&str> = missed
        .flat_map(|(_, codes)| codes.iter().copied())
        .collect();
    let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
    let all = pairs.len();
    Ok(if reached == all {
        (Truth::Holds, format!("yes ({all} of {all} pairs)"))
    } else if reached > 0 {
        let words = format!("in {reached} of {all} pairs only; else {codes}");
        (
            Truth::Open(format!("{from} reaches {target} {words}")),
            words,
        )
    } else if codes.contains("undetermined") {
        let why = "it would pass something that is not simulated";
        (Truth::Open(why.to_owned()), codes)
    } else {
        (Truth::Fails, format!("no ({codes})"))
    })
}

/// From how many services and machines at least one port of `name` is reached, itself excepted.
pub(super) fn exposed(facts: &Facts<'_>, mode: &str, name: &str) -> Result<usize, String> {
    let record = facts.ran(mode)?.1;
    let meant = |a: &&ReachRecord| means(record, name, &a.to) && !means(record, name, &a.from);
    let mut attempts = record.reach.iter().filter(meant).peekable();
    if attempts.peek().is_none() {
        return Err(format!("in {mode} nothing of {name} listens"));
    }
    let sources: BTreeSet<&str> = attempts
        .filter(|attempt| attempt.reached)
        .map(|attempt| attempt.from.group.as_str())
        .collect();
    Ok(sources.len())
}

/// How many ports of others somebody reaches who has taken over a container.
pub(super) fn blast_radius(facts: &Facts<'_>, mode: &str, name: &str) -> Result<usize, String> {
    let record = facts.ran(mode)?.1;
    let mut attempts = record
        .reach
        .iter()
        .filter(|a| means(record, name, &a.from))
        .peekable();
    if attempts.peek().is_none() {
        return Err(format!("in {mode} nothing is known of what {name} reaches"));
    }
    Ok(pairs(attempts)
        .values()
        .filter(|(reached, _)| *reached)
        .count())
}

//! An attempt step by step, as a record.

use reports::reach::{Explanation, HopRecord, LegName, VerdictRecord, ViaName};
use sim_net::headers::FiveTuple;
use sim_net::reach::{Evaluator, Leg, ReachOutcome, Verdict, Via, WalkHop, remedy};

use super::matrix::{Attempt, Found, Tried};
use super::names::{Listener, Source};

/// Explains one attempt.
#[must_use]
pub fn explain(
    evaluator: &Evaluator,
    mode: &str,
    source: &Source,
    listener: &Listener,
    attempt: Attempt,
) -> Explanation {
    let walk = evaluator.explain(source.place, attempt.addr, listener.protocol);
    Explanation {
        mode: mode.to_owned(),
        from: source.name.clone(),
        to: listener.name.clone(),
        address: attempt.addr.to_string(),
        via: via(attempt.tried),
        protocol: listener.protocol.to_string(),
        verdict: verdict(walk.verdict),
        hops: walk.hops.iter().map(hop).collect(),
        remedy: remedy(&walk),
    }
}

fn hop(hop: &WalkHop) -> HopRecord {
    let WalkHop {
        leg,
        place,
        component,
        decision,
        rule,
        before,
        after,
    } = hop;
    HopRecord {
        leg: leg_name(*leg),
        place: place.clone(),
        component: (*component).to_owned(),
        decision: (*decision).to_owned(),
        rule: (!rule.is_empty()).then(|| rule.clone()),
        before: packet(before),
        after: (before != after).then(|| packet(after)),
    }
}

/// A packet in the form of `tcpdump -n`.
fn packet(tuple: &FiveTuple) -> String {
    let FiveTuple { protocol, src, dst } = tuple;
    format!("{protocol} {src} > {dst}")
}

fn leg_name(leg: Leg) -> LegName {
    match leg {
        Leg::Forward => LegName::Forward,
        Leg::Return => LegName::Return,
    }
}

/// Which kind of address, in the words of the record.
#[must_use]
pub fn via(tried: Tried) -> ViaName {
    match tried {
        Tried::Via(Via::Loopback) => ViaName::Loopback,
        Tried::Via(Via::Own) => ViaName::Own,
        Tried::Via(Via::Published) => ViaName::Published,
        Tried::Via(Via::Public) => ViaName::Public,
        Tried::Via(Via::Amazon) | Tried::Literal => ViaName::Literal,
    }
}

/// A verdict in the words of the record.
#[must_use]
pub fn verdict(verdict: Verdict) -> VerdictRecord {
    let description = match verdict.outcome {
        ReachOutcome::Reached => "The connection opens, or the datagram is answered.",
        ReachOutcome::Refused => "Nothing listens there, or a rule rejects it.",
        ReachOutcome::NetworkUnreachable => "The sender's own namespace has no route there.",
        ReachOutcome::Dropped(reason) => reason.description(),
        ReachOutcome::Undetermined => {
            "A packet would pass something that is not simulated, so nothing is said about it."
        }
    };
    VerdictRecord {
        code: verdict.outcome.code().to_owned(),
        description: description.to_owned(),
        leg: leg_name(verdict.leg),
    }
}

/// What a pair comes to, in the words of the record.
#[must_use]
pub fn found(found: Found) -> (VerdictRecord, Option<ViaName>) {
    match found {
        Found::NoAddress => {
            let nothing = VerdictRecord {
                code: "no_address".to_owned(),
                description: "The listener has no address that this source could try.".to_owned(),
                leg: LegName::Forward,
            };
            (nothing, None)
        }
        Found::Reached(tried) => {
            let reached = Verdict {
                outcome: ReachOutcome::Reached,
                leg: Leg::Return,
            };
            (verdict(reached), Some(via(tried)))
        }
        Found::Not(not) => (verdict(not), None),
    }
}

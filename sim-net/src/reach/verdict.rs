//! What an evaluation finds.

use serde::Serialize;

use crate::headers::FiveTuple;
use crate::verdict::DropReason;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// From the one who asks.
    Forward,
    /// The answer.
    Return,
}

impl Leg {
    /// The other one.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Forward => Self::Return,
            Self::Return => Self::Forward,
        }
    }
}

/// What becomes of an attempt to reach a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReachOutcome {
    /// The connection opens; the datagram is answered.
    Reached,
    /// The packet arrives where nothing listens on the port, or a rule rejects it: a reset, or ICMP
    /// *port unreachable*.
    Refused,
    /// The sender's own namespace has no route to the address.
    NetworkUnreachable,
    /// A packet is dropped, for this reason.
    Dropped(DropReason),
    /// It would pass something that is not simulated.
    Undetermined,
}

impl ReachOutcome {
    /// Stable name: one of a closed list, namely `reached`, `refused`, `network_unreachable`,
    /// `undetermined` and the codes of [`DropReason`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Refused => "refused",
            Self::NetworkUnreachable => "network_unreachable",
            Self::Dropped(reason) => reason.code(),
            Self::Undetermined => "undetermined",
        }
    }
}

/// What becomes of an attempt, and on which leg it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Verdict {
    /// What becomes of it.
    pub outcome: ReachOutcome,
    /// The leg on which it was decided; [`Leg::Return`] where it was reached.
    pub leg: Leg,
}

/// One step of a packet, and what was decided there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkHop {
    /// Which way.
    pub leg: Leg,
    /// The machine or the object of the VPC, by its name.
    pub place: String,
    /// The component there, in the field's standard terms: `nat PREROUTING`, `security group egress`.
    pub component: &'static str,
    /// What it did: `allow`, `deny`, `route`, `translate`, …
    pub decision: &'static str,
    /// The rule that decided, as the place's own tools print it; empty where none did.
    pub rule: String,
    /// The packet before.
    pub before: FiveTuple,
    /// The packet after; the same where nothing was translated.
    pub after: FiveTuple,
}

/// An attempt step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The steps there and back, in order, up to where it ends.
    pub hops: Vec<WalkHop>,
}

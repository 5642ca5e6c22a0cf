//! Whether a simulated attempt found what evaluation says.

use super::verdict::{ReachOutcome, Verdict};
use crate::machine::{ErrorKind, ProbeResult};
use crate::verdict::DropReason;

impl Verdict {
    /// Whether a probe in the simulated world found the same: of a dropped packet, the reason and
    /// the leg too.
    #[must_use]
    pub fn agrees_with(self, found: ProbeResult) -> bool {
        let (kind, dropped) = match (self.outcome, found) {
            (ReachOutcome::Reached, ProbeResult::Reached { .. }) => return true,
            (_, ProbeResult::Reached { .. }) => return false,
            (_, ProbeResult::Failed { kind, dropped }) => (kind, dropped),
        };
        match self.outcome {
            ReachOutcome::Reached => false,
            ReachOutcome::Refused => kind == ErrorKind::Refused && dropped.is_none(),
            ReachOutcome::NetworkUnreachable => kind == ErrorKind::NetworkUnreachable,
            // A reply that nobody waits for is taken and thrown away, not dropped on its way. Only what
            // tells its sender so may be, on the other leg.
            ReachOutcome::Dropped(DropReason::UnexpectedReply) => {
                dropped.is_none_or(|(leg, _)| leg != self.leg)
            }
            ReachOutcome::Dropped(reason) => dropped == Some((self.leg, reason)),
            ReachOutcome::Undetermined => dropped == Some((self.leg, DropReason::NotModelled)),
        }
    }
}

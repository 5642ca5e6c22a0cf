//! Where windows begin and end, and when they stop: the same for any number of threads.

use super::{Limits, StopReason};
use crate::time::{SimDuration, SimTime};

/// How far windows go on.
pub(super) struct Course {
    /// The end of the run; events at it do not happen.
    pub(super) end: SimTime,
    /// The run pauses after the window in which so many events have happened since the start.
    pub(super) pause: u64,
    pub(super) lookahead: SimDuration,
    pub(super) limits: Limits,
}

/// One window.
pub(super) struct Span {
    pub(super) end: SimTime,
    /// Events of each partition, at most.
    pub(super) budget: u64,
}

impl Course {
    /// The window that begins at `start`, the earliest pending event, after so many events.
    ///
    /// # Errors
    /// Why there is none: the run stops, or pauses (`None`).
    pub(super) fn span(
        &self,
        start: SimTime,
        events: u64,
        stop: bool,
    ) -> Result<Span, Option<StopReason>> {
        if start == SimTime::MAX {
            return Err(Some(StopReason::Idle));
        }
        if start >= self.end {
            return Err(Some(StopReason::EndReached));
        }
        if events >= self.limits.max_events {
            return Err(Some(StopReason::EventLimit));
        }
        if stop {
            return Err(Some(StopReason::Interrupted));
        }
        if events >= self.pause {
            return Err(None);
        }
        Ok(Span {
            end: start.saturating_add(self.lookahead).min(self.end),
            budget: self.limits.max_events - events,
        })
    }
}

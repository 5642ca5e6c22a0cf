//! Who listens to a walk: nobody, or one who keeps every step.

use super::packet::Packet;
use super::verdict::WalkHop;
use crate::headers::FiveTuple;

/// What happened at a step, without the packet.
pub(super) struct Note {
    pub(super) place: String,
    pub(super) component: &'static str,
    pub(super) decision: &'static str,
    pub(super) rule: String,
}

/// Told of every step.
pub(super) trait Trace {
    /// A step that left the packet as it was, unless `before` differs from it.
    fn note(&mut self, before: FiveTuple, after: &Packet, note: impl FnOnce() -> Note);
}

/// Keeps nothing: what would be said is not even made.
pub(super) struct Silent;

impl Trace for Silent {
    fn note(&mut self, _before: FiveTuple, _after: &Packet, _note: impl FnOnce() -> Note) {}
}

/// Keeps all.
#[derive(Default)]
pub(super) struct Recorder(pub(super) Vec<WalkHop>);

impl Trace for Recorder {
    fn note(&mut self, before: FiveTuple, after: &Packet, note: impl FnOnce() -> Note) {
        let Note {
            place,
            component,
            decision,
            rule,
        } = note();
        self.0.push(WalkHop {
            leg: after.leg,
            place,
            component,
            decision,
            rule,
            before,
            after: after.tuple,
        });
    }
}

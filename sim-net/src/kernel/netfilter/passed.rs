//! How the filter table has let the packets of a connection pass.
//!
//! Of an established connection every packet of one direction meets the same rules: no rule looks
//! at anything that changes from one packet to the next. So the walk through the chains is
//! remembered, and what it costs is charged again. Of a connection that is new, or of none, every
//! packet walks.

use super::chain::{Decider, Tests};
use super::state::{CtState, Hook, PacketContext};
use crate::ids::IfaceId;

/// What the filter table has said to a packet that it let pass, and under which circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    at: Circumstances,
    /// What decided.
    pub(super) decider: Decider,
    /// The rules that were tested.
    pub(super) tests: Tests,
}

/// Everything beside the connection and the direction that a walk's end depends on. The addresses
/// of a namespace do not change while packets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Circumstances {
    hook: Hook,
    in_iface: Option<IfaceId>,
    out_iface: Option<IfaceId>,
    edition: u32,
}

impl Circumstances {
    /// Those of a packet at a hook of rules in this edition; `None` where a walk is not remembered.
    pub(super) fn of(
        hook: Hook,
        state: CtState,
        ctx: &PacketContext<'_>,
        edition: u32,
    ) -> Option<Self> {
        (state == CtState::Established).then_some(Self {
            hook,
            in_iface: ctx.in_iface,
            out_iface: ctx.out_iface,
            edition,
        })
    }
}

impl Passed {
    pub(super) fn new(at: Circumstances, decider: Decider, tests: Tests) -> Self {
        Self { at, decider, tests }
    }

    /// The interface by which a packet that came by `in_iface` was forwarded, under rules in this
    /// edition.
    pub(super) fn forwarded(&self, in_iface: IfaceId, edition: u32) -> Option<IfaceId> {
        let Circumstances {
            hook: Hook::Forward,
            in_iface: came,
            out_iface,
            edition: then,
        } = self.at
        else {
            return None;
        };
        out_iface.filter(|_| came == Some(in_iface) && then == edition)
    }

    /// Whether a packet under these circumstances passes as those before it.
    pub(super) fn holds(&self, at: Circumstances) -> bool {
        self.at == at
    }
}

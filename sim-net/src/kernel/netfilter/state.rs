//! What a hook is told about a packet, what it says, and what it leaves for the next one.

use std::net::Ipv4Addr;

use sim_core::SimTime;

use super::chain::Decider;
use super::conntrack::{Connection, Direction, EntryId};
use super::rule::RejectWith;
use crate::ids::IfaceId;
use crate::verdict::DropReason;

/// The places at which Linux asks netfilter about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Arrived, not routed yet.
    Prerouting,
    /// For this namespace.
    Input,
    /// For another.
    Forward,
    /// From this namespace, routed.
    Output,
    /// About to leave.
    Postrouting,
}

impl Hook {
    /// The name of the built-in chains at this hook.
    #[must_use]
    pub fn chain_name(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }

    /// The counter of packets that a filter chain at this hook takes.
    pub(super) fn drop_reason(self) -> DropReason {
        match self {
            Self::Prerouting | Self::Input => DropReason::FilterInput,
            Self::Forward => DropReason::FilterForward,
            Self::Output | Self::Postrouting => DropReason::FilterOutput,
        }
    }
}

/// What the namespace knows about a packet at a hook.
#[derive(Clone, Copy)]
pub struct PacketContext<'a> {
    /// The time.
    pub now: SimTime,
    /// The interface it came by; `None` for the namespace's own packets.
    pub in_iface: Option<IfaceId>,
    /// The interface it will leave by; `None` before it is routed and for what stays.
    pub out_iface: Option<IfaceId>,
    /// The namespace's addresses.
    pub addresses: &'a [Ipv4Addr],
    /// The primary address of `out_iface`, which MASQUERADE takes; without meaning where there is
    /// none.
    pub out_addr: Ipv4Addr,
}

/// A packet's connection state, as rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CtState {
    /// Not looked up: tracking is off, or no hook has seen the packet.
    #[default]
    Untracked,
    /// Of a connection that was not answered yet.
    New,
    /// Of a connection with packets both ways.
    Established,
    /// An ICMP error about a connection.
    Related,
    /// Of no connection, and able to begin none.
    Invalid,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Tracked {
    #[default]
    Unseen,
    No,
    /// Of a connection that enters the table when its first packet has passed every hook. It is
    /// here until then, so that a packet that goes no further leaves nothing behind.
    Pending(Connection),
    Known(EntryId),
}

/// What the hooks of one traversal know of one packet.
///
/// Made with `default()` where the packet enters the namespace, and handed to each hook in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketState {
    pub(super) tracked: Tracked,
    pub(super) state: CtState,
    pub(super) reply: bool,
    pub(super) filter: Option<Decider>,
    pub(super) translation: Option<Decider>,
}

impl PacketState {
    /// The packet's connection state.
    #[must_use]
    pub fn state(&self) -> CtState {
        self.state
    }

    /// Whether it goes against its connection's first packet.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.reply
    }

    /// What the filter table's last word on it was.
    #[must_use]
    pub fn filter_decider(&self) -> Option<Decider> {
        self.filter
    }

    /// The rule that translated it, if this packet was its connection's first.
    #[must_use]
    pub fn translation_decider(&self) -> Option<Decider> {
        self.translation
    }

    pub(super) fn direction(&self) -> Direction {
        if self.reply {
            Direction::Reply
        } else {
            Direction::Original
        }
    }
}

/// What a hook says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NfVerdict {
    /// The packet goes on, rewritten or not.
    Accept,
    /// It is gone.
    Drop(DropReason),
    /// It is gone, counted under this reason, and its sender is told.
    Reject(RejectWith, DropReason),
}

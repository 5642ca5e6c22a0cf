//! What a rule looks at and what it does.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;

use super::chain::ChainId;
use super::state::{CtState, PacketContext};
use super::tuple::Fields;
use crate::headers::Protocol;
use crate::ids::IfaceId;
use crate::kernel::netns::is_local;

/// A test that can be turned round, as `!` does on iptables' command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negatable<T> {
    /// What is compared.
    pub value: T,
    /// Whether the packet must differ.
    pub negated: bool,
}

/// The packet must have this.
#[must_use]
pub fn is<T>(value: T) -> Negatable<T> {
    Negatable {
        value,
        negated: false,
    }
}

/// The packet must not have this.
#[must_use]
pub fn not<T>(value: T) -> Negatable<T> {
    Negatable {
        value,
        negated: true,
    }
}

/// A set of connection states, for `-m conntrack --ctstate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CtStates(u8);

impl CtStates {
    /// The first packet of a connection, and those that follow until it is answered.
    pub const NEW: Self = Self(1);
    /// A packet of a connection with packets both ways.
    pub const ESTABLISHED: Self = Self(2);
    /// An ICMP error about a connection.
    pub const RELATED: Self = Self(4);
    /// A packet that belongs to nothing.
    pub const INVALID: Self = Self(8);
    /// A packet of a connection whose destination is translated, whatever else it is.
    pub const DNAT: Self = Self(16);

    /// Either of two sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The states by the names that iptables gives them, in its order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (Self::INVALID, "INVALID"),
            (Self::NEW, "NEW"),
            (Self::RELATED, "RELATED"),
            (Self::ESTABLISHED, "ESTABLISHED"),
            (Self::DNAT, "DNAT"),
        ]
        .into_iter()
        .filter(move |&(state, _)| self.meets(state))
        .map(|(_, name)| name)
    }
}

/// Everything that a packet must meet for a rule to apply; what is `None` meets every packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// `-i`: the interface it came by. A packet of the namespace's own has none, which differs from
    /// every interface.
    pub in_iface: Option<Negatable<IfaceId>>,
    /// `-o`: the interface it will leave by, if that is known at the hook.
    pub out_iface: Option<Negatable<IfaceId>>,
    /// `-s`.
    pub src: Option<Negatable<Ipv4Net>>,
    /// `-d`.
    pub dst: Option<Negatable<Ipv4Net>>,
    /// `-p`.
    pub protocol: Option<Protocol>,
    /// `--dport`, inclusive.
    pub dports: Option<RangeInclusive<u16>>,
    /// `-m addrtype --src-type LOCAL`.
    pub src_local: Option<Negatable<()>>,
    /// `-m addrtype --dst-type LOCAL`.
    pub dst_local: Option<Negatable<()>>,
    /// `-m conntrack --ctstate`.
    pub ctstate: Option<Negatable<CtStates>>,
}

impl Match {
    /// Every packet.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// One destination port of one protocol.
    #[must_use]
    pub fn port(protocol: Protocol, port: u16) -> Self {
        Self {
            protocol: Some(protocol),
            dports: Some(port..=port),
            ..Self::default()
        }
    }
}

/// How a rejected packet's sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectWith {
    /// A TCP segment with RST.
    TcpReset,
    /// ICMP type 3, code 3.
    PortUnreachable,
}

impl RejectWith {
    /// The name that iptables gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpReset => "tcp-reset",
            Self::PortUnreachable => "icmp-port-unreachable",
        }
    }
}

/// What happens to a packet that meets a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Let through this table.
    Accept,
    /// Dropped without a word.
    Drop,
    /// Back to the chain that jumped here; at the end of a built-in chain, its policy.
    Return,
    /// On to another chain of the same table.
    Jump(ChainId),
    /// Dropped, and its sender told.
    Reject(RejectWith),
    /// A new destination. Only in `nat` PREROUTING and OUTPUT.
    Dnat(SocketAddrV4),
    /// A new destination port on this host: on 127.0.0.1 at OUTPUT, on the address that the packet
    /// already has at PREROUTING. Only in `nat` PREROUTING and OUTPUT.
    Redirect(u16),
    /// The address of the outgoing interface as the source. Only in `nat` POSTROUTING.
    Masquerade,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The packets it is for.
    pub matches: Match,
    /// What it does with them.
    pub target: Target,
}

impl Rule {
    /// A rule.
    #[must_use]
    pub fn new(matches: Match, target: Target) -> Self {
        Self { matches, target }
    }
}

/// What a rule can see of a packet.
pub(super) struct Subject<'a> {
    pub(super) fields: Fields,
    pub(super) state: CtState,
    pub(super) destination_translated: bool,
    pub(super) ctx: &'a PacketContext<'a>,
}

/// How a rule took a packet, for its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tested {
    /// An address, an interface or the protocol differs.
    Differs,
    /// A port, a connection state or an address type differs.
    DiffersInMatch,
    /// It applies.
    Applies,
}

impl Match {
    pub(super) fn test(&self, packet: &Subject<'_>) -> Tested {
        let fields = &packet.fields;
        if !iface(self.in_iface, packet.ctx.in_iface)
            || !iface(self.out_iface, packet.ctx.out_iface)
            || !address(self.src, fields.src)
            || !address(self.dst, fields.dst)
            || self.protocol.is_some_and(|p| p != fields.protocol)
        {
            return Tested::Differs;
        }
        let port = match (&self.dports, fields.dport) {
            (None, _) => true,
            (Some(ports), Some(port)) => ports.contains(&port),
            (Some(_), None) => false,
        };
        if port
            && local(self.src_local, fields.src, packet.ctx)
            && local(self.dst_local, fields.dst, packet.ctx)
            && self.state(packet)
        {
            Tested::Applies
        } else {
            Tested::DiffersInMatch
        }
    }

    fn state(&self, packet: &Subject<'_>) -> bool {
        let Some(test) = self.ctstate else {
            return true;
        };
        let mut states = match packet.state {
            CtState::New => CtStates::NEW,
            CtState::Established => CtStates::ESTABLISHED,
            CtState::Related => CtStates::RELATED,
            CtState::Invalid => CtStates::INVALID,
            CtState::Untracked => CtStates::default(),
        };
        if packet.destination_translated {
            states = states.or(CtStates::DNAT);
        }
        test.value.meets(states) != test.negated
    }
}

fn iface(test: Option<Negatable<IfaceId>>, iface: Option<IfaceId>) -> bool {
    test.is_none_or(|t| (iface == Some(t.value)) != t.negated)
}

fn address(test: Option<Negatable<Ipv4Net>>, address: Ipv4Addr) -> bool {
    test.is_none_or(|t| t.value.contains(&address) != t.negated)
}

fn local(test: Option<Negatable<()>>, address: Ipv4Addr, ctx: &PacketContext<'_>) -> bool {
    test.is_none_or(|t| is_local(ctx.addresses, address) != t.negated)
}

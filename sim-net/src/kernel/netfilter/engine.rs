//! The netfilter of one namespace: its rules, and the hooks in Linux's order.

use sim_core::SimTime;

use super::chain::{Chain, ChainId, Policy, RuleSet, Table};
use super::conntrack::{Conntrack, Followed};
use super::nat;
use super::rule::Rule;
use super::state::{Hook, NfVerdict, PacketContext, PacketState};
use super::tuple::Manip;
use crate::cost::{Charge, Primitive};
use crate::headers::{self, Protocol};
use crate::ids::IfaceId;

/// Which implementation of iptables the rules were loaded with: it decides what a test costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `iptables-legacy`: Amazon Linux 2.
    Legacy,
    /// `iptables-nft`: Amazon Linux 2023, Debian since 10.
    Nft,
}

/// What a namespace's netfilter is set up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetfilterConfig {
    /// Most connections that are tracked (`nf_conntrack_max`).
    pub conntrack_max: usize,
    /// How the rules were loaded.
    pub backend: Backend,
    /// Whether connections are tracked at all. Without it no rule translates, and no packet has a
    /// connection state.
    pub tracking: bool,
    /// The namespace's loopback interface. A packet that arrives by it has been through `output`
    /// and `postrouting` already and belongs to the connection that it belonged to there.
    pub loopback: IfaceId,
}

impl Default for NetfilterConfig {
    /// An instance with at least 4 GiB on Amazon Linux 2023.
    fn default() -> Self {
        Self {
            conntrack_max: 262_144,
            backend: Backend::Nft,
            tracking: true,
            loopback: IfaceId::new(0),
        }
    }
}

/// The default of `nf_conntrack_max` on a machine with this many octets of memory: one per
/// 16 KiB, from 1024 to 262,144. Source: Linux from 5.15, `nf_conntrack_init_start`: as many
/// entries as hash buckets (specified).
#[must_use]
pub fn default_conntrack_max(memory: u64) -> usize {
    usize::try_from(memory / 16_384).map_or(262_144, |n| n.clamp(1024, 262_144))
}

/// The rules and the connection tracking of one namespace.
#[derive(Debug)]
pub struct Netfilter {
    pub(super) config: NetfilterConfig,
    pub(super) rules: RuleSet,
    pub(super) conntrack: Conntrack,
}

impl Default for Netfilter {
    fn default() -> Self {
        Self::new(NetfilterConfig::default())
    }
}

/// Rules.
impl Netfilter {
    /// Empty tables, every policy ACCEPT.
    #[must_use]
    pub fn new(config: NetfilterConfig) -> Self {
        Self {
            config,
            rules: RuleSet::new(),
            conntrack: Conntrack::new(config.conntrack_max),
        }
    }

    /// What it was set up with.
    #[must_use]
    pub fn config(&self) -> NetfilterConfig {
        self.config
    }

    /// The connections.
    #[must_use]
    pub fn conntrack(&self) -> &Conntrack {
        &self.conntrack
    }

    /// The chain of this name, built in or not.
    #[must_use]
    pub fn find_chain(&self, table: Table, name: &str) -> Option<ChainId> {
        self.rules.find(table, name)
    }

    /// The built-in chain of a table at a hook.
    ///
    /// # Panics
    /// If the table has none there: see [`Table::hooks`].
    #[must_use]
    pub fn builtin(&self, table: Table, hook: Hook) -> ChainId {
        self.rules
            .builtin(table, hook)
            .unwrap_or_else(|| panic!("{} has no chain {}", table.name(), hook.chain_name()))
    }

    /// A chain.
    #[must_use]
    pub fn chain(&self, id: ChainId) -> &Chain {
        self.rules.chain(id)
    }

    /// The chains of a table, the built-in ones first.
    pub fn chains(&self, table: Table) -> impl Iterator<Item = (ChainId, &Chain)> {
        self.rules.of_table(table)
    }

    /// Makes a chain to jump to.
    ///
    /// # Panics
    /// If there is one of this name.
    pub fn add_chain(&mut self, table: Table, name: &str) -> ChainId {
        self.rules.add_chain(table, name)
    }

    /// Sets what a built-in chain does in the end.
    ///
    /// # Panics
    /// If the chain is not built in.
    pub fn set_policy(&mut self, chain: ChainId, policy: Policy) {
        self.rules.set_policy(chain, policy);
    }

    /// Puts a rule behind a chain's last.
    ///
    /// # Panics
    /// If iptables would refuse it: a target that the table does not have, a port without a
    /// protocol, chains that jump in a circle.
    pub fn append(&mut self, chain: ChainId, rule: Rule) {
        let at = self.rules.chain(chain).rules.len();
        self.rules.insert(chain, at, rule);
    }

    /// Puts a rule before the one at place `at`, from 0.
    ///
    /// # Panics
    /// As [`append`](Self::append), and if the chain is shorter.
    pub fn insert(&mut self, chain: ChainId, at: usize, rule: Rule) {
        self.rules.insert(chain, at, rule);
    }

    /// Takes the rule at place `at`, from 0, out of its chain.
    ///
    /// # Panics
    /// If there is none.
    pub fn remove(&mut self, chain: ChainId, at: usize) -> Rule {
        self.rules.remove(chain, at)
    }
}

/// Hooks.
impl Netfilter {
    /// What happens to a packet at `hook`.
    pub fn run(
        &mut self,
        hook: Hook,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        match hook {
            Hook::Prerouting => self.prerouting(packet, state, ctx, charge),
            Hook::Input => self.input(packet, state, ctx, charge),
            Hook::Forward => self.forward(packet, state, ctx, charge),
            Hook::Output => self.output(packet, state, ctx, charge),
            Hook::Postrouting => self.postrouting(packet, state, ctx, charge),
        }
    }

    /// A packet that arrived by an interface, before it is routed. The route is that of the
    /// destination it has afterwards.
    pub fn prerouting(
        &mut self,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        match self.track(packet, state, ctx, charge) {
            NfVerdict::Accept => self.translate(Hook::Prerouting, packet, state, ctx, charge),
            verdict => verdict,
        }
    }

    /// A packet for one of the namespace's own sockets.
    pub fn input(
        &mut self,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        match self.filter(Hook::Input, packet, state, ctx, charge) {
            NfVerdict::Accept => {}
            verdict => return verdict,
        }
        match self.translate(Hook::Input, packet, state, ctx, charge) {
            NfVerdict::Accept => self.confirm(state, ctx),
            verdict => verdict,
        }
    }

    /// A packet from one interface to another, routed.
    pub fn forward(
        &mut self,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        self.filter(Hook::Forward, packet, state, ctx, charge)
    }

    /// A packet that arrived by `in_iface` and is to be forwarded as others of its connection were,
    /// through `prerouting`, `forward` and `postrouting` in one go. Says by which interface it
    /// leaves; `None` where nothing is known of it, and then nothing has happened.
    ///
    /// `fits` says whether a packet may leave by an interface: one that may not is not for here.
    pub fn forward_again(
        &mut self,
        packet: &mut [u8],
        in_iface: IfaceId,
        now: SimTime,
        fits: impl FnOnce(IfaceId) -> bool,
        charge: &mut impl Charge,
    ) -> Option<IfaceId> {
        let tuple = headers::five_tuple(packet)?;
        if !matches!(tuple.protocol, Protocol::Tcp | Protocol::Udp)
            || in_iface == self.config.loopback
        {
            return None;
        }
        let (id, direction) = self.conntrack.lookup(now, tuple)?;
        let edition = self.rules.edition();
        let passed = self.conntrack.get(id)?.passed[direction as usize]?;
        let out_iface = passed.forwarded(in_iface, edition).filter(|&i| fits(i))?;
        let (flags, len) = (headers::tcp_flags(packet), packet.len());
        let followed = self.conntrack.follow(now, id, direction, flags, len);
        if followed != Followed::Known {
            return None;
        }
        charge.charge(Primitive::ConntrackEstablished, len);
        let connection = self.conntrack.get(id)?;
        for manip in [Manip::Destination, Manip::Source] {
            if nat::translate(packet, connection, direction, manip) {
                charge.charge(Primitive::NatEstablished, len);
            }
        }
        passed.tests.charge_filter(self.config.backend, charge);
        Some(out_iface)
    }

    /// A packet of one of the namespace's own sockets, routed. If its destination has changed
    /// afterwards, it is to be routed again before `postrouting`.
    pub fn output(
        &mut self,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        match self.track(packet, state, ctx, charge) {
            NfVerdict::Accept => {}
            verdict => return verdict,
        }
        match self.translate(Hook::Output, packet, state, ctx, charge) {
            NfVerdict::Accept => self.filter(Hook::Output, packet, state, ctx, charge),
            verdict => verdict,
        }
    }

    /// A packet that is about to leave by `ctx.out_iface`.
    pub fn postrouting(
        &mut self,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        match self.translate(Hook::Postrouting, packet, state, ctx, charge) {
            NfVerdict::Accept => self.confirm(state, ctx),
            verdict => verdict,
        }
    }

    /// A frame between two ports of one bridge, with br_netfilter loaded as Docker loads it: the
    /// bridge asks the chains that a forwarded packet passes, with itself as both interfaces.
    pub fn bridge_forward(
        &mut self,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        charge.charge(Primitive::BrNetfilter, packet.len());
        match self.prerouting(packet, state, ctx, charge) {
            NfVerdict::Accept => {}
            verdict => return verdict,
        }
        match self.forward(packet, state, ctx, charge) {
            NfVerdict::Accept => self.postrouting(packet, state, ctx, charge),
            verdict => verdict,
        }
    }
}

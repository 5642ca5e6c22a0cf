//! The rules of a namespace, read in order, and the connections that they make of packets.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use super::layout::{Rules, Space};
use super::packet::{Kind, Packet, Tracked};
use super::trace::{Note, Trace};
use super::verdict::Verdict;
use super::walk::{Walker, dropped, undetermined};
use crate::headers::{FiveTuple, Protocol};
use crate::ids::IfaceId;
use crate::kernel::netfilter::{
    Chain, ChainId, CtStates, Decider, Hook, Match, Negatable, Netfilter, Policy, Table, Target,
};
use crate::kernel::show;
use crate::verdict::DropReason;

/// A packet on its way through one namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traversal {
    space: usize,
    pub(super) incoming: Option<IfaceId>,
    pub(super) outgoing: Option<IfaceId>,
    connection: Option<Connection>,
    state: CtStates,
    seen: bool,
}

/// A packet's connection.
#[derive(Clone, Copy, Debug)]
struct Connection {
    /// Its place among those that the walk remembers.
    at: usize,
    reply: bool,
    /// Whether this packet is its first, about which the nat table is asked.
    new: bool,
}

impl Traversal {
    pub(super) fn new(space: usize, incoming: Option<IfaceId>, outgoing: Option<IfaceId>) -> Self {
        Self {
            space,
            incoming,
            outgoing,
            connection: None,
            state: CtStates::default(),
            seen: false,
        }
    }
}

/// What a hook says to a packet that it does not drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It goes on.
    On,
    /// Its sender is told that it does not.
    Reject,
}

/// What a chain decides, and which of its rules.
type Decided = (Target, Decider);

impl<T: Trace> Walker<'_, T> {
    /// A packet at one hook.
    pub(super) fn hook(
        &mut self,
        hook: Hook,
        traversal: &mut Traversal,
        packet: &mut Packet,
    ) -> Result<Passed, Verdict> {
        let space = self.space(traversal.space);
        let Some(rules) = &space.rules else {
            return Ok(Passed::On);
        };
        if !traversal.seen {
            self.track(&rules.netfilter, traversal, packet)?;
        }
        match hook {
            Hook::Prerouting | Hook::Postrouting => {
                self.nat(hook, rules, traversal, packet);
                Ok(Passed::On)
            }
            Hook::Forward => self.filter(hook, rules, traversal, packet),
            Hook::Output => {
                self.nat(hook, rules, traversal, packet);
                self.filter(hook, rules, traversal, packet)
            }
            Hook::Input => {
                let passed = self.filter(hook, rules, traversal, packet)?;
                if passed == Passed::On {
                    self.nat(hook, rules, traversal, packet);
                }
                Ok(passed)
            }
        }
    }

    /// Finds the packet's connection, or begins one.
    fn track(
        &mut self,
        netfilter: &Netfilter,
        traversal: &mut Traversal,
        packet: &Packet,
    ) -> Result<(), Verdict> {
        traversal.seen = true;
        if !netfilter.config().tracking {
            return Ok(());
        }
        let flow = packet.flow();
        // What comes back over loopback has left by the same hooks and is known by its present ends.
        let over_loopback = traversal.incoming == Some(netfilter.config().loopback);
        let known = self.find(traversal.space, flow, over_loopback);
        if let Some((at, reply)) = known {
            let answered = self.tracked.get(at).is_some_and(|c| c.answered);
            traversal.connection = Some(Connection {
                at,
                reply,
                new: false,
            });
            traversal.state = match packet.kind {
                Kind::Unreachable(_) => CtStates::RELATED,
                _ if reply || answered => CtStates::ESTABLISHED,
                _ => CtStates::NEW,
            };
            if reply && let Some(connection) = self.tracked.get_mut(at) {
                connection.answered = true;
            }
            return Ok(());
        }
        // Neither an error nor a TCP segment but a SYN begins a connection.
        let begins = match packet.kind {
            Kind::Ask => true,
            Kind::Answer => flow.protocol != Protocol::Tcp,
            Kind::Reset | Kind::Unreachable(_) => false,
        };
        if !begins {
            traversal.state = CtStates::INVALID;
            return Ok(());
        }
        let begun = self.tracked.push(Tracked {
            space: traversal.space,
            original: flow,
            reply: flow.reversed(),
            src_translated: false,
            dst_translated: false,
            answered: false,
        });
        let at = begun.ok_or_else(|| undetermined(packet))?;
        traversal.connection = Some(Connection {
            at,
            reply: false,
            new: true,
        });
        traversal.state = CtStates::NEW;
        Ok(())
    }

    /// The connection with this flow, and whether it is the one that answers. Over loopback it is
    /// found by what would answer the packet.
    fn find(&self, space: usize, flow: FiveTuple, over_loopback: bool) -> Option<(usize, bool)> {
        let here = || {
            let all = self.tracked.iter().enumerate();
            all.filter(move |(_, c)| c.space == space)
        };
        if over_loopback {
            let turned = flow.reversed();
            let found = here().find_map(|(at, c)| match turned {
                t if t == c.reply => Some((at, false)),
                t if t == c.original => Some((at, true)),
                _ => None,
            });
            if found.is_some() {
                return found;
            }
        }
        here().find_map(|(at, c)| match flow {
            f if f == c.original => Some((at, false)),
            f if f == c.reply => Some((at, true)),
            _ => None,
        })
    }

    /// Translates the packet as its connection says. The nat table is asked about a connection's
    /// first packet only.
    fn nat(&mut self, hook: Hook, rules: &Rules, traversal: &Traversal, packet: &mut Packet) {
        let Some(Connection { at, reply, new }) = traversal.connection else {
            return;
        };
        let Some(mut connection) = self.tracked.get(at).copied() else {
            return;
        };
        let space = self.space(traversal.space);
        let at_source = matches!(hook, Hook::Input | Hook::Postrouting);
        let mut decider = None;
        if new {
            let chain = rules.netfilter.builtin(Table::Nat, hook);
            let subject = Subject::of(space, traversal, packet, connection.dst_translated);
            if let Some((target, by)) = walk(rules, chain, &subject) {
                if bind(&mut connection, hook, target, space, traversal) {
                    decider = Some(by);
                }
                if let Some(stored) = self.tracked.get_mut(at) {
                    *stored = connection;
                }
            }
        }
        let before = packet.tuple;
        // Against the first packet's direction the other end is translated, back to what it was.
        let applies = if at_source == reply {
            connection.dst_translated
        } else {
            connection.src_translated
        };
        if !applies {
            return;
        }
        let others = if reply {
            connection.original
        } else {
            connection.reply
        };
        if at_source {
            packet.set_src(others.dst);
        } else {
            packet.set_dst(others.src);
        }
        if before == packet.tuple && decider.is_none() {
            return;
        }
        self.trace.note(before, packet, || Note {
            place: space.name.clone(),
            component: component(Table::Nat, hook),
            decision: "translate",
            rule: match decider {
                Some(by) => show::decider(&rules.netfilter, by, &names(space)).to_string(),
                None if reply => "conntrack: back to what the first packet had".to_owned(),
                None => "conntrack: as the first packet".to_owned(),
            },
        });
    }

    /// Asks the filter table.
    fn filter(
        &mut self,
        hook: Hook,
        rules: &Rules,
        traversal: &mut Traversal,
        packet: &Packet,
    ) -> Result<Passed, Verdict> {
        let space = self.space(traversal.space);
        let netfilter = &rules.netfilter;
        let chain = netfilter.builtin(Table::Filter, hook);
        let translated = traversal
            .connection
            .and_then(|c| self.tracked.get(c.at))
            .is_some_and(|c| c.dst_translated);
        let subject = Subject::of(space, traversal, packet, translated);
        let decided = walk(rules, chain, &subject);
        let by = decided.map_or(Decider { chain, rule: None }, |(_, by)| by);
        let policy = netfilter.chain(chain).policy();
        let (decision, passed) = match (decided, policy) {
            (Some((Target::Drop, _)), _) | (None, Some(Policy::Drop)) => ("drop", None),
            (Some((Target::Reject(_), _)), _) => ("reject", Some(Passed::Reject)),
            _ => ("allow", Some(Passed::On)),
        };
        self.trace.note(packet.tuple, packet, || Note {
            place: space.name.clone(),
            component: component(Table::Filter, hook),
            decision,
            rule: show::decider(netfilter, by, &names(space)).to_string(),
        });
        if passed != Some(Passed::On)
            && let Some(Connection { new: true, .. }) = traversal.connection.take()
        {
            // A connection whose first packet does not pass is not remembered.
            self.tracked.pop();
        }
        passed.ok_or_else(|| {
            let reason = match hook {
                Hook::Prerouting | Hook::Input => DropReason::FilterInput,
                Hook::Forward => DropReason::FilterForward,
                Hook::Output | Hook::Postrouting => DropReason::FilterOutput,
            };
            dropped(reason, packet)
        })
    }
}

/// Sets one end of a new connection as a rule of the nat table says; whether it does.
fn bind(
    connection: &mut Tracked,
    hook: Hook,
    target: Target,
    space: &Space,
    traversal: &Traversal,
) -> bool {
    let to = match (hook, target) {
        (Hook::Prerouting | Hook::Output, Target::Dnat(to)) => to,
        (Hook::Output, Target::Redirect(port)) => SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
        (Hook::Prerouting, Target::Redirect(port)) => {
            SocketAddrV4::new(*connection.original.dst.ip(), port)
        }
        (Hook::Postrouting, Target::Masquerade) => {
            let Some(iface) = traversal.outgoing else {
                return false;
            };
            let addr = space.ifaces[iface.index()].addr;
            connection.src_translated = *connection.reply.dst.ip() != addr;
            connection.reply.dst.set_ip(addr);
            return true;
        }
        _ => return false,
    };
    let old = connection.reply.src;
    connection.reply.src.set_ip(*to.ip());
    if to.port() != 0 {
        connection.reply.src.set_port(to.port());
    }
    connection.dst_translated = connection.reply.src != old;
    true
}

/// What a rule can see.
struct Subject<'a> {
    space: &'a Space,
    incoming: Option<IfaceId>,
    outgoing: Option<IfaceId>,
    tuple: FiveTuple,
    states: CtStates,
}

impl<'a> Subject<'a> {
    fn of(space: &'a Space, traversal: &Traversal, packet: &Packet, translated: bool) -> Self {
        let states = if translated {
            traversal.state.or(CtStates::DNAT)
        } else {
            traversal.state
        };
        Self {
            space,
            incoming: traversal.incoming,
            outgoing: traversal.outgoing,
            tuple: packet.tuple,
            states,
        }
    }

    fn meets(&self, m: &Match) -> bool {
        let iface = |test: Option<Negatable<IfaceId>>, iface: Option<IfaceId>| {
            test.is_none_or(|t| (iface == Some(t.value)) != t.negated)
        };
        let within = |test: Option<Negatable<Ipv4Net>>, addr: Ipv4Addr| {
            test.is_none_or(|t| t.value.contains(&addr) != t.negated)
        };
        let local = |test: Option<Negatable<()>>, addr: Ipv4Addr| {
            test.is_none_or(|t| self.space.is_local(addr) != t.negated)
        };
        let (src, dst) = (*self.tuple.src.ip(), *self.tuple.dst.ip());
        let has_ports = matches!(self.tuple.protocol, Protocol::Tcp | Protocol::Udp);
        let port = m
            .dports
            .as_ref()
            .is_none_or(|ports| has_ports && ports.contains(&self.tuple.dst.port()));
        iface(m.in_iface, self.incoming)
            && iface(m.out_iface, self.outgoing)
            && within(m.src, src)
            && within(m.dst, dst)
            && m.protocol.is_none_or(|p| p == self.tuple.protocol)
            && port
            && local(m.src_local, src)
            && local(m.dst_local, dst)
            && m.ctstate
                .is_none_or(|t| share(t.value, self.states) != t.negated)
    }
}

/// Whether two sets have a state in common.
fn share(a: CtStates, b: CtStates) -> bool {
    [
        CtStates::NEW,
        CtStates::ESTABLISHED,
        CtStates::RELATED,
        CtStates::INVALID,
        CtStates::DNAT,
    ]
    .into_iter()
    .any(|state| a.or(state) == a && b.or(state) == b)
}

/// Reads a chain from the top until a rule decides; `None` where none does.
fn walk(rules: &Rules, id: ChainId, subject: &Subject<'_>) -> Option<Decided> {
    let chain: &Chain = rules.netfilter.chain(id);
    for at in rules.candidates.of_chain(id, &subject.tuple) {
        let rule = &chain.rules()[usize::from(at)];
        if !subject.meets(&rule.matches) {
            continue;
        }
        match rule.target {
            Target::Return => return None,
            Target::Jump(to) => {
                if let Some(decided) = walk(rules, to, subject) {
                    return Some(decided);
                }
            }
            target => {
                let by = Decider {
                    chain: id,
                    rule: Some(at),
                };
                return Some((target, by));
            }
        }
    }
    None
}

fn names(space: &Space) -> impl Fn(IfaceId) -> String + '_ {
    |iface| space.ifaces[iface.index()].name.clone()
}

fn component(table: Table, hook: Hook) -> &'static str {
    match (table, hook) {
        (Table::Nat, Hook::Prerouting) => "nat PREROUTING",
        (Table::Nat, Hook::Input) => "nat INPUT",
        (Table::Nat, Hook::Output) => "nat OUTPUT",
        (Table::Nat, _) => "nat POSTROUTING",
        (Table::Filter, Hook::Input | Hook::Prerouting) => "filter INPUT",
        (Table::Filter, Hook::Forward) => "filter FORWARD",
        (Table::Filter, _) => "filter OUTPUT",
    }
}

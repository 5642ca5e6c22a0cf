//! What the hooks are made of: tracking, translation, filtering, confirmation.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::chain::{Policy, Table, Tests};
use super::conntrack::{Binding, Connection, Direction, EntryId, Followed};
use super::engine::Netfilter;
use super::nat;
use super::passed::{Circumstances, Passed};
use super::rule::{Subject, Target};
use super::state::{CtState, Hook, NfVerdict, PacketContext, PacketState, Tracked};
use super::tuple::{self, Fields, Kind, Manip};
use crate::cost::{Charge, Primitive};
use crate::headers;
use crate::verdict::DropReason;

impl Netfilter {
    /// Finds the packet's connection, or makes one.
    pub(super) fn track(
        &mut self,
        packet: &[u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        if !headers::is_ipv4(packet) {
            return NfVerdict::Drop(DropReason::Malformed);
        }
        if !matches!(state.tracked, Tracked::Unseen) {
            return NfVerdict::Accept;
        }
        state.tracked = Tracked::No;
        if !self.config.tracking {
            return NfVerdict::Accept;
        }
        state.state = CtState::Invalid;
        match tuple::classify(packet) {
            Kind::Invalid => NfVerdict::Accept,
            Kind::Error(quoted) => {
                charge.charge(Primitive::ConntrackEstablished, packet.len());
                let found = self.conntrack.lookup(ctx.now, tuple::invert(quoted));
                if let Some((id, direction)) = found {
                    state.tracked = Tracked::Known(id);
                    state.state = CtState::Related;
                    state.reply = direction == Direction::Reply;
                }
                NfVerdict::Accept
            }
            Kind::Flow(tuple) => self.track_flow(packet, tuple, state, ctx, charge),
        }
    }

    fn track_flow(
        &mut self,
        packet: &[u8],
        tuple: headers::FiveTuple,
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        if ctx.in_iface == Some(self.config.loopback)
            && let Some((id, answered)) = self.conntrack.find(tuple::invert(tuple))
        {
            // Looked up by what would answer it, since that is what no translation has changed.
            self.known(state, id, answered.other());
            return NfVerdict::Accept;
        }
        let flags = headers::tcp_flags(packet);
        if let Some((id, direction)) = self.conntrack.lookup(ctx.now, tuple) {
            let followed = self
                .conntrack
                .follow(ctx.now, id, direction, flags, packet.len());
            match followed {
                Followed::Known => {
                    charge.charge(Primitive::ConntrackEstablished, packet.len());
                    self.known(state, id, direction);
                    return NfVerdict::Accept;
                }
                Followed::Invalid => {
                    charge.charge(Primitive::ConntrackEstablished, packet.len());
                    return NfVerdict::Accept;
                }
                Followed::Reopen => self.conntrack.remove(id),
            }
        }
        if !tuple::may_begin(tuple) {
            return NfVerdict::Accept;
        }
        let Some(mut connection) = Connection::begin(ctx.now, tuple, flags) else {
            return NfVerdict::Accept;
        };
        if !self.conntrack.make_room(ctx.now) {
            return NfVerdict::Drop(DropReason::ConntrackTableFull);
        }
        charge.charge(Primitive::ConntrackNew, packet.len());
        connection.count(Direction::Original, packet.len());
        state.tracked = Tracked::Pending(connection);
        state.state = CtState::New;
        NfVerdict::Accept
    }

    fn known(&self, state: &mut PacketState, id: EntryId, direction: Direction) {
        let answered = self.conntrack.get(id).is_some_and(Connection::seen_reply);
        state.tracked = Tracked::Known(id);
        state.reply = direction == Direction::Reply;
        state.state = if state.reply || answered {
            CtState::Established
        } else {
            CtState::New
        };
    }

    /// Asks the nat table about a connection's first packet, and rewrites every packet.
    pub(super) fn translate(
        &mut self,
        hook: Hook,
        packet: &mut [u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        let manip = match hook {
            Hook::Prerouting | Hook::Output => Manip::Destination,
            Hook::Input | Hook::Postrouting => Manip::Source,
            Hook::Forward => return NfVerdict::Accept,
        };
        let direction = state.direction();
        match state.tracked {
            Tracked::Unseen | Tracked::No => NfVerdict::Accept,
            Tracked::Known(id) => {
                let Some(connection) = self.conntrack.get(id) else {
                    return NfVerdict::Accept;
                };
                let rewritten = if state.state == CtState::Related {
                    nat::translate_error(packet, connection, direction, manip)
                } else {
                    nat::translate(packet, connection, direction, manip)
                };
                if rewritten {
                    charge.charge(Primitive::NatEstablished, packet.len());
                }
                NfVerdict::Accept
            }
            Tracked::Pending(mut connection) => {
                if connection.binding(manip) == Binding::Unset {
                    let verdict = self.bind(hook, packet, state, &mut connection, ctx, charge);
                    if verdict != NfVerdict::Accept {
                        return verdict;
                    }
                    state.tracked = Tracked::Pending(connection);
                }
                if nat::translate(packet, &connection, direction, manip) {
                    charge.charge(Primitive::NatNew, packet.len());
                }
                NfVerdict::Accept
            }
        }
    }

    /// Chooses one end of a new connection by the nat table's rules.
    fn bind(
        &mut self,
        hook: Hook,
        packet: &[u8],
        state: &mut PacketState,
        connection: &mut Connection,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        let (Some(fields), Some(chain)) =
            (Fields::of(packet), self.rules.builtin(Table::Nat, hook))
        else {
            return NfVerdict::Accept;
        };
        let subject = Subject {
            fields,
            state: state.state,
            destination_translated: connection.destination_translated(),
            ctx,
        };
        let mut tests = Tests::default();
        let outcome = self.rules.walk(chain, &subject, &mut tests);
        tests.charge_nat(self.config.backend, charge);
        let bound = match (hook, outcome.target) {
            (Hook::Prerouting | Hook::Output, target) => {
                let to = match target {
                    Some(Target::Dnat(to)) => Some(to),
                    Some(Target::Redirect(port)) if hook == Hook::Output => {
                        Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
                    }
                    Some(Target::Redirect(port)) => Some(SocketAddrV4::new(fields.dst, port)),
                    _ => None,
                };
                nat::bind_destination(connection, to);
                Ok(())
            }
            (_, target) => {
                let to = matches!(target, Some(Target::Masquerade)).then_some(ctx.out_addr);
                nat::bind_source(&mut self.conntrack, ctx.now, connection, to)
            }
        };
        if matches!(
            outcome.target,
            Some(Target::Dnat(_) | Target::Redirect(_) | Target::Masquerade)
        ) {
            state.translation = Some(outcome.decider);
        }
        match bound {
            Ok(()) => NfVerdict::Accept,
            Err(nat::Exhausted) => NfVerdict::Drop(DropReason::NatPortsExhausted),
        }
    }

    /// Asks the filter table about a packet, or remembers what it said to the one before.
    pub(super) fn filter(
        &mut self,
        hook: Hook,
        packet: &[u8],
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
        charge: &mut impl Charge,
    ) -> NfVerdict {
        let at = Circumstances::of(hook, state.state, ctx, self.rules.edition());
        let direction = state.direction() as usize;
        let mut known = None;
        let mut destination_translated = false;
        match &state.tracked {
            Tracked::Known(id) => {
                if let Some(connection) = self.conntrack.get(*id) {
                    known = Some(*id);
                    destination_translated = connection.destination_translated();
                    if let (Some(at), Some(passed)) = (at, &connection.passed[direction])
                        && passed.holds(at)
                    {
                        passed.tests.charge_filter(self.config.backend, charge);
                        state.filter = Some(passed.decider);
                        return NfVerdict::Accept;
                    }
                }
            }
            Tracked::Pending(connection) => {
                destination_translated = connection.destination_translated();
            }
            Tracked::Unseen | Tracked::No => {}
        }
        let Some(fields) = Fields::of(packet) else {
            return NfVerdict::Drop(DropReason::Malformed);
        };
        let Some(chain) = self.rules.builtin(Table::Filter, hook) else {
            return NfVerdict::Accept;
        };
        let subject = Subject {
            fields,
            state: state.state,
            destination_translated,
            ctx,
        };
        let mut tests = Tests::default();
        let outcome = self.rules.walk(chain, &subject, &mut tests);
        tests.charge_filter(self.config.backend, charge);
        state.filter = Some(outcome.decider);
        match (outcome.target, outcome.policy) {
            (Some(Target::Drop), _) | (None, Policy::Drop) => {
                return NfVerdict::Drop(hook.drop_reason());
            }
            (Some(Target::Reject(with)), _) => {
                return NfVerdict::Reject(with, hook.drop_reason());
            }
            _ => {}
        }
        if let (Some(at), Some(id)) = (at, known)
            && let Some(connection) = self.conntrack.get_mut(id)
        {
            connection.passed[direction] = Some(Passed::new(at, outcome.decider, tests));
        }
        NfVerdict::Accept
    }

    /// Puts a new connection into the table, now that its first packet has passed every hook.
    pub(super) fn confirm(
        &mut self,
        state: &mut PacketState,
        ctx: &PacketContext<'_>,
    ) -> NfVerdict {
        let Tracked::Pending(connection) = state.tracked else {
            return NfVerdict::Accept;
        };
        match self.conntrack.insert(ctx.now, connection) {
            Some(id) => {
                state.tracked = Tracked::Known(id);
                NfVerdict::Accept
            }
            None => NfVerdict::Drop(DropReason::ConntrackInsertFailed),
        }
    }
}

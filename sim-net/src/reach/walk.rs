//! One attempt, followed there and back.
//!
//! A walk is a packet and what it has left behind: the connections that namespaces track, the flows
//! that security groups remember, the mappings of NAT gateways, and who waits for an answer. All of
//! that is the walk's own and gone with it.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Evaluator;
use super::layout::Space;
use super::packet::{Asker, Few, Flow, Kind, Mapping, Packet, Tracked};
use super::trace::{Note, Trace};
use super::verdict::{Leg, ReachOutcome, Verdict};
use crate::headers::Protocol;
use crate::ids::{BridgePortId, IfaceId};
use crate::kernel::route::RouteKind;
use crate::verdict::DropReason;

/// Where a packet is.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// Made by a namespace.
    Output(usize, Packet),
    /// Come in by an interface of a namespace.
    Receive(usize, IfaceId, Packet),
    /// On a bridge, by this port or from its owner, for the station with this address.
    Bridge(usize, Option<BridgePortId>, Ipv4Addr, Packet),
    /// For a socket of a namespace.
    Socket(usize, Packet),
    /// Leaving by a network interface, towards this next hop.
    Depart(usize, Ipv4Addr, Packet),
    /// Come to a network interface through the fabric.
    Arrive(usize, Packet),
}

/// What comes next, or how it ended.
pub(super) type Step = Result<At, Verdict>;

/// Steps after which a packet is taken to go round in circles. The longest walk known, through the
/// userland proxy and two NAT gateways, takes some forty.
const MOST_STEPS: usize = 256;

/// A walk.
pub(super) struct Walker<'a, T> {
    pub(super) e: &'a Evaluator,
    pub(super) trace: T,
    pub(super) tracked: Few<Tracked, 12>,
    pub(super) flows: Few<Flow, 12>,
    pub(super) mappings: Few<Mapping, 4>,
    /// The endpoint by which a service host was asked: the host and the VPC.
    pub(super) endpoint: Option<(usize, usize)>,
    askers: Few<Asker, 3>,
}

/// It was dropped.
pub(super) fn dropped(reason: DropReason, packet: &Packet) -> Verdict {
    Verdict {
        outcome: ReachOutcome::Dropped(reason),
        leg: packet.leg,
    }
}

/// It cannot be said.
pub(super) fn undetermined(packet: &Packet) -> Verdict {
    Verdict {
        outcome: ReachOutcome::Undetermined,
        leg: packet.leg,
    }
}

impl<'a, T: Trace> Walker<'a, T> {
    pub(super) fn new(e: &'a Evaluator, trace: T) -> Self {
        Self {
            e,
            trace,
            tracked: Few::new(),
            flows: Few::new(),
            mappings: Few::new(),
            endpoint: None,
            askers: Few::new(),
        }
    }

    pub(super) fn space(&self, space: usize) -> &'a Space {
        &self.e.layout.spaces[space]
    }

    /// Follows an attempt of a program in a namespace.
    pub(super) fn run(
        mut self,
        space: usize,
        to: SocketAddrV4,
        protocol: Protocol,
    ) -> (Verdict, T) {
        let verdict = self.follow(space, to, protocol);
        (verdict, self.trace)
    }

    fn follow(&mut self, space: usize, to: SocketAddrV4, protocol: Protocol) -> Verdict {
        let mut at = match self.ask(space, to, protocol, None) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        for _ in 0..MOST_STEPS {
            let step = match at {
                At::Output(space, packet) => self.output(space, packet),
                At::Receive(space, iface, packet) => self.receive(space, iface, packet),
                At::Bridge(bridge, from, next, packet) => self.bridge(bridge, from, next, packet),
                At::Socket(space, packet) => self.socket(space, packet),
                At::Depart(interface, next, packet) => self.depart(interface, next, packet),
                At::Arrive(interface, packet) => self.arrive(interface, packet),
            };
            match step {
                Ok(next) => at = next,
                Err(verdict) => return verdict,
            }
        }
        Verdict {
            outcome: ReachOutcome::Dropped(DropReason::TtlExceeded),
            leg: Leg::Forward,
        }
    }

    /// A program of a namespace asks, on its own account or on another's behalf.
    fn ask(
        &mut self,
        space: usize,
        to: SocketAddrV4,
        protocol: Protocol,
        behalf: Option<Packet>,
    ) -> Step {
        let mut packet = Packet::ask(protocol, *to.ip(), to);
        let asked = matches!(protocol, Protocol::Tcp | Protocol::Udp);
        if !asked || to.port() == 0 || to.ip().is_unspecified() {
            return Err(undetermined(&packet));
        }
        match self.route(space, *to.ip()) {
            Ok(hop) => packet.tuple.src.set_ip(hop.src),
            Err(reason) => {
                self.no_route(space, &packet, reason);
                let outcome = match reason {
                    DropReason::NoRoute => ReachOutcome::NetworkUnreachable,
                    other => ReachOutcome::Dropped(other),
                };
                let leg = Leg::Forward;
                return Err(Verdict { outcome, leg });
            }
        }
        let asker = Asker {
            space,
            tuple: packet.tuple,
            behalf,
        };
        match self.askers.push(asker) {
            Some(_) => Ok(At::Output(space, packet)),
            None => Err(undetermined(&packet)),
        }
    }

    /// A packet has reached the sockets of a namespace.
    fn socket(&mut self, at: usize, packet: Packet) -> Step {
        if packet.kind != Kind::Ask {
            return self.answered(at, packet);
        }
        let space = self.space(at);
        let Some(socket) = space.socket(packet.tuple.protocol, packet.tuple.dst) else {
            self.trace.note(packet.tuple, &packet, || Note {
                place: space.name.clone(),
                component: "socket",
                decision: "refuse",
                rule: String::new(),
            });
            return Ok(At::Output(at, packet.refusal()));
        };
        self.trace.note(packet.tuple, &packet, || Note {
            place: space.name.clone(),
            component: if socket.relay.is_some() {
                "userland proxy"
            } else {
                "socket"
            },
            decision: if socket.relay.is_some() {
                "relay"
            } else {
                "accept"
            },
            rule: super::text::socket(socket),
        });
        match socket.relay {
            Some(to) => self.ask(at, to, packet.tuple.protocol, Some(packet)),
            None => self.answer(at, packet, socket.addr),
        }
    }

    /// A server answers. A datagram goes out from the address that its socket is bound to, else from
    /// that of the route that it takes, whatever address was asked.
    fn answer(&mut self, at: usize, packet: Packet, bound: Option<Ipv4Addr>) -> Step {
        let mut answer = packet.back(Kind::Answer);
        if answer.tuple.protocol == Protocol::Udp {
            match self.route(at, *answer.tuple.dst.ip()) {
                Ok(hop) => answer.tuple.src.set_ip(bound.unwrap_or(hop.src)),
                Err(reason) => {
                    self.no_route(at, &answer, reason);
                    return Err(dropped(reason, &answer));
                }
            }
        }
        Ok(At::Output(at, answer))
    }

    /// An answer has come to a namespace: to whoever waits for it, or to nobody.
    fn answered(&mut self, at: usize, packet: Packet) -> Step {
        let flow = packet.flow().reversed();
        let waits = |asker: &&Asker| {
            let same = match (packet.kind, asker.tuple.protocol) {
                // A datagram is taken from whoever sends it to the port.
                (Kind::Answer, Protocol::Udp) => {
                    flow.protocol == Protocol::Udp && flow.src.port() == asker.tuple.src.port()
                }
                _ => flow == asker.tuple,
            };
            asker.space == at && same
        };
        let found = self.askers.last().filter(waits).copied();
        let name = &self.space(at).name;
        self.trace.note(packet.tuple, &packet, || Note {
            place: name.clone(),
            component: match found {
                Some(Asker {
                    behalf: Some(_), ..
                }) => "userland proxy",
                _ => "socket",
            },
            decision: match (found, packet.kind) {
                (None, _) => "ignore",
                (Some(asker), Kind::Answer) if asker.behalf.is_some() => "relay",
                (Some(_), Kind::Answer) => "accept",
                (Some(_), _) => "refused",
            },
            rule: String::new(),
        });
        let Some(asker) = found else {
            return Err(dropped(DropReason::UnexpectedReply, &packet));
        };
        if packet.kind != Kind::Answer {
            return Err(Verdict {
                outcome: ReachOutcome::Refused,
                leg: Leg::Forward,
            });
        }
        self.askers.pop();
        match asker.behalf {
            Some(asked) => self.answer(at, asked, None),
            None => Err(Verdict {
                outcome: ReachOutcome::Reached,
                leg: Leg::Return,
            }),
        }
    }

    /// The routing decision of a namespace.
    pub(super) fn route(&self, at: usize, dst: Ipv4Addr) -> Result<Hop, DropReason> {
        let space = self.space(at);
        if space.is_local(dst) {
            return Ok(Hop {
                iface: IfaceId::new(0),
                next: dst,
                src: dst,
            });
        }
        let route = space.routes.lookup(dst).ok_or(DropReason::NoRoute)?;
        let next = match route.kind {
            RouteKind::Connected => dst,
            RouteKind::Via(gateway) => gateway,
            RouteKind::Blackhole => return Err(DropReason::Blackhole),
            RouteKind::Unreachable => return Err(DropReason::NoRoute),
        };
        Ok(Hop {
            iface: route.iface,
            next,
            src: route.src,
        })
    }
}

/// Where a namespace sends a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    pub(super) iface: IfaceId,
    pub(super) next: Ipv4Addr,
    pub(super) src: Ipv4Addr,
}

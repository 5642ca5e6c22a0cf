//! A packet's way through a namespace, and over the links between namespaces.

use std::net::Ipv4Addr;

use super::layout::Link;
use super::netfilter::{Passed, Traversal};
use super::packet::Packet;
use super::text;
use super::trace::{Note, Trace};
use super::walk::{At, Hop, Step, Walker, dropped};
use crate::ids::{BridgePortId, IfaceId};
use crate::kernel::netfilter::Hook;
use crate::verdict::DropReason;

impl<T: Trace> Walker<'_, T> {
    /// A packet that a namespace has made: OUTPUT, POSTROUTING, and out.
    pub(super) fn output(&mut self, at: usize, mut packet: Packet) -> Step {
        let mut hop = self.hop(at, &packet)?;
        let mut traversal = Traversal::new(at, None, Some(hop.iface));
        let dst = *packet.tuple.dst.ip();
        if let Passed::Reject = self.hook(Hook::Output, &mut traversal, &mut packet)? {
            return Ok(At::Output(at, packet.refusal()));
        }
        if *packet.tuple.dst.ip() != dst {
            hop = self.hop(at, &packet)?;
            traversal.outgoing = Some(hop.iface);
        }
        self.hook(Hook::Postrouting, &mut traversal, &mut packet)?;
        self.transmit(at, hop, packet)
    }

    /// A packet that has come in by an interface: PREROUTING, and then up or on.
    pub(super) fn receive(&mut self, at: usize, iface: IfaceId, mut packet: Packet) -> Step {
        let space = self.space(at);
        let mut traversal = Traversal::new(at, Some(iface), None);
        self.hook(Hook::Prerouting, &mut traversal, &mut packet)?;
        let (src, dst) = (*packet.tuple.src.ip(), *packet.tuple.dst.ip());
        let martian = space.ifaces[iface.index()].link != Link::Loopback
            && !space.route_localnet
            && (src.is_loopback() || dst.is_loopback());
        if martian {
            let rule = "net.ipv4.conf.all.route_localnet = 0";
            return Err(self.kernel_drop(at, &packet, rule, DropReason::MartianAddress));
        }
        if !space.is_local(dst) {
            return self.forward(at, iface, traversal, packet);
        }
        if let Passed::Reject = self.hook(Hook::Input, &mut traversal, &mut packet)? {
            return Ok(At::Output(at, packet.refusal()));
        }
        Ok(At::Socket(at, packet))
    }

    fn forward(
        &mut self,
        at: usize,
        iface: IfaceId,
        mut traversal: Traversal,
        mut packet: Packet,
    ) -> Step {
        if !self.space(at).forwarding {
            let rule = "net.ipv4.ip_forward = 0";
            return Err(self.kernel_drop(at, &packet, rule, DropReason::ForwardingOff));
        }
        let hop = self.hop(at, &packet)?;
        if packet.ttl <= 1 {
            return Err(self.kernel_drop(at, &packet, "ttl = 1", DropReason::TtlExceeded));
        }
        packet.ttl -= 1;
        traversal.incoming = Some(iface);
        traversal.outgoing = Some(hop.iface);
        if let Passed::Reject = self.hook(Hook::Forward, &mut traversal, &mut packet)? {
            return Ok(At::Output(at, packet.refusal()));
        }
        self.hook(Hook::Postrouting, &mut traversal, &mut packet)?;
        self.transmit(at, hop, packet)
    }

    /// The routing decision about a packet.
    fn hop(&mut self, at: usize, packet: &Packet) -> Result<Hop, super::verdict::Verdict> {
        match self.route(at, *packet.tuple.dst.ip()) {
            Ok(hop) => {
                let space = self.space(at);
                self.trace.note(packet.tuple, packet, || Note {
                    place: space.name.clone(),
                    component: "routing",
                    decision: "route",
                    rule: text::ip_route(space, *packet.tuple.dst.ip()),
                });
                Ok(hop)
            }
            Err(reason) => {
                self.no_route(at, packet, reason);
                Err(dropped(reason, packet))
            }
        }
    }

    /// Tells that a namespace has no route for a packet.
    pub(super) fn no_route(&mut self, at: usize, packet: &Packet, reason: DropReason) {
        let space = self.space(at);
        self.trace.note(packet.tuple, packet, || Note {
            place: space.name.clone(),
            component: "routing",
            decision: if reason == DropReason::NoRoute {
                "unreachable"
            } else {
                "drop"
            },
            rule: text::ip_route(space, *packet.tuple.dst.ip()),
        });
    }

    fn kernel_drop(
        &mut self,
        at: usize,
        packet: &Packet,
        rule: &str,
        reason: DropReason,
    ) -> super::verdict::Verdict {
        let name = &self.space(at).name;
        self.trace.note(packet.tuple, packet, || Note {
            place: name.clone(),
            component: "forwarding",
            decision: "drop",
            rule: rule.to_owned(),
        });
        dropped(reason, packet)
    }

    /// Sends a packet by an interface of a namespace.
    fn transmit(&mut self, at: usize, hop: Hop, packet: Packet) -> Step {
        let link = self.space(at).ifaces[hop.iface.index()].link;
        match link {
            Link::Loopback => Ok(At::Receive(at, hop.iface, packet)),
            Link::Peer(space, iface) => Ok(At::Receive(space, iface, packet)),
            Link::Port(bridge, port) => Ok(At::Bridge(bridge, Some(port), hop.next, packet)),
            Link::Bridge(bridge) => Ok(At::Bridge(bridge, None, hop.next, packet)),
            Link::Eni(interface) => Ok(At::Depart(interface, hop.next, packet)),
        }
    }

    /// A packet on a bridge, for the station with the address `next`.
    pub(super) fn bridge(
        &mut self,
        id: usize,
        from: Option<BridgePortId>,
        next: Ipv4Addr,
        mut packet: Packet,
    ) -> Step {
        let bridge = &self.e.layout.bridges[id];
        let owner = &self.space(bridge.owner).ifaces[bridge.iface.index()];
        let note = |decision, rule: String| Note {
            place: self.e.layout.spaces[bridge.owner].name.clone(),
            component: "bridge",
            decision,
            rule,
        };
        if next == owner.addr && from.is_some() {
            self.trace
                .note(packet.tuple, &packet, || note("local", bridge.name.clone()));
            return Ok(At::Receive(bridge.owner, bridge.iface, packet));
        }
        let Some(to) = bridge.ports.iter().position(|port| port.addr == next) else {
            self.trace.note(packet.tuple, &packet, || {
                let rule = format!("{}: no neighbour {next}", bridge.name);
                note("drop", rule)
            });
            return Err(dropped(DropReason::NeighbourUnreachable, &packet));
        };
        let port = bridge.ports[to];
        if from.is_some_and(|from| from.index() == to) && !port.hairpin {
            self.trace.note(packet.tuple, &packet, || {
                let rule = format!("{}: hairpin_mode off", bridge.name);
                note("drop", rule)
            });
            return Err(dropped(DropReason::BridgeHairpinOff, &packet));
        }
        let before = packet.tuple;
        self.trace.note(before, &packet, || {
            let rule = format!("{}: port of {next}", bridge.name);
            note("forward", rule)
        });
        if from.is_some() && bridge.br_netfilter {
            self.bridge_rules(bridge.owner, bridge.iface, &mut packet)?;
        }
        Ok(At::Receive(port.space, port.iface, packet))
    }

    /// The owner's rules on a packet between two ports of a bridge (`br_netfilter`): those that a
    /// forwarded packet passes, with the bridge as both interfaces. Nobody is told of a rejection.
    fn bridge_rules(
        &mut self,
        owner: usize,
        iface: IfaceId,
        packet: &mut Packet,
    ) -> Result<(), super::verdict::Verdict> {
        let mut traversal = Traversal::new(owner, Some(iface), Some(iface));
        for hook in [Hook::Prerouting, Hook::Forward, Hook::Postrouting] {
            match self.hook(hook, &mut traversal, packet) {
                Ok(Passed::On) => {}
                Ok(Passed::Reject) | Err(_) => {
                    return Err(dropped(DropReason::FilterForward, packet));
                }
            }
        }
        Ok(())
    }
}

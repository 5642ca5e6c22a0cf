//! A frame's way between namespaces: loopback, veth, bridge, and the network interface.

use sim_core::SimTime;

use super::path::Hop;
use super::{Env, Event, Load, Machine, Message};
use crate::cost::{Charge, Primitive};
use crate::cpu::{Component, Ingress, rss};
use crate::eni::EgressOutcome;
use crate::frame::{Frame, FrameSlot, Mac};
use crate::headers;
use crate::ids::{BridgeId, BridgePortId, EniId, NetnsId};
use crate::kernel::bridge::BridgeDecision;
use crate::kernel::icmp::Unreachable;
use crate::kernel::netfilter::{NfVerdict, PacketContext, PacketState};
use crate::kernel::netns::{IfaceKind, Netns, PortEnd};
use crate::offload;
use crate::verdict::DropReason;
use crate::vpc::Transit;

impl Machine {
    /// Sends a packet by an interface of a namespace.
    pub(super) fn transmit(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        hop: Hop,
        mut frame: Frame,
    ) {
        let iface = &self.netns[netns].ifaces[hop.iface];
        if frame.largest_packet() > iface.mtu {
            return self.drop_frame(env, frame, DropReason::TooBig);
        }
        frame.meta.src_mac = iface.mac;
        match iface.kind {
            IfaceKind::Loopback => {
                self.meter
                    .charge(Primitive::LoopbackHop, frame.packet_len());
                self.cross(env, Ingress::Iface(netns, hop.iface), frame);
            }
            IfaceKind::Veth(peer) => {
                if let Ingress::Bridge(bridge, _) = peer {
                    let Some(mac) = self.bridges[bridge].neighbours.get(&hop.next).copied() else {
                        return self.neighbour_unreachable(env, netns, frame);
                    };
                    frame.meta.dst_mac = mac;
                }
                self.meter.charge(Primitive::VethHop, frame.packet_len());
                self.cross(env, peer, frame);
            }
            IfaceKind::Bridge(bridge) => {
                let Some(mac) = self.bridges[bridge].neighbours.get(&hop.next).copied() else {
                    return self.neighbour_unreachable(env, netns, frame);
                };
                frame.meta.dst_mac = mac;
                self.meter
                    .charge(Primitive::BridgeLocal, frame.packet_len());
                self.bridge_forward(env, bridge, None, frame);
            }
            IfaceKind::Branch(eni) => {
                self.meter.charge(Primitive::VlanHop, frame.packet_len());
                self.hand_over(env, eni, hop, frame);
            }
            IfaceKind::Eni(eni) => self.hand_over(env, eni, hop, frame),
        }
    }

    fn neighbour_unreachable(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, frame: Frame) {
        self.icmp_error(env, netns, &frame, Unreachable::Host);
        self.drop_frame(env, frame, DropReason::NeighbourUnreachable);
    }

    /// Queues a frame for the next namespace or bridge, on the core that carries it now.
    fn cross(&mut self, env: &mut Env<'_, '_>, ingress: Ingress, frame: Frame) {
        let core = self
            .meter
            .core()
            .expect("frames cross namespaces within a pass");
        if let Err(frame) = self.cores[core].push_backlog(ingress, frame) {
            self.drop_frame(env, frame, DropReason::BacklogFull);
        }
    }

    /// A frame enters a namespace or a bridge.
    pub(super) fn enter(&mut self, env: &mut Env<'_, '_>, ingress: Ingress, frame: Frame) {
        self.meter.set_tag(frame.meta.tag);
        match ingress {
            Ingress::Iface(netns, iface) => self.ip_receive(env, netns, iface, frame),
            Ingress::Bridge(bridge, port) => self.bridge_forward(env, bridge, Some(port), frame),
        }
    }

    /// A frame enters a bridge by a port, or from the namespace that owns it.
    fn bridge_forward(
        &mut self,
        env: &mut Env<'_, '_>,
        id: BridgeId,
        from: Option<BridgePortId>,
        mut frame: Frame,
    ) {
        let now = env.ctx.now();
        let (src, dst) = (frame.meta.src_mac, frame.meta.dst_mac);
        match self.bridges[id].bridge.ingress(now, from, src, dst) {
            BridgeDecision::Local => self.bridge_local(env, id, frame),
            BridgeDecision::Port(port) => {
                if from.is_some() {
                    self.meter
                        .charge(Primitive::BridgeFirstHop, frame.packet_len());
                    if !self.bridge_rules(env, id, &mut frame) {
                        return self.drop_frame(env, frame, DropReason::FilterForward);
                    }
                }
                self.bridge_out(env, id, port, frame);
            }
            BridgeDecision::Flood => {
                // Only a broadcast is for the owner too.
                let local = from.is_some() && dst == Mac::BROADCAST;
                self.meter
                    .charge(Primitive::BridgeFirstHop, frame.packet_len());
                if from.is_none() || self.bridge_rules(env, id, &mut frame) {
                    self.flood(env, id, from, local, frame);
                } else {
                    self.drop_frame(env, frame, DropReason::FilterForward);
                }
            }
            BridgeDecision::Drop(reason) => self.drop_frame(env, frame, reason),
        }
    }

    /// Hands a bridged frame to the namespace that owns the bridge.
    fn bridge_local(&mut self, env: &mut Env<'_, '_>, id: BridgeId, frame: Frame) {
        let device = &self.bridges[id];
        let (netns, iface) = (device.netns, device.iface);
        self.meter
            .charge(Primitive::BridgeLocal, frame.packet_len());
        if device.br_netfilter && self.netns[netns].netfilter.is_some() {
            self.meter
                .charge(Primitive::BrNetfilterLocal, frame.packet_len());
        }
        self.ip_receive(env, netns, iface, frame);
    }

    /// The owner's FORWARD rules on a frame bridged between two ports (`br_netfilter`).
    fn bridge_rules(&mut self, env: &Env<'_, '_>, id: BridgeId, frame: &mut Frame) -> bool {
        let device = &self.bridges[id];
        if !device.br_netfilter {
            return true;
        }
        let (owner, iface) = (device.netns, device.iface);
        let Netns {
            netfilter,
            addresses,
            ifaces,
            ..
        } = &mut self.netns[owner];
        let Some(netfilter) = netfilter else {
            return true;
        };
        let ctx = PacketContext {
            now: env.ctx.now(),
            in_iface: Some(iface),
            out_iface: Some(iface),
            addresses,
            out_addr: ifaces[iface]
                .addr
                .unwrap_or(std::net::Ipv4Addr::UNSPECIFIED),
        };
        let mut state = PacketState::default();
        let verdict = netfilter.bridge_forward(&mut frame.data, &mut state, &ctx, &mut self.meter);
        verdict == NfVerdict::Accept
    }

    fn bridge_out(
        &mut self,
        env: &mut Env<'_, '_>,
        id: BridgeId,
        port: BridgePortId,
        frame: Frame,
    ) {
        let PortEnd { netns, iface, mac } = self.bridges[id].ports[port];
        if frame.meta.dst_mac != mac && frame.meta.dst_mac != Mac::BROADCAST {
            return self.drop_frame(env, frame, DropReason::NotForUs);
        }
        self.meter.charge(Primitive::VethHop, frame.packet_len());
        self.cross(env, Ingress::Iface(netns, iface), frame);
    }

    /// Sends a copy by every port but the one it came by, and to the owner where `local` says so.
    fn flood(
        &mut self,
        env: &mut Env<'_, '_>,
        id: BridgeId,
        from: Option<BridgePortId>,
        local: bool,
        frame: Frame,
    ) {
        let mut ports = std::mem::take(&mut self.flood_ports);
        ports.extend(self.bridges[id].bridge.flood_ports(from));
        for port in ports.drain(..) {
            let copy = env.worker.frames.copy(&frame.data, frame.meta);
            self.account.sent(&copy);
            self.bridge_out(env, id, port, copy);
        }
        self.flood_ports = ports;
        if local {
            self.bridge_local(env, id, frame);
        } else {
            self.drop_frame(env, frame, DropReason::Flooded);
        }
    }

    /// Gives a frame to an interface's driver; it reaches the queue when the pass has come so far.
    fn hand_over(&mut self, env: &mut Env<'_, '_>, eni: EniId, hop: Hop, mut frame: Frame) {
        frame.meta.next_hop = hop.next;
        self.meter
            .charge(Primitive::NicTransmit, frame.packet_len());
        let tag = frame.meta.tag;
        let mut at = self.meter.now() + self.virtio_delay(eni, Primitive::VirtioTransmit, tag);
        if self.cores.len() > 1 {
            at = self.enis[eni]
                .order
                .admit(rss::hash_packet(&frame.data), at);
        }
        let packets = frame.packets() as u64;
        self.enis[eni].counts.offered += packets;
        if at == env.ctx.now() {
            return self.offer(env, eni, frame);
        }
        let device = &mut self.enis[eni];
        device.handed_over += frame.wire_len() as u64;
        device.handed_over_frames += packets;
        device.handed_over_until = device.handed_over_until.max(at);
        let core = self
            .meter
            .core()
            .expect("frames are handed over within a pass");
        let entity = self.core_entity(core);
        let frame = self.frames.put(frame);
        env.ctx.schedule(entity, at, Event::Transmit { eni, frame });
    }

    pub(super) fn on_transmit(&mut self, env: &mut Env<'_, '_>, eni: EniId, slot: FrameSlot) {
        let frame = self.frames.take(slot);
        self.enis[eni].handed_over -= frame.wire_len() as u64;
        self.enis[eni].handed_over_frames -= frame.packets() as u64;
        self.offer(env, eni, frame);
    }

    /// Offers a frame to an interface's queue, cut into packets, and through it to the fabric.
    pub(super) fn offer(&mut self, env: &mut Env<'_, '_>, eni: EniId, frame: Frame) {
        let packets = frame.packets();
        if packets == 1 {
            return self.offer_packet(env, eni, frame);
        }
        // A FIN makes the last packet another than the others.
        if self.sends_trains && headers::tcp_flags(&frame.data).is_some_and(|flags| !flags.fin) {
            return self.offer_train(env, eni, frame);
        }
        for index in 0..packets {
            let packet = offload::packet(&frame, index, &mut env.worker.frames);
            self.offer_packet(env, eni, packet);
        }
        env.worker.frames.give(frame);
    }

    fn offer_packet(&mut self, env: &mut Env<'_, '_>, eni: EniId, mut frame: Frame) {
        self.look_outside(eni, &mut frame);
        let device = &mut self.enis[eni];
        let outcome = device
            .eni
            .egress(&mut self.allowance, env.ctx.now(), &frame);
        self.leave(env, eni, frame, outcome);
    }

    /// Notes whether a frame will pass an internet gateway, where that has a limit. Nobody else asks
    /// for the path this early.
    pub(super) fn look_outside(&mut self, eni: EniId, frame: &mut Frame) {
        if self.allowance.limits_internet() && headers::is_ipv4(&frame.data) {
            let device = &mut self.enis[eni];
            let dst = headers::dst_addr(&frame.data);
            let dst = device.eni.resolve(frame.meta.next_hop, dst);
            frame.meta.internet = device.port.leads_outside(&self.fabric, dst);
        }
    }

    /// Offers a frame again that the single-flow limit has held.
    pub(super) fn on_release(&mut self, env: &mut Env<'_, '_>, eni: EniId, slot: FrameSlot) {
        let frame = self.frames.take(slot);
        let device = &mut self.enis[eni];
        device.held -= 1;
        let outcome = device
            .eni
            .release(&mut self.allowance, env.ctx.now(), &frame);
        self.leave(env, eni, frame, outcome);
    }

    pub(super) fn leave(
        &mut self,
        env: &mut Env<'_, '_>,
        eni: EniId,
        frame: Frame,
        outcome: EgressOutcome,
    ) {
        let now = env.ctx.now();
        let device = &mut self.enis[eni];
        match outcome {
            EgressOutcome::Depart(at) => {
                self.meter
                    .hops
                    .add(frame.meta.tag, Component::TxQueue, at - now);
                self.cross_fabric(env, eni, at, frame);
            }
            EgressOutcome::Hold { until } => {
                device.held += 1;
                self.meter
                    .hops
                    .add(frame.meta.tag, Component::TxQueue, until - now);
                let frame = self.frames.put(frame);
                let entity = self.eni_entity(eni);
                env.ctx
                    .schedule(entity, until, Event::Release { eni, frame });
            }
            EgressOutcome::Drop(reason) => {
                device.counts.dropped_out += 1;
                self.drop_frame(env, frame, reason);
            }
        }
    }

    fn cross_fabric(&mut self, env: &mut Env<'_, '_>, eni: EniId, at: SimTime, mut frame: Frame) {
        let device = &mut self.enis[eni];
        let dst = device
            .eni
            .resolve(frame.meta.next_hop, headers::dst_addr(&frame.data));
        match device.port.transit(&self.fabric, at, dst, &frame.data) {
            Transit::Arrive {
                machine,
                eni: to,
                at: arrival,
                translation,
                internet,
            } => {
                device.counts.departed += 1;
                self.capture(at, eni, &frame, None);
                translation.apply(&mut frame.data);
                frame.meta.internet = internet;
                self.meter
                    .hops
                    .add(frame.meta.tag, Component::Fabric, arrival - at);
                let entity = self.eni_entity(eni);
                let load = Load::Packet(frame);
                let message = Message { eni: to, load };
                env.ctx.send(entity, machine, arrival, message);
            }
            Transit::Drop(reason) => {
                device.counts.dropped_out += 1;
                self.drop_frame(env, frame, reason);
            }
        }
    }
}

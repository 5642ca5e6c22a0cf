//! Between the IP layer and programs: what a stack takes, sends, and says.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::SimTime;

use super::{Env, Event, Machine};
use crate::cost::{Charge, Primitive};
use crate::cpu::{Ingress, ROUND};
use crate::frame::{Frame, MAX_SUPER_FRAME};
use crate::headers::{self, Protocol};
use crate::ids::{ConnId, EniId, FlowTag, NetnsId, UdpId};
use crate::kernel::netns::IfaceKind;
use crate::reach::Leg;
use crate::stack::{SocketError, SocketEvent};

/// Octets in an interface's queue above which connections wait, and below which they go on.
/// Source: the size of TCP small queues at 10 Gbit/s, Linux `tcp_small_queue_check` (specified: one
/// millisecond of pacing, here an eighth of it, since the queue is shared); assumed.
const QUEUE_HIGH: u64 = 256 * 1024;
const QUEUE_LOW: u64 = 128 * 1024;

/// Packets that one connection sends in a row before others have their turn.
const SEND_ROUND: usize = 16;

/// The same for a connection whose stack hands over super-frames.
/// Source: Linux 6.18, `tcp_small_queue_check` (specified): two socket buffers may wait whatever
/// their size.
const SEND_ROUND_SUPER_FRAMES: usize = 2;

impl Machine {
    /// Hands a packet to the stack of the namespace that it is for.
    pub(super) fn deliver(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, frame: Frame) {
        let payload = headers::payload_len(&frame.data);
        match headers::protocol(&frame.data) {
            Protocol::Tcp => self.meter.charge(Primitive::TcpReceive, payload),
            _ => self.meter.charge(Primitive::UdpReceive, payload),
        }
        let now = env.ctx.now();
        let packets = frame.packets() as u64;
        let mtu = self.route_mtu_for(netns, &frame);
        let mut emitted = std::mem::take(&mut self.emitted);
        let mut happened = std::mem::take(&mut self.happened);
        let stack = &mut self.netns[netns].stack;
        let result = stack.deliver(now, env.worker, &frame, mtu, &mut emitted, &mut happened);
        match result {
            Ok(conn) => {
                self.account.delivered += packets;
                env.worker.frames.give(frame);
                self.carry_out(env, netns, emitted, happened);
                if let Some(conn) = conn {
                    self.poll_conn(env, netns, conn);
                }
            }
            Err(reason) => {
                self.drop_frame(env, frame, reason);
                self.carry_out(env, netns, emitted, happened);
            }
        }
    }

    /// MTU of the route back to the sender of a SYN; of no interest for other packets.
    fn route_mtu_for(&self, netns: NetnsId, frame: &Frame) -> usize {
        let opens = headers::tcp_flags(&frame.data).is_some_and(|flags| flags.syn && !flags.ack);
        let route = opens
            .then(|| self.source_for(netns, headers::src_addr(&frame.data)))
            .flatten();
        route.map_or(usize::MAX, |(_, mtu)| mtu)
    }

    /// Sends what a stack has emitted and tells programs what happened to their sockets.
    pub(super) fn carry_out(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        mut emitted: Vec<Frame>,
        mut happened: Vec<SocketEvent>,
    ) {
        if !emitted.is_empty() {
            for frame in emitted.drain(..) {
                self.emit(env, netns, frame);
            }
        }
        if !happened.is_empty() {
            for event in happened.drain(..) {
                self.note(env, netns, event);
            }
        }
        self.emitted = emitted;
        self.happened = happened;
    }

    fn emit(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, frame: Frame) {
        self.meter.set_tag(frame.meta.tag);
        let payload = headers::payload_len(&frame.data);
        match headers::protocol(&frame.data) {
            Protocol::Tcp => self.meter.charge(Primitive::TcpTransmit, payload),
            _ => self.meter.charge(Primitive::UdpTransmit, payload),
        }
        self.ip_output(env, netns, frame);
    }

    fn note(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, event: SocketEvent) {
        match event {
            SocketEvent::Accepted { conn, .. } => {
                self.meter.charge(Primitive::ConnectionSetup, 0);
                self.open(netns, conn);
            }
            SocketEvent::Connected { .. } => self.meter.charge(Primitive::ConnectionSetup, 0),
            _ => {}
        }
        self.notify(env, event);
    }

    /// Remembers by which interface a new connection leaves the machine.
    pub(crate) fn open(&mut self, netns: NetnsId, conn: ConnId) {
        let peer = self.netns[netns].stack.peer(conn);
        let gate = peer.and_then(|peer| self.gate_of(netns, *peer.ip()));
        let state = self.netns[netns].conn(conn);
        state.gate = gate;
        state.waiting = false;
    }

    /// The interface by which packets for `dst` leave the machine; `None` where they do not.
    fn gate_of(&self, netns: NetnsId, dst: Ipv4Addr) -> Option<EniId> {
        let hop = self.route(netns, dst).ok()?;
        match self.netns[netns].ifaces[hop.iface].kind {
            IfaceKind::Eni(eni) | IfaceKind::Branch(eni) => Some(eni),
            IfaceKind::Loopback | IfaceKind::Bridge(_) => None,
            IfaceKind::Veth(Ingress::Iface(..)) => None,
            IfaceKind::Veth(Ingress::Bridge(bridge, _)) => {
                let owner = self.bridges[bridge].netns;
                (owner != netns).then(|| self.gate_of(owner, dst)).flatten()
            }
        }
    }

    /// Lets a connection send what it may, unless its interface's queue is long.
    pub(crate) fn poll_conn(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, conn: ConnId) {
        let now = env.ctx.now();
        let gate = self.netns[netns].conn(conn).gate;
        let budget = match self.offloads {
            true => SEND_ROUND_SUPER_FRAMES,
            false => SEND_ROUND,
        };
        let timer = loop {
            if let Some(eni) = gate
                && self.backlog(env, eni) >= QUEUE_HIGH
            {
                // Its timer says *now*, and means nothing until the queue has room.
                return self.wait_for_queue(env, eni, netns, conn);
            }
            let mut emitted = std::mem::take(&mut self.emitted);
            let mut happened = std::mem::take(&mut self.happened);
            let stack = &mut self.netns[netns].stack;
            let polled = stack.poll(now, env.worker, conn, budget, &mut emitted, &mut happened);
            self.carry_out(env, netns, emitted, happened);
            if !polled.more {
                break polled.timer;
            }
            // What has been sent so far is carried on before more is.
            if let Some(core) = self.meter.core()
                && self.cores[core].packets() >= ROUND
            {
                self.cores[core].push_poll(netns, conn);
                let stack = &mut self.netns[netns].stack;
                break stack.next_timer(now, env.worker, conn);
            }
        };
        if let Some(at) = timer {
            self.set_timer(env, netns, conn, at);
        }
    }

    /// Sends a datagram of `len` octets that starts with `header`.
    pub(crate) fn udp_send(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        udp: UdpId,
        (src, to): (Ipv4Addr, SocketAddrV4),
        (len, header): (usize, u64),
        (tag, leg): (FlowTag, Leg),
    ) -> Result<(), SocketError> {
        let now = env.ctx.now();
        let mut emitted = std::mem::take(&mut self.emitted);
        let stack = &mut self.netns[netns].stack;
        let result = stack.udp_send(now, env.worker, udp, src, to, len, header, &mut emitted);
        for frame in &mut emitted {
            frame.meta.tag = tag;
            frame.meta.leg = leg;
        }
        self.carry_out(env, netns, emitted, Vec::new());
        result
    }

    fn backlog(&mut self, env: &Env<'_, '_>, eni: EniId) -> u64 {
        let device = &mut self.enis[eni];
        device.handed_over + device.eni.backlog(env.ctx.now()).bytes()
    }

    fn wait_for_queue(&mut self, env: &mut Env<'_, '_>, eni: EniId, netns: NetnsId, conn: ConnId) {
        let state = self.netns[netns].conn(conn);
        if state.waiting {
            return;
        }
        state.waiting = true;
        self.enis[eni].waiters.push_back((netns, conn));
        self.schedule_drain(env, eni);
    }

    fn schedule_drain(&mut self, env: &mut Env<'_, '_>, eni: EniId) {
        let now = env.ctx.now();
        let device = &mut self.enis[eni];
        if device.draining || device.waiters.is_empty() {
            return;
        }
        device.draining = true;
        let low = sim_core::ByteSize::from_bytes(QUEUE_LOW);
        let drained = device.eni.drain_time(now, low);
        let at = if device.handed_over > QUEUE_LOW {
            drained.max(device.handed_over_until)
        } else {
            drained
        };
        env.ctx
            .schedule(self.eni_entity(eni), at.max(now), Event::Drain { eni });
    }

    /// Lets connections that wait for an interface's queue send, in the order in which they came.
    pub(super) fn on_drain(&mut self, env: &mut Env<'_, '_>, eni: EniId) {
        self.enis[eni].draining = false;
        let octets = match self.offloads {
            true => SEND_ROUND_SUPER_FRAMES * MAX_SUPER_FRAME,
            false => SEND_ROUND * 1500,
        };
        let room = QUEUE_HIGH.saturating_sub(self.backlog(env, eni)) / octets as u64;
        for _ in 0..room.max(1) {
            let Some((netns, conn)) = self.enis[eni].waiters.pop_front() else {
                break;
            };
            self.netns[netns].conn(conn).waiting = false;
            let core = self.conn_core(netns, conn);
            self.cores[core].push_poll(netns, conn);
            self.kick(env, core, env.ctx.now());
        }
        self.schedule_drain(env, eni);
    }

    /// The core on which a connection's timers run: its program's.
    fn conn_core(&self, netns: NetnsId, conn: ConnId) -> crate::ids::CoreId {
        self.netns[netns]
            .stack
            .owner(conn)
            .map_or_else(|| crate::ids::CoreId::new(0), |app| self.apps[app].core)
    }

    pub(super) fn on_timer(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, conn: ConnId) {
        let now = env.ctx.now();
        let state = self.netns[netns].conn(conn);
        if state.timer != Some(now) {
            return;
        }
        state.timer = None;
        match self.netns[netns].stack.next_timer(now, env.worker, conn) {
            Some(at) if at <= now => {
                let core = self.conn_core(netns, conn);
                self.cores[core].push_poll(netns, conn);
                self.kick(env, core, now);
            }
            Some(at) => self.set_timer(env, netns, conn, at),
            None => {}
        }
    }

    /// Keeps one timer event pending for a connection: the earliest that is needed. One that has
    /// become too early asks again when it fires.
    fn set_timer(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, conn: ConnId, at: SimTime) {
        let at = at.max(env.ctx.now());
        let entity = self.netns_entity(netns);
        let state = self.netns[netns].conn(conn);
        if state.waiting || state.timer.is_some_and(|pending| pending <= at) {
            return;
        }
        state.timer = Some(at);
        env.ctx.schedule(entity, at, Event::Timer { netns, conn });
    }
}

//! A packet's way through one namespace: hooks, routing decision, hooks again.
//!
//! ```text
//! ip_receive ─ PREROUTING ─ route ─┬─ INPUT ── stack
//!                                  └─ FORWARD ─ POSTROUTING ─ transmit
//! ip_output  ─ OUTPUT ──── route ──── POSTROUTING ─ transmit
//! ```

use std::net::Ipv4Addr;

use super::{Env, Machine};
use crate::cost::{Charge, Primitive};
use crate::frame::Frame;
use crate::headers;
use crate::ids::{IfaceId, NetnsId};
use crate::kernel::icmp::{self, Unreachable};
use crate::kernel::netfilter::{Hook, NfVerdict, PacketContext, PacketState, RejectWith};
use crate::kernel::netns::{IfaceKind, Netns};
use crate::kernel::route::RouteKind;
use crate::verdict::DropReason;

/// Where a namespace sends a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    pub(super) iface: IfaceId,
    pub(super) next: Ipv4Addr,
    pub(super) src: Ipv4Addr,
}

/// Where a packet comes from and goes to, as a hook sees it.
#[derive(Clone, Copy, Debug)]
struct Ifaces {
    incoming: Option<IfaceId>,
    outgoing: Option<IfaceId>,
}

impl Machine {
    /// A packet has come in by an interface of a namespace.
    pub(super) fn ip_receive(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        iface: IfaceId,
        frame: Frame,
    ) {
        if headers::five_tuple(&frame.data).is_none() {
            return self.drop_frame(env, frame, DropReason::Malformed);
        }
        let Some(frame) = self.forward_again(env, netns, iface, frame) else {
            return;
        };
        let mut state = PacketState::default();
        let ifaces = Ifaces {
            incoming: Some(iface),
            outgoing: None,
        };
        let Some(frame) = self.hooks(env, netns, &[Hook::Prerouting], ifaces, &mut state, frame)
        else {
            return;
        };
        let dst = headers::dst_addr(&frame.data);
        let ns = &self.netns[netns];
        if ns.ifaces[iface].kind != IfaceKind::Loopback
            && !ns.route_localnet
            && (dst.is_loopback() || headers::src_addr(&frame.data).is_loopback())
        {
            return self.drop_frame(env, frame, DropReason::MartianAddress);
        }
        if !ns.is_local(dst) {
            return self.forward(env, netns, iface, &mut state, frame);
        }
        if let Some(frame) = self.hooks(env, netns, &[Hook::Input], ifaces, &mut state, frame) {
            self.deliver(env, netns, frame);
        }
    }

    /// Forwards a packet as others of its connection were; gives it back where that cannot be.
    ///
    /// A packet whose connection was forwarded between the same interfaces has no address of the
    /// namespace's own, and no loopback address; and whether a namespace forwards does not change.
    fn forward_again(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        iface: IfaceId,
        mut frame: Frame,
    ) -> Option<Frame> {
        let Netns {
            netfilter, ifaces, ..
        } = &mut self.netns[netns];
        let Some(netfilter) = netfilter else {
            return Some(frame);
        };
        let (len, ttl) = (frame.packet_len(), headers::ttl(&frame.data));
        let largest = frame.largest_packet();
        let fits = |out: IfaceId| ttl > 1 && largest <= ifaces[out].mtu;
        let now = env.ctx.now();
        let meter = &mut self.meter;
        let Some(out) = netfilter.forward_again(&mut frame.data, iface, now, fits, meter) else {
            return Some(frame);
        };
        let hop = self
            .route(netns, headers::dst_addr(&frame.data))
            .ok()
            .filter(|hop| hop.iface == out)
            .expect("routes do not change while packets pass");
        headers::decrement_ttl(&mut frame.data);
        self.meter.charge(Primitive::IpForward, len);
        self.transmit(env, netns, hop, frame);
        None
    }

    fn forward(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        iface: IfaceId,
        state: &mut PacketState,
        mut frame: Frame,
    ) {
        if !self.netns[netns].forwarding {
            return self.drop_frame(env, frame, DropReason::ForwardingOff);
        }
        let hop = match self.route(netns, headers::dst_addr(&frame.data)) {
            Ok(hop) => hop,
            Err(reason) => {
                self.icmp_error(env, netns, &frame, Unreachable::Network);
                return self.drop_frame(env, frame, reason);
            }
        };
        if headers::ttl(&frame.data) <= 1 {
            self.icmp_error(env, netns, &frame, Unreachable::TtlExceeded);
            return self.drop_frame(env, frame, DropReason::TtlExceeded);
        }
        let mtu = self.netns[netns].ifaces[hop.iface].mtu;
        if frame.largest_packet() > mtu {
            self.icmp_error(env, netns, &frame, Unreachable::FragmentationNeeded(mtu));
            return self.drop_frame(env, frame, DropReason::TooBig);
        }
        headers::decrement_ttl(&mut frame.data);
        self.meter.charge(Primitive::IpForward, frame.packet_len());
        let ifaces = Ifaces {
            incoming: Some(iface),
            outgoing: Some(hop.iface),
        };
        let hooks = &[Hook::Forward, Hook::Postrouting];
        let passed = self.hooks(env, netns, hooks, ifaces, state, frame);
        if let Some(frame) = passed {
            self.transmit(env, netns, hop, frame);
        }
    }

    /// A stack or the kernel of a namespace has made a packet.
    pub(super) fn ip_output(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, frame: Frame) {
        self.account.sent(&frame);
        let mut state = PacketState::default();
        let dst = headers::dst_addr(&frame.data);
        let mut hop = match self.route(netns, dst) {
            Ok(hop) => hop,
            Err(reason) => return self.drop_frame(env, frame, reason),
        };
        let out = |hop: Hop| Ifaces {
            incoming: None,
            outgoing: Some(hop.iface),
        };
        let Some(frame) = self.hooks(env, netns, &[Hook::Output], out(hop), &mut state, frame)
        else {
            return;
        };
        let translated = headers::dst_addr(&frame.data);
        if translated != dst {
            hop = match self.route(netns, translated) {
                Ok(hop) => hop,
                Err(reason) => return self.drop_frame(env, frame, reason),
            };
        }
        if let Some(frame) = self.hooks(
            env,
            netns,
            &[Hook::Postrouting],
            out(hop),
            &mut state,
            frame,
        ) {
            self.transmit(env, netns, hop, frame);
        }
    }

    /// The routing decision of a namespace.
    pub(super) fn route(&self, netns: NetnsId, dst: Ipv4Addr) -> Result<Hop, DropReason> {
        let ns = &self.netns[netns];
        if ns.is_local(dst) {
            return Ok(Hop {
                iface: Netns::loopback(),
                next: dst,
                src: dst,
            });
        }
        let route = ns.routes.lookup(dst).ok_or(DropReason::NoRoute)?;
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

    /// Asks the rules at one hook after the other; gives the packet back, rewritten or not, if it
    /// may pass. One that may not is counted, and its sender told where the rule says so.
    #[inline]
    fn hooks(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        hooks: &[Hook],
        ifaces: Ifaces,
        state: &mut PacketState,
        frame: Frame,
    ) -> Option<Frame> {
        if self.netns[netns].netfilter.is_none() {
            return Some(frame);
        }
        self.ask_rules(env, netns, hooks, ifaces, state, frame)
    }

    fn ask_rules(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        hooks: &[Hook],
        Ifaces { incoming, outgoing }: Ifaces,
        state: &mut PacketState,
        mut frame: Frame,
    ) -> Option<Frame> {
        let Netns {
            netfilter,
            addresses,
            ifaces,
            ..
        } = &mut self.netns[netns];
        let Some(netfilter) = netfilter else {
            return Some(frame);
        };
        let ctx = PacketContext {
            now: env.ctx.now(),
            in_iface: incoming,
            out_iface: outgoing,
            addresses,
            out_addr: outgoing
                .and_then(|i| ifaces[i].addr)
                .unwrap_or(Ipv4Addr::UNSPECIFIED),
        };
        let verdict = hooks
            .iter()
            .map(|&hook| netfilter.run(hook, &mut frame.data, state, &ctx, &mut self.meter))
            .find(|verdict| *verdict != NfVerdict::Accept);
        let reason = match verdict {
            None | Some(NfVerdict::Accept) => return Some(frame),
            Some(NfVerdict::Drop(reason)) => reason,
            Some(NfVerdict::Reject(RejectWith::TcpReset, reason)) => {
                self.tcp_reset(env, netns, &frame);
                reason
            }
            Some(NfVerdict::Reject(RejectWith::PortUnreachable, reason)) => {
                self.icmp_error(env, netns, &frame, Unreachable::Port);
                reason
            }
        };
        self.drop_frame(env, frame, reason);
        None
    }

    /// Sends an ICMP error about `frame` to its sender, unless the rules for errors forbid it.
    pub(super) fn icmp_error(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        frame: &Frame,
        what: Unreachable,
    ) {
        let dst = headers::src_addr(&frame.data);
        let Ok(hop) = self.route(netns, dst) else {
            return;
        };
        let meta = frame.meta.answering(env.ctx.now());
        let mut error = env.worker.frames.take(icmp::MAX_ERROR, meta);
        if icmp::error_about(&frame.data, hop.src, what, &mut error.data) {
            self.ip_output(env, netns, error);
        } else {
            env.worker.frames.give(error);
        }
    }

    fn tcp_reset(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, frame: &Frame) {
        let meta = frame.meta.answering(env.ctx.now());
        let mut reset = env.worker.frames.take(icmp::MAX_ERROR, meta);
        if icmp::reset_for(&frame.data, &mut reset.data) {
            self.ip_output(env, netns, reset);
        } else {
            env.worker.frames.give(reset);
        }
    }

    /// Counts a frame that does not arrive and takes its buffer back.
    pub(super) fn drop_frame(&mut self, env: &mut Env<'_, '_>, frame: Frame, reason: DropReason) {
        self.account.dropped(env.ctx.now(), &frame, reason);
        env.worker.frames.give(frame);
    }
}

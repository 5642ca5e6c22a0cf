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
use crate::frame::{Frame, FrameMeta};
use crate::headers;
use crate::ids::{IfaceId, NetnsId};
use crate::kernel::icmp::{self, Unreachable};
use crate::kernel::netfilter::{Hook, NfVerdict, PacketContext, PacketState, RejectWith};
use crate::kernel::netns::{self, IfaceKind, Netns};
use crate::kernel::route::RouteKind;
use crate::verdict::DropReason;

/// Where a namespace sends a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    pub(super) iface: IfaceId,
    pub(super) next: Ipv4Addr,
    pub(super) src: Ipv4Addr,
}

impl Machine {
    /// A packet has come in by an interface of a namespace.
    pub(super) fn ip_receive(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        iface: IfaceId,
        mut frame: Frame,
    ) {
        if headers::five_tuple(&frame.data).is_none() {
            return self.drop_frame(env, frame, DropReason::Malformed);
        }
        let mut state = PacketState::default();
        let verdict = self.hook(
            env,
            netns,
            Hook::Prerouting,
            &mut frame,
            &mut state,
            Some(iface),
            None,
        );
        if !self.accepted(env, netns, verdict, &mut frame) {
            return self.finish_refused(env, frame, verdict);
        }
        let dst = headers::dst_addr(&frame.data);
        let ns = &self.netns[netns];
        if ns.ifaces[iface].kind != IfaceKind::Loopback
            && !ns.route_localnet
            && (dst.is_loopback() || headers::src_addr(&frame.data).is_loopback())
        {
            return self.drop_frame(env, frame, DropReason::MartianAddress);
        }
        if ns.is_local(dst) {
            let verdict = self.hook(
                env,
                netns,
                Hook::Input,
                &mut frame,
                &mut state,
                Some(iface),
                None,
            );
            if !self.accepted(env, netns, verdict, &mut frame) {
                return self.finish_refused(env, frame, verdict);
            }
            return self.deliver(env, netns, frame);
        }
        self.forward(env, netns, iface, frame, state);
    }

    fn forward(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        iface: IfaceId,
        mut frame: Frame,
        mut state: PacketState,
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
        if frame.packet_len() > mtu {
            self.icmp_error(env, netns, &frame, Unreachable::FragmentationNeeded(mtu));
            return self.drop_frame(env, frame, DropReason::TooBig);
        }
        headers::decrement_ttl(&mut frame.data);
        self.meter.charge(Primitive::IpForward, frame.packet_len());
        let (from, to) = (Some(iface), Some(hop.iface));
        let verdict = self.hook(env, netns, Hook::Forward, &mut frame, &mut state, from, to);
        if !self.accepted(env, netns, verdict, &mut frame) {
            return self.finish_refused(env, frame, verdict);
        }
        let verdict = self.hook(
            env,
            netns,
            Hook::Postrouting,
            &mut frame,
            &mut state,
            from,
            to,
        );
        if !self.accepted(env, netns, verdict, &mut frame) {
            return self.finish_refused(env, frame, verdict);
        }
        self.transmit(env, netns, hop, frame);
    }

    /// A stack or the kernel of a namespace has made a packet.
    pub(super) fn ip_output(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, mut frame: Frame) {
        self.account.sent(&frame);
        let dst = headers::dst_addr(&frame.data);
        let mut hop = match self.route(netns, dst) {
            Ok(hop) => hop,
            Err(reason) => return self.drop_frame(env, frame, reason),
        };
        let mut state = PacketState::default();
        let verdict = self.hook(
            env,
            netns,
            Hook::Output,
            &mut frame,
            &mut state,
            None,
            Some(hop.iface),
        );
        if !self.accepted(env, netns, verdict, &mut frame) {
            return self.finish_refused(env, frame, verdict);
        }
        let translated = headers::dst_addr(&frame.data);
        if translated != dst {
            hop = match self.route(netns, translated) {
                Ok(hop) => hop,
                Err(reason) => return self.drop_frame(env, frame, reason),
            };
        }
        let verdict = self.hook(
            env,
            netns,
            Hook::Postrouting,
            &mut frame,
            &mut state,
            None,
            Some(hop.iface),
        );
        if !self.accepted(env, netns, verdict, &mut frame) {
            return self.finish_refused(env, frame, verdict);
        }
        self.transmit(env, netns, hop, frame);
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

    #[expect(
        clippy::too_many_arguments,
        reason = "a hook's arguments are the kernel's"
    )]
    fn hook(
        &mut self,
        env: &Env<'_, '_>,
        netns: NetnsId,
        hook: Hook,
        frame: &mut Frame,
        state: &mut PacketState,
        in_iface: Option<IfaceId>,
        out_iface: Option<IfaceId>,
    ) -> NfVerdict {
        let Netns {
            netfilter,
            addresses,
            ifaces,
            ..
        } = &mut self.netns[netns];
        let Some(netfilter) = netfilter else {
            return NfVerdict::Accept;
        };
        let ctx = PacketContext {
            now: env.ctx.now(),
            in_iface,
            out_iface,
            is_local: &|addr| netns::is_local(addresses, addr),
            out_addr: out_iface
                .and_then(|i| ifaces[i].addr)
                .unwrap_or(Ipv4Addr::UNSPECIFIED),
        };
        netfilter.run(hook, &mut frame.data, state, &ctx, &mut self.meter)
    }

    /// Whether a verdict lets the packet pass; answers the sender where it says so.
    fn accepted(
        &mut self,
        env: &mut Env<'_, '_>,
        netns: NetnsId,
        verdict: NfVerdict,
        frame: &mut Frame,
    ) -> bool {
        match verdict {
            NfVerdict::Accept => true,
            NfVerdict::Drop(_) => false,
            NfVerdict::Reject(with, _) => {
                match with {
                    RejectWith::TcpReset => self.tcp_reset(env, netns, frame),
                    RejectWith::PortUnreachable => {
                        self.icmp_error(env, netns, frame, Unreachable::Port);
                    }
                }
                false
            }
        }
    }

    fn finish_refused(&mut self, env: &mut Env<'_, '_>, frame: Frame, verdict: NfVerdict) {
        match verdict {
            NfVerdict::Accept => {}
            NfVerdict::Drop(reason) | NfVerdict::Reject(_, reason) => {
                self.drop_frame(env, frame, reason);
            }
        }
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
        let mut data = env.worker.buffers.take(icmp::MAX_ERROR);
        if icmp::error_about(&frame.data, hop.src, what, &mut data) {
            let meta = FrameMeta::new(frame.meta.tag, env.ctx.now());
            self.ip_output(env, netns, Frame { data, meta });
        } else {
            env.worker.buffers.give(data);
        }
    }

    fn tcp_reset(&mut self, env: &mut Env<'_, '_>, netns: NetnsId, frame: &Frame) {
        let mut data = env.worker.buffers.take(icmp::MAX_ERROR);
        if icmp::reset_for(&frame.data, &mut data) {
            let meta = FrameMeta::new(frame.meta.tag, env.ctx.now());
            self.ip_output(env, netns, Frame { data, meta });
        } else {
            env.worker.buffers.give(data);
        }
    }

    /// Counts a frame that does not arrive and takes its buffer back.
    pub(super) fn drop_frame(&mut self, env: &mut Env<'_, '_>, frame: Frame, reason: DropReason) {
        self.account.dropped(env.ctx.now(), &frame, reason);
        env.worker.buffers.recycle(frame);
    }
}

//! A machine that is a NAT gateway: what its interface takes it translates and sends out by the
//! same interface. No core spends time on it.

use std::net::Ipv4Addr;

use super::{Env, Machine};
use crate::frame::Frame;
use crate::headers;
use crate::ids::EniId;
use crate::kernel::icmp;
use crate::verdict::DropReason;

impl Machine {
    /// A frame has passed the gateway's inbound limits.
    pub(super) fn translate(&mut self, env: &mut Env<'_, '_>, eni: EniId, mut frame: Frame) {
        let now = env.ctx.now();
        self.enis[eni].counts.received += 1;
        self.capture(now, eni, &frame, None);
        // As every router does, or gateways that lead to each other would keep a packet for ever.
        if headers::decrement_ttl(&mut frame.data) == 0 {
            return self.drop_frame(env, frame, DropReason::TtlExceeded);
        }
        let table = self.nat.as_mut().expect("a gateway has a table");
        let Err(refusal) = table.translate(&mut frame.data, now) else {
            return self.send_on(env, eni, frame);
        };
        let meta = frame.meta.answering(now);
        let mut reset = env.worker.frames.take(icmp::MAX_ERROR, meta);
        if refusal.reset && icmp::reset_for(&frame.data, &mut reset.data) {
            self.account.sent(&reset);
            self.send_on(env, eni, reset);
        } else {
            env.worker.frames.give(reset);
        }
        self.drop_frame(env, frame, refusal.reason);
    }

    /// Sends a packet where its header says.
    fn send_on(&mut self, env: &mut Env<'_, '_>, eni: EniId, mut frame: Frame) {
        frame.meta.next_hop = Ipv4Addr::UNSPECIFIED;
        self.enis[eni].counts.offered += 1;
        self.offer(env, eni, frame);
    }
}

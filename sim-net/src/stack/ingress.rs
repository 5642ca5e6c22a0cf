//! What a packet that reaches the namespace leads to.

use std::net::SocketAddrV4;

use sim_core::SimTime;
use smoltcp::iface::SocketSet;
use smoltcp::time::Instant;

use super::connection::Cause;
use super::demux::ConnKey;
use super::event::{ConnectionState, SocketEvent};
use super::segment::{self, Segment};
use super::time_wait::Waiting;
use super::worker::StackWorker;
use super::{Fate, Stack};
use crate::frame::{Frame, FrameMeta};
use crate::headers::{self, FiveTuple, Protocol};
use crate::ids::ConnId;
use crate::verdict::DropReason;

/// ICMP type *destination unreachable*, and its code *fragmentation needed*, which says something
/// about the path and nothing about the destination. Source: RFC 792 (specified).
const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;

/// MTU of replies that no socket makes; they are at most 576 octets long.
const REPLY_MTU: usize = 1500;

impl Stack {
    /// Takes one packet addressed to this namespace. Replies that cannot wait (a RST, an ICMP
    /// error, the acknowledgement of a segment out of order) go to `out`, and what happened to
    /// `events`. Names the connection that is to be polled next, if the packet belongs to one.
    ///
    /// `mtu` is that of the route back to the sender, in octets. It is looked at where a SYN begins
    /// a connection, which sends nothing larger whatever its listener's options say.
    ///
    /// A packet that no socket wants is answered and counts as taken, as it does in Linux.
    ///
    /// # Errors
    /// [`DropReason::Malformed`], [`DropReason::ListenBacklogFull`] or
    /// [`DropReason::SocketBufferFull`].
    pub fn deliver(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        frame: &Frame,
        mtu: usize,
        out: &mut Vec<Frame>,
        events: &mut Vec<SocketEvent>,
    ) -> Result<Option<ConnId>, DropReason> {
        let tuple = headers::five_tuple(&frame.data).ok_or(DropReason::Malformed)?;
        match tuple.protocol {
            Protocol::Tcp => self.deliver_tcp(now, worker, tuple, (frame, mtu), out, events),
            Protocol::Udp => {
                match self.udp_ports.find(*tuple.dst.ip(), tuple.dst.port()) {
                    Some(udp) => self.deliver_udp(worker, udp, frame, events)?,
                    None => answer(now, worker, frame, out),
                }
                Ok(None)
            }
            Protocol::Icmp if headers::icmp_error_quote(&frame.data).is_some() => {
                self.on_icmp_error(now, frame, events);
                Ok(None)
            }
            Protocol::Icmp | Protocol::Other(_) => {
                answer(now, worker, frame, out);
                Ok(None)
            }
        }
    }

    fn deliver_tcp(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        tuple: FiveTuple,
        (frame, mtu): (&Frame, usize),
        out: &mut Vec<Frame>,
        events: &mut Vec<SocketEvent>,
    ) -> Result<Option<ConnId>, DropReason> {
        let segment = Segment::read(&frame.data).ok_or(DropReason::Malformed)?;
        let (local, remote) = (tuple.dst, tuple.src);
        let key = ConnKey::new(local, remote);
        if let Some(&conn) = self.demux.get(&key) {
            self.on_segment(now, worker, conn, (frame, &segment), out, events);
            return Ok(Some(conn));
        }
        let period = self.config.time_wait;
        match self.time_wait.on_segment(&key, &segment, now, period) {
            Waiting::Ignore => return Ok(None),
            Waiting::Repeat(ack, tag) => {
                let meta = FrameMeta::new(tag, now).on(frame.meta.leg.reversed());
                out.push(worker.frames.copy(&ack, meta));
                return Ok(None);
            }
            Waiting::Free => {}
        }
        if segment.opens()
            && let Some(listener) = self.listening.find(*local.ip(), local.port())
        {
            self.time_wait.expire(now);
            let conn = self.on_syn(now, worker, listener, (local, remote), (frame, mtu))?;
            return Ok(Some(conn));
        }
        answer(now, worker, frame, out);
        Ok(None)
    }

    fn on_segment(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        conn: ConnId,
        (frame, segment): (&Frame, &Segment),
        out: &mut Vec<Frame>,
        events: &mut Vec<SocketEvent>,
    ) {
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        let mut port = worker.port(connection.options.mtu);
        let (unread, announced) = (connection.readable(), connection.announced);
        connection.ingress(now, &mut port, &frame.data, segment, &self.config, out);
        let reset = segment.has(segment::RST);
        let fate = connection.settle(Cause::Segment { reset }, unread, events);
        self.follow(now, conn, announced, fate);
    }

    /// An ICMP error quotes a packet that this namespace is said to have sent.
    fn on_icmp_error(&mut self, now: SimTime, frame: &Frame, events: &mut Vec<SocketEvent>) {
        let Some(quote) = headers::icmp_error_quote(&frame.data) else {
            return;
        };
        let Some(about) = headers::five_tuple(quote) else {
            return;
        };
        let at = usize::from(frame.data[0] & 0x0f) * 4;
        if frame.data[at] != UNREACHABLE || frame.data[at + 1] == FRAGMENTATION_NEEDED {
            return;
        }
        match about.protocol {
            Protocol::Tcp => self.refuse(now, about.src, about.dst, events),
            Protocol::Udp => {
                let found = self.udp_ports.find(*about.src.ip(), about.src.port());
                if let Some(udp) = found {
                    let owner = self.udp[udp.index()].owner;
                    let to = about.dst;
                    events.push(SocketEvent::UdpUnreachable { udp, owner, to });
                }
            }
            Protocol::Icmp | Protocol::Other(_) => {}
        }
    }

    /// Ends a connection attempt that the network has answered. Source: Linux 6.18,
    /// `net/ipv4/tcp_ipv4.c`, `tcp_v4_err` (specified): only in SYN-SENT is the error fatal.
    fn refuse(
        &mut self,
        now: SimTime,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        events: &mut Vec<SocketEvent>,
    ) {
        let Some(&conn) = self.demux.get(&ConnKey::new(local, remote)) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(conn) else {
            return;
        };
        if connection.state() == ConnectionState::SynSent {
            connection.end(Cause::IcmpError, events);
            self.follow(now, conn, false, Fate::Gone);
        }
    }
}

/// Feeds a packet that no socket wants to the protocol code: a RST, an ICMP error or an echo reply
/// comes back.
fn answer(now: SimTime, worker: &mut StackWorker, frame: &Frame, out: &mut Vec<Frame>) {
    let mtu = frame.data.len().max(REPLY_MTU);
    let mtu = if mtu == REPLY_MTU {
        REPLY_MTU
    } else {
        usize::from(u16::MAX)
    };
    let meta = frame.meta.answering(now);
    let mut nobody = SocketSet::new(Vec::new());
    worker
        .port(mtu)
        .ingress(Instant::ZERO, &frame.data, &mut nobody, meta, out);
}

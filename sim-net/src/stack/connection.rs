//! One TCP connection: a smoltcp socket in a set of its own, and what the adapter adds to it.

mod handshake;
mod settle;

use std::net::SocketAddrV4;

use sim_core::SimTime;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::clock::Clock;
use super::demux::ConnKey;
use super::event::ConnectionState;
use super::options::{Congestion, SocketOptions, StackConfig};
use super::pattern;
use super::receiver::Receiver;
use super::segment::{self, PURE_ACK, Segment};
use super::sender::Sender;
use super::worker::Port;
use crate::frame::{Frame, FrameMeta};
use crate::ids::{AppId, ConnId, ListenerId};

/// IPv4 and TCP headers without options.
pub(super) const HEADERS: usize = 40;

/// Dispatches without a packet that one call allows: smoltcp sometimes only moves its own state.
const SILENT_DISPATCHES: u8 = 3;

/// Who opened a connection, and the facts that only its handshake needs.
#[derive(Debug)]
pub(super) enum Origin {
    /// This side called `connect`.
    Active,
    /// A listener got a SYN, kept while the connection is half open.
    Passive {
        /// The listener.
        listener: ListenerId,
        /// The SYN as it came.
        syn: Vec<u8>,
        /// Seed of the initial sequence number.
        seed: u64,
    },
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) owner: AppId,
    pub(super) key: ConnKey,
    pub(super) local: SocketAddrV4,
    pub(super) remote: SocketAddrV4,
    pub(super) options: SocketOptions,
    pub(super) origin: Origin,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    /// The peer's initial sequence number.
    pub(super) peer_isn: u32,
    /// The last acknowledgement sent after the peer's FIN, by the side that closed first.
    pub(super) final_ack: Option<[u8; PURE_ACK]>,
    /// Whether the program knows of it: `Connected` or `Accepted` was said.
    pub(super) announced: bool,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    clock: Clock,
    peer_closed: bool,
    starved: bool,
    delays_acks: bool,
    closes_later: bool,
    aborted: bool,
    /// The next timer, if nothing has happened since it was asked for.
    timer: Option<Option<SimTime>>,
}

/// What became of a connection in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    /// Everything is said and acknowledged; only the four-tuple waits.
    Waits,
    Gone,
}

/// Why a connection's state may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Segment { reset: bool },
    Poll,
    IcmpError,
}

pub(super) fn endpoint(addr: SocketAddrV4) -> IpEndpoint {
    IpEndpoint::new(IpAddress::Ipv4(*addr.ip()), addr.port())
}

fn controller(congestion: Congestion) -> CongestionControl {
    match congestion {
        Congestion::Cubic => CongestionControl::Cubic,
        Congestion::Reno => CongestionControl::Reno,
    }
}

/// A socket with buffers of its own. Sockets are never used twice: one keeps the window, the
/// duplicate count and a pending retransmission of its last connection.
fn new_socket(options: &SocketOptions, config: &StackConfig) -> Socket<'static> {
    let mut socket = Socket::new(
        SocketBuffer::new(vec![0; options.recv_capacity()]),
        SocketBuffer::new(vec![0; options.send_capacity()]),
    );
    socket.set_congestion_control(controller(config.congestion));
    socket.set_ack_delay(None);
    socket
}

/// Who a connection belongs to and between which addresses it runs.
pub(super) struct Identity {
    pub(super) id: ConnId,
    pub(super) owner: AppId,
    pub(super) local: SocketAddrV4,
    pub(super) remote: SocketAddrV4,
}

impl Connection {
    /// A connection without any state yet: [`Self::connect`] or [`Self::accept`] come next.
    pub(super) fn new(
        who: &Identity,
        origin: Origin,
        options: SocketOptions,
        config: &StackConfig,
    ) -> Self {
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(new_socket(&options, config));
        let sender = Sender::new(
            config.congestion,
            config.initial_window,
            options.mtu - HEADERS,
            options.send_capacity(),
        );
        Self {
            id: who.id,
            owner: who.owner,
            key: ConnKey::new(who.local, who.remote),
            local: who.local,
            remote: who.remote,
            options,
            origin,
            sender,
            receiver: Receiver::new(config.quick_acks),
            peer_isn: 0,
            final_ack: None,
            announced: false,
            sockets,
            handle,
            clock: Clock::new(1),
            peer_closed: false,
            starved: false,
            delays_acks: false,
            closes_later: false,
            aborted: false,
            timer: None,
        }
    }

    pub(super) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn view(&self) -> &Socket<'static> {
        self.sockets.get(self.handle)
    }

    #[cfg(test)]
    pub(super) fn socket_count(&self) -> usize {
        self.sockets.iter().count()
    }

    pub(super) fn meta(&self, now: SimTime) -> FrameMeta {
        FrameMeta::new(self.options.tag, now)
    }

    pub(super) fn state(&self) -> ConnectionState {
        match self.view().state() {
            State::Closed | State::Listen => ConnectionState::Closed,
            State::SynSent => ConnectionState::SynSent,
            State::SynReceived => ConnectionState::SynReceived,
            State::Established => ConnectionState::Established,
            State::FinWait1 => ConnectionState::FinWait1,
            State::FinWait2 => ConnectionState::FinWait2,
            State::CloseWait => ConnectionState::CloseWait,
            State::Closing => ConnectionState::Closing,
            State::LastAck => ConnectionState::LastAck,
            State::TimeWait => ConnectionState::TimeWait,
        }
    }

    fn handshaking(&self) -> bool {
        matches!(self.view().state(), State::SynSent | State::SynReceived)
    }

    pub(super) fn is_passive(&self) -> bool {
        matches!(self.origin, Origin::Passive { .. })
    }

    // --- what programs do ---

    pub(super) fn send(&mut self, bytes: usize, config: &StackConfig) -> usize {
        let position = self.sender.written;
        let socket = self.socket();
        let mut taken = 0;
        while taken < bytes {
            let wanted = bytes - taken;
            let at = position + taken as u64;
            let copied = socket.send(|buffer| {
                let len = buffer.len().min(wanted);
                pattern::fill(&mut buffer[..len], at);
                (len, len)
            });
            match copied {
                Ok(0) | Err(_) => break,
                Ok(len) => taken += len,
            }
        }
        self.sender.written += taken as u64;
        self.starved |= taken < bytes;
        self.timer = None;
        if taken > 0 && self.receiver.on_answer() {
            self.delay_acks(config);
        }
        taken
    }

    pub(super) fn recv(&mut self, max: usize) -> usize {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        let mut taken = 0;
        while taken < max {
            let read = socket.recv(|buffer| {
                let len = buffer.len().min(max - taken);
                self.receiver.on_read(&buffer[..len]);
                (len, len)
            });
            match read {
                Ok(0) | Err(_) => break,
                Ok(len) => taken += len,
            }
        }
        if taken > 0 {
            self.timer = None;
        }
        taken
    }

    pub(super) fn readable(&self) -> usize {
        self.view().recv_queue()
    }

    pub(super) fn writable(&self) -> usize {
        let socket = self.view();
        if socket.may_send() {
            socket.send_capacity() - socket.send_queue()
        } else {
            0
        }
    }

    pub(super) fn unacknowledged(&self) -> usize {
        self.view().send_queue()
    }

    pub(super) fn shutdown(&mut self) {
        self.timer = None;
        match self.view().state() {
            State::SynSent => self.abort(),
            // smoltcp would send a FIN in the place of the SYN's acknowledgement.
            State::SynReceived => self.closes_later = true,
            _ => self.socket().close(),
        }
    }

    pub(super) fn abort(&mut self) {
        self.timer = None;
        self.aborted = true;
        self.socket().abort();
    }

    fn delay_acks(&mut self, config: &StackConfig) {
        if !self.delays_acks {
            self.delays_acks = true;
            let delay = self.clock.lasting(config.delayed_ack);
            self.socket().set_ack_delay(Some(delay));
        }
    }

    // --- what the network does ---

    /// Takes one segment of this connection.
    pub(super) fn ingress(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        packet: &[u8],
        segment: &Segment,
        config: &StackConfig,
        out: &mut Vec<Frame>,
    ) {
        self.timer = None;
        if self.handshaking() {
            self.handshake(now, port, packet, segment, config, out);
        } else {
            self.synchronized(now, port, packet, segment, out);
        }
        if segment.payload > 0 && self.receiver.on_data() {
            self.delay_acks(config);
        }
    }

    /// The sequence number of the first octet that the peer has not sent yet.
    fn expected_seq(&self) -> u32 {
        let socket = self.view();
        let closed = matches!(
            socket.state(),
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait
        );
        let octets = self.receiver.read + socket.recv_queue() as u64 + u64::from(closed);
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
        let octets = octets as u32;
        self.peer_isn.wrapping_add(1).wrapping_add(octets)
    }

    fn synchronized(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        packet: &[u8],
        segment: &Segment,
        out: &mut Vec<Frame>,
    ) {
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let queued = self.view().send_queue();
        for ack in self.sender.split(segment.ack) {
            let ack = segment::pure_ack(packet, self.expected_seq(), ack, segment.window);
            port.ingress(at, &ack, &mut self.sockets, meta, out);
        }
        if segment.has(segment::FIN)
            && matches!(self.view().state(), State::FinWait1 | State::FinWait2)
        {
            // The last acknowledgement is never delayed: nothing follows that could carry it.
            self.socket().set_ack_delay(None);
        }
        let replies = out.len();
        port.ingress(at, packet, &mut self.sockets, meta, out);
        let acked = queued.saturating_sub(self.view().send_queue());
        if acked > 0 {
            self.sender.on_acked(acked, self.options.send_capacity());
        }
        for frame in &out[replies..] {
            self.on_sent(frame);
        }
    }

    /// Sends what may be sent, at most `budget` packets; true if the budget is why it stopped.
    pub(super) fn transmit(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        mut budget: usize,
        out: &mut Vec<Frame>,
    ) -> bool {
        if let Some(timer) = self.timer
            && timer.is_none_or(|at| at > now)
        {
            return false;
        }
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut silent = 0;
        loop {
            self.set_nagle();
            let due = port.interface.poll_at(at, &self.sockets);
            if due.is_none_or(|due| due > at) || silent == SILENT_DISPATCHES {
                let next = due.map(|due| self.clock.when(due));
                debug_assert!(
                    next.is_none_or(|next| next > now),
                    "a timer that does nothing"
                );
                self.timer = Some(next.filter(|next| *next > now));
                return false;
            }
            if budget == 0 {
                self.timer = None;
                return true;
            }
            let handshaking = self.handshaking();
            if !port.egress(at, &mut self.sockets, meta, out) {
                silent += 1;
                continue;
            }
            silent = 0;
            if let Some(frame) = out.last_mut() {
                if !self.announced && self.view().state() == State::Closed {
                    // Linux says nothing when it gives a handshake up.
                    let frame = out.pop().expect("it was there");
                    port.buffers.recycle(frame);
                    continue;
                }
                if handshaking {
                    segment::shift_seq(&mut frame.data, self.sender.priming);
                }
                budget -= 1;
                if let Some(frame) = out.last() {
                    self.on_sent(frame);
                }
            }
        }
    }

    fn set_nagle(&mut self) {
        let queued = self.view().send_queue();
        let hold = self.sender.holds_back(queued, self.options.nodelay);
        self.socket().set_nagle_enabled(hold);
    }

    fn on_sent(&mut self, frame: &Frame) {
        let Some(segment) = Segment::read(&frame.data) else {
            return;
        };
        self.sender.on_sent(&segment);
        if matches!(self.view().state(), State::Closing | State::TimeWait) {
            let packet = &frame.data;
            let ack = segment::pure_ack(packet, segment.seq, segment.ack, segment.window);
            self.final_ack = Some(ack);
        }
    }

    /// When something is due next, if nothing arrives before.
    pub(super) fn next_timer(&mut self, now: SimTime, port: &mut Port<'_>) -> Option<SimTime> {
        if let Some(timer) = self.timer {
            return timer;
        }
        self.set_nagle();
        let at = self.clock.read(now);
        let due = port.interface.poll_at(at, &self.sockets)?;
        Some(self.clock.when(due).max(now))
    }
}

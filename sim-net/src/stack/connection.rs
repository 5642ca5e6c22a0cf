//! One TCP connection: a smoltcp socket in a set of its own, and what the adapter adds to it.
//!
//! **Repair of losses.** smoltcp sends one segment again after three duplicate acknowledgements and
//! leaves every further hole of the window to the retransmission timer, 200 ms at least, where
//! Linux has selective acknowledgements. What the adapter can do is show it acknowledgements once
//! more. An acknowledgement that ends before another hole is repeated three times, and the hole is
//! repaired one round trip later; after a few of those, or when the peer has nothing beyond the
//! hole, the connection's own clock skips ahead, so that the timer expires at once and everything
//! is sent again in slow start. A tail-loss probe (`loss_probe`) repeats the last acknowledgement
//! when nothing has been heard for two round trips.

mod handshake;
mod settle;
mod transmit;

use std::net::SocketAddrV4;

use sim_core::SimTime;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Duration;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::clock::Clock;
use super::demux::ConnKey;
use super::event::ConnectionState;
use super::loss_probe::LossProbe;
use super::options::{Congestion, SendRoom, SocketOptions, StackConfig};
use super::receiver::Receiver;
use super::segment::{self, PURE_ACK, Segment};
use super::sender::Sender;
use super::worker::Port;
use crate::frame::{Frame, FrameMeta};
use crate::ids::{AppId, ConnId, ListenerId};
use crate::reach::Leg;

/// IPv4 and TCP headers without options.
pub(super) const HEADERS: usize = 40;

/// Duplicate acknowledgements that make smoltcp send a segment again.
const DUPLICATES: usize = 3;

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
        /// The SYN as it came; gone once the connection is established.
        syn: Option<Frame>,
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
    probe: LossProbe,
    /// The window that the peer's last segment named, as it stands in the header.
    peer_window: u16,
    /// One past the newest octet that the peer has named beyond a hole.
    sacked_to: u32,
    /// Segmentation offload, and peers with receive offload.
    offloads: bool,
    peers_offload: bool,
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

/// What came of letting a connection send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transmitted {
    /// The budget is why it stopped.
    pub(super) more: bool,
    /// Something was due, so that the connection's state may have changed.
    pub(super) acted: bool,
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
        SocketBuffer::new(vec![0; options.send_ring()]),
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
            &options,
        )
        .stretched(config.peers_offload);
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
            probe: LossProbe::new(config.tail_loss_probe),
            peer_window: 0,
            sacked_to: 0,
            offloads: config.offloads,
            peers_offload: config.peers_offload,
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
        let leg = match self.origin {
            Origin::Active => Leg::Forward,
            Origin::Passive { .. } => Leg::Return,
        };
        FrameMeta::new(self.options.tag, now).on(leg)
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
        let room = self.room();
        let socket = self.socket();
        let mut taken = 0;
        while taken < bytes.min(room) {
            let wanted = bytes.min(room) - taken;
            // What the octets are is written when they are sent, see `Self::fill`.
            let copied = socket.send(|buffer| {
                let len = buffer.len().min(wanted);
                (len, len)
            });
            match copied {
                Ok(0) | Err(_) => break,
                Ok(len) => taken += len,
            }
        }
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
        if self.view().may_send() {
            self.room()
        } else {
            0
        }
    }

    /// Octets that the send buffer may hold by now.
    fn send_limit(&self) -> usize {
        match self.options.send_room {
            SendRoom::Grows => self.sender.room().min(self.options.send_capacity()),
            SendRoom::Whole | SendRoom::Message(_) => self.view().send_capacity(),
        }
    }

    /// How many more it takes.
    fn room(&self) -> usize {
        self.send_limit().saturating_sub(self.view().send_queue())
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
            // What was put together of several segments is acknowledged at once: Linux, as above.
            // smoltcp would wait, for it has seen one segment only.
            let several = segment.payload > self.sender.mss && self.delays_acks;
            if several {
                self.socket().set_ack_delay(Some(Duration::ZERO));
            }
            self.synchronized(now, port, packet, segment, out);
            if several && !segment.has(segment::FIN) {
                let delay = self.clock.lasting(config.delayed_ack);
                self.socket().set_ack_delay(Some(delay));
            }
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

    /// Whether only this side's FIN is unacknowledged and the segment says nothing new. Three of
    /// those would make smoltcp stop the retransmission timer and send nothing, and a lost FIN
    /// would be lost for ever.
    fn awaits_only_fin(&self, segment: &Segment) -> bool {
        let socket = self.view();
        let closing = matches!(
            socket.state(),
            State::FinWait1 | State::Closing | State::LastAck
        );
        let plain = segment.flags & (segment::FIN | segment::SYN | segment::RST) == 0;
        closing
            && socket.send_queue() == 0
            && plain
            && segment.payload == 0
            && segment.ack == self.sender.una()
    }

    fn synchronized(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        packet: &[u8],
        segment: &Segment,
        out: &mut Vec<Frame>,
    ) {
        if self.awaits_only_fin(segment) {
            return;
        }
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
        let options = match segment.options {
            true => segment::Options::read(packet),
            false => segment::Options::default(),
        };
        let sack = options.sack;
        let replies = out.len();
        port.ingress(at, packet, &mut self.sockets, meta, out);
        if sack && self.peers_offload {
            for _ in 1..self.duplicates(segment, options.sack_block) {
                port.ingress(at, packet, &mut self.sockets, meta, out);
            }
        }
        let acked = queued.saturating_sub(self.view().send_queue());
        if acked > 0 {
            self.sender.on_acked(acked, self.options.send_capacity());
            self.probe
                .on_acked(now, self.sender.una(), self.sender.several());
            if self.sender.at_hole() {
                self.repair(now, port, sack, segment.window);
            }
        }
        self.sender.holed |= sack;
        self.peer_window = segment.window;
        for frame in &out[replies..] {
            self.on_sent(now, frame, false);
        }
    }

    /// How many duplicate acknowledgements this one stands for. A receiver that puts segments
    /// together acknowledges several at once, and Linux counts the segments that are beyond a hole,
    /// not acknowledgements. Source: Linux 6.18, `net/ipv4/tcp_input.c`, `tcp_sacktag_one` and
    /// `tcp_dupack_heuristics` (specified).
    fn duplicates(&mut self, segment: &Segment, (left, right): (u32, u32)) -> usize {
        let una = self.sender.una();
        if segment.payload > 0 || segment.ack != una {
            return 1;
        }
        let known = match segment::after(self.sacked_to, left) {
            true => self.sacked_to,
            false => left,
        };
        if !segment::after(right, known) || segment::after(right, self.sender.max()) {
            return 1;
        }
        self.sacked_to = right;
        (right.wrapping_sub(known) as usize).div_ceil(self.sender.mss)
    }

    /// An acknowledgement after a fast retransmission ends before another hole. If the peer has
    /// something beyond it, the oldest segment goes out again. If not, or if there are many holes,
    /// there is nothing to wait for: the retransmission timer expires now.
    fn repair(&mut self, now: SimTime, port: &mut Port<'_>, sack: bool, window: u16) {
        if sack && self.sender.repairs_singly() {
            self.resend(now, port, window, DUPLICATES);
        } else if self.sender.holed {
            self.expire();
        }
    }

    /// The retransmission timer expires now.
    fn expire(&mut self) {
        self.clock.skip_timers();
        self.sender.on_timeout();
        self.probe.spend();
    }

    /// Makes smoltcp send its oldest segment again, by as many acknowledgements of what came
    /// before it.
    fn resend(&mut self, now: SimTime, port: &mut Port<'_>, window: u16, acks: usize) {
        if self.view().state() == State::LastAck {
            // Here smoltcp takes a duplicate for a challenge.
            self.expire();
            return;
        }
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let from_peer = segment::envelope(self.remote, self.local);
        let (seq, una) = (self.expected_seq(), self.sender.una());
        let ack = segment::pure_ack(&from_peer, seq, una, window);
        let mut replies = Vec::new();
        for _ in 0..acks {
            port.ingress(at, &ack, &mut self.sockets, meta, &mut replies);
        }
        debug_assert!(replies.is_empty(), "an acknowledgement is not answered");
    }

    /// The next timer as [`Self::transmit`] left it.
    pub(super) fn timer(&self) -> Option<SimTime> {
        self.timer.flatten()
    }

    /// Whether nothing but a segment or a call can change what the program is to be told.
    pub(super) fn is_calm(&self) -> bool {
        self.announced && self.view().state() == State::Established
    }

    /// When something is due next, if nothing arrives before.
    pub(super) fn next_timer(&mut self, now: SimTime, port: &mut Port<'_>) -> Option<SimTime> {
        if let Some(timer) = self.timer {
            return timer;
        }
        self.set_nagle();
        let at = self.clock.read(now);
        let due = port.interface.poll_at(at, &self.sockets);
        let due = due.map(|due| self.clock.when(due)).into_iter();
        due.chain(self.probe.due()).min().map(|at| at.max(now))
    }
}

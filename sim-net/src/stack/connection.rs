//! One TCP connection: a smoltcp socket in a set of its own, and what the adapter adds to it.

use std::net::SocketAddrV4;

use sim_core::SimTime;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::clock::Clock;
use super::demux::ConnKey;
use super::event::{ConnectionState, SocketEvent};
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

    /// Goes to SYN-SENT. `seeded` draws the initial sequence number.
    pub(super) fn connect(&mut self, seeded: &mut Port<'_>, config: &StackConfig) {
        let timeout = self.clock.lasting(config.connect_timeout);
        let (local, remote) = (endpoint(self.local), endpoint(self.remote));
        let socket = self.socket();
        socket.set_timeout(Some(timeout));
        socket
            .connect(seeded.interface.context(), remote, local)
            .expect("a new socket with checked addresses connects");
    }

    /// Goes to SYN-RECEIVED with the SYN in `self.origin`. `seeded` draws the initial sequence
    /// number.
    pub(super) fn accept(&mut self, now: SimTime, seeded: &mut Port<'_>, config: &StackConfig) {
        let timeout = self.clock.lasting(config.accept_timeout);
        let local = endpoint(self.local);
        let socket = self.socket();
        socket.set_timeout(Some(timeout));
        socket.listen(local).expect("a new socket listens");
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let Origin::Passive { syn, .. } = &self.origin else {
            unreachable!("only a passive connection accepts");
        };
        let mut replies = Vec::new();
        seeded.ingress(at, syn, &mut self.sockets, meta, &mut replies);
        self.on_peer_syn();
    }

    fn on_peer_syn(&mut self) {
        if let Origin::Passive { syn, .. } = &self.origin {
            let options = segment::SynOptions::read(syn);
            self.peer_isn = Segment::read(syn).map_or(0, |s| s.seq);
            self.limit_mss(options.mss);
        }
    }

    /// Keeps to the largest segment that the peer takes. A peer that names none takes 536 octets,
    /// RFC 9293, section 3.7.1.
    fn limit_mss(&mut self, peer: Option<u16>) {
        let peer = peer.map_or(536, usize::from);
        self.sender.mss = self.sender.mss.min(peer).max(1);
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

    /// A segment before the connection is established: numbers are moved by the phantom octets
    /// (see [`super::sender`]).
    fn handshake(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        packet: &[u8],
        segment: &Segment,
        config: &StackConfig,
        out: &mut Vec<Frame>,
    ) {
        if segment.has(segment::SYN) && self.view().state() == State::SynSent {
            self.peer_isn = segment.seq;
            self.limit_mss(segment::SynOptions::read(packet).mss);
            // A lost SYN has set the threshold to two segments. A new controller knows nothing of
            // it, and learns the segment size from this very segment.
            let controller = controller(config.congestion);
            self.socket().set_congestion_control(controller);
        }
        if self.sender.syns > 1 && self.view().state() == State::SynReceived {
            self.start_over(now, port, config);
        }
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut copy = std::mem::take(port.scratch);
        copy.clear();
        copy.extend_from_slice(packet);
        if segment.has(segment::ACK) {
            let ack = segment.ack.wrapping_sub(self.sender.priming);
            segment::set_ack(&mut copy, ack);
        }
        let replies = out.len();
        port.ingress(at, &copy, &mut self.sockets, meta, out);
        for frame in &mut out[replies..] {
            segment::shift_seq(&mut frame.data, self.sender.priming);
        }
        *port.scratch = copy;
        if !self.handshaking() && self.view().is_active() {
            self.establish(now, port, packet, segment, config);
        }
    }

    /// The same half-open connection on a new socket, so that a lost SYN-ACK leaves no threshold
    /// behind: the same SYN on an interface of the same seed gives the same numbers.
    fn start_over(&mut self, now: SimTime, port: &mut Port<'_>, config: &StackConfig) {
        let Origin::Passive { seed, .. } = self.origin else {
            return;
        };
        self.sockets = SocketSet::new(Vec::with_capacity(1));
        self.handle = self.sockets.add(new_socket(&self.options, config));
        let mut interface = super::worker::StackWorker::seeded(port.mtu, seed);
        self.accept(now, &mut port.with(&mut interface), config);
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut sent = Vec::new();
        port.egress(at, &mut self.sockets, meta, &mut sent);
        for frame in sent {
            port.buffers.recycle(frame);
        }
    }

    /// The handshake is over: the phantom octets are acknowledged, and the clock runs at the
    /// speed of data transfer.
    fn establish(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        packet: &[u8],
        segment: &Segment,
        config: &StackConfig,
    ) {
        self.clock.rescale(now, config.clock_scale);
        self.socket().set_timeout(None);
        if config.quick_acks == 0 {
            self.delay_acks(config);
        }
        self.prime(now, port, packet, segment);
        if let Origin::Passive { syn, .. } = &mut self.origin {
            port.buffers.give(std::mem::take(syn));
        }
        if std::mem::take(&mut self.closes_later) {
            self.shutdown();
        }
    }

    /// Acknowledges the phantom octets (see [`super::sender`]).
    fn prime(&mut self, now: SimTime, port: &mut Port<'_>, packet: &[u8], segment: &Segment) {
        let scale = match segment.has(segment::SYN) {
            true => segment::SynOptions::read(packet).window_scale,
            false => None,
        };
        // A SYN's window is not scaled, that of an acknowledgement is. Rounding up stays within
        // what the peer can take, for it scales only what does not fit 16 bits.
        let window = u32::from(segment.window).div_ceil(1 << scale.unwrap_or(0).min(14));
        let window = u16::try_from(window).unwrap_or(u16::MAX);
        let seq = self.expected_seq();
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut replies = Vec::new();
        let start = self.sender.start();
        let mut left = self.sender.priming;
        let mut wanted = self.sender.growth_wanted();
        while left > 0 {
            let most = if wanted > 0 {
                self.sender.mss
            } else {
                self.options.send_capacity()
            };
            let chunk = most.min(left as usize);
            let queued = self
                .socket()
                .send(|buffer| (buffer.len().min(chunk), buffer.len().min(chunk)));
            let queued = u32::try_from(queued.unwrap_or(0)).unwrap_or(0);
            assert!(
                queued > 0,
                "an established socket with an empty buffer takes octets"
            );
            left -= queued;
            wanted = wanted.saturating_sub(queued as usize);
            let ack = segment::pure_ack(packet, seq, start.wrapping_sub(left), window);
            port.ingress(at, &ack, &mut self.sockets, meta, &mut replies);
        }
        debug_assert!(replies.is_empty(), "an acknowledgement is not answered");
        self.sender.priming = 0;
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

    // --- what the program is told ---

    /// Says what has changed, and what becomes of the connection.
    pub(super) fn settle(
        &mut self,
        cause: Cause,
        unread_before: usize,
        events: &mut Vec<SocketEvent>,
    ) -> Fate {
        let (conn, owner) = (self.id, self.owner);
        let socket = self.view();
        let (state, unread) = (socket.state(), socket.recv_queue());
        let gone =
            state == State::Listen || (state == State::Closed && socket.local_endpoint().is_none());
        let free = socket.send_capacity() - socket.send_queue();
        let roomy = free * 3 >= socket.send_capacity() && socket.may_send();
        if !self.announced && !matches!(state, State::Closed | State::Listen) && !self.handshaking()
        {
            self.announced = true;
            events.push(match self.origin {
                Origin::Active => SocketEvent::Connected { conn, owner },
                Origin::Passive { listener, .. } => SocketEvent::Accepted {
                    listener,
                    conn,
                    owner,
                },
            });
        }
        if self.announced && unread > unread_before {
            events.push(SocketEvent::Readable { conn, owner });
        }
        if self.starved && roomy {
            self.starved = false;
            events.push(SocketEvent::Writable { conn, owner });
        }
        let peer_done = matches!(
            state,
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait
        );
        if peer_done && !self.peer_closed {
            self.peer_closed = true;
            events.push(SocketEvent::PeerClosed { conn, owner });
        }
        if gone {
            self.end(cause, events);
            return Fate::Gone;
        }
        if state == State::TimeWait && unread == 0 && self.final_ack.is_some() {
            events.push(SocketEvent::Closed { conn, owner });
            return Fate::Waits;
        }
        Fate::Lives
    }

    pub(super) fn end(&mut self, cause: Cause, events: &mut Vec<SocketEvent>) {
        let (conn, owner) = (self.id, self.owner);
        if !self.announced && self.is_passive() {
            return;
        }
        match cause {
            Cause::Segment { reset: true } if !self.announced => {
                events.push(SocketEvent::Refused { conn, owner });
            }
            Cause::Segment { reset: true } => events.push(SocketEvent::Reset { conn, owner }),
            Cause::IcmpError => events.push(SocketEvent::Refused { conn, owner }),
            Cause::Poll if !self.announced && !self.aborted => {
                events.push(SocketEvent::TimedOut { conn, owner });
            }
            Cause::Segment { reset: false } | Cause::Poll => {}
        }
        events.push(SocketEvent::Closed { conn, owner });
    }
}

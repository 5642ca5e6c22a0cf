//! How a connection begins, until it is established.
//!
//! **Largest segment.** smoltcp takes the largest segment that the peer's SYN names for what the
//! peer sends, too: only more octets than that are acknowledged before the delay is over, and its
//! windows grow and shrink by as much. Linux goes by the segments that arrive. A peer sends none
//! that exceeds what either side takes, so smoltcp is shown the smaller of the two. Source: Linux
//! 6.18, `net/ipv4/tcp_input.c`, `tcp_measure_rcv_mss` and `__tcp_ack_snd_check` (specified).

use sim_core::SimTime;
use smoltcp::iface::SocketSet;
use smoltcp::socket::tcp::State;

use super::super::options::StackConfig;
use super::super::segment::{self, Segment};
use super::super::worker::{Port, StackWorker};
use super::{Connection, Origin, controller, endpoint, new_socket};
use crate::frame::Frame;
use crate::headers;

impl Connection {
    /// Goes to SYN-SENT. `seeded` draws the initial sequence number.
    pub(in crate::stack) fn connect(&mut self, seeded: &mut Port<'_>, config: &StackConfig) {
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
    pub(in crate::stack) fn accept(
        &mut self,
        now: SimTime,
        seeded: &mut Port<'_>,
        config: &StackConfig,
    ) {
        let timeout = self.clock.lasting(config.accept_timeout);
        let local = endpoint(self.local);
        let socket = self.socket();
        socket.set_timeout(Some(timeout));
        socket.listen(local).expect("a new socket listens");
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mss = self.sender.mss;
        let Origin::Passive { syn: Some(syn), .. } = &mut self.origin else {
            unreachable!("only a passive connection accepts");
        };
        segment::limit_mss(&mut syn.data, mss);
        let mut replies = Vec::new();
        seeded.ingress(at, &syn.data, &mut self.sockets, meta, &mut replies);
        self.on_peer_syn();
    }

    fn on_peer_syn(&mut self) {
        if let Origin::Passive { syn: Some(syn), .. } = &self.origin {
            let options = segment::Options::read(&syn.data);
            self.peer_isn = Segment::read(&syn.data).map_or(0, |s| s.seq);
            self.limit_mss(options.mss);
        }
    }

    /// Keeps to the largest segment that the peer takes. A peer that names none takes 536 octets,
    /// RFC 9293, section 3.7.1.
    fn limit_mss(&mut self, peer: Option<u16>) {
        let peer = peer.map_or(536, usize::from);
        self.sender.mss = self.sender.mss.min(peer).max(1);
    }

    /// A segment before the connection is established: numbers are moved by the phantom octets
    /// (see [`crate::stack::sender`]).
    pub(super) fn handshake(
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
            self.limit_mss(segment::Options::read(packet).mss);
            // A lost SYN has set the threshold to two segments. A new controller knows nothing of
            // it, and learns the segment size from this very segment.
            let controller = controller(config.congestion);
            self.socket().set_congestion_control(controller);
        }
        let answers = segment.flags & (segment::SYN | segment::ACK | segment::RST) == segment::ACK;
        if answers && self.sender.syns > 1 && self.view().state() == State::SynReceived {
            self.start_over(now, port, config);
        }
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut copy = std::mem::take(port.scratch);
        copy.clear();
        copy.extend_from_slice(packet);
        if segment.has(segment::SYN) {
            segment::limit_mss(&mut copy, self.sender.mss);
        }
        if segment.has(segment::ACK) {
            let ack = segment.ack.wrapping_sub(self.sender.priming);
            segment::set_ack(&mut copy, ack);
        }
        let replies = out.len();
        port.ingress(at, &copy, &mut self.sockets, meta, out);
        for frame in &mut out[replies..] {
            headers::advance_seq(&mut frame.data, self.sender.priming);
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
        let mut interface = StackWorker::seeded(port.mtu, seed);
        self.accept(now, &mut port.with(&mut interface), config);
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut sent = Vec::new();
        port.egress(at, &mut self.sockets, meta, &mut sent);
        for frame in sent {
            port.frames.give(frame);
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
        self.probe.on_acked(now, self.sender.una(), false);
        self.prime(now, port, packet, segment);
        if let Origin::Passive { syn, .. } = &mut self.origin
            && let Some(syn) = syn.take()
        {
            port.frames.give(syn);
        }
        if std::mem::take(&mut self.closes_later) {
            self.shutdown();
        }
    }

    /// Acknowledges the phantom octets (see [`crate::stack::sender`]).
    fn prime(&mut self, now: SimTime, port: &mut Port<'_>, packet: &[u8], segment: &Segment) {
        let scale = match segment.has(segment::SYN) {
            true => segment::Options::read(packet).window_scale,
            false => None,
        };
        // A SYN's window is not scaled, that of an acknowledgement is. Rounding up stays within
        // what the peer can take, for it scales only what does not fit 16 bits.
        let window = u32::from(segment.window).div_ceil(1 << scale.unwrap_or(0).min(14));
        let window = u16::try_from(window).unwrap_or(u16::MAX);
        let seq = self.expected_seq();
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut replies = Vec::new();
        let start = self.sender.una();
        let mut left = self.sender.priming as usize;
        let mut next = self.sender.first_priming();
        while left > 0 {
            let chunk = next.min(left);
            let put = self
                .socket()
                .send(|buffer| (buffer.len().min(chunk), buffer.len().min(chunk)));
            let put = put.unwrap_or(0);
            assert!(
                put > 0,
                "an established socket with an empty buffer takes octets"
            );
            left -= put;
            next = self.sender.mss;
            let behind = u32::try_from(left).unwrap_or(u32::MAX);
            let ack = segment::pure_ack(packet, seq, start.wrapping_sub(behind), window);
            port.ingress(at, &ack, &mut self.sockets, meta, &mut replies);
        }
        debug_assert!(replies.is_empty(), "an acknowledgement is not answered");
        self.sender.priming = 0;
    }
}

//! The sending half of a connection: what the adapter knows of it beside smoltcp, and what it adds
//! so that a sender starts as Linux does.
//!
//! **Initial window.** smoltcp starts with a window of 2,048 octets (1,072 with Reno); Linux with
//! ten segments. The window cannot be set, but it grows with each acknowledgement, and smoltcp
//! takes an acknowledgement of whatever is in its send buffer, sent or not. So each connection's
//! stream begins with [`Sender::priming`] phantom octets: once established they are put into the
//! send buffer and acknowledged on the spot, at most a segment at a time, and no packet carries
//! them. On the wire sequence numbers must not show them, so those of the handshake are moved ahead
//! by as much: the SYN goes out with smoltcp's number plus `priming`, acknowledgements of it come
//! in minus `priming`, and from then on the two agree.
//!
//! **Slow start.** smoltcp's window grows by at most one segment for each acknowledgement, Linux's
//! by as many octets as are acknowledged. While a connection has lost nothing, an acknowledgement
//! of several segments is therefore shown to smoltcp as one for each segment.
//!
//! **Stretched acknowledgements.** A receiver that puts segments together (GRO) acknowledges many at
//! once, and Linux grows by what is acknowledged. Once something was lost, such an acknowledgement is
//! shown to smoltcp as one for each two segments, as a receiver without the offload would send it.
//!
//! **Small segments.** smoltcp's Nagle algorithm holds a last short segment back until everything
//! before it is acknowledged; Linux only while another *short* one is in flight (Minshall). And
//! without the algorithm smoltcp cuts a stream wherever the window happens to end. So it is on
//! while at least a full segment waits, and otherwise as Minshall says.

use super::options::{Congestion, SendRoom, SocketOptions};
use super::segment::{self, Segment, after};

/// Where smoltcp's windows start. Source: smoltcp 0.14.0, `socket/tcp/congestion/cubic.rs` and
/// `reno.rs`, `new` (specified; a test would fail if they moved).
fn smoltcp_initial_window(congestion: Congestion) -> usize {
    match congestion {
        Congestion::Cubic => 2 * 1024,
        Congestion::Reno => 2 * 536,
    }
}

/// Holes of one window that are repaired one each round trip before everything is sent again: few
/// holes are what random loss leaves, many are what a full queue does (assumed; measured to be the
/// better of 1, 3 and no limit).
const SINGLE_REPAIRS: u8 = 3;

/// Sending state of one connection, in sequence numbers of the wire.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    /// Largest payload of a segment, in octets.
    pub(super) mss: usize,
    /// Phantom octets still to be acknowledged; 0 once the connection is established.
    pub(super) priming: u32,
    /// Where smoltcp's window starts, and how many segments it shall have.
    start_window: usize,
    initial_segments: usize,
    /// Oldest octet not yet acknowledged.
    una: u32,
    /// One past the newest octet ever sent.
    max: u32,
    /// One past the newest short segment.
    small_end: u32,
    /// Octets of the stream that are acknowledged.
    acked: u64,
    /// Where a fast retransmission ends: one past what had been sent when it began.
    repairs_until: Option<u32>,
    /// Whether the peer has said that it holds something beyond a hole since then. Without it, what
    /// looks like a loss is the echo of octets that were sent twice.
    pub(super) holed: bool,
    /// Holes repaired one by one since then.
    repaired: u8,
    /// Where the retransmissions after a timeout end.
    resends_until: Option<u32>,
    /// Whether nothing was ever lost and the window may still be what limits the flow.
    slow_start: bool,
    grown: usize,
    /// Whether an acknowledgement may stand for more than two segments.
    stretched: bool,
    /// The most octets that were in flight.
    most: u32,
    /// SYNs sent.
    pub(super) syns: u8,
    /// Segments with payload that were sent again.
    pub(super) retransmissions: u32,
}

impl Sender {
    /// A sender on a route whose full segments have `mss` octets of payload.
    ///
    /// Where no message exceeds the window that smoltcp starts with, that window does: a larger one
    /// would never be used.
    pub(super) fn new(
        congestion: Congestion,
        segments: u32,
        mss: usize,
        options: &SocketOptions,
    ) -> Self {
        let start = smoltcp_initial_window(congestion);
        let wanted = match options.send_room {
            SendRoom::Message(octets) if octets <= start => start,
            _ => (mss * segments as usize).min(options.send_capacity()),
        };
        let priming = u32::try_from(wanted.saturating_sub(start)).unwrap_or(0);
        Self {
            mss,
            priming,
            start_window: start,
            initial_segments: segments as usize,
            una: 0,
            max: 0,
            small_end: 0,
            acked: 0,
            repairs_until: None,
            holed: false,
            repaired: 0,
            resends_until: None,
            slow_start: true,
            grown: wanted.max(start),
            stretched: false,
            most: 0,
            syns: 0,
            retransmissions: 0,
        }
    }

    /// The same with peers whose acknowledgements may stand for more than two segments.
    pub(super) fn stretched(mut self, stretched: bool) -> Self {
        self.stretched = stretched;
        self
    }

    /// The oldest octet not yet acknowledged.
    pub(super) fn una(&self) -> u32 {
        self.una
    }

    /// The place in the stream of a sequence number, which is not yet acknowledged.
    pub(super) fn position(&self, seq: u32) -> u64 {
        self.acked + u64::from(seq.wrapping_sub(self.una))
    }

    /// One past the newest octet ever sent.
    pub(super) fn max(&self) -> u32 {
        self.max
    }

    /// Octets that a send buffer has by now which grows with the congestion window.
    pub(super) fn room(&self) -> usize {
        2 * (self.most as usize).max(self.initial_segments * self.mss)
    }

    /// Whether more than one full segment is in flight.
    pub(super) fn several(&self) -> bool {
        self.max.wrapping_sub(self.una) as usize > self.mss
    }

    /// How many phantom octets are acknowledged first, before one segment at a time. More than a
    /// segment if the peer's segments turned out to be smaller than the route's, for smoltcp's
    /// window grows by one segment at most however many octets are acknowledged.
    pub(super) fn first_priming(&self) -> usize {
        let growth = (self.initial_segments * self.mss).saturating_sub(self.start_window);
        let surplus = (self.priming as usize).saturating_sub(growth);
        surplus + self.mss.min(growth.max(1))
    }

    /// Takes note of a segment that leaves, with its numbers as they are on the wire; `timer` says
    /// that a timer is what made it leave.
    pub(super) fn on_sent(&mut self, segment: &Segment, timer: bool) {
        if segment.has(segment::SYN) {
            self.syns = self.syns.saturating_add(1);
            self.una = segment.seq.wrapping_add(1);
            self.max = self.una;
            self.small_end = self.una;
            return;
        }
        if segment.payload == 0 {
            return;
        }
        if after(self.max, segment.seq) {
            self.retransmissions += 1;
            self.slow_start = false;
            if timer {
                self.on_timeout();
            } else if segment.seq == self.una
                && self.resends_until.is_none()
                && self.repairs_until.is_none()
            {
                self.repairs_until = Some(self.max);
                self.repaired = 0;
            }
        }
        let len = u32::try_from(segment.payload).unwrap_or(u32::MAX);
        let end = segment.seq.wrapping_add(len);
        if after(end, self.max) {
            self.max = end;
            self.most = self.most.max(self.max.wrapping_sub(self.una));
            if segment.payload < self.mss {
                self.small_end = end;
            }
        }
    }

    /// Takes note that smoltcp goes back and sends everything again.
    pub(super) fn on_timeout(&mut self) {
        self.repairs_until = None;
        self.holed = false;
        self.resends_until = Some(self.max);
    }

    /// Whether what is acknowledged now ends before another hole: a partial acknowledgement in the
    /// sense of RFC 6582, section 3.2.
    pub(super) fn at_hole(&self) -> bool {
        self.repairs_until.is_some()
    }

    /// Takes note of one more hole; whether it is to be repaired alone.
    pub(super) fn repairs_singly(&mut self) -> bool {
        self.repaired = self.repaired.saturating_add(1);
        self.repaired <= SINGLE_REPAIRS
    }

    /// Takes note that `octets` more of the stream are acknowledged.
    pub(super) fn on_acked(&mut self, octets: usize, capacity: usize) {
        self.una = self.una.wrapping_add(u32::try_from(octets).unwrap_or(0));
        self.acked += octets as u64;
        if after(self.una, self.max) {
            self.max = self.una;
        }
        for end in [&mut self.repairs_until, &mut self.resends_until] {
            *end = end.filter(|end| after(*end, self.una));
        }
        self.holed &= self.repairs_until.is_some();
        if self.slow_start {
            self.grown += octets;
            self.slow_start = self.grown < capacity;
        }
    }

    /// Whether smoltcp's Nagle algorithm must hold a short segment back, with `queued` octets in
    /// the send buffer.
    pub(super) fn holds_back(&self, queued: usize, nodelay: bool) -> bool {
        let in_flight = self.max.wrapping_sub(self.una) as usize;
        let unsent = queued.saturating_sub(in_flight);
        unsent >= self.mss || (!nodelay && after(self.small_end, self.una))
    }

    /// The acknowledgement numbers that smoltcp is shown before `ack` itself.
    pub(super) fn split(&self, ack: u32) -> impl Iterator<Item = u32> + use<> {
        let mss = u32::try_from(self.mss).unwrap_or(u32::MAX);
        let step = if self.slow_start { mss } else { mss * 2 };
        let acked = ack.wrapping_sub(self.una);
        let in_flight = self.max.wrapping_sub(self.una);
        let lossy = self.stretched && self.retransmissions > 0;
        let valid = (self.slow_start || lossy) && acked <= in_flight;
        let pieces = if valid { acked.div_ceil(step) } else { 0 };
        let una = self.una;
        (1..pieces).map(move |piece| una.wrapping_add(piece * step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(seq: u32, payload: usize) -> Segment {
        Segment {
            seq,
            ack: 0,
            window: 0,
            flags: segment::ACK,
            payload,
            options: false,
        }
    }

    fn sender(congestion: Congestion, segments: u32, mss: usize, buffer: usize) -> Sender {
        let options = SocketOptions {
            send_buffer: buffer,
            ..SocketOptions::new(crate::ids::FlowTag::new(0), 1500)
        };
        Sender::new(congestion, segments, mss, &options)
    }

    fn established(isn: u32) -> Sender {
        let mut sender = sender(Congestion::Cubic, 10, 1460, 1 << 20);
        sender.on_sent(
            &Segment {
                flags: segment::SYN,
                ..data(isn, 0)
            },
            false,
        );
        sender
    }

    #[test]
    fn priming_fills_up_to_ten_segments_but_not_beyond_the_buffer() {
        assert_eq!(established(0).priming, 14_600 - 2048);
        let reno = sender(Congestion::Reno, 10, 8961, 1 << 20);
        assert_eq!(reno.priming, 89_610 - 1072);
        let small = sender(Congestion::Cubic, 10, 1460, 4608);
        assert_eq!(small.priming, 4608 - 2048);
        assert_eq!(sender(Congestion::Cubic, 1, 1460, 1 << 20).priming, 0);
        let message = |octets| {
            let options = SocketOptions {
                send_room: SendRoom::Message(octets),
                ..SocketOptions::new(crate::ids::FlowTag::new(0), 1500)
            };
            Sender::new(Congestion::Cubic, 10, 1460, &options).priming
        };
        assert_eq!((message(2048), message(2049)), (0, 14_600 - 2048));
    }

    #[test]
    fn an_acknowledgement_is_shown_once_for_each_segment_until_something_is_lost() {
        let isn = u32::MAX - 1000;
        let mut sender = established(isn);
        let first = isn.wrapping_add(1);
        for n in 0..4 {
            sender.on_sent(&data(first.wrapping_add(n * 1460), 1460), false);
        }
        let shown = |s: &Sender, octets| -> Vec<u32> {
            let pieces = s.split(first.wrapping_add(octets));
            pieces.map(|a| a.wrapping_sub(first)).collect()
        };
        assert_eq!(shown(&sender, 1460), []);
        assert_eq!(shown(&sender, 2920), [1460]);
        assert_eq!(shown(&sender, 5840), [1460, 2920, 4380]);
        assert_eq!(
            shown(&sender, 5841),
            [],
            "never sent, so smoltcp must judge it"
        );
        sender.on_sent(&data(first, 1460), false);
        assert_eq!(sender.retransmissions, 1);
        assert_eq!(shown(&sender, 5840), []);
    }

    #[test]
    fn a_short_segment_waits_only_for_another_short_one() {
        let mut sender = established(99);
        assert!(
            sender.holds_back(1460, true),
            "a full segment waits: no cutting"
        );
        assert!(!sender.holds_back(100, false));
        sender.on_sent(&data(100, 1460), false);
        assert!(
            !sender.holds_back(1560, false),
            "only a full one is in flight"
        );
        sender.on_sent(&data(1560, 100), false);
        assert!(sender.holds_back(1660, false));
        assert!(!sender.holds_back(1660, true));
        sender.on_acked(1560, 1 << 20);
        assert!(!sender.holds_back(100, false));
    }
}

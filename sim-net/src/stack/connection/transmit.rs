//! What a connection sends.

use sim_core::SimTime;
use smoltcp::socket::tcp::State;
use smoltcp::time::Instant;

use super::super::join;
use super::super::pattern;
use super::super::segment::{self, Segment};
use super::super::worker::Port;
use super::{Connection, DUPLICATES, SILENT_DISPATCHES, Transmitted};
use crate::frame::Frame;
use crate::headers;

impl Connection {
    /// Sends what may be sent, at most `budget` frames.
    pub(in crate::stack) fn transmit(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        mut budget: usize,
        out: &mut Vec<Frame>,
    ) -> Transmitted {
        let mut done = Transmitted::default();
        if let Some(timer) = self.timer
            && timer.is_none_or(|at| at > now)
        {
            return done;
        }
        if self.probe.due().is_some_and(|due| due <= now) {
            self.probe.spend();
            // Silence says that what follows the oldest segment is lost, too.
            self.sender.holed = true;
            // Another window resets the count of duplicates.
            self.resend(now, port, self.peer_window ^ 1, DUPLICATES + 1);
            done.acted = true;
        }
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let mut silent = 0;
        loop {
            self.set_nagle();
            let due = port.interface.poll_at(at, &self.sockets);
            if due.is_none_or(|due| due > at) || silent == SILENT_DISPATCHES {
                self.timer = Some(self.wait(now, due));
                return done;
            }
            if budget == 0 {
                self.timer = None;
                done.more = true;
                return done;
            }
            done.acted = true;
            let timer = due.is_some_and(|due| due > Instant::ZERO);
            let handshaking = self.handshaking();
            if self.offloads && self.announced {
                match self.transmit_joined(now, port, timer, budget, out) {
                    Some(frames) => {
                        silent = 0;
                        budget = budget.saturating_sub(frames);
                    }
                    None => silent += 1,
                }
                continue;
            }
            if !port.egress(at, &mut self.sockets, meta, out) {
                silent += 1;
                continue;
            }
            silent = 0;
            if let Some(frame) = out.last_mut() {
                if !self.announced && self.view().state() == State::Closed {
                    // Linux says nothing when it gives a handshake up.
                    let frame = out.pop().expect("it was there");
                    port.frames.give(frame);
                    continue;
                }
                if handshaking {
                    headers::advance_seq(&mut frame.data, self.sender.priming);
                }
                budget -= 1;
                if let Some(segment) = Segment::read(&frame.data) {
                    self.fill(&segment, out);
                    self.on_sent_segment(now, &segment, timer);
                    self.keep_final_ack(out);
                }
            }
        }
    }

    /// Sends segments one after another for as long as there are any, those that continue the last
    /// frame as a part of it; about `most` frames, the last of which is filled up. Says how many those
    /// were; `None` if nothing was sent.
    fn transmit_joined(
        &mut self,
        now: SimTime,
        port: &mut Port<'_>,
        mut timer: bool,
        most: usize,
        out: &mut Vec<Frame>,
    ) -> Option<usize> {
        let (at, meta) = (self.clock.read(now), self.meta(now));
        let before = out.len();
        let mut sent = false;
        while out.len() - before < most || join::may_grow(&out[before..], self.sender.mss) {
            let Some(segment) = port.egress_joining(at, &mut self.sockets, meta, out) else {
                break;
            };
            sent = true;
            self.fill(&segment, out);
            self.on_sent_segment(now, &segment, timer);
            self.keep_final_ack(out);
            self.set_nagle();
            // What follows is not sent for a timer.
            timer = false;
            // Nothing continues a segment that is not full; if something follows, it is asked for.
            if segment.payload < self.sender.mss {
                break;
            }
        }
        sent.then_some(out.len() - before)
    }

    /// Writes the payload of a segment that has just been sent, at the end of the last frame.
    ///
    /// smoltcp's ring holds no octets of its own: what a program sends is known by its place in the
    /// stream. So a ring of any size costs no memory, and nothing is copied into it.
    fn fill(&self, segment: &Segment, out: &mut [Frame]) {
        if segment.payload == 0 {
            return;
        }
        if let Some(frame) = out.last_mut() {
            let start = frame.data.len() - segment.payload;
            let position = self.sender.position(segment.seq);
            pattern::fill(&mut frame.data[start..], position);
        }
    }

    /// The next timer, with nothing to do now and `due` the next of smoltcp's.
    fn wait(&self, now: SimTime, due: Option<Instant>) -> Option<SimTime> {
        let next = due.map(|due| self.clock.when(due));
        debug_assert!(next.is_none_or(|at| at > now), "a timer that does nothing");
        let next = next.filter(|at| *at > now).into_iter();
        next.chain(self.probe.due()).min()
    }

    pub(super) fn set_nagle(&mut self) {
        let queued = self.view().send_queue();
        let hold = self.sender.holds_back(queued, self.options.nodelay);
        self.socket().set_nagle_enabled(hold);
    }

    pub(super) fn on_sent(&mut self, now: SimTime, frame: &Frame, timer: bool) {
        if let Some(segment) = Segment::read(&frame.data) {
            self.on_sent_segment(now, &segment, timer);
            self.keep_final_ack(std::slice::from_ref(frame));
        }
    }

    fn on_sent_segment(&mut self, now: SimTime, segment: &Segment, timer: bool) {
        let before = (self.sender.max(), self.sender.retransmissions);
        self.sender.on_sent(segment, timer);
        let opens = segment.has(segment::SYN);
        if opens && self.sender.syns > 1 {
            self.probe.on_resent(false);
        } else if (opens || segment.payload > 0) && self.sender.max() != before.0 {
            self.probe
                .on_sent(now, self.sender.max(), self.sender.several());
        }
        if self.sender.retransmissions != before.1 {
            self.probe.on_resent(timer);
        }
    }

    fn keep_final_ack(&mut self, sent: &[Frame]) {
        if matches!(self.view().state(), State::Closing | State::TimeWait)
            && let Some(frame) = sent.last()
            && let Some(segment) = Segment::read(&frame.data)
        {
            let Segment {
                seq, ack, window, ..
            } = segment;
            self.final_ack = Some(segment::pure_ack(&frame.data, seq, ack, window));
        }
    }
}

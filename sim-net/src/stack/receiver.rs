//! The receiving half of a connection: when it acknowledges, and whether what it got is right.
//!
//! Linux acknowledges the first segments of a connection at once (quick acknowledgements), until
//! the two sides take turns; then, and for bulk data after the first segments, it waits for a
//! second segment, for something to send, or for the delayed-acknowledgement timer.
//! Source: Linux 6.18, `net/ipv4/tcp_input.c`, `tcp_event_data_recv`, and `tcp_output.c`,
//! `tcp_event_data_sent` (specified). Not modelled: that Linux returns to quick acknowledgements
//! after a pause,
//! nor that it counts in segments as they arrive where those are not full.

use super::pattern;

/// Receiving state of one connection.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    /// Octets that the program has read.
    pub(super) read: u64,
    /// Runs of octets that were not what their place in the stream demands.
    pub(super) corrupted: u64,
    quick: u8,
    unanswered: bool,
}

impl Receiver {
    pub(super) fn new(quick: u8) -> Self {
        Self {
            read: 0,
            corrupted: 0,
            quick,
            unanswered: false,
        }
    }

    /// Takes note of a segment with payload; true if acknowledgements are delayed from now on.
    pub(super) fn on_data(&mut self) -> bool {
        self.unanswered = true;
        self.quick = self.quick.saturating_sub(1);
        self.quick == 0
    }

    /// Takes note that the program sends; true if acknowledgements are delayed from now on, for it
    /// answers.
    pub(super) fn on_answer(&mut self) -> bool {
        let answers = self.unanswered;
        self.unanswered = false;
        if answers {
            self.quick = 0;
        }
        answers
    }

    /// Checks octets that the program reads.
    pub(super) fn on_read(&mut self, octets: &[u8]) {
        if !pattern::matches(octets, self.read) {
            self.corrupted += 1;
        }
        self.read += octets.len() as u64;
    }
}

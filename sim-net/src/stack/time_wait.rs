//! Four-tuples of connections that this side closed first.
//!
//! As in Linux, TIME-WAIT is no connection any more but a small record: it keeps the four-tuple
//! from being used again, repeats the last acknowledgement to a peer that did not get it, and makes
//! room for a new SYN. It has no timer: an entry that has expired is as good as none.

use std::collections::VecDeque;

use sim_core::{LookupMap, SimDuration, SimTime};

use super::demux::ConnKey;
use super::segment::{self, PURE_ACK, Segment};
use crate::ids::FlowTag;

/// What is left of one connection.
#[derive(Clone, Copy, Debug)]
struct Entry {
    expires: SimTime,
    ack: Option<[u8; PURE_ACK]>,
    peer_isn: u32,
    tag: FlowTag,
}

/// The four-tuples of one namespace that wait.
#[derive(Debug, Default)]
pub(super) struct TimeWait {
    entries: LookupMap<ConnKey, Entry>,
    /// In the order of expiry, except for entries that were prolonged.
    queue: VecDeque<(SimTime, ConnKey)>,
}

/// What a segment for a waiting four-tuple leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waiting {
    /// No such four-tuple waits, or it makes room for this SYN.
    Free,
    /// Nothing.
    Ignore,
    /// The last acknowledgement again.
    Repeat([u8; PURE_ACK], FlowTag),
}

impl TimeWait {
    pub(super) fn insert(
        &mut self,
        key: ConnKey,
        expires: SimTime,
        ack: Option<[u8; PURE_ACK]>,
        peer_isn: u32,
        tag: FlowTag,
    ) {
        let entry = Entry {
            expires,
            ack,
            peer_isn,
            tag,
        };
        self.entries.insert(key, entry);
        self.queue.push_back((expires, key));
    }

    /// Forgets what has expired by `now`.
    pub(super) fn expire(&mut self, now: SimTime) {
        while let Some(&(at, key)) = self.queue.front() {
            if at > now {
                break;
            }
            self.queue.pop_front();
            match self.entries.get(&key).map(|entry| entry.expires) {
                Some(expires) if expires > now => self.queue.push_back((expires, key)),
                Some(_) => drop(self.entries.remove(&key)),
                None => {}
            }
        }
    }

    pub(super) fn holds(&self, key: &ConnKey, now: SimTime) -> bool {
        self.entries.get(key).is_some_and(|e| e.expires > now)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A segment for `key` arrives. RFC 9293, section 3.10.7.4; a new SYN is taken as Linux takes
    /// it from a peer with timestamps, which is whenever it is not the old one.
    pub(super) fn on_segment(
        &mut self,
        key: &ConnKey,
        segment: &Segment,
        now: SimTime,
        period: SimDuration,
    ) -> Waiting {
        let Some(entry) = self.entries.get_mut(key).filter(|e| e.expires > now) else {
            return Waiting::Free;
        };
        if segment.has(segment::RST) {
            self.entries.remove(key);
            return Waiting::Ignore;
        }
        if segment.opens() && segment.seq != entry.peer_isn {
            self.entries.remove(key);
            return Waiting::Free;
        }
        if segment.has(segment::FIN) {
            entry.expires = now.saturating_add(period);
        }
        let old = segment.has(segment::FIN) || segment.has(segment::SYN) || segment.payload > 0;
        match entry.ack {
            Some(ack) if old => Waiting::Repeat(ack, entry.tag),
            _ => Waiting::Ignore,
        }
    }
}

//! What is known of probes, wherever it was seen.
//!
//! A probe is made on one machine and answered on another, and may end on any that is on the way.
//! Each machine notes what it has seen of it; the notes are put together when the run is over. A
//! machine that a probe never touches keeps nothing for it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_core::SimTime;

use super::account::ErrorKind;
use crate::frame::Frame;
use crate::headers;
use crate::reach::Leg;
use crate::verdict::DropReason;

/// What one probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The target answered, and saw this source address.
    Reached {
        /// As the target's socket reports it.
        source_seen: Option<Ipv4Addr>,
    },
    /// It did not.
    Failed {
        /// What the program was told.
        kind: ErrorKind,
        /// Why the first of its packets was dropped, and on which leg, on whatever machine. An ICMP
        /// error counts where nothing else was dropped. Of a packet that its own namespace refuses
        /// to send this is the reason, too. `None` where nothing was dropped.
        dropped: Option<(Leg, DropReason)>,
    },
}

/// The first drop of a probe. Its own packets come before ICMP errors and resets that say what became
/// of them, then the time decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Drop {
    is_error: bool,
    at: SimTime,
    leg: Leg,
    reason: DropReason,
}

/// What has been seen of one probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeNote {
    /// What the program was told.
    found: Option<Result<(), ErrorKind>>,
    /// The address that the target saw.
    source_seen: Option<Ipv4Addr>,
    dropped: Option<Drop>,
}

impl ProbeNote {
    fn note_drop(&mut self, drop: Drop) {
        self.dropped = Some(self.dropped.map_or(drop, |first| first.min(drop)));
    }

    /// Adds what another machine has seen.
    pub fn merge(&mut self, other: &Self) {
        self.found = self.found.or(other.found);
        self.source_seen = self.source_seen.or(other.source_seen);
        if let Some(drop) = other.dropped {
            self.note_drop(drop);
        }
    }

    /// What comes of all that was seen. A probe that nobody answered by the end of the run has
    /// timed out.
    #[must_use]
    pub fn result(&self) -> ProbeResult {
        match self.found {
            Some(Ok(())) => ProbeResult::Reached {
                source_seen: self.source_seen,
            },
            other => ProbeResult::Failed {
                kind: other.and_then(Result::err).unwrap_or(ErrorKind::TimedOut),
                dropped: self.dropped.map(|drop| (drop.leg, drop.reason)),
            },
        }
    }
}

/// The notes of one machine, by the number of the probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeNotes(BTreeMap<usize, ProbeNote>);

impl ProbeNotes {
    fn note(&mut self, probe: usize) -> &mut ProbeNote {
        self.0.entry(probe).or_default()
    }

    /// The program that made a probe knows how it ended. The first finding counts.
    pub fn found(&mut self, probe: usize, result: Result<(), ErrorKind>) {
        self.note(probe).found.get_or_insert(result);
    }

    /// The target of a probe saw this address.
    pub fn seen(&mut self, probe: usize, addr: Ipv4Addr) {
        self.note(probe).source_seen = Some(addr);
    }

    /// The namespace in which a probe is made, or answered, refuses to send it.
    pub fn not_sent(&mut self, probe: usize, now: SimTime, leg: Leg, reason: DropReason) {
        self.note(probe).note_drop(Drop {
            is_error: false,
            at: now,
            leg,
            reason,
        });
    }

    /// A packet of a probe was dropped. Surplus copies of a flooded frame do not count.
    pub fn dropped(&mut self, probe: usize, now: SimTime, frame: &Frame, reason: DropReason) {
        if matches!(reason, DropReason::Flooded | DropReason::NotForUs) {
            return;
        }
        self.note(probe).note_drop(Drop {
            is_error: headers::icmp_error_quote(&frame.data).is_some()
                || headers::tcp_flags(&frame.data).is_some_and(|flags| flags.rst),
            at: now,
            leg: frame.meta.leg,
            reason,
        });
    }

    /// The notes, by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &ProbeNote)> {
        self.0.iter().map(|(&probe, note)| (probe, note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameMeta;
    use crate::headers::tests::{packet, tuple};
    use crate::headers::{FiveTuple, Protocol};
    use crate::ids::FlowTag;
    use crate::kernel::icmp::{self, Unreachable};

    fn at(ps: u64) -> SimTime {
        SimTime::from_ps(ps)
    }

    fn frame(data: Vec<u8>, leg: Leg) -> Frame {
        let meta = FrameMeta::new(FlowTag::new(7), SimTime::ZERO).on(leg);
        Frame::new(data, meta)
    }

    fn asked() -> FiveTuple {
        tuple(Protocol::Udp, "10.0.0.1:5000", "10.0.0.2:53")
    }

    fn told(notes: &[&ProbeNotes]) -> ProbeResult {
        let mut all = ProbeNote::default();
        for (probe, note) in notes.iter().flat_map(|notes| notes.iter()) {
            assert_eq!(probe, 7);
            all.merge(note);
        }
        all.result()
    }

    #[test]
    fn the_first_drop_counts_on_whichever_machine_it_was() {
        let (mut here, mut there) = (ProbeNotes::default(), ProbeNotes::default());
        let request = frame(packet(asked(), 0, 0), Leg::Forward);
        let reply = frame(packet(asked().reversed(), 0, 0), Leg::Return);
        here.found(7, Err(ErrorKind::TimedOut));
        here.dropped(7, at(20), &reply, DropReason::SecurityGroupIngress);
        there.dropped(7, at(10), &reply, DropReason::NetworkAclEgress);
        there.dropped(7, at(30), &request, DropReason::RxRingFull);
        let expected = ProbeResult::Failed {
            kind: ErrorKind::TimedOut,
            dropped: Some((Leg::Return, DropReason::NetworkAclEgress)),
        };
        assert_eq!(told(&[&here, &there]), expected);
        assert_eq!(told(&[&there, &here]), expected);
    }

    #[test]
    fn an_error_counts_only_where_nothing_else_was_dropped_and_flooded_copies_never() {
        let request = frame(packet(asked(), 0, 0), Leg::Forward);
        let mut data = Vec::new();
        let from = *asked().dst.ip();
        assert!(icmp::error_about(
            &request.data,
            from,
            Unreachable::Port,
            &mut data
        ));
        let error = frame(data, Leg::Return);
        let mut notes = ProbeNotes::default();
        notes.dropped(7, at(1), &request, DropReason::Flooded);
        assert_eq!(notes, ProbeNotes::default());
        notes.dropped(7, at(2), &error, DropReason::SecurityGroupIngress);
        let dropped = |notes: &ProbeNotes| match told(&[notes]) {
            ProbeResult::Failed { dropped, .. } => dropped,
            ProbeResult::Reached { .. } => None,
        };
        let first = Some((Leg::Return, DropReason::SecurityGroupIngress));
        assert_eq!(dropped(&notes), first);
        notes.dropped(7, at(3), &request, DropReason::VpcNoRoute);
        let own = Some((Leg::Forward, DropReason::VpcNoRoute));
        assert_eq!(dropped(&notes), own);
    }

    #[test]
    fn what_was_reached_was_reached_whatever_was_dropped() {
        let mut notes = ProbeNotes::default();
        let addr = Ipv4Addr::new(10, 0, 0, 1);
        let request = frame(packet(asked(), 0, 0), Leg::Forward);
        notes.dropped(7, at(1), &request, DropReason::LinkLoss);
        notes.seen(7, addr);
        notes.found(7, Ok(()));
        notes.found(7, Err(ErrorKind::Reset));
        let source_seen = Some(addr);
        assert_eq!(told(&[&notes]), ProbeResult::Reached { source_seen });
    }
}

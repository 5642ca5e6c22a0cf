//! What a machine counts and records. Nothing here changes what happens.

use std::net::Ipv4Addr;

use sim_core::SimTime;

use super::Machine;
use super::probes::ProbeNotes;
use super::record::{Records, WorkloadRecord};
use crate::frame::{Frame, FrameMeta, Mac};
use crate::ids::{EniId, FlowTag};
use crate::offload;
use crate::verdict::{DropCounters, DropReason};

/// Frames of a run. Every frame that a stack or kernel makes is sent; a flooded copy counts as one
/// more. A super-frame counts as the packets that it is on a wire, also where it never meets one,
/// so that counts compare between machines with offloads and without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Made.
    pub sent: u64,
    /// Taken by a stack.
    pub delivered: u64,
    /// Dropped, for any reason.
    pub dropped: u64,
    /// Still on their way.
    pub in_flight: u64,
}

/// Frames of one network interface, both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Handed to the interface by the kernel.
    pub offered: u64,
    /// Given to the fabric.
    pub departed: u64,
    /// Dropped on the way out.
    pub dropped_out: u64,
    /// Come from the fabric.
    pub arrived: u64,
    /// Put in a receive ring.
    pub received: u64,
    /// Dropped on the way in.
    pub dropped_in: u64,
}

macro_rules! error_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident => $code:literal,)+) => {
        /// Why a request or transfer failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorKind {
            /// Every kind, in the order in which reports list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Stable name in results.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }
    };
}

error_kinds! {
    /// The peer's kernel said that nothing listens.
    Refused => "connection_refused",
    /// The peer broke the connection off.
    Reset => "connection_reset",
    /// No answer in time.
    TimedOut => "timed_out",
    /// No route to the address.
    NetworkUnreachable => "network_unreachable",
    /// No local port was left.
    PortsExhausted => "ports_exhausted",
    /// The datagram is larger than the route's MTU.
    MessageTooLong => "message_too_long",
    /// The destination is none, or the socket is closed.
    InvalidSocket => "invalid_socket",
    /// The address is in use.
    AddressInUse => "address_in_use",
    /// The peer closed before the answer was whole.
    ClosedEarly => "closed_early",
    /// Under way when the run ended.
    Unfinished => "unfinished",
}

/// A frame as a capture shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedPacket {
    /// When it passed the point.
    pub at: SimTime,
    /// The point: machine and interface.
    pub point: String,
    /// The IPv4 packet.
    pub packet: Vec<u8>,
    /// Link-layer source.
    pub src_mac: Mac,
    /// Link-layer destination.
    pub dst_mac: Mac,
    /// 802.1Q identifier; 0 for none.
    pub vlan: u16,
    /// Why it was dropped there; `None` where it passed.
    pub verdict: Option<DropReason>,
}

/// The counters and records of one machine.
#[derive(Debug, Default)]
pub struct Account {
    /// Frames made.
    pub sent: u64,
    /// Frames taken by a stack.
    pub delivered: u64,
    /// Packets that arrived with others, as a train.
    pub in_trains: u64,
    /// Frames dropped.
    pub drops: DropCounters,
    /// The records of workloads. Tags beyond them are those of probes.
    pub records: Records,
    /// What was seen of probes here.
    pub probes: ProbeNotes,
    /// Frames captured; `None` where nothing is.
    pub captured: Option<Vec<CapturedPacket>>,
}

impl Account {
    /// A stack or kernel has made a frame.
    pub fn sent(&mut self, frame: &Frame) {
        self.sent += frame.packets() as u64;
    }

    /// A frame was dropped.
    pub fn dropped(&mut self, now: SimTime, frame: &Frame, reason: DropReason) {
        self.drops.count_many(reason, frame.packets());
        if let Some(probe) = self.probe(frame.meta.tag) {
            self.probes.dropped(probe, now, frame, reason);
        }
        if let Some(captured) = &mut self.captured {
            for index in 0..frame.packets() {
                let mut packet = Vec::new();
                offload::cut(frame, index, &mut packet);
                let packet = (packet, &frame.meta);
                captured.push(captured_packet(now, "dropped", packet, Some(reason)));
            }
        }
    }

    /// The record of a workload.
    pub fn record(&mut self, tag: FlowTag) -> Option<&mut WorkloadRecord> {
        self.records.get_mut(tag)
    }

    /// The number of the probe that a tag belongs to; `None` where it is a workload's.
    #[must_use]
    pub fn probe(&self, tag: FlowTag) -> Option<usize> {
        tag.index().checked_sub(self.records.tags())
    }

    /// A server saw this address at the other end.
    pub fn seen(&mut self, tag: FlowTag, addr: Ipv4Addr) {
        if let Some(probe) = self.probe(tag) {
            self.probes.seen(probe, addr);
        } else if let Some(record) = self.record(tag) {
            record.source_seen = Some(addr);
        }
    }
}

impl Machine {
    /// Checks that every frame is accounted for, on the machine and on each of its interfaces.
    ///
    /// # Panics
    /// If one is not: that is a bug.
    #[must_use]
    pub fn conserve(&self) -> FrameCounts {
        let mut departed = 0;
        let mut arrived = 0;
        for device in self.enis.iter() {
            let c = &device.counts;
            let waiting_out = device.handed_over_frames + device.held;
            assert_eq!(
                c.offered,
                c.departed + c.dropped_out + waiting_out,
                "{}: frames offered to {} = departed + dropped + waiting",
                self.name,
                device.eni.addr(),
            );
            assert!(
                c.arrived >= c.received + c.dropped_in,
                "{}: frames received",
                self.name
            );
            departed += c.departed;
            arrived += c.arrived;
        }
        let counts = FrameCounts {
            sent: self.account.sent,
            delivered: self.account.delivered,
            dropped: self.account.drops.total(),
            in_flight: self.in_flight(),
        };
        assert_eq!(
            counts.sent + arrived,
            counts.delivered + counts.dropped + counts.in_flight + departed,
            "{}: frames sent and arrived = delivered + dropped + in flight + departed",
            self.name,
        );
        counts
    }

    /// Checks that no core worked for longer than the run has lasted.
    ///
    /// # Panics
    /// If one did: that is a bug.
    pub fn check_utilisation(&self, end: SimTime) {
        for core in self.cores.iter() {
            let lasted = end.max(core.busy_until) - SimTime::ZERO;
            assert!(
                core.busy <= lasted,
                "{}: {} of work in {lasted}",
                self.name,
                core.busy
            );
        }
    }

    /// What a capture has kept.
    pub fn captured(&self) -> impl Iterator<Item = CapturedPacket> + '_ {
        self.account
            .captured
            .iter()
            .flatten()
            .map(|packet| CapturedPacket {
                point: format!("{} {}", self.name, packet.point),
                ..packet.clone()
            })
    }

    /// The records of the machine's programs, with requests that are still open, and what was seen
    /// of probes.
    #[must_use]
    pub fn into_records(mut self) -> (Records, ProbeNotes) {
        for slot in self.apps.iter() {
            let Some((tag, due)) = slot.app.as_ref().and_then(crate::app::App::unfinished) else {
                continue;
            };
            for at in due {
                if let Some(record) = self.account.record(tag) {
                    record.failed(at, ErrorKind::Unfinished);
                }
            }
        }
        (self.account.records, self.account.probes)
    }

    /// Keeps a copy of a frame that passes an interface, where a capture was asked for.
    pub(super) fn capture(
        &mut self,
        at: SimTime,
        eni: EniId,
        frame: &Frame,
        verdict: Option<DropReason>,
    ) {
        let Some(captured) = &mut self.account.captured else {
            return;
        };
        let netns = &self.netns[self.enis[eni].netns];
        let packet = (frame.data.clone(), &frame.meta);
        captured.push(captured_packet(at, &netns.name, packet, verdict));
    }
}

fn captured_packet(
    at: SimTime,
    point: &str,
    (packet, meta): (Vec<u8>, &FrameMeta),
    verdict: Option<DropReason>,
) -> CapturedPacket {
    CapturedPacket {
        at,
        point: point.to_owned(),
        packet,
        src_mac: meta.src_mac,
        dst_mac: meta.dst_mac,
        vlan: meta.vlan,
        verdict,
    }
}

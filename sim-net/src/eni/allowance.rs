//! The rates, and the number of connections, that all interfaces of a machine share.

use sim_core::{ByteSize, DataRate, SimTime};

use super::connections::TrackedConnections;
use super::internet::InternetLimit;
use super::packet_rate::{PacketBucket, PacketRatePlan};
use super::queue::Queue;
use super::shaper::{Shaper, ShaperPlan};
use crate::frame::PacketView;
use crate::verdict::DropReason;

/// What limits a machine's rate. It settles which octets count and which reason a full queue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// EC2's bandwidth allowance. Frames count with their Ethernet header and without preamble and
    /// gap (assumed: AWS does not say; measured goodput fits). A full queue is
    /// `bw_out_allowance_exceeded` or `bw_in_allowance_exceeded`.
    Allowance,
    /// A plain cable. Frames count with preamble and gap. A full queue is `tx_queue_full`, whether
    /// the machine's own or that of the switch at the other end.
    Link,
}

/// The rates of a machine; `None` where there is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowancePlan {
    /// What the rates belong to.
    pub medium: Medium,
    /// Out, all interfaces together.
    pub egress: Option<ShaperPlan>,
    /// In, all interfaces together. Source: the figures are full duplex, and each direction has
    /// its own bucket (Amazon EC2 User Guide, ec2-instance-network-bandwidth, 2023-06; vendor).
    pub ingress: Option<ShaperPlan>,
    /// Packets, both directions together. AWS publishes none, so the default is no limit.
    pub packets: Option<PacketRatePlan>,
    /// Tracked connections of all interfaces together. AWS publishes none either.
    pub connections: Option<u64>,
    /// What goes through an internet gateway, each direction.
    pub internet: Option<DataRate>,
}

impl AllowancePlan {
    /// No limit at all: a frame departs when it is offered and arrives when it comes.
    pub const IDEAL: Self = Self {
        medium: Medium::Allowance,
        egress: None,
        ingress: None,
        packets: None,
        connections: None,
        internet: None,
    };

    /// A plain cable of this rate.
    #[must_use]
    pub fn link(rate: DataRate) -> Self {
        let shaper = Some(ShaperPlan::constant(rate));
        Self {
            medium: Medium::Link,
            egress: shaper,
            ingress: shaper,
            packets: None,
            connections: None,
            internet: None,
        }
    }

    /// An instance or a task: the same rates and bucket each way.
    #[must_use]
    pub fn instance(shaper: ShaperPlan) -> Self {
        let shaper = Some(shaper);
        Self {
            medium: Medium::Allowance,
            egress: shaper,
            ingress: shaper,
            packets: None,
            connections: None,
            internet: None,
        }
    }
}

/// The rates of one machine while a world runs.
#[derive(Clone, Debug)]
pub struct Allowance {
    medium: Medium,
    egress: Option<Shaper>,
    ingress: Option<Shaper>,
    packets: Option<PacketBucket>,
    connections: TrackedConnections,
    internet_out: Option<InternetLimit>,
    internet_in: Option<InternetLimit>,
}

impl Allowance {
    /// Idle, with the credits that the plan says.
    ///
    /// # Panics
    /// If a baseline is above its peak.
    #[must_use]
    pub fn new(plan: &AllowancePlan) -> Self {
        Self {
            medium: plan.medium,
            egress: plan.egress.as_ref().map(Shaper::new),
            ingress: plan.ingress.as_ref().map(Shaper::new),
            packets: plan.packets.as_ref().map(PacketBucket::new),
            connections: TrackedConnections::new(plan.connections),
            internet_out: plan.internet.map(InternetLimit::new),
            internet_in: plan.internet.map(InternetLimit::new),
        }
    }

    /// The server of what goes out.
    #[must_use]
    pub fn egress(&self) -> Option<&Shaper> {
        self.egress.as_ref()
    }

    /// The server of what comes in.
    #[must_use]
    pub fn ingress(&self) -> Option<&Shaper> {
        self.ingress.as_ref()
    }

    /// The connections that its interfaces track.
    pub fn connections(&mut self) -> &mut TrackedConnections {
        &mut self.connections
    }

    /// Whether what goes through an internet gateway has a limit of its own.
    #[must_use]
    pub fn limits_internet(&self) -> bool {
        self.internet_out.is_some()
    }

    /// When a frame that goes through an internet gateway may be sent, as far as the limit of such
    /// frames says.
    pub(crate) fn begin_internet(
        &mut self,
        now: SimTime,
        size: ByteSize,
    ) -> Result<SimTime, DropReason> {
        match &mut self.internet_out {
            Some(limit) => limit.begin(now, size).ok_or(DropReason::BwOutAllowance),
            None => Ok(now),
        }
    }

    /// The same as [`Allowance::receive`] for a frame that has come through an internet gateway.
    pub(crate) fn receive_internet(
        &mut self,
        queue: &mut Queue,
        now: SimTime,
        size: ByteSize,
    ) -> Result<SimTime, DropReason> {
        if let Some(limit) = &mut self.internet_in
            && !limit.has_room(now, size)
        {
            return Err(DropReason::BwInAllowance);
        }
        let at = self.receive(queue, now, size)?;
        Ok(match &mut self.internet_in {
            Some(limit) => limit.pass(now, at, size),
            None => at,
        })
    }

    /// The octets of a frame that count.
    #[must_use]
    pub fn counted(&self, packet: &PacketView<'_>) -> ByteSize {
        let octets = match self.medium {
            Medium::Allowance => packet.frame_len(),
            Medium::Link => packet.wire_len(),
        };
        ByteSize::from_bytes(octets as u64)
    }

    /// Puts a frame into an interface's transmit queue; says when it has left.
    pub(crate) fn send(
        &mut self,
        queue: &mut Queue,
        now: SimTime,
        size: ByteSize,
    ) -> Result<SimTime, DropReason> {
        let full = match self.medium {
            Medium::Allowance => DropReason::BwOutAllowance,
            Medium::Link => DropReason::TxQueueFull,
        };
        self.enter(queue, now, size, full, |this| {
            this.egress
                .as_mut()
                .map_or(now, |shaper| shaper.serve(now, size))
        })
    }

    /// The same for a frame that comes in.
    pub(crate) fn receive(
        &mut self,
        queue: &mut Queue,
        now: SimTime,
        size: ByteSize,
    ) -> Result<SimTime, DropReason> {
        let full = match self.medium {
            Medium::Allowance => DropReason::BwInAllowance,
            Medium::Link => DropReason::TxQueueFull,
        };
        self.enter(queue, now, size, full, |this| {
            this.ingress
                .as_mut()
                .map_or(now, |shaper| shaper.serve_cut_through(now, size))
        })
    }

    fn enter(
        &mut self,
        queue: &mut Queue,
        now: SimTime,
        size: ByteSize,
        full: DropReason,
        serve: impl FnOnce(&mut Self) -> SimTime,
    ) -> Result<SimTime, DropReason> {
        if !queue.has_room(now, size) {
            return Err(full);
        }
        if self
            .packets
            .as_mut()
            .is_some_and(|bucket| !bucket.take(now))
        {
            return Err(DropReason::PpsAllowance);
        }
        let departs = serve(self);
        queue.enter(now, departs, size);
        Ok(departs)
    }
}

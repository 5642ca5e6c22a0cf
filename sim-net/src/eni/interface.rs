//! One elastic network interface.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{ByteSize, SimTime};

use super::allowance::Allowance;
use super::flow_limit::{FlowLimit, FlowLimitPlan, FlowVerdict};
use super::packet_rate::{PacketBucket, PacketRatePlan};
use super::policy::{AutoTracking, Decision, Policy};
use super::queue::{Queue, QueueLimit};
use super::shaper::Shaper;
use super::tracking::TrackingTimeouts;
use crate::frame::{Frame, Mac, PacketView};
use crate::headers::{self, FiveTuple};
use crate::verdict::DropReason;
use crate::vpc::{Direction, EniRules, IMDS, RESOLVER, defaults};

/// An interface.
#[derive(Clone, Debug)]
pub struct EniPlan {
    /// Primary private address.
    pub addr: Ipv4Addr,
    /// Link-layer address.
    pub mac: Mac,
    /// Largest packet, in octets.
    pub mtu: usize,
    /// Router of its subnet; a packet handed to it goes where its header says.
    pub router: Option<Ipv4Addr>,
    /// Whether packets must come from, and be for, its own address. On by default in EC2.
    pub source_dest_check: bool,
    /// What its security groups allow; `None` where there are none to ask, as outside the VPC.
    pub rules: Option<Arc<EniRules>>,
    /// When tracked flows are forgotten.
    pub timeouts: TrackingTimeouts,
    /// Its way to Amazon's own services; `None` outside the VPCs.
    pub amazon: Option<AmazonAccess>,
    /// Which flows are tracked whatever the rules say.
    pub auto_tracking: AutoTracking,
    /// Limit of one 5-tuple.
    pub flow_limit: Option<FlowLimitPlan>,
    /// What may wait to go out.
    pub tx_queue: QueueLimit,
    /// What may wait to come in.
    pub rx_queue: QueueLimit,
}

impl EniPlan {
    /// An interface without limits, groups or checks.
    #[must_use]
    pub fn ideal(addr: Ipv4Addr, mac: Mac, mtu: usize) -> Self {
        Self {
            addr,
            mac,
            mtu,
            router: None,
            source_dest_check: false,
            rules: None,
            timeouts: TrackingTimeouts::default(),
            amazon: None,
            auto_tracking: AutoTracking::default(),
            flow_limit: None,
            tx_queue: QueueLimit::UNLIMITED,
            rx_queue: QueueLimit::UNLIMITED,
        }
    }

    /// An interface as EC2 makes it, with the numbers of [`defaults`]. Its groups and the limit of a
    /// flow are left to the caller.
    #[must_use]
    pub fn vpc(addr: Ipv4Addr, mac: Mac) -> Self {
        Self {
            source_dest_check: true,
            tx_queue: QueueLimit::packets(defaults::TX_QUEUE.as_usize()),
            rx_queue: QueueLimit::packets(defaults::RX_QUEUE.as_usize()),
            ..Self::ideal(addr, mac, defaults::MTU_VPC.as_usize())
        }
    }
}

/// An interface's way to the resolver and the instance metadata service: security groups are not
/// asked, but there is a limit of packets. Source: Amazon VPC User Guide, VPC_Security and
/// amazon-vpc-limits, 2023-06 (vendor).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmazonAccess {
    /// Where the resolver is beside its link-local address.
    pub resolver: Ipv4Addr,
    /// Time to live of the metadata service's answers, which begin at the interface.
    pub metadata_ttl: u8,
}

impl AmazonAccess {
    fn leads_to(self, addr: Ipv4Addr) -> bool {
        addr == IMDS || addr == RESOLVER || addr == self.resolver
    }
}

/// What becomes of a frame that is offered for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressOutcome {
    /// Its last bit leaves then.
    Depart(SimTime),
    /// Its flow, or what goes through internet gateways, is above its limit. The frame has its place: offer it to [`Eni::release`] at that
    /// time, and not to [`Eni::egress`], which would give it another.
    Hold {
        /// When.
        until: SimTime,
    },
    /// It is dropped.
    Drop(DropReason),
}

/// What becomes of a frame that has come through the fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngressOutcome {
    /// It is in the machine then.
    Arrive(SimTime),
    /// It is dropped.
    Drop(DropReason),
}

/// An interface while a world runs.
#[derive(Clone, Debug)]
pub struct Eni {
    addr: Ipv4Addr,
    mac: Mac,
    mtu: usize,
    router: Option<Ipv4Addr>,
    source_dest_check: bool,
    policy: Option<Policy>,
    amazon: Option<AmazonAccess>,
    link_local: PacketBucket,
    flow_limit: Option<FlowLimit>,
    tx: Queue,
    rx: Queue,
}

impl Eni {
    /// Idle, no flow tracked.
    #[must_use]
    pub fn new(plan: &EniPlan) -> Self {
        let policy = plan
            .rules
            .as_ref()
            .map(|rules| Policy::new(rules.clone(), plan.timeouts, plan.auto_tracking.clone()));
        Self {
            addr: plan.addr,
            mac: plan.mac,
            mtu: plan.mtu,
            router: plan.router,
            source_dest_check: plan.source_dest_check,
            policy,
            amazon: plan.amazon,
            link_local: PacketBucket::new(&PacketRatePlan::link_local()),
            flow_limit: plan.flow_limit.clone().map(FlowLimit::new),
            tx: Queue::new(plan.tx_queue),
            rx: Queue::new(plan.rx_queue),
        }
    }

    /// Primary private address.
    #[must_use]
    pub fn addr(&self) -> Ipv4Addr {
        self.addr
    }

    /// Link-layer address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Largest packet, in octets.
    #[must_use]
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// The address whose interface a packet for `dst` reaches when it is handed to `next_hop`: the
    /// destination through the subnet's router (or no hop in particular), else the hop itself.
    #[must_use]
    pub fn resolve(&self, next_hop: Ipv4Addr, dst: Ipv4Addr) -> Ipv4Addr {
        if next_hop.is_unspecified() || Some(next_hop) == self.router {
            dst
        } else {
            next_hop
        }
    }

    /// Offers a frame for sending. Times of calls must not decrease.
    pub fn egress(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        frame: &Frame,
    ) -> EgressOutcome {
        self.egress_packet(allowance, now, &PacketView::of(frame))
    }

    /// The same for a packet that need not be a frame of its own.
    pub fn egress_packet(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        frame: &PacketView<'_>,
    ) -> EgressOutcome {
        let flow = match self.check_egress(allowance, now, frame) {
            Ok(flow) => flow,
            Err(reason) => return EgressOutcome::Drop(reason),
        };
        let size = allowance.counted(frame);
        let mut begins = now;
        if let Some(limit) = &mut self.flow_limit {
            let peak = allowance.egress().map(Shaper::peak);
            match limit.admit(flow, size, now, peak) {
                FlowVerdict::Pass => {}
                FlowVerdict::HoldUntil(until) => begins = until,
                FlowVerdict::Drop => return EgressOutcome::Drop(DropReason::FlowLimit),
            }
        }
        if frame.meta.internet {
            match allowance.begin_internet(now, size) {
                Ok(at) => begins = begins.max(at),
                Err(reason) => return EgressOutcome::Drop(reason),
            }
        }
        if begins > now {
            return EgressOutcome::Hold { until: begins };
        }
        self.transmit(allowance, now, size)
    }

    /// The same for a packet that has the header of one that was offered at this time and not dropped:
    /// its security groups would say the same.
    pub fn egress_again(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        packet: &PacketView<'_>,
    ) -> EgressOutcome {
        let dst = headers::dst_addr(packet.header);
        let to_amazon = self.amazon.is_some_and(|amazon| amazon.leads_to(dst));
        let plain = self.flow_limit.is_none() && !to_amazon && !packet.meta.internet;
        if plain && packet.len <= self.mtu {
            let size = allowance.counted(packet);
            self.transmit(allowance, now, size)
        } else {
            self.egress_packet(allowance, now, packet)
        }
    }

    /// Offers a frame again whose time has come after [`EgressOutcome::Hold`]. Never holds it
    /// again.
    pub fn release(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        frame: &Frame,
    ) -> EgressOutcome {
        let size = allowance.counted(&PacketView::of(frame));
        self.transmit(allowance, now, size)
    }

    fn transmit(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        size: ByteSize,
    ) -> EgressOutcome {
        match allowance.send(&mut self.tx, now, size) {
            Ok(departs) => EgressOutcome::Depart(departs),
            Err(reason) => EgressOutcome::Drop(reason),
        }
    }

    fn check_egress(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        frame: &PacketView<'_>,
    ) -> Result<FiveTuple, DropReason> {
        let tuple = headers::five_tuple(frame.header).ok_or(DropReason::Malformed)?;
        if frame.len > self.mtu {
            return Err(DropReason::TooBig);
        }
        if self.source_dest_check && *tuple.src.ip() != self.addr {
            return Err(DropReason::SourceCheck);
        }
        if self.amazon.is_some_and(|a| a.leads_to(*tuple.dst.ip())) {
            return match self.link_local.take(now) {
                true => Ok(tuple),
                false => Err(DropReason::LinkLocalAllowance),
            };
        }
        self.ask_groups(allowance, Direction::Egress, now, frame, &tuple)?;
        Ok(tuple)
    }

    /// Takes a frame from the fabric. Times of calls must not decrease.
    ///
    /// What the security groups drop uses up none of the allowance (assumed: AWS does not say).
    pub fn ingress(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        frame: &Frame,
    ) -> IngressOutcome {
        self.ingress_packet(allowance, now, &PacketView::of(frame))
    }

    /// The same for a packet that need not be a frame of its own.
    pub fn ingress_packet(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        frame: &PacketView<'_>,
    ) -> IngressOutcome {
        let passed = self.check_ingress(allowance, now, frame).and_then(|()| {
            let size = allowance.counted(frame);
            if frame.meta.internet {
                allowance.receive_internet(&mut self.rx, now, size)
            } else {
                allowance.receive(&mut self.rx, now, size)
            }
        });
        match passed {
            Ok(at) => IngressOutcome::Arrive(at),
            Err(reason) => IngressOutcome::Drop(reason),
        }
    }

    fn check_ingress(
        &mut self,
        allowance: &mut Allowance,
        now: SimTime,
        frame: &PacketView<'_>,
    ) -> Result<(), DropReason> {
        let tuple = headers::five_tuple(frame.header).ok_or(DropReason::Malformed)?;
        if self.source_dest_check && *tuple.dst.ip() != self.addr {
            return Err(DropReason::DestinationCheck);
        }
        if self.amazon.is_some_and(|a| a.leads_to(*tuple.src.ip())) {
            return Ok(());
        }
        self.ask_groups(allowance, Direction::Ingress, now, frame, &tuple)
    }

    fn ask_groups(
        &mut self,
        allowance: &mut Allowance,
        direction: Direction,
        now: SimTime,
        frame: &PacketView<'_>,
        tuple: &FiveTuple,
    ) -> Result<(), DropReason> {
        let Some(policy) = &mut self.policy else {
            return Ok(());
        };
        let tracked = allowance.connections();
        match policy.admit(direction, frame.header, tuple, now, tracked) {
            Decision::Full(_) => Err(DropReason::ConntrackAllowance),
            Decision::Denied => Err(match direction {
                Direction::Egress => DropReason::SecurityGroupEgress,
                Direction::Ingress => DropReason::SecurityGroupIngress,
            }),
            _ => Ok(()),
        }
    }

    /// The time to live that a packet from `src` has here; `None` where it is its own. The answers
    /// of the metadata service begin at the interface that has asked.
    #[must_use]
    pub fn ttl_from(&self, src: Ipv4Addr) -> Option<u8> {
        let access = self.amazon.filter(|_| src == IMDS)?;
        Some(access.metadata_ttl)
    }

    /// What the security groups would say to a packet, and by which rule; `None` where there are no
    /// groups or it is no packet.
    #[must_use]
    pub fn explain(&self, direction: Direction, packet: &[u8], now: SimTime) -> Option<Decision> {
        let tuple = headers::five_tuple(packet)?;
        Some(
            self.policy
                .as_ref()?
                .explain(direction, packet, &tuple, now),
        )
    }

    /// Octets in the transmit queue that have not left by `now`, as the allowance counts them.
    /// Frames held for their flow's limit are not in it.
    #[must_use]
    pub fn backlog(&self, now: SimTime) -> ByteSize {
        self.tx.backlog(now)
    }

    /// The first time, not before `now`, at which the backlog is at most `most`, if nothing more is
    /// offered until then.
    #[must_use]
    pub fn drain_time(&self, now: SimTime, most: ByteSize) -> SimTime {
        self.tx.drain_time(now, most)
    }
}

#[cfg(test)]
mod tests;

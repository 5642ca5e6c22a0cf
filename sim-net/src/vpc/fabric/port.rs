//! One interface's way into the fabric.

use std::net::Ipv4Addr;

use sim_core::{LazyStream, LookupMap, PartitionId, SimDuration, SimTime, Streams, dist};

use super::{Endpoint, EndpointId, Fabric, Path, Translation, Way};
use crate::headers;
use crate::ids::EniId;
use crate::verdict::DropReason;
use crate::vpc::plan::JitterPlan;
use crate::vpc::security_group::Direction;

/// What the fabric does with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transit {
    /// It carries it.
    Arrive {
        /// The machine that it reaches.
        machine: PartitionId,
        /// The interface of that machine.
        eni: EniId,
        /// When. At least [`Fabric::min_latency`] after it left.
        at: SimTime,
        /// What becomes of its addresses on the way.
        translation: Translation,
        /// Whether it passes an internet gateway.
        internet: bool,
    },
    /// It drops it: for a reason of its [`Path`], as a network ACL says,
    /// [`DropReason::TooBig`] where the packet is larger than the path's MTU,
    /// [`DropReason::LinkLoss`] by chance.
    Drop(DropReason),
}

/// One interface's way into the fabric.
#[derive(Clone, Debug)]
pub struct FabricPort {
    me: EndpointId,
    jitter: LazyStream,
    loss: LazyStream,
    lanes: LookupMap<Ipv4Addr, Lane>,
}

/// What a port remembers of one destination: its path, evaluated once, and the state of its jitter.
#[derive(Clone, Copy, Debug)]
struct Lane {
    way: Result<Way, DropReason>,
    /// The network ACLs to ask, by their index: those that do not let everything pass.
    leaves: Option<usize>,
    enters: Option<usize>,
    translation: Translation,
    extra: SimDuration,
    /// The draw in `extra` holds before this time.
    redraw_at: SimTime,
    last_arrival: SimTime,
}

impl FabricPort {
    /// The port of `me`. `name` names its random streams: it must be the interface's own and not
    /// depend on what else there is.
    #[must_use]
    pub fn new(me: EndpointId, streams: &Streams, name: &str) -> Self {
        Self {
            me,
            jitter: streams.lazy(name, "fabric jitter"),
            loss: streams.lazy(name, "fabric loss"),
            lanes: LookupMap::new(),
        }
    }

    /// The interface that this port belongs to.
    #[must_use]
    pub fn endpoint(&self) -> EndpointId {
        self.me
    }

    /// Whether the way to `dst` passes an internet gateway.
    pub fn leads_outside(&mut self, fabric: &Fabric, dst: Ipv4Addr) -> bool {
        self.lane(fabric, dst).way.is_ok_and(|way| way.internet)
    }

    /// Sends an IPv4 packet, which leaves the interface at `departs`, to the interface with the
    /// address `dst`: the packet's own destination, or the hop that it is handed to.
    ///
    /// Frames from one interface to an address arrive in the order of these calls.
    pub fn transit(
        &mut self,
        fabric: &Fabric,
        departs: SimTime,
        dst: Ipv4Addr,
        packet: &[u8],
    ) -> Transit {
        self.transit_packet(fabric, departs, dst, (packet, packet.len()))
    }

    /// The same for a packet of `len` octets of which only the headers are looked at.
    pub fn transit_packet(
        &mut self,
        fabric: &Fabric,
        departs: SimTime,
        dst: Ipv4Addr,
        packet: (&[u8], usize),
    ) -> Transit {
        let me = self.me;
        let lane = self
            .lanes
            .get_or_insert_with(dst, || Lane::new(fabric, fabric.path(me, dst)));
        let way = match lane.admit(fabric, fabric.endpoint(me), packet, departs) {
            Ok(way) => way,
            Err(reason) => return Transit::Drop(reason),
        };
        if !fabric.loss.is_zero() && fabric.loss.chance(self.loss.get()) {
            return Transit::Drop(DropReason::LinkLoss);
        }
        if let Some(JitterPlan {
            median,
            sigma,
            coherence,
        }) = fabric.latency.jitter
            && departs >= lane.redraw_at
        {
            let median = SimDuration::from_ps(median.scale(way.latency.as_ps()));
            lane.extra = dist::lognormal(self.jitter.get(), median, sigma);
            lane.redraw_at = departs + coherence;
        }
        lane.last_arrival = (departs + way.latency + lane.extra).max(lane.last_arrival);
        let Endpoint { partition, eni, .. } = *fabric.endpoint(way.to);
        Transit::Arrive {
            machine: partition,
            eni,
            at: lane.last_arrival,
            translation: lane.translation,
            internet: way.internet,
        }
    }

    fn lane(&mut self, fabric: &Fabric, dst: Ipv4Addr) -> &mut Lane {
        let me = self.me;
        self.lanes
            .get_or_insert_with(dst, || Lane::new(fabric, fabric.path(me, dst)))
    }
}

impl Lane {
    fn new(fabric: &Fabric, path: Path) -> Self {
        let asked = |subnet: Option<usize>, direction| {
            let acl = fabric.subnets[subnet?].acl?;
            (!fabric.acls[acl].open(direction)).then_some(acl)
        };
        Self {
            way: path.way,
            leaves: asked(path.leaves, Direction::Egress),
            enters: asked(path.enters, Direction::Ingress),
            translation: path.translation,
            extra: SimDuration::ZERO,
            redraw_at: SimTime::ZERO,
            last_arrival: SimTime::ZERO,
        }
    }

    /// Whether a packet gets through, in the order that [`Path`] states.
    fn admit(
        &self,
        fabric: &Fabric,
        me: &Endpoint,
        (packet, len): (&[u8], usize),
        departs: SimTime,
    ) -> Result<Way, DropReason> {
        if let Some(acl) = self.leaves {
            let peer = headers::dst_addr(packet);
            if !allows(fabric, acl, Direction::Egress, packet, peer, departs) {
                return Err(DropReason::NetworkAclEgress);
            }
        }
        let way = self.way?;
        let source = match self.translation.source {
            Some(_) if headers::src_addr(packet) != me.addr => {
                return Err(DropReason::NoPublicAddress);
            }
            Some(public) => public,
            None => headers::src_addr(packet),
        };
        if len > way.mtu {
            return Err(DropReason::TooBig);
        }
        if let Some(acl) = self.enters
            && !allows(fabric, acl, Direction::Ingress, packet, source, departs)
        {
            return Err(DropReason::NetworkAclIngress);
        }
        Ok(way)
    }
}

fn allows(
    fabric: &Fabric,
    acl: usize,
    direction: Direction,
    packet: &[u8],
    peer: Ipv4Addr,
    now: SimTime,
) -> bool {
    let Some(tuple) = headers::five_tuple(packet) else {
        return false;
    };
    let port = headers::rule_port(packet, &tuple);
    let acl = &fabric.acls[acl];
    acl.lookup(direction, tuple.protocol, peer, port, now).allow
}

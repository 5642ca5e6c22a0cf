//! The fabric between network interfaces: who has an address, how far it is, and how long a frame
//! takes.
//!
//! A [`Fabric`] is built once and shared by all machines. What changes while a world runs belongs
//! to the sender: each sending interface has a [`FabricPort`] with its own random streams, so that
//! partitions share no state and an added interface shifts nobody else's draws.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_core::{
    IndexVec, LookupMap, PartitionId, Ratio, SimDuration, SimRng, SimTime, Streams, dist, id_type,
};

use super::defaults;
use super::plan::{JitterPlan, LatencyPlan};
use crate::ids::EniId;
use crate::verdict::DropReason;

id_type!(
    /// An interface as the fabric knows it.
    EndpointId
);

/// Where an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// In the VPC.
    Vpc {
        /// Index of the subnet.
        subnet: usize,
        /// Index of the availability zone.
        zone: usize,
        /// Cluster placement group of the machine.
        placement_group: Option<u32>,
    },
    /// Outside, beyond the internet gateway.
    Internet,
}

/// An interface that frames can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The machine.
    pub partition: PartitionId,
    /// The interface of that machine.
    pub eni: EniId,
    /// Its private address.
    pub addr: Ipv4Addr,
    /// Where it is.
    pub location: Location,
}

/// Why no fabric can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FabricError {
    /// Two interfaces have the same address.
    #[error("two network interfaces have the address {addr}")]
    DuplicateAddress {
        /// The address.
        addr: Ipv4Addr,
    },
    /// A latency of zero leaves the machines no time in which they are independent.
    #[error("the latency `{which}` is zero; the smallest is 1 ps")]
    ZeroLatency {
        /// Which one.
        which: &'static str,
    },
}

/// The fabric: immutable while a world runs.
#[derive(Clone, Debug)]
pub struct Fabric {
    latency: LatencyPlan,
    loss: Ratio,
    endpoints: IndexVec<EndpointId, Endpoint>,
    by_addr: LookupMap<Ipv4Addr, EndpointId>,
    min_latency: SimDuration,
}

impl Fabric {
    /// The fabric that connects `endpoints`.
    ///
    /// # Errors
    /// If two have the same address, or a latency is zero.
    pub fn new(
        latency: LatencyPlan,
        loss: Ratio,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> Result<Self, FabricError> {
        let classes = [
            ("placement_group", latency.placement_group),
            ("same_zone", latency.same_zone),
            ("cross_zone", latency.cross_zone),
            ("internet", latency.internet),
        ];
        if let Some((which, _)) = classes.iter().find(|(_, latency)| latency.is_zero()) {
            return Err(FabricError::ZeroLatency { which });
        }
        let mut table = IndexVec::new();
        let mut by_addr = LookupMap::new();
        for endpoint in endpoints {
            let addr = endpoint.addr;
            if by_addr.insert(addr, table.push(endpoint)).is_some() {
                return Err(FabricError::DuplicateAddress { addr });
            }
        }
        let min_latency = min_latency(&latency, &table);
        Ok(Self {
            latency,
            loss,
            endpoints: table,
            by_addr,
            min_latency,
        })
    }

    /// The interface with this address.
    #[must_use]
    pub fn resolve(&self, addr: Ipv4Addr) -> Option<EndpointId> {
        self.by_addr.get(&addr).copied()
    }

    /// What the fabric knows of an interface.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> &Endpoint {
        &self.endpoints[id]
    }

    /// One-way latency between two interfaces, without jitter. It is the same both ways.
    #[must_use]
    pub fn latency(&self, a: EndpointId, b: EndpointId) -> SimDuration {
        between(
            &self.latency,
            self.endpoints[a].location,
            self.endpoints[b].location,
        )
    }

    /// The smallest latency between any two interfaces: what a conservative engine may look ahead.
    /// With fewer than two interfaces, the smallest of the plan.
    #[must_use]
    pub fn min_latency(&self) -> SimDuration {
        self.min_latency
    }

    /// Largest packet, in octets, that passes between two interfaces.
    #[must_use]
    pub fn mtu(&self, a: EndpointId, b: EndpointId) -> usize {
        let outside = |id: EndpointId| self.endpoints[id].location == Location::Internet;
        let mtu = if outside(a) || outside(b) {
            defaults::MTU_INTERNET
        } else {
            defaults::MTU_VPC
        };
        mtu.as_usize()
    }
}

fn between(plan: &LatencyPlan, a: Location, b: Location) -> SimDuration {
    let (
        Location::Vpc {
            zone,
            placement_group,
            ..
        },
        Location::Vpc {
            zone: other_zone,
            placement_group: other_group,
            ..
        },
    ) = (a, b)
    else {
        return plan.internet;
    };
    if zone != other_zone {
        plan.cross_zone
    } else if placement_group.is_some() && placement_group == other_group {
        plan.placement_group
    } else {
        plan.same_zone
    }
}

fn min_latency(plan: &LatencyPlan, endpoints: &IndexVec<EndpointId, Endpoint>) -> SimDuration {
    // Interfaces of one place are alike; the subnet does not matter.
    let mut places: BTreeMap<Location, usize> = BTreeMap::new();
    for endpoint in endpoints.iter() {
        let place = match endpoint.location {
            Location::Vpc {
                zone,
                placement_group,
                ..
            } => Location::Vpc {
                subnet: 0,
                zone,
                placement_group,
            },
            Location::Internet => Location::Internet,
        };
        *places.entry(place).or_default() += 1;
    }
    let all: Vec<_> = places.into_iter().collect();
    let pairs = all.iter().enumerate().flat_map(|(index, (a, count))| {
        let from = if *count > 1 { index } else { index + 1 };
        all[from..].iter().map(|(b, _)| between(plan, *a, *b))
    });
    let whole = [
        plan.placement_group,
        plan.same_zone,
        plan.cross_zone,
        plan.internet,
    ];
    pairs
        .min()
        .unwrap_or_else(|| whole.into_iter().min().expect("four latencies"))
}

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
    },
    /// It drops it: [`DropReason::FabricNoRoute`] where no interface has the address,
    /// [`DropReason::TooBig`] where the packet is larger than the path's MTU,
    /// [`DropReason::LinkLoss`] by chance.
    Drop(DropReason),
}

/// One interface's way into the fabric.
#[derive(Clone, Debug)]
pub struct FabricPort {
    me: EndpointId,
    jitter: SimRng,
    loss: SimRng,
    pairs: LookupMap<EndpointId, Pair>,
}

/// What a port remembers of one destination.
#[derive(Clone, Copy, Debug)]
struct Pair {
    base: SimDuration,
    mtu: usize,
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
            jitter: streams.stream(name, "fabric jitter"),
            loss: streams.stream(name, "fabric loss"),
            pairs: LookupMap::new(),
        }
    }

    /// The interface that this port belongs to.
    #[must_use]
    pub fn endpoint(&self) -> EndpointId {
        self.me
    }

    /// Sends a packet of `packet_len` octets, which leaves the interface at `departs`, to `dst`.
    ///
    /// Frames from one interface to another arrive in the order of these calls.
    pub fn transit(
        &mut self,
        fabric: &Fabric,
        departs: SimTime,
        dst: Ipv4Addr,
        packet_len: usize,
    ) -> Transit {
        let Some(to) = fabric.resolve(dst) else {
            return Transit::Drop(DropReason::FabricNoRoute);
        };
        let me = self.me;
        let pair = self
            .pairs
            .get_or_insert_with(to, || Pair::new(fabric, me, to));
        if packet_len > pair.mtu {
            return Transit::Drop(DropReason::TooBig);
        }
        if fabric.loss.chance(&mut self.loss) {
            return Transit::Drop(DropReason::LinkLoss);
        }
        if let Some(JitterPlan {
            median,
            sigma,
            coherence,
        }) = fabric.latency.jitter
            && departs >= pair.redraw_at
        {
            let median = SimDuration::from_ps(median.scale(pair.base.as_ps()));
            pair.extra = dist::lognormal(&mut self.jitter, median, sigma);
            pair.redraw_at = departs + coherence;
        }
        pair.last_arrival = (departs + pair.base + pair.extra).max(pair.last_arrival);
        let Endpoint { partition, eni, .. } = *fabric.endpoint(to);
        Transit::Arrive {
            machine: partition,
            eni,
            at: pair.last_arrival,
        }
    }
}

impl Pair {
    fn new(fabric: &Fabric, me: EndpointId, to: EndpointId) -> Self {
        Self {
            base: fabric.latency(me, to),
            mtu: fabric.mtu(me, to),
            extra: SimDuration::ZERO,
            redraw_at: SimTime::ZERO,
            last_arrival: SimTime::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;

//! The workloads that other simulators are compared on, as plans.
//!
//! W1 is one bulk flow between two hosts, W2 requests and responses between pairs of containers, W3
//! many flows into a few servers behind one link. Links carry 10 Gbit/s each way; a way from end to
//! end takes as long as the other side's links together. The other side's programs are in
//! `benches/peers/`.

use sim_core::{ByteSize, SimDuration};
use sim_net::headers::Protocol;
use sim_net::plan::{
    Connections, ContainerPlan, Direction, DockerPlan, InstancePlan, Load, MeasurePlan,
    MetadataPlan, Mode, Place, Plan, PortPlan, RequestPlan, ServiceTime, Target, TaskPlan,
    WorkloadKind, WorkloadPlan,
};
use sim_net::vpc::PublicAddress;

use crate::{host, link, open_vpc, profile};

/// Octets of a request of W2. The other side sends the same.
pub const REQUEST: u64 = 100;

/// Octets of a response of W2.
pub const RESPONSE: u64 = 1024;

/// Servers of W3.
pub const SERVERS: usize = 10;

/// W1: `bytes` from one host to another, through one switch: two links of 10 us.
///
/// # Panics
/// Never: the plan is sound.
#[must_use]
pub fn bulk(bytes: u64) -> Plan {
    // At 10 Gbit/s, with room for a slow start.
    let duration = SimDuration::from_ns(bytes) + SimDuration::from_ms(100);
    let mut plan = empty(SimDuration::from_us(20), duration);
    plan.hosts = vec![host("sender"), host("receiver")];
    plan.workloads = vec![WorkloadPlan {
        name: "bulk".to_owned(),
        from: vec![Place::Host(0)],
        to: vec![Target {
            place: Place::Host(1),
            port: 5001,
        }],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: Some(ByteSize::from_bytes(bytes)),
            direction: Direction::Upload,
        },
    }];
    plan
}

//! The workloads that ecsnet is held against another simulator on, as plans.
//!
//! W1 is one bulk flow between two hosts, W2 requests and answers between pairs of containers, W3 many
//! flows into few servers behind one link. All links carry 10 Gbit/s; a way from end to end takes as
//! long as the links of the other side's topology together. The programs of the other side are in
//! `benches/peers/ns3/`.

use std::sync::Arc;

use scenarios::lower::{NonePolicy, lower};
use scenarios::toml::read_scenario;
use sim_core::{ByteSize, SimDuration};
use sim_net::cost::{CostProfile, Primitive};
use sim_net::eni::TrackingTimeouts;
use sim_net::headers::Protocol;
use sim_net::plan::{
    Direction, DockerPlan, InstancePlan, MeasurePlan, MetadataPlan, Mode, Place, Plan, Target,
    WorkloadKind, WorkloadPlan,
};
use sim_net::vpc::PublicAddress;

use crate::{hosts, ideal, link};

/// Octets of a request of W2.
pub const REQUEST: u64 = 100;

/// Octets of a response of W2.
pub const RESPONSE: u64 = 1024;

/// W1: `bytes` from one host to another through one switch, two links of 10 us.
#[must_use]
pub fn bulk(bytes: u64) -> Plan {
    // At 10 Gbit/s an octet takes 0.8 ns; the rest is for a slow start.
    let time = SimDuration::from_ns(bytes) + SimDuration::from_ms(100);
    let mut plan = hosts(2, SimDuration::from_us(20), time);
    plan.workloads = vec![transfer(
        vec![Place::Host(0)],
        vec![target(Place::Host(1), 5001)],
        Some(bytes),
    )];
    plan
}

/// How long an interface that moderates its interrupts waits with one, in ns.
/// Source: Linux 6.18, `lib/dim/net_dim.c`, the third of five levels for receiving (specified).
const MODERATION: u64 = 64_000;

/// W1 with what interfaces do for such a flow: the same between two machines with segmentation and
/// receive offload and moderated interrupts. Packets are still those of the wire.
#[must_use]
pub fn bulk_offloaded(bytes: u64) -> Plan {
    let mut plan = bulk(bytes);
    let profile = moderated();
    for host in &mut plan.hosts {
        host.profile = profile.clone();
        host.offloads = true;
    }
    plan
}

/// A kernel that costs nothing and is told of packets after [`MODERATION`].
fn moderated() -> Arc<CostProfile> {
    let prices = Primitive::ALL.iter().map(|&primitive| {
        let ns = match primitive {
            Primitive::InterruptDelay => MODERATION,
            _ => 0,
        };
        format!(
            "[primitives.{}]\nper_packet_ns = {ns}\nper_byte_ns = 0\nclass = \"assumed\"\n\
             source = \"benchmark\"\n",
            primitive.name()
        )
    });
    let head = "name = \"moderated\"\ndescription = \"costs nothing\"\n".to_owned();
    let text = prices.fold(head, |text, price| text + &price);
    Arc::new(CostProfile::from_toml(&text).expect("every primitive has a price"))
}

/// W2: `pairs` containers that ask one container each, one request after another, from one instance
/// to another: container, bridge, two kernels, bridge, container; four links of 10 us.
///
/// # Panics
/// If there are more pairs than a bridge has ports.
#[must_use]
pub fn requests(pairs: usize, time: SimDuration) -> Plan {
    requests_among(pairs, 1, time)
}

/// The same spread over so many instances on either side.
///
/// # Panics
/// If there are more pairs than the bridges have ports.
#[must_use]
pub fn requests_among(pairs: usize, instances: usize, time: SimDuration) -> Plan {
    let text = format!(
        r#"
        [vpc]
        zones = ["a"]
        latency = {{ same_zone = "40 us" }}
        jitter = {{ enabled = false }}

        [[capacity]]
        name = "left"
        instance_type = "m5.24xlarge"
        count = {instances}
        [[capacity]]
        name = "right"
        instance_type = "m5.24xlarge"
        count = {instances}

        [[service]]
        name = "client"
        task_definition = "task.json"
        count = {pairs}
        capacity_providers = [{{ provider = "left", weight = 1 }}]
        [[service]]
        name = "server"
        task_definition = "task.json"
        count = {pairs}
        capacity_providers = [{{ provider = "right", weight = 1 }}]

        [[workload]]
        name = "request"
        from = ["client/app"]
        to = "server/app:8080"
        concurrency = 1
        connections = 1
        request_size = "{REQUEST} B"
        response_size = "{RESPONSE} B"
        "#
    );
    let task = r#"{ "family": "task", "containerDefinitions": [
        { "name": "app", "image": "app", "memory": 16, "portMappings": [{ "containerPort": 8080 }] }] }"#;
    let (scenario, _) = read_scenario("request.toml", &text, &|_| Ok(task.to_owned()))
        .expect("the scenario is valid");
    lower(&scenario, Mode::Bridge, &whole(time), NonePolicy::AsWritten)
        .expect("the mode carries the scenario")
        .plan
}

/// W3: one endless flow from each of `clients` hosts to one of `servers` programs on one instance
/// with 10 Gbit/s; five links of 10 us.
#[must_use]
pub fn incast(clients: usize, servers: u16, time: SimDuration) -> Plan {
    let mut plan = hosts(clients, SimDuration::from_us(50), time);
    plan.instances = vec![InstancePlan {
        name: "servers".to_owned(),
        instance_type: String::new(),
        cores: 1,
        profile: ideal(),
        offloads: false,
        subnet: 0,
        security_groups: vec![0],
        bandwidth: link(),
        placement_group: None,
        trunking: false,
        docker: DockerPlan {
            enabled: false,
            ..DockerPlan::default()
        },
        source_dest_check: true,
        public_address: PublicAddress::None,
        metadata: MetadataPlan::default(),
        tracking: TrackingTimeouts::default(),
    }];
    let from = (0..clients).map(Place::Host).collect();
    let to = (0..servers).map(|n| target(Place::Instance(0), 5001 + n));
    plan.workloads = vec![transfer(from, to.collect(), None)];
    plan
}

fn target(place: Place, port: u16) -> Target {
    Target { place, port }
}

fn transfer(from: Vec<Place>, to: Vec<Target>, bytes: Option<u64>) -> WorkloadPlan {
    WorkloadPlan {
        name: "transfer".to_owned(),
        from,
        to,
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: bytes.map(ByteSize::from_bytes),
            direction: Direction::Upload,
        },
    }
}

/// Everything counts, from the start on.
pub(crate) fn whole(duration: SimDuration) -> MeasurePlan {
    MeasurePlan {
        warmup: SimDuration::ZERO,
        duration,
        cooldown: SimDuration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{run, world};

    #[test]
    fn each_workload_does_its_work() {
        let outcome = run(world(&bulk(1 << 20)));
        assert_eq!(outcome.workloads[0].bytes, 1 << 20);
        let outcome = run(world(&bulk_offloaded(1 << 20)));
        assert_eq!(outcome.workloads[0].bytes, 1 << 20);
        let outcome = run(world(&requests(3, SimDuration::from_ms(20))));
        let asked = outcome.workloads[0].ok;
        // A round trip takes 80 us in the fabric, and some more in two kernels.
        assert!((300..750).contains(&asked), "{asked}");
        // What is under way when the world ends.
        assert_eq!(outcome.workloads[0].errors.get("unfinished"), Some(&3));
        assert_eq!(outcome.workloads[0].errors.len(), 1);
        let outcome = run(world(&incast(20, 2, SimDuration::from_ms(50))));
        let bits = outcome.workloads[0].bytes * 8;
        assert!(
            (250_000_000..500_000_000).contains(&bits),
            "{bits} of 500 Mbit"
        );
    }
}

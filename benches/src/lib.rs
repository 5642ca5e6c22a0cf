//! What the benchmarks share: the worlds that they run, bare smoltcp, other event queues, and the
//! figures that programs of `src/bin/` print.

pub mod cluster;
pub mod figures;
pub mod fleet;
pub mod floor;
pub mod hooks;
pub mod pair;
pub mod peers;
pub mod queues;

use std::sync::Arc;

use scenarios::lower::{NonePolicy, lower};
use scenarios::toml::read_scenario;
use sim_core::{DataRate, Ratio, SimDuration};
use sim_net::cost::CostProfile;
use sim_net::headers::Protocol;
use sim_net::plan::{
    BandwidthPlan, Direction, HostLocation, HostPlan, MeasurePlan, Mode, Place, Plan, Target,
    WorkloadKind, WorkloadPlan,
};
use sim_net::vpc::{
    LatencyPlan, Lifetime, PeerPlan, PublicAddress, RegionPlan, RulePlan, SecurityGroupPlan,
    SubnetPlan, VpcPlan,
};
use sim_net::world::{Outcome, World};

const TASK: &str = r#"{
  "family": "web", "cpu": "512", "memory": "1024",
  "containerDefinitions": [{
    "name": "app", "image": "web", "cpu": 512, "memory": 1024,
    "portMappings": [{ "containerPort": 8080 }]
  }]
}"#;

const SCENARIO: &str = r#"
name = "one request at a time"

[vpc]
cidr = "10.0.0.0/16"
zones = ["a"]

[[vpc.subnet]]
name = "all"
cidr = "10.0.0.0/24"
zone = "a"

[[vpc.security_group]]
name = "open"
ingress = [{ protocol = "all", peer = "0.0.0.0/0" }]

[[capacity]]
name = "instance"
instance_type = "m5.large"
count = 1
subnets = ["all"]
security_groups = ["open"]

[[service]]
name = "web"
task_definition = "web.json"
count = 1
awsvpc = { subnets = ["all"], security_groups = ["open"] }

[[client]]
name = "client"
subnet = "all"

[[workload]]
name = "request"
from = ["client"]
to = "web/app:8080"
concurrency = 1
request_size = "100 B"
response_size = "1 KiB"
connections = 1
"#;

/// One user who asks a task in `mode` for as long as the world lasts.
///
/// # Panics
/// If the scenario above is not one that the mode can carry.
#[must_use]
pub fn requests(mode: Mode, duration: SimDuration) -> Plan {
    let (scenario, _) = read_scenario("request.toml", SCENARIO, &|_| Ok(TASK.to_owned()))
        .expect("the scenario is valid");
    let measure = MeasurePlan {
        warmup: SimDuration::ZERO,
        duration,
        cooldown: SimDuration::ZERO,
    };
    lower(&scenario, mode, &measure, NonePolicy::WithoutPorts)
        .expect("the mode carries the scenario")
        .plan
}

/// One TCP flow between two machines without a kernel's cost, over a 10 Gbit/s link at MTU 1500.
#[must_use]
pub fn bulk(duration: SimDuration) -> Plan {
    let mut plan = hosts(2, SimDuration::from_us(10), duration);
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
            bytes: None,
            direction: Direction::Upload,
        },
    }];
    plan
}

/// Machines without a kernel's cost, each with a 10 Gbit/s link, MTU 1500 and this latency between
/// any two, in a VPC that allows everything.
pub(crate) fn hosts(count: usize, latency: SimDuration, duration: SimDuration) -> Plan {
    let host = |number: usize| HostPlan {
        name: format!("host/{number}"),
        cores: 1,
        profile: ideal(),
        offloads: false,
        location: HostLocation::Subnet(0),
        address: None,
        public_address: PublicAddress::None,
        always_tracked: false,
        source_dest_check: true,
        security_groups: vec![0],
        bandwidth: Some(link()),
        mtu: 1500,
        default_route: true,
        routes: Vec::new(),
    };
    Plan {
        trains: true,
        region: open_vpc(latency),
        instances: Vec::new(),
        tasks: Vec::new(),
        hosts: (0..count).map(host).collect(),
        workloads: Vec::new(),
        listeners: Vec::new(),
        probes: Vec::new(),
        measure: peers::whole(duration),
    }
}

/// The profile of a kernel that costs nothing.
pub(crate) fn ideal() -> Arc<CostProfile> {
    Arc::new(CostProfile::builtin("ideal").expect("built in").clone())
}

/// 10 Gbit/s each way.
pub(crate) fn link() -> BandwidthPlan {
    let rate = DataRate::from_bps(10_000_000_000).expect("above zero");
    BandwidthPlan::constant(rate)
}

fn open_vpc(latency: SimDuration) -> RegionPlan {
    let rule = |id: &str| RulePlan {
        id: id.to_owned(),
        protocol: None,
        ports: 0..=u16::MAX,
        peer: PeerPlan::Cidr("0.0.0.0/0".parse().expect("a network")),
        lifetime: Lifetime::ALWAYS,
    };
    RegionPlan {
        vpcs: vec![VpcPlan {
            id: "vpc-0".into(),
            name: "vpc".into(),
            cidrs: vec!["10.0.0.0/16".parse().expect("a network")],
            dns_support: true,
        }],
        zones: vec!["a".to_owned()],
        subnets: vec![SubnetPlan {
            vpc: 0,
            id: "subnet-0".to_owned(),
            name: "all".to_owned(),
            cidr: "10.0.0.0/20".parse().expect("a network"),
            zone: 0,
            route_table: None,
            network_acl: None,
        }],
        security_groups: vec![SecurityGroupPlan {
            vpc: 0,
            id: "sg-0".to_owned(),
            name: "open".to_owned(),
            ingress: vec![rule("in")],
            egress: vec![rule("out")],
        }],
        latency: LatencyPlan {
            same_zone: latency,
            jitter: None,
            ..LatencyPlan::default()
        },
        loss: Ratio::from_ppm(0),
        ..RegionPlan::default()
    }
}

/// The world of a plan.
///
/// # Panics
/// If the plan is not sound.
#[must_use]
pub fn world(plan: &Plan) -> World {
    sim_net::build::build(plan, 1, 0).expect("the plan is sound")
}

/// Runs a world to its end.
#[must_use]
pub fn run(world: World) -> Outcome {
    world.run(&Arc::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmarks_move_data() {
        let bulk = run(world(&bulk(SimDuration::from_ms(10))));
        assert!(
            bulk.workloads[0].bytes > 9_000_000,
            "{}",
            bulk.workloads[0].bytes
        );
        for mode in [Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate] {
            let outcome = run(world(&requests(mode, SimDuration::from_ms(10))));
            assert!(
                outcome.workloads[0].ok > 10,
                "{mode}: {}",
                outcome.workloads[0].ok
            );
        }
    }
}

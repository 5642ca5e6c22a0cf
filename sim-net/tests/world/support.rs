//! Small worlds to ask questions of.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::test_runner::{Config as ProptestConfig, RngSeed};
use sim_core::{ByteSize, DataRate, Ratio, SimDuration};
use sim_net::build::build;
use sim_net::cost::CostProfile;
use sim_net::eni::TrackingTimeouts;
use sim_net::headers::Protocol;
use sim_net::machine::{ErrorKind, ProbeResult};
use sim_net::plan::{
    BandwidthPlan, Connections, ContainerPlan, DockerPlan, FargatePlan, HostLocation, HostPlan,
    InstancePlan, Load, MeasurePlan, MetadataPlan, Mode, Place, Plan, PortPlan, ProbeAddress,
    ProbePlan, RequestPlan, ServiceTime, Target, TaskNetworkPlan, TaskPlan, WorkloadKind,
    WorkloadPlan,
};
use sim_net::reach::{Evaluator, Leg, ReachOutcome, WalkHop, remedy};
use sim_net::verdict::DropReason;
use sim_net::vpc::{
    LatencyPlan, Lifetime, PeerPlan, PublicAddress, RegionPlan, RulePlan, SecurityGroupPlan,
    SubnetPlan, VpcPlan,
};
use sim_net::world::{Outcome, World};

/// So many worlds, the same in every run, unless another seed is asked for with
/// `PROPTEST_RNG_SEED`.
pub(crate) fn same_worlds(cases: u32) -> ProptestConfig {
    let given = ProptestConfig::default();
    ProptestConfig {
        cases,
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            fixed @ RngSeed::Fixed(_) => fixed,
        },
        ..given
    }
}

pub(crate) fn profile(name: &str) -> Arc<CostProfile> {
    Arc::new(
        CostProfile::builtin(name)
            .expect("a builtin profile")
            .clone(),
    )
}

pub(crate) fn gbps(n: u64) -> DataRate {
    DataRate::from_bps(n * 1_000_000_000).expect("above zero")
}

fn open_rule(id: &str) -> RulePlan {
    RulePlan {
        id: id.into(),
        protocol: None,
        ports: 0..=u16::MAX,
        peer: PeerPlan::Cidr("0.0.0.0/0".parse().expect("a network")),
        lifetime: Lifetime::ALWAYS,
    }
}

/// A VPC of two zones in which every group allows everything and every latency is known.
pub(crate) fn open_vpc() -> RegionPlan {
    let subnet = |index: usize, zone: usize| SubnetPlan {
        vpc: 0,
        id: format!("subnet-{index}"),
        name: format!("subnet-{index}"),
        cidr: format!("10.0.{index}.0/24").parse().expect("a network"),
        zone,
        route_table: None,
        network_acl: None,
    };
    RegionPlan {
        vpcs: vec![VpcPlan {
            id: "vpc-0".into(),
            name: "vpc".into(),
            cidrs: vec!["10.0.0.0/16".parse().expect("a network")],
            dns_support: true,
        }],
        zones: vec!["a".into(), "b".into()],
        subnets: vec![subnet(0, 0), subnet(1, 1)],
        security_groups: vec![SecurityGroupPlan {
            vpc: 0,
            id: "sg-open".into(),
            name: "open".into(),
            ingress: vec![open_rule("sgr-in")],
            egress: vec![open_rule("sgr-out")],
        }],
        latency: LatencyPlan {
            placement_group: SimDuration::from_us(20),
            same_zone: SimDuration::from_us(100),
            cross_zone: SimDuration::from_us(300),
            internet: SimDuration::from_ms(5),
            jitter: None,
        },
        loss: Ratio::from_ppm(0),
        ..RegionPlan::default()
    }
}

pub(crate) fn bandwidth(rate: DataRate) -> BandwidthPlan {
    BandwidthPlan::constant(rate)
}

pub(crate) fn instance(name: &str, subnet: usize, kernel: &str) -> InstancePlan {
    InstancePlan {
        name: name.into(),
        instance_type: "c5.large".into(),
        cores: 2,
        profile: profile(kernel),
        offloads: false,
        subnet,
        security_groups: vec![0],
        bandwidth: bandwidth(gbps(10)),
        placement_group: None,
        trunking: false,
        docker: DockerPlan::default(),
        source_dest_check: false,
        public_address: PublicAddress::None,
        metadata: MetadataPlan::default(),
        tracking: TrackingTimeouts::default(),
    }
}

pub(crate) fn host(name: &str, subnet: usize) -> HostPlan {
    HostPlan {
        name: name.into(),
        cores: 1,
        profile: profile("ideal"),
        offloads: false,
        location: HostLocation::Subnet(subnet),
        address: None,
        public_address: PublicAddress::None,
        security_groups: vec![0],
        always_tracked: false,
        source_dest_check: true,
        bandwidth: None,
        mtu: 9001,
        default_route: true,
        routes: Vec::new(),
    }
}

/// A container that listens on `container_port`, with the host port that the mode gives it.
pub(crate) fn container(name: &str, container_port: u16, host_port: u16) -> ContainerPlan {
    let port = |protocol| PortPlan {
        container_port,
        host_port,
        protocol,
    };
    ContainerPlan {
        name: name.into(),
        ports: vec![port(Protocol::Tcp), port(Protocol::Udp)],
    }
}

/// A task of one container on port 80; in bridge mode host port `host_port` leads to it.
pub(crate) fn task(name: &str, mode: Mode, instance: usize, host_port: u16) -> TaskPlan {
    let own = matches!(mode, Mode::Awsvpc | Mode::Fargate);
    let host_port = if mode == Mode::Bridge { host_port } else { 80 };
    let mut app = container("app", 80, host_port);
    if mode == Mode::None {
        app.ports.clear();
    }
    TaskPlan {
        name: name.into(),
        mode,
        instance: (mode != Mode::Fargate).then_some(instance),
        containers: vec![app],
        network: own.then(|| TaskNetworkPlan {
            public_address: PublicAddress::None,
            subnet: 0,
            security_groups: vec![0],
        }),
        fargate: (mode == Mode::Fargate).then(|| FargatePlan {
            cores: 1,
            profile: profile("linux-6.18-2vcpu"),
            offloads: false,
            bandwidth: bandwidth(gbps(5)),
        }),
    }
}

pub(crate) fn plan(tasks: Vec<TaskPlan>) -> Plan {
    Plan {
        trains: true,
        region: open_vpc(),
        instances: vec![
            instance("i-0", 0, "linux-6.18-2vcpu"),
            instance("i-1", 1, "linux-6.18-2vcpu"),
        ],
        tasks,
        hosts: vec![host("client", 0)],
        workloads: Vec::new(),
        listeners: Vec::new(),
        probes: Vec::new(),
        measure: MeasurePlan {
            warmup: SimDuration::ZERO,
            duration: SimDuration::from_ms(100),
            cooldown: SimDuration::from_ms(400),
        },
    }
}

pub(crate) fn app_of(task: usize) -> Place {
    Place::Container { task, container: 0 }
}

pub(crate) fn target(place: Place, port: u16) -> Target {
    Target { place, port }
}

/// One user who asks again as soon as the answer has come.
pub(crate) fn ping_pong(from: Place, to: Target, protocol: Protocol, octets: u64) -> WorkloadPlan {
    WorkloadPlan {
        name: "ping".into(),
        from: vec![from],
        to: vec![to],
        protocol,
        kind: WorkloadKind::Request(RequestPlan {
            load: Load::Closed {
                concurrency: 1,
                think: SimDuration::from_ms(1),
            },
            request: ByteSize::from_bytes(octets),
            response: ByteSize::from_bytes(octets),
            connections: Connections::KeepAlive(1),
            service_time: ServiceTime::Constant(SimDuration::ZERO),
            calls: Vec::new(),
            timeout: SimDuration::from_secs(1),
        }),
    }
}

pub(crate) fn world(plan: &Plan) -> World {
    build(plan, 1, 0).expect("the plan is sound")
}

pub(crate) fn run(plan: &Plan) -> Outcome {
    world(plan).run(&Arc::new(AtomicBool::new(false)))
}

pub(crate) fn probe(from: Place, to: ProbeAddress, port: u16, protocol: Protocol) -> ProbePlan {
    ProbePlan {
        from,
        to,
        port,
        protocol,
    }
}

/// Runs the probes of a plan, and checks that evaluating the rules finds the same.
pub(crate) fn probed(plan: &Plan) -> Vec<ProbeResult> {
    let found = run(plan).probes;
    compare(plan, &found);
    found
}

/// Checks that evaluating the rules finds what the probes of a plan have found.
#[track_caller]
pub(crate) fn compare(plan: &Plan, found: &[ProbeResult]) {
    let evaluator = Evaluator::new(plan).expect("the plan is sound");
    for (probe, &found) in plan.probes.iter().zip(found) {
        if let Err(difference) = agreement(&evaluator, probe, found) {
            panic!("{difference}");
        }
    }
}

/// Whether evaluation and simulation of one probe agree; what differs where they do not.
pub(crate) fn agreement(
    evaluator: &Evaluator,
    probe: &ProbePlan,
    found: ProbeResult,
) -> Result<(), String> {
    let addr = match probe.to {
        ProbeAddress::Literal(addr) => Some(addr),
        ProbeAddress::Of(place) => evaluator.own_addr(place),
    };
    let Some(addr) = addr else {
        return Ok(());
    };
    let to = SocketAddrV4::new(addr, probe.port);
    let verdict = evaluator.decide(probe.from, to, probe.protocol);
    let walk = evaluator.explain(probe.from, to, probe.protocol);
    assert_eq!(
        walk.verdict, verdict,
        "explain and decide differ: {probe:?}"
    );
    assert_eq!(
        remedy(&walk).is_none(),
        verdict.outcome == ReachOutcome::Reached
    );
    let served = |hop: &&WalkHop| hop.leg == Leg::Forward && hop.decision == "accept";
    let server = walk.hops.iter().find(served);
    let seen = server.map(|hop| *hop.before.src.ip());
    let same_source = match found {
        ProbeResult::Reached { source_seen } => source_seen.is_none() || source_seen == seen,
        ProbeResult::Failed { .. } => true,
    };
    if verdict.agrees_with(found) && same_source {
        return Ok(());
    }
    let hops: Vec<_> = walk.hops.iter().map(|hop| format!("{hop:?}")).collect();
    Err(format!(
        "{probe:?}\nsimulated: {found:?}\nevaluated: {verdict:?}\n{}",
        hops.join("\n")
    ))
}

/// What a TCP and a UDP attempt find.
pub(crate) fn ask(plan: &Plan, from: Place, to: ProbeAddress, port: u16) -> [ProbeResult; 2] {
    let mut plan = plan.clone();
    plan.probes = vec![
        probe(from, to, port, Protocol::Tcp),
        probe(from, to, port, Protocol::Udp),
    ];
    let probes = probed(&plan);
    [probes[0], probes[1]]
}

pub(crate) fn reached(from: [u8; 4]) -> ProbeResult {
    ProbeResult::Reached {
        source_seen: Some(Ipv4Addr::from(from)),
    }
}

pub(crate) const fn failed(kind: ErrorKind, dropped: Option<(Leg, DropReason)>) -> ProbeResult {
    ProbeResult::Failed { kind, dropped }
}

//! NAT gateways: who is seen outside, how many connections fit, and what becomes of idle ones.

use std::net::Ipv4Addr;

use sim_core::{ByteSize, Ratio, SimDuration};
use sim_net::headers::Protocol;
use sim_net::machine::{ErrorKind, ProbeResult};
use sim_net::plan::{
    Connections, HostLocation, HostPlan, ListenerPlan, Load, MeasurePlan, Mode, Place, Plan,
    ProbeAddress, RequestPlan, ServiceTime, WorkloadKind, WorkloadPlan,
};
use sim_net::reach::Leg;
use sim_net::verdict::DropReason;
use sim_net::vpc::{
    InternetGatewayPlan, NatGatewayPlan, PeeringPlan, PublicAddress, RouteDestination, RoutePlan,
    RouteTablePlan, RouteTarget, SubnetPlan, VpcPlan,
};

use crate::support::{app_of, ask, failed, host, plan, probe, reached, run, target, task};

const PRIVATE: Place = Place::Host(0);
const SERVER: Place = Place::Host(1);
const NAT: [u8; 4] = [203, 0, 113, 9];
/// Nobody has it.
const NOBODY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);

fn route(destination: &str, target: RouteTarget) -> RoutePlan {
    RoutePlan {
        destination: RouteDestination::Cidr(destination.parse().expect("a network")),
        target,
        propagated: false,
    }
}

fn table(name: &str, default: RouteTarget) -> RouteTablePlan {
    RouteTablePlan {
        vpc: 0,
        id: format!("rtb-{name}"),
        name: name.into(),
        routes: vec![
            route("10.0.0.0/16", RouteTarget::Local),
            route("0.0.0.0/0", default),
        ],
    }
}

pub(crate) fn outside(name: &str) -> HostPlan {
    HostPlan {
        location: HostLocation::Internet,
        security_groups: Vec::new(),
        mtu: 1500,
        ..host(name, 0)
    }
}

/// The first subnet is private, the second has an internet gateway and a NAT gateway for the first.
/// Outside, a server listens on port 443.
pub(crate) fn behind_nat(tasks: Vec<sim_net::plan::TaskPlan>) -> Plan {
    let mut plan = plan(tasks);
    plan.region.internet_gateways = vec![InternetGatewayPlan {
        vpc: 0,
        id: "igw-0".into(),
        name: "gateway".into(),
    }];
    plan.region.nat_gateways = vec![NatGatewayPlan {
        id: "nat-0".into(),
        name: "nat".into(),
        subnet: 1,
        address: None,
        public_address: PublicAddress::Fixed(NAT.into()),
    }];
    plan.region.route_tables = vec![
        table("private", RouteTarget::NatGateway(0)),
        table("public", RouteTarget::InternetGateway(0)),
    ];
    plan.region.subnets[0].route_table = Some(0);
    plan.region.subnets[1].route_table = Some(1);
    plan.hosts.push(outside("server"));
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        plan.listeners.push(ListenerPlan {
            target: target(SERVER, 443),
            protocol,
        });
    }
    plan
}

/// One user asks the server outside, thinks this long, and asks again over the same connection.
fn asks_again_after(think: SimDuration) -> Plan {
    let mut plan = behind_nat(Vec::new());
    plan.workloads = vec![WorkloadPlan {
        name: "rare".into(),
        from: vec![PRIVATE],
        to: vec![target(SERVER, 443)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Request(RequestPlan {
            load: Load::Closed {
                concurrency: 1,
                think,
            },
            request: ByteSize::from_bytes(200),
            response: ByteSize::from_bytes(200),
            connections: Connections::KeepAlive(1),
            service_time: ServiceTime::Constant(SimDuration::ZERO),
            calls: Vec::new(),
            timeout: SimDuration::from_secs(1),
        }),
    }];
    plan.measure.duration = think + SimDuration::from_secs(5);
    plan
}

#[test]
fn a_private_subnet_reaches_the_internet_and_the_gateways_address_is_seen() {
    let plan = behind_nat(vec![
        task("web/0", Mode::Bridge, 0, 8080),
        task("web/1", Mode::Host, 0, 80),
        task("web/2", Mode::Awsvpc, 0, 80),
        task("web/3", Mode::Fargate, 0, 80),
    ]);
    for from in [PRIVATE, app_of(0), app_of(1), app_of(2), app_of(3)] {
        let found = ask(&plan, from, ProbeAddress::Of(SERVER), 443);
        assert_eq!(found, [reached(NAT); 2], "{from:?}");
        let refused = ask(&plan, from, ProbeAddress::Of(SERVER), 444);
        assert_eq!(refused, [failed(ErrorKind::Refused, None); 2], "{from:?}");
    }
}

#[test]
fn nobody_outside_reaches_anybody_through_it() {
    let mut plan = behind_nat(Vec::new());
    plan.listeners.push(ListenerPlan {
        target: target(PRIVATE, 80),
        protocol: Protocol::Tcp,
    });
    let [tcp, udp] = ask(&plan, SERVER, ProbeAddress::Literal(NAT.into()), 80);
    let none = Some((Leg::Forward, DropReason::NatNoMapping));
    assert_eq!([tcp, udp], [failed(ErrorKind::TimedOut, none); 2]);
}

/// A second VPC, reached over a peering connection, to which only the subnet of a private NAT gateway
/// has a route.
#[test]
fn a_private_gateway_leads_over_a_peering_connection() {
    let mut plan = behind_nat(Vec::new());
    let region = &mut plan.region;
    let other = "10.1.0.0/16".parse().expect("a network");
    region.vpcs.push(VpcPlan {
        id: "vpc-1".into(),
        cidrs: vec![other],
        ..region.vpcs[0].clone()
    });
    region.peerings = vec![PeeringPlan {
        id: "pcx-0".into(),
        name: "peering".into(),
        requester: 0,
        accepter: 1,
        active: true,
    }];
    region.nat_gateways[0].public_address = PublicAddress::None;
    region.nat_gateways[0].address = Some(Ipv4Addr::new(10, 0, 1, 9));
    let over = |cidr| route(cidr, RouteTarget::Peering(0));
    region.route_tables[1].routes.push(over("10.1.0.0/16"));
    region.route_tables.push(RouteTablePlan {
        vpc: 1,
        routes: vec![
            route("10.1.0.0/16", RouteTarget::Local),
            over("10.0.1.0/24"),
        ],
        ..region.route_tables[0].clone()
    });
    region.subnets.push(SubnetPlan {
        vpc: 1,
        id: "subnet-2".into(),
        cidr: "10.1.0.0/24".parse().expect("a network"),
        route_table: Some(2),
        ..region.subnets[0].clone()
    });
    let mut group = region.security_groups[0].clone();
    group.vpc = 1;
    region.security_groups.push(group);
    plan.hosts[1] = HostPlan {
        security_groups: vec![1],
        ..host("server", 2)
    };
    let found = ask(&plan, PRIVATE, ProbeAddress::Of(SERVER), 443);
    assert_eq!(found, [reached([10, 0, 1, 9]); 2]);
}

#[test]
fn the_gateways_own_subnet_decides_where_it_leads() {
    let mut plan = behind_nat(Vec::new());
    plan.region.route_tables[1].routes.pop();
    let found = ask(&plan, PRIVATE, ProbeAddress::Of(SERVER), 443);
    let none = Some((Leg::Forward, DropReason::VpcNoRoute));
    assert_eq!(found, [failed(ErrorKind::TimedOut, none); 2]);
}

#[test]
fn the_55_001st_connection_to_one_destination_finds_no_port() {
    let mut plan = behind_nat(Vec::new());
    plan.hosts
        .extend((2..5).map(|i| host(&format!("more{i}"), 0)));
    // A SYN takes a port, whether it is answered or not, and keeps it for as long as it is idle. A
    // client whose attempts fail uses half of its ports over and over: four of them have enough.
    let from = [0, 2, 3, 4].map(Place::Host);
    let nobody = ProbeAddress::Literal(NOBODY);
    plan.probes = (0..55_001)
        .map(|n| probe(from[n % 4], nobody, 443, Protocol::Tcp))
        .collect();
    plan.probes.push(probe(PRIVATE, nobody, 80, Protocol::Tcp));
    let server = ProbeAddress::Of(SERVER);
    plan.probes.push(probe(PRIVATE, server, 443, Protocol::Tcp));
    plan.measure = MeasurePlan::for_probes(plan.probes.len());
    let outcome = run(&plan);
    let because = |reason| failed(ErrorKind::TimedOut, Some((Leg::Forward, reason)));
    let fits = because(DropReason::FabricNoRoute);
    assert!(outcome.probes[..55_000].iter().all(|found| *found == fits));
    assert_eq!(
        outcome.probes[55_000..],
        [
            because(DropReason::NatErrorPortAllocation),
            fits,
            reached(NAT)
        ]
    );
    // Its first SYN and the one that is sent again.
    assert_eq!(outcome.drops.get(DropReason::NatErrorPortAllocation), 2);
}

#[test]
fn a_connection_that_was_idle_for_350_s_is_reset() {
    let outcome = run(&asks_again_after(SimDuration::from_secs(400)));
    let rare = &outcome.workloads[0];
    assert_eq!(rare.errors.get("connection_reset"), Some(&1), "{rare:?}");
    assert!(outcome.drops.get(DropReason::NatIdleTimeout) >= 1);
    let outcome = run(&asks_again_after(SimDuration::from_secs(340)));
    assert_eq!((outcome.workloads[0].ok, outcome.drops.total()), (2, 0));
}

#[test]
fn behind_a_gateway_frames_are_conserved_and_two_runs_are_one() {
    for mode in [Mode::Bridge, Mode::Awsvpc] {
        let mut plan = behind_nat(vec![task("web/0", mode, 0, 8080)]);
        plan.region.loss = Ratio::from_ppm(20_000);
        plan.measure.duration = SimDuration::from_secs(5);
        let mut asks = asks_again_after(SimDuration::from_ms(5))
            .workloads
            .remove(0);
        asks.from = vec![PRIVATE, app_of(0)];
        if let WorkloadKind::Request(request) = &mut asks.kind {
            request.connections = Connections::PerRequest;
        }
        plan.workloads = vec![asks];
        // `run` asserts that frames are conserved.
        let (one, two) = (run(&plan), run(&plan));
        assert_eq!((one.digest, one.frames), (two.digest, two.frames));
        assert!(one.workloads[0].ok > 50, "{:?}", one.workloads[0]);
        assert_eq!(one.workloads[0].source_seen, Some(NAT.into()));
    }
}

#[test]
fn the_gateway_carries_5_gbit_per_second() {
    let mut plan = behind_nat(Vec::new());
    plan.workloads = vec![WorkloadPlan {
        name: "upload".into(),
        from: vec![PRIVATE],
        to: vec![target(SERVER, 443)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 8,
            bytes: None,
            direction: sim_net::plan::Direction::Upload,
        },
    }];
    plan.region.latency.internet = SimDuration::from_us(200);
    plan.measure.warmup = SimDuration::from_ms(50);
    plan.measure.cooldown = SimDuration::ZERO;
    let outcome = run(&plan);
    let rate = outcome.workloads[0].bytes * 8 * 10;
    assert!((3_500_000_000..5_000_000_000).contains(&rate), "{rate}");
}

#[test]
fn twenty_thousand_probes_of_one_machine_overflow_no_ring() {
    let mut plan = plan(vec![task("web/0", Mode::Bridge, 0, 8080)]);
    plan.hosts.push(host("other", 1));
    let to = ProbeAddress::Of(Place::Instance(0));
    plan.probes = (0..20_000)
        .map(|n| {
            let protocol = if n % 4 < 2 {
                Protocol::Tcp
            } else {
                Protocol::Udp
            };
            probe(Place::Host(n % 2), to, 8080, protocol)
        })
        .collect();
    plan.measure = MeasurePlan::for_probes(plan.probes.len());
    let outcome = run(&plan);
    let reached = |found: &&ProbeResult| matches!(found, ProbeResult::Reached { .. });
    assert_eq!(outcome.probes.iter().filter(reached).count(), 20_000);
    assert_eq!(outcome.drops.total(), 0);
}

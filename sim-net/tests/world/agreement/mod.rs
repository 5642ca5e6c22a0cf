//! Evaluating the rules finds what sending packets finds.
//!
//! Small worlds are drawn at random; in each, every place asks every listening port by every address
//! that it may be told, and some ports on which nobody listens. The two must agree on what becomes of
//! each attempt, and where it is dropped, on the reason and the leg.

mod draw;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use sim_net::build::BuildError;
use sim_net::headers::Protocol;
use sim_net::machine::{ErrorKind, ProbeResult};
use sim_net::plan::{HostLocation, HostPlan, MeasurePlan, Place, Plan, ProbeAddress, ProbePlan};
use sim_net::reach::{Evaluator, Leg, ReachOutcome};
use sim_net::verdict::DropReason;
use sim_net::vpc::{FabricError, RouteTarget};

use self::draw::{CHANGE, Draw, any_world};
use crate::support::{agreement, run, same_worlds};

/// Probes of one world, at most: those at equal distances of all that there are.
const MOST_PROBES: usize = 150;

/// Addresses that nobody is told: containers as seen from anywhere, services of other VPCs, nobody.
const ELSEWHERE: [(Ipv4Addr, u16); 7] = [
    (Ipv4Addr::new(172, 17, 0, 1), 51_678),
    (Ipv4Addr::new(172, 17, 0, 2), 80),
    (Ipv4Addr::new(10, 0, 0, 2), 53),
    (Ipv4Addr::new(10, 2, 0, 2), 53),
    (Ipv4Addr::new(10, 1, 9, 9), 80),
    (Ipv4Addr::new(192, 0, 2, 1), 80),
    (Ipv4Addr::new(169, 254, 1, 1), 80),
];

fn places(plan: &Plan) -> Vec<Place> {
    let containers = plan.tasks.iter().enumerate().flat_map(|(task, t)| {
        (0..t.containers.len()).map(move |container| Place::Container { task, container })
    });
    containers
        .chain((0..plan.instances.len()).map(Place::Instance))
        .chain((0..plan.hosts.len()).map(Place::Host))
        .collect()
}

/// Every attempt that is worth making.
fn attempts(plan: &Plan, evaluator: &Evaluator) -> Vec<ProbePlan> {
    let mut found = BTreeSet::new();
    let places = places(plan);
    for &from in &places {
        for &listener in evaluator.listeners() {
            for way in evaluator.ways(from, listener) {
                found.insert((from, *way.addr.ip(), way.addr.port(), listener.protocol));
            }
        }
        for (addr, port) in ELSEWHERE {
            found.insert((from, addr, port, Protocol::Tcp));
            found.insert((from, addr, port, Protocol::Udp));
        }
        for &to in &places {
            let addrs = evaluator.own_addr(to).into_iter();
            for addr in addrs.chain(evaluator.public_addr(to)) {
                found.insert((from, addr, 7, Protocol::Tcp));
                found.insert((from, addr, 7, Protocol::Udp));
            }
        }
    }
    let probe = |(from, addr, port, protocol)| ProbePlan {
        from,
        to: ProbeAddress::Literal(addr),
        port,
        protocol,
    };
    found.into_iter().map(probe).collect()
}

/// Whether a difference may come of the client's port: something was said not to pass that passes with
/// some ports, or a datagram from some ports looks like the answer to an untracked flow, and then the
/// error that refuses it has no flow to pass with.
fn may_differ(evaluator: &Evaluator, probe: &ProbePlan, found: ProbeResult) -> bool {
    let ProbeAddress::Literal(addr) = probe.to else {
        return false;
    };
    let to = std::net::SocketAddrV4::new(addr, probe.port);
    let verdict = evaluator.decide(probe.from, to, probe.protocol);
    let groups = [
        DropReason::SecurityGroupEgress,
        DropReason::SecurityGroupIngress,
    ];
    let acls = [DropReason::NetworkAclEgress, DropReason::NetworkAclIngress];
    let said = match verdict.outcome {
        ReachOutcome::Dropped(reason) => {
            verdict.leg == Leg::Return && { groups.contains(&reason) || acls.contains(&reason) }
        }
        _ => false,
    };
    let error_stopped = probe.protocol == Protocol::Udp
        && matches!(
            found,
            ProbeResult::Failed { dropped: Some((Leg::Return, reason)), .. }
                if groups.contains(&reason)
        );
    said || error_stopped
}

/// Simulates attempts in a drawn world and compares them with the evaluation. Of a world in which a
/// service could not tell two VPCs apart there is neither.
fn compare(drawn: &Draw, most: usize) -> Result<usize, String> {
    let plan = &drawn.plan();
    let evaluator = match Evaluator::at(plan, CHANGE) {
        Err(BuildError::Fabric(FabricError::AmbiguousAddress { .. })) => return Ok(0),
        made => made.map_err(|error| format!("no world: {error}"))?,
    };
    let all = attempts(plan, &evaluator);
    let step = all.len().div_ceil(most).max(1);
    let mut plan = plan.clone();
    plan.probes = all.into_iter().step_by(step).collect();
    plan.measure = MeasurePlan::for_probes(plan.probes.len());
    let outcome = run(&plan);
    // The first is made before rules change.
    for (probe, &found) in plan.probes.iter().zip(&outcome.probes).skip(1) {
        match agreement(&evaluator, probe, found) {
            Err(_) if drawn.cut && may_differ(&evaluator, probe, found) => {}
            agreed => agreed?,
        }
    }
    Ok(plan.probes.len())
}

proptest! {
    #![proptest_config(same_worlds(2_000))]

    #[test]
    fn evaluation_and_simulation_agree_on_random_worlds(world in any_world()) {
        if let Err(difference) = compare(&world, MOST_PROBES) {
            return Err(TestCaseError::fail(difference));
        }
    }
}

/// Most worlds let something through and stop something, or agreement would say little.
#[test]
fn random_worlds_have_reached_and_dropped_attempts() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut codes, mut reached, mut all) = (BTreeSet::new(), 0, 0);
    for _ in 0..200 {
        let world: Draw = any_world()
            .new_tree(&mut runner)
            .expect("every world is one")
            .current();
        let plan = world.plan();
        let Ok(evaluator) = Evaluator::at(&plan, CHANGE) else {
            continue;
        };
        for probe in attempts(&plan, &evaluator) {
            let ProbeAddress::Literal(addr) = probe.to else {
                continue;
            };
            let to = std::net::SocketAddrV4::new(addr, probe.port);
            let code = evaluator
                .decide(probe.from, to, probe.protocol)
                .outcome
                .code();
            reached += usize::from(code == "reached");
            all += 1;
            codes.insert(code);
        }
    }
    assert!(reached * 10 > all, "{reached} of {all}");
    assert!(reached * 10 < all * 9, "{reached} of {all}");
    for code in [
        "refused",
        "network_unreachable",
        "undetermined",
        "security_group_egress",
        "security_group_ingress",
        "network_acl_egress",
        "network_acl_ingress",
        "vpc_no_route",
        "vpc_blackhole",
        "no_public_address",
        "peering_inactive",
        "peering_not_transitive",
        "fabric_no_route",
        "nat_no_mapping",
        "metadata_off",
        "blackhole",
        "ttl_exceeded",
        "filter_input",
        "filter_forward",
    ] {
        assert!(codes.contains(code), "{code} is not among {codes:?}");
    }
}

/// A client and an instance in one subnet; the client's subnet leads to whatever `routes` says.
fn hairpin(nat_gateways: usize) -> Plan {
    let mut plan = crate::support::plan(Vec::new());
    let region = &mut plan.region;
    region
        .internet_gateways
        .push(sim_net::vpc::InternetGatewayPlan {
            vpc: 0,
            id: "igw-0".into(),
            name: "igw".into(),
        });
    for (index, subnet) in [1, 0].into_iter().take(nat_gateways).enumerate() {
        region.nat_gateways.push(sim_net::vpc::NatGatewayPlan {
            id: format!("nat-{index}"),
            name: format!("nat-{index}"),
            subnet,
            address: None,
            public_address: sim_net::vpc::PublicAddress::Assigned,
        });
    }
    for index in 0..2 {
        let to = |destination: &str, target| sim_net::vpc::RoutePlan {
            destination: sim_net::vpc::RouteDestination::Cidr(
                destination.parse().expect("a network"),
            ),
            target,
            propagated: false,
        };
        let beyond = if index < nat_gateways {
            RouteTarget::NatGateway(index)
        } else {
            RouteTarget::InternetGateway(0)
        };
        region.route_tables.push(sim_net::vpc::RouteTablePlan {
            vpc: 0,
            id: format!("rtb-{index}"),
            name: format!("rtb-{index}"),
            routes: vec![
                to("10.0.0.0/16", RouteTarget::Local),
                to("0.0.0.0/0", beyond),
            ],
        });
        region.subnets[index].route_table = Some(index);
    }
    plan.instances[0].public_address = sim_net::vpc::PublicAddress::Assigned;
    plan
}

fn verdict_of(
    plan: &Plan,
    from: Place,
    to: [u8; 4],
    port: u16,
    protocol: Protocol,
) -> &'static str {
    let mut plan = plan.clone();
    plan.probes = vec![ProbePlan {
        from,
        to: ProbeAddress::Literal(to.into()),
        port,
        protocol,
    }];
    crate::support::probed(&plan);
    let to = std::net::SocketAddrV4::new(to.into(), port);
    let evaluator = Evaluator::new(&plan).expect("the plan is sound");
    evaluator.decide(from, to, protocol).outcome.code()
}

/// Found by random worlds: the packet went round until the end of the run.
#[test]
fn nat_gateways_that_lead_to_each_other_end_with_the_time_to_live() {
    let plan = hairpin(2);
    let found = verdict_of(&plan, Place::Host(0), [192, 0, 2, 1], 80, Protocol::Tcp);
    assert_eq!(found, "ttl_exceeded");
}

/// Found by random worlds: it was too many mappings to remember, and the verdict undetermined.
#[test]
fn an_answer_that_goes_round_between_nat_gateways_ends_with_the_time_to_live() {
    let mut plan = hairpin(2);
    let region = &mut plan.region;
    region.prefix_lists.push(sim_net::vpc::PrefixListPlan {
        id: "pl-0".into(),
        name: "s3".into(),
        cidrs: vec!["203.0.113.0/24".parse().expect("a network")],
    });
    region
        .gateway_endpoints
        .push(sim_net::vpc::GatewayEndpointPlan {
            vpc: 0,
            id: "vpce-0".into(),
            name: "s3".into(),
            prefix_list: 0,
        });
    plan.hosts.push(HostPlan {
        location: HostLocation::Service(0),
        security_groups: Vec::new(),
        ..crate::support::host("s3", 0)
    });
    plan.listeners.push(sim_net::plan::ListenerPlan {
        target: crate::support::target(Place::Instance(0), 9100),
        protocol: Protocol::Udp,
    });
    let found = verdict_of(&plan, Place::Host(1), [10, 0, 0, 4], 9100, Protocol::Udp);
    assert_eq!(found, "ttl_exceeded");
}

/// The answer comes back from a NAT gateway, and the client's group is asked about it.
#[test]
fn a_group_that_lets_some_of_a_clients_ports_in_lets_no_unasked_answer_in() {
    let mut plan = hairpin(1);
    let region = &mut plan.region;
    region.nat_gateways[0].subnet = 0;
    let detour = sim_net::vpc::RoutePlan {
        destination: sim_net::vpc::RouteDestination::Cidr(region.subnets[0].cidr),
        target: RouteTarget::NatGateway(0),
        propagated: false,
    };
    region.route_tables[1].routes.push(detour);
    let mut group = region.security_groups[0].clone();
    group.ingress[0].protocol = Some(Protocol::Udp);
    region.security_groups.push(group);
    plan.instances[0].subnet = 1;
    plan.hosts[0].location = HostLocation::Subnet(0);
    plan.hosts[0].security_groups = vec![1];
    plan.listeners.push(sim_net::plan::ListenerPlan {
        target: crate::support::target(Place::Instance(0), 9100),
        protocol: Protocol::Udp,
    });
    let code = |ports: std::ops::RangeInclusive<u16>| {
        let mut plan = plan.clone();
        plan.region.security_groups[1].ingress[0].ports = ports;
        let evaluator = Evaluator::new(&plan).expect("the plan is sound");
        let server = evaluator.own_addr(Place::Instance(0)).expect("it has one");
        let to = std::net::SocketAddrV4::new(server, 9100);
        let verdict = evaluator.decide(Place::Host(0), to, Protocol::Udp);
        verdict.outcome.code()
    };
    assert_ne!(code(1_024..=u16::MAX), "security_group_ingress");
    for part in [1_024..=40_000, 33_000..=u16::MAX] {
        assert_eq!(code(part), "security_group_ingress");
    }
}

/// Found by random worlds: the gateway took the answer for a question, and its own port for the
/// answer to it.
#[test]
fn an_answer_through_a_nat_gateway_that_was_not_asked_meets_no_mapping() {
    let mut plan = hairpin(1);
    plan.listeners.push(sim_net::plan::ListenerPlan {
        target: crate::support::target(Place::Instance(0), 9100),
        protocol: Protocol::Udp,
    });
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let public = [198, 18, 0, 1];
        let found = verdict_of(&plan, Place::Instance(0), public, 9100, protocol);
        assert_eq!(found, "nat_no_mapping");
    }
}

/// Found by random worlds: an error sent one way let errors pass the other way.
#[test]
fn an_icmp_error_begins_no_tracked_flow() {
    let mut plan = crate::support::plan(Vec::new());
    plan.region.security_groups[0].ingress[0].protocol = Some(Protocol::Udp);
    let ask = |from, to: [u8; 4]| ProbePlan {
        from,
        to: ProbeAddress::Literal(to.into()),
        port: 7,
        protocol: Protocol::Udp,
    };
    plan.probes = vec![
        ask(Place::Instance(0), [10, 0, 0, 5]),
        ask(Place::Host(0), [10, 0, 0, 4]),
    ];
    for found in crate::support::probed(&plan) {
        let dropped = Some((Leg::Return, DropReason::SecurityGroupIngress));
        assert_eq!(found, crate::support::failed(ErrorKind::TimedOut, dropped));
    }
}

/// Found by random worlds: the reset that a NAT gateway sends back was counted before the packet
/// that it is about.
#[test]
fn a_reset_that_is_dropped_too_hides_nothing() {
    let mut plan = hairpin(1);
    plan.region.network_acls.push(sim_net::vpc::NetworkAclPlan {
        vpc: 0,
        id: "acl-0".into(),
        name: "acl".into(),
        ingress: vec![crate::explain::entry(100, true, None, 0..=u16::MAX)],
        egress: Vec::new(),
    });
    plan.region.subnets[1].network_acl = Some(0);
    plan.hosts.push(HostPlan {
        location: HostLocation::Internet,
        security_groups: Vec::new(),
        ..crate::support::host("outside", 0)
    });
    plan.listeners.push(sim_net::plan::ListenerPlan {
        target: crate::support::target(Place::Instance(0), 9100),
        protocol: Protocol::Tcp,
    });
    let public = [198, 18, 0, 1];
    let found = verdict_of(&plan, Place::Host(1), public, 9100, Protocol::Tcp);
    assert_eq!(found, "nat_no_mapping");
}

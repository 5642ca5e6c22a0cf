//! Metadata, the resolver, and what an interface or machine may ask of them and track.

use std::net::Ipv4Addr;

use sim_core::SimDuration;
use sim_net::eni::TrackingTimeouts;
use sim_net::headers::Protocol;
use sim_net::machine::{ErrorKind, ProbeResult};
use sim_net::plan::{
    Load, MeasurePlan, MetadataPlan, Mode, Place, Plan, ProbeAddress, WorkloadKind,
};
use sim_net::reach::Leg;
use sim_net::verdict::DropReason;
use sim_net::vpc::{IMDS, PeerPlan, RESOLVER, RulePlan};

use crate::support::{
    app_of, ask, failed, ping_pong, plan, probe, reached, run, target, task, world,
};

const CLIENT: Place = Place::Host(0);
const TASK_METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
const MODES: [Mode; 4] = [Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate];

fn because(leg: Leg, reason: DropReason) -> ProbeResult {
    failed(ErrorKind::TimedOut, Some((leg, reason)))
}

fn is_reached(found: &ProbeResult) -> bool {
    matches!(found, ProbeResult::Reached { .. })
}

/// What a task of a mode finds at the metadata service's address.
fn metadata(mode: Mode, settings: MetadataPlan) -> ProbeResult {
    let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
    plan.instances[0].metadata = settings;
    // Groups that let nothing out do not matter.
    plan.region.security_groups[0].egress.clear();
    plan.region.security_groups[0].ingress.clear();
    ask(&plan, app_of(0), ProbeAddress::Literal(IMDS), 80)[0]
}

#[test]
fn the_metadata_service_answers_every_mode_but_fargate() {
    for mode in MODES {
        let found = metadata(mode, MetadataPlan::default());
        if mode == Mode::Fargate {
            assert_eq!(found, because(Leg::Forward, DropReason::MetadataOff));
        } else {
            assert!(is_reached(&found), "{mode}: {found:?}");
        }
    }
}

#[test]
fn a_hop_limit_of_one_stops_the_answer_before_a_container_behind_the_bridge() {
    let one = MetadataPlan {
        hop_limit: 1,
        ..MetadataPlan::default()
    };
    let expired = because(Leg::Return, DropReason::TtlExceeded);
    assert_eq!(metadata(Mode::Bridge, one), expired);
    for mode in [Mode::Host, Mode::Awsvpc] {
        assert!(is_reached(&metadata(mode, one)), "{mode}");
    }
    let without_tokens = MetadataPlan {
        tokens_required: false,
        ..one
    };
    assert!(is_reached(&metadata(Mode::Bridge, without_tokens)));
}

#[test]
fn the_metadata_service_can_be_turned_off_and_blocked_for_tasks() {
    let off = MetadataPlan {
        enabled: false,
        ..MetadataPlan::default()
    };
    let nowhere = because(Leg::Forward, DropReason::MetadataOff);
    for mode in [Mode::Bridge, Mode::Host, Mode::Awsvpc] {
        assert_eq!(metadata(mode, off), nowhere, "{mode}");
    }
    let blocked = MetadataPlan {
        blocked_for_tasks: true,
        ..MetadataPlan::default()
    };
    let blackhole = Some((Leg::Forward, DropReason::Blackhole));
    let unreachable = failed(ErrorKind::NetworkUnreachable, blackhole);
    assert_eq!(metadata(Mode::Awsvpc, blocked), unreachable);
    for mode in [Mode::Bridge, Mode::Host] {
        assert!(is_reached(&metadata(mode, blocked)), "{mode}");
    }
}

#[test]
fn task_metadata_answers_in_every_mode_that_has_a_network() {
    for mode in MODES {
        let plan = plan(vec![task("web/0", mode, 0, 8080)]);
        let to = ProbeAddress::Literal(TASK_METADATA);
        let [tcp, _] = ask(&plan, app_of(0), to, 80);
        assert!(is_reached(&tcp), "{mode}: {tcp:?}");
    }
}

#[test]
fn the_resolver_answers_at_both_its_addresses_and_only_where_dns_support_is_on() {
    let second = Ipv4Addr::new(10, 0, 0, 2);
    for mode in MODES {
        let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
        plan.region.security_groups[0].egress.clear();
        for at in [RESOLVER, second] {
            let to = ProbeAddress::Literal(at);
            let found = ask(&plan, app_of(0), to, 53);
            assert!(found.iter().all(is_reached), "{mode}, {at}: {found:?}");
            plan.region.vpcs[0].dns_support = false;
            let nobody = because(Leg::Forward, DropReason::FabricNoRoute);
            assert_eq!(ask(&plan, app_of(0), to, 53), [nobody; 2], "{mode}, {at}");
            plan.region.vpcs[0].dns_support = true;
        }
    }
}

/// How many of 3,000 questions in 0.3 s, by two tasks of a mode on one instance, the resolver
/// answers.
fn answers(mode: Mode) -> usize {
    let mut plan = plan(vec![
        task("web/0", mode, 0, 8080),
        task("web/1", mode, 0, 8081),
    ]);
    let to = ProbeAddress::Literal(RESOLVER);
    plan.probes = (0..3_000)
        .map(|n| probe(app_of(n % 2), to, 53, Protocol::Udp))
        .collect();
    plan.measure = MeasurePlan::for_probes(3_000);
    let outcome = run(&plan);
    let over = because(Leg::Forward, DropReason::LinkLocalAllowance);
    let answered = outcome.probes.iter().filter(|p| is_reached(p)).count();
    let refused = outcome.probes.iter().filter(|p| **p == over).count();
    assert_eq!(answered + refused, 3_000);
    answered
}

#[test]
fn containers_of_an_instance_share_its_rate_to_the_resolver_and_awsvpc_tasks_have_their_own() {
    // 1,024 at once and 307 more in 0.3 s.
    assert!((1_330..=1_332).contains(&answers(Mode::Bridge)));
    assert!((2_660..=2_664).contains(&answers(Mode::Awsvpc)));
}

fn from_the_vpc() -> RulePlan {
    RulePlan {
        id: "sgr-vpc".into(),
        protocol: Some(Protocol::Tcp),
        ports: 80..=80,
        peer: PeerPlan::Cidr("10.0.0.0/16".parse().expect("a network")),
        lifetime: sim_net::vpc::Lifetime::ALWAYS,
    }
}

/// Two tasks of a mode on one instance whose groups track what comes from the VPC.
fn tracked(mode: Mode) -> Plan {
    let mut plan = plan(vec![task("web/0", mode, 0, 80), task("web/1", mode, 0, 81)]);
    let mut group = plan.region.security_groups[0].clone();
    group.ingress = vec![from_the_vpc()];
    plan.region.security_groups.push(group);
    plan.instances[0].security_groups = vec![1];
    for network in plan.tasks.iter_mut().filter_map(|t| t.network.as_mut()) {
        network.security_groups = vec![1];
    }
    plan
}

#[test]
fn an_instance_tracks_so_many_connections_whatever_interface_they_are_on() {
    for (mode, limit, expected) in [
        (Mode::Bridge, Some(100), 100),
        (Mode::Awsvpc, Some(100), 100),
        (Mode::Awsvpc, None, 200),
    ] {
        let mut plan = tracked(mode);
        plan.instances[0].bandwidth.tracked_connections = limit;
        let to = |n: usize| match mode {
            Mode::Bridge => ProbeAddress::Of(Place::Instance(0)),
            _ => ProbeAddress::Of(app_of(n % 2)),
        };
        plan.probes = (0..200)
            .map(|n| probe(CLIENT, to(n), 80, Protocol::Tcp))
            .collect();
        plan.measure = MeasurePlan::for_probes(200);
        let outcome = run(&plan);
        let over = because(Leg::Forward, DropReason::ConntrackAllowance);
        let reached = outcome.probes.iter().filter(|p| is_reached(p)).count();
        let refused = outcome.probes.iter().filter(|p| **p == over).count();
        assert_eq!((reached, refused), (expected, 200 - expected), "{mode}");
    }
}

/// A connection whose rule is removed after 100 s, and which is used again after 400 s.
fn used_again(mode: Mode, tracking: TrackingTimeouts) -> (u64, u64) {
    let mut plan = tracked(mode);
    plan.instances[0].tracking = tracking;
    let rule = &mut plan.region.security_groups[1].ingress[0];
    rule.lifetime.until = sim_core::SimTime::ZERO + SimDuration::from_secs(100);
    let mut ping = ping_pong(CLIENT, target(app_of(0), 80), Protocol::Tcp, 100);
    if let WorkloadKind::Request(request) = &mut ping.kind {
        request.load = Load::Closed {
            concurrency: 1,
            think: SimDuration::from_secs(400),
        };
    }
    plan.workloads = vec![ping];
    plan.measure.duration = SimDuration::from_secs(410);
    let outcome = run(&plan);
    let dropped = outcome.drops.get(DropReason::SecurityGroupIngress);
    (outcome.workloads[0].ok, dropped)
}

#[test]
fn the_sixth_nitro_generation_forgets_a_connection_after_350_s() {
    for mode in [Mode::Bridge, Mode::Awsvpc] {
        assert_eq!(used_again(mode, TrackingTimeouts::default()), (2, 0));
        let (ok, dropped) = used_again(mode, TrackingTimeouts::nitro_v6());
        assert!(ok == 1 && dropped > 0, "{mode}: {ok}, {dropped}");
    }
}

#[test]
fn services_are_no_part_of_a_world_that_does_not_ask_for_them() {
    let mut plan = plan(vec![task("web/0", Mode::Awsvpc, 0, 80)]);
    let to = ProbeAddress::Of(app_of(0));
    plan.probes = vec![probe(CLIENT, to, 80, Protocol::Tcp)];
    let without = world(&plan).machines().count();
    plan.probes.push(probe(
        CLIENT,
        ProbeAddress::Literal(IMDS),
        80,
        Protocol::Tcp,
    ));
    assert_eq!(world(&plan).machines().count(), without + 1);
    let outcome = run(&plan);
    assert_eq!(outcome.probes[0], reached([10, 0, 0, 5]));
    assert!(is_reached(&outcome.probes[1]), "{:?}", outcome.probes[1]);
}

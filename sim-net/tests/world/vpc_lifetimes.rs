//! Rules that come and go while flows live.

use sim_core::{SimDuration, SimTime};
use sim_net::headers::Protocol;
use sim_net::plan::{Connections, Plan, WorkloadKind};
use sim_net::verdict::DropReason;
use sim_net::vpc::{Lifetime, RulePlan};
use sim_net::world::Outcome;

use crate::support::{ping_pong, run, target};
use crate::vpc_support::*;

fn ms(ms: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_ms(ms)
}

/// Half of the measured time.
const FIRST_HALF: Lifetime = Lifetime {
    from: SimTime::ZERO,
    until: SimTime::from_ps(50_000_000_000),
};

fn second_half() -> Lifetime {
    Lifetime {
        from: ms(50),
        until: SimTime::MAX,
    }
}

/// `A` asks `B` over and over; this rule lets it in, and everything may go out.
fn asking(protocol: Protocol, ingress: RulePlan) -> Plan {
    let mut plan = site();
    plan.listeners.clear();
    let groups = &mut plan.region.security_groups;
    groups.push(groups[0].clone());
    groups[1].ingress = vec![ingress];
    plan.hosts[1].security_groups = vec![1];
    plan.workloads = vec![ping_pong(A, target(B, 80), protocol, 100)];
    plan
}

fn from(peer: &str, protocol: Protocol, lifetime: Lifetime) -> RulePlan {
    RulePlan {
        lifetime,
        ..rule(Some(protocol), Some(80), cidr(peer))
    }
}

fn answered(outcome: &Outcome) -> u64 {
    outcome.workloads[0].ok
}

/// The answers of a whole run, with nothing in the way.
fn whole(protocol: Protocol) -> u64 {
    answered(&run(&asking(
        protocol,
        from("0.0.0.0/0", protocol, Lifetime::ALWAYS),
    )))
}

#[track_caller]
fn goes_on(plan: &Plan, protocol: Protocol) {
    let outcome = run(plan);
    assert_eq!(answered(&outcome), whole(protocol));
    assert_eq!(outcome.drops.total(), 0);
}

/// About half of the answers, and packets dropped for this reason.
#[track_caller]
fn stops(plan: &Plan, protocol: Protocol, reason: DropReason) {
    let outcome = run(plan);
    let (half, got) = (whole(protocol) / 2, answered(&outcome));
    assert!(got.abs_diff(half) <= 3, "{got} answers, not {half}");
    assert!(outcome.drops.get(reason) > 0, "{:?}", outcome.drops);
}

const BOTH: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];
const VPC: &str = "10.0.0.0/16";
const ANYBODY: &str = "0.0.0.0/0";

#[test]
fn a_tracked_flow_goes_on_when_its_rule_is_removed() {
    for protocol in BOTH {
        let plan = asking(protocol, from(VPC, protocol, FIRST_HALF));
        goes_on(&plan, protocol);
    }
}

#[test]
fn a_new_flow_does_not_begin_once_its_rule_is_removed() {
    let mut plan = asking(Protocol::Tcp, from(VPC, Protocol::Tcp, FIRST_HALF));
    if let WorkloadKind::Request(request) = &mut plan.workloads[0].kind {
        request.connections = Connections::PerRequest;
    }
    let mut always = plan.clone();
    always.region.security_groups[1].ingress[0].lifetime = Lifetime::ALWAYS;
    let (half, got) = (answered(&run(&always)) / 2, answered(&run(&plan)));
    assert!(got.abs_diff(half) <= 3, "{got} answers, not {half}");
}

#[test]
fn an_untracked_flow_stops_when_its_rule_is_removed() {
    for protocol in BOTH {
        let plan = asking(protocol, from(ANYBODY, protocol, FIRST_HALF));
        stops(&plan, protocol, DropReason::SecurityGroupIngress);
    }
}

#[test]
fn an_untracked_flow_of_an_interface_that_tracks_everything_goes_on() {
    for protocol in BOTH {
        for host in 0..2 {
            let mut plan = asking(protocol, from(ANYBODY, protocol, FIRST_HALF));
            plan.hosts[host].always_tracked = true;
            goes_on(&plan, protocol);
        }
    }
}

#[test]
fn an_address_that_tracks_everything_in_another_vpc_is_somebody_else() {
    let mut plan = asking(Protocol::Tcp, from(ANYBODY, Protocol::Tcp, FIRST_HALF));
    let a = plan.hosts[0].clone();
    plan.region.peerings.clear();
    plan.region.vpcs[1].cidrs = plan.region.vpcs[0].cidrs.clone();
    plan.region.subnets[2].cidr = plan.region.subnets[0].cidr;
    plan.region.route_tables[2] = plan.region.route_tables[0].clone();
    plan.hosts[2] = sim_net::plan::HostPlan {
        location: sim_net::plan::HostLocation::Subnet(2),
        name: "a-of-another".into(),
        always_tracked: true,
        ..a
    };
    stops(&plan, Protocol::Tcp, DropReason::SecurityGroupIngress);
}

#[test]
fn a_rule_that_is_added_lets_flows_begin() {
    let mut plan = asking(Protocol::Tcp, from(VPC, Protocol::Tcp, second_half()));
    if let WorkloadKind::Request(request) = &mut plan.workloads[0].kind {
        request.connections = Connections::PerRequest;
        request.timeout = SimDuration::from_ms(5);
    }
    let outcome = run(&plan);
    assert!(outcome.drops.get(DropReason::SecurityGroupIngress) > 0);
    assert!(answered(&outcome) > 10);
}

#[test]
fn a_network_acl_stops_every_flow_at_once() {
    for (protocol, peer) in [
        (Protocol::Tcp, VPC),
        (Protocol::Tcp, ANYBODY),
        (Protocol::Udp, VPC),
        (Protocol::Udp, ANYBODY),
    ] {
        let always = from(peer, protocol, Lifetime::ALWAYS);
        let mut plan = asking(protocol, always);
        // An entry is added that denies, or the one that allows is removed.
        let mut denies = everything(50, false);
        denies.lifetime = second_half();
        let mut allows = everything(100, true);
        let open = || vec![everything(100, true)];
        set_acl(&mut plan, 1, vec![denies, allows.clone()], open());
        stops(&plan, protocol, DropReason::NetworkAclIngress);
        allows.lifetime = FIRST_HALF;
        plan.region.network_acls.clear();
        set_acl(&mut plan, 1, open(), vec![allows]);
        stops(&plan, protocol, DropReason::NetworkAclEgress);
    }
}

#[test]
fn an_instance_forgets_a_flow_when_its_own_timeout_says_so() {
    let with = |timeout: SimDuration| {
        let mut plan = crate::support::plan(vec![crate::support::task(
            "web/0",
            sim_net::plan::Mode::Host,
            0,
            80,
        )]);
        plan.region
            .security_groups
            .push(plan.region.security_groups[0].clone());
        plan.region.security_groups[1].egress.clear();
        plan.instances[0].security_groups = vec![1];
        plan.instances[0].tracking.udp = timeout;
        let mut ping = ping_pong(
            sim_net::plan::Place::Host(0),
            target(crate::support::app_of(0), 80),
            Protocol::Udp,
            100,
        );
        if let WorkloadKind::Request(request) = &mut ping.kind {
            let slow = SimDuration::from_ms(20);
            request.service_time = sim_net::plan::ServiceTime::Constant(slow);
        }
        plan.workloads = vec![ping];
        let outcome = run(&plan);
        (
            answered(&outcome) > 0,
            outcome.drops.get(DropReason::SecurityGroupEgress) > 0,
        )
    };
    assert_eq!(with(SimDuration::from_ms(30)), (true, false));
    assert_eq!(with(SimDuration::from_ms(10)), (false, true));
}

use std::net::Ipv4Addr;

use sim_core::SimDuration;

use super::*;
use crate::headers::tests::{packet, tuple};
use crate::vpc::{
    GroupMembers, Lifetime, PeerPlan, RouteDestination, RoutePlan, RouteTablePlan, RulePlan,
    SecurityGroupPlan,
};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x11;
const RST: u8 = 0x04;

const US: &str = "10.0.0.1";
const ANYBODY: &str = "0.0.0.0/0";

/// A machine that tracks as many connections as it likes.
fn free() -> TrackedConnections {
    TrackedConnections::new(None)
}

fn rule(protocol: Option<Protocol>, port: Option<u16>, peer: &str) -> RulePlan {
    let ports = port.map_or(0..=u16::MAX, |port| port..=port);
    let peer = PeerPlan::Cidr(peer.parse().expect("a range"));
    RulePlan {
        id: "sgr-test".to_owned(),
        protocol,
        ports,
        peer,
        lifetime: Lifetime::ALWAYS,
    }
}

fn policy(ingress: Vec<RulePlan>, egress: Vec<RulePlan>) -> Policy {
    automatic(ingress, egress, AutoTracking::default())
}

fn automatic(ingress: Vec<RulePlan>, egress: Vec<RulePlan>, auto: AutoTracking) -> Policy {
    let group = SecurityGroupPlan {
        vpc: 0,
        id: "sg-test".to_owned(),
        name: "test".to_owned(),
        ingress,
        egress,
    };
    let rules = EniRules::compile(&[group], &[0], &GroupMembers::new(1, []), &[]);
    Policy::new(Arc::new(rules), TrackingTimeouts::default(), auto)
}

/// The usual group: one port from the VPC, everything out.
fn usual() -> Policy {
    policy(
        vec![rule(Some(Protocol::Tcp), Some(80), "10.0.0.0/8")],
        vec![rule(None, None, ANYBODY)],
    )
}

fn secs(secs: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(secs)
}

/// A packet from `src` to `dst`, seen by the interface with address [`US`].
fn send(
    policy: &mut Policy,
    protocol: Protocol,
    (src, dst): (&str, &str),
    flags: u8,
    now: SimTime,
) -> Decision {
    let tuple = tuple(protocol, src, dst);
    let packet = packet(tuple, flags, 0);
    let ours: Ipv4Addr = US.parse().expect("an address");
    let direction = if *tuple.src.ip() == ours {
        Direction::Egress
    } else {
        Direction::Ingress
    };
    let explained = policy.explain(direction, &packet, &tuple, now);
    let decided = policy.admit(direction, &packet, &tuple, now, &mut free());
    assert_eq!(explained, decided, "an explanation says what happens");
    decided
}

fn tcp(policy: &mut Policy, ends: (&str, &str), flags: u8, now: SimTime) -> Decision {
    send(policy, Protocol::Tcp, ends, flags, now)
}

const IN: (&str, &str) = ("10.0.0.9:40000", "10.0.0.1:80");
const OUT: (&str, &str) = ("10.0.0.1:80", "10.0.0.9:40000");

#[test]
fn replies_pass_whatever_the_egress_rules_say() {
    let mut policy = policy(
        vec![rule(Some(Protocol::Tcp), Some(80), "10.0.0.0/8")],
        vec![],
    );
    let first = tcp(&mut policy, IN, SYN, secs(0));
    let Decision::Tracked(rule) = first else {
        panic!("{first:?}")
    };
    assert_eq!(
        tcp(&mut policy, OUT, SYN | ACK, secs(0)),
        Decision::Established(rule)
    );
    assert_eq!(
        tcp(&mut policy, IN, ACK, secs(1)),
        Decision::Established(rule)
    );
    let other = ("10.0.0.1:80", "10.0.0.8:40000");
    assert_eq!(
        tcp(&mut policy, other, SYN | ACK, secs(1)),
        Decision::Denied
    );
    assert_eq!(first.rule(), Some(rule));
    assert!(first.allows() && !Decision::Denied.allows());
}

#[test]
fn what_no_rule_allows_is_denied_and_leaves_no_trace() {
    let mut policy = usual();
    let wrong_port = ("10.0.0.9:40000", "10.0.0.1:81");
    assert_eq!(tcp(&mut policy, wrong_port, SYN, secs(0)), Decision::Denied);
    let outsider = ("192.0.2.1:40000", "10.0.0.1:80");
    assert_eq!(tcp(&mut policy, outsider, SYN, secs(0)), Decision::Denied);
    assert_eq!(policy.flows.held(), 0);
}

#[test]
fn an_open_port_with_open_egress_is_not_tracked() {
    let mut policy = policy(
        vec![rule(Some(Protocol::Tcp), Some(80), ANYBODY)],
        vec![rule(None, None, ANYBODY)],
    );
    for (ends, flags) in [(IN, SYN), (OUT, SYN | ACK), (IN, ACK), (OUT, FIN)] {
        let decided = tcp(&mut policy, ends, flags, secs(0));
        assert!(matches!(decided, Decision::Untracked(_)), "{decided:?}");
    }
    assert_eq!(policy.flows.held(), 0);
    // What this side opens is tracked: the way back is not open on all ports.
    let opened = ("10.0.0.1:50000", "10.0.0.9:443");
    let decided = tcp(&mut policy, opened, SYN, secs(0));
    assert!(matches!(decided, Decision::Tracked(_)), "{decided:?}");
    let reply = ("10.0.0.9:443", "10.0.0.1:50000");
    let decided = tcp(&mut policy, reply, SYN | ACK, secs(0));
    assert!(matches!(decided, Decision::Established(_)), "{decided:?}");
}

#[test]
fn an_open_port_is_tracked_where_egress_is_not_open() {
    let mut policy = policy(
        vec![rule(Some(Protocol::Tcp), Some(80), ANYBODY)],
        vec![rule(None, None, "10.0.0.0/8")],
    );
    let decided = tcp(&mut policy, IN, SYN, secs(0));
    assert!(matches!(decided, Decision::Tracked(_)), "{decided:?}");
}

#[test]
fn an_idle_connection_is_forgotten_after_five_days_and_not_before() {
    let days = 432_000;
    for (idle, established) in [(days - 1, true), (days, false)] {
        let mut policy = usual();
        tcp(&mut policy, IN, SYN, secs(0));
        tcp(&mut policy, OUT, SYN | ACK, secs(0));
        let decided = tcp(&mut policy, IN, ACK, secs(idle));
        assert_eq!(
            matches!(decided, Decision::Established(_)),
            established,
            "{idle}"
        );
    }
}

/// A reply after the idle time is judged by the rules of its own direction.
fn reply_after(
    timeouts: TrackingTimeouts,
    protocol: Protocol,
    before: &[(u64, bool, u8)],
    idle: u64,
) -> Decision {
    let mut policy = policy(vec![rule(None, None, "10.0.0.0/8")], vec![]);
    policy.timeouts = timeouts;
    let (mut last, mut now) = (0, 0);
    for (gap, inwards, flags) in before {
        now += gap;
        last = now;
        let ends = if *inwards { IN } else { OUT };
        assert!(send(&mut policy, protocol, ends, *flags, secs(now)).allows());
    }
    send(&mut policy, protocol, OUT, ACK, secs(last + idle))
}

#[test]
fn each_state_of_a_flow_has_its_own_idle_time() {
    let t = TrackingTimeouts {
        tcp_established: SimDuration::from_secs(100),
        tcp_opening: SimDuration::from_secs(20),
        tcp_closed: SimDuration::from_secs(5),
        udp: SimDuration::from_secs(30),
        udp_stream: SimDuration::from_secs(60),
        icmp: SimDuration::from_secs(7),
        other: SimDuration::from_secs(9),
    };
    let (i, o) = (true, false);
    let opening = vec![(0, i, SYN)];
    let open = vec![(0, i, SYN), (0, o, SYN | ACK)];
    let half_closed = vec![(0, i, SYN), (0, o, SYN | ACK), (1, i, FIN)];
    let closed = vec![(0, i, SYN), (0, o, SYN | ACK), (1, i, FIN), (1, o, FIN)];
    let reset = vec![(0, i, SYN), (0, o, SYN | ACK), (1, i, RST)];
    let one_exchange = vec![(0, i, 0), (1, o, 0)];
    let stream = vec![(0, i, 0), (1, o, 0), (1, i, 0)];
    let one = vec![(0, i, 0)];
    let gre = Protocol::Other(47);
    for (protocol, before, idle) in [
        (Protocol::Tcp, &opening, 20),
        (Protocol::Tcp, &open, 100),
        (Protocol::Tcp, &half_closed, 100),
        (Protocol::Tcp, &closed, 5),
        (Protocol::Tcp, &reset, 5),
        (Protocol::Udp, &one, 30),
        (Protocol::Udp, &one_exchange, 30),
        (Protocol::Udp, &stream, 60),
        (gre, &one, 9),
    ] {
        let at = |idle| reply_after(t, protocol, before, idle).allows();
        assert!(at(idle - 1), "{protocol} {before:?} lives for {idle} s");
        assert!(!at(idle), "{protocol} {before:?} lives for {idle} s only");
    }
}

#[test]
fn a_ping_is_tracked_by_its_identifier_for_as_long_as_icmp_is() {
    let mut policy = policy(vec![], vec![rule(Some(Protocol::Icmp), Some(8), ANYBODY)]);
    let request = ("10.0.0.1:77", "10.0.0.9:0");
    let decided = send(&mut policy, Protocol::Icmp, request, 0, secs(0));
    assert!(
        matches!(decided, Decision::Tracked(_)),
        "ICMP is always tracked: {decided:?}"
    );
    let mut reply = |id: &str, now| {
        let from = format!("10.0.0.9:{id}");
        send(&mut policy, Protocol::Icmp, (&from, "10.0.0.1:0"), 0, now)
    };
    assert_eq!(reply("78", secs(1)), Decision::Denied);
    assert!(matches!(reply("77", secs(1)), Decision::Established(_)));
    assert_eq!(reply("77", secs(31)), Decision::Denied);
}

/// An ICMP error of type 3 about `about`, from the address that `about` was sent to.
fn unreachable(about: FiveTuple) -> (FiveTuple, Vec<u8>) {
    let quoted = packet(about, 0, 0);
    let from = SocketAddrV4::new(*about.dst.ip(), 0);
    let to = SocketAddrV4::new(*about.src.ip(), 0);
    let error = FiveTuple {
        protocol: Protocol::Icmp,
        src: from,
        dst: to,
    };
    let mut data = packet(error, 0, quoted.len());
    data[20] = 3;
    data[28..].copy_from_slice(&quoted);
    let tuple = headers::five_tuple(&data).expect("a packet");
    (tuple, data)
}

#[test]
fn an_icmp_error_passes_with_the_flow_that_it_is_about() {
    let mut policy = policy(
        vec![],
        vec![rule(Some(Protocol::Udp), Some(53), "10.0.0.0/8")],
    );
    let query = tuple(Protocol::Udp, "10.0.0.1:5000", "10.0.0.9:53");
    let (tuple_in, error) = unreachable(query);
    let mut arrives = |now| policy.admit(Direction::Ingress, &error, &tuple_in, now, &mut free());
    assert_eq!(arrives(secs(0)), Decision::Denied, "nothing was asked");
    let asked = policy.admit(
        Direction::Egress,
        &packet(query, 0, 9),
        &query,
        secs(0),
        &mut free(),
    );
    let Decision::Tracked(rule) = asked else {
        panic!("{asked:?}")
    };
    let mut arrives = |now| policy.admit(Direction::Ingress, &error, &tuple_in, now, &mut free());
    assert_eq!(arrives(secs(1)), Decision::Related(rule));
    assert_eq!(arrives(secs(30)), Decision::Denied, "the flow is forgotten");
}

#[test]
fn an_error_about_what_came_in_may_leave() {
    let mut policy = policy(
        vec![rule(Some(Protocol::Udp), Some(53), "10.0.0.0/8")],
        vec![],
    );
    let query = tuple(Protocol::Udp, "10.0.0.9:5000", "10.0.0.1:53");
    policy.admit(
        Direction::Ingress,
        &packet(query, 0, 9),
        &query,
        secs(0),
        &mut free(),
    );
    let (tuple_out, error) = unreachable(query);
    let decided = policy.admit(Direction::Egress, &error, &tuple_out, secs(0), &mut free());
    assert!(matches!(decided, Decision::Related(_)), "{decided:?}");
}

#[test]
fn a_closed_connection_lets_its_ports_be_used_again() {
    let mut policy = usual();
    for (ends, flags) in [(IN, SYN), (OUT, SYN | ACK), (IN, FIN), (OUT, FIN)] {
        tcp(&mut policy, ends, flags, secs(0));
    }
    assert!(matches!(
        tcp(&mut policy, IN, ACK, secs(1)),
        Decision::Established(_)
    ));
    assert!(matches!(
        tcp(&mut policy, IN, SYN, secs(1)),
        Decision::Tracked(_)
    ));
    assert!(matches!(
        tcp(&mut policy, OUT, SYN | ACK, secs(50)),
        Decision::Established(_)
    ));
}

#[test]
fn a_flood_of_connections_does_not_fill_the_table_for_ever() {
    let mut policy = usual();
    for n in 0..50_000_u32 {
        let port = u16::try_from(1_024 + n % 60_000).expect("a port");
        let at = format!("10.0.0.9:{port}");
        let now = SimTime::ZERO + SimDuration::from_ms(20) * u64::from(n);
        tcp(&mut policy, (&at, "10.0.0.1:80"), SYN, now);
        tcp(&mut policy, (&at, "10.0.0.1:80"), RST, now);
    }
    // Ten seconds at fifty a second live.
    assert!(policy.flows.held() <= 1_001, "{}", policy.flows.held());
}

#[test]
fn the_newest_instances_forget_after_350_seconds() {
    let t = TrackingTimeouts::nitro_v6();
    assert_eq!(t.tcp_established, SimDuration::from_secs(350));
    assert_eq!(t.udp, TrackingTimeouts::default().udp);
}

#[test]
fn two_interfaces_of_a_machine_track_no_more_than_it_may_together() {
    let web = || {
        policy(
            vec![rule(Some(Protocol::Tcp), Some(80), "10.0.0.0/8")],
            vec![],
        )
    };
    let (mut one, mut two) = (web(), web());
    let mut tracked = TrackedConnections::new(Some(2));
    let mut comes = |policy: &mut Policy, src: &str, flags, now| {
        let tuple = tuple(Protocol::Tcp, src, IN.1);
        let packet = packet(tuple, flags, 0);
        policy.admit(Direction::Ingress, &packet, &tuple, secs(now), &mut tracked)
    };
    let opened = |decision| matches!(decision, Decision::Tracked(_));
    assert!(opened(comes(&mut one, "10.0.0.9:1", SYN, 0)));
    assert!(opened(comes(&mut two, "10.0.0.9:2", SYN, 0)));
    for policy in [&mut one, &mut two] {
        let refused = comes(policy, "10.0.0.9:3", SYN, 1);
        assert!(matches!(refused, Decision::Full(_)) && !refused.allows());
    }
    // What is tracked goes on; what begins again keeps its place; what is forgotten makes room.
    let goes_on = comes(&mut one, "10.0.0.9:1", ACK, 1);
    assert!(matches!(goes_on, Decision::Established(_)));
    assert!(goes_on.allows());
    comes(&mut one, "10.0.0.9:1", RST, 2);
    assert!(opened(comes(&mut one, "10.0.0.9:1", SYN, 3)));
    assert!(!comes(&mut two, "10.0.0.9:3", SYN, 4).allows());
    assert!(opened(comes(&mut two, "10.0.0.9:3", SYN, 60)));
}

/// Up to ten seconds.
fn until_ten(rule: RulePlan) -> RulePlan {
    let lifetime = Lifetime {
        from: SimTime::ZERO,
        until: secs(10),
    };
    RulePlan { lifetime, ..rule }
}

#[test]
fn when_its_rule_goes_an_untracked_flow_stops_both_ways_of_asking() {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let open = until_ten(rule(Some(protocol), Some(80), ANYBODY));
        let mut policy = policy(vec![open], vec![rule(None, None, ANYBODY)]);
        let mut at = |ends, flags, now| send(&mut policy, protocol, ends, flags, secs(now));
        assert!(matches!(at(IN, SYN, 1), Decision::Untracked(_)));
        assert!(matches!(at(OUT, SYN | ACK, 1), Decision::Untracked(_)));
        // What the interface still sends does not open the way for the other side again.
        assert!(matches!(at(OUT, ACK, 11), Decision::Untracked(_)));
        assert_eq!(at(IN, ACK, 11), Decision::Denied);
        assert_eq!(at(IN, SYN, 11), Decision::Denied);
    }
}

#[test]
fn when_the_other_directions_rule_goes_an_untracked_tcp_flow_stops_and_new_ones_are_tracked() {
    let to_anybody = rule(Some(Protocol::Tcp), Some(443), ANYBODY);
    let back = until_ten(rule(None, None, ANYBODY));
    let mut policy = policy(vec![back], vec![to_anybody]);
    let ends = |port| (format!("10.0.0.1:{port}"), "9.9.9.9:443".to_owned());
    let mut at = |port, forth: bool, flags, now| {
        let (a, b) = ends(port);
        let pair = if forth { (&a, &b) } else { (&b, &a) };
        tcp(&mut policy, (pair.0, pair.1), flags, secs(now))
    };
    assert!(matches!(at(4_000, true, SYN, 1), Decision::Untracked(_)));
    assert!(matches!(at(4_000, true, ACK, 11), Decision::Untracked(_)));
    assert_eq!(at(4_000, false, ACK, 11), Decision::Denied);
    assert!(matches!(at(4_001, true, SYN, 11), Decision::Tracked(_)));
    assert!(matches!(
        at(4_001, false, SYN | ACK, 11),
        Decision::Established(_)
    ));
}

#[test]
fn a_udp_flow_that_begins_after_rules_have_changed_is_tracked_like_any_other() {
    let open = until_ten(rule(Some(Protocol::Udp), None, ANYBODY));
    let mut policy = policy(vec![open], vec![rule(None, None, ANYBODY)]);
    let mut at = |ends, now| send(&mut policy, Protocol::Udp, ends, 0, secs(now));
    let (ask, answer) = (
        ("10.0.0.1:40000", "9.9.9.9:53"),
        ("9.9.9.9:53", "10.0.0.1:40000"),
    );
    assert!(matches!(at(ask, 11), Decision::Tracked(_)));
    assert!(matches!(at(answer, 11), Decision::Established(_)));
}

#[test]
fn a_connection_that_begins_again_keeps_its_place_whatever_was_denied_in_between() {
    let first = until_ten(rule(Some(Protocol::Tcp), Some(80), "10.0.0.0/8"));
    let lifetime = Lifetime {
        from: secs(11),
        until: SimTime::MAX,
    };
    let second = RulePlan {
        lifetime,
        ..first.clone()
    };
    let mut policy = policy(vec![first, second], vec![]);
    let mut tracked = TrackedConnections::new(Some(1));
    let mut comes = |flags, now| {
        let tuple = tuple(Protocol::Tcp, IN.0, IN.1);
        let packet = packet(tuple, flags, 0);
        policy.admit(Direction::Ingress, &packet, &tuple, secs(now), &mut tracked)
    };
    assert!(matches!(comes(SYN, 8), Decision::Tracked(_)));
    assert!(matches!(comes(RST, 9), Decision::Established(_)));
    assert_eq!(comes(SYN, 10), Decision::Denied);
    assert!(matches!(comes(SYN, 12), Decision::Tracked(_)));
}

#[test]
fn a_tracked_flow_outlives_its_rule() {
    let narrow = until_ten(rule(Some(Protocol::Tcp), Some(80), "10.0.0.0/8"));
    let mut policy = policy(vec![narrow], vec![rule(None, None, ANYBODY)]);
    let begun = tcp(&mut policy, IN, SYN, secs(1));
    let rule = begun.rule().expect("allowed");
    tcp(&mut policy, OUT, SYN | ACK, secs(1));
    assert_eq!(
        tcp(&mut policy, IN, ACK, secs(11)),
        Decision::Established(rule)
    );
    let other = ("10.0.0.9:40001", "10.0.0.1:80");
    assert_eq!(tcp(&mut policy, other, SYN, secs(11)), Decision::Denied);
}

#[test]
fn flows_are_tracked_automatically_by_interface_by_peer_and_through_a_nat_gateway() {
    let open = || vec![rule(None, None, ANYBODY)];
    let first = |auto| tcp(&mut automatic(open(), open(), auto), OUT, SYN, secs(0));
    let table = |target| {
        let route = RoutePlan {
            destination: RouteDestination::Cidr(ANYBODY.parse().expect("a range")),
            target,
            propagated: false,
        };
        let plan = RouteTablePlan {
            vpc: 0,
            id: "rtb".to_owned(),
            name: "rtb".to_owned(),
            routes: vec![route],
        };
        AutoTracking {
            routes: Some(Arc::new(RouteTable::compile(&plan, &[]))),
            ..AutoTracking::default()
        }
    };
    let peers = |peer: &str| AutoTracking {
        peers: Arc::new([peer.parse().expect("an address")]),
        ..AutoTracking::default()
    };
    let always = AutoTracking {
        always: true,
        ..AutoTracking::default()
    };
    for auto in [always, peers("10.0.0.9"), table(RouteTarget::NatGateway(0))] {
        assert!(matches!(first(auto), Decision::Tracked(_)));
    }
    for auto in [
        AutoTracking::default(),
        peers("10.0.0.8"),
        table(RouteTarget::InternetGateway(0)),
    ] {
        assert!(matches!(first(auto), Decision::Untracked(_)));
    }
}

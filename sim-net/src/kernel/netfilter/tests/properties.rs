//! What holds for every sequence of packets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::kernel::netfilter::docker::{self, DockerRules};

/// A host with a published port, so that all translations meet.
fn docker_host(conntrack_max: usize) -> Host {
    let mut host = small(conntrack_max);
    let rules = DockerRules {
        docker0: iface(DOCKER0),
        network: "172.17.0.0/16".parse().expect("a prefix"),
        hairpin: true,
        icc: true,
    };
    docker::install(&mut host.nf, rules);
    for (host_port, container) in [(8080, "172.17.0.2:80"), (8081, "172.17.0.3:80")] {
        let to = container.parse().expect("an address");
        docker::publish(&mut host.nf, rules, Protocol::Tcp, host_port, to);
        docker::publish(&mut host.nf, rules, Protocol::Udp, host_port, to);
    }
    host
}

/// Few addresses and ports, so that flows collide.
fn address() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "10.0.0.5",
        "172.17.0.1",
        "172.17.0.2",
        "172.17.0.3",
        "10.0.0.9",
        "9.9.9.9",
        "127.0.0.1",
    ])
}

fn port() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![80_u16, 8080, 8081, 40_000, 40_001])
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop::sample::select(vec![SYN, SYN_ACK, ACK, RST, 0x11, 0]);
    let protocol = prop::sample::select(vec![
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
        Protocol::Other(47),
    ]);
    (protocol, address(), port(), address(), port(), flags).prop_map(|(p, s, sp, d, dp, flags)| {
        packet(
            tuple(p, &format!("{s}:{sp}"), &format!("{d}:{dp}")),
            flags,
            0,
        )
    })
}

/// The first packet of a conversation with ports.
fn opening_packet() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), address(), port(), address(), port()).prop_map(|(is_tcp, s, sp, d, dp)| {
        let (src, dst) = (format!("{s}:{sp}"), format!("{d}:{dp}"));
        if is_tcp {
            tcp(&src, &dst, SYN)
        } else {
            udp(&src, &dst)
        }
    })
}

#[derive(Clone, Debug)]
enum Step {
    Receive(Vec<u8>, usize),
    Send(Vec<u8>),
    Bridge(Vec<u8>),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any_packet(), 1_usize..3).prop_map(|(p, from)| Step::Receive(p, from)),
        2 => any_packet().prop_map(Step::Send),
        1 => any_packet().prop_map(Step::Bridge),
        1 => (0_u64..200).prop_map(Step::Wait),
    ]
}

fn take(host: &mut Host, step: &Step) {
    match step {
        Step::Receive(p, from) => drop(host.receive(&mut p.clone(), *from)),
        Step::Send(p) => drop(host.send(&mut p.clone())),
        Step::Bridge(p) => drop(host.bridge(&mut p.clone())),
        Step::Wait(seconds) => host.wait(*seconds),
    }
}

proptest! {
    #[test]
    fn no_two_connections_share_a_tuple(steps in prop::collection::vec(any_step(), 0..80)) {
        let mut host = docker_host(1000);
        for step in &steps {
            take(&mut host, step);
            let mut seen = BTreeMap::new();
            for c in host.nf.conntrack().iter() {
                for direction in [Direction::Original, Direction::Reply] {
                    let t = c.tuple(direction);
                    let own = c.tuple(Direction::Original);
                    let before = seen.insert(t, own);
                    prop_assert!(before.is_none_or(|b| b == own), "{t:?} of {before:?} and {own:?}");
                }
            }
        }
    }

    #[test]
    fn the_table_keeps_its_bound(
        steps in prop::collection::vec(any_step(), 0..80),
        bound in 0_usize..6,
    ) {
        let mut host = docker_host(bound);
        for step in &steps {
            take(&mut host, step);
            prop_assert!(host.nf.conntrack().len() <= bound);
            prop_assert_eq!(host.nf.conntrack().iter().count(), host.nf.conntrack().len());
        }
    }

    #[test]
    fn the_answer_to_a_translated_packet_comes_from_where_it_was_sent(
        noise in prop::collection::vec(any_step(), 0..40),
        sent in opening_packet(),
        from in 1_usize..3,
    ) {
        let mut host = docker_host(1000);
        for step in &noise {
            take(&mut host, step);
        }
        let before = ends(&sent);
        let mut there = sent;
        let end = host.receive(&mut there, from);
        if host.last.state() == CtState::Invalid {
            return Ok(());
        }
        let mut back = answer(&there, SYN_ACK);
        let home = match end {
            End::Out(out) => host.receive(&mut back, out),
            End::Socket => host.send(&mut back),
            End::Dropped(_) | End::Rejected(_) => return Ok(()),
        };
        // Where the noise has left the connection in another state, TCP's tracking may find the
        // answer out of turn; it is not translated then.
        if matches!(home, End::Dropped(_)) || host.last.state() == CtState::Invalid {
            return Ok(());
        }
        prop_assert_eq!(ends(&back), before.reversed());
    }

    #[test]
    fn the_same_packets_make_the_same_table(steps in prop::collection::vec(any_step(), 0..60)) {
        let run = || {
            let mut host = docker_host(20);
            for step in &steps {
                take(&mut host, step);
            }
            let table: Vec<_> = host.nf.conntrack().iter().copied().collect();
            (table, host.bill.0)
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn no_octets_make_a_hook_panic(
        mut octets in prop::collection::vec(any::<u8>(), 0..96),
        tame in any::<bool>(),
        protocol in prop::sample::select(vec![1_u8, 6, 17, 47]),
        from in 0_usize..3,
    ) {
        if tame && octets.len() >= 20 {
            octets[0] = 0x40 | (octets[0] & 0x0f);
            octets[9] = protocol;
        }
        let mut host = docker_host(16);
        for hook in [
            Hook::Prerouting,
            Hook::Input,
            Hook::Forward,
            Hook::Output,
            Hook::Postrouting,
        ] {
            let mut state = PacketState::default();
            for next in [hook, Hook::Forward, Hook::Postrouting, Hook::Input] {
                let end = host.hook(next, &mut octets, &mut state, Some(from), Some(ETH0));
                if end.is_err() {
                    break;
                }
            }
        }
        let _ = host.bridge(&mut octets);
    }

    #[test]
    fn a_masqueraded_source_is_told_apart_by_its_port(
        containers in prop::collection::btree_set((2_u8..40, 4000_u16..4010), 1..60),
    ) {
        let mut host = docker_host(1000);
        let mut outside = BTreeSet::new();
        for (last, port) in &containers {
            let mut p = udp(&format!("172.17.0.{last}:{port}"), "9.9.9.9:53");
            prop_assert_eq!(host.receive(&mut p, DOCKER0), End::Out(ETH0));
            prop_assert!(outside.insert(ends(&p).src), "a port was given twice");
            let mut reply = answer(&p, 0);
            prop_assert_eq!(host.receive(&mut reply, ETH0), End::Out(DOCKER0));
            prop_assert_eq!(shown(&reply), format!("9.9.9.9:53 > 172.17.0.{last}:{port}"));
        }
    }
}

/// The price of everything charged, whatever the order.
fn total(bill: &Bill) -> BTreeMap<&'static str, u32> {
    let mut total = BTreeMap::new();
    for (primitive, n) in &bill.0 {
        *total.entry(primitive.name()).or_default() += n;
    }
    total
}

/// A packet that arrives, by the short way where there is one; and whether there was.
fn receive_again(host: &mut Host, p: &mut [u8], from: usize) -> (End, bool) {
    let (now, bill) = (host.now, &mut host.bill);
    match host.nf.forward_again(p, iface(from), now, |_| true, bill) {
        Some(out) => (End::Out(out.index()), true),
        None => (host.receive(p, from), false),
    }
}

#[test]
fn the_third_packet_of_a_direction_goes_the_short_way() {
    let mut host = docker_host(8);
    let client = "10.0.0.9:40000";
    let mut syn = tcp(client, "10.0.0.5:8080", SYN);
    assert!(!receive_again(&mut host, &mut syn, ETH0).1);
    let mut answer = answer(&syn, SYN_ACK);
    assert!(!receive_again(&mut host, &mut answer, DOCKER0).1);
    for short in [false, true, true] {
        let mut ack = tcp(client, "10.0.0.5:8080", ACK);
        let end = receive_again(&mut host, &mut ack, ETH0);
        assert_eq!(end, (End::Out(DOCKER0), short));
        assert_eq!(shown(&ack), "10.0.0.9:40000 > 172.17.0.2:80");
    }
    // Another rule may say something else.
    let forward = host.nf.builtin(Table::Filter, Hook::Forward);
    host.nf
        .insert(forward, 0, Rule::new(Match::any(), Target::Drop));
    let mut ack = tcp(client, "10.0.0.5:8080", ACK);
    let dropped = End::Dropped(DropReason::FilterForward);
    assert_eq!(receive_again(&mut host, &mut ack, ETH0), (dropped, false));
}

proptest! {
    /// What goes the short way ends, looks and costs as what goes hook by hook.
    #[test]
    fn forwarding_again_is_forwarding(
        flows in prop::collection::vec((any_packet(), 0..3_usize), 1..6),
        steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0..3_usize, 0..40_u64), 1..60),
    ) {
        let (mut long, mut short) = (docker_host(8), docker_host(8));
        let flags = [ACK, ACK, SYN_ACK];
        let mut answers: Vec<Option<(Vec<u8>, usize)>> = vec![None; flows.len()];
        for (flow, answered, kind, wait) in steps {
            let at = flow.index(flows.len());
            let (p, from) = match &answers[at] {
                Some((p, from)) if answered => (answer(p, flags[kind]), *from),
                _ => flows[at].clone(),
            };
            long.wait(wait);
            short.wait(wait);
            let (mut a, mut b) = (p.clone(), p);
            let end = long.receive(&mut a, from);
            prop_assert_eq!(receive_again(&mut short, &mut b, from).0, end);
            prop_assert_eq!(&a, &b);
            prop_assert_eq!(total(&long.bill), total(&short.bill));
            let connections = |host: &Host| format!("{:?}", host.nf.conntrack().iter().collect::<Vec<_>>());
            prop_assert_eq!(connections(&long), connections(&short));
            if let End::Out(out) = end && !answered {
                answers[at] = Some((a, out));
            }
        }
    }
}

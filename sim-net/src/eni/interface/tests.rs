use std::net::SocketAddrV4;

use proptest::prelude::*;
use sim_core::{DataRate, PacketRate, SimDuration};

use super::*;
use crate::eni::{AllowancePlan, FastPeers, PacketRatePlan, ShaperPlan};
use crate::frame::FrameMeta;
use crate::headers::Protocol;
use crate::headers::tests::{packet, tuple};
use crate::ids::FlowTag;
use crate::vpc::{GroupMembers, Lifetime, PeerPlan, RulePlan, SecurityGroupPlan};

const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// A UDP packet of `len` octets from one port of ours, or for us.
fn udp(direction: Direction, port: u16, len: usize) -> Frame {
    let (ours, theirs) = (SocketAddrV4::new(US, port), SocketAddrV4::new(PEER, 9));
    let (src, dst) = match direction {
        Direction::Egress => (ours, theirs),
        Direction::Ingress => (theirs, ours),
    };
    let tuple = FiveTuple {
        protocol: Protocol::Udp,
        src,
        dst,
    };
    let data = packet(tuple, 0, len - 28);
    Frame::new(data, FrameMeta::new(FlowTag::new(0), SimTime::ZERO))
}

fn out(port: u16, len: usize) -> Frame {
    udp(Direction::Egress, port, len)
}

fn us(us: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_us(us)
}

fn ideal() -> EniPlan {
    EniPlan::ideal(US, Mac::default(), 9_001)
}

fn gbps(rate: u64) -> DataRate {
    DataRate::from_gbps(rate)
}

fn link(rate: u64) -> Allowance {
    Allowance::new(&AllowancePlan::link(gbps(rate)))
}

fn instance(rate: u64) -> Allowance {
    Allowance::new(&AllowancePlan::instance(ShaperPlan::constant(gbps(rate))))
}

fn rules(ports: std::ops::RangeInclusive<u16>) -> Arc<EniRules> {
    let rule = RulePlan {
        id: "sgr-test".to_owned(),
        protocol: Some(Protocol::Udp),
        ports,
        peer: PeerPlan::Cidr("10.0.0.0/8".parse().expect("a range")),
        lifetime: Lifetime::ALWAYS,
    };
    let (id, name) = ("sg-test".to_owned(), "test".to_owned());
    let group = SecurityGroupPlan {
        vpc: 0,
        id,
        name,
        ingress: vec![rule.clone()],
        egress: vec![rule],
    };
    Arc::new(EniRules::compile(
        &[group],
        &[0],
        &GroupMembers::new(1, []),
        &[],
    ))
}

#[test]
fn an_ideal_interface_adds_no_time() {
    let mut eni = Eni::new(&ideal());
    let mut allowance = Allowance::new(&AllowancePlan::IDEAL);
    for n in 0..3 {
        let sent = eni.egress(&mut allowance, us(n), &out(1, 9_001));
        assert_eq!(sent, EgressOutcome::Depart(us(n)));
        let got = eni.ingress(&mut allowance, us(n), &udp(Direction::Ingress, 1, 9_001));
        assert_eq!(got, IngressOutcome::Arrive(us(n)));
    }
    assert_eq!(eni.backlog(us(0)), ByteSize::ZERO);
}

#[test]
fn a_plain_link_sends_at_its_rate_and_holds_as_many_packets_as_its_queue() {
    let mut eni = Eni::new(&EniPlan {
        tx_queue: QueueLimit::packets(1_000),
        ..ideal()
    });
    let mut allowance = link(10);
    // 1500 octets are 1538 on the wire: 1230.4 ns.
    for n in 1..=1_000 {
        let at = SimTime::from_ps(1_230_400 * n);
        assert_eq!(
            eni.egress(&mut allowance, us(0), &out(1, 1_500)),
            EgressOutcome::Depart(at)
        );
    }
    let full = EgressOutcome::Drop(DropReason::TxQueueFull);
    assert_eq!(eni.egress(&mut allowance, us(0), &out(1, 1_500)), full);
    assert_eq!(eni.backlog(us(0)).bytes(), 1_538_000);
    let first_left = SimTime::from_ps(1_230_400);
    assert_eq!(
        eni.egress(&mut allowance, first_left, &out(1, 1_500)),
        EgressOutcome::Depart(SimTime::from_ps(1_230_400 * 1_001))
    );
    let half = ByteSize::from_bytes(1_538 * 500);
    assert_eq!(
        eni.drain_time(first_left, half),
        SimTime::from_ps(1_230_400 * 501)
    );
}

#[test]
fn an_allowance_counts_frames_without_preamble_and_gap() {
    let mut eni = Eni::new(&ideal());
    let at = SimTime::from_ps(1_514 * 800);
    assert_eq!(
        eni.egress(&mut instance(10), us(0), &out(1, 1_500)),
        EgressOutcome::Depart(at)
    );
}

#[test]
fn a_full_queue_has_the_name_that_aws_gives_it() {
    let one = QueueLimit::packets(1);
    let mut eni = Eni::new(&EniPlan {
        tx_queue: one,
        rx_queue: one,
        ..ideal()
    });
    let mut allowance = instance(1);
    let frame = udp(Direction::Ingress, 1, 1_500);
    for _ in 0..2 {
        eni.ingress(&mut allowance, us(100), &frame);
    }
    assert_eq!(
        eni.ingress(&mut allowance, us(100), &frame),
        IngressOutcome::Drop(DropReason::BwInAllowance)
    );
    eni.egress(&mut allowance, us(100), &out(1, 1_500));
    assert_eq!(
        eni.egress(&mut allowance, us(100), &out(1, 1_500)),
        EgressOutcome::Drop(DropReason::BwOutAllowance)
    );
}

#[test]
fn interfaces_share_the_rate_and_not_the_queue() {
    let plan = EniPlan {
        tx_queue: QueueLimit::packets(2),
        ..ideal()
    };
    let (mut a, mut b) = (Eni::new(&plan), Eni::new(&plan));
    let mut allowance = link(10);
    let frame = out(1, 1_212);
    let sent = [
        a.egress(&mut allowance, us(0), &frame),
        a.egress(&mut allowance, us(0), &frame),
        a.egress(&mut allowance, us(0), &frame),
        b.egress(&mut allowance, us(0), &frame),
    ];
    let full = EgressOutcome::Drop(DropReason::TxQueueFull);
    let depart = |us_| EgressOutcome::Depart(us(us_));
    assert_eq!(sent, [depart(1), depart(2), full, depart(3)]);
}

#[test]
fn senders_that_converge_are_spaced_at_the_receiver() {
    let mut eni = Eni::new(&ideal());
    let mut allowance = link(10);
    let frame = udp(Direction::Ingress, 1, 1_212);
    let mut arrive = |at| eni.ingress(&mut allowance, at, &frame);
    assert_eq!(
        arrive(us(10)),
        IngressOutcome::Arrive(us(10)),
        "an idle link adds nothing"
    );
    assert_eq!(arrive(us(10)), IngressOutcome::Arrive(us(11)));
    assert_eq!(arrive(us(11)), IngressOutcome::Arrive(us(12)));
    assert_eq!(arrive(us(20)), IngressOutcome::Arrive(us(20)));
}

#[test]
fn each_check_drops_with_its_own_reason() {
    let mut allowance = Allowance::new(&AllowancePlan::IDEAL);
    let mut sends =
        |plan: &EniPlan, frame: &Frame| match Eni::new(plan).egress(&mut allowance, us(0), frame) {
            EgressOutcome::Drop(reason) => Some(reason),
            _ => None,
        };
    let good = out(53, 1_500);
    let other_source = EniPlan {
        addr: PEER,
        ..ideal()
    };
    assert_eq!(sends(&other_source, &good), None, "the check is off");
    let checked = EniPlan {
        source_dest_check: true,
        ..other_source
    };
    assert_eq!(sends(&checked, &good), Some(DropReason::SourceCheck));
    let small = EniPlan {
        mtu: 1_499,
        ..ideal()
    };
    assert_eq!(sends(&small, &good), Some(DropReason::TooBig));
    let closed = EniPlan {
        rules: Some(rules(10..=20)),
        ..ideal()
    };
    assert_eq!(sends(&closed, &good), Some(DropReason::SecurityGroupEgress));
    let open = EniPlan {
        rules: Some(rules(9..=9)),
        ..ideal()
    };
    assert_eq!(sends(&open, &good), None);
    let mut broken = good;
    broken.data.truncate(22);
    assert_eq!(sends(&ideal(), &broken), Some(DropReason::Malformed));
}

#[test]
fn what_comes_in_is_checked_too() {
    let mut allowance = Allowance::new(&AllowancePlan::IDEAL);
    let mut takes = |plan: &EniPlan, frame: &Frame| match Eni::new(plan).ingress(
        &mut allowance,
        us(0),
        frame,
    ) {
        IngressOutcome::Drop(reason) => Some(reason),
        IngressOutcome::Arrive(_) => None,
    };
    let frame = udp(Direction::Ingress, 53, 100);
    assert_eq!(takes(&ideal(), &frame), None);
    let checked = EniPlan {
        addr: PEER,
        source_dest_check: true,
        ..ideal()
    };
    assert_eq!(takes(&checked, &frame), Some(DropReason::DestinationCheck));
    let closed = EniPlan {
        rules: Some(rules(54..=99)),
        ..ideal()
    };
    assert_eq!(
        takes(&closed, &frame),
        Some(DropReason::SecurityGroupIngress)
    );
    let open = EniPlan {
        rules: Some(rules(53..=53)),
        ..ideal()
    };
    assert_eq!(takes(&open, &frame), None);
}

#[test]
fn a_packet_that_a_group_denies_takes_nothing_from_the_allowance() {
    let mut eni = Eni::new(&EniPlan {
        rules: Some(rules(53..=53)),
        ..ideal()
    });
    let mut allowance = link(10);
    for _ in 0..5 {
        eni.ingress(&mut allowance, us(10), &udp(Direction::Ingress, 99, 1_500));
    }
    let good = eni.ingress(&mut allowance, us(10), &udp(Direction::Ingress, 53, 1_500));
    assert_eq!(good, IngressOutcome::Arrive(us(10)));
}

#[test]
fn an_explanation_names_the_rule() {
    let mut eni = Eni::new(&EniPlan {
        rules: Some(rules(9..=53)),
        ..ideal()
    });
    let mut allowance = Allowance::new(&AllowancePlan::IDEAL);
    let (query, reply) = (out(5, 100), udp(Direction::Ingress, 5, 100));
    let says = |eni: &Eni, way, frame: &Frame| eni.explain(way, &frame.data, us(0));
    assert_eq!(
        says(&eni, Direction::Ingress, &reply),
        Some(Decision::Denied)
    );
    let asked = says(&eni, Direction::Egress, &query).expect("there are groups");
    assert!(matches!(asked, Decision::Tracked(_)));
    eni.egress(&mut allowance, us(0), &query);
    let replied = says(&eni, Direction::Ingress, &reply).expect("there are groups");
    assert_eq!(
        replied,
        Decision::Established(asked.rule().expect("a rule"))
    );
    assert_eq!(
        Eni::new(&ideal()).explain(Direction::Egress, &query.data, us(0)),
        None
    );
}

#[test]
fn a_packet_rate_counts_both_directions() {
    let rate = PacketRate::per_second(1_000).expect("not zero");
    let packets = Some(PacketRatePlan { rate, burst: 2 });
    let mut allowance = Allowance::new(&AllowancePlan {
        packets,
        ..AllowancePlan::IDEAL
    });
    let mut eni = Eni::new(&ideal());
    eni.egress(&mut allowance, us(0), &out(1, 100));
    eni.ingress(&mut allowance, us(0), &udp(Direction::Ingress, 1, 100));
    assert_eq!(
        eni.egress(&mut allowance, us(0), &out(1, 100)),
        EgressOutcome::Drop(DropReason::PpsAllowance)
    );
    assert_eq!(
        eni.egress(&mut allowance, us(1_000), &out(1, 100)),
        EgressOutcome::Depart(us(1_000))
    );
}

fn limited(rate: u64, max_wait: u64) -> EniPlan {
    let max_wait = SimDuration::from_us(max_wait);
    let limit = FlowLimitPlan {
        max_wait,
        ..FlowLimitPlan::new(gbps(rate))
    };
    EniPlan {
        flow_limit: Some(limit),
        ..ideal()
    }
}

#[test]
fn a_flow_above_its_limit_waits_its_turn_and_then_drops() {
    let mut eni = Eni::new(&limited(5, 4));
    let mut allowance = instance(10);
    // 1236 + 14 octets: 1 us at 10 Gbit/s, 2 us at 5.
    let frame = out(1, 1_236);
    let sent: Vec<_> = (0..4)
        .map(|_| eni.egress(&mut allowance, us(0), &frame))
        .collect();
    let hold = |at| EgressOutcome::Hold { until: us(at) };
    let dropped = EgressOutcome::Drop(DropReason::FlowLimit);
    assert_eq!(
        sent,
        [EgressOutcome::Depart(us(1)), hold(2), hold(4), dropped]
    );
    let other_flow = eni.egress(&mut allowance, us(0), &out(2, 1_236));
    assert_eq!(
        other_flow,
        EgressOutcome::Depart(us(2)),
        "another flow is free"
    );
    assert_eq!(
        eni.release(&mut allowance, us(2), &frame),
        EgressOutcome::Depart(us(3))
    );
    assert_eq!(
        eni.release(&mut allowance, us(4), &frame),
        EgressOutcome::Depart(us(5))
    );
    assert_eq!(
        eni.egress(&mut allowance, us(6), &frame),
        EgressOutcome::Depart(us(7))
    );
}

#[test]
fn a_limit_that_the_peak_cannot_reach_holds_nothing() {
    let mut eni = Eni::new(&limited(10, 100));
    let mut allowance = instance(10);
    for n in 1..=10 {
        let sent = eni.egress(&mut allowance, us(0), &out(1, 1_236));
        assert_eq!(sent, EgressOutcome::Depart(us(n)));
    }
    assert_eq!(eni.flow_limit.as_ref().expect("there is one").held(), 0);
}

#[test]
fn a_peer_of_the_placement_group_has_the_higher_limit() {
    let held_until = |fast_peers| {
        let limit = FlowLimitPlan {
            fast_peers,
            ..FlowLimitPlan::new(gbps(5))
        };
        let mut eni = Eni::new(&EniPlan {
            flow_limit: Some(limit),
            ..ideal()
        });
        let mut allowance = instance(25);
        eni.egress(&mut allowance, us(0), &out(1, 1_236));
        eni.egress(&mut allowance, us(0), &out(1, 1_236))
    };
    let hold = |at| EgressOutcome::Hold { until: us(at) };
    let stranger = Ipv4Addr::new(10, 0, 0, 3);
    assert_eq!(held_until(None), hold(2));
    assert_eq!(
        held_until(Some(FastPeers::new(gbps(10), [stranger]))),
        hold(2)
    );
    assert_eq!(
        held_until(Some(FastPeers::new(gbps(10), [stranger, PEER]))),
        hold(1)
    );
    let all = EgressOutcome::Depart(SimTime::from_ps(800_000));
    assert_eq!(held_until(Some(FastPeers::new(gbps(25), [PEER]))), all);
}

#[test]
fn the_router_passes_packets_on_and_a_neighbour_keeps_them() {
    let router = Ipv4Addr::new(10, 0, 0, 254);
    let eni = Eni::new(&EniPlan {
        router: Some(router),
        ..ideal()
    });
    let far = Ipv4Addr::new(192, 0, 2, 1);
    assert_eq!(eni.resolve(router, far), far);
    assert_eq!(eni.resolve(Ipv4Addr::UNSPECIFIED, far), far);
    assert_eq!(eni.resolve(PEER, far), PEER);
}

#[test]
fn an_interface_of_ec2_has_the_documented_numbers() {
    let eni = EniPlan::vpc(US, Mac::default());
    assert_eq!(eni.mtu, 9_001);
    assert!(eni.source_dest_check);
    assert_eq!(eni.tx_queue, QueueLimit::packets(1_024));
    let made = Eni::new(&eni);
    assert_eq!(
        (made.addr(), made.mac(), made.mtu()),
        (US, Mac::default(), 9_001)
    );
}

proptest! {
    /// One flow through the limit and the allowance: order is kept, no window passes more than the
    /// limit allows, and every frame departs or is dropped once.
    #[test]
    fn a_limited_flow_keeps_its_order_and_its_rate(
        offers in proptest::collection::vec((0..3_000_u64, 64..9_001_usize), 1..120),
        max_wait in 0..40_u64,
    ) {
        let mut eni = Eni::new(&limited(5, max_wait));
        let mut allowance = instance(25);
        let mut now = SimTime::ZERO;
        let (mut calls, mut dropped) = (Vec::new(), 0);
        for (number, (gap, len)) in offers.iter().copied().enumerate() {
            now += SimDuration::from_ns(gap);
            calls.push((now, true, number, len));
        }
        let mut released = Vec::new();
        // Calls in the order of their times; a held frame is offered before a new one.
        while let Some(index) = (0..calls.len()).min_by_key(|i| (calls[*i].0, calls[*i].1)) {
            let (at, new, number, len) = calls.remove(index);
            let frame = out(1, len);
            let outcome = if new {
                eni.egress(&mut allowance, at, &frame)
            } else {
                eni.release(&mut allowance, at, &frame)
            };
            match outcome {
                EgressOutcome::Depart(departs) => released.push((number, at, departs, len)),
                EgressOutcome::Hold { until } => {
                    prop_assert!(new && until > at);
                    prop_assert!(until - at <= SimDuration::from_us(max_wait));
                    calls.push((until, false, number, len));
                }
                EgressOutcome::Drop(reason) => {
                    prop_assert_eq!(reason, DropReason::FlowLimit);
                    dropped += 1;
                }
            }
        }
        prop_assert_eq!(released.len() + dropped, offers.len());
        prop_assert!(released.is_sorted_by_key(|(number, ..)| *number));
        prop_assert!(released.is_sorted_by_key(|(_, _, departs, _)| *departs));
        for (index, (_, first, ..)) in released.iter().enumerate() {
            let mut before = 0_u64;
            for (_, at, _, len) in &released[index..] {
                let earned = u128::from((*at - *first).as_ps()) * 5_000_000_000;
                prop_assert!(u128::from(before) * 8 * 1_000_000_000_000 <= earned);
                before += (*len + 14) as u64;
            }
        }
    }
}

#[test]
fn a_held_frame_waits_outside_the_transmit_queue() {
    let mut eni = Eni::new(&limited(5, 100));
    let mut allowance = instance(10);
    for _ in 0..5 {
        eni.egress(&mut allowance, us(0), &out(1, 1_236));
    }
    assert_eq!(eni.backlog(us(0)).bytes(), 1_250);
}

#[test]
fn tcp_and_udp_of_the_same_ports_are_two_flows() {
    let mut eni = Eni::new(&limited(5, 100));
    let mut allowance = Allowance::new(&AllowancePlan::IDEAL);
    let udp = out(1, 1_236);
    let tcp = packet(
        tuple(Protocol::Tcp, "10.0.0.1:1", "10.0.0.2:9"),
        0x10,
        1_000,
    );
    let tcp = Frame::new(tcp, udp.meta);
    assert_eq!(
        eni.egress(&mut allowance, us(0), &udp),
        EgressOutcome::Depart(us(0))
    );
    assert_eq!(
        eni.egress(&mut allowance, us(0), &tcp),
        EgressOutcome::Depart(us(0))
    );
    assert!(matches!(
        eni.egress(&mut allowance, us(0), &tcp),
        EgressOutcome::Hold { .. }
    ));
}

#[test]
fn what_goes_through_an_internet_gateway_waits_for_its_limit_and_delays_nobody() {
    let mut allowance = Allowance::new(&AllowancePlan {
        internet: Some(gbps(1)),
        ..AllowancePlan::instance(ShaperPlan::constant(gbps(10)))
    });
    let mut eni = Eni::new(&ideal());
    let outside = |direction| {
        // 1,250 octets with the Ethernet header: 10 us at 1 Gbit/s, 1 us at 10 Gbit/s.
        let mut frame = udp(direction, 1, 1_236);
        frame.meta.internet = true;
        frame
    };
    let first = outside(Direction::Egress);
    let sent = eni.egress(&mut allowance, us(0), &first);
    assert_eq!(sent, EgressOutcome::Depart(us(1)));
    for n in 1..1_024 {
        let held = eni.egress(&mut allowance, us(0), &first);
        assert_eq!(held, EgressOutcome::Hold { until: us(10 * n) });
    }
    let full = eni.egress(&mut allowance, us(0), &first);
    assert_eq!(full, EgressOutcome::Drop(DropReason::BwOutAllowance));
    let inside = eni.egress(&mut allowance, us(1), &out(2, 1_236));
    assert_eq!(inside, EgressOutcome::Depart(us(2)));
    let released = eni.release(&mut allowance, us(10), &first);
    assert_eq!(released, EgressOutcome::Depart(us(11)));

    // The first one waits for nothing.
    let came = outside(Direction::Ingress);
    for n in 0..=1_024 {
        let got = eni.ingress(&mut allowance, us(100), &came);
        assert_eq!(got, IngressOutcome::Arrive(us(100 + 10 * n)));
    }
    let full = eni.ingress(&mut allowance, us(100), &came);
    assert_eq!(full, IngressOutcome::Drop(DropReason::BwInAllowance));
}

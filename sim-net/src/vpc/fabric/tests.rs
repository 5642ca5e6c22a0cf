use proptest::prelude::*;

use sim_core::{SimTime, Streams};

use super::*;
use crate::headers::tests::{packet, tuple};
use crate::headers::{self, Protocol};
use crate::verdict::DropReason;
use crate::vpc::{
    InternetGatewayPlan, JitterPlan, RouteDestination, RoutePlan, RouteTablePlan, RouteTarget,
    SubnetPlan, VpcPlan,
};

fn vpc(zone: usize, placement_group: Option<u32>) -> Location {
    Location::Vpc {
        subnet: zone,
        zone,
        placement_group,
    }
}

pub(super) fn inside(index: usize) -> Ipv4Addr {
    // The second address is the resolver's.
    Ipv4Addr::new(10, 0, 0, u8::try_from(index + 4).expect("few interfaces"))
}

pub(super) fn outside(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(198, 19, 0, u8::try_from(index).expect("few interfaces"))
}

pub(super) fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a range")
}

/// One VPC with an internet gateway and a subnet in each of three zones.
pub(super) fn region() -> RegionPlan {
    let route = |destination, target| RoutePlan {
        destination: RouteDestination::Cidr(net(destination)),
        target,
        propagated: false,
    };
    let (id, name) = (|| "test".to_owned(), || "test".to_owned());
    let subnet = |zone| SubnetPlan {
        vpc: 0,
        id: id(),
        name: name(),
        cidr: net(&format!("10.0.{}.0/24", zone + 1)),
        zone,
        route_table: Some(0),
        network_acl: None,
    };
    RegionPlan {
        vpcs: vec![VpcPlan {
            id: id(),
            name: name(),
            cidrs: vec![net("10.0.0.0/16")],
            dns_support: true,
        }],
        subnets: (0..3).map(subnet).collect(),
        route_tables: vec![RouteTablePlan {
            vpc: 0,
            id: id(),
            name: name(),
            routes: vec![
                route("10.0.0.0/16", RouteTarget::Local),
                route("0.0.0.0/0", RouteTarget::InternetGateway(0)),
            ],
        }],
        internet_gateways: vec![InternetGatewayPlan {
            vpc: 0,
            id: id(),
            name: name(),
        }],
        ..RegionPlan::default()
    }
}

fn endpoints(locations: &[Location]) -> Vec<Endpoint> {
    let mixed = locations.iter().any(|location| location.is_outside());
    let endpoint = |(index, location): (usize, &Location)| Endpoint {
        partition: PartitionId::new(index),
        eni: EniId::new(0),
        addr: if location.is_outside() {
            outside(index)
        } else {
            inside(index)
        },
        // Nobody needs one where nobody is outside.
        public: (mixed && !location.is_outside()).then(|| outside(index)),
        location: *location,
        metadata: true,
    };
    locations.iter().enumerate().map(endpoint).collect()
}

fn fabric(locations: &[Location], jitter: Option<JitterPlan>, loss: Ratio) -> Fabric {
    let mut region = region();
    region.latency.jitter = jitter;
    region.loss = loss;
    Fabric::new(&region, endpoints(locations), Vec::new()).expect("a fabric")
}

fn port(_: &Fabric, index: usize) -> FabricPort {
    let me = EndpointId::new(index);
    FabricPort::new(me, &Streams::new(7), &format!("eni-{index}"))
}

/// The address at which one interface finds another.
fn addr(fabric: &Fabric, port: &FabricPort, to: usize) -> Ipv4Addr {
    let to = fabric.endpoint(EndpointId::new(to));
    if fabric.endpoint(port.endpoint()).location.is_outside() {
        to.public.unwrap_or(to.addr)
    } else {
        to.addr
    }
}

fn send(
    port: &mut FabricPort,
    fabric: &Fabric,
    departs: SimTime,
    (dst, len): (Ipv4Addr, usize),
) -> Transit {
    let src = fabric.endpoint(port.endpoint()).addr;
    let tuple = tuple(Protocol::Udp, &format!("{src}:7"), &format!("{dst}:9"));
    port.transit(fabric, departs, dst, &packet(tuple, 0, len - 28))
}

/// Time in the fabric of a packet that leaves at `departs`.
fn delay(port: &mut FabricPort, fabric: &Fabric, departs: SimTime, to: usize) -> SimDuration {
    let dst = addr(fabric, port, to);
    match send(port, fabric, departs, (dst, 1_500)) {
        Transit::Arrive { at, .. } => at - departs,
        Transit::Drop(reason) => panic!("dropped: {reason:?}"),
    }
}

fn us(us: u64) -> SimDuration {
    SimDuration::from_us(us)
}

#[test]
fn latency_follows_placement() {
    let places = [
        vpc(0, Some(1)),
        vpc(0, Some(1)),
        vpc(0, Some(2)),
        vpc(0, None),
        vpc(1, Some(1)),
        Location::Internet,
    ];
    let fabric = fabric(&places, None, Ratio::ZERO);
    let mut port = port(&fabric, 0);
    let expected = [us(18), us(75), us(75), us(400), SimDuration::from_ms(10)];
    for (to, expected) in (1..).zip(expected) {
        assert_eq!(
            delay(&mut port, &fabric, SimTime::ZERO, to),
            expected,
            "to {to}"
        );
    }
}

#[test]
fn it_names_the_machine_and_the_interface() {
    let mut all = endpoints(&[vpc(0, None), vpc(0, None)]);
    all[1].partition = PartitionId::new(9);
    all[1].eni = EniId::new(3);
    let mut region = region();
    region.latency.jitter = None;
    let fabric = Fabric::new(&region, all, Vec::new()).expect("a fabric");
    let got = send(
        &mut port(&fabric, 0),
        &fabric,
        SimTime::ZERO,
        (inside(1), 100),
    );
    let at = SimTime::ZERO + us(75);
    assert_eq!(
        got,
        Transit::Arrive {
            machine: PartitionId::new(9),
            eni: EniId::new(3),
            at,
            translation: Translation::default(),
            internet: false,
        }
    );
}

#[test]
fn what_cannot_arrive_is_dropped_with_a_reason() {
    let fabric = fabric(
        &[vpc(0, None), Location::Internet, vpc(0, None)],
        None,
        Ratio::ZERO,
    );
    let mut port = port(&fabric, 0);
    let mut sent = |to, len| send(&mut port, &fabric, SimTime::ZERO, (to, len));
    assert_eq!(
        sent(inside(77), 100),
        Transit::Drop(DropReason::FabricNoRoute)
    );
    assert_eq!(sent(outside(1), 1_501), Transit::Drop(DropReason::TooBig));
    assert!(matches!(sent(outside(1), 1_500), Transit::Arrive { .. }));
    assert!(matches!(sent(inside(2), 9_001), Transit::Arrive { .. }));
    assert_eq!(sent(inside(2), 9_002), Transit::Drop(DropReason::TooBig));
}

#[test]
fn an_address_twice_and_a_latency_of_zero_are_refused() {
    let mut twice = endpoints(&[vpc(0, None), vpc(0, None)]);
    twice[1].addr = twice[0].addr;
    let error = Fabric::new(&region(), twice, Vec::new()).expect_err("twice");
    insta::assert_snapshot!(error, @"two network interfaces have the address 10.0.0.4");
    let mut zero = region();
    zero.latency.cross_zone = SimDuration::ZERO;
    let error = Fabric::new(&zero, [], Vec::new()).expect_err("zero");
    insta::assert_snapshot!(error, @"the latency `cross_zone` is zero; the smallest is 1 ps");
}

#[test]
fn losses_are_as_frequent_as_the_plan_says() {
    let fabric = fabric(&[vpc(0, None), vpc(0, None)], None, Ratio::from_percent(1));
    let mut port = port(&fabric, 0);
    let lost = (0..100_000_u64)
        .filter(|n| {
            let sent = send(&mut port, &fabric, SimTime::from_ps(*n), (inside(1), 100));
            sent == Transit::Drop(DropReason::LinkLoss)
        })
        .count();
    // 1000 expected, standard deviation 31.
    assert!((880..1_120).contains(&lost), "{lost}");
}

/// Draws far enough apart to be independent: the median and the mean are those of the plan.
#[test]
fn jitter_is_log_normal_on_top_of_the_latency() {
    let fabric = fabric(
        &[vpc(0, None), vpc(0, None)],
        Some(JitterPlan::default()),
        Ratio::ZERO,
    );
    let mut port = port(&fabric, 0);
    let mut extra: Vec<_> = (0..40_000)
        .map(|n| {
            let departs = SimTime::ZERO + SimDuration::from_ms(100) * n;
            (delay(&mut port, &fabric, departs, 1) - us(75)).as_ps()
        })
        .collect();
    extra.sort_unstable();
    let median = extra[extra.len() / 2];
    assert!(
        median.abs_diff(6_000_000) < 150_000,
        "8 % of 75 us, not {median} ps"
    );
    let mean = extra.iter().sum::<u64>() / extra.len() as u64;
    assert!(
        mean.abs_diff(9_892_000) < 400_000,
        "sqrt(e) times the median, not {mean} ps"
    );
}

#[test]
fn frames_close_to_each_other_share_a_draw() {
    let places = [vpc(0, None), vpc(0, None)];
    let at = |ns| SimTime::ZERO + SimDuration::from_ns(ns);
    let delays = |coherence| {
        let jitter = JitterPlan {
            coherence,
            ..JitterPlan::default()
        };
        let fabric = fabric(&places, Some(jitter), Ratio::ZERO);
        let mut port = port(&fabric, 0);
        [0, 99_999, 400_000].map(|ns| delay(&mut port, &fabric, at(ns), 1))
    };
    let [first, second, third] = delays(us(100));
    assert_eq!(first, second);
    assert_ne!(second, third);
    let [first, second, _] = delays(SimDuration::ZERO);
    assert_ne!(first, second, "a draw for every frame");
}

#[test]
fn every_option_of_the_jitter_changes_the_delay() {
    let places = [vpc(0, None), vpc(0, None)];
    let with = |jitter| {
        let fabric = fabric(&places, jitter, Ratio::ZERO);
        delay(&mut port(&fabric, 0), &fabric, SimTime::ZERO, 1)
    };
    let plan = JitterPlan::default();
    let off = with(None);
    let on = with(Some(plan));
    assert_eq!(off, us(75));
    assert_ne!(on, off);
    assert_ne!(
        with(Some(JitterPlan {
            median: Ratio::from_percent(1),
            ..plan
        })),
        on
    );
    assert_ne!(
        with(Some(JitterPlan {
            sigma: Ratio::from_percent(10),
            ..plan
        })),
        on
    );
}

#[test]
fn another_interface_changes_nobody_elses_draws() {
    let jitter = Some(JitterPlan::default());
    let few = fabric(
        &[vpc(0, None), vpc(1, None)],
        jitter,
        Ratio::from_percent(5),
    );
    let many = fabric(
        &[vpc(0, None), vpc(1, None), vpc(0, None)],
        jitter,
        Ratio::from_percent(5),
    );
    let (mut alone, mut among) = (port(&few, 0), port(&many, 0));
    let mut third = port(&many, 2);
    for n in 0..500 {
        let departs = SimTime::ZERO + us(150) * n;
        send(&mut third, &many, departs, (inside(1), 100));
        assert_eq!(
            send(&mut alone, &few, departs, (inside(1), 100)),
            send(&mut among, &many, departs, (inside(1), 100))
        );
    }
}

fn places() -> impl Strategy<Value = Location> {
    prop_oneof![
        6 => (0..3_usize, proptest::option::of(0..3_u32)).prop_map(|(zone, group)| vpc(zone, group)),
        1 => Just(Location::Internet),
    ]
}

proptest! {
    #[test]
    fn the_lookahead_is_the_smallest_latency_there_is(
        locations in proptest::collection::vec(places(), 2..12),
        jitter in any::<bool>(),
    ) {
        let fabric = fabric(&locations, jitter.then(JitterPlan::default), Ratio::ZERO);
        let mut smallest = SimDuration::MAX;
        let way = |from: usize, to: usize| {
            let dst = addr(&fabric, &port(&fabric, from), to);
            fabric.path(EndpointId::new(from), dst).way.expect("a way")
        };
        for from in 0..locations.len() {
            let mut port = port(&fabric, from);
            for to in (0..locations.len()).filter(|to| *to != from) {
                let latency = way(from, to).latency;
                prop_assert_eq!(latency, way(to, from).latency);
                smallest = smallest.min(latency);
                for n in 0..4 {
                    let departs = SimTime::ZERO + us(70) * n;
                    prop_assert!(delay(&mut port, &fabric, departs, to) >= latency);
                }
            }
        }
        prop_assert_eq!(fabric.min_latency(), smallest);
    }

    #[test]
    fn jitter_never_reorders_a_pair(
        sends in proptest::collection::vec((0..300_u64, 1..4_usize), 1..300),
        coherence in 0..200_u64,
    ) {
        let jitter = JitterPlan {
            sigma: Ratio::from_percent(200),
            coherence: us(coherence),
            ..JitterPlan::default()
        };
        let places = [vpc(0, None), vpc(0, None), vpc(1, None), vpc(0, None)];
        let fabric = fabric(&places, Some(jitter), Ratio::ZERO);
        let mut port = port(&fabric, 0);
        let mut now = SimTime::ZERO;
        let mut last = [SimTime::ZERO; 4];
        for (gap, to) in sends {
            now += us(gap);
            let arrival = now + delay(&mut port, &fabric, now, to);
            prop_assert!(arrival >= last[to]);
            last[to] = arrival;
        }
    }
}

#[test]
fn an_internet_gateway_translates_a_packet_and_the_one_that_an_error_quotes() {
    let [private, public, peer] = [inside(1), outside(1), outside(2)];
    let quoted = |src, dst| {
        let quote = packet(
            tuple(Protocol::Udp, &format!("{src}:7"), &format!("{dst}:9")),
            0,
            0,
        );
        let mut error = packet(
            tuple(Protocol::Icmp, &format!("{dst}:0"), &format!("{src}:0")),
            0,
            0,
        );
        error[20] = 3;
        error.extend(quote);
        error
    };
    let ends = |packet: &[u8]| {
        let quote = headers::icmp_error_quote(packet).expect("a quote");
        let pair = |p: &[u8]| (headers::src_addr(p), headers::dst_addr(p));
        (pair(packet), pair(quote))
    };
    let mut out = quoted(peer, private);
    let source = Translation {
        source: Some(public),
        destination: None,
    };
    source.apply(&mut out);
    assert_eq!(ends(&out), ((public, peer), (peer, public)));
    let mut back = quoted(public, peer);
    let destination = Translation {
        source: None,
        destination: Some(private),
    };
    destination.apply(&mut back);
    assert_eq!(ends(&back), ((peer, private), (private, peer)));
}

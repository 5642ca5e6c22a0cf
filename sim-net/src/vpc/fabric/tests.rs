use proptest::prelude::*;

use super::*;

fn vpc(zone: usize, placement_group: Option<u32>) -> Location {
    Location::Vpc {
        subnet: zone,
        zone,
        placement_group,
    }
}

fn addr(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, u8::try_from(index).expect("few interfaces"))
}

fn endpoints(locations: &[Location]) -> Vec<Endpoint> {
    let endpoint = |(index, location): (usize, &Location)| Endpoint {
        partition: PartitionId::new(index),
        eni: EniId::new(0),
        addr: addr(index),
        location: *location,
    };
    locations.iter().enumerate().map(endpoint).collect()
}

fn fabric(locations: &[Location], jitter: Option<JitterPlan>, loss: Ratio) -> Fabric {
    let latency = LatencyPlan {
        jitter,
        ..LatencyPlan::default()
    };
    Fabric::new(latency, loss, endpoints(locations)).expect("a fabric")
}

fn port(fabric: &Fabric, index: usize) -> FabricPort {
    let me = fabric.resolve(addr(index)).expect("an interface");
    FabricPort::new(me, &Streams::new(7), &format!("eni-{index}"))
}

/// Time in the fabric of a packet that leaves at `departs`.
fn delay(port: &mut FabricPort, fabric: &Fabric, departs: SimTime, to: usize) -> SimDuration {
    match port.transit(fabric, departs, addr(to), 1_500) {
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
    let plan = LatencyPlan {
        jitter: None,
        ..LatencyPlan::default()
    };
    let fabric = Fabric::new(plan, Ratio::ZERO, all).expect("a fabric");
    let got = port(&fabric, 0).transit(&fabric, SimTime::ZERO, addr(1), 100);
    let at = SimTime::ZERO + us(75);
    assert_eq!(
        got,
        Transit::Arrive {
            machine: PartitionId::new(9),
            eni: EniId::new(3),
            at
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
    let mut send = |to, len| port.transit(&fabric, SimTime::ZERO, addr(to), len);
    assert_eq!(send(77, 100), Transit::Drop(DropReason::FabricNoRoute));
    assert_eq!(send(1, 1_501), Transit::Drop(DropReason::TooBig));
    assert!(matches!(send(1, 1_500), Transit::Arrive { .. }));
    assert!(matches!(send(2, 9_001), Transit::Arrive { .. }));
    assert_eq!(send(2, 9_002), Transit::Drop(DropReason::TooBig));
}

#[test]
fn an_address_twice_and_a_latency_of_zero_are_refused() {
    let mut twice = endpoints(&[vpc(0, None), vpc(0, None)]);
    twice[1].addr = twice[0].addr;
    let error = Fabric::new(LatencyPlan::default(), Ratio::ZERO, twice).expect_err("twice");
    insta::assert_snapshot!(error, @"two network interfaces have the address 10.0.0.0");
    let zero = LatencyPlan {
        cross_zone: SimDuration::ZERO,
        ..LatencyPlan::default()
    };
    let error = Fabric::new(zero, Ratio::ZERO, []).expect_err("zero");
    insta::assert_snapshot!(error, @"the latency `cross_zone` is zero; the smallest is 1 ps");
}

#[test]
fn losses_are_as_frequent_as_the_plan_says() {
    let fabric = fabric(&[vpc(0, None), vpc(0, None)], None, Ratio::from_percent(1));
    let mut port = port(&fabric, 0);
    let lost = (0..100_000_u64)
        .filter(|n| {
            let sent = port.transit(&fabric, SimTime::from_ps(*n), addr(1), 100);
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
        third.transit(&many, departs, addr(1), 100);
        assert_eq!(
            alone.transit(&few, departs, addr(1), 100),
            among.transit(&many, departs, addr(1), 100)
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
        for from in 0..locations.len() {
            let mut port = port(&fabric, from);
            for to in (0..locations.len()).filter(|to| *to != from) {
                let ids = [from, to].map(|index| fabric.resolve(addr(index)).expect("there"));
                let latency = fabric.latency(ids[0], ids[1]);
                prop_assert_eq!(latency, fabric.latency(ids[1], ids[0]));
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

//! Segmentation and receive offload: what they change, and what not.

use sim_core::{PacketRate, Ratio, SimDuration};
use sim_net::headers::{self, Protocol};
use sim_net::plan::{Direction, Mode, Place, Plan, WorkloadKind, WorkloadPlan};
use sim_net::verdict::DropReason;
use sim_net::world::Outcome;

use crate::support::{app_of, bandwidth, gbps, ping_pong, plan, run, target, task, world};

/// The same plan with offloads on every machine, or on none.
fn with(plan: &Plan, offloads: bool) -> Plan {
    let mut plan = plan.clone();
    for instance in &mut plan.instances {
        instance.offloads = offloads;
    }
    for host in &mut plan.hosts {
        host.offloads = offloads;
    }
    for task in &mut plan.tasks {
        if let Some(fargate) = &mut task.fargate {
            fargate.offloads = offloads;
        }
    }
    plan
}

/// A transfer between a container and the client, whose MTU is 1500.
fn transfer(mode: Mode, direction: Direction) -> Plan {
    let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
    plan.hosts[0].mtu = 1500;
    plan.hosts[0].bandwidth = Some(bandwidth(gbps(10)));
    plan.workloads = vec![WorkloadPlan {
        name: "transfer".into(),
        from: vec![Place::Host(0)],
        to: vec![target(app_of(0), 80)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: None,
            direction,
        },
    }];
    plan.measure.warmup = SimDuration::from_ms(20);
    plan.measure.cooldown = SimDuration::from_ms(1);
    plan
}

/// Payload rate of the only workload, in bit/s.
fn goodput(plan: &Plan) -> (f64, Outcome) {
    let outcome = run(plan);
    let bits = outcome.workloads[0].bytes as f64 * 8.0;
    (bits / plan.measure.duration.as_secs_f64(), outcome)
}

/// Core time per octet that a bridge's hops, rules and translations cost, in ns.
fn bridge_cost(offloads: bool, direction: Direction) -> f64 {
    let (_, outcome) = goodput(&with(&transfer(Mode::Bridge, direction), offloads));
    let workload = &outcome.workloads[0];
    let of_bridge = |code: &str| {
        matches!(code, "veth" | "bridge" | "forwarding") || code.starts_with("netfilter")
    };
    let hops = workload.hops.iter().filter(|hop| of_bridge(hop.component));
    let total: SimDuration = hops.map(|hop| hop.total).sum();
    total.as_ns() as f64 / workload.bytes as f64
}

/// Source: `kernel.md`, 4 (measured): costs are per socket buffer, so that with TSO and GRO the
/// penalty of a bridge nearly vanishes for bulk transfers, and without them it is large.
#[test]
fn a_bridge_costs_a_transfer_little_with_offloads_and_much_without() {
    for direction in [Direction::Upload, Direction::Download] {
        let [without, with] = [false, true].map(|on| bridge_cost(on, direction));
        assert!(without > 1.0, "{direction:?}: {without} ns an octet");
        // What is left of a download are the acknowledgements, which are packets of their own.
        assert!(with < without / 3.0, "{direction:?}: {without}, {with}");
    }
}

#[test]
fn offloads_lift_what_a_core_limits() {
    for mode in [Mode::Host, Mode::Bridge] {
        for direction in [Direction::Upload, Direction::Download] {
            let plan = transfer(mode, direction);
            let (without, _) = goodput(&with(&plan, false));
            let (with, _) = goodput(&with(&plan, true));
            let which = format!("{mode} {direction:?}: {without}, {with}");
            assert!(with > without * 1.5, "{which}");
            assert!(
                with < 10e9 * 1460.0 / 1514.0 * 1.001,
                "no faster than the wire: {which}"
            );
        }
    }
}

#[test]
fn what_the_wire_limits_moves_as_many_octets_and_frames_either_way() {
    let plan = transfer(Mode::Fargate, Direction::Download);
    let (without, a) = goodput(&with(&plan, false));
    let (with, b) = goodput(&with(&plan, true));
    let same = |a: f64, b: f64| (a / b - 1.0).abs() < 0.02;
    assert!(same(without, with), "{without}, {with}");
    let frames = |outcome: &Outcome| outcome.frames.sent as f64;
    assert!(
        same(frames(&a), frames(&b)),
        "{:?} {:?}",
        a.frames,
        b.frames
    );
}

#[test]
fn a_request_of_one_packet_takes_as_long_either_way() {
    for mode in [Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate] {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let mut plan = transfer(mode, Direction::Upload);
            plan.workloads = vec![ping_pong(
                Place::Host(0),
                target(app_of(0), 80),
                protocol,
                1000,
            )];
            let [without, with] = [false, true].map(|on| run(&with(&plan, on)));
            assert!(without.workloads[0].ok > 50);
            assert_eq!(without.digest, with.digest, "{mode} {protocol}");
        }
    }
}

#[test]
fn a_capture_shows_the_packets_of_the_wire() {
    let plan = with(&transfer(Mode::Bridge, Direction::Download), true);
    let mut world = world(&plan);
    world.capture(|name| name == "i-0" || name == "client");
    let outcome = world.run(&std::sync::Arc::default());
    let mut next: [Option<u32>; 2] = [None, None];
    let mut seen = [0, 0];
    for captured in &outcome.captured {
        let packet = &captured.packet;
        assert!(packet.len() <= 1500, "{} octets", packet.len());
        assert_eq!(
            usize::from(u16::from_be_bytes([packet[2], packet[3]])),
            packet.len()
        );
        let payload = headers::payload_len(packet);
        if payload == 0 {
            continue;
        }
        let side = usize::from(captured.point.starts_with("client"));
        let seq = u32::from_be_bytes([packet[24], packet[25], packet[26], packet[27]]);
        assert!(
            next[side].is_none_or(|next| next == seq),
            "{}",
            captured.point
        );
        next[side] = Some(seq.wrapping_add(u32::try_from(payload).expect("one packet")));
        seen[side] += 1;
    }
    assert!(seen[0] > 50_000 && seen[1] > 50_000, "{seen:?}");
}

/// Mean goodput of some seeds under random loss, in bit/s.
fn lossy(direction: Direction, ppm: u64, offloads: bool) -> f64 {
    let mut plan = with(&transfer(Mode::Awsvpc, direction), offloads);
    plan.region.loss = Ratio::from_ppm(ppm);
    plan.measure.duration = SimDuration::from_ms(300);
    let runs = (1..=6).map(|seed| {
        let world = sim_net::build::build(&plan, seed, 0).expect("the plan is sound");
        world.run(&std::sync::Arc::default()).workloads[0].bytes as f64
    });
    runs.sum::<f64>() / 6.0 * 8.0 / plan.measure.duration.as_secs_f64()
}

#[test]
fn lost_packets_of_super_frames_are_repaired_as_others_are() {
    for direction in [Direction::Upload, Direction::Download] {
        for ppm in [1_000, 10_000] {
            let [without, with] = [false, true].map(|on| lossy(direction, ppm, on));
            let ratio = with / without;
            assert!(
                (0.6..1.7).contains(&ratio),
                "{direction:?}, {ppm} ppm: {without}, {with}"
            );
        }
    }
}

/// Each packet of a super-frame meets the packet rate and the queues alone.
#[test]
fn packets_of_super_frames_are_policed_one_by_one() {
    let mut plan = transfer(Mode::Host, Direction::Download);
    plan.instances[0].bandwidth.packet_rate = PacketRate::per_second(50_000);
    let [without, with] = [false, true].map(|on| goodput(&with(&plan, on)).1);
    let dropped = |outcome: &Outcome| outcome.drops.get(DropReason::PpsAllowance);
    assert!(dropped(&without) > 50 && dropped(&with) > 50);
    // What passes is bounded by the rate, whatever is handed over at once: 121 ms and the burst.
    for outcome in [&without, &with] {
        assert!(
            outcome.frames.delivered < 50_000 * 121 / 1000 + 600,
            "{:?}",
            outcome.frames
        );
    }
}

//! Cores, queues and programs under load.

use std::collections::BTreeMap;

use sim_core::{ByteSize, Ratio, SimDuration};
use sim_net::build::{BuildError, build};
use sim_net::headers::{self, Protocol};
use sim_net::plan::{
    Arrivals, Connections, Direction, Load, Mode, Place, Plan, RequestPlan, ServiceTime, Target,
    WorkloadKind, WorkloadPlan,
};
use sim_net::verdict::DropReason;
use sim_net::world::Reach;

use crate::support::{app_of, host, ping_pong, plan, run, target, task, world};

const CLIENT: Place = Place::Host(0);

fn transfer(from: Place, to: Target, direction: Direction) -> WorkloadPlan {
    WorkloadPlan {
        name: "transfer".into(),
        from: vec![from],
        to: vec![to],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: None,
            direction,
        },
    }
}

fn requests(change: impl FnOnce(&mut RequestPlan)) -> WorkloadPlan {
    let mut load = ping_pong(CLIENT, target(app_of(0), 80), Protocol::Tcp, 100);
    if let WorkloadKind::Request(request) = &mut load.kind {
        change(request);
    }
    load
}

/// A download whose sender's program and softirq run on different cores for some of the seeds.
fn download(mode: Mode) -> Plan {
    let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
    plan.hosts[0].mtu = 1500;
    plan.workloads = vec![transfer(CLIENT, target(app_of(0), 80), Direction::Download)];
    plan.measure.cooldown = SimDuration::from_ms(1);
    plan
}

#[test]
fn a_flow_keeps_its_order_whichever_core_makes_its_segments() {
    for mode in [Mode::Host, Mode::Awsvpc] {
        for seed in 1..4 {
            let mut world = build(&download(mode), seed, 0).expect("the plan is sound");
            world.capture(|name| name == "i-0");
            let outcome = world.run(&std::sync::Arc::default());
            let mut newest: Option<u32> = None;
            for packet in outcome.captured.iter().map(|c| &c.packet) {
                let from = headers::five_tuple(packet).map(|t| t.src.port());
                if from != Some(80) || headers::payload_len(packet) == 0 {
                    continue;
                }
                let seq = u32::from_be_bytes([packet[24], packet[25], packet[26], packet[27]]);
                let ahead = newest.is_none_or(|n| seq.wrapping_sub(n) < u32::MAX / 2);
                assert!(ahead, "{mode}, seed {seed}: a segment fell behind");
                newest = Some(seq);
            }
            let bytes = outcome.workloads[0].bytes;
            // What one core sends that takes an acknowledgement for every second segment.
            assert!(
                bytes > 55_000_000,
                "{mode}, seed {seed}: {bytes} octets in 100 ms"
            );
        }
    }
}

#[test]
fn a_container_that_sends_much_does_not_overrun_its_own_backlog() {
    let mut plan = plan(vec![task("web/0", Mode::Bridge, 0, 8080)]);
    plan.hosts[0].mtu = 1500;
    plan.workloads = vec![requests(|r| r.response = ByteSize::from_bytes(2_000_000))];
    let outcome = run(&plan);
    assert_eq!(outcome.drops.get(DropReason::BacklogFull), 0);
    assert!(
        outcome.workloads[0].ok > 5,
        "{:?}",
        outcome.workloads[0].errors
    );
}

#[test]
fn a_server_that_never_sleeps_pays_for_no_wake_up() {
    let mut plan = plan(vec![task("web/0", Mode::Awsvpc, 0, 80)]);
    plan.instances[0].cores = 1;
    plan.workloads = vec![requests(|r| {
        r.connections = Connections::KeepAlive(32);
        r.load = Load::Closed {
            concurrency: 32,
            think: SimDuration::ZERO,
        };
        r.service_time = ServiceTime::Constant(SimDuration::from_us(5));
    })];
    plan.measure.warmup = SimDuration::from_ms(20);
    let outcome = run(&plan);
    let workload = &outcome.workloads[0];
    let scheduling = workload.hops.iter().find(|h| h.component == "scheduling");
    let per_request = scheduling.map_or(0, |h| h.total.as_ns() / workload.ok);
    assert!(
        per_request < 150,
        "{per_request} ns for {} requests",
        workload.ok
    );
}

#[test]
fn a_flood_slows_a_computation_and_does_not_stop_it() {
    let mut plan = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("udp/0", Mode::Awsvpc, 0, 80),
    ]);
    plan.instances[0].cores = 1;
    plan.hosts.push(host("flood", 0));
    let victim = requests(|r| r.service_time = ServiceTime::Constant(SimDuration::from_us(20)));
    let mut flood = requests(|r| {
        let gap = SimDuration::from_ns(500);
        r.load = Load::Open(Arrivals::Constant { gap });
    });
    flood.name = "flood".into();
    flood.from = vec![Place::Host(1)];
    flood.to = vec![target(app_of(1), 80)];
    flood.protocol = Protocol::Udp;
    plan.measure.warmup = SimDuration::from_ms(10);
    plan.measure.duration = SimDuration::from_ms(50);
    plan.measure.cooldown = SimDuration::from_ms(1);
    plan.workloads = vec![victim.clone()];
    let quiet = run(&plan).workloads[0].ok;
    plan.workloads.push(flood);
    let outcome = run(&plan);
    let [victim, flood] = &outcome.workloads[..] else {
        panic!("there are two workloads");
    };
    assert!(
        0 < victim.ok && victim.ok < quiet,
        "{} against {quiet}",
        victim.ok
    );
    assert!(flood.ok > 0, "the flood's own server runs too");
}

#[test]
fn a_transfer_of_which_nothing_arrives_is_not_measured() {
    let mut plan = download(Mode::Awsvpc);
    plan.region.security_groups[0].ingress.clear();
    let outcome = run(&plan);
    assert!(matches!(
        outcome.workloads[0].outcome,
        Reach::Unreachable { .. }
    ));
    let reached = run(&download(Mode::Awsvpc));
    assert_eq!(reached.workloads[0].outcome, Reach::Measured);
}

#[test]
fn a_capture_shows_a_lost_frame_once() {
    let mut plan = plan(vec![task("web/0", Mode::Awsvpc, 0, 80)]);
    plan.region.loss = Ratio::from_ppm(200_000);
    let mut load = ping_pong(CLIENT, target(app_of(0), 80), Protocol::Udp, 100);
    if let WorkloadKind::Request(request) = &mut load.kind {
        request.load = Load::Open(Arrivals::Constant {
            gap: SimDuration::from_ms(1),
        });
    }
    plan.workloads = vec![load];
    let mut world = world(&plan);
    world.capture(|name| name == "client");
    let outcome = world.run(&std::sync::Arc::default());
    let mut asked: BTreeMap<&[u8], u32> = BTreeMap::new();
    let mut lost = 0;
    for c in &outcome.captured {
        if headers::five_tuple(&c.packet).is_some_and(|t| t.dst.port() == 80) {
            *asked.entry(&c.packet[28..36]).or_default() += 1;
            lost += u32::from(c.verdict == Some(DropReason::LinkLoss));
        }
    }
    assert!(lost > 20, "a fifth of {} is lost: {lost}", asked.len());
    assert!(asked.values().all(|&times| times == 1), "{asked:?}");
}

#[test]
fn a_machine_without_room_for_an_ip_header_is_refused() {
    let mut plan = plan(Vec::new());
    plan.hosts[0].mtu = 67;
    let error = build(&plan, 1, 0)
        .map(|_| ())
        .expect_err("67 octets are too few");
    assert_eq!(
        error,
        BuildError::MtuTooSmall {
            host: "client".into(),
            mtu: 67
        }
    );
}

#[test]
fn a_pool_that_cannot_connect_does_not_keep_the_world_busy() {
    let mut plan = plan(vec![task("job/0", Mode::None, 0, 80)]);
    let mut load = requests(|r| {
        r.load = Load::Open(Arrivals::Constant {
            gap: SimDuration::from_ms(1),
        });
        r.connections = Connections::KeepAlive(32);
    });
    load.from = vec![app_of(0)];
    load.to = vec![target(CLIENT, 80)];
    plan.workloads = vec![load];
    let outcome = run(&plan);
    assert!(matches!(
        outcome.workloads[0].outcome,
        Reach::Isolated { .. }
    ));
    assert!(outcome.events < 5_000, "{} events", outcome.events);
}

//! Frames are neither lost nor made from nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use sim_core::{ByteSize, DataRate, Ratio, SimDuration};
use sim_net::headers::Protocol;
use sim_net::plan::{
    Arrivals, Connections, Direction, Load, Mode, Place, Plan, WorkloadKind, WorkloadPlan,
};

use crate::support::{app_of, bandwidth, ping_pong, plan, run, target, task, world};

fn bulk(name: &str, from: Place, to: usize, direction: Direction) -> WorkloadPlan {
    WorkloadPlan {
        name: name.into(),
        from: vec![from],
        to: vec![target(app_of(to), 80)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 2,
            bytes: None,
            direction,
        },
    }
}

/// Loads of every kind on two tasks in a mode, with a narrow and lossy network.
fn busy(mode: Mode, mbps: u64, loss_ppm: u64, per_request: bool) -> Plan {
    let mut plan = plan(vec![
        task("web/0", mode, 0, 8080),
        task("web/1", mode, 1, 8081),
    ]);
    plan.region.loss = Ratio::from_ppm(loss_ppm);
    for instance in &mut plan.instances {
        instance.bandwidth = bandwidth(DataRate::from_bps(mbps * 1_000_000).expect("above zero"));
    }
    plan.measure.duration = SimDuration::from_ms(30);
    plan.measure.cooldown = SimDuration::from_ms(5);
    let client = Place::Host(0);
    let mut requests = ping_pong(client, target(app_of(0), 80), Protocol::Tcp, 3000);
    if let WorkloadKind::Request(request) = &mut requests.kind {
        request.load = Load::Open(Arrivals::Poisson {
            mean_gap: SimDuration::from_us(300),
        });
        request.connections = if per_request {
            Connections::PerRequest
        } else {
            Connections::KeepAlive(4)
        };
        request.response = ByteSize::from_bytes(20_000);
    }
    let mut datagrams = ping_pong(app_of(1), target(app_of(0), 80), Protocol::Udp, 600);
    datagrams.name = "datagrams".into();
    plan.workloads = vec![
        requests,
        datagrams,
        bulk("up", client, 0, Direction::Upload),
        bulk("down", app_of(0), 1, Direction::Download),
    ];
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// `run` asserts conservation on every machine, interface and in the fabric.
    #[test]
    fn every_frame_is_accounted_for(
        mode in prop::sample::select(&Mode::ALL[..]),
        mbps in 20_u64..20_000,
        loss_ppm in prop::sample::select(vec![0_u64, 1_000, 100_000]),
        per_request in any::<bool>(),
    ) {
        let outcome = run(&busy(mode, mbps, loss_ppm, per_request));
        let f = outcome.frames;
        prop_assert_eq!(f.sent, f.delivered + f.dropped + f.in_flight);
        prop_assert_eq!(f.dropped, outcome.drops.total());
        if mode == Mode::None {
            prop_assert_eq!(f.sent, 0);
        } else {
            prop_assert!(f.delivered > 100, "{:?}", f);
        }
    }
}

#[test]
fn a_frame_that_is_counted_and_not_sent_is_noticed() {
    let plan = busy(Mode::Bridge, 1000, 0, false);
    let honest = world(&plan).run(&std::sync::Arc::default());
    assert!(honest.frames.sent > 0);
    let mut tampered = world(&plan);
    tampered.machine_mut(0).account.sent += 1;
    let broken = catch_unwind(AssertUnwindSafe(|| {
        tampered.run(&std::sync::Arc::default())
    }));
    let message = *broken
        .expect_err("the run must not end well")
        .downcast::<String>()
        .expect("text");
    assert!(message.contains("frames sent and arrived"), "{message}");
}

#[test]
fn a_frame_that_an_interface_loses_is_noticed() {
    let mut tampered = world(&busy(Mode::Awsvpc, 1000, 0, false));
    let eni = sim_net::ids::EniId::new(0);
    tampered.machine_mut(2).enis[eni].counts.offered += 1;
    let broken = catch_unwind(AssertUnwindSafe(|| {
        tampered.run(&std::sync::Arc::default())
    }));
    let message = *broken
        .expect_err("the run must not end well")
        .downcast::<String>()
        .expect("text");
    assert!(
        message.contains("departed + dropped + waiting"),
        "{message}"
    );
}

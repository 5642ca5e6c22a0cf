//! After warm-up nothing is allocated: a world that runs twice as long allocates as often.
//!
//! A test binary of its own, since its allocator counts what every thread does; and one test, so
//! that no other runs beside it.

#[path = "world/support.rs"]
#[expect(dead_code, reason = "the tests of the world use the rest")]
mod support;

use std::alloc::System;
use std::sync::Arc;

use sim_core::{ByteSize, SimDuration};
use sim_net::headers::Protocol;
use sim_net::plan::{
    Connections, Direction, Load, MeasurePlan, Mode, Place, Plan, WorkloadKind, WorkloadPlan,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{app_of, host, ping_pong, plan, target, task, world};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations, and events, of a run of so many milliseconds.
fn allocations(plan: &Plan, ms: u64) -> (usize, u64) {
    let mut plan = plan.clone();
    plan.measure = MeasurePlan {
        warmup: SimDuration::ZERO,
        duration: SimDuration::from_ms(ms),
        cooldown: SimDuration::ZERO,
    };
    let world = world(&plan);
    let region = Region::new(ALLOCATOR);
    let outcome = world.run(&Arc::default());
    let stats = region.change();
    (stats.allocations + stats.reallocations, outcome.events)
}

fn requests() -> Plan {
    let mut plan = plan(vec![
        task("client", Mode::Bridge, 0, 8000),
        task("server", Mode::Bridge, 1, 8080),
    ]);
    let mut workload = ping_pong(app_of(0), target(app_of(1), 80), Protocol::Tcp, 1000);
    if let WorkloadKind::Request(request) = &mut workload.kind {
        request.load = Load::Closed {
            concurrency: 1,
            think: SimDuration::ZERO,
        };
    }
    plan.workloads = vec![workload];
    plan
}

fn bulk(offloads: bool) -> Plan {
    let mut plan = plan(Vec::new());
    plan.hosts = vec![host("left", 0), host("right", 0)];
    for host in &mut plan.hosts {
        host.offloads = offloads;
    }
    plan.workloads = vec![WorkloadPlan {
        name: "bulk".into(),
        from: vec![Place::Host(0)],
        to: vec![target(Place::Host(1), 5001)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: None::<ByteSize>,
            direction: Direction::Upload,
        },
    }];
    plan
}

#[test]
fn a_run_twice_as_long_allocates_as_often() {
    for (name, plan, ms) in [
        ("requests", requests(), 500),
        ("bulk", bulk(false), 20),
        ("offloaded", bulk(true), 80),
    ] {
        let (warm_up, fewer) = allocations(&plan, ms);
        let (longer, more) = allocations(&plan, 2 * ms);
        assert!(more > fewer * 3 / 2, "{name}: {fewer} events, then {more}");
        assert_eq!(longer, warm_up, "{name}: allocations after {ms} ms");
    }
    // What it would look like otherwise: a connection for each request is allocated.
    let mut plan = requests();
    if let WorkloadKind::Request(request) = &mut plan.workloads[0].kind {
        request.connections = Connections::PerRequest;
    }
    let ((shorter, _), (longer, _)) = (allocations(&plan, 250), allocations(&plan, 500));
    assert!(longer > shorter * 3 / 2, "{shorter}, then {longer}");
}

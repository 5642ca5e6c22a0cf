//! The same plan and seed give the same world, and what is idle changes nothing.

use sim_core::{Sharing, SimDuration};
use sim_net::build::build;
use sim_net::headers::Protocol;
use sim_net::plan::{
    Arrivals, Direction, InstancePlan, Load, Mode, Place, Plan, ServiceTime, WorkloadKind,
    WorkloadPlan,
};
use sim_net::vpc::JitterPlan;

use crate::support::{app_of, host, instance, ping_pong, plan, run, target, task, world};

fn loaded(mode: Mode) -> Plan {
    let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
    plan.region.latency.jitter = Some(JitterPlan::default());
    let mut load = ping_pong(Place::Host(0), target(app_of(0), 80), Protocol::Tcp, 500);
    if let WorkloadKind::Request(request) = &mut load.kind {
        request.load = Load::Open(Arrivals::Poisson {
            mean_gap: SimDuration::from_us(500),
        });
        request.service_time = ServiceTime::Exponential(SimDuration::from_us(100));
    }
    plan.workloads = vec![load];
    plan
}

#[test]
fn two_runs_are_the_same_run() {
    for mode in Mode::ALL {
        let plan = loaded(mode);
        let (a, b) = (run(&plan), run(&plan));
        assert_eq!(a.digest, b.digest, "{mode}");
        assert_eq!(a.events, b.events, "{mode}");
        assert_eq!(a.workloads[0].latency, b.workloads[0].latency, "{mode}");
    }
}

/// Tasks of several modes on several instances, and clients that ask all of them.
fn spread() -> Plan {
    let modes = [Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate];
    let tasks = (0_u16..)
        .zip(modes.iter().cycle().take(8))
        .map(|(n, &mode)| {
            let name = format!("web/{n}");
            task(&name, mode, usize::from(n) % 3, 8080 + n)
        });
    let mut plan = plan(tasks.collect());
    plan.instances = (0..3)
        .map(|n| InstancePlan {
            offloads: true,
            ..instance(&format!("instance/{n}"), 0, "linux-6.18-2vcpu")
        })
        .collect();
    plan.hosts.push(host("another", 0));
    for host in &mut plan.hosts {
        host.offloads = true;
    }
    plan.region.latency.jitter = Some(JitterPlan::default());
    let load = |(client, server): (usize, usize)| {
        let octets = 100 + 5_000 * server as u64;
        let (from, to) = (Place::Host(client), target(app_of(server), 80));
        let mut load = ping_pong(from, to, Protocol::Tcp, octets);
        load.name = format!("{client} asks {server}");
        load
    };
    let pairs = (0..8).flat_map(|server| [(0, server), (1, server)]);
    plan.workloads = pairs.map(load).collect();
    plan.workloads.push(WorkloadPlan {
        name: "bulk".into(),
        from: vec![Place::Host(1)],
        to: vec![target(Place::Host(0), 5001)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: None,
            direction: Direction::Upload,
        },
    });
    plan.measure.warmup = SimDuration::ZERO;
    plan.measure.duration = SimDuration::from_ms(20);
    plan.measure.cooldown = SimDuration::ZERO;
    plan
}

/// All that a run leaves behind, captured packets included, is the same on any number of threads.
#[test]
fn threads_make_no_difference() {
    let plan = spread();
    let left = |threads: usize| {
        let mut world = world(&plan);
        world.capture(|_| true);
        world.set_threads(threads);
        world.set_sharing(Sharing::Always);
        let mut outcome = world.run(&std::sync::Arc::default());
        let threads = std::mem::take(&mut outcome.threads);
        // Histograms are compared as such: in words they are long.
        let latencies: Vec<_> = outcome
            .workloads
            .iter_mut()
            .map(|workload| std::mem::take(&mut workload.latency))
            .collect();
        assert!(outcome.in_trains > 1_000, "{}", outcome.in_trains);
        let events = outcome.events;
        ((latencies, format!("{outcome:?}")), events, threads)
    };
    let (alone, events, _) = left(1);
    assert!(events > 5_000, "{events}");
    for threads in [2, 3, 8] {
        let (together, events, used) = left(threads);
        assert!(alone == together, "{threads} threads");
        let most = threads.min(world(&plan).machines().count());
        assert_eq!((used.most, used.shared_events), (most, events));
    }
}

#[test]
fn another_seed_and_another_replication_are_other_runs() {
    let plan = loaded(Mode::Host);
    let digest = |seed, replication| {
        let world = build(&plan, seed, replication).expect("the plan is sound");
        world.run(&std::sync::Arc::default()).digest
    };
    let digests = [digest(1, 0), digest(2, 0), digest(1, 1)];
    assert!(digests[0] != digests[1] && digests[0] != digests[2] && digests[1] != digests[2]);
}

#[test]
fn modes_share_their_arrivals() {
    let arrivals: Vec<_> = [Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate]
        .map(|mode| run(&loaded(mode)).workloads[0].arrivals)
        .into();
    assert!(
        arrivals.iter().all(|&digest| digest == arrivals[0]),
        "{arrivals:x?}"
    );
}

#[test]
fn an_idle_task_changes_nobody_elses_arrivals_or_service_times() {
    let plan = loaded(Mode::Host);
    let mut crowded = plan.clone();
    crowded.tasks.push(task("idle/0", Mode::Awsvpc, 1, 80));
    crowded.tasks.push(task("idle/1", Mode::Bridge, 1, 8080));
    let (a, b) = (run(&plan), run(&crowded));
    assert_eq!(a.workloads[0].arrivals, b.workloads[0].arrivals);
    assert_eq!(a.workloads[0].latency, b.workloads[0].latency);
}

#[test]
fn the_order_of_idle_machines_is_of_no_consequence() {
    let plan = loaded(Mode::Bridge);
    let mut reordered = plan.clone();
    reordered.instances.swap(0, 1);
    reordered.instances[0].subnet = 1;
    for task in &mut reordered.tasks {
        task.instance = Some(1);
    }
    let (a, b) = (run(&plan), run(&reordered));
    assert_eq!(a.workloads[0].arrivals, b.workloads[0].arrivals);
    assert_eq!(a.workloads[0].ok, b.workloads[0].ok);
}

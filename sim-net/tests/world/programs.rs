//! Programs: what they send, to whom, and what becomes of requests that are late or fail.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sim_core::{ByteSize, SimDuration};
use sim_net::headers::{self, Protocol};
use sim_net::plan::{
    Arrivals, CallPlan, Connections, Direction, HostLocation, Load, Mode, Place, Plan, RequestPlan,
    ServiceTime, Target, TaskPlan, WorkloadKind, WorkloadPlan,
};
use sim_net::world::Outcome;

use crate::support::{app_of, host, plan, run, target, task, world};

const CLIENT: Place = Place::Host(0);

fn octets(n: u64) -> ByteSize {
    ByteSize::from_bytes(n)
}

fn ms(n: u64) -> SimDuration {
    SimDuration::from_ms(n)
}

fn us(n: u64) -> SimDuration {
    SimDuration::from_us(n)
}

fn every(gap: SimDuration) -> Load {
    Load::Open(Arrivals::Constant { gap })
}

/// One user without think time, small messages, no service time.
fn request() -> RequestPlan {
    RequestPlan {
        load: Load::Closed {
            concurrency: 1,
            think: SimDuration::ZERO,
        },
        request: octets(100),
        response: octets(100),
        connections: Connections::KeepAlive(1),
        service_time: ServiceTime::Constant(SimDuration::ZERO),
        calls: Vec::new(),
        timeout: SimDuration::from_secs(1),
    }
}

fn workload(from: Vec<Place>, to: Vec<Target>, request: RequestPlan) -> WorkloadPlan {
    WorkloadPlan {
        name: "requests".into(),
        from,
        to,
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Request(request),
    }
}

fn call(to: Vec<Target>, request: u64, response: u64, service_time: SimDuration) -> CallPlan {
    CallPlan {
        to,
        request: octets(request),
        response: octets(response),
        service_time: ServiceTime::Constant(service_time),
    }
}

/// A task of which only the TCP port is published.
fn tcp_task(name: &str, mode: Mode, instance: usize, host_port: u16) -> TaskPlan {
    let mut task = task(name, mode, instance, host_port);
    task.containers[0].ports.truncate(1);
    task
}

#[test]
fn the_userland_proxy_goes_on_after_its_client_was_slow_to_read() {
    // The cores alternate by program: the client of the proxy shares one with a server that
    // computes for 60 ms at a time, and the proxy has the other.
    let mut p = plan(vec![
        tcp_task("first", Mode::Awsvpc, 0, 80),
        tcp_task("web", Mode::Bridge, 0, 8080),
        tcp_task("reader", Mode::Bridge, 0, 8081),
        tcp_task("second", Mode::Awsvpc, 0, 80),
        tcp_task("busy", Mode::Awsvpc, 0, 80),
        tcp_task("third", Mode::Awsvpc, 0, 80),
    ]);
    let mut busy = workload(vec![CLIENT], vec![target(app_of(4), 80)], request());
    busy.name = "busy".into();
    busy.kind = WorkloadKind::Request(RequestPlan {
        service_time: ServiceTime::Constant(ms(60)),
        load: every(ms(100)),
        ..request()
    });
    let transfer = WorkloadPlan {
        name: "transfer".into(),
        from: vec![app_of(2)],
        to: vec![target(app_of(1), 80)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: None,
            direction: Direction::Download,
        },
    };
    p.workloads = vec![transfer, busy];
    p.measure.warmup = ms(1_000);
    p.measure.duration = ms(500);
    p.measure.cooldown = ms(10);
    let bytes = run(&p).workloads[0].bytes;
    // Without the busy neighbour it is 75 MB.
    assert!(bytes > 15_000_000, "{bytes}");
}

#[test]
fn a_server_that_is_called_twice_tells_the_calls_apart() {
    let mut p = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("cache/0", Mode::Awsvpc, 1, 80),
    ]);
    let cache = || vec![target(app_of(1), 80)];
    p.workloads = vec![workload(
        vec![CLIENT],
        vec![target(app_of(0), 80)],
        RequestPlan {
            calls: vec![
                call(cache(), 100, 100, us(1)),
                call(cache(), 300, 20_000, ms(2)),
            ],
            timeout: ms(50),
            ..request()
        },
    )];
    let outcome = run(&p);
    let web = &outcome.workloads[0];
    assert!(web.ok > 20 && web.errors.len() <= 1, "{web:?}");
    // The second call computes for 2 ms, the first does not.
    let median = web.latency.value_at(0.5).expect("there are answers");
    assert!((2_000_000..4_000_000).contains(&median), "{median}");
    let computing = web.hops.iter().find(|hop| hop.component == "application");
    assert!(computing.is_some_and(|hop| hop.total > ms(40)), "{web:?}");
}

#[test]
fn a_server_may_call_the_port_that_it_answers_on() {
    let mut p = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("web/1", Mode::Awsvpc, 1, 80),
    ]);
    let both = || vec![target(app_of(0), 80), target(app_of(1), 80)];
    p.workloads = vec![workload(
        vec![CLIENT],
        both(),
        RequestPlan {
            calls: vec![call(both(), 700, 30, us(1))],
            timeout: ms(50),
            ..request()
        },
    )];
    let outcome = run(&p);
    let web = &outcome.workloads[0];
    assert!(web.ok > 50 && web.errors.len() <= 1, "{web:?}");
    let client = outcome.workloads[0].source_seen;
    assert_eq!(
        client.map(|addr| addr.octets()[..3].to_vec()),
        Some(vec![10, 0, 0])
    );
}

#[test]
fn an_overloaded_server_answers_nobody_in_the_place_of_a_client_that_has_left() {
    let mut p = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("cache/0", Mode::Awsvpc, 1, 80),
    ]);
    // The cache takes 10 ms for each of the requests that come every 5 ms: the wait grows until
    // clients give up, and from then on every answer is for somebody who has gone.
    p.workloads = vec![workload(
        vec![CLIENT],
        vec![target(app_of(0), 80)],
        RequestPlan {
            connections: Connections::PerRequest,
            load: every(ms(5)),
            timeout: ms(200),
            calls: vec![call(vec![target(app_of(1), 80)], 100, 100, ms(10))],
            ..request()
        },
    )];
    p.measure.duration = ms(5_000);
    let outcome = run(&p);
    let answered_late: u64 = outcome.workloads[0]
        .series
        .iter()
        .filter(|&&(due, _, _)| due.as_ps() > ms(1_000).as_ps())
        .map(|&(_, answered, _)| answered)
        .sum();
    assert_eq!(answered_late, 0, "{:?}", outcome.workloads[0].series);
    assert!(outcome.workloads[0].ok > 20);
}

/// How many packets with a payload reach the interface of each of these tasks.
fn asked(p: &Plan, tasks: &[usize]) -> Vec<usize> {
    let mut world = world(p);
    world.capture(|_| true);
    let outcome: Outcome = world.run(&Arc::new(AtomicBool::new(false)));
    let count = |&task: &usize| {
        let placed = &outcome.placements[task];
        let point = format!("{} {}", placed.host, placed.task);
        outcome
            .captured
            .iter()
            .filter(|c| c.verdict.is_none() && c.point.starts_with(&point))
            .filter(|c| Some(headers::dst_addr(&c.packet)) == placed.address)
            .filter(|c| headers::payload_len(&c.packet) > 0)
            .count()
    };
    tasks.iter().map(count).collect()
}

fn assert_even(asked: &[usize]) {
    let (least, most) = (asked.iter().min(), asked.iter().max());
    let (least, most) = (*least.expect("targets"), *most.expect("targets"));
    assert!(least >= 10 && most - least <= 1 + most / 20, "{asked:?}");
}

#[test]
fn the_calls_of_a_server_go_round_their_targets() {
    let mut p = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("cache/0", Mode::Awsvpc, 1, 80),
        task("cache/1", Mode::Awsvpc, 1, 80),
    ]);
    let caches = vec![target(app_of(1), 80), target(app_of(2), 80)];
    p.workloads = vec![workload(
        vec![CLIENT],
        vec![target(app_of(0), 80)],
        RequestPlan {
            calls: vec![call(caches, 100, 100, us(1))],
            ..request()
        },
    )];
    assert_even(&asked(&p, &[1, 2]));
}

#[test]
fn a_call_or_response_that_no_socket_takes_at_once_is_sent_whole() {
    for (request_size, response_size) in [(9 << 20, 100), (100, 9 << 20)] {
        let mut p = plan(vec![
            task("web/0", Mode::Awsvpc, 0, 80),
            task("cache/0", Mode::Awsvpc, 1, 80),
        ]);
        let cache = vec![target(app_of(1), 80)];
        p.workloads = vec![workload(
            vec![CLIENT],
            vec![target(app_of(0), 80)],
            RequestPlan {
                calls: vec![call(cache, request_size, response_size, us(1))],
                ..request()
            },
        )];
        let outcome = run(&p);
        assert!(outcome.workloads[0].ok > 2, "{:?}", outcome.workloads[0]);
    }
}

#[test]
fn a_client_uses_all_its_connections_in_turn() {
    let mut p = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("web/1", Mode::Awsvpc, 1, 80),
    ]);
    p.workloads = vec![workload(
        vec![CLIENT],
        vec![target(app_of(0), 80), target(app_of(1), 80)],
        RequestPlan {
            connections: Connections::KeepAlive(8),
            load: every(ms(1)),
            ..request()
        },
    )];
    assert_even(&asked(&p, &[0, 1]));
}

#[test]
fn clients_begin_at_different_targets() {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let mut p = plan(vec![
            task("web/0", Mode::Awsvpc, 0, 80),
            task("web/1", Mode::Awsvpc, 0, 80),
        ]);
        p.hosts
            .extend((1..4).map(|i| host(&format!("client{i}"), 0)));
        let clients = (0..4).map(Place::Host).collect();
        let mut requests = workload(
            clients,
            vec![target(app_of(0), 80), target(app_of(1), 80)],
            request(),
        );
        requests.protocol = protocol;
        p.workloads = vec![requests];
        assert_even(&asked(&p, &[0, 1]));
    }
}

#[test]
fn transfers_of_several_clients_begin_at_different_targets() {
    let mut p = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("web/1", Mode::Awsvpc, 0, 80),
    ]);
    p.hosts.push(host("client1", 0));
    p.workloads = vec![WorkloadPlan {
        name: "transfer".into(),
        from: vec![Place::Host(0), Place::Host(1)],
        to: vec![target(app_of(0), 80), target(app_of(1), 80)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: Some(octets(1_000_000)),
            direction: Direction::Upload,
        },
    }];
    let asked = asked(&p, &[0, 1]);
    assert!(asked.iter().all(|&packets| packets > 10), "{asked:?}");
}

#[test]
fn an_open_load_is_shared_by_the_clients_that_have_someone_to_ask() {
    let mut p = plan(vec![task("alone", Mode::None, 0, 80)]);
    let due = |p: &Plan| {
        let outcome = run(p);
        outcome.workloads[0].ok + outcome.workloads[0].errors.values().sum::<u64>()
    };
    // Only the task itself reaches a port in a namespace that has nothing but loopback.
    let mut counts = [vec![app_of(0)], vec![app_of(0), CLIENT]].map(|from| {
        p.workloads = vec![workload(
            from,
            vec![target(app_of(0), 80)],
            RequestPlan {
                load: every(ms(1)),
                ..request()
            },
        )];
        due(&p)
    });
    counts.sort_unstable();
    assert_eq!(counts, [99, 99]);
}

#[test]
fn a_user_whose_connection_fails_at_once_does_not_spin() {
    let mut p = plan(vec![task("web/0", Mode::Awsvpc, 0, 80)]);
    p.hosts[0].default_route = false;
    p.hosts[0].location = HostLocation::Subnet(1);
    // One at the start and one 50 ms later. The pool's connection has failed when the first request
    // comes: that one waits for the next attempt.
    for (protocol, connections, expected) in [
        (Protocol::Tcp, Connections::PerRequest, 2),
        (Protocol::Tcp, Connections::KeepAlive(1), 1),
        (Protocol::Udp, Connections::PerRequest, 2),
    ] {
        let mut requests = workload(
            vec![CLIENT],
            vec![target(app_of(0), 80)],
            RequestPlan {
                connections,
                ..request()
            },
        );
        requests.protocol = protocol;
        p.workloads = vec![requests];
        let outcome = run(&p);
        let errors = &outcome.workloads[0].errors;
        let failed = errors.get("network_unreachable");
        assert_eq!(failed, Some(&expected), "{connections:?}: {errors:?}");
    }
}

#[test]
fn an_answer_after_the_timeout_is_none() {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let mut p = plan(vec![task("web/0", Mode::Awsvpc, 0, 80)]);
        let mut requests = workload(
            vec![CLIENT],
            vec![target(app_of(0), 80)],
            RequestPlan {
                timeout: ms(10),
                service_time: ServiceTime::Constant(ms(13)),
                load: every(ms(21)),
                ..request()
            },
        );
        requests.protocol = protocol;
        p.workloads = vec![requests];
        p.measure.duration = ms(1_000);
        let outcome = run(&p);
        let late = &outcome.workloads[0];
        assert_eq!(late.ok, 0, "{late:?}");
        assert_eq!(late.errors.get("timed_out"), Some(&47), "{late:?}");
    }
}

#[test]
fn a_refused_datagram_fails_a_request_to_the_target_that_refused_it() {
    let mut p = plan(vec![
        task("slow", Mode::Awsvpc, 1, 80),
        task("refuses", Mode::Bridge, 0, 8080),
        task("client", Mode::Bridge, 0, 8081),
    ]);
    // Without the proxy and without hairpin, a container's published port is refused to others of
    // its host.
    p.instances[0].docker.userland_proxy = false;
    let mut requests = workload(
        vec![app_of(2)],
        vec![target(app_of(0), 80), target(app_of(1), 80)],
        RequestPlan {
            // One request is always with the slow server when another is refused.
            service_time: ServiceTime::Constant(us(1_500)),
            load: every(ms(1)),
            ..request()
        },
    );
    requests.protocol = Protocol::Udp;
    p.workloads = vec![requests];
    let outcome = run(&p);
    let both = &outcome.workloads[0];
    assert_eq!(both.ok, 50, "{both:?}");
    assert_eq!(both.errors.get("connection_refused"), Some(&49), "{both:?}");
}

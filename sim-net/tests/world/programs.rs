//! Programs: what they send, to whom, and what becomes of requests that are late or fail.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sim_core::{ByteSize, SimDuration};
use sim_net::headers::{self, Protocol};
use sim_net::plan::{
    Arrivals, CallPlan, Connections, Direction, Load, Mode, Place, Plan, RequestPlan, ServiceTime,
    Target, TaskPlan, WorkloadKind, WorkloadPlan,
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

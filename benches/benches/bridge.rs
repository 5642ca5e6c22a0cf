//! The kernel's part of bridge mode: a learning bridge, and Docker's hooks on an established
//! connection, next to the same packet through a namespace's hooks alone.

use std::hint::black_box;

use benches::hooks::PublishedPort;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim_core::SimTime;
use sim_net::frame::Mac;
use sim_net::kernel::bridge::{Bridge, BridgeDecision};

fn learned(c: &mut Criterion) {
    let (owner, a, b) = (Mac::local(0, 0), Mac::local(0, 1), Mac::local(0, 2));
    let mut bridge = Bridge::new(owner);
    let first = bridge.add_port(false).expect("a port is free");
    let second = bridge.add_port(false).expect("a port is free");
    bridge.ingress(SimTime::ZERO, Some(second), b, a);
    c.bench_function("bridge/learned", |bencher| {
        bencher.iter(|| {
            let decision = bridge.ingress(SimTime::ZERO, Some(first), black_box(a), black_box(b));
            assert_eq!(decision, BridgeDecision::Port(second));
        });
    });
}

fn hooks(c: &mut Criterion) {
    let mut port = PublishedPort::new();
    let mut group = c.benchmark_group("netfilter");
    group.throughput(Throughput::Elements(1));
    group.bench_function("published_port", |bencher| {
        bencher.iter(|| black_box(&mut port).walk());
    });
    group.finish();
    assert!(port.translated(), "the segment was translated");
}

criterion_group!(bridge, learned, hooks);
criterion_main!(bridge);

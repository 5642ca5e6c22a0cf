//! Whole worlds: what a frame costs with link, queue, event loop and kernel around the stack.
//!
//! `frame/bulk` is to be read beside `stack`'s bulk case on bare smoltcp from the same run: the
//! same segments between two ends, here with programs, interfaces and a fabric.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sim_core::SimDuration;
use sim_net::plan::{Mode, Plan};

fn frames_per_second(c: &mut Criterion, group: &str, name: &str, plan: &Plan) {
    let frames = benches::run(benches::world(plan)).frames.delivered;
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(frames));
    group.bench_function(name, |b| {
        b.iter_batched(
            || benches::world(plan),
            benches::run,
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn bulk(c: &mut Criterion) {
    frames_per_second(c, "frame", "bulk", &benches::bulk(SimDuration::from_ms(50)));
}

fn requests(c: &mut Criterion) {
    for mode in [Mode::Host, Mode::Awsvpc, Mode::Fargate, Mode::Bridge] {
        let plan = benches::requests(mode, SimDuration::from_secs(1));
        frames_per_second(c, "request", mode.name(), &plan);
    }
}

criterion_group!(worlds, bulk, requests);
criterion_main!(worlds);

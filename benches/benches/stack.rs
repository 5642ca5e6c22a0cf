//! The stack adapter next to bare smoltcp: two ends joined in memory, no link, no queue, no event
//! loop, both ways of doing the same in one run. What the adapter adds to a frame is the
//! difference; the aim is at most 1.3 times bare smoltcp.

use benches::pair::{Adapter, Bare, bulk, requests, settle};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Octets of one iteration of the bulk case.
const BULK: usize = 1 << 20;
/// Requests of one iteration of the other.
const ROUNDS: usize = 100;

/// Runs one case on both and reports the time of a frame.
fn compare(c: &mut Criterion, case: &str, adapter: fn(&mut Adapter), bare: fn(&mut Bare)) {
    let mut group = c.benchmark_group(case);
    let mut pair = Bare::new();
    let frames = settle(&mut pair, bare);
    group.throughput(Throughput::Elements(frames));
    group.bench_function("smoltcp", |b| b.iter(|| bare(&mut pair)));
    let mut pair = Adapter::new();
    let frames = settle(&mut pair, adapter);
    group.throughput(Throughput::Elements(frames));
    group.bench_function("stack", |b| b.iter(|| adapter(&mut pair)));
    assert_eq!(pair.corrupted(), 0, "octets in the wrong place");
    group.finish();
}

fn bench(c: &mut Criterion) {
    compare(
        c,
        "bulk_mtu_1500",
        |pair| bulk(pair, BULK),
        |pair| bulk(pair, BULK),
    );
    compare(
        c,
        "request_response",
        |pair| requests(pair, ROUNDS),
        |pair| requests(pair, ROUNDS),
    );
}

criterion_group!(benches, bench);
criterion_main!(benches);

//! The event queue in the *hold* model (one pop, then one push, at a constant number of pending
//! events), next to other queues (`figures queues` asks of them what real runs ask), and the engine's
//! loop around it.

use std::hint::black_box;

use benches::queues::{Calendar, Payload, Queue, Radix, Std, Wheel};
use criterion::measurement::{Measurement, WallTime};
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use sim_core::{
    Context, Engine, EntityId, EventCode, EventKey, EventQueue, Partition, PartitionId,
    SimDuration, SimTime, SourceId, Streams, dist,
};

/// Delays drawn beforehand, so that drawing is not what is measured.
struct Delays {
    drawn: Vec<SimDuration>,
    next: usize,
}

impl Delays {
    const COUNT: usize = 1 << 16;

    fn exponential() -> Self {
        let mut rng = Streams::new(1).stream("bench", "exponential");
        let mean = SimDuration::from_us(1);
        Self {
            drawn: (0..Self::COUNT)
                .map(|_| dist::exponential(&mut rng, mean))
                .collect(),
            next: 0,
        }
    }

    /// Nine in ten below a microsecond, as packets are, and one around 100, as timers are.
    fn bimodal() -> Self {
        let mut rng = Streams::new(1).stream("bench", "bimodal");
        let us = SimDuration::from_us;
        let mut draw = || match dist::below(&mut rng, 10) {
            0 => dist::uniform(&mut rng, us(100), us(101)),
            _ => dist::uniform(&mut rng, SimDuration::ZERO, us(1)),
        };
        Self {
            drawn: (0..Self::COUNT).map(|_| draw()).collect(),
            next: 0,
        }
    }

    fn draw(&mut self) -> SimDuration {
        self.next = (self.next + 1) % Self::COUNT;
        self.drawn[self.next]
    }
}

/// A queue that has forgotten in which order it was filled.
fn settled<Q: Queue>(pending: usize, delays: &mut Delays) -> (Q, u32) {
    let (mut queue, mut seq) = (Q::default(), 0);
    for index in 0..pending {
        let at = SimTime::ZERO + delays.draw();
        queue.push(
            EventKey {
                at,
                source: SourceId::new(index % 1_000),
                seq,
            },
            [index as u64; 3],
        );
        seq += 1;
    }
    for _ in 0..2 * pending {
        hold(&mut queue, &mut seq, delays);
    }
    (queue, seq)
}

/// One pop and one push.
fn hold<Q: Queue>(queue: &mut Q, seq: &mut u32, delays: &mut Delays) {
    let first = queue.pop_before(SimTime::MAX);
    let (key, event) = first.expect("as many are pushed as popped");
    *seq = seq.wrapping_add(1);
    queue.push(
        EventKey {
            at: key.at + delays.draw(),
            seq: *seq,
            ..key
        },
        black_box(event),
    );
}

fn held<Q: Queue>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    pending: usize,
    delays: fn() -> Delays,
) {
    group.bench_function(id, |bencher| {
        let mut delays = delays();
        let (mut queue, mut seq) = settled::<Q>(pending, &mut delays);
        bencher.iter(|| hold(&mut queue, &mut seq, &mut delays));
    });
}

fn hold_model(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold");
    group.throughput(Throughput::Elements(1));
    for (name, delays) in [
        ("exponential", Delays::exponential as fn() -> Delays),
        ("bimodal", Delays::bimodal),
    ] {
        for pending in [16, 1_000, 10_000, 100_000] {
            let id = |queue: &str| BenchmarkId::new(format!("{queue}/{name}"), pending);
            held::<EventQueue<Payload>>(&mut group, id("event_queue"), pending, delays);
            held::<Std>(&mut group, id("std_binary_heap"), pending, delays);
            held::<Wheel>(&mut group, id("wheel"), pending, delays);
            held::<Radix>(&mut group, id("radix_heap"), pending, delays);
            held::<Calendar>(&mut group, id("calendar"), pending, delays);
        }
    }
    group.finish();
}

const LOOKAHEAD: SimDuration = SimDuration::from_us(20);

#[derive(Clone, Copy, Debug)]
struct Tick(u32);

impl EventCode for Tick {
    fn code(&self) -> u64 {
        self.0.into()
    }
}

/// A partition whose entities tick; every `talk`-th tick is a message to the next partition.
struct Clock {
    entities: u32,
    talk: u32,
    next: PartitionId,
    ticks: u32,
}

impl Partition for Clock {
    type Event = Tick;
    type Message = Tick;
    type Worker = ();

    fn entity_count(&self) -> usize {
        self.entities as usize
    }

    fn handle(&mut self, Tick(entity): Tick, ctx: &mut Context<'_, Tick, Tick>, (): &mut ()) {
        self.ticks += 1;
        let source = EntityId::new(entity as usize);
        let at = ctx.now() + SimDuration::from_ns(900 + u64::from(self.ticks * 37 % 200));
        if self.ticks.is_multiple_of(self.talk) {
            ctx.send(source, self.next, at + LOOKAHEAD, Tick(entity));
        } else {
            ctx.schedule(source, at, Tick(entity));
        }
    }

    fn accept(&mut self, tick: Tick, (): &mut ()) -> Tick {
        tick
    }
}

/// So many partitions, of which the first `active` have something to do.
fn clocks(partitions: usize, active: usize, entities: u32, talk: u32) -> Engine<Clock> {
    let clock = |index: usize| Clock {
        entities,
        talk,
        next: PartitionId::new((index + 1) % active.max(1) % partitions),
        ticks: 0,
    };
    let mut engine = Engine::new((0..partitions).map(clock).collect(), LOOKAHEAD);
    for partition in (0..active).map(PartitionId::new) {
        for entity in 0..entities {
            let at = SimTime::from_ps(u64::from(entity) * 1_000);
            engine.schedule(partition, EntityId::new(entity as usize), at, Tick(entity));
        }
    }
    engine
}

/// The cost of an event that does next to nothing, digest included.
fn engine_loop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    for (name, partitions, active, entities, talk) in [
        ("one partition of 100 timers", 1, 1, 100, u32::MAX),
        ("two partitions of 50 timers", 2, 2, 50, 16),
        ("100 partitions of one timer", 100, 100, 1, 16),
        (
            "100000 partitions of which 100 do anything",
            100_000,
            100,
            1,
            16,
        ),
    ] {
        let mut engine = clocks(partitions, active, entities, talk);
        let mut end = SimTime::ZERO + SimDuration::from_ms(1);
        let warm_up = engine.run_until(end, &mut ()).events;
        assert!(
            warm_up > 10_000,
            "{name}: {warm_up} events in the first millisecond"
        );
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            // As many events as are asked for, give or take a window.
            bencher.iter_custom(|wanted| {
                let started = WallTime.start();
                let before = engine.events();
                while engine.events() - before < wanted {
                    end += LOOKAHEAD;
                    engine.run_until(end, &mut ());
                }
                let elapsed = WallTime.end(started);
                elapsed.mul_f64(wanted as f64 / (engine.events() - before) as f64)
            });
        });
    }
    group.finish();
}

criterion_group!(queues, hold_model, engine_loop);
criterion_main!(queues);

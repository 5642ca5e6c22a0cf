mod parallel;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::{
    Context, Engine, EntityId, EventCode, Limits, Partition, PartitionId, RunStats, Sharing,
    StopReason,
};
use crate::digest::Digest;
use crate::time::{SimDuration, SimTime};

const ENTITIES: usize = 3;
/// No message is faster than this.
const LATENCY: SimDuration = SimDuration::from_ps(30);

/// Something that causes more of its kind until its hops are used up.
#[derive(Clone, Copy, Debug)]
struct Rumour {
    value: u64,
    hops: u32,
}

impl EventCode for Rumour {
    fn code(&self) -> u64 {
        self.value ^ u64::from(self.hops)
    }
}

/// A partition whose behaviour depends on everything it has ever heard, in order: whatever changes
/// the order changes the digest.
struct Town {
    neighbours: usize,
    heard: Digest,
    flag: Option<Arc<AtomicBool>>,
    /// Whether time stands still once a rumour has so many hops left.
    stuck_at: Option<u32>,
}

impl Partition for Town {
    type Event = Rumour;
    type Message = Rumour;
    type Worker = u64;

    fn entity_count(&self) -> usize {
        ENTITIES
    }

    fn handle(&mut self, event: Rumour, ctx: &mut Context<'_, Rumour, Rumour>, handled: &mut u64) {
        *handled += 1;
        self.heard.update(event.value);
        self.heard.update(ctx.now().as_ps());
        if let Some(flag) = self.flag.as_ref().filter(|_| event.hops == 0) {
            flag.store(true, Ordering::Relaxed);
        }
        if self.stuck_at == Some(event.hops) {
            return ctx.schedule(EntityId::new(0), ctx.now(), event);
        }
        let Some(hops) = event.hops.checked_sub(1) else {
            return;
        };
        let word = self.heard.finish();
        let part = |shift: u32, below: u64| (word >> shift) % below;
        let index = |part: u64| usize::try_from(part).expect("below a small bound");
        let source = EntityId::new(index(part(0, ENTITIES as u64)));
        let next = Rumour {
            value: word >> 7,
            hops,
        };
        // Few different delays, zero among them, so that many events share an instant.
        ctx.schedule(
            source,
            ctx.now() + SimDuration::from_ps(part(8, 4) * 10),
            next,
        );
        let town = PartitionId::new(index(part(16, self.neighbours as u64)));
        let wait = SimDuration::from_ps(part(32, 3) * 10);
        if town == ctx.partition() {
            ctx.send(source, town, ctx.now() + wait, next);
        } else if part(40, 4) > 0 {
            ctx.send(source, town, ctx.now() + LATENCY + wait, next);
        }
    }

    fn accept(&mut self, message: Rumour, _: &mut u64) -> Rumour {
        message
    }
}

fn towns(count: usize, lookahead: SimDuration) -> Engine<Town> {
    let town = || Town {
        neighbours: count,
        heard: Digest::new(),
        flag: None,
        stuck_at: None,
    };
    Engine::new((0..count).map(|_| town()).collect(), lookahead)
}

fn rumour(engine: &mut Engine<Town>, town: usize, entity: usize, at: u64, hops: u32) {
    engine.schedule(
        PartitionId::new(town),
        EntityId::new(entity),
        SimTime::from_ps(at),
        Rumour { value: at, hops },
    );
}

/// Several towns with a rumour each.
fn started(count: usize, lookahead: SimDuration) -> Engine<Town> {
    let mut engine = towns(count, lookahead);
    for town in 0..count {
        rumour(
            &mut engine,
            town,
            town % ENTITIES,
            10 * (town as u64 % 3),
            9,
        );
    }
    engine
}

fn run(engine: &mut Engine<Town>, end: SimTime) -> RunStats {
    let mut handled = 0;
    let stats = engine.run_until(end, &mut handled);
    assert_eq!(handled, stats.events);
    stats
}

/// Everything that a run leaves behind.
fn outcome(engine: &Engine<Town>) -> (u64, u64, Vec<u64>) {
    (
        engine.events(),
        engine.digest(),
        engine
            .partitions()
            .map(|town| town.heard.finish())
            .collect(),
    )
}

#[test]
fn events_happen_in_the_order_of_time_source_and_counter() {
    let mut engine = towns(1, SimDuration::ZERO);
    for (entity, at) in [(2, 5), (1, 5), (0, 7), (1, 3)] {
        rumour(&mut engine, 0, entity, at, 0);
    }
    engine.schedule(
        PartitionId::new(0),
        EntityId::new(1),
        SimTime::from_ps(5),
        Rumour {
            value: 100,
            hops: 0,
        },
    );
    assert_eq!(engine.pending(), 5);
    let stats = run(&mut engine, SimTime::MAX);
    assert_eq!(
        stats,
        RunStats {
            events: 5,
            now: SimTime::from_ps(7),
            stopped: StopReason::Idle
        }
    );
    let mut expected = Digest::new();
    for (value, at) in [(3, 3), (5, 5), (100, 5), (5, 5), (7, 7)] {
        expected.update(value);
        expected.update(at);
    }
    assert_eq!(engine.into_partitions()[0].heard, expected);
}

#[test]
fn the_order_of_partitions_within_a_window_makes_no_difference() {
    let mut forward = started(7, LATENCY);
    let mut backward = started(7, LATENCY);
    backward.reversed = true;
    run(&mut forward, SimTime::MAX);
    run(&mut backward, SimTime::MAX);
    assert!(forward.events() > 1_000, "{}", forward.events());
    assert_eq!(outcome(&forward), outcome(&backward));
}

#[test]
fn the_length_of_windows_makes_no_difference() {
    let mut long = started(7, LATENCY);
    run(&mut long, SimTime::MAX);
    for ps in [1, 7, 29] {
        let mut short = started(7, SimDuration::from_ps(ps));
        run(&mut short, SimTime::MAX);
        assert_eq!(outcome(&long), outcome(&short));
    }
}

#[test]
fn stopping_and_going_on_makes_no_difference() {
    let mut whole = started(5, LATENCY);
    run(&mut whole, SimTime::MAX);
    let mut pieces = started(5, LATENCY);
    for end in (0..400).step_by(13).map(SimTime::from_ps) {
        let stats = run(&mut pieces, end);
        assert!(stats.stopped == StopReason::Idle || stats.now == end);
    }
    run(&mut pieces, SimTime::MAX);
    assert_eq!(outcome(&whole), outcome(&pieces));
}

#[test]
fn a_run_ends_before_the_end() {
    let mut engine = towns(2, LATENCY);
    rumour(&mut engine, 0, 0, 10, 0);
    rumour(&mut engine, 1, 0, 20, 0);
    let stats = run(&mut engine, SimTime::from_ps(20));
    let end = SimTime::from_ps(20);
    assert_eq!(
        stats,
        RunStats {
            events: 1,
            now: end,
            stopped: StopReason::EndReached
        }
    );
    assert_eq!(run(&mut engine, SimTime::from_ps(21)).events, 1);
    assert_eq!(
        run(&mut engine, SimTime::from_ps(22)).stopped,
        StopReason::Idle
    );
    assert_eq!(engine.pending(), 0);
}

#[test]
fn idle_partitions_change_nothing_for_the_others() {
    let mut few = started(4, LATENCY);
    let mut many = towns(1_000, LATENCY);
    for town in 0..4 {
        rumour(&mut many, town, town % ENTITIES, 10 * (town as u64 % 3), 9);
        many.partition_mut(PartitionId::new(town)).neighbours = 4;
    }
    run(&mut few, SimTime::MAX);
    run(&mut many, SimTime::MAX);
    assert_eq!(few.events(), many.events());
    assert_eq!(outcome(&few).2, outcome(&many).2[..4]);
}

#[test]
fn the_event_limit_stops_a_run_at_the_same_place_in_any_order() {
    let limits = Limits {
        max_events: 200,
        ..Limits::default()
    };
    let mut forward = started(6, LATENCY).with_limits(limits);
    let mut backward = started(6, LATENCY).with_limits(limits);
    backward.reversed = true;
    for engine in [&mut forward, &mut backward] {
        assert_eq!(run(engine, SimTime::MAX).stopped, StopReason::EventLimit);
    }
    assert!(forward.events() >= 200);
    assert_eq!(outcome(&forward), outcome(&backward));

    // Alone, a partition stops exactly there.
    let mut alone = started(1, LATENCY).with_limits(limits);
    rumour(&mut alone, 0, 0, 0, 9);
    assert_eq!(
        run(&mut alone, SimTime::MAX).stopped,
        StopReason::EventLimit
    );
    assert_eq!(alone.events(), 200);
}

/// A run that stopped at a limit can go on, and comes to the same end.
#[test]
fn a_limit_only_pauses() {
    let mut whole = started(6, LATENCY);
    run(&mut whole, SimTime::MAX);
    let mut paused = started(6, LATENCY);
    for max_events in (1..).step_by(17) {
        paused = paused.with_limits(Limits {
            max_events,
            ..Limits::default()
        });
        if run(&mut paused, SimTime::MAX).stopped == StopReason::Idle {
            break;
        }
    }
    assert_eq!(outcome(&whole), outcome(&paused));
}

/// A partition in which time stands still.
struct Stuck;

impl EventCode for () {
    fn code(&self) -> u64 {
        0
    }
}

impl Partition for Stuck {
    type Event = ();
    type Message = ();
    type Worker = ();

    fn entity_count(&self) -> usize {
        1
    }

    fn handle(&mut self, event: (), ctx: &mut Context<'_, (), ()>, (): &mut ()) {
        ctx.schedule(EntityId::new(0), ctx.now(), event);
    }

    fn accept(&mut self, (): (), (): &mut ()) {}
}

#[test]
fn standing_time_is_a_livelock() {
    let limits = Limits {
        max_events_at_one_instant: 50,
        ..Limits::default()
    };
    for partitions in [1, 3] {
        let stuck = (0..partitions).map(|_| Stuck).collect();
        let mut engine = Engine::new(stuck, LATENCY).with_limits(limits);
        let last = PartitionId::new(partitions - 1);
        engine.schedule(last, EntityId::new(0), SimTime::from_ps(7), ());
        let stats = engine.run_until(SimTime::MAX, &mut ());
        let at = SimTime::from_ps(7);
        let stopped = StopReason::Livelock {
            at,
            partition: last,
        };
        assert_eq!(
            stats,
            RunStats {
                events: 50,
                now: at,
                stopped
            }
        );
    }
}

#[test]
fn of_two_livelocks_the_first_is_reported() {
    let limits = Limits {
        max_events_at_one_instant: 50,
        ..Limits::default()
    };
    let mut engine = Engine::new(vec![Stuck, Stuck, Stuck], LATENCY).with_limits(limits);
    for (partition, at) in [(0, 9), (1, 8), (2, 8)] {
        let id = PartitionId::new(partition);
        engine.schedule(id, EntityId::new(0), SimTime::from_ps(at), ());
    }
    let at = SimTime::from_ps(8);
    assert_eq!(
        engine.run_until(SimTime::MAX, &mut ()).stopped,
        StopReason::Livelock {
            at,
            partition: PartitionId::new(1)
        }
    );
}

#[test]
fn events_that_share_an_instant_are_no_livelock() {
    let limits = Limits {
        max_events_at_one_instant: 50,
        ..Limits::default()
    };
    let mut engine = towns(1, LATENCY).with_limits(limits);
    (0..50).for_each(|_| rumour(&mut engine, 0, 0, 5, 0));
    rumour(&mut engine, 0, 0, 6, 0);
    assert_eq!(run(&mut engine, SimTime::MAX).stopped, StopReason::Idle);
}

#[test]
fn a_stop_flag_ends_the_run_after_the_window() {
    let mut engine = towns(2, LATENCY);
    let flag = Arc::new(AtomicBool::new(false));
    engine.set_stop_flag(flag.clone());
    engine.partition_mut(PartitionId::new(0)).flag = Some(flag.clone());
    for at in [10, 20, 1_000] {
        rumour(&mut engine, 0, 0, at, 0);
    }
    let stats = run(&mut engine, SimTime::MAX);
    let now = SimTime::from_ps(20);
    assert_eq!(
        stats,
        RunStats {
            events: 2,
            now,
            stopped: StopReason::Interrupted
        }
    );
    flag.store(false, Ordering::Relaxed);
    assert_eq!(run(&mut engine, SimTime::MAX).stopped, StopReason::Idle);
}

#[test]
fn a_single_partition_looks_at_the_stop_flag_too() {
    let limits = Limits {
        max_events_at_one_instant: u64::MAX,
        ..Limits::default()
    };
    let mut engine = Engine::new(vec![Stuck], SimDuration::ZERO).with_limits(limits);
    engine.schedule(PartitionId::new(0), EntityId::new(0), SimTime::ZERO, ());
    engine.set_stop_flag(Arc::new(AtomicBool::new(true)));
    assert_eq!(
        engine.run_until(SimTime::MAX, &mut ()).stopped,
        StopReason::Interrupted
    );
}

#[test]
fn an_empty_world_is_idle() {
    let mut engine = towns(0, LATENCY);
    let stats = run(&mut engine, SimTime::MAX);
    assert_eq!(
        stats,
        RunStats {
            events: 0,
            now: SimTime::ZERO,
            stopped: StopReason::Idle
        }
    );
}

#[test]
#[should_panic(expected = "need a lookahead above zero")]
fn several_partitions_need_a_lookahead() {
    let _ = towns(2, SimDuration::ZERO);
}

#[test]
#[should_panic(expected = "faster than the lookahead")]
fn a_message_faster_than_the_lookahead_is_a_bug() {
    let mut engine = started(7, LATENCY + SimDuration::from_ps(1));
    run(&mut engine, SimTime::MAX);
}

#[test]
#[should_panic(expected = "no event in the past")]
fn scheduling_behind_a_partition_is_a_bug() {
    let mut engine = towns(1, LATENCY);
    rumour(&mut engine, 0, 0, 10, 0);
    run(&mut engine, SimTime::MAX);
    rumour(&mut engine, 0, 0, 9, 0);
}

#[test]
fn the_digest_sees_times_sources_and_codes() {
    let digest = |entity: usize, at: u64, hops: u32| {
        let mut engine = towns(1, LATENCY);
        rumour(&mut engine, 0, entity, at, hops);
        run(&mut engine, SimTime::MAX);
        engine.digest()
    };
    assert_eq!(digest(0, 1, 0), digest(0, 1, 0));
    assert_ne!(digest(0, 1, 0), digest(1, 1, 0));
    assert_ne!(digest(0, 1, 0), digest(0, 2, 0));
    assert_ne!(digest(0, 1, 0), digest(0, 1, 1));
}

proptest! {
    /// The order in which first events are given makes no difference, as long as each entity keeps
    /// its own.
    #[test]
    fn insertion_order_makes_no_difference(
        (sorted, shuffled) in prop::collection::btree_map(
            (0..4_usize, 0..ENTITIES), (0..50_u64, 0..6_u32), 1..12
        ).prop_flat_map(|events| {
            let list: Vec<_> = events.into_iter().collect();
            (Just(list.clone()), Just(list).prop_shuffle())
        })
    ) {
        let outcomes = [sorted, shuffled].map(|events| {
            let mut engine = towns(4, LATENCY);
            for ((town, entity), (at, hops)) in events {
                rumour(&mut engine, town, entity, at, hops);
            }
            run(&mut engine, SimTime::MAX);
            outcome(&engine)
        });
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
    }

    /// Windows of any length, partitions in any order, in any pieces: the same run.
    #[test]
    fn windows_make_no_difference(
        count in 1..6_usize,
        lookahead in 1..=30_u64,
        ends in prop::collection::vec(0..400_u64, 0..5),
    ) {
        let mut plain = started(count, LATENCY);
        run(&mut plain, SimTime::MAX);
        let mut other = started(count, SimDuration::from_ps(lookahead));
        other.reversed = true;
        for end in ends {
            run(&mut other, SimTime::from_ps(end));
        }
        run(&mut other, SimTime::MAX);
        prop_assert_eq!(outcome(&plain), outcome(&other));
    }
}

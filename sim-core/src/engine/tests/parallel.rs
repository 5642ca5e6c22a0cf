//! One run on several threads is the run on one.

use super::*;

/// Threads that are tried beside one.
const THREADS: [usize; 3] = [2, 3, 8];

/// Runs a world on so many threads, which share every window.
fn shared(engine: &mut Engine<Town>, end: SimTime, threads: usize) -> RunStats {
    engine.set_sharing(Sharing::Always);
    let mut handled = vec![0; threads];
    let before = engine.thread_use();
    let stats = engine.run_parallel(end, &mut handled);
    assert_eq!(handled.iter().sum::<u64>(), stats.events);
    let after = engine.thread_use();
    if threads.min(engine.partitions().len()) > 1 {
        assert_eq!(after.shared_events - before.shared_events, stats.events);
        let windows = after.windows - before.windows;
        assert_eq!(after.shared_windows - before.shared_windows, windows);
        assert!(after.most >= threads.min(engine.partitions().len()));
    }
    stats
}

/// What happens to a world beside its events.
#[derive(Clone, Debug)]
struct Course {
    towns: usize,
    rumours: Vec<(usize, u64, u32)>,
    lookahead: u64,
    ends: Vec<u64>,
    limits: Limits,
    /// Where the stop flag is set.
    flag: Option<usize>,
    /// Where time stands still, and when.
    stuck: Vec<(usize, u32)>,
}

fn courses() -> impl Strategy<Value = Course> {
    let limit = prop_oneof![Just(u64::MAX), 1..400_u64];
    (1..12_usize, 1..=30_u64, limit).prop_flat_map(|(towns, lookahead, max_events)| {
        let rumours = prop::collection::vec((0..towns, 0..60_u64, 0..10_u32), 1..10);
        let ends = prop::collection::vec(0..400_u64, 0..4);
        let flag = prop::option::weighted(0.3, 0..towns);
        let stuck = prop::collection::vec((0..towns, 0..8_u32), 0..3);
        let stuck = prop_oneof![3 => Just(Vec::new()), 1 => stuck];
        (rumours, ends, flag, stuck).prop_map(move |(rumours, ends, flag, stuck)| Course {
            towns,
            rumours,
            lookahead,
            ends,
            limits: Limits {
                max_events,
                max_events_at_one_instant: 200,
            },
            flag,
            stuck,
        })
    })
}

/// Runs a course: what each call said, and what is left behind.
fn follow(
    course: &Course,
    run: impl Fn(&mut Engine<Town>, SimTime) -> RunStats,
) -> (Vec<RunStats>, u64, (u64, u64, Vec<u64>), usize) {
    let lookahead = SimDuration::from_ps(course.lookahead);
    let mut engine = towns(course.towns, lookahead).with_limits(course.limits);
    let flag = Arc::new(AtomicBool::new(false));
    engine.set_stop_flag(flag.clone());
    if let Some(town) = course.flag {
        engine.partition_mut(PartitionId::new(town)).flag = Some(flag);
    }
    for &(town, hops) in &course.stuck {
        engine.partition_mut(PartitionId::new(town)).stuck_at = Some(hops);
    }
    for &(town, at, hops) in &course.rumours {
        rumour(&mut engine, town, town % ENTITIES, at, hops);
    }
    let mut ends: Vec<_> = course.ends.iter().copied().map(SimTime::from_ps).collect();
    ends.push(SimTime::MAX);
    let stats = ends.into_iter().map(|end| run(&mut engine, end)).collect();
    let (windows, left) = (engine.thread_use().windows, outcome(&engine));
    (stats, windows, left, engine.pending())
}

proptest! {
    /// Whatever stops a run, it stops at the same place after the same windows.
    #[test]
    fn threads_make_no_difference(course in courses()) {
        let alone = follow(&course, run);
        for threads in THREADS {
            let together = follow(&course, |engine, end| shared(engine, end, threads));
            prop_assert_eq!(&alone, &together, "{} threads", threads);
        }
    }
}

#[test]
fn threads_that_come_and_go_make_no_difference() {
    let mut alone = started(7, LATENCY);
    let mut together = started(7, LATENCY);
    for (end, threads) in (0..400).step_by(13).zip([1, 3, 2, 8].into_iter().cycle()) {
        let end = SimTime::from_ps(end);
        assert_eq!(run(&mut alone, end), shared(&mut together, end, threads));
    }
    let end = SimTime::MAX;
    assert_eq!(run(&mut alone, end), shared(&mut together, end, 2));
    assert!(alone.events() > 1_000, "{}", alone.events());
    assert_eq!(outcome(&alone), outcome(&together));
}

#[test]
fn of_two_livelocks_on_two_threads_the_first_is_reported() {
    let limits = Limits {
        max_events_at_one_instant: 50,
        ..Limits::default()
    };
    for threads in THREADS {
        let stuck = (0..4).map(|_| Stuck).collect();
        let mut engine = Engine::new(stuck, LATENCY).with_limits(limits);
        engine.set_sharing(Sharing::Always);
        for (partition, at) in [(0, 9), (1, 8), (2, 8), (3, 100)] {
            let id = PartitionId::new(partition);
            engine.schedule(id, EntityId::new(0), SimTime::from_ps(at), ());
        }
        let stats = engine.run_parallel(SimTime::MAX, &mut vec![(); threads]);
        let (at, partition) = (SimTime::from_ps(8), PartitionId::new(1));
        assert_eq!(stats.stopped, StopReason::Livelock { at, partition });
        assert_eq!(stats.events, 150);
    }
}

/// A panic ends all threads, whichever has it, and is heard.
#[test]
fn a_panic_ends_all_threads() {
    for threads in THREADS {
        let panicked = std::panic::catch_unwind(|| {
            let mut engine = started(7, LATENCY + SimDuration::from_ps(1));
            shared(&mut engine, SimTime::MAX, threads)
        });
        let payload = panicked.unwrap_err();
        let said = payload.downcast_ref::<String>().unwrap();
        assert!(said.contains("faster than the lookahead"), "{said}");
    }
}

/// Clocks that tick so often, and send every so manieth tick to the next.
struct Ticker {
    next: PartitionId,
    every: SimDuration,
    ticks: u64,
}

impl Partition for Ticker {
    type Event = ();
    type Message = ();
    type Worker = ();

    fn entity_count(&self) -> usize {
        1
    }

    fn handle(&mut self, (): (), ctx: &mut Context<'_, (), ()>, (): &mut ()) {
        self.ticks += 1;
        let source = EntityId::new(0);
        ctx.schedule(source, ctx.now() + self.every, ());
        if self.ticks.is_multiple_of(100) {
            // Heard, and no more than that.
            ctx.send(source, self.next, SimTime::MAX, ());
        }
    }

    fn accept(&mut self, (): (), (): &mut ()) {}
}

fn tickers(every: &[u64]) -> Engine<Ticker> {
    let ticker = |(number, &every): (usize, &u64)| Ticker {
        next: PartitionId::new((number + 1) % 8),
        every: SimDuration::from_ps(every),
        ticks: 0,
    };
    let partitions = every.iter().enumerate().map(ticker).collect();
    let mut engine = Engine::new(partitions, SimDuration::from_ps(1_000));
    for number in 0..8 {
        let at = SimTime::from_ps(number * 1_100);
        let partition = PartitionId::new(usize::try_from(number).unwrap());
        engine.schedule(partition, EntityId::new(0), at, ());
    }
    engine
}

#[test]
fn threads_share_windows_where_it_pays_and_no_others() {
    let end = 2_000_000;
    // Ticks of each partition; and whether two threads are worth it.
    for (every, pays) in [
        ([10; 8], true),
        // One event in a window.
        ([9_000; 8], false),
        // One partition has nearly all.
        (
            [2, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000],
            false,
        ),
    ] {
        let (mut alone, mut together) = (tickers(&every), tickers(&every));
        let end = if every[0] == 9_000 { end * 100 } else { end };
        let end = SimTime::from_ps(end);
        let stats = together.run_parallel(end, &mut [(), ()]);
        assert_eq!(alone.run_until(end, &mut ()), stats);
        assert!(stats.events > 100_000, "{}", stats.events);
        assert_eq!(alone.digest(), together.digest());
        let used = together.thread_use();
        assert_eq!(used.windows, alone.thread_use().windows);
        assert_eq!(used.most, if pays { 2 } else { 1 });
        assert_eq!(used.shared_events * 2 > stats.events, pays, "{used:?}");
        assert!(
            used.shared_events < stats.events,
            "the first stint is run alone"
        );
    }
}

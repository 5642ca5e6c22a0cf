use std::collections::VecDeque;

use proptest::prelude::*;
use sim_core::{Streams, Summary, dist};

use super::*;
use crate::eni::queue::{Queue, QueueLimit};

fn gbps(rate: u64) -> DataRate {
    DataRate::from_gbps(rate)
}

fn bytes(bytes: u64) -> ByteSize {
    ByteSize::from_bytes(bytes)
}

#[test]
fn frames_of_a_constant_rate_leave_one_after_another() {
    let mut link = Shaper::new(&ShaperPlan::constant(gbps(10)));
    let at = SimTime::ZERO + SimDuration::from_us(5);
    assert_eq!(link.serve(at, bytes(1_250)), at + SimDuration::from_us(1));
    assert_eq!(link.serve(at, bytes(2_500)), at + SimDuration::from_us(3));
    let later = at + SimDuration::from_us(10);
    assert_eq!(
        link.serve(later, bytes(1_250)),
        later + SimDuration::from_us(1)
    );
    assert_eq!((link.frames(), link.throttled()), (3, 0));
    assert_eq!(link.busy(), SimDuration::from_us(4));
}

/// Ten thousand frames of 1250 octets at 10 Gbit/s over 1 Gbit/s: 9 Mbit of credits last for one
/// millisecond, in which 10 Mbit leave.
#[test]
fn a_burst_lasts_exactly_as_long_as_its_credits() {
    let plan = ShaperPlan::burst(gbps(10), gbps(1), SimDuration::from_ms(1));
    assert_eq!((plan.bucket_bits, plan.credit_bits), (9_000_000, 9_000_000));
    let mut shaper = Shaper::new(&plan);
    let mut last = SimTime::ZERO;
    for n in 1..=1_000 {
        last = shaper.serve(SimTime::ZERO, bytes(1_250));
        assert_eq!(last, SimTime::ZERO + SimDuration::from_us(n));
    }
    assert_eq!((shaper.credit_bits(last), shaper.throttled()), (0, 0));
    for n in 1..=100 {
        let left = shaper.serve(SimTime::ZERO, bytes(1_250));
        assert_eq!(left, last + SimDuration::from_us(10 * n));
    }
    assert_eq!(shaper.throttled(), 100);
}

#[test]
fn credits_come_back_at_the_baseline_rate_and_no_further_than_the_bucket() {
    let plan = ShaperPlan {
        peak: gbps(10),
        baseline: gbps(1),
        bucket_bits: 10_000,
        credit_bits: 0,
    };
    let shaper = Shaper::new(&plan);
    let at = |ns| SimTime::ZERO + SimDuration::from_ns(ns);
    assert_eq!(shaper.credit_bits(at(0)), 0);
    assert_eq!(shaper.credit_bits(at(1_500)), 1_500);
    assert_eq!(shaper.credit_bits(at(1_000_000)), 10_000);
}

#[test]
fn an_empty_bucket_at_the_start_changes_the_first_frame() {
    let full = ShaperPlan::burst(gbps(10), gbps(1), SimDuration::from_ms(1));
    let empty = ShaperPlan {
        credit_bits: 0,
        ..full
    };
    let first = |plan| Shaper::new(&plan).serve(SimTime::ZERO, bytes(1_250));
    assert_eq!(first(full), SimTime::ZERO + SimDuration::from_us(1));
    assert_eq!(first(empty), SimTime::ZERO + SimDuration::from_us(10));
}

#[test]
fn an_idle_server_passes_a_frame_on_as_it_comes_in() {
    let mut shaper = Shaper::new(&ShaperPlan::constant(gbps(10)));
    let at = |us| SimTime::ZERO + SimDuration::from_us(us);
    assert_eq!(shaper.serve_cut_through(at(10), bytes(1_250)), at(10));
    assert_eq!(
        shaper.serve_cut_through(at(10), bytes(1_250)),
        at(11),
        "two at once"
    );
    assert_eq!(shaper.serve_cut_through(at(12), bytes(1_250)), at(12));
}

/// One picosecond after another, with a queue that is really there.
struct Reference {
    peak: u64,
    baseline: u64,
    bucket: u64,
    credit: u64,
    limit: QueueLimit,
    /// Number, octets and bits still to be sent.
    waiting: VecDeque<(usize, u64, u64)>,
    now: u64,
    departed: Vec<(usize, u64)>,
}

impl Reference {
    fn step(&mut self) {
        let room = self.peak.min(self.credit + self.baseline);
        let sent = match self.waiting.front_mut() {
            Some((_, _, left)) => {
                let sent = room.min(*left);
                *left -= sent;
                sent
            }
            None => 0,
        };
        self.now += 1;
        if self.waiting.front().is_some_and(|(_, _, left)| *left == 0) {
            let (number, ..) = self.waiting.pop_front().expect("it was there");
            self.departed.push((number, self.now));
        }
        self.credit = (self.credit + self.baseline - sent).min(self.bucket);
    }

    fn backlog(&self) -> u64 {
        self.waiting.iter().map(|(_, octets, _)| octets).sum()
    }

    fn offer(&mut self, number: usize, octets: u64) -> bool {
        let room = self
            .limit
            .packets
            .is_none_or(|most| self.waiting.len() < most)
            && self
                .limit
                .bytes
                .is_none_or(|most| self.backlog() + octets <= most.bytes());
        if room {
            self.waiting.push_back((number, octets, octets * 8));
        }
        room
    }
}

/// One bit per picosecond for each unit, so that a picosecond is a step of whole bits.
fn terabits(units: u64) -> DataRate {
    DataRate::from_gbps(units * 1_000)
}

proptest! {
    #[test]
    fn departures_drops_and_backlog_are_those_of_a_real_queue(
        peak in 1..16_u64,
        baseline_of_peak in 1..=16_u64,
        bucket in 0..600_u64,
        credit in 0..600_u64,
        packets in proptest::option::of(1..6_usize),
        octets in proptest::option::of(10..120_u64),
        frames in proptest::collection::vec((0..30_u64, 1..24_u64), 1..60),
        below in 0..60_u64,
    ) {
        let baseline = (peak * baseline_of_peak / 16).max(1);
        let limit = QueueLimit { packets, bytes: octets.map(ByteSize::from_bytes) };
        let mut shaper = Shaper::new(&ShaperPlan {
            peak: terabits(peak),
            baseline: terabits(baseline),
            bucket_bits: bucket,
            credit_bits: credit,
        });
        let mut queue = Queue::new(limit);
        let mut reference = Reference {
            peak, baseline, bucket, credit: credit.min(bucket), limit,
            waiting: VecDeque::new(), now: 0, departed: Vec::new(),
        };
        let mut departures = Vec::new();
        let mut drained = Vec::new();
        let mut now = 0;
        for (number, (gap, size)) in frames.iter().copied().enumerate() {
            now += gap;
            while reference.now < now {
                reference.step();
                drained.retain(|(expected, most)| {
                    let there = reference.backlog() <= *most;
                    assert!(!there || reference.now == *expected, "drain time");
                    !there
                });
            }
            let at = SimTime::from_ps(now);
            prop_assert_eq!(queue.backlog(at).bytes(), reference.backlog());
            let enters = reference.offer(number, size);
            prop_assert_eq!(queue.has_room(at, bytes(size)), enters);
            if enters {
                // A frame that enters pushes the time of an emptier queue away.
                drained.clear();
                let departs = shaper.serve(at, bytes(size));
                queue.enter(at, departs, bytes(size));
                departures.push((number, departs.as_ps()));
                let drain = queue.drain_time(at, bytes(below)).as_ps();
                prop_assert_eq!(drain == now, reference.backlog() <= below);
                if drain > now {
                    drained.push((drain, below));
                }
            }
        }
        while !reference.waiting.is_empty() {
            reference.step();
            drained.retain(|(expected, most)| {
                let there = reference.backlog() <= *most;
                assert!(!there || reference.now == *expected, "drain time");
                !there
            });
        }
        prop_assert!(drained.is_empty());
        prop_assert_eq!(departures, reference.departed);
        let credit = if baseline == peak { 0 } else { reference.credit };
        prop_assert_eq!(shaper.credit_bits(SimTime::from_ps(reference.now)), credit);
    }

    /// The closed form of a token bucket, for every window from one departure to a later one.
    #[test]
    fn no_window_passes_more_than_bucket_and_rates_allow(
        peak in 100_000_000..20_000_000_000_u64,
        share in 1..=100_u64,
        bucket in 0..1_000_000_u64,
        frames in proptest::collection::vec((0..20_000_000_u64, 60..9_100_u64), 1..80),
        cut_through in any::<bool>(),
    ) {
        let baseline = peak * share / 100;
        let plan = ShaperPlan {
            peak: DataRate::from_bps(peak).expect("not zero"),
            baseline: DataRate::from_bps(baseline).expect("not zero"),
            bucket_bits: bucket,
            credit_bits: bucket,
        };
        let mut shaper = Shaper::new(&plan);
        let mut now = SimTime::ZERO + SimDuration::from_ms(1);
        let mut served = vec![(now, 0)];
        for (gap, size) in frames {
            now += SimDuration::from_ps(gap);
            let left = if cut_through {
                shaper.serve_cut_through(now, bytes(size))
            } else {
                shaper.serve(now, bytes(size))
            };
            prop_assert!(left >= now, "it leaves no earlier than it comes");
            prop_assert!(left >= served.last().expect("one").0, "first in, first out");
            served.push((left, size * 8));
        }
        prop_assert!(shaper.busy() <= shaper.free_at() - SimTime::ZERO, "utilisation is at most 1");
        for (index, (from, _)) in served.iter().enumerate().skip(usize::from(cut_through)) {
            let mut bits = 0;
            for (to, frame) in &served[index + 1..] {
                bits += u128::from(*frame);
                let ps = u128::from((*to - *from).as_ps());
                let most = |rate: u64, bucket: u64| {
                    u128::from(rate) * ps + u128::from(bucket) * UNITS_PER_BIT
                };
                prop_assert!(bits * UNITS_PER_BIT <= most(baseline, bucket));
                prop_assert!(bits * UNITS_PER_BIT <= most(peak, 0));
            }
        }
    }

    /// The queue stays first in, first out, and conserves what enters.
    #[test]
    fn what_enters_a_queue_has_left_or_waits(
        frames in proptest::collection::vec((0..3_000_000_u64, 60..9_100_u64), 1..200),
        packets in 1..20_usize,
    ) {
        let mut shaper = Shaper::new(&ShaperPlan::constant(gbps(10)));
        let mut queue = Queue::new(QueueLimit::packets(packets));
        let mut now = SimTime::ZERO;
        let mut all: Vec<(SimTime, u64)> = Vec::new();
        for (gap, size) in frames {
            now += SimDuration::from_ps(gap);
            let waiting = all.iter().filter(|(left, _)| *left > now);
            prop_assert_eq!(queue.has_room(now, bytes(size)), waiting.clone().count() < packets);
            prop_assert_eq!(queue.backlog(now).bytes(), waiting.map(|(_, size)| size).sum::<u64>());
            if queue.has_room(now, bytes(size)) {
                let left = shaper.serve(now, bytes(size));
                queue.enter(now, left, bytes(size));
                all.push((left, size));
            }
        }
        prop_assert!(all.is_sorted_by_key(|(left, _)| *left));
    }
}

/// Frames of 1250 octets with exponential gaps at 70 % of 10 Gbit/s wait ρ·S / 2(1 − ρ) = 7/6 µs
/// (Pollaczek and Khinchine).
#[test]
fn a_poisson_stream_waits_as_m_d_1_says() {
    let (load, service) = (0.7, 1_000_000.0);
    let theory = load * service / (2.0 * (1.0 - load));
    let mean_gap = SimDuration::from_ps(1_428_571);
    let mut means = Summary::new();
    for replication in 0..20 {
        let mut rng = Streams::for_replication(1, replication).stream("source", "gaps");
        let mut link = Shaper::new(&ShaperPlan::constant(gbps(10)));
        let (mut now, mut waited, mut counted) = (SimTime::ZERO, 0_u64, 0_u64);
        for n in 0..60_000 {
            now += dist::exponential(&mut rng, mean_gap);
            let left = link.serve(now, bytes(1_250));
            if n >= 5_000 {
                waited += (left - now).as_ps() - 1_000_000;
                counted += 1;
            }
        }
        means.record(waited as f64 / counted as f64);
    }
    let (low, high) = means.interval(0.999).expect("twenty replications");
    assert!(
        low < theory && theory < high,
        "{low} to {high} ps, theory {theory} ps"
    );
    assert!(
        high - low < 0.1 * theory,
        "too wide to say anything: {low} to {high} ps"
    );
}

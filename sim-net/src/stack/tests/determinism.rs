//! The same input gives the same octets, whatever else a worker does.

use sim_core::{SimDuration, SimTime};

use super::harness::{CLIENT, Net, SERVER, Treatment};
use crate::stack::segment::Segment;
use crate::stack::{Stack, StackConfig, StackWorker};

const MS: SimDuration = SimDuration::from_ms(1);

type Trace = Vec<(SimTime, usize, Vec<u8>)>;

/// A world with some loss, three connections and a server that answers.
fn world(seed: u64) -> Net {
    let mut net = Net::new(MS);
    for (n, host) in net.hosts.iter_mut().enumerate() {
        let seed = seed * 10 + n as u64;
        host.stack = Stack::new(StackConfig {
            seed,
            ..StackConfig::default()
        });
    }
    net.hosts[SERVER].habits.echoes = true;
    net.trace = Some(Vec::new());
    let period = 11 + seed;
    net.links[CLIENT].treat = Box::new(move |_, n| match n % period {
        0 => Treatment::Drop,
        _ => Treatment::Pass,
    });
    net.listen();
    for n in 0..3 {
        let conn = net.connect();
        net.hosts[CLIENT]
            .to_send
            .insert(conn, (20_000 * (n + 1), true));
    }
    net
}

fn alone(seed: u64) -> Trace {
    let mut net = world(seed);
    while net.step(SimTime::MAX) {}
    net.trace.expect("it was asked for")
}

#[test]
fn two_worlds_on_one_worker_send_what_each_sends_alone() {
    for turns in [1, 3, 7] {
        let (mut a, mut b) = (world(1), world(2));
        let mut worker = StackWorker::default();
        let mut turn = |net: &mut Net, steps: u32| {
            std::mem::swap(&mut net.worker, &mut worker);
            let alive = (0..steps).all(|_| net.step(SimTime::MAX));
            std::mem::swap(&mut net.worker, &mut worker);
            alive
        };
        while turn(&mut a, turns) | turn(&mut b, 2) {}
        assert!(
            a.trace == Some(alone(1)),
            "other octets beside another world"
        );
        assert!(
            b.trace == Some(alone(2)),
            "other octets beside another world"
        );
    }
}

#[test]
fn the_seed_sets_the_initial_sequence_numbers_and_ports() {
    let first = |seed| {
        let (_, _, packet) = alone(seed).swap_remove(0);
        let port = u16::from_be_bytes([packet[20], packet[21]]);
        (Segment::read(&packet).expect("a SYN").seq, port)
    };
    let (one, two) = (first(1), first(2));
    assert_eq!(one, first(1));
    assert_ne!(one.0, two.0);
    assert_ne!(one.1, two.1);
}

#[test]
fn initial_sequence_numbers_of_one_stack_are_spread() {
    let mut seen: Vec<u32> = Vec::new();
    for (_, host, packet) in alone(3) {
        let segment = Segment::read(&packet).expect("it is TCP");
        if host == CLIENT && segment.opens() && !seen.contains(&segment.seq) {
            seen.push(segment.seq);
        }
    }
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter()
            .all(|a| seen.iter().filter(|b| a.abs_diff(**b) < 100_000).count() == 1)
    );
}

/// More polls than needed change nothing but the time they take.
#[test]
fn polling_for_nothing_changes_nothing() {
    let run = |idle_polls: usize| {
        let mut net = world(4);
        let mut steps = 0_usize;
        while net.step(SimTime::MAX) {
            steps += 1;
            for _ in 0..idle_polls * usize::from(steps.is_multiple_of(3)) {
                for conn in (0..3).map(crate::ids::ConnId::new) {
                    net.poll(CLIENT, conn);
                }
            }
        }
        net.trace.expect("it was asked for")
    };
    assert!(run(0) == run(2));
}

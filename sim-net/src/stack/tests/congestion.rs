//! How fast a flow goes: against closed forms and bounds.

use std::collections::BTreeMap;

use sim_core::{SimDuration, SimTime};

use super::harness::{CLIENT, Net, SERVER, Treatment, options};
use crate::ids::ConnId;
use crate::stack::ports::mix;
use crate::stack::{Congestion, SendRoom, SocketOptions, StackConfig};

const GBIT: u64 = 1_000_000_000;
const MSS: u64 = 1460;

fn config(congestion: Congestion) -> StackConfig {
    StackConfig {
        congestion,
        ..StackConfig::default()
    }
}

/// Ten gigabits a second and 100 µs there and back, with room for `queue` octets.
fn fast(congestion: Congestion, queue: u64) -> Net {
    let mut net = Net::with(SimDuration::from_us(50), config(congestion));
    for link in &mut net.links {
        link.rate = 10 * GBIT;
        link.queue = queue;
    }
    net
}

fn loses(net: &mut Net, per_100_000: u64, seed: u64) {
    let mut state = seed;
    net.links[CLIENT].treat = Box::new(move |_, _| {
        state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
        if state % 100_000 < per_100_000 {
            Treatment::Drop
        } else {
            Treatment::Pass
        }
    });
}

fn bulk() -> SocketOptions {
    SocketOptions {
        recv_buffer: 4 << 20,
        send_buffer: 4 << 20,
        send_room: SendRoom::Grows,
        ..options()
    }
}

/// One endless flow, whose sender has these options.
fn start_with(net: &mut Net, options: SocketOptions) -> ConnId {
    start(net, 0);
    let conn = net.connect_with(options);
    let endless = u64::from(u32::MAX) * 1000;
    net.hosts[CLIENT].to_send.insert(conn, (endless, false));
    conn
}

fn start(net: &mut Net, flows: usize) -> Vec<ConnId> {
    let stack = &mut net.hosts[SERVER].stack;
    stack
        .listen(
            super::harness::app(SERVER),
            None,
            super::harness::PORT,
            bulk(),
            100,
        )
        .expect("free");
    let endless = u64::from(u32::MAX) * 1000;
    (0..flows)
        .map(|_| {
            let conn = net.connect_with(bulk());
            net.hosts[CLIENT].to_send.insert(conn, (endless, false));
            conn
        })
        .collect()
}

/// Payload in Gbit/s that arrives between `from` and `to`, by connection.
fn goodput(net: &mut Net, from: SimDuration, to: SimDuration) -> Vec<f64> {
    net.run_until(SimTime::ZERO + from);
    let before: BTreeMap<_, _> = net.hosts[SERVER].received.clone();
    net.run_until(SimTime::ZERO + to);
    let seconds = (to - from).as_secs_f64();
    let after = &net.hosts[SERVER].received;
    let rate = |conn, octets: &u64| {
        let new = octets - before.get(conn).copied().unwrap_or(0);
        new as f64 * 8.0 / seconds / 1e9
    };
    after
        .iter()
        .map(|(conn, octets)| rate(conn, octets))
        .collect()
}

/// Goodput of Reno with delayed acknowledgements under random loss, in Gbit/s. Source: Mathis et
/// al., The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm, 1997: C = sqrt(3/4).
fn mathis(loss: f64, rtt: f64) -> f64 {
    MSS as f64 * 8.0 / rtt * (0.75 / loss).sqrt() / 1e9
}

fn transfer_ms(congestion: Congestion, octets: u64) -> f64 {
    let mut net = Net::with(SimDuration::from_us(500), config(congestion));
    let (client, server) = net.pair();
    let begin = net.now;
    net.send_all(CLIENT, client, octets, false);
    net.run_for(SimDuration::from_secs(5));
    assert_eq!(net.hosts[SERVER].received[&server], octets);
    let last = net.hosts[SERVER].events.last().expect("data came").0;
    last.saturating_since(begin).as_secs_f64() * 1e3
}

#[test]
fn a_clean_link_is_ramped_up_as_ten_segments_and_slow_start_demand() {
    // Flights of 14,600 octets times 1, 2, 4, …: each takes a round trip of 1 ms, the last half.
    let ideal = [(16, 1.5), (64, 2.5), (256, 4.5), (1024, 6.5)];
    for congestion in [Congestion::Cubic, Congestion::Reno] {
        for (kib, ms) in ideal {
            let took = transfer_ms(congestion, kib << 10);
            assert!(
                (took - ms).abs() < 0.001,
                "{congestion:?}: {kib} KiB took {took} ms"
            );
        }
    }
}

#[test]
fn a_buffer_that_grows_with_the_window_limits_no_flow() {
    // A window of 4 MiB each 10 ms is 3.4 Gbit/s, of which the receiver's updates cost a third.
    let rate = |send_room| {
        let mut net = Net::with(SimDuration::from_ms(5), config(Congestion::Cubic));
        let options = SocketOptions {
            send_room,
            ..bulk()
        };
        let client = start_with(&mut net, options);
        let rate = goodput(
            &mut net,
            SimDuration::from_ms(200),
            SimDuration::from_ms(400),
        )[0];
        (rate, net.hosts[CLIENT].stack.unacknowledged(client))
    };
    let ((whole, _), (grows, held)) = (rate(SendRoom::Whole), rate(SendRoom::Grows));
    assert!(whole > 2.2, "{whole}");
    assert!((grows / whole - 1.0).abs() < 0.01, "{grows} {whole}");
    assert!(held > 2 << 20, "{held}");
}

#[test]
fn one_clean_flow_fills_ten_gigabits() {
    for congestion in [Congestion::Cubic, Congestion::Reno] {
        let mut net = fast(congestion, 1 << 30);
        start(&mut net, 1);
        let rate = goodput(&mut net, SimDuration::from_ms(10), SimDuration::from_ms(60))[0];
        let most = 10.0 * MSS as f64 / 1538.0;
        assert!(
            rate > 9.3 && rate < most * 1.001,
            "{congestion:?}: {rate} Gbit/s"
        );
    }
}

#[test]
fn random_loss_costs_what_mathis_says() {
    // At one percent the window is ten segments, and too few acknowledgements come back to repair
    // each loss in a round trip.
    for (per_100_000, tolerance, low) in [(100, 1.5, 1.0 / 1.5), (1000, 1.5, 0.35)] {
        let expected = mathis(per_100_000 as f64 / 1e5, 100e-6);
        for congestion in [Congestion::Cubic, Congestion::Reno] {
            let mut net = fast(congestion, 1 << 30);
            loses(&mut net, per_100_000, 1);
            start(&mut net, 1);
            let rate = goodput(
                &mut net,
                SimDuration::from_ms(200),
                SimDuration::from_ms(900),
            )[0];
            let ratio = rate / expected;
            assert!(
                (low..tolerance).contains(&ratio),
                "{congestion:?}: {rate} Gbit/s"
            );
        }
    }
}

/// With CUBIC, that is: two Reno flows of the same round trip can fall into step with a drop-tail
/// queue and lose unequally for seconds, here as elsewhere.
#[test]
fn two_flows_share_a_bottleneck() {
    let mut net = fast(Congestion::Cubic, 64 << 10);
    net.links[CLIENT].rate = GBIT;
    start(&mut net, 2);
    let rates = goodput(
        &mut net,
        SimDuration::from_secs(1),
        SimDuration::from_secs(4),
    );
    let sum: f64 = rates.iter().sum();
    let jain = sum * sum / (2.0 * rates.iter().map(|r| r * r).sum::<f64>());
    assert!(jain > 0.95, "{rates:?}");
    assert!(sum > 0.85 && sum < 0.95, "{rates:?}");
}

#[test]
fn a_flow_that_overruns_a_queue_at_its_start_recovers_without_a_timeout() {
    for congestion in [Congestion::Cubic, Congestion::Reno] {
        for (gbit, queue) in [(1, 64 << 10), (1, 256 << 10), (10, 256 << 10)] {
            let mut net = fast(congestion, queue);
            net.links[CLIENT].rate = gbit * GBIT;
            start(&mut net, 1);
            let rate = goodput(&mut net, SimDuration::ZERO, SimDuration::from_ms(100))[0];
            assert!(net.links[CLIENT].dropped > 0, "the queue was overrun");
            assert_eq!(net.hosts[CLIENT].timers_fired, 0);
            let full = gbit as f64 * MSS as f64 / 1538.0;
            assert!(
                rate > 0.85 * full && rate < full,
                "{congestion:?}: {rate} Gbit/s"
            );
        }
    }
}

/// How long two lost segments at the end of a flight of five take to be repaired.
fn tail_repaired_after(tail_loss_probe: bool) -> SimDuration {
    let config = StackConfig {
        tail_loss_probe,
        ..StackConfig::default()
    };
    let mut net = Net::with(SimDuration::from_ms(1), config);
    let (client, server) = net.pair();
    let mut data = 0;
    net.links[CLIENT].treat = Box::new(move |frame, _| {
        data += u32::from(crate::headers::payload_len(&frame.data) > 0);
        if data == 4 || data == 5 {
            return Treatment::Drop;
        }
        Treatment::Pass
    });
    let begin = net.now;
    net.send_all(CLIENT, client, 5 * MSS, false);
    net.run_out();
    assert_eq!(net.hosts[SERVER].received[&server], 5 * MSS);
    let last = net.hosts[SERVER].events.last().expect("data came").0;
    last.saturating_since(begin)
}

#[test]
fn the_tail_of_a_flight_is_probed_for() {
    let (with, without) = (tail_repaired_after(true), tail_repaired_after(false));
    assert!(without > SimDuration::from_ms(200), "{without}");
    assert!(with < SimDuration::from_ms(60), "{with}");
}

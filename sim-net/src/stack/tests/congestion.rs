//! How fast a flow goes: against closed forms and bounds.

use std::collections::BTreeMap;

use sim_core::{SimDuration, SimTime};

use super::harness::{CLIENT, Net, SERVER, Treatment, options};
use crate::ids::ConnId;
use crate::stack::ports::mix;
use crate::stack::{Congestion, SocketOptions, StackConfig};

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
        ..options()
    }
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
fn measure() {
    for cc in [Congestion::Cubic, Congestion::Reno] {
        for kib in [16, 64, 256, 1024] {
            println!(
                "{cc:?} transfer {kib} KiB: {:.2} ms",
                transfer_ms(cc, kib << 10)
            );
        }
        for (name, loss) in [("clean", 0), ("0.01%", 10), ("0.1%", 100), ("1%", 1000)] {
            let mut rates = Vec::new();
            for seed in 1..4 {
                let mut net = fast(cc, 1 << 30);
                loses(&mut net, loss, seed);
                let c = start(&mut net, 1);
                let g = goodput(
                    &mut net,
                    SimDuration::from_ms(500),
                    SimDuration::from_ms(2500),
                );
                let r = net.hosts[CLIENT].stack.retransmissions(c[0]);
                rates.push((g[0], r, net.hosts[CLIENT].timers_fired));
            }
            println!(
                "{cc:?} {name}: {rates:.3?} mathis {:.2}",
                mathis(loss as f64 / 1e5, 100e-6)
            );
        }
        for queue in [64 << 10, 256 << 10, 1 << 20] {
            let mut net = fast(cc, queue);
            start(&mut net, 1);
            let early = goodput(&mut net, SimDuration::ZERO, SimDuration::from_ms(500));
            let late = goodput(
                &mut net,
                SimDuration::from_ms(500),
                SimDuration::from_ms(1000),
            );
            println!(
                "{cc:?} drop tail {queue}: first 0.5 s {early:.2?}, next {late:.2?} dropped {} timers {}",
                net.links[CLIENT].dropped, net.hosts[CLIENT].timers_fired
            );
        }
        for queue in [64 << 10, 256 << 10, 1 << 20] {
            let mut net = fast(cc, queue);
            start(&mut net, 2);
            let g = goodput(
                &mut net,
                SimDuration::from_ms(1000),
                SimDuration::from_ms(5000),
            );
            println!("{cc:?} two flows, queue {queue}: {g:.2?}");
        }
    }
}

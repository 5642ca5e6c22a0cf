//! What is known to go wrong with smoltcp, by number of the list in the module's documentation,
//! and that every option does something.

use sim_core::{SimDuration, SimTime};

use super::harness::{CLIENT, Net, SERVER, Treat, Treatment, addr, app, options};
use crate::frame::Frame;
use crate::headers;
use crate::ids::ConnId;
use crate::stack::segment::{self, Segment};
use crate::stack::{Congestion, SendRoom, SocketEvent, SocketOptions, StackConfig};

const MS: SimDuration = SimDuration::from_ms(1);

/// Payload lengths that `host` has sent since the trace was last emptied.
fn payloads(net: &mut Net, host: usize) -> Vec<usize> {
    let trace = net.trace.replace(Vec::new()).unwrap_or_default();
    let sent = trace.iter().filter(|(_, from, _)| *from == host);
    let lengths = sent.map(|(_, _, packet)| headers::payload_len(packet));
    lengths.filter(|len| *len > 0).collect()
}

/// Payload lengths of the first flight of a connection with the given settings.
fn first_flight(config: StackConfig, options: SocketOptions) -> Vec<usize> {
    let mut net = Net::with(MS * 10, config);
    net.listen();
    let client = net.connect_with(options);
    net.run_for(MS * 100);
    net.trace = Some(Vec::new());
    net.send_all(CLIENT, client, 400_000, false);
    payloads(&mut net, CLIENT)
}

#[test]
fn trap_1_each_algorithm_is_there_and_they_differ() {
    let rate = |congestion| {
        let config = StackConfig {
            congestion,
            ..StackConfig::default()
        };
        let mut net = Net::with(MS * 10, config);
        net.links[CLIENT].treat = Box::new(|_, n| match n % 97 {
            0 => Treatment::Drop,
            _ => Treatment::Pass,
        });
        let (client, server) = net.pair();
        net.send_all(CLIENT, client, 1 << 30, false);
        net.run_for(SimDuration::from_secs(5));
        net.hosts[SERVER].received[&server]
    };
    let (cubic, reno) = (rate(Congestion::Cubic), rate(Congestion::Reno));
    assert_ne!(cubic, reno);
    for received in [cubic, reno] {
        assert!(
            received > 1_000_000,
            "{received} octets: the flow has collapsed"
        );
        assert!(
            received < 100_000_000,
            "{received} octets: nothing controls the flow"
        );
    }
}

#[test]
fn trap_2_a_second_connection_starts_with_a_window_of_its_own() {
    let mut net = Net::new(MS * 10);
    let (first, _) = net.pair();
    net.send_all(CLIENT, first, 2_000_000, true);
    net.run_for(SimDuration::from_secs(3));
    let second = net.connect();
    net.run_for(MS * 100);
    assert_eq!(second, first, "the number is used again");
    net.trace = Some(Vec::new());
    net.send_all(CLIENT, second, 400_000, false);
    assert_eq!(payloads(&mut net, CLIENT), [1460; 10]);
}

#[test]
fn trap_3_the_first_flight_is_ten_full_segments() {
    for congestion in [Congestion::Cubic, Congestion::Reno] {
        let config = StackConfig {
            congestion,
            ..StackConfig::default()
        };
        assert_eq!(first_flight(config, options()), [1460; 10]);
    }
    let two = StackConfig {
        initial_window: 2,
        ..StackConfig::default()
    };
    assert_eq!(first_flight(two, options()), [1460; 2]);
    // The route's segments are larger than the peer's, and those count.
    let jumbo = SocketOptions {
        mtu: 9001,
        ..options()
    };
    assert_eq!(first_flight(StackConfig::default(), jumbo), [1460; 10]);
}

#[test]
fn trap_3_a_new_connection_is_acknowledged_at_once() {
    let config = StackConfig {
        quick_acks: 2,
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    let (client, server) = net.pair();
    let mut waits = Vec::new();
    for _ in 0..3 {
        net.send_all(CLIENT, client, 100, false);
        let begin = net.now;
        while net.hosts[CLIENT].stack.unacknowledged(client) > 0 {
            assert!(net.step(SimTime::MAX));
        }
        waits.push(net.now.saturating_since(begin));
    }
    assert_eq!(
        waits,
        [MS * 2, MS * 2, MS * 42],
        "nothing answers the third"
    );
    assert_eq!(net.hosts[SERVER].received[&server], 300);
}

#[test]
fn the_delay_of_acknowledgements_is_an_option() {
    let config = StackConfig {
        quick_acks: 0,
        delayed_ack: SimDuration::from_ms(7),
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    let (client, _) = net.pair();
    net.send_all(CLIENT, client, 100, false);
    let begin = net.now;
    while net.hosts[CLIENT].stack.unacknowledged(client) > 0 {
        assert!(net.step(SimTime::MAX));
    }
    assert_eq!(net.now.saturating_since(begin), MS * 9);
}

fn drops_first(matching: impl Fn(&Frame) -> bool + 'static) -> Treat {
    let mut left = 1;
    Box::new(move |frame, _| {
        if left > 0 && matching(frame) {
            left -= 1;
            return Treatment::Drop;
        }
        Treatment::Pass
    })
}

fn is_syn(frame: &Frame) -> bool {
    Segment::read(&frame.data).is_some_and(|s| s.has(segment::SYN))
}

#[test]
fn trap_4_a_lost_syn_leaves_no_trace_on_the_window() {
    for lossy in [CLIENT, SERVER] {
        let mut net = Net::new(MS);
        net.links[lossy].treat = drops_first(is_syn);
        net.listen();
        let client = net.connect();
        net.run_for(SimDuration::from_secs(2));
        let server = net.accepted().expect("the second SYN arrives");
        for (from, to, conn, peer) in [
            (CLIENT, SERVER, client, server),
            (SERVER, CLIENT, server, client),
        ] {
            let begin = net.now;
            net.send_all(from, conn, 1 << 20, false);
            net.run_for(SimDuration::from_secs(2));
            assert_eq!(net.hosts[to].received[&peer], 1 << 20);
            let last = net.hosts[to].events.last().expect("data came").0;
            assert_eq!(
                last.saturating_since(begin),
                MS * 13,
                "seven flights of slow start"
            );
        }
    }
}

#[test]
fn trap_10_a_poll_that_stops_for_its_budget_says_so_and_can_be_repeated() {
    let mut net = Net::new(MS);
    let (client, _) = net.pair();
    assert_eq!(net.hosts[CLIENT].stack.send(client, 100_000), 100_000);
    let mut poll = |budget| {
        let (mut out, mut events) = (Vec::new(), Vec::new());
        let stack = &mut net.hosts[CLIENT].stack;
        let polled = stack.poll(
            net.now,
            &mut net.worker,
            client,
            budget,
            &mut out,
            &mut events,
        );
        let timer = stack.next_timer(net.now, &mut net.worker, client);
        (polled.more, out.len(), timer.map(|at| at > net.now))
    };
    assert_eq!(poll(0), (true, 0, Some(false)));
    assert_eq!(poll(3), (true, 3, Some(false)));
    assert_eq!(
        poll(7),
        (false, 7, Some(true)),
        "the window is full, the timer runs"
    );
    assert_eq!(poll(5), (false, 0, Some(true)));
}

#[test]
fn trap_12_no_packet_exceeds_the_mtu_and_full_ones_reach_it() {
    for mtu in [576, 1500, 9001] {
        let mut net = Net::new(MS);
        let stack = &mut net.hosts[SERVER].stack;
        let same = SocketOptions { mtu, ..options() };
        stack
            .listen(app(SERVER), Some(addr(SERVER)), 80, same, 9)
            .expect("free");
        let client = net.connect_with(same);
        net.run_for(MS * 10);
        net.trace = Some(Vec::new());
        net.send_all(CLIENT, client, 300_000, false);
        net.run_for(MS * 50);
        let trace = net.trace.take().expect("it was asked for");
        let longest = trace.iter().map(|(_, _, packet)| packet.len()).max();
        assert_eq!(longest, Some(mtu));
        for (_, _, packet) in &trace {
            assert!(headers::dont_fragment(packet));
            assert_eq!(headers::ttl(packet), 64);
            assert_eq!(
                usize::from(u16::from_be_bytes([packet[2], packet[3]])),
                packet.len()
            );
        }
    }
}

/// Otherwise a receiver with the smaller MTU would sit on whole answers, the sender's tail-loss
/// probe would take that for a loss, and every answer after it would meet a window of two segments.
#[test]
fn trap_15_every_second_full_segment_is_acknowledged_at_once_whatever_the_peers_mtu() {
    let config = StackConfig {
        quick_acks: 0,
        ..StackConfig::default()
    };
    for (mtus, full) in [
        ([1500, 1500], 1460),
        ([1500, 9001], 1460),
        ([9001, 1500], 1460),
        ([9001, 9001], 8961),
    ] {
        let mut net = Net::with(MS, config.clone());
        let mtu = |host: usize| SocketOptions {
            mtu: mtus[host],
            ..options()
        };
        let stack = &mut net.hosts[SERVER].stack;
        stack
            .listen(app(SERVER), None, 80, mtu(SERVER), 9)
            .expect("free");
        let client = net.connect_with(mtu(CLIENT));
        net.run_for(MS * 50);
        let server = net.accepted().expect("nothing was lost");
        for (from, conn) in [(CLIENT, client), (SERVER, server)] {
            for sent in [full + 1, 2 * full, 2 * full + 1, 4096, 10 * full - 1] {
                net.send_all(from, conn, sent as u64, false);
                net.run_for(MS * 2);
                let delayed = net.hosts[from].stack.unacknowledged(conn);
                let what = format!("{sent} octets from {from}, {mtus:?}: {delayed} wait");
                assert!(delayed <= full, "{what}");
                net.run_for(MS * 50);
                assert_eq!(net.hosts[from].stack.unacknowledged(conn), 0, "{what}");
            }
            assert_eq!(net.hosts[from].stack.retransmissions(conn), 0);
        }
    }
}

#[test]
fn a_short_segment_waits_for_another_unless_nodelay_is_set() {
    for (nodelay, at_once) in [(true, vec![100, 100]), (false, vec![100])] {
        let mut net = Net::new(MS);
        net.listen();
        let client = net.connect_with(SocketOptions {
            nodelay,
            ..options()
        });
        net.run_for(MS * 10);
        net.trace = Some(Vec::new());
        net.send_all(CLIENT, client, 100, false);
        net.send_all(CLIENT, client, 100, false);
        assert_eq!(payloads(&mut net, CLIENT), at_once);
        // The tail of a long write does not wait for what went before it.
        net.run_for(MS * 10);
        payloads(&mut net, CLIENT);
        net.send_all(CLIENT, client, 3000, false);
        assert_eq!(payloads(&mut net, CLIENT), [1460, 1460, 80]);
    }
}

#[test]
fn a_full_send_buffer_says_when_there_is_room() {
    let mut net = Net::new(MS);
    net.listen();
    let client = net.connect_with(SocketOptions {
        send_buffer: 30_000,
        ..options()
    });
    net.run_for(MS * 10);
    assert_eq!(net.hosts[CLIENT].stack.writable(client), 30_000);
    assert_eq!(net.hosts[CLIENT].stack.send(client, 40_000), 30_000);
    assert_eq!(net.hosts[CLIENT].stack.writable(client), 0);
    net.poll(CLIENT, client);
    let writable = |net: &Net| net.saw(CLIENT, |e| matches!(e, SocketEvent::Writable { .. }));
    assert_eq!(writable(&net), 0);
    net.run_out();
    assert_eq!(writable(&net), 1);
}

#[test]
fn a_send_buffer_that_grows_holds_two_windows() {
    let mut net = Net::new(MS);
    net.listen();
    let grows = SocketOptions {
        send_buffer: 300_000,
        send_room: SendRoom::Grows,
        ..options()
    };
    let client = net.connect_with(grows);
    net.run_for(MS * 10);
    // Ten segments are what it starts with.
    assert_eq!(net.hosts[CLIENT].stack.send(client, 1 << 20), 29_200);
    // Ten are in flight, twenty in the next round trip, and so on up to the end of the buffer.
    let mut held = Vec::new();
    net.poll(CLIENT, client);
    net.hosts[CLIENT].to_send.insert(client, (1 << 30, false));
    for _ in 0..8 {
        held.push(net.hosts[CLIENT].stack.unacknowledged(client));
        net.run_for(MS * 2);
    }
    assert_eq!(held[0], 29_200);
    assert!(held[1] > 29_200 && held[1] <= 58_400, "{held:?}");
    let most = held.into_iter().max().unwrap_or(0);
    assert!(most > 200_000 && most <= 300_000, "{most}");
}

#[test]
fn a_connection_for_messages_carries_one_after_another() {
    let mut net = Net::new(MS);
    net.listen();
    let client = net.connect_with(SocketOptions {
        send_room: SendRoom::Message(100),
        ..options()
    });
    net.run_for(MS * 10);
    for _ in 0..3 {
        assert_eq!(net.hosts[CLIENT].stack.send(client, 100), 100);
        assert_eq!(net.hosts[CLIENT].stack.writable(client), 0);
        net.poll(CLIENT, client);
        net.run_for(MS * 100);
    }
    assert_eq!(net.hosts[SERVER].received.values().sum::<u64>(), 300);
}

#[test]
fn the_receive_buffer_bounds_what_is_in_flight() {
    let received = |recv_buffer| {
        let mut net = Net::new(MS * 10);
        let stack = &mut net.hosts[SERVER].stack;
        let limited = SocketOptions {
            recv_buffer,
            ..options()
        };
        stack
            .listen(app(SERVER), None, 80, limited, 9)
            .expect("free");
        let client = net.connect();
        net.run_for(MS * 100);
        net.send_all(CLIENT, client, 1 << 30, false);
        net.run_for(SimDuration::from_secs(1));
        net.hosts[SERVER].received.values().sum::<u64>()
    };
    let (narrow, wide) = (received(20_000), received(200_000));
    assert!(narrow <= 51 * 20_000 && narrow > 30 * 20_000, "{narrow}");
    assert!(wide > narrow * 7, "{wide}");
}

fn repaired_after(clock_scale: u32) -> SimDuration {
    let config = StackConfig {
        clock_scale,
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    let (client, _): (ConnId, ConnId) = net.pair();
    net.links[CLIENT].treat = drops_first(|frame| headers::payload_len(&frame.data) > 0);
    let begin = net.now;
    net.send_all(CLIENT, client, 100, false);
    net.run_out();
    let last = net.hosts[SERVER].events.last().expect("data came").0;
    last.saturating_since(begin)
}

#[test]
fn the_clocks_scale_sets_the_shortest_retransmission_timeout() {
    assert_eq!(repaired_after(1), MS * 1001);
    assert_eq!(repaired_after(5), MS * 201);
    assert_eq!(repaired_after(50), MS * 21);
}

#[test]
fn the_handshakes_patience_is_an_option() {
    let config = StackConfig {
        connect_timeout: SimDuration::from_secs(5),
        accept_timeout: SimDuration::from_secs(2),
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    net.listen();
    net.links[SERVER].treat = Box::new(|_, _| Treatment::Drop);
    net.connect();
    net.run_until(SimTime::ZERO + MS * 1500);
    assert_eq!(net.hosts[SERVER].stack.connection_count(), 1);
    net.run_until(SimTime::ZERO + MS * 2500);
    assert_eq!(net.hosts[SERVER].stack.connection_count(), 0);
    net.run_until(SimTime::ZERO + MS * 6000);
    let (at, _) = net.hosts[CLIENT].events[0];
    assert_eq!(at, SimTime::ZERO + SimDuration::from_secs(5));
}

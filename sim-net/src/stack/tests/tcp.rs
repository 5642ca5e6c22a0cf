//! Connections: how they begin, carry data and end.

use std::cell::Cell;
use std::net::SocketAddrV4;
use std::rc::Rc;

use sim_core::{SimDuration, SimTime};

use super::harness::{CLIENT, Net, PORT, SERVER, Treatment, addr, app, options};
use crate::frame::{Frame, FrameMeta};
use crate::headers;
use crate::ids::FlowTag;
use crate::stack::segment::{self, Segment};
use crate::stack::{ConnectionState, SocketError, SocketEvent, SocketOptions, Stack, StackConfig};

const MS: SimDuration = SimDuration::from_ms(1);

#[test]
fn a_handshake_is_told_to_both_programs() {
    let mut net = Net::new(MS);
    let (client, server) = net.pair();
    let (a, b) = (&net.hosts[CLIENT], &net.hosts[SERVER]);
    assert_eq!(a.stack.state(client), ConnectionState::Established);
    assert_eq!(b.stack.state(server), ConnectionState::Established);
    assert_eq!(a.stack.local(client), b.stack.peer(server));
    assert_eq!(a.stack.peer(client), b.stack.local(server));
    let connected = a.events.iter().map(|(at, _)| *at).next();
    assert_eq!(connected, Some(SimTime::ZERO + MS * 2));
    assert_eq!(net.links[CLIENT].sent + net.links[SERVER].sent, 3);
}

#[test]
fn data_arrives_and_both_sides_close() {
    let mut net = Net::new(MS);
    let (client, server) = net.pair();
    net.send_all(CLIENT, client, 3_000_000, true);
    net.run_out();
    assert_eq!(net.hosts[SERVER].received[&server], 3_000_000);
    for host in [CLIENT, SERVER] {
        assert_eq!(
            net.saw(host, |e| matches!(e, SocketEvent::PeerClosed { .. })),
            1
        );
        assert_eq!(
            net.saw(host, |e| matches!(e, SocketEvent::Closed { .. })),
            1
        );
        assert_eq!(net.hosts[host].stack.connection_count(), 0);
        assert_eq!(net.hosts[host].stack.accounts().corrupted, 0);
    }
    assert_eq!(net.hosts[CLIENT].stack.time_wait_count(), 1);
    assert_eq!(net.hosts[SERVER].stack.time_wait_count(), 0);
}

fn flags(packet: &[u8]) -> u8 {
    Segment::read(packet).expect("it is TCP").flags
}

fn is_syn(frame: &Frame) -> bool {
    flags(&frame.data) & (segment::SYN | segment::ACK) == segment::SYN
}

fn kinds(net: &Net, host: usize) -> Vec<&'static str> {
    let name = |event: &SocketEvent| match event {
        SocketEvent::Accepted { .. } => "accepted",
        SocketEvent::Connected { .. } => "connected",
        SocketEvent::Readable { .. } => "readable",
        SocketEvent::Writable { .. } => "writable",
        SocketEvent::PeerClosed { .. } => "peer closed",
        SocketEvent::Closed { .. } => "closed",
        SocketEvent::Reset { .. } => "reset",
        SocketEvent::Refused { .. } => "refused",
        SocketEvent::TimedOut { .. } => "timed out",
        SocketEvent::UdpReadable { .. } => "udp readable",
        SocketEvent::UdpUnreachable { .. } => "udp unreachable",
    };
    net.hosts[host]
        .events
        .iter()
        .map(|(_, e)| name(e))
        .collect()
}

#[test]
fn a_port_nobody_listens_on_refuses() {
    let mut net = Net::new(MS);
    let conn = net.connect();
    net.run_out();
    assert_eq!(net.now, SimTime::ZERO + MS * 2);
    assert_eq!(kinds(&net, CLIENT), ["refused", "closed"]);
    assert_eq!(net.hosts[CLIENT].stack.connection_count(), 0);
    assert_eq!(net.hosts[CLIENT].stack.state(conn), ConnectionState::Closed);
    assert_eq!(net.links[SERVER].sent, 1, "one RST");
}

#[test]
fn a_reset_without_a_socket_is_accounted_to_the_workload_that_caused_it() {
    let mut net = Net::new(MS);
    let seen = Rc::new(Cell::new(None));
    let saw = Rc::clone(&seen);
    net.links[SERVER].treat = Box::new(move |frame, _| {
        saw.set(Some((frame.meta.tag, frame.meta.origin)));
        Treatment::Pass
    });
    net.connect();
    net.run_out();
    assert_eq!(seen.get(), Some((options().tag, SimTime::ZERO + MS)));
}

#[test]
fn an_accepted_connection_works_for_the_workload_of_its_syn() {
    let mut net = Net::new(MS);
    net.listen();
    let tag = FlowTag::new(3);
    net.connect_with(SocketOptions { tag, ..options() });
    net.run_for(MS * 10);
    let server = net.accepted().expect("nothing was lost");
    assert_eq!(net.hosts[SERVER].stack.tag(server), tag);
    assert_eq!(net.hosts[SERVER].stack.owner(server), Some(app(SERVER)));
}

#[test]
fn a_full_backlog_drops_syns_until_a_handshake_ends() {
    let mut net = Net::new(MS);
    let stack = &mut net.hosts[SERVER].stack;
    stack
        .listen(app(SERVER), None, PORT, options(), 2)
        .expect("the port is free");
    for _ in 0..3 {
        net.connect();
    }
    net.run_for(MS * 10);
    assert_eq!(kinds(&net, SERVER), ["accepted", "accepted"]);
    net.run_for(SimDuration::from_ms(1100));
    assert_eq!(
        kinds(&net, SERVER).len(),
        3,
        "the SYN came again after a second"
    );
    assert_eq!(kinds(&net, CLIENT).len(), 3);
}

#[test]
fn the_stacks_own_limit_bounds_every_backlog() {
    let config = StackConfig {
        syn_backlog: 1,
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    net.listen();
    net.connect();
    net.connect();
    net.run_for(MS * 10);
    assert_eq!(kinds(&net, SERVER), ["accepted"]);
}

#[test]
fn syns_go_out_again_as_linux_sends_them_until_connect_gives_up() {
    let mut net = Net::new(MS);
    net.links[CLIENT].treat = Box::new(|_, _| Treatment::Drop);
    net.trace = Some(Vec::new());
    net.connect();
    net.run_out();
    let times: Vec<u64> = net
        .trace
        .iter()
        .flatten()
        .map(|(at, ..)| at.as_ps())
        .collect();
    let seconds: Vec<u64> = times.iter().map(|ps| ps / 1_000_000_000_000).collect();
    assert_eq!(seconds, [0, 1, 3, 7, 15, 31, 63]);
    assert_eq!(kinds(&net, CLIENT), ["timed out", "closed"]);
    assert_eq!(net.now, SimTime::ZERO + SimDuration::from_secs(123));
    assert_eq!(net.hosts[CLIENT].stack.connection_count(), 0);
}

#[test]
fn a_half_open_connection_is_given_up_without_a_word() {
    let mut net = Net::new(MS);
    net.listen();
    net.links[SERVER].treat = Box::new(|_, _| Treatment::Drop);
    net.connect();
    net.run_out();
    assert_eq!(kinds(&net, SERVER), [""; 0]);
    assert_eq!(net.hosts[SERVER].stack.connection_count(), 0);
}

#[test]
fn an_icmp_error_refuses_only_a_connection_that_is_not_established() {
    let mut net = Net::new(MS);
    net.trace = Some(Vec::new());
    net.links[CLIENT].treat = Box::new(|frame, _| {
        if is_syn(frame) {
            Treatment::Drop
        } else {
            Treatment::Pass
        }
    });
    net.listen();
    net.connect();
    let syn = net.trace.iter().flatten().next().expect("a SYN").2.clone();
    let mut error = vec![0_u8; 28];
    error[0] = 0x45;
    error[8] = 64;
    error[9] = 1;
    error[12..16].copy_from_slice(&[10, 0, 0, 9]);
    error[16..20].copy_from_slice(&syn[12..16]);
    error[20..22].copy_from_slice(&[3, 4]);
    error.extend_from_slice(&syn);
    let total = u16::try_from(error.len()).expect("short");
    error[2..4].copy_from_slice(&total.to_be_bytes());
    let send = |net: &mut Net, code| {
        error[21] = code;
        let meta = FrameMeta::new(FlowTag::new(0), net.now);
        net.inject(CLIENT, net.now, Frame::new(error.clone(), meta));
        net.run_for(MS);
    };
    let mut send = send;
    send(&mut net, 4);
    assert_eq!(kinds(&net, CLIENT), [""; 0], "that is about the path");
    send(&mut net, 1);
    assert_eq!(kinds(&net, CLIENT), ["refused", "closed"]);
}

#[test]
fn one_side_may_close_while_the_other_still_sends() {
    let mut net = Net::new(MS);
    net.hosts[SERVER].habits.closes = false;
    let (client, server) = net.pair();
    net.send_all(CLIENT, client, 5000, true);
    net.run_for(MS * 20);
    assert_eq!(
        net.hosts[CLIENT].stack.state(client),
        ConnectionState::FinWait2
    );
    assert_eq!(
        net.hosts[SERVER].stack.state(server),
        ConnectionState::CloseWait
    );
    assert_eq!(net.hosts[CLIENT].stack.send(client, 1), 0, "it has closed");
    net.send_all(SERVER, server, 400_000, true);
    net.run_out();
    assert_eq!(net.hosts[CLIENT].received[&client], 400_000);
    assert_eq!(net.hosts[SERVER].received[&server], 5000);
    assert_eq!(net.hosts[CLIENT].stack.time_wait_count(), 1);
}

#[test]
fn both_sides_may_close_at_once() {
    let mut net = Net::new(MS);
    let (client, server) = net.pair();
    net.send_all(CLIENT, client, 100, true);
    net.send_all(SERVER, server, 100, true);
    net.run_out();
    for (host, conn) in [(CLIENT, client), (SERVER, server)] {
        assert_eq!(net.hosts[host].received[&conn], 100);
        assert_eq!(net.hosts[host].stack.time_wait_count(), 1);
        assert_eq!(net.hosts[host].stack.connection_count(), 0);
        assert_eq!(
            net.saw(host, |e| matches!(e, SocketEvent::Closed { .. })),
            1
        );
    }
}

#[test]
fn an_abort_resets_the_peer() {
    let mut net = Net::new(MS);
    let (client, server) = net.pair();
    net.send_all(CLIENT, client, 100_000, false);
    net.hosts[CLIENT].stack.abort(client);
    net.poll(CLIENT, client);
    net.run_out();
    assert_eq!(kinds(&net, CLIENT), ["connected", "closed"]);
    assert_eq!(kinds(&net, SERVER).last_chunk(), Some(&["reset", "closed"]));
    assert_eq!(
        net.hosts[SERVER].stack.state(server),
        ConnectionState::Closed
    );
    assert_eq!(net.hosts[CLIENT].stack.time_wait_count(), 0);
}

#[test]
fn giving_up_a_connection_attempt_sends_nothing() {
    let mut net = Net::new(MS);
    net.links[CLIENT].treat = Box::new(|_, _| Treatment::Drop);
    let conn = net.connect();
    net.hosts[CLIENT].stack.shutdown(conn);
    net.poll(CLIENT, conn);
    net.run_out();
    assert_eq!(net.links[CLIENT].sent, 1);
    assert_eq!(kinds(&net, CLIENT), ["closed"]);
}

#[test]
fn ports_run_out_towards_one_destination_only() {
    let config = StackConfig {
        ephemeral: 50_000..=50_009,
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    net.hosts[CLIENT]
        .stack
        .listen(app(CLIENT), None, 50_004, options(), 1)
        .expect("free");
    let mut to = SocketAddrV4::new(addr(SERVER), PORT);
    let mut connect = |to| {
        let stack = &mut net.hosts[CLIENT].stack;
        stack.connect(
            net.now,
            &mut net.worker,
            app(CLIENT),
            addr(CLIENT),
            to,
            options(),
        )
    };
    for _ in 0..9 {
        connect(to).expect("nine ports are free");
    }
    assert_eq!(connect(to), Err(SocketError::PortsExhausted { to }));
    to.set_port(81);
    connect(to).expect("other destination, same ports");
    to.set_port(0);
    assert_eq!(connect(to), Err(SocketError::InvalidDestination { to }));
}

#[test]
fn a_listener_on_every_address_excludes_one_on_a_single_address() {
    let mut stack = Stack::new(StackConfig::default());
    let mut listen = |addr, port| stack.listen(app(0), addr, port, options(), 1);
    let one = Some(addr(0));
    let first = listen(None, 80).expect("free");
    assert_eq!(
        listen(one, 80),
        Err(SocketError::AddressInUse {
            addr: one,
            port: 80
        })
    );
    listen(one, 81).expect("free");
    assert_eq!(
        listen(None, 81),
        Err(SocketError::AddressInUse {
            addr: None,
            port: 81
        })
    );
    listen(Some(addr(1)), 81).expect("another address");
    stack.close_listener(first);
    stack.close_listener(first);
    stack
        .listen(app(0), one, 80, options(), 1)
        .expect("free again");
}

#[test]
fn time_wait_keeps_the_port_repeats_the_last_acknowledgement_and_ends() {
    let config = StackConfig {
        ephemeral: 50_000..=50_000,
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    let (client, _) = net.pair();
    net.trace = Some(Vec::new());
    // The acknowledgement of the server's FIN is lost, so the FIN comes again.
    let mut fin_seen = false;
    net.links[CLIENT].treat = Box::new(move |frame, _| {
        let drop = fin_seen && !std::mem::take(&mut fin_seen);
        fin_seen = flags(&frame.data) & segment::FIN != 0;
        if drop {
            Treatment::Drop
        } else {
            Treatment::Pass
        }
    });
    net.send_all(CLIENT, client, 10, true);
    net.run_for(SimDuration::from_secs(1));
    assert_eq!(net.hosts[CLIENT].stack.time_wait_count(), 1);
    assert_eq!(
        net.hosts[SERVER].stack.connection_count(),
        0,
        "its FIN is acknowledged"
    );
    let to = SocketAddrV4::new(addr(SERVER), PORT);
    let connect = |net: &mut Net| {
        let stack = &mut net.hosts[CLIENT].stack;
        stack.connect(
            net.now,
            &mut net.worker,
            app(CLIENT),
            addr(CLIENT),
            to,
            options(),
        )
    };
    assert_eq!(connect(&mut net), Err(SocketError::PortsExhausted { to }));
    net.run_for(SimDuration::from_secs(60));
    connect(&mut net).expect("TIME-WAIT is over");
}

#[test]
fn a_server_in_time_wait_takes_a_new_connection_of_the_same_ports() {
    let config = StackConfig {
        ephemeral: 50_000..=50_000,
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    let (_, server) = net.pair();
    net.send_all(SERVER, server, 10, true);
    net.run_for(MS * 20);
    assert_eq!(net.hosts[SERVER].stack.time_wait_count(), 1);
    assert_eq!(net.hosts[CLIENT].stack.connection_count(), 0);
    net.connect();
    net.run_for(MS * 20);
    assert_eq!(
        net.saw(SERVER, |e| matches!(e, SocketEvent::Accepted { .. })),
        2
    );
    assert_eq!(net.hosts[SERVER].stack.time_wait_count(), 0);
}

#[test]
fn a_number_is_not_used_again_at_once() {
    let mut net = Net::new(MS);
    let (client, server) = net.pair();
    net.send_all(CLIENT, client, 1, true);
    net.run_for(MS * 20);
    let next = net.connect();
    assert_ne!(next, client);
    net.run_for(SimDuration::from_secs(2));
    assert_ne!(net.accepted(), Some(server));
    assert_eq!(net.connect(), client);
}

#[test]
fn an_idle_connection_schedules_nothing() {
    let mut net = Net::new(MS);
    let (client, server) = net.pair();
    net.send_all(CLIENT, client, 50_000, false);
    net.run_out();
    for (host, conn) in [(CLIENT, client), (SERVER, server)] {
        let stack = &mut net.hosts[host].stack;
        assert_eq!(stack.next_timer(net.now, &mut net.worker, conn), None);
    }
    assert_eq!(net.hosts[SERVER].received[&server], 50_000);
}

#[test]
fn a_blocked_sender_only_probes_and_ever_more_rarely() {
    let mut net = Net::new(MS);
    net.hosts[SERVER].habits.reads = false;
    let (client, server) = net.pair();
    net.send_all(CLIENT, client, 4 << 20, false);
    net.run_for(SimDuration::from_ms(100));
    let readable = net.hosts[SERVER].stack.readable(server);
    assert!(
        readable > (1 << 20) - 32,
        "the receive buffer is full to the unit of its window"
    );
    let (fired, sent) = (net.hosts[CLIENT].timers_fired, net.links[CLIENT].sent);
    net.run_for(SimDuration::from_secs(13));
    let probes = net.hosts[CLIENT].timers_fired - fired;
    assert_eq!(
        net.links[CLIENT].sent - sent,
        probes,
        "each timer sends one probe"
    );
    assert_eq!(probes, 6, "after 0.2, 0.6, 1.4, 3, 6.2 and 12.6 s");
    net.hosts[SERVER].habits.reads = true;
    net.hosts[SERVER].stack.recv(server, usize::MAX);
    net.poll(SERVER, server);
    net.run_out();
    let taken = net.hosts[SERVER].received[&server] + readable as u64;
    assert_eq!(taken, 4 << 20);
}

#[test]
fn a_lost_segment_at_the_end_costs_exactly_one_timer() {
    let mut net = Net::new(MS);
    let (client, server) = net.pair();
    let mut left = 1;
    net.links[CLIENT].treat = Box::new(move |frame, _| {
        if left > 0 && headers::payload_len(&frame.data) > 0 {
            left -= 1;
            return Treatment::Drop;
        }
        Treatment::Pass
    });
    let start = net.now;
    net.send_all(CLIENT, client, 500, false);
    net.run_out();
    assert_eq!(net.hosts[CLIENT].timers_fired, 1);
    assert_eq!(net.hosts[CLIENT].timer_frames, 1);
    assert_eq!(net.hosts[CLIENT].stack.retransmissions(client), 1);
    assert_eq!(net.hosts[SERVER].received[&server], 500);
    let arrived = net.hosts[SERVER]
        .events
        .last()
        .map(|(at, _)| at.saturating_since(start));
    assert_eq!(
        arrived,
        Some(SimDuration::from_ms(201)),
        "200 ms and the way"
    );
}

#[test]
fn a_lost_fin_comes_again_whatever_acknowledgements_are_repeated() {
    let mut net = Net::new(MS);
    let (client, _) = net.pair();
    net.trace = Some(Vec::new());
    net.send_all(CLIENT, client, 100, false);
    net.run_for(MS * 10);
    let trace = net.trace.take().expect("it was asked for");
    let ack = trace.into_iter().rfind(|(_, host, _)| *host == SERVER);
    let data = ack.expect("the data was acknowledged").2;
    let mut lost = false;
    net.links[CLIENT].treat = Box::new(move |frame, _| {
        let first = !std::mem::replace(&mut lost, true);
        match flags(&frame.data) & segment::FIN != 0 && first {
            true => Treatment::Drop,
            false => Treatment::Pass,
        }
    });
    net.send_all(CLIENT, client, 0, true);
    for _ in 0..5 {
        let meta = FrameMeta::new(FlowTag::new(0), net.now);
        let data = data.clone();
        net.inject(CLIENT, net.now + MS, Frame::new(data, meta));
    }
    net.run_out();
    assert_eq!(net.links[CLIENT].dropped, 1);
    for host in &net.hosts {
        assert_eq!(host.stack.connection_count(), 0);
    }
}

#[test]
fn ten_thousand_connections_cost_a_frame_what_ten_do() {
    let config = StackConfig {
        syn_backlog: 20_000,
        ..StackConfig::default()
    };
    let mut net = Net::with(MS, config);
    let stack = &mut net.hosts[SERVER].stack;
    stack
        .listen(app(SERVER), None, PORT, small(), 20_000)
        .expect("free");
    for _ in 0..10_000 {
        net.connect_with(small());
    }
    net.run_for(MS * 10);
    assert_eq!(
        net.saw(SERVER, |e| matches!(e, SocketEvent::Accepted { .. })),
        10_000
    );
    for host in &net.hosts {
        assert_eq!(host.stack.connection_count(), 10_000);
        assert_eq!(
            host.stack.largest_socket_set(),
            1,
            "smoltcp looks at one socket a frame"
        );
    }
}

fn small() -> SocketOptions {
    SocketOptions {
        recv_buffer: 0,
        send_buffer: 0,
        ..options()
    }
}

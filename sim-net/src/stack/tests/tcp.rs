//! Connections: how they begin, carry data and end.

use sim_core::{SimDuration, SimTime};

use super::harness::{CLIENT, Net, SERVER};
use crate::stack::{ConnectionState, SocketEvent};

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

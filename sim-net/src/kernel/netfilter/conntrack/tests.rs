use super::*;
use crate::headers::tests::tuple;

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(seconds)
}

fn flags(letters: &str) -> Option<TcpFlags> {
    Some(TcpFlags {
        syn: letters.contains('S'),
        ack: letters.contains('A'),
        fin: letters.contains('F'),
        rst: letters.contains('R'),
    })
}

fn flow(protocol: Protocol, port: u16) -> FiveTuple {
    tuple(protocol, &format!("10.0.0.9:{port}"), "10.0.0.5:80")
}

fn open(table: &mut Conntrack, now: SimTime, tuple: FiveTuple) -> Option<EntryId> {
    if !table.make_room(now) {
        return None;
    }
    let connection = Connection::begin(now, tuple, flags("S"))?;
    table.insert(now, connection)
}

/// Sends packets of one TCP connection; each is (direction, flags).
fn talk(table: &mut Conntrack, now: SimTime, id: EntryId, packets: &[(Direction, &str)]) {
    for &(direction, letters) in packets {
        let followed = table.follow(now, id, direction, flags(letters), 60);
        assert_eq!(followed, Followed::Known, "{letters}");
    }
}

const HANDSHAKE: [(Direction, &str); 2] = [(Direction::Reply, "SA"), (Direction::Original, "A")];

fn lives_until(table: &Conntrack, id: EntryId) -> u64 {
    let expires = table.get(id).expect("it is there").expires();
    expires.as_ns() / 1_000_000_000
}

#[test]
fn each_state_of_tcp_has_the_kernels_timeout() {
    let mut table = Conntrack::new(8);
    let id = open(&mut table, at(0), flow(Protocol::Tcp, 1)).expect("there is room");
    assert_eq!(lives_until(&table, id), 120);
    for (packet, timeout) in [
        ((Direction::Reply, "SA"), 60),
        ((Direction::Original, "A"), 432_000),
        ((Direction::Original, "FA"), 120),
        ((Direction::Reply, "A"), 60),
        ((Direction::Reply, "FA"), 30),
        ((Direction::Original, "A"), 120),
        ((Direction::Original, "R"), 10),
    ] {
        talk(&mut table, at(0), id, &[packet]);
        assert_eq!(lives_until(&table, id), timeout, "{packet:?}");
    }
}

#[test]
fn a_udp_flow_becomes_a_stream_two_seconds_after_it_was_answered() {
    let mut table = Conntrack::new(8);
    let id = open(&mut table, at(0), flow(Protocol::Udp, 1)).expect("there is room");
    assert_eq!(lives_until(&table, id), 30);
    table.follow(at(1), id, Direction::Reply, None, 60);
    table.follow(at(1), id, Direction::Original, None, 60);
    assert_eq!(lives_until(&table, id), 31);
    assert!(!table.get(id).expect("it is there").assured());
    table.follow(at(3), id, Direction::Original, None, 60);
    assert_eq!(lives_until(&table, id), 123);
    assert!(table.get(id).expect("it is there").assured());
}

#[test]
fn other_protocols_have_their_timeouts() {
    let mut table = Conntrack::new(8);
    for (protocol, timeout) in [(Protocol::Icmp, 30), (Protocol::Other(47), 600)] {
        let mut t = flow(protocol, 0);
        t.dst.set_port(8);
        let id = open(&mut table, at(0), t).expect("there is room");
        assert_eq!(lives_until(&table, id), timeout);
        table.follow(at(5), id, Direction::Original, None, 60);
        assert_eq!(lives_until(&table, id), timeout + 5);
    }
}

#[test]
fn an_entry_is_found_by_both_its_tuples_until_it_expires() {
    let mut table = Conntrack::new(8);
    let t = flow(Protocol::Udp, 1);
    let id = open(&mut table, at(0), t).expect("there is room");
    assert_eq!(table.lookup(at(29), t), Some((id, Direction::Original)));
    assert_eq!(
        table.lookup(at(29), t.reversed()),
        Some((id, Direction::Reply))
    );
    assert_eq!(table.lookup(at(30), t), None);
    assert!(table.is_empty());
    assert_eq!(table.get(id), None);
    assert_eq!(table.lookup(at(0), t.reversed()), None);
}

#[test]
fn a_refused_connection_is_forgotten_at_once() {
    let mut table = Conntrack::new(8);
    let t = flow(Protocol::Tcp, 1);
    let id = open(&mut table, at(0), t).expect("there is room");
    talk(&mut table, at(1), id, &[(Direction::Reply, "RA")]);
    assert!(table.get(id).is_some(), "its last packet still has it");
    assert_eq!(table.lookup(at(1), t), None);
}

#[test]
fn a_full_table_drops_what_is_not_assured_and_keeps_what_is() {
    let mut table = Conntrack::new(3);
    let assured = flow(Protocol::Tcp, 1);
    let id = open(&mut table, at(0), assured).expect("there is room");
    talk(&mut table, at(0), id, &HANDSHAKE);
    talk(&mut table, at(0), id, &[(Direction::Original, "A")]);
    assert!(table.get(id).expect("it is there").assured());
    for port in 2..20 {
        let half_open = flow(Protocol::Tcp, port);
        assert!(open(&mut table, at(1), half_open).is_some(), "port {port}");
        assert!(table.len() <= 3);
    }
    assert!(table.lookup(at(1), assured).is_some());
}

#[test]
fn a_table_full_of_assured_connections_takes_none_up() {
    let mut table = Conntrack::new(3);
    for port in 1..4 {
        let id = open(&mut table, at(0), flow(Protocol::Tcp, port)).expect("there is room");
        talk(&mut table, at(0), id, &HANDSHAKE);
        talk(&mut table, at(0), id, &[(Direction::Reply, "A")]);
    }
    assert_eq!(open(&mut table, at(1), flow(Protocol::Tcp, 9)), None);
    assert!(open(&mut table, at(432_001), flow(Protocol::Tcp, 9)).is_some());
}

#[test]
fn new_connections_clear_expired_ones_away() {
    let mut table = Conntrack::new(1000);
    for port in 0..100 {
        open(&mut table, at(0), flow(Protocol::Udp, port));
    }
    for port in 100..200 {
        open(&mut table, at(60), flow(Protocol::Udp, port));
    }
    assert!(table.len() <= 110, "{} entries", table.len());
    assert_eq!(table.iter().count(), table.len());
}

#[test]
fn two_connections_cannot_have_one_tuple() {
    let mut table = Conntrack::new(8);
    let t = flow(Protocol::Udp, 1);
    assert!(open(&mut table, at(0), t).is_some());
    assert_eq!(open(&mut table, at(0), t), None);
    assert_eq!(open(&mut table, at(0), t.reversed()), None);
    assert!(open(&mut table, at(30), t).is_some(), "the first is gone");
}

#[test]
fn a_packet_that_answers_itself_keeps_the_table_whole() {
    let mut table = Conntrack::new(8);
    let t = tuple(Protocol::Udp, "10.0.0.5:7", "10.0.0.5:7");
    let id = open(&mut table, at(0), t).expect("there is room");
    assert_eq!(table.lookup(at(1), t), Some((id, Direction::Original)));
    table.remove(id);
    table.remove(id);
    assert!(table.is_empty());
    assert_eq!(table.lookup(at(1), t), None);
}

#[test]
fn packets_and_octets_are_counted_each_way() {
    let mut table = Conntrack::new(8);
    let id = open(&mut table, at(0), flow(Protocol::Tcp, 1)).expect("there is room");
    talk(&mut table, at(0), id, &HANDSHAKE);
    let c = table.get(id).expect("it is there");
    assert_eq!(c.traffic(Direction::Original), (1, 60));
    assert_eq!(c.traffic(Direction::Reply), (1, 60));
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::headers::five_tuple;
use crate::headers::tests::{packet, tuple};
use crate::kernel::icmp::{self, Unreachable};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const FIN: u8 = 0x11;
const RST: u8 = 0x04;

fn secs(n: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(n)
}

fn table() -> NatTable {
    NatTable::new(GATEWAY)
}

fn refused(reason: DropReason, reset: bool) -> Result<FiveTuple, NatRefusal> {
    Err(NatRefusal { reason, reset })
}

/// What a packet from inside becomes.
fn out(
    table: &mut NatTable,
    inside: FiveTuple,
    flags: u8,
    now: SimTime,
) -> Result<FiveTuple, NatRefusal> {
    let mut packet = packet(inside, flags, 0);
    table
        .translate(&mut packet, now)
        .map(|()| five_tuple(&packet).expect("it still is a packet"))
}

/// What the answer to a packet that went out as `outside` becomes.
fn back(
    table: &mut NatTable,
    outside: FiveTuple,
    flags: u8,
    now: SimTime,
) -> Result<FiveTuple, NatRefusal> {
    let mut packet = packet(outside.reversed(), flags, 0);
    if outside.protocol == Protocol::Icmp {
        packet[20] = 0;
        packet[24..26].copy_from_slice(&outside.src.port().to_be_bytes());
    }
    table
        .translate(&mut packet, now)
        .map(|()| five_tuple(&packet).expect("it still is a packet"))
}

fn web(client: &str) -> FiveTuple {
    tuple(Protocol::Tcp, client, "203.0.113.1:443")
}

#[test]
fn a_connection_leaves_by_the_gateways_address_and_its_answers_find_back() {
    let mut table = table();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let asks = tuple(protocol, "10.0.1.5:40000", "203.0.113.1:443");
        let outside = out(&mut table, asks, SYN, secs(0)).expect("it passes");
        assert_eq!(*outside.src.ip(), GATEWAY);
        assert_eq!(outside.dst, asks.dst);
        assert!(outside.src.port() >= 1024);
        let answer = back(&mut table, outside, SYN_ACK, secs(1));
        assert_eq!(answer, Ok(asks.reversed()));
    }
}

#[test]
fn an_echo_request_keeps_nothing_but_its_destination() {
    let mut table = table();
    let asks = tuple(Protocol::Icmp, "10.0.1.5:77", "203.0.113.1:0");
    let outside = out(&mut table, asks, 0, secs(0)).expect("it passes");
    assert_eq!((*outside.src.ip(), outside.dst), (GATEWAY, asks.dst));
    let other = tuple(Protocol::Icmp, "10.0.1.6:77", "203.0.113.1:0");
    let second = out(&mut table, other, 0, secs(0)).expect("it passes");
    assert_ne!(outside.src.port(), second.src.port());
    let answer = back(&mut table, second, 0, secs(1)).expect("it passes");
    assert_eq!((*answer.dst.ip(), answer.src.port()), (*other.src.ip(), 77));
}

#[test]
fn an_echo_reply_from_inside_begins_nothing_and_an_echo_request_from_outside_meets_nobody() {
    let mut table = table();
    let inside = tuple(Protocol::Icmp, "10.0.1.4:7", "203.0.113.1:0");
    let mut reply = packet(inside, 0, 0);
    reply[20] = 0;
    let refused = Err(NatRefusal::silent(DropReason::NatNoMapping));
    assert_eq!(table.translate(&mut reply, secs(0)), refused);
    let outside = out(&mut table, inside, 0, secs(0)).expect("it has a port");
    let mut request = packet(outside.reversed(), 0, 0);
    request[24..26].copy_from_slice(&outside.src.port().to_be_bytes());
    assert_eq!(table.translate(&mut request, secs(1)), refused);
    assert!(back(&mut table, outside, 0, secs(1)).is_ok());
}

#[test]
fn the_55_001st_connection_to_one_destination_is_refused_and_another_destination_works() {
    let mut table = table();
    let client = |n: u32| {
        let ip = Ipv4Addr::from(0x0a00_0100 + n / 50_000);
        SocketAddrV4::new(ip, u16::try_from(10_000 + n % 50_000).expect("a port"))
    };
    let to = |n: u32, dst: &str| FiveTuple {
        src: client(n),
        ..tuple(Protocol::Tcp, "0.0.0.0:0", dst)
    };
    for n in 0..55_000 {
        assert!(out(&mut table, to(n, "203.0.113.1:443"), SYN, secs(0)).is_ok());
    }
    let full = refused(DropReason::NatErrorPortAllocation, false);
    let one_more = to(55_000, "203.0.113.1:443");
    assert_eq!(out(&mut table, one_more, SYN, secs(1)), full);
    for other in ["203.0.113.1:80", "203.0.113.2:443"] {
        assert!(out(&mut table, to(55_000, other), SYN, secs(1)).is_ok());
    }
    let udp = FiveTuple {
        protocol: Protocol::Udp,
        ..one_more
    };
    assert!(out(&mut table, udp, 0, secs(1)).is_ok(), "another protocol");
    // The ones before go on, and one that ends makes room.
    let first = to(0, "203.0.113.1:443");
    assert!(out(&mut table, first, ACK, secs(2)).is_ok());
    assert!(out(&mut table, first, RST, secs(2)).is_ok());
    assert!(out(&mut table, one_more, SYN, secs(2)).is_ok());
    let next = to(55_001, "203.0.113.1:443");
    assert_eq!(out(&mut table, next, SYN, secs(2)), full);
}

#[test]
fn a_connection_that_was_idle_for_350_s_is_reset_from_inside_and_silent_from_outside() {
    let mut table = table();
    let asks = web("10.0.1.5:40000");
    let outside = out(&mut table, asks, SYN, secs(0)).expect("it passes");
    assert!(back(&mut table, outside, SYN_ACK, secs(1)).is_ok());
    assert!(out(&mut table, asks, ACK, secs(350)).is_ok(), "349 s idle");
    let idle = DropReason::NatIdleTimeout;
    let late = secs(700);
    assert_eq!(back(&mut table, outside, ACK, late), refused(idle, false));
    assert_eq!(out(&mut table, asks, ACK, late), refused(idle, true));
    assert_eq!(out(&mut table, asks, RST, late), refused(idle, false));
    let again = out(&mut table, asks, SYN, late).expect("it may begin again");
    assert!(back(&mut table, again, SYN_ACK, late).is_ok());
}

#[test]
fn datagrams_begin_again_after_350_s() {
    let mut table = table();
    let asks = tuple(Protocol::Udp, "10.0.1.5:5000", "203.0.113.1:53");
    let first = out(&mut table, asks, 0, secs(0)).expect("it passes");
    let second = out(&mut table, asks, 0, secs(350)).expect("it passes");
    assert_ne!(first.src.port(), second.src.port());
    let stale = back(&mut table, first, 0, secs(350));
    assert_eq!(stale, refused(DropReason::NatNoMapping, false));
    assert_eq!(back(&mut table, second, 0, secs(351)), Ok(asks.reversed()));
}

#[test]
fn nobody_outside_begins_and_nobody_inside_goes_on_with_what_never_began() {
    let mut table = table();
    let stranger = tuple(Protocol::Tcp, "10.0.0.9:1024", "203.0.113.1:443");
    let none = DropReason::NatNoMapping;
    assert_eq!(
        back(&mut table, stranger, SYN, secs(0)),
        refused(none, false)
    );
    let asks = web("10.0.1.5:40000");
    assert_eq!(out(&mut table, asks, ACK, secs(0)), refused(none, true));
    // Its port is for its destination only.
    let outside = out(&mut table, asks, SYN, secs(0)).expect("it passes");
    let mut other = outside;
    other.dst.set_ip(Ipv4Addr::new(203, 0, 113, 2));
    assert_eq!(back(&mut table, other, ACK, secs(0)), refused(none, false));
}

#[test]
fn what_both_sides_have_closed_frees_its_port_and_its_last_packets_pass() {
    let mut table = table();
    let asks = web("10.0.1.5:40000");
    let outside = out(&mut table, asks, SYN, secs(0)).expect("it passes");
    assert!(back(&mut table, outside, SYN_ACK, secs(0)).is_ok());
    assert!(out(&mut table, asks, FIN, secs(1)).is_ok());
    assert_eq!(open(&table, asks), 1, "half closed");
    assert!(back(&mut table, outside, FIN, secs(1)).is_ok());
    assert_eq!(open(&table, asks), 0);
    assert!(out(&mut table, asks, ACK, secs(2)).is_ok(), "the last one");
    let forgotten = refused(DropReason::NatNoMapping, true);
    assert_eq!(out(&mut table, asks, ACK, secs(60)), forgotten);
    assert!(out(&mut table, asks, SYN, secs(60)).is_ok());
}

fn open(table: &NatTable, inside: FiveTuple) -> u32 {
    table
        .destinations
        .get(&remote_of(inside))
        .map_or(0, |destination| destination.open)
}

#[test]
fn an_error_about_a_translated_packet_finds_its_sender() {
    let mut table = table();
    let asks = tuple(Protocol::Udp, "10.0.1.5:5000", "203.0.113.1:53");
    let outside = out(&mut table, asks, 0, secs(0)).expect("it passes");
    let mut error = Vec::new();
    let sent = packet(outside, 0, 0);
    assert!(icmp::error_about(
        &sent,
        *outside.dst.ip(),
        Unreachable::Port,
        &mut error
    ));
    assert_eq!(table.translate(&mut error, secs(0)), Ok(()));
    assert_eq!(headers::dst_addr(&error), *asks.src.ip());
    let about = headers::icmp_error_quote(&error).and_then(five_tuple);
    assert_eq!(about, Some(asks));
    // And one from inside about an answer.
    let answer = packet(asks.reversed(), 0, 0);
    assert!(icmp::error_about(
        &answer,
        *asks.src.ip(),
        Unreachable::Port,
        &mut error
    ));
    assert_eq!(table.translate(&mut error, secs(0)), Ok(()));
    assert_eq!(headers::src_addr(&error), GATEWAY);
    let about = headers::icmp_error_quote(&error).and_then(five_tuple);
    assert_eq!(about, Some(outside.reversed()));
}

#[test]
fn what_is_neither_tcp_nor_udp_nor_a_query_is_not_translated() {
    let mut table = table();
    let gre = tuple(Protocol::Other(47), "10.0.1.5:0", "203.0.113.1:0");
    let none = refused(DropReason::NatNoMapping, false);
    assert_eq!(out(&mut table, gre, 0, secs(0)), none);
}

/// One thing that happens to a small table.
#[derive(Clone, Debug)]
struct Step {
    client: u8,
    server: u8,
    udp: bool,
    flags: u8,
    from_outside: bool,
    gap: u64,
}

fn step() -> impl Strategy<Value = Step> {
    let flags = prop::sample::select(vec![SYN, ACK, FIN, RST]);
    let gap = prop_oneof![4 => 0..5_u64, 1 => 5..400_u64];
    (0..6_u8, 0..2_u8, any::<bool>(), flags, any::<bool>(), gap).prop_map(
        |(client, server, udp, flags, from_outside, gap)| Step {
            client,
            server,
            udp,
            flags,
            from_outside,
            gap,
        },
    )
}

fn inside_of(step: &Step) -> FiveTuple {
    let protocol = if step.udp {
        Protocol::Udp
    } else {
        Protocol::Tcp
    };
    let port = u16::from(step.client);
    FiveTuple {
        protocol,
        src: SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, step.client), 1_000 + port),
        dst: SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, step.server), 80),
    }
}

/// No two open connections share an outside tuple, each is found from outside, and every
/// destination's count is the number of its open connections.
fn check(table: &NatTable) -> Result<(), TestCaseError> {
    let mut taken = BTreeMap::new();
    let mut counts: BTreeMap<_, u32> = BTreeMap::new();
    for (client, server, udp) in
        (0..6).flat_map(|c| (0..2).flat_map(move |s| [(c, s, false), (c, s, true)]))
    {
        let inside = inside_of(&Step {
            client,
            server,
            udp,
            flags: 0,
            from_outside: false,
            gap: 0,
        });
        let Some(mapping) = table.mappings.get(&inside) else {
            continue;
        };
        let key = (mapping.port, remote_of(inside));
        prop_assert_eq!(table.outside.get(&key), Some(&inside));
        let tuple = (mapping.port, inside.protocol, inside.dst);
        prop_assert!(taken.insert(tuple, inside).is_none(), "{:?} twice", tuple);
        if matches!(mapping.state, State::Open { .. }) {
            *counts.entry((inside.protocol, inside.dst)).or_default() += 1;
        }
    }
    prop_assert_eq!(table.mappings.len(), taken.len());
    prop_assert_eq!(table.outside.len(), taken.len());
    prop_assert_eq!(table.deadlines.len(), taken.len());
    for ((protocol, at), count) in counts {
        let destination = table.destinations.get(&Remote { protocol, at });
        prop_assert_eq!(destination.map(|d| d.open), Some(count));
        prop_assert!(count <= table.limits.per_destination);
    }
    Ok(())
}

proptest! {
    #[test]
    fn two_connections_never_share_an_outside_tuple(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut table = table();
        table.limits.last_port = table.limits.first_port + 4;
        table.limits.per_destination = 4;
        let mut outside = BTreeMap::new();
        let mut now = SimTime::ZERO;
        for step in steps {
            now += SimDuration::from_secs(step.gap);
            let inside = inside_of(&step);
            if step.from_outside {
                let Some(&went) = outside.get(&inside) else { continue };
                if let Ok(arrived) = back(&mut table, went, step.flags, now) {
                    // An old answer may meet another connection in its place, never a third end.
                    prop_assert_eq!(arrived.src, inside.dst);
                }
            } else if let Ok(went) = out(&mut table, inside, step.flags, now) {
                prop_assert_eq!((*went.src.ip(), went.dst), (GATEWAY, inside.dst));
                outside.insert(inside, went);
                prop_assert_eq!(table.find((went.src.port(), remote_of(inside))), Ok(inside));
            }
            check(&table)?;
        }
    }
}

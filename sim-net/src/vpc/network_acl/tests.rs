use std::ops::RangeInclusive;

use proptest::prelude::*;
use sim_core::SimDuration;

use super::*;
use crate::vpc::Lifetime;

fn entry(
    number: u16,
    allow: bool,
    protocol: Option<Protocol>,
    ports: RangeInclusive<u16>,
    cidr: &str,
) -> AclEntryPlan {
    AclEntryPlan {
        number,
        allow,
        protocol,
        ports,
        cidr: cidr.parse().expect("a range"),
        lifetime: Lifetime::ALWAYS,
    }
}

fn acl(ingress: Vec<AclEntryPlan>) -> NetworkAclPlan {
    NetworkAclPlan {
        vpc: 0,
        id: "acl-test".to_owned(),
        name: "test".to_owned(),
        ingress,
        egress: Vec::new(),
    }
}

const ALL: RangeInclusive<u16> = 0..=u16::MAX;
const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn at(ms: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_ms(ms)
}

#[test]
fn the_lowest_number_that_matches_decides_and_what_none_matches_is_denied() {
    let plan = acl(vec![
        entry(200, false, None, ALL, "10.0.0.0/8"),
        entry(100, true, Some(Protocol::Tcp), 80..=80, "10.0.0.0/24"),
    ]);
    let acl = NetworkAcl::compile(&plan);
    let says = |peer: &str, port| {
        let peer = peer.parse().expect("an address");
        let m = acl.lookup(Direction::Ingress, Protocol::Tcp, peer, port, SimTime::ZERO);
        (m.allow, m.entry)
    };
    assert_eq!(says("10.0.0.9", 80), (true, Some(1)));
    assert_eq!(says("10.0.0.9", 81), (false, Some(0)));
    assert_eq!(says("10.0.1.9", 80), (false, Some(0)));
    assert_eq!(says("11.0.0.1", 80), (false, None));
}

#[test]
fn it_is_open_only_if_everything_passes_at_all_times() {
    let open = |entries| NetworkAcl::compile(&acl(entries)).open(Direction::Ingress);
    let all = || entry(100, true, None, ALL, "0.0.0.0/0");
    assert!(open(vec![all()]));
    assert!(open(vec![all(), entry(200, false, None, ALL, "0.0.0.0/0")]));
    assert!(open(vec![
        entry(50, true, Some(Protocol::Tcp), 1..=2, "10.0.0.0/8"),
        all()
    ]));
    assert!(!open(vec![]));
    assert!(!open(vec![
        entry(50, false, Some(Protocol::Tcp), 1..=1, "10.0.0.0/8"),
        all()
    ]));
    assert!(!open(vec![entry(100, true, None, ALL, "0.0.0.0/1")]));
    assert!(!open(vec![entry(
        100,
        true,
        Some(Protocol::Tcp),
        ALL,
        "0.0.0.0/0"
    )]));
    let mut later = all();
    later.lifetime.from = at(1);
    assert!(!open(vec![later]));
}

#[test]
fn an_entry_decides_while_it_is_there() {
    let mut deny = entry(50, false, Some(Protocol::Udp), 53..=53, "0.0.0.0/0");
    deny.lifetime = Lifetime {
        from: at(2),
        until: at(4),
    };
    let acl = NetworkAcl::compile(&acl(vec![deny, entry(100, true, None, ALL, "0.0.0.0/0")]));
    let allows = |ms| {
        let m = acl.lookup(Direction::Ingress, Protocol::Udp, HERE, 53, at(ms));
        m.allow
    };
    assert_eq!(
        [0, 1, 2, 3, 4, 5].map(allows),
        [true, true, false, false, true, true]
    );
}

#[test]
fn entries_of_other_protocols_and_icmp_types_are_told_apart() {
    let acl = NetworkAcl::compile(&acl(vec![
        entry(1, true, Some(Protocol::Other(47)), ALL, "10.0.0.0/24"),
        entry(2, true, Some(Protocol::Icmp), 8..=8, "10.0.0.0/24"),
    ]));
    let allows = |protocol, port| {
        acl.lookup(Direction::Ingress, protocol, HERE, port, SimTime::ZERO)
            .allow
    };
    assert!(allows(Protocol::Other(47), 0) && !allows(Protocol::Other(50), 0));
    assert!(allows(Protocol::Icmp, 8) && !allows(Protocol::Icmp, 3));
}

/// What the documentation says, word by word.
fn naive(plan: &[AclEntryPlan], packet: (Protocol, Ipv4Addr, u16), now: SimTime) -> AclMatch {
    let (protocol, peer, port) = packet;
    let matches = |e: &AclEntryPlan| {
        let ports = match e.protocol {
            None | Some(Protocol::Other(_)) => true,
            Some(_) => e.ports.contains(&port),
        };
        e.lifetime.covers(now)
            && e.protocol.is_none_or(|p| p == protocol)
            && ports
            && e.cidr.contains(&peer)
    };
    let mut order: Vec<usize> = (0..plan.len()).collect();
    order.sort_by_key(|index| plan[*index].number);
    let entry = order.into_iter().find(|index| matches(&plan[*index]));
    AclMatch {
        allow: entry.is_some_and(|index| plan[index].allow),
        entry,
    }
}

fn protocols() -> impl Strategy<Value = Protocol> {
    prop::sample::select(vec![
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
        Protocol::Other(47),
    ])
}

fn ports() -> impl Strategy<Value = u16> {
    prop_oneof![0..12_u16, 65_530..=65_535_u16, any::<u16>()]
}

fn lifetimes() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        3 => Just(Lifetime::ALWAYS),
        1 => (0..4_u64, 0..5_u64).prop_map(|(from, until)| Lifetime { from: at(from), until: at(until) }),
    ]
}

fn entries() -> impl Strategy<Value = Vec<AclEntryPlan>> {
    let cidrs = prop::sample::select(vec![
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.8/29",
        "10.0.0.9/32",
    ]);
    let one = (
        any::<bool>(),
        proptest::option::of(protocols()),
        (ports(), ports()),
        cidrs,
        lifetimes(),
    );
    proptest::collection::vec(one, 0..12).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        let made = numbered.map(|(index, (allow, protocol, (a, b), cidr, lifetime))| {
            let number = u16::try_from(index * 7 % 13).expect("small") + 1;
            let ports = a.min(b)..=a.max(b);
            AclEntryPlan {
                lifetime,
                ..entry(number, allow, protocol, ports, cidr)
            }
        });
        made.collect()
    })
}

proptest! {
    #[test]
    fn a_lookup_agrees_with_reading_the_entries_in_order(
        entries in entries(),
        packets in proptest::collection::vec(
            (protocols(), 0..24_u8, ports(), 0..5_u64), 1..40),
    ) {
        let acl = NetworkAcl::compile(&acl(entries.clone()));
        for (protocol, last, port, ms) in packets {
            let peer = Ipv4Addr::new(10, 0, 0, last);
            let found = acl.lookup(Direction::Ingress, protocol, peer, port, at(ms));
            prop_assert_eq!(found, naive(&entries, (protocol, peer, port), at(ms)));
            prop_assert!(found.allow || !acl.open(Direction::Ingress));
        }
    }
}

//! No rule that a packet could meet is left out, and the order stays.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;
use proptest::prelude::*;

use super::*;
use crate::kernel::netfilter::{Rule, Target, is, not};

const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(172, 17, 0, 2), Ipv4Addr::new(172, 17, 0, 3)];

fn matches() -> impl Strategy<Value = Match> {
    let protocol = prop::option::of(prop::sample::select(&[
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
    ]));
    let ports = prop::option::of((0_u16..4, 0_u16..2));
    let dst = prop::option::of((0..2_usize, 31..=32_u8, any::<bool>()));
    (protocol, ports, dst).prop_map(|(protocol, ports, dst)| Match {
        protocol,
        // iptables refuses a port without a protocol.
        dports: ports
            .filter(|_| protocol.is_some())
            .map(|(first, more)| first..=first + more),
        dst: dst.map(|(at, length, negated)| {
            let net = Ipv4Net::new_assert(ADDRESSES[at], length);
            if negated { not(net) } else { is(net) }
        }),
        ..Match::any()
    })
}

fn tuple() -> impl Strategy<Value = FiveTuple> {
    let protocol = prop::sample::select(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp]);
    (protocol, 0..2_usize, 0_u16..5).prop_map(|(protocol, at, port)| FiveTuple {
        protocol,
        src: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000),
        dst: SocketAddrV4::new(ADDRESSES[at], port),
    })
}

/// Whether the packet has what the rule looks at here.
fn meets(rule: &Match, tuple: &FiveTuple) -> bool {
    let has_ports = tuple.protocol != Protocol::Icmp;
    let port = |ports: &std::ops::RangeInclusive<u16>| ports.contains(&tuple.dst.port());
    rule.protocol.is_none_or(|p| p == tuple.protocol)
        && rule.dports.as_ref().is_none_or(|p| has_ports && port(p))
        && rule
            .dst
            .is_none_or(|d| d.value.contains(tuple.dst.ip()) != d.negated)
}

proptest! {
    #[test]
    fn the_rules_that_a_packet_meets_are_candidates_in_the_order_of_the_chain(
        rules in prop::collection::vec(matches(), 0..40),
        tuple in tuple(),
    ) {
        let mut netfilter = Netfilter::default();
        let chain = netfilter.add_chain(Table::Filter, "MANY");
        for rule in &rules {
            netfilter.append(chain, Rule::new(rule.clone(), Target::Accept));
        }
        let candidates = Candidates::of(&netfilter);
        let found: Vec<_> = candidates.of_chain(chain, &tuple).collect();
        prop_assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        let met = found.into_iter().filter(|at| meets(&rules[usize::from(*at)], &tuple));
        let all = (0_u16..).zip(&rules).filter(|(_, rule)| meets(rule, &tuple));
        prop_assert_eq!(met.collect::<Vec<_>>(), all.map(|(at, _)| at).collect::<Vec<_>>());
    }
}

/// A hundred published ports: a packet is held against one of their rules.
#[test]
fn of_many_published_ports_a_packet_is_held_against_its_own() {
    let mut netfilter = Netfilter::default();
    let chain = netfilter.add_chain(Table::Nat, "DOCKER");
    for port in 0..100 {
        let to = Target::Dnat(SocketAddrV4::new(ADDRESSES[0], 80));
        let rule = Match::port(Protocol::Tcp, 32_768 + port);
        netfilter.append(chain, Rule::new(rule, to));
    }
    let asked = FiveTuple {
        protocol: Protocol::Tcp,
        src: SocketAddrV4::new(ADDRESSES[1], 40_000),
        dst: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 32_770),
    };
    let candidates = Candidates::of(&netfilter);
    assert!(candidates.of_chain(chain, &asked).eq([2]));
}

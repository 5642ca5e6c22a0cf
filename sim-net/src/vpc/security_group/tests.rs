use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::*;
use crate::vpc::Lifetime;

pub(crate) fn rule(protocol: Option<Protocol>, ports: RangeInclusive<u16>, peer: &str) -> RulePlan {
    let peer = match (peer.parse(), peer.strip_prefix("pl-")) {
        (Ok(cidr), _) => PeerPlan::Cidr(cidr),
        (_, Some(list)) => PeerPlan::PrefixList(list.parse().expect("the number of a list")),
        (Err(_), None) => PeerPlan::Group(peer.parse().expect("a range or the number of a group")),
    };
    RulePlan {
        id: "sgr-test".to_owned(),
        protocol,
        ports,
        peer,
        lifetime: Lifetime::ALWAYS,
    }
}

pub(crate) fn group(ingress: Vec<RulePlan>, egress: Vec<RulePlan>) -> SecurityGroupPlan {
    SecurityGroupPlan {
        vpc: 0,
        id: "sg-test".to_owned(),
        name: "test".to_owned(),
        ingress,
        egress,
    }
}

const ALL: RangeInclusive<u16> = 0..=u16::MAX;

fn addr(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

#[test]
fn no_egress_rule_means_no_egress() {
    let groups = [group(vec![rule(None, ALL, "0.0.0.0/0")], vec![])];
    let rules = EniRules::compile(&groups, &[0], &GroupMembers::new(1, []), &[]);
    for protocol in [
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Icmp,
        Protocol::Other(47),
    ] {
        assert_eq!(
            rules
                .at(SimTime::ZERO)
                .lookup(Direction::Egress, protocol, addr(9), 80),
            None
        );
        assert!(
            rules
                .at(SimTime::ZERO)
                .lookup(Direction::Ingress, protocol, addr(9), 80)
                .is_some()
        );
    }
}

#[test]
fn an_interface_without_groups_allows_nothing() {
    let rules = EniRules::compile(&[], &[], &GroupMembers::new(0, []), &[]);
    assert_eq!(
        rules
            .at(SimTime::ZERO)
            .lookup(Direction::Ingress, Protocol::Tcp, addr(1), 80),
        None
    );
}

#[test]
fn a_group_reference_means_the_addresses_that_carry_the_group() {
    let groups = [
        group(vec![rule(Some(Protocol::Tcp), 5432..=5432, "1")], vec![]),
        group(vec![], vec![]),
    ];
    let members = GroupMembers::new(2, [(1, addr(20)), (1, addr(10)), (0, addr(30))]);
    let rules = EniRules::compile(&groups, &[0], &members, &[]);
    let allowed = |last, port| {
        rules
            .at(SimTime::ZERO)
            .lookup(Direction::Ingress, Protocol::Tcp, addr(last), port)
    };
    let named = RuleRef {
        direction: Direction::Ingress,
        group: 0,
        rule: 0,
    };
    assert_eq!(
        allowed(10, 5432),
        Some(RuleMatch {
            rule: named,
            open: false
        })
    );
    assert!(allowed(20, 5432).is_some());
    assert_eq!(allowed(30, 5432), None, "it carries the other group");
    assert_eq!(allowed(10, 5433), None);
}

#[test]
fn icmp_rules_name_message_types() {
    let echo = rule(Some(Protocol::Icmp), 8..=8, "10.0.0.0/24");
    let rules = EniRules::compile(
        &[group(vec![echo], vec![])],
        &[0],
        &GroupMembers::new(1, []),
        &[],
    );
    let allowed = |kind| {
        rules
            .at(SimTime::ZERO)
            .lookup(Direction::Ingress, Protocol::Icmp, addr(1), kind)
            .is_some()
    };
    assert!(allowed(8) && !allowed(3));
}

#[test]
fn another_protocol_matches_by_its_number() {
    let gre = rule(Some(Protocol::Other(47)), ALL, "10.0.0.0/24");
    let rules = EniRules::compile(
        &[group(vec![gre], vec![])],
        &[0],
        &GroupMembers::new(1, []),
        &[],
    );
    let allowed = |n| {
        rules
            .at(SimTime::ZERO)
            .lookup(Direction::Ingress, Protocol::Other(n), addr(1), 0)
            .is_some()
    };
    assert!(allowed(47) && !allowed(50));
}

#[test]
fn a_flow_is_untracked_only_if_both_directions_are_open() {
    let untracked = |ingress, egress| {
        let rules = EniRules::compile(
            &[group(ingress, egress)],
            &[0],
            &GroupMembers::new(1, []),
            &[],
        );
        rules
            .at(SimTime::ZERO)
            .untracked(Direction::Ingress, Protocol::Tcp, 80)
    };
    let http = || vec![rule(Some(Protocol::Tcp), 80..=80, "0.0.0.0/0")];
    let all = || vec![rule(None, ALL, "0.0.0.0/0")];
    assert!(untracked(http(), all()));
    assert!(!untracked(
        vec![rule(Some(Protocol::Tcp), 80..=80, "10.0.0.0/8")],
        all()
    ));
    assert!(!untracked(
        http(),
        vec![rule(Some(Protocol::Tcp), 1_024..=65_535, "0.0.0.0/0")]
    ));
    assert!(!untracked(
        http(),
        vec![rule(Some(Protocol::Udp), ALL, "0.0.0.0/0")]
    ));
    assert!(!untracked(http(), vec![rule(None, ALL, "10.0.0.0/8")]));
}

#[test]
fn icmp_is_always_tracked() {
    let all = || vec![rule(None, ALL, "0.0.0.0/0")];
    let rules = EniRules::compile(&[group(all(), all())], &[0], &GroupMembers::new(1, []), &[]);
    assert!(
        !rules
            .at(SimTime::ZERO)
            .untracked(Direction::Ingress, Protocol::Icmp, 8)
    );
    assert!(
        rules
            .at(SimTime::ZERO)
            .untracked(Direction::Ingress, Protocol::Udp, 53)
    );
}

/// What the documentation says, word by word: is there a rule that allows it?
fn naive(
    groups: &[SecurityGroupPlan],
    attached: &[usize],
    members: &[(usize, Ipv4Addr)],
    direction: Direction,
    packet: (Protocol, Ipv4Addr, u16),
) -> Vec<RuleMatch> {
    let (protocol, peer, port) = packet;
    let mut found = Vec::new();
    for &g in attached {
        for (rule, plan) in rules_of(groups, g, direction) {
            let (peer_ok, open) = match &plan.peer {
                PeerPlan::Cidr(cidr) => (cidr.contains(&peer), cidr.prefix_len() == 0),
                PeerPlan::Group(named) => (members.contains(&(*named, peer)), false),
                PeerPlan::PrefixList(list) => {
                    let cidrs = &lists()[*list].cidrs;
                    (cidrs.iter().any(|cidr| cidr.contains(&peer)), false)
                }
            };
            let protocol_ok = plan.protocol.is_none_or(|p| p == protocol);
            let port_ok = match plan.protocol {
                None | Some(Protocol::Other(_)) => true,
                Some(_) => plan.ports.contains(&port),
            };
            if peer_ok && protocol_ok && port_ok {
                found.push(RuleMatch { rule, open });
            }
        }
    }
    found
}

fn protocols() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        4 => Just(Protocol::Tcp),
        2 => Just(Protocol::Udp),
        1 => Just(Protocol::Icmp),
        1 => Just(Protocol::Other(47)),
    ]
}

/// Ports near each other, so that ranges touch, overlap and end at both ends of the space.
fn ports() -> impl Strategy<Value = u16> {
    prop_oneof![0..12_u16, 65_530..=65_535_u16, any::<u16>()]
}

fn rules() -> impl Strategy<Value = Vec<RulePlan>> {
    let peers = prop_oneof![
        Just("0.0.0.0/0"),
        Just("10.0.0.0/8"),
        Just("10.0.0.8/29"),
        Just("10.0.0.9/32"),
        Just("0"),
        Just("1"),
        Just("2"),
        Just("pl-0"),
        Just("pl-1"),
    ];
    let one = (proptest::option::of(protocols()), ports(), ports(), peers)
        .prop_map(|(protocol, a, b, peer)| rule(protocol, a.min(b)..=a.max(b), peer));
    proptest::collection::vec(one, 0..12)
}

fn lists() -> [PrefixListPlan; 2] {
    let list = |cidrs: &[&str]| PrefixListPlan {
        id: "pl-test".to_owned(),
        name: "test".to_owned(),
        cidrs: cidrs.iter().map(|c| c.parse().expect("a range")).collect(),
    };
    [
        list(&["10.0.0.4/31", "10.0.0.16/28"]),
        list(&["192.168.0.0/16"]),
    ]
}

proptest! {
    #[test]
    fn a_lookup_agrees_with_reading_every_rule(
        groups in proptest::collection::vec((rules(), rules()).prop_map(|(i, e)| group(i, e)), 3),
        attached in proptest::sample::subsequence(vec![0_usize, 1, 2], 0..=3),
        members in proptest::collection::vec((0..3_usize, (0..24_u8).prop_map(addr)), 0..20),
        packets in proptest::collection::vec(
            (any::<bool>(), protocols(), (0..24_u8).prop_map(addr), ports()), 1..40),
    ) {
        let compiled =
            EniRules::compile(&groups, &attached, &GroupMembers::new(3, members.clone()), &lists());
        for (ingress, protocol, peer, port) in packets {
            let direction = if ingress { Direction::Ingress } else { Direction::Egress };
            let all = naive(&groups, &attached, &members, direction, (protocol, peer, port));
            let expected = all.iter().find(|m| m.open).or(all.first()).copied();
            prop_assert_eq!(compiled.at(SimTime::ZERO).lookup(direction, protocol, peer, port), expected);
        }
    }
}

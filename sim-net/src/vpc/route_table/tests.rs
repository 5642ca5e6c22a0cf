use proptest::prelude::*;

use super::*;
use crate::vpc::RoutePlan;

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a range")
}

fn addr(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn route(destination: RouteDestination, target: RouteTarget) -> RoutePlan {
    RoutePlan {
        destination,
        target,
        propagated: false,
    }
}

fn table(routes: Vec<RoutePlan>) -> RouteTablePlan {
    RouteTablePlan {
        vpc: 0,
        id: "rtb-test".to_owned(),
        name: "test".to_owned(),
        routes,
    }
}

fn lists() -> [PrefixListPlan; 2] {
    let list = |cidrs: &[&str]| PrefixListPlan {
        id: "pl-test".to_owned(),
        name: "test".to_owned(),
        cidrs: cidrs.iter().map(|c| net(c)).collect(),
    };
    [
        list(&["10.0.0.0/24", "10.0.0.16/28"]),
        list(&["10.0.0.0/24", "192.168.0.0/16"]),
    ]
}

#[test]
fn the_longest_prefix_decides() {
    let cidr = |text| RouteDestination::Cidr(net(text));
    let plan = table(vec![
        route(cidr("0.0.0.0/0"), RouteTarget::InternetGateway(0)),
        route(cidr("10.0.0.0/16"), RouteTarget::Local),
        route(cidr("10.0.3.0/24"), RouteTarget::NatGateway(7)),
    ]);
    let table = RouteTable::compile(&plan, &[]);
    let found = |text| table.lookup(addr(text)).map(|m| (m.route, m.prefix));
    assert_eq!(found("10.0.3.9"), Some((Some(2), net("10.0.3.0/24"))));
    assert_eq!(found("10.0.4.9"), Some((Some(1), net("10.0.0.0/16"))));
    assert_eq!(found("8.8.8.8"), Some((Some(0), net("0.0.0.0/0"))));
    assert!(table.has_nat_gateway());
}

#[test]
fn of_equal_prefixes_a_range_beats_a_list_and_a_static_route_a_propagated_one() {
    let cidr = || RouteDestination::Cidr(net("10.0.0.0/24"));
    let mut propagated = route(cidr(), RouteTarget::Unmodelled("vgw-1".to_owned()));
    propagated.propagated = true;
    let mut routes = vec![
        route(RouteDestination::PrefixList(1), RouteTarget::Blackhole),
        propagated,
        route(cidr(), RouteTarget::Peering(0)),
        route(cidr(), RouteTarget::Peering(1)),
    ];
    for expected in [2, 2, 1, 0] {
        let compiled = RouteTable::compile(&table(routes.clone()), &lists());
        let found = compiled.lookup(addr("10.0.0.1")).expect("a route");
        assert_eq!(found.route, Some(expected));
        routes.pop();
    }
}

#[test]
fn a_subnet_without_a_table_knows_the_vpc_and_no_more() {
    let vpc = VpcPlan {
        id: "vpc-0".to_owned(),
        name: "vpc".to_owned(),
        cidrs: vec![net("10.0.0.0/16"), net("10.9.0.0/16")],
        dns_support: true,
    };
    let table = RouteTable::local(&vpc);
    let target = |text| table.lookup(addr(text)).map(|m| m.target);
    assert_eq!(target("10.9.1.2"), Some(&RouteTarget::Local));
    assert_eq!(target("10.1.1.2"), None);
    assert!(!table.has_nat_gateway());
}

/// What the documentation says, word by word.
fn naive(plan: &RouteTablePlan, dst: Ipv4Addr) -> Option<(usize, u8)> {
    let mut best: Option<(usize, u8, bool, bool)> = None;
    for (index, route) in plan.routes.iter().enumerate() {
        let (cidrs, list) = match &route.destination {
            RouteDestination::Cidr(cidr) => (vec![*cidr], false),
            RouteDestination::PrefixList(list) => (lists()[*list].cidrs.clone(), true),
        };
        for cidr in cidrs.into_iter().filter(|cidr| cidr.contains(&dst)) {
            let better = best.is_none_or(|(_, len, is_list, propagated)| {
                cidr.prefix_len() > len
                    || (cidr.prefix_len() == len
                        && (!list && is_list || list == is_list && !route.propagated && propagated))
            });
            if better {
                best = Some((index, cidr.prefix_len(), list, route.propagated));
            }
        }
    }
    best.map(|(index, len, ..)| (index, len))
}

fn routes() -> impl Strategy<Value = RoutePlan> {
    let destination = prop_oneof![
        4 => (0..64_u8, prop_oneof![Just(0_u8), 8..=32_u8]).prop_map(|(last, len)| {
            let addr = Ipv4Addr::new(10, 0, 0, last);
            RouteDestination::Cidr(Ipv4Net::new_assert(addr, len))
        }),
        1 => (0..2_usize).prop_map(RouteDestination::PrefixList),
    ];
    (destination, any::<bool>()).prop_map(|(destination, propagated)| RoutePlan {
        destination,
        target: RouteTarget::Local,
        propagated,
    })
}

proptest! {
    #[test]
    fn a_lookup_agrees_with_reading_every_route(
        routes in proptest::collection::vec(routes(), 0..16),
        addrs in proptest::collection::vec((0..80_u8, any::<bool>()), 1..40),
    ) {
        let plan = table(routes);
        let compiled = RouteTable::compile(&plan, &lists());
        for (last, near) in addrs {
            let dst = Ipv4Addr::new(if near { 10 } else { 192 }, 0, 0, last);
            let found = compiled.lookup(dst).map(|m| (m.route.expect("planned"), m.prefix.prefix_len()));
            prop_assert_eq!(found, naive(&plan, dst));
        }
    }
}

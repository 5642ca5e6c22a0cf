//! No instance ever exceeds anything, and a task is refused only if really no instance qualifies.

use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

use super::*;
use crate::ecs::ports::MAX_FIXED_PORTS;

/// What a naive book-keeper knows of an instance: how much there is, and the tasks that it has.
#[derive(Clone, Debug)]
struct Book {
    cpu: u32,
    memory: u32,
    interfaces: u32,
    zone: usize,
    rack: u8,
    tasks: Vec<(usize, Demand)>,
}

impl Book {
    /// Whether the instance keeps within everything with one more task.
    fn takes(&self, service: usize, demand: &Demand, constraints: &[Constraint]) -> bool {
        let with: Vec<&Demand> = self.tasks.iter().map(|(_, d)| d).chain([demand]).collect();
        let zone = demand
            .zones
            .as_ref()
            .is_none_or(|zones| zones.contains(&self.zone));
        zone && self.keeps(&with)
            && constraints.iter().all(|constraint| match constraint {
                Constraint::DistinctInstance => self.tasks.iter().all(|(of, _)| *of != service),
                Constraint::MemberOf(_) => self.rack == 1,
            })
    }

    fn keeps(&self, tasks: &[&Demand]) -> bool {
        let ports: Vec<_> = tasks.iter().flat_map(|d| &d.fixed_ports).collect();
        let distinct: BTreeSet<_> = ports.iter().collect();
        tasks.iter().map(|d| d.cpu).sum::<u32>() <= self.cpu
            && tasks.iter().map(|d| d.memory).sum::<u32>() <= self.memory
            && tasks.iter().filter(|d| d.interface).count() <= self.interfaces as usize
            && distinct.len() == ports.len()
            && ports.len() + 5 <= MAX_FIXED_PORTS
            && ports.iter().all(|(_, port)| *port != 22)
    }
}

fn books() -> impl proptest::strategy::Strategy<Value = Vec<Book>> {
    let book = (0_u32..1200, 0_u32..3000, 0_u32..4, 0_usize..2, 0_u8..3).prop_map(
        |(cpu, memory, interfaces, zone, rack)| Book {
            cpu,
            memory,
            interfaces,
            zone,
            rack,
            tasks: Vec::new(),
        },
    );
    proptest::collection::vec(book, 0..6)
}

fn demand() -> impl proptest::strategy::Strategy<Value = Demand> {
    let ports = proptest::collection::btree_set(20_u16..26, 0..3);
    let zones = proptest::option::of(proptest::collection::btree_set(0_usize..3, 1..3));
    (0_u32..500, 0_u32..900, ports, any::<bool>(), zones).prop_map(
        |(cpu, memory, ports, interface, zones)| Demand {
            cpu,
            memory,
            fixed_ports: ports.into_iter().map(|port| (TCP, port)).collect(),
            interface,
            zones,
            ..Demand::default()
        },
    )
}

fn policy() -> impl proptest::strategy::Strategy<Value = Policy> {
    let strategies = prop_oneof![
        Just(vec![]),
        Just(vec![BINPACK_CPU, Strategy::Random]),
        Just(vec![spread(ZONE_ATTRIBUTE), BINPACK_MEMORY]),
        Just(vec![Strategy::Random]),
        Just(vec![SPREAD_INSTANCES]),
        Just(vec![spread("rack"), BINPACK_CPU]),
    ];
    (strategies, any::<bool>(), any::<bool>()).prop_map(|(strategies, distinct, member)| {
        let distinct = distinct.then_some(Constraint::DistinctInstance);
        let member = member.then(|| member_of("attribute:rack =~ [r1]+"));
        Policy {
            strategies,
            constraints: distinct.into_iter().chain(member).collect(),
            providers: Vec::new(),
        }
    })
}

proptest! {
    #[test]
    fn no_instance_exceeds_anything_and_nobody_is_refused_for_nothing(
        mut books in books(),
        services in proptest::collection::vec((demand(), policy()), 1..4),
        tasks in proptest::collection::vec(0_usize..4, 0..40),
        addresses in proptest::collection::vec(0_u64..9, 3),
        seed in any::<u64>(),
    ) {
        let sites = books.iter().enumerate().map(|(i, book)| {
            let mut site =
                Site::new(format!("i{i}"), book.zone, book.cpu, book.memory, book.interfaces);
            site.attributes.insert(ZONE_ATTRIBUTE.into(), book.zone.to_string());
            site.attributes.insert("rack".into(), format!("r{}", book.rack));
            site
        });
        let mut cluster = Cluster::new(sites.collect(), addresses.clone(), seed);
        let mut left = addresses;
        for (number, task) in tasks.into_iter().enumerate() {
            let service = task % services.len();
            let (demand, policy) = &services[service];
            let (name, task) = (format!("s{service}"), format!("t{number}"));
            let could: Vec<bool> = books
                .iter()
                .map(|book| book.takes(service, demand, &policy.constraints))
                .collect();
            match cluster.place(&name, &task, demand, policy) {
                Ok(site) => {
                    prop_assert!(could[site], "{task} on i{site}: {books:?}");
                    books[site].tasks.push((service, demand.clone()));
                    if demand.interface {
                        // Subnet 2 serves zone 0, besides its own.
                        let zone = books[site].zone;
                        let subnets: Vec<_> =
                            [(zone, "own"), (2, "more")][..if zone == 0 { 2 } else { 1 }].to_vec();
                        let free = subnets.iter().any(|(subnet, _)| left[*subnet] > 0);
                        match cluster.attach(&name, &task, &subnets, number) {
                            Ok(subnet) => {
                                prop_assert!(left[subnet] > 0);
                                left[subnet] -= 1;
                            }
                            Err(error) => {
                                prop_assert!(!free);
                                prop_assert_eq!(error.code(), "InsufficientFreeAddressesInSubnet");
                            }
                        }
                        prop_assert_eq!(&cluster.addresses, &left);
                    }
                }
                Err(error) => prop_assert!(!could.contains(&true), "{error}: {books:?}"),
            }
        }
        for (book, site) in books.iter().zip(&cluster.sites) {
            let tasks: Vec<_> = book.tasks.iter().map(|(_, demand)| demand).collect();
            prop_assert!(book.keeps(&tasks), "{book:?}");
            prop_assert_eq!(site.cpu, book.cpu - tasks.iter().map(|d| d.cpu).sum::<u32>());
        }
    }
}

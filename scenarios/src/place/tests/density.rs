//! How many fit, worked by hand, and placed one by one.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::*;

fn site() -> Site {
    Site::new("i".into(), 0, 2048, 7985, 2)
}

fn of(demand: &Demand) -> (Option<u64>, Option<Limit>) {
    let fits = density(&site(), &Need::of(demand, 0), None);
    (fits.sets, fits.limit)
}

#[test]
fn density_names_what_runs_out_first() {
    let eni = Demand {
        interface: true,
        ..small()
    };
    assert_eq!(of(&small()), (Some(8), Some(Limit::Cpu)));
    assert_eq!(of(&eni), (Some(2), Some(Limit::Eni)));
    let detail = density(&site(), &Need::of(&eni, 0), Some(1)).detail;
    assert_eq!(
        detail,
        "CPU 2048/256 units = 8; memory 7985/512 MiB = 15; ENI 2/1 = 2; subnet addresses 1/1 = 1"
    );
    let port = |port| Demand {
        fixed_ports: vec![(TCP, port)],
        ..small()
    };
    assert_eq!(of(&port(80)), (Some(1), Some(Limit::Ports)));
    assert_eq!(of(&port(22)), (Some(0), Some(Limit::Ports)));
    let light = Demand {
        memory: 1,
        ..Demand::default()
    };
    assert_eq!(of(&light), (Some(7985), Some(Limit::Memory)));
    assert_eq!(of(&Demand::default()), (None, None));
}

#[test]
fn ports_and_addresses_bind_where_nothing_else_does() {
    let mut big = site();
    big.memory = u32::MAX;
    let demand = |dynamic_ports| Demand {
        memory: 1,
        dynamic_ports,
        ..Demand::default()
    };
    // 28232 ports, of which the agent has two TCP ports.
    let tcp = Need::of(&demand(vec![(TCP, 1), (TCP, 1)]), 1);
    let tcp = density(&big, &tcp, None);
    assert_eq!(
        (tcp.sets, tcp.limit),
        (Some(14_115), Some(Limit::DynamicPorts))
    );
    let udp = Need::of(&demand(vec![(Protocol::Udp, 1)]), 1);
    assert_eq!(density(&big, &udp, None).sets, Some(28_232));
    let docker0 = density(&big, &Need::of(&demand(Vec::new()), 3), None);
    assert_eq!(
        (docker0.sets, docker0.limit),
        (Some(21_844), Some(Limit::BridgeAddresses))
    );
    let tied = Demand {
        cpu: 256,
        memory: 998,
        ..Demand::default()
    };
    assert_eq!(
        of(&tied),
        (Some(8), Some(Limit::Cpu)),
        "the first of two equals"
    );
}

#[test]
fn a_mix_shares_the_instance() {
    let mut need = Need::default();
    need.add(&small(), 1, 2);
    let cache = Demand {
        cpu: 512,
        memory: 1024,
        interface: true,
        fixed_ports: vec![(TCP, 6379)],
        ..Demand::default()
    };
    need.add(&cache, 1, 1);
    assert_eq!(
        (
            need.cpu,
            need.memory,
            need.interfaces,
            need.bridge_addresses
        ),
        (1024, 2048, 1, 3)
    );
    let mix = density(&site(), &need, None);
    assert_eq!((mix.sets, mix.limit), (Some(1), Some(Limit::Ports)));
    // Two tasks of a set that need one port.
    need.add(&cache, 1, 1);
    assert_eq!(density(&site(), &need, None).sets, Some(0));
}

proptest! {
    #[test]
    fn placement_on_one_instance_ends_where_density_says(
        cpu in 0_u32..600,
        memory in 64_u32..2000,
        interface in any::<bool>(),
        port in proptest::option::of(1_u16..100),
        addresses in 0_u64..12,
    ) {
        let fixed_ports = port.map(|port| (TCP, port)).into_iter().collect();
        let demand = Demand { cpu, memory, interface, fixed_ports, ..Demand::default() };
        let site = Site::new("i".into(), 0, 2048, 7985, 9);
        let expected = density(&site, &Need::of(&demand, 0), Some(addresses)).sets;
        let mut cluster = Cluster::new(vec![site], vec![addresses], 0);
        let mut placed = 0;
        while cluster.place("s", &placed.to_string(), &demand, &Policy::default()).is_ok()
            && (!interface || cluster.attach("s", "s", &[(0, "a")], 0).is_ok())
        {
            placed += 1;
        }
        prop_assert_eq!(Some(placed), expected);
    }
}

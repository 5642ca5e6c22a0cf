use proptest::prelude::*;

use super::*;

const TCP: Protocol = Protocol::Tcp;

fn cluster(zones: &[usize]) -> Cluster {
    let site = |(i, &zone): (usize, &usize)| Site::new(format!("i{i}"), zone, 2048, 7900, 2);
    Cluster {
        sites: zones.iter().enumerate().map(site).collect(),
    }
}

fn small() -> Demand {
    Demand {
        cpu: 256,
        memory: 512,
        ..Demand::default()
    }
}

#[test]
fn a_service_spreads_over_zones_then_instances_in_order() {
    let mut cluster = cluster(&[0, 0, 1]);
    let mut place = |task: &str| cluster.place("web", task, &small()).unwrap();
    assert_eq!(
        [place("0"), place("1"), place("2"), place("3")],
        [0, 2, 1, 2]
    );
    // Another service starts anew.
    assert_eq!(cluster.place("cache", "0", &small()), Ok(0));
}

#[test]
fn zones_without_room_are_passed_over() {
    let mut cluster = cluster(&[0, 1]);
    cluster.sites[0].memory = 100;
    assert_eq!(cluster.place("web", "0", &small()), Ok(1));
    let only_first = Demand {
        zones: Some(BTreeSet::from([0])),
        ..small()
    };
    let error = cluster.place("web", "1", &only_first).unwrap_err();
    assert_eq!(error.code(), "RESOURCE:MEMORY");
}

#[test]
fn every_shortage_is_told_in_the_words_of_ecs() {
    let told = |change: fn(&mut Site), demand: Demand| {
        let mut cluster = cluster(&[0]);
        change(&mut cluster.sites[0]);
        let error = cluster.place("web", "web/0", &demand).unwrap_err();
        format!("{}: {error}", error.code())
    };
    let port = Demand {
        fixed_ports: vec![(TCP, 80)],
        ..small()
    };
    let eni = Demand {
        interface: true,
        ..small()
    };
    let elsewhere = Demand {
        zones: Some(BTreeSet::from([7])),
        ..small()
    };
    let told = [
        told(|site| site.cpu = 0, small()),
        told(|site| site.memory = 511, small()),
        told(|site| site.ports.take(TCP, 80, "task old/0").unwrap(), port),
        told(|site| site.interfaces = 0, eni),
        told(|_| {}, elsewhere),
        Cluster::default()
            .place("web", "web/0", &small())
            .unwrap_err()
            .to_string(),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    RESOURCE:CPU: (service web) was unable to place task web/0 because no container instance met all of its requirements; the closest matching container-instance i0 has insufficient CPU units available
    RESOURCE:MEMORY: (service web) was unable to place task web/0 because no container instance met all of its requirements; the closest matching container-instance i0 has insufficient memory available
    RESOURCE:PORTS: (service web) was unable to place task web/0 because no container instance met all of its requirements; the closest matching container-instance i0 is already using a port required by your task: host port 80/tcp is already in use by task old/0 (RESOURCE:PORTS)
    RESOURCE:ENI: (service web) was unable to place task web/0 because no container instance met all of its requirements; the closest matching container-instance i0 encountered error "RESOURCE:ENI"
    ATTRIBUTE: (service web) was unable to place task web/0 because no container instance met all of its requirements; the closest matching container-instance i0 is missing an attribute required by your task
    (service web) was unable to place task web/0 because no container instances were found in the cluster
    "#);
}

#[test]
fn the_closest_instance_is_the_one_that_met_most_conditions() {
    let mut cluster = cluster(&[0, 0, 0]);
    cluster.sites[0].cpu = 0;
    cluster.sites[1].memory = 0;
    cluster.sites[2].memory = 0;
    let error = cluster.place("web", "web/0", &small()).unwrap_err();
    assert_eq!(error.closest, Some(("i1".into(), Shortage::Memory)));
}

#[test]
fn registered_memory_is_that_of_the_published_example() {
    assert_eq!(registered_memory(8192), 7985);
    assert_eq!(registered_cpu(2), 2048);
}

#[test]
fn density_names_what_runs_out_first() {
    let site = Site::new("i".into(), 0, 2048, 7985, 2);
    let of = |demand: Demand| density(&site, &demand, 0);
    let eni = of(Demand {
        interface: true,
        ..small()
    });
    assert_eq!((eni.tasks, eni.binding_limit), (2, "ENI"));
    assert_eq!(
        eni.detail,
        "CPU 2048/256 units = 8; memory 7985/512 MiB = 15; ENI 2/1 = 2"
    );
    let port = of(Demand {
        fixed_ports: vec![(TCP, 80)],
        ..small()
    });
    assert_eq!((port.tasks, port.binding_limit), (1, "ports"));
    let reserved = of(Demand {
        fixed_ports: vec![(TCP, 22)],
        ..small()
    });
    assert_eq!((reserved.tasks, reserved.binding_limit), (0, "ports"));
    let dynamic = of(Demand {
        dynamic_ports: 2,
        memory: 1,
        cpu: 0,
        ..Demand::default()
    });
    assert_eq!((dynamic.tasks, dynamic.binding_limit), (7985, "memory"));
}

proptest! {
    #[test]
    fn placement_on_one_instance_ends_where_density_says(
        cpu in 0_u32..600,
        memory in 64_u32..2000,
        interface in any::<bool>(),
        port in proptest::option::of(1_u16..100),
    ) {
        let site = Site::new("i".into(), 0, 2048, 7985, 9);
        let fixed_ports = port.map(|port| (TCP, port)).into_iter().collect();
        let demand = Demand { cpu, memory, interface, fixed_ports, ..Demand::default() };
        let expected = density(&site, &demand, 0).tasks;
        let mut cluster = Cluster { sites: vec![site] };
        let mut placed = 0;
        while cluster.place("s", &placed.to_string(), &demand).is_ok() {
            placed += 1;
        }
        prop_assert_eq!(placed, expected);
    }
}

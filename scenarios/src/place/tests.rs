use super::*;
use crate::place::query::Query;

mod density;
mod property;

const TCP: Protocol = Protocol::Tcp;

/// Instances of 2048 CPU units, 7900 MiB and two task interfaces, in these zones.
fn cluster(zones: &[usize]) -> Cluster {
    let site = |(i, &zone): (usize, &usize)| {
        let mut site = Site::new(format!("i{i}"), zone, 2048, 7900, 2);
        site.attributes
            .insert(ZONE_ATTRIBUTE.into(), format!("z{zone}"));
        site
    };
    Cluster::new(zones.iter().enumerate().map(site).collect(), vec![2, 1], 1)
}

fn small() -> Demand {
    Demand {
        cpu: 256,
        memory: 512,
        ..Demand::default()
    }
}

fn by(strategies: &[Strategy]) -> Policy {
    Policy {
        strategies: strategies.to_vec(),
        ..Policy::default()
    }
}

fn bound(constraints: &[Constraint]) -> Policy {
    Policy {
        constraints: constraints.to_vec(),
        ..Policy::default()
    }
}

fn member_of(expression: &str) -> Constraint {
    Constraint::MemberOf(Query::parse(expression).unwrap())
}

/// Where the tasks of a service go, one after another.
fn placed(cluster: &mut Cluster, tasks: u32, demand: &Demand, policy: &Policy) -> Vec<usize> {
    let place = |n| {
        cluster
            .place("web", &format!("web/{n}"), demand, policy)
            .unwrap()
    };
    (0..tasks).map(place).collect()
}

const BINPACK_CPU: Strategy = Strategy::Binpack(Resource::Cpu);
const BINPACK_MEMORY: Strategy = Strategy::Binpack(Resource::Memory);
const SPREAD_INSTANCES: Strategy = Strategy::Spread(Field::Instance);

fn spread(attribute: &str) -> Strategy {
    Strategy::Spread(Field::Attribute(attribute.to_owned()))
}

#[test]
fn a_service_spreads_over_zones_then_instances_in_order() {
    let mut cluster = cluster(&[0, 0, 1]);
    let usual = Policy::default();
    assert_eq!(placed(&mut cluster, 4, &small(), &usual), [0, 2, 1, 2]);
    // Another service starts anew.
    assert_eq!(cluster.place("cache", "0", &small(), &usual), Ok(0));
}

#[test]
fn binpack_takes_the_instance_with_the_least_left_that_is_enough() {
    let mut cluster = cluster(&[0, 0, 0]);
    cluster.sites[0].cpu = 300;
    cluster.sites[1].cpu = 600;
    cluster.sites[2].memory = 1100;
    // By CPU: 300 takes one, then 600 two, then the whole one.
    let by_cpu = by(&[BINPACK_CPU]);
    let mut again = cluster.clone();
    assert_eq!(placed(&mut again, 4, &small(), &by_cpu), [0, 1, 1, 2]);
    // By memory: 1100 MiB takes two, then the others are equal and the first has CPU for one.
    let by_memory = by(&[BINPACK_MEMORY]);
    assert_eq!(placed(&mut cluster, 4, &small(), &by_memory), [2, 2, 0, 1]);
}

#[test]
fn spread_counts_tasks_of_the_service_by_instance_or_attribute() {
    let mut cluster = cluster(&[0, 0, 1]);
    for (site, rack) in cluster.sites.iter_mut().zip(["r1", "r2", "r2"]) {
        site.attributes.insert("rack".into(), rack.into());
    }
    let over = |strategy: Strategy| placed(&mut cluster.clone(), 4, &small(), &by(&[strategy]));
    assert_eq!(over(SPREAD_INSTANCES), [0, 1, 2, 0]);
    assert_eq!(over(spread(ZONE_ATTRIBUTE)), [0, 2, 0, 2]);
    assert_eq!(over(spread("rack")), [0, 1, 0, 1]);
    // An attribute that no instance has makes no difference between them.
    assert_eq!(over(spread("colour")), [0, 0, 0, 0]);
}

#[test]
fn strategies_narrow_down_one_after_another() {
    let mut cluster = cluster(&[0, 0, 1, 1]);
    cluster.sites[1].memory = 2000;
    cluster.sites[2].memory = 3000;
    let order = by(&[spread(ZONE_ATTRIBUTE), BINPACK_MEMORY]);
    assert_eq!(
        placed(&mut cluster.clone(), 4, &small(), &order),
        [1, 2, 1, 2]
    );
    let other = by(&[BINPACK_MEMORY, spread(ZONE_ATTRIBUTE)]);
    assert_eq!(placed(&mut cluster, 4, &small(), &other), [1, 1, 1, 2]);
}

#[test]
fn random_depends_on_the_seed_and_on_nothing_else() {
    let run = |seed: u64, other: bool| {
        let zones = [0; 8];
        let mut cluster = Cluster::new(cluster(&zones).sites, Vec::new(), seed);
        let policy = by(&[Strategy::Random]);
        if other {
            cluster
                .place("cache", "cache/0", &small(), &policy)
                .unwrap();
        }
        placed(&mut cluster, 12, &small(), &policy)
    };
    assert_eq!(run(1, false), run(1, false));
    assert_eq!(
        run(1, false),
        run(1, true),
        "another service has its own draws"
    );
    assert_ne!(run(1, false), run(2, false));
    let distinct: BTreeSet<usize> = run(1, false).into_iter().collect();
    assert!(distinct.len() > 3, "{distinct:?}");
}

#[test]
fn distinct_instance_binds() {
    let mut cluster = cluster(&[0, 0]);
    let policy = bound(&[Constraint::DistinctInstance]);
    assert_eq!(placed(&mut cluster, 2, &small(), &policy), [0, 1]);
    let error = cluster
        .place("web", "web/2", &small(), &policy)
        .unwrap_err();
    assert_eq!(
        error.code(),
        "DistinctInstance placement constraint unsatisfied."
    );
    assert_eq!(cluster.place("cache", "cache/0", &small(), &policy), Ok(0));
}

#[test]
fn member_of_binds() {
    let mut cluster = cluster(&[0, 1]);
    let policy = bound(&[member_of("attribute:ecs.availability-zone == z1")]);
    assert_eq!(placed(&mut cluster, 3, &small(), &policy), [1, 1, 1]);
    // Beside the tasks of another service.
    let beside = bound(&[member_of("task:group == service:web")]);
    assert_eq!(cluster.place("log", "log/0", &small(), &beside), Ok(1));
    let nowhere = bound(&[member_of("attribute:gpu exists")]);
    let error = cluster.place("ml", "ml/0", &small(), &nowhere).unwrap_err();
    assert_eq!(error.code(), "MemberOf placement constraint unsatisfied.");
}

#[test]
fn capacity_providers_divide_the_tasks_and_do_not_help_each_other_out() {
    let mut cluster = cluster(&[0, 0, 0]);
    for (site, provider) in cluster.sites.iter_mut().zip(["spot", "spot", "base"]) {
        provider.clone_into(&mut site.provider);
    }
    let share = |provider: &str, base, weight| Share {
        provider: provider.to_owned(),
        base,
        weight,
    };
    let policy = Policy {
        providers: vec![share("base", 1, 1), share("spot", 0, 2)],
        ..Policy::default()
    };
    assert_eq!(
        placed(&mut cluster.clone(), 4, &small(), &policy),
        [2, 0, 2, 1]
    );
    cluster.sites[2].cpu = 0;
    let error = cluster
        .place("web", "web/0", &small(), &policy)
        .unwrap_err();
    assert_eq!(error.code(), "RESOURCE:CPU");
    let empty = Policy {
        providers: vec![share("none", 0, 1)],
        ..Policy::default()
    };
    let error = cluster.place("web", "web/0", &small(), &empty).unwrap_err();
    assert!(
        error.to_string().contains("capacity provider none"),
        "{error}"
    );
}

#[test]
fn zones_without_room_are_passed_over() {
    let mut cluster = cluster(&[0, 1]);
    cluster.sites[0].memory = 100;
    let usual = Policy::default();
    assert_eq!(cluster.place("web", "0", &small(), &usual), Ok(1));
    let only_first = Demand {
        zones: Some(BTreeSet::from([0])),
        ..small()
    };
    let error = cluster.place("web", "1", &only_first, &usual).unwrap_err();
    assert_eq!(error.code(), "RESOURCE:MEMORY");
}

#[test]
fn an_address_comes_from_the_subnet_whose_turn_it_is_or_the_next_that_has_one() {
    let mut cluster = cluster(&[0]);
    let subnets = [(0, "a"), (1, "b")];
    let mut attach = |turn| cluster.attach("web", "web/0", &subnets, turn);
    assert_eq!([attach(1), attach(1), attach(2)], [Ok(1), Ok(0), Ok(0)]);
    let error = attach(3).unwrap_err();
    assert_eq!(error.code(), "InsufficientFreeAddressesInSubnet");
    insta::assert_snapshot!(error, @"RunTask succeeds, and task web/0 goes from PROVISIONING to STOPPED: Unexpected EC2 error while attempting to Create Network Interface in subnet 'a': InsufficientFreeAddressesInSubnet (none is free in a, b)");
}

#[test]
fn every_shortage_is_told_in_the_words_of_ecs() {
    let told = |change: fn(&mut Site), demand: Demand, policy: Policy| {
        let mut cluster = cluster(&[0]);
        change(&mut cluster.sites[0]);
        let error = cluster.place("web", "web/0", &demand, &policy).unwrap_err();
        format!("{}: {error}", error.code())
    };
    let port = Demand {
        fixed_ports: vec![(TCP, 80)],
        ..small()
    };
    let many = Demand {
        fixed_ports: (1000..1096).map(|port| (TCP, port)).collect(),
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
    let usual = Policy::default;
    let member = bound(&[member_of("attribute:rack == r1")]);
    let distinct = bound(&[Constraint::DistinctInstance]);
    let told = [
        told(|site| site.cpu = 0, small(), usual()),
        told(|site| site.memory = 511, small(), usual()),
        told(
            |site| site.ports.take(TCP, 80, "task old/0").unwrap(),
            port,
            usual(),
        ),
        told(|_| {}, many, usual()),
        told(|site| site.interfaces = 0, eni, usual()),
        told(|_| {}, elsewhere, usual()),
        told(|_| {}, small(), member),
        told(
            |site| site.take("service:web", "web/9", &small()),
            small(),
            distinct,
        ),
        Cluster::new(Vec::new(), Vec::new(), 0)
            .place("web", "web/0", &small(), &usual())
            .unwrap_err()
            .to_string(),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn the_closest_instance_is_the_one_that_met_most_conditions() {
    let mut cluster = cluster(&[0, 0, 0]);
    cluster.sites[0].cpu = 0;
    cluster.sites[1].memory = 0;
    cluster.sites[2].memory = 0;
    let error = cluster.place("web", "web/0", &small(), &Policy::default());
    let shortage = Box::new(Shortage::Memory {
        needs: 512,
        free: 0,
    });
    let instance = "i1".to_owned();
    assert_eq!(
        error.unwrap_err().cause,
        Cause::Closest { instance, shortage }
    );
}

#[test]
fn registered_memory_is_that_of_the_published_example() {
    assert_eq!(registered_memory(8192), 7985);
    assert_eq!(registered_cpu(2), 2048);
}

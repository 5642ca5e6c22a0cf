//! Who reaches whom: each row of the table that was measured on Linux network namespaces wired as
//! each mode wires them.

use std::net::Ipv4Addr;

use sim_net::build::{BuildError, build};
use sim_net::headers::Protocol;
use sim_net::machine::{ErrorKind, ProbeResult};
use sim_net::plan::{DockerPlan, ListenerPlan, Mode, Place, Plan, ProbeAddress};
use sim_net::reach::Leg;
use sim_net::verdict::DropReason;

use crate::support::{app_of, ask, container, failed, plan, reached, target, task};

const REFUSED: [ProbeResult; 2] = [failed(ErrorKind::Refused, None); 2];
const UNREACHABLE: [ProbeResult; 2] = [failed(
    ErrorKind::NetworkUnreachable,
    Some((Leg::Forward, DropReason::NoRoute)),
); 2];
/// Rules of the instance drop what is asked.
const FILTERED: [ProbeResult; 2] = [failed(
    ErrorKind::TimedOut,
    Some((Leg::Forward, DropReason::FilterForward)),
); 2];

const CLIENT: Place = Place::Host(0);
/// The instances' and the client's addresses: the first of each subnet that AWS does not keep, in
/// the order of the plan.
const INSTANCE: [u8; 4] = [10, 0, 0, 4];
const CLIENT_ADDR: [u8; 4] = [10, 0, 0, 5];
const DOCKER0: [u8; 4] = [172, 17, 0, 1];
const FIRST_CONTAINER: [u8; 4] = [172, 17, 0, 2];
const SECOND_CONTAINER: [u8; 4] = [172, 17, 0, 3];

fn literal(addr: [u8; 4]) -> ProbeAddress {
    ProbeAddress::Literal(Ipv4Addr::from(addr))
}

fn both(result: ProbeResult) -> [ProbeResult; 2] {
    [result; 2]
}

fn with_docker(docker: DockerPlan) -> Plan {
    let mut plan = plan(vec![
        task("web/0", Mode::Bridge, 0, 8080),
        task("web/1", Mode::Bridge, 0, 8081),
    ]);
    for instance in &mut plan.instances {
        instance.docker = docker;
    }
    plan
}

fn bridge() -> Plan {
    with_docker(DockerPlan::default())
}

#[test]
fn a_peer_reaches_a_host_task_and_is_seen_by_its_own_address() {
    let plan = plan(vec![task("web/0", Mode::Host, 0, 80)]);
    assert_eq!(
        ask(&plan, CLIENT, literal(INSTANCE), 80),
        both(reached(CLIENT_ADDR))
    );
}

#[test]
fn a_peer_reaches_a_published_port_and_is_seen_by_its_own_address() {
    assert_eq!(
        ask(&bridge(), CLIENT, literal(INSTANCE), 8080),
        both(reached(CLIENT_ADDR))
    );
}

#[test]
fn a_peer_reaches_an_awsvpc_task_and_is_seen_by_its_own_address() {
    let plan = plan(vec![task("web/0", Mode::Awsvpc, 0, 80)]);
    let found = ask(&plan, CLIENT, ProbeAddress::Of(app_of(0)), 80);
    assert_eq!(found, both(reached(CLIENT_ADDR)));
}

#[test]
fn a_peer_reaches_a_fargate_task_and_is_seen_by_its_own_address() {
    let plan = plan(vec![task("web/0", Mode::Fargate, 0, 80)]);
    let found = ask(&plan, CLIENT, ProbeAddress::Of(app_of(0)), 80);
    assert_eq!(found, both(reached(CLIENT_ADDR)));
}

#[test]
fn a_container_that_goes_out_is_seen_by_the_instances_address() {
    let mut plan = bridge();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        plan.listeners.push(ListenerPlan {
            target: target(CLIENT, 5432),
            protocol,
        });
    }
    let found = ask(&plan, app_of(0), ProbeAddress::Of(CLIENT), 5432);
    assert_eq!(found, both(reached(INSTANCE)));
}

#[test]
fn a_container_that_asks_its_own_host_keeps_its_address() {
    let mut plan = bridge();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let target = target(Place::Instance(0), 9100);
        plan.listeners.push(ListenerPlan { target, protocol });
    }
    for to in [INSTANCE, DOCKER0] {
        let found = ask(&plan, app_of(0), literal(to), 9100);
        assert_eq!(found, both(reached(FIRST_CONTAINER)));
    }
}

#[test]
fn with_the_proxy_a_published_port_is_reached_from_its_own_host_and_the_proxy_is_seen() {
    let plan = bridge();
    let from_host = ask(&plan, Place::Instance(0), literal([127, 0, 0, 1]), 8080);
    assert_eq!(from_host, both(reached(DOCKER0)));
    for container in [app_of(0), app_of(1)] {
        let found = ask(&plan, container, literal(INSTANCE), 8080);
        assert_eq!(found, both(reached(DOCKER0)));
    }
}

#[test]
fn without_the_proxy_and_without_hairpin_it_is_refused() {
    let plan = with_docker(DockerPlan {
        userland_proxy: false,
        ..DockerPlan::default()
    });
    let from_host = ask(&plan, Place::Instance(0), literal([127, 0, 0, 1]), 8080);
    assert_eq!(from_host, REFUSED);
    for container in [app_of(0), app_of(1)] {
        assert_eq!(ask(&plan, container, literal(INSTANCE), 8080), REFUSED);
    }
}

#[test]
fn without_the_proxy_but_with_hairpin_a_container_sees_itself_as_the_bridge() {
    let docker = DockerPlan {
        userland_proxy: false,
        hairpin: true,
        ..DockerPlan::default()
    };
    let plan = with_docker(docker);
    let itself = ask(&plan, app_of(0), literal(INSTANCE), 8080);
    assert_eq!(itself, both(reached(DOCKER0)));
    let other = ask(&plan, app_of(1), literal(INSTANCE), 8080);
    assert_eq!(other, both(reached(SECOND_CONTAINER)));
}

#[test]
fn a_containers_own_localhost_knows_nothing_of_its_host_port() {
    assert_eq!(
        ask(&bridge(), app_of(0), literal([127, 0, 0, 1]), 8080),
        REFUSED
    );
}

#[test]
fn an_unpublished_port_of_the_host_is_refused() {
    assert_eq!(ask(&bridge(), CLIENT, literal(INSTANCE), 80), REFUSED);
}

/// The client's subnet sends 172.17.0.0/16 to the instance.
fn with_route(mut plan: Plan) -> Plan {
    plan.hosts[0].routes = vec![("172.17.0.0/16".parse().expect("a network"), INSTANCE.into())];
    plan
}

#[test]
fn a_containers_address_from_outside_is_dropped_silently_unless_the_port_is_published() {
    let mut plan = with_route(bridge());
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        plan.listeners.push(ListenerPlan {
            target: target(app_of(0), 9000),
            protocol,
        });
    }
    assert_eq!(ask(&plan, CLIENT, literal(FIRST_CONTAINER), 9000), FILTERED);
    assert_eq!(
        ask(&plan, CLIENT, literal(FIRST_CONTAINER), 80),
        both(reached(CLIENT_ADDR))
    );
}

#[test]
fn a_containers_address_from_outside_without_a_route_is_unreachable() {
    let mut plan = bridge();
    plan.hosts[0].default_route = false;
    assert_eq!(
        ask(&plan, CLIENT, literal(FIRST_CONTAINER), 80),
        UNREACHABLE
    );
}

#[test]
fn containers_reach_every_port_of_each_other_without_translation() {
    let mut plan = bridge();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        plan.listeners.push(ListenerPlan {
            target: target(app_of(1), 9000),
            protocol,
        });
    }
    for port in [80, 9000] {
        let found = ask(&plan, app_of(0), literal(SECOND_CONTAINER), port);
        assert_eq!(found, both(reached(FIRST_CONTAINER)), "port {port}");
    }
}

#[test]
fn with_icc_off_containers_do_not_reach_each_other() {
    let plan = with_docker(DockerPlan {
        icc: false,
        ..DockerPlan::default()
    });
    assert_eq!(
        ask(&plan, app_of(0), literal(SECOND_CONTAINER), 80),
        FILTERED
    );
}

#[test]
fn without_br_netfilter_icc_off_has_no_effect_on_bridged_frames() {
    let docker = DockerPlan {
        icc: false,
        br_netfilter: false,
        ..DockerPlan::default()
    };
    let found = ask(
        &with_docker(docker),
        app_of(0),
        literal(SECOND_CONTAINER),
        80,
    );
    assert_eq!(found, both(reached(FIRST_CONTAINER)));
}

#[test]
fn the_host_reaches_every_port_of_a_container() {
    let mut plan = bridge();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        plan.listeners.push(ListenerPlan {
            target: target(app_of(0), 9000),
            protocol,
        });
    }
    for port in [80, 9000] {
        let found = ask(&plan, Place::Instance(0), literal(FIRST_CONTAINER), port);
        assert_eq!(found, both(reached(DOCKER0)));
    }
}

#[test]
fn none_reaches_nothing_but_its_own_loopback() {
    let mut plan = plan(vec![task("job/0", Mode::None, 0, 80)]);
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        plan.listeners.push(ListenerPlan {
            target: target(app_of(0), 9000),
            protocol,
        });
    }
    for to in [INSTANCE, CLIENT_ADDR, [169, 254, 169, 254], [8, 8, 8, 8]] {
        assert_eq!(
            ask(&plan, app_of(0), literal(to), 80),
            UNREACHABLE,
            "{to:?}"
        );
    }
    let own = ask(&plan, app_of(0), literal([127, 0, 0, 1]), 9000);
    assert_eq!(own, both(reached([127, 0, 0, 1])));
}

fn port_is_taken(plan: &Plan) -> bool {
    matches!(
        build(plan, 1, 0),
        Err(BuildError::PortTaken { port: 80, .. })
    )
}

#[test]
fn a_second_host_task_on_the_same_port_finds_it_in_use() {
    let tasks = vec![
        task("web/0", Mode::Host, 0, 80),
        task("web/1", Mode::Host, 0, 80),
    ];
    assert!(port_is_taken(&plan(tasks)));
}

#[test]
fn two_bridge_containers_may_listen_on_the_same_container_port() {
    let plan = bridge();
    assert_eq!(
        ask(&plan, CLIENT, literal(INSTANCE), 8080),
        both(reached(CLIENT_ADDR))
    );
    assert_eq!(
        ask(&plan, CLIENT, literal(INSTANCE), 8081),
        both(reached(CLIENT_ADDR))
    );
}

#[test]
fn a_static_host_port_that_is_taken_is_in_use_at_the_proxy() {
    let tasks = vec![
        task("web/0", Mode::Bridge, 0, 80),
        task("web/1", Mode::Bridge, 0, 80),
    ];
    assert!(port_is_taken(&plan(tasks)));
}

#[test]
fn without_the_proxy_the_first_of_two_rules_for_a_port_wins() {
    let tasks = vec![
        task("web/0", Mode::Bridge, 0, 80),
        task("web/1", Mode::Bridge, 0, 80),
    ];
    let mut plan = plan(tasks);
    plan.instances[0].docker = DockerPlan {
        userland_proxy: false,
        ..DockerPlan::default()
    };
    plan.workloads.push(crate::support::ping_pong(
        CLIENT,
        target(app_of(1), 80),
        Protocol::Tcp,
        100,
    ));
    let world = crate::support::world(&plan);
    let outcome = world.run(&std::sync::Arc::default());
    // The load is meant for the second task; its port leads to the first, which does not know it.
    assert_eq!(outcome.workloads[0].ok, 0);
}

#[test]
fn two_awsvpc_tasks_and_a_host_task_may_use_the_same_port() {
    let plan = plan(vec![
        task("web/0", Mode::Awsvpc, 0, 80),
        task("web/1", Mode::Awsvpc, 0, 80),
        task("web/2", Mode::Host, 0, 80),
    ]);
    for index in 0..3 {
        let [tcp, udp] = ask(&plan, CLIENT, ProbeAddress::Of(app_of(index)), 80);
        assert!(matches!(tcp, ProbeResult::Reached { .. }), "{index}");
        assert!(matches!(udp, ProbeResult::Reached { .. }), "{index}");
    }
}

#[test]
fn twice_the_same_port_in_one_awsvpc_task_is_in_use() {
    let mut tasks = vec![task("web/0", Mode::Awsvpc, 0, 80)];
    tasks[0].containers.push(container("sidecar", 80, 80));
    assert!(port_is_taken(&plan(tasks)));
}

#[test]
fn a_bridge_and_an_awsvpc_task_ask_the_agent_for_credentials_and_a_stranger_cannot() {
    let plan = plan(vec![
        task("web/0", Mode::Bridge, 0, 8080),
        task("web/1", Mode::Awsvpc, 0, 80),
        task("web/2", Mode::Host, 0, 80),
    ]);
    for index in 0..3 {
        let [tcp, _] = ask(&plan, app_of(index), literal([169, 254, 170, 2]), 80);
        assert!(
            matches!(tcp, ProbeResult::Reached { .. }),
            "task {index}: {tcp:?}"
        );
    }
    let [tcp, _] = ask(&plan, CLIENT, literal(INSTANCE), 51_678);
    assert_eq!(
        tcp,
        failed(
            ErrorKind::TimedOut,
            Some((Leg::Forward, DropReason::FilterInput))
        ),
        "introspection from outside"
    );
    let [tcp, _] = ask(&plan, app_of(0), literal(DOCKER0), 51_678);
    assert!(
        matches!(tcp, ProbeResult::Reached { .. }),
        "introspection from docker0"
    );
}

//! The orderings that were measured on a real kernel come out of paths and primitives.

use sim_core::SimDuration;
use sim_net::cost::Primitive;
use sim_net::headers::Protocol;
use sim_net::plan::{Connections, DockerPlan, Mode, Place, Plan, WorkloadKind};
use sim_net::world::WorkloadOutcome;

use crate::support::{app_of, container, ping_pong, plan, run, target, task};

/// Kernel time of one request of an idle world: all that the machines spend, without the fabric,
/// rate limits, wake-ups and interrupts. That is what a single thread measures that holds both
/// sockets.
fn cpu_per_request(mut plan: Plan, from: Place, to: Place, protocol: Protocol) -> f64 {
    plan.workloads = vec![ping_pong(from, target(to, 80), protocol, 100)];
    // The handshake is over by then.
    plan.measure.warmup = SimDuration::from_ms(20);
    let outcome = run(&plan);
    let workload = &outcome.workloads[0];
    assert!(
        workload.ok > 50,
        "{:?} {:?}",
        workload.outcome,
        workload.errors
    );
    let waiting = [
        "vpc_fabric",
        "tx_queue",
        "rx_queue",
        "core_queue",
        "interrupt",
        "scheduling",
        "virtio",
    ];
    let spent = spent_outside(workload, &waiting);
    let asked = workload
        .hops
        .iter()
        .find(|h| h.component == "syscall")
        .map_or(1, |h| h.visits);
    // Eight calls and copies for each request: send, receive, and their copies, at each end.
    spent * 8.0 / asked as f64
}

/// Time of a workload in all components but these, in ns.
fn spent_outside(workload: &WorkloadOutcome, left_out: &[&str]) -> f64 {
    let hops = workload.hops.iter();
    let counted = hops.filter(|h| !left_out.contains(&h.component));
    counted.map(|h| h.total).sum::<SimDuration>().as_secs_f64() * 1e9
}

fn from_instance(plan: Plan) -> f64 {
    cpu_per_request(plan, Place::Instance(1), app_of(0), Protocol::Udp)
}

fn single(mode: Mode) -> Plan {
    plan(vec![task("web/0", mode, 0, 8080)])
}

fn without_docker(mut plan: Plan) -> Plan {
    for instance in &mut plan.instances {
        instance.docker = DockerPlan {
            enabled: false,
            ..DockerPlan::default()
        };
    }
    plan
}

/// The far end is the same everywhere: an instance without Docker.
fn with_plain_peer(mut plan: Plan) -> Plan {
    plan.instances[1].docker = DockerPlan {
        enabled: false,
        ..DockerPlan::default()
    };
    plan
}

fn two_containers(mode: Mode) -> Plan {
    let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
    let second = container("other", 81, if mode == Mode::Bridge { 8081 } else { 81 });
    plan.tasks[0].containers.push(second);
    plan
}

const OTHER: Place = Place::Container {
    task: 0,
    container: 1,
};

#[test]
fn the_order_of_kernel_cost_is_the_measured_one() {
    let udp = Protocol::Udp;
    let trunk = {
        let mut plan = single(Mode::Awsvpc);
        plan.instances[0].trunking = true;
        plan
    };
    let task_lo = cpu_per_request(two_containers(Mode::Awsvpc), OTHER, app_of(0), udp);
    let host_lo = cpu_per_request(two_containers(Mode::Host), OTHER, app_of(0), udp);
    let awsvpc = from_instance(with_plain_peer(single(Mode::Awsvpc)));
    let bare_host = from_instance(without_docker(single(Mode::Host)));
    let trunk = from_instance(with_plain_peer(trunk));
    let host = from_instance(with_plain_peer(single(Mode::Host)));
    let bridge = from_instance(with_plain_peer(single(Mode::Bridge)));
    let docker0 = cpu_per_request(two_containers(Mode::Bridge), OTHER, app_of(0), udp);
    // In the measurement two veth pairs and a bridge stood for drivers and wire, each way.
    let drivers = price(&[Primitive::NicTransmit, Primitive::NicReceive]);
    let stand_in = price(&[
        Primitive::VethHop,
        Primitive::VethHop,
        Primitive::BridgeFirstHop,
    ]);
    let wire = 2.0 * (stand_in - drivers);
    let proxied = proxied();
    let order = [
        ("same-task lo", task_lo),
        ("host lo", host_lo),
        ("awsvpc", awsvpc + wire),
        ("trunk", trunk + wire),
        ("host with Docker's rules", host + wire),
        ("docker0 with br_netfilter", docker0),
        ("bridge with DNAT", bridge + wire),
        ("userland proxy", proxied),
    ];
    assert!(order.is_sorted_by(|a, b| a.1 < b.1), "{order:#?}");
    let gap = (awsvpc - bare_host).abs();
    assert!(
        gap < 0.01 * awsvpc,
        "awsvpc {awsvpc} and host without Docker {bare_host} are alike"
    );
    let saving = 1.0 - awsvpc / host;
    assert!(
        (0.05..0.25).contains(&saving),
        "awsvpc saves {saving} of host's cost with Docker"
    );
}

/// Cost of one 128-octet packet in the profile of the measured kernel, in ns.
fn price(primitives: &[Primitive]) -> f64 {
    let profile = crate::support::profile("linux-6.18-2vcpu");
    primitives
        .iter()
        .map(|&p| profile.cost(p, 128).as_secs_f64() * 1e9)
        .sum()
}

/// Another container of the instance asks the published port at the instance's address.
fn proxied() -> f64 {
    let tasks = vec![
        task("web/0", Mode::Bridge, 0, 8080),
        task("web/1", Mode::Bridge, 0, 8081),
    ];
    let mut plan = plan(tasks);
    plan.workloads = vec![ping_pong(
        app_of(1),
        target(app_of(0), 80),
        Protocol::Udp,
        100,
    )];
    let outcome = run(&plan);
    let workload = &outcome.workloads[0];
    assert!(workload.ok > 50, "{:?}", workload.outcome);
    let proxy = workload
        .hops
        .iter()
        .find(|h| h.component == "userland_proxy");
    let relayed = proxy.expect("the proxy relays").visits as f64;
    let waiting = ["core_queue", "scheduling"];
    let spent = spent_outside(workload, &waiting);
    spent * 2.0 / relayed
}

/// Latency of one request on a connection of its own.
fn setup_cost(mode: Mode, from: Place, tasks: usize) -> f64 {
    let tasks = (0..tasks).map(|i| {
        let host_port = 8080 + u16::try_from(i).expect("few");
        task(&format!("web/{i}"), mode, 0, host_port)
    });
    let mut plan = with_plain_peer(plan(tasks.collect()));
    let mut load = ping_pong(from, target(app_of(0), 80), Protocol::Tcp, 100);
    if let WorkloadKind::Request(request) = &mut load.kind {
        request.connections = Connections::PerRequest;
    }
    plan.workloads = vec![load];
    let outcome = run(&plan);
    let workload = &outcome.workloads[0];
    assert!(workload.ok > 20, "{:?}", workload.errors);
    let waiting = [
        "vpc_fabric",
        "tx_queue",
        "rx_queue",
        "core_queue",
        "interrupt",
        "nic",
    ];
    let spent = spent_outside(workload, &waiting);
    spent / workload.ok as f64
}

#[test]
fn connection_setup_suffers_more_than_established_traffic() {
    let host = setup_cost(Mode::Host, Place::Instance(1), 1);
    let bridge = setup_cost(Mode::Bridge, Place::Instance(1), 1);
    let proxy = setup_cost(Mode::Bridge, app_of(1), 2);
    let ratio = bridge / host;
    assert!(
        (1.2..1.6).contains(&ratio),
        "bridge {bridge} / host {host} = {ratio}"
    );
    assert!(proxy > 2.0 * host, "proxy {proxy} against host {host}");
}

#[test]
fn a_nat_rule_costs_on_the_first_packet_only_and_a_filter_rule_on_every_packet() {
    let per_request = |tasks| setup_cost(Mode::Bridge, Place::Instance(1), tasks);
    let (few, many) = (per_request(1), per_request(101));
    assert!(
        many > few,
        "the rules of other containers cost something: {few} {many}"
    );
    let established = |tasks: usize| {
        let tasks = (0..tasks).rev().map(|i| {
            let host_port = 8080 + u16::try_from(i).expect("few");
            task(&format!("web/{i}"), Mode::Bridge, 0, host_port)
        });
        let plan = with_plain_peer(plan(tasks.collect()));
        let last = Place::Container {
            task: plan.tasks.len() - 1,
            container: 0,
        };
        cpu_per_request(plan, Place::Instance(1), last, Protocol::Tcp)
    };
    let (few, many) = (established(1), established(101));
    assert!(
        (many - few).abs() < 0.01 * few,
        "an established connection pays nothing: {few} {many}"
    );
}

//! Closed forms: what any network simulator must get right.

use sim_core::{ByteSize, DataRate, Ratio, SimDuration, Summary};
use sim_net::build::build;
use sim_net::headers::Protocol;
use sim_net::plan::{
    Arrivals, Connections, Direction, Load, Mode, Place, Plan, ServiceTime, WorkloadKind,
    WorkloadPlan,
};
use sim_net::verdict::DropReason;
use sim_net::world::Outcome;

use crate::support::{app_of, bandwidth, gbps, host, ping_pong, plan, run, target, task};

fn mbps(n: u64) -> DataRate {
    DataRate::from_bps(n * 1_000_000).expect("above zero")
}

/// Machines without a kernel's cost, with standard Ethernet frames, one per rate.
fn ideal(rates: &[Option<DataRate>]) -> Plan {
    let mut plan = plan(Vec::new());
    plan.instances.clear();
    plan.hosts = rates
        .iter()
        .enumerate()
        .map(|(i, rate)| {
            let mut machine = host(&format!("host-{i}"), 0);
            machine.mtu = 1500;
            machine.bandwidth = rate.map(bandwidth);
            machine
        })
        .collect();
    plan
}

fn upload(name: &str, from: usize, to: usize, port: u16) -> WorkloadPlan {
    WorkloadPlan {
        name: name.into(),
        from: vec![Place::Host(from)],
        to: vec![target(Place::Host(to), port)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 1,
            bytes: None,
            direction: Direction::Upload,
        },
    }
}

/// Payload rate of a workload in bit/s.
fn goodput(plan: &Plan, outcome: &Outcome, workload: usize) -> f64 {
    outcome.workloads[workload].bytes as f64 * 8.0 / plan.measure.duration.as_secs_f64()
}

fn one_request_in(plan: &mut Plan, from: Place, to: Place) {
    let mut load = ping_pong(from, target(to, 80), Protocol::Udp, 1000);
    if let WorkloadKind::Request(request) = &mut load.kind {
        let gap = SimDuration::from_ms(60);
        request.load = Load::Open(Arrivals::Constant { gap });
    }
    plan.workloads = vec![load];
    plan.measure.cooldown = SimDuration::from_ms(10);
}

#[test]
fn a_round_trip_of_an_idle_world_is_the_sum_of_its_parts() {
    for mode in [Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate] {
        let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
        one_request_in(&mut plan, Place::Host(0), app_of(0));
        let outcome = run(&plan);
        let workload = &outcome.workloads[0];
        assert_eq!(workload.ok, 1, "{mode}");
        let parts: SimDuration = workload.hops.iter().map(|hop| hop.total).sum();
        assert_eq!(
            workload.latency_total, parts,
            "{mode}: {:#?}",
            workload.hops
        );
    }
}

#[test]
fn between_ideal_machines_it_is_two_latencies_and_two_serialisations() {
    let mut plan = ideal(&[Some(mbps(1000)), None]);
    one_request_in(&mut plan, Place::Host(0), Place::Host(1));
    let outcome = run(&plan);
    // 1000 octets of payload, UDP 8, IPv4 20, Ethernet 14. The second machine has no limit, and
    // the first one's inbound limit lets a lone frame through.
    let frame = ByteSize::from_bytes(1042);
    let expected = mbps(1000).transmission_time(frame) + SimDuration::from_us(200);
    assert_eq!(outcome.workloads[0].latency_total, expected);
}

#[test]
fn one_flow_fills_a_clean_ten_gigabit_link() {
    let mut plan = ideal(&[Some(gbps(10)), Some(gbps(10))]);
    plan.workloads = vec![upload("bulk", 0, 1, 5001)];
    plan.measure.warmup = SimDuration::from_ms(50);
    plan.measure.cooldown = SimDuration::ZERO;
    let outcome = run(&plan);
    let rate = goodput(&plan, &outcome, 0);
    assert!(rate >= 9.3e9, "{rate}");
    assert!(
        rate <= 10e9 * 1460.0 / 1514.0 * 1.001,
        "no faster than the wire: {rate}"
    );
}

#[test]
fn two_flows_share_a_bottleneck_fairly() {
    let mut plan = ideal(&[Some(mbps(1000)), Some(mbps(1000)), Some(mbps(500))]);
    plan.workloads = vec![upload("one", 0, 2, 5001), upload("two", 1, 2, 5002)];
    plan.measure.warmup = SimDuration::from_ms(500);
    plan.measure.duration = SimDuration::from_secs(4);
    plan.measure.cooldown = SimDuration::ZERO;
    let outcome = run(&plan);
    let rates = [goodput(&plan, &outcome, 0), goodput(&plan, &outcome, 1)];
    let sum: f64 = rates.iter().sum();
    let jain = sum * sum / (2.0 * rates.iter().map(|r| r * r).sum::<f64>());
    assert!(jain >= 0.95, "{rates:?}: {jain}");
    assert!(
        (0.85..=1.0).contains(&(sum / 500e6)),
        "together they fill it: {rates:?}"
    );
}

#[test]
fn goodput_under_loss_is_what_mathis_estimates() {
    let mut plan = ideal(&[Some(gbps(10)), Some(gbps(10))]);
    plan.region.loss = Ratio::from_ppm(1000);
    plan.workloads = vec![upload("bulk", 0, 1, 5001)];
    plan.measure.warmup = SimDuration::from_ms(100);
    plan.measure.duration = SimDuration::from_secs(1);
    plan.measure.cooldown = SimDuration::ZERO;
    let outcome = run(&plan);
    let rate = goodput(&plan, &outcome, 0);
    // Mathis, Semke, Mahdavi, Ott 1997: MSS / RTT · C / √p, with C = √(3/4) for delayed
    // acknowledgements.
    let mathis = 1460.0 * 8.0 / 200e-6 * 0.75_f64.sqrt() / 0.001_f64.sqrt();
    let ratio = rate / mathis;
    assert!(
        (1.0 / 1.5..=1.5).contains(&ratio),
        "{rate} against {mathis}: {ratio}"
    );
}

/// Mean wait of a Poisson stream of equal datagrams before a link, in service times.
fn wait(replication: u32) -> f64 {
    let mut plan = ideal(&[Some(mbps(1000)), None]);
    one_request_in(&mut plan, Place::Host(0), Place::Host(1));
    let frame = ByteSize::from_bytes(1042);
    let service = mbps(1000).transmission_time(frame);
    if let WorkloadKind::Request(request) = &mut plan.workloads[0].kind {
        // Utilisation 0.7.
        let mean_gap = service * 10 / 7;
        request.load = Load::Open(Arrivals::Poisson { mean_gap });
    }
    plan.measure.duration = SimDuration::from_ms(200);
    plan.measure.cooldown = SimDuration::from_ms(2);
    let world = build(&plan, 7, replication).expect("the plan is sound");
    let outcome = world.run(&std::sync::Arc::default());
    let queue = outcome.workloads[0]
        .hops
        .iter()
        .find(|hop| hop.component == "tx_queue");
    let queue = queue.expect("frames wait");
    // Half of the visits are answers, which leave a machine without a limit.
    let mean = queue.total.as_secs_f64() * 2.0 / queue.visits as f64;
    mean / service.as_secs_f64() - 1.0
}

#[test]
fn a_poisson_stream_waits_before_a_link_as_an_m_d_1_queue_does() {
    let mut waits = Summary::default();
    for replication in 0..10 {
        waits.record(wait(replication));
    }
    let theory = 0.7 / (2.0 * (1.0 - 0.7));
    let (low, high) = waits.interval(0.99).expect("ten replications");
    assert!(
        (low..=high).contains(&theory),
        "{low} to {high} against {theory}"
    );
    assert!(
        high - low < 0.2 * theory,
        "narrow enough to mean something: {low} to {high}"
    );
}

#[test]
fn twice_the_rate_halves_the_serialisation() {
    let latency = |rate| {
        let mut plan = ideal(&[Some(rate), None]);
        one_request_in(&mut plan, Place::Host(0), Place::Host(1));
        run(&plan).workloads[0].latency_total - SimDuration::from_us(200)
    };
    assert_eq!(latency(mbps(1000)), latency(mbps(2000)) * 2);
}

#[test]
fn a_configured_latency_does_not_change_capacity() {
    let rate = |latency| {
        let mut plan = ideal(&[Some(mbps(1000)), Some(mbps(1000))]);
        plan.region.latency.same_zone = latency;
        plan.workloads = vec![upload("bulk", 0, 1, 5001)];
        plan.measure.warmup = SimDuration::from_ms(300);
        plan.measure.cooldown = SimDuration::ZERO;
        let outcome = run(&plan);
        goodput(&plan, &outcome, 0)
    };
    let (near, far) = (
        rate(SimDuration::from_us(100)),
        rate(SimDuration::from_ms(5)),
    );
    assert!((near - far).abs() < 0.03 * near, "{near} {far}");
}

#[test]
fn a_container_sends_no_larger_packets_than_its_own_link_carries() {
    let mut plan = plan(vec![task("web/0", Mode::Bridge, 0, 8080)]);
    // The client's MTU is 9001 octets, the container's 1500.
    plan.workloads = vec![ping_pong(
        Place::Host(0),
        target(app_of(0), 80),
        Protocol::Tcp,
        20_000,
    )];
    let outcome = run(&plan);
    assert_eq!(outcome.drops.get(DropReason::TooBig), 0);
    assert!(
        outcome.workloads[0].ok > 50,
        "{:?}",
        outcome.workloads[0].errors
    );
}

/// Container and peer carry packets of different size, and answers of several segments have ends
/// that wait for no acknowledgement. The modes differ by what their paths cost, which is microseconds.
#[test]
fn an_answer_of_several_segments_comes_as_soon_to_a_container_as_to_its_host() {
    let median = |mode, inbound: bool, request, response| {
        let mut plan = plan(vec![task("web/0", mode, 0, 8080)]);
        let (from, to) = match inbound {
            true => (Place::Host(0), target(app_of(0), 80)),
            false => (app_of(0), target(Place::Host(0), 5432)),
        };
        let mut load = ping_pong(from, to, Protocol::Tcp, 0);
        if let WorkloadKind::Request(load) = &mut load.kind {
            load.load = Load::Open(Arrivals::Poisson {
                mean_gap: SimDuration::from_ms(10),
            });
            load.connections = Connections::KeepAlive(2);
            load.request = ByteSize::from_bytes(request);
            load.response = ByteSize::from_bytes(response);
        }
        plan.workloads = vec![load];
        plan.measure.warmup = SimDuration::from_ms(400);
        plan.measure.duration = SimDuration::from_ms(1000);
        let outcome = run(&plan);
        assert!(outcome.workloads[0].ok > 60, "{}", outcome.workloads[0].ok);
        assert_eq!(outcome.drops.total(), 0);
        outcome.workloads[0].latency.value_at(0.5).expect("answers")
    };
    for (request, response) in [(1024, 4096), (4096, 1024), (200, 16_384), (200, 65_536)] {
        for inbound in [false, true] {
            let medians = [Mode::Host, Mode::Bridge, Mode::Awsvpc, Mode::Fargate]
                .map(|mode| median(mode, inbound, request, response));
            let slowest = medians.iter().max().expect("four modes");
            assert!(
                slowest - medians[0] < 300_000,
                "{request} and {response} octets, inbound {inbound}: {medians:?} ns"
            );
        }
    }
}

/// A core that took up a second pass before the first had ended told a server of a connection's data
/// before it told of the connection.
#[test]
fn a_connection_for_each_request_loses_none_on_two_cores() {
    let mut plan = plan(vec![task("web/0", Mode::Awsvpc, 0, 8080)]);
    let mut load = ping_pong(Place::Host(0), target(app_of(0), 80), Protocol::Tcp, 256);
    if let WorkloadKind::Request(request) = &mut load.kind {
        request.load = Load::Open(Arrivals::Poisson {
            mean_gap: SimDuration::from_ms(1),
        });
        request.connections = Connections::PerRequest;
        request.service_time = ServiceTime::Constant(SimDuration::from_us(20));
        request.timeout = SimDuration::from_ms(300);
    }
    plan.workloads = vec![load];
    plan.measure.duration = SimDuration::from_secs(4);
    let outcome = run(&plan);
    assert!(
        outcome.workloads[0].ok > 3_900,
        "{}",
        outcome.workloads[0].ok
    );
    assert!(
        outcome.workloads[0].errors.is_empty(),
        "{:?}",
        outcome.workloads[0].errors
    );
}

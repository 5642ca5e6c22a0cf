//! Every option of a plan changes what happens.

use sim_core::{ByteSize, DataRate, PacketRate, Ratio, SimDuration};
use sim_net::headers::Protocol;
use sim_net::plan::{
    Arrivals, Connections, Direction, DockerPlan, HostLocation, Load, Mode, Place, Plan,
    RequestPlan, ServiceTime, WorkloadKind, WorkloadPlan,
};
use sim_net::vpc::{JitterPlan, SecurityGroupPlan};

use crate::support::{app_of, bandwidth, gbps, ping_pong, plan, profile, run, target, task};

const US: fn(u64) -> SimDuration = SimDuration::from_us;

/// Two tasks of a mode on two instances, requests from outside and a transfer between them.
fn busy(mode: Mode) -> Plan {
    let mut plan = plan(vec![
        task("web/0", mode, 0, 8080),
        task("web/1", mode, 1, 8081),
    ]);
    plan.region.latency.jitter = Some(JitterPlan::default());
    let mut requests = ping_pong(Place::Host(0), target(app_of(0), 80), Protocol::Tcp, 500);
    if let WorkloadKind::Request(request) = &mut requests.kind {
        request.load = Load::Open(Arrivals::Poisson { mean_gap: US(400) });
        request.service_time = ServiceTime::Constant(US(50));
        request.connections = Connections::KeepAlive(4);
    }
    let transfer = WorkloadPlan {
        name: "transfer".into(),
        from: vec![app_of(1)],
        to: vec![target(app_of(0), 80)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 2,
            bytes: None,
            direction: Direction::Upload,
        },
    };
    plan.workloads = vec![requests, transfer];
    plan.measure.duration = SimDuration::from_ms(10);
    plan.measure.cooldown = SimDuration::from_ms(5);
    plan
}

fn changes(what: &str, mode: Mode, change: impl FnOnce(&mut Plan)) {
    differs(what, &busy(mode), change);
}

fn differs(what: &str, before: &Plan, change: impl FnOnce(&mut Plan)) {
    let mut after = before.clone();
    change(&mut after);
    assert_ne!(
        run(before).digest,
        run(&after).digest,
        "{what} changes nothing"
    );
}

/// A group that allows nothing.
fn closed(plan: &mut Plan) -> usize {
    plan.region.security_groups.push(SecurityGroupPlan {
        vpc: 0,
        id: "sg-closed".into(),
        name: "closed".into(),
        ingress: Vec::new(),
        egress: Vec::new(),
    });
    plan.region.security_groups.len() - 1
}

fn request(plan: &mut Plan) -> &mut RequestPlan {
    match &mut plan.workloads[0].kind {
        WorkloadKind::Request(request) => request,
        WorkloadKind::Bulk { .. } => panic!("the first workload is of requests"),
    }
}

#[test]
fn of_an_instance() {
    let on = |what: &str, change: fn(&mut Plan)| changes(what, Mode::Host, change);
    on("cores", |p| p.instances[0].cores = 1);
    on("profile", |p| {
        p.instances[0].profile = profile("linux-4.x-literature")
    });
    on("subnet", |p| p.instances[1].subnet = 0);
    on("security groups", |p| {
        p.instances[0].security_groups = vec![closed(p)];
    });
    on("peak", |p| p.instances[1].bandwidth = bandwidth(gbps(2)));
    on("baseline", |p| p.instances[1].bandwidth.baseline = gbps(1));
    on("single flow", |p| {
        p.instances[1].bandwidth.single_flow = Some(gbps(1))
    });
    on("packet rate", |p| {
        p.instances[1].bandwidth.packet_rate = PacketRate::per_second(20_000);
    });
    changes("trunking", Mode::Awsvpc, |p| p.instances[0].trunking = true);
}

#[test]
fn of_credits() {
    let mut poor = busy(Mode::Host);
    poor.instances[1].bandwidth.baseline = gbps(1);
    differs("credits", &poor, |p| {
        p.instances[1].bandwidth.bucket_bits = 1_000_000_000;
        p.instances[1].bandwidth.credit_bits = 1_000_000_000;
    });
    poor.measure.cooldown = SimDuration::from_ms(50);
    differs("bucket", &poor, |p| {
        p.instances[1].bandwidth.bucket_bits = 1_000_000_000
    });
}

#[test]
fn of_a_placement_group() {
    let mut near = busy(Mode::Host);
    near.instances[1].subnet = 0;
    near.instances[1].bandwidth.single_flow = Some(gbps(1));
    let together = |p: &mut Plan| {
        p.instances[0].placement_group = Some(1);
        p.instances[1].placement_group = Some(1);
    };
    differs("placement group", &near, together);
    together(&mut near);
    differs("flow limit in the group", &near, |p| {
        p.instances[1].bandwidth.single_flow_in_group = Some(gbps(5));
    });
}

#[test]
fn of_docker() {
    let with = |what: &str, docker: DockerPlan| {
        changes(what, Mode::Host, |p| p.instances[0].docker = docker);
    };
    with(
        "enabled",
        DockerPlan {
            enabled: false,
            ..DockerPlan::default()
        },
    );
    changes("conntrack_max", Mode::Bridge, |p| {
        p.instances[0].docker.conntrack_max = 1;
    });
    // Who reaches whom without the proxy, with hairpin mode, without icc or br_netfilter is in the
    // truth table.
}

#[test]
fn of_the_source_and_destination_check() {
    let mut forwarded = busy(Mode::Bridge);
    forwarded.hosts[0].routes = vec![(
        "172.17.0.0/16".parse().expect("a network"),
        [10, 0, 0, 4].into(),
    )];
    forwarded.probes = vec![crate::support::probe(
        Place::Host(0),
        sim_net::plan::ProbeAddress::Of(app_of(0)),
        80,
        Protocol::Tcp,
    )];
    differs("source and destination check", &forwarded, |p| {
        p.instances[0].source_dest_check = true;
    });
}

#[test]
fn of_a_task_and_its_micro_vm() {
    changes("mode", Mode::Host, |p| p.tasks[0].mode = Mode::Bridge);
    changes("subnet of the task", Mode::Awsvpc, |p| {
        p.tasks[0].network.as_mut().expect("it has one").subnet = 1;
    });
    changes("groups of the task", Mode::Awsvpc, |p| {
        let closed = closed(p);
        let network = p.tasks[0].network.as_mut().expect("it has one");
        network.security_groups = vec![closed];
    });
    let guest = |what: &str, change: fn(&mut sim_net::plan::FargatePlan)| {
        changes(what, Mode::Fargate, |p| {
            change(p.tasks[1].fargate.as_mut().expect("it is one"));
        });
    };
    guest("cores of the guest", |f| f.cores = 4);
    guest("profile of the guest", |f| f.profile = profile("ideal"));
    guest("bandwidth of the guest", |f| {
        f.bandwidth = bandwidth(gbps(1))
    });
}

#[test]
fn of_a_host() {
    let on = |what: &str, change: fn(&mut Plan)| changes(what, Mode::Host, change);
    on("bandwidth", |p| {
        p.hosts[0].bandwidth = DataRate::from_bps(5_000_000).map(bandwidth);
    });
    on("profile", |p| {
        p.hosts[0].profile = profile("linux-6.18-2vcpu")
    });
    on("MTU", |p| p.hosts[0].mtu = 400);
    on("subnet", |p| p.hosts[0].location = HostLocation::Subnet(1));
    on("groups", |p| p.hosts[0].security_groups = vec![closed(p)]);
    on("default route", |p| {
        p.hosts[0].location = HostLocation::Subnet(1);
        p.hosts[0].default_route = false;
    });
}

#[test]
fn of_the_vpc() {
    let on = |what: &str, change: fn(&mut Plan)| changes(what, Mode::Awsvpc, change);
    on("latency in a zone", |p| {
        p.region.latency.same_zone = US(200)
    });
    on("jitter", |p| p.region.latency.jitter = None);
    on("loss", |p| p.region.loss = Ratio::from_ppm(20_000));
    changes("latency between zones", Mode::Host, |p| {
        p.region.latency.cross_zone = US(900)
    });
}

#[test]
fn of_a_workload() {
    let on = |what: &str, change: fn(&mut Plan)| changes(what, Mode::Host, change);
    on("protocol", |p| p.workloads[0].protocol = Protocol::Udp);
    on("request", |p| {
        request(p).request = ByteSize::from_bytes(5_000)
    });
    on("response", |p| {
        request(p).response = ByteSize::from_bytes(5_000)
    });
    on("arrivals", |p| {
        request(p).load = Load::Open(Arrivals::Bursty {
            mean_gap: US(400),
            size: 3,
        });
    });
    on("users", |p| {
        request(p).load = Load::Closed {
            concurrency: 3,
            think: US(100),
        }
    });
    on("pool", |p| {
        request(p).connections = Connections::KeepAlive(1)
    });
    on("connection per request", |p| {
        request(p).connections = Connections::PerRequest
    });
    on("service time", |p| {
        request(p).service_time = ServiceTime::Exponential(US(50))
    });
    on("time-out", |p| request(p).timeout = US(1_000));
    on("flows", |p| flows(p, 5, None, Direction::Upload));
    on("size", |p| {
        flows(p, 2, Some(ByteSize::from_bytes(100_000)), Direction::Upload)
    });
    on("direction", |p| flows(p, 2, None, Direction::Download));
}

fn flows(plan: &mut Plan, flows: usize, bytes: Option<ByteSize>, direction: Direction) {
    plan.workloads[1].kind = WorkloadKind::Bulk {
        flows,
        bytes,
        direction,
    };
}

#[test]
fn of_what_is_measured() {
    let ok = |change: fn(&mut Plan)| {
        let mut plan = busy(Mode::Host);
        change(&mut plan);
        run(&plan).workloads[0].ok
    };
    let base = ok(|_| {});
    assert!(ok(|p| p.measure.duration = SimDuration::from_ms(20)) > base);
    assert_ne!(ok(|p| p.measure.warmup = SimDuration::from_ms(5)), base);
    let mut slow = busy(Mode::Host);
    request(&mut slow).service_time = ServiceTime::Constant(US(900));
    let unfinished = |p: &Plan| run(p).workloads[0].errors.get("unfinished").copied();
    let hurried = unfinished(&slow);
    slow.measure.cooldown = SimDuration::from_ms(500);
    assert!(
        hurried > unfinished(&slow),
        "the cool-down lets requests end"
    );
}

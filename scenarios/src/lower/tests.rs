use std::collections::BTreeMap;
use std::io;

use sim_net::plan::{MeasurePlan, Place};

use super::*;
use crate::toml::read_scenario;

mod keys;
mod placement;

const WEB: &str = r#"{ "family": "web", "cpu": "256", "memory": "512", "containerDefinitions": [
    { "name": "web", "image": "web", "portMappings": [ PORT ] } ] }"#;

/// A scenario with one service; `port` is its port mapping, `rest` adds to the file.
fn scenario(port: &str, rest: &str) -> Scenario {
    let files = BTreeMap::from([("web.json", WEB.replace("PORT", port))]);
    let read = |name: &str| {
        files
            .get(name)
            .cloned()
            .ok_or(io::ErrorKind::NotFound.into())
    };
    let text = format!(
        "[vpc]\nzones = [\"a\", \"b\"]\n\
         [[capacity]]\nname = \"i\"\ninstance_type = \"m5.large\"\ncount = 2\n\
         [[client]]\nname = \"client\"\n\
         [[workload]]\nname = \"load\"\nto = \"web/web:80\"\n{rest}\n\
         [[service]]\nname = \"web\"\ntask_definition = \"web.json\"\n"
    );
    match read_scenario("test.toml", &text, &read) {
        Ok((scenario, _)) => scenario,
        Err(reports) => panic!(
            "{}",
            reports.iter().map(ToString::to_string).collect::<String>()
        ),
    }
}

fn lowered(scenario: &Scenario, mode: Mode) -> Result<Lowered, ModeRefusal> {
    let measure = MeasurePlan {
        warmup: scenario.measure.warmup,
        duration: scenario.measure.duration,
        cooldown: scenario.measure.cooldown,
    };
    lower(scenario, mode, &measure, NonePolicy::AsWritten)
}

fn with_count(port: &str, count: u32) -> Scenario {
    let mut scenario = scenario(port, "");
    scenario.services[0].count = count;
    scenario
}

const DYNAMIC: &str = r#"{ "containerPort": 80 }"#;

#[test]
fn dynamic_ports_are_settled_on_each_instance() {
    let bridge = lowered(&with_count(DYNAMIC, 4), Mode::Bridge).unwrap();
    let placed: Vec<_> = bridge
        .placed
        .iter()
        .map(|p| (p.host.as_str(), p.published[0].host_port))
        .collect();
    assert_eq!(
        placed,
        [
            ("i/0", 32_768),
            ("i/1", 32_768),
            ("i/0", 32_769),
            ("i/1", 32_769)
        ]
    );
    let targets: Vec<_> = bridge.plan.workloads[0]
        .to
        .iter()
        .map(|target| target.place)
        .collect();
    let container = |task| Place::Container { task, container: 0 };
    assert_eq!(
        targets,
        [container(0), container(1), container(2), container(3)]
    );
}

#[test]
fn the_third_task_on_a_static_port_is_refused_in_the_words_of_ecs() {
    let fixed = r#"{ "containerPort": 80, "hostPort": 80 }"#;
    assert!(lowered(&with_count(fixed, 2), Mode::Bridge).is_ok());
    let refusal = lowered(&with_count(fixed, 3), Mode::Bridge).unwrap_err();
    assert_eq!(refusal.code, "RESOURCE:PORTS");
    insta::assert_snapshot!(refusal.message, @"(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance i/0) is already using a port required by your task. Task web/2: host port 80/tcp is already in use by task web/0 (RESOURCE:PORTS)");
    // Host mode takes the container's port on the instance; awsvpc does not.
    assert_eq!(
        lowered(&with_count(fixed, 3), Mode::Host).unwrap_err().code,
        "RESOURCE:PORTS"
    );
    assert!(lowered(&with_count(fixed, 3), Mode::Awsvpc).is_ok());
}

#[test]
fn interfaces_run_out_unless_a_trunk_carries_them() {
    let mut scenario = with_count(DYNAMIC, 5);
    let refusal = lowered(&scenario, Mode::Awsvpc).unwrap_err();
    assert_eq!(refusal.code, "RESOURCE:ENI");
    let density = lowered(&with_count(DYNAMIC, 4), Mode::Awsvpc)
        .unwrap()
        .density
        .unwrap();
    assert_eq!(
        (density.tasks_per_instance, density.binding_limit.as_str()),
        (Some(2), "ENI")
    );
    scenario.capacity[0].trunking = true;
    let trunk = lowered(&scenario, Mode::Awsvpc).unwrap();
    assert!(trunk.plan.instances[0].trunking);
    assert_eq!(
        trunk.density.unwrap().tasks_per_instance,
        Some(8),
        "CPU, 2048 of 256 each"
    );
    // Fargate has no instance to run out of.
    let fargate = lowered(&with_count(DYNAMIC, 5), Mode::Fargate).unwrap();
    assert_eq!(fargate.density.unwrap().tasks_per_instance, None);
    assert!(fargate.plan.instances.is_empty());
}

#[test]
fn rules_of_a_mode_are_told_with_their_place() {
    let differs = scenario(r#"{ "containerPort": 80, "hostPort": 8080 }"#, "");
    let refusal = lowered(&differs, Mode::Awsvpc).unwrap_err();
    assert_eq!(refusal.code, "host-port-differs");
    assert!(refusal.message.contains("must match"), "{refusal}");
    let place = refusal.place.unwrap();
    assert!(
        place.starts_with("web.json: containerDefinitions[0]"),
        "{place}"
    );
    assert!(lowered(&differs, Mode::Bridge).is_ok());
}

#[test]
fn none_refuses_ports_or_drops_them_and_says_so() {
    let scenario = scenario(DYNAMIC, "");
    assert!(lowered(&scenario, Mode::None).is_err());
    let measure = MeasurePlan {
        warmup: scenario.measure.warmup,
        duration: scenario.measure.duration,
        cooldown: scenario.measure.cooldown,
    };
    let none = lower(&scenario, Mode::None, &measure, NonePolicy::WithoutPorts).unwrap();
    assert!(
        none.caveats
            .iter()
            .any(|caveat| caveat.contains("without them")),
        "{none:?}"
    );
    assert!(none.placed[0].published.is_empty());
}

#[test]
fn a_full_subnet_is_an_answer_about_the_mode() {
    let mut scenario = with_count(DYNAMIC, 20);
    for subnet in &mut scenario.region.subnets {
        subnet.cidr = ipnet::Ipv4Net::new(subnet.cidr.addr(), 28).unwrap();
    }
    let refusal = lowered(&scenario, Mode::Fargate).unwrap();
    assert_eq!(
        refusal.plan.tasks.len(),
        20,
        "eleven addresses in each of two subnets"
    );
    scenario.services[0].count = 30;
    let refusal = lowered(&scenario, Mode::Fargate).unwrap_err();
    assert_eq!(refusal.code, "InsufficientFreeAddressesInSubnet");
    assert!(
        refusal
            .message
            .contains("InsufficientFreeAddressesInSubnet"),
        "{refusal}"
    );
}

#[test]
fn what_is_in_a_subnet_already_has_its_addresses() {
    // Eleven addresses: one is the gateway's, one the endpoint's.
    let rest = "[[vpc.subnet]]\nname = \"small\"\ncidr = \"10.0.200.0/28\"\nzone = \"a\"\n\
                [[vpc.subnet]]\nname = \"large\"\ncidr = \"10.0.16.0/20\"\nzone = \"b\"\n";
    let gateway =
        "[[vpc.nat_gateway]]\nname = \"nat\"\nsubnet = \"small\"\nconnectivity = \"private\"\n";
    let endpoint =
        "[[vpc.interface_endpoint]]\nname = \"logs\"\nsubnets = [\"small\"]\nports = [443]\n";
    for (more, fits) in [("", 11), (gateway, 10), (endpoint, 10)] {
        let mut scenario = scenario(DYNAMIC, &format!("{rest}{more}"));
        assert_eq!(capacity::free_addresses(&scenario)[0], fits, "{more}");
        scenario.services[0].network.subnets = vec![0];
        scenario.services[0].count = 10;
        assert!(lowered(&scenario, Mode::Fargate).is_ok(), "{more}");
        scenario.services[0].count = 11;
        let code = lowered(&scenario, Mode::Fargate).map_err(|refusal| refusal.code);
        match more {
            "" => assert!(code.is_ok()),
            _ => assert_eq!(code.unwrap_err(), "InsufficientFreeAddressesInSubnet"),
        }
    }
}

#[test]
fn only_constants_that_a_plan_can_use_are_listed() {
    let with_nat = "[[vpc.subnet]]\nname = \"a\"\ncidr = \"10.0.0.0/20\"\nzone = \"a\"\n\
                    [[vpc.subnet]]\nname = \"b\"\ncidr = \"10.0.16.0/20\"\nzone = \"b\"\n\
                    [[vpc.nat_gateway]]\nname = \"nat\"\nsubnet = \"a\"\nconnectivity = \"private\"\n";
    let names = |rest: &str| {
        let lowered = lowered(&scenario(DYNAMIC, rest), Mode::Bridge).unwrap();
        let names = lowered.constants.into_iter().map(|constant| constant.name);
        names.collect::<Vec<_>>()
    };
    let has = |names: &[String], start: &str| names.iter().any(|name| name.starts_with(start));
    let (without, with) = (names(""), names(with_nat));
    assert!(has(&with, "nat.") && !has(&without, "nat."), "{without:?}");
    assert!(!has(&with, "eni.link_local_") && has(&without, "jitter."));
}

#[test]
fn a_service_may_keep_its_mode() {
    let mut scenario = scenario(DYNAMIC, "");
    scenario.services[0].mode = Some(Mode::Awsvpc);
    let bridge = lowered(&scenario, Mode::Bridge).unwrap();
    assert_eq!(bridge.plan.tasks[0].mode, Mode::Awsvpc);
}

#[test]
fn ping_pong_is_one_user_with_datagrams() {
    let scenario = scenario(
        r#"{ "containerPort": 80, "protocol": "udp" }"#,
        "protocol = \"udp\"\nkind = \"ping_pong\"\ninterval = \"3 ms\"",
    );
    let plan = lowered(&scenario, Mode::Host).unwrap().plan;
    let sim_net::plan::WorkloadKind::Request(request) = &plan.workloads[0].kind else {
        panic!("{:?}", plan.workloads[0]);
    };
    let load = sim_net::plan::Load::Closed {
        concurrency: 1,
        think: sim_core::SimDuration::from_ms(3),
    };
    assert_eq!(request.load, load);
    assert_eq!(request.request, request.response);
    assert_eq!(plan.workloads[0].protocol, sim_net::headers::Protocol::Udp);
}

#[test]
fn clients_that_nothing_filters_share_an_open_group() {
    let plan = lowered(&scenario(DYNAMIC, ""), Mode::Host).unwrap().plan;
    let [group] = plan.hosts[0].security_groups[..] else {
        panic!("{:?}", plan.hosts)
    };
    assert_eq!(
        plan.region.security_groups[group].id,
        "sg-ecsnet-unfiltered"
    );
    assert!(plan.hosts[0].bandwidth.is_none());
}

#[test]
fn modes_and_idle_tasks_share_the_arrivals() {
    let alone = scenario(DYNAMIC, "");
    let mut crowded = alone.clone();
    let mut idle = crowded.services[0].clone();
    idle.name = "idle".to_owned();
    crowded.services.push(idle);
    let measure = MeasurePlan {
        warmup: sim_core::SimDuration::from_ms(1),
        duration: sim_core::SimDuration::from_ms(50),
        cooldown: sim_core::SimDuration::from_ms(10),
    };
    let arrivals = |scenario: &Scenario, mode, replication| {
        let plan = lower(scenario, mode, &measure, NonePolicy::WithoutPorts)
            .unwrap()
            .plan;
        let stop = std::sync::Arc::default();
        let planned = crate::run::Planned {
            mode,
            neighbours: false,
            plan: &plan,
        };
        let outcome = crate::run::execute_one(planned, 1, replication, 1, None, &stop).unwrap();
        outcome.workloads[0].arrivals
    };
    let first = arrivals(&alone, Mode::Host, 0);
    for mode in [Mode::Bridge, Mode::Awsvpc, Mode::Fargate] {
        assert_eq!(arrivals(&alone, mode, 0), first, "{mode}");
        assert_eq!(
            arrivals(&crowded, mode, 0),
            first,
            "{mode} beside an idle task"
        );
    }
    assert_ne!(
        arrivals(&alone, Mode::Host, 1),
        first,
        "another replication"
    );
}

#[test]
fn runs_are_collected_in_order_and_stop_when_asked() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use crate::run::{Matrix, Planned, RunError, execute};

    let scenario = scenario(DYNAMIC, "");
    let measure = MeasurePlan {
        warmup: sim_core::SimDuration::ZERO,
        duration: sim_core::SimDuration::from_ms(20),
        cooldown: sim_core::SimDuration::ZERO,
    };
    let lowered = |mode| lower(&scenario, mode, &measure, NonePolicy::AsWritten).unwrap();
    let (host, bridge) = (lowered(Mode::Host), lowered(Mode::Bridge));
    let plans = [&host, &bridge].map(|lowered| Planned {
        mode: lowered.mode,
        neighbours: false,
        plan: &lowered.plan,
    });
    let digests = |jobs, threads, stop: bool| {
        let matrix = Matrix {
            plans: &plans,
            replications: 3,
            seed: 1,
            jobs,
            threads,
        };
        let runs = execute(&matrix, &Arc::new(AtomicBool::new(stop)), &|_| ())?;
        let digest = |run: &crate::run::Run| (run.replication.index, run.replication.digest);
        Ok::<_, RunError>(
            runs.iter()
                .map(|r| r.iter().map(digest).collect())
                .collect(),
        )
    };
    let one: Vec<Vec<(u32, u64)>> = digests(1, 1, false).unwrap();
    assert_eq!(digests(4, 1, false).unwrap(), one);
    assert_eq!(digests(2, 3, false).unwrap(), one);
    for mode in &one {
        assert_eq!(
            mode.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
            [0, 1, 2]
        );
    }
    assert_ne!(one[0][0].1, one[1][0].1, "the modes differ");
    assert_ne!(one[0][0].1, one[0][1].1, "the replications differ");
    assert_eq!(digests(2, 1, true), Err(RunError::Interrupted));
}

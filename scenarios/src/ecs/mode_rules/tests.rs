use std::fmt::Write as _;

use super::*;
use crate::ecs::task_definition::TaskDefinition;

/// A task definition of one container with these port mappings (JSON objects).
fn with_ports(mappings: &str) -> TaskDefinition {
    definition(&format!(
        r#"{{"family": "web", "cpu": "256", "memory": "512", "containerDefinitions": [
            {{"name": "app", "image": "nginx", "portMappings": [{mappings}]}}]}}"#
    ))
}

fn definition(text: &str) -> TaskDefinition {
    TaskDefinition::read("task.json", text)
        .unwrap_or_else(|report| panic!("{report}"))
        .0
}

/// What every mode says, one block per mode.
fn verdicts(definition: &TaskDefinition) -> String {
    let mut text = String::new();
    for mode in Mode::ALL {
        let _ = write!(text, "{mode}:");
        match check_mode(definition, mode) {
            Ok(plan) => {
                let ports = plan
                    .containers
                    .iter()
                    .flat_map(|container| &container.ports);
                let ports: Vec<String> = ports.map(ToString::to_string).collect();
                let _ = writeln!(text, " ok [{}]", ports.join(" "));
                for caveat in plan
                    .caveats
                    .iter()
                    .filter(|c| c.code != "other-network-mode")
                {
                    let _ = writeln!(
                        text,
                        "  caveat {}: {} ({})",
                        caveat.code, caveat.message, caveat.place
                    );
                }
            }
            Err(refusals) => {
                text.push('\n');
                for refusal in refusals {
                    let Refusal {
                        code,
                        kind,
                        message,
                        place,
                        remedy,
                    } = &refusal;
                    let _ = writeln!(
                        text,
                        "  {code} ({kind:?}): {message}\n    at {place}\n    help: {remedy}"
                    );
                }
            }
        }
    }
    text
}

fn codes(definition: &TaskDefinition, mode: Mode) -> Vec<&'static str> {
    match check_mode(definition, mode) {
        Ok(_) => Vec::new(),
        Err(refusals) => refusals.into_iter().map(|refusal| refusal.code).collect(),
    }
}

#[test]
fn a_port_without_a_host_port() {
    insta::assert_snapshot!(verdicts(&with_ports(r#"{"containerPort": 80}"#)));
}

#[test]
fn a_port_with_host_port_zero() {
    insta::assert_snapshot!(verdicts(&with_ports(
        r#"{"containerPort": 80, "hostPort": 0}"#
    )));
}

#[test]
fn a_port_with_the_same_host_port() {
    insta::assert_snapshot!(verdicts(&with_ports(
        r#"{"containerPort": 53, "hostPort": 53, "protocol": "udp"}"#
    )));
}

#[test]
fn a_port_with_another_host_port() {
    insta::assert_snapshot!(verdicts(&with_ports(
        r#"{"containerPort": 8080, "hostPort": 80}"#
    )));
}

#[test]
fn a_port_range() {
    insta::assert_snapshot!(verdicts(&with_ports(
        r#"{"containerPortRange": "8000-8009"}"#
    )));
}

#[test]
fn overlapping_ranges_and_a_range_with_a_host_port() {
    insta::assert_snapshot!(verdicts(&with_ports(
        r#"{"containerPortRange": "8000-8009", "hostPort": 9000},
           {"containerPortRange": "8009-8010"}, {"containerPort": 8001}"#
    )));
}

#[test]
fn reserved_ephemeral_and_doubtful_host_ports() {
    insta::assert_snapshot!(verdicts(&with_ports(
        r#"{"containerPort": 22, "hostPort": 22}, {"containerPort": 51680, "hostPort": 51680},
           {"containerPort": 40000, "hostPort": 40000}"#
    )));
}

#[test]
fn the_port_zero() {
    insta::assert_snapshot!(verdicts(&with_ports(r#"{"containerPort": 0}"#)));
}

#[test]
fn two_containers_on_one_port() {
    insta::assert_snapshot!(verdicts(&definition(
        r#"{"family": "web", "cpu": "256", "memory": "512", "containerDefinitions": [
            {"name": "a", "image": "i", "portMappings": [{"containerPort": 80}]},
            {"name": "b", "image": "i", "portMappings": [{"containerPort": 80}]}]}"#
    )));
}

#[test]
fn a_host_port_twice_in_a_bridge_task() {
    let twice = with_ports(
        r#"{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81, "hostPort": 8080}"#,
    );
    assert_eq!(codes(&twice, Mode::Bridge), ["duplicate-host-port"]);
    // Of different protocols they do not meet.
    let apart = with_ports(
        r#"{"containerPort": 80, "hostPort": 8080},
           {"containerPort": 81, "hostPort": 8080, "protocol": "udp"}"#,
    );
    assert_eq!(codes(&apart, Mode::Bridge), [""; 0]);
}

#[test]
fn more_fixed_ports_than_an_instance_can_reserve() {
    let mappings = |count: u32| {
        let one = |n| format!(r#"{{"containerPort": {n}, "hostPort": {n}}}"#);
        (1000..1000 + count).map(one).collect::<Vec<_>>().join(",")
    };
    assert_eq!(codes(&with_ports(&mappings(95)), Mode::Host), [""; 0]);
    assert_eq!(
        codes(&with_ports(&mappings(96)), Mode::Host),
        ["too-many-host-ports"]
    );
    assert_eq!(
        codes(&with_ports(&mappings(96)), Mode::Bridge),
        ["too-many-host-ports"]
    );
    assert_eq!(codes(&with_ports(&mappings(96)), Mode::Awsvpc), [""; 0]);
}

#[test]
fn a_hundred_ranges_are_allowed_and_no_more() {
    let ranges = |count: u32| {
        let one = |n| {
            format!(
                r#"{{"containerPortRange": "{}-{}"}}"#,
                1000 + 2 * n,
                1001 + 2 * n
            )
        };
        (0..count).map(one).collect::<Vec<_>>().join(",")
    };
    assert_eq!(codes(&with_ports(&ranges(100)), Mode::Bridge), [""; 0]);
    assert_eq!(
        codes(&with_ports(&ranges(101)), Mode::Bridge),
        ["too-many-ranges"]
    );
}

#[test]
fn what_a_container_says_of_its_namespace() {
    insta::assert_snapshot!(verdicts(&definition(
        r#"{"family": "web", "cpu": "256", "memory": "512", "containerDefinitions": [
            {"name": "a", "image": "i", "links": ["b", "c:alias"], "hostname": "h",
             "dnsServers": ["10.0.0.2"], "dnsSearchDomains": ["example.org"],
             "extraHosts": [{"hostname": "x", "ipAddress": "10.0.0.9"}],
             "systemControls": [{"namespace": "net.core.somaxconn", "value": "1024"}]},
            {"name": "b", "image": "i", "disableNetworking": true,
             "portMappings": [{"containerPort": 90}]}]}"#
    )));
}

#[test]
fn sizes_of_task_and_containers() {
    insta::assert_snapshot!(verdicts(&definition(
        r#"{"family": "web", "containerDefinitions": [
            {"name": "a", "image": "i", "cpu": 512, "memory": 100, "memoryReservation": 200},
            {"name": "b", "image": "i", "privileged": true}]}"#
    )));
    insta::assert_snapshot!(verdicts(&definition(
        r#"{"family": "web", "cpu": "100", "memory": "700", "containerDefinitions": [
            {"name": "a", "image": "i", "cpu": 512, "memory": 1000}]}"#
    )));
}

#[test]
fn fargate_names_the_nearest_size() {
    let sized = |cpu, memory| {
        definition(&format!(
            r#"{{"family": "web", "cpu": "{cpu}", "memory": "{memory}", "containerDefinitions": [
                {{"name": "a", "image": "i"}}]}}"#
        ))
    };
    let plan = check_mode(&sized(".5 vCPU", "1 GB"), Mode::Fargate).unwrap();
    assert_eq!(
        plan.fargate_size,
        Some(FargateSize {
            cpu: 512,
            memory: 1024
        })
    );
    let refusals = check_mode(&sized("512", "512"), Mode::Fargate).unwrap_err();
    assert_eq!(
        refusals[0].to_string(),
        "ClientException: No Fargate configuration exists for given values: 512 CPU, 512 memory. \
         See the Amazon ECS documentation for the valid values."
    );
    assert_eq!(refusals[0].place, "memory");
    assert_eq!(
        refusals[0].remedy,
        "the nearest size that holds it is 512 CPU units with 1024 MiB"
    );
    assert_eq!(
        check_mode(&sized("300", "512"), Mode::Fargate).unwrap_err()[0].place,
        "cpu"
    );
}

#[test]
fn windows_and_app_mesh_are_refused_in_every_mode() {
    let both = definition(
        r#"{"family": "web", "cpu": "1024", "memory": "2048", "networkMode": "awsvpc",
            "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2019_CORE"},
            "proxyConfiguration": {"containerName": "envoy"},
            "containerDefinitions": [{"name": "a", "image": "i"}]}"#,
    );
    for mode in Mode::ALL {
        let refusals = check_mode(&both, mode).unwrap_err();
        let found: Vec<_> = refusals.iter().map(|r| (r.code, r.kind)).collect();
        let no = RefusalKind::NotSimulated;
        assert_eq!(found, [("windows-containers", no), ("app-mesh", no)]);
    }
}

#[test]
fn a_plan_says_when_the_definition_names_another_mode() {
    let unnamed = with_ports(r#"{"containerPort": 80}"#);
    let caveat = |mode| {
        check_mode(&unnamed, mode)
            .unwrap()
            .caveats
            .pop()
            .map(|c| c.message)
    };
    assert_eq!(caveat(Mode::Bridge), None);
    assert_eq!(
        caveat(Mode::Host).as_deref(),
        Some("the task definition means bridge; evaluated as if it named host")
    );
}

#[test]
fn none_carries_what_publishes_nothing() {
    let web = with_ports(r#"{"containerPort": 80}"#);
    assert_eq!(codes(&web, Mode::None), ["ports-in-none"]);
    let plan = check_mode(&web.without_port_mappings(), Mode::None).unwrap();
    assert!(plan.containers[0].isolated);
    assert_eq!(plan.containers[0].ports, []);
}

#[test]
fn launch_types_have_a_say_in_the_network_mode() {
    let says = |mode: &str, compatibility: &str| {
        let definition = definition(&format!(
            r#"{{"family": "web", {mode} "requiresCompatibilities": ["{compatibility}"],
                "containerDefinitions": [{{"name": "a", "image": "i", "memory": 64}}]}}"#
        ));
        check_registration(&definition)
            .into_iter()
            .map(|r| r.message)
            .collect::<Vec<_>>()
    };
    let host = r#""networkMode": "host","#;
    assert_eq!(says(host, "EC2"), [""; 0]);
    assert_eq!(says(host, "MANAGED_INSTANCES"), [""; 0]);
    assert_eq!(
        says(host, "FARGATE"),
        ["ClientException: Fargate only supports network mode 'awsvpc'."]
    );
    assert_eq!(
        says("", "MANAGED_INSTANCES"),
        ["Managed Instances need a network mode other than bridge, and none is assumed"]
    );
}

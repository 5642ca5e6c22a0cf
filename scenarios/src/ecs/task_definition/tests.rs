use super::*;

fn report(text: &str) -> String {
    match TaskDefinition::read("task.json", text) {
        Ok((_, report)) => format!("accepted\n{report}"),
        Err(report) => format!("refused\n{report}"),
    }
}

const WEB: &str = r#"{"family": "web", "containerDefinitions": [
    {"name": "app", "image": "nginx", "memory": 64, "portMappings": [{"containerPort": 80}]}]}"#;

#[test]
fn the_registered_and_the_described_form_are_the_same_definition() {
    let (bare, report) = TaskDefinition::read("task.json", WEB).unwrap();
    assert_eq!(report.to_string(), "");
    let described = format!(r#"{{"taskDefinition": {WEB}, "tags": []}}"#);
    let (described, _) = TaskDefinition::read("task.json", &described).unwrap();
    assert_eq!(described.containers, bare.containers);
    assert_eq!(bare.effective_network_mode(), NetworkMode::Bridge);
    assert_eq!(
        bare.containers[0].port_mappings[0].place,
        "containerDefinitions[0].portMappings[0]"
    );
    // Places count from the task definition, spans from the start of the file.
    let at = |d: &TaskDefinition| {
        d.span("containerDefinitions[0].portMappings[0].hostPort")
            .unwrap()
    };
    assert_eq!(
        at(&described).start,
        at(&bare).start + r#"{"taskDefinition": "#.len()
    );
}

#[test]
fn numbers_as_strings_and_the_other_way_round_are_accepted_and_named() {
    insta::assert_snapshot!(report(
        r#"{
  "family": "web", "cpu": 256, "memory": "512",
  "containerDefinitions": [{
    "name": "app", "image": "nginx", "cpu": "10", "memory": "64",
    "portMappings": [{"containerPort": "8000", "hostPort": "0"}]
  }]
}"#
    ));
}

#[test]
fn every_problem_of_a_file_is_named_at_once() {
    insta::assert_snapshot!(report(
        r#"{
  "family": "", "networkMode": "awsvcp", "requiresCompatibilities": ["EC2", "FARGAT"],
  "cpu": "", "memory": "2 TB", "runtimePlatform": {"operatingSystemFamily": "LINUKS"},
  "containerDefinitions": [
    {"name": "a", "image": "i", "cpu": -1, "essential": "yes",
     "portMappings": [
       {"containerPort": 70000}, {"hostPort": 80}, {"containerPort": 80, "protocol": "sctp"},
       {"containerPortRange": "90-80"}, {"containerPortRange": "80"},
       {"containerPort": 1, "containerPortRange": "80-81"}, 8080, {"containerPort": "http"}]},
    {"name": "a", "portMappings": {"containerPort": 80}},
    {"image": "i", "memory": 0.5}, "app"
  ]
}"#
    ));
}

#[test]
fn what_matters_for_the_network_and_is_not_simulated_is_a_caveat() {
    insta::assert_snapshot!(report(
        r#"{
  "family": "web", "executionRoleArn": "arn", "netwrokMode": "host", "x-team": "blue",
  "containerDefinitions": [
    {"name": "app", "image": "i", "memory": 64, "comand": ["x"],
     "dnsServers": ["10.0.0.2"], "dnsSearchDomains": ["example.org"],
     "extraHosts": [{"hostname": "db", "ipAddress": "10.0.0.9"}],
     "systemControls": [{"namespace": "net.core.somaxconn", "value": "1024"},
                        {"namespace": "kernel.shmmax", "value": "1"}],
     "portMappings": [{"containerPort": 80, "hostport": 80}]},
    {"name": "router", "image": "i", "memory": 64, "firelensConfiguration": {"type": "fluentbit"}}
  ]
}"#
    ));
}

#[test]
fn other_documents_are_named_for_what_they_look_like() {
    let files = [
        "{}",
        "[]",
        "3",
        r#"[{"name": "app", "image": "nginx"}]"#,
        r#"{"services": [], "failures": []}"#,
        r#"{"tasks": [], "failures": []}"#,
        r#"{"cluster": "c", "taskDefinition": "web", "serviceName": "s"}"#,
        r#"{"cluster": "c", "taskDefinition": "web"}"#,
        r#"{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}"#,
        r#"{"ContainerDefinitions": []}"#,
        r#"{"SecurityGroups": []}"#,
        r#"{"a": 1, "b": 2}"#,
        r#"{"family": "web", "containerDefinitions": []}"#,
        r#"{"family": "web", "containerDefinitions": {}}"#,
    ];
    let text: Vec<String> = files
        .iter()
        .map(|file| format!("{file}\n  {}", report(file)))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn broken_json_has_a_line_and_a_column() {
    let files = [
        "",
        "{\n  \"family\": \"web\",\n}",
        "{\n  \"family\" \"web\"\n}",
        "{\"family\": \"web\"",
        "{\"family\": 'web'}",
        "{\"a\": 1} x",
        "{\"a\": \"\u{1}\"}",
    ];
    let text: Vec<String> = files
        .iter()
        .map(|file| format!("{file:?}\n  {}", report(file)))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_field_that_is_given_twice_is_named() {
    let twice = WEB.replace("\"memory\": 64", "\"memory\": 64, \"memory\": 128");
    let (definition, report) = TaskDefinition::read("t", &twice).unwrap();
    assert_eq!(definition.containers[0].memory, Some(128));
    assert_eq!(
        report.to_string(),
        "t:2:39: caveat: `memory` is given twice; the last one counts \
         (containerDefinitions[0].memory)\n  help: drop one of them\n"
    );
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(report(&format!("\u{feff}{WEB}")), "accepted\n");
}

#[test]
fn cpu_and_memory_in_every_form_of_ecs() {
    let cpu = [
        "1024",
        "1 vCPU",
        "1vcpu",
        ".5 vcpu",
        "0.25 VCPU",
        " 256 ",
        "16 vCPU",
    ];
    let values: Vec<_> = cpu.iter().map(|text| parse_cpu(text).unwrap()).collect();
    assert_eq!(values, [1024, 1024, 1024, 512, 256, 256, 16_384]);
    let memory = ["512", "2 GB", "2gb", ".5 GB", "0.5GB", "30 GB"];
    let values: Vec<_> = memory
        .iter()
        .map(|text| parse_memory(text).unwrap())
        .collect();
    assert_eq!(values, [512, 2048, 2048, 512, 512, 30_720]);
    let long = format!("0.{}1 vcpu", "0".repeat(50));
    for text in [
        "",
        "0",
        "-1",
        "vcpu",
        ". vcpu",
        "1 gb",
        "1.5",
        ".3 vcpu",
        "99999999999",
        &long,
    ] {
        assert_eq!(parse_cpu(text).unwrap_err().code, "invalid-cpu", "{text}");
    }
}

#[test]
fn what_placement_reserves_is_the_task_s_or_the_sum_of_the_containers() {
    let read = |head: &str| {
        let text = format!(
            r#"{{"family": "web", {head} "containerDefinitions": [
                {{"name": "a", "image": "i", "cpu": 100, "memory": 300, "memoryReservation": 200}},
                {{"name": "b", "image": "i", "cpu": 28, "memory": 56}}]}}"#
        );
        let definition = TaskDefinition::read("t", &text).unwrap().0;
        (definition.reserved_cpu(), definition.reserved_memory())
    };
    assert_eq!(read(""), (128, 256));
    assert_eq!(read(r#""cpu": "256", "memory": "512","#), (256, 512));
}

#[test]
fn a_definition_names_its_modes() {
    let modes = |head: &str| {
        let text = WEB.replacen('{', &format!("{{{head}"), 1);
        TaskDefinition::read("t", &text).unwrap().0.named_modes()
    };
    assert_eq!(modes(""), [Mode::Bridge]);
    assert_eq!(modes(r#""networkMode": "none","#), [Mode::None]);
    let fargate = r#""networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],"#;
    assert_eq!(modes(fargate), [Mode::Fargate]);
    let both = r#""networkMode": "awsvpc", "requiresCompatibilities": ["EC2", "FARGATE"],"#;
    assert_eq!(modes(both), [Mode::Awsvpc, Mode::Fargate]);
}

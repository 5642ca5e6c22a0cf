use super::*;
use crate::ecs::TaskDefinition;

fn given(file: &str, json: &str) -> Given {
    let (definition, _) = TaskDefinition::read(file, json).unwrap();
    Given {
        file: file.to_owned(),
        definition,
    }
}

const WEB: &str = r#"{ "family": "web", "containerDefinitions": [ { "name": "web", "image": "nginx",
    "memory": 512, "cpu": 256, "portMappings": [
        { "containerPort": 80 }, { "containerPort": 53, "protocol": "udp" },
        { "containerPortRange": "9000-9010" } ] } ] }"#;

const LOGS: &str = r#"{ "family": "logs", "containerDefinitions": [
    { "name": "app", "image": "app", "memory": 100 },
    { "name": "router", "image": "fluent-bit", "memory": 50,
      "firelensConfiguration": { "type": "fluentbit" } } ] }"#;

#[test]
fn every_published_port_gets_a_load() {
    let built = around(&[given("web.json", WEB)]);
    for target in ["web/web:80", "web/web:53", "web/web:9000"] {
        assert!(
            built.toml.contains(&format!("to = \"{target}\"")),
            "{}",
            built.toml
        );
    }
    assert!(!built.toml.contains(":9001"));
    let said = built.assumptions.join("\n");
    assert!(
        said.contains("of the published range web/web:9000-9010 the first port"),
        "{said}"
    );
    assert!(said.contains("2 instances m5.large"), "{said}");
}

#[test]
fn a_definition_that_publishes_nothing_sends() {
    let built = around(&[given("logs.json", LOGS)]);
    assert!(
        built.toml.contains("from = [\"logs/router\"]"),
        "{}",
        built.toml
    );
    assert!(built.toml.contains("to = \"client:443\""), "{}", built.toml);
    assert!(
        built
            .assumptions
            .iter()
            .any(|a| a.contains("publishes no port"))
    );
}

#[test]
fn instances_are_as_large_as_the_definitions_need() {
    let type_for = |cpu: u32, memory: u32| {
        let json = format!(
            r#"{{ "family": "x", "containerDefinitions": [
                {{ "name": "x", "image": "x", "cpu": {cpu}, "memory": {memory} }} ] }}"#
        );
        let built = around(&[given("x.json", &json)]);
        let line = built
            .toml
            .lines()
            .find(|l| l.starts_with("instance_type"))
            .unwrap()
            .to_owned();
        line.split('"').nth(1).unwrap().to_owned()
    };
    assert_eq!(type_for(256, 512), "m5.large");
    assert_eq!(type_for(2049, 512), "m5.xlarge");
    assert_eq!(
        type_for(256, 8000),
        "m5.xlarge",
        "8 GiB register less than 8000 MiB"
    );
    assert_eq!(type_for(99_000, 512), "m5.24xlarge");
    // Three definitions need three interfaces beside the instance's own.
    let web = given("web.json", WEB);
    let built = around(&[web.clone(), web.clone(), web]);
    assert!(built.toml.contains("m5.xlarge"));
    for name in ["\"web\"", "\"web-2\"", "\"web-3\""] {
        assert!(
            built.toml.contains(&format!("name = {name}\n")),
            "{}",
            built.toml
        );
    }
}

#[test]
fn arm_definitions_get_arm_instances() {
    let arm = WEB.replacen(
        '{',
        r#"{ "runtimePlatform": { "cpuArchitecture": "ARM64" },"#,
        1,
    );
    assert!(
        around(&[given("web.json", &arm)])
            .toml
            .contains("m6g.large")
    );
}

#[test]
fn the_library_has_what_its_scenario_names() {
    let scenario = library(DEFAULT).unwrap();
    for file in ["web.json", "cache.json"] {
        assert!(scenario.contains(&format!("\"{file}\"")));
        assert!(TaskDefinition::read(file, &library(file).unwrap()).is_ok());
    }
    assert!(library("nothing.toml").is_err());
}

//! Each key about placement changes where tasks go.

use super::*;
use crate::diagnostic::Report;

const PLAIN: &str = r#"{ "family": "web", "cpu": "256", "memory": "512", "containerDefinitions": [
    { "name": "web", "image": "web", "portMappings": [ { "containerPort": 80 } ] } ] }"#;

/// Three instances in two capacities, and a service of four tasks with these keys.
fn read(service: &str, definition: &str) -> Result<Scenario, Vec<Report>> {
    let read = |name: &str| match name {
        "web.json" => Ok(definition.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let text = format!(
        "[vpc]\nzones = [\"a\", \"b\"]\n\
         [[capacity]]\nname = \"big\"\ninstance_type = \"m5.xlarge\"\nsubnets = [\"a\"]\n\
         attributes = {{ rack = \"r1\" }}\n\
         [[capacity]]\nname = \"small\"\ninstance_type = \"c6g.large\"\ncount = 2\n\
         provider = \"spot\"\nattributes = {{ rack = \"r2\" }}\n\
         [[service]]\nname = \"web\"\ntask_definition = \"web.json\"\ncount = 4\n{service}\n"
    );
    read_scenario("test.toml", &text, &read).map(|(scenario, _)| scenario)
}

fn hosts(scenario: &Scenario, mode: Mode) -> Vec<String> {
    let lowered = lowered(scenario, mode).unwrap_or_else(|refusal| panic!("{refusal}"));
    lowered.placed.into_iter().map(|one| one.host).collect()
}

fn go(service: &str) -> Vec<String> {
    let scenario = read(service, PLAIN);
    let scenario = scenario.unwrap_or_else(|reports| panic!("{}", reports[0]));
    hosts(&scenario, Mode::Bridge)
}

#[test]
fn strategies_constraints_and_providers_of_a_service() {
    // Zone a has big and small/0, zone b has small/1.
    assert_eq!(go(""), ["big/0", "small/1", "small/0", "small/1"]);
    let pack = r#"placement = [{ type = "binpack", field = "memory" }]"#;
    assert_eq!(go(pack), ["small/0", "small/0", "small/0", "small/0"]);
    let spread = r#"placement = [{ type = "spread", field = "attribute:rack" }]"#;
    assert_eq!(go(spread), ["big/0", "small/0", "big/0", "small/0"]);
    let spread = r#"placement = [{ type = "spread", field = "instanceId" }]"#;
    assert_eq!(go(spread), ["big/0", "small/0", "small/1", "big/0"]);
    let member = r#"constraints = [{ type = "memberOf", expression = "attribute:rack == r1" }]"#;
    assert_eq!(go(member), ["big/0", "big/0", "big/0", "big/0"]);
    for (expression, host) in [
        ("attribute:ecs.instance-type =~ m5.*", "big/0"),
        ("attribute:ecs.cpu-architecture == x86_64", "big/0"),
        ("attribute:ecs.availability-zone in [b]", "small/1"),
        (
            "attribute:ecs.os-type == linux and attribute:ecs.subnet-id == subnet-b",
            "small/1",
        ),
    ] {
        let member =
            format!("constraints = [{{ type = \"memberOf\", expression = \"{expression}\" }}]");
        assert_eq!(go(&member)[0], host, "{expression}");
    }
    let share = r#"capacity_providers = [{ provider = "big", base = 1, weight = 0 }, { provider = "spot" }]"#;
    assert_eq!(go(share), ["big/0", "small/1", "small/0", "small/1"]);
    let share = r#"capacity_providers = [{ provider = "spot", weight = 1 }, { provider = "big", weight = 3 }]"#;
    assert_eq!(go(share), ["big/0", "big/0", "small/1", "big/0"]);
    let distinct = read(r#"constraints = [{ type = "distinctInstance" }]"#, PLAIN).unwrap();
    let refusal = lowered(&distinct, Mode::Bridge).unwrap_err();
    assert_eq!(
        refusal.code,
        "DistinctInstance placement constraint unsatisfied."
    );
    // None of it counts on Fargate, and that is said.
    let fargate = lowered(&distinct, Mode::Fargate).unwrap();
    assert!(
        fargate
            .caveats
            .iter()
            .any(|caveat| caveat.contains("no effect")),
        "{fargate:?}"
    );
}

#[test]
fn random_follows_the_seed_of_the_scenario() {
    let mut scenario = read(r#"placement = [{ type = "random" }]"#, PLAIN).unwrap();
    scenario.services[0].count = 12;
    let first = hosts(&scenario, Mode::Bridge);
    assert_eq!(hosts(&scenario, Mode::Bridge), first);
    scenario.measure.seed += 1;
    assert_ne!(hosts(&scenario, Mode::Bridge), first);
}

#[test]
fn a_constraint_of_the_task_definition_binds() {
    let with = |constraints: &str| {
        let field = format!("{{ \"placementConstraints\": [{constraints}], ");
        PLAIN.replacen("{ ", &field, 1)
    };
    let member = with(r#"{ "type": "memberOf", "expression": "attribute:rack == r2" }"#);
    let scenario = read("", &member).unwrap();
    assert!(
        hosts(&scenario, Mode::Bridge)
            .iter()
            .all(|host| host.starts_with("small"))
    );
    let told = |definition: &str| {
        let reports = read("", definition).unwrap_err();
        reports.iter().map(ToString::to_string).collect::<String>()
    };
    let distinct = told(&with(r#"{ "type": "distinctInstance" }"#));
    assert!(
        distinct.contains("constraint.type 'distinctInstance' is not supported"),
        "{distinct}"
    );
    let bad = told(&with(
        r#"{ "type": "memberOf", "expression": "rack == r2" }"#,
    ));
    assert!(bad.contains("placementConstraints[0].expression"), "{bad}");
    assert!(bad.contains("character 1: cannot compare"), "{bad}");
}

#[test]
fn reserved_memory_is_kept_from_tasks() {
    let mut scenario = with_count(DYNAMIC, 30);
    scenario.services[0].task_definition = {
        let mut definition = (*scenario.services[0].task_definition).clone();
        definition.cpu = Some(128);
        definition.into()
    };
    // 7985 MiB of an m5.large hold 15 tasks of 512 MiB.
    lowered(&scenario, Mode::Bridge).unwrap();
    scenario.capacity[0].reserved_memory_mib = 306;
    let refusal = lowered(&scenario, Mode::Bridge).unwrap_err();
    assert_eq!(refusal.code, "RESOURCE:MEMORY");
    assert!(
        refusal.message.contains("512 MiB needed, 511 MiB free"),
        "{refusal}"
    );
}

#[test]
fn a_trunk_takes_an_address_of_its_own() {
    let mut scenario = with_count(DYNAMIC, 10);
    for capacity in &mut scenario.capacity {
        capacity.trunking = true;
        capacity.subnets = vec![0];
        capacity.count = 3;
    }
    scenario.services[0].network.subnets = vec![0];
    for subnet in &mut scenario.region.subnets {
        subnet.cidr = ipnet::Ipv4Net::new(subnet.cidr.addr(), 28).unwrap();
    }
    // Eleven addresses less the client's, if it is there, less two for each of three instances.
    let left = 11 - 6;
    scenario.services[0].count = left;
    assert!(lowered(&scenario, Mode::Awsvpc).is_ok());
    scenario.services[0].count = left + 1;
    let refusal = lowered(&scenario, Mode::Awsvpc).unwrap_err();
    assert_eq!(refusal.code, "InsufficientFreeAddressesInSubnet");
    assert!(refusal.message.starts_with("RunTask succeeds"), "{refusal}");
    assert!(refusal.message.contains("in subnet 'a'"), "{refusal}");
    scenario.capacity[0].trunking = false;
    assert!(
        lowered(&scenario, Mode::Awsvpc).is_ok(),
        "three addresses more"
    );
}

#[test]
fn what_ecs_would_refuse_is_told_at_its_place() {
    let told = |service: &str| {
        let reports = read(service, PLAIN).unwrap_err();
        let lines = reports.iter().flat_map(|report| {
            let said = report.errors().map(|error| {
                format!(
                    "{}: {} -- {}",
                    error.place,
                    error.message,
                    error.help.as_deref().unwrap_or("")
                )
            });
            said.collect::<Vec<_>>()
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let all = [
        r#"placement = [{ type = "spread" }]"#,
        r#"placement = [{ type = "spread", field = "attribute" }]"#,
        r#"placement = [{ type = "binpack", field = "memroy" }]"#,
        r#"placement = [{ type = "random", field = "cpu" }]"#,
        r#"placement = [{ type = "spraed", field = "host" }]"#,
        r#"placement = [{ field = "host" }]"#,
        r#"placement = ["random"]"#,
        &format!("placement = [{}]", [r#"{ type = "random" }"#; 6].join(", ")),
        r#"constraints = [{ type = "memberOf" }]"#,
        r#"constraints = [{ type = "memberOf", expression = "attribute:a = b" }]"#,
        r#"constraints = [{ type = "distinctInstance", expression = "attribute:a == b" }]"#,
        &format!("constraints = [{}]", [r#"{ type = "distinctInstance" }"#; 11].join(", ")),
        r#"capacity_providers = [{ provider = "spto" }]"#,
        r#"capacity_providers = [{ provider = "big", base = 1 }, { provider = "spot", base = 2 }]"#,
        r#"capacity_providers = [{ provider = "big", weight = 0 }]"#,
        r#"capacity_providers = [{ provider = "big" }, { provider = "big" }]"#,
        "[[capacity]]\ninstance_type = \"m5.large\"\nattributes = { \"ecs.os-type\" = \"linux\", \"a b\" = \"c\", d = \"\", e = 1 }",
        "[[capacity]]\ninstance_type = \"m5.large\"\nreserved_memory = \"1 kB\"",
        "[[capacity]]\ninstance_type = \"g4ad.xlarge\"",
    ]
    .map(told);
    insta::assert_snapshot!(all.join("\n"));
}

//! `ecsnet density`: how many tasks fit.

use serde_json::Value;

use crate::support::{Home, err, out};

const WEB: &str = r#"{ "family": "web", "cpu": "256", "memory": "512", "containerDefinitions": [
  { "name": "web", "image": "nginx", "portMappings": [ { "containerPort": 80 } ] } ] }"#;

const BIG: &str = r#"{ "family": "big", "cpu": "1000", "memory": "3000", "containerDefinitions": [
  { "name": "big", "image": "big" } ] }"#;

const SCENARIO: &str = r#"
[vpc]
cidr = "10.0.0.0/24"
[[vpc.subnet]]
name = "a"
cidr = "10.0.0.0/28"
zone = "a"
[[capacity]]
instance_type = "c5.large"
reserved_memory = "1 GiB"
[[service]]
task_definition = "web.json"
count = 2
[[service]]
task_definition = "big.json"
"#;

fn home() -> Home {
    let home = Home::new();
    home.file("web.json", WEB);
    home.file("big.json", BIG);
    home.file("s.toml", SCENARIO);
    home
}

fn json(home: &Home, arguments: &str) -> Value {
    let output = home.succeed(&format!("density --json {arguments}"));
    serde_json::from_str(&out(&output)).unwrap()
}

fn types(density: &Value) -> Vec<&str> {
    let rows = density["subjects"][0]["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| row["instance_type"].as_str().unwrap())
        .collect()
}

/// What is printed on a terminal of 80 columns.
fn table(home: &Home, arguments: &str) -> String {
    let text = out(&home.succeed(&format!("density {arguments}")));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(!text.contains('\u{1b}'), "colours only on a terminal");
    text
}

#[test]
fn a_type_alone_has_its_documented_figures() {
    let home = home();
    let density = json(&home, "--instance-type c5.large");
    assert_eq!(density["schema"], "ecsnet.density/1");
    let fits = &density["subjects"][0]["rows"][0]["fits"];
    assert_eq!(
        (&fits["awsvpc"]["tasks"], &fits["awsvpc-trunked"]["tasks"]),
        (&2.into(), &10.into())
    );
    assert_eq!(fits["awsvpc"]["eni_source"], "documented");
    let types = "--instance-type c5.large,m8g.large,t3.large,g4ad.xlarge,u-18tb1.metal";
    insta::assert_snapshot!(table(&home, types));
}

#[test]
fn a_task_definition_has_a_number_and_a_limit_in_each_mode() {
    let home = home();
    let arguments =
        "--task-definition web.json --instance-type c5.large,m8g.medium,t3.large,g4ad.xlarge";
    insta::assert_snapshot!(table(&home, arguments));
    let one = "density --task-definition web.json --instance-type c5.large --json";
    insta::assert_snapshot!("json", out(&home.succeed(one)));
}

#[test]
fn a_scenario_has_each_service_and_the_mix() {
    let home = home();
    insta::assert_snapshot!(table(&home, "s.toml --instance-type m5.2xlarge"));
}

#[test]
fn all_types_are_shown_at_once_and_in_every_format() {
    let home = home();
    let text = table(&home, "");
    assert!(text.lines().count() > 1410, "nothing is hidden in a pipe");
    assert_eq!(text, table(&home, "--all"));
    let csv = out(&home.succeed("density --csv"));
    assert_eq!(csv.lines().count(), 1 + 2 * 1410);
    assert!(csv.contains("any task,c5.large,x86_64,nitro,2,4096,3992,3,true,awsvpc-trunked,10,10,ENI,10,documented"), "{csv}");
    assert_eq!(types(&json(&home, "")).len(), 1410);
}

#[test]
fn modes_filters_and_sorting() {
    let home = home();
    let with = |rest: &str| json(&home, &format!("--task-definition web.json {rest}"));
    let bridge = with("--mode bridge --instance-type c5.large");
    let fits = bridge["subjects"][0]["rows"][0]["fits"]
        .as_object()
        .unwrap();
    assert_eq!(fits.keys().collect::<Vec<_>>(), ["bridge"]);
    assert_eq!(bridge["subjects"][0]["fargate"], Value::Array(Vec::new()));
    let arm = with(r#"--filter arch=arm64 --filter "vcpus>=4" --filter "memory<=8GiB""#);
    assert!(types(&arm).contains(&"c6g.xlarge") && !types(&arm).contains(&"c5.xlarge"));
    let sorted = with("--filter family=c5 --sort -bridge");
    assert_eq!(types(&sorted)[0], "c5.24xlarge");
    let sorted = with("--filter family=c5 --sort bridge");
    assert_eq!(types(&sorted)[0], "c5.large");
}

#[test]
fn fargate_rounds_to_a_size_it_has() {
    let home = home();
    let density = json(
        &home,
        "--task-definition big.json --mode fargate --instance-type c5.large",
    );
    let fargate = &density["subjects"][0]["fargate"][0];
    assert_eq!(
        (&fargate["cpu"], &fargate["memory_mib"]),
        (&1024.into(), &3072.into())
    );
    assert_eq!(fargate["exact"], false);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_remedy() {
    let home = home();
    home.file("broken.json", "{ \"family\": ");
    for (arguments, words) in [
        (
            "--instance-type c5.lrage",
            vec!["c5.lrage", "did you mean c5.large?"],
        ),
        (
            "--instance-type c5.lrage,m5.lrage",
            vec!["c5.lrage, m5.lrage", "c5.large, m5.large"],
        ),
        (
            "--filter famly=c5",
            vec!["no column \"famly\"", "did you mean family?"],
        ),
        ("--sort price", vec!["no column \"price\"", "known: type"]),
        ("--mode brigde", vec!["did you mean bridge?"]),
        ("--json --csv", vec!["cannot be used with"]),
        (
            "--task-definition absent.json",
            vec!["absent.json", "no such file"],
        ),
        ("--task-definition broken.json", vec!["broken.json"]),
        ("absent.toml", vec!["absent.toml", "no such file"]),
        (
            "s.toml --task-definition web.json",
            vec!["cannot be used with"],
        ),
    ] {
        let output = home.run(&format!("density {arguments}"));
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments}: {}",
            err(&output)
        );
        for word in words {
            assert!(
                err(&output).contains(word),
                "no `{word}` in: {}",
                err(&output)
            );
        }
    }
}

#[test]
fn the_document_has_a_schema() {
    let schema = out(&Home::new().succeed("schema density"));
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["title"], "ecsnet.density/1");
}

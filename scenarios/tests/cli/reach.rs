//! `ecsnet reach`: who reaches whom, found twice.

use serde_json::Value;

use crate::support::{Home, err, out};

#[path = "../../../reports/tests/fixture/schema_check.rs"]
mod schema_check;

mod corpus;
mod options;
mod vpc;

const FRONT: &str = r#"{
  "family": "front", "cpu": "256", "memory": "512",
  "containerDefinitions": [{
    "name": "app", "image": "front", "cpu": 256, "memory": 512,
    "portMappings": [{ "containerPort": 8080 }]
  }]
}"#;

const BACK: &str = r#"{
  "family": "back", "cpu": "256", "memory": "512",
  "containerDefinitions": [{
    "name": "app", "image": "back", "cpu": 128, "memory": 256,
    "portMappings": [{ "containerPort": 6379 }]
  }, {
    "name": "metrics", "image": "metrics", "cpu": 128, "memory": 256,
    "portMappings": [{ "containerPort": 9100 }, { "containerPort": 8125, "protocol": "udp" }]
  }]
}"#;

const SCENARIO: &str = r#"
name = "front and back"

[vpc]
cidr = "10.0.0.0/16"
zones = ["a"]

[[vpc.subnet]]
name = "a"
cidr = "10.0.0.0/24"
zone = "a"

[[vpc.security_group]]
name = "instances"
ingress = [{ protocol = "tcp", ports = "32768-60999", peer = "10.0.0.0/16" }]

[[vpc.security_group]]
name = "front"
ingress = [{ protocol = "tcp", ports = 8080 }]

[[vpc.security_group]]
name = "back"
ingress = [{ protocol = "tcp", ports = 6379, peer = "front" }]

[[capacity]]
name = "instance"
instance_type = "m5.large"
count = 1
subnets = ["a"]
security_groups = ["instances"]

[[service]]
name = "front"
task_definition = "front.json"
count = 1
awsvpc = { subnets = ["a"], security_groups = ["front"] }

[[service]]
name = "back"
task_definition = "back.json"
count = 1
awsvpc = { subnets = ["a"], security_groups = ["back"] }

[[client]]
name = "client"
subnet = "a"
"#;

pub(super) fn home() -> Home {
    let home = Home::new();
    home.file("front.json", FRONT);
    home.file("back.json", BACK);
    home.file("s.toml", SCENARIO);
    home
}

/// The document that `ecsnet reach` prints, checked against its schema.
pub(super) fn document(home: &Home, arguments: &str) -> Value {
    let said = out(&home.succeed(&format!("reach {arguments} --json")));
    let document: Value = serde_json::from_str(&said).unwrap();
    schema_check::check(&reports::schema::reach(), &document);
    for mode in document["modes"].as_object().unwrap().values() {
        let simulated = &mode["simulated"];
        if simulated.is_object() {
            let number = |name: &str| simulated[name].as_u64().unwrap();
            let foretold = number("probes") - number("undetermined");
            assert_eq!(number("agreed"), foretold, "{simulated}");
        }
    }
    document
}

/// The best verdict of a pair in a mode.
pub(super) fn verdict<'a>(document: &'a Value, mode: &str, from: &str, to: &str) -> &'a str {
    let pair = pair(document, mode, from, to);
    pair["verdict"].as_str().unwrap()
}

/// A pair in a mode.
pub(super) fn pair<'a>(document: &'a Value, mode: &str, from: &str, to: &str) -> &'a Value {
    let pairs = document["modes"][mode]["pairs"].as_array().unwrap();
    let found = pairs.iter().find(|p| p["from"] == from && p["to"] == to);
    found.unwrap_or_else(|| panic!("{mode}: no pair {from}, {to}"))
}

#[test]
fn each_mode_exposes_what_it_is_known_for() {
    let home = home();
    let document = document(&home, "s.toml");
    let (front, back) = ("front/0:8080", "back/0/app:6379");
    let sg = "security_group_ingress";
    // Who asks, who is asked, and what is found in bridge, host, awsvpc and fargate mode.
    let expected = [
        // In bridge mode the group of the instance has to open the range of dynamic host ports, and
        // with it every published port. In host mode it would have to open 8080 itself.
        ("client", front, ["reached", sg, "reached", "reached"]),
        ("client", back, ["reached", sg, sg, sg]),
        // Over docker0 and over loopback no security group is asked.
        ("front/0", back, ["reached"; 4]),
        ("back/0/app", front, ["reached"; 4]),
        // The group of the back has no rule for it. On one instance nobody asks the group.
        (
            "front/0",
            "back/0/metrics:8125/udp",
            ["reached", "reached", sg, sg],
        ),
        // Containers of a task share its namespace, but for bridge mode.
        ("back/0/app", "back/0/metrics:9100", ["reached"; 4]),
    ];
    for (from, to, verdicts) in expected {
        for (mode, wanted) in ["bridge", "host", "awsvpc", "fargate"].iter().zip(verdicts) {
            let found = verdict(&document, mode, from, to);
            assert_eq!(found, wanted, "{mode}: {from} to {to}");
        }
    }
    let via = |mode: &str, from: &str, to: &str| {
        let at = pair(&document, mode, from, to)["at"].as_array().unwrap();
        let reached = at.iter().find(|at| at["verdict"]["code"] == "reached");
        reached.unwrap()["via"].clone()
    };
    assert_eq!(via("bridge", "client", front), "published");
    assert_eq!(via("bridge", "front/0", back), "own");
    assert_eq!(via("host", "front/0", back), "loopback");
    assert_eq!(via("awsvpc", "front/0", back), "own");
    // In mode none programs listen as well, at no address that others could try.
    for from in ["client", "front/0", "back/0/metrics"] {
        assert_eq!(verdict(&document, "none", from, back), "no_address");
    }
    let differences = document["differences"].as_array().unwrap();
    let bridge_exposes_the_back = |difference: &&Value| {
        let flows = difference["flows"].as_array().unwrap();
        let named = |flow: &Value| flow["from"] == "client" && flow["to"] == "back/app:6379";
        difference["mode"] == "bridge" && flows.iter().any(named)
    };
    let difference = differences.iter().find(bridge_exposes_the_back).unwrap();
    let not_in = difference["not_in"].as_array().unwrap();
    assert!(not_in.iter().any(|mode| mode == "awsvpc"), "{difference}");
    assert!(not_in.iter().any(|mode| mode == "host"), "{difference}");
}

#[test]
fn the_matrix_fits_eighty_columns() {
    let home = home();
    let output = home.run_with("reach s.toml --mode bridge,awsvpc", &[("COLUMNS", "80")]);
    assert!(output.status.success(), "{}", err(&output));
    let text = out(&output);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(!text.contains('\u{1b}'), "colours only on a terminal");
    assert!(text.contains("attempts also"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn an_explanation_shows_every_step_and_the_rule() {
    let home = home();
    let arguments = "reach s.toml --mode bridge --from client --to front:8080 --explain";
    let output = home.run_with(arguments, &[("COLUMNS", "80")]);
    assert!(output.status.success(), "{}", err(&output));
    let text = out(&output);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for words in ["nat PREROUTING", "DNAT", "back", "becomes"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_explanation_in_json_names_the_rule_and_the_remedy() {
    let home = home();
    let document = document(
        &home,
        "s.toml --mode awsvpc --from client --to back:6379 --explain",
    );
    let explanations = document["explanations"].as_array().unwrap();
    assert_eq!(explanations.len(), 1);
    let explanation = &explanations[0];
    assert_eq!(explanation["verdict"]["code"], "security_group_ingress");
    assert_eq!(explanation["verdict"]["leg"], "forward");
    let hops = explanation["hops"].as_array().unwrap();
    assert_eq!(hops.last().unwrap()["component"], "security group ingress");
    assert!(
        explanation["remedy"].as_str().unwrap().contains("back"),
        "{explanation}"
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(explanation).unwrap());
}

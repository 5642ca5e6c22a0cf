//! Names, errors, and that every option changes the outcome.

use serde_json::Value;

use super::{document, home, verdict};
use crate::support::{Home, err, out};

fn names(records: &Value) -> Vec<&str> {
    let records = records.as_array().unwrap();
    records
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_name_means_a_service_a_task_or_a_container() {
    let home = home();
    let of = |from: &str, to: &str| {
        let arguments = format!("s.toml --mode bridge --simulate none --from {from} --to {to}");
        let document = document(&home, &arguments);
        let bridge = &document["modes"]["bridge"];
        let owned = |names: Vec<&str>| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        (
            owned(names(&bridge["sources"])),
            owned(names(&bridge["listeners"])),
        )
    };
    let (from, to) = of("back", "back");
    assert_eq!(from, ["back/0/app"]);
    assert_eq!(
        to,
        [
            "back/0/app:6379",
            "back/0/metrics:8125/udp",
            "back/0/metrics:9100"
        ]
    );
    let (from, to) = of("back/metrics", "back/0:9100");
    assert_eq!(from, ["back/0/metrics"]);
    assert_eq!(to, ["back/0/metrics:9100"]);
    let (from, to) = of("instance", "imds");
    assert_eq!(
        (from, to),
        (vec!["instance/0".to_owned()], vec!["imds:80".to_owned()])
    );
    let (from, to) = of("client", "10.0.0.77:5000/udp");
    assert_eq!(from, ["client"]);
    assert_eq!(to, ["10.0.0.77:5000/udp"]);
    let (_, to) = of("client", "dns:53/udp");
    assert_eq!(to, ["dns:53/udp"]);
}

#[test]
fn a_port_that_nothing_listens_on_is_refused_or_filtered() {
    let home = home();
    let document = document(&home, "s.toml --from front/0 --to back:81");
    assert_eq!(
        verdict(&document, "bridge", "front/0", "back/0/app:81"),
        "refused"
    );
    let awsvpc = verdict(&document, "awsvpc", "front/0", "back/0/app:81");
    assert_eq!(awsvpc, "security_group_ingress");
}

fn refused(home: &Home, arguments: &str, words: &[&str]) {
    let output = home.run(&format!("reach {arguments}"));
    let said = err(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments}: no `{word}` in: {said}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused_with_what_is_like_it() {
    let home = home();
    refused(
        &home,
        "s.toml --from fronz",
        &["no `fronz`", "did you mean `front`?"],
    );
    refused(
        &home,
        "s.toml --to bakc:6379",
        &["no `bakc`", "did you mean `back`?"],
    );
    refused(&home, "s.toml --to front:99999", &["names no port"]);
    refused(&home, "s.toml --to front:80/sctp", &["names no port"]);
    refused(&home, "s.toml --to 10.0.0.4", &["at which port"]);
    refused(&home, "s.toml --from imds", &["asks nobody"]);
    refused(
        &home,
        "s.toml --to client",
        &["nothing listens on `client`"],
    );
    refused(&home, "s.toml --from front --explain", &["--to"]);
    refused(&home, "s.toml --vpc .", &["cannot be used with"]);
    refused(&home, "--vpc nowhere", &["nowhere"]);
    refused(&home, "s.toml --mode awsvcp", &["did you mean awsvpc?"]);
}

#[test]
fn mode_from_to_and_explain_change_what_is_shown() {
    let home = home();
    let all = document(&home, "s.toml");
    assert_eq!(all["modes"].as_object().unwrap().len(), 5);
    let two = document(&home, "s.toml --mode awsvpc --mode bridge");
    let modes: Vec<_> = two["modes"].as_object().unwrap().keys().collect();
    assert_eq!(modes, ["bridge", "awsvpc"]);
    let from = document(&home, "s.toml --mode host --from client");
    assert_eq!(names(&from["modes"]["host"]["sources"]), ["client"]);
    let to = document(&home, "s.toml --mode host --to front");
    assert_eq!(names(&to["modes"]["host"]["listeners"]), ["front/0:8080"]);
    assert!(to["explanations"].as_array().unwrap().is_empty());
    let plain = out(&home.succeed("reach s.toml --mode host --from client --to front"));
    assert!(plain.contains("client → front/0:8080"), "{plain}");
    let arguments = "reach s.toml --mode host --from client --to front --explain";
    let explained = out(&home.succeed(arguments));
    assert!(
        explained.contains("there") && !plain.contains("there"),
        "{explained}"
    );
}

#[test]
fn simulate_says_how_many_attempts_are_made() {
    let home = home();
    let none = document(&home, "s.toml --mode host --simulate none");
    assert!(none["modes"]["host"]["simulated"].is_null());
    // A hundred tasks of two ports: more attempts than a sample makes.
    let front = super::FRONT.replace(
        "{ \"containerPort\": 8080 }",
        "{ \"containerPort\": 8080 }, { \"containerPort\": 8081 }",
    );
    home.file("front.json", &front);
    let many = super::SCENARIO.replacen("count = 1\nawsvpc", "count = 100\nawsvpc", 1);
    home.file("many.toml", &many);
    let simulated = |how: &str| {
        let arguments = format!("many.toml --mode fargate --simulate {how}");
        let document = document(&home, &arguments);
        let simulated = &document["modes"]["fargate"]["simulated"];
        let number = |name: &str| simulated[name].as_u64().unwrap();
        (number("probes"), number("possible"))
    };
    let (probes, possible) = simulated("sample");
    assert!(
        probes < possible && probes > 10_000 && probes <= 20_000,
        "{probes} of {possible}"
    );
    let (probes, same) = simulated("all");
    assert_eq!((probes, same), (possible, possible));
    let text = out(&home.succeed("reach many.toml --mode fargate --simulate none"));
    assert!(text.contains("by service"), "{text}");
}

#[test]
fn every_example_agrees_and_so_does_the_built_in_scenario() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let home = Home::new();
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            document(&home, &format!("\"{}\"", path.display()));
            found += 1;
        }
    }
    assert!(found >= 2, "{found} examples");
    document(&home, "");
    document(&home, &format!("--vpc \"{folder}/vpc\""));
}

#[test]
fn the_schema_is_printed() {
    let printed = out(&Home::new().succeed("schema reach"));
    let schema: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(schema, reports::schema::reach());
}

//! Bad input: a clear message, exit status 2, nothing left behind.

use crate::support::{Home, err, out};

/// Runs the command, expects it to be refused, and gives what it said.
fn refused(home: &Home, arguments: &str) -> String {
    let before = home.listing();
    let output = home.run(arguments);
    let said = format!("{}{}", out(&output), err(&output));
    assert_eq!(output.status.code(), Some(2), "ecsnet {arguments}: {said}");
    assert_eq!(
        home.listing(),
        before,
        "ecsnet {arguments} left something behind"
    );
    said
}

fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
}

/// A small task definition and a scenario around it that is in order.
fn home() -> Home {
    let home = Home::new();
    home.file("web.json", WEB);
    home.file("good.toml", GOOD);
    home
}

const WEB: &str = r#"{
  "family": "web",
  "containerDefinitions": [
    { "name": "web", "image": "nginx", "memory": 512, "portMappings": [ { "containerPort": 80 } ] }
  ]
}"#;

const GOOD: &str = include_str!("idle.toml");

/// The good scenario with one line replaced.
fn broken(home: &Home, from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    home.file("bad.toml", &GOOD.replacen(from, to, 1));
    refused(home, "compare bad.toml")
}

#[test]
fn the_scenario_that_the_others_are_made_from_is_good() {
    home().succeed("check good.toml web.json");
}

#[test]
fn missing_files_are_named() {
    let home = home();
    assert_says(
        &refused(&home, "compare nowhere.toml"),
        &["nowhere.toml", "no such file"],
    );
    assert_says(
        &refused(&home, "compare --task-definition no.json"),
        &["no.json"],
    );
    assert_says(&refused(&home, "check no.json"), &["no.json"]);
    assert_says(
        &refused(&home, "run nowhere.toml --mode host"),
        &["nowhere.toml"],
    );
    assert_says(
        &broken(&home, "web.json", "gone.json"),
        &["gone.json", "bad.toml"],
    );
}

#[test]
fn broken_json_is_refused_with_line_and_column() {
    let home = home();
    home.file(
        "bad.json",
        "{\n  \"family\": \"web\",\n  \"containerDefinitions\": [}\n",
    );
    let said = refused(&home, "compare --task-definition bad.json");
    assert_says(&said, &["bad.json", "3:28"]);
    assert_says(&refused(&home, "check bad.json"), &["bad.json", "3:28"]);
}

#[test]
fn broken_toml_is_refused_with_line_and_column() {
    let home = home();
    home.file("bad.toml", "name = \"x\"\n[vpc\n");
    assert_says(&refused(&home, "compare bad.toml"), &["bad.toml", "2:"]);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let home = home();
    let said = broken(&home, "instance_type =", "instance_typ =");
    assert_says(&said, &["instance_typ", "instance_type"]);
}

#[test]
fn quantities_need_units_and_sense() {
    let home = home();
    let said = broken(&home, "duration = \"40 ms\"", "duration = \"40\"");
    assert_says(&said, &["duration", "unit"]);
    broken(&home, "duration = \"40 ms\"", "duration = \"-40 ms\"");
    broken(&home, "duration = \"40 ms\"", "duration = \"900000 h\"");
    broken(&home, "count = 2", "count = -2");
    broken(&home, "count = 2", "count = 99999999999999");
    assert_says(
        &refused(&home, "compare --duration 2"),
        &["--duration", "unit"],
    );
    refused(&home, "compare \"--duration=-2 s\"");
    refused(&home, "compare --duration \"0 s\"");
    refused(&home, "compare --duration \"2 h\"");
    refused(&home, "compare --jobs 0");
    refused(&home, "compare --threads 0");
    refused(&home, "compare --threads two");
    refused(&home, "run --mode host --threads 0");
    refused(&home, "compare --seed -1");
}

#[test]
fn an_unknown_instance_type_is_refused() {
    let home = home();
    let said = broken(&home, "m5.large", "m5.lrage");
    assert_says(&said, &["m5.lrage", "m5.large"]);
}

#[test]
fn zero_replications_are_refused() {
    let home = home();
    assert_says(
        &refused(&home, "compare --replications 0"),
        &["--replications"],
    );
    let said = broken(
        &home,
        "duration = \"40 ms\"",
        "replications = 0\nduration = \"40 ms\"",
    );
    assert_says(&said, &["replications", "zero"]);
}

#[test]
fn an_output_folder_that_cannot_be_written_is_found_before_the_runs() {
    let home = home();
    home.file("file", "");
    // Far too long to finish here: it must be refused first.
    let long = "--replications 10000 --duration \"3600 s\"";
    assert_says(
        &refused(&home, &format!("compare {long} --out file")),
        &["file"],
    );
    assert_says(
        &refused(&home, &format!("compare {long} --out file/below")),
        &["file"],
    );
    refused(
        &home,
        "run --mode host --duration \"3600 s\" --pcap none/there.pcapng",
    );
    refused(&home, "run --mode host --duration \"3600 s\" --out file");
}

#[test]
fn modes_and_baseline_have_to_fit() {
    let home = home();
    assert_says(
        &refused(&home, "compare --modes bridge,hots"),
        &["hots", "host"],
    );
    let said = refused(&home, "compare --modes bridge --baseline host");
    assert_says(&said, &["baseline", "--modes"]);
    refused(&home, "compare --quiet --json");
    refused(&home, "compare good.toml --task-definition web.json");
}

#[test]
fn a_mode_that_refuses_the_scenario_cannot_run() {
    let home = home();
    let said = refused(&home, "run --task-definition web.json --mode none");
    assert_says(&said, &["none refused", "port"]);
}

#[test]
fn a_file_of_the_other_kind_is_known_for_what_it_is() {
    let home = home();
    let said = refused(&home, "compare web.json");
    assert_says(
        &said,
        &["web.json:1:1", "looks like JSON", "--task-definition"],
    );
    assert_eq!(said.matches("error").count(), 1, "{said}");
    let said = refused(&home, "compare --task-definition good.toml");
    assert_says(&said, &["it is TOML", "without --task-definition"]);
    let said = refused(&home, "reach --vpc web.json");
    assert_says(&said, &["it is no folder", "name the folder"]);
}

#[test]
fn density_looks_at_no_vpc() {
    let home = home();
    let said = refused(&home, "density --task-definition web.json --vpc .");
    assert_says(&said, &["not into a VPC", "leave --vpc out"]);
    let help = out(&home.run("density --help"));
    assert!(!help.contains("--vpc"), "{help}");
}

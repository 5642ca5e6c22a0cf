//! The same inputs and seed give the same bytes, whatever the threads and the order of the files.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Home, SHORT, without_performance};

fn task_definition(family: &str, port: u16) -> String {
    json!({
        "family": family,
        "containerDefinitions": [{
            "name": family, "image": family, "cpu": 256, "memory": 512, "essential": true,
            "portMappings": [{ "containerPort": port, "protocol": "tcp" }],
        }],
    })
    .to_string()
}

#[test]
fn threads_and_processes_have_no_influence() {
    let home = Home::new();
    let mut documents = Vec::new();
    for jobs in ["1", "2", "2"] {
        home.succeed(&format!(
            "compare {SHORT} --quiet --jobs {jobs} --out {jobs}"
        ));
        let folder = home.path().join(jobs);
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        let table = fs::read_to_string(folder.join("summary.csv")).unwrap();
        documents.push((without_performance(home.results(jobs)), page, table));
    }
    assert!(documents[0] == documents[1], "one thread against two");
    assert!(documents[1] == documents[2], "one process against another");
}

#[test]
fn the_order_of_the_files_has_no_influence() {
    let home = Home::new();
    home.file("a.json", &task_definition("alpha", 8080));
    home.file("b.json", &task_definition("beta", 9090));
    let mut documents = Vec::new();
    for files in [["a.json", "b.json"], ["b.json", "a.json"]] {
        let [first, second] = files;
        home.succeed(&format!(
            "compare {SHORT} --task-definition {first} --task-definition {second} --quiet"
        ));
        documents.push(without_performance(home.results("ecsnet-out")));
    }
    assert!(documents[0] == documents[1]);
    assert!(documents[0].contains("alpha") && documents[0].contains("beta"));
}

#[test]
fn an_idle_task_changes_nobody_elses_numbers() {
    let home = Home::new();
    home.file("web.json", &task_definition("web", 80));
    home.file("idle.json", &task_definition("idle", 81));
    let scenario = include_str!("idle.toml");
    home.file("without.toml", scenario);
    let idle = "\n[[service]]\nname = \"idle\"\ntask_definition = \"idle.json\"\n";
    home.file("with.toml", &format!("{scenario}{idle}"));
    let workloads = |file: &str| -> Vec<(String, Value)> {
        home.succeed(&format!("compare {file} {SHORT} --quiet"));
        let results = home.results("ecsnet-out");
        let modes = results["modes"].as_object().unwrap();
        assert_eq!(
            modes["host"]["deployable"], true,
            "{}",
            modes["host"]["reason"]
        );
        modes
            .iter()
            .map(|(name, mode)| (name.clone(), mode["workloads"].clone()))
            .collect()
    };
    let (without, with) = (workloads("without.toml"), workloads("with.toml"));
    for ((mode, without), (_, with)) in without.into_iter().zip(with) {
        // In bridge mode the idle task publishes a port, and its NAT rule costs every new connection
        // a few nanoseconds; nothing else differs.
        let costs = |workloads: &Value| match mode.as_str() {
            "bridge" => workloads["page"]["requests_per_s"].clone(),
            _ => workloads.clone(),
        };
        assert_eq!(costs(&without), costs(&with), "{mode}");
    }
}

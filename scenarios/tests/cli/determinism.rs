//! The same inputs and seed give the same bytes, whatever the threads and the order of the files.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Home, SHORT, err, out, without_performance};

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

/// Threads that share a run change what is said of threads, and nothing else.
#[test]
fn threads_that_share_a_run_have_no_influence() {
    let home = Home::new();
    let options = "--modes bridge,awsvpc --replications 1 --duration \"300 ms\" --quiet";
    let compare = |threads: usize| {
        home.succeed(&format!(
            "compare {options} --threads {threads} --out {threads}"
        ));
        let results = home.results(&threads.to_string());
        let used = results["performance"]["threads"].clone();
        (used, without_performance(results))
    };
    let run = |threads: usize| {
        let output = home.succeed(&format!(
            "run --mode bridge --duration \"300 ms\" --threads {threads} --out detail"
        ));
        let text = fs::read_to_string(home.path().join("detail/run.json")).unwrap();
        let mut detail: Value = serde_json::from_str(&text).unwrap();
        let used = detail.as_object_mut().unwrap().remove("threads").unwrap();
        (used, (detail, out(&output)))
    };
    let (alone, results) = compare(1);
    let (alone_in_run, detail) = run(1);
    for used in [&alone, &alone_in_run] {
        assert_eq!((&used["given"], &used["most"]), (&json!(1), &json!(1)));
        assert_eq!(used["shared_events"], 0);
    }
    for threads in [2, 3, 8] {
        let (used, same) = compare(threads);
        assert_eq!(used["given"], threads);
        assert_eq!(used["windows"], alone["windows"]);
        assert!(results == same, "compare --threads {threads}");
        let (used, same) = run(threads);
        assert_eq!(used["given"], threads);
        assert_eq!(used["windows"], alone_in_run["windows"]);
        assert!(detail == same, "run --threads {threads}");
    }
}

/// Many clients and servers on many instances.
const CROWD: &str = r#"
    [[capacity]]
    instance_type = "m5.large"
    count = 8
    [[service]]
    name = "client"
    task_definition = "web.json"
    count = 16
    [[service]]
    name = "server"
    task_definition = "web.json"
    count = 16
    [[workload]]
    name = "request"
    from = ["client/web"]
    to = "server/web:80"
    concurrency = 16
"#;

/// Threads are used where there is enough to share, and a note says where there is not.
#[test]
fn threads_are_used_where_it_pays() {
    let home = Home::new();
    home.file("web.json", &task_definition("web", 80));
    home.file("crowd.toml", CROWD);
    let alone = CROWD.replace("count = 16", "count = 1");
    home.file("alone.toml", &alone.replace("= 16", "= 1"));
    let run = |input: &str, threads: &str| {
        let time = if input == "alone.toml" {
            "300 ms"
        } else {
            "10 ms"
        };
        let output = home.succeed(&format!(
            "run {input} --mode bridge --warmup \"0 s\" --duration \"{time}\" {threads} --out detail"
        ));
        let text = fs::read_to_string(home.path().join("detail/run.json")).unwrap();
        let mut detail: Value = serde_json::from_str(&text).unwrap();
        let used = detail.as_object_mut().unwrap().remove("threads").unwrap();
        (used, err(&output), detail)
    };
    let (used, said, shared) = run("crowd.toml", "--threads 2");
    assert_eq!(
        (&used["most"], used.get("note")),
        (&json!(2), None),
        "{used}"
    );
    assert!(!said.contains("note:"), "{said}");
    let (used, said, _) = run("alone.toml", "--threads 2");
    let note = used["note"].as_str().unwrap();
    assert!(
        said.contains(&format!("note: --threads 2: {note}")),
        "{said}"
    );
    // Nobody asked for threads: no word about them.
    let (_, said, _) = run("alone.toml", "");
    assert!(!said.contains("note:"), "{said}");
    let (used, _, alone) = run("crowd.toml", "--threads 1");
    assert_eq!(used["most"], 1);
    assert_eq!(shared, alone);
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

//! Every option changes the outcome.

use serde_json::Value;

use crate::support::{Home, SHORT, err, out, without_performance};

fn compare(home: &Home, options: &str) -> Value {
    home.succeed(&format!("compare {SHORT} {options} --quiet"));
    home.results("ecsnet-out")
}

fn mode_names(results: &Value) -> Vec<&str> {
    results["modes"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_seed_of_the_command_line_counts_before_that_of_the_scenario_for_placement_too() {
    let home = Home::new();
    home.file("web.json", include_str!("../../examples/web.json"));
    let scenario = |seed: u32| {
        format!(
            "[[capacity]]\ninstance_type = \"m5.large\"\ncount = 4\n\
             [[client]]\nname = \"user\"\n\
             [[service]]\nname = \"web\"\ntask_definition = \"web.json\"\ncount = 6\n\
             placement = [{{ type = \"random\" }}]\n\
             [[workload]]\nname = \"page\"\nto = \"web/app:8080\"\n[measure]\nseed = {seed}\n"
        )
    };
    home.file("one.toml", &scenario(1));
    home.file("two.toml", &scenario(2));
    let placed = |input: &str| {
        let results = compare(&home, &format!("{input} --modes bridge"));
        results["modes"]["bridge"]["placement"].clone()
    };
    let (one, two) = (placed("one.toml"), placed("two.toml"));
    assert_ne!(one, two);
    assert_eq!(placed("one.toml --seed 2"), two);
    assert_eq!(placed("two.toml --seed 1"), one);
}

#[test]
fn the_built_in_scenario_compares_five_modes() {
    let home = Home::new();
    let output = home.succeed(&format!("compare {SHORT}"));
    let results = home.results("ecsnet-out");
    assert_eq!(
        mode_names(&results),
        ["none", "bridge", "host", "awsvpc", "fargate"]
    );
    assert_eq!(results["baseline"], "host");
    assert_eq!(results["provenance"]["seed"], "1");
    for (name, mode) in results["modes"].as_object().unwrap() {
        assert_eq!(mode["deployable"], true, "{name}: {}", mode["reason"]);
        let wanted = if name == "none" {
            "isolated"
        } else {
            "measured"
        };
        for (workload, result) in mode["workloads"].as_object().unwrap() {
            assert_eq!(result["outcome"], wanted, "{name}, {workload}: {result}");
        }
    }
    let said = out(&output);
    for word in ["none", "bridge", "host", "awsvpc", "fargate", "report.html"] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!said.contains('\u{1b}'), "colours only on a terminal");
    assert!(
        err(&output).contains("without optimisation"),
        "{}",
        err(&output)
    );
}

#[test]
fn modes_and_baseline() {
    let home = Home::new();
    let results = compare(&home, "--modes awsvpc,bridge");
    assert_eq!(mode_names(&results), ["bridge", "awsvpc"]);
    assert_eq!(results["baseline"], "awsvpc");
    let results = compare(&home, "--modes awsvpc,bridge --baseline bridge");
    assert_eq!(results["baseline"], "bridge");
}

#[test]
fn replications_seed_duration_and_warmup() {
    let home = Home::new();
    let modes = "--modes host,awsvpc";
    let of = |options: &str| compare(&home, &format!("{modes} {options}"));
    let base = of("");
    let digests = |results: &Value| results["modes"]["host"]["replication_digests"].clone();
    assert_eq!(digests(&base).as_array().unwrap().len(), 2);
    assert_eq!(base["provenance"]["warmup_ns"], 10_000_000);
    let other_seed = of("--seed 2");
    assert_ne!(digests(&base), digests(&other_seed));
    assert_eq!(other_seed["provenance"]["seed"], "2");

    let run = |arguments: &str| {
        home.succeed(&format!("compare {modes} --quiet {arguments}"));
        home.results("ecsnet-out")
    };
    let one = run(r#"--replications 1 --duration "40 ms" --warmup "10 ms""#);
    // Fewer replications are the first of more.
    assert_eq!(digests(&one)[0], digests(&base)[0]);
    assert_eq!(digests(&one).as_array().unwrap().len(), 1);
    let longer = run(r#"--replications 1 --duration "50 ms" --warmup "10 ms""#);
    assert_ne!(digests(&one), digests(&longer));
    assert_eq!(longer["provenance"]["duration_ns"], 50_000_000);
    let colder = run(r#"--replications 1 --duration "40 ms" --warmup "5 ms""#);
    assert_ne!(digests(&one), digests(&colder));
}

#[test]
fn out_quiet_and_json() {
    let home = Home::new();
    let quiet = home.succeed(&format!("compare {SHORT} --modes host --quiet --out a/b"));
    assert_eq!((out(&quiet).as_str(), err(&quiet).as_str()), ("", ""));
    let written: Vec<_> = ["report.html", "results.json", "summary.csv"]
        .map(|name| home.path().join("a/b").join(name).exists())
        .into();
    assert_eq!(written, [true; 3]);
    assert!(!home.path().join("ecsnet-out").exists());
    let json = home.succeed(&format!("compare {SHORT} --modes host --json"));
    let printed: Value = serde_json::from_str(&out(&json)).unwrap();
    let file = home.results("ecsnet-out");
    assert_eq!(without_performance(printed), without_performance(file));
}

#[test]
fn run_shows_hops_and_writes_detail() {
    let home = Home::new();
    let short = r#"--duration "20 ms" --warmup "5 ms""#;
    let bridge = out(&home.succeed(&format!("run --mode bridge {short}")));
    let host = out(&home.succeed(&format!("run --mode host {short}")));
    assert_ne!(bridge, host);
    assert!(
        bridge.contains("bridge") && bridge.contains("netfilter"),
        "{bridge}"
    );
    assert!(
        home.listing().is_empty(),
        "nothing is written unless asked for"
    );
    let second = out(&home.succeed(&format!("run --mode host --replication 1 {short}")));
    assert_ne!(host, second);
    let seed = out(&home.succeed(&format!("run --mode host --seed 2 {short}")));
    assert_ne!(host, seed);
    home.succeed(&format!("run --mode host {short} --out detail"));
    let text = std::fs::read_to_string(home.path().join("detail/run.json")).unwrap();
    let detail: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(detail["mode"], "host");
    assert!(detail["replication"]["workloads"].is_object());
}

#[test]
fn run_captures_packets_where_asked() {
    let home = Home::new();
    let short = r#"--duration "5 ms" --warmup "1 ms""#;
    home.succeed(&format!("run --mode bridge {short} --pcap all.pcapng"));
    let all = std::fs::read(home.path().join("all.pcapng")).unwrap();
    assert_eq!(all[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    home.succeed(&format!(
        "run --mode bridge {short} --pcap some.pcapng --capture client"
    ));
    let some = std::fs::read(home.path().join("some.pcapng")).unwrap();
    assert!(
        some.len() > 200 && some.len() < all.len(),
        "{} of {}",
        some.len(),
        all.len()
    );
    let refused = home.run(&format!("run --mode bridge {short} --capture client"));
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn schema_prints_what_it_is_asked_for() {
    let printed = out(&Home::new().succeed("schema results"));
    let schema: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(schema["title"], "ecsnet.results/1");
    let scenario = out(&Home::new().succeed("schema scenario"));
    assert!(scenario.contains("instance_type") && scenario != printed);
}

#[test]
fn help_and_version_succeed() {
    let home = Home::new();
    assert!(out(&home.succeed("--help")).contains("compare"));
    assert!(out(&home.succeed("--version")).starts_with("ecsnet "));
    assert_eq!(home.run("").status.code(), Some(2));
    assert_eq!(home.run("compare --no-such-option").status.code(), Some(2));
}

#[test]
fn modes_are_named_by_either_spelling() {
    let home = Home::new();
    for option in ["--mode", "--modes"] {
        let results = compare(&home, &format!("{option} host"));
        assert_eq!(mode_names(&results), ["host"]);
    }
    for command in ["reach --simulate none", "density --csv"] {
        let said = |option: &str| out(&home.succeed(&format!("{command} {option}")));
        assert_eq!(said("--mode host"), said("--modes host"));
        assert_ne!(said("--mode host"), said(""));
    }
}

#[test]
fn without_a_command_the_help_says_what_it_is_for() {
    let output = Home::new().run("");
    assert_eq!(output.status.code(), Some(2));
    let said = err(&output);
    assert!(
        said.contains("Compares the network modes of Amazon ECS"),
        "{said}"
    );
}

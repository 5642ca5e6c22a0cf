//! Assertions and neighbours: what a scenario says of its own results.

use serde_json::Value;

use crate::support::{Home, err, out};

fn definition(name: &str, port: u16) -> String {
    format!(
        r#"{{ "family": "{name}", "cpu": "256", "memory": "512", "containerDefinitions": [
        {{ "name": "{name}", "image": "{name}", "portMappings": [ {{ "containerPort": {port} }} ] }} ] }}"#
    )
}

/// Two services on one small instance, and a client; jitter would hide what a neighbour does.
const SCENARIO: &str = r#"
name = "two services"
[vpc.jitter]
enabled = false
[[capacity]]
name = "instance"
instance_type = "t2.small"
[[service]]
name = "web"
task_definition = "web.json"
[[service]]
name = "api"
task_definition = "api.json"
[[client]]
name = "client"
[[workload]]
name = "page"
to = "web:8080"
rate = "1000/s"
[measure]
warmup = "20 ms"
duration = "300 ms"
replications = 4
"#;

fn home(more: &str) -> Home {
    let home = Home::new();
    home.file("web.json", &definition("web", 8080));
    home.file("api.json", &definition("api", 9090));
    home.file("s.toml", &format!("{SCENARIO}{more}"));
    home
}

fn check(that: &str) -> String {
    format!("[[check]]\nname = \"the check\"\nthat = '{that}'\n")
}

#[test]
fn a_check_that_holds_changes_nothing() {
    let home = home(&check(r#"p50("page") < "1 s" and errors("page") == "0 %""#));
    let output = home.succeed("compare s.toml --modes bridge,host --check");
    let said = out(&output);
    assert!(said.contains("checks: 2 of 2 hold"), "{said}");
    assert!(said.contains("pass  bridge  the check"), "{said}");
    let results = home.results("ecsnet-out");
    let checks = results["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 2);
    assert_eq!(
        (&checks[1]["mode"], &checks[1]["passed"]),
        (&"host".into(), &true.into())
    );
    assert_eq!(checks[1]["observed"][0]["what"], "p50(\"page\")");
    let page = std::fs::read_to_string(home.path().join("ecsnet-out/report.html")).unwrap();
    assert!(page.contains("id=\"checks\""));
}

#[test]
fn name_modes_and_reason_of_a_check_are_in_the_results() {
    let home = home(
        "[[check]]\nthat = 'deployable(\"host\")'\n\
         [[check]]\nname = \"n\"\nthat = 'isolated(\"page\")'\nmodes = [\"host\"]\nbecause = \"why\"\n",
    );
    let output = home.run("compare s.toml --modes bridge,host --check --json");
    assert_eq!(output.status.code(), Some(1));
    let results: Value = serde_json::from_str(&out(&output)).unwrap();
    let checks = results["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 2, "the second is about one mode: {checks:?}");
    assert_eq!(checks[0]["name"], checks[0]["that"]);
    assert_eq!(
        (&checks[1]["name"], &checks[1]["because"]),
        (&"n".into(), &"why".into())
    );
    assert!(err(&output).contains("(why)"), "{}", err(&output));
}

#[test]
fn a_scenario_without_checks_is_told_that_nothing_was_checked() {
    let home = home("");
    let output = home.succeed("compare s.toml --modes host --check");
    assert!(err(&output).contains("no [[check]]"), "{}", err(&output));
}

#[test]
fn a_check_that_does_not_hold_changes_the_exit_status_if_asked() {
    let home = home(&check(r#"p50("page") < "1 us""#));
    let indifferent = home.succeed("compare s.toml --modes host");
    assert!(
        out(&indifferent).contains("FAIL  host"),
        "{}",
        out(&indifferent)
    );
    let output = home.run("compare s.toml --modes host --check");
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let said = out(&output);
    assert!(
        said.contains("p50(\"page\") =") && said.contains(" µs ["),
        "what was found: {said}"
    );
    assert!(err(&output).contains("1 of 1 checks do not hold"));
    assert!(
        home.path().join("ecsnet-out/results.json").exists(),
        "results are written all the same"
    );
    let quiet = home.run("compare s.toml --modes host --check --quiet");
    assert_eq!((quiet.status.code(), out(&quiet).as_str()), (Some(1), ""));
    assert!(
        err(&quiet).contains("host: the check: p50(\"page\") < \"1 us\""),
        "{}",
        err(&quiet)
    );
}

#[test]
fn what_was_not_measured_does_not_hold() {
    let home = home(&check(r#"p50("page", "awsvpc") < "1 s""#));
    let output = home.run("compare s.toml --modes host --check");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out(&output).contains("add it to --modes"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_mistake_in_a_check_is_told_at_line_and_column() {
    let home = home(&check(r#"p50("pages") < "1 s""#));
    let output = home.run("compare s.toml --check");
    assert_eq!(output.status.code(), Some(2));
    let line = SCENARIO.lines().count() + 3;
    let said = err(&output);
    assert!(said.contains(&format!("s.toml:{line}:13")), "{said}");
    assert!(said.contains("did you mean \"page\"?"), "{said}");
    for (more, words) in [
        ("[[check]]\nname = \"x\"\n", "has no `that`"),
        (
            "[[check]]\nthat = 'deployable(\"host\")'\nmodes = [\"host\"]\n",
            "says nothing",
        ),
        ("[[check]]\nthat = 'p50(\"page\") < 3'\n", "with a unit"),
        (
            "[[check]]\nthat = 'reaches(\"tmds\", \"web:8080\")'\n",
            "asks nobody",
        ),
        (
            "[[neighbour]]\nname = \"page\"\nto = \"api:9090\"\n",
            "two workloads are named",
        ),
        (
            "[[neighbour]]\nname = \"n\"\nto = \"api:9090\"\nvictims = [\"pge\"]\n",
            "did you mean",
        ),
        (
            "[[neighbour]]\nname = \"n\"\nto = \"api:9090\"\nvictims = []\n",
            "nobody to disturb",
        ),
    ] {
        home.file("bad.toml", &format!("{SCENARIO}{more}"));
        let output = home.run("check bad.toml");
        let said = format!("{}{}", out(&output), err(&output));
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

const NEIGHBOUR: &str = r#"
[[neighbour]]
name = "storm"
from = ["client"]
to = "api:9090"
rate = "800/s"
service_time = "1 ms"
victims = ["page"]
"#;

#[test]
fn a_neighbour_is_felt_on_a_shared_instance_and_not_on_fargate() {
    let home = home(&format!(
        "{NEIGHBOUR}{}",
        check(
            r#"interference("page", "bridge") > 1.5 and interference("page", "host") > 1.5
               and interference("page", "fargate") < 1.05"#
        )
        .replace('\'', "'''")
    ));
    home.succeed("compare s.toml --check --quiet");
    let results = home.results("ecsnet-out");
    let of = |mode: &str| results["modes"][mode]["isolation"]["interference"].clone();
    for mode in ["bridge", "host", "awsvpc"] {
        let p99 = &of(mode)["victims"]["page"]["metrics"]["latency_ns.p99"];
        assert_eq!(p99["difference"]["direction"], "worse", "{mode}: {p99}");
        assert!(p99["with"]["estimate"].as_f64() > p99["without"]["estimate"].as_f64());
        assert_eq!(of(mode)["neighbours"]["storm"]["outcome"], "measured");
    }
    let p99 = &of("fargate")["victims"]["page"]["metrics"]["latency_ns.p99"];
    assert_eq!(p99["difference"]["direction"], "none", "{p99}");
    let csv = std::fs::read_to_string(home.path().join("ecsnet-out/summary.csv")).unwrap();
    assert!(
        csv.contains("bridge,page,with_neighbours.latency_ns.p99,ns,measured"),
        "{csv}"
    );
    // The runs without neighbours are those of a scenario without any.
    home.file("s.toml", SCENARIO);
    home.succeed("compare s.toml --quiet");
    let alone = home.results("ecsnet-out");
    let digest = |results: &Value| results["modes"]["bridge"]["digest"].clone();
    assert_eq!(digest(&alone), digest(&results));
    assert!(alone["modes"]["bridge"]["isolation"]["interference"].is_null());
    let refused = home.run("run s.toml --mode host --neighbours");
    assert_eq!(refused.status.code(), Some(2), "there are none");
}

#[test]
fn run_shows_the_world_with_neighbours() {
    let home = home(NEIGHBOUR);
    let short = r#"--duration "20 ms" --warmup "5 ms""#;
    let alone = out(&home.succeed(&format!("run s.toml --mode host {short}")));
    let crowded = out(&home.succeed(&format!("run s.toml --mode host --neighbours {short}")));
    assert!(
        !alone.contains("storm") && crowded.contains("storm: "),
        "{crowded}"
    );
}

#[test]
fn each_mode_says_who_reaches_whom() {
    let home = home("");
    home.succeed("compare s.toml --quiet");
    let results = home.results("ecsnet-out");
    let isolation = |mode: &str| results["modes"][mode]["isolation"].clone();
    let cell = |mode: &str, from: &str, to: &str| {
        let matrix = isolation(mode)["matrix"].clone();
        let is_it = |cell: &&Value| cell["from"] == from && cell["to"] == to;
        matrix
            .as_array()
            .unwrap()
            .iter()
            .find(is_it)
            .cloned()
            .unwrap()
    };
    for mode in ["bridge", "host", "awsvpc", "fargate"] {
        assert_eq!(cell(mode, "client", "web")["reached"], 1, "{mode}");
        assert_eq!(cell(mode, "web", "api")["reached"], 1, "{mode}");
    }
    assert_eq!(cell("none", "client", "web")["reached"], 0);
    let radius = |mode: &str| isolation(mode)["blast_radius"]["web"].clone();
    assert_eq!(radius("bridge")["neighbours"][0], "api:9090");
    assert_eq!(radius("host")["neighbours"][0], "api:9090");
    assert!(
        radius("awsvpc")["neighbours"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(radius("awsvpc")["tasks"][0], "api:9090");
    assert_eq!(radius("bridge")["credentials"][0], "imds:80");
    assert!(
        radius("fargate")["credentials"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    for kind in ["neighbours", "tasks", "credentials", "vpc", "outside"] {
        assert!(
            radius("none")[kind].as_array().unwrap().is_empty(),
            "{kind}"
        );
    }
    let hidden = isolation("fargate")["hidden"].clone();
    assert!(hidden.to_string().contains("imds:80"), "{hidden}");
    let pairs = &isolation("host")["pairs"];
    assert!(pairs["reached"].as_u64() < pairs["all"].as_u64());
    // Every pair that has an address is found a second time, by packets.
    for mode in ["bridge", "host", "awsvpc", "fargate"] {
        let pairs = &isolation(mode)["pairs"];
        assert_eq!(pairs["simulated"], pairs["all"], "{mode}: {pairs}");
        assert_eq!(pairs["disagreements"], 0, "{mode}");
    }
    let none = &isolation("none")["pairs"];
    assert!(none["simulated"].as_u64() > Some(0), "{none}");
    assert!(none["simulated"].as_u64() < none["all"].as_u64(), "{none}");
}

#[test]
fn names_are_those_of_reach() {
    let names = check(
        r#"reaches("web/0/web", "api/0/api:9090", "bridge") and reaches("web/web", "api/api:9090", "host") and reaches("instance", "dns:53/udp", "bridge") and reaches("web", "tmds:80", "bridge")"#,
    );
    // No workload asks for that port: it is listened on all the same, and has no address.
    let unnamed = |that: &str| check(that).replace("name = \"the check\"\n", "");
    let none = unnamed(r#"not reaches("client", "api:9090", "none")"#);
    let client = unnamed(r#"not reaches("client", "tmds:80", "bridge")"#);
    let home = home(&format!("{names}{none}{client}"));
    home.succeed("compare s.toml --check --quiet --modes none,bridge,host");
    let checks = home.results("ecsnet-out")["checks"].clone();
    let seen = |check: usize| checks[check]["observed"][0]["value"].clone();
    assert_eq!(seen(1), "no (no_address)");
    assert_eq!(seen(2), "no (fabric_no_route)");
}

#[test]
fn ports_that_collide_are_named_before_anything_is_placed() {
    let home = home("");
    let text = SCENARIO
        .replace("name = \"web\"\n", "name = \"web\"\ncount = 2\n")
        .replace("t2.small", "m5.xlarge");
    home.file("s.toml", &text);
    home.succeed("compare s.toml --modes host,awsvpc --quiet --baseline awsvpc");
    let results = home.results("ecsnet-out");
    let host = &results["modes"]["host"];
    assert_eq!(host["deployable"], false);
    let conflict = &host["isolation"]["port_conflicts"][0];
    assert_eq!(
        (&conflict["port"], &conflict["tasks"]),
        (&8080.into(), &2.into())
    );
    assert_eq!(conflict["claimants"][0], "web");
    let awsvpc = &results["modes"]["awsvpc"]["isolation"]["port_conflicts"];
    assert!(awsvpc.as_array().unwrap().is_empty());
}

use std::collections::BTreeMap;

use indexmap::IndexMap;
use proptest::prelude::*;
use reports::{
    DensityRecord, Experiment, FrameCounts, ModeRecord, NeighbourRecord, PartyKind, PartyRecord,
    PlacementRecord, PortConflict, PortRecord, Provenance, ReachRecord, Reason, Replication,
    TaskRecord, Via, WorkloadOutcome, WorkloadRun,
};
use sim_core::{Histogram, SimDuration};

use super::value::{Value, calculate};
use super::*;

fn known() -> Known<'static> {
    let service = |name, count| KnownService {
        name,
        count,
        containers: vec!["app"],
    };
    Known {
        workloads: vec!["page", "backup"],
        victims: vec!["page"],
        services: vec![service("web", 2), service("db", 1)],
        clients: vec!["client"],
        capacity: vec![("instance", 2)],
        internet: false,
    }
}

fn read(that: &str) -> Check {
    Check::read(that, &known()).unwrap_or_else(|errors| panic!("{that}: {errors:?}"))
}

/// What is said of an expression that is refused, with the place below it.
fn refused(that: &str) -> String {
    let errors = match Check::read(that, &known()) {
        Ok(_) => panic!("accepted: {that}"),
        Err(errors) => errors,
    };
    let mut text = format!("{that}\n");
    for error in errors {
        let marks = "^".repeat(error.span.len().max(1));
        let Problem {
            code,
            message,
            help,
        } = error.problem;
        text.push_str(&format!("{}{marks}\n", " ".repeat(error.span.start)));
        text.push_str(&format!(
            "  {code}: {message}\n  help: {}\n",
            help.unwrap_or_default()
        ));
    }
    text
}

#[test]
fn every_mistake_of_form_is_told_at_its_place() {
    let mistakes = [
        "",
        "p99(\"page\") < \"2 ms",
        "p99(\"page\") < 2ms",
        "p99(\"page\") = 1",
        "deployable(\"host\") && deployable(\"bridge\")",
        "p99(\"page\") - p50(\"page\") < \"1 ms\"",
        "p99(\"page\") <",
        "not",
        "p99 < \"2 ms\"",
        "p99(\"page\" < \"2 ms\"",
        "(deployable(\"host\")",
        "deployable(\"host\"))",
        "deployable(\"host\") deployable(\"bridge\")",
        "1 < density(\"host\") < 3",
        "density(\"host\") < and 3",
    ];
    let said: Vec<_> = mistakes.into_iter().map(refused).collect();
    insta::assert_snapshot!(said.join("\n"));
    let deep = format!("{}deployable(\"host\"){}", "(".repeat(65), ")".repeat(65));
    assert!(refused(&deep).contains("too-deep"));
    let long = vec!["deployable(\"host\")"; 300].join(" and ");
    assert!(refused(&long).contains("too-long"));
}

#[test]
fn every_mistake_of_meaning_is_told_at_its_place() {
    let mistakes = [
        "p98(\"page\") < \"2 ms\"",
        "latencies(\"page\") < \"2 ms\"",
        "p99() < \"2 ms\"",
        "p99(\"page\", \"host\", \"bridge\") < \"2 ms\"",
        "p99(page(\"x\")) < \"2 ms\"",
        "p99(\"pages\") < \"2 ms\"",
        "p99(\"page\", \"hots\") < \"2 ms\"",
        "p99(\"page\") < \"2 parsecs\"",
        "p99(\"page\") < \"5 Gbit/s\"",
        "p99(\"page\") < 2",
        "p99(\"page\") > throughput(\"page\")",
        "p99(\"page\") * p99(\"page\") > \"1 ms\"",
        "p99(\"page\") * \"2\" > \"1 ms\"",
        "p99(\"page\") == \"2 ms\"",
        "p99(\"page\", \"host\") != p99(\"page\", \"bridge\")",
        "p99(\"page\")",
        "deployable(\"host\") > 1",
        "same(p99(\"page\"))",
        "same(placed(\"web/0\"), \"instance/0\")",
        "placed(\"web/0\") < \"instance/0\"",
        "\"2 ms\" < \"3 ms\"",
        "1 < 2",
        "2 * 2 == 8 / 2",
        "errors(\"page\") < \"200 %\"",
        "interference(\"backup\") < 2",
        "interference(\"nobody\") < 2",
        "reaches(\"wed\", \"db:5432\")",
        "reaches(\"web\", \"db\")",
        "reaches(\"web\", \"dbb:5432\")",
        "placed(\"web\") == \"instance/0\"",
        "placed(\"web/7\") == \"instance/0\"",
        "drops(\"security_group_ingres\") > 0",
        "host_port(\"web/0\", \"8080\") > 1",
        "host_port(\"web/0\", 80.5) > 1",
        "p99(\"pag\") < \"2 ms\" and p99(\"page\", \"hots\") < \"2 kg\"",
    ];
    let said: Vec<_> = mistakes.into_iter().map(refused).collect();
    insta::assert_snapshot!(said.join("\n"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(that in "\\PC{0,80}") {
        let _ = Check::read(&that, &known());
    }

    #[test]
    fn no_pieces_of_expressions_do(pieces in proptest::collection::vec(
        prop::sample::select(vec![
            "p99", "same", "reaches", "host_port", "errors", "(", ")", ",", "\"page\"", "\"host\"", "\"web/0\"",
            "\"db:1\"", "\"1 ms\"", "<", "==", "*", "/", "and", "or", "not", "1.5", "8080", "é",
        ]), 0..24))
    {
        let that = pieces.join(" ");
        if let Err(errors) = Check::read(&that, &known()) {
            for error in errors {
                prop_assert!(error.problem.help.is_some(), "{that}: {error:?}");
                prop_assert!(that.get(error.span.clone()).is_some(), "{that}: {error:?}");
            }
        }
    }
}

/// A run whose latencies lie within 2 % of `us`.
fn run(us: u64, failed: u64) -> WorkloadRun {
    let mut latency = Histogram::new();
    for permille in 0..20 {
        latency.record_n(SimDuration::from_ns(us * (980 + permille * 2)), 50);
    }
    let failures = (failed > 0).then(|| ("timeout".to_owned(), failed));
    WorkloadRun {
        outcome: WorkloadOutcome::Measured,
        latency,
        requests_ok: 2000,
        errors: failures.into_iter().collect(),
        bytes: us * 1_000_000,
        measured: SimDuration::from_secs(1),
        hops: Vec::new(),
        series: Vec::new(),
        warmup_cut: SimDuration::ZERO,
        source_seen: Some("10.0.0.9".to_owned()),
    }
}

fn replications(us: u64, failed: u64) -> Vec<Replication> {
    let one = |index: u32| Replication {
        index,
        // What the replications have in common is far more than what they differ in.
        workloads: IndexMap::from([("page".to_owned(), run(us + u64::from(index) * 20, failed))]),
        drops: BTreeMap::from([("security_group_ingress".to_owned(), 3)]),
        frames: FrameCounts::default(),
        digest: 1,
        events: 1,
    };
    (0..5).map(one).collect()
}

fn party(name: &str, kind: PartyKind) -> PartyRecord {
    let group = name.rsplit_once('/').map_or(name, |(group, _)| group);
    PartyRecord {
        name: name.to_owned(),
        group: group.to_owned(),
        kind,
    }
}

/// The words for tasks of one container.
fn words() -> BTreeMap<String, Vec<String>> {
    let of = |(service, task): (&str, &str)| {
        let words = [
            service,
            &format!("{service}/app"),
            task,
            &format!("{task}/app"),
        ];
        (task.to_owned(), words.map(str::to_owned).to_vec())
    };
    let tasks = [("web", "web/0"), ("web", "web/1"), ("db", "db/0")];
    tasks.map(of).into()
}

fn attempt(from: &str, to: &str, code: &str) -> ReachRecord {
    let kind = |name: &str| match name {
        "client" => PartyKind::Vpc,
        _ => PartyKind::Container,
    };
    ReachRecord {
        from: party(from, kind(from)),
        to: party(to, kind(to)),
        port: 5432,
        protocol: "tcp".to_owned(),
        via: Via::Own,
        address: "10.0.0.7:5432".to_owned(),
        code: code.to_owned(),
        leg: "forward".to_owned(),
        reached: code == "reached",
        agrees: None,
    }
}

fn mode(us: u64, failed: u64) -> ModeRecord {
    ModeRecord {
        deployable: true,
        placement: vec![PlacementRecord {
            task: "web/0".to_owned(),
            host: "instance/0".to_owned(),
            address: "10.0.0.4:80".to_owned(),
            detail: String::new(),
        }],
        density: Some(DensityRecord {
            tasks_per_instance: Some(4),
            binding_limit: "ENI".to_owned(),
            detail: String::new(),
        }),
        replications: replications(us, failed),
        crowded: replications(us * 2, failed),
        words: words(),
        reach: vec![
            attempt("web/0", "db/0", "reached"),
            attempt("web/1", "db/0", "reached"),
            attempt("client", "db/0", "security_group_ingress"),
            attempt("db/0", "web/0", "reached"),
            attempt("db/0", "web/1", "refused"),
            attempt("client", "web/0", "undetermined"),
        ],
        port_conflicts: vec![PortConflict {
            port: 80,
            protocol: "tcp".to_owned(),
            claimants: vec!["web".to_owned()],
            tasks: 2,
            instances: 1,
        }],
        addresses: BTreeMap::from([("client".to_owned(), "10.0.0.9".to_owned())]),
        tasks: BTreeMap::from([(
            "web/0".to_owned(),
            TaskRecord {
                mode: "bridge".to_owned(),
                ports: vec![PortRecord {
                    container_port: 8080,
                    host_port: 32768,
                    protocol: "tcp".to_owned(),
                }],
            },
        )]),
        ..ModeRecord::default()
    }
}

fn experiment() -> Experiment {
    let refused = ModeRecord {
        reason: Some(Reason {
            code: "RESOURCE:PORTS".to_owned(),
            message: "taken".to_owned(),
            place: None,
        }),
        ..ModeRecord::default()
    };
    Experiment {
        provenance: Provenance::default(),
        baseline: "host".to_owned(),
        neighbours: vec![NeighbourRecord {
            name: "noise".to_owned(),
            victims: vec!["page".to_owned()],
        }],
        modes: IndexMap::from([
            ("host".to_owned(), mode(1000, 0)),
            ("bridge".to_owned(), mode(1100, 4)),
            ("awsvpc".to_owned(), refused),
        ]),
    }
}

fn outcomes(that: &str) -> Vec<reports::results::CheckResult> {
    let experiment = experiment();
    let results = reports::compare(&experiment);
    evaluate(&[read(that)], &experiment, &results)
}

/// In host mode.
fn outcome(that: &str) -> reports::results::CheckResult {
    let all = outcomes(that);
    let found = all
        .into_iter()
        .find(|o| o.mode.as_deref().is_none_or(|mode| mode == "host"));
    found.unwrap_or_else(|| panic!("{that} was not evaluated"))
}

fn holds(that: &str) {
    let outcome = outcome(that);
    assert!(outcome.passed, "{outcome:?}");
}

/// Both the claim and its contrary are judged, and differently.
fn decided(true_claim: &str, false_claim: &str) {
    holds(true_claim);
    let outcome = outcome(false_claim);
    assert!(!outcome.passed && outcome.reason.is_none(), "{outcome:?}");
    holds(&format!("not ({false_claim})"));
}

#[test]
fn each_function_has_a_claim_that_holds_and_one_that_does_not() {
    for quantile in ["p50", "p90", "p99", "mean"] {
        decided(
            &format!("{quantile}(\"page\") < \"2 ms\""),
            &format!("{quantile}(\"page\") < \"500 us\""),
        );
    }
    decided(
        "throughput(\"page\") > \"1 Gbit/s\"",
        "throughput(\"page\") > \"90 Gbit/s\"",
    );
    decided("rate(\"page\") > \"1999/s\"", "rate(\"page\") > \"2001/s\"");
    decided(
        "errors(\"page\") == \"0 %\"",
        "errors(\"page\", \"bridge\") == \"0 %\"",
    );
    decided("interference(\"page\") > 1.5", "interference(\"page\") > 3");
    decided("deployable(\"host\")", "deployable(\"awsvpc\")");
    decided("refused(\"awsvpc\")", "refused(\"host\")");
    decided(
        "refused(\"awsvpc\", \"RESOURCE:PORTS\")",
        "refused(\"awsvpc\", \"RESOURCE:ENI\")",
    );
    decided("not isolated(\"page\")", "isolated(\"page\")");
    decided(
        "reaches(\"web\", \"db:5432\")",
        "reaches(\"client\", \"db:5432\")",
    );
    decided(
        "reaches(\"db\", \"web/0:5432\")",
        "reaches(\"db/0\", \"web/1:5432\")",
    );
    decided("density(\"host\") == 4", "density(\"host\") >= 5");
    decided(
        "density_limit(\"host\") == \"ENI\"",
        "density_limit(\"host\") == \"CPU\"",
    );
    decided(
        "source_seen(\"page\") == address_of(\"client\")",
        "source_seen(\"page\") == \"10.0.0.4\"",
    );
    decided(
        "placed(\"web/0\") == \"instance/0\"",
        "placed(\"web/0\") != \"instance/0\"",
    );
    decided(
        "placed_mode(\"web/0\") == \"bridge\"",
        "placed_mode(\"web/0\") == \"host\"",
    );
    decided(
        "host_port(\"web/0\", 8080) >= 32768",
        "host_port(\"web/0\", 8080) < 32768",
    );
    decided(
        "drops(\"security_group_ingress\") == 15",
        "drops(\"rx_ring_full\") > 0",
    );
    decided(
        "exposed(\"host\", \"db\") == 1",
        "exposed(\"host\", \"db\") > 1",
    );
    decided("blast_radius(\"db\") == 1", "blast_radius(\"web\") == 1");
    decided(
        "port_conflicts(\"host\") == 1",
        "port_conflicts(\"awsvpc\") > 0",
    );
}

#[test]
fn modes_are_compared_in_pairs() {
    // The replications differ by 8 %, far more than modes need to differ: pairs see it.
    decided(
        "p99(\"page\", \"bridge\") > p99(\"page\", \"host\")",
        "p99(\"page\", \"bridge\") < p99(\"page\", \"host\")",
    );
    decided(
        "p99(\"page\", \"bridge\") / p99(\"page\", \"host\") > 1.08",
        "p99(\"page\", \"bridge\") / p99(\"page\", \"host\") > 1.12",
    );
    decided(
        "p99(\"page\", \"bridge\") < 2 * p99(\"page\", \"host\")",
        "p99(\"page\", \"bridge\") / 2 > p99(\"page\", \"host\")",
    );
    decided(
        "same(p50(\"page\", \"host\"), p50(\"page\", \"host\") * 1.005)",
        "same(p50(\"page\", \"bridge\"), p50(\"page\", \"host\"))",
    );
    let ratio = outcome("p99(\"page\", \"bridge\") / p99(\"page\", \"host\") > 1.08");
    assert_eq!(ratio.observed.len(), 1);
    assert!(ratio.observed[0].value.starts_with("1.09"), "{ratio:?}");
}

#[test]
fn what_is_not_known_does_not_hold_either_way() {
    let open = |that: &str, why: &str| {
        for that in [that.to_owned(), format!("not ({that})")] {
            let outcome = outcome(&that);
            let reason = outcome.reason.clone().unwrap_or_default();
            assert!(
                !outcome.passed && reason.contains(why),
                "{that}: {outcome:?}"
            );
        }
    };
    open("p99(\"page\", \"awsvpc\") < \"2 ms\"", "cannot carry");
    open("p99(\"page\", \"fargate\") < \"2 ms\"", "was not compared");
    open("p999(\"page\") < \"1 us\"", "withheld");
    open("p99(\"backup\") < \"2 ms\"", "did not run");
    open("p99(\"page\") < \"1.05 ms\"", "allows both");
    open("reaches(\"db\", \"web:5432\")", "in 1 of 2 pairs");
    open("reaches(\"client\", \"web:5432\")", "not simulated");
    open("reaches(\"client\", \"db:99\")", "nothing listens");
    open("reaches(\"client\", \"tmds:80\")", "nothing listens");
    open("density(\"host\") / 0 > 1", "division by zero");
    // What decides alone decides.
    holds("p99(\"page\", \"awsvpc\") < \"2 ms\" or deployable(\"host\")");
    assert_eq!(
        outcome("p99(\"page\", \"awsvpc\") < \"2 ms\" and deployable(\"awsvpc\")").reason,
        None
    );
}

/// Nothing limits the tasks of Fargate: without this `not density("fargate") * 0 < 1` would hold.
#[test]
fn what_is_no_number_decides_nothing() {
    let limitless = || Value::Exact(f64::INFINITY);
    let calculated = |operation, a, b| calculate(operation, a, b).map(|_| ()).unwrap_err();
    let open = "a calculation with what has no limit gives no number";
    assert_eq!(
        calculated(Operation::Times, limitless(), Value::Exact(0.0)),
        open
    );
    assert_eq!(calculated(Operation::Over, limitless(), limitless()), open);
    assert!(calculate(Operation::Over, limitless(), Value::Exact(2.0)).is_ok());
}

#[test]
fn a_check_is_held_against_each_of_its_modes() {
    let modes = |that: &str| -> Vec<(Option<String>, bool)> {
        outcomes(that)
            .into_iter()
            .map(|o| (o.mode, o.passed))
            .collect()
    };
    let name = |mode: &str| Some(mode.to_owned());
    assert_eq!(
        modes("errors(\"page\") == \"0 %\""),
        [(name("bridge"), false), (name("host"), true)],
        "all that can be deployed"
    );
    assert_eq!(
        modes("errors(\"page\", \"host\") == \"0 %\""),
        [(None, true)]
    );
    let mut check = read("errors(\"page\") == \"0 %\"");
    check.modes = Some(vec![Mode::Awsvpc]);
    let experiment = experiment();
    let results = reports::compare(&experiment);
    let outcomes = evaluate(&[check], &experiment, &results);
    assert_eq!(outcomes.len(), 1);
    assert!(!outcomes[0].passed && outcomes[0].reason.is_some());
}

#[test]
fn one_replication_decides_nothing_about_estimates() {
    let mut experiment = experiment();
    for mode in experiment.modes.values_mut() {
        mode.replications.truncate(1);
        mode.crowded.truncate(1);
    }
    let results = reports::compare(&experiment);
    let that = [
        "p50(\"page\", \"host\") < \"2 s\"",
        "errors(\"page\", \"host\") == \"0 %\"",
    ];
    let outcomes = evaluate(&that.map(read), &experiment, &results);
    assert!(!outcomes[0].passed);
    assert!(
        outcomes[0]
            .reason
            .as_ref()
            .is_some_and(|r| r.contains("one replication"))
    );
    assert!(outcomes[1].passed, "failures are counted");
}

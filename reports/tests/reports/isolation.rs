//! Reachability, blast radius and interference, from records to outputs.

use reports::results::{Direction, Interfered};
use reports::{
    Experiment, ModeRecord, NeighbourRecord, PartyKind, PartyRecord, ReachRecord, Via, compare,
    csv, html, terminal,
};

use crate::fixture::{experiment, measured, mode, replication};

fn party(name: &str, kind: PartyKind) -> PartyRecord {
    PartyRecord {
        name: name.to_owned(),
        group: name
            .rsplit_once('/')
            .map_or(name, |(group, _)| group)
            .to_owned(),
        kind,
    }
}

fn attempt(from: &str, to: (&str, PartyKind), via: Via, code: &str) -> ReachRecord {
    ReachRecord {
        from: party(from, PartyKind::Container),
        to: party(to.0, to.1),
        port: 80,
        protocol: "tcp".to_owned(),
        via,
        address: "10.0.0.4:80".to_owned(),
        code: code.to_owned(),
        leg: "forward".to_owned(),
        reached: code == "reached",
        agrees: Some(true),
    }
}

/// Five replications around `us`, and as many around `crowded` with neighbours.
fn record(us: u64, crowded: u64, reach: Vec<ReachRecord>) -> ModeRecord {
    let runs = |us: u64| {
        let one = |index: u32| {
            let us = us + u64::from(index) * 7;
            let latencies = (0..2000_u32).map(|n| us as f64 * 1000.0 + f64::from(n));
            replication(
                index,
                vec![
                    ("page", measured(latencies, 2)),
                    ("noise", measured([5.0], 2)),
                ],
            )
        };
        (0..5).map(one).collect()
    };
    ModeRecord {
        crowded: runs(crowded),
        reach,
        ..mode(runs(us))
    }
}

fn two_modes() -> Experiment {
    const DB: (&str, PartyKind) = ("db", PartyKind::Vpc);
    const IMDS: (&str, PartyKind) = ("imds", PartyKind::Metadata);
    const API: (&str, PartyKind) = ("api/0", PartyKind::Container);
    let bridge = vec![
        attempt("web/0", API, Via::HostPort, "security_group_ingress"),
        attempt("web/0", API, Via::Docker0, "reached"),
        attempt("web/1", API, Via::HostPort, "security_group_ingress"),
        attempt("web/0", DB, Via::Own, "security_group_ingress"),
        attempt("web/0", IMDS, Via::LinkLocal, "reached"),
        attempt(
            "web/0",
            ("web/0", PartyKind::Container),
            Via::Loopback,
            "reached",
        ),
    ];
    let awsvpc = vec![
        attempt("web/0", API, Via::Own, "security_group_ingress"),
        attempt("web/1", API, Via::Own, "security_group_ingress"),
        attempt("web/0", DB, Via::Own, "reached"),
        attempt("web/0", IMDS, Via::LinkLocal, "undetermined"),
    ];
    let modes = vec![
        ("bridge", record(400, 900, bridge)),
        ("awsvpc", record(400, 400, awsvpc)),
    ];
    let mut experiment = experiment("awsvpc", modes);
    experiment.neighbours.push(NeighbourRecord {
        name: "noise".to_owned(),
        victims: vec!["page".to_owned()],
    });
    experiment
}

#[test]
fn pairs_are_counted_whichever_address_leads_there() {
    let results = compare(&two_modes());
    let bridge = results.modes["bridge"].isolation.as_ref().unwrap();
    let pairs = bridge.pairs;
    assert_eq!((pairs.all, pairs.reached, pairs.undetermined), (4, 2, 0));
    assert_eq!((pairs.simulated, pairs.disagreements), (4, 0));
    let cell = bridge.matrix.iter().find(|c| c.to == "api").unwrap();
    assert_eq!(
        (cell.from.as_str(), cell.pairs, cell.reached),
        ("web", 2, 1)
    );
    assert_eq!(cell.reasons, ["security_group_ingress"]);
    let awsvpc = results.modes["awsvpc"].isolation.as_ref().unwrap();
    assert_eq!(awsvpc.pairs.undetermined, 1);
}

#[test]
fn a_mode_exposes_what_the_baseline_stops() {
    let results = compare(&two_modes());
    let bridge = results.modes["bridge"].isolation.as_ref().unwrap();
    let sentences: Vec<_> = bridge.exposed.iter().map(|e| e.sentence.as_str()).collect();
    // What the baseline leaves undetermined may be open there as well.
    assert_eq!(
        sentences,
        ["web reaches api:80 in 1 of 2 pairs; awsvpc stops it (security_group_ingress)"]
    );
    assert_eq!(bridge.hidden.len(), 1);
    assert_eq!(bridge.hidden[0].to, "db:80");
    let baseline = results.modes["awsvpc"].isolation.as_ref().unwrap();
    assert!(baseline.exposed.is_empty() && baseline.hidden.is_empty());
    let blast = &bridge.blast_radius["web"];
    assert_eq!(
        (&blast.neighbours[..], &blast.credentials[..]),
        (&["api:80".to_owned()][..], &["imds:80".to_owned()][..])
    );
    assert!(blast.tasks.is_empty() && blast.vpc.is_empty());
    assert_eq!(blast.size(), 2);
}

#[test]
fn interference_is_judged_in_pairs() {
    let results = compare(&two_modes());
    let of = |mode: &str, metric: &str| -> Interfered {
        let isolation = results.modes[mode].isolation.as_ref().unwrap();
        isolation.interference.as_ref().unwrap().victims["page"].metrics[metric].clone()
    };
    let bridge = of("bridge", "latency_ns.p99");
    assert_eq!(bridge.difference.direction, Direction::Worse);
    assert!(
        bridge
            .difference
            .ratio
            .is_some_and(|r| (2.1..2.4).contains(&r))
    );
    assert_eq!(bridge.difference.comparisons, 1);
    let awsvpc = of("awsvpc", "latency_ns.p50");
    assert_eq!(awsvpc.difference.direction, Direction::None);
}

#[test]
fn every_output_shows_it() {
    let experiment = two_modes();
    let results = compare(&experiment);
    let text = terminal::render(&results, 80, false);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    insta::assert_snapshot!(text);
    let page = html::render(&experiment, &results);
    for words in [
        "id=\"isolation\"",
        "Where modes with a network differ",
        "instance credentials",
        "page, disturbed",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(page.matches("All modes with a network let").count(), 0);
    let mut table = Vec::new();
    csv::write(&results, &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    let rows = table
        .lines()
        .filter(|line| line.contains("with_neighbours."));
    assert_eq!(rows.count(), 6, "{table}");
}

#[test]
fn rows_in_which_only_the_mode_without_a_network_differs_are_folded() {
    const API: (&str, PartyKind) = ("api/0", PartyKind::Container);
    const IMDS: (&str, PartyKind) = ("imds", PartyKind::Metadata);
    let reach = |api: &str, imds: &str| {
        vec![
            attempt("web/0", API, Via::Own, api),
            attempt("web/0", IMDS, Via::LinkLocal, imds),
        ]
    };
    let page = |bridge: &str| {
        let modes = vec![
            ("none", record(400, 400, reach("no_address", "no_address"))),
            ("bridge", record(400, 400, reach("reached", bridge))),
            ("awsvpc", record(400, 400, reach("reached", "reached"))),
        ];
        let experiment = experiment("awsvpc", modes);
        let results = compare(&experiment);
        html::render(&experiment, &results)
    };
    let alike = page("reached");
    assert!(alike.contains("All modes with a network let the same pairs meet."));
    assert!(alike.contains("Where they agree (2)"));
    let different = page("refused");
    assert!(different.contains("Where modes with a network differ"));
    assert!(different.contains("Where they agree (1)"));
}

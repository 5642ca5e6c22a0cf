use indexmap::IndexMap;
use reports::Reason;
use reports::reach::terminal::{View, render};
use reports::reach::{
    AddressVerdict, Difference, Explanation, Flow, HopRecord, LegName, ListenerRecord, ModeReach,
    PairRecord, ReachProvenance, ReachResults, SimulatedRecord, SourceRecord, SymbolRecord,
    VerdictRecord, ViaName, json,
};
use reports::schema;
use serde_json::Value;

use crate::schema_check;

fn verdict(code: &str, leg: LegName) -> VerdictRecord {
    VerdictRecord {
        code: code.to_owned(),
        description: format!("What {code} means."),
        leg,
    }
}

fn symbol(symbol: char, code: &str, leg: LegName, via: Option<ViaName>) -> SymbolRecord {
    SymbolRecord {
        symbol,
        verdict: verdict(code, leg),
        via,
    }
}

/// A mode in which clients reach the web service, and nobody else.
fn mode(tasks: usize) -> ModeReach {
    let source = |name: String, group: &str| SourceRecord {
        name,
        group: group.to_owned(),
    };
    let listener = |name: String, group: &str| ListenerRecord {
        name,
        group: group.to_owned(),
        port: 8080,
        protocol: "tcp".to_owned(),
    };
    let mut sources = vec![source("client".to_owned(), "client")];
    sources.extend((0..tasks).map(|n| source(format!("web/{n}"), "web")));
    let mut listeners: Vec<_> = (0..tasks)
        .map(|n| listener(format!("web/{n}:8080"), "web:8080"))
        .collect();
    listeners.push(listener("dns:53/udp".to_owned(), "dns:53/udp"));
    let mut rows = vec!["P".repeat(tasks) + "m"];
    rows.extend((0..tasks).map(|_| "s".repeat(tasks) + "?"));
    let tasks = tasks as u64;
    let counts = [
        ("reached", tasks),
        ("network_acl_egress", 1),
        ("security_group_ingress", tasks * tasks),
        ("undetermined", tasks),
    ];
    ModeReach {
        deployable: true,
        reason: None,
        sources,
        listeners,
        symbols: vec![
            symbol('P', "reached", LegName::Return, Some(ViaName::Published)),
            symbol('m', "network_acl_egress", LegName::Return, None),
            symbol('s', "security_group_ingress", LegName::Forward, None),
            symbol('?', "undetermined", LegName::Forward, None),
        ],
        rows,
        counts: counts.map(|(code, n)| (code.to_owned(), n)).into(),
        pairs: None,
        simulated: Some(SimulatedRecord {
            probes: 10,
            possible: 12,
            agreed: 9,
            undetermined: 1,
        }),
    }
}

fn results(tasks: usize) -> ReachResults {
    let mut modes = IndexMap::new();
    modes.insert(
        "none".to_owned(),
        ModeReach {
            reason: Some(Reason {
                code: "ports".to_owned(),
                message: "publishes ports".to_owned(),
                place: None,
            }),
            ..ModeReach::default()
        },
    );
    modes.insert("bridge".to_owned(), mode(tasks));
    modes.insert("host".to_owned(), mode(tasks));
    ReachResults {
        schema: "ecsnet.reach/1".to_owned(),
        provenance: ReachProvenance {
            version: "0.1.0".to_owned(),
            command: "ecsnet reach".to_owned(),
            scenario_name: "two tiers".to_owned(),
            inputs: Vec::new(),
            caveats: vec!["a transit gateway is not simulated".to_owned()],
            assumptions: vec!["a VPC 10.0.0.0/16".to_owned()],
        },
        modes,
        differences: vec![Difference {
            mode: "bridge".to_owned(),
            not_in: vec!["host".to_owned(), "awsvpc".to_owned()],
            pairs: 3,
            flows: vec![Flow {
                from: "web".to_owned(),
                to: "web:8080".to_owned(),
                pairs: 3,
            }],
        }],
        explanations: Vec::new(),
    }
}

fn with_explanation() -> ReachResults {
    let hop = |leg, place: &str, component: &str, decision: &str, rule: Option<&str>| HopRecord {
        leg,
        place: place.to_owned(),
        component: component.to_owned(),
        decision: decision.to_owned(),
        rule: rule.map(str::to_owned),
        before: "tcp 10.0.0.4:40000 > 10.0.1.4:32768".to_owned(),
        after: (decision == "translate").then(|| "tcp 10.0.0.4:40000 > 172.17.0.2:8080".to_owned()),
    };
    let nat =
        "-A DOCKER ! -i docker0 -p tcp --dport 32768 -j DNAT --to-destination 172.17.0.2:8080";
    ReachResults {
        explanations: vec![Explanation {
            mode: "bridge".to_owned(),
            from: "client".to_owned(),
            to: "web/0:8080".to_owned(),
            address: "10.0.1.4:32768".to_owned(),
            via: ViaName::Published,
            protocol: "tcp".to_owned(),
            verdict: verdict("network_acl_egress", LegName::Return),
            hops: vec![
                hop(
                    LegName::Forward,
                    "client",
                    "security group egress",
                    "allow",
                    Some("sgr-out"),
                ),
                hop(
                    LegName::Forward,
                    "instance/0",
                    "nat PREROUTING",
                    "translate",
                    Some(nat),
                ),
                hop(
                    LegName::Return,
                    "subnet-1",
                    "network ACL egress",
                    "deny",
                    None,
                ),
            ],
            remedy: Some("allow the ephemeral ports 1024-65535 out of subnet-1".to_owned()),
        }],
        ..results(2)
    }
}

fn view(pairs: bool) -> View {
    View {
        width: 80,
        colour: false,
        pairs,
    }
}

fn fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_matrix_with_a_legend_and_what_modes_expose() {
    let text = render(&results(3), view(false));
    fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn a_large_matrix_is_counted_by_service() {
    let text = render(&results(50), view(false));
    fits(&text);
    assert!(text.contains("from \\ to"), "{text}");
    assert!(text.contains("none") && text.contains("all"), "{text}");
    assert!(!text.contains("web/49"), "{text}");
}

#[test]
fn columns_that_do_not_fit_go_into_another_table() {
    let text = render(&results(30), view(false));
    fits(&text);
    assert!(text.matches("from \\ to").count() > 2, "{text}");
    for n in 0..30 {
        assert!(text.contains(&format!("=web/{n}:8080")), "{text}");
    }
}

#[test]
fn steps_there_and_back() {
    let text = render(&with_explanation(), view(true));
    fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn pairs_one_by_one() {
    let mut results = results(1);
    let bridge = results.modes.get_mut("bridge").unwrap();
    let at = |code: &str, leg| AddressVerdict {
        address: "10.0.1.4:32768".to_owned(),
        via: ViaName::Published,
        verdict: verdict(code, leg),
    };
    let pair = |to: &str, at: Vec<AddressVerdict>| PairRecord {
        from: "client".to_owned(),
        to: to.to_owned(),
        verdict: "reached".to_owned(),
        at,
    };
    bridge.pairs = Some(vec![
        pair("web/0:8080", vec![at("reached", LegName::Return)]),
        pair("dns:53/udp", Vec::new()),
    ]);
    let text = render(&results, view(true));
    assert!(
        text.contains("client → web/0:8080\n      10.0.1.4:32768 at the published port: reached"),
        "{text}"
    );
    assert!(text.contains("no_address"), "{text}");
}

#[test]
fn the_document_is_what_its_schema_says() {
    let mut documents = vec![results(2), with_explanation()];
    documents[0].modes["bridge"].simulated = None;
    for document in documents {
        let mut out = Vec::new();
        json::write(&document, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        schema_check::check(&schema::reach(), &value);
        assert_eq!(json::read(&text).unwrap(), document);
    }
}

#[test]
fn colours_only_where_asked() {
    assert!(!render(&results(2), view(false)).contains('\u{1b}'));
    let colour = View {
        colour: true,
        ..view(false)
    };
    assert!(render(&results(2), colour).contains('\u{1b}'));
}

//! The parsers read what users hand them: whatever it is, there is an answer and no panic.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::{Node, Places, Value, json, toml};
use crate::check::check_task_definition;
use crate::toml::read_scenario;

const TASK: &str = include_str!("../../examples/cache.json");
const SCENARIO: &str = include_str!("../../examples/every-key.toml");

/// A tree without its places, as `serde_json` would have read it.
fn as_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(text) => serde_json::from_str(text).unwrap(),
        Value::String(text) => Json::String(text.clone()),
        Value::Array(nodes) => Json::Array(nodes.iter().map(as_json).collect()),
        Value::Table(entries) => Json::Object(
            entries
                .iter()
                .map(|e| (e.key.clone(), as_json(&e.node)))
                .collect(),
        ),
        Value::Datetime(_) => panic!("JSON has no dates"),
    }
}

/// Every value stands where its span says: the bytes there are that value.
fn spans_hold(text: &str, node: &Node) {
    let part = &text[node.span.clone()];
    assert_eq!(
        serde_json::from_str::<Json>(part).unwrap(),
        as_json(node),
        "{part}"
    );
    match &node.value {
        Value::Array(nodes) => nodes.iter().for_each(|node| spans_hold(text, node)),
        Value::Table(entries) => {
            for entry in entries {
                let key: String = serde_json::from_str(&text[entry.key_span.clone()]).unwrap();
                assert_eq!(key, entry.key);
                spans_hold(text, &entry.node);
            }
        }
        _ => {}
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9_f64..1e9).prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((".{0,8}", inner), 0..6)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

/// A text with some of its bytes replaced, removed or doubled.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let change = (0..text.len(), 0_usize..4, any::<char>());
    prop::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, kind, new) in changes {
            let at = at % chars.len().max(1);
            match kind {
                0 => chars.insert(at, new),
                1 => chars.truncate(at + 1),
                2 => {
                    chars.remove(at);
                }
                // Structure is what parsers trip over.
                _ => chars[at] = *"{}[]\",:=.0-#\n'\\".chars().nth(at % 15).get_or_insert('x'),
            }
            if chars.is_empty() {
                chars.push(' ');
            }
        }
        chars.into_iter().collect()
    })
}

fn read_both(text: &str) {
    let report = check_task_definition("t.json", text);
    // What is refused is refused with a reason, and what is said can be shown.
    assert!(report.accepted() || report.reports[0].errors().next().is_some());
    assert!(
        report.reports[0]
            .diagnostics()
            .iter()
            .all(|d| !d.message.is_empty())
    );
    let shown = crate::diagnostic::render::render(&report.reports[0], false);
    assert_eq!(shown.is_empty(), report.reports[0].diagnostics().is_empty());
    let files = |_: &str| Ok(TASK.to_owned());
    let reports = match read_scenario("s.toml", text, &files) {
        Ok((_, reports)) => reports,
        Err(reports) => {
            assert!(reports.iter().any(crate::diagnostic::Report::has_errors));
            reports
        }
    };
    for report in reports {
        let _ = crate::diagnostic::render::render(&report, true);
    }
}

proptest! {
    #[test]
    fn json_is_read_as_serde_json_reads_it(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let node = json::parse(&text).unwrap();
        // Not `value` itself: serde_json does not give every float back to the last bit.
        let theirs: Json = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(as_json(&node), theirs);
        spans_hold(&text, &node);
        prop_assert_eq!(Places::of(&node).span(""), Some(node.span));
    }

    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,200}") {
        read_both(&text);
    }

    #[test]
    fn a_mutated_task_definition_has_an_answer(text in mutated(TASK)) {
        read_both(&text);
    }

    #[test]
    fn a_mutated_scenario_has_an_answer(text in mutated(SCENARIO)) {
        read_both(&text);
    }

    #[test]
    fn any_json_has_an_answer(value in any_json()) {
        read_both(&value.to_string());
        read_both(&format!("{{\"family\": \"f\", \"containerDefinitions\": [{value}]}}"));
        read_both(&format!(
            "{{\"family\": \"f\", \"containerDefinitions\": [{{\"portMappings\": [{value}], \
             \"memory\": {value}, \"links\": {value}}}]}}"
        ));
    }
}

#[test]
fn deep_nesting_is_refused_not_crashed_on() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let text = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let error = json::parse(&text).unwrap_err();
        assert!(
            error.problem.message.contains("recursion limit"),
            "{}",
            error.problem.message
        );
    }
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
        format!("{} = 1", vec!["a"; 100_000].join(".")),
        format!("[{}]", vec!["a"; 100_000].join(".")),
    ] {
        assert!(toml::parse(&text).is_err());
    }
}

#[test]
fn places_of_absent_values_fall_back_to_what_is_around_them() {
    let node = json::parse(r#"{"a": [{"b": 1}], "c": "x"}"#).unwrap();
    let places = Places::of(&node);
    assert_eq!(places.span("a[0].b"), Some(13..14));
    assert_eq!(places.span("a[0].missing"), Some(7..15));
    assert_eq!(places.span("a[3].b"), Some(6..16));
    assert_eq!(places.span("nothing"), Some(0..node.span.end));
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let node = json::parse(r#"{"a": 1, "a": 2}"#).unwrap();
    assert_eq!(node.get("a").map(Node::show).as_deref(), Some("2"));
}

#[test]
fn toml_numbers_of_every_radix_come_as_decimals() {
    let node = toml::parse("a = 0x10\nb = 0o17\nc = 0b101\nd = 1_000\ne = 1.5\nf = -3\n").unwrap();
    let shown: Vec<_> = node
        .as_table()
        .unwrap()
        .iter()
        .map(|entry| entry.node.show())
        .collect();
    assert_eq!(shown, ["16", "15", "5", "1000", "1.5", "-3"]);
}

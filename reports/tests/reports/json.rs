use reports::{Performance, compare, json, schema};
use serde_json::Value;

use crate::fixture::{refused, two_tier};

fn document() -> String {
    let mut experiment = two_tier(3);
    experiment.modes.insert("awsvpc".to_owned(), refused());
    // Two modes are enough for a golden file.
    experiment.modes.shift_remove("fargate");
    experiment.modes.shift_remove("bridge");
    for mode in experiment.modes.values_mut() {
        for replication in &mut mode.replications {
            replication.workloads.shift_remove("cache");
        }
    }
    let mut out = Vec::new();
    json::write(&compare(&experiment), None, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Every number is finite, no number is a whole one with a fraction, no `NaN` became null silently.
fn check(value: &Value) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap();
            assert!(float.is_finite());
            assert!(
                !number.is_f64() || float.fract().abs() > 0.0,
                "{number} has a needless fraction"
            );
        }
        Value::Array(values) => values.iter().for_each(check),
        Value::Object(map) => {
            if let (Some(lo), Some(hi)) = (map.get("lo"), map.get("hi")) {
                assert!(lo.as_f64() <= hi.as_f64(), "{map:?}");
                if let Some(estimate) = map.get("estimate").and_then(Value::as_f64)
                    && lo.is_number()
                {
                    assert!(
                        (lo.as_f64()..=hi.as_f64()).contains(&Some(estimate)),
                        "{map:?}"
                    );
                }
            }
            map.values().for_each(check);
        }
        _ => {}
    }
}

#[test]
fn the_document_is_the_golden_one() {
    let text = document();
    let value: Value = serde_json::from_str(&text).unwrap();
    check(&value);
    assert_eq!(value["schema"], "ecsnet.results/1");
    assert!(
        value["provenance"]["seed"].is_string(),
        "seeds survive JavaScript"
    );
    assert!(value["modes"]["host"]["digest"].is_string());
    assert!(value.get("performance").is_none());
    insta::assert_snapshot!(text);
}

#[test]
fn the_document_reads_back_to_the_same_results() {
    let text = document();
    let results = json::read(&text).unwrap();
    let mut again = Vec::new();
    json::write(&results, None, &mut again).unwrap();
    assert_eq!(text.as_bytes(), again);
}

#[test]
fn performance_stands_apart_and_changes_nothing_else() {
    let results = compare(&two_tier(2));
    let performance = Performance {
        wall_ns: 5,
        events: 6,
        frames: 7,
        events_per_s: 8,
        frames_per_s: 9,
        ..Performance::default()
    };
    let mut out = Vec::new();
    json::write(&results, Some(&performance), &mut out).unwrap();
    let mut value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["performance"]["frames_per_s"], 9);
    value.as_object_mut().unwrap().remove("performance");
    assert_eq!(value, serde_json::to_value(&results).unwrap());
}

#[test]
fn an_unknown_key_is_refused() {
    let text = document().replacen("\"baseline\"", "\"baseliné\"", 1);
    let message = json::read(&text).unwrap_err().to_string();
    assert!(message.contains("unknown field `baseliné`"), "{message}");
}

#[test]
fn the_schema_names_every_key_of_the_document() {
    let schema = schema::results().to_string();
    let value: Value = serde_json::from_str(&document()).unwrap();
    let results = value.as_object().unwrap();
    let estimate = &value["modes"]["host"]["workloads"]["web"]["latency_ns"]["p50"];
    for key in results.keys().chain(estimate.as_object().unwrap().keys()) {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
}

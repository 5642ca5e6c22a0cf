//! Values as a person reads them.

use reports::format;

use super::Unit;
use super::value::Value;

/// A value, with its interval if it has one.
pub(super) fn show(value: &Value, unit: Unit) -> String {
    match value {
        Value::Exact(number) if number.is_infinite() => "no limit".to_owned(),
        Value::Exact(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Estimate(estimate) => {
            let text = |number: f64| quantity(number, unit);
            let interval = estimate.interval.map_or_else(String::new, |(lo, hi)| {
                format!(" [{}, {}]", text(lo), text(hi))
            });
            format!("{}{interval}", text(estimate.value))
        }
    }
}

fn quantity(number: f64, unit: Unit) -> String {
    match unit {
        Unit::Time => format::nanoseconds(number),
        Unit::DataRate => format::bits_per_second(number),
        Unit::Frequency => format!("{}/s", format::per_second(number)),
        Unit::Share => format::percent(number),
        Unit::Number => format!("{number:.3}"),
    }
}

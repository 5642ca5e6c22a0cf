//! Figures that compare two ways of doing the same within one run, since machines are shared and
//! noisy: both take turns, and the ratio of a round is what counts.

mod child;
pub mod namespace;
pub mod pairs;
pub mod parallel_run;
pub mod replications;
pub mod scale;

use std::error::Error;
use std::fs;
use std::time::Duration;

pub use child::print_scaling;
use serde_json::{Value, json};

/// What a figure comes to, or why there is none.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Prints a row of the table, and the same as JSON.
pub fn print(row: &Value) {
    let seconds = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    say(&format!(
        "{:<48}{:>9.3} s{:>9.3} s{:>7.2}x   load {}",
        row["figure"].as_str().unwrap_or_default(),
        seconds("one_s"),
        seconds("two_s"),
        seconds("ratio"),
        row["load"].as_str().unwrap_or_default(),
    ));
    say(&row.to_string());
}

/// Times both ways in turn, `rounds` times. The ratio is the median of the rounds' ratios.
fn alternate(
    figure: &str,
    rounds: usize,
    mut one: impl FnMut() -> Outcome<Duration>,
    mut two: impl FnMut() -> Outcome<Duration>,
) -> Outcome<Value> {
    let load = load();
    let (mut first, mut second, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let (a, b) = (one()?.as_secs_f64(), two()?.as_secs_f64());
        first.push(a);
        second.push(b);
        ratios.push(a / b);
    }
    Ok(json!({
        "figure": figure,
        "one_s": median(first),
        "two_s": median(second),
        "ratio": median(ratios.clone()),
        "ratios": ratios,
        "load": load,
    }))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many others want the cores, before the figure was taken.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Wall time, which is what threads are for.
#[expect(
    clippy::disallowed_types,
    reason = "what is measured is the simulator, not what it simulates"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let done = work();
    (done, start.elapsed())
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what these programs are for"
)]
fn say(line: &str) {
    println!("{line}");
}

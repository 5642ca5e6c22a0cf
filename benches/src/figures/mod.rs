//! Figures that compare two ways of doing the same within one run, since machines are shared and
//! noisy: both take turns, and the ratio of a round is what counts.

mod child;
pub mod namespace;
pub mod pairs;
pub mod parallel_run;
#[cfg(feature = "trace")]
pub mod queues;
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
    // What threads cost, on a machine of any load: building the world included.
    let mut cpu = Vec::new();
    for _ in 0..rounds.max(1) {
        let before = cpu_s()?;
        let a = one()?.as_secs_f64();
        let between = cpu_s()?;
        let b = two()?.as_secs_f64();
        cpu.push((cpu_s()? - between) / (between - before));
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
        "cpu_two_to_one": median(cpu),
        "load": load,
    }))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU time of this process so far, in all its threads.
fn cpu_s() -> Outcome<f64> {
    /// Ticks per second, the same on every Linux.
    const HZ: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(") ").ok_or("no fields")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>);
    Ok(ticks.map(|n| n.map(f64::from)).sum::<Result<f64, _>>()? / HZ)
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

//! What a push and its pop cost in real runs, by queue, in CPU time.

use std::fs;

use serde_json::{Value, json};
use sim_core::EventQueue;

use super::{Outcome, say};
use crate::queues::replay::{Trace, replay, traces};
use crate::queues::{Calendar, Payload, Radix, Std, Wheel};

/// A queue and how it is asked.
type Candidate = (&'static str, fn(&Trace) -> u64);

const QUEUES: [Candidate; 5] = [
    ("event_queue", replay::<EventQueue<Payload>>),
    ("std_binary_heap", replay::<Std>),
    ("wheel", replay::<Wheel>),
    ("radix_heap", replay::<Radix>),
    ("calendar", replay::<Calendar>),
];

/// Takes the figures, one row for each workload: the median over rounds of ns for each push and pop.
///
/// # Errors
/// If the built-in scenario does not run, or the CPU time cannot be read.
pub fn figure(rounds: usize) -> Outcome<Vec<Value>> {
    let mut rows = Vec::new();
    for trace in traces()? {
        let expected = replay::<EventQueue<Payload>>(&trace);
        let mut costs = vec![Vec::new(); QUEUES.len()];
        for _ in 0..rounds.max(1) {
            for ((name, replay), costs) in QUEUES.iter().zip(&mut costs) {
                // Long enough for a clock that ticks.
                const REPEATS: u32 = 5;
                let before = cpu_ns()?;
                for _ in 0..REPEATS {
                    if replay(&trace) != expected {
                        return Err(format!("{name} has another order on {}", trace.name).into());
                    }
                }
                let spent = cpu_ns()? - before;
                costs.push(spent as f64 / f64::from(REPEATS) / trace.pushes as f64);
            }
        }
        let mut row = json!({
            "workload": trace.name,
            "most_pending": trace.most,
            "mean_pending": trace.mean,
            "pushes": trace.pushes,
        });
        for ((name, _), costs) in QUEUES.iter().zip(costs) {
            row[*name] = json!(super::median(costs));
        }
        say(&row.to_string());
        rows.push(row);
    }
    Ok(rows)
}

/// CPU time of this thread so far, in ns.
fn cpu_ns() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

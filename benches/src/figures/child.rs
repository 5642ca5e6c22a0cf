//! Figures whose runs are processes of their own, so that memory is a run's own.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Outcome, load, median, say};

/// CPU time of this thread so far, in seconds.
pub(super) fn cpu_s() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns: u64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(ns as f64 / 1e9)
}

/// Memory of this process in KiB: `VmRSS` for what it has now, `VmHWM` for the most it had.
pub(super) fn memory_kib(field: &str) -> Outcome<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("no {field}"))?.parse()?)
}

/// Runs this program with other arguments and reads the JSON that it prints.
pub(super) fn child(arguments: &[&str]) -> Outcome<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    let done = command.args(arguments).output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{arguments:?} failed: {said}").into());
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

pub(super) fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or(f64::NAN)
}

/// What a world costs with little of something and with much: each runs in a process of its own, in
/// turn, `rounds` times.
pub(super) struct Scaling {
    pub(super) figure: &'static str,
    /// Subcommand that runs one world and prints `cpu_s` and a count.
    pub(super) one: &'static str,
    /// Key of the count.
    pub(super) per: &'static str,
    pub(super) sizes: [usize; 2],
}

impl Scaling {
    pub(super) fn figure(&self, rounds: usize) -> Outcome<Value> {
        let mut costs = [Vec::new(), Vec::new()];
        let mut ratios = Vec::new();
        for _ in 0..rounds.max(1) {
            let mut ns = [0.0; 2];
            for (ns, size) in ns.iter_mut().zip(self.sizes) {
                let run = child(&[self.one, &size.to_string()])?;
                *ns = number(&run, "cpu_s") / number(&run, self.per) * 1e9;
            }
            ratios.push(ns[1] / ns[0]);
            costs.iter_mut().zip(ns).for_each(|(all, ns)| all.push(ns));
        }
        let [few, many] = costs.map(median);
        Ok(json!({
            "figure": self.figure,
            "sizes": self.sizes,
            "per": self.per,
            "few_ns": few,
            "many_ns": many,
            "ratio": median(ratios.clone()),
            "ratios": ratios,
            "load": load(),
        }))
    }
}

/// Prints what `Scaling::figure` gives, and the same as JSON.
pub fn print_scaling(row: &Value) {
    say(&format!(
        "{:<48}{:>9.0} ns{:>8.0} ns{:>7.2}x   load {}",
        row["figure"].as_str().unwrap_or_default(),
        number(row, "few_ns"),
        number(row, "many_ns"),
        number(row, "ratio"),
        row["load"].as_str().unwrap_or_default(),
    ));
    say(&row.to_string());
}

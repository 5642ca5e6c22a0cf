//! Holds ecsnet against ns-3 and bare smoltcp: the same work on all sides, packets per CPU second,
//! events, memory.
//!
//! `benches/peers/run` builds the programs of the other side and calls this. Every run is a process
//! of its own, and the sides take turns, since machines are shared and noisy.

mod summary;
mod workloads;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use summary::Rounds;
use workloads::{ALL, Workload, requests};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", workload] => run(&ALL[workload.parse::<usize>()?]),
        ["floor", workload, case, requests] => {
            let workload = &ALL[workload.parse::<usize>()?];
            floor(workload, case.parse()?, requests.parse()?)
        }
        ["compare", programs, rounds] => compare(Path::new(programs), rounds.parse()?),
        _ => Err("usage: peers compare FOLDER ROUNDS".into()),
    }
}

/// Runs one workload in this process and prints what it took.
fn run(workload: &Workload) -> Outcome<()> {
    let world = benches::world(&(workload.plan)());
    let before = cpu_ns()?;
    let outcome = benches::run(world);
    let cpu = cpu_ns()? - before;
    let line = json!({
        "workload": workload.name,
        "packets": (workload.packets)(&outcome),
        "bytes": (workload.octets)(&outcome),
        "requests": requests(&outcome),
        "events": outcome.events,
        "cpu_s": cpu as f64 / 1e9,
        "max_rss_kib": max_rss_kib()?,
    });
    say(&line.to_string());
    Ok(())
}

/// Does the same on bare smoltcp.
fn floor(workload: &Workload, case: usize, requests: u64) -> Outcome<()> {
    let floor = workload.floor.as_ref().ok_or("it has no floor")?;
    let before = cpu_ns()?;
    let moved = (floor.cases[case].1)(requests);
    let cpu = cpu_ns()? - before;
    let line = json!({
        "workload": workload.name,
        "packets": moved.frames,
        "bytes": moved.octets,
        "cpu_s": cpu as f64 / 1e9,
        "max_rss_kib": max_rss_kib()?,
    });
    say(&line.to_string());
    Ok(())
}

/// CPU time of this thread so far, in ns.
fn cpu_ns() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn max_rss_kib() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM")?.parse()?)
}

/// Alternates the sides.
fn compare(programs: &Path, rounds: usize) -> Outcome<()> {
    let mut results = Vec::new();
    for (index, workload) in ALL.iter().enumerate() {
        let mut all = Rounds::default();
        for _ in 0..rounds.max(1) {
            round(programs, index, workload, &mut all)?;
        }
        results.push(summary::summarise(workload, &all));
    }
    say(&summary::tables(&results));
    say(&serde_json::to_string_pretty(&results)?);
    Ok(())
}

/// Each side once.
fn round(programs: &Path, index: usize, workload: &Workload, all: &mut Rounds) -> Outcome<()> {
    let me = std::env::current_exe()?;
    let index = index.to_string();
    let mine = output(Command::new(&me).args(["run", &index]))?;
    let requests = mine["requests"].as_u64().unwrap_or(0);
    let (program, arguments) = (workload.other)(requests);
    let other = output(Command::new(programs.join(program)).args(arguments))?;
    same_octets(workload, &mine, &other, workload.tolerance)?;
    let cases = workload.floor.as_ref().map_or(0, |floor| floor.cases.len());
    all.floor.resize_with(cases, Vec::new);
    for (case, runs) in all.floor.iter_mut().enumerate() {
        let arguments = ["floor", &index, &case.to_string(), &requests.to_string()];
        let bare = output(Command::new(&me).args(arguments))?;
        same_octets(workload, &mine, &bare, 0.0)?;
        runs.push(bare);
    }
    all.ecsnet.push(mine);
    all.ns3.push(other);
    Ok(())
}

fn same_octets(workload: &Workload, mine: &Value, other: &Value, tolerance: f64) -> Outcome<()> {
    let moved = |run: &Value| run["bytes"].as_u64().unwrap_or(0) as f64;
    let apart = (moved(mine) / moved(other) - 1.0).abs();
    if apart.is_nan() || apart > tolerance {
        let name = workload.name;
        return Err(format!("{name}: the sides moved {mine} and {other}").into());
    }
    Ok(())
}

fn output(command: &mut Command) -> Outcome<Value> {
    let done = command.output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{command:?} failed: {said}").into());
    }
    Ok(serde_json::from_slice(&done.stdout)?)
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]
fn say(line: &str) {
    println!("{line}");
}

//! Holds ecsnet against ns-3: the same work on both sides, packets per CPU second, memory.
//!
//! `benches/peers/run` builds the programs of the other side and calls this. Every run is a process
//! of its own, and the two sides take turns, since machines are shared and noisy.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use benches::peers;
use serde_json::{Value, json};
use sim_core::SimDuration;
use sim_net::plan::Plan;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Octets of W1.
const BULK: u64 = 256 << 20;
/// Clients and servers of W3.
const INCAST: (usize, u16) = (1000, 10);
/// Simulated milliseconds of W3.
const INCAST_MS: u64 = 200;

/// A workload, and how often it is run on each side.
#[derive(Clone, Copy)]
enum Workload {
    Bulk,
    /// The same with segmentation and receive offload on our side.
    BulkOffloaded,
    /// With so many pairs.
    Request(usize),
    Incast,
}

const ALL: [Workload; 5] = [
    Workload::Bulk,
    Workload::BulkOffloaded,
    Workload::Request(10),
    Workload::Request(1000),
    Workload::Incast,
];

impl Workload {
    fn name(self) -> String {
        match self {
            Self::Bulk => "W1 bulk".to_owned(),
            Self::BulkOffloaded => "W1 bulk, offloads".to_owned(),
            Self::Request(pairs) => format!("W2 request/response, N = {pairs}"),
            Self::Incast => "W3 incast".to_owned(),
        }
    }

    fn plan(self) -> Plan {
        match self {
            Self::Bulk => peers::bulk(BULK),
            Self::BulkOffloaded => peers::bulk_offloaded(BULK),
            // About 200,000 requests either way.
            Self::Request(pairs) => {
                let ms = if pairs > 100 { 40 } else { 2500 };
                peers::requests(pairs, SimDuration::from_ms(ms))
            }
            Self::Incast => {
                let (clients, servers) = INCAST;
                peers::incast(clients, servers, SimDuration::from_ms(INCAST_MS))
            }
        }
    }

    /// The program of the other side and its arguments, for the work that was done on ours.
    fn other(self, ours: &Value) -> (&'static str, Vec<String>) {
        match self {
            Self::Bulk | Self::BulkOffloaded => ("bulk", vec![format!("--bytes={BULK}")]),
            Self::Request(pairs) => {
                let requests = ours["requests"].as_u64().unwrap_or(0);
                let arguments = vec![format!("--pairs={pairs}"), format!("--requests={requests}")];
                ("request", arguments)
            }
            Self::Incast => {
                let (clients, servers) = INCAST;
                let seconds = format!("--seconds={}", INCAST_MS as f64 / 1000.0);
                let counts = [
                    format!("--clients={clients}"),
                    format!("--servers={servers}"),
                ];
                ("incast", counts.into_iter().chain([seconds]).collect())
            }
        }
    }

    /// How far the octets of the two sides may be apart.
    fn tolerance(self) -> f64 {
        match self {
            Self::Bulk | Self::BulkOffloaded | Self::Request(_) => 0.0,
            // The same link for the same time; losses are not the same.
            Self::Incast => 0.1,
        }
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", index] => run(ALL[index.parse::<usize>()?]),
        ["compare", programs, rounds] => compare(Path::new(programs), rounds.parse()?),
        _ => Err("usage: peers compare FOLDER ROUNDS".into()),
    }
}

/// Runs one workload in this process and prints what it took.
fn run(workload: Workload) -> Outcome<()> {
    let world = benches::world(&workload.plan());
    let before = cpu_ns()?;
    let outcome = benches::run(world);
    let cpu = cpu_ns()? - before;
    let requests: u64 = outcome.workloads.iter().map(|w| w.ok).sum();
    let bytes = match workload {
        Workload::Request(_) => requests * (peers::REQUEST + peers::RESPONSE),
        _ => outcome.workloads.iter().map(|w| w.bytes).sum(),
    };
    let line = json!({
        "workload": workload.name(),
        "packets": outcome.frames.delivered,
        "bytes": bytes,
        "requests": requests,
        "events": outcome.events,
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

/// Alternates the two sides.
fn compare(programs: &Path, rounds: usize) -> Outcome<()> {
    let mut results = Vec::new();
    for (index, workload) in ALL.into_iter().enumerate() {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds.max(1) {
            let me = std::env::current_exe()?;
            let mine = output(Command::new(me).args(["run", &index.to_string()]))?;
            let (program, arguments) = workload.other(&mine);
            let other = output(Command::new(programs.join(program)).args(arguments))?;
            let moved = |run: &Value| run["bytes"].as_u64().unwrap_or(0) as f64;
            let apart = (moved(&mine) / moved(&other) - 1.0).abs();
            if apart.is_nan() || apart > workload.tolerance() {
                let name = workload.name();
                return Err(format!("{name}: the sides moved {mine} and {other}").into());
            }
            ours.push(mine);
            theirs.push(other);
        }
        results.push(row(workload, &ours, &theirs));
    }
    table(&results);
    say(&serde_json::to_string_pretty(&results)?);
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

fn row(workload: Workload, ours: &[Value], theirs: &[Value]) -> Value {
    let side = |runs: &[Value]| {
        json!({
            "packets_per_cpu_s": median(runs, |r| number(r, "packets") / number(r, "cpu_s")),
            "events_per_packet": median(runs, |r| number(r, "events") / number(r, "packets")),
            "max_rss_kib": median(runs, |r| number(r, "max_rss_kib")),
            "bytes": median(runs, |r| number(r, "bytes")),
            "runs": runs.len(),
        })
    };
    let (ecsnet, ns3) = (side(ours), side(theirs));
    let ratio = number(&ecsnet, "packets_per_cpu_s") / number(&ns3, "packets_per_cpu_s");
    json!({ "workload": workload.name(), "ecsnet": ecsnet, "ns3": ns3, "ratio": ratio })
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or(f64::NAN)
}

fn median(runs: &[Value], of: impl Fn(&Value) -> f64) -> f64 {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn table(rows: &[Value]) {
    say(&format!(
        "{:<34}{:>12}{:>12}{:>8}{:>10}{:>10}",
        "packets per CPU second", "ecsnet", "ns-3", "ratio", "MiB", "ns-3 MiB"
    ));
    for row in rows {
        let rate = |side: &str| number(&row[side], "packets_per_cpu_s");
        let mib = |side: &str| number(&row[side], "max_rss_kib") / 1024.0;
        say(&format!(
            "{:<34}{:>12.0}{:>12.0}{:>8.1}{:>10.0}{:>10.0}",
            row["workload"].as_str().unwrap_or_default(),
            rate("ecsnet"),
            rate("ns3"),
            number(row, "ratio"),
            mib("ecsnet"),
            mib("ns3"),
        ));
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]
fn say(line: &str) {
    println!("{line}");
}

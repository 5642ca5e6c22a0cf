//! `ecsnet run`: one replication of one mode in detail.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use reports::{Provenance, Replication, ThreadRecord, WorkloadOutcome, WorkloadRun, format};
use scenarios::lower::{Lowered, lower};
use scenarios::run::{self, Planned, RunError};
use serde::Serialize;
use sim_net::verdict::DropReason;
use sim_net::world::Outcome;

use super::args::RunArgs;
use super::failure::{Failure, stdout_failed};
use super::input::{self, Loaded};
use super::output::Outputs;
use super::{capture, interrupt, threads};

/// `run.json`.
#[derive(Debug, Serialize)]
struct Detail<'a> {
    schema: &'static str,
    provenance: Provenance,
    mode: &'static str,
    placement: Vec<reports::PlacementRecord>,
    replication: &'a Replication,
    /// In no digest, and the only member that depends on `--threads`.
    threads: ThreadRecord,
}

/// Runs it.
pub(crate) fn main(args: &RunArgs) -> Result<(), Failure> {
    let mut loaded = input::load(&args.input)?;
    input::reseed(&mut loaded.scenario, &args.measure);
    let measure = input::measure(&loaded.scenario, &args.measure);
    let lowered = lower(&loaded.scenario, args.mode, &measure, loaded.policy)
        .map_err(|refusal| Failure::bad_input(format!("{} refused: {refusal}", args.mode)))?;
    let plan = match &lowered.crowded {
        _ if !args.neighbours => &lowered.plan,
        Some(crowded) => crowded,
        None => {
            return Err(Failure::with_help(
                "the scenario has no neighbours",
                "add [[neighbour]], or drop --neighbours",
            ));
        }
    };
    let seed = loaded.scenario.measure.seed;
    // Before the first file is opened: from here on an interrupt cleans up.
    let stop = interrupt::install();
    let mut outputs = Outputs::new();
    if let Some(path) = &args.pcap {
        outputs.open(path)?;
    }
    if let Some(folder) = &args.out {
        outputs.open_in(folder, &["run.json"])?;
    }
    input::warn_debug_build();
    let wanted = args.capture.as_deref().unwrap_or_default();
    let keep = |machine: &str| machine.contains(wanted);
    let capture = args.pcap.is_some().then_some(&keep as run::Capture<'_>);
    let planned = Planned {
        mode: lowered.mode,
        neighbours: args.neighbours,
        plan,
    };
    let given = threads::per_run(&args.threads, threads::jobs(None), 1);
    let outcome = run::execute_one(planned, seed, args.replication, given, capture, &stop)
        .map_err(|error| match error {
            RunError::Interrupted => Failure::Interrupted,
            other => Failure::Bug(other.to_string()),
        })?;
    let used = threads::record(given, &outcome.threads, outcome.events);
    threads::say(&args.threads, &used);
    let replication = run::replication(&outcome, args.replication, &measure);
    let mut next = 0;
    if args.pcap.is_some() {
        outputs.write(next, |out| capture::write(&outcome, out))?;
        next += 1;
    }
    if args.out.is_some() {
        let parts = (&outcome, &replication, used);
        let detail = detail(args, &loaded, &lowered, seed, parts);
        outputs.write(next, |out| {
            serde_json::to_writer_pretty(&mut *out, &detail)?;
            out.write_all(b"\n")
        })?;
    }
    let written = outputs.commit()?;
    let text = render(args, &lowered, &outcome, &replication, &written);
    io::stdout()
        .write_all(text.as_bytes())
        .or_else(|error| stdout_failed(&error))
}

fn detail<'a>(
    args: &RunArgs,
    loaded: &Loaded,
    lowered: &Lowered,
    seed: u64,
    (outcome, replication, threads): (&Outcome, &'a Replication, ThreadRecord),
) -> Detail<'a> {
    let mut words = vec!["ecsnet".to_owned(), "run".to_owned()];
    words.extend(loaded.words.iter().cloned());
    let (mode, number) = (args.mode.to_string(), args.replication.to_string());
    words.extend([
        "--mode".to_owned(),
        mode,
        "--replication".to_owned(),
        number,
    ]);
    words.extend(["--seed".to_owned(), seed.to_string()]);
    words.extend(args.neighbours.then(|| "--neighbours".to_owned()));
    words.extend(input::measure_words(&args.measure));
    let measure = lowered.plan.measure;
    Detail {
        schema: "ecsnet.run/1",
        provenance: input::provenance(loaded, &words, seed, 1, &measure, std::iter::once(lowered)),
        mode: args.mode.name(),
        placement: run::placement(lowered, &outcome.placements),
        replication,
        threads,
    }
}

/// Tasks whose place is shown.
const MOST_TASKS: usize = 100;

fn render(
    args: &RunArgs,
    lowered: &Lowered,
    outcome: &Outcome,
    replication: &Replication,
    written: &[PathBuf],
) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "mode {}, replication {}", args.mode, args.replication);
    let placement = run::placement(lowered, &outcome.placements);
    for placed in placement.iter().take(MOST_TASKS) {
        let _ = writeln!(
            text,
            "  {:<12} on {:<12} {}",
            placed.task, placed.host, placed.address
        );
    }
    if let Some(more @ 1..) = placement.len().checked_sub(MOST_TASKS) {
        let _ = writeln!(text, "  and {more} more tasks; run.json has all (--out)");
    }
    for (name, workload) in &replication.workloads {
        let _ = writeln!(text, "\n{name}: {}", headline(workload));
        hops(&mut text, workload);
    }
    let _ = writeln!(text, "\ndrops");
    if replication.drops.is_empty() {
        let _ = writeln!(text, "  none");
    }
    for (code, count) in &replication.drops {
        let reason = DropReason::ALL.iter().find(|reason| reason.code() == code);
        let why = reason
            .map(|reason| reason.description())
            .unwrap_or_default();
        let _ = writeln!(text, "  {count:>8}  {code}: {why}");
    }
    let frames = replication.frames;
    let _ = writeln!(
        text,
        "\nframes: {} sent = {} delivered + {} dropped + {} in flight\n{} events, digest {:016x}",
        frames.sent,
        frames.delivered,
        frames.dropped,
        frames.in_flight,
        replication.events,
        replication.digest,
    );
    for path in written {
        let _ = writeln!(text, "wrote {}", path.display());
    }
    text
}

fn headline(workload: &WorkloadRun) -> String {
    match &workload.outcome {
        WorkloadOutcome::Isolated { reason } => return format!("isolated: {reason}"),
        WorkloadOutcome::Unreachable { reason } => return format!("unreachable: {reason}"),
        WorkloadOutcome::Measured => {}
    }
    let mut text = format!("{} answered", workload.requests_ok);
    let latency = &workload.latency;
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        if let Some(ns) = latency.value_at(quantile) {
            let _ = write!(text, ", {name} {}", format::nanoseconds(ns as f64));
        }
    }
    let _ = write!(text, ", {} payload bytes", workload.bytes);
    for (reason, count) in &workload.errors {
        let _ = write!(text, ", {count} {reason}");
    }
    if let Some(source) = &workload.source_seen {
        let _ = write!(text, ", client seen as {source}");
    }
    text
}

fn hops(text: &mut String, workload: &WorkloadRun) {
    if workload.hops.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "  {:<36} {:>10} {:>12} {:>14}",
        "hop", "visits", "each", "together"
    );
    for hop in &workload.hops {
        let each = hop.total_ps / hop.visits.max(1) / 1000;
        let _ = writeln!(
            text,
            "  {:<36} {:>10} {:>12} {:>14}",
            hop.component,
            hop.visits,
            format::nanoseconds(each as f64),
            format::nanoseconds((hop.total_ps / 1000) as f64),
        );
    }
}

//! `ecsnet compare`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reports::{Experiment, ModeRecord, Performance, Replication, Results};
use scenarios::assert;
use scenarios::ecs::Mode;
use scenarios::lower::lower;
use scenarios::run::{
    LoweredMode, RunError, Settings, default_baseline, experiment, runs_per_replication,
};
use sim_core::ThreadUse;
use sim_net::plan::MeasurePlan;

use super::args::CompareArgs;
use super::failure::{Failure, colour_on, stdout_failed};
use super::input::{self, Loaded};
use super::reach::disagreement;
use super::terminal::{DEFAULT_COLUMNS, columns};
use super::{interrupt, output::Outputs, progress, threads};

/// The files of a comparison, in the order in which they are opened and written.
const FILES: [&str; 3] = ["report.html", "results.json", "summary.csv"];

/// Compares the modes.
pub(crate) fn main(args: &CompareArgs) -> Result<(), Failure> {
    let mut loaded = input::load(&args.input)?;
    input::reseed(&mut loaded.scenario, &args.measure);
    let modes = in_order(&args.modes);
    let measure = input::measure(&loaded.scenario, &args.measure);
    let lowered: Vec<LoweredMode> = modes
        .iter()
        .map(|&mode| (mode, lower(&loaded.scenario, mode, &measure, loaded.policy)))
        .collect();
    let replications = args
        .replications
        .unwrap_or(loaded.scenario.measure.replications);
    let runs = runs_per_replication(&lowered) as u64 * u64::from(replications);
    let jobs = threads::jobs(args.jobs);
    let settings = Settings {
        baseline: baseline(args, &modes, &lowered)?,
        replications,
        seed: loaded.scenario.measure.seed,
        jobs,
        threads: threads::per_run(&args.threads, jobs, runs),
    };
    // Before the first file is opened: from here on an interrupt cleans up.
    let stop = interrupt::install();
    let mut outputs = Outputs::new();
    outputs.open_in(&args.out, &FILES)?;
    if !args.quiet {
        input::warn_debug_build();
        if args.check && loaded.scenario.checks.is_empty() {
            eprintln!("warning: the scenario has no [[check]]: nothing can fail");
        }
    }
    let bar = progress::bar(runs, args.quiet);
    let provenance = provenance(args, &loaded, &lowered, &settings, &measure);
    let clock = Clock::start();
    let scenario = &loaded.scenario;
    let used = Mutex::new(ThreadUse::default());
    let tick = |threads: ThreadUse| {
        bar.inc(1);
        lock(&used).merge(&threads);
    };
    let record = experiment(scenario, &lowered, &settings, provenance, &stop, &tick);
    let elapsed = clock.elapsed();
    bar.finish_and_clear();
    let record = record.map_err(|error| run_failed(error, args))?;
    let mut results = reports::compare(&record);
    results.checks = assert::evaluate(&scenario.checks, &record, &results);
    let used = *lock(&used);
    let performance = performance(&record, elapsed, settings.threads, &used);
    if !args.quiet {
        threads::say(&args.threads, &performance.threads);
    }
    write(&mut outputs, &record, &results, &performance)?;
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    let written = outputs.commit()?;
    print(args, &results, &performance, &written)?;
    if args.check {
        return judge(args, &results);
    }
    Ok(())
}

/// Fails if a check does not hold; says which where the tables have not.
fn judge(args: &CompareArgs, results: &Results) -> Result<(), Failure> {
    let failed: Vec<_> = results.checks.iter().filter(|c| !c.passed).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let said = !args.quiet && !args.json;
    let shown = failed.iter().filter(|_| !said);
    Err(Failure::Checks {
        failed: failed.len(),
        all: results.checks.len(),
        lines: shown
            .map(|check| reports::terminal::check_line(check))
            .collect(),
    })
}

/// Each mode once, in the order of reports.
pub(crate) fn in_order(modes: &[Mode]) -> Vec<Mode> {
    Mode::ALL
        .into_iter()
        .filter(|mode| modes.contains(mode))
        .collect()
}

fn baseline(args: &CompareArgs, modes: &[Mode], lowered: &[LoweredMode]) -> Result<Mode, Failure> {
    match args.baseline {
        Some(mode) if !modes.contains(&mode) => Err(Failure::with_help(
            format!("the baseline `{mode}` is not among the modes to compare"),
            "add it to --modes, or choose another one with --baseline",
        )),
        Some(mode) => Ok(mode),
        None => default_baseline(lowered)
            .ok_or_else(|| Failure::bad_input("--modes names no mode to compare")),
    }
}

fn lock(used: &Mutex<ThreadUse>) -> MutexGuard<'_, ThreadUse> {
    used.lock().unwrap_or_else(PoisonError::into_inner)
}

fn provenance(
    args: &CompareArgs,
    loaded: &Loaded,
    lowered: &[LoweredMode],
    settings: &Settings,
    measure: &MeasurePlan,
) -> reports::Provenance {
    let mut words = vec!["ecsnet".to_owned(), "compare".to_owned()];
    words.extend(loaded.words.iter().cloned());
    let modes: Vec<_> = lowered.iter().map(|(mode, _)| mode.name()).collect();
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--modes", modes.join(","));
    option("--baseline", settings.baseline.to_string());
    option("--replications", settings.replications.to_string());
    option("--seed", settings.seed.to_string());
    words.extend(input::measure_words(&args.measure));
    let modes = lowered
        .iter()
        .filter_map(|(_, lowered)| lowered.as_ref().ok());
    input::provenance(
        loaded,
        &words,
        settings.seed,
        settings.replications,
        measure,
        modes,
    )
}

fn run_failed(error: RunError, args: &CompareArgs) -> Failure {
    match &error {
        RunError::Interrupted => Failure::Interrupted,
        RunError::Disagreement {
            mode,
            contradiction,
        } => disagreement(mode.name(), contradiction),
        RunError::Panicked {
            mode,
            neighbours,
            replication,
            seed,
            ..
        } => {
            let mut words = input::words(&args.input);
            words.extend(input::measure_words(&args.measure));
            words.extend([format!("--mode={mode}"), format!("--seed={seed}")]);
            words.push(format!("--replication={replication}"));
            if *neighbours {
                words.push("--neighbours".to_owned());
            }
            let words: Vec<_> = words.iter().map(|word| input::shell_word(word)).collect();
            Failure::Bug(format!(
                "{error}\nto see it again: ecsnet run {}",
                words.join(" ")
            ))
        }
        RunError::Threads(_) => Failure::bad_input(error.to_string()),
        _ => Failure::Bug(error.to_string()),
    }
}

/// Without and with neighbours.
fn all_runs(mode: &ModeRecord) -> impl Iterator<Item = &Replication> {
    mode.replications.iter().chain(&mode.crowded)
}

fn performance(
    record: &Experiment,
    elapsed: Duration,
    threads: usize,
    used: &ThreadUse,
) -> Performance {
    let runs = || record.modes.values().flat_map(all_runs);
    let events = runs().map(|run| run.events).sum();
    let frames = runs().map(|run| run.frames.sent).sum();
    let wall_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
    let per_second = |count: u64| {
        let rate = u128::from(count) * 1_000_000_000 / u128::from(wall_ns.max(1));
        u64::try_from(rate).unwrap_or(u64::MAX)
    };
    let (events_per_s, frames_per_s) = (per_second(events), per_second(frames));
    Performance {
        wall_ns,
        events,
        frames,
        events_per_s,
        frames_per_s,
        threads: threads::record(threads, used, events),
    }
}

fn write(
    outputs: &mut Outputs,
    record: &Experiment,
    results: &Results,
    performance: &Performance,
) -> Result<(), Failure> {
    let page = reports::html::render(record, results);
    outputs.write(0, |out| out.write_all(page.as_bytes()))?;
    outputs.write(1, |out| {
        reports::json::write(results, Some(performance), out)
    })?;
    outputs.write(2, |out| reports::csv::write(results, out))
}

fn print(
    args: &CompareArgs,
    results: &Results,
    performance: &Performance,
    written: &[PathBuf],
) -> Result<(), Failure> {
    if args.quiet {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    let done = if args.json {
        reports::json::write(results, Some(performance), &mut out)
    } else {
        let tables =
            reports::terminal::render(results, columns(DEFAULT_COLUMNS), colour_on(&io::stdout()));
        let names: Vec<_> = written
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        out.write_all(tables.as_bytes()).and_then(|()| {
            let Performance {
                wall_ns,
                events,
                events_per_s,
                ..
            } = performance;
            let seconds = Duration::from_nanos(*wall_ns).as_secs_f64();
            match events {
                0 => writeln!(out, "\nno event: the scenario has no load to simulate"),
                _ => writeln!(
                    out,
                    "\n{events} events in {seconds:.1} s ({events_per_s} per second)"
                ),
            }?;
            writeln!(out, "wrote {}", names.join(", "))
        })
    };
    done.or_else(|error| stdout_failed(&error))
}

/// The wall clock, for how fast the simulator is; no result sees it.
#[expect(
    clippy::disallowed_types,
    reason = "wall time is reported apart from the results"
)]
struct Clock(std::time::Instant);

#[expect(
    clippy::disallowed_types,
    reason = "wall time is reported apart from the results"
)]
impl Clock {
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use reports::reach::{Explanation, LegName, VerdictRecord, ViaName};
    use scenarios::reach::Contradiction;

    use super::*;
    use crate::cli::args::{Cli, Command};

    #[test]
    fn a_disagreement_is_a_bug_that_names_the_pair() {
        let explanation = Explanation {
            mode: String::new(),
            from: "web/0".to_owned(),
            to: "api/0:9090".to_owned(),
            address: "10.0.0.7:9090".to_owned(),
            via: ViaName::Own,
            protocol: "tcp".to_owned(),
            verdict: VerdictRecord {
                code: "refused".to_owned(),
                description: String::new(),
                leg: LegName::Return,
            },
            hops: Vec::new(),
            remedy: None,
        };
        let error = RunError::Disagreement {
            mode: Mode::Bridge,
            contradiction: Box::new(Contradiction {
                explanation,
                packets: "reached".to_owned(),
                others: 2,
            }),
        };
        let Command::Compare(args) = Cli::parse_from(["ecsnet", "compare"]).command else {
            panic!("another command");
        };
        let Failure::Bug(said) = run_failed(error, &args) else {
            panic!("another failure");
        };
        for words in ["bridge: web/0 to api/0:9090", "the packets found reached"] {
            assert!(said.contains(words), "no {words:?} in {said}");
        }
    }
}

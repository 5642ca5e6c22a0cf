//! Runs an experiment: every mode, every replication, over as many threads as there are.
//!
//! A run depends on its plan, the master seed and its number alone, and results are collected by
//! their place in the list of runs, so that threads have no influence on any of them. The list is in
//! replication-major order: whoever adds replications later runs the same ones first.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use reports::Replication;
use sim_core::ThreadUse;
use sim_net::plan::{Mode, Plan};
use sim_net::world::Outcome;

use crate::reach::Contradiction;

mod convert;
mod experiment;
mod isolation;

pub use convert::replication;
pub use experiment::{
    LoweredMode, Settings, default_baseline, experiment, placement, runs_per_replication,
};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// What is run: a plan of each mode, and one with neighbours where there are any.
    pub plans: &'a [Planned<'a>],
    /// How many replications of each.
    pub replications: u32,
    /// Master seed.
    pub seed: u64,
    /// How many runs at once.
    pub jobs: usize,
    /// How many threads share one run, where it pays.
    pub threads: usize,
}

/// A plan, and what it is a plan of.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// The mode.
    pub mode: Mode,
    /// Whether the neighbours' load is part of it.
    pub neighbours: bool,
    /// The plan.
    pub plan: &'a Plan,
}

/// One finished run.
#[derive(Debug)]
pub struct Run {
    /// What it leaves behind.
    pub replication: Replication,
    /// Under which address each task was reached, by name of the task.
    pub addresses: Vec<sim_net::world::TaskAddress>,
}

/// Why an experiment did not end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The stop flag was raised.
    #[error("interrupted")]
    Interrupted,
    /// The plan cannot be built into a world. Validation should have said so before.
    #[error("{mode}: {message}")]
    Build {
        /// The mode.
        mode: Mode,
        /// What is wrong with the plan.
        message: String,
    },
    /// An invariant of the simulator did not hold.
    #[error("{mode}{}, replication {replication}, seed {seed}: {message}", if *.neighbours { " with neighbours" } else { "" })]
    Panicked {
        /// The mode.
        mode: Mode,
        /// Whether the neighbours' load ran.
        neighbours: bool,
        /// The replication.
        replication: u32,
        /// The master seed.
        seed: u64,
        /// What did not hold.
        message: String,
    },
    /// Rules and packets disagree about who reaches whom.
    #[error("{mode}: {contradiction}")]
    Disagreement {
        /// The mode.
        mode: Mode,
        /// The attempt, and both findings.
        contradiction: Box<Contradiction>,
    },
    /// The threads could not be started.
    #[error("cannot start the threads: {0}")]
    Threads(String),
}

/// Runs all, and gives for each plan its runs in order of replication. `on_run` is called after each
/// run, from any thread, with what threads have done for it.
///
/// # Errors
/// If the stop flag was raised, or the first run in the list that failed.
pub fn execute(
    matrix: &Matrix<'_>,
    stop: &Arc<AtomicBool>,
    on_run: &(dyn Fn(ThreadUse) + Sync),
) -> Result<Vec<Vec<Run>>, RunError> {
    let Matrix {
        plans,
        replications,
        seed,
        jobs,
        threads,
    } = *matrix;
    let pool = pool(jobs)?;
    let list: Vec<(u32, usize)> = (0..replications)
        .flat_map(|number| (0..plans.len()).map(move |p| (number, p)))
        .collect();
    let failed = AtomicBool::new(false);
    let one = |&(number, index): &(u32, usize)| {
        if failed.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
        let planned = plans[index];
        let outcome = guarded(planned.mode, planned.neighbours, number, seed, || {
            simulate(planned, seed, number, threads, None, stop)
        });
        failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
        on_run(
            outcome
                .as_ref()
                .map_or_else(|_| ThreadUse::default(), |o| o.threads),
        );
        outcome.map(|outcome| Run {
            replication: replication(&outcome, number, &planned.plan.measure),
            addresses: outcome.placements,
        })
    };
    let runs: Vec<Result<Run, RunError>> = pool.install(|| list.par_iter().map(one).collect());
    // A run that failed makes others stop early; theirs is not the error to report.
    let first = runs.iter().filter_map(|run| run.as_ref().err());
    if let Some(error) = first.min_by_key(|error| **error == RunError::Interrupted) {
        return Err(error.clone());
    }
    let mut by_plan: Vec<Vec<Run>> = plans.iter().map(|_| Vec::new()).collect();
    for ((_, index), run) in list.into_iter().zip(runs) {
        by_plan[index].push(run?);
    }
    Ok(by_plan)
}

fn pool(jobs: usize) -> Result<rayon::ThreadPool, RunError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build()
        .map_err(|error| RunError::Threads(error.to_string()))
}

/// Says of a machine, by its name, whether its packets are to be captured.
pub type Capture<'a> = &'a dyn Fn(&str) -> bool;

/// How many threads share one run: as many as there are for each where runs are fewer than cores,
/// else one. Whole runs side by side never wait for each other.
#[must_use]
pub fn threads_per_run(cores: usize, runs: usize) -> usize {
    (cores / runs.max(1)).max(1)
}

/// Runs one replication of one plan on so many threads, with the packets of some machines captured.
///
/// # Errors
/// As [`execute`].
pub fn execute_one(
    planned: Planned<'_>,
    seed: u64,
    number: u32,
    threads: usize,
    capture: Option<Capture<'_>>,
    stop: &Arc<AtomicBool>,
) -> Result<Outcome, RunError> {
    guarded(planned.mode, planned.neighbours, number, seed, || {
        simulate(planned, seed, number, threads, capture, stop)
    })
}

fn simulate(
    planned: Planned<'_>,
    seed: u64,
    number: u32,
    threads: usize,
    capture: Option<Capture<'_>>,
    stop: &Arc<AtomicBool>,
) -> Result<Outcome, RunError> {
    let Planned { mode, plan, .. } = planned;
    let mut world = sim_net::build::build(plan, seed, number).map_err(|error| RunError::Build {
        mode,
        message: error.to_string(),
    })?;
    world.set_threads(threads);
    if let Some(keep) = capture {
        world.capture(keep);
    }
    let outcome = world.run(stop);
    if outcome.interrupted {
        Err(RunError::Interrupted)
    } else {
        Ok(outcome)
    }
}

/// Turns a panic into an error that says which run it was.
fn guarded(
    mode: Mode,
    neighbours: bool,
    number: u32,
    seed: u64,
    run: impl FnOnce() -> Result<Outcome, RunError>,
) -> Result<Outcome, RunError> {
    // What the closure touches is dropped with it: nothing broken can be seen afterwards.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic_message(panic.as_ref());
        Err(RunError::Panicked {
            mode,
            neighbours,
            replication: number,
            seed,
            message,
        })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_a_run_where_runs_are_fewer_than_cores() {
        let per_run = |cores, runs| threads_per_run(cores, runs);
        assert_eq!([per_run(2, 1), per_run(8, 3), per_run(8, 0)], [2, 2, 8]);
        assert_eq!([per_run(2, 2), per_run(2, 50), per_run(1, 1)], [1, 1, 1]);
    }

    #[test]
    fn a_panic_names_the_run_that_made_it() {
        let error = guarded(Mode::Bridge, false, 3, 7, || {
            panic!("sent {} frames too many", 2)
        });
        assert_eq!(
            error.err().map(|error| error.to_string()).as_deref(),
            Some("bridge, replication 3, seed 7: sent 2 frames too many")
        );
    }
}

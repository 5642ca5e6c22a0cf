//! Replications of the built-in scenario on two cores against one.

use std::sync::Arc;

use scenarios::builtin;
use scenarios::ecs::Mode;
use scenarios::lower::{Lowered, NonePolicy, lower};
use scenarios::run::{Matrix, Planned, execute};
use scenarios::toml::read_scenario;
use serde_json::Value;
use sim_core::SimDuration;

use super::{Outcome, alternate, timed};

/// Takes the figure.
///
/// # Errors
/// If a run fails.
pub fn figure(rounds: usize) -> Outcome<Value> {
    let lowered = lowered(SimDuration::from_secs(1))?;
    let plans: Vec<_> = lowered
        .iter()
        .map(|lowered| Planned {
            mode: lowered.mode,
            neighbours: false,
            plan: &lowered.plan,
        })
        .collect();
    let work = |jobs: usize| {
        let matrix = Matrix {
            plans: &plans,
            replications: 10,
            seed: 1,
            jobs,
            threads: 1,
        };
        let (done, elapsed) = timed(|| execute(&matrix, &Arc::default(), &|_| ()));
        done?;
        Ok(elapsed)
    };
    alternate(
        "40 runs of the built-in scenario, 1 job / 2 jobs",
        rounds,
        || work(1),
        || work(2),
    )
}

/// The built-in scenario in each mode that has a network.
///
/// # Errors
/// If it is not one that a mode carries.
pub fn lowered(duration: SimDuration) -> Outcome<Vec<Lowered>> {
    let measure = sim_net::plan::MeasurePlan {
        warmup: SimDuration::from_ms(100),
        duration,
        cooldown: SimDuration::ZERO,
    };
    let text = builtin::library(builtin::DEFAULT)?;
    let (scenario, _) = read_scenario(builtin::DEFAULT, &text, &builtin::library)
        .map_err(|reports| format!("the built-in scenario is valid: {reports:?}"))?;
    [Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate]
        .into_iter()
        .map(|mode| {
            lower(&scenario, mode, &measure, NonePolicy::WithoutPorts)
                .map_err(|refusal| refusal.to_string().into())
        })
        .collect()
}

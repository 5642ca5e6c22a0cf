//! A hundred pairs of containers and ten thousand: what a frame costs.

use serde_json::{Value, json};
use sim_core::SimDuration;

use super::child::{Scaling, cpu_s};
use super::{Outcome, say};
use crate::peers;

const PAIRS: [usize; 2] = [100, 10_000];

/// Pairs on two instances, at most: a bridge has 1,023 ports.
const PAIRS_PER_INSTANCE: usize = 1000;

/// Takes it.
///
/// # Errors
/// If a world does not run.
pub fn figure(rounds: usize) -> Outcome<Value> {
    let scaling = Scaling {
        figure: "cost per frame, 10,000 pairs / 100",
        one: "pairs-one",
        per: "frames",
        sizes: PAIRS,
    };
    scaling.figure(rounds)
}

/// Runs one world in this process and prints what it took: one to two million frames.
///
/// # Errors
/// If CPU time cannot be read.
pub fn one(pairs: usize) -> Outcome<()> {
    let ms = if pairs > 1000 { 40 } else { 700 };
    let instances = pairs.div_ceil(PAIRS_PER_INSTANCE);
    let time = SimDuration::from_ms(ms);
    let world = crate::world(&peers::requests_among(pairs, instances, time));
    let cpu = cpu_s()?;
    let outcome = crate::run(world);
    let cpu = cpu_s()? - cpu;
    say(&json!({ "frames": outcome.frames.delivered, "cpu_s": cpu }).to_string());
    Ok(())
}

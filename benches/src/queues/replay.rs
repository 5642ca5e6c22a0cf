//! What real runs ask of their queues, asked again of other queues.

use sim_core::{QueueOperation as Operation, SimDuration};

use super::Queue;

/// What the busiest queue of a run was asked, and how many events pended.
pub struct Trace {
    /// The workload.
    pub name: &'static str,
    /// In order.
    pub operations: Vec<Operation>,
    /// How many of them pushed.
    pub pushes: u64,
    /// The most that pended at once.
    pub most: usize,
    /// What pended at a push, on average.
    pub mean: f64,
}

/// Most operations of a trace: the first of a longer one.
const LONGEST: usize = 1_000_000;

/// A trace of each workload that the simulator is held against others on, and of the built-in
/// scenario in bridge mode.
///
/// # Errors
/// If the built-in scenario is not one that bridge mode carries.
pub fn traces() -> crate::figures::Outcome<Vec<Trace>> {
    use crate::peers;
    let ms = SimDuration::from_ms;
    let built_in = crate::figures::replications::lowered(ms(1000))?;
    let plans = [
        ("W1 bulk", peers::bulk(64 << 20)),
        ("W2 request/response, N = 10", peers::requests(10, ms(500))),
        (
            "W2 request/response, N = 1000",
            peers::requests(1000, ms(10)),
        ),
        ("W3 incast", peers::incast(1000, 10, ms(50))),
        ("the built-in scenario", built_in[0].plan.clone()),
    ];
    Ok(plans.map(|(name, plan)| trace(name, &plan)).into())
}

fn trace(name: &'static str, plan: &sim_net::plan::Plan) -> Trace {
    let traces = crate::world(plan).queue_traces();
    let mut operations = traces.into_iter().max_by_key(Vec::len).unwrap_or_default();
    operations.truncate(LONGEST);
    let mut queue = sim_core::EventQueue::new();
    let (mut pushes, mut most, mut sum) = (0_u64, 0, 0.0);
    for operation in &operations {
        match *operation {
            Operation::Push(key) => {
                queue.push(key, ());
                pushes += 1;
                most = most.max(queue.len());
                sum += queue.len() as f64;
            }
            Operation::PopBefore(end) => drop(queue.pop_before(end)),
        }
    }
    Trace {
        name,
        operations,
        pushes,
        most,
        mean: sum / pushes as f64,
    }
}

/// Asks a queue of this kind the same. A checksum over what it gives.
#[must_use]
pub fn replay<Q: Queue>(trace: &Trace) -> u64 {
    let (mut queue, mut sum) = (Q::default(), 0_u64);
    for operation in &trace.operations {
        match *operation {
            Operation::Push(key) => queue.push(key, [u64::from(key.seq); 3]),
            Operation::PopBefore(end) => match queue.pop_before(end) {
                Some((key, event)) => {
                    sum = sum.rotate_left(5) ^ key.at.as_ps() ^ event[0];
                }
                // The end of a window: the agenda wants to know when the next event is.
                None => sum ^= queue.peek_time().map_or(0, sim_core::SimTime::as_ps),
            },
        }
    }
    sum
}

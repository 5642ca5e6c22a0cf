//! One run of 64 instances on two threads against one.

use std::time::Duration;

use scenarios::lower::{NonePolicy, lower};
use scenarios::toml::read_scenario;
use serde_json::{Value, json};
use sim_core::{Sharing, SimDuration, ThreadUse};
use sim_net::plan::{Mode, Plan};
use sim_net::world::Outcome as Run;

use super::{Outcome, alternate, timed};
use crate::peers::whole;

/// Instances of the run.
pub const INSTANCES: usize = 64;

/// As many servers as clients on so many instances, each client with one request under way.
///
/// # Panics
/// If the scenario is not one that bridge mode can carry.
#[must_use]
pub fn plan(instances: usize, clients: usize, latency: SimDuration, time: SimDuration) -> Plan {
    let text = format!(
        r#"
        [vpc]
        zones = ["a"]
        latency = {{ same_zone = "{latency}" }}

        [[capacity]]
        name = "instance"
        instance_type = "m5.xlarge"
        count = {instances}

        [[service]]
        name = "client"
        task_definition = "task.json"
        count = {clients}
        placement = [{{ type = "spread", field = "instanceId" }}]
        [[service]]
        name = "server"
        task_definition = "task.json"
        count = {clients}
        placement = [{{ type = "spread", field = "instanceId" }}]

        [[workload]]
        name = "request"
        from = ["client/app"]
        to = "server/app:8080"
        concurrency = 1
        connections = 1
        request_size = "100 B"
        response_size = "1 KiB"
        "#
    );
    let task = r#"{ "family": "task", "containerDefinitions": [
        { "name": "app", "image": "app", "memory": 16, "portMappings": [{ "containerPort": 8080 }] }] }"#;
    let (scenario, _) = read_scenario("instances.toml", &text, &|_| Ok(task.to_owned()))
        .unwrap_or_else(|reports| panic!("the scenario is valid: {reports:?}"));
    lower(&scenario, Mode::Bridge, &whole(time), NonePolicy::AsWritten)
        .expect("the mode carries the scenario")
        .plan
}

/// Runs the plan on so many threads.
#[must_use]
pub fn run(plan: &Plan, threads: usize, sharing: Sharing) -> (Run, Duration) {
    let mut world = crate::world(plan);
    world.set_threads(threads);
    world.set_sharing(sharing);
    timed(|| crate::run(world))
}

/// Takes the figure.
///
/// # Errors
/// If the two runs are not the same run.
pub fn figure(rounds: usize) -> Outcome<Value> {
    let plan = plan(
        INSTANCES,
        4 * INSTANCES,
        SimDuration::from_us(75),
        SimDuration::from_ms(40),
    );
    let (alone, _) = run(&plan, 1, Sharing::WherePaid);
    let mut used = ThreadUse::default();
    let mut row = alternate(
        "single run, 64 instances, 1 thread / 2 threads",
        rounds,
        || Ok(run(&plan, 1, Sharing::WherePaid).1),
        || {
            let (together, elapsed) = run(&plan, 2, Sharing::WherePaid);
            used = together.threads;
            if together.digest != alone.digest || together.events != alone.events {
                return Err("two threads have run another world than one".into());
            }
            Ok(elapsed)
        },
    )?;
    row["events"] = json!(alone.events);
    row["windows"] = json!(used.windows);
    row["shared_events"] = json!(used.shared_events);
    // What the longest way through the windows allows, if meetings cost nothing.
    let longest = alone.events - used.shared_events + used.busiest_events;
    row["most"] = json!(alone.events as f64 / longest as f64);
    Ok(row)
}

/// Where the break-even lies: the ratio by events per window.
///
/// # Errors
/// If the kernel does not say what CPU time was used.
pub fn break_even(rounds: usize) -> Outcome<Vec<Value>> {
    let mut rows = Vec::new();
    for clients in [2, 4, 8, 16, 32, 64] {
        let latency = SimDuration::from_us(75);
        let time = SimDuration::from_ms(3200 / clients as u64);
        let plan = plan(8, clients, latency, time);
        let (alone, _) = run(&plan, 1, Sharing::WherePaid);
        let per_window = alone.events as f64 / alone.threads.windows as f64;
        let figure = format!("{per_window:.1} events a window, 1 thread / 2 threads");
        rows.push(alternate(
            &figure,
            rounds,
            || Ok(run(&plan, 1, Sharing::WherePaid).1),
            || Ok(run(&plan, 2, Sharing::Always).1),
        )?);
    }
    Ok(rows)
}

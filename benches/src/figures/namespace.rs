//! One namespace in host mode with ten connections and with ten thousand: what a request costs.

use serde_json::{Value, json};
use sim_core::SimDuration;
use sim_net::headers::Protocol;
use sim_net::plan::{
    Arrivals, Connections, Load, Place, Plan, RequestPlan, ServiceTime, Target, WorkloadKind,
    WorkloadPlan,
};

use super::child::{Scaling, cpu_s};
use super::{Outcome, say};
use crate::peers;

const CONNECTIONS: [usize; 2] = [10, 10_000];

/// Simulated milliseconds; as many requests for each number of connections.
const TIME_MS: u64 = 2000;
const REQUESTS_PER_S: u64 = 100_000;

/// Machines that ask: each has ports for as many connections to one address.
const CLIENTS: usize = 10;

/// Takes it.
///
/// # Errors
/// If a world does not run.
pub fn figure(rounds: usize) -> Outcome<Value> {
    let scaling = Scaling {
        figure: "host-mode namespace, 10,000 connections / 10",
        one: "namespace-one",
        per: "requests",
        sizes: CONNECTIONS,
    };
    scaling.figure(rounds)
}

/// Runs one world in this process and prints what it took.
///
/// # Errors
/// If CPU time cannot be read.
pub fn one(connections: usize) -> Outcome<()> {
    let world = crate::world(&plan(connections));
    let cpu = cpu_s()?;
    let outcome = crate::run(world);
    let requests: u64 = outcome.workloads.iter().map(|w| w.ok).sum();
    say(&json!({ "requests": requests, "cpu_s": cpu_s()? - cpu }).to_string());
    Ok(())
}

/// Connections to a program in the namespace of an instance, from ideal machines.
fn plan(connections: usize) -> Plan {
    let time = SimDuration::from_ms(TIME_MS);
    // Its workload is replaced; its instance is what is asked.
    let mut plan = peers::incast(CLIENTS, 1, time);
    plan.workloads = vec![WorkloadPlan {
        name: "request".to_owned(),
        from: (0..CLIENTS).map(Place::Host).collect(),
        to: vec![Target {
            place: Place::Instance(0),
            port: 5001,
        }],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Request(RequestPlan {
            load: Load::Open(Arrivals::Poisson {
                mean_gap: SimDuration::from_ps(1_000_000_000_000 / REQUESTS_PER_S),
            }),
            request: sim_core::ByteSize::from_bytes(peers::REQUEST),
            response: sim_core::ByteSize::from_bytes(peers::RESPONSE),
            connections: Connections::KeepAlive(connections / CLIENTS),
            service_time: ServiceTime::Constant(SimDuration::ZERO),
            calls: Vec::new(),
            timeout: SimDuration::from_secs(1),
        }),
    }];
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_namespaces_answer_as_many_requests() {
        let answered = CONNECTIONS.map(|connections| {
            let mut plan = plan(connections);
            plan.measure.duration = SimDuration::from_ms(50);
            crate::run(crate::world(&plan)).workloads[0].ok
        });
        assert!(answered[0] > 4000, "{answered:?}");
        assert!(answered[0].abs_diff(answered[1]) < 500, "{answered:?}");
    }
}

//! Loads: from parties and rates to programs and gaps.

use std::ops::Range;

use sim_core::{PacketRate, SimDuration};
use sim_net::plan::{
    Arrivals, CallPlan, Connections, Direction, Load, Place, RequestPlan, ServiceTime, Target,
    WorkloadKind, WorkloadPlan,
};

use crate::toml::{self, Party, Scenario};

use super::hosts;
use super::ports::transport;

/// Which tasks and which machines the parties of a scenario are.
struct Parties<'a> {
    /// Indices of the tasks of each service.
    tasks: &'a [Vec<usize>],
    /// Indices of the machines of each interface endpoint.
    endpoints: Vec<Range<usize>>,
}

/// Workloads of a scenario; `tasks` are the indices of the tasks of each service.
pub(super) fn lower<'a>(
    scenario: &Scenario,
    workloads: impl IntoIterator<Item = &'a toml::Workload>,
    tasks: &[Vec<usize>],
) -> Vec<WorkloadPlan> {
    let parties = Parties {
        tasks,
        endpoints: hosts::of_endpoints(scenario),
    };
    let workloads = workloads.into_iter();
    workloads.map(|workload| one(workload, &parties)).collect()
}

fn one(workload: &toml::Workload, parties: &Parties<'_>) -> WorkloadPlan {
    WorkloadPlan {
        name: workload.name.clone(),
        from: workload
            .from
            .iter()
            .flat_map(|&party| places(party, parties))
            .collect(),
        to: targets(workload.to, parties),
        protocol: transport(workload.to.protocol),
        kind: kind(&workload.kind, parties),
    }
}

/// Where the programs of a party run.
fn places(party: Party, parties: &Parties<'_>) -> Vec<Place> {
    match party {
        Party::Client(index) => vec![Place::Host(index)],
        Party::Endpoint(index) => parties.endpoints[index].clone().map(Place::Host).collect(),
        Party::Container { service, container } => parties.tasks[service]
            .iter()
            .map(|&task| Place::Container { task, container })
            .collect(),
    }
}

fn targets(target: toml::Target, parties: &Parties<'_>) -> Vec<Target> {
    let port = target.port;
    places(target.party, parties)
        .into_iter()
        .map(|place| Target { place, port })
        .collect()
}

fn kind(kind: &toml::WorkloadKind, parties: &Parties<'_>) -> WorkloadKind {
    match kind {
        toml::WorkloadKind::Bulk {
            flows,
            direction,
            size,
        } => WorkloadKind::Bulk {
            flows: *flows as usize,
            bytes: *size,
            direction: match direction {
                toml::Direction::Upload => Direction::Upload,
                toml::Direction::Download => Direction::Download,
            },
        },
        toml::WorkloadKind::PingPong {
            size,
            interval,
            timeout,
        } => WorkloadKind::Request(RequestPlan {
            load: Load::Closed {
                concurrency: 1,
                think: *interval,
            },
            request: *size,
            response: *size,
            connections: Connections::KeepAlive(1),
            service_time: ServiceTime::Constant(SimDuration::ZERO),
            calls: Vec::new(),
            timeout: *timeout,
        }),
        toml::WorkloadKind::Request {
            load,
            request,
            response,
            service_time: time,
            connections,
            timeout,
            calls,
        } => WorkloadKind::Request(RequestPlan {
            load: self::load(load),
            request: *request,
            response: *response,
            connections: match connections {
                toml::Connections::KeepAlive(count) => Connections::KeepAlive(*count as usize),
                toml::Connections::PerRequest => Connections::PerRequest,
            },
            service_time: service_time(*time),
            calls: calls.iter().map(|call| self::call(call, parties)).collect(),
            timeout: *timeout,
        }),
    }
}

fn call(call: &toml::Call, parties: &Parties<'_>) -> CallPlan {
    CallPlan {
        to: targets(call.to, parties),
        request: call.request,
        response: call.response,
        service_time: service_time(call.service_time),
    }
}

fn load(load: &toml::Load) -> Load {
    match *load {
        toml::Load::Closed {
            concurrency,
            think_time,
        } => Load::Closed {
            concurrency: concurrency as usize,
            think: think_time,
        },
        toml::Load::Open { rate, arrivals } => Load::Open(match arrivals {
            toml::Arrivals::Poisson => Arrivals::Poisson {
                mean_gap: gap(rate, 1),
            },
            toml::Arrivals::Constant => Arrivals::Constant { gap: gap(rate, 1) },
            toml::Arrivals::Bursty { size } => Arrivals::Bursty {
                mean_gap: gap(rate, size),
                size,
            },
        }),
    }
}

/// Time between bursts of `size` requests at this rate, rounded to the nearest picosecond.
fn gap(rate: PacketRate, size: u32) -> SimDuration {
    let per_second = u128::from(rate.pps());
    let ps = (u128::from(size) * 1_000_000_000_000 + per_second / 2) / per_second;
    SimDuration::from_ps(u64::try_from(ps).unwrap_or(u64::MAX))
}

fn service_time(time: toml::ServiceTime) -> ServiceTime {
    match time {
        toml::ServiceTime::Constant(time) => ServiceTime::Constant(time),
        toml::ServiceTime::Exponential(mean) => ServiceTime::Exponential(mean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_becomes_a_gap() {
        let rate = |per_second| PacketRate::per_second(per_second).unwrap();
        assert_eq!(gap(rate(2000), 1), SimDuration::from_us(500));
        assert_eq!(gap(rate(2000), 10), SimDuration::from_ms(5));
        assert_eq!(gap(rate(3), 1), SimDuration::from_ps(333_333_333_333));
    }
}

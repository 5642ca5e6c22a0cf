//! What is compared, with what, and how far ecsnet is to be ahead.

use benches::floor::{self, Moved, Work};
use benches::peers;
use sim_core::SimDuration;
use sim_net::plan::Plan;
use sim_net::world::Outcome;

/// Octets of W1.
const BULK: u64 = 256 << 20;
/// Clients and servers of W3.
const INCAST: (usize, u16) = (1000, 10);
/// Simulated milliseconds of W3.
const INCAST_MS: u64 = 200;

/// What a figure is to reach.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) least: f64,
    pub(crate) aim: f64,
}

impl Target {
    /// How a figure stands to its target, where more is better.
    pub(crate) fn verdict(self, figure: f64) -> &'static str {
        match figure {
            _ if figure >= self.aim => "aim met",
            _ if figure >= self.least => "met",
            _ => "missed",
        }
    }

    /// The same where less is better.
    pub(crate) fn verdict_of_cost(self, figure: f64) -> &'static str {
        let upside_down = Self {
            least: -self.least,
            aim: -self.aim,
        };
        upside_down.verdict(-figure)
    }
}

/// The same work on ecsnet, on ns-3, and for some on bare smoltcp.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) plan: fn() -> Plan,
    /// Packets that were delivered: to an end of a connection, or where they are cut on the wire.
    pub(crate) packets: fn(&Outcome) -> u64,
    /// Octets that programs have got.
    pub(crate) octets: fn(&Outcome) -> u64,
    /// The program of the other side and its arguments, for as many requests as ecsnet made.
    pub(crate) other: fn(u64) -> (&'static str, Vec<String>),
    /// How far the octets of the two sides may be apart.
    pub(crate) tolerance: f64,
    /// Packets per CPU second against ns-3.
    pub(crate) target: Target,
    pub(crate) floor: Option<Floor>,
}

/// A workload on bare smoltcp.
pub(crate) struct Floor {
    /// Cost per packet against the first of `cases`.
    pub(crate) target: Target,
    /// The first has ecsnet's buffers and does the same with the octets; the others show what that
    /// costs.
    pub(crate) cases: &'static [(&'static str, FloorCase)],
}

/// Moves as much as ecsnet did with so many requests.
pub(crate) type FloorCase = fn(u64) -> Moved;

/// Buffers of W1 and of W2, as `Buffers::for_bulk` and `Buffers::for_messages` have them.
const BULK_BUFFER: usize = 4 << 20;
const REQUEST_BUFFER: usize = 16 << 10;
/// Packets of W1 under way: two, since every second one is acknowledged. More are slower.
const FEW: usize = 2;

const FLOOR_BULK: Floor = Floor {
    target: FLOOR_TARGET,
    cases: &[
        ("4 MiB buffers, pattern written and compared", |_| {
            floor::bulk(BULK, BULK_BUFFER, FEW, Work::Pattern)
        }),
        ("the same, octets neither written nor read", |_| {
            floor::bulk(BULK, BULK_BUFFER, FEW, Work::Nothing)
        }),
        ("the same, buffers of 256 KiB", |_| {
            floor::bulk(BULK, 256 << 10, FEW, Work::Pattern)
        }),
        ("the same, a whole window under way", |_| {
            floor::bulk(BULK, BULK_BUFFER, usize::MAX, Work::Pattern)
        }),
    ],
};

const FLOOR_REQUEST: Floor = Floor {
    target: FLOOR_TARGET,
    cases: &[
        ("16 KiB buffers, pattern written and compared", |requests| {
            bare_requests(10, requests, Work::Pattern)
        }),
        ("the same, octets neither written nor read", |requests| {
            bare_requests(10, requests, Work::Nothing)
        }),
        ("the same, one pair", |requests| {
            bare_requests(1, requests, Work::Pattern)
        }),
    ],
};

const FLOOR_TARGET: Target = Target {
    least: 1.6,
    aim: 1.25,
};

fn bare_requests(pairs: usize, requests: u64, work: Work) -> Moved {
    let octets = [peers::REQUEST, peers::RESPONSE];
    let [request, response] = octets.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    floor::requests(pairs, requests, (request, response), REQUEST_BUFFER, work)
}

/// All of them.
pub(crate) const ALL: &[Workload] = &[
    Workload {
        name: "W1 bulk",
        plan: || peers::bulk(BULK),
        packets: delivered,
        octets: transferred,
        other: bulk_program,
        tolerance: 0.0,
        target: Target {
            least: 15.0,
            aim: 25.0,
        },
        floor: Some(FLOOR_BULK),
    },
    Workload {
        name: "W2 request/response, N = 10",
        plan: || peers::requests(10, SimDuration::from_ms(2500)),
        packets: delivered,
        octets: exchanged,
        other: |requests| request_program(10, requests),
        tolerance: 0.0,
        target: Target {
            least: 20.0,
            aim: 40.0,
        },
        floor: Some(FLOOR_REQUEST),
    },
    Workload {
        name: "W2 request/response, N = 1000",
        plan: || peers::requests(1000, SimDuration::from_ms(40)),
        packets: delivered,
        octets: exchanged,
        other: |requests| request_program(1000, requests),
        tolerance: 0.0,
        target: Target {
            least: 20.0,
            aim: 35.0,
        },
        floor: None,
    },
    Workload {
        name: "W3 incast",
        plan: || {
            let (clients, servers) = INCAST;
            peers::incast(clients, servers, SimDuration::from_ms(INCAST_MS))
        },
        packets: delivered,
        octets: transferred,
        other: |_| incast_program(),
        // The same link for the same time; losses are not the same, and ns-3 fills 80 % of the link
        // where ecsnet fills 95 %.
        tolerance: 0.25,
        target: Target {
            least: 12.0,
            aim: 25.0,
        },
        floor: None,
    },
];

fn delivered(outcome: &Outcome) -> u64 {
    outcome.frames.delivered
}

fn transferred(outcome: &Outcome) -> u64 {
    outcome.workloads.iter().map(|w| w.bytes).sum()
}

fn exchanged(outcome: &Outcome) -> u64 {
    requests(outcome) * (peers::REQUEST + peers::RESPONSE)
}

/// Requests that were answered.
pub(crate) fn requests(outcome: &Outcome) -> u64 {
    outcome.workloads.iter().map(|w| w.ok).sum()
}

fn bulk_program(_requests: u64) -> (&'static str, Vec<String>) {
    ("bulk", vec![format!("--bytes={BULK}")])
}

fn request_program(pairs: usize, requests: u64) -> (&'static str, Vec<String>) {
    let arguments = vec![format!("--pairs={pairs}"), format!("--requests={requests}")];
    ("request", arguments)
}

fn incast_program() -> (&'static str, Vec<String>) {
    let (clients, servers) = INCAST;
    let arguments = vec![
        format!("--clients={clients}"),
        format!("--servers={servers}"),
        format!("--seconds={}", INCAST_MS as f64 / 1000.0),
    ];
    ("incast", arguments)
}

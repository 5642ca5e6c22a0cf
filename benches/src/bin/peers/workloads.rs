//! What is compared, with what, and how far ecsnet is to be ahead.

use benches::floor::{self, Drive, Moved, Work};
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
    /// The first has ecsnet's buffers and does the same with the octets; each of the others differs
    /// from it in one respect, to show what that costs.
    pub(crate) cases: &'static [(&'static str, FloorCase)],
}

/// Moves as much as ecsnet did with so many requests.
pub(crate) type FloorCase = fn(u64) -> Moved;

/// As ecsnet has it in W1 (`Buffers::for_bulk`), but without a clock.
const BARE_BULK: Drive = Drive {
    buffer: 4 << 20,
    work: Work::Pattern,
    asks: false,
};

/// The same for W2. ecsnet has rings of the size of the messages there; rings begin at their start
/// again when they are empty, so that larger ones cost nothing.
const BARE_REQUEST: Drive = Drive {
    buffer: 16 << 10,
    ..BARE_BULK
};

/// Packets of W1 under way, about as many as on ecsnet's link and in its queue. Two are slower by a
/// tenth, since the program then writes small pieces into cold memory.
const UNDER_WAY: usize = 250;

const FLOOR_BULK: Floor = Floor {
    target: FLOOR_TARGET,
    cases: &[
        ("4 MiB buffers, pattern", |_| {
            floor::bulk(BULK, UNDER_WAY, BARE_BULK)
        }),
        ("that, asked when it is due", |_| {
            let asks = true;
            floor::bulk(BULK, UNDER_WAY, Drive { asks, ..BARE_BULK })
        }),
        ("that, 256 KiB buffers", |_| {
            let buffer = 256 << 10;
            floor::bulk(
                BULK,
                UNDER_WAY,
                Drive {
                    buffer,
                    ..BARE_BULK
                },
            )
        }),
        ("that, no pattern", |_| {
            let work = Work::Nothing;
            floor::bulk(BULK, UNDER_WAY, Drive { work, ..BARE_BULK })
        }),
        ("that, a window under way", |_| {
            floor::bulk(BULK, usize::MAX, BARE_BULK)
        }),
    ],
};

const FLOOR_REQUEST: Floor = Floor {
    target: FLOOR_TARGET,
    cases: &[
        ("16 KiB buffers, pattern", |requests| {
            bare_requests(requests, BARE_REQUEST)
        }),
        ("that, asked when it is due", |requests| {
            let asks = true;
            bare_requests(
                requests,
                Drive {
                    asks,
                    ..BARE_REQUEST
                },
            )
        }),
        ("that, no pattern", |requests| {
            let work = Work::Nothing;
            bare_requests(
                requests,
                Drive {
                    work,
                    ..BARE_REQUEST
                },
            )
        }),
    ],
};

const FLOOR_TARGET: Target = Target {
    least: 1.6,
    aim: 1.25,
};

fn bare_requests(requests: u64, drive: Drive) -> Moved {
    let octets = [peers::REQUEST, peers::RESPONSE];
    let [request, response] = octets.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    floor::requests(10, requests, (request, response), drive)
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
        // The same link for the same time, and not the same losses: after the first burst, of which
        // most is lost, ns-3's flows wait for timeouts longer. It fills 54 % of the link in the
        // first 25 ms and 80 % in all of it, ecsnet 95 %.
        tolerance: 0.25,
        target: Target {
            least: 12.0,
            aim: 25.0,
        },
        floor: None,
    },
    Workload {
        name: "W1 bulk, TSO, GRO and trains",
        plan: || peers::bulk_offloaded(BULK),
        packets: delivered,
        octets: transferred,
        other: bulk_program,
        tolerance: 0.0,
        target: Target {
            least: 60.0,
            aim: 120.0,
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

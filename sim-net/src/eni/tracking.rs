//! The state of a tracked flow: what it has shown so far, and when it is forgotten.
//!
//! Source: Amazon EC2 User Guide, security-group-connection-tracking, 2023-06, and the EC2 API's
//! `ConnectionTrackingSpecification` (vendor); the times of opening and closed TCP connections are
//! not published (assumed, see [`defaults`]).

use sim_core::{SimDuration, SimTime};

use super::flow_table::Expires;
use crate::deadlines::DeadlineId;
use crate::headers::{Protocol, TcpFlags};
use crate::vpc::{Direction, RuleRef, defaults};

/// Idle times after which an interface forgets a tracked flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackingTimeouts {
    /// A TCP connection of which both sides have been seen.
    pub tcp_established: SimDuration,
    /// One of which only one side has.
    pub tcp_opening: SimDuration,
    /// One that was reset, or closed by both sides.
    pub tcp_closed: SimDuration,
    /// UDP, up to one request and its response.
    pub udp: SimDuration,
    /// UDP beyond that.
    pub udp_stream: SimDuration,
    /// An ICMP query.
    pub icmp: SimDuration,
    /// Any other protocol.
    pub other: SimDuration,
}

impl Default for TrackingTimeouts {
    /// As [`defaults`] says, for instance types before the sixth Nitro generation.
    fn default() -> Self {
        let secs = |constant: defaults::Constant| SimDuration::from_secs(constant.value);
        Self {
            tcp_established: secs(defaults::TCP_ESTABLISHED),
            tcp_opening: secs(defaults::TCP_OPENING),
            tcp_closed: secs(defaults::TCP_CLOSED),
            udp: secs(defaults::UDP),
            udp_stream: secs(defaults::UDP_STREAM),
            icmp: secs(defaults::ICMP),
            other: secs(defaults::OTHER),
        }
    }
}

impl TrackingTimeouts {
    /// The defaults of instance types of the sixth Nitro generation.
    #[must_use]
    pub fn nitro_v6() -> Self {
        let tcp_established = SimDuration::from_secs(defaults::TCP_ESTABLISHED_NITRO_V6.value);
        Self {
            tcp_established,
            ..Self::default()
        }
    }
}

/// One flow that is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrackedFlow {
    /// The rule that let it begin.
    pub(crate) rule: RuleRef,
    /// The direction in which it began.
    opened: Direction,
    state: State,
    expires: SimTime,
    /// Whether rules decide about each of its packets, as if nobody remembered it.
    pub(crate) untracked: bool,
    /// Its place among those of the machine, where these are counted.
    pub(crate) place: Option<DeadlineId>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Tcp {
        answered: bool,
        fin_from_opener: bool,
        fin_from_other: bool,
        reset: bool,
    },
    /// `turns`: how often the flow has changed direction, up to [`STREAM_TURNS`].
    Udp {
        last: Direction,
        turns: u8,
    },
    Icmp,
    Other,
}

/// A request, its response, and the next request: more than one exchange.
const STREAM_TURNS: u8 = 2;

impl Expires for TrackedFlow {
    fn expires(&self) -> SimTime {
        self.expires
    }
}

impl TrackedFlow {
    /// A flow that `rule` lets begin, before its first packet is [seen](Self::see).
    pub(crate) fn new(rule: RuleRef, direction: Direction, protocol: Protocol) -> Self {
        let state = match protocol {
            Protocol::Tcp => State::Tcp {
                answered: false,
                fin_from_opener: false,
                fin_from_other: false,
                reset: false,
            },
            Protocol::Udp => State::Udp {
                last: direction,
                turns: 0,
            },
            Protocol::Icmp => State::Icmp,
            Protocol::Other(_) => State::Other,
        };
        Self {
            rule,
            opened: direction,
            state,
            expires: SimTime::MAX,
            untracked: false,
            place: None,
        }
    }

    /// A packet of the flow passes.
    pub(crate) fn see(
        &mut self,
        direction: Direction,
        flags: Option<TcpFlags>,
        timeouts: &TrackingTimeouts,
        now: SimTime,
    ) {
        let from_opener = direction == self.opened;
        match (&mut self.state, flags) {
            (
                State::Tcp {
                    answered,
                    fin_from_opener,
                    fin_from_other,
                    reset,
                },
                Some(flags),
            ) => {
                *answered |= !from_opener;
                *fin_from_opener |= flags.fin && from_opener;
                *fin_from_other |= flags.fin && !from_opener;
                *reset |= flags.rst;
            }
            (State::Udp { last, turns }, _) if *last != direction => {
                *last = direction;
                *turns = turns.saturating_add(1).min(STREAM_TURNS);
            }
            _ => {}
        }
        self.expires = now.saturating_add(self.idle_time(timeouts));
    }

    fn idle_time(&self, timeouts: &TrackingTimeouts) -> SimDuration {
        match self.state {
            State::Tcp { .. } if self.closed() => timeouts.tcp_closed,
            State::Tcp { answered: true, .. } => timeouts.tcp_established,
            State::Tcp {
                answered: false, ..
            } => timeouts.tcp_opening,
            State::Udp {
                turns: STREAM_TURNS..,
                ..
            } => timeouts.udp_stream,
            State::Udp { .. } => timeouts.udp,
            State::Icmp => timeouts.icmp,
            State::Other => timeouts.other,
        }
    }

    /// Whether the connection is over, so that its ports may begin another.
    pub(crate) fn closed(&self) -> bool {
        match self.state {
            State::Tcp {
                fin_from_opener,
                fin_from_other,
                reset,
                ..
            } => reset || (fin_from_opener && fin_from_other),
            _ => false,
        }
    }
}

//! What connection tracking believes about a TCP connection that it watches from the middle.
//!
//! Source: Linux, `net/netfilter/nf_conntrack_proto_tcp.c`, the transition table and
//! `tcp_timeouts` (specified). Sequence numbers and windows are not watched: a segment outside the
//! window, which Linux calls INVALID, counts as part of its connection here.

use sim_core::SimDuration;

use super::conntrack::Direction;
use crate::headers::TcpFlags;

/// The state of a connection, after the last packet that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// A SYN.
    SynSent,
    /// SYNs from both ends.
    SynSent2,
    /// A SYN and a SYN-ACK.
    SynRecv,
    /// The handshake is complete.
    Established,
    /// One FIN.
    FinWait,
    /// One FIN and its acknowledgement.
    CloseWait,
    /// Both FINs.
    LastAck,
    /// Both FINs and the last acknowledgement.
    TimeWait,
    /// A RST.
    Close,
}

impl TcpState {
    /// The name that `conntrack -L` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SynSent => "SYN_SENT",
            Self::SynSent2 => "SYN_SENT2",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
        }
    }

    /// How long an entry in this state outlives its last packet. Source: Linux, defaults of
    /// `net.netfilter.nf_conntrack_tcp_timeout_*` (specified).
    #[must_use]
    pub fn timeout(self) -> SimDuration {
        SimDuration::from_secs(match self {
            Self::SynSent | Self::SynSent2 | Self::FinWait | Self::TimeWait => 120,
            Self::SynRecv | Self::CloseWait => 60,
            Self::Established => 432_000,
            Self::LastAck => 30,
            Self::Close => 10,
        })
    }
}

/// The effect of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The connection is in this state now.
    To(TcpState),
    /// Part of the connection, but proof of nothing: a late SYN.
    Ignore,
    /// No part of it.
    Invalid,
    /// A new connection takes the place of a closed one.
    Reopen,
}

#[derive(Clone, Copy)]
enum Segment {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    Other,
}

fn segment(flags: TcpFlags) -> Segment {
    match flags {
        TcpFlags { rst: true, .. } => Segment::Rst,
        TcpFlags {
            syn: true,
            ack: true,
            ..
        } => Segment::SynAck,
        TcpFlags { syn: true, .. } => Segment::Syn,
        TcpFlags { fin: true, .. } => Segment::Fin,
        TcpFlags { ack: true, .. } => Segment::Ack,
        TcpFlags { .. } => Segment::Other,
    }
}

/// The state of a connection whose first packet has these flags; `None` where no connection begins
/// like that. A plain acknowledgement takes a connection up in its middle, as Linux does with
/// `nf_conntrack_tcp_loose` on, its default.
pub(super) fn first(flags: TcpFlags) -> Option<TcpState> {
    match segment(flags) {
        Segment::Syn => Some(TcpState::SynSent),
        Segment::Ack => Some(TcpState::Established),
        Segment::SynAck | Segment::Fin | Segment::Rst | Segment::Other => None,
    }
}

/// The effect of a segment on a known connection.
pub(super) fn next(state: TcpState, direction: Direction, flags: TcpFlags) -> Step {
    use Step::{Ignore, Invalid, Reopen, To};
    use TcpState as S;
    match (segment(flags), direction) {
        (Segment::Rst, _) => To(S::Close),
        (Segment::Other, _) => Invalid,
        (Segment::Fin, _) => match state {
            S::SynRecv | S::Established => To(S::FinWait),
            S::FinWait | S::CloseWait | S::LastAck => To(S::LastAck),
            S::TimeWait | S::Close => To(state),
            S::SynSent | S::SynSent2 => Invalid,
        },
        (Segment::Syn, Direction::Original) => match state {
            S::SynSent | S::SynSent2 => To(state),
            S::TimeWait | S::Close => Reopen,
            _ => Ignore,
        },
        (Segment::Syn, Direction::Reply) => match state {
            S::SynSent | S::SynSent2 => To(S::SynSent2),
            S::TimeWait => Reopen,
            _ => Ignore,
        },
        (Segment::SynAck, Direction::Original) => match state {
            S::SynRecv | S::SynSent2 => To(S::SynRecv),
            _ => Invalid,
        },
        (Segment::SynAck, Direction::Reply) => match state {
            S::SynSent | S::SynSent2 => To(S::SynRecv),
            _ => Ignore,
        },
        (Segment::Ack, direction) => match state {
            S::SynSent | S::SynSent2 if direction == Direction::Reply => Ignore,
            S::SynSent | S::SynSent2 => Invalid,
            S::SynRecv if direction == Direction::Reply => To(S::SynRecv),
            S::SynRecv | S::Established => To(S::Established),
            S::FinWait | S::CloseWait => To(S::CloseWait),
            S::LastAck | S::TimeWait => To(S::TimeWait),
            S::Close => To(S::Close),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(letters: &str) -> TcpFlags {
        TcpFlags {
            syn: letters.contains('S'),
            ack: letters.contains('A'),
            fin: letters.contains('F'),
            rst: letters.contains('R'),
        }
    }

    fn follow(segments: &[(Direction, &str)]) -> TcpState {
        let mut state = first(flags(segments[0].1)).expect("it begins a connection");
        for &(direction, letters) in &segments[1..] {
            match next(state, direction, flags(letters)) {
                Step::To(then) => state = then,
                step => panic!("{letters} in {state:?}: {step:?}"),
            }
        }
        state
    }

    const O: Direction = Direction::Original;
    const R: Direction = Direction::Reply;

    #[test]
    fn a_connection_goes_through_its_states() {
        let life = [
            (O, "S"),
            (R, "SA"),
            (O, "A"),
            (O, "FA"),
            (R, "A"),
            (R, "FA"),
            (O, "A"),
        ];
        let states = [
            TcpState::SynSent,
            TcpState::SynRecv,
            TcpState::Established,
            TcpState::FinWait,
            TcpState::CloseWait,
            TcpState::LastAck,
            TcpState::TimeWait,
        ];
        for (n, expected) in states.into_iter().enumerate() {
            assert_eq!(follow(&life[..=n]), expected);
        }
    }

    #[test]
    fn either_end_may_close_first() {
        let open = [(O, "S"), (R, "SA"), (O, "A")];
        let server = [(R, "FA"), (O, "A"), (O, "FA"), (R, "A")];
        let all: Vec<_> = open.into_iter().chain(server).collect();
        assert_eq!(follow(&all), TcpState::TimeWait);
        let both: Vec<_> = open.into_iter().chain([(O, "FA"), (R, "FA")]).collect();
        assert_eq!(follow(&both), TcpState::LastAck);
    }

    #[test]
    fn a_reset_closes_whatever_the_state() {
        assert_eq!(follow(&[(O, "S"), (R, "RA")]), TcpState::Close);
        assert_eq!(
            follow(&[(O, "S"), (R, "SA"), (O, "A"), (O, "R")]),
            TcpState::Close
        );
    }

    #[test]
    fn a_simultaneous_open_is_followed() {
        assert_eq!(
            follow(&[(O, "S"), (R, "S"), (O, "SA"), (R, "A")]),
            TcpState::SynRecv
        );
    }

    #[test]
    fn only_a_syn_or_a_plain_acknowledgement_begins_a_connection() {
        assert_eq!(first(flags("A")), Some(TcpState::Established));
        for letters in ["SA", "F", "FA", "R", "RA", ""] {
            assert_eq!(first(flags(letters)), None, "{letters}");
        }
    }

    #[test]
    fn a_port_pair_can_be_used_again_after_its_connection() {
        assert_eq!(next(TcpState::TimeWait, O, flags("S")), Step::Reopen);
        assert_eq!(next(TcpState::Close, O, flags("S")), Step::Reopen);
        assert_eq!(next(TcpState::Established, O, flags("S")), Step::Ignore);
        assert_eq!(next(TcpState::TimeWait, R, flags("S")), Step::Reopen);
    }

    #[test]
    fn segments_out_of_turn_are_invalid() {
        assert_eq!(next(TcpState::SynSent, O, flags("A")), Step::Invalid);
        assert_eq!(next(TcpState::SynSent, R, flags("FA")), Step::Invalid);
        assert_eq!(next(TcpState::Established, O, flags("SA")), Step::Invalid);
        assert_eq!(next(TcpState::Established, O, flags("")), Step::Invalid);
        assert_eq!(next(TcpState::SynSent, R, flags("A")), Step::Ignore);
    }
}

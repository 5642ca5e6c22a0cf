//! What a stack tells the programs of its namespace.

use sim_core::SimTime;

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::ids::{AppId, ConnId, FlowTag, ListenerId, UdpId};

/// Something that happened to a socket.
///
/// A connection's events come in this order: `Connected` or `Accepted` once; `Readable`,
/// `Writable` and `PeerClosed` (once); `Reset`, `Refused` or `TimedOut` at most once; `Closed`
/// exactly once and last. A connection that dies before it is established gets `Refused` or
/// `TimedOut`, then `Closed`, on the side that called `connect`, and nothing on the side that
/// listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketEvent {
    /// A listener has a new established connection.
    Accepted {
        /// Where it arrived.
        listener: ListenerId,
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// A `connect` has succeeded.
    Connected {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// New octets can be read.
    Readable {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// After [`send`](super::Stack::send) took less than it was given: a third of the send buffer
    /// is free again.
    Writable {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// The peer sends no more; what it sent can still be read.
    PeerClosed {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// The connection is gone and its id will be used again. The four-tuple may still be in
    /// TIME-WAIT.
    Closed {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// The peer reset an established connection.
    Reset {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// A `connect` was answered by a reset or by an ICMP error.
    Refused {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// A `connect` was never answered.
    TimedOut {
        /// The connection.
        conn: ConnId,
        /// The program.
        owner: AppId,
    },
    /// A datagram can be read.
    UdpReadable {
        /// The socket.
        udp: UdpId,
        /// The program.
        owner: AppId,
    },
    /// An ICMP error came back for a datagram that this socket sent.
    UdpUnreachable {
        /// The socket.
        udp: UdpId,
        /// The program.
        owner: AppId,
        /// Where the datagram was sent.
        to: SocketAddrV4,
    },
}

impl SocketEvent {
    /// The program that it happened to.
    #[must_use]
    pub fn owner(&self) -> AppId {
        match *self {
            Self::Accepted { owner, .. }
            | Self::Connected { owner, .. }
            | Self::Readable { owner, .. }
            | Self::Writable { owner, .. }
            | Self::PeerClosed { owner, .. }
            | Self::Closed { owner, .. }
            | Self::Reset { owner, .. }
            | Self::Refused { owner, .. }
            | Self::TimedOut { owner, .. }
            | Self::UdpReadable { owner, .. }
            | Self::UdpUnreachable { owner, .. } => owner,
        }
    }

    /// Kind and socket in 32 bits, for the digest of a run.
    #[must_use]
    pub fn code(&self) -> u64 {
        let (kind, id) = match *self {
            Self::Accepted { conn, .. } => (1, conn.index()),
            Self::Connected { conn, .. } => (2, conn.index()),
            Self::Readable { conn, .. } => (3, conn.index()),
            Self::Writable { conn, .. } => (4, conn.index()),
            Self::PeerClosed { conn, .. } => (5, conn.index()),
            Self::Closed { conn, .. } => (6, conn.index()),
            Self::Reset { conn, .. } => (7, conn.index()),
            Self::Refused { conn, .. } => (8, conn.index()),
            Self::TimedOut { conn, .. } => (9, conn.index()),
            Self::UdpReadable { udp, .. } => (10, udp.index()),
            Self::UdpUnreachable { udp, .. } => (11, udp.index()),
        };
        (kind << 28) | (id as u64 & 0x0fff_ffff)
    }

    /// The connection that it happened to; none for UDP.
    #[must_use]
    pub fn conn(&self) -> Option<ConnId> {
        match *self {
            Self::Accepted { conn, .. }
            | Self::Connected { conn, .. }
            | Self::Readable { conn, .. }
            | Self::Writable { conn, .. }
            | Self::PeerClosed { conn, .. }
            | Self::Closed { conn, .. }
            | Self::Reset { conn, .. }
            | Self::Refused { conn, .. }
            | Self::TimedOut { conn, .. } => Some(conn),
            Self::UdpReadable { .. } | Self::UdpUnreachable { .. } => None,
        }
    }
}

/// A datagram that a program has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The sender.
    pub from: SocketAddrV4,
    /// The address it was sent to.
    pub to: Ipv4Addr,
    /// Octets of payload.
    pub len: usize,
    /// The workload of the frame that carried it.
    pub tag: FlowTag,
    /// The first eight octets of payload, most significant first; missing ones are 0.
    pub header: u64,
}

/// What one call of [`poll`](super::Stack::poll) leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// The connection could send more at once: it stopped for the budget.
    pub more: bool,
    /// When it is to be polled next if nothing happens before, as
    /// [`next_timer`](super::Stack::next_timer) would say; without meaning where it could send more.
    pub timer: Option<SimTime>,
}

/// State of a connection, by its name in RFC 9293.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of RFC 9293, section 3.3.2"
)]
pub enum ConnectionState {
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Closed,
}

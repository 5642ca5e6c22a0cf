//! What a socket call can refuse.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Why a socket call failed, as the error number that Linux would return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// `EADDRINUSE`: the port is bound to this address, or one of the two is the wildcard.
    #[error("address {}:{port} is in use", addr.unwrap_or(Ipv4Addr::UNSPECIFIED))]
    AddressInUse {
        /// The address asked for; none for the wildcard.
        addr: Option<Ipv4Addr>,
        /// The port asked for.
        port: u16,
    },
    /// `EADDRNOTAVAIL`: every ephemeral port is taken towards this destination.
    #[error("no ephemeral port is left towards {to}")]
    PortsExhausted {
        /// The destination; the unspecified address for a socket that has none.
        to: SocketAddrV4,
    },
    /// `EMSGSIZE`: the datagram does not fit one packet, and the stack does not fragment.
    #[error("a datagram of {payload} octets does not fit an MTU of {mtu} octets")]
    MessageTooLong {
        /// Octets of payload.
        payload: usize,
        /// The route's MTU in octets.
        mtu: usize,
    },
    /// `EINVAL`: port 0, or the unspecified address, as a destination.
    #[error("{to} is no destination")]
    InvalidDestination {
        /// The destination asked for.
        to: SocketAddrV4,
    },
    /// `EBADF`: the socket is closed.
    #[error("the socket is closed")]
    Closed,
}

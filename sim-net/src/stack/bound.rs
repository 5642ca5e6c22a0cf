//! Which ports a namespace listens on.

use std::net::Ipv4Addr;

use super::Stack;
use crate::headers::Protocol;
use crate::ids::AppId;

/// A port that something listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address; `None` for every one.
    pub addr: Option<Ipv4Addr>,
    /// The port.
    pub port: u16,
    /// Who listens.
    pub owner: AppId,
}

impl Stack {
    /// The listening TCP sockets and the bound UDP sockets, in the order in which they were opened.
    pub fn bound(&self) -> impl Iterator<Item = Bound> + '_ {
        let listeners = self.listeners.iter().filter_map(super::Listener::bound);
        listeners.chain(self.udp.iter().filter_map(super::UdpSocket::bound))
    }
}

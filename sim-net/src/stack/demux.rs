//! Which socket a packet is for. Every look-up costs the same however many sockets there are.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::LookupMap;

use crate::ids::ConnId;

/// A connection as its namespace sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConnKey {
    addresses: u64,
    ports: u32,
}

impl ConnKey {
    pub(super) fn new(local: SocketAddrV4, remote: SocketAddrV4) -> Self {
        Self {
            addresses: u64::from(u32::from(*local.ip())) << 32 | u64::from(u32::from(*remote.ip())),
            ports: u32::from(local.port()) << 16 | u32::from(remote.port()),
        }
    }

    /// The key as one number, for deriving seeds.
    pub(super) fn mixed(self) -> u64 {
        self.addresses ^ u64::from(self.ports).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// TCP connections by four-tuple.
pub(super) type Connections = LookupMap<ConnKey, ConnId>;

/// Sockets by port and, where they have one, by address.
#[derive(Debug)]
pub(super) struct Ports<T> {
    by_port: LookupMap<u16, Bound<T>>,
}

#[derive(Debug)]
struct Bound<T> {
    wildcard: Option<T>,
    /// A namespace has few addresses, so this is searched.
    specific: Vec<(Ipv4Addr, T)>,
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Self {
            by_port: LookupMap::new(),
        }
    }
}

impl<T: Copy> Ports<T> {
    /// Binds `socket`; false if the port is taken on this address, or on one that covers it.
    pub(super) fn bind(&mut self, addr: Option<Ipv4Addr>, port: u16, socket: T) -> bool {
        let bound = self.by_port.get_or_insert_with(port, || Bound {
            wildcard: None,
            specific: Vec::new(),
        });
        let free = bound.wildcard.is_none()
            && match addr {
                None => bound.specific.is_empty(),
                Some(addr) => bound.specific.iter().all(|(a, _)| *a != addr),
            };
        if free {
            match addr {
                None => bound.wildcard = Some(socket),
                Some(addr) => bound.specific.push((addr, socket)),
            }
        }
        free
    }

    pub(super) fn unbind(&mut self, addr: Option<Ipv4Addr>, port: u16) {
        let Some(bound) = self.by_port.get_mut(&port) else {
            return;
        };
        match addr {
            None => bound.wildcard = None,
            Some(addr) => bound.specific.retain(|(a, _)| *a != addr),
        }
        if bound.wildcard.is_none() && bound.specific.is_empty() {
            self.by_port.remove(&port);
        }
    }

    /// The socket that receives what is sent to `addr`.
    pub(super) fn find(&self, addr: Ipv4Addr, port: u16) -> Option<T> {
        let bound = self.by_port.get(&port)?;
        let specific = bound.specific.iter().find(|(a, _)| *a == addr);
        specific.map(|&(_, socket)| socket).or(bound.wildcard)
    }

    /// Whether any socket has the port, on whatever address.
    pub(super) fn taken(&self, port: u16) -> bool {
        self.by_port.contains_key(&port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    #[test]
    fn the_wildcard_conflicts_with_every_address_and_they_with_it() {
        let mut ports = Ports::default();
        assert!(ports.bind(Some(A), 80, 1));
        assert!(!ports.bind(Some(A), 80, 2));
        assert!(!ports.bind(None, 80, 2));
        assert!(ports.bind(Some(B), 80, 3));
        assert!(ports.bind(None, 81, 4));
        assert!(!ports.bind(Some(A), 81, 5));
        assert_eq!(ports.find(A, 80), Some(1));
        assert_eq!(ports.find(B, 81), Some(4));
        ports.unbind(Some(A), 80);
        assert_eq!(ports.find(A, 80), None);
        ports.unbind(Some(B), 80);
        assert!(!ports.taken(80));
        assert!(ports.bind(None, 80, 6));
    }

    #[test]
    fn a_key_tells_direction_and_port() {
        let (a, b) = (SocketAddrV4::new(A, 1), SocketAddrV4::new(B, 2));
        assert_ne!(ConnKey::new(a, b), ConnKey::new(b, a));
        assert_ne!(ConnKey::new(a, b), ConnKey::new(SocketAddrV4::new(A, 3), b));
    }
}

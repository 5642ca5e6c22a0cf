//! Docker's userland proxy: a process on the host that relays one published port.
//!
//! It serves what the rules do not translate: connections to `localhost`, and from containers to
//! their own host's address. Source: Docker 25, `cmd/docker-proxy` (specified).

use std::net::SocketAddrV4;

use sim_core::LookupMap;

use super::{AppEvent, Buffers, Os, udp_options};
use crate::cost::Primitive;
use crate::ids::{ConnId, FlowTag, UdpId};
use crate::stack::SocketEvent;

/// Octets that one read takes. Source: Go, `io.Copy` (specified).
const RELAY_BUFFER: usize = 32 * 1024;

#[derive(Clone, Copy, Debug)]
struct Side {
    /// The connection that this one is relayed to; `None` once that is gone.
    other: Option<ConnId>,
    connected: bool,
    /// Octets read from the other side that this one has not taken yet.
    unsent: usize,
    /// Nothing more comes from the other side.
    ending: bool,
    closed: bool,
}

/// The relay of a TCP port.
#[derive(Debug)]
pub struct Proxy {
    to: SocketAddrV4,
    sides: LookupMap<ConnId, Side>,
}

impl Proxy {
    /// A relay to a container's address and port.
    #[must_use]
    pub fn new(to: SocketAddrV4) -> Self {
        Self {
            to,
            sides: LookupMap::default(),
        }
    }

    /// The container's address and port.
    #[must_use]
    pub fn target(&self) -> SocketAddrV4 {
        self.to
    }

    /// The buffers of the connections that it accepts.
    #[must_use]
    pub fn buffers() -> Buffers {
        Buffers::for_stream(RELAY_BUFFER, RELAY_BUFFER)
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        let AppEvent::Socket(event) = event else {
            return;
        };
        let Some(conn) = event.conn() else { return };
        if let SocketEvent::Accepted { .. } = event {
            return self.accept(conn, os);
        }
        let Some(&side) = self.sides.get(&conn) else {
            return;
        };
        match event {
            SocketEvent::Connected { .. } => {
                if let Some(side) = self.sides.get_mut(&conn) {
                    side.connected = true;
                }
                self.relay(side.other, conn, os);
            }
            SocketEvent::Writable { .. } => self.relay(side.other, conn, os),
            SocketEvent::Readable { .. } => {
                if let Some(other) = side.other {
                    self.relay(Some(conn), other, os);
                }
            }
            SocketEvent::PeerClosed { .. } => {
                if let Some(other) = side.other {
                    self.end(other);
                    self.relay(Some(conn), other, os);
                }
            }
            SocketEvent::Closed { .. } => {
                self.sides.remove(&conn);
                if let Some(other) = side.other {
                    self.end(other);
                    if let Some(other) = self.sides.get_mut(&other) {
                        other.other = None;
                    }
                    self.relay(None, other, os);
                }
            }
            SocketEvent::Refused { .. }
            | SocketEvent::Reset { .. }
            | SocketEvent::TimedOut { .. } => {
                self.sides.remove(&conn);
                if let Some(other) = side.other
                    && self.sides.remove(&other).is_some()
                {
                    os.abort(other);
                }
            }
            _ => {}
        }
    }

    fn accept(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let tag = os.accept(conn);
        os.charge(Primitive::ProxyConnection);
        match os.connect(self.to, tag, Self::buffers()) {
            Ok(other) => {
                let side = |other, connected| Side {
                    other: Some(other),
                    connected,
                    unsent: 0,
                    ending: false,
                    closed: false,
                };
                self.sides.insert(conn, side(other, true));
                self.sides.insert(other, side(conn, false));
            }
            Err(_) => os.abort(conn),
        }
    }

    /// Nothing more will be read for this side.
    fn end(&mut self, to: ConnId) {
        if let Some(side) = self.sides.get_mut(&to) {
            side.ending = true;
        }
    }

    /// Copies what waits on one side to the other, a buffer at a time, until one has no more or
    /// the other takes no more: then the rest is kept, and goes on once there is room. Passes a
    /// close on once everything before it has been relayed.
    fn relay(&mut self, from: Option<ConnId>, to: ConnId, os: &mut Os<'_, '_, '_>) {
        let Some(side) = self.sides.get_mut(&to).filter(|side| side.connected) else {
            return;
        };
        loop {
            if side.unsent == 0 {
                let Some(from) = from.filter(|&from| os.readable(from) > 0) else {
                    break;
                };
                side.unsent = os.recv(from, RELAY_BUFFER);
                os.charge(Primitive::ProxyRelay);
            }
            side.unsent -= os.send(to, side.unsent);
            if side.unsent > 0 {
                return;
            }
        }
        if side.ending && !side.closed {
            side.closed = true;
            os.close(to);
        }
    }
}

/// The relay of a UDP port: one socket towards the container for each client.
#[derive(Debug)]
pub struct UdpProxy {
    to: SocketAddrV4,
    listening: UdpId,
    clients: LookupMap<SocketAddrV4, UdpId>,
    back: LookupMap<UdpId, SocketAddrV4>,
}

impl UdpProxy {
    /// A relay from the bound socket `listening` to a container's address and port.
    #[must_use]
    pub fn new(listening: UdpId, to: SocketAddrV4) -> Self {
        Self {
            to,
            listening,
            clients: LookupMap::default(),
            back: LookupMap::default(),
        }
    }

    /// The container's address and port.
    #[must_use]
    pub fn target(&self) -> SocketAddrV4 {
        self.to
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        let AppEvent::Socket(SocketEvent::UdpReadable { udp, .. }) = event else {
            return;
        };
        while let Some(datagram) = os.udp_recv(udp) {
            os.charge(Primitive::ProxyRelay);
            if udp == self.listening {
                let Some(socket) = self.socket_for(datagram.from, datagram.tag, os) else {
                    continue;
                };
                // What finds no way is lost, as a datagram may be.
                let _ = os.udp_send(socket, self.to, datagram.len, datagram.header, datagram.tag);
            } else {
                let Some(&client) = self.back.get(&udp) else {
                    continue;
                };
                let (socket, len, header) = (self.listening, datagram.len, datagram.header);
                let _ = os.udp_answer(socket, client, len, header, datagram.tag);
            }
        }
    }

    fn socket_for(
        &mut self,
        client: SocketAddrV4,
        tag: FlowTag,
        os: &mut Os<'_, '_, '_>,
    ) -> Option<UdpId> {
        if let Some(&socket) = self.clients.get(&client) {
            return Some(socket);
        }
        let socket = os.bind_udp(udp_options(tag)).ok()?;
        self.clients.insert(client, socket);
        self.back.insert(socket, client);
        Some(socket)
    }
}

//! Docker's userland proxy: a process on the host that relays one published port.
//!
//! It serves what the rules do not translate: connections to `localhost`, and from containers to
//! their own host's address. Source: Docker 25, `cmd/docker-proxy` (specified).

use std::net::SocketAddrV4;

use sim_core::LookupMap;

use super::{AppEvent, Buffers, Os};
use crate::cost::Primitive;
use crate::ids::{ConnId, FlowTag, UdpId};
use crate::stack::SocketEvent;

/// Octets that one read takes. Source: Go, `io.Copy` (specified).
const RELAY_BUFFER: usize = 32 * 1024;

#[derive(Clone, Copy, Debug)]
struct Side {
    other: ConnId,
    connected: bool,
    peer_closed: bool,
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

    /// The buffers of the connections that it accepts.
    #[must_use]
    pub fn buffers() -> Buffers {
        Buffers::for_messages(RELAY_BUFFER, RELAY_BUFFER)
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
                self.pass_close(side.other, conn, os);
            }
            SocketEvent::Readable { .. } => self.relay(conn, side.other, os),
            SocketEvent::Writable { .. } => {
                self.relay(side.other, conn, os);
                self.pass_close(side.other, conn, os);
            }
            SocketEvent::PeerClosed { .. } => {
                if let Some(side) = self.sides.get_mut(&conn) {
                    side.peer_closed = true;
                }
                self.relay(conn, side.other, os);
                self.pass_close(conn, side.other, os);
            }
            SocketEvent::Closed { .. } => {
                self.sides.remove(&conn);
            }
            SocketEvent::Refused { .. }
            | SocketEvent::Reset { .. }
            | SocketEvent::TimedOut { .. } => {
                self.sides.remove(&conn);
                if self.sides.remove(&side.other).is_some() {
                    os.abort(side.other);
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
                    other,
                    connected,
                    peer_closed: false,
                    closed: false,
                };
                self.sides.insert(conn, side(other, true));
                self.sides.insert(other, side(conn, false));
            }
            Err(_) => os.abort(conn),
        }
    }

    /// Copies what waits on one side to the other, as much as that takes.
    fn relay(&self, from: ConnId, to: ConnId, os: &mut Os<'_, '_, '_>) {
        if !self.sides.get(&to).is_some_and(|side| side.connected) {
            return;
        }
        loop {
            let size = os.readable(from).min(os.writable(to)).min(RELAY_BUFFER);
            if size == 0 {
                break;
            }
            let read = os.recv(from, size);
            os.charge(Primitive::ProxyRelay);
            os.send(to, read);
        }
    }

    /// Passes a close on once everything before it has been relayed.
    fn pass_close(&mut self, from: ConnId, to: ConnId, os: &mut Os<'_, '_, '_>) {
        let done = self.sides.get(&from).is_some_and(|side| side.peer_closed);
        if !done || os.readable(from) > 0 {
            return;
        }
        if let Some(side) = self.sides.get_mut(&to)
            && side.connected
            && !side.closed
        {
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

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        let AppEvent::Socket(SocketEvent::UdpReadable { udp, .. }) = event else {
            return;
        };
        while let Some(datagram) = os.udp_recv(udp) {
            os.charge(Primitive::ProxyRelay);
            let (socket, to) = if udp == self.listening {
                let Some(socket) = self.socket_for(datagram.from, datagram.tag, os) else {
                    continue;
                };
                (socket, self.to)
            } else {
                let Some(&client) = self.back.get(&udp) else {
                    continue;
                };
                (self.listening, client)
            };
            // What finds no way is lost, as a datagram may be.
            let _ = os.udp_send(socket, to, datagram.len, datagram.header, datagram.tag);
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
        let socket = os.bind_udp(tag).ok()?;
        self.clients.insert(client, socket);
        self.back.insert(socket, client);
        Some(socket)
    }
}

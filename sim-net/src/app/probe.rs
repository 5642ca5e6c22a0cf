//! One attempt to reach an address: a connection opened, or a datagram echoed.

use std::net::SocketAddrV4;

use super::{AppEvent, Buffers, Os, START};
use crate::headers::Protocol;
use crate::ids::{FlowTag, UdpId};
use crate::machine::ErrorKind;
use crate::stack::SocketEvent;

/// Octets of a probe's datagram.
const DATAGRAM: usize = 64;

/// The attempt. What it found is in its record; nothing there means that no answer came.
#[derive(Debug)]
pub struct Probe {
    tag: FlowTag,
    to: SocketAddrV4,
    protocol: Protocol,
    socket: Option<UdpId>,
}

impl Probe {
    /// An attempt that is made when the program starts.
    #[must_use]
    pub fn new(tag: FlowTag, to: SocketAddrV4, protocol: Protocol) -> Self {
        Self {
            tag,
            to,
            protocol,
            socket: None,
        }
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            AppEvent::Timer(START) => self.start(os),
            AppEvent::Socket(event) => self.on_socket(event, os),
            AppEvent::Timer(_) | AppEvent::Computed(_) => {}
        }
    }

    fn start(&mut self, os: &mut Os<'_, '_, '_>) {
        let started = if self.protocol == Protocol::Tcp {
            os.connect(self.to, self.tag, Buffers::for_messages(0, 0))
                .map(|_| ())
        } else {
            os.bind_udp(self.tag).and_then(|udp| {
                self.socket = Some(udp);
                os.udp_send(udp, self.to, DATAGRAM, 0, self.tag)
            })
        };
        if let Err(kind) = started {
            self.found(Err(kind), os);
        }
    }

    fn on_socket(&mut self, event: SocketEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            SocketEvent::Connected { conn, .. } => {
                self.found(Ok(()), os);
                os.close(conn);
            }
            SocketEvent::UdpReadable { udp, .. } => {
                while os.udp_recv(udp).is_some() {}
                self.found(Ok(()), os);
            }
            SocketEvent::Refused { .. } | SocketEvent::UdpUnreachable { .. } => {
                self.found(Err(ErrorKind::Refused), os);
            }
            SocketEvent::Reset { .. } => self.found(Err(ErrorKind::Reset), os),
            SocketEvent::TimedOut { .. } => self.found(Err(ErrorKind::TimedOut), os),
            _ => {}
        }
    }

    /// The first finding counts.
    fn found(&self, result: Result<(), ErrorKind>, os: &mut Os<'_, '_, '_>) {
        os.record(self.tag).probe.get_or_insert(result);
    }
}

//! UDP sockets.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::SimTime;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::phy::PacketMeta;
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket, UdpMetadata};
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpListenEndpoint};

use super::Stack;
use super::connection::endpoint;
use super::error::SocketError;
use super::event::{Datagram, SocketEvent};
use super::options::SocketOptions;
use super::pattern;
use super::worker::StackWorker;
use crate::frame::{Frame, FrameMeta};
use crate::ids::{AppId, FlowTag, UdpId};
use crate::verdict::DropReason;

/// IPv4 and UDP headers.
const HEADERS: usize = 28;

/// Memory that Linux charges to a socket's buffer for each small datagram, in octets: what its
/// receive buffer holds of them follows from it. Source: Linux 6.18 on x86-64, `SKB_TRUESIZE` of a
/// datagram of up to 128 octets in a 512-octet allocation (measured by the definition; assumed for
/// other drivers).
const CHARGE_PER_DATAGRAM: usize = 768;

/// Octets of payload that carry the program's own number.
const HEADER: usize = 8;

/// One bound socket.
#[derive(Debug)]
pub(super) struct UdpSocket {
    pub(super) owner: AppId,
    addr: Option<Ipv4Addr>,
    port: u16,
    options: SocketOptions,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// The workload of each datagram that waits for the program.
    waiting: VecDeque<FlowTag>,
    slots: usize,
    open: bool,
}

impl UdpSocket {
    pub(super) fn bound(&self) -> Option<super::Bound> {
        self.open.then_some(super::Bound {
            protocol: crate::headers::Protocol::Udp,
            addr: self.addr,
            port: self.port,
            owner: self.owner,
        })
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }
}

fn buffer(packets: usize, octets: usize) -> PacketBuffer<'static> {
    PacketBuffer::new(vec![PacketMetadata::EMPTY; packets], vec![0; octets])
}

fn v4(address: IpAddress) -> Ipv4Addr {
    match address {
        IpAddress::Ipv4(address) => address,
    }
}

impl Stack {
    /// Binds a UDP socket to `port` of `addr`, or of every address; port 0 asks for an ephemeral
    /// one.
    ///
    /// # Errors
    /// [`SocketError::AddressInUse`] as for [`Stack::listen`]; [`SocketError::PortsExhausted`] if
    /// no ephemeral port is left.
    ///
    /// # Panics
    /// Never: a new socket takes any port but 0.
    pub fn bind_udp(
        &mut self,
        owner: AppId,
        addr: Option<Ipv4Addr>,
        port: u16,
        options: SocketOptions,
    ) -> Result<UdpId, SocketError> {
        let id = UdpId::new(self.udp.len());
        let port = if port == 0 {
            let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
            let from = addr.unwrap_or(Ipv4Addr::UNSPECIFIED);
            let bound = &self.udp_ports;
            self.ephemeral
                .choose(from, nowhere, |port| !bound.taken(port))
                .ok_or(SocketError::PortsExhausted { to: nowhere })?
        } else {
            port
        };
        if !self.udp_ports.bind(addr, port, id) {
            return Err(SocketError::AddressInUse { addr, port });
        }
        let slots = (options.recv_capacity() / CHARGE_PER_DATAGRAM).max(1);
        let mut socket = Socket::new(
            buffer(slots, options.recv_capacity()),
            buffer(1, options.mtu),
        );
        let at = IpListenEndpoint {
            addr: addr.map(IpAddress::Ipv4),
            port,
        };
        socket.bind(at).expect("a new socket binds to a port");
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        self.udp.push(UdpSocket {
            owner,
            addr,
            port,
            options,
            sockets,
            handle,
            waiting: VecDeque::new(),
            slots,
            open: true,
        });
        Ok(id)
    }

    /// Closes a UDP socket; what waits in it is lost.
    pub fn close_udp(&mut self, udp: UdpId) {
        let socket = &mut self.udp[udp.index()];
        if std::mem::take(&mut socket.open) {
            socket.socket().close();
            socket.waiting.clear();
            self.udp_ports.unbind(socket.addr, socket.port);
        }
    }

    /// The port of a UDP socket.
    #[must_use]
    pub fn udp_port(&self, udp: UdpId) -> u16 {
        self.udp[udp.index()].port
    }

    /// The address that a UDP socket is bound to, and answers from; `None` for every address.
    #[must_use]
    pub fn udp_addr(&self, udp: UdpId) -> Option<Ipv4Addr> {
        self.udp[udp.index()].addr
    }

    /// Sends one datagram of `payload` octets from address `src`. Its first eight octets are
    /// `header`, most significant first, as far as they fit.
    ///
    /// # Errors
    /// [`SocketError::MessageTooLong`] if it does not fit one packet,
    /// [`SocketError::InvalidDestination`] for port 0 or no address, [`SocketError::Closed`].
    ///
    /// # Panics
    /// Never: each datagram leaves before the next is made.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are those of sendto and of every stack call"
    )]
    pub fn udp_send(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        udp: UdpId,
        src: Ipv4Addr,
        dst: SocketAddrV4,
        payload: usize,
        header: u64,
        out: &mut Vec<Frame>,
    ) -> Result<(), SocketError> {
        let socket = &mut self.udp[udp.index()];
        let mtu = socket.options.mtu;
        if !socket.open {
            return Err(SocketError::Closed);
        }
        if payload + HEADERS > mtu {
            return Err(SocketError::MessageTooLong { payload, mtu });
        }
        if dst.port() == 0 || dst.ip().is_unspecified() {
            return Err(SocketError::InvalidDestination { to: dst });
        }
        let to = UdpMetadata {
            endpoint: endpoint(dst),
            local_address: Some(IpAddress::Ipv4(src)),
            meta: PacketMeta::default(),
        };
        let octets = socket
            .socket()
            .send(payload, to)
            .expect("the buffer is empty and holds one packet");
        let numbered = payload.min(HEADER);
        octets[..numbered].copy_from_slice(&header.to_be_bytes()[..numbered]);
        pattern::fill(&mut octets[numbered..], 0);
        let meta = FrameMeta::new(socket.options.tag, now);
        let sent = worker
            .port(mtu)
            .egress(Instant::ZERO, &mut socket.sockets, meta, out);
        debug_assert!(sent, "a datagram that fits is sent");
        Ok(())
    }

    /// Takes the oldest datagram that waits.
    pub fn udp_recv(&mut self, udp: UdpId) -> Option<Datagram> {
        let socket = &mut self.udp[udp.index()];
        let tag = socket.waiting.pop_front()?;
        let (octets, meta) = socket
            .sockets
            .get_mut::<Socket<'_>>(socket.handle)
            .recv()
            .ok()?;
        let mut header = [0; HEADER];
        let numbered = octets.len().min(HEADER);
        header[..numbered].copy_from_slice(&octets[..numbered]);
        Some(Datagram {
            from: SocketAddrV4::new(v4(meta.endpoint.addr), meta.endpoint.port),
            to: meta.local_address.map_or(Ipv4Addr::UNSPECIFIED, v4),
            len: octets.len(),
            tag,
            header: u64::from_be_bytes(header),
        })
    }

    pub(super) fn deliver_udp(
        &mut self,
        worker: &mut StackWorker,
        udp: UdpId,
        frame: &Frame,
        events: &mut Vec<SocketEvent>,
    ) -> Result<(), DropReason> {
        let socket = &mut self.udp[udp.index()];
        if socket.waiting.len() == socket.slots {
            return Err(DropReason::SocketBufferFull);
        }
        let before = socket.socket().recv_queue();
        let mut replies = Vec::new();
        let mut port = worker.port(socket.options.mtu);
        port.ingress(
            Instant::ZERO,
            &frame.data,
            &mut socket.sockets,
            frame.meta,
            &mut replies,
        );
        let payload = crate::headers::payload_len(&frame.data);
        if payload > 0 && socket.socket().recv_queue() == before {
            return Err(DropReason::SocketBufferFull);
        }
        socket.waiting.push_back(frame.meta.tag);
        let owner = socket.owner;
        events.push(SocketEvent::UdpReadable { udp, owner });
        Ok(())
    }
}

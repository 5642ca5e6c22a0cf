//! Listeners, and the connections that begin at them.
//!
//! A listener has no socket: when a SYN arrives a socket is made, told to listen, and fed the SYN.
//! So the backlog is the adapter's own.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::SimTime;

use super::Stack;
use super::connection::{Connection, Identity, Origin};
use super::demux::ConnKey;
use super::error::SocketError;
use super::options::{SendRoom, SocketOptions};
use super::worker::StackWorker;
use crate::frame::Frame;
use crate::ids::{AppId, ConnId, FlowTag, ListenerId};
use crate::verdict::DropReason;

/// One listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    owner: AppId,
    addr: Option<Ipv4Addr>,
    port: u16,
    options: SocketOptions,
    buffers: Vec<(FlowTag, usize, usize, SendRoom)>,
    backlog: usize,
    /// Connections whose handshake is under way.
    pub(super) half_open: usize,
    open: bool,
}

impl Listener {
    pub(super) fn bound(&self) -> Option<super::Bound> {
        self.open.then_some(super::Bound {
            protocol: crate::headers::Protocol::Tcp,
            addr: self.addr,
            port: self.port,
            owner: self.owner,
        })
    }
}

impl Stack {
    /// Listens on `port` of `addr`, or of every address. Accepted connections inherit `options`,
    /// but for the tag, which is that of the SYN: a server works for whoever calls it.
    ///
    /// A SYN is dropped while `backlog` connections, or as many as the stack's own limit, are half
    /// open. Source: Linux 6.18, `inet_csk_reqsk_queue_is_full` (specified; Linux bounds the
    /// connections that wait for `accept` the same way, here the program takes them at once).
    ///
    /// # Errors
    /// [`SocketError::AddressInUse`] if another listener has the port on this address, or if
    /// either of the two has it on every address.
    pub fn listen(
        &mut self,
        owner: AppId,
        addr: Option<Ipv4Addr>,
        port: u16,
        options: SocketOptions,
        backlog: usize,
    ) -> Result<ListenerId, SocketError> {
        let id = ListenerId::new(self.listeners.len());
        if !self.listening.bind(addr, port, id) {
            return Err(SocketError::AddressInUse { addr, port });
        }
        if self.listeners.is_empty() {
            // Most namespaces have one.
            self.listeners.reserve_exact(1);
        }
        self.listeners.push(Listener {
            owner,
            addr,
            port,
            options,
            buffers: Vec::new(),
            backlog,
            half_open: 0,
            open: true,
        });
        Ok(id)
    }

    /// Gives connections of one workload buffers of their own size, in octets, as a program would
    /// that knows what it is going to serve.
    pub fn set_buffers(
        &mut self,
        listener: ListenerId,
        tag: FlowTag,
        (recv, send): (usize, usize),
        room: SendRoom,
    ) {
        let buffers = &mut self.listeners[listener.index()].buffers;
        buffers.reserve_exact(1);
        buffers.push((tag, recv, send, room));
    }

    /// Stops listening. Connections live on, even half-open ones.
    pub fn close_listener(&mut self, listener: ListenerId) {
        let listener = &mut self.listeners[listener.index()];
        if std::mem::take(&mut listener.open) {
            self.listening.unbind(listener.addr, listener.port);
        }
    }

    /// A SYN arrives at `listener`: a connection begins, and its SYN-ACK leaves with the next
    /// [`Stack::poll`].
    pub(super) fn on_syn(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        listener: ListenerId,
        ends: (SocketAddrV4, SocketAddrV4),
        (frame, mtu): (&Frame, usize),
    ) -> Result<ConnId, DropReason> {
        let limit = self.config.syn_backlog;
        let Listener {
            owner,
            options,
            buffers,
            backlog,
            half_open,
            ..
        } = &mut self.listeners[listener.index()];
        if *half_open >= limit.min(*backlog) {
            return Err(DropReason::ListenBacklogFull);
        }
        *half_open += 1;
        let owner = *owner;
        let mut options = SocketOptions {
            tag: frame.meta.tag,
            mtu: options.mtu.min(mtu),
            ..*options
        };
        let own = buffers.iter().find(|(tag, ..)| *tag == options.tag);
        if let Some(&(_, recv, send, room)) = own {
            (options.recv_buffer, options.send_buffer) = (recv, send);
            options.send_room = room;
        }
        let (local, remote) = ends;
        let id = self.connections.reserve(now);
        let key = ConnKey::new(local, remote);
        let seed = self.next_seed(key);
        let syn = Some(worker.frames.copy(&frame.data, frame.meta));
        let origin = Origin::Passive {
            listener,
            syn,
            seed,
        };
        let who = Identity {
            id,
            owner,
            local,
            remote,
        };
        let mut connection = Box::new(Connection::new(&who, origin, options, &self.config));
        let mut interface = StackWorker::seeded(options.mtu, seed);
        let mut port = worker.port(options.mtu);
        connection.accept(now, &mut port.with(&mut interface), &self.config);
        self.demux.insert(key, id);
        self.connections.put(connection);
        self.accounts.accepted += 1;
        Ok(id)
    }
}

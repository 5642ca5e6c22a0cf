//! The TCP/IP stack of a network namespace: the one place that knows smoltcp.
//!
//! A [`Stack`] is what a namespace has of its own: connections, listeners, ports, TIME-WAIT. The
//! protocol code and its buffers are a [`StackWorker`]'s, one for each thread, shared by every
//! stack that the thread runs. Each connection is a smoltcp socket in a set of its own behind a
//! hash of its four-tuple, so that a frame costs the same in a namespace of ten connections and of
//! ten thousand.
//!
//! # Use
//! Nothing happens by itself. For each packet: [`Stack::deliver`], then [`Stack::poll`] on the
//! connection that it names, then ask [`Stack::next_timer`] when to poll again. After
//! [`Stack::send`], [`Stack::recv`], [`Stack::connect`], [`Stack::shutdown`] and [`Stack::abort`]:
//! poll, and ask. A poll that stops for its budget is to be repeated once the interface has room;
//! until then its timer is *now* and means nothing.
//!
//! # Deviations from Linux
//! - Retransmission timeouts lie between 200 ms and 12 s (Linux: 200 ms and 120 s), with the round
//!   trip measured to 200 µs. An established connection never gives up.
//! - A SYN is sent again after 1, 3, 7, 15, 31 and 63 s; since 6.5 Linux sends the first four a
//!   second apart.
//! - Up to three holes of a window are repaired one each round trip, each at the cost of another
//!   cut of the window (Linux: all at once, one cut); more of them send everything again in slow
//!   start. A tail-loss probe cuts the window at once. There is no RACK, limited transmit, timestamp
//!   option, ECN, pacing, HyStart or path MTU discovery. Goodput under random loss, 10 Gbit/s and
//!   100 µs there and back: 1.0 to 1.2 times what Mathis' formula says at 0.1 %, 0.5 to 0.8 times
//!   at 1 %. A start on a drop-tail queue loses less than 15 % of its first 100 ms.
//! - A receiver remembers 32 holes; what arrives beyond them is lost.
//! - Receive buffers have the size they are given; Linux lets them grow. Send buffers grow where they
//!   are told to ([`SendRoom`]).
//! - A window is not reduced after an idle period.
//! - A FIN is acknowledged at once, where Linux would let the program's own FIN carry it.
//! - ICMP errors other than *destination unreachable* are ignored, and so are all of them by
//!   connections that are established. Each of those ends a `connect` as refused.
//! - A program takes a connection the moment it is established: no queue waits for `accept`.
//! - A datagram that does not fit the MTU is refused; Linux would fragment it.
//!
//! # What is known to go wrong with smoltcp, and what is done about it
//! 1. *Without a congestion controller a flow collapses*: both are built in, one is always set.
//! 2. *A socket that is used again keeps its window*: none is.
//! 3. *The first window is two small segments*: phantom octets are acknowledged (`sender`), and
//!    acknowledgements are not delayed at first (`receiver`).
//! 4. *A lost SYN sets the threshold to two segments*: the controller is replaced when the SYN's
//!    answer arrives, and a socket whose SYN-ACK was lost is made anew (`connection/handshake`).
//! 5. *A lone super-frame waits for the delayed acknowledgement*: acknowledgements of more than one
//!    segment are not delayed (`connection`). 6. *TSO over IPv6 is lost*: there is no IPv6.
//! 7. *ARP once a second*: layer 2 is the simulator's.
//! 8. *Data beyond the assembler's holes is dropped in silence*: 32 holes, set in Cargo.toml.
//! 9. *The window may stay closed after a gap is filled*: see [`SocketOptions::recv_buffer`].
//! 10. *A device without room means a timer that says now*: the budget is counted outside, and
//!     [`Stack::poll`] says that it stopped for it.
//! 11. *Limits are fixed when smoltcp is built*: all are named in Cargo.toml.
//! 12. *The MTU counts a header on Ethernet only*: the medium is IP.
//! 13. *A random number for each connection comes from the interface*: see [`StackWorker`].
//! 14. *Three repeated acknowledgements of everything but the FIN stop the FIN's timer*: they are
//!     not shown (`connection`).
//! 15. *How much a receiver leaves unacknowledged is measured by what the peer could take, not by
//!     what it sends*: smoltcp is told of no larger segment than this side's route carries
//!     (`connection/handshake`).

mod bound;
mod clock;
mod connection;
mod demux;
mod device;
mod error;
mod event;
mod ingress;
mod join;
mod listener;
mod loss_probe;
mod options;
mod pattern;
mod ports;
mod receiver;
mod segment;
mod sender;
mod table;
#[cfg(test)]
mod tests;
mod time_wait;
mod udp;
mod worker;

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::SimTime;

pub use bound::Bound;
use connection::{Cause, Connection, Fate, Identity, Origin};
use demux::{ConnKey, Connections, Ports};
pub use error::SocketError;
pub use event::{ConnectionState, Datagram, Polled, SocketEvent};
use listener::Listener;
pub use options::{Congestion, SendRoom, SocketOptions, StackConfig};
use ports::EphemeralPorts;
use table::ConnectionTable;
use time_wait::TimeWait;
use udp::UdpSocket;
pub use worker::StackWorker;

use crate::frame::Frame;
use crate::ids::{AppId, ConnId, FlowTag, ListenerId, UdpId};

/// What a stack has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Connections that `connect` began.
    pub connected: u64,
    /// Connections that a SYN began.
    pub accepted: u64,
    /// Segments with payload that were sent again, on connections that are gone.
    pub retransmissions: u64,
    /// Reads that returned other octets than were sent: a bug, whatever the network did.
    pub corrupted: u64,
}

/// The sockets of one network namespace.
#[derive(Debug)]
pub struct Stack {
    config: StackConfig,
    connections: ConnectionTable,
    demux: Connections,
    listeners: Vec<Listener>,
    listening: Ports<ListenerId>,
    udp: Vec<UdpSocket>,
    udp_ports: Ports<UdpId>,
    ephemeral: EphemeralPorts,
    time_wait: TimeWait,
    serial: u64,
    accounts: Accounts,
}

impl Stack {
    /// A stack without sockets.
    ///
    /// # Panics
    /// If the configuration's range of ephemeral ports is empty.
    #[must_use]
    pub fn new(config: StackConfig) -> Self {
        let ephemeral = EphemeralPorts::new(config.ephemeral.clone(), config.seed);
        Self {
            config,
            connections: ConnectionTable::default(),
            demux: Connections::new(),
            listeners: Vec::new(),
            listening: Ports::default(),
            udp: Vec::new(),
            udp_ports: Ports::default(),
            ephemeral,
            time_wait: TimeWait::default(),
            serial: 0,
            accounts: Accounts::default(),
        }
    }

    /// What the stack has counted, connections that are still open included.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.accounts
    }

    /// Connections that exist, half-open ones included.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Four-tuples in TIME-WAIT, expired ones that nobody asked for included.
    #[must_use]
    pub fn time_wait_count(&self) -> usize {
        self.time_wait.len()
    }

    #[cfg(test)]
    fn largest_socket_set(&self) -> usize {
        self.connections.largest_socket_set()
    }

    /// The seed of a new connection's initial sequence number.
    fn next_seed(&mut self, key: ConnKey) -> u64 {
        self.serial += 1;
        ports::mix(self.config.seed ^ ports::mix(key.mixed() ^ ports::mix(self.serial)))
    }

    /// Begins a connection from `local` to `remote`. The caller has chosen the source address by
    /// its routes; the port is chosen here (see `ports`). The SYN leaves with the next
    /// [`Stack::poll`].
    ///
    /// # Errors
    /// [`SocketError::PortsExhausted`] if every ephemeral port is taken towards `remote`, by a
    /// listener, a connection or one in TIME-WAIT; [`SocketError::InvalidDestination`].
    pub fn connect(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        owner: AppId,
        local: Ipv4Addr,
        remote: SocketAddrV4,
        options: SocketOptions,
    ) -> Result<ConnId, SocketError> {
        if remote.port() == 0 || remote.ip().is_unspecified() {
            return Err(SocketError::InvalidDestination { to: remote });
        }
        self.time_wait.expire(now);
        let (listening, demux, waiting) = (&self.listening, &self.demux, &self.time_wait);
        let free = |port| {
            let key = ConnKey::new(SocketAddrV4::new(local, port), remote);
            !listening.taken(port) && !demux.contains_key(&key) && !waiting.holds(&key, now)
        };
        let port = self
            .ephemeral
            .choose(local, remote, free)
            .ok_or(SocketError::PortsExhausted { to: remote })?;
        let local = SocketAddrV4::new(local, port);
        let who = Identity {
            id: self.connections.reserve(now),
            owner,
            local,
            remote,
        };
        let key = ConnKey::new(local, remote);
        let seed = self.next_seed(key);
        let mut connection = Box::new(Connection::new(&who, Origin::Active, options, &self.config));
        let mut interface = StackWorker::seeded(options.mtu, seed);
        let mut port = worker.port(options.mtu);
        connection.connect(&mut port.with(&mut interface), &self.config);
        self.demux.insert(key, who.id);
        self.connections.put(connection);
        self.accounts.connected += 1;
        Ok(who.id)
    }

    /// Hands over `bytes` octets; says how many the send buffer took. None before the connection
    /// is established, and none after [`Stack::shutdown`].
    pub fn send(&mut self, conn: ConnId, bytes: usize) -> usize {
        let Some(connection) = self.connections.get_mut(conn) else {
            return 0;
        };
        connection.send(bytes, &self.config)
    }

    /// Reads at most `max` octets; says how many there were.
    pub fn recv(&mut self, conn: ConnId, max: usize) -> usize {
        let Some(connection) = self.connections.get_mut(conn) else {
            return 0;
        };
        let corrupted = connection.receiver.corrupted;
        let read = connection.recv(max);
        self.accounts.corrupted += connection.receiver.corrupted - corrupted;
        debug_assert_eq!(
            connection.receiver.corrupted, 0,
            "octets in the wrong place"
        );
        read
    }

    /// Octets that can be read.
    #[must_use]
    pub fn readable(&self, conn: ConnId) -> usize {
        self.connections.get(conn).map_or(0, Connection::readable)
    }

    /// Octets that [`Stack::send`] would take.
    #[must_use]
    pub fn writable(&self, conn: ConnId) -> usize {
        self.connections.get(conn).map_or(0, Connection::writable)
    }

    /// Octets handed over and not yet acknowledged.
    #[must_use]
    pub fn unacknowledged(&self, conn: ConnId) -> usize {
        self.connections
            .get(conn)
            .map_or(0, Connection::unacknowledged)
    }

    /// Segments with payload that a connection has sent again.
    #[must_use]
    pub fn retransmissions(&self, conn: ConnId) -> u32 {
        self.connections
            .get(conn)
            .map_or(0, |c| c.sender.retransmissions)
    }

    /// The state of a connection; closed if there is none of this number.
    #[must_use]
    pub fn state(&self, conn: ConnId) -> ConnectionState {
        self.connections
            .get(conn)
            .map_or(ConnectionState::Closed, Connection::state)
    }

    /// The program that a connection belongs to.
    #[must_use]
    pub fn owner(&self, conn: ConnId) -> Option<AppId> {
        self.connections.get(conn).map(|c| c.owner)
    }

    /// The workload that a connection's frames are accounted to; the first one if there is no
    /// connection of this number.
    #[must_use]
    pub fn tag(&self, conn: ConnId) -> FlowTag {
        self.connections
            .get(conn)
            .map_or(FlowTag::new(0), |c| c.options.tag)
    }

    /// This end of a connection.
    #[must_use]
    pub fn local(&self, conn: ConnId) -> Option<SocketAddrV4> {
        self.connections.get(conn).map(|c| c.local)
    }

    /// The other end of a connection.
    #[must_use]
    pub fn peer(&self, conn: ConnId) -> Option<SocketAddrV4> {
        self.connections.get(conn).map(|c| c.remote)
    }

    /// Sends no more: a FIN follows what the send buffer holds. A connection that is not
    /// established yet is given up.
    pub fn shutdown(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.shutdown();
        }
    }

    /// Gives the connection up with a RST, which leaves with the next [`Stack::poll`].
    pub fn abort(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(conn) {
            connection.abort();
        }
    }

    /// Lets one connection send what it may, at most `budget` frames.
    pub fn poll(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        conn: ConnId,
        budget: usize,
        out: &mut Vec<Frame>,
        events: &mut Vec<SocketEvent>,
    ) -> Polled {
        let Some(connection) = self.connections.get_mut(conn) else {
            return Polled::default();
        };
        let mut port = worker.port(connection.options.mtu);
        let done = connection.transmit(now, &mut port, budget, out);
        let mut polled = Polled {
            more: done.more,
            timer: connection.timer(),
        };
        if done.acted || !connection.is_calm() {
            let unread = connection.readable();
            let announced = connection.announced;
            let fate = connection.settle(Cause::Poll, unread, events);
            self.follow(now, conn, announced, fate);
            if fate != Fate::Lives {
                polled.timer = None;
            }
        }
        polled
    }

    /// When [`Stack::poll`] has something to do next, if nothing happens before: never a time at
    /// which it would do nothing. It is `now` if there is something to send already.
    pub fn next_timer(
        &mut self,
        now: SimTime,
        worker: &mut StackWorker,
        conn: ConnId,
    ) -> Option<SimTime> {
        let connection = self.connections.get_mut(conn)?;
        connection.next_timer(now, &mut worker.port(connection.options.mtu))
    }

    /// Does for the namespace what a step of one connection leads to.
    fn follow(&mut self, now: SimTime, conn: ConnId, announced: bool, fate: Fate) {
        let Some(connection) = self.connections.get(conn) else {
            return;
        };
        let over = connection.announced || fate == Fate::Gone;
        if let Origin::Passive { listener, .. } = connection.origin
            && !announced
            && over
        {
            self.listeners[listener.index()].half_open -= 1;
        }
        if fate == Fate::Lives {
            return;
        }
        let Some(gone) = self.connections.remove(conn, now) else {
            return;
        };
        self.demux.remove(&gone.key);
        self.accounts.retransmissions += u64::from(gone.sender.retransmissions);
        if fate == Fate::Waits {
            let expires = now.saturating_add(self.config.time_wait);
            let tag = gone.options.tag;
            self.time_wait
                .insert(gone.key, expires, gone.final_ack, gone.peer_isn, tag);
        }
    }
}

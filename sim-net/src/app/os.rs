//! The system calls that programs make. Each charges what it costs to the running pass.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::{SimDuration, SimTime};

use crate::cost::{Charge, Primitive};
use crate::ids::{AppId, ConnId, FlowTag, NetnsId, UdpId};
use crate::machine::{Env, ErrorKind, Event, Machine, WorkloadRecord};
use crate::reach::Leg;
use crate::stack::{Datagram, SendRoom, SocketError, SocketOptions};

/// IPv4 and UDP headers, in octets.
const UDP_HEADERS: usize = 28;

/// Sizes of a socket's buffers, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// Receive buffer.
    pub recv: usize,
    /// Send buffer.
    pub send: usize,
    /// How much of the send buffer is there.
    pub room: SendRoom,
}

impl Buffers {
    /// For a stream whose two sides have room for `recv` and `send` octets under way, and at least
    /// what Linux starts with.
    /// Source: Linux, default of `net.ipv4.tcp_wmem` (specified), rounded to a power of two.
    #[must_use]
    pub fn for_stream(recv: usize, send: usize) -> Self {
        const LEAST: usize = 16 * 1024;
        const MOST: usize = 4 * 1024 * 1024;
        let fit = |n: usize| n.saturating_mul(2).next_power_of_two().clamp(LEAST, MOST);
        Self {
            recv: fit(recv),
            send: fit(send),
            room: SendRoom::Whole,
        }
    }

    /// For requests and responses of these sizes, of which a connection carries one at a time each
    /// way. Small ones get no more memory than they use. The window that their receiver announces
    /// is smaller for it, which makes no difference: a message fits, and takes less than half of
    /// it, so that to read one opens the window by too little to be told.
    #[must_use]
    pub fn for_messages(recv: usize, send: usize) -> Self {
        const SMALL: usize = 2048;
        let mut buffers = Self::for_stream(recv, send);
        if recv <= SMALL {
            buffers.recv = recv * 2 + recv / 4;
        }
        if send <= SMALL {
            buffers.room = SendRoom::Message(send);
        }
        buffers
    }

    /// For transfers that should fill a link: what Linux grows its buffers to.
    /// Source: Linux, maximum of `net.ipv4.tcp_wmem` (specified).
    #[must_use]
    pub fn for_bulk() -> Self {
        Self {
            recv: 4 * 1024 * 1024,
            send: 4 * 1024 * 1024,
            room: SendRoom::Grows,
        }
    }
}

/// The machine as a running program sees it.
pub struct Os<'a, 'b, 'c> {
    machine: &'a mut Machine,
    env: &'a mut Env<'b, 'c>,
    app: AppId,
    netns: NetnsId,
}

impl<'a, 'b, 'c> Os<'a, 'b, 'c> {
    pub(crate) fn new(machine: &'a mut Machine, env: &'a mut Env<'b, 'c>, app: AppId) -> Self {
        let netns = machine.apps[app].netns;
        Self {
            machine,
            env,
            app,
            netns,
        }
    }

    /// The time that the program's pass has come to.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.machine.meter().now()
    }

    /// The record of a workload.
    ///
    /// # Panics
    /// If the plan has no such workload.
    pub fn record(&mut self, tag: FlowTag) -> &mut WorkloadRecord {
        self.machine
            .account
            .record(tag)
            .expect("every tag has a record")
    }

    /// The other end of a connection or datagram of `tag` has this address.
    pub fn seen(&mut self, tag: FlowTag, addr: Ipv4Addr) {
        self.machine.account.seen(tag, addr);
    }

    /// A probe has ended.
    pub fn found(&mut self, tag: FlowTag, result: Result<(), ErrorKind>) {
        if let Some(probe) = self.machine.account.probe(tag) {
            self.machine.account.probes.found(probe, result);
        }
    }

    /// A probe for `to`, or the answer to one, could not be sent: notes why the namespace has no way
    /// for it, if so.
    pub fn not_sent(&mut self, tag: FlowTag, to: Ipv4Addr, leg: Leg) {
        let now = self.now();
        if let Some(reason) = self.machine.no_way(self.netns, to)
            && let Some(probe) = self.machine.account.probe(tag)
        {
            self.machine
                .account
                .probes
                .not_sent(probe, now, leg, reason);
        }
    }

    /// Asks to be told `token` at `at`.
    pub fn timer(&mut self, at: SimTime, token: u32) {
        let app = self.app;
        let entity = self.machine.app_entity(app);
        let at = at.max(self.env.ctx.now());
        self.env
            .ctx
            .schedule(entity, at, Event::AppTimer { app, token });
    }

    /// Computes for `time` of CPU, interrupted by frames, and is then told `token`. The program
    /// sees nothing else until then.
    pub fn compute(&mut self, tag: FlowTag, time: SimDuration, token: u32) {
        self.machine.compute(self.app, tag, time, token);
    }

    /// Charges a primitive of the program's own.
    pub fn charge(&mut self, primitive: Primitive) {
        self.machine.meter_mut().charge(primitive, 0);
    }

    /// Opens a connection to `remote`. The outcome comes as an event.
    ///
    /// # Errors
    /// What `connect` says at once: no route, or no port left.
    pub fn connect(
        &mut self,
        remote: SocketAddrV4,
        tag: FlowTag,
        buffers: Buffers,
    ) -> Result<ConnId, ErrorKind> {
        self.machine.meter_mut().set_tag(tag);
        self.charge(Primitive::SyscallConnect);
        let (local, mtu) = self.local_for(*remote.ip())?;
        let options = SocketOptions {
            tag,
            recv_buffer: buffers.recv,
            send_buffer: buffers.send,
            send_room: buffers.room,
            nodelay: true,
            mtu,
        };
        let now = self.env.ctx.now();
        let stack = &mut self.machine.netns[self.netns].stack;
        let conn = stack
            .connect(now, self.env.worker, self.app, local, remote, options)
            .map_err(error_kind)?;
        self.machine.open(self.netns, conn);
        self.machine.poll_conn(self.env, self.netns, conn);
        Ok(conn)
    }

    fn local_for(&self, remote: Ipv4Addr) -> Result<(Ipv4Addr, usize), ErrorKind> {
        self.machine
            .source_for(self.netns, remote)
            .ok_or(ErrorKind::NetworkUnreachable)
    }

    /// Takes an accepted connection over.
    pub fn accept(&mut self, conn: ConnId) -> FlowTag {
        let tag = self.machine.netns[self.netns].stack.tag(conn);
        self.machine.meter_mut().set_tag(tag);
        self.charge(Primitive::SyscallAccept);
        tag
    }

    /// The other end of a connection.
    #[must_use]
    pub fn peer(&self, conn: ConnId) -> Option<SocketAddrV4> {
        self.machine.netns[self.netns].stack.peer(conn)
    }

    /// Accounts what follows to the workload of a connection.
    fn account_to(&mut self, conn: ConnId) {
        let tag = self.machine.netns[self.netns].stack.tag(conn);
        self.machine.meter_mut().set_tag(tag);
    }

    /// Writes up to `bytes` octets; says how many the socket took.
    pub fn send(&mut self, conn: ConnId, bytes: usize) -> usize {
        self.account_to(conn);
        let taken = self.machine.netns[self.netns].stack.send(conn, bytes);
        self.charge(Primitive::SyscallSend);
        self.machine
            .meter_mut()
            .charge(Primitive::CopyFromUser, taken);
        self.machine.poll_conn(self.env, self.netns, conn);
        taken
    }

    /// Reads up to `max` octets; says how many there were.
    pub fn recv(&mut self, conn: ConnId, max: usize) -> usize {
        self.account_to(conn);
        let stack = &mut self.machine.netns[self.netns].stack;
        let read = stack.recv(conn, max);
        self.charge(Primitive::SyscallRecv);
        self.machine.meter_mut().charge(Primitive::CopyToUser, read);
        if read > 0 {
            self.machine.poll_conn(self.env, self.netns, conn);
        }
        read
    }

    /// Octets that a write would take.
    #[must_use]
    pub fn writable(&self, conn: ConnId) -> usize {
        self.machine.netns[self.netns].stack.writable(conn)
    }

    /// Octets that wait to be read.
    #[must_use]
    pub fn readable(&self, conn: ConnId) -> usize {
        self.machine.netns[self.netns].stack.readable(conn)
    }

    /// Closes the sending side.
    pub fn close(&mut self, conn: ConnId) {
        self.account_to(conn);
        self.charge(Primitive::SyscallClose);
        self.machine.netns[self.netns].stack.shutdown(conn);
        self.machine.poll_conn(self.env, self.netns, conn);
    }

    /// Breaks a connection off.
    pub fn abort(&mut self, conn: ConnId) {
        self.account_to(conn);
        self.charge(Primitive::SyscallClose);
        self.machine.netns[self.netns].stack.abort(conn);
        self.machine.poll_conn(self.env, self.netns, conn);
    }

    /// Binds a UDP socket to a port of the system's choice.
    ///
    /// # Errors
    /// If no port is left.
    pub fn bind_udp(&mut self, options: SocketOptions) -> Result<UdpId, ErrorKind> {
        let stack = &mut self.machine.netns[self.netns].stack;
        stack
            .bind_udp(self.app, None, 0, options)
            .map_err(error_kind)
    }

    /// Sends a datagram of `len` octets, the first eight of which are `header`.
    ///
    /// # Errors
    /// If there is no route, or the datagram is longer than the route's MTU.
    pub fn udp_send(
        &mut self,
        udp: UdpId,
        to: SocketAddrV4,
        len: usize,
        header: u64,
        tag: FlowTag,
    ) -> Result<(), ErrorKind> {
        self.udp_send_on(udp, to, (len, header), tag, Leg::Forward)
    }

    /// The same to somebody who has asked.
    ///
    /// # Errors
    /// As [`Os::udp_send`].
    pub fn udp_answer(
        &mut self,
        udp: UdpId,
        to: SocketAddrV4,
        len: usize,
        header: u64,
        tag: FlowTag,
    ) -> Result<(), ErrorKind> {
        let sent = self.udp_send_on(udp, to, (len, header), tag, Leg::Return);
        if sent == Err(ErrorKind::NetworkUnreachable) {
            self.not_sent(tag, *to.ip(), Leg::Return);
        }
        sent
    }

    fn udp_send_on(
        &mut self,
        udp: UdpId,
        to: SocketAddrV4,
        (len, header): (usize, u64),
        tag: FlowTag,
        leg: Leg,
    ) -> Result<(), ErrorKind> {
        self.machine.meter_mut().set_tag(tag);
        self.charge(Primitive::SyscallSend);
        self.machine
            .meter_mut()
            .charge(Primitive::CopyFromUser, len);
        let (src, mtu) = self.local_for(*to.ip())?;
        if len + UDP_HEADERS > mtu {
            return Err(ErrorKind::MessageTooLong);
        }
        let src = self.machine.netns[self.netns]
            .stack
            .udp_addr(udp)
            .unwrap_or(src);
        self.machine
            .udp_send(
                self.env,
                self.netns,
                udp,
                (src, to),
                (len, header),
                (tag, leg),
            )
            .map_err(error_kind)
    }

    /// Takes the next datagram of a socket.
    pub fn udp_recv(&mut self, udp: UdpId) -> Option<Datagram> {
        let datagram = self.machine.netns[self.netns].stack.udp_recv(udp)?;
        self.machine.meter_mut().set_tag(datagram.tag);
        self.charge(Primitive::SyscallRecv);
        self.machine
            .meter_mut()
            .charge(Primitive::CopyToUser, datagram.len);
        Some(datagram)
    }
}

/// The options of every UDP socket.
/// Source: Linux, `net.core.rmem_default` (specified): 212,992 octets.
#[must_use]
pub fn udp_options(tag: FlowTag) -> SocketOptions {
    SocketOptions {
        tag,
        recv_buffer: 212_992,
        send_buffer: 212_992,
        send_room: SendRoom::Whole,
        nodelay: true,
        mtu: 65_535,
    }
}

fn error_kind(error: SocketError) -> ErrorKind {
    match error {
        SocketError::AddressInUse { .. } => ErrorKind::AddressInUse,
        SocketError::PortsExhausted { .. } => ErrorKind::PortsExhausted,
        SocketError::MessageTooLong { .. } => ErrorKind::MessageTooLong,
        SocketError::InvalidDestination { .. } | SocketError::Closed => ErrorKind::InvalidSocket,
    }
}

//! A server on one port: it answers requests, takes or makes data, or just accepts.
//!
//! One thread serves all connections of the port. What a connection wants is told by the workload
//! that its first packet belongs to.

use std::collections::VecDeque;
use std::net::SocketAddrV4;

use sim_core::{LookupMap, SimDuration, SimRng, dist};

use super::{AppEvent, Buffers, Os, Targets};
use crate::ids::{ConnId, FlowTag, UdpId};
use crate::plan::ServiceTime;
use crate::stack::SocketEvent;

/// What a server does for one workload.
#[derive(Debug)]
pub enum Role {
    /// Answers requests.
    Answer {
        /// Octets of a request.
        request: usize,
        /// Octets of a response.
        response: usize,
        /// CPU time for each.
        service: ServiceTime,
        /// What it asks of others first.
        calls: Vec<Call>,
        /// Where its service times are drawn from, if they are.
        rng: Option<Box<SimRng>>,
    },
    /// Takes all that comes.
    Sink,
    /// Sends as much as it may; `None` for no end.
    Source {
        /// Octets for each connection.
        bytes: Option<u64>,
    },
}

/// A request that a server makes to answer one.
#[derive(Debug)]
pub struct Call {
    /// What its connections and their frames are known by.
    pub tag: FlowTag,
    /// Whom it asks; calls go round them.
    pub targets: Targets,
    /// Octets of the request.
    pub request: usize,
    /// Octets of the response.
    pub response: usize,
    /// Free connections to targets that were asked.
    idle: LookupMap<usize, Vec<ConnId>>,
    next_target: usize,
}

impl Call {
    /// A call without connections yet.
    #[must_use]
    pub fn new(tag: FlowTag, targets: Targets, request: usize, response: usize) -> Self {
        Self {
            tag,
            idle: LookupMap::default(),
            targets,
            request,
            response,
            next_target: 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Client {
    /// A connection, and the serial number of its session: ids are used again.
    Tcp(ConnId, u64),
    Udp(UdpId, SocketAddrV4, u64),
}

/// A request that is being answered.
#[derive(Clone, Copy, Debug)]
struct Job {
    client: Client,
    tag: FlowTag,
    /// How many of its calls have been answered.
    step: usize,
}

/// A connection to another server.
#[derive(Clone, Copy, Debug)]
struct Upstream {
    /// Whose role it belongs to, the call, and which of its targets.
    tag: FlowTag,
    step: usize,
    target: usize,
    connected: bool,
    /// The request that it is in use for.
    job: Option<Job>,
    /// Octets of the call that the socket has not taken yet.
    unsent: usize,
    /// Octets of the response that have not come yet.
    missing: usize,
}

/// A connection from a client.
#[derive(Clone, Copy, Debug)]
struct Session {
    serial: u64,
    tag: FlowTag,
    received: usize,
    unsent: u64,
    closing: bool,
}

/// The server.
#[derive(Debug, Default)]
pub struct Server {
    roles: Vec<(FlowTag, Role)>,
    sessions: LookupMap<ConnId, Session>,
    accepted: u64,
    upstream: LookupMap<ConnId, Upstream>,
    ready: VecDeque<Job>,
    computing: Option<Job>,
}

impl Server {
    /// A server that does what `roles` says for each workload, and accepts all others.
    #[must_use]
    pub fn new(roles: Vec<(FlowTag, Role)>) -> Self {
        Self {
            roles,
            ..Self::default()
        }
    }

    /// The buffers that the connections of each workload need.
    pub fn buffers(&self) -> impl Iterator<Item = (FlowTag, Buffers)> + '_ {
        self.roles.iter().map(|(tag, role)| {
            let buffers = match role {
                Role::Answer {
                    request, response, ..
                } => Buffers::for_messages(*request, *response),
                Role::Sink | Role::Source { .. } => Buffers::for_bulk(),
            };
            (*tag, buffers)
        })
    }

    fn role(&mut self, tag: FlowTag) -> Option<&mut Role> {
        self.roles
            .iter_mut()
            .find(|(t, _)| *t == tag)
            .map(|(_, role)| role)
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            AppEvent::Socket(event) => self.on_socket(event, os),
            AppEvent::Computed(_) => {
                if let Some(job) = self.computing.take() {
                    self.proceed(job, os);
                }
            }
            AppEvent::Timer(_) => {}
        }
        self.work(os);
    }

    fn on_socket(&mut self, event: SocketEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            SocketEvent::Accepted { conn, .. } => self.accept(conn, os),
            SocketEvent::UdpReadable { udp, .. } => self.read_datagrams(udp, os),
            _ => {
                let Some(conn) = event.conn() else { return };
                if self.upstream.contains_key(&conn) {
                    self.on_call(event, conn, os);
                } else {
                    self.on_session(event, conn, os);
                }
            }
        }
    }

    fn accept(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let tag = os.accept(conn);
        if let Some(peer) = os.peer(conn) {
            os.seen(tag, *peer.ip());
        }
        let unsent = match self.role(tag) {
            Some(Role::Source { bytes }) => bytes.unwrap_or(u64::MAX),
            _ => 0,
        };
        self.accepted += 1;
        self.sessions.insert(
            conn,
            Session {
                serial: self.accepted,
                tag,
                received: 0,
                unsent,
                closing: false,
            },
        );
        self.write(conn, os);
    }

    fn on_session(&mut self, event: SocketEvent, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        match event {
            SocketEvent::Readable { .. } => self.read(conn, os),
            SocketEvent::Writable { .. } => self.write(conn, os),
            SocketEvent::PeerClosed { .. } => {
                self.read(conn, os);
                let Some(session) = self.sessions.get_mut(&conn) else {
                    return;
                };
                session.closing = true;
                if session.unsent == 0 || session.unsent > u64::MAX / 2 {
                    os.close(conn);
                }
            }
            SocketEvent::Closed { .. }
            | SocketEvent::Reset { .. }
            | SocketEvent::TimedOut { .. }
            | SocketEvent::Refused { .. } => {
                self.sessions.remove(&conn);
            }
            _ => {}
        }
    }

    fn read(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let Some(&Session { tag, .. }) = self.sessions.get(&conn) else {
            return;
        };
        if os.readable(conn) == 0 {
            return;
        }
        let read = os.recv(conn, usize::MAX);
        let request = match self.role(tag) {
            Some(Role::Answer { request, .. }) => *request,
            Some(Role::Sink) => {
                let now = os.now();
                os.record(tag).received(now, read);
                return;
            }
            _ => return,
        };
        let session = self.sessions.get_mut(&conn).expect("it was there");
        session.received += read;
        while session.received >= request {
            session.received -= request;
            let client = Client::Tcp(conn, session.serial);
            self.ready.push_back(Job {
                client,
                tag,
                step: 0,
            });
        }
    }

    fn read_datagrams(&mut self, udp: UdpId, os: &mut Os<'_, '_, '_>) {
        while let Some(datagram) = os.udp_recv(udp) {
            let tag = datagram.tag;
            let now = os.now();
            os.seen(tag, *datagram.from.ip());
            match self.role(tag) {
                Some(Role::Answer { .. }) => {
                    let client = Client::Udp(udp, datagram.from, datagram.header);
                    self.ready.push_back(Job {
                        client,
                        tag,
                        step: 0,
                    });
                }
                Some(Role::Sink) => os.record(tag).received(now, datagram.len),
                // An echo that finds no way back is lost, as the answer to any request may be.
                _ => {
                    let _ = os.udp_answer(udp, datagram.from, datagram.len, datagram.header, tag);
                }
            }
        }
    }

    /// Takes up the next request, unless one is being computed.
    fn work(&mut self, os: &mut Os<'_, '_, '_>) {
        while self.computing.is_none()
            && let Some(job) = self.ready.pop_front()
        {
            let time = self.service_time(job.tag);
            if time == SimDuration::ZERO {
                self.proceed(job, os);
            } else {
                self.computing = Some(job);
                os.compute(job.tag, time, 0);
            }
        }
    }

    fn service_time(&mut self, tag: FlowTag) -> SimDuration {
        match self.role(tag) {
            Some(Role::Answer {
                service: ServiceTime::Constant(time),
                ..
            }) => *time,
            Some(Role::Answer {
                service: ServiceTime::Exponential(mean),
                rng: Some(rng),
                ..
            }) => dist::exponential(rng.as_mut(), *mean),
            _ => SimDuration::ZERO,
        }
    }

    /// Makes the next call that a request needs, or answers it.
    fn proceed(&mut self, job: Job, os: &mut Os<'_, '_, '_>) {
        let Some(Role::Answer {
            response, calls, ..
        }) = self.role(job.tag)
        else {
            return;
        };
        let response = *response;
        let Some(call) = calls.get_mut(job.step) else {
            return self.answer(job, response, os);
        };
        let target = call.next_target % call.targets.len();
        call.next_target += 1;
        let idle = call.idle.get_mut(&target).and_then(Vec::pop);
        let upstream = Upstream {
            tag: job.tag,
            step: job.step,
            target,
            connected: idle.is_some(),
            job: Some(job),
            unsent: call.request,
            missing: call.response,
        };
        let buffers = Buffers::for_messages(call.response, call.request);
        let (target, tag) = (call.targets.in_turn(target), call.tag);
        match idle.map_or_else(|| os.connect(target, tag, buffers), Ok) {
            Ok(conn) => {
                self.upstream.insert(conn, upstream);
                self.write_call(conn, os);
            }
            Err(_) => self.give_up(job, os),
        }
    }

    fn answer(&mut self, job: Job, response: usize, os: &mut Os<'_, '_, '_>) {
        match job.client {
            Client::Tcp(conn, serial) => {
                // A client that has gone gets no answer, nor does another in its place.
                let session = self.sessions.get_mut(&conn);
                if let Some(session) = session.filter(|session| session.serial == serial) {
                    session.unsent += response as u64;
                    self.write(conn, os);
                }
            }
            Client::Udp(udp, to, header) => {
                // A response that finds no way is lost; the client's time-out says so.
                let _ = os.udp_answer(udp, to, response, header, job.tag);
            }
        }
    }

    /// A call failed: the client learns it by a broken connection.
    fn give_up(&mut self, job: Job, os: &mut Os<'_, '_, '_>) {
        if let Client::Tcp(conn, serial) = job.client
            && let Some(session) = self.sessions.get(&conn)
            && session.serial == serial
        {
            self.sessions.remove(&conn);
            os.abort(conn);
        }
    }

    fn write(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let Some(session) = self.sessions.get_mut(&conn) else {
            return;
        };
        if session.unsent == 0 {
            return;
        }
        let taken = os.send(conn, usize::try_from(session.unsent).unwrap_or(usize::MAX));
        if session.unsent != u64::MAX {
            session.unsent -= taken as u64;
        }
        if session.unsent == 0 && session.closing {
            os.close(conn);
        }
    }

    fn on_call(&mut self, event: SocketEvent, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        match event {
            SocketEvent::Connected { .. } => {
                if let Some(upstream) = self.upstream.get_mut(&conn) {
                    upstream.connected = true;
                }
                self.write_call(conn, os);
            }
            SocketEvent::Readable { .. } => self.read_call(conn, os),
            SocketEvent::Writable { .. } => self.write_call(conn, os),
            SocketEvent::PeerClosed { .. } => {
                os.close(conn);
                self.lose_call(conn, os);
            }
            _ => self.lose_call(conn, os),
        }
    }

    /// Sends what the socket takes of a call; the rest follows when it has room.
    fn write_call(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        if let Some(upstream) = self.upstream.get_mut(&conn)
            && upstream.connected
            && upstream.unsent > 0
        {
            upstream.unsent -= os.send(conn, upstream.unsent);
        }
    }

    fn read_call(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let read = os.recv(conn, usize::MAX);
        let Some(upstream) = self.upstream.get_mut(&conn) else {
            return;
        };
        upstream.missing = upstream.missing.saturating_sub(read);
        if upstream.missing > 0 {
            return;
        }
        let Some(job) = upstream.job.take() else {
            return;
        };
        let Upstream { step, target, .. } = *upstream;
        if let Some(Role::Answer { calls, .. }) = self.role(job.tag) {
            let idle = &mut calls[step].idle;
            idle.get_or_insert_with(target, Vec::new).push(conn);
        }
        let step = step + 1;
        self.proceed(Job { step, ..job }, os);
    }

    /// The connection of a call has ended; an idle one is forgotten, one in use fails its request.
    fn lose_call(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let Some(upstream) = self.upstream.remove(&conn) else {
            return;
        };
        if let Some(job) = upstream.job {
            self.give_up(job, os);
        } else if let Some(Role::Answer { calls, .. }) = self.role(upstream.tag) {
            let idle = calls[upstream.step].idle.get_mut(&upstream.target);
            idle.into_iter()
                .for_each(|idle| idle.retain(|&idle| idle != conn));
        }
    }
}

//! A program that makes all the probes of one namespace: each opens a connection, or has a datagram
//! echoed.
//!
//! Probes start at times of their own, spread so that no receive ring overflows, and all datagrams
//! leave by one socket: what waits for an answer is a connection in SYN-SENT or a number.

use std::collections::VecDeque;
use std::net::SocketAddrV4;

use sim_core::{LookupMap, SimTime};

use super::{AppEvent, Buffers, Os};
use crate::headers::Protocol;
use crate::ids::{ConnId, FlowTag, UdpId};
use crate::machine::ErrorKind;
use crate::plan::PROBE_TIMEOUT;
use crate::reach::Leg;
use crate::stack::{SendRoom, SocketEvent, SocketOptions};

/// Octets of a probe's datagram; its first eight are the probe's number.
const DATAGRAM: usize = 64;

/// The least that a connection may have: nothing is sent over it.
const BUFFERS: Buffers = Buffers {
    recv: 0,
    send: 0,
    room: SendRoom::Message(0),
};

/// Room for the answers that come while the program does not run, in octets.
const ANSWERS: usize = 64 * 1024;

const TICK: u32 = 1;

/// One probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// What it is known by.
    pub tag: FlowTag,
    /// When it starts.
    pub at: SimTime,
    /// Whom it asks.
    pub to: SocketAddrV4,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// The program. What it finds is in the machine's notes.
#[derive(Debug)]
pub struct Scanner {
    /// By ascending time.
    scans: Vec<Scan>,
    settled: Vec<bool>,
    next: usize,
    /// Those that have started, and when each is given up.
    waiting: VecDeque<(SimTime, usize)>,
    by_conn: LookupMap<ConnId, usize>,
    conns: LookupMap<usize, ConnId>,
    socket: Option<UdpId>,
    /// Datagrams that wait for an answer, by whom they ask.
    asked: LookupMap<SocketAddrV4, VecDeque<usize>>,
}

impl Scanner {
    /// A program that makes these probes, which come by ascending time.
    #[must_use]
    pub fn new(scans: Vec<Scan>) -> Self {
        debug_assert!(scans.is_sorted_by_key(|scan| scan.at));
        Self {
            settled: vec![false; scans.len()],
            scans,
            next: 0,
            waiting: VecDeque::new(),
            by_conn: LookupMap::default(),
            conns: LookupMap::default(),
            socket: None,
            asked: LookupMap::default(),
        }
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            AppEvent::Timer(_) => self.tick(os),
            AppEvent::Socket(event) => self.on_socket(event, os),
            AppEvent::Computed(_) => {}
        }
    }

    /// Starts what is due, gives up what has waited for too long, and asks for the next tick.
    fn tick(&mut self, os: &mut Os<'_, '_, '_>) {
        while self
            .scans
            .get(self.next)
            .is_some_and(|scan| scan.at <= os.now())
        {
            self.begin(self.next, os);
            self.next += 1;
        }
        while let Some(&(deadline, index)) = self.waiting.front() {
            if !self.settled[index] {
                if deadline > os.now() {
                    break;
                }
                if let Some(&conn) = self.conns.get(&index) {
                    os.close(conn);
                }
                self.settle(index, Err(ErrorKind::TimedOut), os);
            }
            self.waiting.pop_front();
        }
        let start = self.scans.get(self.next).map(|scan| scan.at);
        let deadline = self.waiting.front().map(|&(deadline, _)| deadline);
        if let Some(at) = start.into_iter().chain(deadline).min() {
            os.timer(at, TICK);
        }
    }

    fn begin(&mut self, index: usize, os: &mut Os<'_, '_, '_>) {
        let Scan {
            tag, to, protocol, ..
        } = self.scans[index];
        let started = if protocol == Protocol::Tcp {
            os.connect(to, tag, BUFFERS).map(|conn| {
                self.by_conn.insert(conn, index);
                self.conns.insert(index, conn);
            })
        } else {
            self.ask(index, os)
        };
        match started {
            Ok(()) => self.waiting.push_back((os.now() + PROBE_TIMEOUT, index)),
            Err(kind) => {
                os.not_sent(tag, *to.ip(), Leg::Forward);
                self.settle(index, Err(kind), os);
            }
        }
    }

    fn ask(&mut self, index: usize, os: &mut Os<'_, '_, '_>) -> Result<(), ErrorKind> {
        let Scan { tag, to, .. } = self.scans[index];
        let socket = match self.socket {
            Some(socket) => socket,
            None => {
                let options = SocketOptions {
                    recv_buffer: ANSWERS,
                    ..SocketOptions::new(tag, 1500)
                };
                *self.socket.insert(os.bind_udp(options)?)
            }
        };
        os.udp_send(socket, to, DATAGRAM, index as u64, tag)?;
        let asked = self.asked.get_or_insert_with(to, VecDeque::new);
        asked.push_back(index);
        Ok(())
    }

    fn on_socket(&mut self, event: SocketEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            SocketEvent::UdpReadable { udp, .. } => {
                while let Some(answer) = os.udp_recv(udp) {
                    let index = usize::try_from(answer.header).unwrap_or(usize::MAX);
                    if index < self.scans.len() {
                        self.settle(index, Ok(()), os);
                    }
                }
            }
            SocketEvent::UdpUnreachable { to, .. } => self.refused(to, os),
            _ => {
                let Some(conn) = event.conn() else { return };
                let Some(&index) = self.by_conn.get(&conn) else {
                    return;
                };
                match event {
                    SocketEvent::Connected { .. } => {
                        self.settle(index, Ok(()), os);
                        os.close(conn);
                    }
                    SocketEvent::Refused { .. } => {
                        self.settle(index, Err(ErrorKind::Refused), os);
                    }
                    SocketEvent::Reset { .. } => self.settle(index, Err(ErrorKind::Reset), os),
                    SocketEvent::TimedOut { .. } => {
                        self.settle(index, Err(ErrorKind::TimedOut), os);
                    }
                    _ => {}
                }
            }
        }
    }

    /// The oldest datagram to `to` that waits is the one that was refused.
    fn refused(&mut self, to: SocketAddrV4, os: &mut Os<'_, '_, '_>) {
        while let Some(index) = self.asked.get_mut(&to).and_then(VecDeque::pop_front) {
            if !self.settled[index] {
                return self.settle(index, Err(ErrorKind::Refused), os);
            }
        }
    }

    /// The first finding counts.
    fn settle(&mut self, index: usize, result: Result<(), ErrorKind>, os: &mut Os<'_, '_, '_>) {
        if std::mem::replace(&mut self.settled[index], true) {
            return;
        }
        if let Some(conn) = self.conns.remove(&index) {
            self.by_conn.remove(&conn);
        }
        os.found(self.scans[index].tag, result);
    }
}

/// When the probes of a plan start: number `index` of `count` in a run that stops at `stop`.
///
/// They are a [`PROBE_GAP`](crate::plan::PROBE_GAP) apart; nearer to each other where the run is too
/// short to give the last one time for an answer.
#[must_use]
pub fn start_of(index: usize, count: usize, stop: SimTime) -> SimTime {
    let lasts = stop - SimTime::ZERO;
    let spread = lasts.saturating_sub(PROBE_TIMEOUT).max(lasts / 2);
    let gap = crate::plan::PROBE_GAP.min(spread / count.max(1) as u64);
    SimTime::ZERO + gap * index as u64
}

//! A client that sends requests as datagrams. What gets lost stays lost.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use sim_core::{SimDuration, SimTime};

use super::{AppEvent, Generator, Os, START, Targets, udp_options};
use crate::ids::{FlowTag, UdpId};
use crate::machine::ErrorKind;
use crate::stack::SocketEvent;

const ARRIVAL: u32 = 1;
const SWEEP: u32 = 2;

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct UdpClientConfig {
    /// The workload.
    pub tag: FlowTag,
    /// Whom to ask; requests go round them.
    pub targets: Targets,
    /// Number of the target of the first request, so that clients do not all begin with the same.
    pub first_target: usize,
    /// Octets of a request, at least eight.
    pub request: usize,
    /// When a request without an answer is lost.
    pub timeout: SimDuration,
}

/// A request without an answer yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: SimTime,
    target: SocketAddrV4,
}

/// The client.
#[derive(Debug)]
pub struct UdpClient {
    config: UdpClientConfig,
    load: Generator,
    socket: Option<UdpId>,
    sequence: u64,
    waiting: BTreeMap<u64, Waiting>,
}

impl UdpClient {
    /// A client whose requests are due when `load` says.
    #[must_use]
    pub fn new(config: UdpClientConfig, load: Generator) -> Self {
        Self {
            config,
            load,
            socket: None,
            sequence: 0,
            waiting: BTreeMap::new(),
        }
    }

    /// The workload and due times of requests without an answer yet.
    #[must_use]
    pub fn unfinished(&self) -> (FlowTag, Vec<SimTime>) {
        let due = self.waiting.values().map(|request| request.due);
        (self.config.tag, due.collect())
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            AppEvent::Timer(START) => {
                self.socket = os.bind_udp(udp_options(self.config.tag)).ok();
                self.load.arm(os, ARRIVAL);
                os.timer(os.now() + self.config.timeout / 2, SWEEP);
            }
            AppEvent::Timer(ARRIVAL) => self.arrive(os),
            AppEvent::Timer(SWEEP) => self.sweep(os),
            AppEvent::Socket(SocketEvent::UdpReadable { udp, .. }) => self.read(udp, os),
            AppEvent::Socket(SocketEvent::UdpUnreachable { to, .. }) => self.refused(to, os),
            _ => {}
        }
    }

    fn arrive(&mut self, os: &mut Os<'_, '_, '_>) {
        let now = os.now();
        while let Some(due) = self.load.pop_due(now) {
            os.record(self.config.tag).due(due);
            self.ask(due, os);
        }
        self.load.arm(os, ARRIVAL);
    }

    fn ask(&mut self, due: SimTime, os: &mut Os<'_, '_, '_>) {
        let tag = self.config.tag;
        let Some(socket) = self.socket else {
            return self.lost(due, ErrorKind::PortsExhausted, os);
        };
        let sequence = self.sequence;
        let round = usize::try_from(sequence).unwrap_or(0) + self.config.first_target;
        let target = self.config.targets.in_turn(round);
        self.sequence += 1;
        match os.udp_send(socket, target, self.config.request, sequence, tag) {
            Ok(()) => {
                self.waiting.insert(sequence, Waiting { due, target });
            }
            Err(kind) => self.lost(due, kind, os),
        }
    }

    fn lost(&mut self, due: SimTime, kind: ErrorKind, os: &mut Os<'_, '_, '_>) {
        os.record(self.config.tag).failed(due, kind);
        self.load.after_error(os.now());
        self.load.arm(os, ARRIVAL);
    }

    fn read(&mut self, udp: UdpId, os: &mut Os<'_, '_, '_>) {
        let tag = self.config.tag;
        while let Some(datagram) = os.udp_recv(udp) {
            let now = os.now();
            os.record(tag).received(now, datagram.len);
            let Some(Waiting { due, .. }) = self.waiting.remove(&datagram.header) else {
                continue;
            };
            if now.saturating_since(due) > self.config.timeout {
                self.lost(due, ErrorKind::TimedOut, os);
            } else {
                os.record(tag).answered(due, now);
                self.load.after_answer(now);
            }
        }
        self.load.arm(os, ARRIVAL);
    }

    /// A target's kernel says that nothing listens. It does not say to which request; it may have
    /// been the oldest.
    fn refused(&mut self, to: SocketAddrV4, os: &mut Os<'_, '_, '_>) {
        let oldest = self.waiting.iter().find(|(_, w)| w.target == to);
        if let Some((&sequence, &Waiting { due, .. })) = oldest {
            self.waiting.remove(&sequence);
            self.lost(due, ErrorKind::Refused, os);
        }
    }

    fn sweep(&mut self, os: &mut Os<'_, '_, '_>) {
        let now = os.now();
        while let Some((&sequence, &Waiting { due, .. })) = self.waiting.first_key_value()
            && now.saturating_since(due) >= self.config.timeout
        {
            self.waiting.remove(&sequence);
            self.lost(due, ErrorKind::TimedOut, os);
        }
        os.timer(now + self.config.timeout / 2, SWEEP);
    }
}

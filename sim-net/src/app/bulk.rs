//! A client that moves data in one direction over parallel connections.

use sim_core::LookupMap;

use super::load::RETRY_AFTER;
use super::{AppEvent, Buffers, Os, START, Targets};
use crate::ids::{ConnId, FlowTag};
use crate::machine::ErrorKind;
use crate::plan::Direction;
use crate::stack::SocketEvent;

const RETRY: u32 = 1;

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct BulkConfig {
    /// The workload.
    pub tag: FlowTag,
    /// The other ends; flows go round them.
    pub targets: Targets,
    /// Number of the target of the first flow, so that clients do not all begin with the same.
    pub first_target: usize,
    /// Parallel connections.
    pub flows: usize,
    /// Octets for each flow; `None` for no end.
    pub bytes: Option<u64>,
    /// Who sends.
    pub direction: Direction,
}

/// The client.
#[derive(Debug)]
pub struct BulkClient {
    config: BulkConfig,
    opened: usize,
    broken: usize,
    flows: LookupMap<ConnId, u64>,
}

impl BulkClient {
    /// A client that opens its flows when it starts.
    #[must_use]
    pub fn new(config: BulkConfig) -> Self {
        Self {
            config,
            opened: 0,
            broken: 0,
            flows: LookupMap::default(),
        }
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            AppEvent::Timer(START) => {
                for _ in 0..self.config.flows {
                    self.open(os);
                }
            }
            AppEvent::Timer(RETRY) => {
                for _ in 0..std::mem::take(&mut self.broken) {
                    self.open(os);
                }
            }
            AppEvent::Socket(event) => self.on_socket(event, os),
            AppEvent::Timer(_) | AppEvent::Computed(_) => {}
        }
    }

    fn open(&mut self, os: &mut Os<'_, '_, '_>) {
        let round = self.opened + self.config.first_target;
        let target = self.config.targets.in_turn(round);
        self.opened += 1;
        match os.connect(target, self.config.tag, Buffers::for_bulk()) {
            Ok(conn) => {
                let unsent = match self.config.direction {
                    Direction::Upload => self.config.bytes.unwrap_or(u64::MAX),
                    Direction::Download => 0,
                };
                self.flows.insert(conn, unsent);
            }
            Err(kind) => self.fail(kind, os),
        }
    }

    fn on_socket(&mut self, event: SocketEvent, os: &mut Os<'_, '_, '_>) {
        let Some(conn) = event.conn().filter(|conn| self.flows.contains_key(conn)) else {
            return;
        };
        match event {
            SocketEvent::Connected { .. } | SocketEvent::Writable { .. } => self.write(conn, os),
            SocketEvent::Readable { .. } => {
                let read = os.recv(conn, usize::MAX);
                let now = os.now();
                os.record(self.config.tag).received(now, read);
            }
            SocketEvent::PeerClosed { .. } => os.close(conn),
            SocketEvent::Closed { .. } => {
                self.flows.remove(&conn);
            }
            SocketEvent::Refused { .. } => self.lose(conn, ErrorKind::Refused, os),
            SocketEvent::Reset { .. } => self.lose(conn, ErrorKind::Reset, os),
            SocketEvent::TimedOut { .. } => self.lose(conn, ErrorKind::TimedOut, os),
            _ => {}
        }
    }

    fn write(&mut self, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let Some(unsent) = self.flows.get_mut(&conn) else {
            return;
        };
        if *unsent == 0 {
            return;
        }
        let taken = os.send(conn, usize::try_from(*unsent).unwrap_or(usize::MAX)) as u64;
        if *unsent != u64::MAX {
            *unsent -= taken;
            if *unsent == 0 {
                os.close(conn);
            }
        }
    }

    fn lose(&mut self, conn: ConnId, kind: ErrorKind, os: &mut Os<'_, '_, '_>) {
        self.flows.remove(&conn);
        self.fail(kind, os);
    }

    fn fail(&mut self, kind: ErrorKind, os: &mut Os<'_, '_, '_>) {
        let now = os.now();
        os.record(self.config.tag).failed(now, kind);
        self.broken += 1;
        os.timer(now + RETRY_AFTER, RETRY);
    }
}

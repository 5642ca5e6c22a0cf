//! A client that sends requests over TCP and waits for the answers.

use std::collections::VecDeque;

use sim_core::{LookupMap, SimDuration, SimTime};

use super::load::{Generator, RETRY_AFTER};
use super::{AppEvent, Buffers, Os, START, Targets};
use crate::ids::{ConnId, FlowTag};
use crate::machine::ErrorKind;
use crate::plan::Connections;
use crate::stack::SocketEvent;

const ARRIVAL: u32 = 1;
const SWEEP: u32 = 2;
const RETRY: u32 = 3;

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct RequestClientConfig {
    /// The workload.
    pub tag: FlowTag,
    /// Whom to ask; connections go round them.
    pub targets: Targets,
    /// Number of the target that the first connection is to, so that clients do not all begin with
    /// the same.
    pub first_target: usize,
    /// Octets of a request.
    pub request: usize,
    /// Octets of a response.
    pub response: usize,
    /// How requests share connections.
    pub connections: Connections,
    /// When a request without an answer has failed.
    pub timeout: SimDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection.
    Down,
    /// Waiting for the handshake; a connection of its own knows the request that it is for.
    Connecting(Option<SimTime>),
    /// Free.
    Idle,
    /// Waiting for the rest of an answer to the request that was due then.
    Busy {
        due: SimTime,
        unsent: usize,
        missing: usize,
    },
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    conn: Option<ConnId>,
    state: State,
}

/// The client.
#[derive(Debug)]
pub struct RequestClient {
    config: RequestClientConfig,
    load: Generator,
    next_target: usize,
    slots: Vec<Slot>,
    /// Free slots, the one that has rested longest first.
    idle: VecDeque<usize>,
    unused: Vec<usize>,
    by_conn: LookupMap<ConnId, usize>,
    queue: VecDeque<SimTime>,
    retrying: bool,
}

impl RequestClient {
    /// A client whose requests are due when `load` says.
    #[must_use]
    pub fn new(config: RequestClientConfig, load: Generator) -> Self {
        Self {
            next_target: config.first_target,
            config,
            load,
            slots: Vec::new(),
            idle: VecDeque::new(),
            unused: Vec::new(),
            by_conn: LookupMap::default(),
            queue: VecDeque::new(),
            retrying: false,
        }
    }

    /// The workload and due times of requests without an answer yet.
    #[must_use]
    pub fn unfinished(&self) -> (FlowTag, Vec<SimTime>) {
        let busy = self.slots.iter().filter_map(|slot| match slot.state {
            State::Busy { due, .. } | State::Connecting(Some(due)) => Some(due),
            _ => None,
        });
        (
            self.config.tag,
            busy.chain(self.queue.iter().copied()).collect(),
        )
    }

    pub(super) fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        match event {
            AppEvent::Timer(START) => self.start(os),
            AppEvent::Timer(ARRIVAL) => self.arrive(os),
            AppEvent::Timer(SWEEP) => self.sweep(os),
            AppEvent::Timer(RETRY) => {
                self.retrying = false;
                self.reconnect(os);
            }
            AppEvent::Socket(event) => self.on_socket(event, os),
            AppEvent::Timer(_) | AppEvent::Computed(_) => {}
        }
        self.dispatch(os);
    }

    fn start(&mut self, os: &mut Os<'_, '_, '_>) {
        if let Connections::KeepAlive(n) = self.config.connections {
            for _ in 0..n {
                let slot = self.new_slot();
                self.open(slot, None, os);
            }
        }
        self.load.arm(os, ARRIVAL);
        os.timer(os.now() + self.config.timeout / 2, SWEEP);
    }

    fn arrive(&mut self, os: &mut Os<'_, '_, '_>) {
        let now = os.now();
        let tag = self.config.tag;
        while let Some(due) = self.load.pop_due(now) {
            os.record(tag).due(due);
            self.queue.push_back(due);
        }
        self.load.arm(os, ARRIVAL);
    }

    fn new_slot(&mut self) -> usize {
        let slot = Slot {
            conn: None,
            state: State::Down,
        };
        if let Some(index) = self.unused.pop() {
            self.slots[index] = slot;
            return index;
        }
        self.slots.push(slot);
        self.slots.len() - 1
    }

    /// Opens the connection of a slot, for the request that is due then if it has one of its own.
    fn open(&mut self, slot: usize, due: Option<SimTime>, os: &mut Os<'_, '_, '_>) {
        let target = self.config.targets.in_turn(self.next_target);
        self.next_target += 1;
        let buffers = Buffers::for_messages(self.config.response, self.config.request);
        match os.connect(target, self.config.tag, buffers) {
            Ok(conn) => {
                self.slots[slot] = Slot {
                    conn: Some(conn),
                    state: State::Connecting(due),
                };
                self.by_conn.insert(conn, slot);
            }
            Err(kind) => {
                self.slots[slot].state = State::Connecting(due);
                self.fail(slot, kind, os);
            }
        }
    }

    /// Keeps one timer pending, at which all connections that are down are opened again.
    fn retry_later(&mut self, os: &mut Os<'_, '_, '_>) {
        if !self.retrying {
            self.retrying = true;
            os.timer(os.now() + RETRY_AFTER, RETRY);
        }
    }

    fn reconnect(&mut self, os: &mut Os<'_, '_, '_>) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].state == State::Down && !self.unused.contains(&slot) {
                self.open(slot, None, os);
            }
        }
    }

    /// Gives waiting requests to free connections.
    fn dispatch(&mut self, os: &mut Os<'_, '_, '_>) {
        match self.config.connections {
            Connections::KeepAlive(_) => {
                while !self.queue.is_empty()
                    && let Some(slot) = self.idle.pop_front()
                {
                    let due = self.queue.pop_front().expect("it is not empty");
                    self.ask(slot, due, os);
                }
            }
            Connections::PerRequest => {
                while let Some(due) = self.queue.pop_front() {
                    let slot = self.new_slot();
                    self.open(slot, Some(due), os);
                }
            }
        }
    }

    fn ask(&mut self, slot: usize, due: SimTime, os: &mut Os<'_, '_, '_>) {
        let (unsent, missing) = (self.config.request, self.config.response);
        self.slots[slot].state = State::Busy {
            due,
            unsent,
            missing,
        };
        self.write(slot, os);
    }

    fn write(&mut self, slot: usize, os: &mut Os<'_, '_, '_>) {
        let Slot {
            conn: Some(conn),
            state:
                State::Busy {
                    due,
                    unsent,
                    missing,
                },
        } = self.slots[slot]
        else {
            return;
        };
        if unsent > 0 {
            let unsent = unsent - os.send(conn, unsent);
            self.slots[slot].state = State::Busy {
                due,
                unsent,
                missing,
            };
        }
    }

    fn on_socket(&mut self, event: SocketEvent, os: &mut Os<'_, '_, '_>) {
        let Some(conn) = event.conn() else { return };
        let Some(&slot) = self.by_conn.get(&conn) else {
            return;
        };
        match event {
            SocketEvent::Connected { .. } => match self.slots[slot].state {
                State::Connecting(Some(due)) => self.ask(slot, due, os),
                _ => self.set_idle(slot),
            },
            SocketEvent::Readable { .. } => self.read(slot, conn, os),
            SocketEvent::Writable { .. } => self.write(slot, os),
            SocketEvent::PeerClosed { .. } => {
                os.close(conn);
                self.fail(slot, ErrorKind::ClosedEarly, os);
            }
            SocketEvent::Refused { .. } => self.fail(slot, ErrorKind::Refused, os),
            SocketEvent::Reset { .. } => self.fail(slot, ErrorKind::Reset, os),
            SocketEvent::TimedOut { .. } => self.fail(slot, ErrorKind::TimedOut, os),
            SocketEvent::Closed { .. } => self.fail(slot, ErrorKind::ClosedEarly, os),
            _ => {}
        }
    }

    fn set_idle(&mut self, slot: usize) {
        self.slots[slot].state = State::Idle;
        self.idle.push_back(slot);
    }

    fn read(&mut self, slot: usize, conn: ConnId, os: &mut Os<'_, '_, '_>) {
        let read = os.recv(conn, usize::MAX);
        let tag = self.config.tag;
        let now = os.now();
        os.record(tag).received(now, read);
        let State::Busy {
            due,
            unsent,
            missing,
        } = self.slots[slot].state
        else {
            return;
        };
        let missing = missing.saturating_sub(read);
        if missing > 0 {
            self.slots[slot].state = State::Busy {
                due,
                unsent,
                missing,
            };
            return;
        }
        match self.config.connections {
            Connections::KeepAlive(_) => self.set_idle(slot),
            Connections::PerRequest => {
                os.close(conn);
                self.release(slot);
            }
        }
        if now.saturating_since(due) > self.config.timeout {
            return self.failed(due, ErrorKind::TimedOut, os);
        }
        os.record(tag).answered(due, now);
        self.load.after_answer(now);
        self.load.arm(os, ARRIVAL);
    }

    /// A request has failed.
    fn failed(&mut self, due: SimTime, kind: ErrorKind, os: &mut Os<'_, '_, '_>) {
        os.record(self.config.tag).failed(due, kind);
        self.load.after_error(os.now());
        self.load.arm(os, ARRIVAL);
    }

    /// Gives a slot back; its connection, if any, ends by itself.
    fn release(&mut self, slot: usize) {
        if let Some(conn) = self.slots[slot].conn.take() {
            self.by_conn.remove(&conn);
        }
        self.slots[slot].state = State::Down;
        if self.config.connections == Connections::PerRequest {
            self.unused.push(slot);
        }
    }

    /// The connection of a slot is of no more use; so is the request that it was for.
    fn fail(&mut self, slot: usize, kind: ErrorKind, os: &mut Os<'_, '_, '_>) {
        let state = self.slots[slot].state;
        self.idle.retain(|&i| i != slot);
        self.release(slot);
        if matches!(self.config.connections, Connections::KeepAlive(_)) {
            self.retry_later(os);
        }
        let lost = match state {
            State::Busy { due, .. } | State::Connecting(Some(due)) => Some(due),
            State::Connecting(None) => self.queue.pop_front(),
            State::Idle | State::Down => None,
        };
        if let Some(due) = lost {
            self.failed(due, kind, os);
        }
    }

    /// Fails what has waited too long.
    fn sweep(&mut self, os: &mut Os<'_, '_, '_>) {
        let now = os.now();
        let timeout = self.config.timeout;
        let late = |due: SimTime| now.saturating_since(due) >= timeout;
        while self.queue.front().is_some_and(|&due| late(due)) {
            let due = self.queue.pop_front().expect("it is not empty");
            self.failed(due, ErrorKind::TimedOut, os);
        }
        for slot in 0..self.slots.len() {
            if let State::Busy { due, .. } | State::Connecting(Some(due)) = self.slots[slot].state
                && late(due)
            {
                if let Some(conn) = self.slots[slot].conn {
                    os.abort(conn);
                }
                self.fail(slot, ErrorKind::TimedOut, os);
            }
        }
        os.timer(now + timeout / 2, SWEEP);
    }
}

//! Two ends joined in memory, on the stack adapter and on bare smoltcp, driven by the same code.

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::{SimDuration, SimTime};
use sim_net::frame::Frame;
use sim_net::ids::{AppId, ConnId, FlowTag};
use sim_net::stack::{SendRoom, SocketEvent, SocketOptions, Stack, StackConfig, StackWorker};

use crate::floor::{self, Drive, Work};

const BUFFER: usize = 256 * 1024;
const REQUEST: usize = 100;
const RESPONSE: usize = 1000;
const PORT: u16 = 80;

fn addr(end: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, if end == 0 { 1 } else { 2 })
}

/// Two ends of an established connection and the frames between them.
pub trait Pair {
    /// Puts `bytes` into the send buffer of `end`; says how many it took.
    fn send(&mut self, end: usize, bytes: usize) -> usize;
    /// Reads what waits at `end`.
    fn recv(&mut self, end: usize) -> usize;
    /// Lets `end` send what it may.
    fn poll(&mut self, end: usize);
    /// Hands over one frame to `end`; false if there is none.
    fn deliver(&mut self, end: usize) -> bool;
    /// Time passes.
    fn advance(&mut self);
    /// Frames handed over so far.
    fn frames(&self) -> u64;
}

/// Moves `bytes` from end 0 to end 1.
pub fn bulk(pair: &mut impl Pair, bytes: usize) {
    let (mut left, mut wanted) = (bytes, bytes);
    while wanted > 0 {
        left -= pair.send(0, left);
        pair.poll(0);
        pair.advance();
        while pair.deliver(1) {
            wanted -= pair.recv(1);
            pair.poll(1);
        }
        while pair.deliver(0) {
            left -= pair.send(0, left);
            pair.poll(0);
        }
    }
}

/// A request and its response, `rounds` times.
///
/// # Panics
/// If a segment is lost.
pub fn requests(pair: &mut impl Pair, rounds: usize) {
    for _ in 0..rounds {
        for (from, to, bytes) in [(0, 1, REQUEST), (1, 0, RESPONSE)] {
            let mut wanted = bytes;
            assert_eq!(pair.send(from, bytes), bytes, "the buffer is empty");
            pair.poll(from);
            pair.advance();
            while wanted > 0 {
                assert!(pair.deliver(to), "a segment is on its way");
                wanted -= pair.recv(to);
                pair.poll(to);
            }
        }
    }
}

/// The stack adapter.
#[derive(Debug)]
pub struct Adapter {
    now: SimTime,
    worker: StackWorker,
    stacks: [Stack; 2],
    conns: [ConnId; 2],
    /// By the end that they go to.
    wires: [VecDeque<Frame>; 2],
    out: Vec<Frame>,
    events: Vec<SocketEvent>,
    frames: u64,
}

impl Adapter {
    /// An established connection.
    ///
    /// # Panics
    /// If the handshake fails.
    #[must_use]
    pub fn new() -> Self {
        let options = SocketOptions {
            tag: FlowTag::new(0),
            recv_buffer: BUFFER,
            send_buffer: BUFFER,
            send_room: SendRoom::Whole,
            nodelay: true,
            mtu: 1500,
        };
        let mut pair = Self {
            now: SimTime::ZERO,
            worker: StackWorker::default(),
            stacks: [
                Stack::new(StackConfig::default()),
                Stack::new(StackConfig::default()),
            ],
            conns: [ConnId::new(0); 2],
            wires: Default::default(),
            out: Vec::new(),
            events: Vec::new(),
            frames: 0,
        };
        pair.stacks[1]
            .listen(AppId::new(1), None, PORT, options, 1)
            .expect("the port is free");
        let to = SocketAddrV4::new(addr(1), PORT);
        let (now, worker) = (pair.now, &mut pair.worker);
        pair.conns[0] = pair.stacks[0]
            .connect(now, worker, AppId::new(0), addr(0), to, options)
            .expect("a port is free");
        pair.poll(0);
        for end in [1, 0, 1] {
            assert!(pair.deliver(end), "the handshake has three segments");
            pair.poll(end);
        }
        pair
    }
}

impl Default for Adapter {
    fn default() -> Self {
        Self::new()
    }
}

impl Adapter {
    /// Reads that returned other octets than were sent.
    #[must_use]
    pub fn corrupted(&self) -> u64 {
        self.stacks.iter().map(|s| s.accounts().corrupted).sum()
    }
}

impl Pair for Adapter {
    fn send(&mut self, end: usize, bytes: usize) -> usize {
        self.stacks[end].send(self.conns[end], bytes)
    }

    fn recv(&mut self, end: usize) -> usize {
        self.stacks[end].recv(self.conns[end], usize::MAX)
    }

    fn poll(&mut self, end: usize) {
        let (conn, now) = (self.conns[end], self.now);
        self.stacks[end].poll(
            now,
            &mut self.worker,
            conn,
            usize::MAX,
            &mut self.out,
            &mut self.events,
        );
        self.wires[1 - end].extend(self.out.drain(..));
        self.events.clear();
        black_box(self.stacks[end].next_timer(now, &mut self.worker, conn));
    }

    fn deliver(&mut self, end: usize) -> bool {
        let Some(frame) = self.wires[end].pop_front() else {
            return false;
        };
        self.frames += 1;
        let taken = self.stacks[end].deliver(
            self.now,
            &mut self.worker,
            &frame,
            usize::MAX,
            &mut self.out,
            &mut self.events,
        );
        self.conns[end] = taken.expect("nothing is dropped").expect("it has a socket");
        self.worker.frames.give(frame);
        self.wires[1 - end].extend(self.out.drain(..));
        self.events.clear();
        true
    }

    fn advance(&mut self) {
        self.now += SimDuration::from_us(20);
    }

    fn frames(&self) -> u64 {
        self.frames
    }
}

/// Bare smoltcp as a simulator has to drive it: it asks what is due after whatever happens.
pub struct Bare(floor::Bare);

impl Bare {
    /// An established connection.
    #[must_use]
    pub fn new() -> Self {
        let drive = Drive {
            buffer: BUFFER,
            work: Work::Pattern,
            asks: true,
        };
        Self(floor::Bare::new(1, drive))
    }
}

impl Default for Bare {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair for Bare {
    fn send(&mut self, end: usize, bytes: usize) -> usize {
        self.0.write(0, end, bytes)
    }

    fn recv(&mut self, end: usize) -> usize {
        self.0.read(0, end)
    }

    fn poll(&mut self, end: usize) {
        while self.0.due(0, end) {
            self.0.emit(0, end);
        }
    }

    fn deliver(&mut self, end: usize) -> bool {
        self.0.take(0, end)
    }

    fn advance(&mut self) {
        self.0.advance(100);
    }

    fn frames(&self) -> u64 {
        self.0.moved().frames
    }
}

/// Runs `case` until its windows are open; says how many frames it takes then.
pub fn settle<P: Pair>(pair: &mut P, case: fn(&mut P)) -> u64 {
    for _ in 0..20 {
        case(pair);
    }
    let before = pair.frames();
    case(pair);
    pair.frames() - before
}

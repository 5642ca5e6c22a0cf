//! The stack adapter next to bare smoltcp: two ends joined in memory, no link, no queue, no event
//! loop, both ways of doing the same in one run. What the adapter adds to a frame is the
//! difference; the aim is at most 1.3 times bare smoltcp.

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim_core::{SimDuration, SimTime};
use sim_net::frame::Frame;
use sim_net::ids::{AppId, ConnId, FlowTag};
use sim_net::stack::{SocketEvent, SocketOptions, Stack, StackConfig, StackWorker};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::HardwareAddress;

const BUFFER: usize = 256 * 1024;
const REQUEST: usize = 100;
const RESPONSE: usize = 1000;
/// Octets of one iteration of the bulk case.
const BULK: usize = 1 << 20;
/// Requests of one iteration of the other.
const ROUNDS: usize = 100;
const PORT: u16 = 80;

fn addr(end: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, if end == 0 { 1 } else { 2 })
}

/// Two ends of an established connection and the frames between them.
trait Pair {
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
fn bulk(pair: &mut impl Pair, bytes: usize) {
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
fn requests(pair: &mut impl Pair, rounds: usize) {
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

struct Adapter {
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
    fn new() -> Self {
        let options = SocketOptions {
            tag: FlowTag::new(0),
            recv_buffer: BUFFER,
            send_buffer: BUFFER,
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

/// A device with a list to read from and one to write to, and buffers that are used again.
#[derive(Default)]
struct Wire {
    arriving: VecDeque<Vec<u8>>,
    current: Vec<u8>,
    leaving: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

struct Rx<'a>(&'a [u8]);

struct Tx<'a>(&'a mut VecDeque<Vec<u8>>, &'a mut Vec<Vec<u8>>);

impl phy::RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl phy::TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = self.1.pop().unwrap_or_else(|| Vec::with_capacity(2048));
        packet.clear();
        packet.resize(len, 0);
        let result = write(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Rx<'a>;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Rx<'_>, Tx<'_>)> {
        let packet = self.arriving.pop_front()?;
        self.current = packet;
        let transmit = Tx(&mut self.leaving, &mut self.spare);
        Some((Rx(&self.current), transmit))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.leaving, &mut self.spare))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities
    }
}

struct End {
    interface: Interface,
    wire: Wire,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

struct Bare {
    now: Instant,
    ends: [End; 2],
    data: Vec<u8>,
    frames: u64,
}

impl Bare {
    fn new() -> Self {
        let end = || {
            let mut wire = Wire::default();
            let config = Config::new(HardwareAddress::Ip);
            let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
            interface.set_any_ip(true);
            let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
            let mut socket = tcp::Socket::new(buffer(), buffer());
            socket.set_nagle_enabled(true);
            socket.set_ack_delay(Some(Duration::from_millis(200)));
            let mut sockets = SocketSet::new(Vec::with_capacity(1));
            let handle = sockets.add(socket);
            End {
                interface,
                wire,
                sockets,
                handle,
            }
        };
        let mut pair = Self {
            now: Instant::ZERO,
            ends: [end(), end()],
            data: vec![7; BULK],
            frames: 0,
        };
        let [a, b] = &mut pair.ends;
        let socket: &mut tcp::Socket<'_> = b.sockets.get_mut(b.handle);
        socket.listen(PORT).expect("a new socket listens");
        let socket: &mut tcp::Socket<'_> = a.sockets.get_mut(a.handle);
        socket
            .connect(a.interface.context(), (addr(1), PORT), (addr(0), 40_000))
            .expect("a new socket connects");
        pair.poll(0);
        for end in [1, 0, 1] {
            assert!(pair.deliver(end), "the handshake has three segments");
            pair.poll(end);
        }
        pair
    }

    fn socket(&mut self, end: usize) -> &mut tcp::Socket<'static> {
        let end = &mut self.ends[end];
        end.sockets.get_mut(end.handle)
    }
}

impl Pair for Bare {
    fn send(&mut self, end: usize, bytes: usize) -> usize {
        let data = std::mem::take(&mut self.data);
        let sent = self.socket(end).send_slice(&data[..bytes]);
        self.data = data;
        sent.expect("the connection is established")
    }

    fn recv(&mut self, end: usize) -> usize {
        let mut data = std::mem::take(&mut self.data);
        let read = self.socket(end).recv_slice(&mut data);
        self.data = data;
        read.expect("the connection is established")
    }

    fn poll(&mut self, end: usize) {
        let now = self.now;
        let End {
            interface,
            wire,
            sockets,
            ..
        } = &mut self.ends[end];
        while interface.poll_at(now, sockets).is_some_and(|at| at <= now) {
            interface.poll_egress(now, wire, sockets);
        }
        let mut leaving = std::mem::take(&mut wire.leaving);
        self.ends[1 - end].wire.arriving.extend(leaving.drain(..));
        self.ends[end].wire.leaving = leaving;
    }

    fn deliver(&mut self, end: usize) -> bool {
        let now = self.now;
        let End {
            interface,
            wire,
            sockets,
            ..
        } = &mut self.ends[end];
        if wire.arriving.is_empty() {
            return false;
        }
        self.frames += 1;
        interface.poll_ingress_single(now, wire, sockets);
        let used = std::mem::take(&mut wire.current);
        self.ends[1 - end].wire.spare.push(used);
        true
    }

    fn advance(&mut self) {
        self.now += Duration::from_micros(100);
    }

    fn frames(&self) -> u64 {
        self.frames
    }
}

/// Runs one case on both and reports the time of a frame.
fn compare(c: &mut Criterion, case: &str, adapter: fn(&mut Adapter), bare: fn(&mut Bare)) {
    let mut group = c.benchmark_group(case);
    let mut pair = Bare::new();
    let frames = settle(&mut pair, bare);
    group.throughput(Throughput::Elements(frames));
    group.bench_function("smoltcp", |b| b.iter(|| bare(&mut pair)));
    let mut pair = Adapter::new();
    let frames = settle(&mut pair, adapter);
    group.throughput(Throughput::Elements(frames));
    group.bench_function("stack", |b| b.iter(|| adapter(&mut pair)));
    for stack in &pair.stacks {
        assert_eq!(stack.accounts().corrupted, 0, "octets in the wrong place");
    }
    group.finish();
}

/// Runs `case` until its windows are open; says how many frames it takes then.
fn settle<P: Pair>(pair: &mut P, case: fn(&mut P)) -> u64 {
    for _ in 0..20 {
        case(pair);
    }
    let before = pair.frames();
    case(pair);
    pair.frames() - before
}

fn bench(c: &mut Criterion) {
    compare(
        c,
        "bulk_mtu_1500",
        |pair| bulk(pair, BULK),
        |pair| bulk(pair, BULK),
    );
    compare(
        c,
        "request_response",
        |pair| requests(pair, ROUNDS),
        |pair| requests(pair, ROUNDS),
    );
}

criterion_group!(benches, bench);
criterion_main!(benches);

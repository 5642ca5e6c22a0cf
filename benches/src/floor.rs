//! Bare smoltcp: two ends joined in memory, without link, queue, event loop, kernel or adapter. No
//! simulator that is built on smoltcp can be faster, so a frame's cost is compared with this one's.
//!
//! Both cases do what programs do in ecsnet: they write a fixed pattern into the send buffer and
//! compare what they read with it, in place, without a buffer between. [`Work::Nothing`] leaves
//! that out, to show what it costs.

use std::hint::black_box;
use std::net::Ipv4Addr;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::HardwareAddress;

/// Octets of a packet at most.
const MTU: usize = 1500;
/// Where servers listen.
const PORT: u16 = 80;
/// As in ecsnet, whose connections have a clock that runs five times as fast.
const DELAYED_ACK_MS: u64 = 200;
/// Length of the pattern, as long as that of ecsnet's own programs.
const PERIOD: usize = 2039;
/// Octets that are copied or compared at once at most.
const CHUNK: usize = 4096;

/// What programs do with the octets that they send and receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Write a pattern and compare with it.
    Pattern,
    /// Neither write nor read.
    Nothing,
}

/// How bare smoltcp is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drive {
    /// Octets of each buffer.
    pub buffer: usize,
    /// What programs do.
    pub work: Work,
    /// Whether each step asks when the next is due, as whoever has a clock must. Without it a
    /// transfer is as fast as it can be.
    pub asks: bool,
}

/// What was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Packets that an end has taken, data or acknowledgement.
    pub frames: u64,
    /// Payload that a program has read.
    pub octets: u64,
}

/// Packets under way to one end. It begins at its first slot again whenever it is empty, so that
/// few packets under way use little memory.
#[derive(Default)]
struct Wire {
    slots: Vec<([u8; MTU], usize)>,
    head: usize,
    tail: usize,
}

impl Wire {
    fn len(&self) -> usize {
        self.tail - self.head
    }

    fn pop(&mut self) -> Option<&[u8]> {
        if self.head == self.tail {
            return None;
        }
        let (octets, len) = &self.slots[self.head];
        self.head += 1;
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
        }
        Some(&octets[..*len])
    }

    fn push<R>(&mut self, len: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        if self.tail == self.slots.len() {
            self.slots.push(([0; MTU], 0));
        }
        let (octets, used) = &mut self.slots[self.tail];
        self.tail += 1;
        *used = len;
        write(&mut octets[..len])
    }
}

/// What one end sees of both wires.
struct Device<'a> {
    arriving: &'a mut Wire,
    leaving: &'a mut Wire,
}

struct Rx<'a>(&'a [u8]);

struct Tx<'a>(&'a mut Wire);

impl phy::RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl phy::TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.0.push(len, write)
    }
}

impl phy::Device for Device<'_> {
    type RxToken<'t>
        = Rx<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Tx<'t>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Rx<'_>, Tx<'_>)> {
        Some((Rx(self.arriving.pop()?), Tx(self.leaving)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(self.leaving))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities
    }
}

/// One end of a connection and how far its program has come.
struct End {
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    written: u64,
    read: u64,
}

impl End {
    fn new(buffer: usize) -> Self {
        let octets = || tcp::SocketBuffer::new(vec![0; buffer]);
        let mut socket = tcp::Socket::new(octets(), octets());
        socket.set_congestion_control(tcp::CongestionControl::Cubic);
        socket.set_ack_delay(Some(Duration::from_millis(DELAYED_ACK_MS)));
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        Self {
            sockets,
            handle,
            written: 0,
            read: 0,
        }
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// The program writes at most `wanted` octets.
    fn write(&mut self, work: Work, wanted: usize, pattern: &Pattern) -> usize {
        let mut taken = 0;
        while taken < wanted {
            let at = self.written;
            let put = self.socket().send(|buffer| {
                let len = buffer.len().min(wanted - taken);
                if work == Work::Pattern {
                    pattern.fill(&mut buffer[..len], at);
                }
                (len, len)
            });
            match put {
                Ok(0) | Err(_) => break,
                Ok(len) => {
                    taken += len;
                    self.written += len as u64;
                }
            }
        }
        taken
    }

    /// The program reads all there is.
    fn read(&mut self, work: Work, pattern: &Pattern) -> usize {
        let mut taken = 0;
        loop {
            let at = self.read;
            let got = self.socket().recv(|buffer| {
                if work == Work::Pattern {
                    assert!(pattern.matches(buffer, at), "octets in the wrong place");
                }
                (buffer.len(), buffer.len())
            });
            match got {
                Ok(0) | Err(_) => return taken,
                Ok(len) => {
                    taken += len;
                    self.read += len as u64;
                }
            }
        }
    }
}

/// The octets that programs exchange.
struct Pattern(Vec<u8>);

impl Pattern {
    fn new() -> Self {
        let octet = |at: usize| (at % PERIOD).wrapping_mul(0x9e37_79b9).to_le_bytes()[2];
        Self((0..PERIOD + CHUNK).map(octet).collect())
    }

    fn run(&self, position: u64, len: usize) -> &[u8] {
        let start = usize::try_from(position % PERIOD as u64).expect("below the period");
        &self.0[start..start + len]
    }

    fn fill(&self, octets: &mut [u8], mut position: u64) {
        for chunk in octets.chunks_mut(CHUNK) {
            chunk.copy_from_slice(self.run(position, chunk.len()));
            position += chunk.len() as u64;
        }
    }

    fn matches(&self, octets: &[u8], mut position: u64) -> bool {
        octets.chunks(CHUNK).all(|chunk| {
            let same = chunk == self.run(position, chunk.len());
            position += chunk.len() as u64;
            same
        })
    }
}

/// Pairs of ends, and the protocol code and wires that all of them use in turn.
pub struct Bare {
    now: Instant,
    interface: Interface,
    /// By the end that they go to.
    wires: [Wire; 2],
    pairs: Vec<[End; 2]>,
    pattern: Pattern,
    drive: Drive,
    moved: Moved,
}

impl Bare {
    /// So many established connections.
    ///
    /// # Panics
    /// If there are more than 65,536 pairs.
    #[must_use]
    pub fn new(pairs: usize, drive: Drive) -> Self {
        let mut wires: [Wire; 2] = Default::default();
        let mut device = device(&mut wires, 0);
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.set_any_ip(true);
        let mut bare = Self {
            now: Instant::ZERO,
            interface,
            wires,
            pairs: Vec::with_capacity(pairs),
            pattern: Pattern::new(),
            drive,
            moved: Moved::default(),
        };
        for pair in 0..pairs {
            bare.connect(pair);
        }
        bare
    }

    fn connect(&mut self, pair: usize) {
        let number = u16::try_from(pair).expect("fewer than 65,536 pairs");
        let [high, low] = number.to_be_bytes();
        let [client, server] = [1, 2].map(|host| Ipv4Addr::new(10, host, high, low));
        let mut ends = [(); 2].map(|()| End::new(self.drive.buffer));
        ends[1].socket().listen(PORT).expect("a new socket listens");
        ends[0]
            .socket()
            .connect(self.interface.context(), (server, PORT), (client, 40_000))
            .expect("a new socket connects");
        self.pairs.push(ends);
        self.emit(pair, 0);
        for end in [1, 0, 1] {
            assert!(self.take(pair, end), "the handshake has three segments");
            self.emit(pair, end);
        }
    }

    /// What was moved so far.
    #[must_use]
    pub fn moved(&self) -> Moved {
        self.moved
    }

    /// Time passes.
    pub fn advance(&mut self, us: u64) {
        self.now += Duration::from_micros(us);
    }

    /// The program of this end writes at most `wanted` octets; says how many fitted.
    pub fn write(&mut self, pair: usize, end: usize, wanted: usize) -> usize {
        self.pairs[pair][end].write(self.drive.work, wanted, &self.pattern)
    }

    /// The program of this end reads all there is.
    ///
    /// # Panics
    /// If it is not what was written.
    pub fn read(&mut self, pair: usize, end: usize) -> usize {
        let read = self.pairs[pair][end].read(self.drive.work, &self.pattern);
        self.moved.octets += read as u64;
        read
    }

    /// This end takes one packet; false if there is none.
    pub fn take(&mut self, pair: usize, end: usize) -> bool {
        if self.wires[end].len() == 0 {
            return false;
        }
        let sockets = &mut self.pairs[pair][end].sockets;
        let mut device = device(&mut self.wires, end);
        self.interface
            .poll_ingress_single(self.now, &mut device, sockets);
        self.moved.frames += 1;
        true
    }

    /// This end sends one packet, if it may.
    pub fn emit(&mut self, pair: usize, end: usize) -> bool {
        let sockets = &mut self.pairs[pair][end].sockets;
        let mut device = device(&mut self.wires, end);
        let result = self.interface.poll_egress(self.now, &mut device, sockets);
        result == PollResult::SocketStateChanged
    }

    /// Whether this end has something to send now.
    pub fn due(&mut self, pair: usize, end: usize) -> bool {
        let sockets = &self.pairs[pair][end].sockets;
        let due = self.interface.poll_at(self.now, sockets);
        due.is_some_and(|at| at <= self.now)
    }

    /// This end sends what it has to after a step: at most one packet, unless it is asked.
    fn serve(&mut self, pair: usize, end: usize) {
        if !self.drive.asks {
            self.emit(pair, end);
            return;
        }
        while self.due(pair, end) && self.emit(pair, end) {}
    }

    /// Packets that this end has not taken yet.
    #[must_use]
    pub fn under_way(&self, end: usize) -> usize {
        self.wires[end].len()
    }
}

/// What `end` sees of both wires.
fn device(wires: &mut [Wire; 2], end: usize) -> Device<'_> {
    let [first, second] = wires;
    let (arriving, leaving) = if end == 0 {
        (first, second)
    } else {
        (second, first)
    };
    Device { arriving, leaving }
}

/// One transfer of `octets`.
///
/// The sender is served until `under_way` packets are on the wire, then the receiver takes them and
/// the sender its acknowledgements.
///
/// # Panics
/// If the transfer stops.
#[must_use]
pub fn bulk(octets: u64, under_way: usize, drive: Drive) -> Moved {
    let mut bare = Bare::new(1, drive);
    let mut unsent = octets;
    while bare.moved.octets < octets {
        unsent -= bare.write(0, 0, usize::try_from(unsent).unwrap_or(usize::MAX)) as u64;
        while bare.under_way(1) < under_way && (!drive.asks || bare.due(0, 0)) && bare.emit(0, 0) {}
        if bare.under_way(1) == 0 {
            // The receiver sits on an acknowledgement.
            bare.advance(DELAYED_ACK_MS * 1000);
            assert!(bare.emit(0, 1), "the transfer has stopped");
        }
        bare.advance(1);
        while bare.take(0, 1) {
            bare.read(0, 1);
            bare.serve(0, 1);
        }
        while bare.take(0, 0) {
            if drive.asks {
                black_box(bare.due(0, 0));
            }
        }
    }
    bare.moved
}

/// So many requests in all, of as many pairs as are named, which take turns.
///
/// # Panics
/// If a request or a response does not arrive.
#[must_use]
pub fn requests(
    pairs: usize,
    requests: u64,
    (request, response): (usize, usize),
    drive: Drive,
) -> Moved {
    let mut bare = Bare::new(pairs, drive);
    let mut turns = (0..pairs).cycle();
    for _ in 0..requests {
        let Some(pair) = turns.next() else { break };
        bare.advance(10);
        for (from, to, len) in [(0, 1, request), (1, 0, response)] {
            bare.write(pair, from, len);
            bare.serve(pair, from);
            bare.take(pair, to);
            assert_eq!(bare.read(pair, to), len, "a message is one segment");
            if drive.asks {
                black_box(bare.due(pair, to));
            }
        }
    }
    bare.moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn drive(buffer: usize, asks: bool) -> Drive {
        Drive {
            buffer,
            work: Work::Pattern,
            asks,
        }
    }

    #[test]
    fn a_transfer_is_whole_and_every_second_segment_is_acknowledged() {
        for (under_way, asks) in [(2, false), (100, false), (usize::MAX, false), (100, true)] {
            let moved = bulk(10 << 20, under_way, drive(1 << 20, asks));
            assert_eq!(moved.octets, 10 << 20);
            let segments = (10 << 20) / 1460;
            let frames = segments..segments * 8 / 5;
            assert!(frames.contains(&moved.frames), "{moved:?}");
        }
    }

    #[test]
    fn a_request_is_two_packets() {
        for asks in [false, true] {
            let moved = requests(3, 150, (100, 1024), drive(16 << 10, asks));
            assert_eq!(moved.octets, 150 * 1124);
            // Three more for each handshake.
            assert_eq!(moved.frames, 150 * 2 + 3 * 3);
        }
    }

    #[test]
    #[should_panic(expected = "octets in the wrong place")]
    fn a_program_sees_a_wrong_octet() {
        let mut bare = Bare::new(1, drive(1 << 16, false));
        bare.pairs[0][0].written = 1;
        bare.write(0, 0, 100);
        bare.emit(0, 0);
        bare.take(0, 1);
        bare.read(0, 1);
    }
}

//! Two hosts, a link in each direction, virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::{SimDuration, SimTime};

use crate::frame::Frame;
use crate::ids::{AppId, ConnId, FlowTag, ListenerId};
use crate::stack::{SendRoom, SocketEvent, SocketOptions, Stack, StackConfig, StackWorker};

pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;
pub(super) const PORT: u16 = 80;

pub(super) fn addr(host: usize) -> Ipv4Addr {
    let last = u8::try_from(host + 1).expect("few hosts");
    Ipv4Addr::new(10, 0, 0, last)
}

pub(super) fn app(host: usize) -> AppId {
    AppId::new(host)
}

pub(super) fn options() -> SocketOptions {
    SocketOptions {
        tag: FlowTag::new(7),
        recv_buffer: 1 << 20,
        send_buffer: 1 << 20,
        send_room: SendRoom::Whole,
        nodelay: true,
        mtu: 1500,
    }
}

/// What a link does to a frame beside delaying it.
pub(super) enum Treatment {
    Pass,
    Drop,
    Delay(SimDuration),
    Twice,
}

/// Decides what becomes of each frame, given how many were sent so far.
pub(super) type Treat = Box<dyn FnMut(&Frame, u64) -> Treatment>;

/// One direction.
pub(super) struct Link {
    pub(super) delay: SimDuration,
    /// Bits a second; 0 for no limit.
    pub(super) rate: u64,
    /// Octets that may wait, if the rate is limited.
    pub(super) queue: u64,
    pub(super) treat: Treat,
    pub(super) sent: u64,
    pub(super) dropped: u64,
    free_at: SimTime,
}

impl Link {
    fn new(delay: SimDuration) -> Self {
        Self {
            delay,
            rate: 0,
            queue: u64::MAX,
            treat: Box::new(|_, _| Treatment::Pass),
            sent: 0,
            dropped: 0,
            free_at: SimTime::ZERO,
        }
    }

    /// When the last bit has left, or `None` for a frame that the full queue drops.
    fn depart(&mut self, now: SimTime, frame: &Frame) -> Option<SimTime> {
        if self.rate == 0 {
            return Some(now);
        }
        let waiting = self.free_at.saturating_since(now).as_ps();
        let octets = u128::from(waiting) * u128::from(self.rate) / 8_000_000_000_000;
        if octets > u128::from(self.queue) {
            return None;
        }
        let bits = frame.wire_len() as u64 * 8;
        let time = SimDuration::from_ps(bits * 1_000_000_000_000 / self.rate);
        self.free_at = self.free_at.max(now) + time;
        Some(self.free_at)
    }
}

/// What a host's program does by itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Habits {
    /// Reads whatever can be read.
    pub(super) reads: bool,
    /// Closes when the peer has.
    pub(super) closes: bool,
    /// Sends back as many octets as it reads.
    pub(super) echoes: bool,
}

pub(super) struct Host {
    pub(super) stack: Stack,
    pub(super) habits: Habits,
    pub(super) events: Vec<(SimTime, SocketEvent)>,
    pub(super) received: BTreeMap<ConnId, u64>,
    /// Octets still to be written, and whether to close then.
    pub(super) to_send: BTreeMap<ConnId, (u64, bool)>,
    timers: BTreeMap<ConnId, SimTime>,
    /// Frames sent because a timer fired.
    pub(super) timer_frames: u64,
    pub(super) timers_fired: u64,
}

enum Happening {
    Arrive(Frame),
    Timer(ConnId),
}

pub(super) struct Net {
    pub(super) now: SimTime,
    pub(super) hosts: [Host; 2],
    /// By sending host.
    pub(super) links: [Link; 2],
    pub(super) worker: StackWorker,
    pending: BTreeMap<(SimTime, u64), (usize, Happening)>,
    serial: u64,
    /// Every frame that was sent, if asked for.
    pub(super) trace: Option<Vec<(SimTime, usize, Vec<u8>)>>,
}

impl Net {
    pub(super) fn new(delay: SimDuration) -> Self {
        Self::with(delay, StackConfig::default())
    }

    pub(super) fn with(delay: SimDuration, config: StackConfig) -> Self {
        let host = |seed| Host {
            stack: Stack::new(StackConfig {
                seed,
                ..config.clone()
            }),
            habits: Habits {
                reads: true,
                closes: true,
                echoes: false,
            },
            events: Vec::new(),
            received: BTreeMap::new(),
            to_send: BTreeMap::new(),
            timers: BTreeMap::new(),
            timer_frames: 0,
            timers_fired: 0,
        };
        Self {
            now: SimTime::ZERO,
            hosts: [host(1), host(2)],
            links: [Link::new(delay), Link::new(delay)],
            worker: StackWorker::default(),
            pending: BTreeMap::new(),
            serial: 0,
            trace: None,
        }
    }

    pub(super) fn listen(&mut self) -> ListenerId {
        self.hosts[SERVER]
            .stack
            .listen(app(SERVER), None, PORT, options(), 128)
            .expect("the port is free")
    }

    pub(super) fn connect(&mut self) -> ConnId {
        self.connect_with(options())
    }

    pub(super) fn connect_with(&mut self, options: SocketOptions) -> ConnId {
        let to = SocketAddrV4::new(addr(SERVER), PORT);
        let stack = &mut self.hosts[CLIENT].stack;
        let conn = stack
            .connect(
                self.now,
                &mut self.worker,
                app(CLIENT),
                addr(CLIENT),
                to,
                options,
            )
            .expect("a port is free");
        self.poll(CLIENT, conn);
        conn
    }

    /// Writes `bytes` as fast as the connection takes them, then closes if `close`.
    pub(super) fn send_all(&mut self, host: usize, conn: ConnId, bytes: u64, close: bool) {
        self.hosts[host].to_send.insert(conn, (bytes, close));
        self.write(host, conn);
        self.poll(host, conn);
    }

    fn write(&mut self, host: usize, conn: ConnId) {
        let host = &mut self.hosts[host];
        let Some((left, close)) = host.to_send.get_mut(&conn) else {
            return;
        };
        let offer = usize::try_from(*left).expect("64 bits");
        *left -= host.stack.send(conn, offer) as u64;
        if *left == 0 {
            let close = *close;
            host.to_send.remove(&conn);
            if close {
                host.stack.shutdown(conn);
            }
        }
    }

    pub(super) fn poll(&mut self, host: usize, conn: ConnId) {
        let (mut out, mut events) = (Vec::new(), Vec::new());
        let polled = self.hosts[host].stack.poll(
            self.now,
            &mut self.worker,
            conn,
            usize::MAX,
            &mut out,
            &mut events,
        );
        assert!(!polled.more);
        self.after(host, out, events);
        self.set_timer(host, conn);
    }

    fn set_timer(&mut self, host: usize, conn: ConnId) {
        let next = self.hosts[host]
            .stack
            .next_timer(self.now, &mut self.worker, conn);
        match next {
            None => drop(self.hosts[host].timers.remove(&conn)),
            Some(at) => {
                assert!(at > self.now, "after a poll nothing is due at once");
                if self.hosts[host].timers.insert(conn, at) != Some(at) {
                    self.serial += 1;
                    let happening = (host, Happening::Timer(conn));
                    self.pending.insert((at, self.serial), happening);
                }
            }
        }
    }

    fn after(&mut self, host: usize, out: Vec<Frame>, events: Vec<SocketEvent>) {
        for frame in out {
            self.transmit(host, frame);
        }
        let mut touched = BTreeSet::new();
        for event in events {
            self.hosts[host].events.push((self.now, event));
            self.react(host, event, &mut touched);
        }
        for conn in touched {
            self.poll(host, conn);
        }
    }

    fn react(&mut self, host: usize, event: SocketEvent, touched: &mut BTreeSet<ConnId>) {
        let habits = self.hosts[host].habits;
        let Some(conn) = event.conn() else { return };
        match event {
            SocketEvent::Readable { .. } if habits.reads => {
                let read = self.hosts[host].stack.recv(conn, usize::MAX);
                *self.hosts[host].received.entry(conn).or_default() += read as u64;
                if habits.echoes {
                    let sent = self.hosts[host].stack.send(conn, read);
                    assert_eq!(sent, read, "an echo fits the buffer");
                }
            }
            SocketEvent::Connected { .. } | SocketEvent::Writable { .. } => self.write(host, conn),
            SocketEvent::PeerClosed { .. } if habits.closes => {
                self.hosts[host].stack.shutdown(conn);
            }
            _ => return,
        }
        touched.insert(conn);
    }

    fn transmit(&mut self, host: usize, frame: Frame) {
        if let Some(trace) = &mut self.trace {
            trace.push((self.now, host, frame.data.clone()));
        }
        let link = &mut self.links[host];
        link.sent += 1;
        let treatment = (link.treat)(&frame, link.sent);
        let (copies, extra) = match treatment {
            Treatment::Pass => (1, SimDuration::ZERO),
            Treatment::Drop => (0, SimDuration::ZERO),
            Treatment::Delay(extra) => (1, extra),
            Treatment::Twice => (2, SimDuration::ZERO),
        };
        let departs = if copies > 0 {
            link.depart(self.now, &frame)
        } else {
            None
        };
        let Some(departs) = departs else {
            link.dropped += 1;
            self.worker.frames.give(frame);
            return;
        };
        let at = departs + link.delay + extra;
        for _ in 0..copies {
            self.inject(1 - host, at, frame.clone());
        }
        self.worker.frames.give(frame);
    }

    /// Lets `frame` arrive at `host`.
    pub(super) fn inject(&mut self, host: usize, at: SimTime, frame: Frame) {
        self.serial += 1;
        self.pending
            .insert((at, self.serial), (host, Happening::Arrive(frame)));
    }

    /// The next thing happens, if it does by `end`.
    pub(super) fn step(&mut self, end: SimTime) -> bool {
        let Some(next) = self.pending.first_entry() else {
            return false;
        };
        if next.key().0 > end {
            return false;
        }
        let ((at, _), (host, happening)) = next.remove_entry();
        if let Happening::Timer(conn) = &happening
            && self.hosts[host].timers.get(conn) != Some(&at)
        {
            return true;
        }
        self.now = at;
        match happening {
            Happening::Arrive(frame) => self.arrive(host, frame),
            Happening::Timer(conn) => self.on_timer(host, conn),
        }
        true
    }

    fn arrive(&mut self, host: usize, frame: Frame) {
        let (mut out, mut events) = (Vec::new(), Vec::new());
        let taken = self.hosts[host].stack.deliver(
            self.now,
            &mut self.worker,
            &frame,
            usize::MAX,
            &mut out,
            &mut events,
        );
        self.worker.frames.give(frame);
        self.after(host, out, events);
        if let Ok(Some(conn)) = taken {
            self.poll(host, conn);
        }
    }

    fn on_timer(&mut self, host: usize, conn: ConnId) {
        self.hosts[host].timers.remove(&conn);
        self.hosts[host].timers_fired += 1;
        let before = (self.links[host].sent, self.hosts[host].stack.state(conn));
        self.poll(host, conn);
        let after = (self.links[host].sent, self.hosts[host].stack.state(conn));
        assert_ne!(before, after, "a timer that does nothing");
        self.hosts[host].timer_frames += after.0 - before.0;
    }

    pub(super) fn run_until(&mut self, end: SimTime) {
        let mut steps = 0_u64;
        while self.step(end) {
            steps += 1;
            assert!(steps < 200_000_000, "it does not end");
        }
        self.now = end;
    }

    pub(super) fn run_for(&mut self, time: SimDuration) {
        self.run_until(self.now + time);
    }

    /// Runs until nothing is pending.
    pub(super) fn run_out(&mut self) {
        while self.step(SimTime::MAX) {}
    }

    pub(super) fn saw(&self, host: usize, wanted: impl Fn(&SocketEvent) -> bool) -> usize {
        let events = self.hosts[host].events.iter();
        events.filter(|(_, event)| wanted(event)).count()
    }

    pub(super) fn accepted(&self) -> Option<ConnId> {
        let events = self.hosts[SERVER].events.iter();
        let mut found = events.filter_map(|(_, event)| match event {
            SocketEvent::Accepted { conn, .. } => Some(*conn),
            _ => None,
        });
        found.next_back()
    }

    /// An established connection: client's number, server's number.
    pub(super) fn pair(&mut self) -> (ConnId, ConnId) {
        self.listen();
        let client = self.connect();
        self.run_for(SimDuration::from_ms(50));
        let server = self.accepted().expect("nothing was lost");
        (client, server)
    }
}

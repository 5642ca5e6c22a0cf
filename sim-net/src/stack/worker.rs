//! What one worker thread keeps for all the stacks that it runs.

use sim_core::SimTime;
use smoltcp::iface::{Config, Interface, PollResult, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::HardwareAddress;

use super::device::{Device, capabilities};
use super::segment::Segment;
use crate::frame::{Frame, FrameMeta, FramePool};

/// Buffers and protocol code that every stack of one worker thread uses in turn.
///
/// Nothing in here is part of the simulated world: which worker runs a stack, and what else that
/// worker runs, changes no octet. smoltcp's `Interface` holds two things that could break this.
/// Its `now` is set by every call. Its random generator draws the initial sequence number of each
/// connection, so the shared interfaces never open one: that is done on an interface of its own,
/// made for the purpose from the stack's seed (see `StackWorker::seeded`).
#[derive(Default)]
pub struct StackWorker {
    /// Frames to use again.
    pub frames: FramePool,
    /// Lists of arrival times to use again, few: those of trains that come from another thread would
    /// pile up.
    times: Vec<Vec<SimTime>>,
    interfaces: Vec<(usize, Interface)>,
    pub(super) scratch: Vec<u8>,
}

impl std::fmt::Debug for StackWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StackWorker").finish_non_exhaustive()
    }
}

/// One call's view of a worker: the interface of an MTU, and the buffers.
pub(super) struct Port<'w> {
    pub(super) mtu: usize,
    pub(super) interface: &'w mut Interface,
    pub(super) frames: &'w mut FramePool,
    pub(super) scratch: &'w mut Vec<u8>,
}

impl StackWorker {
    /// An empty list of arrival times.
    pub(crate) fn take_times(&mut self) -> Vec<SimTime> {
        self.times.pop().unwrap_or_default()
    }

    /// Takes a list of arrival times back.
    pub(crate) fn give_times(&mut self, mut times: Vec<SimTime>) {
        const MOST: usize = 256;
        if self.times.len() < MOST {
            times.clear();
            self.times.push(times);
        }
    }

    /// The shared interface of `mtu`.
    pub(super) fn port(&mut self, mtu: usize) -> Port<'_> {
        let at = match self.interfaces.iter().position(|(m, _)| *m == mtu) {
            Some(at) => at,
            None => {
                self.interfaces.push((mtu, interface(mtu, 0)));
                self.interfaces.len() - 1
            }
        };
        Port {
            mtu,
            interface: &mut self.interfaces[at].1,
            frames: &mut self.frames,
            scratch: &mut self.scratch,
        }
    }

    /// An interface of `mtu` whose random numbers depend on `seed` alone.
    pub(super) fn seeded(mtu: usize, seed: u64) -> Interface {
        interface(mtu, seed)
    }
}

fn interface(mtu: usize, seed: u64) -> Interface {
    let (mut out, mut pool) = (Vec::new(), FramePool::default());
    let meta = FrameMeta::new(crate::ids::FlowTag::new(0), SimTime::ZERO);
    let mut device = Device::new(mtu, None, &mut out, &mut pool, meta);
    debug_assert_eq!(capabilities(mtu).ip_mtu(), mtu);
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, &mut device, Instant::ZERO);
    interface.set_any_ip(true);
    interface
}

impl Port<'_> {
    /// The same buffers with another interface.
    pub(super) fn with<'a>(&'a mut self, interface: &'a mut Interface) -> Port<'a> {
        Port {
            mtu: self.mtu,
            interface,
            frames: self.frames,
            scratch: self.scratch,
        }
    }

    /// Feeds one packet to the sockets in `set`. Replies go to `out`.
    pub(super) fn ingress(
        &mut self,
        at: Instant,
        packet: &[u8],
        set: &mut SocketSet<'static>,
        meta: FrameMeta,
        out: &mut Vec<Frame>,
    ) {
        let mut device = Device::new(self.mtu, Some(packet), out, self.frames, meta);
        self.interface.poll_ingress_single(at, &mut device, set);
    }

    /// The same as [`Self::egress`], but a segment that continues the last frame of `out` becomes
    /// part of it. Gives the segment.
    pub(super) fn egress_joining(
        &mut self,
        at: Instant,
        set: &mut SocketSet<'static>,
        meta: FrameMeta,
        out: &mut Vec<Frame>,
    ) -> Option<Segment> {
        let mut device = Device::new(self.mtu, None, out, self.frames, meta).joining();
        let result = self.interface.poll_egress(at, &mut device, set);
        let sent = result == PollResult::SocketStateChanged;
        device.sent().filter(|_| sent)
    }

    /// Lets each socket in `set` send at most one packet; says whether one did.
    pub(super) fn egress(
        &mut self,
        at: Instant,
        set: &mut SocketSet<'static>,
        meta: FrameMeta,
        out: &mut Vec<Frame>,
    ) -> bool {
        let mut device = Device::new(self.mtu, None, out, self.frames, meta);
        self.interface.poll_egress(at, &mut device, set) == PollResult::SocketStateChanged
    }
}

//! A machine: one partition of the engine, with everything inside it.
//!
//! * [`run`](self) decides what each core does next and keeps its clock.
//! * `path` carries a packet through a namespace, as the kernel's IP layer does.
//! * `nat_gateway` is all that a machine does which is one.
//! * `link` carries it to the next namespace, bridge or network interface.
//! * `sockets` hands it to a stack and programs, and takes what they send.

mod account;
mod event;
mod link;
mod nat_gateway;
mod order;
mod path;
mod probes;
mod record;
mod run;
mod sockets;
mod trains;

use std::sync::Arc;

use sim_core::{Context, EntityId, IndexVec, SimTime};

pub use self::account::{Account, CapturedPacket, ErrorKind, FrameCounts, LinkCounts};
pub use self::event::{Event, Load, Message};
pub use self::order::FlowOrder;
pub use self::probes::{ProbeNote, ProbeNotes, ProbeResult};
pub use self::record::{Interval, Records, WorkloadRecord};
use crate::app::App;
use crate::cost::CostProfile;
use crate::cpu::{Core, Meter};
use crate::eni::{Allowance, Eni};
use crate::frame::{Frame, FrameStore};
use crate::ids::{AppId, BridgeId, ConnId, CoreId, EniId, NetnsId};
use crate::kernel::netns::{BridgeDevice, Netns};
use crate::offload::{Gro, TrainStore};
use crate::stack::{SocketEvent, StackWorker};
use crate::verdict::DropReason;
use crate::vpc::{Fabric, FabricPort, NatTable};

/// An interface of a machine and what the kernel keeps for it.
#[derive(Debug)]
pub struct EniDevice {
    /// Addresses, policy, queues.
    pub eni: Eni,
    /// Its way into the fabric.
    pub port: FabricPort,
    /// The namespace that holds it.
    pub netns: NetnsId,
    /// Whether it belongs to a micro-VM, whose virtual device costs extra.
    pub virtio: bool,
    /// Frames of this interface in the receive ring of each core.
    pub in_ring: IndexVec<CoreId, u16>,
    /// Octets that the kernel has handed over but the queue has not yet taken.
    pub handed_over: u64,
    /// When the last of them will be.
    pub handed_over_until: SimTime,
    /// How many frames those are.
    pub handed_over_frames: u64,
    /// When the last frame of each flow is handed over.
    pub order: FlowOrder,
    /// Frames that the single-flow limit holds.
    pub held: u64,
    /// Connections that wait for room in its queue.
    pub waiters: std::collections::VecDeque<(NetnsId, ConnId)>,
    /// Whether a drain event is pending.
    pub draining: bool,
    /// Frames sent and received.
    pub counts: LinkCounts,
}

/// A program and where it runs.
#[derive(Debug)]
pub struct AppSlot {
    /// The program; absent while it runs.
    pub app: Option<App>,
    /// Its namespace.
    pub netns: NetnsId,
    /// Its core.
    pub core: CoreId,
    /// What it has not seen yet.
    pub inbox: std::collections::VecDeque<crate::app::AppEvent>,
    /// Whether it is in a run queue.
    pub queued: bool,
    /// Whether it computes.
    pub computing: bool,
    /// Events on their way to it from other cores.
    pub notified: usize,
}

/// One machine.
#[derive(Debug)]
pub struct Machine {
    /// Unique name.
    pub name: String,
    /// Cores.
    pub cores: IndexVec<CoreId, Core>,
    /// Namespaces; the first is the host's own.
    pub netns: IndexVec<NetnsId, Netns>,
    /// Bridges.
    pub bridges: IndexVec<BridgeId, BridgeDevice>,
    /// Network interfaces.
    pub enis: IndexVec<EniId, EniDevice>,
    /// The rate limits that they share.
    pub allowance: Allowance,
    /// Programs.
    pub apps: IndexVec<AppId, AppSlot>,
    /// The VPC.
    pub fabric: Arc<Fabric>,
    /// The translation table of a NAT gateway; `None` on machines that are none.
    pub nat: Option<Box<NatTable>>,
    /// Counters and records.
    pub account: Account,
    /// Whether stacks leave segmentation to interfaces (TSO), and what is received is put together
    /// (GRO).
    pub offloads: bool,
    /// Whether any machine of the world does, so that acknowledgements may stand for many segments.
    pub peers_offload: bool,
    /// Whether packets of one super-frame travel as one message. It makes no difference to any of
    /// them.
    pub sends_trains: bool,
    /// The interval in which time is accounted to components.
    pub measured: (SimTime, SimTime),
    meter: Meter,
    frames: FrameStore,
    trains: TrainStore,
    emitted: Vec<Frame>,
    happened: Vec<SocketEvent>,
    flood_ports: Vec<crate::ids::BridgePortId>,
    gro: Gro,
    /// What a poll of a receive ring hands on; kept for its room.
    received: Vec<(EniId, Frame)>,
}

/// What an event handler may use beside its machine.
pub(crate) struct Env<'a, 'b> {
    /// The engine.
    pub(crate) ctx: &'a mut Context<'b, Event, Message>,
    /// The thread's stack interfaces and buffers.
    pub(crate) worker: &'a mut StackWorker,
}

impl Machine {
    /// A machine with `cores` cores whose kernel costs what `profile` says, and nothing on it yet.
    #[must_use]
    pub fn new(
        name: String,
        cores: usize,
        profile: Arc<CostProfile>,
        allowance: Allowance,
        fabric: Arc<Fabric>,
        account: Account,
    ) -> Self {
        let tags = account.records.tags();
        Self {
            name,
            cores: (0..cores.max(1)).map(|_| Core::default()).collect(),
            netns: IndexVec::new(),
            bridges: IndexVec::new(),
            enis: IndexVec::new(),
            allowance,
            apps: IndexVec::new(),
            fabric,
            nat: None,
            account,
            offloads: false,
            peers_offload: false,
            sends_trains: true,
            measured: (SimTime::ZERO, SimTime::MAX),
            meter: Meter::new(profile, tags),
            frames: FrameStore::default(),
            trains: TrainStore::default(),
            emitted: Vec::new(),
            happened: Vec::new(),
            flood_ports: Vec::new(),
            gro: Gro::default(),
            received: Vec::new(),
        }
    }

    /// What the machine's passes have cost, by workload and component.
    #[must_use]
    pub fn hops(&self) -> &crate::cpu::HopTable {
        &self.meter.hops
    }

    /// Packets that wait in a queue or for an event.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        let queued: usize = self.cores.iter().map(Core::packets).sum();
        (queued + self.frames.len() + self.trains.arriving()) as u64
    }

    /// The program `app` may be started with this entity as the source of its first event.
    #[must_use]
    pub fn app_entity(&self, app: AppId) -> EntityId {
        self.entity(self.cores.len() + self.enis.len() + self.netns.len() + app.index())
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn meter_mut(&mut self) -> &mut Meter {
        &mut self.meter
    }

    /// The source address and MTU of the route from a namespace to `dst`.
    pub(crate) fn source_for(
        &self,
        netns: NetnsId,
        dst: std::net::Ipv4Addr,
    ) -> Option<(std::net::Ipv4Addr, usize)> {
        let hop = self.route(netns, dst).ok()?;
        Some((hop.src, self.netns[netns].ifaces[hop.iface].mtu))
    }

    /// Why a namespace has no way to `dst`; `None` where it has one.
    pub(crate) fn no_way(&self, netns: NetnsId, dst: std::net::Ipv4Addr) -> Option<DropReason> {
        self.route(netns, dst).err()
    }

    fn core_entity(&self, core: CoreId) -> EntityId {
        self.entity(core.index())
    }

    fn eni_entity(&self, eni: EniId) -> EntityId {
        self.entity(self.cores.len() + eni.index())
    }

    fn netns_entity(&self, netns: NetnsId) -> EntityId {
        self.entity(self.cores.len() + self.enis.len() + netns.index())
    }

    #[expect(
        clippy::unused_self,
        reason = "entities are numbered within the machine"
    )]
    fn entity(&self, index: usize) -> EntityId {
        EntityId::new(index)
    }
}

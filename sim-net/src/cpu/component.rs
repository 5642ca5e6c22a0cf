//! Where time goes: the parts of a path that reports name.

use sim_core::SimDuration;

use crate::cost::Primitive;
use crate::ids::FlowTag;

macro_rules! components {
    ($($(#[doc = $doc:literal])+ $variant:ident => $code:literal,)+) => {
        /// A part of the path of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Component {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Component {
            /// Every component, in the order of a path from program to wire.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Stable name in results.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }
    };
}

components! {
    /// The program's own computation.
    Application => "application",
    /// The userland proxy's own work.
    Proxy => "userland_proxy",
    /// System calls and copies between program and kernel.
    Syscall => "syscall",
    /// Wake-ups and context switches.
    Scheduling => "scheduling",
    /// TCP and UDP.
    Transport => "transport",
    /// The loopback interface.
    Loopback => "loopback",
    /// Crossing a veth pair.
    Veth => "veth",
    /// The Linux bridge.
    Bridge => "bridge",
    /// IP forwarding between interfaces.
    Forwarding => "forwarding",
    /// Filter tables, on routed and bridged packets.
    Filter => "netfilter_filter",
    /// Connection tracking.
    Conntrack => "netfilter_conntrack",
    /// Address translation.
    Nat => "netfilter_nat",
    /// The VLAN sub-interface of a trunk.
    Vlan => "vlan",
    /// The network interface's driver.
    Nic => "nic",
    /// The virtual device of a micro-VM.
    Virtio => "virtio",
    /// Delay of interrupts.
    Interrupt => "interrupt",
    /// Waiting for a core.
    CoreQueue => "core_queue",
    /// Waiting for and crossing the interface's rate limit.
    TxQueue => "tx_queue",
    /// Waiting at the receiver's rate limit.
    RxQueue => "rx_queue",
    /// The VPC between two interfaces.
    Fabric => "vpc_fabric",
}

/// Visits to one component and the time spent there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopCell {
    /// How often.
    pub visits: u64,
    /// How long in all.
    pub total: SimDuration,
}

/// Time by workload and component, of what happens while it measures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HopTable {
    /// As many as there is something to count in, at most `tags`.
    rows: Vec<[HopCell; Component::ALL.len()]>,
    tags: usize,
    measuring: bool,
}

impl HopTable {
    /// A table for `tags` workloads.
    #[must_use]
    pub fn new(tags: usize) -> Self {
        Self {
            rows: Vec::new(),
            tags,
            measuring: true,
        }
    }

    /// Starts or stops counting.
    pub fn measure(&mut self, measuring: bool) {
        self.measuring = measuring;
    }

    /// Adds one visit.
    #[inline]
    pub fn add(&mut self, tag: FlowTag, component: Component, time: SimDuration) {
        if !self.measuring {
            return;
        }
        match self.rows.get_mut(tag.index()) {
            Some(row) => {
                let cell = &mut row[component as usize];
                cell.visits += 1;
                cell.total += time;
            }
            None => self.add_first(tag, component, time),
        }
    }

    /// Adds one visit to a workload that has no row yet.
    #[cold]
    fn add_first(&mut self, tag: FlowTag, component: Component, time: SimDuration) {
        if self.grow(tag) {
            self.add(tag, component, time);
        }
    }

    /// Makes room for a workload; false for a tag that is none's.
    fn grow(&mut self, tag: FlowTag) -> bool {
        let counted = tag.index() < self.tags;
        if counted {
            let blank = [HopCell::default(); Component::ALL.len()];
            self.rows.resize(tag.index() + 1, blank);
        }
        counted
    }

    /// The cell of a workload and component.
    #[must_use]
    pub fn get(&self, tag: FlowTag, component: Component) -> HopCell {
        let row = self.rows.get(tag.index());
        row.map_or_else(HopCell::default, |row| row[component as usize])
    }

    /// Adds what another machine has counted.
    pub fn merge(&mut self, other: &Self) {
        if let Some(last) = other.rows.len().checked_sub(1)
            && last >= self.rows.len()
        {
            self.grow(FlowTag::new(last));
        }
        for (mine, theirs) in self.rows.iter_mut().zip(&other.rows) {
            for (a, b) in mine.iter_mut().zip(theirs) {
                a.visits += b.visits;
                a.total += b.total;
            }
        }
    }
}

impl Component {
    /// The part of the path that a primitive belongs to.
    #[must_use]
    #[inline]
    pub fn of(primitive: Primitive) -> Self {
        match primitive {
            Primitive::SyscallSend
            | Primitive::SyscallRecv
            | Primitive::SyscallAccept
            | Primitive::SyscallConnect
            | Primitive::SyscallClose
            | Primitive::CopyToUser
            | Primitive::CopyFromUser => Self::Syscall,
            Primitive::Wakeup | Primitive::ContextSwitch => Self::Scheduling,
            Primitive::UdpTransmit
            | Primitive::UdpReceive
            | Primitive::TcpTransmit
            | Primitive::TcpReceive
            | Primitive::ConnectionSetup => Self::Transport,
            Primitive::LoopbackHop => Self::Loopback,
            Primitive::VethHop => Self::Veth,
            Primitive::BridgeFirstHop | Primitive::BridgeNextHop | Primitive::BridgeLocal => {
                Self::Bridge
            }
            Primitive::IpForward => Self::Forwarding,
            Primitive::BrNetfilter
            | Primitive::BrNetfilterLocal
            | Primitive::NetfilterTable
            | Primitive::FilterRuleTestLegacy
            | Primitive::FilterRuleTestNft
            | Primitive::FilterMatchTestLegacy
            | Primitive::FilterMatchTestNft
            | Primitive::FilterRuleMatchLegacy
            | Primitive::FilterRuleMatchNft => Self::Filter,
            Primitive::ConntrackEstablished | Primitive::ConntrackNew => Self::Conntrack,
            Primitive::NatEstablished
            | Primitive::NatNew
            | Primitive::NatRuleTestLegacy
            | Primitive::NatRuleTestNft => Self::Nat,
            Primitive::ProxyConnection | Primitive::ProxyRelay => Self::Proxy,
            Primitive::VlanHop => Self::Vlan,
            Primitive::NicTransmit | Primitive::NicReceive => Self::Nic,
            Primitive::VirtioTransmit | Primitive::VirtioReceive => Self::Virtio,
            Primitive::InterruptDelay => Self::Interrupt,
        }
    }
}

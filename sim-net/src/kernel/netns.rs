//! A network namespace: interfaces, addresses, routes, rules and sockets.

use std::net::Ipv4Addr;

use sim_core::{IndexVec, LookupMap, SimTime};

use super::bridge::Bridge;
use super::netfilter::Netfilter;
use super::route::RouteTable;
use crate::cpu::Ingress;
use crate::frame::Mac;
use crate::ids::{BridgeId, BridgePortId, ConnId, EniId, IfaceId, NetnsId};
use crate::stack::Stack;

/// What an interface is joined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfaceKind {
    /// Itself.
    Loopback,
    /// The other end of a veth pair.
    Veth(Ingress),
    /// An elastic network interface.
    Eni(EniId),
    /// A branch interface: a VLAN sub-interface of the instance's trunk.
    Branch(EniId),
    /// The host's own port of a bridge.
    Bridge(BridgeId),
}

/// One interface.
#[derive(Clone, Debug)]
pub struct Iface {
    /// Name as `ip link` shows it.
    pub name: String,
    /// Primary address.
    pub addr: Option<Ipv4Addr>,
    /// Link-layer address.
    pub mac: Mac,
    /// Largest packet, in octets.
    pub mtu: usize,
    /// What it is joined to.
    pub kind: IfaceKind,
}

/// A namespace.
#[derive(Debug)]
pub struct Netns {
    /// Name in reports and captures.
    pub name: String,
    /// Interfaces.
    pub ifaces: IndexVec<IfaceId, Iface>,
    /// Routes.
    pub routes: RouteTable,
    /// Addresses of the namespace, loopback's network aside.
    pub addresses: Vec<Ipv4Addr>,
    /// The rule set; `None` where no hook was ever registered.
    pub netfilter: Option<Box<Netfilter>>,
    /// Sockets.
    pub stack: Stack,
    /// `net.ipv4.ip_forward`.
    pub forwarding: bool,
    /// `net.ipv4.conf.all.route_localnet`.
    pub route_localnet: bool,
    /// What the machine remembers of each connection.
    pub conns: Vec<ConnState>,
}

/// What the machine remembers of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnState {
    /// The time of its pending timer event.
    pub timer: Option<SimTime>,
    /// The interface by which it leaves the machine, whose queue holds it back.
    pub gate: Option<EniId>,
    /// Whether it waits for that queue.
    pub waiting: bool,
}

impl Netns {
    /// A namespace with loopback only.
    #[must_use]
    pub fn new(name: String, stack: Stack) -> Self {
        let mut ifaces = IndexVec::new();
        ifaces.push(Iface {
            name: "lo".into(),
            addr: Some(Ipv4Addr::LOCALHOST),
            mac: Mac::default(),
            mtu: 65_535,
            kind: IfaceKind::Loopback,
        });
        Self {
            name,
            ifaces,
            routes: RouteTable::default(),
            addresses: Vec::new(),
            netfilter: None,
            stack,
            forwarding: false,
            route_localnet: false,
            conns: Vec::new(),
        }
    }

    /// The loopback interface of every namespace.
    #[must_use]
    pub fn loopback() -> IfaceId {
        IfaceId::new(0)
    }

    /// Adds an interface; its address becomes one of the namespace's.
    pub fn add_iface(&mut self, iface: Iface) -> IfaceId {
        self.addresses.extend(iface.addr);
        self.ifaces.push(iface)
    }

    /// Whether `addr` belongs to the namespace.
    #[must_use]
    pub fn is_local(&self, addr: Ipv4Addr) -> bool {
        is_local(&self.addresses, addr)
    }

    /// The interface by which frames of `eni` come in.
    #[must_use]
    pub fn iface_of(&self, eni: EniId) -> Option<IfaceId> {
        let joined = |iface: &Iface| matches!(iface.kind, IfaceKind::Eni(e) | IfaceKind::Branch(e) if e == eni);
        self.ifaces.iter().position(joined).map(IfaceId::new)
    }

    /// Whether an interface is a VLAN sub-interface of a trunk.
    #[must_use]
    pub fn is_branch(&self, iface: IfaceId) -> bool {
        matches!(self.ifaces[iface].kind, IfaceKind::Branch(_))
    }

    /// The state of a connection.
    pub fn conn(&mut self, conn: ConnId) -> &mut ConnState {
        if conn.index() >= self.conns.len() {
            self.conns.resize(conn.index() + 1, ConnState::default());
        }
        &mut self.conns[conn.index()]
    }
}

/// Whether `addr` is one of `addresses` or a loopback address.
#[must_use]
#[inline]
pub fn is_local(addresses: &[Ipv4Addr], addr: Ipv4Addr) -> bool {
    addr.is_loopback() || addresses.contains(&addr)
}

/// The far end of a bridge's port: a container's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortEnd {
    /// The container's namespace.
    pub netns: NetnsId,
    /// The interface there.
    pub iface: IfaceId,
    /// Its link-layer address.
    pub mac: Mac,
}

/// A bridge of a machine, joined to the namespace that owns it.
#[derive(Debug)]
pub struct BridgeDevice {
    /// Name as `ip link` shows it.
    pub name: String,
    /// The forwarding database.
    pub bridge: Bridge,
    /// The namespace that owns it.
    pub netns: NetnsId,
    /// Its interface there.
    pub iface: IfaceId,
    /// The far end of each port.
    pub ports: IndexVec<BridgePortId, PortEnd>,
    /// Who has which address on the segment.
    pub neighbours: LookupMap<Ipv4Addr, Mac>,
    /// Whether bridged packets pass the owner's rules.
    pub br_netfilter: bool,
}

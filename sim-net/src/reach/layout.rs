//! The namespaces, bridges and listening ports of a plan, as the network modes lay them out.
//!
//! Only the layout is taken over from the simulated world: what an address leads to, and which rules
//! are where. Nothing of what decides about packets there is used here.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::Streams;

use super::candidates::Candidates;
use crate::app::App;
use crate::build::{BuildError, assemble};
use crate::cpu::Ingress;
use crate::headers::Protocol;
use crate::ids::{BridgePortId, IfaceId};
use crate::kernel::netfilter::Netfilter;
use crate::kernel::netns::{IfaceKind, PortEnd};
use crate::kernel::route::RouteTable;
use crate::machine::Machine;
use crate::plan::{Place, Plan, PortPlan};

/// What an interface of a namespace is joined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Itself.
    Loopback,
    /// An interface of another namespace.
    Peer(usize, IfaceId),
    /// A port of a bridge.
    Port(usize, BridgePortId),
    /// The owner's side of a bridge.
    Bridge(usize),
    /// An elastic network interface, by its number in the Region.
    Eni(usize),
}

/// An interface of a namespace.
#[derive(Debug)]
pub(super) struct Iface {
    pub(super) name: String,
    pub(super) addr: Ipv4Addr,
    pub(super) link: Link,
}

/// A listening port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    /// The address; `None` for every one.
    pub(super) addr: Option<Ipv4Addr>,
    /// Where a userland proxy relays to.
    pub(super) relay: Option<SocketAddrV4>,
}

/// The rules of a namespace.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) netfilter: Box<Netfilter>,
    pub(super) candidates: Candidates,
}

/// A namespace.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) name: String,
    pub(super) ifaces: Vec<Iface>,
    pub(super) addresses: Vec<Ipv4Addr>,
    pub(super) routes: RouteTable,
    pub(super) rules: Option<Rules>,
    pub(super) forwarding: bool,
    pub(super) route_localnet: bool,
    /// By protocol and port.
    sockets: Vec<Socket>,
}

impl Space {
    pub(super) fn is_local(&self, addr: Ipv4Addr) -> bool {
        addr.is_loopback() || self.addresses.contains(&addr)
    }

    /// The socket that takes what is sent to `to`: one of the address before one of all addresses.
    pub(super) fn socket(&self, protocol: Protocol, to: SocketAddrV4) -> Option<&Socket> {
        let key = (protocol, to.port());
        let first = self.sockets.partition_point(|s| (s.protocol, s.port) < key);
        let bound = self.sockets[first..]
            .iter()
            .take_while(|s| (s.protocol, s.port) == key);
        let mut any = None;
        for socket in bound {
            match socket.addr {
                Some(addr) if addr == *to.ip() => return Some(socket),
                Some(_) => {}
                None => any = Some(socket),
            }
        }
        any
    }
}

/// A bridge.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) name: String,
    pub(super) owner: usize,
    pub(super) iface: IfaceId,
    pub(super) br_netfilter: bool,
    pub(super) ports: Vec<Port>,
}

/// A port of a bridge and what is at its far end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    pub(super) addr: Ipv4Addr,
    pub(super) space: usize,
    pub(super) iface: IfaceId,
    pub(super) hairpin: bool,
}

/// Where a container has ended up.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) space: usize,
    pub(super) machine: usize,
    pub(super) own: Option<Ipv4Addr>,
    pub(super) service: Option<Ipv4Addr>,
    pub(super) host_ports: Vec<PortPlan>,
}

/// An elastic network interface of a machine, and the interface of the namespace that it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attached {
    pub(super) machine: usize,
    pub(super) eni: usize,
    pub(super) addr: Ipv4Addr,
    pub(super) public: Option<Ipv4Addr>,
    pub(super) space: usize,
    pub(super) iface: IfaceId,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) spaces: Vec<Space>,
    pub(super) bridges: Vec<Bridge>,
    pub(super) attached: Vec<Attached>,
    pub(super) homes: Vec<Vec<Home>>,
    /// First namespace of each machine: its own.
    roots: Vec<usize>,
    pub(super) first_host: usize,
}

impl Layout {
    pub(super) fn of(plan: &Plan) -> Result<Self, BuildError> {
        let mut quiet = plan.clone();
        // Nothing is sent, so nobody has anything to record.
        quiet.probes.clear();
        let assembly = assemble(&quiet, Streams::for_replication(0, 0))?;
        let machines = &assembly.machines;
        let starts = |len: fn(&Machine) -> usize| {
            let mut next = 0;
            let first = |machine| {
                next += len(machine);
                next - len(machine)
            };
            machines.iter().map(first).collect::<Vec<_>>()
        };
        let first = First {
            spaces: starts(|m| m.netns.len()),
            bridges: starts(|m| m.bridges.len()),
            enis: starts(|m| m.enis.len()),
        };
        let homes = assembly.sites.iter().map(|sites| {
            let home = |site: &crate::mode::Site| Home {
                space: first.spaces[site.machine] + site.netns.index(),
                machine: site.machine,
                own: site.own,
                service: site.service,
                host_ports: site.host_ports.clone(),
            };
            sites.iter().map(home).collect()
        });
        let mut layout = Self {
            homes: homes.collect(),
            spaces: Vec::new(),
            bridges: Vec::new(),
            attached: Vec::new(),
            roots: first.spaces.clone(),
            first_host: assembly.first_host,
        };
        for (index, machine) in assembly.machines.into_iter().enumerate() {
            layout.add(index, machine, &first);
        }
        Ok(layout)
    }

    fn add(&mut self, index: usize, mut machine: Machine, first: &First) {
        let spaces = first.spaces[index];
        for device in machine.bridges.iter() {
            let port = |(id, end): (BridgePortId, &PortEnd)| Port {
                addr: address(machine.netns[end.netns].ifaces[end.iface].addr),
                space: spaces + end.netns.index(),
                iface: end.iface,
                hairpin: device.bridge.flood_ports(Some(id)).any(|p| p == id),
            };
            self.bridges.push(Bridge {
                name: device.name.clone(),
                owner: spaces + device.netns.index(),
                iface: device.iface,
                br_netfilter: device.br_netfilter,
                ports: device.ports.iter_enumerated().map(port).collect(),
            });
        }
        for (id, device) in machine.enis.iter_enumerated() {
            let iface = machine.netns[device.netns].iface_of(id);
            let endpoint = machine.fabric.endpoint(device.port.endpoint());
            self.attached.push(Attached {
                machine: index,
                eni: id.index(),
                addr: endpoint.addr,
                public: endpoint.public,
                space: spaces + device.netns.index(),
                iface: iface.unwrap_or(IfaceId::new(0)),
            });
        }
        self.add_spaces(index, &mut machine, first);
    }

    fn add_spaces(&mut self, index: usize, machine: &mut Machine, first: &First) {
        let (spaces, bridges) = (first.spaces[index], first.bridges[index]);
        let link = |kind: IfaceKind| match kind {
            IfaceKind::Loopback => Link::Loopback,
            IfaceKind::Veth(Ingress::Iface(netns, iface)) => {
                Link::Peer(spaces + netns.index(), iface)
            }
            IfaceKind::Veth(Ingress::Bridge(bridge, port)) => {
                Link::Port(bridges + bridge.index(), port)
            }
            IfaceKind::Bridge(bridge) => Link::Bridge(bridges + bridge.index()),
            IfaceKind::Eni(eni) | IfaceKind::Branch(eni) => {
                Link::Eni(first.enis[index] + eni.index())
            }
        };
        for netns in machine.netns.iter_mut() {
            let bound = netns.stack.bound().map(|bound| Socket {
                protocol: bound.protocol,
                port: bound.port,
                addr: bound.addr,
                relay: match &machine.apps[bound.owner].app {
                    Some(App::Proxy(proxy)) => Some(proxy.target()),
                    Some(App::UdpProxy(proxy)) => Some(proxy.target()),
                    _ => None,
                },
            });
            let mut sockets: Vec<_> = bound.collect();
            sockets.sort_by_key(|s| (s.protocol, s.port));
            let own = self.spaces.len() == spaces;
            let name = if own {
                machine.name.clone()
            } else {
                format!("{} {}", machine.name, netns.name)
            };
            let ifaces = netns.ifaces.iter().map(|iface| Iface {
                name: iface.name.clone(),
                addr: address(iface.addr),
                link: link(iface.kind),
            });
            let rules = netns.netfilter.take().map(|netfilter| Rules {
                candidates: Candidates::of(&netfilter),
                netfilter,
            });
            self.spaces.push(Space {
                name,
                ifaces: ifaces.collect(),
                addresses: netns.addresses.clone(),
                routes: std::mem::take(&mut netns.routes),
                rules,
                forwarding: netns.forwarding,
                route_localnet: netns.route_localnet,
                sockets,
            });
        }
    }

    /// The namespace of a place.
    pub(super) fn space(&self, place: Place) -> usize {
        match place {
            Place::Container { task, container } => self.homes[task][container].space,
            Place::Instance(_) | Place::Host(_) => self.roots[self.machine(place)],
        }
    }

    /// The machine of a place.
    pub(super) fn machine(&self, place: Place) -> usize {
        match place {
            Place::Container { task, container } => self.homes[task][container].machine,
            Place::Instance(index) => index,
            Place::Host(index) => self.first_host + index,
        }
    }

    /// The address of the namespace of a place, before any translation.
    pub(super) fn own_addr(&self, place: Place) -> Option<Ipv4Addr> {
        match place {
            Place::Container { task, container } => self.homes[task][container].own,
            Place::Instance(_) | Place::Host(_) => {
                self.spaces[self.space(place)].addresses.first().copied()
            }
        }
    }
}

/// Number of each machine's first namespace, bridge and interface.
struct First {
    spaces: Vec<usize>,
    bridges: Vec<usize>,
    enis: Vec<usize>,
}

fn address(addr: Option<Ipv4Addr>) -> Ipv4Addr {
    addr.unwrap_or(Ipv4Addr::UNSPECIFIED)
}

//! A machine while it is laid out: namespaces, bridges, interfaces and programs are added to it.

mod services;

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;
use rand::Rng;
use sim_core::{IndexVec, LookupMap, SimTime, Streams};

use crate::app::{App, Buffers, Proxy, Server, UdpProxy, udp_options};
use crate::build::BuildError;
use crate::cpu::Ingress;
use crate::eni::{Eni, EniPlan};
use crate::frame::Mac;
use crate::headers::Protocol;
use crate::ids::{AppId, BridgeId, CoreId, EniId, FlowTag, IfaceId, ListenerId, NetnsId};
use crate::kernel::bridge::Bridge;
use crate::kernel::netfilter::docker::{self, DockerRules};
use crate::kernel::netfilter::ecs_agent::{self, EcsAgentRules};
use crate::kernel::netfilter::{Netfilter, NetfilterConfig};
use crate::kernel::netns::{BridgeDevice, Iface, IfaceKind, Netns, PortEnd};
use crate::kernel::route::{Route, RouteKind};
use crate::machine::{AppSlot, EniDevice, FlowOrder, LinkCounts, Machine};
use crate::plan::{DockerPlan, PortPlan};
use crate::stack::{SocketOptions, Stack, StackConfig};
use crate::vpc::{EndpointId, FabricPort};

/// MTU of `docker0` and of the veth pairs on it, in octets.
/// Source: Docker 25, `daemon/config/config.go`, `DefaultNetworkMtu` (specified).
const DOCKER_MTU: usize = 1500;

/// Network of `docker0`. Source: Docker 25, default bridge address (specified).
const DOCKER_NETWORK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 17, 0, 0), 16);

/// Network of `ecs-bridge`. Source: ECS agent, `agent/ecscni/types.go` (specified).
const ECS_NETWORK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 172, 0), 22);

/// Port of the ECS agent's introspection. Source: ECS agent, README (specified).
const AGENT_INTROSPECTION: u16 = 51678;

/// Port of the ECS agent's credentials and task metadata, on loopback only.
/// Source: ECS agent, README (specified).
const AGENT_METADATA: u16 = 51679;

/// Connections that a listener keeps until they are accepted.
/// Source: Linux 5.4 and later, `net.core.somaxconn` (specified).
const LISTEN_BACKLOG: usize = 4096;

/// How an interface is attached to a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// As itself.
    Interface,
    /// As a VLAN sub-interface of the instance's trunk.
    Branch,
    /// Through the virtual device of a micro-VM.
    Virtual,
}

/// An interface, decided upon but not attached yet.
#[derive(Clone, Debug)]
pub struct EniSpec {
    /// Unique name; random streams hang on it.
    pub name: String,
    /// Private address.
    pub addr: Ipv4Addr,
    /// Its subnet.
    pub subnet: Ipv4Net,
    /// Its limits and policy.
    pub plan: EniPlan,
    /// Its place in the fabric.
    pub endpoint: EndpointId,
}

/// A machine under construction.
#[derive(Debug)]
pub struct MachineBuilder {
    machine: Machine,
    index: u32,
    streams: Streams,
    idle_tag: FlowTag,
    docker: DockerPlan,
    trunking: bool,
    docker0: Option<BridgeId>,
    docker_rules: Option<DockerRules>,
    ecs_bridge: Option<BridgeId>,
    networks: Vec<Ipv4Net>,
    macs: u32,
    programs: usize,
    starts: Vec<AppId>,
}

impl MachineBuilder {
    /// Starts with a machine that has nothing yet. `index` is its number in the world; frames of
    /// programs that no workload names count for `idle_tag`.
    ///
    /// # Panics
    /// If there are 2^32 machines or more.
    #[must_use]
    pub fn new(machine: Machine, index: usize, streams: Streams, idle_tag: FlowTag) -> Self {
        let mut builder = Self {
            machine,
            index: u32::try_from(index).expect("fewer than 2^32 machines"),
            streams,
            idle_tag,
            docker: DockerPlan {
                enabled: false,
                ..DockerPlan::default()
            },
            trunking: false,
            docker0: None,
            docker_rules: None,
            ecs_bridge: None,
            networks: Vec::new(),
            macs: 0,
            programs: 0,
            starts: Vec::new(),
        };
        builder.add_netns("host".into());
        builder
    }

    /// The machine's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.machine.name
    }

    /// The host's own namespace.
    #[must_use]
    pub fn root(&self) -> NetnsId {
        NetnsId::new(0)
    }

    /// Address of the first interface of the host's own namespace.
    #[must_use]
    pub fn primary_addr(&self) -> Option<Ipv4Addr> {
        self.machine.netns[self.root()].addresses.first().copied()
    }

    /// Whether task interfaces are branches of a trunk.
    #[must_use]
    pub fn trunking(&self) -> bool {
        self.trunking
    }

    /// `docker0`, where Docker runs.
    #[must_use]
    pub fn docker0(&self) -> Option<BridgeId> {
        self.docker0
    }

    /// The machine's programs so far that are to be started, and the machine.
    #[must_use]
    pub fn finish(mut self) -> (Machine, Vec<AppId>) {
        // Nothing is added while a world runs.
        self.machine.netns.shrink_to_fit();
        self.machine.apps.shrink_to_fit();
        self.machine.enis.shrink_to_fit();
        (self.machine, self.starts)
    }

    fn next_mac(&mut self) -> Mac {
        self.macs += 1;
        Mac::local(self.index, self.macs)
    }

    /// Adds a namespace with loopback.
    pub fn add_netns(&mut self, name: String) -> NetnsId {
        let entity = format!("{}/{name}", self.machine.name);
        let seed = self.streams.stream(&entity, "stack").next_u64();
        let stack = Stack::new(StackConfig {
            seed,
            offloads: self.machine.offloads,
            peers_offload: self.machine.peers_offload,
            ..StackConfig::default()
        });
        self.machine.netns.push(Netns::new(name, stack))
    }

    /// Turns the machine into a container instance: Docker with `docker0` and its rules, the ECS
    /// agent with its own.
    ///
    /// # Errors
    /// If a port of the agent is taken.
    pub fn install_container_instance(
        &mut self,
        docker: DockerPlan,
        trunking: bool,
    ) -> Result<(), BuildError> {
        self.docker = docker;
        self.trunking = trunking;
        let root = self.root();
        self.machine.netns[root].forwarding = docker.enabled;
        if !docker.enabled {
            return Ok(());
        }
        let docker0 = self.add_bridge("docker0", DOCKER_NETWORK);
        let iface = self.machine.bridges[docker0].iface;
        let mut netfilter = Netfilter::new(NetfilterConfig {
            conntrack_max: docker.conntrack_max,
            ..NetfilterConfig::default()
        });
        let rules = DockerRules {
            docker0: iface,
            network: self.networks[docker0.index()],
            hairpin: docker.hairpin,
            icc: docker.icc,
        };
        docker::install(&mut netfilter, rules);
        ecs_agent::install(&mut netfilter, iface, EcsAgentRules::default());
        self.docker_rules = Some(rules);
        self.machine.netns[root].netfilter = Some(Box::new(netfilter));
        self.machine.netns[root].route_localnet = true;
        self.docker0 = Some(docker0);
        self.serve(root, AGENT_INTROSPECTION, Protocol::Tcp, Vec::new())?;
        self.answer(root, Ipv4Addr::LOCALHOST, AGENT_METADATA, Protocol::Tcp)
    }

    fn add_bridge(&mut self, name: &str, network: Ipv4Net) -> BridgeId {
        let root = self.root();
        let mac = self.next_mac();
        let gateway = host_of(network, 1);
        let id = BridgeId::new(self.machine.bridges.len());
        let iface = self.machine.netns[root].add_iface(Iface {
            name: name.into(),
            addr: Some(gateway),
            mac,
            mtu: DOCKER_MTU,
            kind: IfaceKind::Bridge(id),
        });
        self.connected(root, network, iface, gateway);
        let mut neighbours = LookupMap::default();
        neighbours.insert(gateway, mac);
        self.networks.push(network);
        self.machine.bridges.push(BridgeDevice {
            name: name.into(),
            bridge: Bridge::new(mac),
            netns: root,
            iface,
            ports: IndexVec::new(),
            neighbours,
            br_netfilter: self.docker.br_netfilter,
        })
    }

    fn connected(&mut self, netns: NetnsId, prefix: Ipv4Net, iface: IfaceId, src: Ipv4Addr) {
        let route = Route {
            prefix,
            kind: RouteKind::Connected,
            iface,
            src,
        };
        self.machine.netns[netns].routes.add(route);
    }

    /// Adds a route through `via`, which must be on the segment of the namespace's `eth0`.
    pub fn add_route(&mut self, netns: NetnsId, prefix: Ipv4Net, via: Ipv4Addr) {
        let ns = &mut self.machine.netns[netns];
        let Some(iface) = ns.ifaces.iter().position(|iface| iface.name == "eth0") else {
            return;
        };
        let iface = IfaceId::new(iface);
        let src = ns.ifaces[iface].addr.unwrap_or(Ipv4Addr::UNSPECIFIED);
        ns.routes.add(Route {
            prefix,
            kind: RouteKind::Via(via),
            iface,
            src,
        });
    }

    /// Joins a namespace to a bridge by a veth pair, with the next address of the bridge's network.
    ///
    /// # Errors
    /// If the bridge is full.
    pub fn join_bridge(
        &mut self,
        bridge: BridgeId,
        netns: NetnsId,
        name: &str,
        default_route: bool,
    ) -> Result<Ipv4Addr, BuildError> {
        let mac = self.next_mac();
        let hairpin = self.docker.hairpin;
        let network = self.networks[bridge.index()];
        let device = &mut self.machine.bridges[bridge];
        let full = || BuildError::BridgeFull {
            bridge: device.name.clone(),
        };
        let addr = host_of(network, device.ports.len() + 2);
        let port = device.bridge.add_port(hairpin).map_err(|_| full())?;
        let iface = self.machine.netns[netns].add_iface(Iface {
            name: name.into(),
            addr: Some(addr),
            mac,
            mtu: DOCKER_MTU,
            kind: IfaceKind::Veth(Ingress::Bridge(bridge, port)),
        });
        let device = &mut self.machine.bridges[bridge];
        device.ports.push(PortEnd { netns, iface, mac });
        // Address resolution precedes every first packet, and its answer is what a bridge learns.
        device
            .bridge
            .ingress(SimTime::ZERO, Some(port), mac, Mac::BROADCAST);
        device.neighbours.insert(addr, mac);
        self.connected(netns, network, iface, addr);
        if default_route {
            let gateway = host_of(network, 1);
            self.default_route(netns, iface, gateway, addr);
        }
        Ok(addr)
    }

    fn default_route(&mut self, netns: NetnsId, iface: IfaceId, gateway: Ipv4Addr, src: Ipv4Addr) {
        let kind = RouteKind::Via(gateway);
        let route = Route {
            prefix: Ipv4Net::default(),
            kind,
            iface,
            src,
        };
        self.machine.netns[netns].routes.add(route);
    }

    /// Attaches an interface to a namespace as `eth0`, with a default route through its subnet's
    /// router.
    pub fn attach_eni(&mut self, netns: NetnsId, spec: &EniSpec, how: Attachment) -> EniId {
        let id = EniId::new(self.machine.enis.len());
        let mac = self.next_mac();
        let plan = EniPlan {
            mac,
            ..spec.plan.clone()
        };
        let cores = self.machine.cores.len();
        self.machine.enis.push(EniDevice {
            eni: Eni::new(&plan),
            port: FabricPort::new(spec.endpoint, &self.streams, &spec.name),
            netns,
            virtio: how == Attachment::Virtual,
            in_ring: (0..cores).map(|_| 0).collect(),
            handed_over: 0,
            handed_over_until: SimTime::ZERO,
            held: 0,
            handed_over_frames: 0,
            order: FlowOrder::default(),
            waiters: std::collections::VecDeque::new(),
            draining: false,
            counts: LinkCounts::default(),
        });
        let kind = match how {
            Attachment::Branch => IfaceKind::Branch(id),
            Attachment::Interface | Attachment::Virtual => IfaceKind::Eni(id),
        };
        let iface = self.machine.netns[netns].add_iface(Iface {
            name: "eth0".into(),
            addr: Some(spec.addr),
            mac,
            mtu: plan.mtu,
            kind,
        });
        self.connected(netns, spec.subnet, iface, spec.addr);
        if let Some(router) = plan.router {
            self.default_route(netns, iface, router, spec.addr);
        }
        id
    }

    /// Publishes a container's port: the rules, and the userland proxy where Docker runs one.
    ///
    /// # Errors
    /// If the host port is taken.
    pub fn publish(&mut self, port: &PortPlan, to: SocketAddrV4) -> Result<(), BuildError> {
        let root = self.root();
        if let Some(rules) = self.docker_rules
            && let Some(netfilter) = &mut self.machine.netns[root].netfilter
        {
            docker::publish(netfilter, rules, port.protocol, port.host_port, to);
        }
        if !self.docker.userland_proxy {
            return Ok(());
        }
        if port.protocol == Protocol::Tcp {
            let app = self.add_app(root, App::Proxy(Proxy::new(to)), CoreId::new(0));
            self.listen(root, app, None, port.host_port, Proxy::buffers())
                .map(|_| ())
        } else {
            let app = AppId::new(self.machine.apps.len());
            let udp = self.bind(root, app, None, port.host_port)?;
            self.add_app(root, App::UdpProxy(UdpProxy::new(udp, to)), CoreId::new(0));
            Ok(())
        }
    }

    fn listen(
        &mut self,
        netns: NetnsId,
        app: AppId,
        addr: Option<Ipv4Addr>,
        port: u16,
        buffers: Buffers,
    ) -> Result<ListenerId, BuildError> {
        let tag = self.idle_tag;
        let options = SocketOptions {
            tag,
            recv_buffer: buffers.recv,
            send_buffer: buffers.send,
            send_room: buffers.room,
            nodelay: true,
            mtu: 65_535,
        };
        let name = &self.machine.name;
        let ns = &mut self.machine.netns[netns];
        ns.stack
            .listen(app, addr, port, options, LISTEN_BACKLOG)
            .map_err(|_| BuildError::port_taken(name, &ns.name, port, Protocol::Tcp))
    }

    fn bind(
        &mut self,
        netns: NetnsId,
        app: AppId,
        addr: Option<Ipv4Addr>,
        port: u16,
    ) -> Result<crate::ids::UdpId, BuildError> {
        let options = udp_options(self.idle_tag);
        let name = &self.machine.name;
        let ns = &mut self.machine.netns[netns];
        ns.stack
            .bind_udp(app, addr, port, options)
            .map_err(|_| BuildError::port_taken(name, &ns.name, port, Protocol::Udp))
    }

    /// Has a server listen on a port.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn serve(
        &mut self,
        netns: NetnsId,
        port: u16,
        protocol: Protocol,
        roles: Vec<(FlowTag, crate::app::Role)>,
    ) -> Result<(), BuildError> {
        let server = Server::new(roles);
        let buffers: Vec<_> = server.buffers().collect();
        let core = self.program_core();
        let app = self.add_app(netns, App::Server(Box::new(server)), core);
        if protocol == Protocol::Tcp {
            let listener = self.listen(netns, app, None, port, Buffers::for_stream(0, 0))?;
            for (tag, Buffers { recv, send, room }) in buffers {
                let stack = &mut self.machine.netns[netns].stack;
                stack.set_buffers(listener, tag, (recv, send), room);
            }
            Ok(())
        } else {
            self.bind(netns, app, None, port).map(|_| ())
        }
    }

    /// Has a program run from the start of the world.
    pub fn start(&mut self, netns: NetnsId, app: App) {
        let core = self.program_core();
        let id = self.add_app(netns, app, core);
        self.starts.push(id);
    }

    /// Programs go round the cores in the order of the plan, which is the same for all modes.
    fn program_core(&mut self) -> CoreId {
        self.programs += 1;
        CoreId::new((self.programs - 1) % self.machine.cores.len())
    }

    fn add_app(&mut self, netns: NetnsId, app: App, core: CoreId) -> AppId {
        self.machine.apps.push(AppSlot {
            app: Some(app),
            netns,
            core,
            inbox: std::collections::VecDeque::new(),
            queued: false,
            computing: false,
            notified: 0,
        })
    }
}

/// Address number `number` of a network; a bridge has too few ports for it to leave the network.
fn host_of(network: Ipv4Net, number: usize) -> Ipv4Addr {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    Ipv4Addr::from(u32::from(network.network()).saturating_add(number))
}

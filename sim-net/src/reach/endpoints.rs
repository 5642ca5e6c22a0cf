//! What there is to reach, and by which addresses.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::Evaluator;
use crate::headers::Protocol;
use crate::kernel::netfilter::ecs_agent::{
    AGENT_CREDENTIALS_PORT, AGENT_INTROSPECTION_PORT, CREDENTIALS_ADDRESS, CREDENTIALS_PORT,
};
use crate::plan::{Mode, Place, Plan, Target, WorkloadKind};

/// How an address leads to a listening port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Via {
    /// Over the loopback interface of a namespace that both are in.
    Loopback,
    /// By the private address of the namespace that it listens in.
    Own,
    /// By a port that its instance publishes for it.
    Published,
    /// By a public address.
    Public,
    /// By a link-local address or another one that Amazon keeps for a service.
    Amazon,
}

impl Via {
    /// Stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Own => "own",
            Self::Published => "published",
            Self::Public => "public",
            Self::Amazon => "amazon",
        }
    }
}

/// An address by which one place may try to reach a listening port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The address.
    pub addr: SocketAddrV4,
    /// How it leads there.
    pub via: Via,
}

/// What listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A program of the plan, or the ECS agent of an instance.
    Place(Place),
    /// The instance metadata service (IMDS), at 169.254.169.254.
    InstanceMetadata,
    /// Credentials and task metadata, at 169.254.170.2.
    TaskMetadata,
    /// Amazon's DNS resolver, at 169.254.169.253.
    Resolver,
}

/// A listening port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Listener {
    /// What listens.
    pub owner: Owner,
    /// The port that it listens on: of a container, not the host port that may lead to it.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// Address of the instance metadata service.
/// Source: Amazon EC2 User Guide, instancedata-data-retrieval, 2023-06 (vendor).
pub(super) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The resolver's link-local address. Source: Amazon VPC User Guide, vpc-dns, 2023-06 (vendor).
pub(super) const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// Port of the metadata service (vendor).
pub(super) const METADATA_PORT: u16 = 80;
/// Port of the resolver, TCP and UDP. Source: RFC 1035 §4.2 (specified).
pub(super) const RESOLVER_PORT: u16 = 53;

impl Evaluator {
    /// Every listening port of the world, ordered: what containers publish, what workloads talk to,
    /// what the plan adds, the ECS agents, and Amazon's own services.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// The addresses by which `from` may try to reach a listening port, as whoever is there would
    /// be told them. None where there is no such address: a task in mode `none` seen from outside.
    #[must_use]
    pub fn endpoints(&self, from: Place, target: Target, protocol: Protocol) -> Vec<Endpoint> {
        let Target { place, port } = target;
        let mut found = Vec::new();
        let mut add = |addr, port, via| {
            let addr = SocketAddrV4::new(addr, port);
            found.push(Endpoint { addr, via });
        };
        let layout = &self.layout;
        let same_space = layout.space(from) == layout.space(place);
        if same_space {
            add(Ipv4Addr::LOCALHOST, port, Via::Loopback);
        }
        // An address behind docker0 means something else on every other machine.
        let seen = !self.behind_bridge(place) || layout.machine(from) == layout.machine(place);
        if let Some(addr) = layout.own_addr(place).filter(|_| seen) {
            add(addr, port, Via::Own);
        }
        let mut host_port = Some(port);
        if let Place::Container { task, container } = place {
            let home = &layout.homes[task][container];
            if home.own != home.service {
                let published =
                    |p: &&crate::plan::PortPlan| (p.container_port, p.protocol) == (port, protocol);
                host_port = home.host_ports.iter().find(published).map(|p| p.host_port);
                if let (Some(addr), Some(port)) = (home.service, host_port) {
                    add(addr, port, Via::Published);
                }
            }
        }
        if let (Some(addr), Some(port)) = (self.public_addr(place), host_port) {
            add(addr, port, Via::Public);
        }
        found
    }

    /// The address of one of Amazon's own services as `from` would be told it; `None` where `owner`
    /// is none of them.
    #[must_use]
    pub fn amazon_endpoint(&self, owner: Owner) -> Option<Endpoint> {
        let (addr, port) = match owner {
            Owner::Place(_) => return None,
            Owner::InstanceMetadata => (METADATA, METADATA_PORT),
            Owner::TaskMetadata => (CREDENTIALS_ADDRESS, CREDENTIALS_PORT),
            Owner::Resolver => (RESOLVER, RESOLVER_PORT),
        };
        Some(Endpoint {
            addr: SocketAddrV4::new(addr, port),
            via: Via::Amazon,
        })
    }

    /// The addresses by which `from` may try to reach any of [`Evaluator::listeners`].
    #[must_use]
    pub fn ways(&self, from: Place, listener: Listener) -> Vec<Endpoint> {
        match listener.owner {
            Owner::Place(place) => {
                let target = Target {
                    place,
                    port: listener.port,
                };
                self.endpoints(from, target, listener.protocol)
            }
            amazon => self.amazon_endpoint(amazon).into_iter().collect(),
        }
    }

    fn behind_bridge(&self, place: Place) -> bool {
        match place {
            Place::Container { task, .. } => self.modes[task] == Mode::Bridge,
            Place::Instance(_) | Place::Host(_) => false,
        }
    }
}

/// Every listening port of a plan.
pub(super) fn listeners(plan: &Plan) -> Vec<Listener> {
    let mut found = BTreeSet::new();
    let mut add = |owner, port, protocol| {
        found.insert(Listener {
            owner,
            port,
            protocol,
        });
    };
    for (index, task) in plan.tasks.iter().enumerate() {
        for (container, c) in task.containers.iter().enumerate() {
            let place = Place::Container {
                task: index,
                container,
            };
            for port in &c.ports {
                add(Owner::Place(place), port.container_port, port.protocol);
            }
        }
    }
    for listener in &plan.listeners {
        let Target { place, port } = listener.target;
        add(Owner::Place(place), port, listener.protocol);
    }
    for workload in &plan.workloads {
        for target in &workload.to {
            add(Owner::Place(target.place), target.port, workload.protocol);
        }
        let WorkloadKind::Request(request) = &workload.kind else {
            continue;
        };
        for target in request.calls.iter().flat_map(|call| &call.to) {
            add(Owner::Place(target.place), target.port, Protocol::Tcp);
        }
    }
    let mut agents = false;
    for (index, _) in (0..).zip(&plan.instances).filter(|(_, i)| i.docker.enabled) {
        agents = true;
        for port in [AGENT_INTROSPECTION_PORT, AGENT_CREDENTIALS_PORT] {
            add(Owner::Place(Place::Instance(index)), port, Protocol::Tcp);
        }
    }
    if agents || plan.tasks.iter().any(|task| task.fargate.is_some()) {
        add(Owner::TaskMetadata, CREDENTIALS_PORT, Protocol::Tcp);
    }
    if !plan.region.subnets.is_empty() {
        add(Owner::InstanceMetadata, METADATA_PORT, Protocol::Tcp);
    }
    if plan.region.vpcs.iter().any(|vpc| vpc.dns_support) {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            add(Owner::Resolver, RESOLVER_PORT, protocol);
        }
    }
    found.into_iter().collect()
}

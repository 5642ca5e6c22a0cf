//! Where programs run, and at which address others find them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use super::address::{Addresses, Interface};
use super::machines::Machines;
use crate::app::Targets;
use crate::headers::Protocol;
use crate::ids::NetnsId;
use crate::mode::Site;
use crate::plan::{Mode, Place, Plan, ProbeAddress, Target};

/// A plan whose tasks have been laid out.
pub(super) struct Placed<'a> {
    pub(super) plan: &'a Plan,
    pub(super) sites: &'a [Vec<Site>],
    pub(super) machines: &'a Machines,
    /// By machine and address.
    interfaces: BTreeMap<(usize, Ipv4Addr), &'a Interface>,
}

/// The targets of a workload or call as its clients find them.
///
/// A program finds one in its own namespace at `localhost`, a container of its own bridge task
/// at that container's address (as `links` would say), and any other at the address and port
/// that service discovery or a load balancer registers: the instance's and the host port in
/// bridge mode. Who is outside the VPCs is told the public address of that interface.
///
/// What is the same for all clients is found once, so that the targets of as many clients take a
/// time that grows with the sum of both, not with their product.
pub(super) struct Directory<'p, 'a> {
    placed: &'p Placed<'a>,
    targets: &'p [Target],
    /// From inside the VPCs and from the internet, where there are such clients.
    elsewhere: [Option<Found>; 2],
    protocol: Protocol,
    by_namespace: BTreeMap<(usize, NetnsId), Vec<usize>>,
    by_task: BTreeMap<usize, Vec<usize>>,
}

/// Targets by their index, as most clients find them.
struct Found {
    indices: Vec<usize>,
    addrs: Arc<[SocketAddrV4]>,
    refused: Vec<(usize, String)>,
}

impl<'p, 'a> Directory<'p, 'a> {
    pub(super) fn new(placed: &'p Placed<'a>, targets: &'p [Target], protocol: Protocol) -> Self {
        let mut by_namespace: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut by_task: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, target) in targets.iter().enumerate() {
            let namespace = placed.namespace(target.place);
            by_namespace.entry(namespace).or_default().push(index);
            if let Place::Container { task, .. } = target.place {
                by_task.entry(task).or_default().push(index);
            }
        }
        Self {
            placed,
            targets,
            elsewhere: [None, None],
            protocol,
            by_namespace,
            by_task,
        }
    }

    /// The targets that a client at `from` can be told, in order, and why the last of the others
    /// cannot be.
    pub(super) fn of(&mut self, from: Place) -> (Targets, Option<String>) {
        let nearby = self.nearby(from);
        let found = self.elsewhere(from);
        let refused = found.refused.iter().rev();
        let refused = refused
            .filter(|(index, _)| !nearby.contains_key(index))
            .map(|(_, reason)| reason.clone())
            .next();
        let mut own = Vec::with_capacity(nearby.len());
        for (index, &addr) in &nearby {
            match found.indices.binary_search(index) {
                Ok(place) => own.push((place, addr)),
                // Only this client can be told of it.
                Err(_) => return (found.with(&nearby), refused),
            }
        }
        (Targets::new(found.addrs.clone(), own), refused)
    }

    fn nearby(&self, from: Place) -> BTreeMap<usize, SocketAddrV4> {
        let here = self.by_namespace.get(&self.placed.namespace(from));
        let task = match from {
            Place::Container { task, .. } => self.by_task.get(&task),
            Place::Instance(_) | Place::Host(_) => None,
        };
        let indices = here.into_iter().chain(task).flatten();
        indices
            .filter_map(|&index| {
                let addr = self.placed.from_nearby(from, self.targets[index])?;
                Some((index, addr))
            })
            .collect()
    }

    fn elsewhere(&mut self, from: Place) -> &Found {
        let outside = self.placed.outside(from);
        let (placed, targets, protocol) = (self.placed, self.targets, self.protocol);
        self.elsewhere[usize::from(outside)]
            .get_or_insert_with(|| Found::new(placed, outside, targets, protocol))
    }
}

impl Found {
    fn new(placed: &Placed<'_>, outside: bool, targets: &[Target], protocol: Protocol) -> Self {
        let (mut indices, mut addrs, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (index, &target) in targets.iter().enumerate() {
            match placed.from_elsewhere(outside, target, protocol) {
                Ok(addr) => {
                    indices.push(index);
                    addrs.push(addr);
                }
                Err(reason) => refused.push((index, reason)),
            }
        }
        Self {
            indices,
            addrs: addrs.into(),
            refused,
        }
    }

    /// The same with what one client finds nearby.
    fn with(&self, nearby: &BTreeMap<usize, SocketAddrV4>) -> Targets {
        let pairs = self.indices.iter().copied().zip(self.addrs.iter().copied());
        let mut all: BTreeMap<_, _> = pairs.collect();
        all.extend(nearby.iter().map(|(&index, &addr)| (index, addr)));
        all.into_values().collect::<Vec<_>>().into()
    }
}

impl<'a> Placed<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        addresses: &'a Addresses,
        sites: &'a [Vec<Site>],
        machines: &'a Machines,
    ) -> Self {
        let by_address = |i: &'a Interface| ((i.machine, i.addr), i);
        Self {
            plan,
            sites,
            machines,
            interfaces: addresses.iter().map(by_address).collect(),
        }
    }

    /// Whether a place is beyond the VPCs.
    fn outside(&self, place: Place) -> bool {
        let outside = |host: usize| self.plan.hosts[host].location.subnet().is_none();
        matches!(place, Place::Host(host) if outside(host))
    }

    /// The machine and namespace of a place.
    pub(super) fn namespace(&self, place: Place) -> (usize, NetnsId) {
        match place {
            Place::Container { task, container } => {
                let site = &self.sites[task][container];
                (site.machine, site.netns)
            }
            Place::Instance(index) => (index, NetnsId::new(0)),
            Place::Host(index) => (self.machines.first_host + index, NetnsId::new(0)),
        }
    }

    /// The address of the namespace of a place, before any translation.
    pub(super) fn own_addr(&self, place: Place) -> Option<Ipv4Addr> {
        match place {
            Place::Container { task, container } => self.sites[task][container].own,
            Place::Instance(_) | Place::Host(_) => {
                self.machines.builders[self.namespace(place).0].primary_addr()
            }
        }
    }

    /// Where a client that has nothing to do with `target` is told to find it, from the internet if
    /// `outside`; the reason where it cannot.
    fn from_elsewhere(
        &self,
        outside: bool,
        target: Target,
        protocol: Protocol,
    ) -> Result<SocketAddrV4, String> {
        let Place::Container { task, container } = target.place else {
            let addr = self.own_addr(target.place).ok_or("it has no address")?;
            let addr = self.told(outside, self.namespace(target.place).0, addr)?;
            return Ok(SocketAddrV4::new(addr, target.port));
        };
        let site = &self.sites[task][container];
        let name = &self.plan.tasks[task].name;
        if self.plan.tasks[task].mode == Mode::None {
            return Err(format!(
                "task `{name}` has no address: its namespace has only loopback"
            ));
        }
        let addr = site
            .service
            .ok_or_else(|| format!("task `{name}` has no address"))?;
        let addr = self.told(outside, site.machine, addr)?;
        if site.host_ports.is_empty() && self.plan.tasks[task].mode != Mode::Bridge {
            return Ok(SocketAddrV4::new(addr, target.port));
        }
        let published = site
            .host_ports
            .iter()
            .find(|port| port.container_port == target.port && port.protocol == protocol);
        published
            .map(|port| SocketAddrV4::new(addr, port.host_port))
            .ok_or_else(|| {
                format!(
                    "port {}/{protocol} of task `{name}` is not published",
                    target.port
                )
            })
    }

    /// Where a client at `from` finds a target that it shares a namespace or a task with.
    fn from_nearby(&self, from: Place, target: Target) -> Option<SocketAddrV4> {
        if self.namespace(from) == self.namespace(target.place) {
            return Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, target.port));
        }
        let Place::Container { task, container } = target.place else {
            return None;
        };
        let same = matches!(from, Place::Container { task: t, .. } if t == task);
        let own = self.sites[task][container].own;
        let own = own.filter(|_| same && self.plan.tasks[task].mode != Mode::None);
        own.map(|own| SocketAddrV4::new(own, target.port))
    }

    /// What a client, outside the VPCs or in one, is told of an interface of `machine` with the
    /// address `addr`.
    fn told(&self, outside: bool, machine: usize, addr: Ipv4Addr) -> Result<Ipv4Addr, String> {
        if !outside {
            return Ok(addr);
        }
        match self.interfaces.get(&(machine, addr)) {
            Some(found) if found.subnet.is_none() => Ok(addr),
            Some(found) => found
                .public
                .ok_or_else(|| format!("`{}` has no public address", found.name)),
            None => Ok(addr),
        }
    }

    /// The address that a probe is for.
    pub(super) fn probe_addr(&self, to: ProbeAddress) -> Option<Ipv4Addr> {
        match to {
            ProbeAddress::Literal(addr) => Some(addr),
            ProbeAddress::Of(place) => self.own_addr(place),
        }
    }
}

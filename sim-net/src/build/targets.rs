//! Where programs run, and at which address others find them.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::address::Addresses;
use super::machines::Machines;
use crate::headers::Protocol;
use crate::ids::NetnsId;
use crate::mode::Site;
use crate::plan::{Mode, Place, Plan, ProbeAddress, Target};

/// A plan whose tasks have been laid out.
pub(super) struct Placed<'a> {
    pub(super) plan: &'a Plan,
    pub(super) addresses: &'a Addresses,
    pub(super) sites: &'a [Vec<Site>],
    pub(super) machines: &'a Machines,
}

impl Placed<'_> {
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

    /// Where a client at `from` is told to find `target`; the reason where it cannot.
    ///
    /// A program finds one in its own namespace at `localhost`, a container of its own bridge task
    /// at that container's address (as `links` would say), and any other at the address and port
    /// that service discovery or a load balancer registers: the instance's and the host port in
    /// bridge mode. Who is outside the VPCs is told the public address of that interface.
    pub(super) fn endpoint(
        &self,
        from: Place,
        target: Target,
        protocol: Protocol,
    ) -> Result<SocketAddrV4, String> {
        if self.namespace(from) == self.namespace(target.place) {
            return Ok(SocketAddrV4::new(Ipv4Addr::LOCALHOST, target.port));
        }
        let Place::Container { task, container } = target.place else {
            let addr = self.own_addr(target.place).ok_or("it has no address")?;
            let addr = self.told(from, self.namespace(target.place).0, addr)?;
            return Ok(SocketAddrV4::new(addr, target.port));
        };
        let site = &self.sites[task][container];
        let name = &self.plan.tasks[task].name;
        if self.plan.tasks[task].mode == Mode::None {
            return Err(format!(
                "task `{name}` has no address: its namespace has only loopback"
            ));
        }
        let same_task = matches!(from, Place::Container { task: t, .. } if t == task);
        if same_task && let Some(own) = site.own {
            return Ok(SocketAddrV4::new(own, target.port));
        }
        let addr = site
            .service
            .ok_or_else(|| format!("task `{name}` has no address"))?;
        let addr = self.told(from, site.machine, addr)?;
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

    /// What a client is told of an interface of `machine` with the address `addr`.
    fn told(&self, from: Place, machine: usize, addr: Ipv4Addr) -> Result<Ipv4Addr, String> {
        let outside = |host: usize| self.plan.hosts[host].location.subnet().is_none();
        if !matches!(from, Place::Host(host) if outside(host)) {
            return Ok(addr);
        }
        let interface = self
            .addresses
            .iter()
            .find(|i| i.machine == machine && i.addr == addr);
        match interface {
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

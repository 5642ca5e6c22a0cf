//! How many tasks of one kind, or sets of tasks, an empty instance takes, and what runs out first.

use crate::ecs::Protocol;
use crate::ecs::ports::MAX_FIXED_PORTS;

use super::{Demand, Site};

/// Container addresses on `docker0`: a /16 less network, broadcast and gateway.
///
/// Source: Docker's default address pool (specified).
const BRIDGE_ADDRESSES: u64 = 65_533;

/// What can run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// CPU units.
    Cpu,
    /// Registered memory.
    Memory,
    /// Places for task network interfaces.
    Eni,
    /// Host ports with a fixed number.
    Ports,
    /// Host ports that the agent chooses.
    DynamicPorts,
    /// Container addresses on `docker0`.
    BridgeAddresses,
    /// Free addresses of the task's subnets in the zone of the instance.
    SubnetAddresses,
}

impl Limit {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Eni => "ENI",
            Self::Ports => "ports",
            Self::DynamicPorts => "dynamic ports",
            Self::BridgeAddresses => "bridge addresses",
            Self::SubnetAddresses => "subnet addresses",
        }
    }
}

/// What a set of tasks needs of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// CPU units.
    pub cpu: u64,
    /// Memory, in MiB.
    pub memory: u64,
    /// Network interfaces, each with an address of a subnet.
    pub interfaces: u64,
    /// Host ports with a fixed number; one that two tasks of the set need is in it twice.
    pub fixed_ports: Vec<(Protocol, u16)>,
    /// Host ports that the agent chooses.
    pub dynamic_ports: Vec<(Protocol, u32)>,
    /// Addresses on `docker0`.
    pub bridge_addresses: u64,
}

impl Need {
    /// Adds a number of tasks, each with so many containers on `docker0`.
    pub fn add(&mut self, demand: &Demand, bridge_addresses: u64, tasks: u32) {
        let times = u64::from(tasks);
        self.cpu += u64::from(demand.cpu) * times;
        self.memory += u64::from(demand.memory) * times;
        self.interfaces += u64::from(demand.interface) * times;
        self.bridge_addresses += bridge_addresses * times;
        for _ in 0..tasks {
            self.dynamic_ports.extend(&demand.dynamic_ports);
            // The hundredth and first is refused as the thousandth would be.
            if self.fixed_ports.len() <= MAX_FIXED_PORTS {
                self.fixed_ports.extend(&demand.fixed_ports);
            }
        }
    }

    /// What one task needs.
    #[must_use]
    pub fn of(demand: &Demand, bridge_addresses: u64) -> Self {
        let mut need = Self::default();
        need.add(demand, bridge_addresses, 1);
        need
    }
}

/// How many sets fit, and why not more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Density {
    /// Sets on one empty instance; `None` for a set that needs nothing at all.
    pub sets: Option<u64>,
    /// What runs out first; the first in the order of [`Limit`] among equals.
    pub limit: Option<Limit>,
    /// The arithmetic in words.
    pub detail: String,
}

/// How many sets an empty instance takes. `addresses` is how many its zone has free for task
/// interfaces, if that counts.
///
/// For mappings of several dynamic ports in a row it is an upper bound: ports between two of them
/// may be too few for a third.
#[must_use]
pub fn density(site: &Site, need: &Need, addresses: Option<u64>) -> Density {
    let mut limits: Vec<(Limit, u64, String)> = Vec::new();
    let mut limit = |limit: Limit, have: u64, need: u64, unit: &str| {
        if let Some(sets) = have.checked_div(need) {
            let text = format!("{} {have}/{need}{unit} = {sets}", limit.name());
            limits.push((limit, sets, text));
        }
    };
    limit(Limit::Cpu, site.cpu.into(), need.cpu, " units");
    limit(Limit::Memory, site.memory.into(), need.memory, " MiB");
    limit(Limit::Eni, site.interfaces.into(), need.interfaces, "");
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let of_it = need.dynamic_ports.iter().filter(|(p, _)| *p == protocol);
        let ports: u64 = of_it.map(|(_, count)| u64::from(*count)).sum();
        let free = site.dynamic.free(&site.ports, protocol);
        limit(Limit::DynamicPorts, free, ports, &format!(" {protocol}"));
    }
    limit(
        Limit::BridgeAddresses,
        BRIDGE_ADDRESSES,
        need.bridge_addresses,
        "",
    );
    if let Some(addresses) = addresses {
        limit(Limit::SubnetAddresses, addresses, need.interfaces, "");
    }
    if !need.fixed_ports.is_empty() {
        limits.push(fixed_ports(site, need));
    }
    let details: Vec<_> = limits.iter().map(|(_, _, text)| text.as_str()).collect();
    let least = limits.iter().min_by_key(|(limit, sets, _)| (*sets, *limit));
    Density {
        sets: least.map(|(_, sets, _)| *sets),
        limit: least.map(|(limit, _, _)| *limit),
        detail: details.join("; "),
    }
}

fn fixed_ports(site: &Site, need: &Need) -> (Limit, u64, String) {
    const MOST: usize = 6;
    let mut listed: Vec<_> = need.fixed_ports.iter().map(port_text).collect();
    if listed.len() > MOST {
        let more = format!("{} more", listed.len() - MOST);
        listed.truncate(MOST);
        listed.push(more);
    }
    let listed = listed.join(", ");
    match site.ports.check(need.fixed_ports.iter().copied()) {
        Ok(()) => (
            Limit::Ports,
            1,
            format!("ports: {listed} can be taken once"),
        ),
        Err(error) => (Limit::Ports, 0, format!("ports: {error}")),
    }
}

fn port_text((protocol, port): &(Protocol, u16)) -> String {
    format!("{port}/{protocol}")
}

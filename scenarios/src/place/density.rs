//! How many tasks of one kind an empty instance takes, and what runs out first.

use crate::ecs::Protocol;
use crate::ecs::ports::{EPHEMERAL_PORTS, MAX_FIXED_PORTS};

use super::{Demand, Site};

/// Container addresses on `docker0`: a /16 less network, broadcast and gateway.
const BRIDGE_ADDRESSES: u64 = 65_533;

/// How many tasks fit, and why not more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Density {
    /// Tasks on one empty instance.
    pub tasks: u64,
    /// What runs out first: `CPU`, `memory`, `ports`, `ENI` or `bridge addresses`.
    pub binding_limit: &'static str,
    /// The arithmetic in words.
    pub detail: String,
}

/// How many tasks of one kind an empty instance takes.
///
/// `bridge_addresses` is how many addresses on `docker0` a task needs.
#[must_use]
pub fn density(site: &Site, demand: &Demand, bridge_addresses: u64) -> Density {
    let mut limits: Vec<(&'static str, u64, String)> = Vec::new();
    let mut limit = |name, have: u64, need: u64, unit: &str| {
        if let Some(tasks) = have.checked_div(need) {
            limits.push((name, tasks, format!("{name} {have}/{need}{unit} = {tasks}")));
        }
    };
    limit("CPU", site.cpu.into(), demand.cpu.into(), " units");
    limit("memory", site.memory.into(), demand.memory.into(), " MiB");
    limit("ENI", site.interfaces.into(), demand.interface.into(), "");
    let range = u64::from(EPHEMERAL_PORTS.end() - EPHEMERAL_PORTS.start()) + 1;
    limit("dynamic ports", range, demand.dynamic_ports.into(), "");
    limit("bridge addresses", BRIDGE_ADDRESSES, bridge_addresses, "");
    if !demand.fixed_ports.is_empty() {
        let tasks = u64::from(site.ports.check(demand.fixed_ports.iter().copied()).is_ok());
        let listed: Vec<_> = demand.fixed_ports.iter().map(port_text).collect();
        let detail = match tasks {
            0 => format!(
                "ports: {} cannot be taken on an empty instance",
                listed.join(", ")
            ),
            _ => format!("ports: {} can be taken once", listed.join(", ")),
        };
        limits.push(("ports", tasks, detail));
        debug_assert!(demand.fixed_ports.len() <= MAX_FIXED_PORTS || tasks == 0);
    }
    let detail = limits
        .iter()
        .map(|(_, _, detail)| detail.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    match limits.iter().min_by_key(|(_, tasks, _)| *tasks) {
        Some(&(binding_limit, tasks, _)) => Density {
            tasks,
            binding_limit,
            detail,
        },
        // ECS refuses a task without memory, so this is a task that needs nothing at all.
        None => Density {
            tasks: u64::MAX,
            binding_limit: "nothing",
            detail,
        },
    }
}

fn port_text((protocol, port): &(Protocol, u16)) -> String {
    format!("{port}/{protocol}")
}

//! Network ACLs, made ready for lookups.
//!
//! Entries are read in the order of their numbers, and the first that matches decides; what none
//! matches is denied. Stateless: an answer needs an entry of its own.
//! Source: Amazon VPC User Guide, vpc-network-acls, 2023-06 (vendor).

use std::net::Ipv4Addr;

use sim_core::SimTime;

use super::plan::{AclEntryPlan, NetworkAclPlan};
use super::port_map::{Peer, cell_of, cell_starts};
use super::security_group::Direction;
use super::timeline::Timeline;
use crate::headers::Protocol;

/// What a network ACL says to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclMatch {
    /// Whether the packet passes.
    pub allow: bool,
    /// Index in the plan's list of the entry that says so; `None` where no entry matches, which
    /// denies.
    pub entry: Option<usize>,
}

/// One network ACL.
#[derive(Clone, Debug)]
pub struct NetworkAcl {
    ingress: Side,
    egress: Side,
}

/// One direction.
#[derive(Clone, Debug)]
struct Side {
    entries: Timeline<Entries>,
    /// Whether it lets everything pass as long as the run lasts, so that nobody need ask.
    open: bool,
}

/// The entries that are there at one time, by protocol.
#[derive(Clone, Debug)]
struct Entries {
    tcp: Cells,
    udp: Cells,
    icmp: Cells,
    /// Of protocols without ports, with the protocol that the entry names.
    other: Vec<(Option<Protocol>, Entry)>,
}

#[derive(Clone, Debug)]
struct Entry {
    peer: Peer,
    says: AclMatch,
}

/// The entries that cover the ports from one boundary to the next, in their order.
#[derive(Clone, Debug)]
struct Cells {
    starts: Vec<u16>,
    cells: Vec<Vec<Entry>>,
}

impl NetworkAcl {
    /// The ACL of a plan.
    #[must_use]
    pub fn compile(plan: &NetworkAclPlan) -> Self {
        Self {
            ingress: Side::compile(&plan.ingress),
            egress: Side::compile(&plan.egress),
        }
    }

    /// What it says at `now` to a packet of `protocol` to or from `peer`. `port` is the
    /// destination port; for ICMP the message type.
    #[must_use]
    pub fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        peer: Ipv4Addr,
        port: u16,
        now: SimTime,
    ) -> AclMatch {
        let entries = self.side(direction).entries.at(now);
        let found = match protocol {
            Protocol::Tcp => entries.tcp.lookup(peer, port),
            Protocol::Udp => entries.udp.lookup(peer, port),
            Protocol::Icmp => entries.icmp.lookup(peer, port),
            Protocol::Other(_) => entries
                .other
                .iter()
                .find(|(named, entry)| {
                    named.is_none_or(|p| p == protocol) && entry.peer.matches(peer)
                })
                .map(|(_, entry)| entry.says),
        };
        found.unwrap_or(AclMatch {
            allow: false,
            entry: None,
        })
    }

    /// Whether it lets everything pass in `direction` as long as the run lasts.
    #[must_use]
    pub fn open(&self, direction: Direction) -> bool {
        self.side(direction).open
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

impl Side {
    fn compile(plan: &[AclEntryPlan]) -> Self {
        let mut order: Vec<_> = plan.iter().enumerate().collect();
        order.sort_by_key(|(_, entry)| entry.number);
        let there = |at| {
            let lives = order.iter().filter(move |(_, e)| e.lifetime.covers(at));
            lives.copied().collect::<Vec<_>>()
        };
        let entries = Timeline::new(plan.iter().map(|e| e.lifetime), |at| {
            Entries::compile(&there(at))
        });
        let opens = Timeline::new(plan.iter().map(|e| e.lifetime), |at| opens(&there(at)));
        Self {
            entries,
            open: opens.values().iter().all(|open| *open),
        }
    }
}

/// Whether an entry lets everything pass before any denies anything.
fn opens(entries: &[(usize, &AclEntryPlan)]) -> bool {
    let all = |entry: &AclEntryPlan| entry.protocol.is_none() && entry.cidr.prefix_len() == 0;
    let deciding = entries.iter().find(|(_, e)| !e.allow || all(e));
    deciding.is_some_and(|(_, e)| e.allow)
}

impl Entries {
    fn compile(plan: &[(usize, &AclEntryPlan)]) -> Self {
        let entry = |(index, plan): &(usize, &AclEntryPlan)| Entry {
            peer: Peer::of_cidr(plan.cidr),
            says: AclMatch {
                allow: plan.allow,
                entry: Some(*index),
            },
        };
        let cells = |protocol| {
            let of_it = plan
                .iter()
                .filter(|(_, e)| e.protocol.is_none_or(|p| p == protocol));
            Cells::new(of_it.map(|e| (e.1, entry(e))).collect())
        };
        let portless =
            |e: &&(usize, &AclEntryPlan)| matches!(e.1.protocol, None | Some(Protocol::Other(_)));
        Self {
            tcp: cells(Protocol::Tcp),
            udp: cells(Protocol::Udp),
            icmp: cells(Protocol::Icmp),
            other: plan
                .iter()
                .filter(portless)
                .map(|e| (e.1.protocol, entry(e)))
                .collect(),
        }
    }
}

impl Cells {
    fn new(entries: Vec<(&AclEntryPlan, Entry)>) -> Self {
        let covered: Vec<_> = entries.iter().map(|(e, _)| e.covered_ports()).collect();
        let starts = cell_starts(&covered);
        let cell = |port: &u16| {
            let mut cell = Vec::new();
            for ((_, entry), ports) in entries.iter().zip(&covered) {
                if ports.contains(port) {
                    cell.push(entry.clone());
                    // Nobody reads beyond an entry that matches everybody.
                    if matches!(entry.peer, Peer::Any) {
                        break;
                    }
                }
            }
            cell
        };
        Self {
            cells: starts.iter().map(cell).collect(),
            starts,
        }
    }

    fn lookup(&self, peer: Ipv4Addr, port: u16) -> Option<AclMatch> {
        let cell = &self.cells[cell_of(&self.starts, port)];
        let found = cell.iter().find(|entry| entry.peer.matches(peer));
        found.map(|entry| entry.says)
    }
}

#[cfg(test)]
mod tests;

//! Network ACLs at one moment: ordered, stateless.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sim_core::SimTime;

use crate::headers::Protocol;
use crate::vpc::{AclEntryPlan, Direction, NetworkAclPlan};

/// One entry that is there.
#[derive(Clone, Copy, Debug)]
struct Entry {
    protocol: Option<Protocol>,
    ports: (u16, u16),
    net: Ipv4Net,
    allow: bool,
    /// Its place in the plan.
    index: usize,
}

/// An ACL.
#[derive(Debug)]
pub(super) struct Acl {
    ingress: Vec<Entry>,
    egress: Vec<Entry>,
}

/// What an ACL says to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AclVerdict {
    pub(super) allow: bool,
    /// Place of the entry in the plan's list; `None` for the denial at the end.
    pub(super) entry: Option<usize>,
}

impl Acl {
    pub(super) fn at(plan: &NetworkAclPlan, at: SimTime) -> Self {
        Self {
            ingress: entries(&plan.ingress, at),
            egress: entries(&plan.egress, at),
        }
    }

    /// Whether a packet passes that may have any of `ports`. One that passes with some of them
    /// only does not pass, since nobody knows beforehand which port it will be; the entry named is
    /// the one that denies the lowest port that is denied.
    pub(super) fn check(
        &self,
        direction: Direction,
        protocol: Protocol,
        peer: Ipv4Addr,
        ports: (u16, u16),
    ) -> AclVerdict {
        let entries = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let mut port = ports.0;
        loop {
            let (verdict, until) = decide(entries, protocol, peer, port);
            if !verdict.allow || until >= ports.1 {
                return verdict;
            }
            port = until + 1;
        }
    }
}

/// What is said to one port, and up to which port that holds at least.
fn decide(entries: &[Entry], protocol: Protocol, peer: Ipv4Addr, port: u16) -> (AclVerdict, u16) {
    let mut until = u16::MAX;
    for entry in entries {
        if entry.protocol.is_some_and(|p| p != protocol) || !entry.net.contains(&peer) {
            continue;
        }
        let (first, last) = entry.ports;
        if first <= port && port <= last {
            let verdict = AclVerdict {
                allow: entry.allow,
                entry: Some(entry.index),
            };
            return (verdict, until.min(last));
        }
        if first > port {
            until = until.min(first - 1);
        }
    }
    let denied = AclVerdict {
        allow: false,
        entry: None,
    };
    (denied, until)
}

fn entries(plan: &[AclEntryPlan], at: SimTime) -> Vec<Entry> {
    let there = plan
        .iter()
        .enumerate()
        .filter(|(_, e)| e.lifetime.covers(at));
    let mut entries: Vec<_> = there
        .map(|(index, entry)| Entry {
            protocol: entry.protocol,
            ports: match entry.protocol {
                None | Some(Protocol::Other(_)) => (0, u16::MAX),
                Some(_) => (*entry.ports.start(), *entry.ports.end()),
            },
            net: entry.cidr,
            allow: entry.allow,
            index,
        })
        .collect();
    // The plan says that they are in order; what is decided does not hang on it.
    entries.sort_by_key(|entry| plan[entry.index].number);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vpc::Lifetime;

    fn entry(number: u16, allow: bool, ports: (u16, u16)) -> AclEntryPlan {
        AclEntryPlan {
            number,
            allow,
            protocol: Some(Protocol::Tcp),
            ports: ports.0..=ports.1,
            cidr: Ipv4Net::default(),
            lifetime: Lifetime::ALWAYS,
        }
    }

    fn acl(egress: Vec<AclEntryPlan>) -> Acl {
        let plan = NetworkAclPlan {
            vpc: 0,
            id: "acl-0".into(),
            name: "acl".into(),
            ingress: Vec::new(),
            egress,
        };
        Acl::at(&plan, SimTime::ZERO)
    }

    fn check(acl: &Acl, ports: (u16, u16)) -> AclVerdict {
        acl.check(Direction::Egress, Protocol::Tcp, Ipv4Addr::LOCALHOST, ports)
    }

    #[test]
    fn a_range_passes_only_where_all_of_it_passes() {
        let all = acl(vec![entry(100, true, (1_024, 65_535))]);
        assert!(check(&all, (32_768, 60_999)).allow);
        let two = acl(vec![
            entry(100, true, (1_024, 40_000)),
            entry(110, true, (40_001, 65_535)),
        ]);
        assert!(check(&two, (32_768, 60_999)).allow);
        let hole = acl(vec![
            entry(90, false, (50_000, 50_000)),
            entry(100, true, (1_024, 65_535)),
        ]);
        let verdict = check(&hole, (32_768, 60_999));
        assert_eq!((verdict.allow, verdict.entry), (false, Some(0)));
        let part = acl(vec![entry(100, true, (1_024, 40_000))]);
        assert_eq!(check(&part, (32_768, 60_999)).entry, None);
    }

    #[test]
    fn the_lowest_number_decides_in_whatever_order_entries_are_listed() {
        let acl = acl(vec![
            entry(200, false, (0, 65_535)),
            entry(100, true, (80, 80)),
        ]);
        assert_eq!(check(&acl, (80, 80)).entry, Some(1));
        assert!(!check(&acl, (81, 81)).allow);
    }
}

//! Which rules cover a port: the ports of all rules cut into cells inside which no rule begins or
//! ends, so that a lookup is one binary search.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::security_group::RuleRef;

/// The other end of a rule, ready to be compared with an address.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    /// Any address: 0.0.0.0/0.
    Any,
    /// `address & mask == network`.
    Net { network: u32, mask: u32 },
    /// Any of several networks.
    Nets(Arc<[Ipv4Net]>),
    /// The members of a group, sorted.
    Members(Arc<[Ipv4Addr]>),
}

impl Peer {
    pub(super) fn of_cidr(cidr: Ipv4Net) -> Self {
        if cidr.prefix_len() == 0 {
            return Self::Any;
        }
        Self::Net {
            network: u32::from(cidr.network()),
            mask: u32::from(cidr.netmask()),
        }
    }

    /// Any address of several ranges. It is never [`Peer::Any`]: a prefix list does not make a flow
    /// untracked.
    pub(super) fn of_cidrs(cidrs: &[Ipv4Net]) -> Self {
        Self::Nets(Ipv4Net::aggregate(&cidrs.to_vec()).into())
    }

    pub(super) fn matches(&self, addr: Ipv4Addr) -> bool {
        match self {
            Self::Any => true,
            Self::Net { network, mask } => u32::from(addr) & mask == *network,
            Self::Nets(nets) => nets.iter().any(|net| net.contains(&addr)),
            Self::Members(members) => members.binary_search(&addr).is_ok(),
        }
    }
}

/// A rule as far as a map needs it.
#[derive(Clone, Debug)]
pub(super) struct PortRule {
    pub(super) ports: RangeInclusive<u16>,
    pub(super) peer: Peer,
    pub(super) rule: RuleRef,
}

/// What applies between two boundaries.
#[derive(Clone, Debug, Default)]
struct Cell {
    /// The first rule that allows any peer.
    open: Option<RuleRef>,
    /// The other rules, in their order.
    peers: Vec<(Peer, RuleRef)>,
}

/// First port of each cell; the first is 0.
pub(super) fn cell_starts(covered: &[RangeInclusive<u16>]) -> Vec<u16> {
    let mut starts = vec![0];
    for ports in covered.iter().filter(|ports| !ports.is_empty()) {
        starts.push(*ports.start());
        starts.extend(ports.end().checked_add(1));
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The cell of a port.
pub(super) fn cell_of(starts: &[u16], port: u16) -> usize {
    // The first cell starts at 0, so at least one start is not above the port.
    starts.partition_point(|start| *start <= port) - 1
}

/// The rules of one direction and one protocol.
#[derive(Clone, Debug)]
pub(super) struct PortMap {
    /// First port of each cell; the first is 0.
    starts: Vec<u16>,
    cells: Vec<Cell>,
    /// The first rule that allows any peer on all ports.
    all_open: Option<RuleRef>,
}

impl PortMap {
    pub(super) fn new(rules: &[PortRule]) -> Self {
        let covered: Vec<_> = rules.iter().map(|rule| rule.ports.clone()).collect();
        let starts = cell_starts(&covered);
        let cells = starts.iter().map(|port| Cell::new(rules, *port)).collect();
        let all_open = rules
            .iter()
            .find(|rule| matches!(rule.peer, Peer::Any) && rule.ports == (0..=u16::MAX))
            .map(|rule| rule.rule);
        Self {
            starts,
            cells,
            all_open,
        }
    }

    /// The first rule that allows any peer on `port`.
    pub(super) fn open(&self, port: u16) -> Option<RuleRef> {
        self.cell(port).open
    }

    /// The first rule that allows any peer on all ports.
    pub(super) fn all_open(&self) -> Option<RuleRef> {
        self.all_open
    }

    /// The first rule that allows `peer` on `port` and not everybody.
    pub(super) fn for_peer(&self, peer: Ipv4Addr, port: u16) -> Option<RuleRef> {
        let found = self
            .cell(port)
            .peers
            .iter()
            .find(|(allowed, _)| allowed.matches(peer));
        found.map(|(_, rule)| *rule)
    }

    /// The ports of a range at which other rules may begin to apply.
    pub(super) fn starts_within(&self, ports: &RangeInclusive<u16>) -> impl Iterator<Item = u16> {
        let from = self.starts.partition_point(|start| start < ports.start());
        let until = self.starts.partition_point(|start| start <= ports.end());
        self.starts[from..until.max(from)].iter().copied()
    }

    fn cell(&self, port: u16) -> &Cell {
        &self.cells[cell_of(&self.starts, port)]
    }
}

impl Cell {
    fn new(rules: &[PortRule], port: u16) -> Self {
        let mut cell = Self::default();
        for rule in rules.iter().filter(|rule| rule.ports.contains(&port)) {
            match rule.peer {
                Peer::Any => cell.open = cell.open.or(Some(rule.rule)),
                _ => cell.peers.push((rule.peer.clone(), rule.rule)),
            }
        }
        cell
    }
}

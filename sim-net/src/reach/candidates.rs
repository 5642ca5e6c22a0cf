//! Which rules of a chain a packet may meet at all.
//!
//! Docker writes a rule for each published port into three chains, so that an instance with forty
//! tasks has hundreds in each, of which a packet can meet one. All that look at one port are found by
//! that port; the others are read one by one. The order stays that of the chain.

use std::net::Ipv4Addr;

use sim_core::LookupMap;

use crate::headers::{FiveTuple, Protocol};
use crate::kernel::netfilter::{Chain, ChainId, Match, Negatable, Netfilter, Table};

/// One destination port of one protocol, and at one address where the rule looks at it.
type Key = (Protocol, u16, Option<Ipv4Addr>);

/// The rules of one chain, by their place in it.
#[derive(Debug, Default)]
struct Places {
    /// Of those that look at one port.
    by_port: LookupMap<Key, Vec<u16>>,
    /// Of all others.
    others: Vec<u16>,
}

/// The rules of all chains of a namespace.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// By the chain's number.
    chains: Vec<Places>,
}

impl Candidates {
    pub(super) fn of(netfilter: &Netfilter) -> Self {
        let all = Table::ALL
            .into_iter()
            .flat_map(|table| netfilter.chains(table));
        let mut chains = Vec::new();
        for (id, chain) in all {
            if chains.len() <= id.index() {
                chains.resize_with(id.index() + 1, Places::default);
            }
            chains[id.index()] = Places::of(chain);
        }
        Self { chains }
    }

    /// The places of the rules of a chain that a packet may meet, in order. Every other rule looks at
    /// another port or address.
    pub(super) fn of_chain(
        &self,
        chain: ChainId,
        tuple: &FiveTuple,
    ) -> impl Iterator<Item = u16> + '_ {
        self.chains[chain.index()].may_meet(tuple)
    }
}

impl Places {
    fn of(chain: &Chain) -> Self {
        let mut places = Self::default();
        for (at, rule) in (0_u16..).zip(chain.rules()) {
            match key(&rule.matches) {
                Some(key) => places.by_port.get_or_insert_with(key, Vec::new).push(at),
                None => places.others.push(at),
            }
        }
        places
    }

    fn may_meet(&self, tuple: &FiveTuple) -> impl Iterator<Item = u16> + '_ {
        let mut lists = [&self.others[..], &[], &[]];
        if !self.by_port.is_empty() {
            let (ip, port) = (*tuple.dst.ip(), tuple.dst.port());
            let of = |dst| self.by_port.get(&(tuple.protocol, port, dst));
            lists[1] = of(None).map_or(&[], Vec::as_slice);
            lists[2] = of(Some(ip)).map_or(&[], Vec::as_slice);
        }
        std::iter::from_fn(move || {
            let firsts = lists.iter_mut().filter(|list| !list.is_empty());
            let list = firsts.min_by_key(|list| list[0])?;
            let (&first, rest) = list.split_first()?;
            *list = rest;
            Some(first)
        })
    }
}

/// What a packet must have to meet a rule that looks at one port; `None` for any other rule.
fn key(matches: &Match) -> Option<Key> {
    let protocol = matches.protocol?;
    let ports = matches.dports.as_ref()?;
    let has_ports = matches!(protocol, Protocol::Tcp | Protocol::Udp);
    if !has_ports || ports.start() != ports.end() {
        return None;
    }
    let dst = match matches.dst {
        Some(Negatable {
            value,
            negated: false,
        }) if value.prefix_len() == 32 => Some(value.addr()),
        _ => None,
    };
    Some((protocol, *ports.start(), dst))
}

#[cfg(test)]
mod tests;

//! A bridge's forwarding database: which station was seen behind which port.

use sim_core::{LookupMap, SimDuration, SimTime};

use crate::frame::Mac;
use crate::ids::BridgePortId;

/// How long an entry lives after its station was last heard.
/// Source: IEEE 802.1D-2004, table 7-5, and the default of Linux's bridge (specified).
pub const AGEING_TIME: SimDuration = SimDuration::from_secs(300);

/// One learned station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbEntry {
    /// The station.
    pub mac: Mac,
    /// The port it was last heard on.
    pub port: BridgePortId,
    /// When it was last heard.
    pub updated: SimTime,
}

/// What a bridge has learned.
///
/// Entries age out when they are looked up, and all together when the table is full; which of the
/// two happens shows only in how many entries there are.
#[derive(Debug)]
pub struct Fdb {
    index: LookupMap<Mac, usize>,
    entries: Vec<FdbEntry>,
    ageing_time: SimDuration,
    max_entries: usize,
}

impl Fdb {
    /// An empty table of at most `max_entries`.
    #[must_use]
    pub fn new(ageing_time: SimDuration, max_entries: usize) -> Self {
        Self {
            index: LookupMap::default(),
            entries: Vec::new(),
            ageing_time,
            max_entries,
        }
    }

    /// Notes that `mac` was heard on `port`. A full table learns nobody new, as with Linux's
    /// `fdb_max_learned`: frames to a station that it does not know are flooded.
    pub fn learn(&mut self, now: SimTime, mac: Mac, port: BridgePortId) {
        if let Some(&at) = self.index.get(&mac) {
            let entry = &mut self.entries[at];
            entry.port = port;
            entry.updated = now;
            return;
        }
        if self.entries.len() >= self.max_entries {
            self.age_out(now);
            if self.entries.len() >= self.max_entries {
                return;
            }
        }
        self.index.insert(mac, self.entries.len());
        self.entries.push(FdbEntry {
            mac,
            port,
            updated: now,
        });
    }

    /// The port behind which `mac` is, if it was heard within the ageing time.
    pub fn lookup(&mut self, now: SimTime, mac: Mac) -> Option<BridgePortId> {
        let at = *self.index.get(&mac)?;
        if self.is_old(now, at) {
            self.remove(at);
            return None;
        }
        Some(self.entries[at].port)
    }

    /// Forgets every station behind `port`.
    pub fn forget_port(&mut self, port: BridgePortId) {
        self.retain(|entry| entry.port != port);
    }

    /// Removes what has not been heard within the ageing time.
    pub fn age_out(&mut self, now: SimTime) {
        let ageing_time = self.ageing_time;
        self.retain(|entry| now.saturating_since(entry.updated) <= ageing_time);
    }

    /// The entries in order of their address, aged ones that were not looked up included.
    #[must_use]
    pub fn sorted(&self) -> Vec<FdbEntry> {
        let mut sorted = self.entries.clone();
        sorted.sort_by_key(|entry| entry.mac);
        sorted
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn is_old(&self, now: SimTime, at: usize) -> bool {
        now.saturating_since(self.entries[at].updated) > self.ageing_time
    }

    fn retain(&mut self, keep: impl Fn(&FdbEntry) -> bool) {
        let mut at = 0;
        while at < self.entries.len() {
            if keep(&self.entries[at]) {
                at += 1;
            } else {
                self.remove(at);
            }
        }
    }

    fn remove(&mut self, at: usize) {
        let gone = self.entries.swap_remove(at);
        self.index.remove(&gone.mac);
        if let Some(moved) = self.entries.get(at) {
            self.index.insert(moved.mac, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn port(n: usize) -> BridgePortId {
        BridgePortId::new(n)
    }

    fn mac(n: u32) -> Mac {
        Mac::local(1, n)
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    #[test]
    fn a_station_is_found_where_it_was_last_heard() {
        let mut fdb = Fdb::new(AGEING_TIME, 8);
        assert_eq!(fdb.lookup(at(0), mac(1)), None);
        fdb.learn(at(0), mac(1), port(1));
        assert_eq!(fdb.lookup(at(1), mac(1)), Some(port(1)));
        fdb.learn(at(2), mac(1), port(2));
        assert_eq!(fdb.lookup(at(3), mac(1)), Some(port(2)));
        assert_eq!(fdb.len(), 1);
    }

    #[test]
    fn a_silent_station_is_forgotten_after_the_ageing_time() {
        let mut fdb = Fdb::new(AGEING_TIME, 8);
        fdb.learn(at(0), mac(1), port(1));
        assert_eq!(fdb.lookup(at(300), mac(1)), Some(port(1)));
        assert_eq!(fdb.lookup(at(301), mac(1)), None);
        assert!(fdb.is_empty());
        let mut quick = Fdb::new(SimDuration::from_secs(10), 8);
        quick.learn(at(0), mac(1), port(1));
        assert_eq!(quick.lookup(at(11), mac(1)), None);
    }

    #[test]
    fn a_full_table_learns_again_once_entries_are_old() {
        let mut fdb = Fdb::new(AGEING_TIME, 2);
        fdb.learn(at(0), mac(1), port(1));
        fdb.learn(at(200), mac(2), port(2));
        fdb.learn(at(201), mac(3), port(3));
        assert_eq!(fdb.lookup(at(201), mac(3)), None);
        fdb.learn(at(400), mac(3), port(3));
        assert_eq!(fdb.lookup(at(400), mac(3)), Some(port(3)));
        assert_eq!(fdb.len(), 2);
    }

    #[test]
    fn a_port_that_goes_takes_its_stations_with_it() {
        let mut fdb = Fdb::new(AGEING_TIME, 8);
        for n in 0..6 {
            fdb.learn(at(0), mac(n), port(n as usize % 2));
        }
        fdb.forget_port(port(0));
        assert_eq!(fdb.len(), 3);
        assert_eq!(fdb.lookup(at(0), mac(0)), None);
        assert_eq!(fdb.lookup(at(0), mac(5)), Some(port(1)));
        assert!(fdb.sorted().is_sorted_by_key(|e| e.mac));
    }

    proptest! {
        #[test]
        fn the_table_keeps_its_bound_and_agrees_with_a_plain_map(
            heard in proptest::collection::vec((0_u32..12, 0_usize..4, 0_u64..200), 0..200),
        ) {
            let mut fdb = Fdb::new(AGEING_TIME, 8);
            let mut model = std::collections::BTreeMap::new();
            let mut clock = 0;
            for (station, on, later) in heard {
                clock += later;
                let known = fdb.lookup(at(clock), mac(station));
                if let Some(port) = known {
                    let (expected, updated) = model[&station];
                    prop_assert_eq!(port, expected);
                    prop_assert!(clock - updated <= 300);
                }
                fdb.learn(at(clock), mac(station), port(on));
                model.insert(station, (port(on), clock));
                prop_assert!(fdb.len() <= 8);
            }
        }
    }
}

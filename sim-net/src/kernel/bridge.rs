//! A Linux bridge: ports, learning, flooding, hairpin.

use std::fmt;

use sim_core::{IndexVec, SimDuration, SimTime};

use super::fdb::{AGEING_TIME, Fdb};
use super::show;
use crate::frame::Mac;
use crate::ids::BridgePortId;
use crate::verdict::DropReason;

/// Ports that a Linux bridge can have. Source: Linux, `net/bridge/br_private.h`, `BR_MAX_PORTS`
/// (specified); users meet it as "no more than about 1000 containers on one Docker bridge".
pub const MAX_PORTS: usize = 1023;

/// Stations that a bridge learns at most. Linux has no bound unless `fdb_max_learned` sets one;
/// this is far above the ports of one bridge, so that only a flood of forged addresses meets it
/// (assumed).
pub const MAX_LEARNED: usize = 16_384;

/// Where a bridge sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeDecision {
    /// Up to the stack of the namespace that owns the bridge.
    Local,
    /// Out of one port.
    Port(BridgePortId),
    /// Out of every port that is up but the one it came by: see [`Bridge::flood_ports`]. A
    /// broadcast goes up to the owner's stack too, a frame to an unknown station does not.
    Flood,
    /// Nowhere.
    Drop(DropReason),
}

/// One port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Port {
    up: bool,
    hairpin: bool,
}

/// One bridge.
#[derive(Debug)]
pub struct Bridge {
    mac: Mac,
    ports: IndexVec<BridgePortId, Port>,
    fdb: Fdb,
}

/// The bridge has all the ports that Linux allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a bridge has at most {MAX_PORTS} ports")]
pub struct TooManyPorts;

impl Bridge {
    /// A bridge without ports whose own interface has the address `mac`.
    #[must_use]
    pub fn new(mac: Mac) -> Self {
        Self::with_limits(mac, AGEING_TIME, MAX_LEARNED)
    }

    /// A bridge with its own ageing time and bound of learned stations.
    #[must_use]
    pub fn with_limits(mac: Mac, ageing_time: SimDuration, max_learned: usize) -> Self {
        Self {
            mac,
            ports: IndexVec::default(),
            fdb: Fdb::new(ageing_time, max_learned),
        }
    }

    /// The address of the bridge's own interface.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Adds a port that is up. `hairpin` lets a frame leave by the port it came by, which Docker
    /// sets when it runs without its userland proxy.
    ///
    /// # Errors
    /// If the bridge has all the ports that Linux allows.
    pub fn add_port(&mut self, hairpin: bool) -> Result<BridgePortId, TooManyPorts> {
        if self.ports.iter().filter(|p| p.up).count() >= MAX_PORTS {
            return Err(TooManyPorts);
        }
        Ok(self.ports.push(Port { up: true, hairpin }))
    }

    /// Takes a port down for good and forgets what was learned behind it.
    pub fn remove_port(&mut self, port: BridgePortId) {
        self.ports[port].up = false;
        self.fdb.forget_port(port);
    }

    /// How many ports are up.
    #[must_use]
    pub fn port_count(&self) -> usize {
        self.ports.iter().filter(|p| p.up).count()
    }

    /// What was learned.
    #[must_use]
    pub fn fdb(&self) -> &Fdb {
        &self.fdb
    }

    /// Learns where the frame came from and decides where it goes. `in_port` is `None` for a frame
    /// from the owner's own stack.
    pub fn ingress(
        &mut self,
        now: SimTime,
        in_port: Option<BridgePortId>,
        src: Mac,
        dst: Mac,
    ) -> BridgeDecision {
        if let Some(port) = in_port {
            if !self.ports[port].up {
                return BridgeDecision::Drop(DropReason::BridgeNoPort);
            }
            // The bridge's own address is a permanent entry, which no frame can move.
            if src != self.mac && !is_group(src) {
                self.fdb.learn(now, src, port);
            }
        }
        if is_group(dst) {
            return BridgeDecision::Flood;
        }
        if dst == self.mac {
            return BridgeDecision::Local;
        }
        match self.fdb.lookup(now, dst) {
            Some(port) if Some(port) == in_port && !self.ports[port].hairpin => {
                BridgeDecision::Drop(DropReason::BridgeHairpinOff)
            }
            Some(port) => BridgeDecision::Port(port),
            None => BridgeDecision::Flood,
        }
    }

    /// The ports that a flooded frame leaves by: all that are up but the one it came by, and that
    /// one too where its hairpin mode is on.
    pub fn flood_ports(
        &self,
        in_port: Option<BridgePortId>,
    ) -> impl Iterator<Item = BridgePortId> + '_ {
        self.ports
            .iter_enumerated()
            .filter(move |&(id, port)| port.up && (Some(id) != in_port || port.hairpin))
            .map(|(id, _)| id)
    }
}

fn is_group(mac: Mac) -> bool {
    mac.octets()[0] & 1 != 0
}

/// Like `bridge fdb show`, with ports by number; [`show::bridge_fdb`] prints their names.
impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&show::bridge_fdb(self, "bridge", &show::numbered_port), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 99;

    fn mac(n: u32) -> Mac {
        Mac::local(1, n)
    }

    fn bridge(ports: usize, hairpin: bool) -> (Bridge, Vec<BridgePortId>) {
        let mut bridge = Bridge::new(mac(OWN));
        let ports = (0..ports)
            .map(|_| bridge.add_port(hairpin).expect("few"))
            .collect();
        (bridge, ports)
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    #[test]
    fn an_unknown_station_is_flooded_and_a_known_one_is_not() {
        let (mut b, p) = bridge(3, false);
        let unknown = b.ingress(at(0), Some(p[0]), mac(0), mac(1));
        assert_eq!(unknown, BridgeDecision::Flood);
        assert_eq!(b.flood_ports(Some(p[0])).collect::<Vec<_>>(), [p[1], p[2]]);
        let reply = b.ingress(at(0), Some(p[1]), mac(1), mac(0));
        assert_eq!(reply, BridgeDecision::Port(p[0]));
        let again = b.ingress(at(0), Some(p[0]), mac(0), mac(1));
        assert_eq!(again, BridgeDecision::Port(p[1]));
    }

    #[test]
    fn learned_stations_age() {
        let (mut b, p) = bridge(2, false);
        b.ingress(at(0), Some(p[0]), mac(0), mac(OWN));
        assert_eq!(
            b.ingress(at(300), None, mac(OWN), mac(0)),
            BridgeDecision::Port(p[0])
        );
        assert_eq!(
            b.ingress(at(301), None, mac(OWN), mac(0)),
            BridgeDecision::Flood
        );
    }

    #[test]
    fn frames_for_the_owner_go_up_and_broadcasts_go_everywhere() {
        let (mut b, p) = bridge(2, false);
        assert_eq!(
            b.ingress(at(0), Some(p[0]), mac(0), mac(OWN)),
            BridgeDecision::Local
        );
        assert_eq!(
            b.ingress(at(0), Some(p[0]), mac(0), Mac::BROADCAST),
            BridgeDecision::Flood
        );
        assert_eq!(
            b.ingress(at(0), None, mac(OWN), Mac::BROADCAST),
            BridgeDecision::Flood
        );
    }

    #[test]
    fn a_frame_returns_by_its_own_port_only_in_hairpin_mode() {
        for hairpin in [false, true] {
            let (mut b, p) = bridge(1, hairpin);
            let decision = b.ingress(at(0), Some(p[0]), mac(0), mac(0));
            let expected = if hairpin {
                BridgeDecision::Port(p[0])
            } else {
                BridgeDecision::Drop(DropReason::BridgeHairpinOff)
            };
            assert_eq!(decision, expected);
            assert_eq!(b.flood_ports(Some(p[0])).count(), usize::from(hairpin));
        }
    }

    #[test]
    fn nobody_can_take_the_bridges_own_address() {
        let (mut b, p) = bridge(2, false);
        b.ingress(at(0), Some(p[0]), mac(OWN), mac(1));
        assert_eq!(
            b.ingress(at(0), Some(p[1]), mac(1), mac(OWN)),
            BridgeDecision::Local
        );
        b.ingress(at(0), Some(p[0]), Mac::BROADCAST, mac(1));
        assert_eq!(b.fdb().len(), 1, "a group address is no station");
    }

    #[test]
    fn a_removed_port_neither_sends_nor_receives() {
        let (mut b, p) = bridge(2, false);
        b.ingress(at(0), Some(p[0]), mac(0), mac(OWN));
        b.remove_port(p[0]);
        assert_eq!(
            b.ingress(at(0), Some(p[1]), mac(1), mac(0)),
            BridgeDecision::Flood
        );
        assert_eq!(
            b.ingress(at(0), Some(p[0]), mac(0), mac(1)),
            BridgeDecision::Drop(DropReason::BridgeNoPort)
        );
        assert_eq!(b.flood_ports(None).collect::<Vec<_>>(), [p[1]]);
        assert_eq!(b.port_count(), 1);
    }

    #[test]
    fn a_bridge_has_as_many_ports_as_linux_allows() {
        let (mut b, p) = bridge(MAX_PORTS, false);
        assert_eq!(b.add_port(false), Err(TooManyPorts));
        b.remove_port(p[5]);
        assert!(b.add_port(false).is_ok());
    }

    #[test]
    fn it_prints_like_bridge_fdb_show() {
        let (mut b, p) = bridge(2, false);
        b.ingress(at(0), Some(p[1]), mac(7), mac(OWN));
        b.ingress(at(0), Some(p[0]), mac(3), mac(OWN));
        assert_eq!(b.fdb().len(), 2);
        insta::assert_snapshot!(b.to_string(), @r"
        02:00:00:01:00:63 dev bridge master bridge permanent
        02:00:00:01:00:03 dev port0 master bridge
        02:00:00:01:00:07 dev port1 master bridge
        ");
    }
}

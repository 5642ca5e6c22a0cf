//! A namespace's routing table.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::show;
use crate::ids::IfaceId;

/// What a route does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// The destination is on the interface's own segment (`scope link`).
    Connected,
    /// The next hop is a gateway on the interface's segment.
    Via(Ipv4Addr),
    /// Dropped without a word: what the ECS CNI plugin adds for the instance metadata service.
    Blackhole,
    /// Refused with an ICMP error.
    Unreachable,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destinations.
    pub prefix: Ipv4Net,
    /// What becomes of them.
    pub kind: RouteKind,
    /// The interface they leave by; without meaning for a blackhole and for what is unreachable.
    pub iface: IfaceId,
    /// The source address that a socket without one gets.
    pub src: Ipv4Addr,
}

/// A namespace's routes, looked up by longest prefix.
///
/// A namespace of this simulator has some twenty routes at most, so a list sorted by prefix length
/// is both the simplest and the fastest table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// Longest prefix first; in the order of addition among equals.
    routes: Vec<Route>,
}

impl RouteTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route behind those of the same length: of two for one prefix the first wins.
    pub fn add(&mut self, route: Route) {
        let len = route.prefix.prefix_len();
        let at = self
            .routes
            .partition_point(|r| r.prefix.prefix_len() >= len);
        self.routes.insert(at, route);
    }

    /// The route for `destination`; `None` where the network is unreachable.
    #[must_use]
    pub fn lookup(&self, destination: Ipv4Addr) -> Option<&Route> {
        self.routes.iter().find(|r| r.prefix.contains(&destination))
    }

    /// The routes, longest prefix first.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

/// Like `ip route`, with interfaces by number; [`show::ip_route`] prints their names.
impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&show::ip_route(self, &show::numbered), f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(prefix: &str, kind: RouteKind, iface: usize) -> Route {
        Route {
            prefix: prefix.parse().expect("a prefix"),
            kind,
            iface: IfaceId::new(iface),
            src: Ipv4Addr::new(10, 0, 0, 5),
        }
    }

    fn host() -> RouteTable {
        let mut table = RouteTable::new();
        let gateway = Ipv4Addr::new(10, 0, 0, 1);
        table.add(route("0.0.0.0/0", RouteKind::Via(gateway), 1));
        table.add(route("10.0.0.0/20", RouteKind::Connected, 1));
        table.add(Route {
            src: Ipv4Addr::new(172, 17, 0, 1),
            ..route("172.17.0.0/16", RouteKind::Connected, 2)
        });
        table.add(route("169.254.169.254/32", RouteKind::Blackhole, 1));
        table.add(route("192.0.2.0/24", RouteKind::Unreachable, 1));
        table
    }

    #[test]
    fn the_longest_prefix_wins_in_whatever_order_routes_were_added() {
        let table = host();
        let at = |a: [u8; 4]| table.lookup(a.into()).map(|r| (r.iface.index(), r.kind));
        assert_eq!(at([172, 17, 0, 2]), Some((2, RouteKind::Connected)));
        assert_eq!(at([10, 0, 15, 255]), Some((1, RouteKind::Connected)));
        assert_eq!(at([169, 254, 169, 254]), Some((1, RouteKind::Blackhole)));
        assert_eq!(at([192, 0, 2, 9]), Some((1, RouteKind::Unreachable)));
        let default = Some((1, RouteKind::Via(Ipv4Addr::new(10, 0, 0, 1))));
        assert_eq!(at([10, 0, 16, 0]), default);
    }

    #[test]
    fn without_a_default_route_the_network_is_unreachable() {
        let mut table = RouteTable::new();
        assert_eq!(table.lookup(Ipv4Addr::new(10, 0, 0, 1)), None);
        table.add(route("127.0.0.0/8", RouteKind::Connected, 0));
        assert_eq!(table.lookup(Ipv4Addr::new(10, 0, 0, 1)), None);
        assert!(table.lookup(Ipv4Addr::LOCALHOST).is_some());
    }

    #[test]
    fn of_two_routes_for_one_prefix_the_first_wins() {
        let mut table = RouteTable::new();
        table.add(route("10.0.0.0/8", RouteKind::Connected, 1));
        table.add(route("10.0.0.0/8", RouteKind::Connected, 2));
        let found = table.lookup(Ipv4Addr::new(10, 1, 1, 1));
        assert_eq!(found.map(|r| r.iface.index()), Some(1));
    }

    #[test]
    fn it_prints_like_ip_route() {
        assert_eq!(host().routes().len(), 5);
        insta::assert_snapshot!(host().to_string(), @r"
        default via 10.0.0.1 dev if1 src 10.0.0.5
        10.0.0.0/20 dev if1 proto kernel scope link src 10.0.0.5
        blackhole 169.254.169.254
        172.17.0.0/16 dev if2 proto kernel scope link src 172.17.0.1
        unreachable 192.0.2.0/24
        ");
    }

    fn any_route() -> impl Strategy<Value = Route> {
        (0_u32..64, 0_u8..=32, 0_usize..9).prop_map(|(addr, len, iface)| Route {
            prefix: Ipv4Net::new(Ipv4Addr::from(addr << 26 | addr), len)
                .expect("at most 32")
                .trunc(),
            kind: RouteKind::Connected,
            iface: IfaceId::new(iface),
            src: Ipv4Addr::UNSPECIFIED,
        })
    }

    proptest! {
        #[test]
        fn look_up_agrees_with_a_scan_of_all_routes(
            routes in proptest::collection::vec(any_route(), 0..20),
            near in 0_u32..64,
        ) {
            let destination = Ipv4Addr::from(near << 26 | near);
            let mut table = RouteTable::new();
            let mut best: Option<Route> = None;
            for &r in &routes {
                table.add(r);
                let longer = best.is_none_or(|b| r.prefix.prefix_len() > b.prefix.prefix_len());
                if r.prefix.contains(&destination) && longer {
                    best = Some(r);
                }
            }
            prop_assert_eq!(table.lookup(destination).copied(), best);
        }
    }
}

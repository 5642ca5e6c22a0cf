//! The state of a namespace, printed as the tools that engineers know print it.

use std::fmt;

use super::bridge::Bridge;
use super::route::{RouteKind, RouteTable};
use crate::ids::{BridgePortId, IfaceId};

/// Names an interface; [`numbered`] where there are no names.
pub type IfaceNames<'a> = &'a dyn Fn(IfaceId) -> String;

/// Names a bridge port; [`numbered_port`] where there are no names.
pub type PortNames<'a> = &'a dyn Fn(BridgePortId) -> String;

/// `if3` for the interface of number 3.
#[must_use]
pub fn numbered(iface: IfaceId) -> String {
    format!("if{}", iface.index())
}

/// `port3` for the bridge port of number 3.
#[must_use]
pub fn numbered_port(port: BridgePortId) -> String {
    format!("port{}", port.index())
}

/// `ip route`.
pub fn ip_route<'a>(table: &'a RouteTable, names: IfaceNames<'a>) -> impl fmt::Display + 'a {
    fmt::from_fn(move |f| {
        // The tool sorts by prefix, shortest first.
        let mut routes: Vec<_> = table.routes().iter().collect();
        routes.sort_by_key(|r| (r.prefix.prefix_len() != 0, r.prefix));
        for r in routes {
            let prefix = match r.prefix.prefix_len() {
                0 => "default".to_owned(),
                32 => r.prefix.addr().to_string(),
                _ => r.prefix.to_string(),
            };
            match r.kind {
                RouteKind::Connected => writeln!(
                    f,
                    "{prefix} dev {} proto kernel scope link src {}",
                    names(r.iface),
                    r.src
                )?,
                RouteKind::Via(gateway) => writeln!(
                    f,
                    "{prefix} via {gateway} dev {} src {}",
                    names(r.iface),
                    r.src
                )?,
                RouteKind::Blackhole => writeln!(f, "blackhole {prefix}")?,
                RouteKind::Unreachable => writeln!(f, "unreachable {prefix}")?,
            }
        }
        Ok(())
    })
}

/// `bridge fdb show br NAME`.
pub fn bridge_fdb<'a>(
    bridge: &'a Bridge,
    name: &'a str,
    names: PortNames<'a>,
) -> impl fmt::Display + 'a {
    fmt::from_fn(move |f| {
        writeln!(f, "{} dev {name} master {name} permanent", bridge.mac())?;
        for entry in bridge.fdb().sorted() {
            writeln!(f, "{} dev {} master {name}", entry.mac, names(entry.port))?;
        }
        Ok(())
    })
}

//! The state of a namespace, printed as the tools that engineers know print it.

use std::fmt;

use sim_core::SimTime;

use super::bridge::Bridge;
use super::netfilter::{
    Connection, Decider, Direction, Match, Negatable, Netfilter, Policy, Rule, Table, Target,
};
use super::route::{RouteKind, RouteTable};
use crate::headers::{FiveTuple, Protocol};
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

/// `iptables -t TABLE -S`.
pub fn iptables<'a>(
    netfilter: &'a Netfilter,
    table: Table,
    names: IfaceNames<'a>,
) -> impl fmt::Display + 'a {
    fmt::from_fn(move |f| {
        for (_, chain) in netfilter.chains(table) {
            match chain.policy() {
                Some(Policy::Accept) => writeln!(f, "-P {} ACCEPT", chain.name())?,
                Some(Policy::Drop) => writeln!(f, "-P {} DROP", chain.name())?,
                None => writeln!(f, "-N {}", chain.name())?,
            }
        }
        for (_, chain) in netfilter.chains(table) {
            for rule in chain.rules() {
                writeln!(f, "{}", self::rule(netfilter, chain.name(), rule, names))?;
            }
        }
        Ok(())
    })
}

/// The rule or policy that decided about a packet, as `iptables -S` prints it.
pub fn decider<'a>(
    netfilter: &'a Netfilter,
    decider: Decider,
    names: IfaceNames<'a>,
) -> impl fmt::Display + 'a {
    fmt::from_fn(move |f| {
        let chain = netfilter.chain(decider.chain);
        let table = chain.table().name();
        match decider
            .rule
            .and_then(|at| chain.rules().get(usize::from(at)))
        {
            Some(rule) => {
                let rule = self::rule(netfilter, chain.name(), rule, names);
                write!(f, "{table}: {rule}")
            }
            None => {
                let policy = match chain.policy() {
                    Some(Policy::Drop) => "DROP",
                    Some(Policy::Accept) | None => "ACCEPT",
                };
                write!(f, "{table}: -P {} {policy}", chain.name())
            }
        }
    })
}

fn rule<'a>(
    netfilter: &'a Netfilter,
    chain: &'a str,
    rule: &'a Rule,
    names: IfaceNames<'a>,
) -> impl fmt::Display + 'a {
    fmt::from_fn(move |f| {
        write!(f, "-A {chain}")?;
        matches(&rule.matches, names, f)?;
        match rule.target {
            Target::Accept => f.write_str(" -j ACCEPT"),
            Target::Drop => f.write_str(" -j DROP"),
            Target::Return => f.write_str(" -j RETURN"),
            Target::Jump(to) => write!(f, " -j {}", netfilter.chain(to).name()),
            Target::Reject(with) => write!(f, " -j REJECT --reject-with {}", with.name()),
            Target::Dnat(to) if to.port() == 0 => {
                write!(f, " -j DNAT --to-destination {}", to.ip())
            }
            Target::Dnat(to) => write!(f, " -j DNAT --to-destination {to}"),
            Target::Redirect(port) => write!(f, " -j REDIRECT --to-ports {port}"),
            Target::Masquerade => f.write_str(" -j MASQUERADE"),
        }
    })
}

fn matches(m: &Match, names: IfaceNames<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let bang = |negated: bool| if negated { " !" } else { "" };
    for (test, flag) in [(m.src, "-s"), (m.dst, "-d")] {
        if let Some(Negatable { value, negated }) = test {
            write!(f, "{} {flag} {value}", bang(negated))?;
        }
    }
    for (test, flag) in [(m.in_iface, "-i"), (m.out_iface, "-o")] {
        if let Some(Negatable { value, negated }) = test {
            write!(f, "{} {flag} {}", bang(negated), names(value))?;
        }
    }
    if let Some(protocol) = m.protocol {
        write!(f, " -p {protocol}")?;
        if let Some(ports) = &m.dports {
            write!(f, " -m {protocol} --dport {}", ports.start())?;
            if ports.start() != ports.end() {
                write!(f, ":{}", ports.end())?;
            }
        }
    }
    for (test, flag) in [(m.src_local, "--src-type"), (m.dst_local, "--dst-type")] {
        if let Some(Negatable { negated, .. }) = test {
            write!(f, " -m addrtype{} {flag} LOCAL", bang(negated))?;
        }
    }
    if let Some(Negatable { value, negated }) = m.ctstate {
        let states: Vec<_> = value.names().collect();
        write!(
            f,
            " -m conntrack{} --ctstate {}",
            bang(negated),
            states.join(",")
        )?;
    }
    Ok(())
}

/// `conntrack -L` at the time `now`; entries that have expired and are still there are left out.
pub fn conntrack(netfilter: &Netfilter, now: SimTime) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        for c in netfilter.conntrack().iter().filter(|c| c.expires() > now) {
            connection(c, now, f)?;
        }
        Ok(())
    })
}

fn connection(c: &Connection, now: SimTime, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let original = c.tuple(Direction::Original);
    let seconds = c.expires().saturating_since(now).as_ns() / 1_000_000_000;
    write!(
        f,
        "{:<8} {} {seconds}",
        original.protocol.to_string(),
        u8::from(original.protocol)
    )?;
    if let Some(state) = c.tcp_state() {
        write!(f, " {}", state.name())?;
    }
    for direction in [Direction::Original, Direction::Reply] {
        let (packets, bytes) = c.traffic(direction);
        ends(c.tuple(direction), f)?;
        write!(f, " packets={packets} bytes={bytes}")?;
        if direction == Direction::Original && !c.seen_reply() {
            f.write_str(" [UNREPLIED]")?;
        }
    }
    f.write_str(if c.assured() { " [ASSURED]\n" } else { "\n" })
}

fn ends(t: FiveTuple, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, " src={} dst={}", t.src.ip(), t.dst.ip())?;
    match t.protocol {
        Protocol::Tcp | Protocol::Udp => {
            write!(f, " sport={} dport={}", t.src.port(), t.dst.port())
        }
        Protocol::Icmp => write!(f, " type={} code=0 id={}", t.dst.port(), t.src.port()),
        Protocol::Other(_) => Ok(()),
    }
}

//! The rules that Docker 25 installs for its default bridge.
//!
//! Source: Docker 25, `libnetwork/iptables/iptables.go`, `setup_ip_tables_linux.go`,
//! `firewall_linux.go` (vendor). ECS-optimized images ship Docker 25 with its userland proxy on.
//! Docker 28 lays its chains out differently, and drops direct access to a container's address.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use super::{CtStates, Hook, Match, Netfilter, Policy, Rule, Table, Target, is, not};
use crate::headers::Protocol;
use crate::ids::IfaceId;

const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);

/// What the rules depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DockerRules {
    /// The host's interface on the bridge.
    pub docker0: IfaceId,
    /// The bridge's network.
    pub network: Ipv4Net,
    /// Hairpin mode, which Docker turns on where its userland proxy is off: the kernel translates
    /// what the proxy would have relayed, connections of containers and of the host's own loopback
    /// address to published ports.
    pub hairpin: bool,
    /// Whether containers of the bridge may talk to each other (`icc`, on by default).
    pub icc: bool,
}

/// Installs what Docker installs when it starts.
///
/// # Panics
/// If it is there already.
pub fn install(netfilter: &mut Netfilter, rules: DockerRules) {
    install_nat(netfilter, rules);
    install_filter(netfilter, rules);
}

fn install_nat(netfilter: &mut Netfilter, rules: DockerRules) {
    let docker0 = rules.docker0;
    let docker = netfilter.add_chain(Table::Nat, "DOCKER");
    let prerouting = netfilter.builtin(Table::Nat, Hook::Prerouting);
    let output = netfilter.builtin(Table::Nat, Hook::Output);
    let postrouting = netfilter.builtin(Table::Nat, Hook::Postrouting);

    let to_host = Match {
        dst_local: Some(is(())),
        ..Match::any()
    };
    netfilter.append(prerouting, Rule::new(to_host.clone(), Target::Jump(docker)));
    // 127.0.0.1 is left to the proxy, if there is one.
    let from_host = Match {
        dst: (!rules.hairpin).then_some(not(LOOPBACK)),
        ..to_host
    };
    netfilter.append(output, Rule::new(from_host, Target::Jump(docker)));

    let outbound = Match {
        src: Some(is(rules.network)),
        out_iface: Some(not(docker0)),
        ..Match::any()
    };
    netfilter.append(postrouting, Rule::new(outbound, Target::Masquerade));
    if rules.hairpin {
        // The host's own connections to its published ports, from a loopback address too.
        let from_host = Match {
            out_iface: Some(is(docker0)),
            src_local: Some(is(())),
            ..Match::any()
        };
        netfilter.append(postrouting, Rule::new(from_host, Target::Masquerade));
    } else {
        // Containers that connect to a published port of their own host go through the proxy.
        let from_container = Match {
            in_iface: Some(is(docker0)),
            ..Match::any()
        };
        netfilter.append(docker, Rule::new(from_container, Target::Return));
    }
}

fn install_filter(netfilter: &mut Netfilter, rules: DockerRules) {
    let docker0 = rules.docker0;
    let user = netfilter.add_chain(Table::Filter, "DOCKER-USER");
    let stage_1 = netfilter.add_chain(Table::Filter, "DOCKER-ISOLATION-STAGE-1");
    let stage_2 = netfilter.add_chain(Table::Filter, "DOCKER-ISOLATION-STAGE-2");
    let docker = netfilter.add_chain(Table::Filter, "DOCKER");
    let forward = netfilter.builtin(Table::Filter, Hook::Forward);

    let leaves_bridge = Match {
        in_iface: Some(is(docker0)),
        out_iface: Some(not(docker0)),
        ..Match::any()
    };
    let into_bridge = Match {
        out_iface: Some(is(docker0)),
        ..Match::any()
    };
    let within_bridge = Match {
        in_iface: Some(is(docker0)),
        ..into_bridge.clone()
    };
    let answers = Match {
        ctstate: Some(is(CtStates::RELATED.or(CtStates::ESTABLISHED))),
        ..into_bridge.clone()
    };

    netfilter.append(user, Rule::new(Match::any(), Target::Return));
    netfilter.append(
        stage_1,
        Rule::new(leaves_bridge.clone(), Target::Jump(stage_2)),
    );
    netfilter.append(stage_1, Rule::new(Match::any(), Target::Return));
    netfilter.append(stage_2, Rule::new(into_bridge.clone(), Target::Drop));
    netfilter.append(stage_2, Rule::new(Match::any(), Target::Return));

    // Docker drops what it does not forward itself, where it was Docker that turned forwarding on.
    netfilter.set_policy(forward, Policy::Drop);
    let among_containers = if rules.icc {
        Target::Accept
    } else {
        Target::Drop
    };
    for (matches, target) in [
        (Match::any(), Target::Jump(user)),
        (Match::any(), Target::Jump(stage_1)),
        (answers, Target::Accept),
        (into_bridge, Target::Jump(docker)),
        (leaves_bridge, Target::Accept),
        (within_bridge, among_containers),
    ] {
        netfilter.append(forward, Rule::new(matches, target));
    }
}

/// Publishes a container's port on every address of the host. Of two containers that publish one
/// port the first gets the connections.
///
/// # Panics
/// If [`install`] has not been called.
pub fn publish(
    netfilter: &mut Netfilter,
    rules: DockerRules,
    protocol: Protocol,
    host_port: u16,
    container: SocketAddrV4,
) {
    let docker0 = rules.docker0;
    let container_only = is(Ipv4Net::from(*container.ip()));
    let [nat_docker, filter_docker] = Table::ALL.map(|table| {
        netfilter
            .find_chain(table, "DOCKER")
            .expect("Docker's rules are installed")
    });
    let published = Match {
        in_iface: (!rules.hairpin).then_some(not(docker0)),
        ..Match::port(protocol, host_port)
    };
    netfilter.append(nat_docker, Rule::new(published, Target::Dnat(container)));
    let allowed = Match {
        in_iface: Some(not(docker0)),
        out_iface: Some(is(docker0)),
        dst: Some(container_only),
        ..Match::port(protocol, container.port())
    };
    netfilter.append(filter_docker, Rule::new(allowed, Target::Accept));
    // A container that connects to its own published port meets itself as the bridge's address.
    let hairpin = Match {
        src: Some(container_only),
        dst: Some(container_only),
        ..Match::port(protocol, container.port())
    };
    let postrouting = netfilter.builtin(Table::Nat, Hook::Postrouting);
    netfilter.append(postrouting, Rule::new(hairpin, Target::Masquerade));
}

#[cfg(test)]
mod tests;

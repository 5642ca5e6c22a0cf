//! The rules that the ECS agent's init installs on a container instance.
//!
//! Source: amazon-ecs-agent, `ecs-init/exec/iptables/iptables.go` (vendor). They need
//! `net.ipv4.conf.all.route_localnet`, which ecs-init sets too.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use super::{CtStates, Hook, Match, Netfilter, Rule, Table, Target, is, not};
use crate::headers::Protocol;
use crate::ids::IfaceId;

/// Where tasks ask for credentials and metadata. Source: amazon-ecs-agent (vendor).
pub const CREDENTIALS_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
/// The port they ask on (vendor).
pub const CREDENTIALS_PORT: u16 = 80;
/// The port on 127.0.0.1 where the agent answers them (vendor).
pub const AGENT_CREDENTIALS_PORT: u16 = 51_679;
/// The port where the agent tells about itself (vendor).
pub const AGENT_INTROSPECTION_PORT: u16 = 51_678;

const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);

/// What `ecs.config` can switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcsAgentRules {
    /// Whether loopback addresses are closed to other hosts on the segment
    /// (`ECS_SKIP_LOCALHOST_TRAFFIC_FILTER=false`, the default).
    pub localhost_filter: bool,
    /// Whether the introspection port is open to other hosts
    /// (`ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS`, off by default).
    pub offhost_introspection: bool,
}

impl Default for EcsAgentRules {
    fn default() -> Self {
        Self {
            localhost_filter: true,
            offhost_introspection: false,
        }
    }
}

/// Installs the agent's rules on an instance whose bridge is `docker0`.
pub fn install(netfilter: &mut Netfilter, docker0: IfaceId, rules: EcsAgentRules) {
    let lo = netfilter.config().loopback;
    let credentials = Match {
        dst: Some(is(Ipv4Net::from(CREDENTIALS_ADDRESS))),
        ..Match::port(Protocol::Tcp, CREDENTIALS_PORT)
    };
    let agent = SocketAddrV4::new(Ipv4Addr::LOCALHOST, AGENT_CREDENTIALS_PORT);
    let prerouting = netfilter.builtin(Table::Nat, Hook::Prerouting);
    netfilter.append(
        prerouting,
        Rule::new(credentials.clone(), Target::Dnat(agent)),
    );
    let output = netfilter.builtin(Table::Nat, Hook::Output);
    netfilter.append(
        output,
        Rule::new(credentials, Target::Redirect(AGENT_CREDENTIALS_PORT)),
    );

    // Each goes to the top, so the last one here is the first that is tested.
    let input = netfilter.builtin(Table::Filter, Hook::Input);
    if rules.localhost_filter {
        let forged = Match {
            src: Some(not(LOOPBACK)),
            dst: Some(is(LOOPBACK)),
            ctstate: Some(not(CtStates::RELATED
                .or(CtStates::ESTABLISHED)
                .or(CtStates::DNAT))),
            ..Match::any()
        };
        netfilter.insert(input, 0, Rule::new(forged, Target::Drop));
    }
    if !rules.offhost_introspection {
        let introspection = Match::port(Protocol::Tcp, AGENT_INTROSPECTION_PORT);
        let from_elsewhere = Match {
            in_iface: Some(not(lo)),
            ..introspection.clone()
        };
        netfilter.insert(input, 0, Rule::new(from_elsewhere, Target::Drop));
        let from_container = Match {
            in_iface: Some(is(docker0)),
            ..introspection
        };
        netfilter.insert(input, 0, Rule::new(from_container, Target::Accept));
    }
}

#[cfg(test)]
mod tests;

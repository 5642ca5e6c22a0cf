//! Docker's hooks on the way to a published port.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::SimTime;
use sim_net::cost::Free;
use sim_net::headers::Protocol;
use sim_net::ids::IfaceId;
use sim_net::kernel::netfilter::docker::{self, DockerRules};
use sim_net::kernel::netfilter::{Hook, Netfilter, PacketContext, PacketState};

const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 2);
const ETH0: IfaceId = IfaceId::new(1);
const DOCKER0: IfaceId = IfaceId::new(2);

/// A host namespace with one published port, and a packet to it.
#[derive(Debug)]
pub struct PublishedPort {
    netfilter: Netfilter,
    template: Vec<u8>,
    packet: Vec<u8>,
}

impl Default for PublishedPort {
    fn default() -> Self {
        Self::new()
    }
}

impl PublishedPort {
    /// No connection yet.
    ///
    /// # Panics
    /// Never: the network is one.
    #[must_use]
    pub fn new() -> Self {
        let rules = DockerRules {
            docker0: DOCKER0,
            network: "172.17.0.0/16".parse().expect("a network"),
            hairpin: false,
            icc: true,
        };
        let mut netfilter = Netfilter::default();
        docker::install(&mut netfilter, rules);
        let to = SocketAddrV4::new(CONTAINER, 80);
        docker::publish(&mut netfilter, rules, Protocol::Tcp, 8080, to);
        let template = segment();
        Self {
            netfilter,
            packet: template.clone(),
            template,
        }
    }

    /// Takes the packet through the hooks from the host's interface to the container's; the first
    /// time begins the connection.
    pub fn walk(&mut self) {
        self.packet[..40].copy_from_slice(&self.template[..40]);
        let mut state = PacketState::default();
        for (hook, out_iface) in [
            (Hook::Prerouting, None),
            (Hook::Forward, Some(DOCKER0)),
            (Hook::Postrouting, Some(DOCKER0)),
        ] {
            let ctx = PacketContext {
                now: SimTime::ZERO,
                in_iface: Some(ETH0),
                out_iface,
                addresses: &[HOST],
                out_addr: Ipv4Addr::new(172, 17, 0, 1),
            };
            self.netfilter
                .run(hook, &mut self.packet, &mut state, &ctx, &mut Free);
        }
    }

    /// Whether the packet has the container's address.
    #[must_use]
    pub fn translated(&self) -> bool {
        self.packet[16..20] == CONTAINER.octets()
    }
}

/// A segment from the client to the published port, with as much of its headers as hooks read.
fn segment() -> Vec<u8> {
    let mut packet = vec![0; 1500];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&1500_u16.to_be_bytes());
    packet[8] = 64;
    packet[9] = Protocol::Tcp.into();
    packet[12..16].copy_from_slice(&CLIENT.octets());
    packet[16..20].copy_from_slice(&HOST.octets());
    packet[20..22].copy_from_slice(&40_000_u16.to_be_bytes());
    packet[22..24].copy_from_slice(&8080_u16.to_be_bytes());
    packet[32] = 0x50;
    packet[33] = 0x02;
    packet
}

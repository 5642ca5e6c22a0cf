//! What answers on a machine beside its tasks, and what it does for others.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{ECS_NETWORK, MachineBuilder, host_of};
use crate::app::{App, Buffers, Server};
use crate::build::BuildError;
use crate::headers::Protocol;
use crate::ids::{CoreId, IfaceId, NetnsId};
use crate::kernel::netns::Netns;
use crate::kernel::route::{Route, RouteKind};
use crate::vpc::{IMDS, NatTable};

/// Address of credentials and task metadata. Source: ECS agent, `agent/ecscni` (specified).
const TASK_METADATA: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 170, 2), 32);

/// Port of credentials and task metadata at that address. Source: ECS agent, `agent/ecscni`
/// (specified).
const TASK_METADATA_PORT: u16 = 80;

impl MachineBuilder {
    /// Gives a task's namespace its link to the ECS agent: `ecs-eth0` on `ecs-bridge`, and the
    /// route to the address of credentials and metadata.
    ///
    /// # Errors
    /// If the bridge is full.
    pub fn join_agent(&mut self, netns: NetnsId) -> Result<(), BuildError> {
        if !self.docker.enabled {
            return Ok(());
        }
        let bridge = match self.ecs_bridge {
            Some(bridge) => bridge,
            None => self.add_bridge("ecs-bridge", ECS_NETWORK),
        };
        self.ecs_bridge = Some(bridge);
        let addr = self.join_bridge(bridge, netns, "ecs-eth0", false)?;
        let iface = IfaceId::new(self.machine.netns[netns].ifaces.len() - 1);
        let prefix = TASK_METADATA;
        let kind = RouteKind::Via(host_of(self.networks[bridge.index()], 1));
        let src = addr;
        self.machine.netns[netns].routes.add(Route {
            prefix,
            kind,
            iface,
            src,
        });
        Ok(())
    }

    /// Gives the task of a micro-VM credentials and metadata: answered in a namespace beside its own,
    /// behind a bridge. Source: ECS agent, `ecs-agent/netlib/platform` (specified); what it costs is
    /// taken to be what `ecs-bridge` costs (assumed).
    ///
    /// # Errors
    /// Never: nothing else is on the bridge, and nothing else listens there.
    pub fn add_micro_vm_agent(&mut self) -> Result<(), BuildError> {
        let task = self.root();
        let bridge = self.add_bridge("fargate-bridge", ECS_NETWORK);
        let agent = self.add_netns("agent".into());
        let addr = self.join_bridge(bridge, agent, "eth0", true)?;
        let iface = self.machine.bridges[bridge].iface;
        self.machine.netns[agent]
            .addresses
            .push(TASK_METADATA.addr());
        self.machine.netns[task].routes.add(Route {
            prefix: TASK_METADATA,
            kind: RouteKind::Via(addr),
            iface,
            src: host_of(ECS_NETWORK, 1),
        });
        self.answer(
            agent,
            TASK_METADATA.addr(),
            TASK_METADATA_PORT,
            Protocol::Tcp,
        )
    }

    /// Has a namespace drop what it would send to the instance metadata service.
    /// Source: ECS agent, README, `ECS_AWSVPC_BLOCK_IMDS` (specified).
    pub fn block_metadata(&mut self, netns: NetnsId) {
        self.machine.netns[netns].routes.add(Route {
            prefix: Ipv4Net::from(IMDS),
            kind: RouteKind::Blackhole,
            iface: Netns::loopback(),
            src: Ipv4Addr::UNSPECIFIED,
        });
    }

    /// Gives a namespace one more address.
    pub fn add_address(&mut self, netns: NetnsId, addr: Ipv4Addr) {
        self.machine.netns[netns].addresses.push(addr);
    }

    /// Has a program accept, or send back, what comes to a port of one address.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn answer(
        &mut self,
        netns: NetnsId,
        addr: Ipv4Addr,
        port: u16,
        protocol: Protocol,
    ) -> Result<(), BuildError> {
        let server = App::Server(Box::new(Server::new(Vec::new())));
        let app = self.add_app(netns, server, CoreId::new(0));
        if protocol == Protocol::Tcp {
            let buffers = Buffers::for_stream(0, 0);
            self.listen(netns, app, Some(addr), port, buffers)
                .map(|_| ())
        } else {
            self.bind(netns, app, Some(addr), port).map(|_| ())
        }
    }

    /// Makes the machine a NAT gateway.
    pub fn translate(&mut self, table: NatTable) {
        self.machine.nat = Some(Box::new(table));
    }
}

//! Machines that ECS does not manage: clients, and the interfaces of interface endpoints.

use std::collections::BTreeMap;
use std::ops::Range;

use ipnet::Ipv4Net;
use sim_net::plan::{HostLocation, HostPlan, ListenerPlan, Place, Target};
use sim_net::vpc::defaults;
use sim_net::vpc::{Lifetime, PeerPlan, PublicAddress, RegionPlan, RulePlan, SecurityGroupPlan};

use crate::toml::{Client, InterfaceEndpoint, Listen, Location, Scenario};

use super::machine;
use super::ports::transport;

/// The clients of a scenario, then the interfaces of its interface endpoints. Clients whose traffic
/// nothing filters share a security group that allows everything, which is added to their VPC.
pub(super) fn lower(scenario: &Scenario, region: &mut RegionPlan) -> Vec<HostPlan> {
    let mut open = BTreeMap::new();
    let mut hosts: Vec<HostPlan> = Vec::new();
    for client in &scenario.clients {
        hosts.push(host(client, region, &mut open));
    }
    hosts.extend(scenario.endpoints.iter().flat_map(interfaces));
    hosts
}

/// The indices of the machines of each interface endpoint, one for each of its subnets.
pub(super) fn of_endpoints(scenario: &Scenario) -> Vec<Range<usize>> {
    let mut next = scenario.clients.len();
    let mut one = |endpoint: &InterfaceEndpoint| {
        let first = next;
        next += endpoint.subnets.len();
        first..next
    };
    scenario.endpoints.iter().map(&mut one).collect()
}

/// What listens on these machines without a workload.
pub(super) fn listeners(scenario: &Scenario) -> Vec<ListenerPlan> {
    let clients = scenario.clients.iter().enumerate();
    let clients = clients.map(|(index, client)| (index..index + 1, &client.listen));
    let endpoints = of_endpoints(scenario).into_iter().zip(&scenario.endpoints);
    let endpoints = endpoints.map(|(hosts, endpoint)| (hosts, &endpoint.ports));
    clients
        .chain(endpoints)
        .flat_map(|(hosts, ports)| {
            hosts.flat_map(|host| ports.iter().map(move |&port| listener(host, port)))
        })
        .collect()
}

fn listener(host: usize, listen: Listen) -> ListenerPlan {
    ListenerPlan {
        target: Target {
            place: Place::Host(host),
            port: listen.port,
        },
        protocol: transport(listen.protocol),
    }
}

fn host(client: &Client, region: &mut RegionPlan, open: &mut BTreeMap<usize, usize>) -> HostPlan {
    let location = match client.location {
        Location::Subnet(subnet) => HostLocation::Subnet(subnet),
        Location::Internet => HostLocation::Internet,
        Location::Service(list) => HostLocation::Service(list),
    };
    let security_groups = match (location, &client.security_groups) {
        (HostLocation::Subnet(_), Some(groups)) => groups.clone(),
        (HostLocation::Subnet(subnet), None) => {
            let vpc = region.subnets[subnet].vpc;
            let index = *open.entry(vpc).or_insert_with(|| {
                region.security_groups.push(everything(vpc));
                region.security_groups.len() - 1
            });
            vec![index]
        }
        (HostLocation::Internet | HostLocation::Service(_), _) => Vec::new(),
    };
    // A service may be asked through an internet gateway, where nothing larger passes.
    let mtu = match location {
        HostLocation::Internet | HostLocation::Service(_) => defaults::MTU_INTERNET,
        HostLocation::Subnet(_) => defaults::MTU_VPC,
    };
    let instance = client.instance_type.as_ref();
    let profile = machine::profile(&client.kernel_profile);
    HostPlan {
        name: client.name.clone(),
        cores: instance.map_or(1, |instance| instance.vcpus as usize),
        profile: profile.expect("validation accepts only profiles that exist"),
        offloads: client.offloads,
        location,
        address: client.address,
        public_address: client.public_address,
        security_groups,
        always_tracked: false,
        source_dest_check: client.source_dest_check,
        bandwidth: instance.map(machine::bandwidth),
        mtu: mtu.as_usize(),
        default_route: true,
        routes: Vec::new(),
    }
}

/// The interfaces of an interface endpoint. Amazon runs what is behind them: it is ideal, and all
/// flows of theirs are tracked.
///
/// Source: Amazon EC2 User Guide, security-group-connection-tracking (vendor).
fn interfaces(endpoint: &InterfaceEndpoint) -> Vec<HostPlan> {
    let profile = machine::profile(machine::IDEAL_PROFILE).expect("a shipped profile");
    let one = |(number, &subnet): (usize, &usize)| HostPlan {
        name: format!("{}/{number}", endpoint.name),
        cores: 1,
        profile: profile.clone(),
        offloads: false,
        location: HostLocation::Subnet(subnet),
        address: None,
        public_address: PublicAddress::None,
        security_groups: endpoint.security_groups.clone(),
        always_tracked: true,
        source_dest_check: true,
        bandwidth: None,
        mtu: defaults::MTU_VPC.as_usize(),
        default_route: true,
        routes: Vec::new(),
    };
    endpoint.subnets.iter().enumerate().map(one).collect()
}

/// A security group that allows everything.
fn everything(vpc: usize) -> SecurityGroupPlan {
    let rule = |id: &str| RulePlan {
        id: id.to_owned(),
        protocol: None,
        ports: 0..=u16::MAX,
        peer: PeerPlan::Cidr(Ipv4Net::default()),
        lifetime: Lifetime::ALWAYS,
    };
    SecurityGroupPlan {
        vpc,
        id: match vpc {
            0 => "sg-ecsnet-unfiltered".to_owned(),
            _ => format!("sg-ecsnet-unfiltered-{vpc}"),
        },
        name: "unfiltered machines".to_owned(),
        ingress: vec![rule("sgr-unfiltered-in")],
        egress: vec![rule("sgr-unfiltered-out")],
    }
}

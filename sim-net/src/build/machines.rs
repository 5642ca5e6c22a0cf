//! The machines of a plan, with their interfaces but without tasks and programs.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use sim_core::{DataRate, Streams};

use super::address::{Addresses, Interface};
use super::{BuildError, idle_tag};
use crate::cost::CostProfile;
use crate::eni::{
    Allowance, AllowancePlan, AmazonAccess, EniPlan, FastPeers, FlowLimitPlan, PacketRatePlan,
    ShaperPlan,
};
use crate::frame::Mac;
use crate::machine::{Account, Machine, Records};
use crate::mode::{Attachment, EniSpec, MachineBuilder};
use crate::plan::{BandwidthPlan, HostLocation, HostPlan, InstancePlan, Plan};
use crate::vpc::{EniRules, Fabric, NatTable, defaults};

/// The machines: instances, micro-VMs, other machines, NAT gateways.
#[derive(Debug)]
pub(super) struct Machines {
    pub(super) builders: Vec<MachineBuilder>,
    pub(super) task_enis: BTreeMap<String, EniSpec>,
    pub(super) micro_vms: BTreeMap<String, usize>,
    /// Number of the first machine that ECS does not manage.
    pub(super) first_host: usize,
}

struct Factory<'a> {
    plan: &'a Plan,
    addresses: &'a Addresses,
    fabric: &'a Arc<Fabric>,
    rules: &'a [Option<Arc<EniRules>>],
    /// By the index of the VPC.
    always_tracked: Vec<Arc<[Ipv4Addr]>>,
    streams: Streams,
    records: &'a Records,
}

pub(super) fn build(
    plan: &Plan,
    addresses: &Addresses,
    fabric: &Arc<Fabric>,
    rules: &[Option<Arc<EniRules>>],
    streams: Streams,
    records: &Records,
) -> Result<Machines, BuildError> {
    let factory = Factory {
        plan,
        addresses,
        fabric,
        rules,
        always_tracked: addresses.always_tracked(plan),
        streams,
        records,
    };
    let mut builders = Vec::new();
    for (instance, interface) in plan.instances.iter().zip(&addresses.instances) {
        builders.push(factory.instance(instance, interface, builders.len())?);
    }
    let mut task_enis = BTreeMap::new();
    let mut micro_vms = BTreeMap::new();
    for (task, interface) in plan.tasks.iter().zip(&addresses.tasks) {
        let Some(interface) = interface else { continue };
        let mut bandwidth = task.instance.map(|index| plan.instances[index].bandwidth);
        if let Some(f) = &task.fargate {
            bandwidth = Some(f.bandwidth);
            let shape = Shape {
                cores: f.cores,
                profile: &f.profile,
                bandwidth,
                offloads: f.offloads,
            };
            micro_vms.insert(task.name.clone(), builders.len());
            builders.push(factory.machine(&task.name, builders.len(), &shape));
        } else if task.instance.is_none() {
            return Err(BuildError::NoTaskSize {
                task: task.name.clone(),
            });
        }
        let mut spec = factory.eni(interface, bandwidth);
        if let Some(index) = task.instance {
            settle(&mut spec, &plan.instances[index]);
        }
        task_enis.insert(task.name.clone(), spec);
    }
    let first_host = builders.len();
    for (host, interface) in plan.hosts.iter().zip(&addresses.hosts) {
        builders.push(factory.host(host, interface, builders.len())?);
    }
    debug_assert_eq!(first_host, plan.instances.len() + addresses.micro_vms);
    for (nat, interface) in plan.region.nat_gateways.iter().zip(&addresses.nat_gateways) {
        builders.push(factory.nat_gateway(&nat.name, interface, builders.len()));
    }
    for (service, interface) in &addresses.services {
        let name = service.name(plan);
        let mut builder = factory.bare(&name, interface, builders.len(), None);
        service.install(plan, &mut builder)?;
        builders.push(builder);
    }
    Ok(Machines {
        builders,
        task_enis,
        micro_vms,
        first_host,
    })
}

/// Time to live of packets whose sender sets none, in hops.
/// Source: Linux, `net.ipv4.ip_default_ttl` (specified).
const DEFAULT_TTL: u8 = 64;

/// What an instance says of all its interfaces, those of its tasks too. The hop limit is that of all
/// answers of the metadata service where it asks for tokens: without a token there is no other
/// answer. Source: Amazon EC2 API, `HttpPutResponseHopLimit` (vendor), which limits the answer to
/// the request for a token only; that all are limited is assumed.
fn settle(spec: &mut EniSpec, instance: &InstancePlan) {
    spec.plan.timeouts = instance.tracking;
    if let Some(access) = &mut spec.plan.amazon
        && instance.metadata.tokens_required
    {
        access.metadata_ttl = instance.metadata.hop_limit;
    }
}

/// The smallest MTU of an IPv4 link, in octets. Source: RFC 791, §3.2 (specified).
const LEAST_MTU: usize = 68;

struct Shape<'a> {
    cores: usize,
    profile: &'a Arc<CostProfile>,
    bandwidth: Option<BandwidthPlan>,
    offloads: bool,
}

impl Factory<'_> {
    fn instance(
        &self,
        instance: &InstancePlan,
        interface: &Interface,
        index: usize,
    ) -> Result<MachineBuilder, BuildError> {
        let bandwidth = Some(instance.bandwidth);
        let shape = Shape {
            cores: instance.cores,
            profile: &instance.profile,
            bandwidth,
            offloads: instance.offloads,
        };
        let mut builder = self.machine(&instance.name, index, &shape);
        let mut spec = self.eni(interface, bandwidth);
        spec.plan.source_dest_check = instance.source_dest_check;
        settle(&mut spec, instance);
        builder.attach_eni(builder.root(), &spec, Attachment::Interface);
        builder.install_container_instance(instance.docker, instance.trunking)?;
        Ok(builder)
    }

    fn host(
        &self,
        host: &HostPlan,
        interface: &Interface,
        index: usize,
    ) -> Result<MachineBuilder, BuildError> {
        if host.mtu < LEAST_MTU {
            return Err(BuildError::MtuTooSmall {
                host: host.name.clone(),
                mtu: host.mtu,
            });
        }
        let HostPlan {
            cores,
            profile,
            bandwidth,
            ..
        } = host;
        // An internet gateway limits who is behind it.
        let inside = interface.subnet.is_some();
        let shape = Shape {
            cores: *cores,
            profile,
            bandwidth: bandwidth.map(|b| BandwidthPlan {
                internet: b.internet.filter(|_| inside),
                ..b
            }),
            offloads: host.offloads,
        };
        let mut builder = self.machine(&host.name, index, &shape);
        let mut spec = self.eni(interface, *bandwidth);
        spec.plan.mtu = match host.location {
            HostLocation::Internet => host.mtu.min(defaults::MTU_INTERNET.as_usize()),
            HostLocation::Subnet(_) | HostLocation::Service(_) => host.mtu,
        };
        spec.plan.source_dest_check = host.source_dest_check;
        spec.plan.auto_tracking.always = host.always_tracked;
        spec.plan.router = spec.plan.router.filter(|_| host.default_route);
        if interface.subnet.is_none() && !host.default_route {
            spec.subnet = Ipv4Net::from(interface.addr);
        }
        let netns = builder.root();
        builder.attach_eni(netns, &spec, Attachment::Interface);
        for &(prefix, via) in &host.routes {
            builder.add_route(netns, prefix, via);
        }
        Ok(builder)
    }

    fn nat_gateway(&self, name: &str, interface: &Interface, index: usize) -> MachineBuilder {
        let rate = DataRate::from_bps(defaults::NAT_RATE.value).expect("the rate is not zero");
        let bandwidth = BandwidthPlan::constant(rate);
        let mut builder = self.bare(name, interface, index, Some(bandwidth));
        builder.translate(NatTable::new(interface.addr));
        builder
    }

    /// A machine of no cost with one interface, which may send and take what is not its own.
    fn bare(
        &self,
        name: &str,
        interface: &Interface,
        index: usize,
        bandwidth: Option<BandwidthPlan>,
    ) -> MachineBuilder {
        let profile = &CostProfile::shared("ideal").expect("a builtin profile");
        let shape = Shape {
            cores: 1,
            profile,
            bandwidth,
            offloads: false,
        };
        let mut builder = self.machine(name, index, &shape);
        let mut spec = self.eni(interface, bandwidth);
        spec.plan.source_dest_check = false;
        builder.attach_eni(builder.root(), &spec, Attachment::Interface);
        builder
    }

    fn machine(&self, name: &str, index: usize, shape: &Shape<'_>) -> MachineBuilder {
        let account = Account {
            records: self.records.clone(),
            ..Account::default()
        };
        let mut machine = Machine::new(
            name.to_owned(),
            shape.cores,
            shape.profile.clone(),
            Allowance::new(&self.allowance(shape.bandwidth)),
            self.fabric.clone(),
            account,
        );
        machine.offloads = shape.offloads;
        machine.peers_offload = self.plan.offloads();
        machine.sends_trains = self.plan.trains;
        MachineBuilder::new(machine, index, self.streams, idle_tag(self.plan))
    }

    fn eni(&self, interface: &Interface, bandwidth: Option<BandwidthPlan>) -> EniSpec {
        // The link-layer address is given when the interface is attached.
        let mut plan = EniPlan::vpc(interface.addr, Mac::default());
        plan.rules = self.rules[interface.endpoint.index()].clone();
        plan.flow_limit = bandwidth.and_then(|b| self.flow_limit(interface, b));
        // Beyond the VPCs everybody is a neighbour.
        let mut subnet = Ipv4Net::default();
        if let Some(index) = interface.subnet {
            subnet = self.plan.region.subnets[index].cidr;
            plan.router = subnet.hosts().next();
            let routes = self.fabric.routes(index);
            let vpc = self.plan.region.subnets[index].vpc;
            plan.auto_tracking.peers = self.always_tracked[vpc].clone();
            let vpc = &self.plan.region.vpcs[vpc];
            plan.amazon = vpc.resolver_address().map(|resolver| AmazonAccess {
                resolver,
                metadata_ttl: DEFAULT_TTL,
            });
            plan.auto_tracking.routes = routes.has_nat_gateway().then(|| routes.clone());
        }
        EniSpec {
            name: interface.name.clone(),
            addr: interface.addr,
            subnet,
            plan,
            endpoint: interface.endpoint,
        }
    }
}

impl Factory<'_> {
    /// The limit of a flow: a higher one to machines of the same cluster placement group.
    fn flow_limit(&self, interface: &Interface, bandwidth: BandwidthPlan) -> Option<FlowLimitPlan> {
        let mut limit = FlowLimitPlan::new(bandwidth.single_flow?);
        if let (Some(group), Some(rate)) =
            (interface.placement_group, bandwidth.single_flow_in_group)
        {
            let peers = self.addresses.in_placement_group(group);
            limit.fast_peers = Some(FastPeers::new(rate, peers));
        }
        Some(limit)
    }

    fn allowance(&self, bandwidth: Option<BandwidthPlan>) -> AllowancePlan {
        let Some(b) = bandwidth else {
            return AllowancePlan::IDEAL;
        };
        let shaper = ShaperPlan {
            peak: b.peak,
            baseline: b.baseline,
            bucket_bits: b.bucket_bits,
            credit_bits: b.credit_bits,
        };
        // Without a gateway nobody need look for the way of a frame before it is sent.
        let gateways = !self.plan.region.internet_gateways.is_empty();
        AllowancePlan {
            internet: b.internet.filter(|_| gateways),
            connections: b.tracked_connections,
            packets: b.packet_rate.map(PacketRatePlan::new),
            ..AllowancePlan::instance(shaper)
        }
    }
}

//! The machines of a plan, with their interfaces but without tasks and programs.

use std::sync::Arc;

use sim_core::Streams;

use super::address::{Addresses, Interface};
use super::{BuildError, idle_tag};
use crate::cost::CostProfile;
use crate::eni::{
    Allowance, AllowancePlan, EniPlan, FastPeers, FlowLimitPlan, PacketRatePlan, ShaperPlan,
};
use crate::frame::Mac;
use crate::machine::{Account, Machine, WorkloadRecord};
use crate::mode::{Attachment, EniSpec, MachineBuilder};
use crate::plan::{BandwidthPlan, HostPlan, InstancePlan, Plan};
use crate::vpc::{EniRules, Fabric};

/// The machines: instances, micro-VMs, other machines.
#[derive(Debug)]
pub(super) struct Machines {
    pub(super) builders: Vec<MachineBuilder>,
    pub(super) task_enis: Vec<(String, EniSpec)>,
    pub(super) micro_vms: Vec<(String, usize)>,
    /// Number of the first machine that ECS does not manage.
    pub(super) first_host: usize,
}

struct Factory<'a> {
    plan: &'a Plan,
    addresses: &'a Addresses,
    fabric: &'a Arc<Fabric>,
    rules: &'a [Arc<EniRules>],
    streams: Streams,
    records: &'a [WorkloadRecord],
}

pub(super) fn build(
    plan: &Plan,
    addresses: &Addresses,
    fabric: &Arc<Fabric>,
    rules: &[Arc<EniRules>],
    streams: Streams,
    records: &[WorkloadRecord],
) -> Result<Machines, BuildError> {
    let factory = Factory {
        plan,
        addresses,
        fabric,
        rules,
        streams,
        records,
    };
    let mut builders = Vec::new();
    for (instance, interface) in plan.instances.iter().zip(&addresses.instances) {
        builders.push(factory.instance(instance, interface, builders.len())?);
    }
    let mut task_enis = Vec::new();
    let mut micro_vms = Vec::new();
    for (task, interface) in plan.tasks.iter().zip(&addresses.tasks) {
        let Some(interface) = interface else { continue };
        let mut bandwidth = task.instance.map(|index| plan.instances[index].bandwidth);
        if let Some(f) = &task.fargate {
            bandwidth = Some(f.bandwidth);
            let shape = Shape {
                cores: f.cores,
                profile: &f.profile,
                bandwidth,
            };
            micro_vms.push((task.name.clone(), builders.len()));
            builders.push(factory.machine(&task.name, builders.len(), &shape));
        } else if task.instance.is_none() {
            return Err(BuildError::NoTaskSize {
                task: task.name.clone(),
            });
        }
        task_enis.push((task.name.clone(), factory.eni(interface, bandwidth)));
    }
    let first_host = builders.len();
    for (host, interface) in plan.hosts.iter().zip(&addresses.hosts) {
        builders.push(factory.host(host, interface, builders.len())?);
    }
    debug_assert_eq!(first_host, plan.instances.len() + addresses.micro_vms);
    Ok(Machines {
        builders,
        task_enis,
        micro_vms,
        first_host,
    })
}

/// The smallest MTU of an IPv4 link, in octets. Source: RFC 791, §3.2 (specified).
const LEAST_MTU: usize = 68;

struct Shape<'a> {
    cores: usize,
    profile: &'a Arc<CostProfile>,
    bandwidth: Option<BandwidthPlan>,
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
        };
        let mut builder = self.machine(&instance.name, index, &shape);
        let mut spec = self.eni(interface, bandwidth);
        spec.plan.source_dest_check = instance.source_dest_check;
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
        let shape = Shape {
            cores: *cores,
            profile,
            bandwidth: *bandwidth,
        };
        let mut builder = self.machine(&host.name, index, &shape);
        let mut spec = self.eni(interface, *bandwidth);
        spec.plan.mtu = host.mtu;
        spec.plan.router = spec.plan.router.filter(|_| host.default_route);
        let netns = builder.root();
        builder.attach_eni(netns, &spec, Attachment::Interface);
        for &(prefix, via) in &host.routes {
            builder.add_route(netns, prefix, via);
        }
        Ok(builder)
    }

    fn machine(&self, name: &str, index: usize, shape: &Shape<'_>) -> MachineBuilder {
        let account = Account {
            records: self.records.to_vec(),
            ..Account::default()
        };
        let machine = Machine::new(
            name.to_owned(),
            shape.cores,
            shape.profile.clone(),
            Allowance::new(&allowance(shape.bandwidth)),
            self.fabric.clone(),
            account,
        );
        MachineBuilder::new(machine, index, self.streams, idle_tag(self.plan))
    }

    fn eni(&self, interface: &Interface, bandwidth: Option<BandwidthPlan>) -> EniSpec {
        let subnet = self.plan.region.subnets[interface.subnet].cidr;
        let rules = self.rules[interface.endpoint.index()].clone();
        // The link-layer address is given when the interface is attached.
        let mut plan = EniPlan::vpc(interface.addr, Mac::default(), rules);
        plan.router = subnet.hosts().next();
        plan.flow_limit = bandwidth.and_then(|b| self.flow_limit(interface, b));
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
}

fn allowance(bandwidth: Option<BandwidthPlan>) -> AllowancePlan {
    let Some(b) = bandwidth else {
        return AllowancePlan::IDEAL;
    };
    let shaper = ShaperPlan {
        peak: b.peak,
        baseline: b.baseline,
        bucket_bits: b.bucket_bits,
        credit_bits: b.credit_bits,
    };
    AllowancePlan {
        packets: b.packet_rate.map(PacketRatePlan::new),
        ..AllowancePlan::instance(shaper)
    }
}

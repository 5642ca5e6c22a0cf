//! Who gets which address, and what the fabric and the security groups make of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use sim_core::PartitionId;

use super::BuildError;
use super::amazon::Service;
use crate::ids::EniId;
use crate::plan::{HostLocation, HostPlan, Plan, TaskPlan};
use crate::vpc::{
    AddressAllocator, AddressError, AddressPool, Endpoint, EndpointId, EniRules, Fabric,
    FabricError, GroupMembers, Location, NatGatewayPlan, PublicAddress,
};

/// Public addresses are given out of this range. Documentation ranges are too small.
/// Source: RFC 2544, appendix C.2.2, for benchmarks (specified); that it stands for Amazon's pool is
/// assumed.
const PUBLIC_POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 16);

/// Addresses of machines on the internet are given out of this range; the other half of the same.
const INTERNET_POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 19, 0, 0), 16);

/// An interface of the plan with its address.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) name: String,
    /// Its private address; outside the VPCs its only one.
    pub(super) addr: Ipv4Addr,
    /// The address that an internet gateway translates.
    pub(super) public: Option<Ipv4Addr>,
    /// Its subnet; `None` outside the VPCs.
    pub(super) subnet: Option<usize>,
    pub(super) groups: Vec<usize>,
    pub(super) endpoint: EndpointId,
    pub(super) machine: usize,
    eni: EniId,
    location: Location,
    pub(super) placement_group: Option<u32>,
    /// Whether the metadata service answers it.
    metadata: bool,
}

/// All interfaces: of instances, of other machines, of NAT gateways, of tasks, of Amazon's services.
/// Machines are numbered in another order: instances, Fargate tasks, other machines, NAT gateways,
/// Amazon's services.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) instances: Vec<Interface>,
    pub(super) hosts: Vec<Interface>,
    /// By the index of the NAT gateway.
    pub(super) nat_gateways: Vec<Interface>,
    /// By the index of the task; `None` for tasks without an interface of their own.
    pub(super) tasks: Vec<Option<Interface>>,
    pub(super) micro_vms: usize,
    pub(super) services: Vec<(Service, Interface)>,
}

/// An interface that is to have an address.
struct Wanted<'a> {
    name: String,
    subnet: usize,
    address: Option<Ipv4Addr>,
    public: PublicAddress,
    groups: &'a [usize],
    /// Machine and interface.
    at: (usize, usize),
    placement_group: Option<u32>,
    metadata: bool,
}

struct Allocation<'a> {
    plan: &'a Plan,
    subnets: Vec<AddressAllocator>,
    /// Addresses outside the VPCs that somebody has.
    taken: BTreeSet<Ipv4Addr>,
    public: AddressPool,
    internet: AddressPool,
    /// By the index of the prefix list.
    services: BTreeMap<usize, AddressPool>,
    next: usize,
}

fn wrong(name: &str) -> impl FnOnce(AddressError) -> BuildError + '_ {
    move |error| BuildError::Address {
        interface: name.to_owned(),
        error,
    }
}

fn host_interface(host: &HostPlan) -> String {
    format!("{}/eth0", host.name)
}

fn nat_interface(nat: &NatGatewayPlan) -> String {
    format!("{}/eth0", nat.name)
}

impl<'a> Allocation<'a> {
    /// Every address that the plan itself names is taken before any other is given out.
    fn new(plan: &'a Plan) -> Result<Self, BuildError> {
        let region = &plan.region;
        let mut this = Self {
            plan,
            subnets: region
                .subnets
                .iter()
                .map(|s| AddressAllocator::new(s.cidr))
                .collect(),
            taken: BTreeSet::new(),
            public: AddressPool::new(&[PUBLIC_POOL]),
            internet: AddressPool::new(&[INTERNET_POOL]),
            services: BTreeMap::new(),
            next: 0,
        };
        for host in &plan.hosts {
            let name = host_interface(host);
            if let Some(addr) = host.address {
                this.reserve(host.location, addr).map_err(wrong(&name))?;
            }
            this.reserve_public(&name, host.public_address)?;
        }
        for nat in &region.nat_gateways {
            let name = nat_interface(nat);
            if let Some(addr) = nat.address {
                let subnet = HostLocation::Subnet(nat.subnet);
                this.reserve(subnet, addr).map_err(wrong(&name))?;
            }
            this.reserve_public(&name, nat.public_address)?;
        }
        for instance in &plan.instances {
            this.reserve_public(&instance.name, instance.public_address)?;
        }
        for task in &plan.tasks {
            if let Some(network) = &task.network {
                this.reserve_public(&task.name, network.public_address)?;
            }
        }
        Ok(this)
    }

    fn reserve(&mut self, location: HostLocation, addr: Ipv4Addr) -> Result<(), AddressError> {
        match location {
            HostLocation::Subnet(subnet) => return self.subnets[subnet].reserve(addr),
            HostLocation::Service(list) => {
                let list = &self.plan.region.prefix_lists[list];
                if !list.cidrs.iter().any(|cidr| cidr.contains(&addr)) {
                    let list = list.name.clone();
                    return Err(AddressError::NotInPrefixList { addr, list });
                }
            }
            HostLocation::Internet => {}
        }
        self.take(addr)
    }

    fn reserve_public(&mut self, name: &str, public: PublicAddress) -> Result<(), BuildError> {
        match public {
            PublicAddress::Fixed(addr) => self.take(addr).map_err(wrong(name)),
            PublicAddress::None | PublicAddress::Assigned => Ok(()),
        }
    }

    fn take(&mut self, addr: Ipv4Addr) -> Result<(), AddressError> {
        if self.taken.insert(addr) {
            Ok(())
        } else {
            Err(AddressError::InUse { addr })
        }
    }

    /// An interface in a subnet.
    fn interface(&mut self, wanted: Wanted<'_>) -> Result<Interface, BuildError> {
        let addr = match wanted.address {
            Some(addr) => addr,
            None => self.subnets[wanted.subnet]
                .allocate()
                .map_err(wrong(&wanted.name))?,
        };
        let public = match wanted.public {
            PublicAddress::None => None,
            PublicAddress::Fixed(addr) => Some(addr),
            PublicAddress::Assigned => {
                let given = self.public.allocate(&mut self.taken);
                Some(given.map_err(wrong(&wanted.name))?)
            }
        };
        Ok(Interface {
            addr,
            public,
            subnet: Some(wanted.subnet),
            groups: wanted.groups.to_vec(),
            endpoint: self.endpoint(),
            machine: wanted.at.0,
            eni: EniId::new(wanted.at.1),
            location: Location::Vpc {
                subnet: wanted.subnet,
                zone: self.plan.region.subnets[wanted.subnet].zone,
                placement_group: wanted.placement_group,
            },
            placement_group: wanted.placement_group,
            metadata: wanted.metadata,
            name: wanted.name,
        })
    }

    fn host(&mut self, host: &HostPlan, machine: usize) -> Result<Interface, BuildError> {
        let name = host_interface(host);
        let (location, pool) = match host.location {
            HostLocation::Subnet(subnet) => {
                return self.interface(Wanted {
                    name,
                    subnet,
                    address: host.address,
                    public: host.public_address,
                    groups: &host.security_groups,
                    at: (machine, 0),
                    placement_group: None,
                    metadata: true,
                });
            }
            HostLocation::Internet => (Location::Internet, &mut self.internet),
            HostLocation::Service(list) => {
                let cidrs = &self.plan.region.prefix_lists[list].cidrs;
                let pool = self.services.entry(list);
                let pool = pool.or_insert_with(|| AddressPool::new(cidrs));
                (Location::Service(list), pool)
            }
        };
        let addr = match host.address {
            Some(addr) => addr,
            None => pool.allocate(&mut self.taken).map_err(wrong(&name))?,
        };
        Ok(Interface {
            name,
            addr,
            public: None,
            subnet: None,
            groups: Vec::new(),
            endpoint: self.endpoint(),
            machine,
            eni: EniId::new(0),
            location,
            placement_group: None,
            metadata: false,
        })
    }

    fn nat_gateway(
        &mut self,
        nat: &NatGatewayPlan,
        machine: usize,
    ) -> Result<Interface, BuildError> {
        self.interface(Wanted {
            name: nat_interface(nat),
            subnet: nat.subnet,
            address: nat.address,
            public: nat.public_address,
            groups: &[],
            at: (machine, 0),
            placement_group: None,
            metadata: false,
        })
    }

    fn service(&mut self, service: Service, machine: usize) -> Interface {
        let Service { vpc, kind } = service;
        Interface {
            name: format!("{}/eth0", service.name(self.plan)),
            addr: service.address(),
            public: None,
            subnet: None,
            groups: Vec::new(),
            endpoint: self.endpoint(),
            machine,
            eni: EniId::new(0),
            location: Location::Amazon { vpc, service: kind },
            placement_group: None,
            metadata: false,
        }
    }

    fn endpoint(&mut self) -> EndpointId {
        self.next += 1;
        EndpointId::new(self.next - 1)
    }

    fn instances(&mut self) -> Result<Vec<Interface>, BuildError> {
        let mut made = Vec::new();
        for (index, instance) in self.plan.instances.iter().enumerate() {
            made.push(self.interface(Wanted {
                name: format!("{}/eth0", instance.name),
                subnet: instance.subnet,
                address: None,
                public: instance.public_address,
                groups: &instance.security_groups,
                at: (index, 0),
                placement_group: instance.placement_group,
                metadata: instance.metadata.enabled,
            })?);
        }
        Ok(made)
    }

    /// The interface of a task; `at` says where. The metadata service is the instance's, and a
    /// micro-VM has none.
    fn task(
        &mut self,
        task: &TaskPlan,
        at: (usize, usize),
    ) -> Result<Option<Interface>, BuildError> {
        let Some(network) = &task.network else {
            return Ok(None);
        };
        let instance = task.instance.map(|index| &self.plan.instances[index]);
        if instance.is_some() && network.public_address != PublicAddress::None {
            return Err(BuildError::PublicAddressOnEc2 {
                task: task.name.clone(),
            });
        }
        let interface = self.interface(Wanted {
            name: format!("{}/eth0", task.name),
            subnet: network.subnet,
            address: None,
            public: network.public_address,
            groups: &network.security_groups,
            at,
            placement_group: instance.and_then(|i| i.placement_group),
            metadata: instance.is_some_and(|i| i.metadata.enabled),
        })?;
        Ok(Some(interface))
    }
}

impl Addresses {
    pub(super) fn allocate(plan: &Plan) -> Result<Self, BuildError> {
        let mut allocation = Allocation::new(plan)?;
        let instances = allocation.instances()?;
        // Machines outside ECS come before tasks, so that another task moves none of their
        // addresses; among the machines they are last.
        let first_host =
            plan.instances.len() + plan.tasks.iter().filter(|t| t.fargate.is_some()).count();
        let mut hosts = Vec::new();
        for (index, host) in plan.hosts.iter().enumerate() {
            hosts.push(allocation.host(host, first_host + index)?);
        }
        let first_nat = first_host + hosts.len();
        let mut nat_gateways = Vec::new();
        for (index, nat) in plan.region.nat_gateways.iter().enumerate() {
            nat_gateways.push(allocation.nat_gateway(nat, first_nat + index)?);
        }
        let mut enis = vec![1; plan.instances.len()];
        let mut micro_vms = 0;
        let mut tasks = Vec::new();
        for task in &plan.tasks {
            let at = match task.instance {
                Some(instance) => (instance, enis[instance]),
                None => (plan.instances.len() + micro_vms, 0),
            };
            let made = allocation.task(task, at)?;
            match task.instance.filter(|_| made.is_some()) {
                Some(instance) => enis[instance] += 1,
                None => micro_vms += usize::from(made.is_some()),
            }
            tasks.push(made);
        }
        let first_service = first_nat + nat_gateways.len();
        let services = super::amazon::services(plan)
            .into_iter()
            .enumerate()
            .map(|(index, service)| {
                let interface = allocation.service(service, first_service + index);
                (service, interface)
            })
            .collect();
        Ok(Self {
            instances,
            hosts,
            nat_gateways,
            tasks,
            micro_vms,
            services,
        })
    }

    /// Every interface, in the order of its endpoint's number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.instances
            .iter()
            .chain(&self.hosts)
            .chain(&self.nat_gateways)
            .chain(self.tasks.iter().flatten())
            .chain(self.services.iter().map(|(_, interface)| interface))
    }

    /// The addresses of all interfaces in a cluster placement group.
    pub(super) fn in_placement_group(&self, group: u32) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.iter()
            .filter(move |i| i.placement_group == Some(group))
            .map(|i| i.addr)
    }

    /// For each VPC, the addresses by which it knows the interfaces that track all their flows,
    /// sorted: private ones of its own and of its peers, and public ones.
    pub(super) fn always_tracked(&self, plan: &Plan) -> Vec<Arc<[Ipv4Addr]>> {
        let region = &plan.region;
        let hosts = plan.hosts.iter().zip(&self.hosts);
        let always: Vec<_> = hosts
            .filter(|(host, _)| host.always_tracked)
            .filter_map(|(_, interface)| Some((region.subnets[interface.subnet?].vpc, interface)))
            .collect();
        let known = |vpc| {
            let private = always.iter().filter(move |(of, _)| region.joins(vpc, *of));
            let public = always.iter().filter_map(|(_, interface)| interface.public);
            let mut addrs: Vec<_> = private.map(|(_, i)| i.addr).chain(public).collect();
            addrs.sort_unstable();
            addrs.into()
        };
        (0..region.vpcs.len()).map(known).collect()
    }

    pub(super) fn fabric(&self, plan: &Plan) -> Result<Fabric, FabricError> {
        let endpoints = self.iter().map(|interface| Endpoint {
            partition: PartitionId::new(interface.machine),
            eni: interface.eni,
            addr: interface.addr,
            public: interface.public,
            location: interface.location,
            metadata: interface.metadata,
        });
        let nat_gateways = self.nat_gateways.iter().map(|i| i.endpoint).collect();
        Fabric::new(&plan.region, endpoints, nat_gateways)
    }

    /// What each interface's security groups allow, by the number of its endpoint; `None` where
    /// nothing is filtered. Interfaces with the same groups share one compiled set.
    pub(super) fn rules(&self, plan: &Plan) -> Vec<Option<Arc<EniRules>>> {
        let (groups, lists) = (&plan.region.security_groups, &plan.region.prefix_lists);
        let pairs = self
            .iter()
            .flat_map(|i| i.groups.iter().map(|&g| (g, i.addr)));
        let members = GroupMembers::new(groups.len(), pairs);
        let mut compiled: BTreeMap<&[usize], Arc<EniRules>> = BTreeMap::new();
        self.iter()
            .map(|interface| {
                // Without groups there is nothing to ask: outside, NAT gateways, load balancers.
                if interface.groups.is_empty() {
                    return None;
                }
                let rules = compiled
                    .entry(&interface.groups)
                    .or_insert_with_key(|g| Arc::new(EniRules::compile(groups, g, &members, lists)))
                    .clone();
                Some(rules)
            })
            .collect()
    }
}

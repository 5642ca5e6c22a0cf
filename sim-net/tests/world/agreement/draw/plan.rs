//! The plan of a drawn world.

use std::ops::RangeInclusive;

use sim_core::SimTime;
use sim_net::headers::Protocol;
use sim_net::plan::{
    DockerPlan, HostLocation, HostPlan, InstancePlan, ListenerPlan, MetadataPlan, Mode, Place,
    Plan, TaskNetworkPlan, TaskPlan,
};
use sim_net::vpc::{
    AclEntryPlan, GatewayEndpointPlan, InternetGatewayPlan, Lifetime, NatGatewayPlan,
    NetworkAclPlan, PeerPlan, PeeringPlan, PrefixListPlan, PublicAddress, RegionPlan,
    RouteDestination, RoutePlan, RouteTablePlan, RouteTarget, RulePlan, SecurityGroupPlan,
    SubnetPlan, VpcPlan,
};

use crate::support::{host, instance, open_vpc, plan, target, task};

use super::{Draw, Host, Instance, Rule, Subnet, Task};

fn protocol(number: usize) -> Option<Protocol> {
    match number {
        0 => None,
        1 => Some(Protocol::Tcp),
        2 => Some(Protocol::Udp),
        _ => Some(Protocol::Icmp),
    }
}

fn ports(number: usize, cut: bool) -> RangeInclusive<u16> {
    match number {
        6 if cut => 1024..=40_000,
        7 if cut => 33_000..=u16::MAX,
        0 => 0..=u16::MAX,
        1 => 80..=80,
        2 => 1024..=u16::MAX,
        3 => 0..=1023,
        4 => 0..=79,
        _ => 53..=443,
    }
}

fn cidr(number: usize) -> ipnet::Ipv4Net {
    let text = match number {
        0 => "0.0.0.0/0",
        1 => "10.0.0.0/16",
        2 => "10.1.0.0/16",
        3 => "10.0.0.0/24",
        4 => "198.18.0.0/15",
        _ => "10.0.0.0/8",
    };
    text.parse().expect("a network")
}

/// The first two octets of the range of `docker0`.
const DOCKER: &str = "172.17";

const LISTS: [&str; 2] = ["203.0.113.0/24", "192.0.2.128/25"];

/// The moment of evaluation, before which nothing but the first attempt is made.
pub(crate) const CHANGE: SimTime = SimTime::from_ps(1);

fn lifetime((before, after): (bool, bool)) -> Lifetime {
    Lifetime {
        from: if before { SimTime::ZERO } else { CHANGE },
        until: if after { SimTime::MAX } else { CHANGE },
    }
}

fn public(has_one: bool) -> PublicAddress {
    if has_one {
        PublicAddress::Assigned
    } else {
        PublicAddress::None
    }
}

/// An identifier and a name.
fn named(what: &str, index: usize) -> (String, String) {
    (format!("{what}-{index}"), format!("{what}{index}"))
}

impl Draw {
    pub(crate) fn plan(&self) -> Plan {
        let mut plan = plan(Vec::new());
        plan.region = self.region();
        plan.instances = (0..)
            .zip(&self.instances)
            .map(|(index, i)| self.instance(index, i))
            .collect();
        plan.hosts = (0..)
            .zip(&self.hosts)
            .map(|(index, h)| self.host(index, h))
            .collect();
        plan.tasks = (0..)
            .zip(&self.tasks)
            .map(|(index, t)| self.task(index, t))
            .collect();
        let hosts = (0..plan.hosts.len()).map(|host| target(Place::Host(host), 53));
        let instances = (0..plan.instances.len()).map(|i| target(Place::Instance(i), 9100));
        for target in hosts.chain(instances) {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                plan.listeners.push(ListenerPlan { target, protocol });
            }
        }
        plan
    }

    fn vpc(&self, number: usize) -> usize {
        number % self.vpcs.len()
    }

    /// The first two octets of the ranges of a VPC.
    fn ranges(&self, vpc: usize) -> Vec<String> {
        let last = self.vpcs.len() - 1;
        let peered =
            |&(a, b, _): &(usize, usize, bool)| [a, b].map(|v| self.vpc(v)).contains(&last);
        let same = self.same_range && !self.peerings.iter().any(peered);
        let first = match vpc == last {
            true if self.shadowed => DOCKER.into(),
            true if same => "10.0".into(),
            _ => format!("10.{vpc}"),
        };
        let second = self.second_range.then(|| format!("100.{}", 64 + vpc));
        std::iter::once(first).chain(second).collect()
    }

    /// The range of a subnet: its number among those of its VPC.
    fn cidr(&self, index: usize) -> String {
        let vpc = |subnet: &Subnet| self.vpc(subnet.vpc);
        let (before, own) = (&self.subnets[..index], vpc(&self.subnets[index]));
        let number = before.iter().filter(|subnet| vpc(subnet) == own).count();
        let ranges = self.ranges(own);
        format!("{}.{number}.0/24", ranges[number % ranges.len()])
    }

    fn groups(&self, number: usize) -> Vec<usize> {
        match number {
            3 => vec![0, 1],
            4 => Vec::new(),
            group => vec![group],
        }
    }

    fn region(&self) -> RegionPlan {
        let mut region = RegionPlan {
            subnets: Vec::new(),
            security_groups: Vec::new(),
            vpcs: Vec::new(),
            ..open_vpc()
        };
        for (index, &(dns_support, internet)) in self.vpcs.iter().enumerate() {
            let (id, name) = named("vpc", index);
            region.vpcs.push(VpcPlan {
                id,
                name,
                cidrs: self
                    .ranges(index)
                    .iter()
                    .map(|range| match range.as_str() {
                        // Or the resolver would have the address of a container.
                        DOCKER => "172.16.0.0/15".into(),
                        range => format!("{range}.0.0/16"),
                    })
                    .map(|range| range.parse().expect("a network"))
                    .collect(),
                dns_support,
            });
            if internet {
                let (id, name) = named("igw", index);
                let vpc = index;
                region
                    .internet_gateways
                    .push(InternetGatewayPlan { vpc, id, name });
            }
        }
        for (index, list) in LISTS.iter().enumerate() {
            region.prefix_lists.push(PrefixListPlan {
                id: format!("pl-{index}"),
                name: format!("com.amazonaws.s{index}"),
                cidrs: vec![list.parse().expect("a network")],
            });
        }
        self.gateways(&mut region);
        for (index, group) in self.groups.iter().enumerate() {
            let (id, name) = named("sg", index);
            let rules = |rules: &[Rule]| rules.iter().map(|rule| self.rule(*rule)).collect();
            region.security_groups.push(SecurityGroupPlan {
                vpc: 0,
                id,
                name,
                ingress: rules(&group[0]),
                egress: rules(&group[1]),
            });
        }
        for (index, subnet) in self.subnets.iter().enumerate() {
            self.subnet(index, subnet, &mut region);
        }
        region
    }

    fn gateways(&self, region: &mut RegionPlan) {
        for (index, (subnet, is_public)) in self.nat_gateways.iter().enumerate() {
            let (id, name) = named("nat", index);
            region.nat_gateways.push(NatGatewayPlan {
                id,
                name,
                subnet: subnet % self.subnets.len(),
                address: None,
                public_address: public(*is_public),
            });
        }
        for (index, &(a, b, active)) in self.peerings.iter().enumerate() {
            let (requester, accepter) = (self.vpc(a), self.vpc(b));
            let (id, name) = named("pcx", index);
            region.peerings.push(PeeringPlan {
                id,
                name,
                requester,
                accepter,
                active,
            });
        }
        for (index, &(vpc, prefix_list)) in self.endpoints.iter().enumerate() {
            let (id, name) = named("vpce", index);
            region.gateway_endpoints.push(GatewayEndpointPlan {
                vpc: self.vpc(vpc),
                id,
                name,
                prefix_list,
            });
        }
    }

    fn rule(&self, rule: Rule) -> RulePlan {
        let peer = match rule.peer {
            6 => PeerPlan::Group(rule.ports % self.groups.len()),
            7 => PeerPlan::PrefixList(rule.ports % LISTS.len()),
            number => PeerPlan::Cidr(cidr(number)),
        };
        RulePlan {
            id: "sgr".into(),
            protocol: protocol(rule.protocol),
            ports: if rule.protocol == 3 {
                0..=u16::MAX
            } else {
                ports(rule.ports, self.cut)
            },
            peer,
            lifetime: lifetime(rule.there),
        }
    }

    fn subnet(&self, index: usize, subnet: &Subnet, region: &mut RegionPlan) {
        let vpc = self.vpc(subnet.vpc);
        let id = |what: &str| format!("{what}-{index}");
        let route_table = subnet.routes.as_ref().map(|routes| {
            let drawn = routes
                .iter()
                .filter_map(|&(to, target)| self.route(to, target, vpc, region));
            let local = region.vpcs[vpc].cidrs.iter().map(|cidr| RoutePlan {
                destination: RouteDestination::Cidr(*cidr),
                target: RouteTarget::Local,
                propagated: false,
            });
            let routes = local.chain(drawn).collect();
            region.route_tables.push(RouteTablePlan {
                vpc,
                id: id("rtb"),
                name: id("rtb"),
                routes,
            });
            region.route_tables.len() - 1
        });
        let network_acl = subnet.acl.as_ref().map(|[ingress, egress]| {
            let entries = |rules: &[Rule]| {
                let numbered = (100..).step_by(10).zip(rules);
                let entry = |(number, rule): (u16, &Rule)| AclEntryPlan {
                    number,
                    allow: rule.allow,
                    protocol: protocol(rule.protocol),
                    ports: if rule.protocol == 3 {
                        0..=u16::MAX
                    } else {
                        ports(rule.ports, self.cut)
                    },
                    cidr: cidr(rule.peer),
                    lifetime: lifetime(rule.there),
                };
                numbered.map(entry).collect()
            };
            region.network_acls.push(NetworkAclPlan {
                vpc,
                id: id("acl"),
                name: id("acl"),
                ingress: entries(ingress),
                egress: entries(egress),
            });
            region.network_acls.len() - 1
        });
        region.subnets.push(SubnetPlan {
            vpc,
            id: id("subnet"),
            name: id("subnet"),
            cidr: self.cidr(index).parse().expect("a network"),
            zone: index % 2,
            route_table,
            network_acl,
        });
    }

    /// A route; `None` where what it would lead to is not there.
    fn route(
        &self,
        to: usize,
        target: usize,
        vpc: usize,
        region: &RegionPlan,
    ) -> Option<RoutePlan> {
        let destination = match to {
            0..3 => RouteDestination::Cidr(cidr(0)),
            3 => RouteDestination::PrefixList(target % LISTS.len()),
            4 => RouteDestination::Cidr("198.19.0.0/16".parse().expect("a network")),
            5 => RouteDestination::Cidr("10.0.0.0/15".parse().expect("a network")),
            other => {
                let to = &region.vpcs[self.vpc(vpc + other)];
                RouteDestination::Cidr(to.cidrs[other % to.cidrs.len()])
            }
        };
        let some = |list: usize| list.checked_sub(1).map(|most| (to + target) % (most + 1));
        let endpoint = some(region.gateway_endpoints.len()).filter(|_| target == 6);
        let destination = match endpoint {
            Some(endpoint) if to >= 3 => {
                RouteDestination::PrefixList(region.gateway_endpoints[endpoint].prefix_list)
            }
            _ => destination,
        };
        let target = match target {
            0..2 => {
                let own = region.internet_gateways.iter().position(|g| g.vpc == vpc);
                RouteTarget::InternetGateway(own?)
            }
            2..4 => RouteTarget::NatGateway(some(region.nat_gateways.len())?),
            4..6 => RouteTarget::Peering(some(region.peerings.len())?),
            6 => RouteTarget::GatewayEndpoint(endpoint?),
            7 => RouteTarget::Blackhole,
            _ => RouteTarget::Unmodelled("tgw-0".into()),
        };
        Some(RoutePlan {
            destination,
            target,
            propagated: to == 2,
        })
    }

    fn instance(&self, index: usize, drawn: &Instance) -> InstancePlan {
        let [userland_proxy, icc, br_netfilter, hairpin] = drawn.docker;
        let [enabled, tokens_required, blocked_for_tasks] = drawn.metadata;
        let subnet = drawn.subnet % self.subnets.len();
        let here = |task: &Task| task.instance % self.instances.len() == index;
        let bridge = self
            .tasks
            .iter()
            .any(|task| here(task) && Mode::ALL[task.mode] == Mode::Bridge);
        InstancePlan {
            security_groups: self.groups(drawn.group),
            public_address: public(drawn.public),
            docker: DockerPlan {
                enabled: drawn.has_docker || bridge,
                userland_proxy,
                icc,
                br_netfilter,
                hairpin,
                ..DockerPlan::default()
            },
            metadata: MetadataPlan {
                enabled,
                hop_limit: drawn.hop_limit,
                tokens_required,
                blocked_for_tasks,
            },
            source_dest_check: drawn.check,
            trunking: drawn.trunking,
            ..instance(&format!("i-{index}"), subnet, "ideal")
        }
    }

    fn host(&self, index: usize, drawn: &Host) -> HostPlan {
        let location = match drawn.at {
            4 => HostLocation::Internet,
            5 => HostLocation::Service(0),
            6 => HostLocation::Service(1),
            subnet => HostLocation::Subnet(subnet % self.subnets.len()),
        };
        let inside = location.subnet().is_some();
        HostPlan {
            location,
            public_address: public(drawn.public && inside),
            security_groups: if inside {
                self.groups(drawn.group)
            } else {
                Vec::new()
            },
            always_tracked: drawn.always_tracked && inside,
            source_dest_check: drawn.check,
            default_route: drawn.default_route,
            routes: match location {
                HostLocation::Subnet(subnet) if drawn.route => {
                    let docker = "172.17.0.0/16".parse().expect("a network");
                    let net: ipnet::Ipv4Net = self.cidr(subnet).parse().expect("a network");
                    let first = net.hosts().nth(3).expect("it has 254 addresses");
                    vec![(docker, first)]
                }
                _ => Vec::new(),
            },
            ..host(&format!("host-{index}"), 0)
        }
    }

    fn task(&self, index: usize, drawn: &Task) -> TaskPlan {
        let mode = Mode::ALL[drawn.mode];
        let number = u16::try_from(index).expect("a few tasks");
        let at = drawn.instance % self.instances.len();
        let mut made = task(&format!("task/{index}"), mode, at, 8080 + number);
        if mode == Mode::Host {
            for port in &mut made.containers[0].ports {
                port.container_port = 8090 + number;
                port.host_port = 8090 + number;
            }
        }
        let own = |_: TaskNetworkPlan| TaskNetworkPlan {
            subnet: drawn.subnet % self.subnets.len(),
            security_groups: self.groups(drawn.group),
            public_address: public(drawn.public && mode == Mode::Fargate),
        };
        made.network = made.network.map(own);
        made
    }
}

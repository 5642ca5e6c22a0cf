//! The VPC: zones, subnets, security groups, latencies.

use ipnet::Ipv4Net;
use sim_core::Ratio;
use sim_net::headers::Protocol;
use sim_net::vpc::{
    JitterPlan, LatencyPlan, Lifetime, PeerPlan, RegionPlan, RulePlan, SecurityGroupPlan,
    SubnetPlan, VpcPlan,
};

use super::{Context, unknown};
use crate::diagnostic::Problem;
use crate::document::reader::At;
use crate::toml::spec::{
    JitterSpec, LatencySpec, Ports, RuleProtocol, RuleSpec, SecurityGroupSpec, SubnetSpec, VpcSpec,
};

/// Prefix lengths that EC2 gives to VPCs and subnets.
///
/// Source: Amazon VPC User Guide, subnet sizing (vendor).
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;

/// Rules that a security group can have in one direction.
///
/// Source: Amazon VPC User Guide, amazon-vpc-limits (vendor): 60 by default; it can be raised as long
/// as rules times groups of an interface stay below 1000.
const MAX_RULES: usize = 1000;

/// The network.
pub(super) fn vpc(spec: Option<&VpcSpec>, context: &mut Context<'_>) -> RegionPlan {
    let empty = VpcSpec::default();
    let spec = spec.unwrap_or(&empty);
    let cidr = cidr(spec, context);
    let zones = zones(spec, context);
    let subnets = if spec.subnet.is_empty() {
        default_subnets(cidr, &zones, spec, context)
    } else {
        subnets(&spec.subnet, cidr, &zones, context)
    };
    let security_groups = if spec.security_group.is_empty() {
        context.assume("no security group is given: one that allows everything is used");
        vec![open_group()]
    } else {
        security_groups(&spec.security_group, context)
    };
    RegionPlan {
        vpcs: vec![VpcPlan {
            id: "vpc-0".to_owned(),
            name: "vpc".to_owned(),
            cidrs: vec![cidr],
            dns_support: true,
        }],
        zones,
        subnets,
        security_groups,
        latency: latency(spec.latency.as_ref(), spec.jitter.as_ref()),
        loss: spec.loss.as_ref().map_or(Ratio::ZERO, |loss| loss.value),
        ..RegionPlan::default()
    }
}

fn cidr(spec: &VpcSpec, context: &mut Context<'_>) -> Ipv4Net {
    if let Some(cidr) = &spec.cidr {
        prefix("VPC", cidr, context);
        return cidr.value;
    }
    let around = spec
        .subnet
        .first()
        .map_or([10, 0, 0, 0].into(), |subnet| subnet.cidr.value.addr());
    Ipv4Net::new_assert(around, 16).trunc()
}

fn prefix(what: &str, cidr: &At<Ipv4Net>, context: &mut Context<'_>) {
    let length = cidr.value.prefix_len();
    if !PREFIXES.contains(&length) {
        let message = format!("a {what} of /{length} is not possible: {}", cidr.value);
        let help = format!("give /{} to /{}", PREFIXES.start(), PREFIXES.end());
        context.error(cidr, Problem::new("bad-prefix", message).with_help(help));
    }
}

fn zones(spec: &VpcSpec, context: &mut Context<'_>) -> Vec<String> {
    if let Some(zones) = &spec.zones {
        context.apart("zones", zones.iter());
        if !zones.is_empty() {
            return zones.iter().map(|zone| zone.value.clone()).collect();
        }
    }
    let mut zones: Vec<String> = Vec::new();
    for subnet in &spec.subnet {
        if !zones.contains(&subnet.zone.value) {
            zones.push(subnet.zone.value.clone());
        }
    }
    if zones.is_empty() {
        zones = vec!["a".to_owned(), "b".to_owned()];
    }
    zones
}

/// One subnet per zone, each a sixteenth of the VPC (a /20 of a /16).
fn default_subnets(
    cidr: Ipv4Net,
    zones: &[String],
    spec: &VpcSpec,
    context: &mut Context<'_>,
) -> Vec<SubnetPlan> {
    let length = (cidr.prefix_len() + 4).min(*PREFIXES.end());
    let parts = cidr
        .subnets(length)
        .map(Iterator::collect)
        .unwrap_or_else(|_| vec![cidr]);
    if parts.len() < zones.len() {
        let message = format!(
            "{} zones do not fit in {cidr} without subnets given",
            zones.len()
        );
        let problem = Problem::new("no-room", message).with_help("give [[vpc.subnet]]");
        match &spec.cidr {
            Some(cidr) => context.error(cidr, problem),
            None => context.error_in_file("vpc.zones", problem),
        }
    }
    let subnet = |(zone, (name, cidr)): (usize, (&String, Ipv4Net))| SubnetPlan {
        vpc: 0,
        id: format!("subnet-{name}"),
        name: name.clone(),
        cidr,
        zone,
        route_table: None,
        network_acl: None,
    };
    let subnets: Vec<_> = zones.iter().zip(parts).enumerate().map(subnet).collect();
    let list: Vec<_> = subnets
        .iter()
        .map(|s| format!("{} {}", s.name, s.cidr))
        .collect();
    context.assume(format!(
        "no subnet is given: one per zone is used ({})",
        list.join(", ")
    ));
    subnets
}

fn subnets(
    specs: &[SubnetSpec],
    vpc: Ipv4Net,
    zones: &[String],
    context: &mut Context<'_>,
) -> Vec<SubnetPlan> {
    context.apart("subnets", specs.iter().map(|subnet| &subnet.name));
    let mut subnets: Vec<SubnetPlan> = Vec::with_capacity(specs.len());
    for spec in specs {
        let (name, cidr) = (&spec.name.value, spec.cidr.value);
        prefix("subnet", &spec.cidr, context);
        if !vpc.contains(&cidr) {
            let message = format!("subnet {name:?} ({cidr}) is outside the VPC ({vpc})");
            let help = format!("choose a range inside {vpc}, or a wider `vpc.cidr`");
            context.error(
                &spec.cidr,
                Problem::new("outside-vpc", message).with_help(help),
            );
        }
        let overlaps =
            |other: &&SubnetPlan| other.cidr.contains(&cidr) || cidr.contains(&other.cidr);
        if let Some(other) = subnets.iter().find(overlaps) {
            let message = format!(
                "subnet {name:?} ({cidr}) overlaps {:?} ({})",
                other.name, other.cidr
            );
            let problem = Problem::new("overlapping-subnets", message);
            context.error(
                &spec.cidr,
                problem.with_help("choose ranges that are apart"),
            );
        }
        let zone = context.find("zone", &spec.zone, zones.iter().map(String::as_str));
        let (id, name) = (format!("subnet-{name}"), name.clone());
        subnets.push(SubnetPlan {
            vpc: 0,
            id,
            name,
            cidr,
            zone: zone.unwrap_or(0),
            route_table: None,
            network_acl: None,
        });
    }
    subnets
}

/// Everything in, everything out.
fn open_group() -> SecurityGroupPlan {
    let rule = |id: &str| anything(format!("sgr-open-{id}"));
    SecurityGroupPlan {
        vpc: 0,
        id: "sg-open".to_owned(),
        name: "open".to_owned(),
        ingress: vec![rule("ingress-0")],
        egress: vec![rule("egress-0")],
    }
}

fn anything(id: String) -> RulePlan {
    RulePlan {
        id,
        protocol: None,
        ports: 0..=u16::MAX,
        peer: PeerPlan::Cidr(Ipv4Net::default()),
        lifetime: Lifetime::ALWAYS,
    }
}

fn security_groups(
    specs: &[SecurityGroupSpec],
    context: &mut Context<'_>,
) -> Vec<SecurityGroupPlan> {
    context.apart("security groups", specs.iter().map(|group| &group.name));
    let names: Vec<&str> = specs
        .iter()
        .map(|group| group.name.value.as_str())
        .collect();
    let mut groups = Vec::with_capacity(specs.len());
    for spec in specs {
        let name = &spec.name.value;
        let mut direction = |word: &str, rules: &[RuleSpec]| {
            if rules.len() > MAX_RULES {
                let message = format!("security group {name:?} has {} {word} rules", rules.len());
                let problem = Problem::new("too-many", message);
                let help = format!("give at most {MAX_RULES}");
                context.error(&spec.name, problem.with_help(help));
            }
            let rules = rules.iter().enumerate();
            let id = |index| format!("sgr-{name}-{word}-{index}");
            rules
                .map(|(index, spec)| rule(id(index), spec, &names, context))
                .collect::<Vec<_>>()
        };
        let ingress = direction("ingress", spec.ingress.as_deref().unwrap_or(&[]));
        let egress = match &spec.egress {
            Some(rules) => direction("egress", rules),
            // A new security group lets everything out. Source: Amazon VPC User Guide (vendor).
            None => vec![anything(format!("sgr-{name}-egress-0"))],
        };
        groups.push(SecurityGroupPlan {
            vpc: 0,
            id: format!("sg-{name}"),
            name: name.clone(),
            ingress,
            egress,
        });
    }
    groups
}

fn rule(id: String, spec: &RuleSpec, names: &[&str], context: &mut Context<'_>) -> RulePlan {
    let word = spec
        .protocol
        .as_ref()
        .map_or(RuleProtocol::All, |protocol| protocol.value);
    let protocol = match word {
        RuleProtocol::All => None,
        RuleProtocol::Tcp => Some(Protocol::Tcp),
        RuleProtocol::Udp => Some(Protocol::Udp),
        RuleProtocol::Icmp => Some(Protocol::Icmp),
    };
    let ports = match &spec.ports {
        Some(ports) => {
            if matches!(word, RuleProtocol::All | RuleProtocol::Icmp) {
                let problem = Problem::new("ports-without-protocol", "`ports` without TCP or UDP");
                context.error(
                    ports,
                    problem.with_help("give `protocol = \"tcp\"` or \"udp\""),
                );
            }
            let Ports { first, last } = ports.value;
            first..=last
        }
        None => 0..=u16::MAX,
    };
    RulePlan {
        id,
        protocol,
        ports,
        peer: peer(spec.peer.as_ref(), names, context),
        lifetime: Lifetime::ALWAYS,
    }
}

fn peer(spec: Option<&At<String>>, names: &[&str], context: &mut Context<'_>) -> PeerPlan {
    let everybody = PeerPlan::Cidr(Ipv4Net::default());
    let Some(peer) = spec else { return everybody };
    if let Ok(cidr) = peer.value.parse::<Ipv4Net>() {
        return PeerPlan::Cidr(cidr.trunc());
    }
    if let Some(group) = names.iter().position(|name| *name == peer.value) {
        return PeerPlan::Group(group);
    }
    let mut problem = unknown("security group", &peer.value, names);
    if peer.value.parse::<std::net::Ipv4Addr>().is_ok() || peer.value.contains('/') {
        let message = format!("{:?} is no IPv4 network", peer.value);
        problem = Problem::new("not-a-network", message)
            .with_help("write an address and a prefix length, such as \"10.0.0.0/16\"");
    }
    context.error(peer, problem);
    everybody
}

fn latency(spec: Option<&LatencySpec>, jitter: Option<&JitterSpec>) -> LatencyPlan {
    let mut plan = LatencyPlan {
        jitter: self::jitter(jitter),
        ..LatencyPlan::default()
    };
    let Some(spec) = spec else { return plan };
    for (value, given) in [
        (&mut plan.placement_group, &spec.placement_group),
        (&mut plan.same_zone, &spec.same_zone),
        (&mut plan.cross_zone, &spec.cross_zone),
        (&mut plan.internet, &spec.internet),
    ] {
        if let Some(given) = given {
            *value = given.value;
        }
    }
    plan
}

fn jitter(spec: Option<&JitterSpec>) -> Option<JitterPlan> {
    let mut plan = JitterPlan::default();
    let Some(spec) = spec else { return Some(plan) };
    if let Some(median) = &spec.median {
        plan.median = median.value;
    }
    if let Some(sigma) = &spec.sigma {
        plan.sigma = sigma.value;
    }
    if let Some(coherence) = &spec.coherence {
        plan.coherence = coherence.value;
    }
    spec.enabled
        .as_ref()
        .is_none_or(|enabled| enabled.value)
        .then_some(plan)
}

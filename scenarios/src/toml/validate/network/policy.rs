//! What passes: security groups and network ACLs.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use ipnet::Ipv4Net;
use sim_core::{SimDuration, SimTime};
use sim_net::headers::Protocol;
use sim_net::vpc::{
    AclEntryPlan, Lifetime, NetworkAclPlan, PeerPlan, RegionPlan, RulePlan, SecurityGroupPlan,
};

use crate::diagnostic::Problem;
use crate::document::reader::At;
use crate::toml::spec::{
    AclEntrySpec, ActionWord, NetworkAclSpec, Ports, RuleProtocol, RuleSpec, SecurityGroupSpec,
    VpcSpec,
};
use crate::toml::validate::{Context, refer, unknown};

/// Rules that a security group can have in one direction.
///
/// Source: Amazon VPC User Guide, amazon-vpc-limits (vendor): 60 by default; it can be raised as long
/// as rules times groups of an interface stay below 1000.
const MAX_RULES: usize = 1000;

/// Rules that a network ACL can have in one direction, without the last, which denies.
///
/// Source: Amazon VPC User Guide, amazon-vpc-limits (vendor): 20 by default, at most 40 with the last.
const MAX_ENTRIES: usize = 39;

/// The security groups; one that allows everything in each VPC if the file has none.
pub(super) fn security_groups(spec: &VpcSpec, region: &mut RegionPlan, context: &mut Context<'_>) {
    let names = spec.security_group.iter().map(|group| &group.name);
    let lists = spec.prefix_list.iter().map(|list| &list.name);
    context.apart("security groups or prefix lists", names.chain(lists));
    if spec.security_group.is_empty() {
        context.assume("no security group is given: one that allows everything is used");
        let names = region.vpcs.iter().enumerate().map(|(vpc, plan)| match vpc {
            0 => (vpc, "open".to_owned()),
            _ => (vpc, format!("open-{}", plan.name)),
        });
        region.security_groups = names.map(|(vpc, name)| open_group(vpc, name)).collect();
        return;
    }
    let rules = |group: &SecurityGroupSpec| {
        let directions = [&group.ingress, &group.egress].into_iter().flatten();
        let names = directions.flatten().filter_map(|rule| rule.name.clone());
        names.collect::<Vec<_>>()
    };
    let names: Vec<_> = spec.security_group.iter().flat_map(rules).collect();
    context.apart("rules", names.iter());
    let mut groups: Vec<SecurityGroupPlan> = Vec::with_capacity(spec.security_group.len());
    for spec in &spec.security_group {
        let name = spec.name.value.clone();
        groups.push(SecurityGroupPlan {
            vpc: refer::vpc(spec.vpc.as_ref(), region, context),
            id: format!("sg-{name}"),
            name,
            ingress: Vec::new(),
            egress: Vec::new(),
        });
    }
    // Rules name groups, also those that follow.
    for (index, spec) in spec.security_group.iter().enumerate() {
        let peers = Peers {
            vpc: groups[index].vpc,
            groups: &groups,
            region,
        };
        let ingress = direction(spec, "ingress", spec.ingress.as_deref(), &peers, context);
        let egress = direction(spec, "egress", spec.egress.as_deref(), &peers, context);
        groups[index].ingress = ingress.unwrap_or_default();
        // A new security group lets everything out. Source: Amazon VPC User Guide (vendor).
        let all_out = || vec![anything(format!("sgr-{}-egress-0", spec.name.value))];
        groups[index].egress = egress.unwrap_or_else(all_out);
    }
    region.security_groups = groups;
}

/// Everything in, everything out.
fn open_group(vpc: usize, name: String) -> SecurityGroupPlan {
    SecurityGroupPlan {
        vpc,
        id: format!("sg-{name}"),
        ingress: vec![anything(format!("sgr-{name}-ingress-0"))],
        egress: vec![anything(format!("sgr-{name}-egress-0"))],
        name,
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

/// Whom the rules of a group can name.
struct Peers<'a> {
    vpc: usize,
    groups: &'a [SecurityGroupPlan],
    region: &'a RegionPlan,
}

fn direction(
    spec: &SecurityGroupSpec,
    word: &str,
    rules: Option<&[RuleSpec]>,
    peers: &Peers<'_>,
    context: &mut Context<'_>,
) -> Option<Vec<RulePlan>> {
    let (rules, name) = (rules?, &spec.name.value);
    if rules.len() > MAX_RULES {
        let message = format!("security group {name:?} has {} {word} rules", rules.len());
        let problem = Problem::new("too-many", message);
        let help = format!("give at most {MAX_RULES}");
        context.error(&spec.name, problem.with_help(help));
    }
    let mut list = Vec::with_capacity(rules.len());
    for (index, spec) in rules.iter().enumerate() {
        let (protocol, ports) = covered(spec.protocol.as_ref(), spec.ports.as_ref(), context);
        list.push(RulePlan {
            id: match &spec.name {
                Some(name) => name.value.clone(),
                None => format!("sgr-{name}-{word}-{index}"),
            },
            protocol,
            ports,
            peer: peer(spec.peer.as_ref(), peers, context),
            lifetime: lifetime(spec.added_at.as_ref(), spec.removed_at.as_ref(), context),
        });
    }
    Some(list)
}

/// The protocol and the ports that a rule is about.
fn covered(
    protocol: Option<&At<RuleProtocol>>,
    ports: Option<&At<Ports>>,
    context: &mut Context<'_>,
) -> (Option<Protocol>, RangeInclusive<u16>) {
    let word = protocol.map_or(RuleProtocol::All, |protocol| protocol.value);
    let protocol = match word {
        RuleProtocol::All => None,
        RuleProtocol::Tcp => Some(Protocol::Tcp),
        RuleProtocol::Udp => Some(Protocol::Udp),
        RuleProtocol::Icmp => Some(Protocol::Icmp),
    };
    let Some(ports) = ports else {
        return (protocol, 0..=u16::MAX);
    };
    if matches!(word, RuleProtocol::All | RuleProtocol::Icmp) {
        let problem = Problem::new("ports-without-protocol", "`ports` without TCP or UDP");
        context.error(
            ports,
            problem.with_help("give `protocol = \"tcp\"` or \"udp\""),
        );
    }
    (protocol, ports.value.first..=ports.value.last)
}

/// When a rule is there.
fn lifetime(
    added: Option<&At<SimDuration>>,
    removed: Option<&At<SimDuration>>,
    context: &mut Context<'_>,
) -> Lifetime {
    let time = |given: &At<SimDuration>| SimTime::ZERO + given.value;
    let lifetime = Lifetime {
        from: added.map_or(SimTime::ZERO, time),
        until: removed.map_or(SimTime::MAX, time),
    };
    if let Some(removed) = removed.filter(|_| lifetime.until <= lifetime.from) {
        let message = format!(
            "the rule is removed at {}, before it is there",
            removed.value
        );
        let problem = Problem::new("never-there", message);
        context.error(
            removed,
            problem.with_help("give a time after `added_at`, or drop the rule"),
        );
    }
    lifetime
}

fn peer(spec: Option<&At<String>>, peers: &Peers<'_>, context: &mut Context<'_>) -> PeerPlan {
    let everybody = PeerPlan::Cidr(Ipv4Net::default());
    let Some(peer) = spec else { return everybody };
    if let Ok(cidr) = peer.value.parse::<Ipv4Net>() {
        return PeerPlan::Cidr(cidr.trunc());
    }
    let is_it = |name: &str| name == peer.value;
    if let Some(index) = peers.groups.iter().position(|group| is_it(&group.name)) {
        reachable(peer, peers.groups[index].vpc, peers, context);
        return PeerPlan::Group(index);
    }
    let lists = &peers.region.prefix_lists;
    if let Some(index) = lists.iter().position(|list| is_it(&list.name)) {
        return PeerPlan::PrefixList(index);
    }
    let groups = peers.groups.iter().map(|group| group.name.as_str());
    let lists = lists.iter().map(|list| list.name.as_str());
    let known: Vec<_> = groups.chain(lists).collect();
    let what = match peers.region.prefix_lists.len() {
        0 => "security group",
        _ => "security group or prefix list",
    };
    let mut problem = unknown(what, &peer.value, &known);
    if peer.value.parse::<Ipv4Addr>().is_ok() || peer.value.contains('/') {
        let message = format!("{:?} is no IPv4 network", peer.value);
        problem = Problem::new("not-a-network", message)
            .with_help("write an address and a prefix length, such as \"10.0.0.0/16\"");
    }
    context.error(peer, problem);
    everybody
}

/// Reports a group of a VPC that is neither the rule's own nor peered with it.
fn reachable(peer: &At<String>, other: usize, peers: &Peers<'_>, context: &mut Context<'_>) {
    let (vpc, region) = (peers.vpc, peers.region);
    if refer::same_vpc(vpc, other) || refer::peered(vpc, other, region) {
        return;
    }
    let message = format!(
        "security group {:?} is of VPC {}, which is not peered with VPC {}",
        peer.value,
        refer::vpc_name(other, region),
        refer::vpc_name(vpc, region)
    );
    let problem = Problem::new("group-of-other-vpc", message);
    let help = "name an address range, or add [[vpc.peering]]";
    context.error(peer, problem.with_help(help));
}

pub(super) fn network_acls(
    specs: &[NetworkAclSpec],
    region: &mut RegionPlan,
    context: &mut Context<'_>,
) {
    context.apart("network ACLs", specs.iter().map(|acl| &acl.name));
    for spec in specs {
        let name = spec.name.value.clone();
        let vpc = refer::vpc(spec.vpc.as_ref(), region, context);
        let ingress = entries(spec, "ingress", &spec.ingress, context);
        let egress = entries(spec, "egress", &spec.egress, context);
        region.network_acls.push(NetworkAclPlan {
            vpc,
            id: format!("acl-{name}"),
            name,
            ingress,
            egress,
        });
    }
}

/// The rules of one direction, by number.
fn entries(
    acl: &NetworkAclSpec,
    word: &str,
    specs: &[AclEntrySpec],
    context: &mut Context<'_>,
) -> Vec<AclEntryPlan> {
    if specs.len() > MAX_ENTRIES {
        let (name, many) = (&acl.name.value, specs.len());
        let message = format!("network ACL {name:?} has {many} {word} rules");
        let help = format!("give at most {MAX_ENTRIES}");
        context.error(&acl.name, Problem::new("too-many", message).with_help(help));
    }
    let mut list: Vec<AclEntryPlan> = Vec::with_capacity(specs.len());
    for spec in specs {
        let number = u16::try_from(spec.rule.value).unwrap_or(u16::MAX);
        if list.iter().any(|other| other.number == number) {
            let message = format!("two {word} rules have the number {number}");
            let problem = Problem::new("duplicate-rule", message);
            context.error(&spec.rule, problem.with_help("renumber one"));
        }
        let (protocol, ports) = covered(spec.protocol.as_ref(), spec.ports.as_ref(), context);
        list.push(AclEntryPlan {
            number,
            allow: spec.action.value == ActionWord::Allow,
            protocol,
            ports,
            cidr: spec.cidr.as_ref().map_or(Ipv4Net::default(), |it| it.value),
            lifetime: lifetime(spec.added_at.as_ref(), spec.removed_at.as_ref(), context),
        });
    }
    list.sort_by_key(|entry| entry.number);
    list
}

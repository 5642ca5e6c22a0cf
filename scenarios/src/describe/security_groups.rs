//! Security groups and their rules.
//!
//! `describe-security-groups` has every rule without an identifier; `describe-security-group-rules`
//! has the identifiers. Both together give rules that explanations can name as AWS does.

use sim_net::vpc::{Lifetime, PeerPlan, RulePlan, SecurityGroupPlan};

use super::context::{Context, Ids, id, prefix_list};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{RuleProtocol, cidr, name_tag, ports, protocol, required, required_with};
use crate::diagnostic::{Problem, shorten};
use crate::document::reader::{At, Reader};

/// Reads the groups: first all of them, then their rules, which may name groups in a circle.
pub(super) fn read(documents: &Documents<'_>, context: &mut Context) {
    let mut items = Vec::new();
    for item in documents.items(Kind::SecurityGroup) {
        if let Some(group) = read_group(item, context) {
            let index = context.region.security_groups.len();
            context.ids.add(Kind::SecurityGroup, &group.id, Some(index));
            context.region.security_groups.push(group);
            items.push(item);
        }
    }
    for (index, item) in items.into_iter().enumerate() {
        let rules = read_rules(item, context);
        let group = &mut context.region.security_groups[index];
        (group.ingress, group.egress) = rules;
    }
    let mut unknown_group = false;
    for item in documents.items(Kind::SecurityGroupRule) {
        name_rule(item, context, &mut unknown_group);
    }
}

fn read_group(item: &Item<'_>, context: &mut Context) -> Option<SecurityGroupPlan> {
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::SecurityGroup);
    let tag = name_tag(&mut reader, "Tags");
    let name = reader.get::<String>("GroupName").map(|at| at.value);
    let vpc = context
        .ids
        .refer(&mut reader, "VpcId", Kind::Vpc, Kind::SecurityGroup)?;
    let id = id?;
    Some(SecurityGroupPlan {
        vpc,
        name: tag.or(name).unwrap_or_else(|| id.clone()),
        id,
        ingress: Vec::new(),
        egress: Vec::new(),
    })
}

/// The rules of a group, in and out.
fn read_rules(item: &Item<'_>, context: &mut Context) -> (Vec<RulePlan>, Vec<RulePlan>) {
    let mut rules = (Vec::new(), Vec::new());
    let Context {
        reports, ids, ipv6, ..
    } = context;
    let Some(mut reader) = reports.reader(item) else {
        return rules;
    };
    let mut ipv6_parts = Vec::new();
    for (key, list) in [
        ("IpPermissions", &mut rules.0),
        ("IpPermissionsEgress", &mut rules.1),
    ] {
        // Without a key no rule can be missing from it: AWS writes an empty list.
        required_with(&mut reader, key, Kind::SecurityGroup.command(), |_| Ok(()));
        let found = reader.tables(key, |reader| permission(reader, ids, &mut ipv6_parts));
        list.extend(found.into_iter().flatten());
    }
    for (span, place) in ipv6_parts {
        ipv6.note(item.file, span, &place);
    }
    for rule in rules.0.iter_mut().chain(&mut rules.1) {
        // The place in the record says more than a number, and leads to the line in the file.
        let within = rule.id.strip_prefix(&item.place).unwrap_or(&rule.id);
        rule.id = format!(
            "{}{within}",
            item.node
                .get("GroupId")
                .map_or("", |id| id.as_str().unwrap_or_default())
        );
    }
    rules
}

type Ipv6Parts = Vec<(std::ops::Range<usize>, String)>;

/// The rules of one element of `IpPermissions`: one for each peer.
fn permission(reader: &mut Reader<'_>, ids: &Ids, ipv6: &mut Ipv6Parts) -> Option<Vec<RulePlan>> {
    let command = Kind::SecurityGroup.command();
    let word = required_with(reader, "IpProtocol", command, protocol)?.value;
    for node in reader
        .node("Ipv6Ranges")
        .and_then(|node| node.as_array())
        .unwrap_or_default()
    {
        ipv6.push((node.span.clone(), format!("{}.Ipv6Ranges", reader.place())));
    }
    let protocol = match word {
        RuleProtocol::All => None,
        RuleProtocol::One(protocol) => Some(protocol),
        RuleProtocol::Icmpv6 => {
            ipv6.push((reader.span(), reader.place().to_owned()));
            return None;
        }
    };
    let ports = ports(reader, word, ("FromPort", "ToPort"))?;
    let mut peers = reader.tables("IpRanges", |reader| {
        let range = required_with(reader, "CidrIp", command, cidr)?;
        Some((PeerPlan::Cidr(range.value), reader.place().to_owned()))
    });
    peers.extend(reader.tables("PrefixListIds", |reader| {
        let list = required::<String>(reader, "PrefixListId", command)?;
        let index = prefix_list(reader, ids, &list, "rule")?;
        Some((PeerPlan::PrefixList(index), reader.place().to_owned()))
    }));
    peers.extend(reader.tables("UserIdGroupPairs", |reader| {
        let group = required::<String>(reader, "GroupId", command)?;
        let index = peer_group(reader, ids, &group)?;
        Some((PeerPlan::Group(index), reader.place().to_owned()))
    }));
    let rule = |(peer, place)| RulePlan {
        id: place,
        protocol,
        ports: ports.clone(),
        peer,
        lifetime: Lifetime::ALWAYS,
    };
    Some(peers.into_iter().map(rule).collect())
}

/// The group that a rule names. AWS keeps rules whose group is gone, and names groups of other
/// accounts: no interface of the files carries such a group, so the rule lets nobody pass.
fn peer_group(reader: &mut Reader<'_>, ids: &Ids, group: &At<String>) -> Option<usize> {
    if !ids.knows(Kind::SecurityGroup, &group.value) {
        let problem = Problem::new(
            "unknown-peer-group",
            format!(
                "no file has the security group {}: the rule that names it allows nothing",
                shorten(&group.value)
            ),
        )
        .with_help(
            "it is gone, or of another account; `aws ec2 describe-stale-security-groups` tells",
        );
        reader.caveat_at(&group.place, group.span.clone(), problem);
    }
    ids.index(Kind::SecurityGroup, &group.value)
}

/// A rule of `describe-security-group-rules`: it names a rule that is there, or is one more.
fn name_rule(item: &Item<'_>, context: &mut Context, unknown_group: &mut bool) {
    let Context {
        reports,
        ids,
        region,
        ipv6,
        ..
    } = context;
    let Some(mut reader) = reports.reader(item) else {
        return;
    };
    let command = Kind::SecurityGroupRule.command();
    let rule_id = id(&mut reader, Kind::SecurityGroupRule);
    let group = required::<String>(&mut reader, "GroupId", command);
    let egress = required::<bool>(&mut reader, "IsEgress", command);
    let word = required_with(&mut reader, "IpProtocol", command, protocol);
    let (Some(rule_id), Some(group), Some(egress), Some(word)) = (rule_id, group, egress, word)
    else {
        return;
    };
    if reader.node("CidrIpv6").is_some() || word.value == RuleProtocol::Icmpv6 {
        return ipv6.note(item.file, reader.span(), reader.place());
    }
    let Some(index) = ids.index(Kind::SecurityGroup, &group.value) else {
        if !ids.knows(Kind::SecurityGroup, &group.value) && !std::mem::replace(unknown_group, true)
        {
            let problem = Problem::new(
                "unknown-group",
                format!(
                    "no file has the security group {}: its rules are not used",
                    shorten(&group.value)
                ),
            )
            .with_help(format!(
                "save the output of `{}` in this folder",
                Kind::SecurityGroup.command()
            ));
            reader.caveat("GroupId", problem);
        }
        return;
    };
    let protocol = match word.value {
        RuleProtocol::One(protocol) => Some(protocol),
        _ => None,
    };
    let ports = ports(&mut reader, word.value, ("FromPort", "ToPort"));
    let peer = rule_peer(&mut reader, ids);
    let (Some(ports), Some(peer)) = (ports, peer) else {
        return;
    };
    let rule = RulePlan {
        id: rule_id,
        protocol,
        ports,
        peer,
        lifetime: Lifetime::ALWAYS,
    };
    let plan = &mut region.security_groups[index];
    let rules = if egress.value {
        &mut plan.egress
    } else {
        &mut plan.ingress
    };
    add_rule(&mut reader, rules, rule, &group.value);
}

/// Gives the rule that says the same its identifier, or adds one.
fn add_rule(reader: &mut Reader<'_>, rules: &mut Vec<RulePlan>, rule: RulePlan, group: &str) {
    let same = |other: &&mut RulePlan| {
        (other.protocol, &other.ports, &other.peer) == (rule.protocol, &rule.ports, &rule.peer)
    };
    if let Some(other) = rules.iter_mut().find(same) {
        other.id = rule.id;
        return;
    }
    let problem = Problem::new(
        "contradiction",
        format!(
            "{} is not among the rules of {group} in the file of the groups: it is taken as well",
            rule.id
        ),
    )
    .with_help("take all files at one time");
    reader.caveat("SecurityGroupRuleId", problem);
    rules.push(rule);
}

fn rule_peer(reader: &mut Reader<'_>, ids: &Ids) -> Option<PeerPlan> {
    if reader.node("CidrIpv4").is_some() {
        return Some(PeerPlan::Cidr(reader.read("CidrIpv4", cidr)?.value));
    }
    if let Some(list) = reader.get::<String>("PrefixListId") {
        return prefix_list(reader, ids, &list, "rule").map(PeerPlan::PrefixList);
    }
    if let Some(index) = reader.table("ReferencedGroupInfo", |reader| {
        let command = Kind::SecurityGroupRule.command();
        let group = required::<String>(reader, "GroupId", command)?;
        Some(peer_group(reader, ids, &group))
    }) {
        return index.map(PeerPlan::Group);
    }
    reader.missing("CidrIpv4", "a rule names a range, a prefix list or a group");
    None
}

//! Network ACLs, and which subnet has which.

use std::collections::BTreeSet;

use sim_net::headers::Protocol;
use sim_net::vpc::{AclEntryPlan, Lifetime, NetworkAclPlan};

use super::context::{Context, id, not_given};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{
    ALL_PORTS, RuleProtocol, cidr, name_tag, ports, protocol, required, required_with,
};
use crate::diagnostic::Problem;
use crate::document::reader::Reader;

/// The last number that a user can give.
/// Source: Amazon VPC User Guide, nacl-rules, 2026-11 (vendor).
const LAST_NUMBER: u64 = 32_766;

/// The rules `*` that AWS ends each list with, of IPv4 and IPv6.
/// Source: Amazon VPC User Guide, nacl-rules, 2026-11 (vendor).
const FINAL_NUMBERS: [u64; 2] = [32_767, 32_768];

/// Reads the ACLs, and gives every subnet its own.
pub(super) fn read(documents: &Documents<'_>, context: &mut Context) {
    let mut default = vec![None; context.region.vpcs.len()];
    for item in documents.items(Kind::NetworkAcl) {
        read_acl(item, context, &mut default);
    }
    if !documents.given(Kind::NetworkAcl) {
        if documents.given(Kind::Vpc) {
            let consequence = "every subnet is taken to have one that allows everything";
            context
                .reports
                .folder_caveat(not_given(Kind::NetworkAcl, consequence));
        }
        return;
    }
    for subnet in &mut context.region.subnets {
        if subnet.network_acl.is_some() {
            continue;
        }
        subnet.network_acl = default[subnet.vpc];
        if subnet.network_acl.is_none() {
            let problem = Problem::new(
                "no-acl",
                format!(
                    "no file has the network ACL of subnet {}: it is taken to allow everything",
                    subnet.id
                ),
            )
            .with_help(format!(
                "save the output of `{}` without filters",
                Kind::NetworkAcl.command()
            ));
            context.reports.folder_caveat(problem);
        }
    }
}

fn read_acl(item: &Item<'_>, context: &mut Context, default: &mut [Option<usize>]) -> Option<()> {
    let command = Kind::NetworkAcl.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::NetworkAcl);
    let name = name_tag(&mut reader, "Tags");
    let vpc = context
        .ids
        .refer(&mut reader, "VpcId", Kind::Vpc, Kind::NetworkAcl);
    if reader.node("Entries").is_none() {
        reader.missing(
            "Entries",
            format!("take the output of `{command}` as it is"),
        );
    }
    let mut entries = Entries::default();
    reader.tables("Entries", |reader| entries.read(reader));
    let Entries {
        mut ingress,
        mut egress,
        ipv6,
        ..
    } = entries;
    for (span, place) in ipv6 {
        context.ipv6.note(item.file, span, &place);
    }
    ingress.sort_by_key(|entry| entry.number);
    egress.sort_by_key(|entry| entry.number);
    let subnets = reader.tables("Associations", |reader| {
        required::<String>(reader, "SubnetId", command)
    });
    let (id, vpc) = (id?, vpc?);
    let index = context.region.network_acls.len();
    for subnet in subnets {
        let Some(number) = context.ids.resolve(&mut reader, &subnet, Kind::Subnet) else {
            continue;
        };
        let plan = &mut context.region.subnets[number];
        if plan.vpc != vpc || plan.network_acl.replace(index).is_some() {
            let problem = Problem::new(
                "contradiction",
                format!(
                    "subnet {} has a network ACL already, or is in another VPC",
                    plan.id
                ),
            )
            .with_help("a subnet has one network ACL, of its VPC: take all files at one time");
            reader.error_at(&subnet.place, subnet.span, problem);
        }
    }
    if reader.get::<bool>("IsDefault").is_some_and(|at| at.value) {
        default[vpc] = Some(index);
    }
    context.ids.add(Kind::NetworkAcl, &id, Some(index));
    context.region.network_acls.push(NetworkAclPlan {
        vpc,
        name: name.unwrap_or_else(|| id.clone()),
        id,
        ingress,
        egress,
    });
    Some(())
}

/// The entries of an ACL.
#[derive(Default)]
struct Entries {
    ingress: Vec<AclEntryPlan>,
    egress: Vec<AclEntryPlan>,
    /// Direction and number of all, IPv6 too: they count together.
    numbers: BTreeSet<(bool, u64)>,
    ipv6: Vec<(std::ops::Range<usize>, String)>,
}

impl Entries {
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let command = Kind::NetworkAcl.command();
        let least_to_most =
            |node: &_| crate::document::reader::whole_number(node, 1, FINAL_NUMBERS[1]);
        let number = required_with(reader, "RuleNumber", command, least_to_most);
        let egress = required::<bool>(reader, "Egress", command);
        let (number, egress) = (number?, egress?.value);
        if !self.numbers.insert((egress, number.value)) {
            let direction = if egress { "egress" } else { "ingress" };
            let problem = Problem::new(
                "repeated-number",
                format!("rule number {} is there twice among the {direction} rules", number.value),
            )
            .with_help("give every rule of a direction a number of its own: the lowest that matches decides");
            reader.error_at(&number.place, number.span.clone(), problem);
        }
        let action = required::<String>(reader, "RuleAction", command)?;
        let allow = match action.value.as_str() {
            "allow" => true,
            "deny" => false,
            other => {
                let problem = Problem::new("bad-action", format!("{other:?} is no action"))
                    .with_help("give allow or deny");
                reader.error("RuleAction", problem);
                return None;
            }
        };
        if number.value > LAST_NUMBER {
            // What no entry matches is denied without it.
            if allow {
                let problem = Problem::new(
                    "bad-number",
                    format!(
                        "rule {} allows, and AWS keeps that number for a rule that denies",
                        number.value
                    ),
                )
                .with_help(format!("give a number from 1 to {LAST_NUMBER}"));
                reader.error_at(&number.place, number.span, problem);
            }
            return None;
        }
        let word = required_with(reader, "Protocol", command, protocol)?.value;
        if reader.node("Ipv6CidrBlock").is_some() || word == RuleProtocol::Icmpv6 {
            self.ipv6.push((reader.span(), reader.place().to_owned()));
            return None;
        }
        let entry = AclEntryPlan {
            number: u16::try_from(number.value).ok()?,
            allow,
            protocol: match word {
                RuleProtocol::One(protocol) => Some(protocol),
                _ => None,
            },
            ports: entry_ports(reader, word)?,
            cidr: required_with(reader, "CidrBlock", command, cidr)?.value,
            lifetime: Lifetime::ALWAYS,
        };
        let entries = if egress {
            &mut self.egress
        } else {
            &mut self.ingress
        };
        entries.push(entry);
        Some(())
    }
}

/// The ports or ICMP types of an entry; all, where it names none.
fn entry_ports(
    reader: &mut Reader<'_>,
    word: RuleProtocol,
) -> Option<std::ops::RangeInclusive<u16>> {
    let key = match word {
        RuleProtocol::One(Protocol::Icmp) => "IcmpTypeCode",
        RuleProtocol::One(Protocol::Tcp | Protocol::Udp) => "PortRange",
        _ => return Some(ALL_PORTS),
    };
    if reader.node(key).is_none() {
        return Some(ALL_PORTS);
    }
    let keys = if key == "PortRange" {
        ("From", "To")
    } else {
        ("Type", "Code")
    };
    reader.table(key, |reader| ports(reader, word, keys))
}

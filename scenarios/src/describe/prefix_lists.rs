//! Prefix lists. AWS's own come with their ranges; of others `get-managed-prefix-list-entries` has
//! them, without saying of which list they are.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use sim_net::vpc::PrefixListPlan;

use super::context::Context;
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{cidr, required};
use crate::diagnostic::Problem;
use crate::document::Node;
use crate::document::reader::{At, Reader};

/// What is known of a list.
struct List<'a> {
    item: &'a Item<'a>,
    name: Option<String>,
    cidrs: Option<Vec<Ipv4Net>>,
    ipv6: bool,
}

/// Reads the prefix lists. `names` are the names of the files.
///
/// A list whose ranges no file has is known and not in the plan.
pub(super) fn read(documents: &Documents<'_>, names: &[&str], context: &mut Context) {
    let mut lists: BTreeMap<String, List<'_>> = BTreeMap::new();
    for item in documents.items(Kind::PrefixList) {
        read_list(item, context, &mut lists);
    }
    read_entries(documents, names, context, &mut lists);
    for (id, list) in lists {
        if list.ipv6 {
            let span = list.item.node.span.clone();
            context.ipv6.note(list.item.file, span, &list.item.place);
        }
        let cidrs = match list.cidrs {
            Some(cidrs) => cidrs,
            None if list.ipv6 => Vec::new(),
            None => {
                context.ids.add(Kind::PrefixList, &id, None);
                let problem = Problem::new(
                    "unknown-entries",
                    format!("no file has the ranges of {id}: rules and routes that name it are left out"),
                )
                .with_help(format!(
                    "save the output of `aws ec2 get-managed-prefix-list-entries --prefix-list-id {id}` \
                     as {id}.json in this folder"
                ));
                context.reports.caveat(list.item, problem);
                continue;
            }
        };
        let index = context.region.prefix_lists.len();
        context.ids.add(Kind::PrefixList, &id, Some(index));
        context.region.prefix_lists.push(PrefixListPlan {
            name: list.name.unwrap_or_else(|| id.clone()),
            id,
            cidrs,
        });
    }
}

/// One list of `describe-prefix-lists` (ranges) or `describe-managed-prefix-lists` (none).
fn read_list<'a>(
    item: &'a Item<'a>,
    context: &mut Context,
    lists: &mut BTreeMap<String, List<'a>>,
) {
    let Some(mut reader) = context.reports.reader(item) else {
        return;
    };
    let command = Kind::PrefixList.command();
    let Some(id) = required::<String>(&mut reader, "PrefixListId", command) else {
        return;
    };
    let name = reader.get::<String>("PrefixListName").map(|at| at.value);
    let family = reader.get::<String>("AddressFamily");
    let mut ipv6 = family.is_some_and(|family| family.value == "IPv6");
    let cidrs = reader.list("Cidrs", |node| Ok(node.clone())).map(|nodes| {
        ipv6 |= nodes.iter().any(|node| is_ipv6(&node.value));
        ranges(&mut reader, &nodes)
    });
    match lists.get_mut(&id.value) {
        None => {
            let list = List {
                item,
                name,
                cidrs,
                ipv6,
            };
            lists.insert(id.value, list);
        }
        Some(list) => {
            let differ = matches!((&list.cidrs, &cidrs), (Some(one), Some(other)) if one != other);
            if differ {
                let problem = Problem::new(
                    "contradiction",
                    format!(
                        "prefix list {} is there twice, with different ranges",
                        id.value
                    ),
                )
                .with_help("take all files at one time, and remove older ones");
                reader.error("Cidrs", problem);
            }
            list.cidrs = list.cidrs.take().or(cidrs);
            list.name = list.name.take().or(name);
            list.ipv6 |= ipv6;
        }
    }
}

fn is_ipv6(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.contains(':'))
}

/// The IPv4 ranges among texts; what is no range is reported.
fn ranges(reader: &mut Reader<'_>, nodes: &[At<Node>]) -> Vec<Ipv4Net> {
    let mut ranges = Vec::with_capacity(nodes.len());
    for node in nodes.iter().filter(|node| !is_ipv6(&node.value)) {
        match cidr(&node.value) {
            Ok(range) => ranges.push(range),
            Err(problem) => reader.error_at(&node.place, node.span.clone(), problem),
        }
    }
    ranges
}

/// Adds the entries of lists, file by file.
fn read_entries(
    documents: &Documents<'_>,
    names: &[&str],
    context: &mut Context,
    lists: &mut BTreeMap<String, List<'_>>,
) {
    let mut by_file: BTreeMap<usize, Vec<&Item<'_>>> = BTreeMap::new();
    for item in documents.items(Kind::PrefixListEntry) {
        by_file.entry(item.file).or_default().push(item);
    }
    // Pages of one list are files of their own.
    let without: Vec<String> = lists
        .iter()
        .filter(|(_, list)| list.cidrs.is_none())
        .map(|(id, _)| id.clone())
        .collect();
    for (file, items) in by_file {
        let name = names[file].rsplit(['/', '\\']).next().unwrap_or_default();
        let named = without.iter().filter(|id| name.contains(id.as_str()));
        // The longest, since one identifier may begin like another.
        let id = match (named.max_by_key(|id| id.len()), &without[..]) {
            (Some(id), _) => id,
            (None, [only]) => only,
            _ => {
                let problem = Problem::new(
                    "unknown-entries",
                    "entries do not say of which prefix list they are: they are not used",
                )
                .with_help("name the file after the list, such as pl-0123456789abcdef0.json");
                context.reports.caveat(items[0], problem);
                continue;
            }
        };
        let mut found = Vec::new();
        for item in items {
            found.extend(read_entry(item, context));
        }
        if let Some(list) = lists.get_mut(id) {
            list.cidrs.get_or_insert_default().extend(found);
        }
    }
}

fn read_entry(item: &Item<'_>, context: &mut Context) -> Option<Ipv4Net> {
    let mut reader = context.reports.reader(item)?;
    let node = reader.node("Cidr");
    if node.is_some_and(is_ipv6) {
        context.ipv6.note(item.file, reader.span(), &item.place);
        return None;
    }
    let command = Kind::PrefixListEntry.command();
    super::values::required_with(&mut reader, "Cidr", command, cidr).map(|at| at.value)
}

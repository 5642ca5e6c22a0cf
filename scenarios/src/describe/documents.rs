//! The files as records: what each is, and which of several copies counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::kind::{Kind, irrelevant, unmodelled};
use super::values::same;
use crate::diagnostic::{Problem, Report};
use crate::document::reader::{At, Reader};
use crate::document::{Node, Value, join, json};

/// One record, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    /// Index of the file.
    pub(super) file: usize,
    /// The path in the file, such as `Vpcs[0]`.
    pub(super) place: String,
    /// The record.
    pub(super) node: &'a Node,
}

/// The reports on the files, and that on the folder as a whole.
#[derive(Debug)]
pub(super) struct Reports {
    files: Vec<Report>,
    folder: Report,
}

impl Reports {
    pub(super) fn new(folder: &str, files: &[(String, Arc<str>)]) -> Self {
        let report = |(name, text): &(String, Arc<str>)| Report::new(name, Arc::clone(text));
        Self {
            files: files.iter().map(report).collect(),
            folder: Report::new(folder, ""),
        }
    }

    /// A reader of a record.
    pub(super) fn reader<'a>(&'a mut self, item: &Item<'a>) -> Option<Reader<'a>> {
        Reader::new(item.node, &item.place, &mut self.files[item.file])
    }

    /// An error about the whole.
    pub(super) fn folder_error(&mut self, problem: Problem) {
        self.folder.error(None, "", problem);
    }

    /// A caveat about the whole.
    pub(super) fn folder_caveat(&mut self, problem: Problem) {
        self.folder.caveat(None, "", problem);
    }

    /// An error about a record.
    pub(super) fn error(&mut self, item: &Item<'_>, problem: Problem) {
        let span = Some(item.node.span.clone());
        self.files[item.file].error(span, &item.place, problem);
    }

    /// An error about a value of a file.
    pub(super) fn error_at<T>(&mut self, file: usize, at: &At<T>, problem: Problem) {
        self.files[file].error(Some(at.span.clone()), &at.place, problem);
    }

    /// A caveat about a record.
    pub(super) fn caveat(&mut self, item: &Item<'_>, problem: Problem) {
        let span = Some(item.node.span.clone());
        self.files[item.file].caveat(span, &item.place, problem);
    }

    /// The reports that say something, the folder's first.
    pub(super) fn finish(self) -> Vec<Report> {
        std::iter::once(self.folder)
            .chain(self.files)
            .filter(|report| !report.diagnostics().is_empty())
            .collect()
    }
}

/// The trees of the files; `None` for one that is no JSON.
pub(super) fn parse(files: &[(String, Arc<str>)], reports: &mut Reports) -> Vec<Option<Node>> {
    let mut nodes = Vec::with_capacity(files.len());
    for (file, (_, text)) in files.iter().enumerate() {
        match json::parse(text) {
            Ok(node) => nodes.push(Some(node)),
            Err(error) => {
                let mut problem = error.problem;
                if problem.help.is_none() {
                    problem = problem.with_help("save the whole output of the command again");
                }
                reports.files[file].error(Some(error.span), "", problem);
                nodes.push(None);
            }
        }
    }
    nodes
}

/// The records of all files.
#[derive(Debug, Default)]
pub(super) struct Documents<'a> {
    items: BTreeMap<Kind, Vec<Item<'a>>>,
    given: BTreeSet<Kind>,
    /// VPCs for which a `describe-vpc-attribute` says whether they have a resolver.
    pub(super) resolvers: BTreeMap<String, bool>,
}

impl<'a> Documents<'a> {
    /// Sorts the records of the files by kind, and reports what is no record that is read.
    pub(super) fn of(nodes: &'a [Option<Node>], reports: &mut Reports) -> Self {
        let mut documents = Self::default();
        for (file, node) in nodes.iter().enumerate() {
            if let Some(node) = node {
                documents.add_file(file, node, &mut reports.files[file]);
            }
        }
        for (kind, items) in &mut documents.items {
            if let Some(key) = kind.id_key() {
                remove_copies(*kind, key, items, reports);
            }
        }
        documents
    }

    /// The records of a kind, without copies.
    pub(super) fn items(&self, kind: Kind) -> &[Item<'a>] {
        self.items.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Whether a file lists records of a kind, and be it none.
    pub(super) fn given(&self, kind: Kind) -> bool {
        self.given.contains(&kind)
    }

    /// The record itself, or what a recorder of responses has wrapped around it.
    fn add_file(&mut self, file: usize, node: &'a Node, report: &mut Report) {
        let (node, place) = match (node.get("data"), node.get("status_code")) {
            (Some(data), Some(_)) => (data, "data"),
            _ => (node, ""),
        };
        let Some(entries) = node.as_table() else {
            report.caveat(
                Some(node.span.clone()),
                place,
                Problem::new(
                    "unknown-document",
                    format!("not used: expected the output of an `aws ec2 describe-…` command, found {}", node.show()),
                )
                .with_help("save the output without --query, as JSON"),
            );
            return;
        };
        if let Some(resolver) = node.get("EnableDnsSupport") {
            self.add_resolver(node, resolver);
        }
        let mut known = entries.is_empty();
        for entry in entries {
            let place = join(place, &entry.key);
            let empty = entry.node.as_array().is_some_and(<[Node]>::is_empty);
            if let Some(kind) = Kind::of_key(&entry.key) {
                known = true;
                self.add_list(kind, file, &place, &entry.node, report);
            } else if let Some(meaning) = unmodelled(&entry.key) {
                known = true;
                if !empty {
                    let problem = Problem::new("not-simulated", meaning);
                    report.caveat(Some(entry.key_span.clone()), place, problem);
                }
            } else if entry.key == "NextToken" && entry.node.value != Value::Null {
                let problem = Problem::new(
                    "more-pages",
                    "the output ends before its end: more pages follow",
                )
                .with_help(
                    "save the pages that follow in files of their own, or do without --max-items",
                );
                report.caveat(Some(entry.key_span.clone()), place, problem);
            } else {
                known |= irrelevant(&entry.key) || entry.key.starts_with("EnableDns");
            }
        }
        if !known {
            let keys: Vec<_> = entries
                .iter()
                .take(3)
                .map(|e| format!("`{}`", e.key))
                .collect();
            let problem = Problem::new(
                "unknown-document",
                format!(
                    "not used: no known output of the AWS command line has {}",
                    keys.join(", ")
                ),
            );
            report.caveat(Some(entries[0].key_span.clone()), place, problem);
        }
    }

    /// `aws ec2 describe-vpc-attribute --attribute enableDnsSupport`.
    fn add_resolver(&mut self, node: &Node, resolver: &Node) {
        let vpc = node.get("VpcId").and_then(Node::as_str);
        if let (Some(vpc), Some(Value::Bool(value))) =
            (vpc, resolver.get("Value").map(|node| &node.value))
        {
            self.resolvers.insert(vpc.to_owned(), *value);
        }
    }

    fn add_list(
        &mut self,
        kind: Kind,
        file: usize,
        place: &str,
        list: &'a Node,
        report: &mut Report,
    ) {
        let Some(nodes) = list.as_array() else {
            let problem = Problem::new(
                "wrong-type",
                format!("expected a list, found {}", list.show()),
            )
            .with_help(format!("take the output of `{}` as it is", kind.command()));
            report.error(Some(list.span.clone()), place, problem);
            return;
        };
        self.given.insert(kind);
        let item = |(index, node)| Item {
            file,
            place: format!("{place}[{index}]"),
            node,
        };
        let items = nodes.iter().enumerate().map(item);
        self.items.entry(kind).or_default().extend(items);
    }
}

/// Keeps the first of records that say the same, and reports those that contradict it.
fn remove_copies(kind: Kind, key: &str, items: &mut Vec<Item<'_>>, reports: &mut Reports) {
    let mut first: BTreeMap<&str, &Node> = BTreeMap::new();
    let mut kept = Vec::with_capacity(items.len());
    for item in std::mem::take(items) {
        let Some(id) = item.node.get(key).and_then(Node::as_str) else {
            kept.push(item);
            continue;
        };
        match first.get(id) {
            None => {
                first.insert(id, item.node);
                kept.push(item);
            }
            Some(other) if same(other, item.node) => {}
            Some(_) => {
                let problem = Problem::new(
                    "contradiction",
                    format!(
                        "{} {id} is there twice, with different contents",
                        kind.noun()
                    ),
                )
                .with_help("take all files at one time, and remove older ones");
                reports.error(&item, problem);
            }
        }
    }
    *items = kept;
}

/// IPv6 parts that were left out, counted by file.
#[derive(Debug, Default)]
pub(super) struct Ipv6(BTreeMap<usize, (Range<usize>, String, usize)>);

impl Ipv6 {
    /// Counts one.
    pub(super) fn note(&mut self, file: usize, span: Range<usize>, place: &str) {
        let first = || (span, place.to_owned(), 0);
        self.0.entry(file).or_insert_with(first).2 += 1;
    }

    /// Counts the elements of a list of a record.
    pub(super) fn note_record_list(&mut self, item: &Item<'_>, key: &str) {
        let list = item.node.get(key).and_then(Node::as_array);
        for element in list.unwrap_or_default() {
            self.note(item.file, element.span.clone(), &join(&item.place, key));
        }
    }

    /// One caveat for each file.
    pub(super) fn report(self, reports: &mut Reports) {
        for (file, (span, place, count)) in self.0 {
            let parts = if count == 1 { "part is" } else { "parts are" };
            let problem = Problem::new(
                "ipv6",
                format!("IPv6 is not simulated: {count} {parts} left out of this file"),
            );
            reports.files[file].caveat(Some(span), place, problem);
        }
    }
}

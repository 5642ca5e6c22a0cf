//! What the readers of the kinds share: the plan so far, and who is who in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use sim_net::vpc::{RegionPlan, RouteTarget};

use super::documents::{Documents, Ipv6, Reports};
use super::kind::Kind;
use super::values::required;
use crate::diagnostic::{Problem, shorten};
use crate::document::reader::{At, Reader};

/// The plan so far.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) reports: Reports,
    pub(super) region: RegionPlan,
    /// Whether instances get a public address at their launch, by the index of their subnet.
    pub(super) map_public_ip: Vec<bool>,
    pub(super) ids: Ids,
    pub(super) ipv6: Ipv6,
    /// What a route to an identifier comes to.
    pub(super) targets: BTreeMap<String, RouteTarget>,
    /// Where the addresses of each NAT gateway of the plan stand.
    pub(super) nat_addresses: Vec<NatAddresses>,
}

/// Where the addresses of a NAT gateway stand.
#[derive(Debug)]
pub(super) struct NatAddresses {
    /// Index of the file.
    pub(super) file: usize,
    pub(super) private: At<Ipv4Addr>,
    pub(super) public: Option<At<Ipv4Addr>>,
}

impl Context {
    pub(super) fn new(reports: Reports, documents: &Documents<'_>) -> Self {
        Self {
            reports,
            region: RegionPlan::default(),
            map_public_ip: Vec::new(),
            ids: Ids::of(documents),
            ipv6: Ipv6::default(),
            targets: BTreeMap::new(),
            nat_addresses: Vec::new(),
        }
    }
}

/// Which identifier is which index of the plan.
#[derive(Debug, Default)]
pub(super) struct Ids {
    given: BTreeSet<Kind>,
    /// `None` for a record that is there and is not in the plan: it is broken, which has been
    /// reported, or it is left out.
    by_kind: BTreeMap<Kind, BTreeMap<String, Option<usize>>>,
}

impl Ids {
    /// Every identifier of the files, none in the plan yet. So a record may name one that comes
    /// later, and one that names a broken record is not reported for it.
    fn of(documents: &Documents<'_>) -> Self {
        let mut ids = Self::default();
        for kind in Kind::ALL {
            if documents.given(kind) {
                ids.given.insert(kind);
            }
            let Some(key) = kind.id_key() else { continue };
            for item in documents.items(kind) {
                if let Some(id) = item.node.get(key).and_then(|node| node.as_str()) {
                    ids.add(kind, id, None);
                }
            }
        }
        ids
    }

    /// Gives an identifier its index.
    pub(super) fn add(&mut self, kind: Kind, id: &str, index: Option<usize>) {
        self.by_kind
            .entry(kind)
            .or_default()
            .insert(id.to_owned(), index);
    }

    /// Whether the files list records of a kind.
    pub(super) fn given(&self, kind: Kind) -> bool {
        self.given.contains(&kind)
    }

    /// Whether the files have a record.
    pub(super) fn knows(&self, kind: Kind, id: &str) -> bool {
        self.by_kind
            .get(&kind)
            .is_some_and(|ids| ids.contains_key(id))
    }

    /// The index of a record that is in the plan.
    pub(super) fn index(&self, kind: Kind, id: &str) -> Option<usize> {
        self.by_kind.get(&kind)?.get(id).copied().flatten()
    }

    /// The index of the record that a value names. One that no file has is an error, unless no
    /// file lists such records at all: that is said once, of the folder.
    pub(super) fn resolve(
        &self,
        reader: &mut Reader<'_>,
        id: &At<String>,
        kind: Kind,
    ) -> Option<usize> {
        if self.given(kind) && !self.knows(kind, &id.value) {
            reader.error_at(&id.place, id.span.clone(), unknown(kind, &id.value));
        }
        self.index(kind, &id.value)
    }

    /// The index of the record that a key names, which has to be there.
    pub(super) fn refer(
        &self,
        reader: &mut Reader<'_>,
        key: &'static str,
        kind: Kind,
        of: Kind,
    ) -> Option<usize> {
        let id = required::<String>(reader, key, of.command())?;
        self.resolve(reader, &id, kind)
    }
}

/// An identifier that leads nowhere.
pub(super) fn unknown(kind: Kind, id: &str) -> Problem {
    Problem::new(
        "unknown-reference",
        format!("no file has the {} {}", kind.noun(), shorten(id)),
    )
    .with_help(format!(
        "save the output of `{}` without filters, and take all files at one time",
        kind.command()
    ))
}

/// A kind of file that nothing can be said without, or that leaves something open.
pub(super) fn not_given(kind: Kind, consequence: &str) -> Problem {
    Problem::new(
        "missing-file",
        format!("no file lists {}s: {consequence}", kind.noun()),
    )
    .with_help(format!(
        "save the output of `{}` in this folder",
        kind.command()
    ))
}

/// The identifier of a record, which has to be there.
pub(super) fn id(reader: &mut Reader<'_>, kind: Kind) -> Option<String> {
    let key = kind.id_key()?;
    required::<String>(reader, key, kind.command()).map(|at| at.value)
}

/// The index of a prefix list that a rule or route names. One whose ranges are unknown is a caveat:
/// two commands list prefix lists, so that it need not be in the files of either.
pub(super) fn prefix_list(
    reader: &mut Reader<'_>,
    ids: &Ids,
    list: &At<String>,
    what: &str,
) -> Option<usize> {
    if !ids.knows(Kind::PrefixList, &list.value) {
        let problem = Problem::new(
            "unknown-prefix-list",
            format!(
                "no file has the prefix list {}: this {what} is left out",
                shorten(&list.value)
            ),
        )
        .with_help(format!(
            "save the outputs of `{}` and `aws ec2 describe-managed-prefix-lists` in this folder",
            Kind::PrefixList.command()
        ));
        reader.caveat_at(&list.place, list.span.clone(), problem);
    }
    ids.index(Kind::PrefixList, &list.value)
}

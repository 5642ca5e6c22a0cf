//! Placement constraints: what binds.

use std::collections::BTreeMap;
use std::fmt;

use super::query::{Facts, Query};

/// A placement constraint.
///
/// Source: Amazon ECS API, `PlacementConstraint` (specified).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// Each task of the service on another instance.
    DistinctInstance,
    /// Only on instances that an expression holds for.
    MemberOf(Query),
}

impl Constraint {
    /// Whether an instance with these attributes and these tasks can take one more of a group.
    #[must_use]
    pub fn holds(
        &self,
        group: &str,
        attributes: &BTreeMap<String, String>,
        tasks: &BTreeMap<String, u32>,
    ) -> bool {
        match self {
            Self::DistinctInstance => tasks.get(group).is_none_or(|running| *running == 0),
            Self::MemberOf(query) => query.holds(Facts { attributes, tasks }),
        }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DistinctInstance => f.write_str("distinctInstance"),
            Self::MemberOf(query) => write!(f, "memberOf({query})"),
        }
    }
}

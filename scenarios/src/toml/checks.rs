//! `[[check]]` and `[[neighbour]]` as they are typed.

use schemars::JsonSchema;

use crate::document::reader::{At, FromNode, Reader};
use crate::ecs::Mode;

use super::read::load::workload_keys;
use super::read::{name, required, title};
use super::spec::WorkloadSpec;

/// An assertion about the results; `ecsnet compare --check` fails if it does not hold.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CheckSpec {
    /// Name in reports. Default: the assertion itself.
    pub name: Option<At<String>>,
    /// The assertion, such as `p99("web") < "2 ms"` or `not reaches("web", "db:5432")`.
    pub that: At<String>,
    /// The modes that it is about, unless it names them itself. Default: all that can be deployed.
    pub modes: Option<Vec<At<Mode>>>,
    /// Why it is made, for whoever sees it fail. Default: nothing.
    pub because: Option<At<String>>,
}

/// A load that is there to disturb others. It has the keys of a workload.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NeighbourSpec {
    /// The load.
    #[schemars(flatten)]
    pub workload: WorkloadSpec,
    /// The workloads that it is meant to disturb. Default: all.
    pub victims: Option<Vec<At<String>>>,
}

pub(super) fn check(reader: &mut Reader<'_>) -> Option<CheckSpec> {
    let help = "give an assertion: that = 'p99(\"web\") < \"2 ms\"'";
    let name = reader.read("name", title);
    let that = required(reader, "that", FromNode::from_node, help);
    let modes = reader.list("modes", FromNode::from_node);
    let because = reader.get("because");
    reader.refuse_unknown();
    Some(CheckSpec {
        name,
        that: that?,
        modes,
        because,
    })
}

pub(super) fn neighbour(reader: &mut Reader<'_>) -> Option<NeighbourSpec> {
    let workload = workload_keys(reader);
    let victims = reader.list("victims", name);
    reader.refuse_unknown();
    Some(NeighbourSpec {
        workload: workload?,
        victims,
    })
}

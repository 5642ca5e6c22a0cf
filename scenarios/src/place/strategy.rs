//! Placement strategies: what chooses among the instances that qualify.

use std::collections::BTreeMap;
use std::fmt;

use sim_core::SimRng;
use sim_core::dist::below;

use super::Site;

/// One strategy.
///
/// Source: Amazon ECS API, `PlacementStrategy` (specified).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Where the fewest tasks of the service are.
    Spread(Field),
    /// Where the least is left that is still enough.
    Binpack(Resource),
    /// Anywhere.
    Random,
}

/// What tasks are spread over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Instances (`instanceId`, or `host`, which is the same).
    Instance,
    /// The values of an attribute. Instances without it are taken as one more value (assumed).
    Attribute(String),
}

/// What is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// CPU units.
    Cpu,
    /// Memory.
    Memory,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spread(Field::Instance) => f.write_str("spread(instanceId)"),
            Self::Spread(Field::Attribute(name)) => write!(f, "spread(attribute:{name})"),
            Self::Binpack(Resource::Cpu) => f.write_str("binpack(cpu)"),
            Self::Binpack(Resource::Memory) => f.write_str("binpack(memory)"),
            Self::Random => f.write_str("random"),
        }
    }
}

/// Narrows the instances that qualify down with one strategy after another; the first of those that
/// are left. `None` if none qualifies.
pub(super) fn choose(
    sites: &[Site],
    mut left: Vec<usize>,
    group: &str,
    strategies: &[Strategy],
    random: &mut SimRng,
) -> Option<usize> {
    for strategy in strategies {
        match strategy {
            Strategy::Spread(Field::Instance) => {
                keep_least(&mut left, |index| sites[index].tasks_of(group));
            }
            Strategy::Spread(Field::Attribute(name)) => {
                let value = |index: usize| sites[index].attributes.get(name);
                let mut tasks: BTreeMap<Option<&String>, u32> = BTreeMap::new();
                for (index, site) in sites.iter().enumerate() {
                    *tasks.entry(value(index)).or_default() += site.tasks_of(group);
                }
                keep_least(&mut left, |index| tasks[&value(index)]);
            }
            Strategy::Binpack(Resource::Cpu) => keep_least(&mut left, |index| sites[index].cpu),
            Strategy::Binpack(Resource::Memory) => {
                keep_least(&mut left, |index| sites[index].memory);
            }
            Strategy::Random if left.len() > 1 => {
                let index = below(random, left.len() as u64);
                left = vec![left[usize::try_from(index).unwrap_or(0)]];
            }
            Strategy::Random => {}
        }
    }
    left.first().copied()
}

fn keep_least(left: &mut Vec<usize>, of: impl Fn(usize) -> u32) {
    let least = left.iter().map(|&index| of(index)).min();
    left.retain(|&index| Some(of(index)) == least);
}

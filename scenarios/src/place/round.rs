//! The tasks of one service, placed one after another.
//!
//! Between two of them only the instance changes that took the last one. So the instances that
//! qualify are kept in the order in which the strategies prefer them, and a task costs about the
//! same among ten instances and among thousands.
//!
//! Strategies narrow the instances down one after another, and the first of those that are left is
//! taken: that is the least in the lexical order of what each strategy looks at. What a spread over
//! an attribute looks at is the same for all instances with the same value, so they are kept apart
//! by value.

use std::collections::{BTreeMap, BTreeSet};

use super::strategy::{Field, Resource, Strategy};
use super::{Demand, Policy, Site};

/// An instance as its strategies rank it: all but those that spread over an attribute, in their
/// order, and then its index.
type Rank = (Vec<u32>, usize);

/// Instances with the same values of the attributes that are spread over.
#[derive(Clone, Debug, Default)]
struct Class {
    values: Vec<Option<String>>,
    free: BTreeSet<Rank>,
}

/// One service at work.
#[derive(Clone, Debug)]
pub(super) struct Round {
    group: String,
    demand: Demand,
    policy: Policy,
    /// Each of these attributes, in the order of the strategies, with the tasks by its value.
    spread: Vec<(String, BTreeMap<Option<String>, u32>)>,
    /// By capacity provider.
    classes: BTreeMap<Option<String>, Vec<Class>>,
    /// The class of each instance and its rank, where it qualifies.
    ranks: BTreeMap<usize, (Option<String>, usize, Vec<u32>)>,
    /// The instance that has changed since.
    changed: Option<usize>,
}

impl Round {
    /// The instances as they are; `None` where a strategy draws lots, which have no order.
    pub(super) fn new(
        sites: &[Site],
        group: &str,
        demand: &Demand,
        policy: &Policy,
    ) -> Option<Self> {
        if policy.strategies.contains(&Strategy::Random) {
            return None;
        }
        let attribute = |strategy: &Strategy| match strategy {
            Strategy::Spread(Field::Attribute(name)) => Some(name.clone()),
            _ => None,
        };
        let names = policy.strategies.iter().filter_map(attribute);
        let mut round = Self {
            group: group.to_owned(),
            demand: demand.clone(),
            policy: policy.clone(),
            spread: names.map(|name| (name, BTreeMap::new())).collect(),
            classes: BTreeMap::new(),
            ranks: BTreeMap::new(),
            changed: None,
        };
        for site in sites {
            for (name, tasks) in &mut round.spread {
                let value = site.attributes.get(name).cloned();
                *tasks.entry(value).or_default() += site.tasks_of(group);
            }
        }
        for index in 0..sites.len() {
            round.rank(sites, index);
        }
        Some(round)
    }

    /// Whether this is the round of the service.
    pub(super) fn is_of(&self, group: &str, demand: &Demand, policy: &Policy) -> bool {
        self.group == group && self.demand == *demand && self.policy == *policy
    }

    /// The instance that the strategies prefer, of a capacity provider if there are any.
    pub(super) fn choose(&mut self, sites: &[Site], provider: Option<&str>) -> Option<usize> {
        if let Some(index) = self.changed.take() {
            self.rank(sites, index);
        }
        let provider = provider.map(str::to_owned);
        let classes = self.classes.get(&provider)?;
        let best = classes.iter().filter_map(|class| {
            let (ranks, index) = class.free.first()?;
            Some((self.full_rank(class, ranks), *index))
        });
        best.min().map(|(_, index)| index)
    }

    /// A task of the service goes to an instance, which has not taken it yet.
    pub(super) fn took(&mut self, sites: &[Site], index: usize) {
        for (name, tasks) in &mut self.spread {
            let value = sites[index].attributes.get(name).cloned();
            *tasks.entry(value).or_default() += 1;
        }
        self.changed = Some(index);
    }

    /// What all strategies look at, in their order.
    fn full_rank(&self, class: &Class, ranks: &[u32]) -> Vec<u32> {
        let mut spread = self.spread.iter().zip(&class.values);
        let mut ranks = ranks.iter();
        let one = |strategy: &Strategy| match strategy {
            Strategy::Spread(Field::Attribute(_)) => spread
                .next()
                .and_then(|((_, tasks), value)| tasks.get(value)),
            _ => ranks.next(),
        };
        let ranks = self.policy.strategies.iter().map(one);
        ranks.map(|rank| rank.copied().unwrap_or(0)).collect()
    }

    /// Puts an instance where it belongs now.
    fn rank(&mut self, sites: &[Site], index: usize) {
        let site = &sites[index];
        if let Some((provider, class, ranks)) = self.ranks.remove(&index)
            && let Some(classes) = self.classes.get_mut(&provider)
        {
            classes[class].free.remove(&(ranks, index));
        }
        let constraints = &self.policy.constraints;
        if site.lacks(&self.group, &self.demand, constraints).is_some() {
            return;
        }
        let one = |strategy: &Strategy| match strategy {
            Strategy::Spread(Field::Instance) => Some(site.tasks_of(&self.group)),
            Strategy::Binpack(Resource::Cpu) => Some(site.cpu),
            Strategy::Binpack(Resource::Memory) => Some(site.memory),
            Strategy::Spread(Field::Attribute(_)) | Strategy::Random => None,
        };
        let ranks: Vec<u32> = self.policy.strategies.iter().filter_map(one).collect();
        let named = !self.policy.providers.is_empty();
        let provider = named.then(|| site.provider.clone());
        let values: Vec<_> = self
            .spread
            .iter()
            .map(|(name, _)| site.attributes.get(name).cloned())
            .collect();
        let classes = self.classes.entry(provider.clone()).or_default();
        let class = match classes.iter().position(|class| class.values == values) {
            Some(class) => class,
            None => {
                classes.push(Class {
                    values,
                    ..Class::default()
                });
                classes.len() - 1
            }
        };
        classes[class].free.insert((ranks.clone(), index));
        self.ranks.insert(index, (provider, class, ranks));
    }
}

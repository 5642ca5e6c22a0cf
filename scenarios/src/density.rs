//! How many tasks fit on an instance of each type: what `ecsnet density` answers.
//!
//! Nothing is simulated. Each subject, a task or the mix of a scenario, is laid against one empty
//! instance in each mode, with and without a trunk in `awsvpc`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use indexmap::IndexMap;
use reports::density::{Density, EniSource, FargateFit, Fit, Row, SCHEMA, Subject};
use sim_net::plan::Mode;

use crate::ecs::ports::{DynamicPorts, EPHEMERAL_PORTS};
use crate::ecs::{FargateSize, ModePlan, Refusal, TaskDefinition, check_mode};
use crate::instance_types::{EniLimits, InstanceType, Listed, TaskLimit};
use crate::lower::NonePolicy;
use crate::lower::capacity::{bridge_addresses, free_addresses};
use crate::place::{Demand, Need, Site, density, registered_cpu, registered_memory};
use crate::toml::Scenario;

pub mod select;
#[cfg(test)]
mod tests;

/// The key of `awsvpc` with a trunk.
pub const TRUNKED: &str = "awsvpc-trunked";

/// Tasks that instances are filled with.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The service, or the family.
    pub name: String,
    /// The task definition.
    pub definition: Arc<TaskDefinition>,
    /// How many of them a scenario has; only the ratio between kinds counts.
    pub count: u32,
    /// The mode that they keep whichever is being looked at.
    pub mode: Option<Mode>,
    /// Indices of the subnets that their interfaces are in.
    pub subnets: Vec<usize>,
}

/// What an instance stands on, besides its type.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Memory that is kept from tasks, in MiB.
    pub reserved_memory_mib: u32,
    /// Where dynamic host ports come from.
    pub dynamic_ports: RangeInclusive<u16>,
    /// The subnets, if there are any.
    pub network: Option<Network>,
}

impl Default for Ground {
    fn default() -> Self {
        Self {
            reserved_memory_mib: 0,
            dynamic_ports: EPHEMERAL_PORTS,
            network: None,
        }
    }
}

/// The subnets around an instance.
#[derive(Clone, Debug)]
pub struct Network {
    /// Free addresses of each subnet of the instance's zone, by the index of the subnet; `None` in
    /// other zones.
    free: Vec<Option<u64>>,
    /// The subnet of the instance.
    own: usize,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The tasks; empty if the limits of the types are all that is asked for.
    pub kinds: Vec<Kind>,
    /// What the instances stand on.
    pub ground: Ground,
    /// The modes.
    pub modes: Vec<Mode>,
    /// The instance types.
    pub types: Vec<&'a Listed>,
    /// What `none` does with port mappings.
    pub policy: NonePolicy,
}

/// The tasks of a scenario, and what its first group of instances stands on.
#[must_use]
pub fn of_scenario(scenario: &Scenario) -> (Vec<Kind>, Ground) {
    let kinds = scenario.services.iter().map(|service| Kind {
        name: service.name.clone(),
        definition: Arc::clone(&service.task_definition),
        count: service.count,
        mode: service.mode,
        subnets: service.network.subnets.clone(),
    });
    let Some(capacity) = scenario.capacity.first() else {
        return (kinds.collect(), Ground::default());
    };
    let (own, subnets) = (capacity.subnets[0], &scenario.region.subnets);
    let free = free_addresses(scenario).into_iter().zip(subnets);
    let in_zone = |zone: usize| zone == subnets[own].zone;
    let network = Network {
        free: free
            .map(|(free, subnet)| in_zone(subnet.zone).then_some(free))
            .collect(),
        own,
    };
    let ground = Ground {
        reserved_memory_mib: capacity.reserved_memory_mib,
        dynamic_ports: capacity.dynamic_ports.clone(),
        network: Some(network),
    };
    (kinds.collect(), ground)
}

/// Answers.
#[must_use]
pub fn answer(question: &Question<'_>) -> Density {
    let mut notes = Vec::new();
    let subjects = if question.kinds.is_empty() {
        vec![limits_alone(question)]
    } else {
        notes.push(
            "An instance registers 97.5 % of its memory with ECS (as the published m4.large) and \
             1024 CPU units per vCPU."
                .to_owned(),
        );
        if question.ground.network.is_some() {
            notes.push(
                "Reserved memory, dynamic ports and subnets are those of the scenario's first \
                 capacity; subnets count for a single instance."
                    .to_owned(),
            );
        }
        let alone = question
            .kinds
            .iter()
            .map(|kind| subject(&kind.name, &[(kind, 1)], question));
        let mut subjects: Vec<_> = alone.collect();
        if question.kinds.len() > 1 {
            let divisor = question
                .kinds
                .iter()
                .map(|kind| kind.count)
                .fold(0, gcd)
                .max(1);
            let counts = question
                .kinds
                .iter()
                .map(|kind| (kind, kind.count / divisor));
            subjects.push(subject("mix", &counts.collect::<Vec<_>>(), question));
        }
        subjects
    };
    Density {
        schema: SCHEMA.to_owned(),
        subjects,
        notes,
    }
}

/// The greatest common divisor; that with zero is the other number.
fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One column of numbers.
#[derive(Clone, Copy)]
struct Column {
    mode: Mode,
    trunked: bool,
}

impl Column {
    fn key(self) -> &'static str {
        if self.trunked {
            TRUNKED
        } else {
            self.mode.name()
        }
    }

    /// Fargate has none: no instance is shared there.
    fn all(modes: &[Mode]) -> Vec<Self> {
        let mut columns = Vec::new();
        for &mode in Mode::ALL.iter().filter(|mode| modes.contains(mode)) {
            if mode != Mode::Fargate {
                columns.push(Self {
                    mode,
                    trunked: false,
                });
            }
            if mode == Mode::Awsvpc {
                columns.push(Self {
                    mode,
                    trunked: true,
                });
            }
        }
        columns
    }
}

/// The limits of the types, for a task that needs nothing but an interface.
fn limits_alone(question: &Question<'_>) -> Subject {
    let columns = Column::all(&question.modes);
    let columns = columns.iter().filter(|column| column.mode == Mode::Awsvpc);
    let columns: Vec<_> = columns.copied().collect();
    let rows = question.types.iter().map(|listed| {
        let fits = columns.iter().map(|column| {
            let (places, source) = figure(&listed.limits, column.trunked);
            let sets = places.map(u64::from);
            let fit = Fit {
                sets,
                tasks: sets,
                limit: Some(places.map_or(missing(source), |_| "ENI").to_owned()),
                eni_tasks: places,
                eni_source: Some(source),
                detail: words(&listed.limits, source),
            };
            (column.key().to_owned(), fit)
        });
        row(listed, &question.ground, fits.collect())
    });
    Subject {
        name: "any task".to_owned(),
        tasks: IndexMap::new(),
        cpu: 0,
        memory_mib: 0,
        refused: IndexMap::new(),
        fargate: Vec::new(),
        rows: rows.collect(),
    }
}

/// Why there is no number.
fn missing(source: EniSource) -> &'static str {
    match source {
        EniSource::NoTrunk => "no trunk",
        _ => "unknown ENI",
    }
}

/// Places for task interfaces, and how that is known.
fn figure(limits: &EniLimits, trunked: bool) -> (Option<u32>, EniSource) {
    let limit = if trunked {
        limits.trunked()
    } else {
        limits.plain()
    };
    let source = match limit {
        Some(TaskLimit::Documented(_)) => EniSource::Documented,
        Some(TaskLimit::InterfacesLessOne(_)) => EniSource::InterfacesLessOne,
        Some(TaskLimit::Derived(_)) => EniSource::Derived,
        None if trunked && limits.trunking == Some(false) => EniSource::NoTrunk,
        None => EniSource::Unknown,
    };
    (limit.map(TaskLimit::tasks), source)
}

/// How a figure comes about.
fn words(limits: &EniLimits, source: EniSource) -> String {
    let number = |value: Option<u32>| value.unwrap_or_default();
    let (enis, branches) = (number(limits.max_enis), number(limits.branch_interfaces));
    match source {
        EniSource::Documented => "documented, June 2023".to_owned(),
        EniSource::InterfacesLessOne => format!("{enis} interfaces - 1"),
        EniSource::Derived => format!("{branches} branch interfaces + {enis} interfaces - 2"),
        EniSource::NoTrunk => "trunk interfaces are not supported".to_owned(),
        EniSource::Unknown => "no source says".to_owned(),
    }
}

fn row(listed: &Listed, ground: &Ground, fits: IndexMap<String, Fit>) -> Row {
    let instance = listed.instance.as_ref();
    Row {
        instance_type: listed.name.clone(),
        architecture: instance.map(|one| one.architecture.as_str().to_owned()),
        hypervisor: instance.map(|one| one.hypervisor.as_str().to_owned()),
        vcpus: instance.map(|one| one.vcpus),
        memory_mib: instance.map(|one| one.memory_mib),
        registered_memory_mib: instance.map(|one| memory_for_tasks(one, ground)),
        max_enis: listed.limits.max_enis,
        trunking: listed.limits.trunking,
        fits,
    }
}

fn memory_for_tasks(instance: &InstanceType, ground: &Ground) -> u32 {
    registered_memory(instance.memory_mib).saturating_sub(ground.reserved_memory_mib)
}

/// A set of tasks, on all types.
fn subject(name: &str, set: &[(&Kind, u32)], question: &Question<'_>) -> Subject {
    let columns = Column::all(&question.modes);
    let mut refused = IndexMap::new();
    let needs: Vec<(Column, Result<Need, String>)> = columns
        .into_iter()
        .map(|column| {
            let need = need(set, column.mode, question.policy);
            if let Err(why) = &need {
                refused.insert(column.mode.name().to_owned(), why.clone());
            }
            (column, need)
        })
        .collect();
    let rows = question.types.iter().map(|listed| {
        let fits = needs.iter().map(|(column, need)| {
            let fit = match need {
                Ok(need) => fit(listed, *column, need, set, &question.ground),
                Err(why) => Fit {
                    limit: Some("refused".to_owned()),
                    detail: why.clone(),
                    ..Fit::default()
                },
            };
            (column.key().to_owned(), fit)
        });
        row(listed, &question.ground, fits.collect())
    });
    let rows = rows.collect();
    let on_fargate = question.modes.contains(&Mode::Fargate);
    if on_fargate && let Err(why) = plans(set, Mode::Fargate, question.policy) {
        refused.insert(Mode::Fargate.name().to_owned(), why);
    }
    let sum = |part: fn(&TaskDefinition) -> u32| {
        let each = set
            .iter()
            .map(|(kind, n)| u64::from(part(&kind.definition)) * u64::from(*n));
        each.sum::<u64>()
    };
    Subject {
        name: name.to_owned(),
        tasks: set
            .iter()
            .map(|(kind, n)| (kind.name.clone(), *n))
            .collect(),
        cpu: sum(TaskDefinition::reserved_cpu),
        memory_mib: sum(TaskDefinition::reserved_memory),
        refused,
        fargate: match on_fargate {
            true => set.iter().map(|(kind, _)| fargate(kind)).collect(),
            false => Vec::new(),
        },
        rows,
    }
}

/// The smallest size that holds a task.
fn fargate(kind: &Kind) -> FargateFit {
    let asked = FargateSize {
        cpu: kind.definition.reserved_cpu(),
        memory: kind.definition.reserved_memory(),
    };
    let size = asked.nearest();
    FargateFit {
        task: kind.name.clone(),
        asked_cpu: asked.cpu,
        asked_memory_mib: asked.memory,
        cpu: size.cpu,
        memory_mib: size.memory,
        exact: asked.is_offered(),
    }
}

/// How a mode carries each task of a set, with the mode that it is really in.
fn plans(
    set: &[(&Kind, u32)],
    mode: Mode,
    policy: NonePolicy,
) -> Result<Vec<(Mode, ModePlan)>, String> {
    let plan = |(kind, _): &(&Kind, u32)| {
        let mode = kind.mode.unwrap_or(mode);
        let stripped = || {
            (mode == Mode::None && policy == NonePolicy::WithoutPorts)
                .then(|| check_mode(&kind.definition.without_port_mappings(), mode).ok())
                .flatten()
        };
        match check_mode(&kind.definition, mode) {
            Ok(plan) => Ok((mode, plan)),
            Err(refusals) => stripped()
                .map(|plan| (mode, plan))
                .ok_or_else(|| reasons(&kind.name, &refusals)),
        }
    };
    set.iter().map(plan).collect()
}

fn reasons(name: &str, refusals: &[Refusal]) -> String {
    let messages: Vec<_> = refusals.iter().map(|one| one.message.as_str()).collect();
    format!("{name}: {}", messages.join("; "))
}

/// What a set needs in a mode.
fn need(set: &[(&Kind, u32)], mode: Mode, policy: NonePolicy) -> Result<Need, String> {
    let mut need = Need::default();
    for ((kind, count), (mode, plan)) in set.iter().zip(plans(set, mode, policy)?) {
        // A task that is kept on Fargate takes nothing of an instance.
        if mode != Mode::Fargate {
            let demand = Demand::of(&kind.definition, &plan, mode == Mode::Awsvpc);
            need.add(&demand, bridge_addresses(&plan), *count);
        }
    }
    Ok(need)
}

/// How many sets fit on an empty instance.
fn fit(listed: &Listed, column: Column, need: &Need, set: &[(&Kind, u32)], ground: &Ground) -> Fit {
    let (places, source) = figure(&listed.limits, column.trunked);
    let source = (column.mode == Mode::Awsvpc || need.interfaces > 0).then_some(source);
    let none = |limit: &str, detail: String| Fit {
        limit: Some(limit.to_owned()),
        eni_tasks: places.filter(|_| source.is_some()),
        eni_source: source,
        detail,
        ..Fit::default()
    };
    let places = match (places, source) {
        (Some(places), _) => places,
        (None, None) => 0,
        (None, Some(source)) => return none(missing(source), words(&listed.limits, source)),
    };
    let Some(instance) = &listed.instance else {
        let detail = format!("the size of {} is not known", listed.name);
        return none("unknown size", detail);
    };
    let mut site = Site::new(
        listed.name.clone(),
        0,
        registered_cpu(instance.vcpus),
        memory_for_tasks(instance, ground),
        places,
    );
    site.dynamic = DynamicPorts::new(ground.dynamic_ports.clone());
    let fits = density(&site, need, addresses(ground, set, column));
    // As many as are on an instance: those that are kept on Fargate are not.
    let here = set
        .iter()
        .filter(|(kind, _)| kind.mode != Some(Mode::Fargate));
    let per_set: u64 = here.map(|(_, n)| u64::from(*n)).sum();
    Fit {
        sets: fits.sets,
        tasks: fits.sets.map(|sets| sets * per_set),
        limit: fits.limit.map(|limit| limit.name().to_owned()),
        eni_tasks: source.map(|_| places),
        eni_source: source,
        detail: fits.detail,
    }
}

/// Free addresses in the zone of the instance for the interfaces of a set, when the instance has
/// taken its own.
fn addresses(ground: &Ground, set: &[(&Kind, u32)], column: Column) -> Option<u64> {
    let network = ground.network.as_ref()?;
    let own_interface = |kind: &&Kind| kind.mode.unwrap_or(column.mode) == Mode::Awsvpc;
    let kinds = set.iter().map(|(kind, _)| *kind).filter(own_interface);
    let listed = kinds.flat_map(|kind| &kind.subnets);
    let subnets: BTreeSet<usize> = listed.copied().collect();
    let free = subnets.iter().filter_map(|&subnet| {
        let own = u64::from(subnet == network.own) * if column.trunked { 2 } else { 1 };
        Some(network.free[subnet]?.saturating_sub(own))
    });
    Some(free.sum())
}

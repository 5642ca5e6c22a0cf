//! Where tasks go: strategies, constraints and capacity providers of a service.

use super::{Context, small, unknown};
use crate::diagnostic::{Problem, nearest};
use crate::document::reader::At;
use crate::place::query::Query;
use crate::place::{Constraint, Field, Resource, Share, Strategy};
use crate::toml::placement::{
    ConstraintSpec, ConstraintWord, ShareSpec, StrategySpec, StrategyWord,
};
use crate::toml::scenario::{Capacity, Placement};
use crate::toml::spec::ServiceSpec;

/// Strategies and constraints that a service can have.
///
/// Source: Amazon ECS API, `CreateService` (specified).
const MOST_STRATEGIES: usize = 5;
const MOST_CONSTRAINTS: usize = 10;

/// How a service wants its tasks placed.
pub(super) fn service(spec: &ServiceSpec, context: &mut Context<'_>) -> Placement {
    let few = |context: &mut Context<'_>, what: &str, at: Option<At<()>>, most: usize| {
        if let Some(at) = at {
            let message = format!("more than {most} {what}");
            let problem = Problem::new("too-many", message);
            context.error(
                &at,
                problem.with_help("ECS takes no more: shorten the list"),
            );
        }
    };
    let sixth = spec.placement.get(MOST_STRATEGIES);
    let place = sixth.map(|one| one.kind.with(()));
    few(context, "placement strategies", place, MOST_STRATEGIES);
    let eleventh = spec.constraints.get(MOST_CONSTRAINTS);
    let place = eleventh.map(|one| one.kind.with(()));
    few(context, "placement constraints", place, MOST_CONSTRAINTS);
    let strategies = spec.placement.iter();
    let strategies = strategies
        .filter_map(|one| strategy(one, context))
        .collect();
    let constraints = spec.constraints.iter();
    let constraints = constraints
        .filter_map(|one| constraint(one, context))
        .collect();
    Placement {
        strategies,
        constraints,
        providers: shares(&spec.capacity_providers, context),
    }
}

fn strategy(spec: &StrategySpec, context: &mut Context<'_>) -> Option<Strategy> {
    let known: &[&str] = match spec.kind.value {
        StrategyWord::Spread => &["instanceId", "host", "attribute:ecs.availability-zone"],
        StrategyWord::Binpack => &["cpu", "memory"],
        StrategyWord::Random => &[],
    };
    let Some(field) = &spec.field else {
        if known.is_empty() {
            return Some(Strategy::Random);
        }
        let problem = Problem::new("missing-key", "the strategy has no `field`");
        let help = format!("give {}", known.join(" or "));
        context.error(&spec.kind, problem.with_help(help));
        return None;
    };
    let word = field.value.to_ascii_lowercase();
    let found = match (spec.kind.value, word.as_str()) {
        (StrategyWord::Spread, "instanceid" | "host") => Some(Strategy::Spread(Field::Instance)),
        (StrategyWord::Spread, _) => field
            .value
            .strip_prefix("attribute:")
            .filter(|name| !name.is_empty())
            .map(|name| Strategy::Spread(Field::Attribute(name.to_owned()))),
        (StrategyWord::Binpack, "cpu") => Some(Strategy::Binpack(Resource::Cpu)),
        (StrategyWord::Binpack, "memory") => Some(Strategy::Binpack(Resource::Memory)),
        (StrategyWord::Binpack | StrategyWord::Random, _) => None,
    };
    if found.is_none() {
        let message = match spec.kind.value {
            StrategyWord::Random => "`random` takes no `field`".to_owned(),
            StrategyWord::Spread => format!("cannot spread over {:?}", field.value),
            StrategyWord::Binpack => format!("cannot pack {:?}", field.value),
        };
        let help = match nearest(&field.value, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => "drop it".to_owned(),
            None => format!("give {}", known.join(" or ")),
        };
        context.error(field, Problem::new("bad-field", message).with_help(help));
    }
    found
}

fn constraint(spec: &ConstraintSpec, context: &mut Context<'_>) -> Option<Constraint> {
    match (spec.kind.value, &spec.expression) {
        (ConstraintWord::DistinctInstance, None) => Some(Constraint::DistinctInstance),
        (ConstraintWord::DistinctInstance, Some(expression)) => {
            let problem = Problem::new("misplaced-key", "`distinctInstance` takes no expression");
            context.error(expression, problem.with_help("drop `expression`"));
            None
        }
        (ConstraintWord::MemberOf, None) => {
            let problem = Problem::new("missing-key", "`memberOf` has no `expression`");
            let help = "give one: expression = \"attribute:ecs.instance-type =~ c5.*\"";
            context.error(&spec.kind, problem.with_help(help));
            None
        }
        (ConstraintWord::MemberOf, Some(expression)) => match Query::parse(&expression.value) {
            Ok(query) => Some(Constraint::MemberOf(query)),
            Err(error) => {
                context.error(expression, Problem::from(error));
                None
            }
        },
    }
}

fn shares(specs: &[ShareSpec], context: &mut Context<'_>) -> Vec<Share> {
    let names = || specs.iter().map(|share| &share.provider);
    context.apart("capacity providers of the service", names());
    let mut shares: Vec<Share> = Vec::with_capacity(specs.len());
    for spec in specs {
        let base = spec.base.as_ref().map_or(0, small);
        if let Some(at) = spec.base.as_ref().filter(|_| base > 0)
            && shares.iter().any(|share| share.base > 0)
        {
            let problem = Problem::new("two-bases", "two capacity providers have a base");
            context.error(at, problem.with_help("ECS allows it for one of them only"));
        }
        shares.push(Share {
            provider: spec.provider.value.clone(),
            base,
            weight: spec.weight.as_ref().map_or(1, small),
        });
    }
    if let Some(first) = specs.first()
        && shares.iter().all(|share| share.weight == 0)
    {
        let problem = Problem::new("no-weight", "no capacity provider has a weight above zero");
        context.error(&first.provider, problem.with_help("give one a `weight`"));
    }
    shares
}

/// Reports capacity providers of services that no capacity belongs to.
pub(super) fn known_providers(
    services: &[ServiceSpec],
    capacity: &[Capacity],
    context: &mut Context<'_>,
) {
    let known: Vec<&str> = capacity.iter().map(|one| one.provider.as_str()).collect();
    for share in services.iter().flat_map(|one| &one.capacity_providers) {
        if !known.contains(&share.provider.value.as_str()) {
            let problem = unknown("capacity provider", &share.provider.value, &known);
            context.error(&share.provider, problem);
        }
    }
}

//! Assertions and neighbours.

use std::ops::Range;

use sim_net::vpc::RegionPlan;

use super::workload::{self, Parties};
use super::{Context, unknown};
use crate::assert::{Check, Known, KnownService};
use crate::diagnostic::Problem;
use crate::document::reader::At;
use crate::ecs::Mode;
use crate::toml::scenario::{Capacity, Location, Neighbour, Workload};
use crate::toml::spec::{CheckSpec, NeighbourSpec, ScenarioSpec};

/// The neighbours that could be understood.
pub(super) fn neighbours(
    spec: &ScenarioSpec,
    workloads: &[Workload],
    parties: &Parties<'_>,
    context: &mut Context<'_>,
) -> Vec<Neighbour> {
    let one = |neighbour: &NeighbourSpec| {
        let workload = workload::workload(&neighbour.workload, parties, context);
        let victims = victims(neighbour, spec, workloads, context);
        Some(Neighbour {
            workload: workload?,
            victims,
        })
    };
    spec.neighbour.iter().filter_map(one).collect()
}

fn victims(
    neighbour: &NeighbourSpec,
    spec: &ScenarioSpec,
    workloads: &[Workload],
    context: &mut Context<'_>,
) -> Vec<usize> {
    let name = &neighbour.workload.name;
    if spec.workload.is_empty() {
        let message = format!("neighbour {:?} has nobody to disturb", name.value);
        let problem = Problem::new("no-victim", message);
        context.error(name, problem.with_help("add [[workload]]"));
    }
    let Some(victims) = &neighbour.victims else {
        return (0..workloads.len()).collect();
    };
    if victims.is_empty() {
        let message = format!("neighbour {:?} has nobody to disturb", name.value);
        let problem = Problem::new("no-victim", message);
        context.error(
            name,
            problem.with_help("name workloads in `victims`, or drop it"),
        );
    }
    let is_it = |victim: &At<String>| {
        let mut workloads = workloads.iter();
        workloads.position(|workload| workload.name == victim.value)
    };
    let mut found = Vec::with_capacity(victims.len());
    for victim in victims {
        // A workload with errors of its own may well be what is meant.
        let names: Vec<&str> = spec
            .workload
            .iter()
            .map(|w| w.name.value.as_str())
            .collect();
        match is_it(victim) {
            Some(index) if found.contains(&index) => {
                let message = format!("workload {:?} is listed twice", victim.value);
                let problem = Problem::new("duplicate", message);
                context.error(victim, problem.with_help("list it once"));
            }
            Some(index) => found.push(index),
            None if names.contains(&victim.value.as_str()) => {}
            None => context.error(victim, unknown("workload", &victim.value, &names)),
        }
    }
    found
}

/// What expressions may name; `None` if something has errors of its own and may be what is meant.
pub(super) fn known<'a>(
    spec: &ScenarioSpec,
    parties: &Parties<'a>,
    capacity: &'a [Capacity],
    workloads: &'a [Workload],
    neighbours: &[Neighbour],
    region: &RegionPlan,
) -> Option<Known<'a>> {
    let all_there = spec.capacity.len() <= capacity.len()
        && spec.workload.len() == workloads.len()
        && spec.neighbour.len() == neighbours.len();
    if !all_there {
        return None;
    }
    let services: Option<Vec<_>> = parties.services.iter().map(Option::as_ref).collect();
    let clients: Option<Vec<_>> = parties.clients.iter().map(Option::as_ref).collect();
    let service = |service: &'a crate::toml::Service| KnownService {
        name: &service.name,
        count: service.count,
        containers: service
            .task_definition
            .containers
            .iter()
            .map(|container| container.name.as_str())
            .collect(),
    };
    let clients = clients?;
    let outside = |client: &&crate::toml::Client| client.location == Location::Internet;
    let victims = neighbours.iter().flat_map(|neighbour| &neighbour.victims);
    Some(Known {
        workloads: workloads.iter().map(|w| w.name.as_str()).collect(),
        victims: victims
            .map(|&index| workloads[index].name.as_str())
            .collect(),
        services: services?.into_iter().map(service).collect(),
        internet: !region.internet_gateways.is_empty() || clients.iter().any(outside),
        clients: clients
            .into_iter()
            .map(|client| client.name.as_str())
            .chain(parties.endpoints.iter().map(|e| e.name.as_str()))
            .collect(),
        capacity: capacity
            .iter()
            .map(|c| (c.name.as_str(), c.count))
            .collect(),
    })
}

/// The checks that could be understood.
pub(super) fn checks(
    specs: &[CheckSpec],
    known: Option<&Known<'_>>,
    context: &mut Context<'_>,
) -> Vec<Check> {
    let Some(known) = known else {
        return Vec::new();
    };
    let checks: Vec<Check> = specs
        .iter()
        .filter_map(|spec| check(spec, known, context))
        .collect();
    let names = specs.iter().filter_map(|spec| spec.name.as_ref());
    context.apart("checks", names);
    checks
}

fn check(spec: &CheckSpec, known: &Known<'_>, context: &mut Context<'_>) -> Option<Check> {
    let mut check = match Check::read(&spec.that.value, known) {
        Ok(check) => check,
        Err(errors) => {
            for error in errors {
                let at = within(&spec.that, &error.span, context);
                context.error(&at, error.problem);
            }
            return None;
        }
    };
    if let Some(name) = &spec.name {
        check.name.clone_from(&name.value);
    }
    check.because = spec.because.as_ref().map(|because| because.value.clone());
    if let Some(modes) = &spec.modes {
        check.modes = self::modes(modes, &check, context);
    }
    Some(check)
}

fn modes(modes: &[At<Mode>], check: &Check, context: &mut Context<'_>) -> Option<Vec<Mode>> {
    let first = modes.first()?;
    if !check.depends_on_mode() {
        let message = "`modes` says nothing: every function of the assertion names its mode";
        let problem = Problem::new("useless-modes", message);
        context.error(first, problem.with_help("drop `modes`"));
    }
    let mut found = Vec::with_capacity(modes.len());
    for mode in modes {
        if found.contains(&mode.value) {
            let message = format!("mode {} is listed twice", mode.value);
            let problem = Problem::new("duplicate", message);
            context.error(mode, problem.with_help("list it once"));
        } else {
            found.push(mode.value);
        }
    }
    Some(found)
}

/// Where a part of an expression stands in the file: in its string, if that holds no escapes.
fn within(that: &At<String>, part: &Range<usize>, context: &Context<'_>) -> At<()> {
    let written = context.report.source().get(that.span.clone());
    let start = written.and_then(|written| written.find(&that.value));
    At {
        span: match start {
            Some(start) => {
                let start = that.span.start + start;
                start + part.start..start + part.end
            }
            None => that.span.clone(),
        },
        ..that.with(())
    }
}

//! Resolves names, fills in defaults, and reports everything that does not fit together.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Problem, Report, nearest};
use crate::document::reader::At;
use crate::ecs::Protocol;

use super::Surroundings;
use super::scenario::{Listen, Measure, Scenario};
use super::spec::{ListenSpec, MeasureSpec, ProtocolWord, ScenarioSpec};

mod checks;
mod clients;
mod compute;
mod network;
mod placement;
mod refer;
mod workload;

/// Validates a scenario. The report is that of the scenario file; those of the files that it names
/// are appended to `reports`.
///
/// `None` if something is so wrong that no scenario can be made; otherwise the reports say whether
/// what is given can be used.
#[must_use]
pub fn validate(
    spec: &ScenarioSpec,
    surroundings: Surroundings<'_>,
    report: &mut Report,
    reports: &mut Vec<Report>,
) -> Option<Scenario> {
    let mut inputs = BTreeMap::new();
    inputs.insert(report.file().to_owned(), Arc::clone(report.source()));
    let mut context = Context {
        report,
        assumptions: Vec::new(),
    };
    let from = spec.vpc.as_ref().and_then(|vpc| vpc.from.as_ref());
    let imported = match from.map(|from| (surroundings.folder)(&from.value)) {
        None => None,
        Some(Ok((imported, found))) => {
            reports.extend(found);
            inputs.extend(imported.inputs.iter().cloned());
            Some(imported)
        }
        Some(Err(found)) => {
            reports.extend(found);
            return None;
        }
    };
    let network = network::network(spec.vpc.as_ref(), imported, &mut context);
    let region = &network.region;
    let capacity = compute::capacity(&spec.capacity, region, &mut context);
    let mut files = compute::Files {
        read_file: surroundings.file,
        reports,
        inputs: &mut inputs,
    };
    let services = compute::services(&spec.service, region, &mut files, &mut context);
    placement::known_providers(&spec.service, &capacity, &mut context);
    let clients = clients::clients(&spec.client, &network, &mut context);
    clients::names_apart(spec, &services, &mut context);
    let parties = workload::Parties {
        services: &services,
        clients: &clients,
        endpoints: &network.endpoints,
    };
    let workloads = workload::workloads(&spec.workload, &parties, &mut context);
    let neighbours = checks::neighbours(spec, &workloads, &parties, &mut context);
    let region = &network.region;
    let known = checks::known(spec, &parties, &capacity, &workloads, &neighbours, region);
    let checks = checks::checks(&spec.check, known.as_ref(), &mut context);
    let assumptions = context.assumptions;
    let services: Option<Vec<_>> = services.into_iter().collect();
    let clients: Option<Vec<_>> = clients.into_iter().collect();
    Some(Scenario {
        name: spec
            .name
            .as_ref()
            .map_or_else(|| "scenario".to_owned(), |name| name.value.clone()),
        region: network.region,
        map_public_ip: network.map_public_ip,
        endpoints: network.endpoints,
        capacity,
        services: services?,
        clients: clients?,
        workloads,
        neighbours,
        checks,
        measure: measure(spec.measure.as_ref()),
        assumptions,
        inputs,
    })
}

/// What every part of the validation writes to.
struct Context<'a> {
    report: &'a mut Report,
    assumptions: Vec<String>,
}

impl Context<'_> {
    /// Reports an error at a value.
    fn error<T>(&mut self, at: &At<T>, problem: Problem) {
        self.report.error(Some(at.span.clone()), &at.place, problem);
    }

    /// Reports a caveat at a value.
    fn caveat<T>(&mut self, at: &At<T>, problem: Problem) {
        self.report
            .caveat(Some(at.span.clone()), &at.place, problem);
    }

    /// Reports an error about the whole file.
    fn error_in_file(&mut self, place: &str, problem: Problem) {
        self.report.error(None, place, problem);
    }

    /// Notes a default that a reader of the results should know of.
    fn assume(&mut self, sentence: impl Into<String>) {
        self.assumptions.push(sentence.into());
    }

    /// The index of a name in a list; an unknown one is reported with the nearest.
    fn find<'n>(
        &mut self,
        what: &str,
        name: &At<String>,
        known: impl Iterator<Item = &'n str>,
    ) -> Option<usize> {
        let known: Vec<&str> = known.collect();
        let found = known.iter().position(|known| *known == name.value);
        if found.is_none() {
            self.error(name, unknown(what, &name.value, &known));
        }
        found
    }

    /// The indices of names in a list; unknown and repeated ones are reported.
    fn find_all<'n>(
        &mut self,
        what: &str,
        names: &[At<String>],
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Vec<usize> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let Some(index) = self.find(what, name, known.clone()) else {
                continue;
            };
            if found.contains(&index) {
                let message = format!("{what} {:?} is listed twice", name.value);
                self.error(
                    name,
                    Problem::new("duplicate", message).with_help("list it once"),
                );
            } else {
                found.push(index);
            }
        }
        found
    }

    /// Reports every name that an earlier one of the same kind has.
    fn apart<'n>(&mut self, what: &str, names: impl Iterator<Item = &'n At<String>>) {
        let mut seen: Vec<&str> = Vec::new();
        for name in names {
            if seen.contains(&name.value.as_str()) {
                let message = format!("two {what} are named {:?}", name.value);
                self.error(
                    name,
                    Problem::new("duplicate-name", message).with_help("rename one"),
                );
            }
            seen.push(&name.value);
        }
    }

    /// A list that was given may not be empty and not be longer than ECS allows.
    fn length(&mut self, what: &str, list: &[At<String>], most: usize) {
        if let Some(first_too_many) = list.get(most) {
            let message = format!("{} {what}, at most {most} are allowed", list.len());
            let problem = Problem::new("too-many", message);
            self.error(first_too_many, problem.with_help("shorten the list"));
        }
    }
}

/// A name that nothing has.
fn unknown(what: &str, name: &str, known: &[&str]) -> Problem {
    let problem = Problem::new("unknown-name", format!("there is no {what} {name:?}"));
    match nearest(name, known.iter().copied()) {
        Some(near) => problem.with_help(format!("did you mean {near:?}?")),
        None if known.is_empty() => problem.with_help(format!("the file has no {what}")),
        None => problem.with_help(format!("known: {}", known.join(", "))),
    }
}

fn measure(spec: Option<&MeasureSpec>) -> Measure {
    let mut measure = Measure::default();
    let Some(spec) = spec else { return measure };
    let set = |value: &mut sim_core::SimDuration, given: &Option<At<sim_core::SimDuration>>| {
        if let Some(given) = given {
            *value = given.value;
        }
    };
    set(&mut measure.warmup, &spec.warmup);
    set(&mut measure.duration, &spec.duration);
    set(&mut measure.cooldown, &spec.cooldown);
    if let Some(replications) = &spec.replications {
        measure.replications = small(replications);
    }
    if let Some(seed) = &spec.seed {
        measure.seed = seed.value;
    }
    measure
}

/// TCP or UDP.
fn protocol(word: ProtocolWord) -> Protocol {
    match word {
        ProtocolWord::Tcp => Protocol::Tcp,
        ProtocolWord::Udp => Protocol::Udp,
    }
}

/// Ports that something listens on; repeated ones are reported.
fn listeners(specs: &[At<ListenSpec>], context: &mut Context<'_>) -> Vec<Listen> {
    let mut list = Vec::with_capacity(specs.len());
    for spec in specs {
        let listen = Listen {
            port: spec.value.port,
            protocol: protocol(spec.value.protocol),
        };
        if list.contains(&listen) {
            let message = format!("port {}/{} is listed twice", listen.port, listen.protocol);
            let problem = Problem::new("duplicate", message);
            context.error(spec, problem.with_help("list it once"));
        }
        list.push(listen);
    }
    list
}

/// A number that the reader has bounded.
fn small(number: &At<u64>) -> u32 {
    u32::try_from(number.value).unwrap_or(u32::MAX)
}

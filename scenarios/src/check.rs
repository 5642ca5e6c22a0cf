//! Checks input files: every problem of every file, and what each network mode says.

use std::ops::Range;
use std::path::Path;

use crate::diagnostic::{Problem, Report};
use crate::document::json;
use crate::ecs::mode_rules::{ModeCaveat, check_registration};
use crate::ecs::{Mode, ModePlan, Refusal, TaskDefinition, check_mode};
use crate::toml::{Scenario, load_scenario, read_text, unreadable};

#[cfg(test)]
pub(crate) mod corpus;
#[cfg(test)]
mod tests;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A scenario, in TOML.
    Scenario,
    /// A task definition, in JSON.
    TaskDefinition,
}

/// What a network mode says to a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The name of the service, or the family of the task definition.
    pub subject: String,
    /// The mode.
    pub mode: Mode,
    /// Whether the definition (or the scenario) asks for this mode itself.
    pub named: bool,
    /// How the mode carries the definition, or why it cannot.
    pub outcome: Result<ModePlan, Vec<Refusal>>,
}

/// What became of one file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// The file as the user named it.
    pub file: String,
    /// What it is.
    pub kind: FileKind,
    /// The problems of the file, and of the files that it names.
    pub reports: Vec<Report>,
    /// What each mode says, for each service; empty if the file could not be read so far.
    pub verdicts: Vec<Verdict>,
}

impl FileReport {
    /// Whether the file can be used: it has no errors, and carries no mode of its own that ECS
    /// would refuse.
    #[must_use]
    pub fn accepted(&self) -> bool {
        !self.reports.iter().any(Report::has_errors)
    }
}

/// Checks files; the reports come in the order of the files.
#[must_use]
pub fn check_files<P: AsRef<Path>>(paths: &[P]) -> Vec<FileReport> {
    paths.iter().map(|path| check_file(path.as_ref())).collect()
}

fn check_file(path: &Path) -> FileReport {
    let file = path.display().to_string();
    let by_name = path
        .extension()
        .and_then(|extension| match extension.to_str()? {
            "toml" => Some(FileKind::Scenario),
            "json" => Some(FileKind::TaskDefinition),
            _ => None,
        });
    if by_name == Some(FileKind::Scenario) {
        return check_scenario(path, file);
    }
    match read_text(path) {
        Err(error) => {
            let kind = by_name.unwrap_or(FileKind::TaskDefinition);
            let reports = vec![unreadable(&file, &error)];
            FileReport {
                file,
                kind,
                reports,
                verdicts: Vec::new(),
            }
        }
        Ok(text) if by_name.is_some() || looks_like_json(&text) => {
            check_task_definition(&file, &text)
        }
        Ok(_) => check_scenario(path, file),
    }
}

/// A scenario begins with a key, a comment or a `[section]`, a task definition with a brace.
fn looks_like_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('{')
        || json::parse(text).is_ok()
}

fn check_scenario(path: &Path, file: String) -> FileReport {
    let (reports, verdicts) = match load_scenario(path) {
        Ok((scenario, reports)) => (reports, scenario_verdicts(&scenario)),
        Err(reports) => (reports, Vec::new()),
    };
    FileReport {
        file,
        kind: FileKind::Scenario,
        reports,
        verdicts,
    }
}

/// Every service in every mode, or in the one that it keeps.
fn scenario_verdicts(scenario: &Scenario) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for mode in Mode::ALL {
        for service in &scenario.services {
            let effective = service.mode.unwrap_or(mode);
            verdicts.push(Verdict {
                subject: service.name.clone(),
                mode,
                named: service.mode == Some(mode),
                outcome: check_mode(&service.task_definition, effective),
            });
        }
    }
    verdicts
}

/// Checks the text of a task definition. What ECS would say to it as it stands is part of the
/// report, with its place in the file.
#[must_use]
pub fn check_task_definition(file: &str, text: &str) -> FileReport {
    let (definition, mut report) = TaskDefinition::read_all(file, text);
    let mut verdicts = Vec::new();
    if let Some(definition) = &definition {
        for refusal in check_registration(definition) {
            add_refusal(&mut report, definition, &refusal);
        }
        let named = definition.named_modes();
        for mode in Mode::ALL {
            let outcome = check_mode(definition, mode);
            let named = named.contains(&mode);
            match &outcome {
                Err(refusals) if named => {
                    for refusal in refusals {
                        add_refusal(&mut report, definition, refusal);
                    }
                }
                Ok(plan) if named => {
                    for caveat in &plan.caveats {
                        add_caveat(&mut report, definition, caveat);
                    }
                }
                _ => {}
            }
            verdicts.push(Verdict {
                subject: definition.family.clone(),
                mode,
                named,
                outcome,
            });
        }
    }
    let (file, kind) = (file.to_owned(), FileKind::TaskDefinition);
    FileReport {
        file,
        kind,
        reports: vec![report],
        verdicts,
    }
}

fn add_refusal(report: &mut Report, definition: &TaskDefinition, refusal: &Refusal) {
    let span = span(report, definition, &refusal.place);
    let problem = Problem::new(refusal.code, &refusal.message).with_help(&refusal.remedy);
    report.error(span, &refusal.place, problem);
}

fn add_caveat(report: &mut Report, definition: &TaskDefinition, caveat: &ModeCaveat) {
    let span = span(report, definition, &caveat.place);
    report.caveat(
        span,
        &caveat.place,
        Problem::new(caveat.code, &caveat.message),
    );
}

/// Where a field stands. An absent one is shown at the first line of what it is absent from.
fn span(report: &Report, definition: &TaskDefinition, place: &str) -> Option<Range<usize>> {
    let span = definition.span(place)?;
    let length = report.source()[span.clone()]
        .find('\n')
        .unwrap_or(span.len());
    Some(span.start..span.start + length)
}

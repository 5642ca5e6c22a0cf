//! Scenario files: what a user writes, as [`ScenarioSpec`], and what it means, as [`Scenario`].
//!
//! A scenario is read in two steps. [`ScenarioSpec::read`] turns the text into typed values that know
//! where they stand, and reports every key that is unknown and every value that cannot be read.
//! [`validate`](validate::validate) resolves names, fills in defaults and reports everything that
//! does not fit together. Both report all problems at once.

use std::io;
use std::path::{Path, PathBuf};

use crate::describe::{Imported, load_folder};
use crate::diagnostic::{Problem, Report};

pub mod checks;
pub mod placement;
mod read;
pub mod scenario;
mod schema;
pub mod spec;
#[cfg(test)]
mod tests;
pub mod units;
pub mod validate;
pub mod words;

pub use scenario::{
    Arrivals, AwsvpcNetwork, Call, Capacity, Client, Connections, Direction, InterfaceEndpoint,
    Listen, Load, Location, Measure, Neighbour, Party, Placement, Scenario, Service, ServiceTime,
    Target, Workload, WorkloadKind,
};
pub use spec::ScenarioSpec;

/// Reads a file that a scenario names, by the path as the scenario gives it.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> io::Result<String>;

/// What a folder of `aws ec2 describe-*` output holds, or the reports on what is wrong with it.
pub type FolderContent = Result<(Imported, Vec<Report>), Vec<Report>>;

/// Reads a folder that a scenario names, by the path as the scenario gives it.
pub type ReadFolder<'a> = &'a dyn Fn(&str) -> FolderContent;

/// Reads what a scenario names.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Its files.
    pub file: ReadFile<'a>,
    /// Its folder of `aws ec2 describe-*` output.
    pub folder: ReadFolder<'a>,
}

/// Reads and validates a scenario; the files that it names are read with `read_file`. There are no
/// folders.
///
/// The reports are that of the scenario and those of its task definitions; without errors they hold
/// caveats only.
///
/// # Errors
/// The reports, if any of them has an error.
pub fn read_scenario(
    file: &str,
    text: &str,
    read_file: ReadFile<'_>,
) -> Result<(Scenario, Vec<Report>), Vec<Report>> {
    let folder = |name: &str| Err(vec![unreadable(name, &io::ErrorKind::NotFound.into())]);
    let surroundings = Surroundings {
        file: read_file,
        folder: &folder,
    };
    read_scenario_among(file, text, surroundings)
}

/// Reads and validates a scenario, with what it names.
///
/// # Errors
/// As [`read_scenario`].
pub fn read_scenario_among(
    file: &str,
    text: &str,
    surroundings: Surroundings<'_>,
) -> Result<(Scenario, Vec<Report>), Vec<Report>> {
    let (spec, mut report) = ScenarioSpec::read(file, text);
    let Some(spec) = spec else {
        return Err(vec![report]);
    };
    let mut reports = Vec::new();
    let scenario = validate::validate(&spec, surroundings, &mut report, &mut reports);
    reports.insert(0, report);
    match scenario {
        Some(scenario) if !reports.iter().any(Report::has_errors) => Ok((scenario, reports)),
        _ => Err(reports),
    }
}

/// Reads and validates a scenario file; the files that it names are looked for beside it.
///
/// # Errors
/// As [`read_scenario`]; a file that cannot be read is a report of its own.
pub fn load_scenario(path: &Path) -> Result<(Scenario, Vec<Report>), Vec<Report>> {
    let file = path.display().to_string();
    let text = read_text(path).map_err(|error| vec![unreadable(&file, &error)])?;
    let folder: PathBuf = path.parent().unwrap_or(Path::new("")).to_owned();
    let surroundings = Surroundings {
        file: &|name| read_text(&folder.join(name)),
        folder: &|name| load_folder(&folder.join(name)),
    };
    read_scenario_among(&file, &text, surroundings)
}

/// Reads a file that has to be text.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("not UTF-8 text, from byte {at} on"),
        )
    })
}

/// The report on a file that cannot be read.
#[must_use]
pub fn unreadable(file: &str, error: &io::Error) -> Report {
    let mut report = Report::new(file, "");
    report.error(None, "", cannot_read(file, error));
    report
}

/// Why a file cannot be read, in the words of a message.
pub(crate) fn cannot_read(file: &str, error: &io::Error) -> Problem {
    let (why, help) = match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file".to_owned(), "check the path"),
        io::ErrorKind::PermissionDenied => {
            ("permission denied".to_owned(), "make the file readable")
        }
        io::ErrorKind::NotADirectory => (
            "it is no folder".to_owned(),
            "name the folder that holds the files",
        ),
        io::ErrorKind::IsADirectory => ("it is a folder".to_owned(), "name a file in it"),
        io::ErrorKind::InvalidData => (error.to_string(), "save the file as UTF-8"),
        _ => (error.to_string(), "check the file"),
    };
    Problem::new("cannot-read", format!("cannot read {file:?}: {why}")).with_help(help)
}

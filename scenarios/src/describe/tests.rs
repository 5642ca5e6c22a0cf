//! What the reader makes of files: the example, every kind of problem, mutilated files, and a
//! collection of real ones.

use std::fmt::Write as _;

use sim_net::vpc::{RouteDestination, RouteTarget};

use super::*;
use show::show;

mod builds;
mod corpus;
mod example;
mod fuzz;
mod ports;
mod problems;
mod show;
mod variants;

/// The files of the example, by name.
pub(super) fn example() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vpc");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// The example with a change in one file. The text that is replaced must be there, once.
pub(super) fn changed(file: &str, old: &str, new: &str) -> Vec<(String, String)> {
    let mut files = example();
    let (_, text) = files.iter_mut().find(|(name, _)| name == file).unwrap();
    assert_eq!(text.matches(old).count(), 1, "{old}");
    *text = text.replace(old, new);
    files
}

/// The example without some files.
pub(super) fn without(names: &[&str]) -> Vec<(String, String)> {
    let mut files = example();
    files.retain(|(name, _)| !names.contains(&name.as_str()));
    files
}

/// Files that can be read.
pub(super) fn accepted(files: &[(String, String)]) -> Imported {
    match read_files(files) {
        Ok((imported, _)) => imported,
        Err(reports) => panic!("{}", text(&reports)),
    }
}

/// The errors of files that cannot be read, as a user sees them without a terminal.
pub(super) fn refused(files: &[(String, String)]) -> String {
    let reports = read_files(files).expect_err("the files are good");
    let mut text = String::new();
    for report in &reports {
        for error in report.errors() {
            let _ = writeln!(text, "{}", report.line(error));
            let help = error.help.as_deref().expect("every error has a remedy");
            let _ = writeln!(text, "  help: {help}");
        }
    }
    assert!(!text.is_empty());
    text
}

/// The caveats of files that can be read and that the example does not have.
pub(super) fn new_caveats(files: &[(String, String)]) -> String {
    let old = accepted(&example()).caveats;
    let mut new = accepted(files).caveats;
    // A caveat that only moved is not new.
    let message = |line: &str| line.split(": caveat: ").nth(1).unwrap_or(line).to_owned();
    new.retain(|caveat| !old.iter().any(|other| message(other) == message(caveat)));
    new.join("\n")
}

pub(super) fn text(reports: &[Report]) -> String {
    reports.iter().map(ToString::to_string).collect()
}

/// The target of a table's route to a destination.
pub(super) fn target<'a>(imported: &'a Imported, table: &str, to: &str) -> &'a RouteTarget {
    let mut tables = imported.region.route_tables.iter();
    let table = tables.find(|plan| plan.id == table).unwrap();
    let to = RouteDestination::Cidr(to.parse().unwrap());
    let mut routes = table.routes.iter();
    &routes.find(|route| route.destination == to).unwrap().target
}

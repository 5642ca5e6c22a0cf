//! Every task definition of a collection of real ones: none may end in a panic, and what is refused
//! is refused with a reason and a place.
//!
//! The collection is no part of the project; `ECSNET_CORPUS` names its folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::tests::show;
use super::*;

/// A part of the collection, if there is one. Continuous integration must have one.
pub(crate) fn corpus(part: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the collection is, is the tester's choice"
    )]
    let (folder, ci) = (std::env::var("ECSNET_CORPUS"), std::env::var("CI"));
    let Ok(folder) = folder else {
        assert!(ci.is_err(), "CI is set, and ECSNET_CORPUS is not");
        println!("skipped: ECSNET_CORPUS does not name a folder");
        return None;
    };
    // Tests run in the crate's folder; the path counts from the workspace's.
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(folder);
    let folder = folder.join(part);
    assert!(folder.is_dir(), "{} is no folder", folder.display());
    Some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files.sort();
    files
}

/// What is said of every file, by its name below the folder.
fn all() -> Option<BTreeMap<String, FileReport>> {
    let folder = corpus("taskdefs")?;
    let name = |path: &Path| path.strip_prefix(&folder).unwrap().display().to_string();
    let check = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = name(&path);
        // One short name for all keeps the record readable.
        (name, check_task_definition("file", &text))
    };
    Some(files(&folder).into_iter().map(check).collect())
}

#[test]
fn every_file_is_accepted_or_refused_with_reason_and_place() {
    let Some(all) = all() else { return };
    assert!(all.len() >= 90);
    for (name, report) in &all {
        let [problems] = &report.reports[..] else {
            panic!("{name}: one report")
        };
        assert_eq!(report.accepted(), !problems.has_errors());
        for diagnostic in problems.errors() {
            assert!(!diagnostic.message.is_empty(), "{name}");
            assert!(
                diagnostic.span.is_some(),
                "{name}: {}",
                problems.line(diagnostic)
            );
            assert!(
                diagnostic.help.is_some(),
                "{name}: {}",
                problems.line(diagnostic)
            );
        }
    }
    let accepted = all.values().filter(|report| report.accepted()).count();
    println!("{accepted} of {} files accepted", all.len());
}

#[test]
fn the_verdict_on_every_file_is_on_record() {
    let Some(all) = all() else { return };
    let text: Vec<_> = all
        .iter()
        .map(|(name, report)| format!("{name}\n{}", show(report)))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn the_files_that_matter_are_judged_as_ecs_would() {
    let Some(all) = all() else { return };
    let find = |part: &str| {
        let mut found = all.iter().filter(|(name, _)| name.contains(part));
        let first = found
            .next()
            .unwrap_or_else(|| panic!("no file named {part}"));
        assert!(found.next().is_none(), "several files named {part}");
        first.1
    };
    let outcome = |part: &str, mode: Mode| {
        let verdict = find(part)
            .verdicts
            .iter()
            .find(|verdict| verdict.mode == mode);
        verdict.unwrap().outcome.clone()
    };
    let tomcat = outcome("tomcat_ec2.json", Mode::Awsvpc).unwrap_err();
    assert_eq!(
        tomcat[0].message,
        "ClientException: When networkMode=awsvpc, the host ports and container ports in port \
         mappings must match."
    );
    assert_eq!(
        tomcat[0].place,
        "containerDefinitions[0].portMappings[0].hostPort"
    );
    assert!(!find("tomcat_ec2.json").accepted());
    let template = outcome("task-definition-template", Mode::None).unwrap_err();
    assert!(
        template
            .iter()
            .any(|refusal| refusal.code == "ports-in-none")
    );
    for (part, mode) in [
        ("nginx_ec2.json", Mode::Bridge),
        ("nginx_ec2.json", Mode::Awsvpc),
        ("nginx_fargate.json", Mode::Fargate),
        ("ecs-nginx-reverse-proxy", Mode::Bridge),
        ("deploy__task_definition_example.json", Mode::Host),
        ("fluent-bit__datadog", Mode::Bridge),
        ("examples__fluent-bit__newrelic", Mode::Fargate),
        ("splitting-log-streams", Mode::Fargate),
    ] {
        assert!(find(part).accepted(), "{part}: {}", show(find(part)));
        assert!(outcome(part, mode).is_ok(), "{part} in {mode}");
    }
}

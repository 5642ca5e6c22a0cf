use std::path::PathBuf;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))
}

/// A report as text, with the modes below the problems.
pub(super) fn show(report: &FileReport) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "{}\n",
        if report.accepted() {
            "accepted"
        } else {
            "refused"
        }
    );
    report
        .reports
        .iter()
        .for_each(|report| text.push_str(&report.to_string()));
    for Verdict {
        subject,
        mode,
        named,
        outcome,
    } in &report.verdicts
    {
        let mark = if *named { "*" } else { " " };
        let _ = match outcome {
            Ok(_) => writeln!(text, "{mark} {mode:<8} {subject}: deployable"),
            Err(refusals) => {
                let all: Vec<_> = refusals.iter().map(|r| r.message.as_str()).collect();
                writeln!(text, "{mark} {mode:<8} {subject}: {}", all.join("; "))
            }
        };
    }
    text
}

#[test]
fn every_example_is_accepted() {
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some())
        .collect();
    files.sort();
    assert!(files.len() >= 5);
    for report in check_files(&files) {
        assert!(report.accepted(), "{}: {}", report.file, show(&report));
        assert!(!report.verdicts.is_empty());
    }
}

#[test]
fn a_scenario_says_what_each_mode_makes_of_each_service() {
    let reports = check_files(&[folder().join("minimal.toml")]);
    insta::assert_snapshot!(show(&reports[0]));
}

#[test]
fn a_definition_that_breaks_its_own_mode_is_refused_at_its_place() {
    let report = check_task_definition(
        "tomcat.json",
        r#"{
  "family": "tomcat", "networkMode": "awsvpc", "requiresCompatibilities": ["EC2", "FARGATE"],
  "containerDefinitions": [{
    "name": "app", "image": "tomcat", "memory": 64,
    "portMappings": [{ "containerPort": 8080, "hostPort": 80 }]
  }]
}"#,
    );
    assert!(!report.accepted());
    insta::assert_snapshot!(show(&report));
}

#[test]
fn what_another_mode_refuses_is_no_error_of_the_file() {
    let report = check_task_definition(
        "web.json",
        r#"{ "family": "web", "networkMode": "bridge", "containerDefinitions": [{
    "name": "app", "image": "nginx", "memory": 64, "links": ["app"],
    "portMappings": [{ "containerPort": 8080, "hostPort": 40000 }]}]}"#,
    );
    assert!(report.accepted());
    insta::assert_snapshot!(show(&report));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let not_text = folder.path().join("bytes.json");
    std::fs::write(&not_text, [0x7b, 0xff, 0x7d]).unwrap();
    let no_extension = folder.path().join("scenario");
    std::fs::write(&no_extension, "[vpc]\n").unwrap();
    let paths = [
        folder.path().join("missing.toml"),
        folder.path().join("a.json"),
        not_text,
        no_extension,
    ];
    let reports = check_files(&paths);
    assert!(reports.iter().all(|report| !report.accepted()));
    let message = |index: usize| reports[index].reports[0].diagnostics()[0].message.clone();
    for (index, why) in [
        "there is no such file",
        "there is no such file",
        "not UTF-8 text",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(message(index).contains(why), "{}", message(index));
    }
    assert_eq!(reports[3].kind, FileKind::Scenario);
    assert_eq!(message(3), "the scenario has no service");
}

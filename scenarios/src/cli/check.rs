//! `ecsnet check`: every problem of every file, and what each network mode says.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use scenarios::check::{FileKind, FileReport, Verdict, check_files};
use scenarios::diagnostic::render;
use scenarios::ecs::Mode;
use scenarios::lower::{NonePolicy, lower};
use scenarios::toml::load_scenario;

use super::args::{CheckArgs, MeasureArgs};
use super::failure::{Failure, colour_on, stdout_failed};
use super::input;

/// Checks the files.
pub(crate) fn main(args: &CheckArgs) -> Result<(), Failure> {
    let checked = check_files(&args.files);
    let mut text = String::new();
    for (path, file) in args.files.iter().zip(&checked) {
        show(&mut text, path, file);
    }
    let refused = checked.iter().filter(|file| !file.accepted()).count();
    if checked.len() > 1 {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{} files: {refused} refused", checked.len());
    }
    io::stdout()
        .write_all(text.as_bytes())
        .or_else(|error| stdout_failed(&error))?;
    if refused == 0 {
        Ok(())
    } else {
        Err(Failure::Refused)
    }
}

fn show(text: &mut String, path: &Path, file: &FileReport) {
    let word = if file.accepted() {
        "accepted"
    } else {
        "refused"
    };
    let _ = writeln!(text, "{}: {word}", file.file);
    for report in &file.reports {
        text.push_str(&render::render(report, colour_on(&io::stdout())));
    }
    match file.kind {
        FileKind::TaskDefinition => {
            file.verdicts
                .iter()
                .for_each(|verdict| task_definition(text, verdict));
        }
        FileKind::Scenario if file.accepted() => scenario(text, path),
        FileKind::Scenario => {}
    }
}

/// One line per mode; a star marks those that the definition itself asks for.
fn task_definition(text: &mut String, verdict: &Verdict) {
    let star = if verdict.named { '*' } else { ' ' };
    let label = format!("{star} {:<8}", verdict.mode.name());
    match &verdict.outcome {
        Ok(_) => {
            let _ = writeln!(text, "{label} accepted");
        }
        Err(refusals) => {
            for refusal in refusals {
                let _ = write!(text, "{label} refused: {}", refusal.message);
                if !refusal.place.is_empty() {
                    let _ = write!(text, " ({})", refusal.place);
                }
                let _ = writeln!(text, "\n           help: {}", refusal.remedy);
            }
        }
    }
}

/// Whether the scenario can be deployed in each mode, placement included.
fn scenario(text: &mut String, path: &Path) {
    // It was read a moment ago; should it be gone, the problem has nothing to do with its content.
    let Ok((scenario, _)) = load_scenario(path) else {
        return;
    };
    let measure = input::measure(&scenario, &MeasureArgs::default());
    for mode in Mode::ALL {
        let verdict = match lower(&scenario, mode, &measure, NonePolicy::WithoutPorts) {
            Ok(_) => "deployable".to_owned(),
            Err(refusal) => format!("refused: {refusal}"),
        };
        let _ = writeln!(text, "  {:<8} {verdict}", mode.name());
    }
}

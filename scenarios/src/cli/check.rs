//! `ecsnet check`: every problem of every file, and what each network mode says.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use scenarios::diagnostic::{Report, render};
use scenarios::ecs::mode_rules::check_registration;
use scenarios::ecs::{Mode, Refusal, TaskDefinition, check_mode};
use scenarios::lower::{NonePolicy, lower};
use scenarios::toml::{load_scenario, read_text, unreadable};

use super::args::{CheckArgs, MeasureArgs};
use super::failure::{Failure, colour_on, stdout_failed};
use super::input;

/// What became of one file.
struct Verdict {
    text: String,
    accepted: bool,
}

/// Checks the files.
pub(crate) fn main(args: &CheckArgs) -> Result<(), Failure> {
    let mut refused = 0;
    let mut text = String::new();
    for path in &args.files {
        let verdict = if is_scenario(path) { scenario(path) } else { task_definition(path) };
        refused += usize::from(!verdict.accepted);
        text.push_str(&verdict.text);
    }
    if args.files.len() > 1 {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{} files: {refused} refused", args.files.len());
    }
    io::stdout().write_all(text.as_bytes()).or_else(|error| stdout_failed(&error))?;
    if refused == 0 { Ok(()) } else { Err(Failure::Refused) }
}

fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn scenario(path: &Path) -> Verdict {
    let name = path.display();
    match load_scenario(path) {
        Ok((scenario, reports)) => {
            let mut text = format!("{name}: accepted\n");
            reports.iter().for_each(|report| text.push_str(&rendered(report)));
            let measure = input::measure(&scenario, &MeasureArgs::default());
            for mode in Mode::ALL {
                let verdict = match lower(&scenario, mode, &measure, NonePolicy::WithoutPorts) {
                    Ok(_) => "deployable".to_owned(),
                    Err(refusal) => format!("refused: {refusal}"),
                };
                let _ = writeln!(text, "  {:<8} {verdict}", mode.name());
            }
            Verdict { text, accepted: true }
        }
        Err(reports) => {
            let mut text = format!("{name}: refused\n");
            reports.iter().for_each(|report| text.push_str(&rendered(report)));
            Verdict { text, accepted: false }
        }
    }
}

fn task_definition(path: &Path) -> Verdict {
    let name = path.display().to_string();
    let content = match read_text(path) {
        Ok(content) => content,
        Err(error) => {
            let report = rendered(&unreadable(&name, &error));
            return Verdict { text: format!("{name}: refused\n{report}"), accepted: false };
        }
    };
    let (definition, report) = TaskDefinition::read_all(&name, &content);
    let mut text = String::new();
    let mut accepted = !report.has_errors();
    if let Some(definition) = &definition {
        let named = definition.named_modes();
        for refusal in check_registration(definition) {
            accepted = false;
            line(&mut text, "as it stands", &[refusal]);
        }
        for mode in Mode::ALL {
            let marks = if named.contains(&mode) { "*" } else { " " };
            let label = format!("{marks} {:<8}", mode.name());
            match check_mode(definition, mode) {
                Ok(plan) => {
                    let _ = writeln!(text, "  {label} accepted");
                    for caveat in plan.caveats {
                        let _ = writeln!(text, "      caveat: {}", caveat.message);
                    }
                }
                Err(refusals) => {
                    accepted &= !named.contains(&mode);
                    line(&mut text, &label, &refusals);
                }
            }
        }
    }
    let verdict = if accepted { "accepted" } else { "refused" };
    let text = format!("{name}: {verdict}\n{}{text}", rendered(&report));
    Verdict { text, accepted }
}

fn line(text: &mut String, label: &str, refusals: &[Refusal]) {
    for refusal in refusals {
        let _ = write!(text, "  {label} refused: {}", refusal.message);
        if !refusal.place.is_empty() {
            let _ = write!(text, " ({})", refusal.place);
        }
        let _ = writeln!(text, "\n      help: {}", refusal.remedy);
    }
}

fn rendered(report: &Report) -> String {
    render::render(report, colour_on(&io::stdout()))
}

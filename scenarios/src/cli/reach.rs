//! `ecsnet reach`: who reaches whom, and which rule decides.

use std::io::{self, Write as _};
use std::path::Path;

use indexmap::IndexMap;
use reports::Reason;
use reports::reach::terminal::View;
use reports::reach::{
    Explanation, ModeReach, ReachProvenance, ReachResults, json, record, terminal as tables,
};
use scenarios::describe::load_folder;
use scenarios::ecs::Mode;
use scenarios::lower::{Lowered, ModeRefusal, lower};
use scenarios::reach::folder::plan as folder_plan;
use scenarios::reach::{
    self, Contradiction, MOST_EXPLAINED, NameError, Question, ReachError, Simulate, Survey,
    Symbols, difference, with_internet,
};
use sim_net::plan::Plan;

use super::args::{MeasureArgs, ReachArgs, SimulateArg};
use super::compare::in_order;
use super::failure::{Failure, colour_on, stdout_failed};
use super::input;
use super::terminal::{DEFAULT_COLUMNS, columns};

/// The name under which imported VPCs stand among modes.
const AS_IMPORTED: &str = "as_imported";

/// What is looked at: a mode, or imported VPCs as they are.
struct Case {
    /// `None` for imported VPCs.
    mode: Option<Mode>,
    plan: Result<Plan, Reason>,
}

impl Case {
    fn name(&self) -> &'static str {
        self.mode.map_or(AS_IMPORTED, Mode::name)
    }
}

/// A case, and what was found in it.
struct Looked {
    case: Case,
    survey: Result<Survey, Reason>,
}

/// Finds out who reaches whom.
pub(crate) fn main(args: &ReachArgs) -> Result<(), Failure> {
    let as_it_is = args.input.task_definitions.is_empty();
    let (cases, mut provenance) = match &args.input.vpc {
        Some(_) if as_it_is && !args.modes.is_empty() => {
            return Err(Failure::with_help(
                "VPCs without tasks have no network modes",
                "leave --mode out, or name task definitions with --task-definition",
            ));
        }
        Some(folder) if as_it_is => imported(folder)?,
        _ => modes(args)?,
    };
    provenance.command = command(args, &provenance.command);
    let looked = look(args, cases)?;
    let results = document(args, provenance, &looked)?;
    print(args, &results)
}

/// Imported VPCs as they are. The command in the provenance is what names the input.
fn imported(folder: &Path) -> Result<(Vec<Case>, ReachProvenance), Failure> {
    let (imported, reports) = load_folder(folder).map_err(Failure::BadFiles)?;
    let caveats = input::caveats(&reports);
    let case = Case {
        mode: None,
        plan: Ok(with_internet(folder_plan(&imported))),
    };
    let shown = folder.display().to_string();
    let provenance = ReachProvenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: format!("--vpc {}", input::shell_word(&shown)),
        scenario_name: format!("VPCs of {shown}"),
        inputs: input::inputs(imported.inputs.iter().map(|(name, text)| (name, text))),
        caveats: input::once(caveats),
        assumptions: vec![
            "every interface listens on TCP ports 22, 80 and 443 and on the lowest port of each \
             ingress rule of its security groups"
                .to_owned(),
        ],
    };
    Ok((vec![case], provenance))
}

/// A scenario in every mode.
fn modes(args: &ReachArgs) -> Result<(Vec<Case>, ReachProvenance), Failure> {
    let loaded = input::load(&args.input)?;
    let modes = match args.modes.as_slice() {
        [] => Mode::ALL.to_vec(),
        some => in_order(some),
    };
    let measure = input::measure(&loaded.scenario, &MeasureArgs::default());
    let lowered: Vec<(Mode, Result<Lowered, ModeRefusal>)> = modes
        .into_iter()
        .map(|mode| (mode, lower(&loaded.scenario, mode, &measure, loaded.policy)))
        .collect();
    let carried = lowered
        .iter()
        .filter_map(|(_, lowered)| lowered.as_ref().ok());
    let full = input::provenance(&loaded, &loaded.words, 1, 1, &measure, carried);
    let case = |(mode, lowered): (Mode, Result<Lowered, ModeRefusal>)| Case {
        mode: Some(mode),
        plan: match lowered {
            Ok(lowered) => Ok(with_internet(lowered.plan)),
            Err(refusal) => Err(refused(&refusal)),
        },
    };
    let provenance = ReachProvenance {
        version: full.version,
        command: full.command,
        scenario_name: full.scenario_name,
        inputs: full.inputs,
        caveats: full.caveats,
        assumptions: full.assumptions,
    };
    Ok((lowered.into_iter().map(case).collect(), provenance))
}

/// Looks at every case. A name that one mode knows and another does not, such as `tmds` where no task
/// has it, is in order; one that no mode knows is not.
fn look(args: &ReachArgs, cases: Vec<Case>) -> Result<Vec<Looked>, Failure> {
    let question = Question {
        from: args.from.as_deref(),
        to: args.to.as_deref(),
        simulate: match args.simulate {
            SimulateArg::All => Simulate::All,
            SimulateArg::Sample => Simulate::Sample,
            SimulateArg::None => Simulate::Nothing,
        },
    };
    let mut looked = Vec::new();
    let mut unknown = None;
    for case in cases {
        let survey = match &case.plan {
            Err(reason) => Err(reason.clone()),
            Ok(plan) => match reach::survey(plan, &question) {
                Ok(survey) => Ok(survey),
                Err(ReachError::Name(error)) => {
                    let reason = no_such_name(&error);
                    unknown.get_or_insert(error);
                    Err(reason)
                }
                Err(other) => return Err(failed(case.name(), other)),
            },
        };
        looked.push(Looked { case, survey });
    }
    let answered = looked.iter().any(|looked| looked.survey.is_ok());
    match unknown {
        Some(error) if !answered => Err(bad_name(&error)),
        _ => Ok(looked),
    }
}

fn refused(refusal: &ModeRefusal) -> Reason {
    let ModeRefusal {
        code,
        message,
        place,
    } = refusal.clone();
    Reason {
        code,
        message,
        place,
    }
}

fn no_such_name(error: &NameError) -> Reason {
    Reason {
        code: "no-such-name".to_owned(),
        message: error.to_string(),
        place: None,
    }
}

fn bad_name(error: &NameError) -> Failure {
    match error.help() {
        Some(help) => Failure::with_help(error.to_string(), help),
        None => Failure::bad_input(error.to_string()),
    }
}

fn failed(case: &str, error: ReachError) -> Failure {
    match error {
        ReachError::Disagreement(contradiction) => disagreement(case, &contradiction),
        other => Failure::Bug(format!("{case}: {other}")),
    }
}

/// A disagreement, with the steps that the rules foretell.
pub(crate) fn disagreement(case: &str, contradiction: &Contradiction) -> Failure {
    let words = format!("{case}: {contradiction}");
    let explanation = Explanation {
        mode: case.to_owned(),
        ..contradiction.explanation.clone()
    };
    let results = ReachResults {
        schema: record::SCHEMA.to_owned(),
        provenance: ReachProvenance {
            scenario_name: words,
            ..ReachProvenance::default()
        },
        modes: IndexMap::new(),
        differences: Vec::new(),
        explanations: vec![explanation],
    };
    let view = View {
        width: columns(DEFAULT_COLUMNS),
        colour: false,
        pairs: false,
    };
    Failure::Bug(tables::render(&results, view).trim_end().to_owned())
}

fn document(
    args: &ReachArgs,
    mut provenance: ReachProvenance,
    looked: &[Looked],
) -> Result<ReachResults, Failure> {
    let mut symbols = Symbols::default();
    let mut modes = IndexMap::new();
    let mut explanations = Vec::new();
    for Looked { case, survey } in looked {
        let name = case.name();
        let record = match (&case.plan, survey) {
            (Ok(plan), Ok(survey)) => {
                if args.explain {
                    let (explained, all) = reach::explain_all(plan, name, survey)
                        .map_err(|error| failed(name, error))?;
                    if all > explained.len() as u64 {
                        provenance.caveats.push(format!(
                            "{name}: the first {MOST_EXPLAINED} of {all} attempts are explained; \
                             name one task to see others"
                        ));
                    }
                    explanations.extend(explained);
                }
                reach::record(plan, survey, &mut symbols).map_err(|error| failed(name, error))?
            }
            (Err(reason), _) | (_, Err(reason)) => ModeReach {
                deployable: false,
                reason: Some(reason.clone()),
                ..ModeReach::default()
            },
        };
        modes.insert(name.to_owned(), record);
    }
    let surveyed: Vec<_> = looked
        .iter()
        .filter_map(|l| Some((l.case.mode?, l.survey.as_ref().ok()?)))
        .collect();
    Ok(ReachResults {
        schema: record::SCHEMA.to_owned(),
        provenance,
        modes,
        differences: difference::differences(&surveyed),
        explanations,
    })
}

/// The command that finds the same again; `input` is the part of it that names what is looked at.
fn command(args: &ReachArgs, input: &str) -> String {
    let mut words = vec!["ecsnet".to_owned(), "reach".to_owned()];
    if !input.is_empty() {
        words.push(input.to_owned());
    }
    let mut option = |name: &str, value: &str| {
        words.extend([name.to_owned(), input::shell_word(value)]);
    };
    if !args.modes.is_empty() {
        let modes: Vec<_> = in_order(&args.modes).iter().map(|m| m.name()).collect();
        option("--mode", &modes.join(","));
    }
    for (name, value) in [("--from", &args.from), ("--to", &args.to)] {
        if let Some(value) = value {
            option(name, value);
        }
    }
    match args.simulate {
        SimulateArg::All => option("--simulate", "all"),
        SimulateArg::None => option("--simulate", "none"),
        SimulateArg::Sample => {}
    }
    if args.explain {
        words.push("--explain".to_owned());
    }
    words.join(" ")
}

fn print(args: &ReachArgs, results: &ReachResults) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let done = if args.json {
        json::write(results, &mut out)
    } else {
        let view = View {
            width: columns(DEFAULT_COLUMNS),
            colour: colour_on(&io::stdout()),
            pairs: args.from.is_some() || args.to.is_some(),
        };
        out.write_all(tables::render(results, view).as_bytes())
    };
    done.or_else(|error| stdout_failed(&error))
}

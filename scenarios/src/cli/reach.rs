//! `ecsnet reach`: who reaches whom, and which rule decides.

use std::io::{self, Write as _};

use reports::Reason;
use reports::reach::terminal::View;
use reports::reach::{
    Explanation, ModeReach, ReachProvenance, ReachResults, json, record, terminal,
};
use scenarios::ecs::Mode;
use scenarios::lower::{Lowered, ModeRefusal, lower};
use scenarios::reach::{
    self, Contradiction, MOST_EXPLAINED, NameError, Question, ReachError, Simulate, Survey,
    Symbols, difference, with_internet,
};
use sim_net::plan::Plan;

use super::args::{MeasureArgs, ReachArgs, SimulateArg};
use super::compare::{columns, in_order};
use super::failure::{Failure, colour_on, stdout_failed};
use super::input::{self, Loaded};

/// A mode, and what was found in it.
struct Looked {
    mode: Mode,
    outcome: Result<(Lowered, Plan, Survey), Reason>,
}

/// Finds out who reaches whom.
pub(crate) fn main(args: &ReachArgs) -> Result<(), Failure> {
    let loaded = input::load(&args.input)?;
    let looked = look(args, &loaded)?;
    let results = document(args, &loaded, &looked)?;
    print(args, &results)
}

/// Looks at every mode. A name that one mode knows and another does not, such as a port that `none`
/// does not publish, is in order; one that no mode knows is not.
fn look(args: &ReachArgs, loaded: &Loaded) -> Result<Vec<Looked>, Failure> {
    let modes = match args.modes.as_slice() {
        [] => Mode::ALL.to_vec(),
        some => in_order(some),
    };
    let question = Question {
        from: args.from.as_deref(),
        to: args.to.as_deref(),
        simulate: match args.simulate {
            SimulateArg::All => Simulate::All,
            SimulateArg::Sample => Simulate::Sample,
            SimulateArg::None => Simulate::Nothing,
        },
    };
    let measure = input::measure(&loaded.scenario, &MeasureArgs::default());
    let mut looked = Vec::new();
    let mut unknown = None;
    for mode in modes {
        let outcome = match lower(&loaded.scenario, mode, &measure, loaded.policy) {
            Err(refusal) => Err(refused(&refusal)),
            Ok(lowered) => {
                let plan = with_internet(lowered.plan.clone());
                match reach::survey(&plan, &question) {
                    Ok(survey) => Ok((lowered, plan, survey)),
                    Err(ReachError::Name(error)) => {
                        let reason = no_such_name(&error);
                        unknown.get_or_insert(error);
                        Err(reason)
                    }
                    Err(other) => return Err(failed(mode, other)),
                }
            }
        };
        looked.push(Looked { mode, outcome });
    }
    let answered = looked.iter().any(|looked| looked.outcome.is_ok());
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

fn failed(mode: Mode, error: ReachError) -> Failure {
    match error {
        ReachError::Disagreement(contradiction) => disagreement(mode, *contradiction),
        other => Failure::Bug(format!("{mode}: {other}")),
    }
}

/// A disagreement, with the steps that the rules foretell.
fn disagreement(mode: Mode, contradiction: Contradiction) -> Failure {
    let words = format!("{mode}: {contradiction}");
    let explanation = Explanation {
        mode: mode.name().to_owned(),
        ..contradiction.explanation
    };
    let results = ReachResults {
        schema: record::SCHEMA.to_owned(),
        provenance: ReachProvenance {
            scenario_name: words,
            ..ReachProvenance::default()
        },
        modes: Default::default(),
        differences: Vec::new(),
        explanations: vec![explanation],
    };
    let view = View {
        width: columns(),
        colour: false,
        pairs: false,
    };
    Failure::Bug(terminal::render(&results, view).trim_end().to_owned())
}

fn document(args: &ReachArgs, loaded: &Loaded, looked: &[Looked]) -> Result<ReachResults, Failure> {
    let mut provenance = provenance(args, loaded, looked);
    let mut symbols = Symbols::default();
    let mut modes = indexmap::IndexMap::new();
    let mut explanations = Vec::new();
    for Looked { mode, outcome } in looked {
        let record = match outcome {
            Err(reason) => ModeReach {
                deployable: false,
                reason: Some(reason.clone()),
                ..ModeReach::default()
            },
            Ok((_, plan, survey)) => {
                if args.explain {
                    let (explained, all) = reach::explain_all(plan, mode.name(), survey)
                        .map_err(|error| failed(*mode, error))?;
                    if all > explained.len() as u64 {
                        provenance.caveats.push(format!(
                            "{mode}: the first {MOST_EXPLAINED} of {all} attempts are explained; \
                             name one task to see others"
                        ));
                    }
                    explanations.extend(explained);
                }
                reach::record(plan, survey, &mut symbols).map_err(|error| failed(*mode, error))?
            }
        };
        modes.insert(mode.name().to_owned(), record);
    }
    let surveyed: Vec<_> = looked
        .iter()
        .filter_map(|l| Some((l.mode, &l.outcome.as_ref().ok()?.2)))
        .collect();
    Ok(ReachResults {
        schema: record::SCHEMA.to_owned(),
        provenance,
        modes,
        differences: difference::differences(&surveyed),
        explanations,
    })
}

fn provenance(args: &ReachArgs, loaded: &Loaded, looked: &[Looked]) -> ReachProvenance {
    let lowered = looked
        .iter()
        .filter_map(|looked| Some(&looked.outcome.as_ref().ok()?.0));
    let measure = input::measure(&loaded.scenario, &MeasureArgs::default());
    let words = words(args, loaded);
    let full = input::provenance(loaded, &words, 1, 1, &measure, lowered);
    ReachProvenance {
        version: full.version,
        command: full.command,
        scenario_name: full.scenario_name,
        inputs: full.inputs,
        caveats: full.caveats,
        assumptions: full.assumptions,
    }
}

/// The command that finds the same again.
fn words(args: &ReachArgs, loaded: &Loaded) -> Vec<String> {
    let mut words = vec!["ecsnet".to_owned(), "reach".to_owned()];
    words.extend(loaded.words.iter().cloned());
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if !args.modes.is_empty() {
        let modes: Vec<_> = in_order(&args.modes).iter().map(|m| m.name()).collect();
        option("--mode", modes.join(","));
    }
    for (name, value) in [("--from", &args.from), ("--to", &args.to)] {
        if let Some(value) = value {
            option(name, value.clone());
        }
    }
    match args.simulate {
        SimulateArg::All => option("--simulate", "all".to_owned()),
        SimulateArg::None => option("--simulate", "none".to_owned()),
        SimulateArg::Sample => {}
    }
    if args.explain {
        words.push("--explain".to_owned());
    }
    words
}

fn print(args: &ReachArgs, results: &ReachResults) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let done = if args.json {
        json::write(results, &mut out)
    } else {
        let view = View {
            width: columns(),
            colour: colour_on(&io::stdout()),
            pairs: args.from.is_some() || args.to.is_some(),
        };
        out.write_all(terminal::render(results, view).as_bytes())
    };
    done.or_else(|error| stdout_failed(&error))
}

//! `ecsnet density`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use reports::density::{write_csv, write_json};
use reports::terminal::render_density;
use scenarios::density::select::{Filter, SelectError, Sort, apply};
use scenarios::density::{Ground, Kind, Question, answer, of_scenario};
use scenarios::ecs::TaskDefinition;
use scenarios::instance_types::{InstanceTypes, Listed};
use scenarios::lower::NonePolicy;
use scenarios::toml::{load_scenario, read_text, unreadable};

use super::args::{DensityArgs, InputArgs};
use super::failure::{Failure, colour_on, stdout_failed};
use super::terminal::columns;

/// Columns of a table where nobody says how many there are.
const DEFAULT_COLUMNS: usize = 80;

/// Answers how many tasks fit.
pub(crate) fn main(args: &DensityArgs) -> Result<(), Failure> {
    let filters = args.filters.iter().map(|text| Filter::parse(text));
    let filters: Vec<Filter> = filters.collect::<Result<_, _>>().map_err(bad_selection)?;
    let sort = args.sort.as_deref().map(Sort::parse).transpose();
    let sort = sort.map_err(bad_selection)?;
    let types = types(&args.instance_types)?;
    let (kinds, ground, policy) = asked(&args.input)?;
    let mut density = answer(&Question {
        kinds,
        ground,
        modes: args.modes.clone(),
        types,
        policy,
    });
    apply(&mut density, &filters, sort);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = if args.json {
        write_json(&density, &mut out)
    } else if args.csv {
        write_csv(&density, &mut out)
    } else {
        let lines = lines(args.all);
        let tables = render_density(
            &density,
            columns(DEFAULT_COLUMNS),
            lines,
            colour_on(&io::stdout()),
        );
        out.write_all(tables.as_bytes())
    };
    done.and_then(|()| out.flush())
        .or_else(|error| stdout_failed(&error))
}

fn bad_selection(error: SelectError) -> Failure {
    Failure::with_help(error.message, error.help)
}

/// How many lines the tables may take: those of the terminal, without bound if nobody sees one.
fn lines(all: bool) -> Option<usize> {
    let seen = io::stdout().is_terminal() && !all;
    let size = seen.then(terminal_size::terminal_size).flatten();
    size.map(|(_, height)| usize::from(height.0))
}

/// The types of these names; all of them without any.
fn types(names: &[String]) -> Result<Vec<&'static Listed>, Failure> {
    let table = InstanceTypes::builtin();
    if names.is_empty() {
        return Ok(table.all().collect());
    }
    let unknown: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| table.listed(name).is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(names.iter().filter_map(|name| table.listed(name)).collect());
    }
    let near: Vec<&str> = unknown
        .iter()
        .filter_map(|name| table.nearest(name))
        .collect();
    let plural = if unknown.len() == 1 { "" } else { "s" };
    let message = format!("there is no instance type{plural} {}", unknown.join(", "));
    Err(match near.len() {
        0 => Failure::with_help(message, "give types of EC2, such as c5.large"),
        _ => Failure::with_help(message, format!("did you mean {}?", near.join(", "))),
    })
}

/// The tasks that are meant.
fn asked(input: &InputArgs) -> Result<(Vec<Kind>, Ground, NonePolicy), Failure> {
    if input.vpc.is_some() {
        return Err(Failure::with_help(
            "density puts tasks on single instances, not into a VPC",
            "leave --vpc out; addresses of subnets count with a scenario file ([vpc] from = \"DIR\")",
        ));
    }
    let Some(path) = &input.scenario else {
        let kinds = definitions(&input.task_definitions)?;
        return Ok((kinds, Ground::default(), NonePolicy::AsWritten));
    };
    let (scenario, _) = load_scenario(path).map_err(Failure::BadFiles)?;
    let (kinds, ground) = of_scenario(&scenario);
    Ok((kinds, ground, NonePolicy::WithoutPorts))
}

fn definitions(paths: &[PathBuf]) -> Result<Vec<Kind>, Failure> {
    let (mut kinds, mut bad) = (Vec::<Kind>::new(), Vec::new());
    for path in paths {
        let file = path.display().to_string();
        let read = match read_text(path) {
            Ok(text) => TaskDefinition::read(&file, &text),
            Err(error) => Err(unreadable(&file, &error)),
        };
        match read {
            Ok((definition, _)) => {
                // Two revisions of a family are told apart by their files.
                let family = definition.family.clone();
                let taken = kinds.iter().any(|kind| kind.name == family);
                kinds.push(Kind {
                    name: if taken {
                        format!("{family} ({file})")
                    } else {
                        family
                    },
                    definition: Arc::new(definition),
                    count: 1,
                    mode: None,
                    subnets: Vec::new(),
                });
            }
            Err(report) => bad.push(report),
        }
    }
    if bad.is_empty() {
        Ok(kinds)
    } else {
        Err(Failure::BadFiles(bad))
    }
}

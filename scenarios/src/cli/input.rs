//! What is simulated: a scenario file, task definitions, or the built-in scenario.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use reports::{InputHash, Provenance};
use scenarios::builtin::{self, Given, around, around_in};
use scenarios::describe::load_folder;
use scenarios::diagnostic::Report;
use scenarios::ecs::TaskDefinition;
use scenarios::lower::{Lowered, NonePolicy};
use scenarios::toml::{
    Scenario, Surroundings, load_scenario, read_scenario, read_scenario_among, read_text,
    unreadable,
};
use sha2::{Digest as _, Sha256};
use sim_core::SimDuration;
use sim_net::plan::MeasurePlan;

use super::args::{InputArgs, MeasureArgs};
use super::failure::Failure;

/// Version of the TCP/IP stack; the workspace pins it.
const SMOLTCP_VERSION: &str = "0.14.0";

/// The name of the scenario that is built around task definitions, in messages and hashes.
const BUILT: &str = "built-scenario.toml";

/// A scenario that is in order, and what to say about it.
pub(crate) struct Loaded {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// What `none` does with port mappings.
    pub(crate) policy: NonePolicy,
    /// The arguments that name it, in an order that depends on the content of the files alone.
    pub(crate) words: Vec<String>,
    /// What the files' reports say that a result must name.
    caveats: Vec<String>,
    /// What was assumed to build it.
    assumptions: Vec<String>,
}

/// Reads what the arguments name.
pub(crate) fn load(args: &InputArgs) -> Result<Loaded, Failure> {
    let (scenario, reports) = if let Some(path) = &args.scenario {
        load_scenario(path).map_err(Failure::BadFiles)?
    } else if args.task_definitions.is_empty() {
        if args.vpc.is_some() {
            return Err(Failure::with_help(
                "--vpc says where tasks are put, and there are none",
                "name task definitions with --task-definition; ecsnet reach looks at a VPC as it is",
            ));
        }
        let text = builtin::library(builtin::DEFAULT)
            .map_err(|error| Failure::Bug(format!("the library: {error}")))?;
        read_scenario(builtin::DEFAULT, &text, &builtin::library).map_err(Failure::BadFiles)?
    } else {
        return built(args);
    };
    let words = words(args);
    let caveats = caveats(&reports);
    let policy = NonePolicy::WithoutPorts;
    Ok(Loaded {
        scenario,
        policy,
        words,
        caveats,
        assumptions: Vec::new(),
    })
}

/// Builds a scenario around task definitions.
fn built(args: &InputArgs) -> Result<Loaded, Failure> {
    let mut texts = BTreeMap::new();
    let mut given = Vec::new();
    let mut bad = Vec::new();
    for path in &args.task_definitions {
        let file = path.display().to_string();
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => {
                bad.push(unreadable(&file, &error));
                continue;
            }
        };
        let hash = sha256(&text);
        match TaskDefinition::read(&file, &text) {
            Ok((definition, _)) => given.push((
                hash,
                Given {
                    file: file.clone(),
                    definition,
                },
            )),
            Err(report) => bad.push(report),
        }
        texts.insert(file, text);
    }
    if !bad.is_empty() {
        return Err(Failure::BadFiles(bad));
    }
    // The order in which files are given has no influence on anything.
    given.sort_by(|(hash, a), (other_hash, b)| {
        (&a.definition.family, hash, &a.file).cmp(&(&b.definition.family, other_hash, &b.file))
    });
    let given: Vec<Given> = given.into_iter().map(|(_, given)| given).collect();
    let built = match &args.vpc {
        None => around(&given),
        Some(folder) => {
            let (imported, _) = load_folder(folder).map_err(Failure::BadFiles)?;
            let folder = folder.display().to_string();
            around_in(&given, &folder, &imported)
                .ok_or_else(|| Failure::bad_input(format!("no VPC of {folder} has a subnet")))?
        }
    };
    let read = |name: &str| {
        texts
            .get(name)
            .cloned()
            .ok_or(io::ErrorKind::NotFound.into())
    };
    let surroundings = Surroundings {
        file: &read,
        folder: &|name| load_folder(Path::new(name)),
    };
    let (scenario, reports) =
        read_scenario_among(BUILT, &built.toml, surroundings).map_err(Failure::BadFiles)?;
    let files = given.iter().map(|given| given.file.clone());
    Ok(Loaded {
        scenario,
        policy: NonePolicy::AsWritten,
        words: files
            .flat_map(|file| ["--task-definition".to_owned(), file])
            .chain(vpc_words(args))
            .collect(),
        caveats: caveats(&reports),
        assumptions: built.assumptions,
    })
}

fn vpc_words(args: &InputArgs) -> Vec<String> {
    let folder = args.vpc.iter().map(|path| path.display().to_string());
    folder
        .flat_map(|folder| ["--vpc".to_owned(), folder])
        .collect()
}

pub(crate) fn caveats(reports: &[Report]) -> Vec<String> {
    let lines = reports
        .iter()
        .flat_map(|report| report.caveats().map(|caveat| report.plain_line(caveat)));
    lines.collect()
}

/// The arguments that name what is simulated.
pub(crate) fn words(args: &InputArgs) -> Vec<String> {
    let scenario = args.scenario.iter().map(|path| path.display().to_string());
    let mut definitions: Vec<_> = args
        .task_definitions
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    definitions.sort();
    let definitions = definitions
        .into_iter()
        .flat_map(|file| ["--task-definition".to_owned(), file]);
    scenario.chain(definitions).chain(vpc_words(args)).collect()
}

/// What is measured: the command line counts before the scenario.
pub(crate) fn measure(scenario: &Scenario, args: &MeasureArgs) -> MeasurePlan {
    MeasurePlan {
        warmup: args.warmup.unwrap_or(scenario.measure.warmup),
        duration: args.duration.unwrap_or(scenario.measure.duration),
        cooldown: scenario.measure.cooldown,
    }
}

/// Gives a scenario the master seed of the command line. Before it is lowered: placement may draw.
pub(crate) fn reseed(scenario: &mut Scenario, args: &MeasureArgs) {
    scenario.measure.seed = args.seed.unwrap_or(scenario.measure.seed);
}

/// The options of `measure` that were given, as words of a command.
pub(crate) fn measure_words(args: &MeasureArgs) -> Vec<String> {
    let time = |name: &str, time: Option<SimDuration>| {
        time.into_iter()
            .flat_map(|time| [name.to_owned(), time_option(time)])
            .collect::<Vec<_>>()
    };
    let mut words = time("--duration", args.duration);
    words.extend(time("--warmup", args.warmup));
    words
}

/// A time as one word of a command line: an exact number of picoseconds in the largest unit.
fn time_option(time: SimDuration) -> String {
    let ps = time.as_ps();
    let units = [
        ("s", 1_000_000_000_000),
        ("ms", 1_000_000_000),
        ("us", 1_000_000),
        ("ns", 1000),
    ];
    let unit = units.into_iter().find(|(_, size)| ps.is_multiple_of(*size));
    unit.map_or_else(
        || format!("{ps}ps"),
        |(name, size)| format!("{}{name}", ps / size),
    )
}

/// Where the numbers come from.
pub(crate) fn provenance<'a>(
    loaded: &Loaded,
    words: &[String],
    seed: u64,
    replications: u32,
    measure: &MeasurePlan,
    modes: impl Iterator<Item = &'a Lowered> + Clone,
) -> Provenance {
    let scenario = &loaded.scenario;
    let mut assumptions = loaded.assumptions.clone();
    assumptions.extend(scenario.assumptions.iter().cloned());
    assumptions.extend(
        modes
            .clone()
            .flat_map(|mode| mode.assumptions.iter().cloned()),
    );
    let mut caveats = loaded.caveats.clone();
    caveats.extend(modes.clone().flat_map(|mode| mode.caveats.iter().cloned()));
    let mut constants: Vec<_> = modes
        .flat_map(|mode| mode.constants.iter().cloned())
        .collect();
    constants.sort();
    constants.dedup();
    Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        smoltcp_version: SMOLTCP_VERSION.to_owned(),
        command: words
            .iter()
            .map(|word| shell_word(word))
            .collect::<Vec<_>>()
            .join(" "),
        scenario_name: scenario.name.clone(),
        seed: seed.to_string(),
        replications,
        duration_ns: measure.duration.as_ns(),
        warmup_ns: measure.warmup.as_ns(),
        inputs: inputs(scenario.inputs.iter()),
        caveats: once(caveats),
        assumptions: once(assumptions),
        constants,
    }
}

/// The texts in their order, each once.
pub(crate) fn once(texts: Vec<String>) -> Vec<String> {
    let mut seen = Vec::with_capacity(texts.len());
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen
}

/// The files that were read, by content.
pub(crate) fn inputs<'a>(
    files: impl Iterator<Item = (&'a String, &'a Arc<str>)>,
) -> Vec<InputHash> {
    let hash = |(name, text): (&String, &Arc<str>)| InputHash {
        name: Path::new(name)
            .file_name()
            .map_or(name.clone(), |n| n.to_string_lossy().into()),
        sha256: sha256(text),
    };
    let mut inputs: Vec<_> = files.map(hash).collect();
    inputs.sort();
    inputs
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Says so if ecsnet was built without optimisation.
pub(crate) fn warn_debug_build() {
    if cfg!(debug_assertions) {
        eprintln!("warning: ecsnet was built without optimisation; runs are several times slower");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_stack_is_the_pinned_one() {
        let workspace = include_str!("../../../Cargo.toml");
        assert!(workspace.contains(&format!("smoltcp = {{ version = \"={SMOLTCP_VERSION}\"")));
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(shell_word("a/b.json"), "a/b.json");
        assert_eq!(shell_word("it's here"), r"'it'\''s here'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn times_are_exact_words() {
        assert_eq!(time_option(SimDuration::from_ms(1500)), "1500ms");
        assert_eq!(time_option(SimDuration::from_secs(2)), "2s");
        assert_eq!(time_option(SimDuration::from_ps(1)), "1ps");
        assert_eq!("1500ms".parse(), Ok(SimDuration::from_ms(1500)));
    }
}

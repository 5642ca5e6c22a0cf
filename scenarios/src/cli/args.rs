//! What can be typed. Defaults that a scenario file may also set are left open here, so that the
//! file counts where the command line is silent.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use scenarios::diagnostic::nearest;
use scenarios::ecs::Mode;
use scenarios::ecs::mode::parse_mode;
use sim_core::SimDuration;

/// Compares the network modes of Amazon ECS in a deterministic packet-level simulator.
#[derive(Debug, Parser)]
#[command(name = "ecsnet", version, arg_required_else_help = true, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUS: &str = "Exit status: 0 done; 1 a check of --check does not hold; 2 bad input or usage; 75 interrupted, nothing written; \
101 a bug in ecsnet.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Simulate a scenario in every network mode and report how they differ.
    ///
    /// Without SCENARIO and without --task-definition, a built-in scenario runs: a web service that
    /// calls a cache, on two instances in two zones, and a client in a third.
    Compare(CompareArgs),
    /// Simulate one replication of one mode and show where the time goes.
    Run(RunArgs),
    /// Find out who reaches whom, by the rules and by real packets, in every network mode.
    ///
    /// A is a service (web), a task (web/0), a container of it (web/0/app), an instance (instance/0),
    /// a client, or internet. B is one of these with a port, such as web/0:8080, or imds, tmds or
    /// dns, or an address and a port. A service or task without a port stands for all that listens.
    ///
    /// With --vpc and without --task-definition, the VPCs are looked at as they are: every interface
    /// in them, and the internet.
    Reach(ReachArgs),
    /// Validate scenario files and task definitions: all problems at once, and a verdict per mode.
    Check(CheckArgs),
    /// Say how many tasks fit on an instance of each type in each mode, and what runs out first.
    ///
    /// Without SCENARIO and without --task-definition, how many awsvpc tasks the network interfaces of
    /// each type carry, with and without trunking. Nothing is simulated.
    Density(DensityArgs),
    /// Print the JSON Schema of scenario files or of what a command prints or writes as JSON.
    Schema(SchemaArgs),
}

/// What is simulated.
#[derive(Args, Clone, Debug)]
pub(crate) struct InputArgs {
    /// Scenario file (TOML).
    #[arg(value_name = "SCENARIO", conflicts_with = "task_definitions")]
    pub(crate) scenario: Option<PathBuf>,
    /// ECS task definition (JSON); may be given several times. A scenario is built around them, and
    /// what it assumes is printed.
    #[arg(long = "task-definition", value_name = "FILE")]
    pub(crate) task_definitions: Vec<PathBuf>,
    /// Folder of `aws ec2 describe-*` output (JSON): the VPC that the scenario around task definitions
    /// is built into. A scenario file names its own (`[vpc] from = "DIR"`).
    #[arg(long, value_name = "DIR", conflicts_with = "scenario")]
    pub(crate) vpc: Option<PathBuf>,
}

/// What is measured.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MeasureArgs {
    /// Master seed of all random numbers [default: the scenario's, else 1].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Simulated time that is measured, such as "2 s" [default: the scenario's].
    #[arg(long, value_name = "TIME", value_parser = measured_time)]
    pub(crate) duration: Option<SimDuration>,
    /// Simulated time before it that is not measured, such as "500 ms" [default: the scenario's].
    #[arg(long, value_name = "TIME", value_parser = warmup_time)]
    pub(crate) warmup: Option<SimDuration>,
}

/// How one run is run.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ThreadArgs {
    /// Threads that share one run; results do not depend on it. Where it would not pay, one thread
    /// runs alone and a note says so [default: those that whole runs leave idle].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

/// `ecsnet compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
    /// The modes to compare.
    #[arg(long, alias = "mode", value_name = "MODE", value_delimiter = ',', value_parser = mode, default_values = ["none", "bridge", "host", "awsvpc", "fargate"])]
    pub(crate) modes: Vec<Mode>,
    /// The mode that the others are compared with [default: host, else the first that has a network].
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub(crate) baseline: Option<Mode>,
    /// Independent replications of each mode [default: the scenario's, else 10].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) replications: Option<u32>,
    /// Runs at once; results do not depend on it [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
    /// Folder for report.html, results.json and summary.csv.
    #[arg(long, value_name = "DIR", default_value = "ecsnet-out")]
    pub(crate) out: PathBuf,
    /// Exit with status 1 if a `[[check]]` of the scenario does not hold.
    #[arg(long, conflicts_with = "task_definitions")]
    pub(crate) check: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print the document of results.json instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `ecsnet run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
    /// The mode to simulate.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub(crate) mode: Mode,
    /// Which replication: equal numbers share their random numbers across modes.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) replication: u32,
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
    /// Run with the load of the scenario's neighbours.
    #[arg(long)]
    pub(crate) neighbours: bool,
    /// Write captured packets to this file (pcapng).
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Capture only on machines whose name contains this, such as "client" or "instance/0"
    /// [default: everywhere].
    #[arg(long, value_name = "POINT", requires = "pcap")]
    pub(crate) capture: Option<String>,
    /// Folder for run.json.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// `ecsnet reach`.
#[derive(Args, Debug)]
pub(crate) struct ReachArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The modes to look at; may be given several times [default: all].
    #[arg(long = "mode", alias = "modes", value_name = "MODE", value_delimiter = ',', value_parser = mode)]
    pub(crate) modes: Vec<Mode>,
    /// Who asks [default: everybody].
    #[arg(long, value_name = "A")]
    pub(crate) from: Option<String>,
    /// Who is asked [default: every listening port].
    #[arg(long, value_name = "B[:PORT[/udp]]")]
    pub(crate) to: Option<String>,
    /// Show every step there and back, and the rule that decided.
    #[arg(long, requires = "from", requires = "to")]
    pub(crate) explain: bool,
    /// How many of the attempts to make with real packets as well: sample makes at most 20,000 in
    /// each mode.
    #[arg(long, value_enum, default_value_t = SimulateArg::Sample, value_name = "HOW MANY")]
    pub(crate) simulate: SimulateArg,
    /// Print the document (JSON) instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How many attempts are made with packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SimulateArg {
    /// All of them.
    All,
    /// All if they are few, else some of every kind.
    Sample,
    /// None.
    None,
}

/// `ecsnet check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Scenario files (TOML) and task definitions (JSON).
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// `ecsnet density`.
#[derive(Args, Debug)]
#[command(mut_arg("vpc", |vpc| vpc.hide(true)))]
pub(crate) struct DensityArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The instance types [default: all].
    #[arg(long = "instance-type", value_name = "TYPE", value_delimiter = ',')]
    pub(crate) instance_types: Vec<String>,
    /// The modes; awsvpc is shown without and with trunking.
    #[arg(long = "mode", alias = "modes", value_name = "MODE", value_delimiter = ',', value_parser = mode, default_values = ["none", "bridge", "host", "awsvpc", "fargate"])]
    pub(crate) modes: Vec<Mode>,
    /// Show only types for which this holds, such as family=c5, "vcpus>=4", "memory<=16GiB",
    /// arch=arm64 or trunking=true; may be given several times.
    #[arg(long = "filter", value_name = "EXPR")]
    pub(crate) filters: Vec<String>,
    /// Sort by a column, from the most with `-` before it, such as -awsvpc [default: family and
    /// size].
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// Show every row, also where a terminal has fewer lines.
    #[arg(long)]
    pub(crate) all: bool,
    /// Print the document ecsnet.density/1 instead of tables.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print comma-separated values instead of tables.
    #[arg(long)]
    pub(crate) csv: bool,
}

/// `ecsnet schema`.
#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {
    /// Which document.
    #[arg(value_enum)]
    pub(crate) document: Document,
}

/// A document with a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Document {
    /// A scenario file.
    Scenario,
    /// results.json.
    Results,
    /// What `ecsnet density --json` prints.
    Density,
    /// What `ecsnet reach --json` prints.
    Reach,
}

fn mode(word: &str) -> Result<Mode, String> {
    parse_mode(word).ok_or_else(|| match nearest(word, Mode::ALL.map(Mode::name)) {
        Some(known) => format!("there is no such mode: did you mean {known}?"),
        None => "there is no such mode: give none, bridge, host, awsvpc or fargate".into(),
    })
}

/// The longest simulated time that makes sense at packet level.
const LONGEST: SimDuration = SimDuration::from_secs(3600);

fn measured_time(text: &str) -> Result<SimDuration, String> {
    let time = warmup_time(text)?;
    if time < SimDuration::from_ms(1) {
        return Err("nothing can be measured in less than 1 ms".into());
    }
    Ok(time)
}

fn warmup_time(text: &str) -> Result<SimDuration, String> {
    let time: SimDuration = text.parse().map_err(|error| format!("{error}"))?;
    if time > LONGEST {
        return Err("more than 1 h of simulated time: measure less, with more replications".into());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_bounds() {
        assert!(measured_time("0 s").is_err());
        assert!(measured_time("2").is_err());
        assert!(measured_time("2 h").is_err());
        assert_eq!(warmup_time("0 s"), Ok(SimDuration::ZERO));
    }
}

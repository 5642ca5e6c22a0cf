//! The command line. Everything that knows a terminal, an exit status, a wall clock or a signal is
//! in here; the library behind it knows none of them.

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

mod args;
mod capture;
mod check;
mod compare;
mod density;
mod failure;
mod input;
mod interrupt;
mod output;
mod progress;
mod reach;
mod run;
mod schema;
mod terminal;
mod threads;

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Compare(args) => compare::main(&args),
        Command::Run(args) => run::main(&args),
        Command::Reach(args) => reach::main(&args),
        Command::Check(args) => check::main(&args),
        Command::Density(args) => density::main(&args),
        Command::Schema(args) => schema::main(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

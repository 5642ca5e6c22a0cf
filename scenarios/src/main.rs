//! The `ecsnet` command: reads the arguments, calls the library and decides the exit status.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}

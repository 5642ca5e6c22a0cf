//! How a command ends when it does not end well, and the exit status for it.

use std::io;
use std::process::ExitCode;

use scenarios::diagnostic::{Report, render};

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or the surroundings do not allow it.
    BadInput {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// Input files have problems; they know where.
    BadFiles(Vec<Report>),
    /// What is wrong has been said on standard output already.
    Refused,
    /// Assertions of the scenario do not hold.
    Checks {
        /// How many do not.
        failed: usize,
        /// How many there are.
        all: usize,
        /// A line for each that has not been shown yet.
        lines: Vec<String>,
    },
    /// The user or the system asked to stop.
    Interrupted,
    /// A fault of ecsnet.
    Bug(String),
}

impl Failure {
    /// Bad input without a remedy.
    pub(crate) fn bad_input(message: impl Into<String>) -> Self {
        Self::BadInput {
            message: message.into(),
            help: None,
        }
    }

    /// Bad input with a remedy.
    pub(crate) fn with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::BadInput {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    /// The exit status.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::BadInput { .. } | Self::BadFiles(_) | Self::Refused => 2,
            Self::Checks { .. } => 1,
            // EX_TEMPFAIL of sysexits.h: worth trying again.
            Self::Interrupted => 75,
            Self::Bug(_) => 101,
        })
    }

    /// Says it on standard error.
    pub(crate) fn print(&self) {
        match self {
            Self::BadInput { message, help } => {
                eprintln!("error: {message}");
                if let Some(help) = help {
                    eprintln!("  help: {help}");
                }
            }
            Self::BadFiles(reports) => {
                for report in reports {
                    eprint!("{}", render::render(report, colour_on(&io::stderr())));
                }
            }
            Self::Checks { failed, all, lines } => {
                eprintln!("error: {failed} of {all} checks do not hold");
                for line in lines {
                    eprintln!("  {line}");
                }
            }
            Self::Refused => {}
            Self::Interrupted => eprintln!("interrupted: nothing was written"),
            Self::Bug(message) => eprintln!("this is a bug in ecsnet: {message}"),
        }
    }
}

/// Whether a stream takes colours: it is a terminal, and `NO_COLOR` is not set.
pub(crate) fn colour_on(stream: &impl io::IsTerminal) -> bool {
    // The variable switches colours off with any value but the empty one (https://no-color.org).
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A failed write to standard output: a reader that has seen enough is no failure.
pub(crate) fn stdout_failed(error: &io::Error) -> Result<(), Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failure::bad_input(format!(
            "cannot write to standard output: {error}"
        ))),
    }
}

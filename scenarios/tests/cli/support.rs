//! Runs the command in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// An empty folder with the command in it.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and gives its name.
    pub(crate) fn file<'a>(&self, name: &'a str, content: &str) -> &'a str {
        fs::write(self.path().join(name), content).unwrap();
        name
    }

    /// Runs the command with arguments, one after another, split at spaces except within quotes.
    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.run_with(arguments, &[])
    }

    /// The same, with variables in the environment.
    pub(crate) fn run_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Output {
        let mut command = Command::cargo_bin("ecsnet").unwrap();
        command.current_dir(self.path()).args(split(arguments));
        command.env_remove("NO_COLOR").env_remove("COLUMNS");
        command.envs(variables.iter().copied());
        command.output().unwrap()
    }

    /// Runs it, and fails the test with what it said if it does not succeed.
    pub(crate) fn succeed(&self, arguments: &str) -> Output {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "ecsnet {arguments}: {}",
            err(&output)
        );
        output
    }

    /// The document that a comparison with `--out out` wrote.
    pub(crate) fn results(&self, out: &str) -> Value {
        let text = fs::read_to_string(self.path().join(out).join("results.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Everything in the folder, by path.
    pub(crate) fn listing(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }
}

fn split(arguments: &str) -> Vec<String> {
    let pieces = arguments.split('"').enumerate();
    pieces
        .flat_map(|(index, piece)| match index % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        })
        .collect()
}

/// What a run said on standard output.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a run said on standard error.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A document without the one member that differs from run to run.
pub(crate) fn without_performance(mut results: Value) -> String {
    results
        .as_object_mut()
        .unwrap()
        .remove("performance")
        .unwrap();
    serde_json::to_string_pretty(&results).unwrap()
}

/// Options for a run that is short enough for a test.
pub(crate) const SHORT: &str = r#"--replications 2 --duration "40 ms" --warmup "10 ms""#;

//! Writes the report of a fabricated experiment, to look at:
//! `cargo run -p reports --example sample_report -- report.html`.

use std::path::PathBuf;
use std::{env, fs, io};

#[path = "../tests/fixture/mod.rs"]
mod fixture;

fn main() -> io::Result<()> {
    let path = env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("report.html"), PathBuf::from);
    let mut experiment = fixture::two_tier(10);
    if env::args_os().nth(2).is_some_and(|a| a == "--refused") {
        experiment
            .modes
            .insert("awsvpc".to_owned(), fixture::refused());
    }
    let results = reports::compare(&experiment);
    fs::write(path, reports::html::render(&experiment, &results))
}

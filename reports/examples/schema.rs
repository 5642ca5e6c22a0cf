//! Prints the JSON Schema of the results:
//! `cargo run -p reports --example schema > reports/schema/results.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &reports::schema::results())?;
    writeln!(out)
}

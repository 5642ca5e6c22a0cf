//! Prints a JSON Schema: `cargo run -p reports --example schema > reports/schema/results.json`, and
//! with `-- reach` that of who reaches whom.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let schema = match std::env::args().nth(1).as_deref() {
        Some("reach") => reports::schema::reach(),
        _ => reports::schema::results(),
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &schema)?;
    writeln!(out)
}

//! Prints the JSON Schema of the results, or with an argument that of another document:
//! `cargo run -p reports --example schema > reports/schema/results.json`,
//! `cargo run -p reports --example schema density > reports/schema/density.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let schema = match std::env::args().nth(1).as_deref() {
        Some("density") => reports::schema::density(),
        _ => reports::schema::results(),
    };
    serde_json::to_writer_pretty(&mut out, &schema)?;
    writeln!(out)
}

//! Prints the JSON Schema of the results, or with an argument that of another document:
//! `cargo run -p reports --example schema > reports/schema/results.json`,
//! `cargo run -p reports --example schema density > reports/schema/density.json`,
//! `cargo run -p reports --example schema reach > reports/schema/reach.json`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let schema = match std::env::args().nth(1).as_deref() {
        Some("density") => reports::schema::density(),
        Some("reach") => reports::schema::reach(),
        _ => reports::schema::results(),
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &schema)?;
    writeln!(out)
}

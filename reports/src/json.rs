//! `results.json`.

use std::io::{self, Write};

use crate::record::Performance;
use crate::results::Results;

/// Writes the document, indented and with a final line feed.
///
/// Without `performance` the bytes depend on the experiment alone.
///
/// # Errors
/// Those of `out`.
pub fn write(
    results: &Results,
    performance: Option<&Performance>,
    mut out: impl Write,
) -> io::Result<()> {
    let mut document = results.clone();
    document.performance = performance.cloned();
    serde_json::to_writer_pretty(&mut out, &document)?;
    out.write_all(b"\n")
}

/// Reads a document back, for instance to remake a report.
///
/// # Errors
/// If `text` is not a document of this schema; the message names line and column.
pub fn read(text: &str) -> Result<Results, serde_json::Error> {
    serde_json::from_str(text)
}

//! The document as JSON.

use std::io::{self, Write};

use super::record::ReachResults;

/// Writes the document, indented and with a final line feed.
///
/// # Errors
/// Those of `out`.
pub fn write(results: &ReachResults, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, results)?;
    out.write_all(b"\n")
}

/// Reads a document back.
///
/// # Errors
/// If `text` is not a document of this schema; the message names line and column.
pub fn read(text: &str) -> Result<ReachResults, serde_json::Error> {
    serde_json::from_str(text)
}

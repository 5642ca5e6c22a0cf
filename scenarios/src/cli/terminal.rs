//! What is known of the terminal.

/// Columns of most tables where nothing says how many there are.
pub(crate) const DEFAULT_COLUMNS: usize = 100;

/// Columns below which no table can be read.
const FEWEST_COLUMNS: usize = 40;

/// How wide a table may be: what `COLUMNS` says, else the terminal, else this.
pub(crate) fn columns(otherwise: usize) -> usize {
    let said = std::env::var_os("COLUMNS").and_then(|value| value.to_str()?.parse().ok());
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    said.or_else(terminal)
        .filter(|columns| *columns >= FEWEST_COLUMNS)
        .unwrap_or(otherwise)
}

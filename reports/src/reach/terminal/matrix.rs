//! The matrix: sources down, listening ports across. Where it is too large to be read, what belongs
//! together is one row or column, and cells are counts.

use std::collections::BTreeMap;

use crate::format;
use crate::reach::record::{LegName, ModeReach, SymbolRecord, VerdictRecord};
use crate::terminal::Page;
use crate::terminal::text::{self, Align, Cell, Colour, Table};

/// Sources and listening ports up to which each has a row or a column of its own.
const MOST_ROWS: usize = 40;
const MOST_COLUMNS: usize = 40;
/// Widest name of a row.
const WIDEST_NAME: usize = 24;

/// A matrix ready to be set.
struct Grid {
    rows: Vec<String>,
    columns: Vec<String>,
    cells: Vec<Vec<Cell>>,
}

/// Writes the matrix of a mode. `named` are the columns that the matrix before has named; where they
/// are the same, they are not named again.
pub(super) fn render(page: &mut Page, mode: &ModeReach, named: &mut Vec<String>) {
    if mode.sources.is_empty() || mode.listeners.is_empty() {
        let words = match mode.sources.is_empty() {
            true => "nobody asks",
            false => "nothing listens",
        };
        page.labelled("  ", 2, words, Colour::Plain);
        return;
    }
    let single = is_single(mode);
    let grid = if single { cells(mode) } else { groups(mode) };
    set(page, &grid, *named == grid.columns);
    *named = grid.columns;
    if !single {
        let words = "pairs reached of all pairs, by service; ? marks undetermined ones";
        page.labelled("  ", 2, words, Colour::Dim);
    }
}

/// Whether each source has a row and each listening port a column of its own.
fn is_single(mode: &ModeReach) -> bool {
    mode.sources.len() <= MOST_ROWS && mode.listeners.len() <= MOST_COLUMNS
}

fn colour(symbol: Option<&SymbolRecord>) -> Colour {
    match symbol.map(|symbol| symbol.verdict.code.as_str()) {
        Some("reached") => Colour::Green,
        Some("undetermined") => Colour::Yellow,
        _ => Colour::Dim,
    }
}

/// One row per source, one column per listening port.
fn cells(mode: &ModeReach) -> Grid {
    let symbols: BTreeMap<char, &SymbolRecord> =
        mode.symbols.iter().map(|s| (s.symbol, s)).collect();
    let cell = |c: char| Cell::new(&c.to_string(), colour(symbols.get(&c).copied()));
    Grid {
        rows: mode.sources.iter().map(|s| s.name.clone()).collect(),
        columns: mode.listeners.iter().map(|l| l.name.clone()).collect(),
        cells: mode
            .rows
            .iter()
            .map(|row| row.chars().map(cell).collect())
            .collect(),
    }
}

/// Pairs that are reached, that are undetermined, and all.
#[derive(Clone, Copy, Default)]
struct Count {
    reached: u64,
    undetermined: u64,
    all: u64,
}

impl Count {
    fn cell(self) -> Cell {
        let Self {
            reached,
            undetermined,
            all,
        } = self;
        let mark = if undetermined > 0 { "?" } else { "" };
        let (text, colour) = match reached {
            0 if undetermined > 0 => (String::new(), Colour::Yellow),
            0 => ("none".to_owned(), Colour::Dim),
            _ if reached == all => ("all".to_owned(), Colour::Green),
            _ => {
                let (reached, all) = (format::grouped(reached), format::grouped(all));
                (format!("{reached}/{all}"), Colour::Plain)
            }
        };
        Cell::new(&format!("{text}{mark}"), colour)
    }
}

/// One row and one column for what belongs together.
fn groups(mode: &ModeReach) -> Grid {
    let (row_of, rows) = numbered(mode.sources.iter().map(|s| s.group.as_str()));
    let (column_of, columns) = numbered(mode.listeners.iter().map(|l| l.group.as_str()));
    let word = |code: &str| -> Vec<char> {
        let of = mode.symbols.iter().filter(|s| s.verdict.code == code);
        of.map(|s| s.symbol).collect()
    };
    let (reached, undetermined) = (word("reached"), word("undetermined"));
    let mut counts = vec![vec![Count::default(); columns.len()]; rows.len()];
    for (row, symbols) in row_of.iter().zip(&mode.rows) {
        for (column, symbol) in column_of.iter().zip(symbols.chars()) {
            let count = &mut counts[*row][*column];
            count.all += 1;
            count.reached += u64::from(reached.contains(&symbol));
            count.undetermined += u64::from(undetermined.contains(&symbol));
        }
    }
    Grid {
        rows,
        columns,
        cells: counts
            .into_iter()
            .map(|row| row.into_iter().map(Count::cell).collect())
            .collect(),
    }
}

/// The number of each group, and the groups in the order in which they first come.
fn numbered<'a>(groups: impl Iterator<Item = &'a str>) -> (Vec<usize>, Vec<String>) {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names = Vec::new();
    let numbers = groups
        .map(|group| {
            *known.entry(group).or_insert_with(|| {
                names.push(group.to_owned());
                names.len() - 1
            })
        })
        .collect();
    (numbers, names)
}

/// Writes a grid; columns have numbers, since names do not fit, and as many tables as are needed.
fn set(page: &mut Page, grid: &Grid, named: bool) {
    let width = |cell: &Cell| text::width(cell.text());
    let widest = grid.cells.iter().flatten().map(width).max().unwrap_or(1);
    let digits = grid.columns.len().to_string().len();
    let name = grid.rows.iter().map(|row| text::width(row)).max();
    let name = name.unwrap_or(0).min(WIDEST_NAME);
    // Two columns between columns, two at the margin.
    let each = widest.max(digits) + 2;
    let fit = (page.width.saturating_sub(name + 2) / each).max(1);
    let mut first = 0;
    while first < grid.columns.len() {
        let until = (first + fit).min(grid.columns.len());
        let mut table = Table::new(page.width);
        table.header("from \\ to", Align::Left);
        for number in first..until {
            table.header(&(number + 1).to_string(), Align::Right);
        }
        for (row, cells) in grid.rows.iter().zip(&grid.cells) {
            let mut line = vec![Cell::new(&text::cut(row, name.max(9)), Colour::Plain)];
            line.extend(cells[first..until].iter().cloned());
            table.row(line);
        }
        page.out.push_str(&table.render(page.colour));
        if !named {
            let names = (first..until).map(|n| format!("{}={}", n + 1, grid.columns[n]));
            let names = names.collect::<Vec<_>>().join(", ");
            page.labelled("  to: ", 6, &names, Colour::Plain);
        }
        first = until;
    }
    if named {
        page.labelled("  to: ", 6, "as above", Colour::Plain);
    }
}

/// Writes what the symbols of all matrices stand for; a symbol means the same in all of them.
pub(super) fn legend<'a>(page: &mut Page, modes: impl Iterator<Item = &'a ModeReach>) {
    let symbols: BTreeMap<char, &SymbolRecord> = modes
        .filter(|mode| is_single(mode))
        .flat_map(|mode| &mode.symbols)
        .map(|symbol| (symbol.symbol, symbol))
        .collect();
    if symbols.is_empty() {
        return;
    }
    page.blank();
    page.paragraph("legend", Colour::Bold);
    let reached = |symbol: &SymbolRecord| symbol.via.is_some();
    let (reached, others): (Vec<&SymbolRecord>, Vec<_>) =
        symbols.into_values().partition(|symbol| reached(symbol));
    let words = reached.iter().filter_map(|s| Some((s.symbol, s.via?)));
    let words = words.map(|(symbol, via)| format!("{symbol} {}", via.words()));
    let words = words.collect::<Vec<_>>().join(", ");
    if !words.is_empty() {
        page.labelled("  reached: ", 11, &words, Colour::Plain);
    }
    for symbol in others {
        page.labelled(
            &format!("  {}  ", symbol.symbol),
            5,
            &meaning(&symbol.verdict),
            Colour::Plain,
        );
    }
}

/// A verdict that is not *reached*, in words.
pub(super) fn meaning(verdict: &VerdictRecord) -> String {
    let VerdictRecord {
        code,
        description,
        leg,
    } = verdict;
    let back = match leg {
        LegName::Return => " on the way back",
        LegName::Forward => "",
    };
    format!("{code}{back}: {description}")
}

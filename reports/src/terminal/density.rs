//! How many tasks fit on an instance, as tables for a terminal.

use crate::density::{Density, EniSource, FargateFit, Fit, Row, Subject};

use super::text::{self, Align, Cell, Colour, Table};
use super::{MIN_WIDTH, Page};

/// Lines of a subject besides its rows: heading, head of the table, rule, what is hidden, a blank.
const OVERHEAD: usize = 5;
/// Rows that a subject shows however low the terminal is.
const LEAST_ROWS: usize = 5;
/// Columns from which there is room to say beside a figure where it is from.
const SOURCES: usize = 80;

/// Renders the document; no line is wider than `width` (at least [`MIN_WIDTH`]) columns. With a
/// `height`, tables are cut so that everything fits in so many lines, and say how much is hidden.
#[must_use]
pub fn render_density(
    density: &Density,
    width: usize,
    height: Option<usize>,
    colour: bool,
) -> String {
    let mut page = Page {
        out: String::new(),
        width: width.max(MIN_WIDTH),
        colour,
    };
    let mut foot = Page {
        out: String::new(),
        width: page.width,
        colour,
    };
    footer(&mut foot, density);
    let rows = height.map(|height| {
        let others: usize = density
            .subjects
            .iter()
            .map(|subject| OVERHEAD + said(subject, page.width, false).lines().count())
            .sum();
        let room = height.saturating_sub(1 + foot.out.lines().count() + others);
        (room / density.subjects.len().max(1)).max(LEAST_ROWS)
    });
    for subject in &density.subjects {
        section(&mut page, subject, rows);
        page.blank();
    }
    page.out.push_str(&foot.out);
    page.out
}

fn section(page: &mut Page, subject: &Subject, most: Option<usize>) {
    let title = Colour::Bold.paint(
        &text::cut(&text::clean(&title(subject)), page.width),
        page.colour,
    );
    page.out.push_str(&title);
    page.out.push('\n');
    page.out.push_str(&said(subject, page.width, page.colour));
    let shown = most.map_or(subject.rows.len(), |most| most.min(subject.rows.len()));
    if subject.rows.is_empty() {
        let words = "no instance type passes the filters";
        page.labelled("  ", 2, words, Colour::Plain);
        return;
    }
    let alone = subject.tasks.is_empty();
    let columns = columns(subject);
    if columns.is_empty() {
        if alone {
            let words = "network interfaces limit awsvpc alone, which is not among the modes; \
                         --task-definition says what limits the others";
            page.labelled("  ", 2, words, Colour::Plain);
        }
        return;
    }
    let sources = alone && page.width >= SOURCES;
    let mut table = Table::new(page.width);
    table.header("type", Align::Left);
    table.header("vCPU/GiB", Align::Right);
    if alone {
        table.header("ENIs", Align::Right);
    }
    for mode in &columns {
        // The column beside it says of what.
        table.header(mode.strip_prefix("awsvpc-").unwrap_or(mode), Align::Right);
        if sources {
            table.header("from", Align::Left);
        }
    }
    for row in &subject.rows[..shown] {
        table.row(cells(row, &columns, alone, sources));
    }
    page.out.push_str(&table.render(page.colour));
    let hidden = subject.rows.len() - shown;
    if hidden > 0 {
        let line = format!("{hidden} more rows: --all shows them");
        page.labelled("  ", 2, &line, Colour::Dim);
    }
}

/// What is filled in.
fn title(subject: &Subject) -> String {
    let Subject {
        name,
        tasks,
        cpu,
        memory_mib,
        ..
    } = subject;
    match tasks.len() {
        0 => "awsvpc tasks per instance, by network interfaces alone".to_owned(),
        1 => format!("{name}: tasks per instance ({cpu} CPU units, {memory_mib} MiB each)"),
        _ => {
            let of: Vec<_> = tasks
                .iter()
                .map(|(name, n)| format!("{n} {name}"))
                .collect();
            format!(
                "{name}: sets of {} per instance ({cpu} CPU units, {memory_mib} MiB)",
                of.join(" + ")
            )
        }
    }
}

/// What is said before the table, in lines.
fn said(subject: &Subject, width: usize, colour: bool) -> String {
    let mut page = Page {
        out: String::new(),
        width,
        colour,
    };
    for line in words(subject) {
        page.labelled("  ", 2, &line, Colour::Plain);
    }
    page.out
}

/// What is said before the table: sizes on Fargate, and modes that are refused.
fn words(subject: &Subject) -> Vec<String> {
    let fargate = subject.fargate.iter().map(|fit| {
        let FargateFit {
            task,
            asked_cpu,
            asked_memory_mib,
            cpu,
            memory_mib,
            exact,
        } = fit;
        let size = format!("{cpu} CPU units with {memory_mib} MiB");
        match exact {
            true => format!("fargate: {task} has {size}; no instance is shared"),
            false => format!(
                "fargate: the smallest size for {task} ({asked_cpu} CPU units, {asked_memory_mib} MiB) is {size}"
            ),
        }
    });
    let refused = subject.refused.iter();
    let refused = refused.map(|(mode, why)| format!("{mode}: refused: {why}"));
    fargate.chain(refused).collect()
}

/// The modes that have numbers.
fn columns(subject: &Subject) -> Vec<&str> {
    let modes = subject
        .rows
        .first()
        .into_iter()
        .flat_map(|row| row.fits.keys());
    modes
        .map(String::as_str)
        .filter(|mode| !subject.refused.contains_key(base(mode)))
        .collect()
}

fn base(mode: &str) -> &str {
    mode.strip_suffix("-trunked").unwrap_or(mode)
}

/// One row; with `sources`, a column of its own says where a figure is from, else a mark.
fn cells(row: &Row, columns: &[&str], alone: bool, sources: bool) -> Vec<Cell> {
    let plain = |text: &str| Cell::new(text, Colour::Plain);
    let size = match (row.vcpus, row.memory_mib) {
        (Some(vcpus), Some(memory)) => format!("{vcpus}/{}", gib(memory)),
        _ => "?".to_owned(),
    };
    let mut cells = vec![plain(&row.instance_type), plain(&size)];
    if alone {
        cells.push(plain(
            &row.max_enis.map_or("?".to_owned(), |enis| enis.to_string()),
        ));
    }
    for mode in columns {
        let fit = row.fits.get(*mode).cloned().unwrap_or_default();
        if alone {
            let number = fit
                .sets
                .map_or_else(|| absent(&fit).to_owned(), |sets| sets.to_string());
            if sources {
                cells.push(plain(&number));
                cells.push(Cell::new(from(&fit), Colour::Dim));
            } else {
                cells.push(plain(&format!("{number}{}", mark(&fit))));
            }
        } else {
            cells.push(number(&fit));
        }
    }
    cells
}

/// MiB as GiB, with two decimals at most.
fn gib(mib: u32) -> String {
    let hundredths = u64::from(mib) * 100 / 1024;
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => whole.to_string(),
        (whole, part) => format!("{whole}.{part:02}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

/// `8 CPU`, with a mark where an ENI figure is no documented one.
fn number(fit: &Fit) -> Cell {
    let Some(sets) = fit.sets else {
        return Cell::new(absent(fit), Colour::Dim);
    };
    let limit = match fit.limit.as_deref() {
        Some("memory") => "mem",
        Some("ports") => "port",
        Some("dynamic ports") => "dyn",
        Some("bridge addresses") => "br",
        Some("subnet addresses") => "ip",
        Some(other) => other,
        None => "",
    };
    let mark = mark(fit);
    let colour = if sets == 0 {
        Colour::Red
    } else {
        Colour::Plain
    };
    Cell::new(&format!("{sets} {limit}{mark}"), colour)
}

/// What marks an ENI figure that is no documented one.
fn mark(fit: &Fit) -> &'static str {
    match fit.eni_source {
        Some(EniSource::InterfacesLessOne) => "*",
        Some(EniSource::Derived) => "~",
        _ => "",
    }
}

fn absent(fit: &Fit) -> &'static str {
    match fit.eni_source {
        Some(EniSource::NoTrunk) => "-",
        _ => "?",
    }
}

fn from(fit: &Fit) -> &'static str {
    match fit.eni_source {
        Some(EniSource::Documented) => "documented",
        Some(EniSource::InterfacesLessOne) => "ENIs - 1",
        Some(EniSource::Derived) => "derived",
        Some(EniSource::NoTrunk) => "no trunk",
        Some(EniSource::Unknown) | None => "unknown",
    }
}

fn footer(page: &mut Page, density: &Density) {
    let alone = density
        .subjects
        .iter()
        .all(|subject| subject.tasks.is_empty());
    let words = if alone && page.width < SOURCES {
        "As documented in the Amazon ECS developer guide, June 2023, or * ENIs - 1 (interfaces less \
         the primary one), or ~ derived (branch interfaces + ENIs - 2). -: no trunk interface. ?: \
         not known."
    } else if alone {
        "documented: Amazon ECS developer guide, June 2023. ENIs - 1: interfaces less the primary \
         one. derived: branch interfaces + ENIs - 2. -: no trunk interface. ?: not known."
    } else {
        "Each number with what runs out first: CPU, memory, ENI, fixed (port) and dynamic (dyn) host \
         ports, docker0 (br) and subnet (ip) addresses. The ENI figure behind it is documented, or * \
         ENIs - 1, or ~ derived (branch interfaces + ENIs - 2). -: no trunk interface. ?: not known."
    };
    page.labelled("", 0, words, Colour::Dim);
    for note in &density.notes {
        page.labelled("", 0, note, Colour::Dim);
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn density(rows: usize) -> Density {
        let fit = Fit {
            sets: Some(2),
            limit: Some("ENI".to_owned()),
            eni_source: Some(EniSource::Derived),
            ..Fit::default()
        };
        let row = |number: usize| Row {
            instance_type: format!("t.{number}"),
            architecture: None,
            hypervisor: None,
            vcpus: Some(2),
            memory_mib: Some(512),
            registered_memory_mib: None,
            max_enis: None,
            trunking: None,
            fits: IndexMap::from([("awsvpc".to_owned(), fit.clone())]),
        };
        Density {
            schema: String::new(),
            subjects: vec![Subject {
                name: "web".to_owned(),
                tasks: IndexMap::from([("web".to_owned(), 1)]),
                cpu: 1,
                memory_mib: 1,
                refused: IndexMap::new(),
                fargate: Vec::new(),
                rows: (0..rows).map(row).collect(),
            }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_low_terminal_is_told_what_it_does_not_see() {
        let full = render_density(&density(100), 80, None, false);
        assert!(full.contains("t.99") && !full.contains("--all"), "{full}");
        let low = render_density(&density(100), 80, Some(24), false);
        assert!(low.lines().count() < 24, "{low}");
        assert!(low.contains("more rows: --all shows them"), "{low}");
        assert!(low.contains("2 ENI~"), "{low}");
        let enough = render_density(&density(5), 80, Some(24), false);
        assert!(!enough.contains("--all"), "{enough}");
        assert!(render_density(&density(1), 80, None, true).contains('\u{1b}'));
    }

    #[test]
    fn an_empty_table_says_why() {
        let none = render_density(&density(0), 80, None, false);
        assert!(none.contains("no instance type passes"), "{none}");
        let mut alone = density(1);
        alone.subjects[0].tasks.clear();
        alone.subjects[0].rows[0].fits.clear();
        let other_mode = render_density(&alone, 80, None, false);
        assert!(other_mode.contains("not among the modes"), "{other_mode}");
    }

    #[test]
    fn a_narrow_terminal_has_marks_in_place_of_a_column() {
        let mut alone = density(1);
        alone.subjects[0].tasks.clear();
        let wide = render_density(&alone, 80, None, false);
        assert!(wide.contains("derived\n"), "{wide}");
        let narrow = render_density(&alone, 60, None, false);
        assert!(
            narrow.contains(" 2~\n") && !narrow.contains('…'),
            "{narrow}"
        );
    }

    #[test]
    fn memory_is_exact_to_two_decimals() {
        assert_eq!(
            [512, 1024, 1792, 628].map(gib),
            ["0.5", "1", "1.75", "0.61"]
        );
    }
}

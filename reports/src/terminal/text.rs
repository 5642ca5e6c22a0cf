//! Cells, tables and wrapped text, measured in terminal columns.

/// How a piece of text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Colour {
    /// Wraps `text` in escape sequences if `on`.
    pub(crate) fn paint(self, text: &str, on: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
        };
        if on {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Which side of its column a cell keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One cell: text without control characters, and how it is set.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    colour: Colour,
}

impl Cell {
    pub(crate) fn new(text: &str, colour: Colour) -> Self {
        Self {
            text: clean(text),
            colour,
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Space between columns.
const GAP: usize = 2;

/// A table without lines other than the one below its head.
pub(crate) struct Table {
    width: usize,
    header: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) const fn new(width: usize) -> Self {
        Self {
            width,
            header: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn header(&mut self, text: &str, align: Align) {
        self.header.push((clean(text), align));
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(
            cells.len(),
            self.header.len(),
            "a row has a cell per column"
        );
        self.rows.push(cells);
    }

    /// Lines of at most the table's width. What does not fit is cut from the widest column.
    pub(crate) fn render(&self, colour: bool) -> String {
        let widths = self.widths();
        let mut out = String::new();
        let head: Vec<Cell> = self
            .header
            .iter()
            .map(|(text, _)| Cell::new(text, Colour::Dim))
            .collect();
        self.line(&mut out, &head, &widths, colour);
        let rule = "─".repeat(widths.iter().sum::<usize>() + GAP * (widths.len() - 1) + 2);
        out.push_str(&Colour::Dim.paint(&cut(&rule, self.width), colour));
        out.push('\n');
        for row in &self.rows {
            self.line(&mut out, row, &widths, colour);
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|(text, _)| width(text)).collect();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(width(&cell.text));
            }
        }
        let room = self.width.saturating_sub(2 + GAP * (widths.len() - 1));
        while widths.iter().sum::<usize>() > room {
            let widest = widths.iter().copied().max().unwrap_or(0);
            let Some(column) = widths.iter().position(|w| *w == widest && widest > 1) else {
                break;
            };
            widths[column] -= 1;
        }
        widths
    }

    fn line(&self, out: &mut String, cells: &[Cell], widths: &[usize], colour: bool) {
        let mut line = String::from("  ");
        for (column, cell) in cells.iter().enumerate() {
            let text = cut(&cell.text, widths[column]);
            let padding = " ".repeat(widths[column] - width(&text));
            let painted = cell.colour.paint(&text, colour);
            let (_, align) = &self.header[column];
            match align {
                Align::Left => line.push_str(&format!("{painted}{padding}")),
                Align::Right => line.push_str(&format!("{padding}{painted}")),
            }
            if column + 1 < cells.len() {
                line.push_str(&" ".repeat(GAP));
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Text without control characters: a name in a scenario must not move the cursor.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Columns that `text` takes. Wide are the East Asian blocks and emoji, zero the combining marks.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

const fn char_width(c: char) -> usize {
    match c as u32 {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// `text` cut to `room` columns, the cut marked.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += char_width(c);
        if used > room {
            break;
        }
        short.push(c);
    }
    if room > 0 {
        short.push('…');
    }
    short
}

/// Lines of at most `room` columns, broken at spaces; a longer word is broken anywhere.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if width(&line) + char_width(c) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(clean("web\u{1b}[31m\n"), "web [31m ");
    }

    proptest! {
        #[test]
        fn wrapped_lines_fit_and_lose_nothing(text in "\\PC{0,200}", room in 2usize..100) {
            let lines = wrap(&text, room);
            for line in &lines {
                prop_assert!(width(line) <= room, "{line:?} in {room}");
            }
            let strip = |s: &str| s.split_whitespace().collect::<String>();
            prop_assert_eq!(strip(&lines.concat()), strip(&text));
        }

        #[test]
        fn a_cut_fits(text in "\\PC{0,60}", room in 0usize..70) {
            prop_assert!(width(&cut(&text, room)) <= room);
        }
    }
}

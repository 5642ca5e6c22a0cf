//! Problems of an input file: what is wrong, where, and what to do about it.
//!
//! A [`Report`] collects every problem of one file, so that a user sees them all at once. Nothing
//! here knows a terminal: [`render`] is the one place that does, and only the command line calls it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub mod render;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but something in it is not, or not exactly, what will be simulated.
    Caveat,
}

impl Severity {
    /// The word a user reads.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Caveat => "caveat",
        }
    }
}

/// A position in a text, both counted from one; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One problem of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable name of the kind of problem, such as `unknown-key`.
    pub code: &'static str,
    /// Whether the file can still be used.
    pub severity: Severity,
    /// The file as the user named it.
    pub file: String,
    /// The bytes of the file that are meant, if it is about a part of it.
    pub span: Option<Range<usize>>,
    /// The path of the thing that is meant, such as
    /// `containerDefinitions[0].portMappings[1].hostPort`; empty for the whole file.
    pub place: String,
    /// What is wrong: lower case, no full stop, names the thing and its value.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A problem before it is known in which file it is: what readers and rules produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// See [`Diagnostic::code`].
    pub code: &'static str,
    /// See [`Diagnostic::message`].
    pub message: String,
    /// See [`Diagnostic::help`].
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a remedy.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
        }
    }

    /// The same problem with a remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Every problem of one file, in the order of the file.
#[derive(Clone, Debug)]
pub struct Report {
    file: String,
    source: Arc<str>,
    diagnostics: Vec<Diagnostic>,
    /// Problems beyond the first [`MAX_PROBLEMS`], and whether one of them is an error.
    left_out: usize,
    left_out_error: bool,
}

/// Problems that one report lists: a file with more is broken as a whole.
const MAX_PROBLEMS: usize = 500;

impl Report {
    /// An empty report on a file with this text.
    #[must_use]
    pub fn new(file: impl Into<String>, source: impl Into<Arc<str>>) -> Self {
        Self {
            file: file.into(),
            source: source.into(),
            diagnostics: Vec::new(),
            left_out: 0,
            left_out_error: false,
        }
    }

    /// The file as the user named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The text of the file.
    #[must_use]
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// The problems, by position in the file; those about the whole file come first.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Adds a problem. Spans outside the text are cut to it.
    pub fn push(
        &mut self,
        severity: Severity,
        span: Option<Range<usize>>,
        place: impl Into<String>,
        problem: Problem,
    ) {
        let end = self.source.len();
        let span = span.map(|span| {
            let start = floor_char_boundary(&self.source, span.start.min(end));
            start..floor_char_boundary(&self.source, span.end.clamp(start, end))
        });
        let diagnostic = Diagnostic {
            code: problem.code,
            severity,
            file: self.file.clone(),
            span,
            place: place.into(),
            message: problem.message,
            help: problem.help,
        };
        if self.diagnostics.contains(&diagnostic) {
            return;
        }
        if self.diagnostics.len() == MAX_PROBLEMS {
            self.left_out += 1;
            self.left_out_error |= severity == Severity::Error;
            return;
        }
        let key = |d: &Diagnostic| d.span.as_ref().map(|span| span.start);
        let at = self
            .diagnostics
            .partition_point(|other| key(other) <= key(&diagnostic));
        self.diagnostics.insert(at, diagnostic);
    }

    /// Adds an error.
    pub fn error(
        &mut self,
        span: Option<Range<usize>>,
        place: impl Into<String>,
        problem: Problem,
    ) {
        self.push(Severity::Error, span, place, problem);
    }

    /// Adds a caveat.
    pub fn caveat(
        &mut self,
        span: Option<Range<usize>>,
        place: impl Into<String>,
        problem: Problem,
    ) {
        self.push(Severity::Caveat, span, place, problem);
    }

    /// Whether the file cannot be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.left_out_error || self.errors().next().is_some()
    }

    /// How many problems were found after the report was full.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The problems that make the file unusable.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
    }

    /// The problems that a result must name.
    pub fn caveats(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Caveat)
    }

    /// Where a byte of the file is.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> LineColumn {
        line_column(&self.source, offset)
    }

    /// One line for one problem: `file:line:column: error: message (place)`.
    #[must_use]
    pub fn line(&self, diagnostic: &Diagnostic) -> String {
        let severity = format!("{}: ", diagnostic.severity.as_str());
        self.line_of(diagnostic, &severity)
    }

    /// One line for one problem where it stands among others of its kind: `file:line:column: message
    /// (place)`.
    #[must_use]
    pub fn plain_line(&self, diagnostic: &Diagnostic) -> String {
        self.line_of(diagnostic, "")
    }

    fn line_of(&self, diagnostic: &Diagnostic, severity: &str) -> String {
        use fmt::Write as _;
        let mut line = self.file.clone();
        if let Some(span) = &diagnostic.span {
            // Writing to a string cannot fail.
            let _ = write!(line, ":{}", self.line_column(span.start));
        }
        let _ = write!(line, ": {severity}{}", diagnostic.message);
        if !diagnostic.place.is_empty() {
            let _ = write!(line, " ({})", diagnostic.place);
        }
        line
    }
}

/// Every problem on a line of its own, the remedy below it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(f, "{}", self.line(diagnostic))?;
            if let Some(help) = &diagnostic.help {
                writeln!(f, "  help: {help}")?;
            }
        }
        if self.left_out > 0 {
            writeln!(
                f,
                "{}: {} more problems are left out",
                self.file, self.left_out
            )?;
        }
        Ok(())
    }
}

/// Where a byte of a text is; an offset past the end is the end.
#[must_use]
pub fn line_column(text: &str, offset: usize) -> LineColumn {
    let offset = floor_char_boundary(text, offset.min(text.len()));
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    LineColumn {
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: before[start..].chars().count() + 1,
    }
}

/// The last character boundary at or before an offset.
fn floor_char_boundary(text: &str, offset: usize) -> usize {
    (0..=offset)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// A text of a user's file as a message quotes it: a long one is cut.
#[must_use]
pub fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST - 3).collect();
    format!("{start}...")
}

/// The known word nearest to an unknown one, if one is near enough to be meant.
///
/// Case, `-` and `_` count for nothing; otherwise a third of the letters may differ.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = plain(word);
    let longest = wanted.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&wanted, &plain(candidate)),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= longest)
        // The first of equals, so that the answer depends on the order of the list alone.
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_characters_not_bytes() {
        let text = "ä = 1\nöb = 2\n";
        assert_eq!(line_column(text, 0), LineColumn { line: 1, column: 1 });
        assert_eq!(
            line_column(text, text.find('b').unwrap()),
            LineColumn { line: 2, column: 2 }
        );
        assert_eq!(line_column(text, 999), LineColumn { line: 3, column: 1 });
    }

    #[test]
    fn problems_come_in_the_order_of_the_file_and_once() {
        let mut report = Report::new("a.toml", "one = 1\ntwo = 2\n");
        report.error(Some(8..11), "two", Problem::new("x", "second"));
        report.error(None, "", Problem::new("x", "whole file"));
        report.caveat(
            Some(0..3),
            "one",
            Problem::new("x", "first").with_help("do it"),
        );
        report.error(Some(8..11), "two", Problem::new("x", "second"));
        assert_eq!(
            report.to_string(),
            "a.toml: error: whole file\na.toml:1:1: caveat: first (one)\n  help: do it\n\
             a.toml:2:1: error: second (two)\n"
        );
        assert!(report.has_errors());
        assert_eq!(report.caveats().count(), 1);
    }

    #[test]
    fn a_full_report_counts_what_it_leaves_out() {
        let mut report = Report::new("a", "");
        for number in 0..MAX_PROBLEMS {
            report.caveat(None, "", Problem::new("x", number.to_string()));
        }
        assert!(!report.has_errors());
        report.caveat(None, "", Problem::new("x", "one more"));
        assert!(!report.has_errors());
        report.error(None, "", Problem::new("x", "an error"));
        assert!(report.has_errors());
        assert!(
            report
                .to_string()
                .ends_with("a: 2 more problems are left out\n")
        );
    }

    #[test]
    fn a_span_outside_the_text_or_inside_a_character_is_cut() {
        let mut report = Report::new("a", "aä");
        report.error(Some(2..99), "", Problem::new("x", "y"));
        assert_eq!(report.diagnostics()[0].span, Some(1..3));
    }

    #[test]
    fn the_nearest_word_must_be_near() {
        let known = ["security_groups", "subnets", "count"];
        assert_eq!(nearest("security-group", known), Some("security_groups"));
        assert_eq!(nearest("Subnet", known), Some("subnets"));
        assert_eq!(nearest("colour", known), None);
    }
}

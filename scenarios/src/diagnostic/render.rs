//! Shows reports: with miette on a terminal, plainly where there is none.
//!
//! Only the command line calls this; nothing else of the crate knows how output looks.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::{Diagnostic, Report, Severity};

/// The report as text: fancy for a terminal, or plain with the same information.
#[must_use]
pub fn render(report: &Report, fancy: bool) -> String {
    let mut text = String::new();
    let source = NamedSource::new(report.file(), Arc::clone(report.source()));
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_width(100);
    for diagnostic in report.diagnostics() {
        let item = Item {
            diagnostic,
            source: &source,
        };
        // Writing to a string cannot fail; should miette not like the source, the plain form stays.
        // So it does for minified files, of which miette would show the one line whole.
        let mut shown = String::new();
        let long = diagnostic
            .span
            .as_ref()
            .is_some_and(|span| line(report, span.start).1 > LONGEST);
        if fancy && !long && handler.render_report(&mut shown, &item).is_ok() {
            text.push_str(&shown);
        } else {
            plain(&mut text, report, diagnostic);
        }
    }
    if report.left_out() > 0 {
        let _ = writeln!(
            text,
            "{}: {} more problems are left out",
            report.file(),
            report.left_out()
        );
    }
    text
}

/// A line that other programs can read, the lines of the source, the remedy.
fn plain(text: &mut String, report: &Report, diagnostic: &Diagnostic) {
    let _ = writeln!(text, "{} [{}]", report.line(diagnostic), diagnostic.code);
    if let Some(span) = &diagnostic.span {
        text.push_str(&snippet(report, span.start, span.end));
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(text, "  help: {help}");
    }
}

/// The longest line that is shown whole, in bytes.
const LONGEST: usize = 160;
/// How much of a longer one is shown on either side of where the problem begins, in characters.
const AROUND: usize = 50;

/// Where the line of an offset begins, and how long it is.
fn line(report: &Report, offset: usize) -> (usize, usize) {
    let source = report.source();
    let begin = source[..offset]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    (begin, source[begin..].lines().next().map_or(0, str::len))
}

/// The line of the source that a span begins on, and marks below it.
fn snippet(report: &Report, start: usize, end: usize) -> String {
    let source = report.source();
    let (begin, length) = line(report, start);
    let line_end = begin + length;
    let start = start.min(line_end);
    let (mut before, mut after) = (&source[begin..start], &source[start..line_end]);
    let mut marked = source[start..end.clamp(start, line_end)]
        .chars()
        .count()
        .max(1);
    let (mut left, mut right) = ("", "");
    if length > LONGEST {
        if let Some((at, _)) = before.char_indices().rev().nth(AROUND) {
            (before, left) = (&before[at..], "...");
        }
        if let Some((at, _)) = after.char_indices().nth(AROUND) {
            (after, right) = (&after[..at], "...");
            marked = marked.min(AROUND);
        }
    }
    let number = report.line_column(start).line;
    // Tabs stay tabs, so that the marks stand below what they mark.
    let space: String = before
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let (space, marks) = (
        format!("{}{space}", " ".repeat(left.len())),
        "^".repeat(marked),
    );
    format!("{number:>5} | {left}{before}{after}{right}\n      | {space}{marks}\n")
}

/// A problem as miette wants it.
#[derive(Debug)]
struct Item<'a> {
    diagnostic: &'a Diagnostic,
    source: &'a NamedSource<Arc<str>>,
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic {
            severity,
            message,
            file,
            span,
            ..
        } = self.diagnostic;
        match span {
            // The place is shown with the source.
            Some(_) => write!(f, "{}: {message}", severity.as_str()),
            None => write!(f, "{file}: {}: {message}", severity.as_str()),
        }
    }
}

impl std::error::Error for Item<'_> {}

impl miette::Diagnostic for Item<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Caveat => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.diagnostic.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.diagnostic
            .span
            .as_ref()
            .map(|_| self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.diagnostic.span.clone()?;
        let place = &self.diagnostic.place;
        let label = (!place.is_empty()).then(|| place.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new(
            label,
            span.start,
            span.len(),
        ))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Problem;

    fn report() -> Report {
        let text = "name = \"x\"\n\trate = 10 # ä\n";
        let mut report = Report::new("s.toml", text);
        let problem = Problem::new("missing-unit", "`rate`: 10 has no unit");
        report.error(
            Some(19..21),
            "workload[0].rate",
            problem.with_help("write \"10/s\""),
        );
        report.caveat(None, "", Problem::new("about-all", "about the whole file"));
        let end = text.len();
        report.error(
            Some(end..end),
            "",
            Problem::new("end", "the file ends here"),
        );
        report
    }

    #[test]
    fn plain_text_has_place_source_and_remedy() {
        insta::assert_snapshot!(render(&report(), false));
    }

    #[test]
    fn a_terminal_gets_the_same_information() {
        let fancy = render(&report(), true);
        for part in [
            "s.toml:2:9",
            "missing-unit",
            "`rate`: 10 has no unit",
            "workload[0].rate",
        ] {
            assert!(fancy.contains(part), "{part} is not in {fancy}");
        }
        assert!(
            fancy.contains("write \"10/s\"") && fancy.contains("s.toml: caveat: about the whole")
        );
    }

    #[test]
    fn of_a_very_long_line_a_part_is_shown() {
        let text = format!(
            "{{{}\"hostPort\": 80{}}}",
            "\"a\": 1, ".repeat(200),
            ", \"b\": 2".repeat(200)
        );
        let at = text.find("80").unwrap();
        let mut report = Report::new("t.json", text.as_str());
        report.error(Some(at..at + 2), "hostPort", Problem::new("x", "wrong"));
        report.error(Some(0..text.len()), "", Problem::new("x", "all wrong"));
        let plain = render(&report, false);
        insta::assert_snapshot!(plain);
        assert!(plain.lines().all(|line| line.len() < LONGEST));
        assert!(
            render(&report, true)
                .lines()
                .all(|line| line.len() < LONGEST)
        );
    }

    #[test]
    fn a_span_over_several_lines_shows_the_first() {
        let mut report = Report::new("s", "{\n a\n}\n");
        report.error(Some(0..6), "", Problem::new("x", "wrong"));
        assert_eq!(
            render(&report, false),
            "s:1:1: error: wrong [x]\n    1 | {\n      | ^\n"
        );
    }
}

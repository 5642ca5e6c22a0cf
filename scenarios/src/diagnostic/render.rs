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
        let mut shown = String::new();
        if fancy && handler.render_report(&mut shown, &item).is_ok() {
            text.push_str(&shown);
        } else {
            plain(&mut text, report, diagnostic);
        }
    }
    text
}

/// A line that other programs can read, the lines of the source, the remedy.
fn plain(text: &mut String, report: &Report, diagnostic: &Diagnostic) {
    let _ = writeln!(text, "{} [{}]", report.line(diagnostic), diagnostic.code);
    if let Some(span) = &diagnostic.span
        && let Some(snippet) = snippet(report, span.start, span.end)
    {
        text.push_str(&snippet);
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(text, "  help: {help}");
    }
}

/// The line of the source that a span begins on, and marks below it.
fn snippet(report: &Report, start: usize, end: usize) -> Option<String> {
    let source = report.source();
    let line_start = source
        .get(..start)?
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let rest = source.get(line_start..)?;
    let line = rest.lines().next().unwrap_or_default();
    let line_end = line_start + line.len();
    let before = source.get(line_start..start.min(line_end))?;
    let marked = source.get(start.min(line_end)..end.min(line_end).max(start.min(line_end)))?;
    let number = report.line_column(start).line;
    // Tabs stay tabs, so that the marks stand below what they mark.
    let space: String = before
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let marks = "^".repeat(marked.chars().count().max(1));
    Some(format!("{number:>5} | {line}\n      | {space}{marks}\n"))
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
    fn a_span_over_several_lines_shows_the_first() {
        let mut report = Report::new("s", "{\n a\n}\n");
        report.error(Some(0..6), "", Problem::new("x", "wrong"));
        assert_eq!(
            render(&report, false),
            "s:1:1: error: wrong [x]\n    1 | {\n      | ^\n"
        );
    }
}

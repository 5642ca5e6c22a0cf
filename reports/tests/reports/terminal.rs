use reports::{Results, compare, terminal};

use crate::fixture::{refused, two_tier};

/// The built-in scenario with one mode refused: all kinds of rows at once.
fn results() -> Results {
    let mut experiment = two_tier(10);
    experiment.modes.insert("awsvpc".to_owned(), refused());
    compare(&experiment)
}

fn rendered(width: usize, colour: bool) -> String {
    terminal::render(&results(), width, colour)
}

fn fits(text: &str, width: usize) {
    for line in text.lines() {
        assert!(
            line.chars().count() <= width,
            "{} columns: {line}",
            line.chars().count()
        );
    }
}

#[test]
fn compact_at_60_columns() {
    let text = rendered(60, false);
    fits(&text, 60);
    insta::assert_snapshot!(text);
}

#[test]
fn usual_at_80_columns() {
    let text = rendered(80, false);
    fits(&text, 80);
    for mode in ["none", "bridge", "host", "awsvpc", "fargate"] {
        assert!(text.contains(&format!("\n  {mode}")), "{mode} has a row");
    }
    assert!(text.contains("1.00 baseline") && text.contains("not deployable"));
    insta::assert_snapshot!(text);
}

#[test]
fn wide_at_120_columns() {
    let text = rendered(120, false);
    fits(&text, 120);
    insta::assert_snapshot!(text);
}

#[test]
fn every_width_is_respected() {
    let results = results();
    for width in 1..200 {
        fits(
            &terminal::render(&results, width, false),
            width.max(terminal::MIN_WIDTH),
        );
    }
}

#[test]
fn colour_adds_escape_sequences_and_changes_no_text() {
    let (plain, coloured) = (rendered(80, false), rendered(80, true));
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[31m"));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some(start) = rest.find('\u{1b}') {
        stripped.push_str(&rest[..start]);
        let end = rest[start..].find('m').expect("sequences end with m");
        rest = &rest[start + end + 1..];
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
}

#[test]
fn one_replication_is_said_so() {
    let text = terminal::render(&compare(&two_tier(1)), 80, false);
    assert!(
        text.contains("One replication: estimates without intervals"),
        "{text}"
    );
    assert!(!text.contains(" ± "), "{text}");
    assert!(text.contains("1.05"), "the ratio is still shown");
}

#[test]
fn names_cannot_steer_the_terminal() {
    let mut experiment = two_tier(2);
    experiment.provenance.scenario_name = "evil\u{1b}]0;title\u{7}".to_owned();
    assert!(!terminal::render(&compare(&experiment), 80, false).contains('\u{1b}'));
}

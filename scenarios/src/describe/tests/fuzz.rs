//! Mutilated files: there is an answer, and no panic.

use proptest::prelude::*;

use super::*;

/// Numbers at which something may go wrong.
const NUMBERS: [&str; 8] = [
    "-1",
    "0",
    "65536",
    "-32768",
    "1e99",
    "18446744073709551616",
    "255",
    "32767",
];

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    /// The text ends here.
    Cut,
    /// A character is replaced.
    Character(char),
    /// The quoted text or number that begins next is replaced by another of the same file.
    Value(usize),
    /// The number that begins next is replaced.
    Number(usize),
    /// The line is there twice.
    Twice,
    /// The line is not there.
    Gone,
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        1 => Just(Change::Cut),
        2 => any::<char>().prop_map(Change::Character),
        2 => prop::sample::select("{}[]\",:.-0/".chars().collect::<Vec<_>>()).prop_map(Change::Character),
        8 => any::<usize>().prop_map(Change::Value),
        4 => (0..NUMBERS.len()).prop_map(Change::Number),
        3 => Just(Change::Twice),
        5 => Just(Change::Gone),
    ]
}

/// The quoted texts of a file, by place.
fn quoted(text: &str) -> Vec<std::ops::Range<usize>> {
    let marks: Vec<_> = text.match_indices('"').map(|(at, _)| at).collect();
    marks
        .chunks_exact(2)
        .map(|pair| pair[0]..pair[1] + 1)
        .collect()
}

fn change(text: &mut String, at: usize, change: &Change) {
    if text.is_empty() {
        return;
    }
    let mut at = at % text.len();
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
    match change {
        Change::Cut => text.truncate(at),
        Change::Character(new) => {
            let old = text[at..].chars().next().map_or(0, char::len_utf8);
            text.replace_range(at..at + old, &new.to_string());
        }
        Change::Value(other) => {
            let all = quoted(text);
            let Some(old) = all.iter().find(|range| range.start >= at) else {
                return;
            };
            let new = text[all[other % all.len()].clone()].to_owned();
            text.replace_range(old.clone(), &new);
        }
        Change::Number(new) => {
            let Some(start) = text[at..].find(|c: char| c.is_ascii_digit()) else {
                return;
            };
            let start = at + start;
            let rest = &text[start..];
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            text.replace_range(start..start + end, NUMBERS[*new]);
        }
        Change::Twice => {
            let line = text[line_start..line_end].to_owned();
            text.insert_str(line_start, &line);
        }
        Change::Gone => text.replace_range(line_start..line_end, ""),
    }
}

fn has_an_answer(files: &[(String, String)]) {
    match read_files(files) {
        Ok((imported, reports)) => {
            assert!(reports.iter().all(|report| !report.has_errors()));
            let region = &imported.region;
            for subnet in &region.subnets {
                assert!(subnet.vpc < region.vpcs.len() && subnet.zone < region.zones.len());
                assert!(
                    subnet
                        .route_table
                        .is_some_and(|table| table < region.route_tables.len())
                );
            }
            for interface in &imported.interfaces {
                assert!(
                    region.subnets[interface.subnet]
                        .cidr
                        .contains(&interface.address)
                );
                let mut groups = interface.security_groups.iter();
                assert!(groups.all(|group| *group < region.security_groups.len()));
            }
            assert_eq!(imported.hosts().len(), imported.ports_of_interest().len());
        }
        Err(reports) => {
            assert!(reports.iter().any(Report::has_errors));
            for report in &reports {
                assert!(!crate::diagnostic::render::render(report, false).is_empty());
                for error in report.errors() {
                    assert!(error.help.is_some(), "{}", report.line(error));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn mutilated_files_have_an_answer(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<usize>(), any_change()), 1..4)
    ) {
        let mut files = example();
        for (file, at, kind) in &changes {
            let file = file.index(files.len());
            change(&mut files[file].1, *at, kind);
        }
        has_an_answer(&files);
    }

    #[test]
    fn any_choice_of_files_has_an_answer(keep in prop::collection::vec(any::<bool>(), 17)) {
        let mut keep = keep.iter();
        let mut files = example();
        files.retain(|_| *keep.next().unwrap_or(&true));
        has_an_answer(&files);
    }

    #[test]
    fn a_cut_file_is_refused(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let mut files = example();
        let index = file.index(files.len());
        let text = &mut files[index].1;
        let end = text.trim_end().len();
        text.truncate(at.index(end));
        let reports = read_files(&files).expect_err("half a file is none");
        let name = &files[index].0;
        prop_assert!(reports.iter().any(|report| report.file() == name && report.has_errors()));
    }
}

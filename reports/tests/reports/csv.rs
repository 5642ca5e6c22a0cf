use reports::results::Metric;
use reports::{compare, csv};

use crate::fixture::{refused, two_tier};

fn table() -> String {
    let mut experiment = two_tier(3);
    experiment.modes.insert("awsvpc".to_owned(), refused());
    let mut out = Vec::new();
    csv::write(&compare(&experiment), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn one_row_per_mode_workload_and_metric() {
    let table = table();
    let mut reader = ::csv::Reader::from_reader(table.as_bytes());
    let columns = reader.headers().unwrap().len();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5 * 3 * Metric::ALL.len());
    assert!(rows.iter().all(|row| row.len() == columns));
    let mut keys: Vec<_> = rows.iter().map(|r| (&r[0], &r[1], &r[2])).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(
        keys.len(),
        rows.len(),
        "tidy: the first three columns are a key"
    );
    for row in &rows {
        // Either a number or the reason why there is none.
        assert!(!row[5].is_empty() || !row[19].is_empty(), "{row:?}");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn names_with_commas_and_quotes_stay_one_field() {
    let mut experiment = two_tier(1);
    for mode in experiment.modes.values_mut() {
        for replication in &mut mode.replications {
            let run = replication.workloads.shift_remove("web").unwrap();
            replication
                .workloads
                .insert("web, \"a\"\nb".to_owned(), run);
        }
    }
    let mut out = Vec::new();
    csv::write(&compare(&experiment), &mut out).unwrap();
    let mut reader = ::csv::Reader::from_reader(out.as_slice());
    assert!(reader.records().any(|r| &r.unwrap()[1] == "web, \"a\"\nb"));
}

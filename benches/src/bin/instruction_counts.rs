//! Holds the instruction counts of a run against the recorded ones.
//!
//! `benches/instructions/run` calls this with what gungraun says, one JSON document a line, on
//! standard input.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::process::ExitCode;

use serde_json::Value;

/// Counts by benchmark.
type Counts = BTreeMap<String, u64>;

/// A larger difference is pointed out, in per cent.
const WARN_ABOVE: f64 = 5.0;
/// A larger increase fails, in per cent.
const FAIL_ABOVE: f64 = 10.0;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, update) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [file] => (file, false),
        [file, "--update"] => (file, true),
        _ => return Err("usage: instruction_counts FILE [--update]".into()),
    };
    let mut said = String::new();
    std::io::stdin().read_to_string(&mut said)?;
    let now = counts(&said)?;
    let recorded = match fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) if update => Counts::new(),
        Err(error) => return Err(format!("{file}: {error}").into()),
    };
    let (table, holds) = compare(&recorded, &now);
    say(&table);
    if update {
        fs::write(file, serde_json::to_string_pretty(&now)? + "\n")?;
        say(&format!("{file} is written"));
        return Ok(ExitCode::SUCCESS);
    }
    if holds {
        return Ok(ExitCode::SUCCESS);
    }
    say("If this is meant, record it: benches/instructions/run --update");
    Ok(ExitCode::FAILURE)
}

/// Reads gungraun's summaries, schema 7.
fn counts(said: &str) -> Result<Counts, Box<dyn Error>> {
    let mut counts = Counts::new();
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let summary: Value = serde_json::from_str(line)?;
        let text = |key: &str| summary[key].as_str().unwrap_or_default().to_owned();
        let name = format!("{}/{}/{}", text("group"), text("function_name"), text("id"));
        let count = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        let count = count.as_u64();
        let count = count.ok_or_else(|| format!("no count of instructions: {line}"))?;
        counts.insert(name, count);
    }
    if counts.is_empty() {
        return Err("there is no benchmark".into());
    }
    Ok(counts)
}

/// A table of recorded, now and difference, and whether all is well. A benchmark that is on one side
/// only is not.
fn compare(recorded: &Counts, now: &Counts) -> (String, bool) {
    let mut table = String::new();
    let mut holds = true;
    // Writing to a string cannot fail.
    let _ = writeln!(
        table,
        "{:<44}{:>12}{:>12}{:>10}",
        "instructions", "recorded", "now", ""
    );
    let names = recorded.keys().chain(now.keys());
    let names: BTreeMap<&String, ()> = names.map(|name| (name, ())).collect();
    for name in names.into_keys() {
        let (before, after) = (recorded.get(name), now.get(name));
        let number = |n: Option<&u64>| n.map_or_else(|| "-".to_owned(), ToString::to_string);
        let (difference, verdict) = match (before, after) {
            (Some(&before), Some(&after)) => {
                let per_cent = (after as f64 / before as f64 - 1.0) * 100.0;
                let verdict = if per_cent > FAIL_ABOVE {
                    holds = false;
                    "FAILS"
                } else if per_cent.abs() > WARN_ABOVE {
                    "look at this"
                } else {
                    ""
                };
                (format!("{per_cent:+.2} %"), verdict)
            }
            _ => {
                holds = false;
                (String::new(), "on one side only")
            }
        };
        let line = format!(
            "{name:<44}{:>12}{:>12}{difference:>10}  {verdict}",
            number(before),
            number(after)
        );
        let _ = writeln!(table, "{}", line.trim_end());
    }
    (table, holds)
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn say(line: &str) {
    println!("{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(count: u64) -> Counts {
        Counts::from([("queue/hold/".to_owned(), count)])
    }

    #[test]
    fn above_five_per_cent_is_pointed_out_and_above_ten_fails() {
        for (now, verdict, holds) in [
            (1000, "+0.00 %", true),
            (1050, "+5.00 %", true),
            (1051, "+5.10 %  look at this", true),
            (940, "-6.00 %  look at this", true),
            (1101, "+10.10 %  FAILS", false),
            (500, "-50.00 %  look at this", true),
        ] {
            let (table, all_is_well) = compare(&one(1000), &one(now));
            assert_eq!(all_is_well, holds, "{table}");
            assert!(
                table.lines().nth(1).is_some_and(|l| l.ends_with(verdict)),
                "{table}"
            );
        }
    }

    #[test]
    fn a_benchmark_that_is_not_recorded_or_gone_fails() {
        for (recorded, now) in [(one(1), Counts::new()), (Counts::new(), one(1))] {
            let (table, holds) = compare(&recorded, &now);
            assert!(!holds && table.contains("on one side only"), "{table}");
        }
    }

    #[test]
    fn counts_are_read_with_and_without_an_older_run() {
        let line = |values: &str| {
            format!(
                r#"{{"group":"g","function_name":"f","id":"i","profiles":[{{"data":{{"total":
                {{"metrics":{{"Ir":{{"values":{values}}}}}}}}}}}]}}"#
            )
            .replace('\n', " ")
        };
        for values in [r#"{"new":7}"#, r#"{"new":7,"old":9}"#] {
            let read = counts(&line(values)).expect("a summary");
            assert_eq!(read, Counts::from([("g/f/i".to_owned(), 7)]));
        }
        assert!(counts(&line(r#"{"old":7}"#)).is_err());
        assert!(counts("").is_err());
    }
}

//! Medians over the rounds and their spread, as JSON and as tables.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::workloads::{Target, Workload};

/// What one workload took in every round.
#[derive(Default)]
pub(crate) struct Rounds {
    pub(crate) ecsnet: Vec<Value>,
    pub(crate) ns3: Vec<Value>,
    /// Of each case on bare smoltcp.
    pub(crate) floor: Vec<Vec<Value>>,
}

/// One workload's figures.
pub(crate) fn summarise(workload: &Workload, rounds: &Rounds) -> Value {
    let against_ns3 = ratios(&rounds.ecsnet, &rounds.ns3, packets_per_cpu_s);
    let target = workload.target;
    let mut figures = json!({
        "workload": workload.name,
        "ecsnet": side(&rounds.ecsnet),
        "ns3": side(&rounds.ns3),
        "ratio": against(&against_ns3, target, target.verdict(median(&against_ns3))),
    });
    if let Some(floor) = &workload.floor {
        let cases = floor.cases.iter().zip(&rounds.floor);
        let cases: Vec<Value> = cases
            .map(|((case, _), runs)| json!({ "case": case, "figures": side(runs) }))
            .collect();
        let cost = ratios(&rounds.ecsnet, &rounds.floor[0], ns_per_packet);
        let verdict = floor.target.verdict_of_cost(median(&cost));
        figures["smoltcp"] = cases.into();
        figures["cost_ratio"] = against(&cost, floor.target, verdict);
    }
    figures
}

fn against(ratios: &[f64], target: Target, verdict: &str) -> Value {
    let mut value = spread(ratios);
    value["at_least"] = target.least.into();
    value["aim"] = target.aim.into();
    value["verdict"] = verdict.into();
    value
}

fn side(runs: &[Value]) -> Value {
    let of = |figure: fn(&Value) -> f64| spread(&runs.iter().map(figure).collect::<Vec<_>>());
    let mut side = json!({
        "packets_per_cpu_s": of(packets_per_cpu_s),
        "ns_per_packet": of(ns_per_packet),
        "max_rss_kib": of(|run| number(run, "max_rss_kib")),
        "packets": of(|run| number(run, "packets")),
        "octets": of(|run| number(run, "bytes")),
        "runs": runs.len(),
    });
    // Bare smoltcp has no events.
    if runs.iter().all(|run| run["events"].is_number()) {
        side["events"] = of(|run| number(run, "events"));
        side["events_per_packet"] = of(|run| number(run, "events") / number(run, "packets"));
    }
    side
}

fn packets_per_cpu_s(run: &Value) -> f64 {
    number(run, "packets") / number(run, "cpu_s")
}

fn ns_per_packet(run: &Value) -> f64 {
    number(run, "cpu_s") * 1e9 / number(run, "packets")
}

/// Round by round, since what else the machine did was the same for both.
fn ratios(ours: &[Value], theirs: &[Value], of: fn(&Value) -> f64) -> Vec<f64> {
    let rounds = ours.iter().zip(theirs);
    rounds.map(|(ours, theirs)| of(ours) / of(theirs)).collect()
}

fn spread(figures: &[f64]) -> Value {
    json!({
        "median": median(figures),
        "min": figures.iter().copied().fold(f64::INFINITY, f64::min),
        "max": figures.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or(f64::NAN)
}

/// The tables of all workloads.
pub(crate) fn tables(all: &[Value]) -> String {
    let mut text = String::new();
    against_ns3(&mut text, all);
    against_smoltcp(&mut text, all);
    text
}

/// Writing to a string cannot fail.
macro_rules! line {
    ($text:expr, $($part:tt)*) => {
        let _ = writeln!($text, $($part)*);
    };
}

fn against_ns3(text: &mut String, all: &[Value]) {
    line!(
        text,
        "{:<32}{:>11}{:>9}{:>7}{:>14}{:>10}{:>5}  {:<8}{:>11}{:>7}{:>7}{:>7}",
        "packets per CPU second",
        "ecsnet",
        "ns-3",
        "ratio",
        "(min-max)",
        "at least",
        "aim",
        "",
        "events/pkt",
        "ns-3",
        "MiB",
        "ns-3",
    );
    for figures in all {
        let of = |side: &str, figure: &str| number(&figures[side][figure], "median");
        let mib = |side: &str| of(side, "max_rss_kib") / 1024.0;
        let ratio = &figures["ratio"];
        line!(
            text,
            "{:<32}{:>11.0}{:>9.0}{:>7.1}{:>14}{:>10}{:>5}  {:<8}{:>11.2}{:>7.2}{:>7.0}{:>7.0}",
            name(figures),
            of("ecsnet", "packets_per_cpu_s"),
            of("ns3", "packets_per_cpu_s"),
            number(ratio, "median"),
            range(ratio),
            number(ratio, "at_least"),
            number(ratio, "aim"),
            ratio["verdict"].as_str().unwrap_or_default(),
            of("ecsnet", "events_per_packet"),
            of("ns3", "events_per_packet"),
            mib("ecsnet"),
            mib("ns3"),
        );
    }
}

fn against_smoltcp(text: &mut String, all: &[Value]) {
    line!(
        text,
        "\n{:<52}{:>11}{:>7}{:>14}{:>9}{:>6}  {:<8}{:>6}",
        "ns of CPU per packet, against bare smoltcp",
        "",
        "ratio",
        "(min-max)",
        "at most",
        "aim",
        "",
        "MiB",
    );
    for figures in all {
        let Some(cases) = figures["smoltcp"].as_array() else {
            continue;
        };
        let ns = |side: &Value| number(&side["ns_per_packet"], "median");
        let mib = |side: &Value| number(&side["max_rss_kib"], "median") / 1024.0;
        let (ours, cost) = (&figures["ecsnet"], &figures["cost_ratio"]);
        line!(
            text,
            "{:<52}{:>11.0}{:>7.2}{:>14}{:>9}{:>6}  {:<8}{:>6.0}",
            name(figures),
            ns(ours),
            number(cost, "median"),
            range(cost),
            number(cost, "at_least"),
            number(cost, "aim"),
            cost["verdict"].as_str().unwrap_or_default(),
            mib(ours),
        );
        for case in cases {
            let label = format!("  smoltcp, {}", case["case"].as_str().unwrap_or_default());
            let side = &case["figures"];
            line!(text, "{label:<52}{:>11.0}{:>50.0}", ns(side), mib(side));
        }
    }
}

fn name(figures: &Value) -> &str {
    figures["workload"].as_str().unwrap_or_default()
}

fn range(spread: &Value) -> String {
    format!(
        "({:.1}-{:.1})",
        number(spread, "min"),
        number(spread, "max")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::ALL;

    fn run(packets: u64, cpu_s: f64) -> Value {
        json!({ "packets": packets, "bytes": 5, "events": 3 * packets, "cpu_s": cpu_s, "max_rss_kib": 2048 })
    }

    fn bare(packets: u64, cpu_s: f64) -> Value {
        let mut run = run(packets, cpu_s);
        run["events"] = Value::Null;
        run
    }

    #[test]
    fn a_summary_has_medians_of_rounds_and_says_which_target_is_met() {
        let cases = ALL[0].floor.as_ref().expect("W1 has a floor").cases.len();
        let rounds = Rounds {
            ecsnet: vec![run(1000, 1.0), run(1000, 2.0), run(1000, 4.0)],
            ns3: vec![run(1000, 16.0), run(1000, 20.0), run(1000, 80.0)],
            floor: vec![vec![bare(1000, 0.5), bare(1000, 2.0), bare(1000, 3.0)]; cases],
        };
        let figures = summarise(&ALL[0], &rounds);
        assert_eq!(figures["ecsnet"]["packets_per_cpu_s"]["median"], 500.0);
        assert_eq!(figures["ns3"]["events_per_packet"]["median"], 3.0);
        let ratio = json!({ "median": 16.0, "min": 10.0, "max": 20.0,
            "at_least": 15.0, "aim": 25.0, "verdict": "met" });
        assert_eq!(figures["ratio"], ratio);
        assert_eq!(figures["cost_ratio"]["median"], 4.0 / 3.0);
        assert_eq!(figures["cost_ratio"]["verdict"], "met");
        assert!(figures["smoltcp"][0]["figures"]["events"].is_null());
        let text = tables(&[figures]);
        assert!(text.contains("16.0   (10.0-20.0)"), "{text}");
    }

    #[test]
    fn a_target_is_missed_met_or_more() {
        let rate = Target {
            least: 15.0,
            aim: 25.0,
        };
        assert_eq!(
            [14.9, 15.0, 25.0].map(|f| rate.verdict(f)),
            ["missed", "met", "aim met"]
        );
        let cost = Target {
            least: 1.6,
            aim: 1.25,
        };
        let verdicts = [1.7, 1.6, 1.2].map(|f| cost.verdict_of_cost(f));
        assert_eq!(verdicts, ["missed", "met", "aim met"]);
        assert_eq!(cost.verdict(f64::NAN), "missed");
    }
}

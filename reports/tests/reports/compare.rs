use reports::results::{Direction, Metric, Outcome};
use reports::{Experiment, Results, WorkloadOutcome, WorkloadRun, compare, json};

use crate::fixture::{
    Noise, experiment, isolated, measured, mode, refused, replication, silent, two_tier,
};

fn bytes(results: &Results) -> Vec<u8> {
    let mut out = Vec::new();
    json::write(results, None, &mut out).unwrap();
    out
}

/// `count` latencies around `base` (ns); the same noise for every mode of a replication.
fn latencies(index: u32, count: u32, base: f64) -> Vec<f64> {
    let mut noise = Noise(u64::from(index) + 1);
    let drift = 2_000.0 * noise.normal();
    (0..count)
        .map(|_| base + drift + 10_000.0 * noise.exponential())
        .collect()
}

/// Host as baseline and awsvpc `factor` times as slow, one workload of `count` requests.
fn pair(replications: u32, count: u32, factor: f64) -> Experiment {
    let runs = |scale: f64| {
        let run = |i| {
            let values = latencies(i, count, 400_000.0)
                .into_iter()
                .map(|v| v * scale);
            replication(i, vec![("web", measured(values, 1))])
        };
        mode((0..replications).map(run).collect())
    };
    experiment("host", vec![("host", runs(1.0)), ("awsvpc", runs(factor))])
}

fn with_other(baseline: WorkloadRun, other: WorkloadRun) -> Results {
    let runs = |run: &WorkloadRun| {
        mode(
            (0..3)
                .map(|i| replication(i, vec![("web", run.clone())]))
                .collect(),
        )
    };
    compare(&experiment(
        "host",
        vec![("host", runs(&baseline)), ("awsvpc", runs(&other))],
    ))
}

#[test]
fn a_slower_mode_is_called_slower_by_its_percentage() {
    let results = compare(&pair(10, 2_000, 1.12));
    let web = &results.modes["awsvpc"].workloads["web"];
    let d = web.difference(Metric::LatencyP50).unwrap();
    assert_eq!(d.direction, Direction::Worse);
    let (lo, hi) = (d.ratio_lo.unwrap(), d.ratio_hi.unwrap());
    assert!(lo <= 1.12 && 1.12 <= hi && hi - lo < 0.01, "{lo} to {hi}");
    assert!(d.verdict.starts_with("slower by 12.0 % ["), "{}", d.verdict);
    let diff = d.diff.unwrap();
    assert!((48_000.0..53_000.0).contains(&diff), "{diff}");
    assert!(
        web.difference(Metric::Throughput)
            .unwrap()
            .verdict
            .starts_with("no difference")
    );
    assert_eq!((d.n, d.comparisons), (10, 1));
}

#[test]
fn swapping_the_baseline_turns_slower_into_faster() {
    let mut experiment = pair(10, 2_000, 1.12);
    experiment.baseline = "awsvpc".to_owned();
    let results = compare(&experiment);
    let d = results.modes["host"].workloads["web"]
        .difference(Metric::LatencyP50)
        .unwrap()
        .clone();
    assert_eq!(d.direction, Direction::Better);
    assert!(d.verdict.starts_with("faster by 10.7 % ["), "{}", d.verdict);
    assert!(
        results.modes["awsvpc"].workloads["web"]
            .vs_baseline
            .is_empty()
    );
}

#[test]
fn equal_modes_show_no_difference_and_say_that_they_are_identical() {
    let results = compare(&pair(10, 2_000, 1.0));
    let d = results.modes["awsvpc"].workloads["web"]
        .difference(Metric::LatencyP99)
        .unwrap()
        .clone();
    assert_eq!(d.direction, Direction::None);
    assert_eq!(
        d.verdict,
        "no difference detected (identical in every replication)"
    );
    assert_eq!((d.lo, d.hi, d.ratio), (Some(0.0), Some(0.0), Some(1.0)));
}

#[test]
fn a_difference_below_the_resolution_of_the_histogram_is_no_difference() {
    // One bucket apart at most, in the same direction every time.
    let results = compare(&pair(10, 2_000, 1.000_3));
    let d = results.modes["awsvpc"].workloads["web"]
        .difference(Metric::LatencyP50)
        .unwrap()
        .clone();
    assert_eq!(d.direction, Direction::None, "{}", d.verdict);
}

#[test]
fn noise_is_no_difference_and_the_range_is_told() {
    let mut experiment = pair(10, 500, 1.0);
    for replication in &mut experiment.modes.get_mut("awsvpc").unwrap().replications {
        let values = latencies(replication.index + 100, 500, 400_000.0);
        replication
            .workloads
            .insert("web".to_owned(), measured(values, 1));
    }
    let results = compare(&experiment);
    let d = results.modes["awsvpc"].workloads["web"]
        .difference(Metric::LatencyP50)
        .unwrap()
        .clone();
    assert_eq!(d.direction, Direction::None);
    assert!(
        d.verdict.starts_with("no difference detected [-"),
        "{}",
        d.verdict
    );
    assert!(d.lo.unwrap() < 0.0 && d.hi.unwrap() > 0.0);
}

#[test]
fn zero_variance_gives_an_interval_of_no_width_and_a_verdict() {
    let results = with_other(
        measured(vec![400_000.0; 500], 1),
        measured(vec![500_000.0; 500], 1),
    );
    let web = &results.modes["awsvpc"].workloads["web"];
    let p50 = &web.latency_ns.as_ref().unwrap().p50;
    assert_eq!((p50.lo, p50.hi), (p50.estimate, p50.estimate));
    let d = web.difference(Metric::LatencyMean).unwrap();
    assert_eq!(d.verdict, "slower by 25.0 % [25.0, 25.0]");
    assert_eq!(
        (d.diff, d.lo, d.hi),
        (Some(100_000.0), Some(100_000.0), Some(100_000.0))
    );
}

#[test]
fn a_percentile_is_withheld_below_ten_samples_beyond_it() {
    // 3 x 333 = 999 samples: 9.99 lie beyond p99; one more per replication is enough.
    for (count, withheld) in [(333, true), (334, false)] {
        let results = compare(&pair(3, count, 1.1));
        let web = &results.modes["awsvpc"].workloads["web"];
        let p99 = &web.latency_ns.as_ref().unwrap().p99;
        assert_eq!(p99.estimate.is_none(), withheld, "{count}: {p99:?}");
        assert_eq!(p99.n, u64::from(count) * 3, "n is told either way");
        let verdict = &web.difference(Metric::LatencyP99).unwrap().verdict;
        assert_eq!(
            verdict == "not comparable (fewer than ten samples beyond p99)",
            withheld
        );
        if withheld {
            let note = "withheld: fewer than ten of 999 samples lie beyond p99";
            assert_eq!(p99.note.as_deref(), Some(note));
        }
    }
}

#[test]
fn one_replication_has_estimates_but_no_interval_and_no_judgement() {
    let results = compare(&pair(1, 2_000, 1.5));
    let web = &results.modes["awsvpc"].workloads["web"];
    for metric in Metric::ALL {
        let Some(estimate) = web.metric(metric) else {
            continue;
        };
        assert_eq!((estimate.lo, estimate.hi), (None, None), "{metric:?}");
        if estimate.estimate.is_some() {
            assert_eq!(
                estimate.note.as_deref(),
                Some("one replication: no interval")
            );
        }
    }
    let d = web.difference(Metric::LatencyP50).unwrap();
    assert_eq!(
        (d.direction, d.lo, d.ratio_hi),
        (Direction::Undecided, None, None)
    );
    assert!(
        d.verdict.ends_with("; one replication: not judged"),
        "{}",
        d.verdict
    );
}

#[test]
fn an_isolated_mode_has_no_invented_number() {
    let results = compare(&two_tier(3));
    let none = &results.modes["none"];
    let web = &none.workloads["web"];
    assert_eq!(web.outcome, Outcome::Isolated);
    assert!(Metric::ALL.into_iter().all(|m| web.metric(m).is_none()));
    for metric in Metric::ALL {
        let d = web.difference(metric).unwrap();
        assert_eq!(d.verdict, "not comparable (isolated)");
        assert_eq!((d.ratio, d.diff), (None, None));
    }
    let fact = &none.isolation.as_ref().unwrap().reachable["web"];
    assert!(!fact.reachable && fact.reason.is_some());
    assert!(
        results.modes["bridge"]
            .isolation
            .as_ref()
            .unwrap()
            .reachable["web"]
            .reachable
    );
    // The isolated mode is not one of those that the correction counts.
    let bridge = &results.modes["bridge"].workloads["web"];
    assert_eq!(
        bridge.difference(Metric::LatencyP50).unwrap().comparisons,
        3
    );
}

#[test]
fn a_mode_that_cannot_be_deployed_keeps_its_reason() {
    let mut experiment = pair(3, 500, 1.1);
    experiment.modes.insert("fargate".to_owned(), refused());
    let results = compare(&experiment);
    let fargate = &results.modes["fargate"];
    assert!(!fargate.deployable && fargate.workloads.is_empty() && fargate.digest.is_none());
    assert_eq!(fargate.reason.as_ref().unwrap().code, "ClientException");
}

#[test]
fn without_a_usable_baseline_nothing_is_compared_and_the_reason_is_told() {
    let mut experiment = pair(3, 500, 1.1);
    experiment.modes.insert("host".to_owned(), refused());
    let verdict = |experiment: &Experiment| {
        let results = compare(experiment);
        results.modes["awsvpc"].workloads["web"]
            .difference(Metric::LatencyP50)
            .unwrap()
            .verdict
            .clone()
    };
    assert_eq!(
        verdict(&experiment),
        "not comparable (baseline not deployable)"
    );
    experiment.baseline = "bridge".to_owned();
    assert_eq!(
        verdict(&experiment),
        "not comparable (baseline was not run)"
    );
    let silenced = with_other(isolated(), measured([5.0; 30], 1));
    let d = silenced.modes["awsvpc"].workloads["web"]
        .difference(Metric::Requests)
        .unwrap()
        .clone();
    assert_eq!(d.verdict, "not comparable (baseline isolated)");
}

#[test]
fn a_workload_of_errors_only_has_a_rate_and_no_latency() {
    let mut failing = measured([], 1);
    failing.errors.insert("timeout".to_owned(), 500);
    let results = with_other(measured(vec![400_000.0; 500], 1), failing);
    let web = &results.modes["awsvpc"].workloads["web"];
    let errors = web.errors.as_ref().unwrap();
    assert_eq!((errors.estimate, errors.n), (Some(1.0), 1_500));
    assert_eq!(web.errors_by_reason["timeout"], 1_500);
    assert_eq!(web.requests_per_s.as_ref().unwrap().estimate, Some(0.0));
    let p50 = &web.latency_ns.as_ref().unwrap().p50;
    assert_eq!((p50.estimate, p50.n), (None, 0));
    assert_eq!(p50.note.as_deref(), Some("no request was answered"));
    let verdict = |m| web.difference(m).unwrap().verdict.clone();
    assert_eq!(
        verdict(Metric::LatencyP50),
        "not comparable (no request was answered)"
    );
    assert_eq!(
        verdict(Metric::Errors),
        "more errors by 100.0 percentage points [100.0, 100.0]"
    );
    assert_eq!(verdict(Metric::Requests), "lower by 500/s [500/s, 500/s]");
    let fact = &results.modes["awsvpc"]
        .isolation
        .as_ref()
        .unwrap()
        .reachable["web"];
    assert!(!fact.reachable, "nothing got through");
}

#[test]
fn no_error_is_stated_with_what_it_proves() {
    let results = compare(&pair(5, 2_000, 1.1));
    let errors = results.modes["host"].workloads["web"]
        .errors
        .clone()
        .unwrap();
    assert_eq!(
        (errors.estimate, errors.lo, errors.n),
        (Some(0.0), Some(0.0), 10_000)
    );
    // Clopper and Pearson for 0 of 10,000.
    assert!(
        (errors.hi.unwrap() - 0.000_368_8).abs() < 1e-6,
        "{errors:?}"
    );
}

#[test]
fn a_bulk_transfer_has_a_throughput_and_no_requests() {
    let mut bulk = measured([], 2);
    bulk.bytes = 2_500_000_000;
    let results = with_other(bulk.clone(), bulk);
    let web = &results.modes["awsvpc"].workloads["web"];
    assert_eq!(web.throughput_bps.as_ref().unwrap().estimate, Some(10e9));
    assert!(web.latency_ns.is_none() && web.requests_per_s.is_none() && web.errors.is_none());
    assert_eq!(web.vs_baseline.len(), 1);
}

#[test]
fn only_replications_that_both_modes_have_are_paired() {
    let mut experiment = pair(6, 1_000, 1.1);
    experiment
        .modes
        .get_mut("awsvpc")
        .unwrap()
        .replications
        .remove(2);
    let d = compare(&experiment).modes["awsvpc"].workloads["web"]
        .difference(Metric::LatencyP50)
        .unwrap()
        .clone();
    assert_eq!(d.n, 5);
}

#[test]
fn an_unreachable_target_is_told_apart_from_an_isolated_one() {
    let reason = "the security group of the cache does not admit this client".to_owned();
    let results = with_other(
        measured([5.0; 30], 1),
        silent(WorkloadOutcome::Unreachable {
            reason: reason.clone(),
        }),
    );
    let web = &results.modes["awsvpc"].workloads["web"];
    assert_eq!(
        (web.outcome, web.reason.as_deref()),
        (Outcome::Unreachable, Some(reason.as_str()))
    );
}

#[test]
fn the_order_in_which_an_experiment_was_put_together_does_not_matter() {
    let experiment = two_tier(5);
    let mut shuffled = experiment.clone();
    shuffled.modes.reverse();
    shuffled.provenance.inputs.reverse();
    shuffled.provenance.constants.reverse();
    for mode in shuffled.modes.values_mut() {
        mode.replications.reverse();
        mode.placement.reverse();
        for replication in &mut mode.replications {
            replication.workloads.reverse();
        }
    }
    let (results, again) = (compare(&experiment), compare(&shuffled));
    assert_eq!(bytes(&results), bytes(&again));
    let pages = [(&experiment, &results), (&shuffled, &again)]
        .map(|(experiment, results)| reports::html::render(experiment, results));
    assert_eq!(pages[0], pages[1]);
}

#[test]
fn every_replication_counts_in_the_digest() {
    let experiment = two_tier(3);
    let mut changed = experiment.clone();
    changed.modes.get_mut("host").unwrap().replications[1].digest ^= 1;
    let digest = |e: &Experiment| compare(e).modes["host"].digest.clone();
    assert_ne!(digest(&experiment), digest(&changed));
}

#[test]
fn hops_add_up_over_replications() {
    let results = compare(&two_tier(3));
    let hops = &results.modes["bridge"].workloads["web"].hops;
    let eni = hops.iter().find(|h| h.component == "ENI").unwrap();
    assert_eq!(eni.mean_ns, Some(2_800.0));
    assert_eq!(eni.visits_per_request, Some(4.0));
    assert_eq!(eni.ns_per_request, Some(11_200.0));
    assert_eq!(hops[0].component, "client stack", "path order");
}

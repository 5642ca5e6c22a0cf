use super::Histogram;
use crate::time::SimDuration;
use proptest::prelude::*;

fn of(ns: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    for &ns in ns {
        histogram.record(SimDuration::from_ns(ns));
    }
    histogram
}

/// What serde makes of it, without a format: its own data model, as JSON.
fn round_trip(histogram: &Histogram) -> Histogram {
    let text = serde_json::to_string(histogram).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Durations of all magnitudes, some of them beyond the range.
fn durations() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(
        (0..48_u32, any::<u64>()).prop_map(|(bits, word)| word & ((1 << bits) - 1)),
        0..200,
    )
}

#[test]
fn an_empty_histogram_has_no_values() {
    let empty = Histogram::default();
    assert!(empty.is_empty());
    assert_eq!(
        (empty.value_at(0.5), empty.mean(), empty.min(), empty.max()),
        (None, None, None, None)
    );
    assert!(!empty.percentile_supported(0.5));
    assert_eq!(empty.iter_recorded().count(), 0);
    assert_eq!(round_trip(&empty), empty);
    assert_eq!(serde_json::to_string(&empty).unwrap(), r#"{"bins":[]}"#);
}

#[test]
fn small_values_are_exact() {
    let histogram = of(&[3, 1, 2, 2_000]);
    assert_eq!(histogram.value_at(0.0), Some(1));
    assert_eq!(histogram.value_at(0.25), Some(1));
    assert_eq!(histogram.value_at(0.5), Some(2));
    assert_eq!(histogram.value_at(0.75), Some(3));
    assert_eq!(histogram.value_at(1.0), Some(2_000));
    assert_eq!(
        histogram.iter_recorded().collect::<Vec<_>>(),
        [(1, 1), (2, 1), (3, 1), (2_000, 1)]
    );
}

#[test]
fn durations_are_rounded_to_the_nearest_nanosecond() {
    let mut histogram = Histogram::new();
    for ps in [499, 500, 1_499, 1_500] {
        histogram.record(SimDuration::from_ps(ps));
    }
    assert_eq!(
        histogram.iter_recorded().collect::<Vec<_>>(),
        [(0, 1), (1, 2), (2, 1)]
    );
}

#[test]
fn a_quantile_is_never_below_the_true_one() {
    let histogram = of(&[1_000_000, 1_000_001, 1_000_400, 2_000_000]);
    let median = histogram.value_at(0.5).unwrap();
    assert!((1_000_001..1_001_001).contains(&median), "{median}");
    // Nor above the largest value there was.
    assert_eq!(histogram.value_at(1.0), Some(2_000_000));
    assert_eq!(
        (histogram.min(), histogram.max()),
        (Some(1_000_000), Some(2_000_000))
    );
}

#[test]
fn saturation_is_counted() {
    let mut histogram = Histogram::new();
    histogram.record(SimDuration::from_secs(100));
    assert_eq!(
        (histogram.saturated(), histogram.max()),
        (0, Some(100_000_000_000))
    );
    histogram.record_n(SimDuration::MAX, 3);
    assert_eq!((histogram.saturated(), histogram.len()), (3, 4));
    assert_eq!(histogram.value_at(0.5), Some(100_000_000_000));
    assert_eq!(round_trip(&histogram), histogram);
}

#[test]
fn a_percentile_needs_ten_samples_beyond_it() {
    let supported = |count, q| {
        let mut histogram = Histogram::new();
        histogram.record_n(SimDuration::from_us(1), count);
        histogram.percentile_supported(q)
    };
    assert!(!supported(19, 0.5) && supported(20, 0.5));
    assert!(!supported(99, 0.9) && supported(100, 0.9));
    assert!(!supported(999, 0.99) && supported(1_000, 0.99));
    assert!(!supported(9_999, 0.999) && supported(10_000, 0.999));
    assert!(!supported(1_000_000, 1.0));
}

#[test]
fn text_form_is_compact_and_says_what_is_exact() {
    let mut histogram = of(&[5, 5, 5, 70_001]);
    histogram.record(SimDuration::from_secs(200));
    insta::assert_snapshot!(serde_json::to_string(&histogram).unwrap(), @r#"{"saturated":1,"exact":{"min_ns":5,"max_ns":100000000000,"sum_ns":100000070016},"bins":[[5,3],[70015,1],[100000000000,1]]}"#);
    assert!(serde_json::from_str::<Histogram>(r#"{"bins":[],"bogus":1}"#).is_err());
    insta::assert_snapshot!(format!("{histogram:?}"), @"Histogram { len: 5, min_ns: Some(5), p50_ns: Some(5), p99_ns: Some(100000000000), max_ns: Some(100000000000), saturated: 1 }");
}

#[test]
fn text_that_contradicts_itself_is_refused() {
    for text in [
        r#"{"bins":[[5,2]]}"#,
        r#"{"exact":{"min_ns":5,"max_ns":5,"sum_ns":10},"bins":[]}"#,
        r#"{"exact":{"min_ns":9,"max_ns":5,"sum_ns":10},"bins":[[5,2]]}"#,
        r#"{"exact":{"min_ns":5,"max_ns":50,"sum_ns":10},"bins":[[5,2]]}"#,
        r#"{"saturated":3,"exact":{"min_ns":5,"max_ns":5,"sum_ns":10},"bins":[[5,2]]}"#,
        r#"{"exact":{"min_ns":5,"max_ns":5,"sum_ns":10},"bins":[[5,0],[5,2]]}"#,
        r#"{"exact":{"min_ns":5,"max_ns":5,"sum_ns":10},"bins":[[5,1],[100000000001,1]]}"#,
    ] {
        assert!(serde_json::from_str::<Histogram>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn merging_is_recording_everything(a in durations(), b in durations(), c in durations()) {
        let mut merged = of(&b);
        merged.merge(&of(&c));
        merged.merge(&of(&a));
        let all: Vec<u64> = a.iter().chain(&b).chain(&c).copied().collect();
        prop_assert_eq!(&merged, &of(&all));
        prop_assert_eq!(merged.len(), all.len() as u64);
    }

    #[test]
    fn text_form_keeps_everything(values in durations()) {
        let histogram = of(&values);
        let again = round_trip(&histogram);
        prop_assert_eq!(&again, &histogram);
        prop_assert_eq!(again.value_at(0.99), histogram.value_at(0.99));
        prop_assert_eq!(again.mean(), histogram.mean());
    }

    /// Against the sorted list of samples, within the 0.1 % that a bin is wide.
    #[test]
    fn quantiles_are_those_of_the_samples(values in durations(), permille in 0..=1_000_u32) {
        prop_assume!(!values.is_empty());
        let mut sorted: Vec<u64> = values.iter().map(|&ns| ns.min(100_000_000_000)).collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * permille as usize).div_ceil(1_000).max(1);
        let truth = sorted[rank - 1];
        let value = of(&values).value_at(f64::from(permille) / 1_000.0).unwrap();
        prop_assert!(value >= truth && value <= truth + truth / 1_000, "{} for {}", value, truth);
    }
}

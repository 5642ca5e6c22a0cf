//! Do intervals hold what they promise? Seeded simulation against a known truth.

use reports::comparison::interval::{bonferroni, mean, paired_difference, paired_ratio};

use crate::fixture::Noise;

const TRIALS: u32 = 2_000;
const REPLICATIONS: u32 = 10;

/// Share of trials in which `covers` holds.
fn coverage(seed: u64, mut covers: impl FnMut(&mut Noise) -> bool) -> f64 {
    let mut noise = Noise(seed);
    let hits = (0..TRIALS).filter(|_| covers(&mut noise)).count();
    hits as f64 / f64::from(TRIALS)
}

fn inside(interval: Option<(f64, f64)>, truth: f64) -> bool {
    interval.is_some_and(|(lo, hi)| lo <= truth && truth <= hi)
}

#[test]
fn intervals_of_a_mean_cover_the_truth_95_times_in_100() {
    let share = coverage(1, |noise| {
        let values: Vec<f64> = (0..REPLICATIONS)
            .map(|_| 400.0 + 9.0 * noise.normal())
            .collect();
        inside(mean(&values, 0.05).and_then(|m| m.interval), 400.0)
    });
    assert!((0.93..=0.97).contains(&share), "{share}");
}

/// A common part far larger than the difference, as common random numbers make it.
fn pairs(noise: &mut Noise) -> Vec<(f64, f64)> {
    (0..REPLICATIONS)
        .map(|_| {
            let common = 400.0 * libm::exp(0.2 * noise.normal());
            (common * 1.05 * libm::exp(0.01 * noise.normal()), common)
        })
        .collect()
}

#[test]
fn intervals_of_a_paired_ratio_cover_the_truth_95_times_in_100() {
    let share = coverage(2, |noise| {
        inside(paired_ratio(&pairs(noise), 0.05).unwrap().interval, 1.05)
    });
    assert!((0.93..=0.97).contains(&share), "{share}");
}

#[test]
fn intervals_of_a_paired_difference_cover_the_truth_95_times_in_100() {
    let share = coverage(3, |noise| {
        let pairs: Vec<(f64, f64)> = (0..REPLICATIONS)
            .map(|_| {
                let common = 400.0 + 80.0 * noise.normal();
                (common + 5.0 + 2.0 * noise.normal(), common)
            })
            .collect();
        inside(paired_difference(&pairs, 0.05).unwrap().interval, 5.0)
    });
    assert!((0.93..=0.97).contains(&share), "{share}");
}

#[test]
fn pairing_is_what_makes_the_difference_visible() {
    let mut noise = Noise(4);
    let pairs = pairs(&mut noise);
    let paired = paired_ratio(&pairs, 0.05).unwrap().interval.unwrap();
    assert!(paired.0 > 1.0, "5 % is seen in pairs: {paired:?}");
    let strangers: Vec<(f64, f64)> = pairs
        .iter()
        .zip(pairs.iter().rev())
        .map(|(a, b)| (a.0, b.1))
        .collect();
    let unpaired = paired_ratio(&strangers, 0.05).unwrap().interval.unwrap();
    assert!(
        inside(Some(unpaired), 1.0),
        "and not without them: {unpaired:?}"
    );
}

#[test]
fn corrected_intervals_of_four_modes_hold_together() {
    let alpha = bonferroni(4);
    let together = coverage(5, |noise| {
        (0..4).all(|_| {
            let values: Vec<f64> = (0..REPLICATIONS).map(|_| noise.normal()).collect();
            inside(mean(&values, alpha).and_then(|m| m.interval), 0.0)
        })
    });
    let uncorrected = coverage(5, |noise| {
        (0..4).all(|_| {
            let values: Vec<f64> = (0..REPLICATIONS).map(|_| noise.normal()).collect();
            inside(mean(&values, 0.05).and_then(|m| m.interval), 0.0)
        })
    });
    assert!((0.93..=0.97).contains(&together), "{together}");
    assert!(uncorrected < 0.9, "the correction is needed: {uncorrected}");
}

use super::{Empirical, below, exponential, lognormal, pareto, uniform, uniform_u64};
use crate::rng::{SimRng, Streams};
use crate::time::SimDuration;
use crate::units::Ratio;
use proptest::prelude::*;

const US: SimDuration = SimDuration::from_us(1);

fn rng(purpose: &str) -> SimRng {
    Streams::new(1).stream("dist", purpose)
}

/// Sorted samples, in microseconds.
fn sample(purpose: &str, draw: impl Fn(&mut SimRng) -> SimDuration) -> Vec<f64> {
    let mut rng = rng(purpose);
    let mut samples: Vec<f64> = (0..20_000)
        .map(|_| draw(&mut rng).as_ps() as f64 / 1e6)
        .collect();
    samples.sort_by(f64::total_cmp);
    samples
}

/// The distance of Kolmogorov and Smirnov, times the root of the number of samples: above 1.95
/// with probability 0.001 if the samples are of this distribution.
fn ks(samples: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let n = samples.len() as f64;
    let distance = samples
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            (cdf(x) - i as f64 / n)
                .abs()
                .max((cdf(x) - (i + 1) as f64 / n).abs())
        })
        .fold(0.0, f64::max);
    distance * n.sqrt()
}

/// If this fails, every result of every scenario has changed.
#[test]
fn golden_vectors() {
    let ratio = |num, den| Ratio::new(num, den).unwrap();
    let mut rng = rng("golden");
    let table = Empirical::new(&[(100, 3), (1_000, 1)]).unwrap();
    let mut lines = Vec::new();
    for _ in 0..3 {
        lines.push(format!(
            "{} | {} | {} | {} | {} | {}",
            exponential(&mut rng, US),
            lognormal(&mut rng, US, ratio(1, 2)),
            pareto(&mut rng, US, ratio(3, 2)),
            uniform(&mut rng, US, US * 2),
            uniform_u64(&mut rng, 0, u64::MAX),
            table.sample(&mut rng),
        ));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
        1.275754 us | 983.225 ns | 1.54589 us | 1.707866 us | 8598066132082435582 | 100
        1.973661 us | 1.62727 us | 2.279876 us | 1.739412 us | 5121359859983320176 | 1000
        481.065 ns | 924.462 ns | 1.504146 us | 1.22183 us | 17640402537843927849 | 100
        "#);
}

#[test]
fn exponential_has_its_distribution() {
    let samples = sample("exponential", |rng| exponential(rng, US * 10));
    assert!(ks(&samples, |x| 1.0 - (-x / 10.0).exp()) < 1.95);
}

#[test]
fn lognormal_has_its_distribution() {
    let sigma = Ratio::new(3, 10).unwrap();
    let samples = sample("lognormal", |rng| lognormal(rng, US * 10, sigma));
    let cdf = |x: f64| 0.5 * libm::erfc(-(x / 10.0).ln() / (0.3 * std::f64::consts::SQRT_2));
    assert!(ks(&samples, cdf) < 1.95);
}

#[test]
fn pareto_has_its_distribution() {
    let samples = sample("pareto", |rng| pareto(rng, US, Ratio::new(3, 2).unwrap()));
    assert!(samples[0] >= 1.0);
    assert!(ks(&samples, |x| 1.0 - x.powf(-1.5)) < 1.95);
}

#[test]
fn uniform_has_its_distribution() {
    let samples = sample("uniform", |rng| uniform(rng, US, US * 3));
    assert!(samples[0] >= 1.0 && samples[samples.len() - 1] <= 3.0);
    assert!(ks(&samples, |x| (x - 1.0) / 2.0) < 1.95);
}

#[test]
fn degenerate_parameters_give_constants() {
    let mut rng = rng("degenerate");
    assert_eq!(exponential(&mut rng, SimDuration::ZERO), SimDuration::ZERO);
    assert_eq!(lognormal(&mut rng, US, Ratio::ZERO), US);
    assert_eq!(uniform(&mut rng, US, US), US);
    assert_eq!(
        pareto(&mut rng, SimDuration::MAX, Ratio::from_ppm(1)),
        SimDuration::MAX
    );
}

#[test]
fn empirical_values_are_as_frequent_as_their_weights() {
    let table = Empirical::new(&[(5, 1), (7, 0), (9, 3)]).unwrap();
    let mut rng = rng("empirical");
    let samples: Vec<u64> = (0..40_000).map(|_| table.sample(&mut rng)).collect();
    let count = |value| samples.iter().filter(|&&sample| sample == value).count();
    assert_eq!(count(5) + count(9), samples.len());
    // Five standard deviations, sqrt(40000 * 3 / 16) = 87.
    assert!(count(5).abs_diff(10_000) < 5 * 87, "{}", count(5));
    assert_eq!(Empirical::new(&[]), None);
    assert_eq!(Empirical::new(&[(1, 0)]), None);
    assert_eq!(Empirical::new(&[(1, u64::MAX), (2, 1)]), None);
}

#[test]
fn every_value_below_a_small_bound_is_drawn() {
    let mut rng = rng("below");
    let mut seen = [0_u32; 6];
    for _ in 0..6_000 {
        seen[usize::try_from(below(&mut rng, 6)).unwrap()] += 1;
    }
    assert!(
        seen.iter().all(|&count| count.abs_diff(1_000) < 5 * 29),
        "{seen:?}"
    );
}

proptest! {
    #[test]
    fn draws_stay_in_range(seed in any::<u64>(), a in any::<u64>(), b in any::<u64>()) {
        let mut rng = Streams::new(seed).stream("dist", "range");
        let (low, high) = (a.min(b), a.max(b));
        let draw = uniform_u64(&mut rng, low, high);
        prop_assert!((low..=high).contains(&draw));
        prop_assert!(below(&mut rng, high.max(1)) < high.max(1));
    }
}

//! Where a run has settled.

/// Observations that are averaged before the rule looks at them.
const BATCH: usize = 5;

/// How many observations to cut from the start of a series so that the rest is steady: the rule
/// MSER-5 (White, Cobb, Spratt, *Winter Simulation Conference* 2000).
///
/// Of all cuts, it takes the one that makes the standard error of the mean of what remains
/// least, looking at means of five. Cuts in the second half do not count: if the best cut
/// were there, the run is too short, and half of it is cut. The result is a multiple of five;
/// fewer than ten observations are too few to judge, and none is cut.
#[must_use]
pub fn mser5(observations: &[f64]) -> usize {
    let batches: Vec<f64> = observations
        .chunks_exact(BATCH)
        .map(|batch| batch.iter().sum::<f64>() / BATCH as f64)
        .collect();
    let latest = batches.len() / 2;
    if latest == 0 {
        return 0;
    }
    // From the back, mean and squared deviations of what remains come one batch at a time.
    let (mut mean, mut squares) = (0.0, 0.0);
    let (mut best, mut least) = (0, f64::INFINITY);
    for (cut, value) in batches.iter().enumerate().rev() {
        let n = (batches.len() - cut) as f64;
        let before = value - mean;
        mean += before / n;
        squares += before * (value - mean);
        // At equal error the earlier cut is better, as it keeps more.
        if cut <= latest && squares / (n * n) <= least {
            least = squares / (n * n);
            best = cut;
        }
    }
    best * BATCH
}

#[cfg(test)]
mod tests {
    use super::mser5;
    use proptest::prelude::*;

    #[test]
    fn a_steady_series_keeps_everything() {
        assert_eq!(mser5(&[7.0; 100]), 0);
    }

    #[test]
    fn too_short_a_series_keeps_everything() {
        assert_eq!(mser5(&[]), 0);
        assert_eq!(mser5(&[100.0, 1.0, 1.0, 1.0, 1.0, 1.0]), 0);
    }

    #[test]
    fn a_transient_is_cut_and_no_more() {
        let series: Vec<f64> = (0..200)
            .map(|i| {
                if i < 30 {
                    100.0 - f64::from(i)
                } else {
                    10.0 + f64::from(i % 5)
                }
            })
            .collect();
        assert_eq!(mser5(&series), 30);
    }

    #[test]
    fn a_run_that_never_settles_loses_half() {
        let series: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(mser5(&series), 50);
    }

    proptest! {
        /// The one-pass formula agrees with the definition.
        #[test]
        fn agrees_with_the_definition(series in prop::collection::vec(0..1_000_u32, 10..120)) {
            let series: Vec<f64> = series.into_iter().map(f64::from).collect();
            let batches: Vec<f64> =
                series.chunks_exact(5).map(|batch| batch.iter().sum::<f64>() / 5.0).collect();
            let error = |cut: usize| {
                let rest = &batches[cut..];
                let mean = rest.iter().sum::<f64>() / rest.len() as f64;
                let squares: f64 = rest.iter().map(|value| (value - mean).powi(2)).sum();
                squares / (rest.len() as f64).powi(2)
            };
            let cut = mser5(&series) / 5;
            let least = (0..=batches.len() / 2).map(error).fold(f64::INFINITY, f64::min);
            prop_assert!(error(cut) <= least * (1.0 + 1e-9) + 1e-9);
        }
    }
}

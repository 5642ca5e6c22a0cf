//! How a value changes over simulated time.

use serde::{Deserialize, Serialize};

use crate::time::{SimDuration, SimTime};

/// Values over time, as a count and a sum for each bin of equal width.
///
/// Memory is bounded: when the bins run out, pairs of them are joined and the width doubles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    bin: SimDuration,
    max_bins: usize,
    bins: Vec<SeriesBin>,
}

/// The values of one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesBin {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl SeriesBin {
    /// The mean value.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

impl Series {
    /// An empty series with bins of this width to begin with, and at most so many of them.
    ///
    /// # Panics
    /// If the width is zero, or there are fewer than two bins.
    #[must_use]
    pub fn new(bin: SimDuration, max_bins: usize) -> Self {
        assert!(!bin.is_zero(), "a bin has a width");
        assert!(max_bins >= 2, "a series needs two bins");
        Self {
            bin,
            max_bins,
            bins: Vec::new(),
        }
    }

    /// Records a value at an instant.
    ///
    /// # Panics
    /// If the values of a bin sum to more than 64 bits.
    pub fn record(&mut self, at: SimTime, value: u64) {
        let mut index = at.as_ps() / self.bin.as_ps();
        while index >= self.max_bins as u64 {
            self.coarsen();
            index = at.as_ps() / self.bin.as_ps();
        }
        let index = usize::try_from(index).expect("below the number of bins");
        if index >= self.bins.len() {
            self.bins.resize(index + 1, SeriesBin::default());
        }
        let bin = &mut self.bins[index];
        bin.count += 1;
        bin.sum = bin.sum.checked_add(value).expect("a sum beyond 64 bits");
    }

    /// Joins pairs of bins.
    fn coarsen(&mut self) {
        let joined = self.bins.chunks(2).map(|pair| SeriesBin {
            count: pair.iter().map(|bin| bin.count).sum(),
            sum: pair.iter().map(|bin| bin.sum).sum(),
        });
        self.bins = joined.collect();
        self.bin = SimDuration::from_ps(self.bin.as_ps().saturating_mul(2));
    }

    /// The width of a bin by now.
    #[must_use]
    pub const fn bin(&self) -> SimDuration {
        self.bin
    }

    /// The bins from time zero to the last value, empty ones included, each with its start.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SimTime, SeriesBin)> + '_ {
        let width = self.bin.as_ps();
        self.bins
            .iter()
            .enumerate()
            .map(move |(index, bin)| (SimTime::from_ps(index as u64 * width), *bin))
    }
}

#[cfg(test)]
mod tests {
    use super::{Series, SeriesBin};
    use crate::time::{SimDuration, SimTime};
    use proptest::prelude::*;

    fn ps(at: u64) -> SimTime {
        SimTime::from_ps(at)
    }

    #[test]
    fn values_fall_into_the_bin_of_their_time() {
        let mut series = Series::new(SimDuration::from_ps(10), 8);
        series.record(ps(0), 1);
        series.record(ps(9), 3);
        series.record(ps(20), 5);
        let bin = |count, sum| SeriesBin { count, sum };
        assert_eq!(
            series.iter().collect::<Vec<_>>(),
            [(ps(0), bin(2, 4)), (ps(10), bin(0, 0)), (ps(20), bin(1, 5))]
        );
        assert_eq!((bin(2, 4).mean(), bin(0, 0).mean()), (Some(2.0), None));
    }

    #[test]
    fn a_longer_run_has_wider_bins_and_not_more() {
        let mut series = Series::new(SimDuration::from_ps(10), 4);
        for at in 0..1_000 {
            series.record(ps(at), 1);
        }
        assert_eq!(series.bin(), SimDuration::from_ps(320));
        assert_eq!(
            series.iter().map(|(_, bin)| bin.count).collect::<Vec<_>>(),
            [320, 320, 320, 40]
        );
        series.record(SimTime::MAX, 1);
        assert!(series.iter().len() <= 4);
    }

    proptest! {
        /// The bins do not depend on the order in which values come.
        #[test]
        fn order_does_not_matter(
            values in prop::collection::vec((0..10_000_u64, 0..100_u64), 1..100)
        ) {
            let of = |values: &[(u64, u64)]| {
                let mut series = Series::new(SimDuration::from_ps(7), 5);
                values.iter().for_each(|&(at, value)| series.record(ps(at), value));
                series
            };
            let mut sorted = values.clone();
            sorted.sort_unstable();
            prop_assert_eq!(of(&values), of(&sorted));
        }
    }
}

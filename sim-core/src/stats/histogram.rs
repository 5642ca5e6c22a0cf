//! Latency histograms.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::SimDuration;

/// A histogram of durations from 1 ns to 100 s with three significant digits (HDR histogram, Gil
/// Tene): every value is kept within 0.1 %, memory is bounded, and merging is exact, so a
/// percentile of merged histograms is that of all values together.
///
/// Durations are rounded to the nearest nanosecond. Longer ones than 100 s are recorded as 100 s and
/// counted by [`saturated`](Self::saturated). Minimum, maximum and mean are exact to the
/// nanosecond.
///
/// ```
/// use sim_core::{Histogram, SimDuration};
///
/// let mut latency = Histogram::new();
/// for us in 1..=1_000 {
///     latency.record(SimDuration::from_us(us));
/// }
/// assert_eq!(latency.value_at(0.5), Some(500_223)); // 500 us, within 0.1 % and never below
/// assert_eq!(latency.mean(), Some(500_500.0));
/// assert!(latency.percentile_supported(0.99) && !latency.percentile_supported(0.999));
/// ```
#[derive(Clone)]
pub struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
    /// Sum of the recorded nanoseconds.
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    saturated: u64,
}

/// The largest value: 100 s.
const MAX_NS: u64 = 100_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;
/// Samples that must lie beyond a percentile before it means anything.
const SAMPLES_BEYOND: u64 = 10;

impl Histogram {
    /// An empty histogram. It grows with the largest value, up to 220 KiB.
    ///
    /// # Panics
    /// Never: the bounds are constants.
    #[must_use]
    pub fn new() -> Self {
        let mut counts = hdrhistogram::Histogram::new_with_bounds(1, 2, SIGNIFICANT_DIGITS)
            .expect("three digits from 1 to 2 are valid bounds");
        counts.auto(true);
        Self {
            counts,
            sum_ns: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            saturated: 0,
        }
    }

    /// Records a duration.
    #[inline]
    pub fn record(&mut self, duration: SimDuration) {
        self.record_n(duration, 1);
    }

    /// Records a duration as often as `count` says.
    ///
    /// # Panics
    /// If all durations together exceed 584 years.
    #[inline]
    pub fn record_n(&mut self, duration: SimDuration, count: u64) {
        let ns = (duration.as_ns()) + u64::from(duration.as_ps() % 1_000 >= 500);
        if ns > MAX_NS {
            self.saturated += count;
        }
        self.record_ns(ns.min(MAX_NS), count);
    }

    fn record_ns(&mut self, ns: u64, count: u64) {
        if count == 0 {
            return;
        }
        self.counts
            .record_n(ns, count)
            .expect("grows up to 100 s, and values are below");
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        let sum = ns
            .checked_mul(count)
            .and_then(|sum| self.sum_ns.checked_add(sum));
        self.sum_ns = sum.expect("durations of more than 584 years in all");
    }

    /// Records everything that another histogram has recorded. The result does not depend on the
    /// order in which histograms are merged.
    ///
    /// # Panics
    /// If all durations together exceed 584 years.
    pub fn merge(&mut self, other: &Self) {
        self.counts
            .add(&other.counts)
            .expect("grows, and both have three digits");
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.saturated += other.saturated;
        self.sum_ns = self
            .sum_ns
            .checked_add(other.sum_ns)
            .expect("durations of more than 584 years in all");
    }

    /// How many durations were recorded.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.counts.len()
    }

    /// Whether none was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many durations were longer than 100 s, so that percentiles among them, the maximum and
    /// the mean are lower bounds.
    #[must_use]
    pub const fn saturated(&self) -> u64 {
        self.saturated
    }

    /// The `q` quantile in ns, nothing without samples: the least value such that at least the
    /// share `q` of the samples is at or below it.
    ///
    /// Values closer together than 0.1 % share a bin. What is returned is the **highest** value of
    /// the bin (as HdrHistogram does), but no more than the exact maximum: never below the true
    /// quantile, and above it by less than 0.1 %.
    ///
    /// # Panics
    /// If `q` is not between 0 and 1.
    #[must_use]
    pub fn value_at(&self, q: f64) -> Option<u64> {
        assert!(
            (0.0..=1.0).contains(&q),
            "a quantile is between 0 and 1: {q}"
        );
        if self.is_empty() {
            return None;
        }
        let bin = self.counts.value_at_quantile(q);
        Some(
            self.counts
                .highest_equivalent(bin)
                .clamp(self.min_ns, self.max_ns),
        )
    }

    /// Whether at least ten samples lie beyond the `q` quantile. With fewer, it is the tale of a
    /// few outliers, and reports leave it out.
    #[must_use]
    pub fn percentile_supported(&self, q: f64) -> bool {
        // A hair of tolerance, so that 0.99 of 1000 samples leaves ten and not 9.999...
        self.len() as f64 * (1.0 - q) + 1e-6 >= SAMPLES_BEYOND as f64
    }

    /// The mean in ns.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum_ns as f64 / self.len() as f64)
    }

    /// The longest duration in ns.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max_ns)
    }

    /// The shortest duration in ns.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min_ns)
    }

    /// Whether what is kept apart from the bins can be true of them.
    fn is_consistent(&self) -> bool {
        let (mut bins, counts) = (self.counts.iter_recorded(), &self.counts);
        let Some(first) = bins.next() else {
            return (self.min_ns, self.max_ns) == (u64::MAX, 0) && self.saturated == 0;
        };
        let (first, last) = (first.value_iterated_to(), counts.max());
        counts.equivalent(first, self.min_ns)
            && counts.equivalent(last, self.max_ns)
            && self.min_ns <= self.max_ns
            && (self.saturated == 0 || self.max_ns == MAX_NS && self.saturated <= self.len())
    }

    /// Every bin that holds samples, in ascending order: the highest ns of the bin, though
    /// no more than the maximum, and its count.
    pub fn iter_recorded(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts.iter_recorded().map(|bin| {
            (
                bin.value_iterated_to().min(self.max_ns),
                bin.count_at_value(),
            )
        })
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        // Not `counts == counts`, which compares how far each has grown.
        (self.sum_ns, self.min_ns, self.max_ns, self.saturated)
            == (other.sum_ns, other.min_ns, other.max_ns, other.saturated)
            && self.iter_recorded().eq(other.iter_recorded())
    }
}

impl Eq for Histogram {}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("len", &self.len())
            .field("min_ns", &self.min())
            .field("p50_ns", &self.value_at(0.5))
            .field("p99_ns", &self.value_at(0.99))
            .field("max_ns", &self.max())
            .field("saturated", &self.saturated)
            .finish()
    }
}

/// The text form: what cannot be had from the bins, and the bins.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[serde(default, skip_serializing_if = "is_zero")]
    saturated: u64,
    /// Nothing recorded: absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exact: Option<Exact>,
    /// (value in ns, count), ascending.
    bins: Vec<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exact {
    min_ns: u64,
    max_ns: u64,
    sum_ns: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored {
            saturated: self.saturated,
            exact: (!self.is_empty()).then_some(Exact {
                min_ns: self.min_ns,
                max_ns: self.max_ns,
                sum_ns: self.sum_ns,
            }),
            bins: self.iter_recorded().collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let mut histogram = Self::new();
        for (ns, count) in stored.bins {
            if count == 0 {
                return Err(D::Error::custom("a bin of a histogram without a sample"));
            }
            // The highest value of the last bin lies above 100 s.
            histogram
                .counts
                .record_n(ns.min(MAX_NS), count)
                .map_err(D::Error::custom)?;
        }
        histogram.saturated = stored.saturated;
        if let Some(exact) = stored.exact {
            histogram.min_ns = exact.min_ns;
            histogram.max_ns = exact.max_ns;
            histogram.sum_ns = exact.sum_ns;
        }
        if histogram.is_consistent() {
            Ok(histogram)
        } else {
            Err(D::Error::custom(
                "minimum, maximum and bins of a histogram contradict each other",
            ))
        }
    }
}

#[cfg(test)]
mod tests;

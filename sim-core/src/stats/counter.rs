//! Things that happened, and how much they amounted to.

use serde::{Deserialize, Serialize};

/// A number of events and the sum of their amounts: packets and bytes, passes and picoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// How many.
    pub count: u64,
    /// How much in all.
    pub total: u64,
}

impl Counter {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: 0, total: 0 }
    }

    /// One more, of no amount.
    #[inline]
    pub const fn inc(&mut self) {
        self.count += 1;
    }

    /// One more, of this amount.
    ///
    /// # Panics
    /// If the total does not fit 64 bits.
    #[inline]
    pub fn add(&mut self, amount: u64) {
        self.count += 1;
        self.total = self
            .total
            .checked_add(amount)
            .expect("a total beyond 64 bits");
    }

    /// All of another counter too.
    ///
    /// # Panics
    /// If the total does not fit 64 bits.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.total = self
            .total
            .checked_add(other.total)
            .expect("a total beyond 64 bits");
    }

    /// What has come since an earlier copy of this counter.
    ///
    /// # Panics
    /// If the copy is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        let less = |now: u64, then: u64| now.checked_sub(then).expect("an earlier count");
        Self {
            count: less(self.count, earlier.count),
            total: less(self.total, earlier.total),
        }
    }

    /// The mean amount.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total as f64 / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn counts_and_sums() {
        let mut counter = Counter::new();
        assert_eq!(counter.mean(), None);
        counter.add(10);
        let earlier = counter;
        counter.add(20);
        counter.inc();
        assert_eq!(
            (counter.count, counter.total, counter.mean()),
            (3, 30, Some(10.0))
        );
        assert_eq!(
            counter.since(earlier),
            Counter {
                count: 2,
                total: 20
            }
        );
        counter.merge(earlier);
        assert_eq!(
            counter,
            Counter {
                count: 4,
                total: 40
            }
        );
    }
}

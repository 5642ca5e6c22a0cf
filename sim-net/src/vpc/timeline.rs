//! What holds from when on, where rules come and go during a run.

use sim_core::SimTime;

use super::plan::Lifetime;

/// One value for each stretch of time in which no rule comes or goes.
#[derive(Clone, Debug)]
pub(super) struct Timeline<T> {
    /// When each value but the first begins to hold, ascending.
    starts: Box<[SimTime]>,
    values: Box<[T]>,
}

impl<T> Timeline<T> {
    /// The values that `make` gives for the start of each stretch between the ends of `lifetimes`.
    pub(super) fn new(
        lifetimes: impl IntoIterator<Item = Lifetime>,
        make: impl FnMut(SimTime) -> T,
    ) -> Self {
        let mut starts: Vec<_> = lifetimes
            .into_iter()
            .flat_map(|lifetime| [lifetime.from, lifetime.until])
            .filter(|at| (SimTime::ZERO.as_ps() + 1..u64::MAX).contains(&at.as_ps()))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        let values = std::iter::once(SimTime::ZERO)
            .chain(starts.iter().copied())
            .map(make)
            .collect();
        Self {
            starts: starts.into(),
            values,
        }
    }

    /// What holds at `now`.
    pub(super) fn at(&self, now: SimTime) -> &T {
        &self.values[self.index(now)]
    }

    /// Every value.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    fn index(&self, now: SimTime) -> usize {
        if self.starts.is_empty() {
            return 0;
        }
        self.starts.partition_point(|start| *start <= now)
    }
}

#[cfg(test)]
mod tests {
    use sim_core::SimDuration;

    use super::*;

    fn ms(ms: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_ms(ms)
    }

    #[test]
    fn a_value_holds_from_its_start_up_to_the_next() {
        let lifetimes = [
            Lifetime::ALWAYS,
            Lifetime {
                from: ms(5),
                until: ms(9),
            },
        ];
        let line = Timeline::new(lifetimes, |at| at);
        let held = |at| *line.at(ms(at));
        assert_eq!([0, 4, 5, 8, 9, 99].map(held), [0, 0, 5, 5, 9, 9].map(ms));
        assert_eq!(line.values().len(), 3);
    }

    #[test]
    fn what_is_always_there_makes_one_value() {
        let line = Timeline::new([Lifetime::ALWAYS; 3], |at| at);
        assert_eq!(line.values(), [SimTime::ZERO]);
    }
}

//! Capacity provider strategies: how a service's tasks are divided among groups of instances.

/// The part of one capacity provider.
///
/// Source: Amazon ECS API, `CapacityProviderStrategyItem` (specified). Managed scaling is not
/// simulated: a provider has the instances that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The provider's name.
    pub provider: String,
    /// Tasks that go to it before any others are divided, 0 to 100,000.
    pub base: u32,
    /// Its part of the other tasks, relative to the weights of the rest, 0 to 1000.
    pub weight: u32,
}

/// The share that takes the next task, where each has taken `counts` so far: the base first, then
/// whichever is furthest behind its weight, the first among equals (the order is assumed). `None`
/// without shares.
pub(super) fn next(shares: &[Share], counts: &mut Vec<u32>) -> Option<usize> {
    counts.resize(shares.len(), 0);
    let based = (0..shares.len()).find(|&index| counts[index] < shares[index].base);
    let behind = || {
        let weighted = (0..shares.len()).filter(|&index| shares[index].weight > 0);
        // Tasks beyond the base, the next one included, over the weight: the smaller is behind.
        let part = |index: usize| u64::from(counts[index] - shares[index].base) + 1;
        weighted.min_by(|&a, &b| {
            let (a_weight, b_weight) = (shares[a].weight, shares[b].weight);
            (part(a) * u64::from(b_weight)).cmp(&(part(b) * u64::from(a_weight)))
        })
    };
    based.or_else(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(shares: &[(u32, u32)], tasks: u32) -> Vec<u32> {
        let shares: Vec<_> = shares
            .iter()
            .map(|&(base, weight)| Share {
                provider: String::new(),
                base,
                weight,
            })
            .collect();
        let mut counts = Vec::new();
        for _ in 0..tasks {
            let index = next(&shares, &mut counts).unwrap();
            counts[index] += 1;
        }
        counts
    }

    #[test]
    fn the_base_comes_first_and_weights_divide_the_rest() {
        assert_eq!(divided(&[(0, 1), (0, 1)], 4), [2, 2]);
        assert_eq!(divided(&[(0, 1), (0, 4)], 10), [2, 8]);
        assert_eq!(divided(&[(3, 1), (0, 1)], 3), [3, 0]);
        assert_eq!(divided(&[(3, 1), (0, 1)], 7), [5, 2]);
        assert_eq!(divided(&[(2, 0), (0, 1)], 5), [2, 3]);
        assert_eq!(next(&[], &mut Vec::new()), None);
    }
}

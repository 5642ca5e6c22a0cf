//! Which partition has something to do, and when.

use crate::time::SimTime;

/// The next event time of every partition, as an indexed binary heap: an idle partition costs
/// nothing, however many there are.
#[derive(Debug)]
pub(crate) struct Agenda {
    /// Partitions, heap-ordered by (time, index).
    heap: Vec<Entry>,
    /// Where in the heap each partition is.
    position: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// [`SimTime::MAX`] if nothing is pending.
    at: SimTime,
    partition: u32,
}

impl Agenda {
    /// So many partitions, none of which has anything to do.
    pub(crate) fn new(partitions: u32) -> Self {
        Self {
            heap: (0..partitions)
                .map(|partition| Entry {
                    at: SimTime::MAX,
                    partition,
                })
                .collect(),
            position: (0..partitions).collect(),
        }
    }

    /// The earliest time at which a partition has something to do.
    pub(crate) fn next(&self) -> SimTime {
        self.heap.first().map_or(SimTime::MAX, |entry| entry.at)
    }

    /// Notes the next event time of a partition.
    pub(crate) fn set(&mut self, partition: u32, at: SimTime) {
        let hole = self.position[partition as usize] as usize;
        let old = self.heap[hole].at;
        let entry = Entry { at, partition };
        if at < old {
            self.sift_up(hole, entry);
        } else if at > old {
            self.sift_down(hole, entry);
        }
    }

    /// Lists the partitions that have something to do before `end`, in no particular but always
    /// the same order. Looks at no more than two other partitions for each of them.
    pub(crate) fn due(&self, end: SimTime, due: &mut Vec<u32>) {
        due.clear();
        // The list doubles as the worklist of heap positions, which are replaced one by one.
        if self.next() < end {
            due.push(0);
        }
        let mut done = 0;
        while done < due.len() {
            let at = due[done];
            due[done] = self.heap[at as usize].partition;
            done += 1;
            for child in [2 * at + 1, 2 * at + 2] {
                if self
                    .heap
                    .get(child as usize)
                    .is_some_and(|entry| entry.at < end)
                {
                    due.push(child);
                }
            }
        }
    }

    fn put(&mut self, hole: usize, entry: Entry) {
        self.heap[hole] = entry;
        self.position[entry.partition as usize] =
            u32::try_from(hole).expect("as many as partitions");
    }

    fn sift_up(&mut self, mut hole: usize, entry: Entry) {
        while hole > 0 {
            let parent = (hole - 1) / 2;
            if self.heap[parent] < entry {
                break;
            }
            self.put(hole, self.heap[parent]);
            hole = parent;
        }
        self.put(hole, entry);
    }

    fn sift_down(&mut self, mut hole: usize, entry: Entry) {
        loop {
            let left = 2 * hole + 1;
            let Some(&first) = self.heap.get(left) else {
                break;
            };
            let (child, least) = match self.heap.get(left + 1) {
                Some(&second) if second < first => (left + 1, second),
                _ => (left, first),
            };
            if entry < least {
                break;
            }
            self.put(hole, least);
            hole = child;
        }
        self.put(hole, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::Agenda;
    use crate::time::SimTime;
    use proptest::prelude::*;

    #[test]
    fn an_empty_agenda_has_nothing_to_do() {
        assert_eq!(Agenda::new(0).next(), SimTime::MAX);
        assert_eq!(Agenda::new(3).next(), SimTime::MAX);
    }

    proptest! {
        #[test]
        fn lists_exactly_the_due_partitions(
            count in 1..40_u32,
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..100_u64), 0..200),
            end in 0..110_u64,
        ) {
            let mut agenda = Agenda::new(count);
            let mut reference = vec![SimTime::MAX; count as usize];
            for (partition, at) in changes {
                let partition = partition.index(count as usize);
                let at = if at == 99 { SimTime::MAX } else { SimTime::from_ps(at) };
                agenda.set(u32::try_from(partition).unwrap(), at);
                reference[partition] = at;
                prop_assert_eq!(agenda.next(), *reference.iter().min().unwrap());
            }
            let end = SimTime::from_ps(end);
            let mut due = Vec::new();
            agenda.due(end, &mut due);
            due.sort_unstable();
            let expected: Vec<u32> =
                (0..count).filter(|&partition| reference[partition as usize] < end).collect();
            prop_assert_eq!(due, expected);
        }
    }
}

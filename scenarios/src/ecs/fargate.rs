//! The sizes that a Fargate task can have.

use std::fmt;

/// CPU and memory of a Fargate task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FargateSize {
    /// CPU units; 1024 are one vCPU.
    pub cpu: u32,
    /// Memory, in MiB.
    pub memory: u32,
}

impl fmt::Display for FargateSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU units with {} MiB", self.cpu, self.memory)
    }
}

/// The memory that goes with a number of CPU units: from, to and step in MiB.
#[derive(Clone, Copy, Debug)]
struct Row {
    cpu: u32,
    least: u32,
    most: u32,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Every multiple of this many MiB between the bounds.
    By(u32),
    /// Each value is twice the one before.
    Doubling,
}

/// Source: Amazon ECS API, `memory` of `RegisterTaskDefinition` (specified).
const ROWS: [Row; 7] = [
    Row {
        cpu: 256,
        least: 512,
        most: 2048,
        step: Step::Doubling,
    },
    Row {
        cpu: 512,
        least: 1024,
        most: 4096,
        step: Step::By(1024),
    },
    Row {
        cpu: 1024,
        least: 2048,
        most: 8192,
        step: Step::By(1024),
    },
    Row {
        cpu: 2048,
        least: 4096,
        most: 16_384,
        step: Step::By(1024),
    },
    Row {
        cpu: 4096,
        least: 8192,
        most: 30_720,
        step: Step::By(1024),
    },
    Row {
        cpu: 8192,
        least: 16_384,
        most: 61_440,
        step: Step::By(4096),
    },
    Row {
        cpu: 16_384,
        least: 32_768,
        most: 122_880,
        step: Step::By(8192),
    },
];

impl FargateSize {
    /// Every size there is, small to large.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut sizes = Vec::new();
        for row in ROWS {
            let mut memory = row.least;
            while memory <= row.most {
                sizes.push(Self {
                    cpu: row.cpu,
                    memory,
                });
                memory += match row.step {
                    Step::By(step) => step,
                    Step::Doubling => memory,
                };
            }
        }
        sizes
    }

    /// Whether Fargate offers this size.
    #[must_use]
    pub fn is_offered(self) -> bool {
        Self::all().contains(&self)
    }

    /// The smallest size that holds this much of both; the largest there is if none does.
    #[must_use]
    pub fn nearest(self) -> Self {
        let all = Self::all();
        let holds = |size: &&Self| size.cpu >= self.cpu && size.memory >= self.memory;
        let largest = Self {
            cpu: 16_384,
            memory: 122_880,
        };
        all.iter().find(holds).copied().unwrap_or(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(cpu: u32, memory: u32) -> FargateSize {
        FargateSize { cpu, memory }
    }

    #[test]
    fn the_table_has_the_rows_of_the_api() {
        let memories = |cpu| -> Vec<u32> {
            FargateSize::all()
                .iter()
                .filter(|s| s.cpu == cpu)
                .map(|s| s.memory)
                .collect()
        };
        assert_eq!(memories(256), [512, 1024, 2048]);
        assert_eq!(memories(512), [1024, 2048, 3072, 4096]);
        assert_eq!(memories(1024).len(), 7);
        assert_eq!(memories(2048).len(), 13);
        assert_eq!(memories(4096).len(), 23);
        assert_eq!(memories(8192).len(), 12);
        assert_eq!(memories(16_384).len(), 12);
        assert_eq!(FargateSize::all().len(), 74);
    }

    #[test]
    fn the_nearest_size_holds_what_was_asked_for() {
        assert_eq!(size(256, 512).nearest(), size(256, 512));
        assert_eq!(size(512, 512).nearest(), size(512, 1024));
        assert_eq!(size(300, 900).nearest(), size(512, 1024));
        assert_eq!(size(256, 4096).nearest(), size(512, 4096));
        assert_eq!(size(8192, 16_385).nearest(), size(8192, 20_480));
        assert_eq!(size(99_999, 1).nearest(), size(16_384, 122_880));
        for size in FargateSize::all() {
            assert!(size.is_offered());
            assert_eq!(size.nearest(), size);
        }
        assert!(!size(256, 3072).is_offered());
    }
}

//! Network bandwidth of Fargate task sizes.
//!
//! AWS publishes none. The table is one person's measurement with iperf3 (see
//! [`defaults`](super::defaults)), so that the values are payload, not frames, and of one region
//! and date. A size that was not measured takes the row with the most memory, then the most vCPU,
//! among those that have at most its memory and at most its vCPU: the measurement shows that
//! bandwidth follows memory as well as vCPU.

use std::borrow::Cow;

use sim_core::DataRate;

use super::defaults::{Class, Constant, FARGATE, FARGATE_SOURCE, FargateRow};

/// Bandwidth of a Fargate task, each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FargateBandwidth {
    /// CPU units of the size that was measured (1024 are one vCPU).
    pub cpu_units: u32,
    /// Its memory, in MiB.
    pub memory_mib: u32,
    /// Whether the size that was asked for is the one that was measured.
    pub exact: bool,
    /// Rate without credits.
    pub baseline: DataRate,
    /// Rate while credits last.
    pub burst: DataRate,
    /// Capacity of the credit bucket: (burst − baseline) × measured length of the burst, in bits.
    pub bucket_bits: u64,
    burst_s: u64,
}

/// The bandwidth of a task of `cpu_units` and `memory_mib`. Whether Fargate offers that size is not
/// asked here; a size below the smallest measured one takes the smallest.
#[must_use]
pub fn bandwidth(cpu_units: u32, memory_mib: u32) -> FargateBandwidth {
    let row = FARGATE
        .iter()
        .rfind(|row| row.cpu_units <= cpu_units && row.memory_mib <= memory_mib)
        .unwrap_or(&FARGATE[0]);
    let FargateRow {
        baseline_mbps,
        burst_mbps,
        burst_s,
        ..
    } = *row;
    FargateBandwidth {
        cpu_units: row.cpu_units,
        memory_mib: row.memory_mib,
        exact: (row.cpu_units, row.memory_mib) == (cpu_units, memory_mib),
        baseline: DataRate::from_mbps(baseline_mbps),
        burst: DataRate::from_mbps(burst_mbps),
        bucket_bits: (burst_mbps - baseline_mbps) * 1_000_000 * burst_s,
        burst_s,
    }
}

impl FargateBandwidth {
    /// The numbers behind it, for a report.
    #[must_use]
    pub fn constants(&self) -> [Constant; 3] {
        let size = format!("fargate.{}cpu.{}mib", self.cpu_units, self.memory_mib);
        let constant = |what: &str, value, unit| Constant {
            name: Cow::Owned(format!("{size}.{what}")),
            value,
            unit,
            source: FARGATE_SOURCE,
            class: Class::ThirdParty,
        };
        [
            constant("baseline", self.baseline.bps(), "bit/s"),
            constant("burst", self.burst.bps(), "bit/s"),
            constant("burst_time", self.burst_s, "s"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_that_the_search_needs() {
        assert!(FARGATE.is_sorted_by_key(|row| (row.memory_mib, row.cpu_units)));
    }

    #[test]
    fn a_measured_size_has_its_own_row() {
        for row in FARGATE {
            let got = bandwidth(row.cpu_units, row.memory_mib);
            assert!(got.exact);
            assert_eq!(got.baseline.bps(), row.baseline_mbps * 1_000_000);
            assert!(got.burst > got.baseline);
        }
        let quarter = bandwidth(256, 512);
        assert_eq!(quarter.bucket_bits, 1_701_910_000_000);
        assert_eq!(
            quarter.constants()[0].name,
            "fargate.256cpu.512mib.baseline"
        );
    }

    #[test]
    fn other_sizes_take_the_nearest_measured_one_below() {
        let of = |cpu, memory| {
            let b = bandwidth(cpu, memory);
            assert!(!b.exact);
            (b.cpu_units, b.memory_mib)
        };
        assert_eq!(
            of(256, 2_048),
            (256, 1_024),
            "no row with more memory has so little vCPU"
        );
        assert_eq!(of(512, 1_024), (256, 1_024));
        assert_eq!(of(1_024, 3_072), (1_024, 2_048));
        assert_eq!(of(2_048, 5_120), (2_048, 4_096));
        assert_eq!(of(2_048, 8_192), (1_024, 8_192));
        assert_eq!(of(8_192, 16_384), (2_048, 16_384));
        assert_eq!(of(16_384, 122_880), (4_096, 30_720));
        assert_eq!(of(128, 256), (256, 512), "below the table");
    }

    #[test]
    fn more_memory_never_means_less_bandwidth() {
        for cpu in [256, 512, 1_024, 2_048, 4_096, 8_192, 16_384] {
            let rates: Vec<_> = (1..=120)
                .map(|gb| bandwidth(cpu, gb * 1_024).baseline)
                .collect();
            assert!(rates.is_sorted(), "{cpu}");
        }
    }
}

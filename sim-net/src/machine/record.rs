//! What workloads leave behind on a machine. There is no record where nothing was recorded: most
//! machines of a large world see one or two of its workloads.

use std::net::Ipv4Addr;

use sim_core::{Digest, Histogram, SimDuration, SimTime};

use super::account::ErrorKind;
use crate::ids::FlowTag;

/// Bins of the series of a run.
const BINS: usize = 100;

/// Latencies that are kept one by one: a histogram takes as much memory as a few thousand.
const FEW: usize = 512;

/// When a world measures, and how its time is divided.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interval {
    start: SimTime,
    end: SimTime,
    bin: SimDuration,
}

impl Interval {
    /// `[start, end)` of a run that lasts until `stop`.
    #[must_use]
    pub fn new(start: SimTime, end: SimTime, stop: SimTime) -> Self {
        let bin = SimDuration::from_ps((stop.as_ps() / BINS as u64).max(1));
        Self { start, end, bin }
    }
}

/// Latencies, as a list while they are few.
#[derive(Clone, Debug, Default)]
struct Latency {
    few: Vec<SimDuration>,
    many: Option<Box<Histogram>>,
}

impl Latency {
    fn record(&mut self, latency: SimDuration) {
        match &mut self.many {
            Some(many) => many.record(latency),
            None if self.few.len() < FEW => self.few.push(latency),
            None => {
                let mut many = self.histogram();
                many.record(latency);
                self.many = Some(Box::new(many));
                self.few = Vec::new();
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        other.few.iter().for_each(|&latency| self.record(latency));
        if let Some(theirs) = &other.many {
            let mut mine = self.histogram();
            mine.merge(theirs);
            self.many = Some(Box::new(mine));
            self.few = Vec::new();
        }
    }

    fn histogram(&self) -> Histogram {
        let mut all = match &self.many {
            Some(many) => (**many).clone(),
            None => Histogram::new(),
        };
        self.few.iter().for_each(|&latency| all.record(latency));
        all
    }
}

/// The records of a machine, by [`FlowTag`].
#[derive(Clone, Debug, Default)]
pub struct Records {
    interval: Interval,
    tags: usize,
    made: Vec<Option<Box<WorkloadRecord>>>,
}

impl Records {
    /// Room for the records of `tags` workloads.
    #[must_use]
    pub fn new(interval: Interval, tags: usize) -> Self {
        Self {
            interval,
            tags,
            made: Vec::new(),
        }
    }

    /// How many workloads may have a record.
    #[must_use]
    pub fn tags(&self) -> usize {
        self.tags
    }

    /// The record of a workload, empty if there was none.
    pub fn get_mut(&mut self, tag: FlowTag) -> Option<&mut WorkloadRecord> {
        let index = tag.index();
        if index >= self.tags {
            return None;
        }
        if index >= self.made.len() {
            self.made.resize(index + 1, None);
        }
        let blank = || Box::new(WorkloadRecord::new(self.interval));
        Some(self.made[index].get_or_insert_with(blank))
    }

    /// Adds what another machine has recorded.
    pub fn merge(&mut self, other: &Self) {
        for (index, theirs) in other.made.iter().enumerate() {
            if let Some(theirs) = theirs
                && let Some(mine) = self.get_mut(FlowTag::new(index))
            {
                mine.merge(theirs);
            }
        }
    }
}

/// What one workload left behind on one machine.
#[derive(Clone, Debug)]
pub struct WorkloadRecord {
    interval: Interval,
    /// Latency of the requests that were due in the measured interval and answered.
    latency: Latency,
    /// Their sum, exactly.
    pub latency_total: SimDuration,
    /// How many those are.
    pub ok: u64,
    /// Requests that were due in the measured interval and failed, by [`ErrorKind`].
    pub errors: [u64; ErrorKind::ALL.len()],
    /// Payload octets that reached the receiving program in the measured interval.
    pub bytes: u64,
    /// Whether any payload ever arrived.
    pub reached: bool,
    /// The client's address as the server last saw it.
    pub source_seen: Option<Ipv4Addr>,
    /// Requests answered and the sum of their latencies in ns, by the bin of their due time; the
    /// warm-up included. It ends with the last bin that has any.
    pub series: Vec<(u64, u64)>,
    /// Digest of the set of due times, to show that modes share them.
    pub arrivals: u64,
}

impl WorkloadRecord {
    /// An empty record.
    #[must_use]
    pub fn new(interval: Interval) -> Self {
        Self {
            interval,
            latency: Latency::default(),
            latency_total: SimDuration::ZERO,
            ok: 0,
            errors: [0; ErrorKind::ALL.len()],
            bytes: 0,
            reached: false,
            source_seen: None,
            series: Vec::new(),
            arrivals: 0,
        }
    }

    /// Latency of the requests that were due in the measured interval and answered.
    #[must_use]
    pub fn latency(&self) -> Histogram {
        self.latency.histogram()
    }

    /// Length of a bin of the series.
    #[must_use]
    pub fn bin(&self) -> SimDuration {
        self.interval.bin
    }

    /// Whether `at` lies in the measured interval.
    #[must_use]
    pub fn measures(&self, at: SimTime) -> bool {
        self.interval.start <= at && at < self.interval.end
    }

    /// A request is due at `at`.
    pub fn due(&mut self, at: SimTime) {
        let mut digest = Digest::new();
        digest.update(at.as_ps());
        self.arrivals = self.arrivals.wrapping_add(digest.finish());
    }

    /// A request due at `due` was answered at `now`.
    pub fn answered(&mut self, due: SimTime, now: SimTime) {
        let latency = now.saturating_since(due);
        let bin = due.as_ps() / self.interval.bin.as_ps();
        if bin <= BINS as u64 {
            let (count, sum) = self.bin_of(usize::try_from(bin).unwrap_or(BINS));
            *count += 1;
            *sum += latency.as_ns();
        }
        if self.measures(due) {
            self.latency.record(latency);
            self.latency_total += latency;
            self.ok += 1;
        }
    }

    fn bin_of(&mut self, bin: usize) -> &mut (u64, u64) {
        if bin >= self.series.len() {
            self.series.resize(bin + 1, (0, 0));
        }
        &mut self.series[bin]
    }

    /// A request due at `due` failed.
    pub fn failed(&mut self, due: SimTime, kind: ErrorKind) {
        if self.measures(due) {
            self.errors[kind as usize] += 1;
        }
    }

    /// Payload reached a program at `now`.
    pub fn received(&mut self, now: SimTime, bytes: usize) {
        self.reached |= bytes > 0;
        if self.measures(now) {
            self.bytes += bytes as u64;
        }
    }

    /// Adds what another machine recorded for the same workload.
    pub fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.latency_total += other.latency_total;
        self.ok += other.ok;
        for (mine, theirs) in self.errors.iter_mut().zip(&other.errors) {
            *mine += theirs;
        }
        self.bytes += other.bytes;
        self.reached |= other.reached;
        self.source_seen = self.source_seen.or(other.source_seen);
        for (bin, theirs) in other.series.iter().enumerate() {
            let mine = self.bin_of(bin);
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
        self.arrivals = self.arrivals.wrapping_add(other.arrivals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_us(us)
    }

    /// Machines that have recorded so many latencies each, merged.
    fn merged(counts: &[u64]) -> WorkloadRecord {
        let interval = Interval::new(at(0), at(100_000), at(100_000));
        let mut all = WorkloadRecord::new(interval);
        for (machine, &count) in (0..).zip(counts) {
            let mut record = WorkloadRecord::new(interval);
            for n in 0..count {
                record.answered(at(n), at(n + 10 * (machine + 1)));
            }
            all.merge(&record);
        }
        all
    }

    #[test]
    fn few_latencies_and_many_make_the_same_histogram() {
        let most = FEW as u64;
        for counts in [
            &[3, 4][..],
            &[most, most + 1],
            &[most + 1, 2],
            &[2, most * 3],
        ] {
            let mut expected = Histogram::new();
            for (machine, &count) in (0..).zip(counts) {
                expected.record_n(SimDuration::from_us(10 * (machine + 1)), count);
            }
            let record = merged(counts);
            assert_eq!(record.latency(), expected, "{counts:?}");
            assert_eq!(record.ok, counts.iter().sum::<u64>());
        }
    }

    #[test]
    fn a_machine_has_records_of_what_it_saw_and_none_beyond_the_workloads() {
        let mut records = Records::new(Interval::new(at(0), at(1), at(1)), 3);
        assert!(records.get_mut(FlowTag::new(3)).is_none());
        records.get_mut(FlowTag::new(1)).unwrap().received(at(0), 7);
        assert_eq!(records.made.iter().flatten().count(), 1);
        let mut all = Records::new(Interval::new(at(0), at(1), at(1)), 3);
        all.merge(&records);
        all.merge(&records);
        assert_eq!(all.get_mut(FlowTag::new(1)).unwrap().bytes, 14);
        assert_eq!(all.made.iter().flatten().count(), 1);
    }
}

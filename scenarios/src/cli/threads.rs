//! How many threads share one run, and what is said where they do not.

use std::num::NonZero;

use reports::ThreadRecord;
use scenarios::run::threads_per_run;
use sim_core::ThreadUse;

use super::args::ThreadArgs;

/// Runs at once: as many as were asked for, else all cores.
pub(crate) fn jobs(asked: Option<u16>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    asked.map_or_else(cores, usize::from)
}

/// Threads of one run: as many as were asked for, else what so many runs leave idle.
pub(crate) fn per_run(args: &ThreadArgs, jobs: usize, runs: u64) -> usize {
    let idle = || threads_per_run(jobs, usize::try_from(runs).unwrap_or(usize::MAX));
    args.threads.map_or_else(idle, usize::from)
}

/// The record, with a note where threads were given and one has handled most events alone.
pub(crate) fn record(given: usize, used: &ThreadUse, events: u64) -> ThreadRecord {
    let ThreadUse {
        most,
        windows,
        shared_windows,
        shared_events,
        busiest_events,
    } = *used;
    let alone = events.saturating_sub(shared_events);
    let note = (given > 1 && alone > shared_events).then(|| {
        let each = events / windows.max(1);
        format!(
            "one thread handled {alone} of {events} events: {windows} windows of {each} events on \
             average, or their spread over machines, leave too little to share"
        )
    });
    ThreadRecord {
        given: given as u64,
        most: most as u64,
        windows,
        shared_windows,
        shared_events,
        busiest_events,
        note,
    }
}

/// Tells who asked for threads that they were not used.
pub(crate) fn say(args: &ThreadArgs, record: &ThreadRecord) {
    if let (Some(threads), Some(note)) = (args.threads, &record.note) {
        eprintln!("note: --threads {threads}: {note}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_were_not_used_are_noted() {
        let used = |shared_events| ThreadUse {
            most: 2,
            windows: 10,
            shared_windows: 5,
            shared_events,
            busiest_events: shared_events,
        };
        assert_eq!(record(1, &used(0), 100).note, None);
        assert_eq!(record(2, &used(50), 100).note, None);
        let note = record(2, &used(49), 100).note.unwrap_or_default();
        assert!(
            note.contains("51 of 100 events: 10 windows of 10"),
            "{note}"
        );
    }

    #[test]
    fn what_was_asked_for_counts_before_what_is_idle() {
        let asked = ThreadArgs { threads: Some(3) };
        assert_eq!(per_run(&asked, 2, 50), 3);
        assert_eq!(per_run(&ThreadArgs::default(), 8, 2), 4);
    }
}

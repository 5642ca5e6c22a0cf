//! Ctrl-C and termination: a flag that the engine polls, so that a run ends between two events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Takes over the signals and gives the flag that they set.
pub(crate) fn install() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let installed = ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed));
    if let Err(error) = installed {
        // Without a handler the signal ends the process at once; nothing else is lost.
        eprintln!("warning: cannot handle interrupts: {error}");
    }
    stop
}

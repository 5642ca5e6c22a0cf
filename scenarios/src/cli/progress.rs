//! Progress on standard error, only where somebody watches.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for this many runs; it draws nothing if standard error is no terminal or `quiet` is set.
pub(crate) fn bar(runs: u64, quiet: bool) -> ProgressBar {
    let visible = !quiet && io::stderr().is_terminal();
    let target = if visible {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(runs), target);
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {elapsed}, {eta} left {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    if visible {
        bar.enable_steady_tick(Duration::from_millis(250));
    }
    bar
}

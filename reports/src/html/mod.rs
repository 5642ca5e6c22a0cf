//! `report.html`: one self-contained file. No network, no script, no font of its own; light and dark;
//! prints.
//!
//! `view` and `workload` turn the results into rows of text, `charts` draws, and the template in
//! `templates/` puts both on a page. Everything a user wrote is escaped by the template (or by the
//! chart kit, for names inside charts).

mod charts;
mod isolation;
mod view;
mod workload;

use askama::Template;

use crate::record::Experiment;
use crate::results::Results;

/// Renders the report. `experiment` must be the one that `results` was made from: it holds the
/// histograms that the charts plot.
///
/// # Panics
/// Never in practice: the template writes to memory.
#[must_use]
pub fn render(experiment: &Experiment, results: &Results) -> String {
    view::Page::new(experiment, results)
        .render()
        .expect("a string takes all")
}

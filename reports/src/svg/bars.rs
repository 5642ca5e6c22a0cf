//! Horizontal bars with interval whiskers: one group per metric, one bar per mode.

use super::scale::Scale;
use super::{Anchor, Svg, WIDTH, shortened};
use crate::format;
use crate::results::{Estimate, Metric};

/// One mode's bar in every group.
pub(crate) struct Row {
    pub(crate) series: usize,
    pub(crate) name: String,
    /// One per metric, in the order of the chart's metrics.
    pub(crate) estimates: Vec<Option<Estimate>>,
    /// What stands there instead of a bar, such as `isolated`.
    pub(crate) instead: String,
}

const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 118.0;
const HEADING: f64 = 28.0;
const PITCH: f64 = 22.0;
const THICKNESS: f64 = 12.0;
const GROUP_GAP: f64 = 10.0;

/// Draws the groups; `None` if no mode has a number.
pub(crate) fn chart(id: &str, workload: &str, metrics: &[Metric], rows: &[Row]) -> Option<String> {
    let has_number = |r: &Row| r.estimates.iter().flatten().any(|e| e.estimate.is_some());
    if metrics.is_empty() || !rows.iter().any(has_number) {
        return None;
    }
    let group = HEADING + PITCH * rows.len() as f64 + GROUP_GAP;
    let names: Vec<&str> = metrics.iter().map(|m| m.label()).collect();
    let mut svg = Svg::new(
        id,
        group * metrics.len() as f64,
        &format!("{} by mode, {workload}", names.join(", ")),
        "One bar per mode from zero, with a whisker for the 95 % interval over replications. The \
         table of the workload holds the same numbers.",
    );
    for (number, metric) in metrics.iter().enumerate() {
        let top = group * number as f64;
        svg.text(
            "chart-heading",
            (0.0, top + 16.0),
            Anchor::Start,
            metric.label(),
        );
        let reach = |e: &Estimate| e.hi.or(e.estimate);
        let most = rows
            .iter()
            .filter_map(|r| reach(r.estimates[number].as_ref()?))
            .fold(0.0, f64::max);
        let x = Scale::from_zero(most, (LEFT, RIGHT));
        for (index, row) in rows.iter().enumerate() {
            let y = top + HEADING + PITCH * index as f64;
            bar(
                &mut svg,
                *metric,
                row,
                row.estimates[number].as_ref(),
                &x,
                y,
            );
        }
        let bottom = top + group - GROUP_GAP;
        svg.line("axis", (LEFT, top + HEADING - 4.0), (LEFT, bottom));
    }
    Some(svg.finish())
}

fn bar(svg: &mut Svg, metric: Metric, row: &Row, estimate: Option<&Estimate>, x: &Scale, top: f64) {
    let middle = top + THICKNESS / 2.0;
    let name = shortened(&row.name, 12);
    svg.text("bar-name", (LEFT - 10.0, middle + 4.0), Anchor::End, &name);
    let Some((estimate, value)) = estimate.and_then(|e| Some((e, e.estimate?))) else {
        let words = if row.instead.is_empty() {
            "withheld"
        } else {
            &row.instead
        };
        svg.text("bar-none", (LEFT + 8.0, middle + 4.0), Anchor::Start, words);
        return;
    };
    let length = (x.at(value) - LEFT).max(0.5);
    svg.rect(
        &format!("fill f{}", row.series),
        (LEFT, top),
        (length, THICKNESS),
        "",
    );
    let mut end = x.at(value);
    if let (Some(lo), Some(hi)) = (estimate.lo, estimate.hi) {
        end = x.at(hi);
        svg.line("whisker", (x.at(lo), middle), (end, middle));
        for cap in [x.at(lo), end] {
            svg.line("whisker", (cap, middle - 4.0), (cap, middle + 4.0));
        }
    }
    let text = format::with_interval(metric, estimate);
    svg.text("bar-value", (end + 8.0, middle + 4.0), Anchor::Start, &text);
}

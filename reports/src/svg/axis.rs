//! Grid lines and tick labels.

use super::scale::Scale;
use super::{Anchor, Svg};
use crate::format;

/// Left, right, top and bottom of the plotting area.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) const fn horizontal(&self) -> (f64, f64) {
        (self.left, self.right)
    }

    /// From bottom to top, as values grow upwards.
    pub(crate) const fn vertical(&self) -> (f64, f64) {
        (self.bottom, self.top)
    }
}

/// Horizontal grid lines with a time beside each.
pub(crate) fn times_left(svg: &mut Svg, area: &Area, scale: &Scale) {
    for value in scale.ticks(5) {
        let y = scale.at(value);
        svg.line("grid", (area.left, y), (area.right, y));
        svg.text(
            "tick",
            (area.left - 8.0, y + 4.0),
            Anchor::End,
            &format::tick(value),
        );
    }
}

/// Tick labels below the area with faint vertical lines.
pub(crate) fn labels_below<'a>(
    svg: &mut Svg,
    area: &Area,
    labels: impl Iterator<Item = (f64, &'a str)>,
) {
    for (x, label) in labels {
        svg.line("grid", (x, area.top), (x, area.bottom));
        svg.text("tick", (x, area.bottom + 17.0), Anchor::Middle, label);
    }
    svg.line("axis", (area.left, area.bottom), (area.right, area.bottom));
}

/// Labels at the right end of lines, moved apart so that none covers another. `labels` holds the
/// height of the line's end, the series and the text.
pub(crate) fn labels_right(svg: &mut Svg, area: &Area, mut labels: Vec<(f64, usize, String)>) {
    const APART: f64 = 15.0;
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut next = area.top;
    for (y, _, _) in &mut labels {
        *y = y.max(next);
        next = *y + APART;
    }
    let overhang = next - APART - area.bottom;
    let mut most = area.bottom;
    if overhang > 0.0 {
        for (y, _, _) in labels.iter_mut().rev() {
            *y = y.min(most);
            most = *y - APART;
        }
    }
    for (y, series, text) in labels {
        let class = format!("series-label t{series}");
        svg.text(&class, (area.right + 8.0, y + 4.0), Anchor::Start, &text);
    }
}

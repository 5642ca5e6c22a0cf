//! Latency by percentile, on an axis of 1 / (1 - p) as HdrHistogram and wrk2 plot it: every decade
//! of rarity is as wide as the one before.

use super::axis::{self, Area};
use super::scale::{Kind, Scale};
use super::{Anchor, Svg, WIDTH, shortened};
use crate::comparison::curve::CurvePoint;

/// The curve of one mode.
pub(crate) struct Curve {
    /// Index of the series colour.
    pub(crate) series: usize,
    pub(crate) name: String,
    pub(crate) baseline: bool,
    pub(crate) points: Vec<CurvePoint>,
}

const HEIGHT: f64 = 320.0;
const AREA: Area = Area {
    left: 70.0,
    right: WIDTH - 82.0,
    top: 16.0,
    bottom: HEIGHT - 48.0,
};
const TICKS: [(f64, &str); 7] = [
    (1.0, "0 %"),
    (2.0, "50 %"),
    (10.0, "90 %"),
    (100.0, "99 %"),
    (1_000.0, "99.9 %"),
    (10_000.0, "99.99 %"),
    (100_000.0, "99.999 %"),
];

/// Draws the curves; `None` if there is no point to draw.
pub(crate) fn chart(id: &str, workload: &str, curves: &[Curve]) -> Option<String> {
    let rarity = |p: &CurvePoint| 1.0 / (1.0 - p.quantile);
    let points = || curves.iter().flat_map(|c| &c.points);
    let rarest = points().map(rarity).fold(2.0, f64::max);
    points().next()?;
    let x = Scale::new(Kind::Logarithmic, (1.0, rarest), AREA.horizontal());
    let ends = |p: &CurvePoint| {
        p.interval
            .map_or([p.ns, p.ns], |(lo, hi)| [lo.max(0.0), hi])
    };
    let y = Scale::around(points().flat_map(ends), AREA.vertical());
    let mut svg = Svg::new(
        id,
        HEIGHT,
        &format!("Latency by percentile, {workload}"),
        &description(curves, &y),
    );
    axis::times_left(&mut svg, &AREA, &y);
    // The first two labels would touch on an axis of more than two decades.
    let first = usize::from(rarest > 100.0);
    let ticks = TICKS[first..].iter().filter(|(r, _)| *r <= rarest * 1.001);
    axis::labels_below(&mut svg, &AREA, ticks.map(|(r, label)| (x.at(*r), *label)));
    let middle = f64::midpoint(AREA.left, AREA.right);
    svg.text(
        "axis-name",
        (middle, HEIGHT - 8.0),
        Anchor::Middle,
        "percentile of requests",
    );
    for curve in curves {
        let at = |p: &CurvePoint, ns: f64| (x.at(rarity(p)), y.at(ns));
        let mut band: Vec<(f64, f64)> = curve.points.iter().map(|p| at(p, ends(p)[1])).collect();
        band.extend(curve.points.iter().rev().map(|p| at(p, ends(p)[0])));
        svg.polygon(&format!("band b{}", curve.series), &band);
    }
    let mut labels = Vec::new();
    for curve in curves {
        let line: Vec<(f64, f64)> = curve
            .points
            .iter()
            .map(|p| (x.at(rarity(p)), y.at(p.ns)))
            .collect();
        let weight = if curve.baseline { " heavy" } else { "" };
        svg.polyline(&format!("line l{}{weight}", curve.series), &line);
        if let Some((_, y)) = line.last() {
            labels.push((*y, curve.series, shortened(&curve.name, 11)));
        }
    }
    axis::labels_right(&mut svg, &AREA, labels);
    Some(svg.finish())
}

fn description(curves: &[Curve], y: &Scale) -> String {
    let names: Vec<&str> = curves.iter().map(|c| c.name.as_str()).collect();
    let kind = if y.is_logarithmic() {
        "Logarithmic latency axis."
    } else if y.starts_at_zero() {
        "Linear latency axis."
    } else {
        "Linear latency axis that does not start at zero."
    };
    format!(
        "One line per mode ({}) with its 95 % interval as a band. {kind} The table of the workload \
         holds the same percentiles as numbers.",
        names.join(", ")
    )
}

//! Latency over time, with the warm-up shaded.

use super::axis::{self, Area};
use super::scale::{Kind, Scale};
use super::{Anchor, Svg, WIDTH, shortened};
use crate::comparison::curve::OverTime;
use crate::format;

/// Latency over time in one mode.
pub(crate) struct Track {
    pub(crate) series: usize,
    pub(crate) name: String,
    pub(crate) baseline: bool,
    pub(crate) over_time: OverTime,
}

const HEIGHT: f64 = 260.0;
const AREA: Area = Area {
    left: 70.0,
    right: WIDTH - 82.0,
    top: 20.0,
    bottom: HEIGHT - 46.0,
};

/// Draws the tracks; `None` unless one of them has two bins.
pub(crate) fn chart(id: &str, workload: &str, tracks: &[Track]) -> Option<String> {
    let bins = || tracks.iter().flat_map(|t| &t.over_time.bins);
    let (first, last) = (bins().map(|b| b.0).min()?, bins().map(|b| b.0).max()?);
    if first == last {
        return None;
    }
    let x = Scale::new(Kind::Linear, (0.0, last as f64), AREA.horizontal());
    let y = Scale::around(bins().map(|b| b.1), AREA.vertical());
    let warmup = tracks
        .iter()
        .map(|t| t.over_time.warmup_ns)
        .max()
        .unwrap_or(0);
    let mut svg = Svg::new(
        id,
        HEIGHT,
        &format!("Mean latency over time, {workload}"),
        &format!(
            "One line per mode, all replications together. The first {} are warm-up: shaded, and in \
             no estimate.",
            format::set_time(warmup)
        ),
    );
    if warmup > 0 {
        let end = x.at(warmup as f64);
        let size = (end - AREA.left, AREA.bottom - AREA.top);
        svg.rect(
            "warmup",
            (AREA.left, AREA.top),
            size,
            "warm-up, not measured",
        );
        svg.text(
            "tick",
            (AREA.left + 4.0, AREA.top - 6.0),
            Anchor::Start,
            "warm-up",
        );
    }
    axes(&mut svg, &x, &y);
    let mut labels = Vec::new();
    for track in tracks {
        let line: Vec<(f64, f64)> = track
            .over_time
            .bins
            .iter()
            .map(|(t, ns)| (x.at(*t as f64), y.at(*ns)))
            .collect();
        let weight = if track.baseline { " heavy" } else { "" };
        svg.polyline(&format!("line l{}{weight}", track.series), &line);
        if let Some((_, y)) = line.last() {
            labels.push((*y, track.series, shortened(&track.name, 11)));
        }
    }
    axis::labels_right(&mut svg, &AREA, labels);
    Some(svg.finish())
}

fn axes(svg: &mut Svg, x: &Scale, y: &Scale) {
    axis::times_left(svg, &AREA, y);
    let ticks: Vec<(f64, String)> = x
        .ticks(5)
        .into_iter()
        .map(|t| (x.at(t), label(t)))
        .collect();
    axis::labels_below(
        svg,
        &AREA,
        ticks.iter().map(|(at, label)| (*at, label.as_str())),
    );
    let middle = f64::midpoint(AREA.left, AREA.right);
    svg.text(
        "axis-name",
        (middle, HEIGHT - 6.0),
        Anchor::Middle,
        "simulated time",
    );
}

/// A tick label: `0`, `500 ms`, `2 s`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ticks lie between zero and the largest time, and times are u64"
)]
fn label(ns: f64) -> String {
    match libm::round(ns) as u64 {
        0 => "0".to_owned(),
        ns => format::set_time(ns),
    }
}

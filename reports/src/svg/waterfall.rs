//! Where the time of a request goes: one stacked bar per mode, one segment per component.

use super::scale::Scale;
use super::{Anchor, Svg, WIDTH, shortened, text_width};
use crate::format;

/// One mode's path.
pub(crate) struct Path {
    pub(crate) name: String,
    /// Component and time per request (ns), in path order.
    pub(crate) hops: Vec<(String, f64)>,
}

const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 70.0;
const PITCH: f64 = 30.0;
const THICKNESS: f64 = 18.0;
const LEGEND_PITCH: f64 = 18.0;
/// Segment colours in the style sheet: eight hues, each full and pale.
const SEGMENT_COLOURS: usize = 16;

/// Draws the bars and a legend; `None` if there is no hop.
///
/// `neutral` is a component that outweighs all others: it is drawn without a colour of its own, or,
/// if `rest_only`, left out.
pub(crate) fn chart(
    id: &str,
    title: &str,
    paths: &[Path],
    neutral: Option<&str>,
    rest_only: bool,
) -> Option<String> {
    let without = neutral.filter(|_| rest_only);
    let shown = |p: &Path| -> Vec<(String, f64)> {
        p.hops
            .iter()
            .filter(|(name, _)| Some(name.as_str()) != without)
            .cloned()
            .collect()
    };
    let bars: Vec<(&str, Vec<(String, f64)>)> =
        paths.iter().map(|p| (p.name.as_str(), shown(p))).collect();
    let total = |hops: &[(String, f64)]| hops.iter().map(|(_, ns)| ns).sum::<f64>();
    let most = bars.iter().map(|(_, hops)| total(hops)).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let order = components(paths, neutral);
    let legend = legend_lines(&order, without);
    let body = PITCH * bars.len() as f64;
    let height = body + 14.0 + LEGEND_PITCH * legend.len() as f64;
    let mut svg = Svg::new(
        id,
        height,
        title,
        "One stacked bar per mode, one segment per component in path order. The table of hops holds \
         the same numbers.",
    );
    let x = Scale::from_zero(most, (LEFT, RIGHT));
    for (index, (name, hops)) in bars.iter().enumerate() {
        let top = PITCH * index as f64 + 4.0;
        let middle = top + THICKNESS / 2.0 + 4.0;
        svg.text(
            "bar-name",
            (LEFT - 10.0, middle),
            Anchor::End,
            &shortened(name, 12),
        );
        let mut from = 0.0;
        for (component, ns) in hops {
            let (start, end) = (x.at(from), x.at(from + ns));
            let title = format!("{component}: {}", format::nanoseconds(*ns));
            let class = format!("segment {}", class(&order, component));
            svg.rect(&class, (start, top), (end - start, THICKNESS), &title);
            from += ns;
        }
        let text = format::nanoseconds(from);
        svg.text(
            "bar-value",
            (x.at(from) + 8.0, middle),
            Anchor::Start,
            &text,
        );
    }
    draw_legend(&mut svg, &legend, body + 20.0);
    Some(svg.finish())
}

/// Components in the order in which paths meet them, each with its colour. The one in `neutral` has
/// none, so that all others keep theirs in a chart without it.
fn components(paths: &[Path], neutral: Option<&str>) -> Vec<(String, Option<usize>)> {
    let mut order: Vec<(String, Option<usize>)> = Vec::new();
    let mut next = 0;
    for (name, _) in paths.iter().flat_map(|p| &p.hops) {
        if order.iter().any(|(known, _)| known == name) {
            continue;
        }
        let coloured = neutral != Some(name.as_str()) && next < SEGMENT_COLOURS;
        order.push((name.clone(), coloured.then_some(next)));
        next += usize::from(coloured);
    }
    order
}

fn class(order: &[(String, Option<usize>)], component: &str) -> String {
    let colour = order
        .iter()
        .find(|(name, _)| name == component)
        .and_then(|(_, colour)| *colour);
    colour.map_or_else(|| "rest".to_owned(), |colour| format!("c{colour}"))
}

/// Legend entries broken into lines that fit the chart.
fn legend_lines(
    order: &[(String, Option<usize>)],
    without: Option<&str>,
) -> Vec<Vec<(String, String)>> {
    let entries = order
        .iter()
        .filter(|(name, _)| without != Some(name.as_str()))
        .map(|(name, _)| (class(order, name), shortened(name, 40)));
    let mut lines: Vec<Vec<(String, String)>> = vec![Vec::new()];
    let mut used = 0.0;
    for entry in entries {
        let width = entry_width(&entry.1);
        if used + width > WIDTH && used > 0.0 {
            lines.push(Vec::new());
            used = 0.0;
        }
        used += width;
        lines.last_mut().expect("there is a line").push(entry);
    }
    lines
}

fn entry_width(name: &str) -> f64 {
    text_width(name) + 34.0
}

fn draw_legend(svg: &mut Svg, lines: &[Vec<(String, String)>], top: f64) {
    for (number, line) in lines.iter().enumerate() {
        let y = top + LEGEND_PITCH * number as f64;
        let mut x = 0.0;
        for (class, name) in line {
            svg.rect(&format!("segment {class}"), (x, y - 9.0), (11.0, 11.0), "");
            svg.text("legend", (x + 17.0, y + 1.0), Anchor::Start, name);
            x += entry_width(name);
        }
    }
}

//! A small chart kit: plain SVG, no script, colours from the page's style sheet.
//!
//! Series are told apart by colour, by dash pattern and by a label at the line or bar, so that no
//! reader depends on colour. Colours are classes (`s0`, `s1`, …): light and dark are the style
//! sheet's affair.

mod axis;
pub(crate) mod bars;
pub(crate) mod percentile;
mod scale;
pub(crate) mod series;
pub(crate) mod waterfall;

use std::fmt::Write;

/// Width of every chart in its own units; the page scales it.
pub(crate) const WIDTH: f64 = 460.0;

/// Number of series colours in the style sheet.
pub(crate) const COLOURS: usize = 8;

/// A chart under construction.
pub(crate) struct Svg {
    out: String,
}

/// Where a text hangs on its coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Opens a chart. `id` must be unique on the page; `title` and `description` are what a reader
    /// hears who does not see it.
    pub(crate) fn new(id: &str, height: f64, title: &str, description: &str) -> Self {
        let mut svg = Self { out: String::new() };
        svg.push(format_args!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title>\
             <desc id=\"{id}-d\">{}</desc>",
            escape(title),
            escape(description)
        ));
        svg
    }

    pub(crate) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.out.write_fmt(arguments).expect("a string takes all");
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    pub(crate) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), title: &str) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"",
            at.0, at.1, size.0, size.1
        ));
        if title.is_empty() {
            self.out.push_str("/>");
        } else {
            self.push(format_args!("><title>{}</title></rect>", escape(title)));
        }
    }

    /// An open line through `points`.
    pub(crate) fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        self.shape("polyline", class, points);
    }

    /// A closed area.
    pub(crate) fn polygon(&mut self, class: &str, points: &[(f64, f64)]) {
        self.shape("polygon", class, points);
    }

    fn shape(&mut self, element: &str, class: &str, points: &[(f64, f64)]) {
        self.push(format_args!("<{element} class=\"{class}\" points=\""));
        for (number, (x, y)) in points.iter().enumerate() {
            let gap = if number == 0 { "" } else { " " };
            self.push(format_args!("{gap}{x:.1},{y:.1}"));
        }
        self.out.push_str("\"/>");
    }

    pub(crate) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            at.0,
            at.1,
            escape(text)
        ));
    }
}

/// Text that is safe between tags and in attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Characters that XML forbids even when escaped.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Rough width of a text in chart units: enough to keep labels apart.
pub(crate) fn text_width(text: &str) -> f64 {
    6.2 * text.chars().count() as f64
}

/// `text` cut to `most` characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element() {
        assert_eq!(
            escape("<script>&\"'\u{1}"),
            "&lt;script&gt;&amp;&quot;&#39;\u{fffd}"
        );
    }
}

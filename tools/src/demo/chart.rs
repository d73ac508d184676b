//! Charts as inline SVG, without scripts and without anything from outside.
//!
//! A line belongs here if it draws numbers and knows nothing of orders. Writing to a string cannot
//! fail, so the results are dropped.

use std::fmt::Write as _;

/// Size of a chart, in the units of its view box.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers beside the plot.
const LEFT: f64 = 62.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 12.0;

/// Horizontal lines of a chart.
const LINES: u32 = 4;

/// Colours of series, one after the other; readable on white and for the colour-blind.
pub const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// Points of one line: seconds and values.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// In the order of time.
    pub points: Vec<(f64, f64)>,
}

/// Text for HTML and SVG.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A chart over time. `unit` is the unit of the values; `shaded` are spans in seconds.
pub fn lines(unit: &str, series: &[Series], shaded: &[(f64, f64)]) -> String {
    let points = || series.iter().flat_map(|one| &one.points);
    let seconds = points().map(|(x, _)| *x).fold(0.0, f64::max).max(0.001);
    let most = round_up(points().map(|(_, y)| *y).fold(0.0, f64::max));
    let x = |at: f64| LEFT + at / seconds * (WIDTH - LEFT - 8.0);
    let y = |value: f64| TOP + (1.0 - value / most) * (HEIGHT - TOP - BOTTOM);
    let mut svg = open();
    for (from, to) in shaded {
        let (from, to) = (x(from.min(seconds)), x(to.min(seconds)));
        let (width, height) = ((to - from).max(1.0), HEIGHT - TOP - BOTTOM);
        let _ = writeln!(
            svg,
            "<rect class=\"down\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"/>"
        );
    }
    for line in 0..=LINES {
        let value = most * f64::from(line) / f64::from(LINES);
        let (at, text) = (y(value), number(value));
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    for part in 0..=LINES {
        let at = seconds * f64::from(part) / f64::from(LINES);
        let anchor = if part == LINES { "end" } else { "middle" };
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{at:.1} s</text>",
            x(at),
            HEIGHT - 8.0
        );
    }
    for (one, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let path: Vec<String> = one
            .points
            .iter()
            .map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            path.join(" ")
        );
    }
    svg.push_str("</svg>\n");
    let mut legend = format!("<p class=\"legend\">{}: ", escaped(unit));
    for (one, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let _ = write!(legend, "<b style=\"color:{colour}\">{}</b> ", escaped(&one.name));
    }
    legend + "</p>\n" + &svg
}

/// One row of horizontal bars: a label, the bar's whole length, the filled part, and a text behind.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Text in front.
    pub label: String,
    /// Length of the bar.
    pub whole: f64,
    /// Part of the bar in full colour.
    pub full: f64,
    /// Text behind.
    pub value: String,
}

/// Horizontal bars that share one scale.
pub fn bars(rows: &[Bar], longest: f64, colour: &str) -> String {
    const ROW: f64 = 22.0;
    const LABEL: f64 = 170.0;
    const VALUE: f64 = 110.0;
    let longest = longest.max(f64::MIN_POSITIVE);
    let height = ROW * rows.len() as f64;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n");
    for (row, bar) in rows.iter().enumerate() {
        let top = ROW * row as f64;
        let length = |value: f64| (value / longest).clamp(0.0, 1.0) * (WIDTH - LABEL - VALUE);
        let (whole, full) = (length(bar.whole), length(bar.full.min(bar.whole)));
        let base = top + 15.0;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{base:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABEL}\" y=\"{:.1}\" width=\"{whole:.1}\" height=\"16\" fill=\"{colour}\" \
             opacity=\"0.25\"/>\
             <rect x=\"{LABEL}\" y=\"{:.1}\" width=\"{full:.1}\" height=\"16\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{base:.1}\">{}</text>",
            LABEL - 8.0,
            escaped(&bar.label),
            top + 3.0,
            top + 3.0,
            LABEL + whole + 8.0,
            escaped(&bar.value)
        );
    }
    svg + "</svg>\n"
}

fn open() -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n")
}

/// The next of 1, 2 or 5 times a power of ten; at least a thousandth.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(0.001).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|top| *top >= value)
        .unwrap_or(1.0)
}

fn number(value: f64) -> String {
    if value >= 10.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, top) in
            [(0.7, 1.0), (1.0, 1.0), (130.0, 200.0), (3.0, 5.0), (7_000.0, 10_000.0)]
        {
            assert!((round_up(value) - top).abs() < 1e-9, "{value} gives {}", round_up(value));
        }
    }

    #[test]
    fn a_chart_without_points_is_still_a_chart() {
        let empty = Series { name: "<none>".to_owned(), points: Vec::new() };
        let svg = lines("ms", &[empty], &[(0.0, 1.0)]);
        assert!(
            svg.contains("&lt;none&gt;") && !svg.contains("NaN") && !svg.contains("inf"),
            "{svg}"
        );
        assert!(!bars(&[], 0.0, "red").contains("NaN"));
    }
}

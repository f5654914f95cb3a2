//! Line charts: a stretched SVG for the lines, and the page's own text around it.
//!
//! The SVG is stretched to whatever room there is, with strokes that do not scale; the words at the axes are HTML that
//! is placed by percentages. So one chart fits a phone and a printed page, and its text never shrinks.

use super::bars::percent;
use super::html::{Html, escaped, put};
use super::scale::Scale;

/// The side of the SVG's own square of coordinates.
const SIDE: f64 = 1000.0;

/// A chart of lines.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// A name for the page's links, unlike all others.
    pub(super) id: String,
    /// What it shows.
    pub(super) title: String,
    /// What is to be seen in it, for those who do not see it.
    pub(super) description: String,
    /// What is along the horizontal axis.
    pub(super) x_name: String,
    /// What is along the vertical axis.
    pub(super) y_name: String,
    /// Marks of the horizontal axis, by their positions.
    pub(super) x_ticks: Vec<(f64, String)>,
    /// The vertical axis, of nanoseconds.
    pub(super) y: Scale,
    /// What the marks of the vertical axis are in words.
    pub(super) y_words: fn(f64) -> String,
    /// The lines.
    pub(super) lines: Vec<Line>,
    /// A vertical line with a word.
    pub(super) mark: Option<(f64, String)>,
    /// From here to the right the background is shaded.
    pub(super) shaded_from: Option<f64>,
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its name in the legend.
    pub(super) name: String,
    /// Which of the page's line styles it has, such as `s3`.
    pub(super) style: String,
    /// Horizontal positions from 0.0 to 1.0, and values of the vertical axis.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point has a dot.
    pub(super) has_dots: bool,
}

impl Plot {
    /// Appends the chart with its legend.
    pub(super) fn put(&self, html: &mut Html) {
        put!(html, "<figure class=\"plot\">\n<figcaption>{}</figcaption>\n", escaped(&self.title));
        put!(html, "<p class=\"y-name\" aria-hidden=\"true\">{}</p>\n<div class=\"area\">\n", escaped(&self.y_name));
        self.put_svg(html);
        self.put_words(html);
        put!(html, "</div>\n<p class=\"x-name\" aria-hidden=\"true\">{}</p>\n", escaped(&self.x_name));
        put!(html, "<ul class=\"legend\">\n");
        for line in &self.lines {
            let sample = "<svg aria-hidden=\"true\" viewBox=\"0 0 40 10\"><path d=\"M1 5H39\"/></svg>";
            put!(html, "<li class=\"{}\">{sample} {}</li>\n", escaped(&line.style), escaped(&line.name));
        }
        put!(html, "</ul>\n</figure>\n");
    }

    fn put_svg(&self, html: &mut Html) {
        let id = escaped(&self.id);
        put!(html, "<svg role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" viewBox=\"0 0 {SIDE} {SIDE}\" ");
        put!(html, "preserveAspectRatio=\"none\">\n<title id=\"{id}-title\">{}</title>\n", escaped(&self.title));
        put!(html, "<desc id=\"{id}-desc\">{}</desc>\n", escaped(&self.description));
        if let Some(from) = self.shaded_from {
            let x = from * SIDE;
            put!(html, "<rect class=\"shade\" x=\"{x:.1}\" y=\"0\" width=\"{:.1}\" height=\"{SIDE}\"/>\n", SIDE - x);
        }
        for (position, _) in &self.x_ticks {
            put!(html, "<path class=\"grid\" d=\"M{:.1} 0V{SIDE}\"/>\n", position * SIDE);
        }
        for tick in self.y.ticks() {
            put!(html, "<path class=\"grid\" d=\"M0 {:.1}H{SIDE}\"/>\n", self.down(tick));
        }
        if let Some((position, _)) = &self.mark {
            put!(html, "<path class=\"mark\" d=\"M{:.1} 0V{SIDE}\"/>\n", position * SIDE);
        }
        for line in &self.lines {
            self.put_line(html, line);
        }
        put!(html, "</svg>\n");
    }

    fn put_line(&self, html: &mut Html, line: &Line) {
        put!(html, "<g class=\"{}\">", escaped(&line.style));
        put!(html, "<path d=\"");
        for (index, (x, value)) in line.points.iter().enumerate() {
            put!(html, "{}{:.1} {:.1}", if index == 0 { 'M' } else { 'L' }, x * SIDE, self.down(*value));
        }
        put!(html, "\"/>");
        if line.has_dots {
            // A line without a length has round ends, and so is a dot that is not stretched.
            put!(html, "<path class=\"dots\" d=\"");
            for (x, value) in &line.points {
                put!(html, "M{:.1} {:.1}h0", x * SIDE, self.down(*value));
            }
            put!(html, "\"/>");
        }
        put!(html, "</g>\n");
    }

    /// The words at the axes, which the description repeats.
    fn put_words(&self, html: &mut Html) {
        for tick in self.y.ticks() {
            let (bottom, word) = (percent(self.y.position(tick)), (self.y_words)(tick));
            put!(html, "<span class=\"y\" aria-hidden=\"true\" style=\"bottom:{bottom}\">{}</span>\n", escaped(word));
        }
        for (position, word) in &self.x_ticks {
            let left = percent(*position);
            put!(html, "<span class=\"x\" aria-hidden=\"true\" style=\"left:{left}\">{}</span>\n", escaped(word));
        }
        if let Some((position, word)) = &self.mark {
            // On the side where there is more room.
            let side = if *position > 0.5 { "before" } else { "after" };
            let left = percent(*position);
            put!(
                html,
                "<span class=\"knee {side}\" aria-hidden=\"true\" style=\"left:{left}\">{}</span>\n",
                escaped(word)
            );
        }
    }

    fn down(&self, value: f64) -> f64 {
        (1.0 - self.y.position(value)) * SIDE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::amount::time;

    #[test]
    fn a_line_goes_through_its_points() {
        let plot = Plot {
            id: "p".to_owned(),
            title: "a & b".to_owned(),
            description: "none".to_owned(),
            x_name: "x".to_owned(),
            y_name: "y".to_owned(),
            x_ticks: vec![(0.5, "half".to_owned())],
            y: Scale::Log { min: 1.0, max: 100.0 },
            y_words: time,
            lines: vec![Line {
                name: "l".to_owned(),
                style: "s1".to_owned(),
                points: vec![(0.0, 1.0), (0.5, 10.0), (1.0, 100.0)],
                has_dots: true,
            }],
            mark: Some((0.75, "knee".to_owned())),
            shaded_from: Some(0.9),
        };
        let mut html = Html::default();
        plot.put(&mut html);
        let html = html.into_string();
        assert!(html.contains("d=\"M0.0 1000.0L500.0 500.0L1000.0 0.0\""), "{html}");
        assert!(html.contains("M500.0 500.0h0"), "{html}");
        assert!(html.contains("<title id=\"p-title\">a &amp; b</title>"), "{html}");
        assert!(html.contains("class=\"knee before\"") && html.contains("x=\"900.0\""), "{html}");
        assert!(html.contains("style=\"bottom:50.00%\">10\u{a0}ns<"), "{html}");
    }
}

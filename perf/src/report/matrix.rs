//! The round trips between each two cores, as a table that is coloured by heat.

use super::amount;
use super::html::{Html, escaped, put};
use super::inputs::Matrix;
use super::scale::Scale;

/// More columns than these have room for colours only; the figures are in the cells' titles.
const NUMBERED_MAX: usize = 24;

/// Appends the matrix.
pub(super) fn put_section(html: &mut Html, matrix: &Matrix) {
    put!(
        html,
        "<section id=\"cores\" aria-labelledby=\"cores-title\">\n<h2 id=\"cores-title\">From core to core</h2>\n"
    );
    put!(
        html,
        "<p>The raw round trip of a cache line between each two cores in nanoseconds: what any message to another "
    );
    put!(html, "core and back needs at least. The stronger the colour, the slower.");
    if let Some(repeats) = matrix.repeats {
        put!(html, " Medians of {}.", escaped(amount::counted(repeats, "measurement")));
    }
    put!(html, "</p>\n");
    let figures = || matrix.matrix_ns.iter().flatten().flatten().copied().filter(|ns| *ns > 0.0);
    let (low, high) = figures().fold((f64::INFINITY, 0.0), |(low, high), ns| (f64::min(low, ns), f64::max(high, ns)));
    if high == 0.0 {
        put!(html, "<p>There is no pair of cores.</p>\n</section>\n");
        return;
    }
    // From the least to the greatest; where all are alike, all are pale.
    let scale = Scale::Log { min: low, max: f64::max(high, low * 1.5) };
    let class = if matrix.cores.len() > NUMBERED_MAX { " class=\"heat dense\"" } else { " class=\"heat\"" };
    put!(html, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Round trips between cores\">\n");
    put!(html, "<table{class}>\n<thead><tr><th scope=\"col\">core</th>");
    for core in &matrix.cores {
        put!(html, "<th scope=\"col\">{core}</th>");
    }
    put!(html, "</tr></thead>\n<tbody>\n");
    for (core, row) in matrix.cores.iter().zip(&matrix.matrix_ns) {
        put!(html, "<tr><th scope=\"row\">{core}</th>");
        for (other, ns) in matrix.cores.iter().zip(row) {
            match ns {
                Some(ns) => {
                    let heat = 0.06 + 0.5 * scale.position(*ns);
                    let words = escaped(amount::time(*ns));
                    put!(html, "<td style=\"--heat:{heat:.2}\" title=\"{core} and {other}: {words}\">{ns:.0}</td>");
                }
                None => put!(html, "<td>–</td>"),
            }
        }
        put!(html, "</tr>\n");
    }
    put!(html, "</tbody>\n</table>\n</div>\n");
    put!(html, "<p class=\"about\">From {} to {}.</p>\n</section>\n", amount::time(low), amount::time(high));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_pair_has_the_strongest_colour() {
        let matrix = Matrix {
            cores: vec![0, 1, 5],
            matrix_ns: vec![
                vec![None, Some(30.0), Some(120.0)],
                vec![Some(30.0), None, Some(120.0)],
                vec![Some(120.0), Some(120.0), None],
            ],
            repeats: Some(5),
        };
        let mut html = Html::default();
        put_section(&mut html, &matrix);
        let html = html.into_string();
        assert_eq!(html.matches("--heat:0.56").count(), 4);
        assert_eq!(html.matches("--heat:0.06").count(), 2);
        assert!(html.contains("title=\"0 and 5: 120\u{a0}ns\">120</td>"), "{html}");
    }

    #[test]
    fn a_single_core_has_no_pair() {
        let mut html = Html::default();
        put_section(&mut html, &Matrix { cores: vec![0], matrix_ns: vec![vec![None]], repeats: None });
        assert!(html.into_string().contains("no pair of cores"));
    }
}

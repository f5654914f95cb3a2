//! Bar charts of plain boxes: their text is the page's own, so it is as legible on a phone as anywhere.

use super::html::{Html, escaped, put};
use super::scale::Scale;

/// A chart of horizontal bars.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    /// From the top.
    pub(super) bars: Vec<Bar>,
    /// What a value is in words.
    pub(super) words: fn(f64) -> String,
    /// The value at which all bars begin, on a logarithmic scale; otherwise they begin at the left.
    pub(super) origin: Option<f64>,
}

/// One bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// Whose it is.
    pub(super) name: String,
    /// Something about the name.
    pub(super) detail: Option<String>,
    /// Where a click on the name leads, in the page.
    pub(super) link: Option<String>,
    /// Whether it is ours.
    pub(super) is_ours: bool,
    /// Its length, if anything was measured.
    pub(super) value: Option<f64>,
    /// The ends of its whisker.
    pub(super) whisker: Option<(f64, f64)>,
    /// What is said of it beside its value.
    pub(super) note: Option<String>,
}

impl Bars {
    /// The scale of the chart, which is to be named where it is logarithmic.
    pub(super) fn scale(&self) -> Scale {
        let whiskers = self.bars.iter().filter_map(|bar| bar.whisker);
        let ends = whiskers.flat_map(|(low, high)| [low, high]);
        let values = self.bars.iter().filter_map(|bar| bar.value).chain(ends);
        match self.origin {
            Some(origin) => Scale::log(values.chain([origin])),
            None => Scale::for_bars(values),
        }
    }

    /// Appends the chart. Every value stands in it as text; the boxes are decoration.
    pub(super) fn put(&self, html: &mut Html) {
        let scale = self.scale();
        put!(html, "<ol class=\"bars\">\n");
        for bar in &self.bars {
            self.put_bar(html, bar, &scale);
        }
        put!(html, "<li class=\"axis\" aria-hidden=\"true\"><span class=\"track\">");
        for tick in scale.ticks() {
            let (position, word) = (scale.position(tick), (self.words)(tick));
            // A word in the middle of its mark would stand out at the ends.
            let class = match position {
                near if near < 0.05 => " class=\"first\"",
                far if far > 0.9 => " class=\"last\"",
                _ => "",
            };
            put!(html, "<span{class} style=\"left:{}\">{}</span>", percent(position), escaped(word));
        }
        put!(html, "</span></li>\n</ol>\n");
    }

    fn put_bar(&self, html: &mut Html, bar: &Bar, scale: &Scale) {
        put!(html, "<li{}><span class=\"who\">", if bar.is_ours { " class=\"ours\"" } else { "" });
        match &bar.link {
            Some(link) => put!(html, "<a href=\"#{}\">{}</a>", escaped(link), breakable(&bar.name)),
            None => put!(html, "{}", breakable(&bar.name)),
        }
        if let Some(detail) = &bar.detail {
            put!(html, " <small>{}</small>", escaped(detail));
        }
        put!(html, "</span> <span class=\"track\" aria-hidden=\"true\">");
        for tick in scale.ticks() {
            put!(html, "<i class=\"tick\" style=\"left:{}\"></i>", percent(scale.position(tick)));
        }
        if let Some(value) = bar.value {
            let (from, to) = (self.origin.map_or(0.0, |origin| scale.position(origin)), scale.position(value));
            let (left, width) = (percent(from.min(to)), percent((to - from).abs()));
            put!(html, "<i class=\"bar\" style=\"left:{left};width:{width}\"></i>");
        }
        if let Some((low, high)) = bar.whisker {
            let (from, to) = (scale.position(low), scale.position(high));
            put!(html, "<i class=\"whisker\" style=\"left:{};width:{}\"></i>", percent(from), percent(to - from));
        }
        let value = bar.value.map_or_else(|| "not measured".to_owned(), self.words);
        put!(html, "</span> <span class=\"value\">{}</span>", escaped(value));
        put!(html, " <span class=\"note\">{}</span></li>\n", escaped(bar.note.as_deref().unwrap_or_default()));
    }
}

/// A name that may be broken after each of its words.
fn breakable(name: &str) -> String {
    escaped(name).to_string().replace('_', "_<wbr>")
}

/// A position on a scale for a style.
pub(super) fn percent(position: f64) -> String {
    format!("{:.2}%", position * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::amount::{rate, times};

    #[test]
    fn a_bar_is_as_long_as_its_value_and_names_are_escaped() {
        let bar = Bar {
            name: "<x>".to_owned(),
            detail: None,
            link: Some("a\"b".to_owned()),
            is_ours: true,
            value: Some(50.0),
            whisker: Some((25.0, 100.0)),
            note: None,
        };
        let none = Bar { value: None, whisker: None, is_ours: false, ..bar.clone() };
        let bars = Bars { bars: vec![bar, none], words: rate, origin: None };
        let mut html = Html::default();
        bars.put(&mut html);
        let html = html.into_string();
        // The scale ends a little above the greatest value.
        assert!(html.contains("<i class=\"bar\" style=\"left:0.00%;width:49.02%\">"), "{html}");
        assert!(html.contains("style=\"left:24.51%;width:73.53%\""), "{html}");
        assert!(html.contains("<a href=\"#a&quot;b\">&lt;x&gt;</a>"), "{html}");
        assert!(html.contains(">not measured<"), "{html}");
        assert_eq!(html.matches("class=\"bar\"").count(), 1);
    }

    #[test]
    fn bars_with_an_origin_go_to_both_sides_of_it() {
        let bar = |name: &str, value| Bar {
            name: name.to_owned(),
            detail: None,
            link: None,
            is_ours: true,
            value: Some(value),
            whisker: None,
            note: None,
        };
        let bars = Bars { bars: vec![bar("a_b", 10.0), bar("c", 0.1)], words: times, origin: Some(1.0) };
        let mut html = Html::default();
        bars.put(&mut html);
        let html = html.into_string();
        assert!(html.contains("a_<wbr>b"), "{html}");
        assert!(html.contains("style=\"left:50.00%;width:50.00%\""), "{html}");
        assert!(html.contains("style=\"left:0.00%;width:50.00%\""), "{html}");
    }
}

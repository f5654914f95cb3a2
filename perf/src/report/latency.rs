//! What `perf latency` has measured: latency by rate, percentiles of some rates, and the figures of all.

use super::amount;
use super::html::{Html, escaped, put};
use super::inputs::{PERCENTILES, Percentiles, Step};
use super::plot::{Line, Plot};
use super::scale::Scale;

/// More lines in one chart could not be told apart.
const CURVES_MAX: usize = 6;

/// The percentiles that are marked.
const MARKED: [(f64, &str); 5] = [(50.0, "50"), (90.0, "90"), (99.0, "99"), (99.9, "99.9"), (99.99, "99.99")];

/// The steps of one ladder of rates, ascending by rate.
struct Ladder<'a> {
    id: String,
    steps: Vec<&'a Step>,
}

/// Appends a part for each ladder.
pub(super) fn put_section(html: &mut Html, steps: &[Step]) {
    put!(html, "<section id=\"latency\" aria-labelledby=\"latency-title\">\n");
    put!(html, "<h2 id=\"latency-title\">Latency under load</h2>\n");
    put!(
        html,
        "<p>Messages are sent at fixed times, whether or not the ones before have come, and a latency counts from "
    );
    put!(html, "the time at which a message was <em>to be</em> sent: a stall shows in every message that it held up. ");
    put!(
        html,
        "The knee is the highest rate that was kept up with and whose p99 is not yet far above the lowest.</p>\n"
    );
    for ladder in ladders(steps) {
        ladder.put(html);
    }
    put!(html, "</section>\n");
}

fn ladders(steps: &[Step]) -> Vec<Ladder<'_>> {
    let mut ladders: Vec<Ladder<'_>> = Vec::new();
    let key = |step: &Step| {
        let same = (step.work_ns, step.wait.clone(), step.arrivals.clone());
        (step.latency.clone(), step.cores.clone(), step.payload_bytes, same)
    };
    for step in steps {
        match ladders.iter_mut().find(|ladder| key(ladder.steps[0]) == key(step)) {
            Some(ladder) => ladder.steps.push(step),
            None => ladders.push(Ladder { id: format!("latency-{}", ladders.len() + 1), steps: vec![step] }),
        }
    }
    for ladder in &mut ladders {
        ladder.steps.sort_by(|one, next| one.rate_per_second.total_cmp(&next.rate_per_second));
    }
    ladders
}

impl Ladder<'_> {
    fn put(&self, html: &mut Html) {
        put!(html, "<article id=\"{}\">\n<h3>{}</h3>\n", self.id, escaped(self.title()));
        put!(html, "<p class=\"about\">{}</p>\n", escaped(self.about()));
        if self.steps.len() > 1 {
            self.by_rate().put(html);
        }
        self.percentiles().put(html);
        let left_out = self.steps.len().saturating_sub(CURVES_MAX);
        if left_out > 0 {
            put!(
                html,
                "<p class=\"about\">{left_out} of the rates have no curve here; the table has all of them.</p>\n"
            );
        }
        self.put_table(html);
        put!(html, "</article>\n");
    }

    fn title(&self) -> String {
        match self.steps[0].latency.as_str() {
            "cross" => "From core to core".to_owned(),
            "local" => "On one core".to_owned(),
            other => other.to_owned(),
        }
    }

    fn about(&self) -> String {
        let step = self.steps[0];
        let cores: Vec<String> = step.cores.iter().map(u32::to_string).collect();
        let cores = match cores.len() {
            0 => String::new(),
            1 => format!(", on core {}", cores[0]),
            _ => format!(", on cores {}", cores.join(", ")),
        };
        let mut parts = vec![format!("{}-byte messages{cores}", amount::count(step.payload_bytes))];
        parts.extend(step.work_ns.filter(|ns| *ns > 0).map(|ns| format!("{} of work each", amount::time(ns as f64))));
        parts.extend(step.arrivals.as_ref().map(|arrivals| format!("{arrivals} arrivals")));
        parts.extend(step.wait.as_ref().map(|wait| format!("the wait strategy {wait}")));
        parts.push(format!("about {} at each rate", seconds(step.seconds)));
        let knee = self.knee().map_or_else(
            || "No knee was found.".to_owned(),
            |knee| format!("The knee is at {}.", amount::rate(knee.rate_per_second)),
        );
        format!("{}. {knee}", parts.join(", "))
    }

    fn knee(&self) -> Option<&Step> {
        self.steps.iter().copied().find(|step| step.is_knee)
    }

    /// p50, p99 and p99.9 by rate.
    fn by_rate(&self) -> Plot {
        let rates = || self.steps.iter().map(|step| step.rate_per_second);
        let x = Scale::for_points(rates());
        let lines = [("p50", "rate-1", 0), ("p99", "rate-2", 2), ("p99.9", "rate-3", 3)].map(|(name, style, index)| {
            let point = |step: &&Step| (x.position(step.rate_per_second), step.latency_ns.all()[index]);
            let points = self.steps.iter().map(point).collect();
            Line { name: name.to_owned(), style: style.to_owned(), points, has_dots: true }
        });
        let saturated = self.steps.iter().find(|step| step.saturated);
        let ends = [self.steps.first(), self.steps.last()].map(|step| {
            step.map_or_else(String::new, |step| {
                let [p50, _, p99, ..] = step.latency_ns.all().map(amount::time);
                format!("at {} p50 is {p50} and p99 {p99}", amount::rate(step.rate_per_second))
            })
        });
        let logarithmic = if x.is_log() { ", logarithmic" } else { "" };
        let shade = if saturated.is_some() { "; shaded: saturated" } else { "" };
        Plot {
            id: format!("{}-by-rate", self.id),
            title: "Latency by rate".to_owned(),
            description: format!("From {} to {}.", ends[0], ends[1]),
            x_name: format!("messages a second{logarithmic}{shade}"),
            y_name: "latency, logarithmic".to_owned(),
            x_ticks: x.ticks().into_iter().map(|rate| (x.position(rate), amount::rate(rate))).collect(),
            y: Scale::log(lines.iter().flat_map(|line| line.points.iter().map(|point| point.1))),
            y_words: amount::time,
            lines: lines.to_vec(),
            mark: self
                .knee()
                .map(|knee| (x.position(knee.rate_per_second), format!("knee {}", amount::rate(knee.rate_per_second)))),
            shaded_from: saturated.map(|step| x.position(step.rate_per_second)),
        }
    }

    /// The rates that have a curve: the first, the knee, the last, and others as evenly as may be.
    fn chosen(&self) -> Vec<&Step> {
        let count = self.steps.len();
        if count <= CURVES_MAX {
            return self.steps.clone();
        }
        let mut chosen: Vec<usize> = (0..CURVES_MAX).map(|number| number * (count - 1) / (CURVES_MAX - 1)).collect();
        let knee = self.steps.iter().position(|step| step.is_knee);
        if let Some(knee) = knee.filter(|knee| !chosen.contains(knee)) {
            // In place of the nearest that is not at an end.
            let middle = &mut chosen[1..CURVES_MAX - 1];
            if let Some(nearest) = middle.iter_mut().min_by_key(|index| index.abs_diff(knee)) {
                *nearest = knee;
            }
        }
        chosen.into_iter().map(|index| self.steps[index]).collect()
    }

    /// Latency by percentile, at some of the rates.
    fn percentiles(&self) -> Plot {
        let chosen = self.chosen();
        let curves: Vec<Vec<(f64, f64)>> = chosen.iter().map(|step| curve(step)).collect();
        let last = curves.iter().flatten().map(|(percentile, _)| *percentile).fold(99.99, f64::max);
        let position = |percentile: f64| (decades(percentile) - decades(FIRST)) / (decades(last) - decades(FIRST));
        let lines = chosen.iter().zip(&curves).enumerate().map(|(index, (step, curve))| {
            let knee = if step.is_knee { ", the knee" } else { "" };
            let saturated = if step.saturated { ", saturated" } else { "" };
            Line {
                name: format!("{}{knee}{saturated}", amount::rate(step.rate_per_second)),
                style: format!("step-{}", 1 + index * (CURVES_MAX - 1) / chosen.len().saturating_sub(1).max(1)),
                points: curve.iter().map(|(percentile, ns)| (position(*percentile), *ns)).collect(),
                has_dots: false,
            }
        });
        let lines: Vec<Line> = lines.collect();
        let words = chosen.iter().map(|step| {
            let [p50, .., p9999, _] = step.latency_ns.all().map(amount::time);
            format!("at {} from {p50} at p50 to {p9999} at p99.99", amount::rate(step.rate_per_second))
        });
        Plot {
            id: format!("{}-percentiles", self.id),
            title: "Latency by percentile".to_owned(),
            description: format!("{}.", words.collect::<Vec<_>>().join("; ")),
            x_name: "percentile, logarithmic in what is above it".to_owned(),
            y_name: "latency, logarithmic".to_owned(),
            x_ticks: MARKED.iter().map(|(percentile, name)| (position(*percentile), (*name).to_owned())).collect(),
            y: Scale::log(curves.iter().flatten().map(|(_, ns)| *ns)),
            y_words: amount::time,
            lines,
            mark: None,
            shaded_from: None,
        }
    }

    fn put_table(&self, html: &mut Html) {
        let label = escaped(self.title());
        put!(
            html,
            "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Figures by rate: {label}\">\n<table>\n"
        );
        put!(
            html,
            "<thead><tr><th scope=\"col\">rate</th><th scope=\"col\">achieved</th><th scope=\"col\">messages</th>"
        );
        put!(html, "<th scope=\"col\">part</th>");
        for percentile in PERCENTILES {
            put!(html, "<th scope=\"col\">{percentile}</th>");
        }
        put!(html, "</tr></thead>\n");
        for step in &self.steps {
            let remark = match (step.is_knee, step.saturated) {
                (true, _) => " <small>knee</small>",
                (false, true) => " <small>saturated</small>",
                (false, false) => "",
            };
            let class = if step.is_knee { " class=\"ours\"" } else { "" };
            put!(html, "<tbody{class}>\n<tr><th scope=\"rowgroup\" rowspan=\"3\">");
            put!(html, "{}{remark}</th>", escaped(amount::rate(step.rate_per_second)));
            put!(html, "<td rowspan=\"3\">{}</td>", escaped(amount::rate(step.achieved_per_second)));
            put!(html, "<td rowspan=\"3\">{}</td>", amount::count(step.messages));
            put_part(html, "latency", step.latency_ns);
            put!(html, "<tr>");
            put_part(html, "waiting", step.waiting_ns);
            put!(html, "<tr>");
            put_part(html, "handling", step.handling_ns);
            put!(html, "</tbody>\n");
        }
        put!(html, "</table>\n</div>\n");
    }
}

/// The cells of one row, and its end.
fn put_part(html: &mut Html, name: &str, percentiles: Percentiles) {
    put!(html, "<th scope=\"row\">{name}</th>");
    for ns in percentiles.all() {
        put!(html, "<td>{}</td>", escaped(amount::time(ns)));
    }
    put!(html, "</tr>\n");
}

/// The ends of the axis of percentiles: what is faster than the median hides nothing, and 100 is infinitely far away.
const FIRST: f64 = 50.0;
const LAST: f64 = 99.9999;

/// The percentiles of a step that stand on the axis.
fn curve(step: &Step) -> Vec<(f64, f64)> {
    let within = |point: &(f64, f64)| (FIRST..=LAST).contains(&point.0) && point.1 > 0.0;
    let curve: Vec<(f64, f64)> = step.percentiles.iter().copied().filter(within).collect();
    if !curve.is_empty() {
        return curve;
    }
    let named = [50.0, 90.0, 99.0, 99.9, 99.99];
    named.into_iter().zip(step.latency_ns.all()).filter(within).collect()
}

/// Nines: 1 for 90, 2 for 99, and so on.
fn decades(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).max(f64::EPSILON).log10()
}

fn seconds(seconds: f64) -> String {
    format!("{}\u{a0}s", amount::number(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(rate: f64, is_knee: bool) -> Step {
        let same = Percentiles { p50: 1.0, p90: 2.0, p99: 3.0, p999: 4.0, p9999: 5.0, max: 6.0 };
        Step {
            latency: "cross".to_owned(),
            cores: vec![0, 1],
            payload_bytes: 32,
            work_ns: None,
            wait: None,
            arrivals: None,
            rate_per_second: rate,
            achieved_per_second: rate,
            messages: 10,
            seconds: 1.0,
            latency_ns: same,
            waiting_ns: same,
            handling_ns: same,
            is_knee,
            saturated: false,
            percentiles: vec![(0.0, 1.0), (50.0, 1.0), (99.0, 3.0), (100.0, 6.0)],
        }
    }

    #[test]
    fn every_nine_takes_the_same_room() {
        let nines = [0.0, 90.0, 99.0, 99.9, 99.99].map(decades);
        for (expected, found) in [0.0, 1.0, 2.0, 3.0, 4.0].iter().zip(nines) {
            assert!((expected - found).abs() < 1e-9, "{nines:?}");
        }
        assert!(decades(100.0).is_finite());
    }

    #[test]
    fn the_knee_always_has_a_curve() {
        for count in [1, 5, 6, 7, 20] {
            for knee in 0..count {
                let steps: Vec<Step> = (0..count).rev().map(|n| step(f64::from(n + 1), n == knee)).collect();
                let ladders = ladders(&steps);
                let chosen = ladders[0].chosen();
                assert!(chosen.iter().any(|step| step.is_knee), "{knee} of {count}");
                assert!(chosen.is_sorted_by(|one, next| one.rate_per_second < next.rate_per_second));
                assert_eq!(chosen.len(), (count as usize).min(CURVES_MAX));
            }
        }
    }

    #[test]
    fn what_cannot_stand_on_the_axis_is_left_out() {
        assert_eq!(curve(&step(1.0, false)), [(50.0, 1.0), (99.0, 3.0)]);
        let bare = Step { percentiles: Vec::new(), ..step(1.0, false) };
        assert_eq!(curve(&bare).len(), 5);
    }
}

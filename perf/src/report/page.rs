//! The page as a whole: its head, its order, and what it says of what is missing.

use std::time::{SystemTime, UNIX_EPOCH};

use super::html::{Html, escaped, put};
use super::inputs::{LATENCY, Matrix, RUN, Run, Step, TOPOLOGY};
use super::scenarios::{self, Scenario};
use super::{latency, machine, matrix};
use crate::environment::Environment;

const STYLE: &str = include_str!("page.css");

/// Everything that a page is made of.
pub(super) struct Contents {
    pub(super) run: Option<Run>,
    pub(super) latency: Option<Vec<Step>>,
    pub(super) matrix: Option<Matrix>,
    pub(super) environment: Environment,
}

impl Contents {
    /// The page.
    pub(super) fn page(&self, now: SystemTime) -> String {
        let mut html = Html::default();
        let scenarios = self.run.as_ref().map(Scenario::all).unwrap_or_default();
        put_head(&mut html);
        self.put_header(&mut html, now);
        self.put_contents(&mut html, &scenarios);
        put!(html, "<main id=\"main\">\n");
        if let Some(run) = &self.run {
            scenarios::put_summary(&mut html, run, &scenarios);
            put!(html, "<section id=\"scenarios\" aria-labelledby=\"scenarios-title\">\n");
            put!(html, "<h2 id=\"scenarios-title\">Beside its peers</h2>\n");
            put!(html, "<p>Every subject does the same checked work on the same cores; the subjects take turns. ");
            put!(html, "Ratios are of the medians; of several ways to use Hippodrome, the best is compared.</p>\n");
            scenarios.iter().for_each(|scenario| scenario.put(&mut html));
            put!(html, "</section>\n");
        }
        if let Some(steps) = &self.latency {
            latency::put_section(&mut html, steps);
        }
        if let Some(matrix) = &self.matrix {
            matrix::put_section(&mut html, matrix);
        }
        machine::put_section(&mut html, &self.environment);
        self.put_missing(&mut html);
        put!(
            html,
            "</main>\n<footer><p>Written by <code>perf report</code>. The page is complete in itself: it loads "
        );
        put!(html, "nothing and runs no script.</p></footer>\n</body>\n</html>\n");
        html.into_string()
    }

    fn put_header(&self, html: &mut Html, now: SystemTime) {
        let machine = escaped(self.environment.in_a_line());
        put!(html, "<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n");
        put!(html, "<p class=\"brand\">Hippodrome</p>\n<h1>Performance report</h1>\n");
        put!(html, "<p class=\"lead\">{machine}</p>\n");
        put!(
            html,
            "<p class=\"about\">For low latency, <a href=\"#machine\">{}</a> ",
            escaped(self.environment.verdict())
        );
        put!(html, "</p>\n<p class=\"about\">Written on {}.</p>\n</header>\n", written(now));
    }

    fn put_contents(&self, html: &mut Html, scenarios: &[Scenario<'_>]) {
        put!(html, "<nav aria-label=\"Contents\">\n<ul>\n");
        if self.run.is_some() {
            put!(
                html,
                "<li><a href=\"#summary\">At a glance</a></li>\n<li><a href=\"#scenarios\">Beside its peers</a>\n<ul>\n"
            );
            for scenario in scenarios {
                put!(html, "<li><a href=\"#{}\">{}</a></li>\n", scenario.anchor(), escaped(scenario.name()));
            }
            put!(html, "</ul></li>\n");
        }
        if self.latency.is_some() {
            put!(html, "<li><a href=\"#latency\">Latency under load</a></li>\n");
        }
        if self.matrix.is_some() {
            put!(html, "<li><a href=\"#cores\">From core to core</a></li>\n");
        }
        put!(html, "<li><a href=\"#machine\">The machine</a></li>\n</ul>\n</nav>\n");
    }

    fn put_missing(&self, html: &mut Html) {
        let parts = [
            (self.run.is_none(), "The comparison with peers", RUN, "--run run.jsonl"),
            (self.latency.is_none(), "Latency under load", LATENCY, "--latency latency.jsonl"),
            (self.matrix.is_none(), "The round trips between cores", TOPOLOGY, "--topology topology.json"),
        ];
        let missing: Vec<_> = parts.into_iter().filter(|(is_missing, ..)| *is_missing).collect();
        if missing.is_empty() {
            return;
        }
        put!(html, "<section id=\"missing\" aria-labelledby=\"missing-title\">\n");
        put!(html, "<h2 id=\"missing-title\">Not in this report</h2>\n<ul>\n");
        for (_, what, command, option) in missing {
            put!(html, "<li>{what}: measure it with <code>{}</code>, ", escaped(command));
            put!(html, "then write the report with <code>{}</code>.</li>\n", escaped(option));
        }
        put!(html, "</ul>\n</section>\n");
    }
}

fn put_head(html: &mut Html) {
    put!(html, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put!(html, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    put!(html, "<meta name=\"color-scheme\" content=\"light dark\">\n");
    // Nothing may be loaded, whatever a measured text contains.
    put!(html, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    put!(html, "style-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n");
    put!(html, "<title>Hippodrome: performance report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n");
}

/// The day and the minute in UTC.
fn written(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = date(seconds / 86_400);
    let minutes = seconds / 60 % 1440;
    format!("{year}-{month:02}-{day:02} at {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// The date of a day since 1970-01-01 in the Gregorian calendar.
///
/// Years begin in March here, so that a leap day is the last of its year; after Hinnant, "chrono-compatible low-level
/// date algorithms" (`civil_from_days`).
fn date(day: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, in eras of 400 years.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        let days = [0, 58, 59, 11_016, 11_017, 19_782, 19_783, 47_540, 47_541].map(date);
        let dates = [
            (1970, 1, 1),
            (1970, 2, 28),
            (1970, 3, 1),
            (2000, 2, 29),
            (2000, 3, 1),
            (2024, 2, 29),
            (2024, 3, 1),
            (2100, 2, 28),
            (2100, 3, 1),
        ];
        assert_eq!(days, dates);
        let now = UNIX_EPOCH + std::time::Duration::from_secs(1_709_210_096);
        assert_eq!(written(now), "2024-02-29 at 12:34 UTC");
    }
}

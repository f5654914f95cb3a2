//! What `perf run` has measured: at a glance, and each scenario with its charts, its figures and its gates.

use super::amount;
use super::bars::{Bar, Bars};
use super::html::{Html, anchor, escaped, put};
use super::inputs::{Gate, PERCENTILES, Row, Run, Spread, set};
use crate::hippodrome::NAME;

/// The rows of one scenario, in the order of the file.
pub(super) struct Scenario<'a> {
    name: &'a str,
    cases: Vec<Case<'a>>,
    gates: Vec<&'a Gate>,
}

/// The rows of one size of a scenario's work: Hippodrome's first, then its peers', the best first.
struct Case<'a> {
    rows: Vec<&'a Row>,
    measure: Measure,
}

/// What the bars of a case show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// Units a second: the more the better.
    Rate,
    /// The median latency: the less the better.
    Latency,
    /// The median latency in raw round trips of a cache line, because the machine moves: the less the better.
    RawRoundTrips,
}

impl Measure {
    /// Where there are latencies, the scenario is about them.
    fn of(rows: &[&Row]) -> Self {
        let is_about_latency = rows.iter().any(|row| row.latency_ns.is_some());
        match rows.iter().any(|row| row.multiple_of_raw.is_some()) {
            true if is_about_latency => Self::RawRoundTrips,
            _ if is_about_latency => Self::Latency,
            _ => Self::Rate,
        }
    }

    /// The figure of a row, and the ends of its whisker.
    fn figure(self, row: &Row) -> Option<Spread> {
        match self {
            Self::Rate => row.rate_per_second,
            Self::Latency => {
                row.latency_ns.map(|latency| Spread { min: latency.p50, median: latency.p50, max: latency.p99 })
            }
            Self::RawRoundTrips => row.multiple_of_raw,
        }
        // A figure of nothing is none: it would be infinitely far from the others.
        .filter(|figure| figure.median > 0.0)
    }

    /// How many times as good as the other figure the one is.
    fn times(self, ours: f64, theirs: f64) -> f64 {
        if self == Self::Rate { ours / theirs } else { theirs / ours }
    }

    /// The greater the better; nothing for a row without a figure.
    fn goodness(self, row: &Row) -> f64 {
        self.figure(row).map_or(0.0, |figure| if self == Self::Rate { figure.median } else { 1.0 / figure.median })
    }

    fn words(self) -> fn(f64) -> String {
        match self {
            Self::Rate => amount::rate,
            Self::Latency => amount::time,
            Self::RawRoundTrips => amount::times,
        }
    }

    /// What is drawn, in a sentence.
    fn caption(self, unit: &str) -> String {
        let units = amount::plural(unit);
        match self {
            Self::Rate => {
                format!("{} a second, median, with the least and the greatest. Longer is better.", upper(&units))
            }
            Self::Latency => {
                format!("Time of a {unit}: the bar is the median, the line goes on to p99. Shorter is better.")
            }
            Self::RawRoundTrips => format!(
                "Median time of a {unit} in raw round trips of a cache line, with the least and the greatest. \
                 Shorter is better."
            ),
        }
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl<'a> Case<'a> {
    fn new(mut rows: Vec<&'a Row>) -> Self {
        let measure = Measure::of(&rows);
        rows.sort_by(|one, next| {
            let is_peer = |row: &Row| row.subject != NAME;
            is_peer(one).cmp(&is_peer(next)).then(measure.goodness(next).total_cmp(&measure.goodness(one)))
        });
        Self { rows, measure }
    }

    /// The best of those that found what they had to.
    fn best(&self, is_wanted: impl Fn(&Row) -> bool) -> Option<&'a Row> {
        let counts = |row: &Row| row.checksum_ok && self.measure.figure(row).is_some();
        self.rows.iter().copied().find(|row| counts(row) && is_wanted(row))
    }

    /// Of several ways, what is compared with the peers is the best.
    fn best_of_ours(&self) -> Option<&'a Row> {
        self.best(|row| row.subject == NAME)
    }

    /// How many times as fast as this row the best of ours is.
    fn times_as_fast_as(&self, row: &Row) -> Option<f64> {
        let ours = self.measure.figure(self.best_of_ours()?)?;
        Some(self.measure.times(ours.median, self.measure.figure(row)?.median))
    }

    /// The size of the work in words.
    fn size(&self) -> String {
        let Some(row) = self.rows.first() else { return String::new() };
        let mut parts = Vec::new();
        if row.payload_bytes > 0 {
            parts.push(format!("{}-byte messages", amount::count(row.payload_bytes)));
        }
        if row.actors > 0 {
            // Some scenarios count producers.
            let what = if row.scenario == "fan_in" { "producer" } else { "actor" };
            parts.push(amount::counted(row.actors, what));
        }
        parts.push(format!("{} a sample", amount::counted(row.messages, &row.unit)));
        parts.join(" · ")
    }

    fn bars(&self) -> Bars {
        let bar = |row: &&Row| {
            let figure = self.measure.figure(row);
            let is_ours = row.subject == NAME;
            let times = self.times_as_fast_as(row).filter(|_| !is_ours);
            let mut notes = Vec::new();
            if !row.checksum_ok {
                notes.push("wrong result".to_owned());
            }
            notes.extend(times.map(|times| format!("{NAME} is {} as fast", amount::times(times))));
            Bar {
                name: row.subject.clone(),
                detail: row.via.clone(),
                link: None,
                is_ours,
                value: figure.map(|figure| figure.median),
                whisker: figure.map(|figure| (figure.min, figure.max)),
                note: (!notes.is_empty()).then(|| notes.join(", ")),
            }
        };
        Bars { bars: self.rows.iter().map(bar).collect(), words: self.measure.words(), origin: None }
    }

    fn put(&self, html: &mut Html) {
        let Some(first) = self.rows.first() else { return };
        put!(html, "<figure class=\"case\">\n<h4>{}</h4>\n", escaped(self.size()));
        let bars = self.bars();
        put!(html, "<figcaption>{}", escaped(self.measure.caption(&first.unit)));
        if bars.scale().is_log() {
            put!(html, " <strong>Logarithmic scale</strong>: equal lengths are equal factors.");
        }
        put!(html, "</figcaption>\n");
        bars.put(html);
        self.put_table(html);
        put!(html, "</figure>\n");
    }

    fn put_table(&self, html: &mut Html) {
        // A column in which nothing stands is left out.
        let columns: Vec<&Column> =
            COLUMNS.iter().filter(|column| self.rows.iter().any(|row| (column.cell)(row).is_some())).collect();
        put!(
            html,
            "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Figures: {}\">\n",
            escaped(self.size())
        );
        put!(html, "<table>\n<thead><tr><th scope=\"col\">subject</th>");
        for column in &columns {
            put!(html, "<th scope=\"col\">{}</th>", escaped(column.name));
        }
        put!(html, "</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            let class = if row.subject == NAME { " class=\"ours\"" } else { "" };
            put!(html, "<tr{class}><th scope=\"row\">{}</th>", escaped(row.title()));
            for column in &columns {
                put!(html, "<td>{}</td>", escaped((column.cell)(row).unwrap_or_else(|| "–".to_owned())));
            }
            put!(html, "</tr>\n");
        }
        put!(html, "</tbody>\n</table>\n</div>\n");
    }
}

struct Column {
    name: &'static str,
    cell: fn(&Row) -> Option<String>,
}

fn latency(row: &Row, index: usize) -> Option<String> {
    row.latency_ns.map(|latency| amount::time(latency.all()[index]))
}

fn spread(spread: Spread, words: fn(f64) -> String) -> String {
    format!("{} ({} to {})", words(spread.median), words(spread.min), words(spread.max))
}

const COLUMNS: &[Column] = &[
    Column { name: "time of one", cell: |row| row.ns_per_message.map(amount::time) },
    Column { name: "rate", cell: |row| row.rate_per_second.map(|rate| spread(rate, amount::rate)) },
    Column { name: "in raw round trips", cell: |row| row.multiple_of_raw.map(|times| spread(times, amount::times)) },
    Column { name: "raw round trip", cell: |row| row.raw_round_trip_ns.map(amount::time) },
    Column { name: PERCENTILES[0], cell: |row| latency(row, 0) },
    Column { name: PERCENTILES[1], cell: |row| latency(row, 1) },
    Column { name: PERCENTILES[2], cell: |row| latency(row, 2) },
    Column { name: PERCENTILES[3], cell: |row| latency(row, 3) },
    Column { name: PERCENTILES[4], cell: |row| latency(row, 4) },
    Column { name: PERCENTILES[5], cell: |row| latency(row, 5) },
    Column { name: "bytes an actor", cell: |row| row.bytes_per_actor.map(amount::number) },
    Column { name: "of a core while idle", cell: |row| row.idle_share.map(amount::share) },
    Column { name: "result", cell: |row| Some(if row.checksum_ok { "right" } else { "wrong" }.to_owned()) },
    Column { name: "samples", cell: |row| Some(amount::count(row.samples)) },
    Column { name: "dropped", cell: |row| (row.dropped > 0).then(|| amount::count(row.dropped)) },
];

impl<'a> Scenario<'a> {
    /// The scenarios in the order in which they come first.
    pub(super) fn all(run: &'a Run) -> Vec<Self> {
        let mut names: Vec<&str> = Vec::new();
        let of_rows = run.rows.iter().map(|row| row.scenario.as_str());
        for name in of_rows.chain(run.gates.iter().map(|gate| gate.scenario.as_str())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter().map(|name| Self::new(name, run)).collect()
    }

    fn new(name: &'a str, run: &'a Run) -> Self {
        let size = |row: &Row| (row.payload_bytes, row.actors, row.messages);
        let mut cases: Vec<Vec<&Row>> = Vec::new();
        for row in run.rows.iter().filter(|row| row.scenario == name) {
            match cases.iter_mut().find(|rows| size(rows[0]) == size(row)) {
                Some(rows) => rows.push(row),
                None => cases.push(vec![row]),
            }
        }
        let gates = run.gates.iter().filter(|gate| gate.scenario == name).collect();
        Self { name, cases: cases.into_iter().map(Case::new).collect(), gates }
    }

    /// Its name.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// The target of links to it.
    pub(super) fn anchor(&self) -> String {
        anchor_of(self.name)
    }

    /// In its first case: how many times as fast as the fastest peer we are.
    fn at_a_glance(&self) -> Option<Bar> {
        let case = self.cases.first()?;
        let peer = case.best(|row| row.subject != NAME)?;
        let times = case.times_as_fast_as(peer)?;
        Some(Bar {
            name: self.name.to_owned(),
            detail: case.best_of_ours().and_then(|row| row.via.clone()),
            link: Some(self.anchor()),
            is_ours: times >= 1.0,
            value: Some(times),
            whisker: None,
            note: Some(format!("the fastest peer is {}", peer.title())),
        })
    }

    /// Appends the scenario.
    pub(super) fn put(&self, html: &mut Html) {
        let name = escaped(self.name);
        put!(html, "<article id=\"{}\">\n<h3>{name}</h3>\n", self.anchor());
        let cores = set(self.cases.iter().flat_map(|case| &case.rows).flat_map(|row| &row.cores));
        if !cores.is_empty() {
            let noun = if cores.len() == 1 { "core" } else { "cores" };
            put!(html, "<p class=\"about\">On {noun} {cores}.</p>\n");
        }
        put_gates(html, &self.gates, false);
        for case in &self.cases {
            case.put(html);
        }
        put!(html, "</article>\n");
    }
}

/// The target of links to a scenario.
fn anchor_of(scenario: &str) -> String {
    format!("scenario-{}", anchor(scenario))
}

/// Appends gates with what became of them, and with links to their scenarios where they stand apart from those.
fn put_gates(html: &mut Html, gates: &[&Gate], has_links: bool) {
    if gates.is_empty() {
        return;
    }
    put!(html, "<ul class=\"gates\">\n");
    for gate in gates {
        let (class, sign, word) = verdict(gate);
        put!(html, "<li class=\"{class}\"><span class=\"verdict\">{sign} {word}</span> ");
        if has_links {
            put!(html, "<a href=\"#{}\">{}</a>: ", anchor_of(&gate.scenario), escaped(&gate.scenario));
        }
        put!(html, "{}", escaped(&gate.gate));
        if let Some(found) = gate.found {
            put!(html, " <span class=\"found\">found: {}</span>", escaped(amount::number(found)));
        }
        put!(html, "</li>\n");
    }
    put!(html, "</ul>\n");
}

/// The class of a gate, its sign, and its word: never a colour alone.
fn verdict(gate: &Gate) -> (&'static str, &'static str, &'static str) {
    match gate.is_met {
        Some(true) => ("good", "✓", "met"),
        Some(false) => ("bad", "✗", "missed"),
        None => ("unknown", "?", "not known"),
    }
}

/// Appends the summary: how many gates are met, which are not, and how many times as fast as the best peer we are.
pub(super) fn put_summary(html: &mut Html, run: &Run, scenarios: &[Scenario<'_>]) {
    put!(html, "<section id=\"summary\" aria-labelledby=\"summary-title\">\n");
    put!(html, "<h2 id=\"summary-title\">At a glance</h2>\n");
    let wrong = run.rows.iter().filter(|row| !row.checksum_ok).count();
    if wrong > 0 {
        put!(html, "<p class=\"alarm\">✗ {} wrong results: see “result” in the tables.</p>\n", wrong);
    }
    if !run.gates.is_empty() {
        let count = |is_met| run.gates.iter().filter(|gate| gate.is_met == is_met).count();
        let (met, missed, unknown) = (count(Some(true)), count(Some(false)), count(None));
        put!(html, "<p>Of {} gates, <strong>{met} are met</strong>, {missed} missed", run.gates.len());
        put!(html, "{}.</p>\n", if unknown > 0 { format!(", and {unknown} not known") } else { String::new() });
        let open: Vec<&Gate> = run.gates.iter().filter(|gate| gate.is_met != Some(true)).collect();
        put_gates(html, &open, true);
    }
    put_ratios(html, scenarios);
    put!(html, "</section>\n");
}

/// Appends the chart of all scenarios that a peer takes part in.
fn put_ratios(html: &mut Html, scenarios: &[Scenario<'_>]) {
    let bars: Vec<Bar> = scenarios.iter().filter_map(Scenario::at_a_glance).collect();
    if bars.is_empty() {
        return;
    }
    put!(
        html,
        "<figure class=\"case\">\n<figcaption>How many times as fast as the fastest peer Hippodrome is, in each "
    );
    put!(
        html,
        "scenario’s first case: the ratio of the medians. <strong>Logarithmic scale</strong>, bars begin at 1×, "
    );
    put!(html, "which is as fast.</figcaption>\n");
    Bars { bars, words: amount::times, origin: Some(1.0) }.put(html);
    put!(html, "</figure>\n");
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::UNIX_EPOCH;

use super::*;

/// Figures that are made up, in the form that the commands give them.
const RUN: &str = include_str!("../../tests/report/run.jsonl");
const LATENCY: &str = include_str!("../../tests/report/latency.jsonl");
const TOPOLOGY: &str = include_str!("../../tests/report/topology.json");

/// A page of these files; each is left out if it is empty.
fn page(run: &str, latency: &str, topology: &str) -> Result<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text).unwrap();
        (!text.is_empty()).then_some(file)
    };
    let (run, latency) = (file("run.jsonl", run), file("latency.jsonl", latency));
    let topology = file("topology.json", topology);
    let inputs = Inputs { run: run.as_deref(), latency: latency.as_deref(), topology: topology.as_deref() };
    let contents = contents(&inputs, None, directory.path());
    let contents =
        contents.map_err(|error| error.to_string().replace(&format!("{}/", directory.path().display()), ""))?;
    Ok(contents.page(UNIX_EPOCH))
}

fn full() -> String {
    page(RUN, LATENCY, TOPOLOGY).unwrap()
}

/// The first line of the file with one key changed.
fn changed(file: &str, key: &str, value: serde_json::Value) -> String {
    let mut line: serde_json::Value = serde_json::from_str(file.lines().next().unwrap()).unwrap();
    line[key] = value;
    line.to_string()
}

/// The values of an attribute, in the order of the page.
fn attributes<'a>(page: &'a str, start: &str) -> Vec<&'a str> {
    page.split(start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn every_part_is_in_the_page() {
    let page = full();
    for part in ["summary", "scenarios", "latency", "cores", "machine", "scenario-local_flood", "latency-2"] {
        assert_eq!(page.matches(&format!("id=\"{part}\"")).count(), 1, "{part}");
    }
    assert!(!page.contains("Not in this report"));
    assert!(page.contains("hippodrome is 22.5× as fast"), "the ratio of the medians of local_flood");
    assert!(page.contains("✗ missed") && page.contains("✓ met") && page.contains("? not known"));
    assert!(page.contains("<strong>Logarithmic scale</strong>"));
    assert!(page.contains("knee 4\u{a0}M/s"));
    assert!(page.contains("Written on 1970-01-01 at 00:00 UTC."));
}

#[test]
fn hippodrome_is_first_and_its_peers_follow_by_speed() {
    let page = full();
    let flood = page.split("id=\"scenario-cross_flood\"").nth(1).unwrap().split("</ol>").next().unwrap();
    let names: Vec<&str> =
        flood.split("<span class=\"who\">").skip(1).map(|rest| rest.split(['<', ' ']).next().unwrap()).collect();
    assert_eq!(names, ["hippodrome", "hippodrome", "rtrb", "disruptor", "crossbeam", "tokio-mpsc", "actix", "kameo"]);
    // Of several ways the best is first, and what has no figure is last and says so.
    assert!(flood.find("<small>port</small>").unwrap() < flood.find("<small>actor</small>").unwrap());
    assert!(flood.ends_with("</li>\n") && flood.contains("not measured"));
}

#[test]
fn a_wrong_result_is_an_alarm_and_never_the_fastest() {
    let run = [changed(RUN, "subject", "hippodrome".into()), changed(RUN, "subject", "slow".into()), {
        let wrong = changed(RUN, "subject", "wrong".into());
        changed(
            &changed(&wrong, "checksum_ok", false.into()),
            "rate_per_second",
            serde_json::json!({"min": 9e9, "median": 9e9, "max": 9e9}),
        )
    }];
    let page = page(&run.join("\n"), "", "").unwrap();
    assert!(page.contains("✗ 1 wrong results") && page.contains("wrong result, hippodrome is"));
    assert!(page.contains("the fastest peer is slow"));
}

#[test]
fn latencies_are_drawn_where_a_scenario_is_about_them() {
    let page = full();
    let of = |scenario: &str| {
        let rest = page.split(&format!("id=\"scenario-{scenario}\"")).nth(1).unwrap();
        rest.split("</article>").next().unwrap()
    };
    assert!(of("cross_ping_pong").contains("in raw round trips of a cache line"));
    assert!(of("wake_up").contains("the bar is the median, the line goes on to p99"));
    assert!(of("local_flood").contains("Messages a second"));
    assert!(of("wake_up").contains("<th scope=\"col\">of a core while idle</th>"));
    assert!(!of("local_flood").contains("<th scope=\"col\">p99</th>"), "a column in which nothing stands");
}

#[test]
fn a_page_loads_nothing() {
    for page in [full(), page("", "", "").unwrap()] {
        for forbidden in ["http:", "https:", "src=", "@import", "url(", "<script", "<iframe", "onload"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        for link in attributes(&page, "href=\"") {
            assert!(link.starts_with('#') || link == "data:,", "{link}");
        }
    }
}

#[test]
fn links_lead_to_one_place_each() {
    // A gate may stand alone.
    let gate = r#"{"gate": "g", "scenario": "unmeasured", "found": null, "is_met": null}"#;
    let page = page(&format!("{RUN}{gate}\n"), LATENCY, TOPOLOGY).unwrap();
    let ids = attributes(&page, " id=\"");
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len());
    for link in attributes(&page, "href=\"#") {
        assert!(distinct.contains(link), "#{link}");
    }
    for labels in attributes(&page, "aria-labelledby=\"") {
        assert!(labels.split(' ').all(|label| distinct.contains(label)), "{labels}");
    }
}

#[test]
fn headings_are_in_order_and_tags_are_closed() {
    for page in [full(), page("", "", "").unwrap()] {
        let body = &page[page.find("<body>").unwrap()..page.rfind("</html>").unwrap()];
        let (mut open, mut level) = (Vec::new(), 0);
        for tag in body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let name = tag.split([' ', '/']).next().unwrap();
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closed));
            } else if !tag.ends_with('/') && name != "wbr" {
                open.push(name);
            }
            if let Some(number) = name.strip_prefix('h').and_then(|digit| digit.parse::<u32>().ok()) {
                assert!(number <= level + 1, "h{number} after h{level}");
                level = number;
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn texts_from_files_are_no_markup() {
    let hostile = "</style><script>alert('\"x\"')</script>&amp;";
    for key in ["scenario", "subject", "via", "unit"] {
        let page = page(&changed(RUN, key, hostile.into()), "", "").unwrap();
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{key}");
        assert_eq!(page.matches("</style>").count(), 1, "{key}");
    }
    for key in ["latency", "wait", "arrivals"] {
        let page = page("", &changed(LATENCY, key, hostile.into()), "").unwrap();
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{key}");
    }
    let gate = serde_json::json!({"gate": hostile, "scenario": hostile, "found": null, "is_met": null});
    let page = page(&format!("{}\n{gate}\n", RUN.lines().next().unwrap()), "", "").unwrap();
    assert!(!page.contains("<script"));
}

#[test]
fn what_is_missing_is_left_out_and_its_command_is_named() {
    let page = page("", "", "").unwrap();
    for absent in ["id=\"summary\"", "id=\"scenarios\"", "id=\"latency\"", "id=\"cores\""] {
        assert!(!page.contains(absent), "{absent}");
    }
    for command in ["perf run all --format json", "perf latency --format json", "perf topology --format json"] {
        assert!(page.contains(command), "{command}");
    }
    assert!(page.contains("id=\"machine\"") && page.contains("nothing could be read."));
}

#[test]
fn malformed_lines_are_named_with_their_reason() {
    let good = RUN.lines().next().unwrap();
    let of_run = |line: &str| page(&format!("{good}\n\n{line}\n"), "", "").unwrap_err();
    let with = |key: &str, value: serde_json::Value| of_run(&changed(RUN, key, value));
    let spread = serde_json::json!({"min": 3.0, "median": 2.0, "max": 4.0});
    let cases = [
        (of_run("{\"scenario\": "), "run.jsonl:3: EOF while parsing a value (column 13)"),
        (of_run("[1]"), "run.jsonl:3: a JSON object is needed"),
        (of_run("{}"), "run.jsonl:3: missing field `scenario` (column 2)"),
        (with("messages", (-1).into()), "run.jsonl:3: invalid value: integer `-1`, expected u64 (column "),
        (with("cores", serde_json::json!([5000])), "run.jsonl:3: cores: "),
        (with("rate_per_second", spread), "run.jsonl:3: rate_per_second: min 3, median 2, max 4 do not ascend"),
        (with("ns_per_message", (-3.5).into()), "run.jsonl:3: ns_per_message: -3.5 is not 0 or above"),
        (of_run(LATENCY.lines().next().unwrap()), "run.jsonl:3: this is a line of `perf latency`"),
        (page(" \n", "", "").unwrap_err(), "run.jsonl: nothing was measured"),
        (page("", good, "").unwrap_err(), "latency.jsonl:1: this is a line of `perf run`"),
        (
            page("", &changed(LATENCY, "rate_per_second", 0.into()), "").unwrap_err(),
            "latency.jsonl:1: rate_per_second: 0 is not above 0",
        ),
        (
            page("", &changed(LATENCY, "percentiles", serde_json::json!([[101.0, 1.0]])), "").unwrap_err(),
            "latency.jsonl:1: percentiles: 101 is not from 0 to 100",
        ),
        (
            page("", &changed(LATENCY, "percentiles", serde_json::json!([[50.0, 2.0], [90.0, 1.0]])), "").unwrap_err(),
            "latency.jsonl:1: percentiles: they do not ascend",
        ),
        (
            page("", "", "{\"cores\": [0, 1],\n\"matrix_ns\": [[null, 2.0]]}").unwrap_err(),
            "topology.json:1: matrix_ns: 2 rows of 2 are needed",
        ),
        (page("", "", "{\n\"cores\": 7}").unwrap_err(), "topology.json:2: invalid type"),
    ];
    for (found, expected) in cases {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn keys_that_are_not_known_are_passed_over() {
    let page = page(
        &changed(RUN, "of_a_later_version", serde_json::json!({"x": [1]})),
        &changed(LATENCY, "of_a_later_version", "y".into()),
        "",
    );
    assert!(page.is_ok(), "{page:?}");
}

#[test]
fn figures_at_the_ends_of_what_is_possible_can_be_drawn() {
    let spread = |amount: f64| serde_json::json!({"min": amount, "median": amount, "max": amount});
    for amount in [0.0, 1e-300, 1e300] {
        let run = [changed(RUN, "rate_per_second", spread(amount)), changed(RUN, "subject", "other".into())].join("\n");
        let zero = serde_json::json!({"p50": 0, "p90": 0, "p99": 0, "p999": 0, "p9999": 0, "max": amount});
        let page = page(&run, &changed(LATENCY, "latency_ns", zero), "").unwrap();
        for nonsense in ["NaN", "inf"] {
            assert!(!page.split("<body>").nth(1).unwrap().contains(&format!("{nonsense}%")), "{nonsense}");
            assert!(
                !page.contains(&format!("\"M{nonsense}")) && !page.contains(&format!(" {nonsense}L")),
                "{nonsense}"
            );
        }
    }
}

#[test]
fn a_page_is_replaced_when_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (out, run) = (directory.path().join("report.html"), directory.path().join("run.jsonl"));
    fs::write(&out, "before").unwrap();
    fs::write(&run, "nonsense").unwrap();
    assert!(write(&Inputs { run: Some(&run), ..Inputs::default() }, &out).is_err());
    assert_eq!(fs::read_to_string(&out).unwrap(), "before");
    fs::write(&run, RUN).unwrap();
    write(&Inputs { run: Some(&run), ..Inputs::default() }, &out).unwrap();
    assert!(fs::read_to_string(&out).unwrap().ends_with("</html>\n"));
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn a_page_that_cannot_be_written_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let error = write(&Inputs::default(), directory.path()).unwrap_err().to_string();
    assert!(error.ends_with("a file is needed, as in report.html"), "{error}");
    let error = write(&Inputs::default(), &directory.path().join("absent/report.html")).unwrap_err().to_string();
    assert!(error.contains("absent/report.html: "), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// The colours of one scheme of the page's style by their names.
fn colours(style: &str) -> BTreeMap<&str, [f64; 3]> {
    let declarations = style.split("--").skip(1).filter_map(|declaration| declaration.split_once(": #"));
    declarations
        .map(|(name, rest)| {
            let part = |at: usize| f64::from(u8::from_str_radix(&rest[at..at + 2], 16).unwrap()) / 255.0;
            (name, [part(0), part(2), part(4)])
        })
        .collect()
}

/// The contrast ratio of WCAG 2.1.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    let luminance =
        |[red, green, blue]: [f64; 3]| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn colours_can_be_told_from_their_background() {
    let style = include_str!("page.css");
    let (light, rest) = style.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let dark = rest.split_once("/* Text. */").unwrap().0;
    for scheme in [colours(light), colours(dark)] {
        for text in ["ink", "soft", "ours-ink", "good", "better", "bad"] {
            for background in ["paper", "sheet"] {
                let contrast = contrast(scheme[text], scheme[background]);
                assert!(contrast >= 4.5, "{text} on {background}: {contrast:.2}");
            }
        }
        // Of what is drawn, 3 is enough, and the bars' lengths stand beside them as text.
        for (name, colour) in &scheme {
            if name.starts_with("rate-") || name.starts_with("step-") || *name == "ours" {
                let contrast = contrast(*colour, scheme["paper"]);
                assert!(contrast >= 3.0, "{name}: {contrast:.2}");
            }
        }
    }
}

//! Runs the `order_book` program as its users do.
//!
//! `data/` holds a slice in LOBSTER's form: 200 messages from early in a generated flow and the ten best levels after
//! each, computed outside this project from all the orders of the flow. A book that starts from row 0 does not know
//! the orders behind the tenth level, so at that depth it loses some rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn messages() -> PathBuf {
    data("slice_message_10.csv")
}

fn rows() -> PathBuf {
    data("slice_orderbook_10.csv")
}

fn order_book(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_order_book")).args(arguments).output().unwrap()
}

fn compare(messages: &Path, rows: &Path, more: &[&str]) -> Output {
    let files = ["--messages", messages.to_str().unwrap(), "--book", rows.to_str().unwrap()];
    order_book(&[&files, more].concat())
}

/// The JSON object of a run that went well and said nothing else.
fn object(output: &Output) -> Value {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stderr_of_failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_generated_run_agrees_and_prints_one_object() {
    let object = object(&order_book(&["--events", "100000", "--format", "json"]));
    let keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["book_agree", "book_rows", "dead_letters", "events", "events_per_second", "latency_ns", "symbols"];
    assert_eq!(keys, expected);
    for (key, value) in [("events", 100_000), ("symbols", 8), ("book_rows", 0), ("book_agree", 0), ("dead_letters", 0)]
    {
        assert_eq!(object[key], value, "{key}");
    }
    assert!(object["events_per_second"].as_u64().unwrap() > 0);
    let latency = ["p50", "p90", "p99", "p999", "max"].map(|key| object["latency_ns"][key].as_u64().unwrap());
    assert!(latency.is_sorted() && latency[4] > 0, "{latency:?}");
    assert_eq!(object["latency_ns"].as_object().unwrap().len(), latency.len());
}

#[test]
fn a_generated_run_is_reported_as_text() {
    let output = order_book(&["--events", "20000", "--seed", "7", "--symbols", "3"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("order book: 20,000 events, 3 symbols, generated from seed 7\n"), "{text}");
    let parts = [
        "workers",
        "events/s",
        "conflated",
        "dead letters                   0",
        "latency",
        "p99.9",
        "the time in queues included",
        "The independent book agrees after every event.",
    ];
    for part in parts {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

/// Whatever the workers and however small their rings, every event arrives once and in order.
#[test]
fn any_workers_and_the_smallest_rings_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.toml");
    let smallest = "[defaults]\nlocal_ring_kib = 16\nlocal_ring_limit_kib = 16\nlane_kib = 4\n\
                    outbox_limit_kib = 16\ningress_kib = 4\n";
    for (workers, symbols) in [(1, "1"), (1, "64"), (2, "8"), (2, "64"), (4, "3"), (5, "64")] {
        fs::write(&file, format!("{smallest}{}", "[[workers]]\n".repeat(workers))).unwrap();
        let config = ["--config", file.to_str().unwrap(), "--events", "50000", "--format", "json"];
        let object = object(&order_book(&[&config[..], &["--symbols", symbols]].concat()));
        let figures = (&object["events"], &object["dead_letters"]);
        assert_eq!(figures, (&50_000.into(), &0.into()), "{workers} workers, {symbols} symbols");
    }
}

#[test]
fn a_rate_is_kept_as_long_as_it_can_be() {
    let object = object(&order_book(&["--events", "2000", "--rate", "20000", "--format", "json"]));
    assert_eq!((&object["events"], &object["dead_letters"]), (&2_000.into(), &0.into()));
    // Never faster: the last event is sent 99.95 ms after the first one.
    let rate = object["events_per_second"].as_u64().unwrap();
    assert!(0 < rate && rate <= 20_010, "{rate} events/s");
}

#[test]
fn a_long_run_shows_how_far_it_is() {
    let output = order_book(&["--events", "3000", "--rate", "2000", "--progress"]);
    assert_eq!(output.status.code(), Some(0));
    let lines = String::from_utf8(output.stderr).unwrap();
    assert!(lines.starts_with("books: ") && lines.contains(" of 3,000 events, "), "{lines}");
}

#[test]
fn the_workers_are_on_the_cores_that_are_named() {
    let output = order_book(&["--events", "1000", "--cores", "0"]);
    if output.status.success() {
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("workers               on cores 0\n"), "{text}");
    } else {
        // A machine may keep its first core from this process.
        assert!(stderr_of_failure(&output).contains("worker 0 cannot be pinned"));
    }
}

#[test]
fn an_engine_that_cannot_be_built_is_explained() {
    let error = stderr_of_failure(&order_book(&["--events", "1000", "--cores", "4000"]));
    assert!(error.starts_with("order_book: worker 0 cannot be pinned: "), "{error}");
    assert!(error.contains("4000"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.toml");
    let config = ["--config", file.to_str().unwrap(), "--events", "1000"];
    let error = stderr_of_failure(&order_book(&config));
    assert!(error.starts_with("order_book: ") && error.contains("engine.toml: cannot be read: "), "{error}");

    fs::write(&file, "[[workers]]\nlane_kib = 48\n").unwrap();
    let error = stderr_of_failure(&order_book(&config));
    assert!(error.contains("engine.toml: workers[0].lane_kib = 48: allowed is "), "{error}");
}

#[test]
fn a_slice_is_compared_with_the_book_of_its_file_at_every_depth() {
    for (depth, agree) in [("1", 199), ("3", 199), ("10", 175)] {
        let object = object(&compare(&messages(), &rows(), &["--depth", depth, "--format", "json"]));
        let figures = ["events", "symbols", "book_rows", "book_agree", "dead_letters"].map(|key| &object[key]);
        assert_eq!(figures, [199, 1, 199, agree, 0], "depth {depth}");
    }
}

#[test]
fn a_row_that_is_not_the_book_does_not_agree() {
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("changed.csv");
    let text = fs::read_to_string(rows()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (price, rest) = lines[50].split_once(',').unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    lines[50] = format!("{price},999999,{rest}");
    fs::write(&changed, lines.join("\r\n")).unwrap();
    let object = object(&compare(&messages(), &changed, &["--format", "json"]));
    assert_eq!((&object["book_rows"], &object["book_agree"]), (&199.into(), &198.into()));
}

/// The slice of a real day is not part of the repository; where it lies beside it, it is compared too.
///
/// Both files have 999 lines, so 998 rows come after the one that the book starts from.
#[test]
fn the_slice_of_a_real_day_agrees_as_far_as_it_can() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/lobster");
    let messages = folder.join("AAPL_2012-06-21_message_10.csv");
    let rows = folder.join("AAPL_2012-06-21_orderbook_10.csv");
    if !messages.exists() || !rows.exists() {
        println!("skipped: there is no {}", folder.display());
        return;
    }
    for (depth, agree) in [("1", 954), ("2", 900), ("5", 530), ("10", 112)] {
        let object = object(&compare(&messages, &rows, &["--depth", depth, "--format", "json"]));
        assert_eq!((&object["book_rows"], &object["book_agree"]), (&998.into(), &agree.into()), "depth {depth}");
    }
}

#[test]
fn messages_without_a_book_are_checked_by_the_independent_book_alone() {
    let messages = messages();
    let object = object(&order_book(&["--messages", messages.to_str().unwrap(), "--format", "json"]));
    let figures = ["events", "symbols", "book_rows", "book_agree"].map(|key| &object[key]);
    assert_eq!(figures, [200, 1, 0, 0]);
}

#[test]
fn a_malformed_line_is_named_and_nothing_is_printed_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.csv");
    let text = fs::read_to_string(messages()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[199] = "34203.5,1,77,lots,602500,1";
    fs::write(&bad, lines.join("\n")).unwrap();
    let expected = format!(
        "order_book: {}: line 200, column 4 (size, byte 14): found \"lots\", expected a whole number from 1 to \
         4294967295\n",
        bad.display()
    );
    assert_eq!(stderr_of_failure(&compare(&bad, &rows(), &["--format", "json"])), expected);

    fs::write(&bad, "602500,75,602400,1060\n602500,75,602400\n").unwrap();
    let expected = format!(
        "order_book: {}: line 2, column 4 (bid size, byte 17): found the end of the line, expected 4 columns\n",
        bad.display()
    );
    assert_eq!(stderr_of_failure(&compare(&messages(), &bad, &[])), expected);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short.csv");
    fs::write(&short, "602500,75,602400,1060\n").unwrap();
    let error = stderr_of_failure(&compare(&messages(), &short, &[]));
    assert!(error.contains("short.csv: 1 rows, expected 200, one for each line of "), "{error}");
    let error = stderr_of_failure(&compare(&messages(), &folder.path().join("none.csv"), &[]));
    assert!(error.contains("none.csv: cannot be opened: "), "{error}");
    fs::write(&short, "").unwrap();
    let error = stderr_of_failure(&compare(&short, &rows(), &[]));
    assert!(error.contains("short.csv: the file is empty"), "{error}");
}

#[test]
fn wrong_arguments_are_refused() {
    let table: [&[&str]; 6] = [
        &["--book", "b.csv"],
        &["--depth", "2"],
        &["--symbols", "0"],
        &["--format", "xml"],
        &["--cores", "2-1"],
        &["--rate", "0"],
    ];
    for arguments in table {
        let error = stderr_of_failure(&order_book(arguments));
        assert!(error.starts_with("error: "), "{error}");
    }
}

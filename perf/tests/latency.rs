//! `perf latency` as a program: what it prints, what its files say, and what it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;

/// Runs the program in this directory.
fn latency(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perf"));
    command.current_dir(directory).arg("latency").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Total counts of a percentile distribution: that of its last line and that of its footer.
fn counts_of_distribution(text: &str) -> (u64, u64) {
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    );
    assert_eq!(lines.next(), Some(""));
    let mut rows: Vec<(f64, f64, u64)> = Vec::new();
    let mut footer = BTreeMap::new();
    for line in lines {
        if let Some(fields) = line.strip_prefix("#[").and_then(|line| line.strip_suffix(']')) {
            for field in fields.split(',') {
                let (name, value) = field.split_once('=').unwrap();
                footer.insert(name.trim(), value.trim().parse::<f64>().unwrap());
            }
            continue;
        }
        let fields: Vec<&str> = line.split_whitespace().collect();
        let row: (f64, f64, u64) = (fields[0].parse().unwrap(), fields[1].parse().unwrap(), fields[2].parse().unwrap());
        let is_last = row.1 == 1.0;
        assert_eq!(fields.len(), if is_last { 3 } else { 4 }, "{line}");
        if !is_last {
            let inverse: f64 = fields[3].parse().unwrap();
            assert!((inverse * (1.0 - row.1) - 1.0).abs() < 0.01, "{line}");
        }
        rows.push(row);
    }
    let rises = |pair: &[(f64, f64, u64)]| pair[0].0 <= pair[1].0 && pair[0].1 < pair[1].1 && pair[0].2 <= pair[1].2;
    assert!(rows.windows(2).all(rises), "{text}");
    let names: Vec<&str> = footer.keys().copied().collect();
    assert_eq!(names, ["Buckets", "Max", "Mean", "StdDeviation", "SubBuckets", "Total count"]);
    assert_eq!(footer["SubBuckets"], 2048.0);
    let last = rows.last().unwrap();
    assert_eq!(last.1, 1.0);
    assert!(last.0 >= footer["Max"] && footer["Mean"] <= footer["Max"]);
    (last.2, footer["Total count"] as u64)
}

/// What an interval log has of each tag: the histograms put together, and how many there are.
fn histograms_of_log(bytes: &[u8]) -> BTreeMap<String, (Histogram<u64>, usize)> {
    let mut histograms: BTreeMap<String, (Histogram<u64>, usize)> = BTreeMap::new();
    for entry in IntervalLogIterator::new(bytes) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        assert!(interval.duration().as_secs_f64() <= 1.0);
        let encoded = base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram()).unwrap();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &encoded[..]).unwrap();
        let tag = interval.tag().unwrap().as_str().to_owned();
        let (sum, intervals) = histograms.entry(tag).or_insert_with(|| (Histogram::new(3).unwrap(), 0));
        sum.add(&histogram).unwrap();
        *intervals += 1;
    }
    histograms
}

fn keys(quantiles: &Value) -> Vec<u64> {
    ["p50", "p90", "p99", "p999", "p9999", "max"].map(|name| quantiles[name].as_u64().unwrap()).to_vec()
}

/// Runs two rates for 1.2 seconds each, and compares all that is said about them.
fn check_files(topology: &str, extra: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--topology", topology, "--rate", "1000,500", "--seconds", "1.2", "--warm-up", "0.1"];
    let output = latency(directory.path(), &[&arguments[..], extra, &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = directory.path().join("target/latency");
    let lines = fs::read_to_string(out.join("latency.jsonl")).unwrap();
    assert_eq!(text(&output.stdout), lines);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["rate_per_second"].as_u64().unwrap()).collect::<Vec<_>>(), [500, 1000]);
    let mut log = histograms_of_log(&fs::read(out.join("latency.hlog")).unwrap());
    for line in &lines {
        let (rate, messages) = (&line["rate_per_second"], line["messages"].as_u64().unwrap());
        assert_eq!(line["latency"], topology);
        assert!(messages > 0);
        let distribution = fs::read_to_string(out.join(format!("latency-{rate}.hgrm"))).unwrap();
        assert_eq!(counts_of_distribution(&distribution), (messages, messages));
        for part in ["latency", "waiting", "handling"] {
            let (histogram, intervals) = log.remove(&format!("{part}-{rate}")).unwrap();
            assert_eq!(histogram.len(), messages, "{part} at {rate}");
            // 1.2 seconds are a whole one and a part, unless the machine stood still and the run was cut off.
            assert!(intervals == 2 || line["cut_off"] == true, "{part} at {rate}");
            let quantiles = keys(&line[format!("{part}_ns")]);
            assert!(quantiles.is_sorted());
            assert_eq!(quantiles[5], histogram.max());
        }
        let curve = line["percentiles"].as_array().unwrap();
        assert_eq!(curve.last().unwrap()[0].as_f64(), Some(100.0));
        assert_eq!(curve.last().unwrap()[1], line["latency_ns"]["max"]);
        // A message is late by at least as much as it waited, and by at least as long as it was handled.
        assert!(line["latency_ns"]["max"].as_u64() >= line["waiting_ns"]["max"].as_u64());
        assert!(line["latency_ns"]["max"].as_u64() >= line["handling_ns"]["max"].as_u64());
    }
    assert!(log.is_empty());
    assert!(lines.iter().filter(|line| line["is_knee"] == true).count() <= 1);
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("</html>"));
    let left: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn the_files_of_a_local_run_agree_with_each_other() {
    check_files("local", &["--payload", "64", "--work", "200"]);
}

#[test]
fn the_files_of_a_run_across_cores_agree_with_each_other() {
    if std::thread::available_parallelism().unwrap().get() > 1 {
        check_files("cross", &["--arrivals", "poisson", "--seed", "3", "--wait", "spin-then-yield"]);
    }
}

#[test]
fn the_tables_have_each_rate_three_times_and_say_how_the_knee_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("engine.toml");
    fs::write(&config, "[defaults]\nwait = \"busy-spin\"\n[[workers]]\n").unwrap();
    let arguments = ["--topology", "local", "--rate", "2000", "--seconds", "0.1", "--out", "here", "--config"];
    let output = latency(directory.path(), &[&arguments[..], &[config.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert_eq!(printed.lines().filter(|line| line.contains(" 2,000 ")).count(), 3, "{printed}");
    for part in ["latency: ", "waiting: ", "handling: ", "knee", "wait busy-spin", "a reading of the clock takes"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert!(directory.path().join("here/latency-2000.hgrm").exists());
}

#[test]
fn bad_arguments_are_refused_with_what_is_allowed_and_leave_nothing() {
    let table: [(&[&str], &str); 11] = [
        (&["--payload", "33"], "allowed is 8, 32, 64, 256 or 1024"),
        (&["--rate", "0"], "1..=1000000000"),
        (&["--rate", "1000", "--start", "5"], "cannot be used with"),
        (&["--seconds", "61"], "allowed is 0.01 to 60 seconds"),
        (&["--seconds", "NaN"], "allowed is 0.01 to 60 seconds"),
        (&["--warm-up", "11"], "allowed is 0 to 10 seconds"),
        (&["--arrivals", "often"], "allowed is constant or poisson"),
        (&["--wait", "never"], "allowed is busy-spin, spin-then-yield or spin-then-park"),
        (&["--cores", "0,1,2"], "--cores names 3 cores: allowed are one or two"),
        (&["--cores", "0,0"], "core 0 is named twice"),
        (&["--config", "missing.toml"], "missing.toml"),
    ];
    for (arguments, complaint) in table {
        let directory = tempfile::tempdir().unwrap();
        let output = latency(directory.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(complaint), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_known_before_anything_is_measured() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let output = latency(directory.path(), &["--out", "file/below"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("file/below"), "{}", text(&output.stderr));
}

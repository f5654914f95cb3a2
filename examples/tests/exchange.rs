//! Runs the `exchange` program as its users do.

use std::process::{Command, Output};

use serde_json::Value;

fn exchange(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exchange")).args(arguments).output().unwrap()
}

/// The JSON object of a run that went well and said nothing else.
fn object(arguments: &[&str]) -> Value {
    let output = exchange(&[arguments, &["--format", "json"]].concat());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn stderr_of_failure(arguments: &[&str]) -> String {
    let output = exchange(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr).unwrap()
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("there is no {key} in {object}"))
}

/// The sum of all ends, which is one for each request.
fn ends(object: &Value) -> u64 {
    object["ends"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn a_run_agrees_and_each_request_has_one_end() {
    let object = object(&["--events", "50000"]);
    assert_eq!((number(&object, "events"), ends(&object)), (50_000, 50_000));
    assert_eq!((number(&object, "kills"), number(&object["ends"], "dead_letters")), (0, 0));
    assert_eq!(object["rate_per_second"], Value::Null);
    assert!(number(&object, "trades") > 1_000 && number(&object, "lots") > number(&object, "trades"));
    assert!(number(&object, "quotes") > 0);
    let latency = ["p50", "p90", "p99", "p999", "max"].map(|key| number(&object["latency_ns"], key));
    assert!(latency.is_sorted() && latency[0] > 0, "{latency:?}");
}

#[test]
fn killed_actors_restart_and_the_books_agree() {
    for seed in ["1", "2", "3"] {
        let object = object(&["--events", "30000", "--kills", "300", "--seed", seed]);
        assert_eq!((number(&object, "kills"), ends(&object)), (300, 30_000));
        let lost = number(&object["ends"], "dead_letters");
        assert!(lost > 0);
        assert_eq!(number(&object, "recovered") + lost, 300);
    }
}

#[test]
fn killed_actors_restart_in_an_open_loop_too() {
    let arguments = ["--events", "5000", "--rate", "20000", "--kills", "50", "--symbols", "3", "--gateways", "1"];
    let object = object(&arguments);
    let figures = ["events", "symbols", "gateways", "kills", "rate_per_second"].map(|key| number(&object, key));
    assert_eq!(figures, [5_000, 3, 1, 50, 20_000]);
}

#[test]
fn a_rate_is_kept_as_long_as_it_can_be() {
    let arguments = ["--events", "2000", "--rate", "10000", "--arrivals", "constant"];
    // Never faster: the last request is sent 199.9 ms after the first one.
    let rate = number(&object(&arguments), "events_per_second");
    assert!(0 < rate && rate <= 10_006, "{rate} requests/s");
}

#[test]
fn the_smallest_and_the_widest_exchanges_agree() {
    object(&["--events", "1"]);
    object(&["--events", "3000", "--symbols", "1", "--accounts", "1", "--gateways", "1", "--kills", "30"]);
    object(&["--events", "20000", "--symbols", "64", "--accounts", "65535", "--gateways", "64", "--kills", "200"]);
}

#[test]
fn a_run_is_reported_as_text() {
    let output = exchange(&["--events", "20000", "--seed", "7", "--symbols", "3", "--kills", "20"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("exchange: 20,000 requests, 3 symbols, 1000 accounts, 4 gateways\n"), "{text}");
    let parts = [
        "as fast as they were answered",
        "kills                         20  of 20; ",
        "in hand were recovered",
        "too late",
        "p99.9",
        "The independent replay agrees: each request, trade, level and position.",
    ];
    for part in parts {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn what_cannot_be_run_is_explained() {
    for arguments in [["--events", "0"], ["--symbols", "65"], ["--rate", "fast"], ["--arrivals", "constant"]] {
        assert!(stderr_of_failure(&arguments).starts_with("error: "), "{arguments:?}");
    }
    let error = stderr_of_failure(&["--gateways", "9", "--accounts", "8"]);
    assert_eq!(error, "exchange: --accounts 8: allowed is 9 to 65535, as there are 9 gateways\n");
    let error = stderr_of_failure(&["--events", "200", "--kills", "3"]);
    assert_eq!(error, "exchange: --kills 3: allowed is 0 to 2 with 200 events\n");
    let error = stderr_of_failure(&["--events", "1000", "--cores", "4000"]);
    assert!(error.starts_with("exchange: worker 0 cannot be pinned: "), "{error}");
}

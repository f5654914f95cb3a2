//! `perf run` as a program: what it prints, and how it refuses.

use std::process::{Command, Output};

use serde_json::Value;

fn perf(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perf")).arg("run").args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_run_prints_an_object_for_each_subject_and_case() {
    let output = perf(&["local_flood", "--messages", "5000", "--repeat", "3", "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["subject"] == "hippodrome").unwrap();
    assert_eq!(line["scenario"], "local_flood");
    assert_eq!((&line["payload_bytes"], &line["actors"], &line["messages"]), (&32.into(), &2.into(), &5000.into()));
    assert_eq!((&line["samples"], &line["dropped"]), (&3.into(), &0.into()));
    assert_eq!(line["checksum_ok"], true);
    assert_eq!(line["cores"].as_array().unwrap().len(), 1);
    let rate = |which: &str| line["rate_per_second"][which].as_f64().unwrap();
    assert!(0.0 < rate("min") && rate("min") <= rate("median") && rate("median") <= rate("max"));
    let from_time = 1e9 / line["ns_per_message"].as_f64().unwrap();
    assert!((rate("median") / from_time - 1.0).abs() < 1e-9);
    for absent in ["via", "raw_round_trip_ns", "multiple_of_raw", "latency_ns", "bytes_per_actor", "idle_share"] {
        assert!(line.get(absent).is_some_and(Value::is_null), "{absent}: {line}");
    }
    assert!(text(&output.stderr).contains("local_flood (32 bytes, 2 actors): hippodrome"), "it shows what it does");
}

#[test]
fn several_scenarios_are_named_by_their_beginning() {
    let listed = text(&perf(&["savina", "--list"]).stdout);
    for name in ["savina_ping_pong: ", "savina_banking: "] {
        assert!(listed.contains(name), "{listed}");
    }
    assert!(!listed.contains("local_flood: ") && listed.lines().count() == 32, "{listed}");
}

#[test]
fn what_there_is_not_is_named_with_what_there_is() {
    let refusals: [(&[&str], &[&str]); 6] = [
        (&["local_food"], &["scenario \"local_food\"", "local_flood, local_ping_pong"]),
        (&["all", "--subjects", "erlang"], &["subject \"erlang\"", "hippodrome"]),
        (&["cross_flood", "--payload", "33"], &["33 bytes", "32, 8, 64, 256, 1024"]),
        (&["all", "--repeat", "0"], &["0", "1..=10000"]),
        (&["all", "--messages", "7"], &["7", "100..="]),
        (&["all", "--cores", "0,0"], &["core 0 is named twice"]),
    ];
    for (arguments, words) in refusals {
        let output = perf(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        words.iter().for_each(|word| assert!(said.contains(word), "{arguments:?}: {said}"));
    }
}

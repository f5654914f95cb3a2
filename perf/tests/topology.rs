//! `perf topology` as its users run it.

use std::process::{Command, Output};

use hippodrome_affinity::{Topology, allowed_cores};

fn topology(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perf"));
    command.arg("topology").args(arguments).output().expect("the program is built beside its tests")
}

fn standard_output(arguments: &[&str]) -> String {
    let output = topology(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The first cores that may be used, two if there are.
fn some_cores() -> Vec<u32> {
    allowed_cores().unwrap().iter().take(2).map(|core| core.get()).collect()
}

fn listed(cores: &[u32]) -> String {
    cores.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn the_machine_and_the_matrix_are_printed_without_colour_where_nobody_looks() {
    let cores = some_cores();
    let text = standard_output(&["--cores", &listed(&cores), "--repeat", "2"]);
    let machine = Topology::detect().unwrap().to_string();
    assert!(text.starts_with(machine.lines().next().unwrap()), "{text}");
    assert!(!text.contains('\x1b'), "{text:?}");
    if cores.len() == 2 {
        assert!(text.contains("raw round trips in ns, the median of 2\n"), "{text}");
        assert!(text.contains("least "), "{text}");
    } else {
        assert!(text.contains("is the only one"), "{text}");
    }
}

#[test]
fn programs_get_one_object_with_a_symmetric_matrix() {
    let cores = some_cores();
    let text = standard_output(&["--cores", &listed(&cores), "--repeat", "3", "--format", "json"]);
    assert_eq!(text.lines().count(), 1, "{text}");
    let facts: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(facts["cores"], serde_json::json!(cores));
    let matrix = facts["matrix_ns"].as_array().unwrap();
    assert_eq!(matrix.len(), cores.len());
    for (a, row) in matrix.iter().enumerate() {
        let row = row.as_array().unwrap();
        assert_eq!(row.len(), cores.len());
        for (b, ns) in row.iter().enumerate() {
            assert_eq!(*ns, matrix[b][a]);
            assert!(if a == b { ns.is_null() } else { ns.as_f64().unwrap() > 0.0 }, "{text}");
        }
    }
    for key in ["usable", "packages", "numa_nodes", "l3_domains", "siblings", "unknown"] {
        assert!(facts[key].is_array(), "{key} in {text}");
    }
}

#[test]
fn one_core_alone_is_said_and_has_a_matrix_of_one() {
    let only = some_cores()[0].to_string();
    let text = standard_output(&["--cores", &only]);
    assert!(
        text.ends_with(&format!("raw round trips: core {only} is the only one, so there is none to measure\n")),
        "{text}"
    );
    let facts: serde_json::Value =
        serde_json::from_str(&standard_output(&["--cores", &only, "--format", "json"])).unwrap();
    assert_eq!(facts["matrix_ns"], serde_json::json!([[null]]));
    assert!(facts["median_ns"].is_null());
}

#[test]
fn progress_is_shown_apart_from_the_result() {
    let cores = some_cores();
    if cores.len() == 2 {
        let output = topology(&["--cores", &listed(&cores), "--repeat", "1"]);
        let progress = String::from_utf8(output.stderr).unwrap();
        assert!(progress.starts_with("perf: round trips, round 1 of 1: pair 1 of 1\n"), "{progress}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let table: [(&[&str], &[&str]); 6] = [
        (&["--cores", "4000"], &["core 4000 does not exist or is offline", "that may be used are"]),
        (&["--cores", "1-"], &["--cores", "'1-'"]),
        (&["--cores", ""], &["--cores"]),
        (&["--repeat", "0"], &["--repeat", "'0'", "1..=100"]),
        (&["--budget", "0"], &["--budget", "'0'", "1..=86400"]),
        (&["--format", "xml"], &["--format", "'xml'", "text, json"]),
    ];
    for (arguments, expected) in table {
        let output = topology(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}

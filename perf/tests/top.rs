//! `perf top` as a program of its own, beside an engine in this process.
#![cfg(unix)]

use std::process::{Command, Output, Stdio};

use hippodrome::{Context, Engine, On, from_fn};

fn top(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perf"));
    command.arg("top").args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn one_interval_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let path = path.to_str().unwrap();
    let engine = Engine::builder().unpinned_workers(2).stats_socket(path).start().unwrap();
    let handle = engine.handle();
    let run = || from_fn(|(), ctx: &mut Context<'_, ()>| ctx.tell(ctx.me(), ()));
    let runner = handle.spawn(On::Worker(1), run).unwrap();
    handle.tell(runner, ());

    // On a machine with much to do a worker may be late.
    let print = || {
        let output = top(&[path, "--once", "--interval", "100"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = std::iter::repeat_with(print).take(100).find(|text| !text.contains("late")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("hippodrome, process {}, up ", std::process::id())), "{text}");
    assert!(lines[2].starts_with("wrk core busy idle hand turn/s"), "{text}");
    assert!(lines[3].starts_with("  0    - ") && lines[4].starts_with("  1    - 100% "), "{text}");
    assert!(lines[7].contains("  100% ") && lines[7].contains("{closure"), "{text}");
    assert_eq!(lines.last(), Some(&"dead letters: none"), "{text}");

    let output = top(&[path, "--once", "--interval", "100", "--format", "json"]);
    assert!(output.status.success());
    let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&view["engine"], &view["actors"]), (&"hippodrome".into(), &1.into()));
    assert!(view["seconds"].as_f64().unwrap() >= 0.05, "{view}");
    assert!(view["workers"][1]["messages_per_second"].as_f64().unwrap() > 0.0, "{view}");
    assert_eq!(view["workers"][0]["waiting_p99_ns"], serde_json::Value::Null, "histograms are off");
    // The runner would never have nothing to do.
    engine.abort();
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let missing = missing.to_str().unwrap();
    let said = |arguments: &[&str]| {
        let output = top(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&[missing, "--once"]).contains(missing));
    assert!(said(&[missing]).contains("needs a terminal; --once"));
    assert!(said(&[missing, "--once", "--interval", "49"]).contains("49 is not in 50..=60000"));
    assert!(said(&[missing, "--once", "--format", "xml"]).contains("[possible values: text, json]"));
    assert!(said(&[missing, "--format", "json"]).contains("--once"));
    assert!(said(&[]).contains("<SOCKET>"));
}

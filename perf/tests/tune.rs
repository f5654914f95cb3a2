//! `perf tune` as its users run it, with hardly any time: what it writes is a file that the engine runs by.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::Duration;

use hippodrome::config::Config;
use hippodrome::{Actor, ActorRef, Context, Engine, On};

fn tune(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perf"));
    command.arg("tune").args(arguments).output().expect("the program is built beside its tests")
}

fn succeeds(arguments: &[&str]) -> (String, String) {
    let output = tune(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    (String::from_utf8(output.stdout).unwrap(), error)
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Counts what it is told, and passes it on to the next one, if there is one.
struct Counter {
    next: Option<ActorRef<u64>>,
    left: u64,
    sum: u64,
    done: mpsc::Sender<u64>,
}

impl Actor for Counter {
    type Msg = u64;

    fn handle(&mut self, number: u64, ctx: &mut Context<'_, u64>) {
        self.sum += number;
        self.left -= 1;
        if let Some(next) = self.next {
            ctx.tell(next, number);
        } else if self.left == 0 {
            self.done.send(self.sum).unwrap();
        }
    }
}

/// Sends numbers through an actor on each worker of an engine that is started from the file.
fn runs_by(file: &Path) {
    const MESSAGES: u64 = 10_000;
    let engine = Engine::from_file(file).unwrap().start().unwrap();
    let handle = engine.handle();
    let (done, sums) = mpsc::channel();
    let mut next = None;
    for worker in 0..handle.workers() {
        let done = done.clone();
        let counter = move || Counter { next, left: MESSAGES, sum: 0, done: done.clone() };
        next = Some(handle.spawn(On::Worker(worker), counter).unwrap());
    }
    let sent = handle.port().unwrap().tell_batch(PATIENCE, next.unwrap(), 0..MESSAGES);
    assert_eq!(sent as u64, MESSAGES);
    assert_eq!(sums.recv_timeout(PATIENCE).unwrap(), MESSAGES * (MESSAGES - 1) / 2);
    let report = engine.shutdown(PATIENCE).unwrap();
    assert_eq!(report.dead_letters.total(), 0);
}

#[test]
fn the_file_says_what_was_measured_and_the_engine_runs_by_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("engine.toml");
    let path = file.to_str().unwrap();
    let (summary, progress) = succeeds(&["--workers", "2", "--talk", "pairs", "--budget", "2", "--out", path]);

    let text = fs::read_to_string(&file).unwrap();
    for expected in [
        "# workload: 2 workers, pairs, messages of 32 bytes, as fast as possible\n",
        "# machine:  ",
        "# gain:     ",
        "# noise:    the default against itself is ",
        "# pinning:  ",
        "# idle:     with nothing to do the default keeps ",
        "turn_budget = ",
        "\n[defaults]\n",
        "wait = ",
        "\n[[workers]]\n",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    assert_eq!(Config::from_file(&file).unwrap().workers.len(), 2);
    runs_by(&file);

    assert!(summary.contains("gain      ") && summary.contains("pinning   "), "{summary}");
    assert!(summary.ends_with(&format!("written   {path}\n")), "{summary}");
    assert!(progress.contains("perf: the default against itself: "), "{progress}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn without_a_file_the_settings_go_to_standard_output_and_nothing_else() {
    let (text, progress) =
        succeeds(&["--workers", "1", "--talk", "local", "--payload", "100", "--budget", "1", "--format", "json"]);
    let config = Config::from_toml_str(&text).unwrap();
    assert_eq!(config.workers.len(), 1);
    assert!(text.contains("messages of 100 bytes (measured with 128)"), "{text}");
    assert!(text.contains("# not tried: no message of this workload goes from worker to worker\n# lane_kib = 64\n"));

    let summary: serde_json::Value = serde_json::from_str(progress.lines().last().unwrap()).unwrap();
    assert_eq!(summary["unit"], "ns_per_message");
    assert_eq!(summary["workload"]["talk"], "local");
    assert_eq!(summary["is_gain"], !summary["changed"].as_array().unwrap().is_empty());
    assert!(summary["runs"].as_u64().unwrap() > 0);
    assert!(summary["file"].is_null());
}

#[test]
fn at_a_rate_latency_is_what_counts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("engine.toml");
    let path = file.to_str().unwrap();
    let (summary, _) = succeeds(&[
        "--workers",
        "3",
        "--talk",
        "fan-in",
        "--rate",
        "20000",
        "--budget",
        "1",
        "--out",
        path,
        "--format",
        "json",
    ]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["unit"], "latency_ns_p99");
    assert_eq!(summary["workload"]["goal"], "latency");
    assert_eq!(summary["workload"]["rate_per_second"], 20000);
    assert_eq!(summary["file"], path);
    runs_by(&file);
}

#[test]
fn a_file_that_exists_is_left_alone_unless_forced() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("engine.toml");
    fs::write(&file, "precious").unwrap();
    let path = file.to_str().unwrap();
    let output = tune(&["--budget", "1", "--out", path]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains(path) && error.contains("the file exists") && error.contains("--force"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");

    succeeds(&["--workers", "1", "--budget", "1", "--out", path, "--force"]);
    Config::from_file(&file).unwrap();
}

#[test]
fn what_makes_no_sense_is_refused_by_name_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("engine.toml");
    let table: [(&[&str], &[&str]); 12] = [
        (&["--workers", "0"], &["--workers", "'0'", "1..=64"]),
        (&["--workers", "65"], &["--workers", "'65'", "1..=64"]),
        (&["--payload", "7"], &["--payload", "'7'", "8..=1024"]),
        (&["--payload", "1025"], &["--payload", "'1025'", "8..=1024"]),
        (&["--rate", "0"], &["--rate", "'0'", "1 to 100000000", "max"]),
        (&["--rate", "fast"], &["--rate", "'fast'", "max"]),
        (&["--talk", "shout"], &["--talk", "'shout'", "pairs, ring, all-to-all, fan-in, local"]),
        (&["--goal", "latency"], &["--goal latency", "--rate max", "--rate N"]),
        (&["--goal", "throughput", "--rate", "5000"], &["--goal throughput", "--rate 5000", "--rate max"]),
        (&["--rate", "1", "--budget", "1"], &["--rate 1", "--budget 1", "6000 seconds"]),
        (&["--budget", "0"], &["--budget", "'0'", "1..=86400"]),
        (&["--cores", "4000"], &["core 4000 does not exist or is offline"]),
    ];
    for (arguments, expected) in table {
        let output = tune(&[arguments, &["--out", file.to_str().unwrap()]].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
    let output = tune(&["--out", "/no/such/directory/engine.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/no/such/directory/engine.toml"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

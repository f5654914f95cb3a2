//! `perf report` as a program: its page in a browser, its errors, and the environment that it prints.
//!
//! The figures in `tests/report` are made up. What needs a browser is skipped where there is none, and says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// As headless as it gets, and silent: nothing that is not the page may use the network.
const BROWSER_OPTIONS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--dump-dom",
];

/// A browser that takes longer hangs.
const BROWSER_PATIENCE: Duration = Duration::from_secs(180);

/// Measures the page in a frame, as a phone or a screen would show it, and leaves what it found in its title.
const MEASURE: &str = "
addEventListener('load', () => {
  const frame = document.querySelector('iframe'), page = frame.contentDocument;
  const texts = [...page.body.querySelectorAll('*')].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && element.getClientRects().length);
  const size = element => parseFloat(frame.contentWindow.getComputedStyle(element).fontSize);
  const width = selector => page.querySelector(selector).getBoundingClientRect().width;
  document.title = JSON.stringify({
    seen: page.documentElement.clientWidth,
    page: page.documentElement.scrollWidth,
    smallest_text: Math.min(...texts.map(size)),
    texts: texts.length,
    resources: frame.contentWindow.performance.getEntriesByType('resource').length,
    bar: width('.case .ours .bar'),
    plot: width('.plot svg'),
    background: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
    headings: page.querySelectorAll('h1').length,
  });
});";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report").join(name)
}

fn perf(directory: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perf"));
    command.current_dir(directory).arg("report").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The page of all fixtures.
fn page(directory: &TempDir) -> String {
    let [run, latency, topology] =
        ["run.jsonl", "latency.jsonl", "topology.json"].map(|name| fixture(name).display().to_string());
    let done = perf(directory, &["--run", &run, "--latency", &latency, "--topology", &topology]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(text(&done.stdout), "report.html\n");
    fs::read_to_string(directory.path().join("report.html")).unwrap()
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path).flat_map(|place| names.map(|name| place.join(name))).find(|file| file.is_file())
}

/// What the page is in a frame of so many pixels.
fn measured(browser: &Path, page: &str, width: u32, options: &[&str]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let wrapper = directory.path().join("wrapper.html");
    let framed = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!("<iframe style=\"border:0;width:{width}px;height:800px\" srcdoc=\"{framed}\"></iframe>");
    let head = format!("<!doctype html><meta charset=\"utf-8\"><title>unmeasured</title><script>{MEASURE}</script>");
    fs::write(&wrapper, format!("{head}{frame}")).unwrap();
    let found = directory.path().join("found.html");
    let mut running = Command::new(browser)
        .args(BROWSER_OPTIONS)
        .args(options)
        .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
        .arg(format!("--window-size={},900", width + 40))
        .arg(format!("file://{}", wrapper.display()))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&found).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while running.try_wait().unwrap().is_none() {
        if started.elapsed() > BROWSER_PATIENCE {
            running.kill().unwrap();
            running.wait().unwrap();
            panic!("the browser did not end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let found = fs::read_to_string(&found).unwrap();
    let title = found.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let title = title.unwrap_or_else(|| panic!("no page came out of the browser: {found}")).0;
    serde_json::from_str(title).unwrap_or_else(|error| panic!("{error}: {title}"))
}

#[test]
fn the_page_fits_a_phone_and_a_screen_in_a_browser() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no chromium");
        return;
    };
    let page = page(&tempfile::tempdir().unwrap());
    let (light, dark) = ("--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0");
    for (width, scheme) in [(320, light), (360, dark), (1280, light)] {
        let found = measured(&browser, &page, width, &[scheme]);
        assert_eq!(found["seen"], width, "{found}");
        assert_eq!(found["page"], width, "the page scrolls sideways: {found}");
        assert!(found["smallest_text"].as_f64().unwrap() >= 11.0, "{found}");
        assert!(found["texts"].as_u64().unwrap() > 300, "{found}");
        assert_eq!(found["resources"], 0, "{found}");
        assert_eq!(found["headings"], 1, "{found}");
        assert!(found["bar"].as_f64().unwrap() > 80.0 && found["plot"].as_f64().unwrap() > 180.0, "{found}");
        let background = if scheme == light { "rgb(252, 251, 248)" } else { "rgb(21, 23, 26)" };
        assert_eq!(found["background"], background, "{found}");
    }
}

#[test]
fn a_page_is_complete_in_itself() {
    let page = page(&tempfile::tempdir().unwrap());
    for forbidden in ["http:", "https:", "src=", "@import", "url(", "<script"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_bad_file_is_an_error_with_its_line_and_no_page() {
    let directory = tempfile::tempdir().unwrap();
    let good = fs::read_to_string(fixture("run.jsonl")).unwrap();
    let good = good.lines().next().unwrap();
    fs::write(directory.path().join("bad.jsonl"), format!("{good}\n{{\"scenario\": 1}}\n")).unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--run", "bad.jsonl"], "perf: bad.jsonl:2: invalid type: integer `1`, expected a string"),
        (&["--latency", "absent.jsonl"], "perf: absent.jsonl: "),
        (&["--out", "absent/report.html"], "perf: --out absent/report.html: "),
        (&["--root", "absent", "--environment"], "perf: --root absent: not a directory"),
        (&["--cores", "3-1"], "error: invalid value '3-1' for '--cores <LIST>'"),
    ];
    for (arguments, expected) in cases {
        let done = perf(&directory, arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        assert!(text(&done.stderr).starts_with(expected), "{}", text(&done.stderr));
        assert!(done.stdout.is_empty());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn the_environment_is_printed_as_text_and_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let done = perf(&directory, &["--environment", "--cores", "0"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let printed = text(&done.stdout);
    assert!(printed.starts_with("Processor\n") && printed.contains("\nFor low latency, "), "{printed}");
    let done = perf(&directory, &["--environment", "--format", "json", "--cores", "0"]);
    let json: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(json["workers"], "0");
    assert!(json["checks"].as_array().unwrap().iter().all(|check| check["why"].is_string()));
    // Nothing is written.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn the_machine_of_a_captured_tree_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let enabled = root.join("sys/kernel/mm/transparent_hugepage/enabled");
    fs::create_dir_all(enabled.parent().unwrap()).unwrap();
    fs::write(enabled, "[always] madvise never\n").unwrap();
    let done = perf(&directory, &["--environment", "--root", "root"]);
    let printed = text(&done.stdout);
    assert!(printed.contains("For low latency, 1 is bad ("), "{printed}");
    assert!(printed.contains("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"), "{printed}");
}

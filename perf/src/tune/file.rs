//! The engine's TOML with the reasons as comments, and how it gets into a file.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hippodrome::config::{Config, ConfigError};

use super::setting::Setting;
use super::tuned::Tuned;
use crate::whole_file::{self, Existing};

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// It would be overwritten.
    #[error("--out {}: the file exists; choose another name, or allow by --force that it is overwritten", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("--out {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The text is not what was found. It is a defect of this program.
    #[error("the settings cannot be written as a file that the engine reads: {0}")]
    Unreadable(ConfigError),
    /// The text says something else than was found. It is a defect of this program.
    #[error("the settings cannot be written as a file: it would say something else")]
    Differs,
}

/// The configuration as TOML: each setting that was tried with what was measured, those that are left as comments.
///
/// # Errors
/// The engine would not read back the same from it.
pub(super) fn render(tuned: &Tuned) -> Result<String, FileError> {
    let mut text = header(tuned);
    let (of_worker, of_engine): (Vec<_>, Vec<_>) = Setting::ALL
        .into_iter()
        .filter(|setting| *setting != Setting::Cores)
        .partition(|setting| setting.is_of_worker());
    for setting in of_engine {
        text.push_str(&paragraph(tuned, setting));
    }
    text.push_str("\n[defaults]\n");
    for setting in of_worker {
        text.push_str(&paragraph(tuned, setting));
    }
    text.push('\n');
    text.push_str(&reasons(tuned, Setting::Cores));
    for worker in &tuned.found.config.workers {
        text.push_str("[[workers]]\n");
        if let Some(core) = worker.core {
            line(&mut text, format_args!("core = {core}"));
        }
    }
    let read = Config::from_toml_str(&text).map_err(FileError::Unreadable)?;
    if read == tuned.found.config { Ok(text) } else { Err(FileError::Differs) }
}

fn header(tuned: &Tuned) -> String {
    let Tuned { workload, machine, found, took, .. } = tuned;
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    comment(&mut text, format!("Settings of Hippodrome for one workload on one machine, by `perf tune` {version}."));
    comment(&mut text, "");
    comment(&mut text, format!("workload: {workload}"));
    comment(&mut text, format!("goal:     {} ({})", workload.goal, workload.goal.unit()));
    comment(&mut text, format!("machine:  {machine}"));
    comment(&mut text, format!("gain:     {}", tuned.gain()));
    comment(&mut text, format!("noise:    {}", tuned.noise()));
    comment(&mut text, format!("pinning:  {}", tuned.pinning_helps().sentence()));
    if let Some(idle) = tuned.idle() {
        comment(&mut text, format!("idle:     {idle}"));
    }
    if let Some(falls_behind) = tuned.falls_behind() {
        comment(&mut text, format!("load:     {falls_behind}"));
    }
    comment(&mut text, format!("effort:   {} runs in {:.1} s", found.runs, took.as_secs_f64()));
    comment(&mut text, "");
    comment(
        &mut text,
        "Each figure is the median of runs in turn with the other one; a pair is two neighbours in time.",
    );
    comment(&mut text, "Not tried: ingress_kib, which only threads outside the engine send through, and the limits of");
    comment(&mut text, "memory (local_ring_limit_kib, outbox_limit_kib), which are a matter of what may be lost.");
    text
}

/// What was tried of a setting, and its line.
fn paragraph(tuned: &Tuned, setting: Setting) -> String {
    let mut text = format!("\n{}", reasons(tuned, setting));
    let mark = if tuned.is_changed(setting) { "" } else { "# " };
    line(&mut text, format_args!("{mark}{} = {}", setting.key(), setting.value(&tuned.found.config)));
    text
}

/// Comments with all that was tried of a setting.
fn reasons(tuned: &Tuned, setting: Setting) -> String {
    let mut text = String::new();
    let given_back = if tuned.found.holds { "" } else { " on the way, and given back at the end" };
    for tried in tuned.found.tried_of(setting) {
        let verdict = tried.verdict(&tuned.workload);
        let given_back = if verdict.ends_with("taken") { given_back } else { "" };
        comment(&mut text, format!("{} instead of {}: {verdict}{given_back}", tried.change.value(), tried.instead_of));
    }
    if text.is_empty() {
        let reason = setting.idle_reason(&tuned.found.config, &tuned.workload).unwrap_or("the time was over");
        comment(&mut text, format!("not tried: {reason}"));
    }
    text
}

/// Adds a comment of one line, whatever is in it.
fn comment(text: &mut String, comment: impl AsRef<str>) {
    let one_line: String = comment.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line(text, format_args!("{}", format!("# {one_line}").trim_end()));
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{line}");
}

/// Whether a file may be written there, as far as it is known beforehand.
///
/// # Errors
/// It exists and is not to be overwritten, or its directory does not exist.
pub(super) fn check(path: &Path, is_forced: bool) -> Result<(), FileError> {
    let failed = |error| FileError::Io { path: path.to_owned(), error };
    if path.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    if path.symlink_metadata().is_ok() && !is_forced {
        return Err(FileError::Exists(path.to_owned()));
    }
    fs::metadata(directory(path)).map(drop).map_err(failed)
}

/// Writes the file as a whole or not at all: under another name first.
///
/// # Errors
/// It exists and is not to be overwritten, or it cannot be written.
pub(super) fn write(path: &Path, text: &str, is_forced: bool) -> Result<(), FileError> {
    let failed = |error| FileError::Io { path: path.to_owned(), error };
    let existing = if is_forced { Existing::Replace } else { Existing::Keep };
    whole_file::write(path, text.as_bytes(), existing).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists { FileError::Exists(path.to_owned()) } else { failed(error) }
    })
}

/// The directory that a file is in.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::super::tuned::tests::tuned;
    use super::*;

    #[test]
    fn the_engine_reads_what_was_found_from_it() {
        let tuned = tuned(true);
        let text = render(&tuned).unwrap();
        assert_eq!(Config::from_toml_str(&text).unwrap(), tuned.found.config);
        for expected in [
            "# workload: 2 workers, pairs, messages of 32 bytes, as fast as possible\n",
            "# machine:  Fast CPU, 2 logical cores; cores 0-1 to pin to\n",
            "# gain:     +100.0% messages a second over the default",
            "# noise:    the default against itself is 1.2% apart; a gain has to be over 3.0%\n",
            "# pinning:  pinning does not help here",
            "# idle:     with nothing to do the default keeps 0.01 cores busy, these settings 2.00: workers that spin",
            "\n# 4 instead of 256: left: it cannot be used here: no such thing\n# turn_budget = 256\n",
            "\n# \"busy-spin\" instead of \"spin-then-park\": 20.00 -> 10.00 ns a message, +100.0% (8 of 8 pairs); \
             taken\nwait = \"busy-spin\"\n",
            "\n# not tried: a worker that spins all the time does not count\n# spins = 2000\n",
            "\n# not tried: the time was over\n# lane_kib = 64\n",
            "\n# cores 0,1 (near) instead of unpinned: 20.00 -> 19.90 ns a message, +0.5% (3 of 3 pairs); left: no \
             gain over the noise\n[[workers]]\n[[workers]]\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
        }
    }

    #[test]
    fn what_was_given_back_is_said_and_not_set() {
        let text = render(&tuned(false)).unwrap();
        assert!(
            text.contains("; taken on the way, and given back at the end\n# wait = \"spin-then-park\"\n"),
            "{text}"
        );
    }

    #[test]
    fn a_file_is_overwritten_only_if_that_is_allowed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("engine.toml");
        check(&path, false).unwrap();
        write(&path, "first", false).unwrap();
        assert!(matches!(check(&path, false), Err(FileError::Exists(_))));
        assert!(matches!(write(&path, "second", false), Err(FileError::Exists(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        check(&path, true).unwrap();
        write(&path, "second", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        // Nothing is left beside it.
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_where_no_file_can_be_is_found_before_anything_is_measured() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(check(directory.path(), true), Err(FileError::Io { .. })));
        assert!(matches!(check(&directory.path().join("no/such.toml"), true), Err(FileError::Io { .. })));
        assert!(check(Path::new("surely-not-there.toml"), false).is_ok());
    }
}

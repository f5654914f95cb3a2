//! A line on standard error that tells how far a long run is.
//!
//! Nothing is shown in the first second, nor more often than every half second, so a short run stays silent. On a
//! terminal the line is written over itself and wiped at the end; elsewhere it is shown only if it is asked for, a
//! line at a time. Standard output is never touched.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use hippodrome_examples::thousands;

/// A run that is over before this shows nothing.
const FIRST_AFTER: Duration = Duration::from_secs(1);
/// The least time between two lines.
const EVERY: Duration = Duration::from_millis(500);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Hidden,
    /// One line that is written over: for a terminal.
    Overwrite,
    /// A line after the other: for a file or a pipe.
    Append,
}

impl Style {
    /// The style for standard error as it is; `asked` shows progress even where nobody is expected to look.
    pub(crate) fn for_stderr(asked: bool) -> Self {
        match (io::stderr().is_terminal(), asked) {
            (true, _) => Self::Overwrite,
            (false, true) => Self::Append,
            (false, false) => Self::Hidden,
        }
    }
}

/// The progress of one stage of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    stage: &'static str,
    total: u64,
    style: Style,
    started: Instant,
    /// When the last line was shown, from the start.
    shown: Option<Duration>,
}

impl Progress {
    /// The start of a stage of `total` events.
    pub(crate) fn start(stage: &'static str, total: u64, style: Style) -> Self {
        Self { stage, total, style, started: Instant::now(), shown: None }
    }

    /// Tells that `done` events are done, and shows it if it is time. Costs a reading of the clock.
    pub(crate) fn at(&mut self, done: u64) {
        if self.style == Style::Hidden {
            return;
        }
        self.show(done, self.started.elapsed(), &mut io::stderr().lock());
    }

    fn show(&mut self, done: u64, elapsed: Duration, out: &mut impl Write) {
        let due = self.shown.map_or(FIRST_AFTER, |shown| shown + EVERY);
        if elapsed < due {
            return;
        }
        self.shown = Some(elapsed);
        let percent = done.saturating_mul(100).checked_div(self.total).unwrap_or(100);
        let rate = (done as f64 / elapsed.as_secs_f64()) as u64;
        let (stage, total) = (self.stage, thousands(self.total));
        let text = format!("{stage}: {} of {total} events, {percent}%, {} events/s", thousands(done), thousands(rate));
        // Progress that cannot be shown is no reason to stop the run.
        let _ = match self.style {
            Style::Hidden => Ok(()),
            Style::Overwrite => write!(out, "\r{text}\x1b[K").and_then(|()| out.flush()),
            Style::Append => writeln!(out, "{text}"),
        };
    }

    fn wipe(&self, out: &mut impl Write) {
        if self.style == Style::Overwrite && self.shown.is_some() {
            let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.wipe(&mut io::stderr().lock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(style: Style, moments: &[(u64, u64)]) -> String {
        let mut out = Vec::new();
        let mut progress = Progress::start("books", 5_000_000, style);
        for &(done, elapsed_ms) in moments {
            progress.show(done, Duration::from_millis(elapsed_ms), &mut out);
        }
        progress.wipe(&mut out);
        // What the test made believe was shown must not be wiped from the real standard error.
        progress.shown = None;
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_is_shown_in_the_first_second() {
        assert_eq!(shown(Style::Append, &[(1, 0), (2_000_000, 999)]), "");
        assert_eq!(shown(Style::Overwrite, &[(2_000_000, 999)]), "");
    }

    #[test]
    fn a_line_is_shown_at_most_twice_a_second() {
        let text = shown(Style::Append, &[(1_000_000, 1_000), (1_200_000, 1_499), (2_500_000, 1_500)]);
        let expected = "books: 1,000,000 of 5,000,000 events, 20%, 1,000,000 events/s\n\
                        books: 2,500,000 of 5,000,000 events, 50%, 1,666,666 events/s\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_terminal_line_is_written_over_and_wiped() {
        let text = shown(Style::Overwrite, &[(1_000_000, 1_000)]);
        let expected = "\rbooks: 1,000,000 of 5,000,000 events, 20%, 1,000,000 events/s\x1b[K\r\x1b[K";
        assert_eq!(text, expected);
    }
}

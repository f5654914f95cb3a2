//! `perf top` without its terminal and its arguments.

// The modules of the program, as they are there.
#[path = "../../perf/src/top/columns.rs"]
mod columns;
#[path = "../../perf/src/top/feed.rs"]
mod feed;
#[path = "../../perf/src/top/figures.rs"]
mod figures;
#[path = "../../perf/src/top/screen.rs"]
mod screen;
#[path = "../../perf/src/top/state.rs"]
mod state;
#[path = "../../perf/src/top/view.rs"]
mod view;

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use hippodrome::stats::Snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tempfile::TempDir;

use feed::{Feed, FeedError, News};
use state::State;
use view::View;

/// What fits a socket's buffer, so that one thread can write and read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Columns and lines of terminals.
const SCREENS: [(u16, u16); 3] = [(40, 7), (1, 1), (120, 40)];

/// A server that writes any bytes, and what `perf top` makes of them.
pub(crate) struct Watcher {
    server: UnixListener,
    path: PathBuf,
    _directory: TempDir,
}

impl Watcher {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let path = directory.path().join("socket");
        let server = UnixListener::bind(&path).expect("nobody else is there");
        Self { server, path, _directory: directory }
    }

    /// Connects, is given these bytes and then the end, and shows what can be shown.
    pub(crate) fn hear(&self, answer: &[u8]) {
        let mut feed = Feed::connect(&self.path, Duration::from_secs(1)).expect("the server is there");
        let (mut stream, _) = self.server.accept().expect("the feed waits to come in");
        stream.write_all(&answer[..answer.len().min(ANSWER_BYTES_MAX)]).expect("the answer fits the buffer");
        drop(stream);
        let mut state = State::new();
        let mut before: Option<Snapshot> = None;
        loop {
            match feed.next() {
                Ok(snapshot) => {
                    if let Some(view) = before.as_ref().and_then(|before| View::between(before, &snapshot)) {
                        assert_printable(&view);
                    }
                    state.hear(News::Snapshot(Box::new(snapshot.clone())));
                    before = Some(snapshot);
                }
                Err(FeedError::Ended) => break,
                Err(error) => {
                    let shown = error.to_string();
                    assert!(!shown.contains(char::is_control), "{shown:?}");
                    state.hear(News::Lost(shown));
                }
            }
        }
        // Without a view only one line differs.
        let screens = if state.view.is_some() { SCREENS.len() } else { 1 };
        for (width, height) in SCREENS.into_iter().take(screens) {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
            terminal.draw(|frame| screen::draw(frame, &mut state)).expect("it is drawn in memory");
        }
    }
}

fn assert_printable(view: &View) {
    let text = columns::text(view);
    assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
    assert!(text.lines().count() >= 6 + view.workers.len() + view.actor_types.len(), "{text}");
    serde_json::to_string(view).expect("a view is made of numbers and texts");
}

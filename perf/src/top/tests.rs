//! The view, drawn from what a real engine shows.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hippodrome::stats::Snapshot;
use hippodrome::{Context, Engine, On, Stop, from_fn};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tempfile::TempDir;

use super::feed::{Feed, FeedError, News};
use super::state::State;
use super::view::View;
use super::{columns, screen};

const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(100);

/// An engine that handled 1,000 messages on worker 1 between two snapshots, and has three dead letters.
struct Watched {
    engine: Engine,
    _directory: TempDir,
    path: PathBuf,
    first: Snapshot,
    second: Snapshot,
}

fn watched() -> Watched {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let builder = Engine::builder().unpinned_workers(2).histograms(true).stats_socket(path.to_str().unwrap());
    let engine = builder.configure(|config| config.name = "orders".to_owned()).start().unwrap();
    let handle = engine.handle();
    let gone = handle.spawn(On::Worker(0), || from_fn(|_: u64, _ctx| ())).unwrap();
    let ended = handle.watch(gone).unwrap();
    handle.stop(gone, Stop::Now).unwrap();
    ended.wait(PATIENCE).unwrap();
    (0..3).for_each(|n| handle.tell(gone, n));
    let deadline = Instant::now() + PATIENCE;
    while handle.stats().dead_letters().total() < 3 {
        assert!(Instant::now() < deadline, "the dead letters are counted");
    }
    let (done, is_done) = mpsc::channel();
    let last = move |n: u64, _ctx: &mut Context<'_, u64>| {
        if n == 0 {
            done.send(()).unwrap()
        }
    };
    let last = std::sync::Mutex::new(Some(last));
    let last = handle.spawn(On::Worker(1), move || from_fn(last.lock().unwrap().take().unwrap())).unwrap();
    let flood = move || from_fn(move |n: u64, ctx: &mut Context<'_, u64>| (0..n).rev().for_each(|n| ctx.tell(last, n)));
    let flood = handle.spawn(On::Worker(0), flood).unwrap();

    let mut feed = Feed::connect(&path, INTERVAL).unwrap();
    // On a machine with much to do a worker may be late.
    let is_whole = |snapshot: &Snapshot| snapshot.workers.iter().all(|worker| !worker.is_late);
    let first = std::iter::from_fn(|| feed.next().ok()).find(is_whole).unwrap();
    handle.tell(flood, 1000);
    is_done.recv_timeout(PATIENCE).unwrap();
    // The message that said that it was done may not have been counted yet.
    let is_counted = |snapshot: &Snapshot| is_whole(snapshot) && snapshot.workers[1].stats.handled == 1000;
    let second = std::iter::from_fn(|| feed.next().ok()).find(is_counted).unwrap();
    Watched { engine, _directory: directory, path, first, second }
}

/// What a terminal of this size shows.
fn drawn(state: &mut State, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen::draw(frame, state)).unwrap();
    let buffer = terminal.backend().buffer();
    let cell = |x, y| buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
    (0..height).map(|y| (0..width).map(|x| cell(x, y)).collect::<String>().trim_end().to_owned()).collect()
}

fn hear(state: &mut State, snapshot: &Snapshot) {
    state.hear(News::Snapshot(Box::new(snapshot.clone())));
}

fn press(state: &mut State, code: KeyCode) {
    state.press(KeyEvent::new(code, KeyModifiers::NONE));
}

#[test]
fn two_snapshots_make_a_view() {
    let Watched { engine, path, first, second, .. } = watched();
    let view = View::between(&first, &second).unwrap();
    let seconds = (second.uptime_ns - first.uptime_ns) as f64 / 1e9;
    assert_eq!(view.seconds, seconds);
    assert_eq!((view.messages_per_second * seconds).round(), 1001.0);
    assert_eq!((view.workers[1].messages_per_second * seconds).round(), 1000.0);
    assert_eq!((view.actors, view.workers.len(), view.actor_types.len()), (2, 2, 2));
    assert!(view.workers[1].waiting_p99_ns.is_some() && view.workers[1].handling.is_some_and(|share| share > 0.0));
    for worker in &view.workers {
        let shares = worker.busy.unwrap() + worker.idle.unwrap();
        assert!((shares - 1.0).abs() < 1e-9 && !worker.is_late, "{worker:?}");
    }
    assert!((view.actor_types[0].share - 1000.0 / 1001.0).abs() < 1e-9, "{:?}", view.actor_types);
    assert_eq!((view.dead_letters.len(), view.dead_letters[0].count, view.dead_letters[0].per_second), (1, 3, 0.0));
    assert!(View::between(&second, &first).is_none() && View::between(&first, &first).is_none());

    engine.shutdown(PATIENCE).unwrap();
    assert!(matches!(Feed::connect(&path, INTERVAL), Err(FeedError::Connect { .. })));
}

#[test]
fn the_screen_shows_workers_types_and_losses() {
    let Watched { first, second, .. } = watched();
    let mut state = State::new();
    assert_eq!(drawn(&mut state, 80, 24)[0], "waiting for two snapshots");
    hear(&mut state, &first);
    hear(&mut state, &second);
    let lines = drawn(&mut state, 80, 24);
    let view = state.view.as_ref().unwrap();
    assert_eq!(lines[0], columns::summary(view));
    assert!(lines[0].starts_with(&format!("orders, process {}, up ", std::process::id())), "{}", lines[0]);
    assert!(lines[2].ends_with('█'), "the throughput: {lines:?}");
    assert_eq!(lines[3], "wrk core busy idle hand turn/s  msg/s queue lanes wait99 hand99 park/s  dead");
    assert!(lines[4].starts_with("  0    - ") && lines[5].starts_with("  1    - "), "{lines:?}");
    assert_eq!(lines[6], " msg/s share wait99 hand99 actor type, by msg/s");
    assert!(
        lines[7].starts_with(&format!("{:>6}  100% ", super::figures::count(view.actor_types[0].messages_per_second)))
    );
    assert_eq!(lines[22], "dead letters: stopped 3 (0/s)");
    assert!(lines[23].starts_with("q quit  p pause  s sort by wait99  tab"), "{}", lines[23]);
    // All that the screen shows is printed by `--once` too.
    let text = columns::text(view);
    for line in lines[3..9].iter().filter(|line| line.len() <= 80) {
        assert!(text.lines().any(|printed| printed.starts_with(line.as_str())), "{line:?} in\n{text}");
    }
}

#[test]
fn a_screen_of_any_size_is_drawn() {
    let Watched { first, second, .. } = watched();
    let mut state = State::new();
    for helps in [false, true] {
        for (width, height) in [(1, 1), (2, 40), (300, 1), (20, 4), (40, 10), (79, 23), (80, 24), (500, 200)] {
            drawn(&mut state, width, height);
            hear(&mut state, &first);
            hear(&mut state, &second);
            let lines = drawn(&mut state, width, height);
            if !helps && width >= 80 {
                assert!(lines[0].starts_with("orders"), "{lines:?}");
            }
            if !helps && width == 40 {
                assert_eq!(lines[1], "wrk core busy idle hand turn/s  msg/s", "no column is cut");
            }
        }
        if !helps {
            press(&mut state, KeyCode::Char('?'));
            let lines = drawn(&mut state, 80, 24);
            assert!(
                lines.iter().any(|line| line.contains("perf top"))
                    && lines.iter().any(|line| line.contains("lanes   bytes"))
            );
        }
    }
}

/// A server may say anything.
#[test]
fn numbers_beyond_all_and_more_rows_than_a_screen_has_are_shown() {
    let Watched { mut first, mut second, .. } = watched();
    for snapshot in [&mut first, &mut second] {
        let mut worker = snapshot.workers[1].clone();
        worker.stats = serde_json::from_value(serde_json::json!({
            "core": u32::MAX, "actors": u64::MAX, "handled": 0, "sent": 0, "flushed": 0, "turns": 0, "idle_turns": 0,
            "parks": 0, "dead_letters": {"stopped": u64::MAX, "full": u64::MAX}, "panics": u64::MAX,
            "contained_panics": 0, "rescued_wakeups": 0, "lost_orders": 0, "local_ring_bytes": u64::MAX,
            "ingress_bytes": u64::MAX, "lanes_bytes": u64::MAX, "local_ring_high_water_bytes": 0,
            "outbox_high_water_bytes": 0, "mailbox_high_water": 0, "timers_high_water": 0,
        }))
        .unwrap();
        snapshot.workers = vec![worker; usize::from(u16::MAX)];
        snapshot.actor_types = vec![snapshot.actor_types[0].clone(); usize::from(u16::MAX)];
    }
    for worker in &mut second.workers {
        (worker.stats.handled, worker.stats.turns, worker.stats.idle_turns) = (u64::MAX, 1, u64::MAX);
    }
    for (index, entry) in second.actor_types.iter_mut().enumerate() {
        (entry.actor_type, entry.handled) = ((index / 2).to_string(), u64::MAX);
    }
    let view = View::between(&first, &second).unwrap();
    assert_eq!(
        (view.actors, view.workers[0].queued_bytes, view.workers[0].dead_letters),
        (u64::MAX, u64::MAX, u64::MAX)
    );
    assert!(columns::text(&view).contains("panics: 18446744073709551615"));
    let mut state = State::new();
    hear(&mut state, &first);
    hear(&mut state, &second);
    assert!(drawn(&mut state, 80, 24)[0].starts_with("orders"));
}

#[test]
fn keys_pause_sort_scroll_and_end() {
    let Watched { first, second, .. } = watched();
    let mut state = State::new();
    hear(&mut state, &first);
    hear(&mut state, &second);
    press(&mut state, KeyCode::Char('p'));
    let mut third = second.clone();
    third.uptime_ns += 1_000_000_000;
    third.workers[0].stats.handled += 7;
    hear(&mut state, &third);
    assert_eq!(state.history.len(), 1, "nothing moves");
    assert!(drawn(&mut state, 80, 24)[0].ends_with("PAUSED"));
    press(&mut state, KeyCode::Char('p'));
    third.uptime_ns += 1_000_000_000;
    third.workers[0].stats.handled += 5;
    hear(&mut state, &third);
    assert_eq!(state.history, [5, state.history[1]], "the interval before is not counted in");

    press(&mut state, KeyCode::Char('s'));
    let waiting: Vec<_> = state.view.as_ref().unwrap().actor_types.iter().map(|entry| entry.waiting_p99_ns).collect();
    assert!(waiting.is_sorted_by(|one, other| one >= other) && waiting[0].is_some(), "{waiting:?}");
    assert!(drawn(&mut state, 100, 24)[23].contains("s sort by hand99"));
    (0..2).for_each(|_| press(&mut state, KeyCode::Char('s')));
    assert!(state.view.as_ref().unwrap().actor_types.is_sorted_by_key(|entry| entry.actor_type.clone()));

    // Of seven lines, each table has a heading and one row.
    press(&mut state, KeyCode::PageDown);
    let scrolled = drawn(&mut state, 80, 7);
    assert_eq!(state.first_type, 1, "{scrolled:?}");
    press(&mut state, KeyCode::Up);
    press(&mut state, KeyCode::Tab);
    press(&mut state, KeyCode::Down);
    let scrolled = drawn(&mut state, 80, 7);
    assert_eq!((state.first_type, state.first_worker), (0, 1), "{scrolled:?}");
    assert!(scrolled[2].starts_with("  1 "), "{scrolled:?}");

    for (code, modifiers) in [(KeyCode::Char('q'), KeyModifiers::NONE), (KeyCode::Char('c'), KeyModifiers::CONTROL)] {
        let mut state = State::new();
        press(&mut state, KeyCode::Char('c'));
        assert!(!state.is_done());
        state.press(KeyEvent::new(code, modifiers));
        assert!(state.is_done());
    }
}

#[test]
fn a_lost_connection_is_told_and_made_again() {
    let Watched { engine, path, first, second, _directory } = watched();
    let news = Feed::connect(&path, INTERVAL).unwrap().follow().unwrap();
    let mut state = State::new();
    hear(&mut state, &first);
    hear(&mut state, &second);
    drop(engine);
    while state.lost.is_none() {
        state.hear(news.recv_timeout(PATIENCE).unwrap());
    }
    let lines = drawn(&mut state, 80, 24);
    assert!(lines[23].starts_with("connection lost, trying again: "), "{}", lines[23]);
    assert!(lines[0].starts_with("orders"), "what was seen last stays: {}", lines[0]);

    let again = Engine::builder().unpinned_workers(1).stats_socket(path.to_str().unwrap()).start().unwrap();
    while state.view.as_ref().is_none_or(|view| view.engine != "hippodrome") {
        state.hear(news.recv_timeout(PATIENCE).unwrap());
    }
    assert!(state.lost.is_none());
    again.shutdown(PATIENCE).unwrap();
}

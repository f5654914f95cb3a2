//! Conflation does not allocate: neither writes nor notices nor takes, once the engine has warmed up.

#[path = "common/allocations.rs"]
mod allocations;

use std::sync::atomic::{AtomicU64, Ordering};

use allocations::allocations_here;
use hippodrome::config::{Config, WorkerConfig};
use hippodrome::{Context, Engine, On, from_fn};
use hippodrome_toolkit::latest::{self, BoardRef, LatestRef, Notice};

const KEYS: usize = 100;

static TAKEN: AtomicU64 = AtomicU64::new(0);

/// On one thread, so that every round is like the others: writes from outside and by an actor, to a cell and to a board,
/// and the turns of those that take.
#[test]
fn neither_a_write_nor_a_notice_nor_a_take_allocates() {
    let mut config = Config::default();
    config.workers = vec![WorkerConfig::default()];
    let mut host = Engine::from_config(config).host().unwrap();
    let mut handle = host.handle();

    let (mut writers, cell) = latest::cell::<[u64; 4]>(2).unwrap();
    let viewer = handle.spawn(On::Worker(0), move || {
        let mut reader = cell.reader().unwrap();
        from_fn(move |notice: Notice, _| _ = TAKEN.fetch_add(reader.take(notice).is_some().into(), Ordering::Relaxed))
    });
    let viewer = viewer.unwrap();
    let mut outside = LatestRef::new(writers.remove(0), viewer, |notice| notice);
    let mut inside = Some(LatestRef::new(writers.remove(0), viewer, |notice| notice));

    let (mut writers, board) = latest::board::<u64>(KEYS, 1).unwrap();
    let strategy = handle.spawn(On::Worker(0), move || {
        let mut reader = board.reader().unwrap();
        from_fn(move |notice: Notice, _| _ = TAKEN.fetch_add(reader.take(notice, |_, _| ()) as u64, Ordering::Relaxed))
    });
    let mut quotes = BoardRef::new(writers.remove(0), strategy.unwrap(), |notice| notice);

    let feed = handle.spawn(On::Worker(0), move || {
        let mut inside = inside.take().expect("it is not restarted");
        from_fn(move |value: u64, ctx: &mut Context<'_, u64>| assert!(inside.write(ctx, [value; 4]).is_ok()))
    });
    let feed = feed.unwrap();

    let mut round = |value: u64| {
        outside.write(&mut handle, [value; 4]).unwrap();
        outside.write(&mut handle, [value; 4]).unwrap();
        for key in 0..KEYS {
            quotes.write(&mut handle, key, value).unwrap();
        }
        handle.tell(feed, value);
        host.poll(u64::MAX);
    };
    // As many rounds as go over the segments of the worker's ring, of which the second is allocated when it is needed.
    (0..2_000).for_each(&mut round);
    let before = TAKEN.load(Ordering::Relaxed);
    let allocations = allocations_here(|| (0..4_000).for_each(&mut round));
    let taken = TAKEN.load(Ordering::Relaxed) - before;
    assert_eq!(allocations, 0);
    assert!(taken >= 4_000 * (KEYS as u64 + 1), "{taken}");
}

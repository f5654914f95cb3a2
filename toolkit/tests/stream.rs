//! Streams on real workers: every operator against what an iterator gives, and graphs with boundaries.

use std::sync::LazyLock;
use std::time::Duration;

use hippodrome::{Engine, On};
use hippodrome_toolkit::stream::Source;

const PATIENCE: Duration = Duration::from_secs(30);

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::builder().unpinned_workers(2).start().unwrap());

#[test]
fn smoke() {
    let sum = Source::iter(0..100_000_u64)
        .map(|n| n + 1)
        .boundary(On::Worker(0))
        .filter(|n| n % 2 == 0)
        .boundary(On::Worker(1))
        .fold(0, |sum, n| *sum += n)
        .run(&ENGINE.handle())
        .unwrap();
    let control = sum.control();
    assert_eq!(sum.wait(PATIENCE), Ok((1..=100_000).filter(|n| n % 2 == 0).sum()));
    assert_eq!(control.dropped(), 0);
    let head = Source::iter(5..).boundary(On::Worker(1)).head().run(&ENGINE.handle()).unwrap();
    assert_eq!(head.wait(PATIENCE), Ok(Some(5)));
}

//! Random graphs of numbers: stages, what they do to a stream, and what they do to a list.

use hippodrome::On;
use hippodrome_toolkit::stream::{BoxedStage, Source};

/// A stage that numbers can be put through, and be numbers again.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Map,
    Filter(u64),
    FilterMap(u64),
    FlatMap(u64),
    Scan,
    Take(u64),
    TakeWhile(u64),
    Skip(u64),
    Batch(usize),
    Boundary(usize),
    Concat(Vec<u64>),
    Zip(Vec<u64>),
    /// To two branches, one of which is delayed by a boundary more, and zipped again.
    Diamond(usize),
}

fn sum(batch: Vec<u64>) -> u64 {
    batch.into_iter().fold(0, u64::wrapping_add)
}

/// Puts the stage behind a source.
pub(crate) fn put(source: Source<BoxedStage<u64>>, op: Op) -> Source<BoxedStage<u64>> {
    match op {
        Op::Map => source.map(|n| n * 3 + 1).boxed(),
        Op::Filter(m) => source.filter(move |n| n % m == 0).boxed(),
        Op::FilterMap(m) => source.filter_map(move |n| (n % m == 0).then_some(n + 1)).boxed(),
        Op::FlatMap(m) => source.flat_map(move |n| (0..m).map(move |k| n + k)).boxed(),
        Op::Scan => source.scan(7_u64, step).boxed(),
        Op::Take(m) => source.take(m).boxed(),
        Op::TakeWhile(m) => source.take_while(move |n| *n < m).boxed(),
        Op::Skip(m) => source.skip(m).boxed(),
        Op::Batch(m) => source.batch(m).map(sum).boxed(),
        Op::Boundary(worker) => source.boundary(On::Worker(worker)).boxed(),
        Op::Concat(more) => source.concat(Source::iter(more).boundary(On::Worker(1))).boxed(),
        Op::Zip(more) => source.zip(Source::iter(more)).map(|(a, b)| a ^ b).boxed(),
        Op::Diamond(worker) => {
            let [one, other] = source.broadcast();
            let other = other.map(|n| n / 2).on(On::Worker(worker)).boundary(On::Worker(1 - worker));
            one.zip(other).map(|(a, b)| a + b).boxed()
        }
    }
}

fn step(state: &mut u64, n: u64) -> u64 {
    *state = state.wrapping_mul(31).wrapping_add(n) % 10_007;
    *state
}

/// What the operator does to a list.
pub(crate) fn model(list: Vec<u64>, op: Op) -> Vec<u64> {
    let elements = list.into_iter();
    match op {
        Op::Map => elements.map(|n| n * 3 + 1).collect(),
        Op::Filter(m) => elements.filter(move |n| n % m == 0).collect(),
        Op::FilterMap(m) => elements.filter_map(move |n| (n % m == 0).then_some(n + 1)).collect(),
        Op::FlatMap(m) => elements.flat_map(move |n| (0..m).map(move |k| n + k)).collect(),
        Op::Scan => elements.scan(7, |state, n| Some(step(state, n))).collect(),
        Op::Take(m) => elements.take(m as usize).collect(),
        Op::TakeWhile(m) => elements.take_while(move |n| *n < m).collect(),
        Op::Skip(m) => elements.skip(m as usize).collect(),
        Op::Batch(m) => elements.collect::<Vec<_>>().chunks(m).map(|batch| sum(batch.to_vec())).collect(),
        Op::Boundary(_) => elements.collect(),
        Op::Concat(more) => elements.chain(more).collect(),
        Op::Zip(more) => elements.zip(more).map(|(a, b)| a ^ b).collect(),
        Op::Diamond(_) => elements.map(|n| n + n / 2).collect(),
    }
}

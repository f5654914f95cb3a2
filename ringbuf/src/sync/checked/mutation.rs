//! Weakens one atomic operation of the models, to show that a model fails without its full strength.
//!
//! A *site* is a place in the source at which an atomic operation or a fence stands, and the place at which its atomic
//! was made, so that one method that several atomics share has a site for each. One build serves all mutants, because
//! two variables of the environment are looked at when it runs:
//!
//! * `HIPPODROME_MUTANT` names a site and what is to be changed there, such as
//!   `ringbuf/src/lane.rs:353:37@ringbuf/src/lines.rs:120:50 order=Relaxed`; see [`Change`].
//! * `HIPPODROME_SITES` names a file to which every site that is come by is appended, with its operation and its
//!   orders. So the list of sites is what the models do, and forgets nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::panic::Location;
use std::sync::{LazyLock, Mutex};

use super::Ordering;

type Place = &'static Location<'static>;

/// What a mutant does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// `order=Relaxed`: the operation, or the fence, has this order.
    Order(Ordering),
    /// `failure=Relaxed`: a compare-and-swap that fails has this order.
    Failure(Ordering),
    /// `removed`: the fence or the store does not happen.
    Removed,
    /// `torn`: what reads, modifies and writes is a load and a store, between which others may write.
    Torn,
}

#[derive(Debug)]
struct Mutant {
    at: Spot,
    /// Nothing for a fence.
    made_at: Option<Spot>,
    change: Change,
}

/// A file, a line and a column.
#[derive(Debug)]
struct Spot(String, u32, u32);

static MUTANT: LazyLock<Option<Mutant>> = LazyLock::new(|| {
    let text = std::env::var("HIPPODROME_MUTANT").ok()?;
    Some(Mutant::parse(&text).unwrap_or_else(|| panic!("HIPPODROME_MUTANT={text}: a site and a change are expected")))
});

static SITES: LazyLock<Option<Mutex<Sites>>> = LazyLock::new(|| {
    let path = std::env::var_os("HIPPODROME_SITES")?;
    let file = File::options().create(true).append(true).open(&path).expect("the file of HIPPODROME_SITES opens");
    Some(Mutex::new(Sites { seen: HashSet::new(), file }))
});

/// The sites that were come by, each written to the file when it is first seen.
struct Sites {
    seen: HashSet<(Place, Option<Place>, Vec<Ordering>)>,
    file: File,
}

impl Spot {
    fn parse(text: &str) -> Option<Self> {
        let (rest, column) = text.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        Some(Self(file.to_owned(), line.parse().ok()?, column.parse().ok()?))
    }

    fn is(&self, location: &Location<'_>) -> bool {
        let Self(file, line, column) = self;
        location.line() == *line && location.column() == *column && location.file() == file
    }
}

impl Mutant {
    fn parse(text: &str) -> Option<Self> {
        let (site, change) = text.split_once(' ')?;
        let (at, made_at) = match site.split_once('@') {
            Some((at, made_at)) => (at, Some(Spot::parse(made_at)?)),
            None => (site, None),
        };
        let change = match change.split_once('=') {
            None if change == "removed" => Change::Removed,
            None if change == "torn" => Change::Torn,
            Some(("order", name)) => Change::Order(order(name)?),
            Some(("failure", name)) => Change::Failure(order(name)?),
            _ => return None,
        };
        Some(Self { at: Spot::parse(at)?, made_at, change })
    }

    fn is_at(&self, at: Place, made_at: Option<Place>) -> bool {
        self.at.is(at)
            && match (&self.made_at, made_at) {
                (Some(spot), Some(place)) => spot.is(place),
                (None, None) => true,
                _ => false,
            }
    }
}

fn order(name: &str) -> Option<Ordering> {
    use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
    [Relaxed, Acquire, Release, AcqRel, SeqCst].into_iter().find(|order| format!("{order:?}") == name)
}

/// What the caller's site does otherwise, if it is the mutant's.
#[track_caller]
pub(super) fn changed(operation: &str, orders: &[Ordering], made_at: Option<Place>) -> Option<Change> {
    let at = Location::caller();
    if let Some(sites) = &*SITES {
        sites.lock().expect("nothing panics while it records a site").note(at, made_at, operation, orders);
    }
    MUTANT.as_ref().filter(|mutant| mutant.is_at(at, made_at)).map(|mutant| mutant.change)
}

impl Sites {
    fn note(&mut self, at: Place, made_at: Option<Place>, operation: &str, orders: &[Ordering]) {
        if self.seen.insert((at, made_at, orders.to_vec())) {
            let made_at = made_at.map_or_else(String::new, |place| format!("@{place}"));
            let orders: Vec<_> = orders.iter().map(|order| format!("{order:?}")).collect();
            writeln!(self.file, "{at}{made_at} {operation} {}", orders.join(" ")).expect("a site is written down");
        }
    }
}

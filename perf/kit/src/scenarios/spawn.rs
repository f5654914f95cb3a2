//! Actors are spawned, and each is told its first message.
//!
//! ```text
//!   handler   Spawner -- spawn, Number; 1000 in one handler --> Idle, Idle, ... on one core
//!                ^                                                      |
//!                +---------------------- Go ----------------------------+
//!
//!   outside   thread -- spawn, Number; 1000 at once --> Idle, Idle, ... on a worker, which then has its turn
//! ```
//!
//! Everything is done on one thread: the outside's figure has both sides of it.
//!
//! A sample ends when the last actor has handled its message: all are there then, and every one of them works. The work
//! is done twice: once for the time, and once with the allocator's count of the bytes that are still in use when the
//! last one has its message. The actor's own state is taken off, and what its spawner keeps of it, an address, was
//! allocated before.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::allocator::bytes_kept;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Gate, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "spawn",
    about: "actors are spawned, and each is told its first message",
    unit: "actor",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 0, messages: 200_000 }],
    expected: |case| Found { units: case.messages, checksum: (0..case.messages).fold(0, u64::wrapping_add) },
    gates: &[
        // A million in two seconds.
        Gate::Ns { via: Some("outside"), at_most: 2_000.0 },
        Gate::Ns { via: Some("handler"), at_most: 2_000.0 },
        Gate::Bytes { via: Some("outside"), at_most: 256.0 },
        Gate::Bytes { via: Some("handler"), at_most: 256.0 },
    ],
};

/// The actors that are spawned by one run of a handler.
pub const CHUNK: u64 = 1_000;

/// What the actors of one run have done together: counts those that have handled their message.
#[derive(Debug, Default)]
pub struct Count {
    started: AtomicU64,
    numbers: AtomicU64,
}

impl Count {
    /// Of none.
    #[must_use]
    pub const fn new() -> Self {
        Self { started: AtomicU64::new(0), numbers: AtomicU64::new(0) }
    }

    /// What was found so far.
    #[must_use]
    pub fn found(&self) -> Found {
        Found { units: self.started.load(Ordering::Relaxed), checksum: self.numbers.load(Ordering::Relaxed) }
    }

    /// Counts one that was told this number. Returns what was found with it.
    #[inline]
    pub fn add(&self, number: u64) -> Found {
        let checksum = self.numbers.fetch_add(number, Ordering::Relaxed).wrapping_add(number);
        Found { units: self.started.fetch_add(1, Ordering::Relaxed) + 1, checksum }
    }

    /// Starts anew.
    pub fn reset(&self) {
        self.started.store(0, Ordering::Relaxed);
        self.numbers.store(0, Ordering::Relaxed);
    }
}

/// Runs it on any platform, from a handler, for the time and for the bytes.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let actors = case.messages;
    let sample = spawn::<P>(actors, Vec::with_capacity(actors as usize), None, cores)?;
    let kept = bytes::<P>(actors, cores)?;
    Ok(Sample { bytes: Some(kept as f64 / actors as f64 - size_of::<Idle>() as f64), ..sample })
}

/// The bytes that are in use for so many actors when the last one of them has its message.
fn bytes<P: Platform>(actors: u64, cores: &Cores) -> Result<i64, Failure> {
    let addresses = Vec::with_capacity(actors as usize);
    let (ended, at_end) = channel();
    let (counted, released) = channel();
    let hold = Hold { ended, released };
    std::thread::scope(|scope| {
        let (running, kept) = bytes_kept(|| {
            let running = scope.spawn(move || spawn::<P>(actors, addresses, Some(hold), cores));
            // A run that fails drops the other end.
            let _ = at_end.recv();
            running
        });
        drop(counted);
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(kept)
    })
}

fn spawn<P: Platform>(
    actors: u64,
    addresses: Vec<P::Ref<Idle>>,
    hold: Option<Hold>,
    cores: &Cores,
) -> Result<Sample, Failure> {
    let main = move |finish| {
        let tally = Tally { actors, count: Count::new(), hold: Mutex::new(hold), finish };
        Spawner::<P> { actors, addresses, tally: Arc::new(tally) }
    };
    P::run(Run { main: Box::new(main), set_up: None, go: Go }, cores)
}

/// Holds the last actor up until the bytes have been counted.
struct Hold {
    ended: Sender<()>,
    released: Receiver<()>,
}

impl Hold {
    fn wait(self) {
        drop(self.ended);
        // The other end is dropped when the count is taken; nothing is ever sent.
        let _ = self.released.recv();
    }
}

/// What all actors of a run share.
struct Tally {
    actors: u64,
    count: Count,
    hold: Mutex<Option<Hold>>,
    finish: Arc<Finish>,
}

impl Tally {
    #[cold]
    fn end(&self, found: Found) {
        if let Some(hold) = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take() {
            hold.wait();
        }
        self.finish.set(found.units, found.checksum);
    }
}

/// Spawns the next chunk.
struct Go;

struct Spawner<P: Platform> {
    actors: u64,
    addresses: Vec<P::Ref<Idle>>,
    tally: Arc<Tally>,
}

impl<P: Platform> Role<P> for Spawner<P> {
    type Msg = Go;

    fn receive(&mut self, _: Go, context: &mut P::Context<'_, Self>) {
        let first = self.addresses.len() as u64;
        let end = (first + CHUNK).min(self.actors);
        for number in first..end {
            let idle = context.spawn(Place::Here, Idle { tally: self.tally.clone(), told: 0 });
            let then = (number + 1 == end && end < self.actors).then(|| context.me());
            context.tell(&idle, Number { number, then });
            self.addresses.push(idle);
        }
    }
}

/// The first message of an actor.
struct Number<P: Platform> {
    number: u64,
    /// The last one of a chunk has the spawner go on, so that no more than a chunk waits to be started.
    then: Option<P::Ref<Spawner<P>>>,
}

/// An actor that handles one message.
struct Idle {
    tally: Arc<Tally>,
    told: u64,
}

impl<P: Platform> Role<P> for Idle {
    type Msg = Number<P>;

    #[inline]
    fn receive(&mut self, Number { number, then }: Number<P>, context: &mut P::Context<'_, Self>) {
        self.told += number;
        let found = self.tally.count.add(self.told);
        if found.units == self.tally.actors {
            self.tally.end(found);
        } else if let Some(spawner) = then {
            context.tell(&spawner, Go);
        }
    }
}

//! The actors that are overloaded: sinks that work, and amplifiers that send ten messages for each that they get.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use hippodrome::{Actor, ActorRef, Context, Handle, MailboxSpec, On, Overflow, Props, SpawnError};

/// What is offered: a number to work on, and something to carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load(pub(super) [u64; 4]);

/// What one party has done; written by that party alone.
#[derive(Debug, Default)]
pub(super) struct Tally {
    offered: AtomicU64,
    refused: AtomicU64,
    handled: AtomicU64,
}

impl Tally {
    /// Counts a message that is about to be offered.
    pub(super) fn offer(&self) {
        self.offered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a message that came back.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn handle(&self) {
        self.handled.fetch_add(1, Ordering::Release);
    }
}

/// All actors, and all tallies.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) sinks: Vec<ActorRef<Load>>,
    pub(super) amplifiers: Vec<ActorRef<Load>>,
    tallies: Arc<Vec<CachePadded<Tally>>>,
    generators: usize,
}

/// The sinks of each worker: one for each overflow policy, and as many in the shared ring.
const SINKS: usize = 10;

/// The messages that a private mailbox has room for.
const CAPACITY: usize = 64;

/// What the mailbox that grows may grow to.
const GROWN: usize = 256;

/// Messages that an amplifier sends for each that it gets.
const AMPLIFIED: usize = 10;

/// The rounds of work for each message: some microseconds.
const WORK: u64 = 4000;

impl Targets {
    /// Spawns them, on all workers, with tallies for so many generators too.
    pub(super) fn spawn(handle: &Handle, generators: usize) -> Result<Self, SpawnError> {
        let workers = handle.workers();
        let count = generators + workers * (SINKS + 1);
        let tallies: Arc<Vec<_>> = Arc::new((0..count).map(|_| CachePadded::default()).collect());
        let mut tally = generators..;
        let mut targets = Self { sinks: Vec::new(), amplifiers: Vec::new(), tallies: tallies.clone(), generators };
        for worker in 0..workers {
            for (sink, number) in (0..SINKS).zip(&mut tally) {
                let tallies = tallies.clone();
                let factory = move || Sink { tallies: tallies.clone(), number };
                targets.sinks.push(handle.spawn(props(sink).mailbox_on(worker), factory)?);
            }
        }
        for (worker, number) in (0..workers).zip(&mut tally) {
            let (tallies, sinks) = (tallies.clone(), targets.sinks.clone());
            let factory = move || Amplifier { tallies: tallies.clone(), number, sinks: sinks.clone(), next: worker };
            targets.amplifiers.push(handle.spawn(On::Worker(worker), factory)?);
        }
        Ok(targets)
    }

    pub(super) fn tally(&self, generator: usize) -> &Tally {
        &self.tallies[generator % self.generators]
    }

    /// What was offered and what was given back. What is offered is counted before, and read last, so that there is never
    /// more of the rest.
    pub(super) fn offered(&self) -> (u64, u64) {
        let refused = self.sum(|tally| &tally.refused);
        (self.sum(|tally| &tally.offered), refused)
    }

    pub(super) fn handled(&self) -> u64 {
        self.sum(|tally| &tally.handled)
    }

    fn sum(&self, of: impl Fn(&Tally) -> &AtomicU64) -> u64 {
        self.tallies.iter().map(|tally| of(tally).load(Ordering::Acquire)).sum()
    }

    /// The bytes that all mailboxes may have, with their reserved room.
    pub(super) fn mailbox_bytes(&self) -> u64 {
        ((self.sinks.len() + self.amplifiers.len()) * (GROWN + RESERVED) * size_of::<Load>()) as u64
    }
}

/// The room of a mailbox for answers, timers and notices.
const RESERVED: usize = 64;

/// The mailbox of a sink, before it is known where it lives.
struct Placeless(Option<Overflow<Load>>);

fn props(sink: usize) -> Placeless {
    Placeless(match sink {
        0 => Some(Overflow::Reject),
        1 => Some(Overflow::DropNewest),
        2 => Some(Overflow::DropOldest),
        3 => Some(Overflow::Conflate(|load| load.0[0] % (2 * CAPACITY as u64))),
        4 => Some(Overflow::Grow(GROWN)),
        _ => None,
    })
}

impl Placeless {
    fn mailbox_on(self, worker: usize) -> Props<Load> {
        let props = Props::on(On::Worker(worker));
        let capacity = NonZeroUsize::new(CAPACITY).unwrap_or(NonZeroUsize::MIN);
        match self.0 {
            Some(overflow) => props.mailbox(MailboxSpec::bounded(capacity).overflow(overflow)),
            None => props,
        }
    }
}

/// Works on what it gets.
#[derive(Debug)]
pub(super) struct Sink {
    tallies: Arc<Vec<CachePadded<Tally>>>,
    number: usize,
}

impl Actor for Sink {
    type Msg = Load;

    fn handle(&mut self, msg: Load, _ctx: &mut Context<'_, Load>) {
        let mut worked = msg.0[0];
        for round in 0..WORK {
            worked = std::hint::black_box(worked.rotate_left(7) ^ round);
        }
        self.tallies[self.number].handle();
    }
}

/// Sends ten messages for each that it gets: half of them told, half of them tried.
#[derive(Debug)]
struct Amplifier {
    tallies: Arc<Vec<CachePadded<Tally>>>,
    number: usize,
    sinks: Vec<ActorRef<Load>>,
    next: usize,
}

impl Actor for Amplifier {
    type Msg = Load;

    fn handle(&mut self, mut msg: Load, ctx: &mut Context<'_, Load>) {
        let tally = &self.tallies[self.number];
        for number in 0..AMPLIFIED {
            self.next = (self.next + 1) % self.sinks.len();
            let sink = self.sinks[self.next];
            msg.0[0] = msg.0[0].wrapping_add(1);
            tally.offer();
            if number % 2 == 0 {
                ctx.tell(sink, msg);
            } else if ctx.try_tell(sink, msg).is_err() {
                tally.refuse();
            }
        }
        tally.handle();
    }
}

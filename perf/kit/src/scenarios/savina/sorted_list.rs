//! Savina's Concurrent Sorted List: 20 workers insert values into one actor's list and look for them, 8,000 times each.
//!
//! ```text
//!   Worker 0  -- insert, contains or size -->
//!     ...     <---------- answer -----------  List
//!   Worker 19
//! ```
//!
//! A worker waits for each answer. Of a hundred requests, one asks for the size and ten insert. The published list is
//! linked, and each request walks along its up to 16,000 nodes: that takes as long as hundreds of messages, and would
//! measure the walk. This one is an array, which is searched by halving, and an insertion moves what is behind it: the
//! same contents and answers.
//!
//! The values are dealt out to the workers, so that what each finds depends on its own insertions and is known. The
//! sizes depend on the order of turns: each has to be at least the one before and what the worker inserted itself, and
//! the one after the last request has to be the number of all insertions. `messages` are the requests of all together;
//! the first workers make one more where they cannot be shared equally, and there are not more workers than requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::random::{Random, mix};
use super::{GATES, share};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::digest;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_sorted_list",
    about: "Savina SortedList: 20 actors insert into the list of one and look for values, and wait for each answer",
    unit: "round trip",
    cores: 1,
    cases: &[Case { payload_bytes: 4, actors: 20, messages: 160_000 }],
    expected: |case| {
        let workers = case.actors.min(case.messages);
        let mut inserted = 0;
        let checksums = (0..workers).map(|number| {
            let (checksum, insertions) = learned(case.messages, workers, number);
            inserted += insertions;
            checksum
        });
        let checksum = checksums.fold(0, u64::wrapping_add);
        Found { units: case.messages, checksum: digest(checksum, inserted) }
    },
    gates: GATES,
};

/// Of a hundred requests.
const SIZES: u64 = 1;
/// Of a hundred requests.
const INSERTIONS: u64 = 10;
/// From how many different values a worker draws.
const VALUES: u64 = 4_096;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Office::<P> {
        size: actors.min(messages),
        messages,
        list: None,
        workers: Vec::new(),
        finish,
        done: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Task::SetUp), go: Task::Go }, cores)
}

/// What the worker of this number has to have learned in the end, and how many values it inserted.
fn learned(messages: u64, workers: u64, number: u64) -> (u64, u64) {
    let mut script = Script::new(number, workers);
    let mut inserted = BTreeSet::new();
    let mut insertions = 0;
    let mut checksum = number;
    for _ in 0..share(messages, workers, number) {
        let learned = match script.request() {
            Wanted::Size => SIZE_IS_RIGHT,
            Wanted::Insert(value) => {
                insertions += 1;
                inserted.insert(value);
                INSERTED
            }
            Wanted::Contains(value) => u64::from(inserted.contains(&value)),
        };
        checksum = digest(checksum, learned);
    }
    (mix(checksum), insertions)
}

/// What a worker learns from the answer to an insertion; from whether a value is there it learns 0 or 1.
const INSERTED: u64 = 2;
/// What it learns from a size that can be.
const SIZE_IS_RIGHT: u64 = 3;
/// What it learns from a size that cannot be.
const SIZE_IS_WRONG: u64 = 4;

/// What a worker asks for.
struct Script {
    random: Random,
    number: u64,
    workers: u64,
}

#[derive(Clone, Copy)]
enum Wanted {
    Size,
    Insert(u32),
    Contains(u32),
}

impl Script {
    fn new(number: u64, workers: u64) -> Self {
        Self { random: Random::new(number), number, workers }
    }

    #[inline]
    fn request(&mut self) -> Wanted {
        let chance = self.random.below(100);
        let value = (self.random.below(VALUES) * self.workers + self.number) as u32;
        if chance < SIZES {
            Wanted::Size
        } else if chance < SIZES + INSERTIONS {
            Wanted::Insert(value)
        } else {
            Wanted::Contains(value)
        }
    }
}

enum Task {
    SetUp,
    Go,
    /// What one worker did.
    Done(Found),
    /// How long the list is after everything.
    Length(u64),
}

struct Office<P: Platform> {
    size: u64,
    messages: u64,
    list: Option<P::Ref<List<P>>>,
    workers: Vec<P::Ref<Worker<P>>>,
    finish: Arc<Finish>,
    done: u64,
    found: Found,
}

impl<P: Platform> Office<P> {
    fn set_up(&mut self, context: &mut P::Context<'_, Self>) {
        let office = context.me();
        let list = context.spawn(Place::Here, List { office: office.clone(), values: Vec::new() });
        for number in 0..self.size {
            let worker = Worker {
                office: office.clone(),
                list: list.clone(),
                script: Script::new(number, self.size),
                requests: share(self.messages, self.size, number),
                least: 0,
                found: Found { units: 0, checksum: number },
            };
            self.workers.push(context.spawn(Place::Here, worker));
        }
        self.list = Some(list);
    }

    fn done(&mut self, Found { units, checksum }: Found, context: &mut P::Context<'_, Self>) {
        self.found.units += units;
        self.found.checksum = self.found.checksum.wrapping_add(mix(checksum));
        self.done += 1;
        if let Some(list) = &self.list
            && self.done == self.size
        {
            context.tell(list, Request::Close);
        }
    }
}

impl<P: Platform> Role<P> for Office<P> {
    type Msg = Task;

    fn receive(&mut self, message: Task, context: &mut P::Context<'_, Self>) {
        match message {
            Task::SetUp => self.set_up(context),
            Task::Go => {
                for worker in &self.workers {
                    context.tell(worker, Work::Go);
                }
            }
            Task::Done(found) => self.done(found, context),
            Task::Length(length) => self.finish.set(self.found.units, digest(self.found.checksum, length)),
        }
    }
}

enum Work {
    Go,
    Inserted,
    Contains(bool),
    Size(u64),
}

struct Worker<P: Platform> {
    office: P::Ref<Office<P>>,
    list: P::Ref<List<P>>,
    script: Script,
    /// How many requests it has to make.
    requests: u64,
    /// How long the list has to be at least.
    least: u64,
    found: Found,
}

impl<P: Platform> Worker<P> {
    #[inline]
    fn learn(&mut self, learned: u64) {
        self.found.units += 1;
        self.found.checksum = digest(self.found.checksum, learned);
    }

    #[inline]
    fn request(&mut self, context: &mut P::Context<'_, Self>) {
        if self.found.units == self.requests {
            context.tell(&self.office, Task::Done(self.found));
        } else {
            let request = Request::From(context.me(), self.script.request());
            context.tell(&self.list, request);
        }
    }
}

impl<P: Platform> Role<P> for Worker<P> {
    type Msg = Work;

    #[inline]
    fn receive(&mut self, message: Work, context: &mut P::Context<'_, Self>) {
        match message {
            Work::Go => {}
            Work::Inserted => {
                self.least += 1;
                self.learn(INSERTED);
            }
            Work::Contains(contains) => self.learn(contains.into()),
            Work::Size(size) => {
                self.learn(if size >= self.least { SIZE_IS_RIGHT } else { SIZE_IS_WRONG });
                self.least = size;
            }
        }
        self.request(context);
    }
}

enum Request<P: Platform> {
    From(P::Ref<Worker<P>>, Wanted),
    /// All workers are done.
    Close,
}

struct List<P: Platform> {
    office: P::Ref<Office<P>>,
    values: Vec<u32>,
}

impl<P: Platform> Role<P> for List<P> {
    type Msg = Request<P>;

    #[inline]
    fn receive(&mut self, message: Request<P>, context: &mut P::Context<'_, Self>) {
        match message {
            Request::From(worker, Wanted::Size) => context.tell(&worker, Work::Size(self.values.len() as u64)),
            Request::From(worker, Wanted::Insert(value)) => {
                let place = self.values.partition_point(|other| *other < value);
                self.values.insert(place, value);
                context.tell(&worker, Work::Inserted);
            }
            Request::From(worker, Wanted::Contains(value)) => {
                let contains = self.values.binary_search(&value).is_ok();
                context.tell(&worker, Work::Contains(contains));
            }
            Request::Close => context.tell(&self.office, Task::Length(self.values.len() as u64)),
        }
    }
}

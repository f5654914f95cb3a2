//! Savina's Concurrent Dictionary: 20 workers read and write the entries of one actor, 10,000 times each.
//!
//! ```text
//!   Worker 0  -- read or write -->
//!     ...     <------ value ------  Dictionary
//!   Worker 19
//! ```
//!
//! A worker waits for each answer. One request of ten is a write. The dictionary starts with all of its 524,287 keys,
//! as published, each with itself as its value.
//!
//! The published workers use any key, so that what one reads depends on the order of turns. Here the keys are dealt out
//! to the workers, so that each reads what it wrote itself, and its answers are known; a write is answered with the
//! value before. `messages` are the requests of all together; the first workers make one more where they cannot be
//! shared equally, and there are not more workers than requests.

use std::collections::{BTreeMap, HashMap};
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
    name: "savina_dictionary",
    about: "Savina Dictionary: 20 actors read and write the entries of one, and wait for each answer",
    unit: "round trip",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 20, messages: 200_000 }],
    expected: |case| {
        let workers = case.actors.min(case.messages);
        let checksums = (0..workers).map(|number| learned(case.messages, workers, number));
        Found { units: case.messages, checksum: checksums.fold(0, u64::wrapping_add) }
    },
    gates: GATES,
};

/// Every key is below it.
const KEYS: u32 = (i32::MAX / 4_096) as u32;

/// Of a hundred requests.
const WRITES: u64 = 10;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Office::<P> {
        size: actors.min(messages),
        messages,
        workers: Vec::new(),
        finish,
        done: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Task::SetUp), go: Task::Go }, cores)
}

/// What the worker of this number has to have learned in the end.
fn learned(messages: u64, workers: u64, number: u64) -> u64 {
    let mut script = Script::new(number, workers);
    let mut written = BTreeMap::new();
    let answers = (0..share(messages, workers, number)).map(|_| {
        let (key, value) = script.request();
        match value {
            Some(value) => written.insert(key, value).unwrap_or(key),
            None => written.get(&key).copied().unwrap_or(key),
        }
    });
    mix(answers.fold(number, |so_far, answer| digest(so_far, answer.into())))
}

/// What a worker asks for.
struct Script {
    random: Random,
    number: u64,
    workers: u64,
}

impl Script {
    fn new(number: u64, workers: u64) -> Self {
        Self { random: Random::new(number), number, workers }
    }

    /// A key, and the value if it is to be written.
    #[inline]
    fn request(&mut self) -> (u32, Option<u32>) {
        let writes = self.random.below(100) < WRITES;
        let key = self.random.below(u64::from(KEYS) / self.workers) * self.workers + self.number;
        (key as u32, writes.then(|| self.random.draw() as u32))
    }
}

enum Task {
    SetUp,
    Go,
    /// What one worker did.
    Done(Found),
}

struct Office<P: Platform> {
    size: u64,
    messages: u64,
    workers: Vec<P::Ref<Worker<P>>>,
    finish: Arc<Finish>,
    done: u64,
    found: Found,
}

impl<P: Platform> Role<P> for Office<P> {
    type Msg = Task;

    fn receive(&mut self, message: Task, context: &mut P::Context<'_, Self>) {
        match message {
            Task::SetUp => {
                let entries = (0..KEYS).map(|key| (key, key)).collect();
                let dictionary = context.spawn(Place::Here, Dictionary { entries });
                for number in 0..self.size {
                    let worker = Worker {
                        office: context.me(),
                        dictionary: dictionary.clone(),
                        script: Script::new(number, self.size),
                        requests: share(self.messages, self.size, number),
                        found: Found { units: 0, checksum: number },
                    };
                    self.workers.push(context.spawn(Place::Here, worker));
                }
            }
            Task::Go => {
                for worker in &self.workers {
                    context.tell(worker, Work::Go);
                }
            }
            Task::Done(Found { units, checksum }) => {
                self.found.units += units;
                self.found.checksum = self.found.checksum.wrapping_add(mix(checksum));
                self.done += 1;
                if self.done == self.size {
                    self.finish.set(self.found.units, self.found.checksum);
                }
            }
        }
    }
}

enum Work {
    Go,
    Value(u32),
}

struct Worker<P: Platform> {
    office: P::Ref<Office<P>>,
    dictionary: P::Ref<Dictionary>,
    script: Script,
    /// How many requests it has to make.
    requests: u64,
    found: Found,
}

impl<P: Platform> Role<P> for Worker<P> {
    type Msg = Work;

    #[inline]
    fn receive(&mut self, message: Work, context: &mut P::Context<'_, Self>) {
        if let Work::Value(value) = message {
            self.found.units += 1;
            self.found.checksum = digest(self.found.checksum, value.into());
        }
        if self.found.units == self.requests {
            context.tell(&self.office, Task::Done(self.found));
            return;
        }
        let from = context.me();
        let request = match self.script.request() {
            (key, None) => Request::Read { from, key },
            (key, Some(value)) => Request::Write { from, key, value },
        };
        context.tell(&self.dictionary, request);
    }
}

enum Request<P: Platform> {
    Read { from: P::Ref<Worker<P>>, key: u32 },
    Write { from: P::Ref<Worker<P>>, key: u32, value: u32 },
}

struct Dictionary {
    entries: HashMap<u32, u32>,
}

impl<P: Platform> Role<P> for Dictionary {
    type Msg = Request<P>;

    #[inline]
    fn receive(&mut self, message: Request<P>, context: &mut P::Context<'_, Self>) {
        match message {
            Request::Read { from, key } => {
                let value = self.entries.get(&key).copied().unwrap_or_default();
                context.tell(&from, Work::Value(value));
            }
            Request::Write { from, key, value } => {
                let before = self.entries.insert(key, value).unwrap_or_default();
                context.tell(&from, Work::Value(before));
            }
        }
    }
}

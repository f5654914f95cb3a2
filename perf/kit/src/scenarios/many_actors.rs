//! 100,000 actors, or a million, on one thread pass tokens on.
//!
//! ```text
//!   +--- core ------------------------------------------------+
//!   |  Runner 0   Runner 1   Runner 2  ...  Runner 99,999     |
//!   |     |                                                   |
//!   |     +-- Token --> Runner 7,919 -- Token --> 15,838 ...  |
//!   +---------------------------------------------------------+
//! ```
//!
//! Every tenth actor starts with a token. Whoever gets one counts it, changes its value and passes it on to the actor
//! 7919 places farther round. The stride is prime, so that each token visits them all and no two neighbours follow one
//! another: what is measured is the cost of an actor that is not in the cache.
//!
//! Before that, and before the clock is started, each runner gets one message by which it learns its neighbour's
//! address: all have run, and all addresses are where they will be.
//!
//! Each runner adds what it counted to a sum when it goes. That sum is what the run is said to have done, so that a
//! message which was lost or came twice shows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::cores::Cores;
use crate::finish::{Finish, Found, Unfinished};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{ACTOR_PEERS, Case, Gate, Scenario};
use crate::token::Token;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "many_actors",
    about: "tokens wander among 100,000 actors, or a million, on one thread",
    unit: "message",
    cores: 1,
    cases: &[
        Case { payload_bytes: 32, actors: 100_000, messages: 5_000_000 },
        Case { payload_bytes: 32, actors: 1_000_000, messages: 5_000_000 },
    ],
    expected: |case| Course::of(case).expected(),
    gates: &[Gate::TimesAsFast { via: None, than: ACTOR_PEERS, times: 12.0 }],
};

/// How far a token goes at once.
const STRIDE: u64 = 7919;
/// Every so many actors start with a token.
const TOKEN_SPACING: u64 = 10;
/// Hops of the first message of each runner, by which it learns who comes next. It is no token.
const INTRODUCTION: u64 = u64::MAX;
/// The runners that are introduced together.
const CHUNK: u64 = 1_000;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let course = Course::of(case);
    let outcome = Arc::<Outcome>::default();
    let told = outcome.clone();
    let main = move |finish| Starter::<P> { tally: Arc::new(Tally::new(course, told, finish)), introduced: 0 };
    let mut sample = P::run(Run { main: Box::new(main), set_up: Some(Start::SetUp), go: Start::Go }, cores)?;
    // All runners have gone with their engine.
    sample.found.units = outcome.counted.load(Ordering::Relaxed);
    sample.took = *outcome.took.get().ok_or(Unfinished)?;
    Ok(sample)
}

/// What is known when the run is over.
#[derive(Default)]
struct Outcome {
    /// The messages that all runners counted.
    counted: AtomicU64,
    /// From when the first token was handed out until the last one ended.
    took: OnceLock<Duration>,
}

/// What is to be run.
#[derive(Clone, Copy)]
struct Course {
    actors: u64,
    /// How many actors each token visits.
    visits: u64,
}

impl Course {
    fn of(case: &Case) -> Self {
        let tokens = case.actors.div_ceil(TOKEN_SPACING);
        Self { actors: case.actors, visits: case.messages.div_ceil(tokens) }
    }

    /// The tokens, each with the number of the actor that starts with it.
    fn tokens(self) -> impl ExactSizeIterator<Item = (u64, Token)> {
        (0..self.actors.div_ceil(TOKEN_SPACING) as u32).map(move |token| {
            let actor = u64::from(token) * TOKEN_SPACING;
            (actor, Token { sequence: actor, value: actor, hops_left: self.visits - 1, origin: actor })
        })
    }

    fn next_of(self, actor: u64) -> u64 {
        (actor + STRIDE) % self.actors
    }

    /// All messages, and the sum of the values that the tokens must have in the end.
    fn expected(self) -> Found {
        let ends = self.tokens().map(|(start, token)| {
            let pass = |(actor, token): (u64, Token), _| (self.next_of(actor), token.passed_by(actor));
            (1..self.visits).fold((start, token), pass).1.value
        });
        let units = self.visits * self.tokens().len() as u64;
        Found { units, checksum: ends.fold(0, u64::wrapping_add) }
    }
}

/// What all share. It is touched when a runner is introduced, when a token ends and when a runner goes, never in
/// between.
struct Tally<P: Platform> {
    course: Course,
    starter: OnceLock<P::Ref<Starter<P>>>,
    runners: OnceLock<Vec<P::Ref<Runner<P>>>>,
    introduced: AtomicU64,
    began: OnceLock<Instant>,
    tokens_ended: AtomicU64,
    values: AtomicU64,
    outcome: Arc<Outcome>,
    finish: Arc<Finish>,
}

impl<P: Platform> Tally<P> {
    fn new(course: Course, outcome: Arc<Outcome>, finish: Arc<Finish>) -> Self {
        Self {
            course,
            starter: OnceLock::new(),
            runners: OnceLock::new(),
            introduced: AtomicU64::new(0),
            began: OnceLock::new(),
            tokens_ended: AtomicU64::new(0),
            values: AtomicU64::new(0),
            outcome,
            finish,
        }
    }

    #[cold]
    fn end(&self, token: Token) {
        let values = self.values.fetch_add(token.value, Ordering::Relaxed).wrapping_add(token.value);
        let ended = self.tokens_ended.fetch_add(1, Ordering::Relaxed) + 1;
        if ended == self.course.tokens().len() as u64 {
            self.outcome.took.get_or_init(|| self.began.wait().elapsed());
            self.finish.set(ended * self.course.visits, values);
        }
    }
}

/// Spawns the runners, introduces them to one another, and hands out the tokens.
struct Starter<P: Platform> {
    tally: Arc<Tally<P>>,
    /// How many runners have been sent their introduction.
    introduced: u64,
}

enum Start {
    SetUp,
    /// Introduce the next runners; when there are none left, hand out the tokens.
    Go,
}

impl<P: Platform> Starter<P> {
    fn set_up(&self, context: &mut P::Context<'_, Self>) {
        let runner = |number| Runner { number, next: None, counted: 0, tally: self.tally.clone() };
        let runners = (0..self.tally.course.actors).map(|number| context.spawn(Place::Here, runner(number))).collect();
        self.tally.runners.get_or_init(|| runners);
        self.tally.starter.get_or_init(|| context.me());
    }
}

impl<P: Platform> Role<P> for Starter<P> {
    type Msg = Start;

    fn receive(&mut self, message: Start, context: &mut P::Context<'_, Self>) {
        if let Start::SetUp = message {
            return self.set_up(context);
        }
        let Tally { course, began, .. } = &*self.tally;
        let runners = self.tally.runners.wait();
        let first = self.introduced;
        if first < course.actors {
            self.introduced = (first + CHUNK).min(course.actors);
            for runner in &runners[first as usize..self.introduced as usize] {
                context.tell(runner, Token { hops_left: INTRODUCTION, ..Token::default() });
            }
        } else {
            began.get_or_init(Instant::now);
            for (actor, token) in course.tokens() {
                context.tell(&runners[actor as usize], token);
            }
        }
    }
}

struct Runner<P: Platform> {
    number: u64,
    next: Option<P::Ref<Runner<P>>>,
    counted: u64,
    tally: Arc<Tally<P>>,
}

impl<P: Platform> Runner<P> {
    /// The last one of each chunk has the starter go on.
    #[cold]
    fn introduce(&mut self, context: &mut P::Context<'_, Self>) {
        let Tally { course, runners, introduced, starter, .. } = &*self.tally;
        self.next = Some(runners.wait()[course.next_of(self.number) as usize].clone());
        let introduced = introduced.fetch_add(1, Ordering::Relaxed) + 1;
        if introduced.is_multiple_of(CHUNK) || introduced == course.actors {
            context.tell(starter.wait(), Start::Go);
        }
    }
}

impl<P: Platform> Role<P> for Runner<P> {
    type Msg = Token;

    #[inline]
    fn receive(&mut self, token: Token, context: &mut P::Context<'_, Self>) {
        let Some(next) = &self.next else { return self.introduce(context) };
        self.counted += 1;
        match token.hops_left {
            0 => self.tally.end(token),
            _ => context.tell(next, token.passed_by(self.number)),
        }
    }
}

impl<P: Platform> Drop for Runner<P> {
    fn drop(&mut self) {
        self.tally.outcome.counted.fetch_add(self.counted, Ordering::Relaxed);
    }
}

//! Savina's LogisticMap: 10 series of 25,000 terms, `x' = r x (1 - x)`, each by two actors that wait for each other.
//!
//! ```text
//!   Master -- next, ..., next, get --> Series -- term ---> Rate
//!          <--------- result ---------        <-- term ---        for each of 10
//! ```
//!
//! A series asks its rate for the next term and puts aside what it is told until the term is there. The published
//! master sends everything in one go; this one sends a round, one `next` to every series, and then tells itself to go
//! on. The rates are 3.4600, 3.4625, ... as published, and the first terms 0.0025, 0.0050, ...; the published ones
//! begin with 0, which stays 0. `messages` are the terms of all together; the first series have one more where they
//! cannot be shared equally.

use std::collections::VecDeque;
use std::sync::Arc;

use super::random::mix;
use super::{GATES, share};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_logistic_map",
    about: "Savina LogisticMap: 10 series, each by two actors that wait for each other",
    unit: "term",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 10, messages: 250_000 }],
    expected: |case| {
        let last_terms = (0..case.actors).map(|number| {
            let terms = share(case.messages, case.actors, number);
            (0..terms).fold(first_term(number), |term, _| next_term(rate(number), term))
        });
        Found { units: case.messages, checksum: last_terms.map(ended).fold(0, u64::wrapping_add) }
    },
    gates: GATES,
};

const FIRST_RATE: f64 = 3.46;
const INCREMENT: f64 = 0.0025;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Master::<P> {
        size: actors,
        series: Vec::new(),
        finish,
        sent: 0,
        total: messages,
        done: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Map::SetUp), go: Map::Go }, cores)
}

fn rate(number: u64) -> f64 {
    FIRST_RATE + number as f64 * INCREMENT
}

fn first_term(number: u64) -> f64 {
    (number + 1) as f64 * INCREMENT
}

#[inline]
fn next_term(rate: f64, term: f64) -> f64 {
    rate * term * (1.0 - term)
}

/// What a series that ends so adds to the checksum: every bit of the last term counts, in whatever order they come.
fn ended(term: f64) -> u64 {
    mix(term.to_bits())
}

enum Map {
    SetUp,
    /// Send the next round.
    Go,
    /// How many terms a series had, and the last one.
    Result {
        terms: u64,
        last: f64,
    },
}

struct Master<P: Platform> {
    size: u64,
    series: Vec<P::Ref<Series<P>>>,
    finish: Arc<Finish>,
    sent: u64,
    total: u64,
    done: u64,
    found: Found,
}

impl<P: Platform> Master<P> {
    fn set_up(&mut self, context: &mut P::Context<'_, Self>) {
        for number in 0..self.size {
            let rate = context.spawn(Place::Here, Rate { rate: rate(number) });
            let series = Series {
                master: context.me(),
                rate,
                term: first_term(number),
                terms: 0,
                is_waiting: false,
                put_aside: VecDeque::new(),
            };
            self.series.push(context.spawn(Place::Here, series));
        }
    }

    fn send_round(&mut self, context: &mut P::Context<'_, Self>) {
        for (series, _) in self.series.iter().zip(self.sent..self.total) {
            context.tell(series, Ask::Next);
        }
        self.sent += self.size;
        if self.sent < self.total {
            context.tell(&context.me(), Map::Go);
        } else {
            for series in &self.series {
                context.tell(series, Ask::Get);
            }
        }
    }
}

impl<P: Platform> Role<P> for Master<P> {
    type Msg = Map;

    #[inline]
    fn receive(&mut self, message: Map, context: &mut P::Context<'_, Self>) {
        match message {
            Map::SetUp => self.set_up(context),
            Map::Go => self.send_round(context),
            Map::Result { terms, last } => {
                self.found.units += terms;
                self.found.checksum = self.found.checksum.wrapping_add(ended(last));
                self.done += 1;
                if self.done == self.size {
                    self.finish.set(self.found.units, self.found.checksum);
                }
            }
        }
    }
}

enum Ask {
    Next,
    /// Tell the master, after everything that was asked before.
    Get,
    /// The rate's answer.
    Term(f64),
}

struct Series<P: Platform> {
    master: P::Ref<Master<P>>,
    rate: P::Ref<Rate>,
    term: f64,
    terms: u64,
    is_waiting: bool,
    /// What came while it waited for a term.
    put_aside: VecDeque<Ask>,
}

impl<P: Platform> Series<P> {
    /// Does what it was asked for. It must not be waiting.
    #[inline]
    fn answer(&mut self, asked: Ask, context: &mut P::Context<'_, Self>) {
        match asked {
            Ask::Next => {
                self.is_waiting = true;
                let from = context.me();
                context.tell(&self.rate, Compute { from, term: self.term });
            }
            Ask::Get => context.tell(&self.master, Map::Result { terms: self.terms, last: self.term }),
            Ask::Term(term) => {
                self.term = term;
                self.terms += 1;
            }
        }
    }
}

impl<P: Platform> Role<P> for Series<P> {
    type Msg = Ask;

    #[inline]
    fn receive(&mut self, message: Ask, context: &mut P::Context<'_, Self>) {
        match message {
            Ask::Term(_) => {
                self.is_waiting = false;
                self.answer(message, context);
                while !self.is_waiting
                    && let Some(asked) = self.put_aside.pop_front()
                {
                    self.answer(asked, context);
                }
            }
            asked if self.is_waiting => self.put_aside.push_back(asked),
            asked => self.answer(asked, context),
        }
    }
}

struct Compute<P: Platform> {
    from: P::Ref<Series<P>>,
    term: f64,
}

struct Rate {
    rate: f64,
}

impl<P: Platform> Role<P> for Rate {
    type Msg = Compute<P>;

    #[inline]
    fn receive(&mut self, Compute { from, term }: Compute<P>, context: &mut P::Context<'_, Self>) {
        context.tell(&from, Ask::Term(next_term(self.rate, term)));
    }
}

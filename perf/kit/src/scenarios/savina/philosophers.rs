//! Savina's Dining Philosophers: 20 philosophers eat 10,000 times each, with an arbiter that gives out the forks.
//!
//! ```text
//!                ------- hungry ------->
//!   Philosopher  <--- eat or denied ----  Arbiter, with a fork between each two neighbours
//!                -------- done -------->
//! ```
//!
//! Who gets both forks eats, gives them back and is hungry again; who is denied asks again at once, as published: how
//! often depends on the order of turns, and is a part of the work but not of the result. The result is how often each
//! has eaten, and that no fork is in use in the end. `messages` are the meals; the first philosophers have one more
//! where they cannot be shared equally.

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
    name: "savina_philosophers",
    about: "Savina Philosophers: 20 philosophers ask an arbiter for forks until each has eaten so often",
    unit: "meal",
    cores: 1,
    cases: &[Case { payload_bytes: 4, actors: 20, messages: 200_000 }],
    expected: |case| {
        let eaten = (0..case.actors).map(|number| sated(number, share(case.messages, case.actors, number)));
        Found { units: case.messages, checksum: eaten.fold(0, u64::wrapping_add) }
    },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Arbiter::<P> {
        philosophers: Vec::new(),
        in_use: vec![false; actors as usize],
        finish,
        total: messages,
        left: actors,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Table::SetUp), go: Table::Go }, cores)
}

/// What a philosopher adds to the checksum that has eaten so often.
fn sated(number: u64, eaten: u64) -> u64 {
    mix(number + 1).wrapping_mul(eaten)
}

enum Table {
    SetUp,
    Go,
    /// From the philosopher of this number, as the others.
    Hungry(u32),
    Done(u32),
    /// It has eaten so often, and leaves.
    Leave {
        number: u32,
        eaten: u64,
    },
}

struct Arbiter<P: Platform> {
    philosophers: Vec<P::Ref<Philosopher<P>>>,
    /// The fork to the left of each.
    in_use: Vec<bool>,
    finish: Arc<Finish>,
    total: u64,
    /// Philosophers at the table.
    left: u64,
    found: Found,
}

impl<P: Platform> Arbiter<P> {
    fn set_up(&mut self, context: &mut P::Context<'_, Self>) {
        for number in 0..self.left {
            let (arbiter, meals) = (context.me(), share(self.total, self.left, number));
            let philosopher = Philosopher { number: number as u32, arbiter, meals, eaten: 0 };
            self.philosophers.push(context.spawn(Place::Here, philosopher));
        }
    }

    /// The forks on both sides of a philosopher.
    #[inline]
    fn forks(&self, number: u32) -> (usize, usize) {
        let (left, right) = (number as usize, number as usize + 1);
        (left, if right == self.in_use.len() { 0 } else { right })
    }

    #[inline]
    fn serve(&mut self, number: u32, context: &mut P::Context<'_, Self>) {
        let (left, right) = self.forks(number);
        let answer = if self.in_use[left] || self.in_use[right] {
            Served::Denied
        } else {
            self.in_use[left] = true;
            self.in_use[right] = true;
            Served::Eat
        };
        context.tell(&self.philosophers[number as usize], answer);
    }

    #[inline]
    fn clear(&mut self, number: u32) {
        let (left, right) = self.forks(number);
        self.in_use[left] = false;
        self.in_use[right] = false;
        self.found.units += 1;
    }

    fn leave(&mut self, number: u32, eaten: u64) {
        self.found.checksum = self.found.checksum.wrapping_add(sated(number.into(), eaten));
        self.left -= 1;
        if self.left == 0 {
            let in_use = self.in_use.iter().filter(|in_use| **in_use).count() as u64;
            self.finish.set(self.found.units, self.found.checksum.wrapping_add(in_use));
        }
    }
}

impl<P: Platform> Role<P> for Arbiter<P> {
    type Msg = Table;

    #[inline]
    fn receive(&mut self, message: Table, context: &mut P::Context<'_, Self>) {
        match message {
            Table::SetUp => self.set_up(context),
            Table::Go => {
                for philosopher in &self.philosophers {
                    context.tell(philosopher, Served::Go);
                }
            }
            Table::Hungry(number) => self.serve(number, context),
            Table::Done(number) => self.clear(number),
            Table::Leave { number, eaten } => self.leave(number, eaten),
        }
    }
}

enum Served {
    Go,
    Eat,
    Denied,
}

struct Philosopher<P: Platform> {
    number: u32,
    arbiter: P::Ref<Arbiter<P>>,
    /// How often it wants to eat.
    meals: u64,
    eaten: u64,
}

impl<P: Platform> Role<P> for Philosopher<P> {
    type Msg = Served;

    #[inline]
    fn receive(&mut self, message: Served, context: &mut P::Context<'_, Self>) {
        if let Served::Eat = message {
            self.eaten += 1;
            context.tell(&self.arbiter, Table::Done(self.number));
        }
        if self.eaten < self.meals {
            context.tell(&self.arbiter, Table::Hungry(self.number));
        } else {
            context.tell(&self.arbiter, Table::Leave { number: self.number, eaten: self.eaten });
        }
    }
}

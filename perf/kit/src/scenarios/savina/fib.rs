//! Savina's Fib: the 25th Fibonacci number, by an actor for each call of the recursion.
//!
//! ```text
//!   Fib 25 -- request --> Fib 24 -- request --> Fib 23 ...
//!     ^ |     <- response --       <- response --
//!     | +-- request --> Fib 23 ...
//!     +---- response ----
//! ```
//!
//! An actor that is asked for one of the first two numbers answers 1 and ends. Any other makes two actors, asks them,
//! answers the sum and ends. The response also counts the actors, and making them is what is timed. How many exist at
//! a time is up to the order of turns: 88,200 of the 150,049 where messages are handled in the order sent.
//!
//! `messages` are the actors at most: the number that is computed is the greatest one that takes no more.

use std::sync::Arc;

use super::GATES;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_fib",
    about: "Savina Fib: the 25th Fibonacci number, an actor for each call of the recursion",
    unit: "actor",
    cores: 1,
    cases: &[Case { payload_bytes: 16, actors: 0, messages: 150_049 }],
    expected: |case| {
        let (_, number) = largest_within(case.messages);
        Found { units: actors_for(number), checksum: number }
    },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (index, _) = largest_within(case.messages);
    let main = |finish| Fib::<P> { parent: Parent::Nobody(finish), responses: 0, sum: Found { units: 1, checksum: 0 } };
    P::run(Run { main: Box::new(main), set_up: None, go: Fibonacci::Request(index) }, cores)
}

/// The actors of the recursion that ends in so many ones: those, and one less that add two results.
fn actors_for(number: u64) -> u64 {
    2 * number - 1
}

/// The index of the greatest Fibonacci number that takes no more actors than that, and the number.
fn largest_within(actors: u64) -> (u32, u64) {
    let (mut index, mut number, mut next) = (2, 1, 2);
    while actors_for(next) <= actors {
        (index, number, next) = (index + 1, next, number + next);
    }
    (index, number)
}

enum Fibonacci {
    /// Compute the number with this index.
    Request(u32),
    /// The number as the checksum, and how many actors it took.
    Response(Found),
}

/// Who gets the response.
enum Parent<P: Platform> {
    Fib(P::Ref<Fib<P>>),
    /// The first one's: the run ends.
    Nobody(Arc<Finish>),
}

struct Fib<P: Platform> {
    parent: Parent<P>,
    responses: u32,
    sum: Found,
}

impl<P: Platform> Fib<P> {
    #[inline]
    fn respond(&self, context: &mut P::Context<'_, Self>) {
        match &self.parent {
            Parent::Fib(parent) => {
                context.tell(parent, Fibonacci::Response(self.sum));
                context.stop();
            }
            Parent::Nobody(finish) => finish.set(self.sum.units, self.sum.checksum),
        }
    }
}

impl<P: Platform> Role<P> for Fib<P> {
    type Msg = Fibonacci;

    #[inline]
    fn receive(&mut self, message: Fibonacci, context: &mut P::Context<'_, Self>) {
        match message {
            Fibonacci::Request(..=2) => {
                self.sum.checksum = 1;
                self.respond(context);
            }
            Fibonacci::Request(index) => {
                for index in [index - 1, index - 2] {
                    let parent = Parent::Fib(context.me());
                    let fib = Fib::<P> { parent, responses: 0, sum: Found { units: 1, checksum: 0 } };
                    let child = context.spawn(Place::Here, fib);
                    context.tell(&child, Fibonacci::Request(index));
                }
            }
            Fibonacci::Response(Found { units, checksum }) => {
                self.sum.units += units;
                self.sum.checksum += checksum;
                self.responses += 1;
                if self.responses == 2 {
                    self.respond(context);
                }
            }
        }
    }
}

//! Savina's fork-join create: 40,000 actors are made, each gets one message, computes, and ends.
//!
//! ```text
//!   Parent -- spawn, an angle --> Child, for each of 40,000
//!          <------- done -------
//! ```
//!
//! Making the actors is what is timed. The published parent makes all of them in one go; this one makes a chunk and
//! then tells itself to go on, and each child stops itself, so that only some hundred exist at a time. `messages` are
//! the actors.

use std::sync::Arc;

use super::random::{angle, squared_sine};
use super::{CHUNK, GATES};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_fork_join_create",
    about: "Savina ForkJoin create: actors that get one message and end",
    unit: "actor",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 0, messages: 40_000 }],
    expected: |case| Found {
        units: case.messages,
        checksum: (0..case.messages).map(angle).map(squared_sine).fold(0, u64::wrapping_add),
    },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let total = case.messages;
    let main = move |finish| Parent { finish, created: 0, total, found: Found::default() };
    P::run::<Parent>(Run { main: Box::new(main), set_up: None, go: Fork::Go }, cores)
}

enum Fork {
    /// Make the next chunk.
    Go,
    /// What one child computed.
    Done(u64),
}

struct Parent {
    finish: Arc<Finish>,
    created: u64,
    total: u64,
    found: Found,
}

impl<P: Platform> Role<P> for Parent {
    type Msg = Fork;

    #[inline]
    fn receive(&mut self, message: Fork, context: &mut P::Context<'_, Self>) {
        match message {
            Fork::Go => {
                let first = self.created;
                self.created = (first + CHUNK).min(self.total);
                for number in first..self.created {
                    let parent = context.me();
                    let child = context.spawn(Place::Here, Child::<P> { parent });
                    context.tell(&child, angle(number));
                }
                if self.created < self.total {
                    context.tell(&context.me(), Fork::Go);
                }
            }
            Fork::Done(result) => {
                self.found.units += 1;
                self.found.checksum = self.found.checksum.wrapping_add(result);
                if self.found.units == self.total {
                    self.finish.set(self.found.units, self.found.checksum);
                }
            }
        }
    }
}

struct Child<P: Platform> {
    parent: P::Ref<Parent>,
}

impl<P: Platform> Role<P> for Child<P> {
    type Msg = f64;

    #[inline]
    fn receive(&mut self, angle: f64, context: &mut P::Context<'_, Self>) {
        context.tell(&self.parent, Fork::Done(squared_sine(angle)));
        context.stop();
    }
}

//! Savina's fork-join throughput: 60 actors get 10,000 messages each, with a small computation for each message.
//!
//! ```text
//!   Source -- an angle to each in turn --> Worker 0 ... Worker 59
//!          <------- done, once each -----
//! ```
//!
//! The published source sends everything in one go. This one sends a round, one message to every worker, and then tells
//! itself to go on. `messages` are all messages together; the first workers get one more where they cannot be shared
//! equally, and there are not more workers than messages.

use std::sync::Arc;

use super::random::{angle, squared_sine};
use super::{GATES, share};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_fork_join_throughput",
    about: "Savina ForkJoin throughput: messages to 60 actors in turn, a sine for each",
    unit: "message",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 60, messages: 600_000 }],
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
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Source::<P> {
        workers: Vec::new(),
        wanted: actors.min(messages),
        finish,
        sent: 0,
        total: messages,
        done: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Fork::SetUp), go: Fork::Go }, cores)
}

enum Fork {
    SetUp,
    /// Send the next round.
    Go,
    /// What one worker did.
    Done(Found),
}

struct Source<P: Platform> {
    workers: Vec<P::Ref<Worker<P>>>,
    wanted: u64,
    finish: Arc<Finish>,
    sent: u64,
    total: u64,
    done: u64,
    found: Found,
}

impl<P: Platform> Source<P> {
    fn send_round(&mut self, context: &mut P::Context<'_, Self>) {
        for (worker, number) in self.workers.iter().zip(self.sent..self.total) {
            context.tell(worker, angle(number));
        }
        self.sent += self.wanted;
        if self.sent < self.total {
            context.tell(&context.me(), Fork::Go);
        }
    }
}

impl<P: Platform> Role<P> for Source<P> {
    type Msg = Fork;

    #[inline]
    fn receive(&mut self, message: Fork, context: &mut P::Context<'_, Self>) {
        match message {
            Fork::SetUp => {
                for number in 0..self.wanted {
                    let left = share(self.total, self.wanted, number);
                    let worker = Worker { source: context.me(), left, found: Found::default() };
                    self.workers.push(context.spawn(Place::Here, worker));
                }
            }
            Fork::Go => self.send_round(context),
            Fork::Done(Found { units, checksum }) => {
                self.found.units += units;
                self.found.checksum = self.found.checksum.wrapping_add(checksum);
                self.done += 1;
                if self.done == self.wanted {
                    self.finish.set(self.found.units, self.found.checksum);
                }
            }
        }
    }
}

struct Worker<P: Platform> {
    source: P::Ref<Source<P>>,
    left: u64,
    found: Found,
}

impl<P: Platform> Role<P> for Worker<P> {
    type Msg = f64;

    #[inline]
    fn receive(&mut self, angle: f64, context: &mut P::Context<'_, Self>) {
        self.found.units += 1;
        self.found.checksum = self.found.checksum.wrapping_add(squared_sine(angle));
        self.left -= 1;
        if self.left == 0 {
            context.tell(&self.source, Fork::Done(self.found));
        }
    }
}

//! An actor asks another on its core, one question after the other. The unit is a question with its answer.
//!
//! ```text
//!   +--- core ------------------------+
//!   |  Asker -- Square(n) --> Squarer |
//!   |    ^                       |    |
//!   |    +-------- n * n --------+    |
//!   +---------------------------------+
//! ```

use hippodrome::{Actor, ActorRef, AskError, Context, Handle, On, Reply, from_fn};
use hippodrome_benches::{Bench, digest};

use crate::scenario::{Found, Scenario, UNITS};

enum Asking {
    /// Asks so many questions.
    Ask(u64),
    Answered(Result<u64, AskError>),
}

struct Square(u64, Reply<u64>);

struct Asker {
    squarer: ActorRef<Square>,
    left: u64,
    digest: u64,
    found: Found,
}

impl Actor for Asker {
    type Msg = Asking;

    fn handle(&mut self, asking: Asking, ctx: &mut Context<'_, Asking>) {
        match asking {
            Asking::Ask(questions) => (self.left, self.digest) = (questions, 0),
            Asking::Answered(answer) => {
                // What was not answered leaves a wrong checksum.
                self.digest = digest(self.digest, answer.unwrap_or(u64::MAX));
                self.left -= 1;
            }
        }
        let left = self.left;
        if left > 0 {
            ctx.ask(self.squarer, |reply| Square(left, reply), Asking::Answered);
        } else {
            self.found.set(self.digest);
        }
    }
}

pub(crate) struct Ask {
    bench: Bench,
    handle: Handle,
    asker: ActorRef<Asking>,
    found: Found,
}

impl Scenario for Ask {
    fn new() -> Self {
        let bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let squarer = handle.spawn(On::Worker(0), || from_fn(|Square(n, reply), ctx| reply.send(ctx, n * n)));
        let squarer = squarer.expect("there is room for an actor");
        let left_here = found.clone();
        let asker = handle.spawn(On::Worker(0), move || {
            let found = left_here.clone();
            Asker { squarer, left: 0, digest: 0, found }
        });
        Self { bench, handle, asker: asker.expect("there is room for an actor"), found }
    }

    fn run(&mut self, units: u64) {
        self.handle.tell(self.asker, Asking::Ask(units));
        self.bench.run();
    }

    fn check(self) {
        let expected = (1..=UNITS).rev().fold(0, |so_far, n| digest(so_far, n * n));
        assert_eq!(self.found.get(), expected);
    }
}

//! What tests of actors need: probes with expectations that say what went wrong, on real workers as in simulations.
//!
//! # What
//! A [`Probe`] is an actor that keeps what it is sent; it may answer by a function of the test's. It is asked for what was
//! [expected](Probe::expect_eq). [`watch`] expects that an actor stops, and [`dead_letters`] is a probe for what could not
//! be handled. An expectation that is not met panics: it says what was expected, what came, and in a simulation the seed
//! and the command that runs it again.
//!
//! # How it works
//! Each takes what runs the actors, a [`Runtime`]: a [`Sim`](hippodrome::sim::Sim), where an expectation runs the
//! simulation and its time is virtual, or an [`Engine`](hippodrome::Engine), where it blocks the test's thread. So a test
//! can be written once, and [`everywhere`] runs it in many simulations and on real workers.
//!
//! The simulation has a probe of its own, [`sim::Probe`](hippodrome::sim::Probe), for tests that need no more than the next
//! message.
//!
//! An expectation waits as long as the runtime says, or as long as [`within`](Probe::within) does. In a simulation that is
//! virtual time, and none if nothing else is said: everything that can happen without a timer happens first.
//!
//! # Examples
//! ```
//! use hippodrome::{On, from_fn};
//! use hippodrome_toolkit::testing::{Probe, everywhere};
//!
//! everywhere(20, |runtime| {
//!     let probe = Probe::new(runtime);
//!     let to = probe.actor();
//!     let doubles = from_doubling(runtime, to);
//!     runtime.handle().tell(doubles, 21);
//!     probe.expect_eq(runtime, 42);
//! });
//!
//! # use hippodrome::ActorRef;
//! # use hippodrome_toolkit::testing::Runtime;
//! fn from_doubling(runtime: &mut dyn Runtime, to: ActorRef<u64>) -> ActorRef<u64> {
//!     runtime.handle().spawn(On::Worker(1), move || from_fn(move |n: u64, ctx| ctx.tell(to, 2 * n))).unwrap()
//! }
//! ```

mod letter;
mod probe;
mod runtime;
mod watched;

pub use letter::{Letter, dead_letters};
pub use probe::Probe;
pub use runtime::{Runtime, everywhere, expect_answer};
pub use watched::{Watched, watch};

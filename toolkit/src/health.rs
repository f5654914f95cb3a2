//! Health: actors that are asked whether they still answer, and what becomes of those that do not.
//!
//! # What
//! A [`HealthMonitor`] is an actor that checks others: each in its period, with a deadline, by the engine's
//! [ping](hippodrome::Context::ping) or by a question that the actor itself answers. What changes is published as a
//! [`HealthEvent`], and told to an actor if one is named; how everybody is stands in a [`HealthTable`] that anybody may ask
//! for.
//!
//! # How it works
//! An actor that misses a number of checks in a row is one of two things, and a ping tells which:
//! * Its worker does not come to it: a handler there hangs or computes. The actor is [`Stuck`](Health::Stuck), and so are
//!   its neighbours. Nothing can be done about it inside a process but to report it: a handler cannot be ended from
//!   outside. The engine's watchdog names the type of the actor whose handler it is, in a
//!   [`SystemEvent::WorkerStalled`](hippodrome::SystemEvent::WorkerStalled).
//! * Its worker runs, and the actor does not answer its own question: its mailbox is drowned, it waits for something
//!   that never comes, or it keeps the reply. It is [`Unresponsive`](Health::Unresponsive), and what [`OnFailure`] says is
//!   done: it is [failed](hippodrome::Context::fail), so that its own restart policy makes it anew, or stopped.
//!
//! So a neighbour of a hanging actor is never restarted for it. A monitor cannot see from the worker that hangs: it lives
//! on another one than those that it checks, or there are two, which check each other.
//!
//! # How to use
//! ```
//! use hippodrome::{Actor, Context, Engine, On, Reply};
//! use hippodrome_toolkit::health::{Check, Health, HealthMessage, HealthMonitor, OnFailure};
//! use std::time::Duration;
//!
//! struct Feed;
//!
//! enum FeedMessage {
//!     Alive(Reply<()>),
//! }
//!
//! impl Actor for Feed {
//!     type Msg = FeedMessage;
//!     fn handle(&mut self, FeedMessage::Alive(reply): FeedMessage, ctx: &mut Context<'_, FeedMessage>) {
//!         reply.send(ctx, ());
//!     }
//! }
//!
//! # fn main() -> Result<(), hippodrome::Error> {
//! let engine = Engine::builder().unpinned_workers(2).start()?;
//! let handle = engine.handle();
//! let feed = handle.spawn(On::Worker(0), || Feed)?;
//! let check = Check::asking(feed, FeedMessage::Alive).named("feed").every(Duration::from_millis(5));
//! let monitor = HealthMonitor::new().check(check.failures(3).on_failure(OnFailure::Restart));
//! let monitor = handle.spawn(On::Worker(1), move || monitor.clone())?;
//! loop {
//!     let table = handle.ask(monitor, HealthMessage::table).wait(Duration::from_secs(5))?;
//!     if table.rows[0].health == Health::Healthy {
//!         println!("{table}");
//!         break;
//!     }
//! }
//! engine.shutdown(Duration::from_secs(5))?;
//! # Ok(())
//! # }
//! ```

mod check;
mod message;
mod monitor;
mod table;

pub use check::{Check, OnFailure};
pub use message::HealthMessage;
pub use monitor::{Health, HealthEvent, HealthMonitor};
pub use table::{HealthRow, HealthTable};

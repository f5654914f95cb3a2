//! Streams: typed sources, flows and sinks, with demand from below.
//!
//! # What
//! A [`Source`] gives elements, a flow makes other elements of them, a [`Sink`] ends them in a result. What is put
//! together is a [`Runnable`] graph, which is run by an engine as often as it is made.
//!
//! ```
//! use hippodrome::Engine;
//! use hippodrome_toolkit::stream::Source;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder().unpinned_workers(2).start()?;
//! let sum = Source::iter(1..=10_u64)
//!     .map(|n| n * n)
//!     .filter(|n| n % 2 == 1)
//!     .fold(0, |sum, n| *sum += n)
//!     .run(&engine.handle())?;
//! assert_eq!(sum.wait(Duration::from_secs(5))?, 1 + 9 + 25 + 49 + 81);
//! engine.shutdown(Duration::from_secs(5))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Islands
//! Stages that stand behind each other are one type and one loop, in one actor: an *island*. A
//! [`boundary`](Source::boundary) ends an island and begins another, which may be on another core; so do
//! [`broadcast`](Source::broadcast), [`balance`](Source::balance) and [`partition`](Source::partition). Merging, zipping
//! and concatenating need none.
//!
//! # Back-pressure
//! Stages are pulled from below, so nobody has to hold what nobody has asked for. Between islands demand is a chunk: the
//! island below sends empty ones up, the one above fills and sends them down. A boundary has four chunks of 128
//! elements, and each end has one open besides. A core is never blocked and no ring overflows, however slow a sink is.
//!
//! # End and failure
//! When its source ends, a stream gives on what it holds, and its result comes when all islands have come to their ends.
//! When a sink or a [`take`](Source::take) wants no more, what is above is told. When a stage fails,
//! [`on_failure`](Source::on_failure) says what becomes of the stream; a stream that fails or is
//! [cancelled](Control::cancel) stops where it is, and each element that was within it is [counted](Control::dropped).
//! An end of the engine, or of the actor that [runs](Runnable::run_in) it, stops a stream too.
//!
//! # Cost
//! A stage costs what its closure costs and a few instructions; there is no dynamic call and no allocation for an
//! element. A boundary adds the move of an element into a chunk and out of it, and its part of two messages.

mod asking;
mod boundary;
mod failure;
mod fanout;
mod feed;
mod island;
mod join;
mod origin;
mod running;
mod signal;
mod sink;
mod source;
mod stage;
mod timed;
mod transform;

pub use failure::{OnFailure, StreamError, StreamFailure};
pub use feed::{Feed, OfferError};
pub use running::{Control, Runnable, Running};
pub use sink::{Drain, Sink};
pub use source::Source;
pub use stage::{BoxedStage, Stage};

//! An open loop: work arrives at times that were fixed before the run, whatever becomes of what came before.
//!
//! # What
//! [`Arrivals`] are the times, a [`Sender`] sends at them, and a [`Recorder`] keeps what is found, by the second in which
//! it was due. Latencies count from the time at which something was *to be* sent.
//!
//! # Trade-offs
//! A loop that sends the next message when it has the answer to the last one measures a system that is never asked while
//! it stalls: the stall costs it one long latency instead of thousands (coordinated omission). Here a sender that was
//! held up sends what is overdue with the times at which it was due.
//!
//! # How to use
//! ```
//! use hippodrome_perf_kit::open_loop::{Arrivals, Pattern, Sender, Step, Taken};
//!
//! // A million a second for three microseconds; the clock stands at 7 ns, and later at 1,500 ns.
//! let mut sender = Sender::new(Arrivals::new(Pattern::Constant, 1_000_000, 0, 3_000), 7);
//! let mut sent = Vec::new();
//! for now_ns in [7, 1_500] {
//!     let step = sender.step(now_ns, |due_ns| {
//!         sent.push(due_ns);
//!         Taken::Yes
//!     });
//!     assert_eq!(step, Step::Waiting);
//! }
//! assert_eq!(sent, [Some(7), Some(1_007)]);
//! ```

mod arrivals;
mod recorder;
mod sender;

pub use arrivals::{Arrivals, Pattern, SECOND_NS, UnknownPattern};
pub use recorder::{Length, Recorder, Tally, nanos, nanoseconds};
pub use sender::{CUT_OFF_NS, Sender, Sent, Step, Taken};

//! One-shot channels whose cells are recycled: the answer cell of an ask.
//!
//! **What.** [`Pool::channel`] makes a [`Sender`] and a [`Receiver`] of exactly one value. The receiver is a future,
//! can be polled by hand, and can block a thread up to a deadline. A sender is one pointer wide, so that it travels
//! inside a message. Each side learns that the other has gone: a dropped sender closes the channel, a dropped receiver
//! abandons it and a late answer goes back to the one who gave it.
//!
//! **Trade-offs.** A cell, which holds the state and the value, comes from the pool's free list and goes back to it, so
//! the steady state allocates nothing. For this the value shares a block of a fixed size with the state: a cell of over
//! 4,096 bytes, or aligned to over 128, is allocated and freed by itself. There is no lock, but a free list is a
//! bounded queue in which a thread that is suspended between claiming a place and filling it makes others, who need
//! that very place, spin. Threads that share a pool contend for its free list and its reference count; threads that ask
//! at a high rate are better off with a pool each.
//!
//! **How it works.** One atomic word tells who may touch what; it is drawn, with every memory ordering, in
//! `oneshot/state.rs`. The value and the waker have one owner at any moment, and ownership moves with a change of the
//! word. Who leaves last recycles the cell. Code of the user (a waker's vtable, a value's `Drop`) runs only after the
//! change is complete, so a panic in it leaks nothing and repeats nothing.
//!
//! **How to use.**
//!
//! ```
//! use hippodrome_ringbuf::oneshot::Pool;
//! use std::time::Duration;
//!
//! let pool = Pool::new(64);
//! let (sender, receiver) = pool.channel::<u64>();
//! std::thread::spawn(move || sender.send(42));
//! assert_eq!(receiver.wait(Duration::from_secs(10)), Ok(42));
//! ```

mod cell;
mod error;
mod pool;
mod receiver;
mod sender;
mod state;
mod thread_waker;

#[cfg(all(loom, test))]
mod models;

pub use self::error::{Closed, WaitError};
pub use self::pool::{Counts, Pool};
pub use self::receiver::Receiver;
pub use self::sender::Sender;

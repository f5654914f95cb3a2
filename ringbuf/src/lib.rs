//! Bounded, preallocated, lock-free rings of values and of envelopes.
//!
//! Values of one type travel in [`spsc`] and [`mpsc`] rings. Messages of any type travel as envelopes: in a worker's
//! [`LocalRing`], in a [`lane`] from one thread to another, in an [`ingress`] shared by many threads. A [`oneshot`]
//! carries one answer back. Where only the newest value counts, writers overwrite it in a [`latest`] cell. A [`doorbell`]
//! tells a worker where to look, and wakes it when it is parked.
//!
//! This crate knows nothing of actors. Nearly all of the engine's unsafe code lives here, and each protocol is explored
//! by a model checker.

pub mod doorbell;
mod envelope;
mod error;
#[cfg(all(loom, test))]
mod explore;
pub mod ingress;
pub mod lane;
pub mod latest;
mod lines;
mod local;
mod memory;
pub mod mpsc;
pub mod oneshot;
mod protocol;
#[cfg(all(shuttle, not(loom)))]
#[doc(hidden)]
pub mod scheduled;
mod slots;
pub mod spsc;
mod sync;

pub use envelope::{
    HEADER_BYTES, Header, JUMP_TAG, Kind, PlainKind, drop_message, end_of, envelope_bytes, header_at, message_at,
    tag_at,
};
pub use error::{CapacityError, ClaimError, KeyError, LatestError, PopError, PushError};
pub use local::{LocalRing, RESERVED_SEGMENTS, SEGMENT_BYTES, SEGMENT_ENVELOPE_BYTES};
pub use memory::{MemoryAdvice, with_memory_advice};

//! What actors are built of: supervision trees, routers, streams, state machines, middleware and more, on
//! [`hippodrome`].
//!
//! Each module is one noun, stands by itself, and has a page of the guide and an example of its own. Nothing in it
//! allocates per message in the steady state, locks or hashes on the way of a message, unless its documentation says so;
//! all of it runs in simulations as on real workers.

#![forbid(unsafe_code)]

pub mod behaviour;
pub mod blocking;
mod duration;
pub mod group;
mod guide;
pub mod health;
pub mod latest;
pub mod machine;
pub mod middleware;
mod panic_text;
pub mod router;
pub mod stash;
pub mod stream;
pub mod supervision;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topic;

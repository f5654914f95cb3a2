//! What the measuring program and its peers share: the work, the checks of its results, the clocks and the cores.
//!
//! A [`Scenario`] is one kind of work, with a [`Case`] for each of its sizes. A [`Subject`] is one way to do it. The
//! scenarios that consist of actors are written once, against a [`Platform`], and every actor engine runs the same ones;
//! what is written for one engine or ring alone is the rest.
//!
//! The package knows neither Hippodrome's engine nor its peers.

pub mod allocator;
pub mod cores;
pub mod finish;
pub mod open_loop;
pub mod platform;
mod random;
pub mod raw;
pub mod sample;
pub mod scenario;
pub mod scenarios;
pub mod token;

pub use cores::{Cores, on_core};
pub use finish::{Finish, Found};
pub use platform::{Context, Place, Platform, Role, Run};
pub use sample::{Failure, Sample, Spread, median};
pub use scenario::{Case, Gate, Scenario, Subject};

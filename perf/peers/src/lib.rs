//! The engines and rings that Hippodrome is measured against, doing the measuring program's work.
//!
//! One file an engine or ring. The actor engines run the programs of `hippodrome_perf_kit`, by a [`Platform`] each; the
//! rings do what rings can.

#![forbid(unsafe_code)]

mod actix;
mod crossbeam;
mod disruptor;
mod kameo;
mod ractor;
mod rtrb;
mod runtime;
mod spin;
mod tokio_mpsc;

use hippodrome_perf_kit::scenarios::{programs, spawn};
use hippodrome_perf_kit::{Platform, Subject};

use crate::actix::Actix;
use crate::kameo::Kameo;
use crate::ractor::Ractor;

/// Everything that a peer does.
pub fn subjects() -> impl Iterator<Item = Subject> {
    actor_peer::<Actix>("actix")
        .chain(actor_peer::<Ractor>("ractor"))
        .chain(actor_peer::<Kameo>("kameo"))
        .chain(ASKS.iter().copied())
        .chain(RINGS.into_iter().flatten().copied())
}

/// What all actor engines do alike.
fn actor_peer<P: Platform>(name: &'static str) -> impl Iterator<Item = Subject> {
    let spawning = Subject::new("spawn", name, spawn::run::<P>).via("handler");
    programs::<P>(name).into_iter().chain([spawning])
}

/// Each engine's own way to ask.
static ASKS: &[Subject] = &[
    Subject::new("ask", "actix", actix::ask::from_actor).via("actor"),
    Subject::new("ask", "ractor", ractor::ask::from_actor).via("actor"),
    Subject::new("ask", "kameo", kameo::ask::from_actor).via("actor"),
    Subject::new("ask", "actix", actix::ask::from_thread).via("thread"),
    Subject::new("ask", "ractor", ractor::ask::from_thread).via("thread"),
    Subject::new("ask", "kameo", kameo::ask::from_thread).via("thread"),
];

/// What has no actors.
static RINGS: [&[Subject]; 4] = [rtrb::SUBJECTS, crossbeam::SUBJECTS, tokio_mpsc::SUBJECTS, disruptor::SUBJECTS];

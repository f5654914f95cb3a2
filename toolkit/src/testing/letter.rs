//! Dead letters as messages that a test expects.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hippodrome::{Address, Context, DeadLetterReason, On, SystemEvent};

use crate::testing::{Probe, Runtime};

/// A message that was accepted and could not be handled, as the event stream reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// For whom it was.
    pub to: Address,
    /// The message's Rust type.
    pub message: &'static str,
    /// Why.
    pub reason: DeadLetterReason,
}

impl Letter {
    /// An `M` for this actor.
    #[must_use]
    pub fn of<M>(to: impl Into<Address>, reason: DeadLetterReason) -> Self {
        Self { to: to.into(), message: std::any::type_name::<M>(), reason }
    }
}

/// Spawns a probe that gets a [`Letter`] for each dead letter from now on. That it subscribes comes before what the test
/// does next.
///
/// Letters that were [replaced](DeadLetterReason::is_replaced) are counted and not reported, so they do not come here.
///
/// # Panics
/// If it cannot be spawned.
///
/// # Examples
/// ```
/// use hippodrome::sim::Sim;
/// use hippodrome::{DeadLetterReason, On, Stop, from_fn};
/// use hippodrome_toolkit::testing::{Letter, dead_letters, watch};
/// use std::time::Duration;
///
/// let mut sim = Sim::new(5);
/// let letters = dead_letters(&mut sim);
/// let handle = sim.handle();
/// let actor = handle.spawn(On::Worker(0), || from_fn(|_: u64, _ctx| ())).unwrap();
/// let watched = watch(&mut sim, actor);
/// handle.stop(actor, Stop::Now).unwrap();
/// watched.expect_stopped(&mut sim);
///
/// handle.tell(actor, 7);
/// letters.expect_eq(&mut sim, Letter::of::<u64>(actor, DeadLetterReason::Stopped));
/// letters.expect_none_for(&mut sim, Duration::ZERO);
/// ```
#[must_use]
#[track_caller]
pub fn dead_letters(runtime: &mut dyn Runtime) -> Probe<Letter> {
    let subscribed = Arc::new(AtomicBool::new(false));
    let is_subscribed = subscribed.clone();
    let start = move |ctx: &mut Context<'_, Letter>| {
        ctx.subscribe(letter);
        subscribed.store(true, Ordering::Release);
    };
    let probe = match Probe::spawn(runtime, On::LeastActors, start, |letter, _ctx| Some(letter)) {
        Ok(probe) => probe,
        Err(error) => runtime.fail(&format!("no probe can be spawned: {error}")),
    };
    let patience = runtime.patience();
    if !runtime.wait(patience, || is_subscribed.load(Ordering::Acquire)) {
        runtime.fail("the probe for dead letters has not started");
    }
    probe
}

/// The dead letter that an event reports.
fn letter(event: &SystemEvent) -> Option<Letter> {
    match event {
        SystemEvent::DeadLetter { to, message, reason } => Some(Letter { to: *to, message, reason: *reason }),
        _ => None,
    }
}

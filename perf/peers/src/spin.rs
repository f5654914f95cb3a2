//! Trying again and again: how threads that have a core to themselves wait for room and for messages.

use std::hint::spin_loop;
use std::thread::yield_now;

use hippodrome_perf_kit::scenarios::cross_ping_pong::{self, returned};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Sample};

/// A message to and fro by two rings: how it is offered to each, and how it is asked for at their ends.
pub(crate) fn ping_pong(
    case: &Case,
    cores: &Cores,
    (mut serve, mut at_returner): (impl FnMut(Token) -> Result<(), Token> + Send, impl FnMut() -> Option<Token> + Send),
    (mut send_back, mut at_server): (
        impl FnMut(Token) -> Result<(), Token> + Send,
        impl FnMut() -> Option<Token> + Send,
    ),
) -> Result<Sample, Failure> {
    let round_trip = move |token| {
        until_taken(token, &mut serve);
        at_once(&mut at_server)
    };
    let returning = move |round_trips| {
        for _ in 0..round_trips {
            until_taken(returned(at_once(&mut at_returner)), &mut send_back);
        }
    };
    cross_ping_pong::between_threads(case, cores, round_trip, returning)
}

/// Asks until there is something.
#[inline(always)]
pub(crate) fn until_some<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        spin_loop();
    }
}

/// The same without a pause in between, which takes as long as a cache line needs from core to core.
#[inline(always)]
pub(crate) fn at_once<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = attempt() {
            return value;
        }
    }
}

/// Offers a value until it is taken. `attempt` gives it back if there is no room.
#[inline(always)]
pub(crate) fn until_taken<T>(mut value: T, mut attempt: impl FnMut(T) -> Result<(), T>) {
    while let Err(back) = attempt(value) {
        value = back;
        spin_loop();
    }
}

/// The same for producers that share a core: what keeps the ring full may be that another one does not run.
#[inline(always)]
pub(crate) fn until_taken_sharing<T>(mut value: T, mut attempt: impl FnMut(T) -> Result<(), T>) {
    while let Err(back) = attempt(value) {
        value = back;
        yield_now();
    }
}

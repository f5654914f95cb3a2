//! The micro and the concurrency programs of the Savina suite, with the sizes that were published for them.
//!
//! S. Imam and V. Sarkar, *Savina - An Actor Benchmark Suite*, AGERE 2014. All sixteen run on one thread, where what an
//! engine costs is not hidden by what the cores' caches do.
//!
//! **What is kept**: the actors, who tells whom what and who waits for whom, the sizes, and the work that is done
//! beside the messages, except where a program says that it does less of it. A wait for an answer is what the suite's
//! actors without futures do: put aside what comes meanwhile, and go on when the answer is there.
//!
//! **What is not**: where a published actor sends everything in one go, it sends a chunk and then tells itself to go
//! on, so that what is queued stays small. Random numbers come from seeds, the same for every platform. Every program
//! has a result that does not depend on the order in which the actors have their turns, and that a sequential
//! computation, written apart from the actors, must agree with.
//!
//! A case's `payload_bytes` is what a message carries beside addresses, and its `actors` is 0 where there is one for
//! each unit. Its `messages` are the units of one run, at least one; each program says what they are. The two whose
//! actors grow with them, [`fib`] and [`sleeping_barber`], are not run with more than a million.

pub mod banking;
pub mod big;
pub mod bounded_buffer;
pub mod chameneos;
pub mod cigarette_smokers;
pub mod count;
pub mod dictionary;
pub mod fib;
pub mod fork_join_create;
pub mod fork_join_throughput;
pub mod logistic_map;
pub mod philosophers;
pub mod ping_pong;
mod random;
pub mod sleeping_barber;
pub mod sorted_list;
pub mod thread_ring;

use crate::platform::Platform;
use crate::scenario::{ACTOR_PEERS, Case, Gate, Subject};

/// The programs, done by the platform of this name.
#[must_use]
pub fn programs<P: Platform>(name: &'static str) -> Vec<Subject> {
    vec![
        Subject::new(ping_pong::SCENARIO.name, name, ping_pong::run::<P>),
        Subject::new(count::SCENARIO.name, name, count::run::<P>),
        Subject::new(fork_join_throughput::SCENARIO.name, name, fork_join_throughput::run::<P>),
        Subject::new(fork_join_create::SCENARIO.name, name, fork_join_create::run::<P>),
        Subject::new(thread_ring::SCENARIO.name, name, thread_ring::run::<P>),
        Subject::new(chameneos::SCENARIO.name, name, chameneos::run::<P>),
        Subject::new(big::SCENARIO.name, name, big::run::<P>),
        Subject::new(fib::SCENARIO.name, name, fib::run::<P>).only(is_within_reach),
        Subject::new(dictionary::SCENARIO.name, name, dictionary::run::<P>),
        Subject::new(sorted_list::SCENARIO.name, name, sorted_list::run::<P>),
        Subject::new(bounded_buffer::SCENARIO.name, name, bounded_buffer::run::<P>),
        Subject::new(philosophers::SCENARIO.name, name, philosophers::run::<P>),
        Subject::new(sleeping_barber::SCENARIO.name, name, sleeping_barber::run::<P>).only(is_within_reach),
        Subject::new(cigarette_smokers::SCENARIO.name, name, cigarette_smokers::run::<P>),
        Subject::new(logistic_map::SCENARIO.name, name, logistic_map::run::<P>),
        Subject::new(banking::SCENARIO.name, name, banking::run::<P>),
    ]
}

/// Whether as many actors as units can exist at a time: a program that needs them is not run with more.
fn is_within_reach(case: &Case) -> bool {
    case.messages <= 1_000_000
}

/// Each is to be ahead of every actor peer.
const GATES: &[Gate] = &[Gate::TimesAsFast { via: None, than: ACTOR_PEERS, times: 1.0 }];

/// What an actor that has much to send sends before the others have their turn.
const CHUNK: u64 = 256;

/// How much of the whole this one of so many parts is: they differ by one at most, and the first are the larger ones.
fn share(whole: u64, parts: u64, part: u64) -> u64 {
    whole / parts + u64::from(part < whole % parts)
}

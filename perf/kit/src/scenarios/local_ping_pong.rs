//! Two actors on one thread pass one message to and fro.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |           ---- Token --->                 |
//!   |  Player 0                  Player 1       |
//!   |           <--- Token ----                 |
//!   +-------------------------------------------+
//! ```
//!
//! There is never more than one message, so that nothing can be done in batches. It carries a value that every pass
//! changes, and the player that gets it for the last time ends the run. The program is that of
//! [`thread_ring`](super::thread_ring): a ring of two.

pub use super::thread_ring::run;

use super::thread_ring::found;
use crate::scenario::{ACTOR_PEERS, Case, Gate, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "local_ping_pong",
    about: "two actors on one thread pass one message to and fro",
    unit: "message",
    cores: 1,
    cases: &[Case { payload_bytes: 32, actors: 2, messages: 5_000_000 }],
    expected: found,
    gates: &[Gate::TimesAsFast { via: None, than: ACTOR_PEERS, times: 15.0 }],
};

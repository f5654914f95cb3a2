//! Savina's PingPong: an actor pings another and waits for the answer, 40,000 times.
//!
//! ```text
//!             ---- ping --->
//!   Pinger                     Ponger
//!             <--- pong ----
//! ```
//!
//! Each ping carries what the last pong brought, changed by both. `messages` are the round trips.

use std::sync::Arc;

use super::GATES;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::digest;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_ping_pong",
    about: "Savina PingPong: an actor pings another and waits for the answer",
    unit: "round trip",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 2, messages: 40_000 }],
    expected: |case| Found {
        units: case.messages,
        checksum: (0..case.messages).fold(0, |value, number| answered(pinged(value, number))),
    },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let total = case.messages;
    let main = move |finish| Pinger::<P> { ponger: None, finish, pongs: 0, total };
    P::run(Run { main: Box::new(main), set_up: Some(Pinged::SetUp), go: Pinged::Go }, cores)
}

/// What the ping of this number carries after a pong.
fn pinged(value: u64, number: u64) -> u64 {
    value ^ number
}

/// What the pong carries after a ping.
fn answered(value: u64) -> u64 {
    digest(value, 0x706F_6E67)
}

enum Pinged {
    SetUp,
    Go,
    Pong(u64),
}

struct Pinger<P: Platform> {
    ponger: Option<P::Ref<Ponger<P>>>,
    finish: Arc<Finish>,
    pongs: u64,
    total: u64,
}

impl<P: Platform> Pinger<P> {
    #[inline]
    fn ping(&self, value: u64, context: &mut P::Context<'_, Self>) {
        if let Some(ponger) = &self.ponger {
            context.tell(ponger, pinged(value, self.pongs));
        }
    }
}

impl<P: Platform> Role<P> for Pinger<P> {
    type Msg = Pinged;

    #[inline]
    fn receive(&mut self, message: Pinged, context: &mut P::Context<'_, Self>) {
        match message {
            Pinged::SetUp => {
                let pinger = context.me();
                self.ponger = Some(context.spawn(Place::Here, Ponger { pinger }));
            }
            Pinged::Go => self.ping(0, context),
            Pinged::Pong(value) => {
                self.pongs += 1;
                if self.pongs == self.total {
                    self.finish.set(self.pongs, value);
                } else {
                    self.ping(value, context);
                }
            }
        }
    }
}

struct Ponger<P: Platform> {
    pinger: P::Ref<Pinger<P>>,
}

impl<P: Platform> Role<P> for Ponger<P> {
    type Msg = u64;

    #[inline]
    fn receive(&mut self, value: u64, context: &mut P::Context<'_, Self>) {
        context.tell(&self.pinger, Pinged::Pong(answered(value)));
    }
}

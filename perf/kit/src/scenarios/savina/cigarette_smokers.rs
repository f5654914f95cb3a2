//! Savina's CigaretteSmokers: in each of 1,000 rounds an arbiter has one of 200 smokers smoke.
//!
//! ```text
//!            ---- smoke, for so long --->
//!   Arbiter                                 one of 200 Smokers
//!            <---- started smoking ------
//! ```
//!
//! The smoker says that it has started and then smokes: it draws 10 to 1,009 random numbers, as published. The next
//! round begins when the arbiter hears of the start. Who smokes and for how long comes from the arbiter's generator. In
//! the end every smoker is told to leave and says what its smoking came to. `messages` are the rounds.

use std::sync::Arc;

use super::GATES;
use super::random::{Random, busy_work};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};
use crate::token::digest;

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_cigarette_smokers",
    about: "Savina CigaretteSmokers: an arbiter has one of 200 actors work in each round",
    unit: "round",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 200, messages: 1_000 }],
    expected: |case| {
        let mut random = Random::new(SEED);
        let mut smoked = vec![0; case.actors as usize];
        for _ in 0..case.messages {
            let (smoker, period) = (random.below(case.actors), random.draw());
            let smoked = &mut smoked[smoker as usize];
            *smoked = digest(*smoked, busy_work(period));
        }
        Found { units: case.messages, checksum: smoked.into_iter().fold(0, u64::wrapping_add) }
    },
    gates: GATES,
};

/// Where the arbiter's choices begin.
const SEED: u64 = 200_000;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Arbiter::<P> {
        smokers: Vec::new(),
        present: actors,
        random: Random::new(SEED),
        finish,
        total: messages,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Round::SetUp), go: Round::Go }, cores)
}

enum Round {
    SetUp,
    Go,
    StartedSmoking,
    /// A smoker leaves, and this is what its smoking came to.
    Left {
        smoked: u64,
    },
}

struct Arbiter<P: Platform> {
    smokers: Vec<P::Ref<Smoker<P>>>,
    present: u64,
    random: Random,
    finish: Arc<Finish>,
    total: u64,
    found: Found,
}

impl<P: Platform> Arbiter<P> {
    #[inline]
    fn begin_round(&mut self, context: &mut P::Context<'_, Self>) {
        let (smoker, period) = (self.random.below(self.smokers.len() as u64), self.random.draw());
        context.tell(&self.smokers[smoker as usize], Smoke::For(period));
    }
}

impl<P: Platform> Role<P> for Arbiter<P> {
    type Msg = Round;

    #[inline]
    fn receive(&mut self, message: Round, context: &mut P::Context<'_, Self>) {
        match message {
            Round::SetUp => {
                for _ in 0..self.present {
                    let smoker = Smoker { arbiter: context.me(), smoked: 0 };
                    self.smokers.push(context.spawn(Place::Here, smoker));
                }
            }
            Round::Go => self.begin_round(context),
            Round::StartedSmoking => {
                self.found.units += 1;
                if self.found.units < self.total {
                    self.begin_round(context);
                } else {
                    for smoker in &self.smokers {
                        context.tell(smoker, Smoke::Leave);
                    }
                }
            }
            Round::Left { smoked } => {
                self.found.checksum = self.found.checksum.wrapping_add(smoked);
                self.present -= 1;
                if self.present == 0 {
                    self.finish.set(self.found.units, self.found.checksum);
                }
            }
        }
    }
}

enum Smoke {
    /// The seed of how long.
    For(u64),
    Leave,
}

struct Smoker<P: Platform> {
    arbiter: P::Ref<Arbiter<P>>,
    smoked: u64,
}

impl<P: Platform> Role<P> for Smoker<P> {
    type Msg = Smoke;

    #[inline]
    fn receive(&mut self, message: Smoke, context: &mut P::Context<'_, Self>) {
        match message {
            Smoke::For(period) => {
                context.tell(&self.arbiter, Round::StartedSmoking);
                self.smoked = digest(self.smoked, busy_work(period));
            }
            Smoke::Leave => context.tell(&self.arbiter, Round::Left { smoked: self.smoked }),
        }
    }
}

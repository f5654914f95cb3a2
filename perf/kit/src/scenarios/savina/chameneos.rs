//! Savina's Chameneos: 100 creatures of three colours meet by two in a mall, 200,000 times.
//!
//! ```text
//!   Chameneo -- meet --> Mall -- meet, with the second --> Chameneo that came first
//!      ^                                                       |
//!      +--------------------- change --------------------------+
//! ```
//!
//! Who comes first waits in the mall. The second's colour is passed to the first, which takes the colour that
//! complements the two and tells the second to take it too; then both come back. When there have been enough meetings,
//! whoever comes reports how often it has met somebody, and fades.
//!
//! Who meets whom depends on the order of turns, but each meeting is counted by both. And with the colours as numbers
//! modulo 3, the complement of `a` and `b` is `-(a + b)`, so that a meeting leaves `-2(a + b) = a + b`: the sum of all
//! colours stays what it was. `messages` are the meetings.

use std::sync::Arc;

use super::GATES;
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_chameneos",
    about: "Savina Chameneos: 100 creatures meet by two in a mall and change their colours",
    unit: "meeting",
    cores: 1,
    cases: &[Case { payload_bytes: 1, actors: 100, messages: 200_000 }],
    expected: |case| Found {
        units: case.messages,
        checksum: checksum(2 * case.messages, (0..case.actors).map(|number| u64::from(colour_of(number))).sum()),
    },
    gates: GATES,
};

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Mall::<P> {
        creatures: actors,
        chameneos: Vec::new(),
        waiting: None,
        finish,
        held: 0,
        total: messages,
        faded: 0,
        met: 0,
        colours: 0,
    };
    P::run(Run { main: Box::new(main), set_up: Some(Visit::SetUp), go: Visit::Go }, cores)
}

/// Blue, red or yellow.
type Colour = u8;

fn colour_of(number: u64) -> Colour {
    (number % 3) as Colour
}

/// The same colour for two of the same, the third one for two different ones.
#[inline]
fn complement(one: Colour, other: Colour) -> Colour {
    (6 - one - other) % 3
}

/// Of how often all of them met somebody, and of the sum of their colours.
fn checksum(met: u64, colours: u64) -> u64 {
    met * 3 + colours % 3
}

enum Visit<P: Platform> {
    SetUp,
    Go,
    Meet(P::Ref<Chameneo<P>>, Colour),
    Fade { met: u64, colour: Colour },
}

struct Mall<P: Platform> {
    creatures: u64,
    chameneos: Vec<P::Ref<Chameneo<P>>>,
    waiting: Option<P::Ref<Chameneo<P>>>,
    finish: Arc<Finish>,
    held: u64,
    total: u64,
    faded: u64,
    met: u64,
    colours: u64,
}

impl<P: Platform> Role<P> for Mall<P> {
    type Msg = Visit<P>;

    #[inline]
    fn receive(&mut self, message: Visit<P>, context: &mut P::Context<'_, Self>) {
        match message {
            Visit::SetUp => {
                for number in 0..self.creatures {
                    let chameneo = Chameneo { mall: context.me(), colour: colour_of(number), met: 0 };
                    self.chameneos.push(context.spawn(Place::Here, chameneo));
                }
            }
            Visit::Go => {
                for chameneo in &self.chameneos {
                    context.tell(chameneo, Meeting::Go);
                }
            }
            Visit::Meet(second, colour) => {
                if self.held == self.total {
                    context.tell(&second, Meeting::Over);
                } else if let Some(first) = self.waiting.take() {
                    self.held += 1;
                    context.tell(&first, Meeting::Meet(second, colour));
                } else {
                    self.waiting = Some(second);
                }
            }
            Visit::Fade { met, colour } => {
                self.met += met;
                self.colours += u64::from(colour);
                self.faded += 1;
                if self.faded == self.creatures {
                    self.finish.set(self.held, checksum(self.met, self.colours));
                }
            }
        }
    }
}

enum Meeting<P: Platform> {
    Go,
    /// To the first of two: the second and its colour.
    Meet(P::Ref<Chameneo<P>>, Colour),
    /// To the second of two: the colour of both.
    Change(Colour),
    Over,
}

struct Chameneo<P: Platform> {
    mall: P::Ref<Mall<P>>,
    colour: Colour,
    met: u64,
}

impl<P: Platform> Chameneo<P> {
    #[inline]
    fn change(&mut self, colour: Colour) {
        self.colour = colour;
        self.met += 1;
    }

    #[inline]
    fn visit(&self, context: &mut P::Context<'_, Self>) {
        let me = context.me();
        context.tell(&self.mall, Visit::Meet(me, self.colour));
    }
}

impl<P: Platform> Role<P> for Chameneo<P> {
    type Msg = Meeting<P>;

    #[inline]
    fn receive(&mut self, message: Meeting<P>, context: &mut P::Context<'_, Self>) {
        match message {
            Meeting::Go => self.visit(context),
            Meeting::Meet(second, colour) => {
                self.change(complement(self.colour, colour));
                context.tell(&second, Meeting::Change(self.colour));
                self.visit(context);
            }
            Meeting::Change(colour) => {
                self.change(colour);
                self.visit(context);
            }
            Meeting::Over => context.tell(&self.mall, Visit::Fade { met: self.met, colour: self.colour }),
        }
    }
}

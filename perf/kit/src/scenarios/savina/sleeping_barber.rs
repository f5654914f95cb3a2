//! Savina's SleepingBarber: 5,000 customers, a waiting room with 1,000 chairs, and one barber.
//!
//! ```text
//!   Street -- enter ---> Room -- serve ---> Barber -- sit down, pay --> Customer
//!     ^                   |  <--- next ----                                |
//!     |                   +----- full, wait --> Customer                   |
//!     +--------------------- returned, left --------------------------------+
//! ```
//!
//! The street sends customers into the room, which wakes the barber, has them wait, or turns them away. Between two
//! arrivals, and for a haircut, 10 to 1,009 random numbers are drawn, as published; how many depends on the customer,
//! so that the sum over all haircuts does not depend on their order.
//!
//! The published street sends everybody in one go, and a customer who is turned away straight back into the room, over
//! and over: how many messages that takes is up to the order of turns, and can be thousands for each haircut. Here the
//! street has a turn for each arrival, and who was turned away tries again when somebody has left. The customers exist
//! before the run. `messages` are the customers.

use std::collections::VecDeque;
use std::sync::Arc;

use super::GATES;
use super::random::{busy_work, mix};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_sleeping_barber",
    about: "Savina SleepingBarber: 5,000 customers, a waiting room with 1,000 chairs, one barber",
    unit: "haircut",
    cores: 1,
    cases: &[Case { payload_bytes: 16, actors: 0, messages: 5_000 }],
    expected: |case| Found {
        units: case.messages,
        checksum: (0..case.messages)
            .fold(0, |sum, number| sum.wrapping_add(walk(number)).wrapping_add(haircut(number))),
    },
    gates: GATES,
};

const CHAIRS: usize = 1_000;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let total = case.messages;
    let main = move |finish| Street::<P> {
        room: None,
        customers: Vec::new(),
        turned_away: VecDeque::new(),
        finish,
        total,
        arrived: 0,
        inside: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Arrival::SetUp), go: Arrival::Go }, cores)
}

/// The work between this customer's arrival and the next one's.
fn walk(number: u64) -> u64 {
    busy_work(mix(number))
}

/// The work of this customer's haircut.
fn haircut(number: u64) -> u64 {
    busy_work(!number)
}

enum Arrival {
    SetUp,
    /// Send the next customer.
    Go,
    /// This customer was turned away.
    Returned(u64),
    /// This customer is served, with this result.
    Left {
        hair: u64,
    },
}

struct Street<P: Platform> {
    room: Option<P::Ref<Room<P>>>,
    customers: Vec<P::Ref<Customer<P>>>,
    /// Who tries again when somebody has left.
    turned_away: VecDeque<u64>,
    finish: Arc<Finish>,
    total: u64,
    /// How many have come for the first time.
    arrived: u64,
    /// How many were sent in and are neither returned nor served.
    inside: u64,
    found: Found,
}

impl<P: Platform> Street<P> {
    fn set_up(&mut self, context: &mut P::Context<'_, Self>) {
        let barber = context.spawn(Place::Here, Barber);
        let room = Room { barber, waiting: VecDeque::with_capacity(CHAIRS), is_barber_asleep: true };
        self.room = Some(context.spawn(Place::Here, room));
        for number in 0..self.total {
            let customer = Customer { number, street: context.me() };
            self.customers.push(context.spawn(Place::Here, customer));
        }
    }

    fn send_in(&mut self, number: u64, context: &mut P::Context<'_, Self>) {
        let Some(room) = &self.room else { return };
        self.inside += 1;
        let address = self.customers[number as usize].clone();
        context.tell(room, Door::Enter(Guest { number, address }));
    }

    fn arrive(&mut self, context: &mut P::Context<'_, Self>) {
        let number = self.arrived;
        self.arrived += 1;
        self.send_in(number, context);
        self.found.checksum = self.found.checksum.wrapping_add(walk(number));
        if self.arrived < self.total {
            context.tell(&context.me(), Arrival::Go);
        }
    }

    fn send_in_again(&mut self, context: &mut P::Context<'_, Self>) {
        if let Some(number) = self.turned_away.pop_front() {
            self.send_in(number, context);
        }
    }
}

impl<P: Platform> Role<P> for Street<P> {
    type Msg = Arrival;

    #[inline]
    fn receive(&mut self, message: Arrival, context: &mut P::Context<'_, Self>) {
        match message {
            Arrival::SetUp => self.set_up(context),
            Arrival::Go => self.arrive(context),
            Arrival::Returned(number) => {
                self.inside -= 1;
                self.turned_away.push_back(number);
                // All who made the room full may have left before this was heard: then nobody is left to wait for.
                if self.inside == 0 {
                    self.send_in_again(context);
                }
            }
            Arrival::Left { hair } => {
                self.inside -= 1;
                self.found.units += 1;
                self.found.checksum = self.found.checksum.wrapping_add(hair);
                if self.found.units == self.total {
                    self.finish.set(self.found.units, self.found.checksum);
                } else {
                    self.send_in_again(context);
                }
            }
        }
    }
}

struct Guest<P: Platform> {
    number: u64,
    address: P::Ref<Customer<P>>,
}

enum Door<P: Platform> {
    Enter(Guest<P>),
    /// The barber is free.
    Next,
}

struct Room<P: Platform> {
    barber: P::Ref<Barber>,
    waiting: VecDeque<Guest<P>>,
    is_barber_asleep: bool,
}

impl<P: Platform> Room<P> {
    #[inline]
    fn serve(&self, guest: Guest<P>, context: &mut P::Context<'_, Self>) {
        let room = context.me();
        context.tell(&self.barber, Chair::Serve { guest, room });
    }
}

impl<P: Platform> Role<P> for Room<P> {
    type Msg = Door<P>;

    #[inline]
    fn receive(&mut self, message: Door<P>, context: &mut P::Context<'_, Self>) {
        match message {
            Door::Enter(guest) if self.is_barber_asleep => {
                self.is_barber_asleep = false;
                self.serve(guest, context);
            }
            Door::Enter(guest) if self.waiting.len() == CHAIRS => context.tell(&guest.address, Visit::Full),
            Door::Enter(guest) => {
                context.tell(&guest.address, Visit::Wait);
                self.waiting.push_back(guest);
            }
            Door::Next => match self.waiting.pop_front() {
                Some(guest) => self.serve(guest, context),
                None => {
                    self.is_barber_asleep = true;
                    context.tell(&self.barber, Chair::Sleep);
                }
            },
        }
    }
}

enum Chair<P: Platform> {
    Serve {
        guest: Guest<P>,
        room: P::Ref<Room<P>>,
    },
    /// Nobody waits. The barber has nothing to do for it but to hear it, as published.
    Sleep,
}

struct Barber;

impl<P: Platform> Role<P> for Barber {
    type Msg = Chair<P>;

    #[inline]
    fn receive(&mut self, message: Chair<P>, context: &mut P::Context<'_, Self>) {
        if let Chair::Serve { guest, room } = message {
            context.tell(&guest.address, Visit::SitDown);
            context.tell(&guest.address, Visit::PayAndLeave { hair: haircut(guest.number) });
            context.tell(&room, Door::Next);
        }
    }
}

enum Visit {
    Full,
    /// As published, these two are only heard.
    Wait,
    SitDown,
    PayAndLeave {
        hair: u64,
    },
}

struct Customer<P: Platform> {
    number: u64,
    street: P::Ref<Street<P>>,
}

impl<P: Platform> Role<P> for Customer<P> {
    type Msg = Visit;

    #[inline]
    fn receive(&mut self, message: Visit, context: &mut P::Context<'_, Self>) {
        match message {
            Visit::Full => context.tell(&self.street, Arrival::Returned(self.number)),
            Visit::PayAndLeave { hair } => context.tell(&self.street, Arrival::Left { hair }),
            Visit::Wait | Visit::SitDown => {}
        }
    }
}

//! Savina's BoundedBuffer: 40 producers make 1,000 items each, which 40 consumers use up, with a manager between them.
//!
//! ```text
//!   Producer -- item ----> Manager <--- available -- Consumer
//!            <-- produce --   |   ---- item ------->
//!                             +-- up to 50 items that wait
//! ```
//!
//! A producer makes an item when it is told to, and is told to go on while there is room. The buffer holds 50; a
//! manager that has 10 makes the producers wait, because each of the 40 may have one under way.
//!
//! Producing and consuming an item are sums over logarithms of random numbers. The published ones draw 2,500 numbers
//! for each, which takes as long as hundreds of messages; these draw 25. A producer's item comes from its last one.
//! What a consumer makes of an item comes, other than published, from the item alone: so the sum over all results does
//! not depend on who gets which. `messages` are the items; the first producers make one more where they cannot be
//! shared equally.

use std::collections::VecDeque;
use std::sync::Arc;

use super::random::Random;
use super::{GATES, share};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_bounded_buffer",
    about: "Savina BoundedBuffer: 40 producers and 40 consumers with a buffer of 50 between them",
    unit: "item",
    cores: 1,
    cases: &[Case { payload_bytes: 16, actors: PRODUCERS + CONSUMERS, messages: 40_000 }],
    expected: |case| Found {
        units: case.messages,
        checksum: (0..PRODUCERS).flat_map(|number| items(case, number)).map(consumed).fold(0, u64::wrapping_add),
    },
    gates: GATES,
};

const PRODUCERS: u64 = 40;
const CONSUMERS: u64 = 40;
const BUFFER: usize = 50;
/// So many items make the producers wait.
const ENOUGH: usize = BUFFER - PRODUCERS as usize;
/// Numbers drawn for an item, on either side.
const COST: u32 = 25;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let total = case.messages;
    let main = move |finish| Manager::<P> {
        producers: Vec::new(),
        consumers: Vec::new(),
        waiting: VecDeque::new(),
        available: VecDeque::new(),
        buffer: VecDeque::with_capacity(BUFFER),
        finish,
        total,
        exited: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Trade::SetUp), go: Trade::Go }, cores)
}

/// What a producer makes after this item, and what is left of it when it is used up. It is seeded by the item.
fn processed(item: f64) -> f64 {
    let mut random = Random::new(item.to_bits());
    (0..COST).fold(item, |sum, _| sum + (random.fraction() + 0.01).ln())
}

/// What a consumer reports, as bits: sums over them do not depend on an order.
fn consumed(item: f64) -> u64 {
    processed(item).to_bits()
}

/// What the producer of this number begins with.
fn seed(number: u64) -> f64 {
    number as f64
}

/// What the producer of this number makes.
fn items(case: &Case, number: u64) -> impl Iterator<Item = f64> {
    let items = share(case.messages, PRODUCERS, number);
    (0..items).scan(seed(number), |last, _| {
        *last = processed(*last);
        Some(*last)
    })
}

enum Trade {
    SetUp,
    Go,
    /// From the producer of this number.
    Item {
        from: u32,
        item: f64,
    },
    /// A producer has nothing left to make.
    Exit,
    /// The consumer of this number has used up an item, and this is left of it.
    Available {
        consumer: u32,
        consumed: u64,
    },
}

struct Manager<P: Platform> {
    producers: Vec<P::Ref<Producer<P>>>,
    consumers: Vec<P::Ref<Consumer<P>>>,
    /// Producers that are not told to go on yet.
    waiting: VecDeque<u32>,
    /// Consumers without an item.
    available: VecDeque<u32>,
    buffer: VecDeque<f64>,
    finish: Arc<Finish>,
    total: u64,
    exited: u64,
    found: Found,
}

impl<P: Platform> Manager<P> {
    fn set_up(&mut self, context: &mut P::Context<'_, Self>) {
        for number in 0..PRODUCERS {
            let (manager, left) = (context.me(), share(self.total, PRODUCERS, number));
            let producer = Producer { number: number as u32, manager, last: seed(number), left };
            self.producers.push(context.spawn(Place::Here, producer));
        }
        for number in 0..CONSUMERS as u32 {
            let consumer = Consumer { number, manager: context.me() };
            self.consumers.push(context.spawn(Place::Here, consumer));
            self.available.push_back(number);
        }
    }

    #[inline]
    fn take(&mut self, from: u32, item: f64, context: &mut P::Context<'_, Self>) {
        match self.available.pop_front() {
            Some(consumer) => context.tell(&self.consumers[consumer as usize], item),
            None => self.buffer.push_back(item),
        }
        if self.buffer.len() >= ENOUGH {
            self.waiting.push_back(from);
        } else {
            context.tell(&self.producers[from as usize], Produce);
        }
    }

    #[inline]
    fn give(&mut self, consumer: u32, context: &mut P::Context<'_, Self>) {
        match self.buffer.pop_front() {
            Some(item) => {
                context.tell(&self.consumers[consumer as usize], item);
                if let Some(producer) = self.waiting.pop_front() {
                    context.tell(&self.producers[producer as usize], Produce);
                }
            }
            None => {
                self.available.push_back(consumer);
                self.finish_if_done();
            }
        }
    }

    fn finish_if_done(&self) {
        if self.exited == PRODUCERS && self.available.len() == self.consumers.len() {
            self.finish.set(self.found.units, self.found.checksum);
        }
    }
}

impl<P: Platform> Role<P> for Manager<P> {
    type Msg = Trade;

    #[inline]
    fn receive(&mut self, message: Trade, context: &mut P::Context<'_, Self>) {
        match message {
            Trade::SetUp => self.set_up(context),
            Trade::Go => {
                for producer in &self.producers {
                    context.tell(producer, Produce);
                }
            }
            Trade::Item { from, item } => self.take(from, item, context),
            Trade::Exit => {
                self.exited += 1;
                self.finish_if_done();
            }
            Trade::Available { consumer, consumed } => {
                self.found.units += 1;
                self.found.checksum = self.found.checksum.wrapping_add(consumed);
                self.give(consumer, context);
            }
        }
    }
}

struct Produce;

struct Producer<P: Platform> {
    number: u32,
    manager: P::Ref<Manager<P>>,
    last: f64,
    left: u64,
}

impl<P: Platform> Role<P> for Producer<P> {
    type Msg = Produce;

    #[inline]
    fn receive(&mut self, _: Produce, context: &mut P::Context<'_, Self>) {
        if self.left == 0 {
            context.tell(&self.manager, Trade::Exit);
            return;
        }
        self.left -= 1;
        self.last = processed(self.last);
        context.tell(&self.manager, Trade::Item { from: self.number, item: self.last });
    }
}

struct Consumer<P: Platform> {
    number: u32,
    manager: P::Ref<Manager<P>>,
}

impl<P: Platform> Role<P> for Consumer<P> {
    type Msg = f64;

    #[inline]
    fn receive(&mut self, item: f64, context: &mut P::Context<'_, Self>) {
        let available = Trade::Available { consumer: self.number, consumed: consumed(item) };
        context.tell(&self.manager, available);
    }
}

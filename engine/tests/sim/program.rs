//! A program that does at random what actors can do; its randomness is its actors' own, so the simulation's seed decides
//! all of it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hippodrome::sim::{Builder, Sim};
use hippodrome::{
    Actor, ActorRef, AskError, Backoff, Context, MailboxSpec, MissedTick, On, Overflow, Props, Reply, Restart, Stop,
    StopReason, SystemEvent, Terminated,
};

pub(crate) enum Act {
    Work(u64),
    Question(u64, Reply<u64>),
    Answered(Result<u64, AskError>),
    Later,
    Tick,
    Gone(Terminated),
    Happened,
}

/// Whom the program's actors know.
type Known = Arc<Mutex<Vec<ActorRef<Act>>>>;

pub(crate) struct Node {
    known: Known,
    kept: Option<Reply<u64>>,
    ticks: u32,
}

impl Node {
    fn factory(known: &Known) -> impl FnMut() -> Self + Send + 'static {
        let known = known.clone();
        move || Self { known: known.clone(), kept: None, ticks: 0 }
    }

    fn act(&mut self, ctx: &mut Context<'_, Act>) {
        let (kind, number) = (ctx.random() % 32, ctx.random() % 1000);
        let to = {
            let known = self.known.lock().unwrap();
            known[number as usize % known.len()]
        };
        match kind {
            0..14 => ctx.tell(to, Act::Work(number)),
            14..18 => drop(ctx.try_tell(to, Act::Work(number))),
            18..22 => {
                let timeout = Duration::from_micros(100 * (number % 50));
                ctx.ask_within(timeout, to, |reply| Act::Question(number, reply), Act::Answered);
            }
            22..25 => drop(ctx.send_after(Duration::from_micros(number * 3), Act::Later)),
            25 => drop(ctx.send_every(Duration::from_micros(500 + number), MissedTick::Skip, || Act::Tick)),
            26..28 => {
                if let Ok(child) = ctx.spawn(props(number), Self::factory(&self.known)) {
                    self.known.lock().unwrap().push(child);
                }
            }
            28 => ctx.stop(to, [Stop::Now, Stop::AfterQueued, Stop::Kill][number as usize % 3]),
            29 => ctx.watch(to, Act::Gone),
            30 => ctx.subscribe(|event: &SystemEvent| match event {
                SystemEvent::Restarted { .. } => Some(Act::Happened),
                _ => None,
            }),
            _ => drop(self.kept.take()),
        }
    }
}

impl Actor for Node {
    type Msg = Act;

    fn handle(&mut self, message: Act, ctx: &mut Context<'_, Act>) {
        match message {
            Act::Work(number) => (0..number % 3).for_each(|_| self.act(ctx)),
            Act::Later => self.act(ctx),
            Act::Question(number, reply) if number % 3 == 0 => self.kept = Some(reply),
            Act::Question(number, reply) => reply.send(ctx, number + 1),
            Act::Tick => {
                self.ticks += 1;
                if self.ticks > 10 {
                    ctx.stop_self();
                }
            }
            Act::Answered(answer) if answer.is_err() => self.act(ctx),
            Act::Gone(gone) if gone.reason == StopReason::Killed => self.act(ctx),
            Act::Answered(_) | Act::Gone(_) | Act::Happened => {}
        }
    }
}

fn props(number: u64) -> Props<Act> {
    let on = [On::Here, On::RoundRobin, On::LeastActors][number as usize % 3];
    let backoff = Backoff::exponential(Duration::from_micros(200), Duration::from_millis(2));
    let restart = match number / 3 % 3 {
        0 => Restart::Escalate,
        1 => Restart::up_to(100, Duration::from_secs(60)),
        _ => Restart::Restart { max: 100, within: Duration::from_secs(60), backoff },
    };
    let capacity = NonZeroUsize::new(1 + number as usize % 4).unwrap();
    let bounded = MailboxSpec::bounded(capacity);
    let props = Props::on(on).restart(restart);
    match number / 9 % 7 {
        0 => props.mailbox(bounded),
        1 => props.mailbox(bounded.overflow(Overflow::DropOldest)),
        2 => props.mailbox(bounded.overflow(Overflow::DropNewest)),
        3 => props.mailbox(bounded.overflow(Overflow::Grow(8))),
        _ => props,
    }
}

/// Runs the program for so many rounds of inputs from outside, by handle and by port.
pub(crate) fn run(builder: Builder, rounds: u64) -> Sim {
    let mut sim = builder
        .configure(|config| {
            config.timer_resolution_us = 100;
            (config.max_actors, config.max_asks) = (64, 32);
        })
        .build()
        .unwrap();
    let (handle, known) = (sim.handle(), Known::default());
    let patient = Restart::up_to(u32::MAX, Duration::from_secs(1));
    for root in 0..4 {
        let props = if root < 2 { Props::on(On::RoundRobin).restart(patient) } else { props(root) };
        known.lock().unwrap().push(handle.spawn(props, Node::factory(&known)).unwrap());
    }
    let mut port = handle.port().unwrap();
    for round in 0..rounds {
        for number in round..round + 5 {
            let to = {
                let known = known.lock().unwrap();
                known[(number * 7) as usize % known.len()]
            };
            match number % 2 {
                0 => handle.tell(to, Act::Work(number)),
                _ => port.tell(to, Act::Work(number)),
            }
        }
        sim.run_for_steps(20 + round % 50);
        if round % 4 == 0 {
            sim.advance(Duration::from_micros(300)).unwrap();
        }
    }
    sim
}

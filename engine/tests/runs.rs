//! A run of messages goes on over actors of one type. Each of them is itself all the same: its state, its address, its
//! place in life and its mailbox.

mod support;

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{
    Actor, ActorRef, Address, Backoff, Context, DeadLetterReason, Engine, MailboxSpec, ManualClock, On, Props, Restart,
    Stats, from_fn,
};
use support::{PATIENCE, Random, panic_quietly};

/// What actors have seen: their own numbers and addresses, and the messages' numbers.
type Notes = Vec<(usize, Address, u64)>;

thread_local! {
    /// Actors of a host live on the test's thread, but what makes them may not hold anything of it.
    static SEEN: RefCell<Notes> = RefCell::default();
}

/// Writes down what comes.
struct Member(usize);

#[derive(Clone, Copy)]
enum Order {
    Note(u64),
    Panic,
    Stop,
}

impl Actor for Member {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Note(number) => {
                SEEN.with(|seen| seen.borrow_mut().push((self.0, ctx.me().address(), number)));
            }
            Order::Panic => panic_quietly(),
            Order::Stop => ctx.stop_self(),
        }
    }
}

/// An actor of another type.
struct Stranger(Member);

impl Actor for Stranger {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        self.0.handle(order, ctx);
    }
}

/// Sends all of them at once, so that they lie in the ring one behind the other.
struct Sender(Vec<ActorRef<Order>>);

impl Actor for Sender {
    type Msg = Vec<(usize, Order)>;

    fn handle(&mut self, orders: Vec<(usize, Order)>, ctx: &mut Context<'_, Self::Msg>) {
        orders.into_iter().for_each(|(member, order)| ctx.tell(self.0[member], order));
    }
}

const MEMBERS: usize = 5;
/// This one has a mailbox of its own.
const PRIVATE: usize = 1;
/// This one is restarted after a second, when it panics.
const RESTARTED: usize = 2;
/// This one is of another type.
const STRANGER: usize = 3;

/// How long a restart waits.
const WAIT: Duration = Duration::from_secs(1);

/// Gives the orders to the members, and returns what each has seen, before and after the wait for restarts, and the
/// statistics.
fn obey(orders: Vec<(usize, Order)>) -> (Vec<ActorRef<Order>>, [Notes; 2], Stats) {
    let clock = Arc::new(ManualClock::default());
    let mut host = Engine::builder().unpinned_workers(1).clock(clock.clone()).host().unwrap();
    let handle = host.handle();
    let members: Vec<_> = (0..MEMBERS)
        .map(|number| {
            let props = Props::on(On::Worker(0));
            let props = match number {
                PRIVATE => props.mailbox(MailboxSpec::bounded(NonZeroUsize::new(1000).unwrap())),
                RESTARTED => {
                    let (within, backoff) = (Duration::from_secs(60), Backoff::fixed(WAIT));
                    props.restart(Restart::Restart { max: 1, within, backoff })
                }
                _ => props,
            };
            match number {
                STRANGER => handle.spawn(props, move || Stranger(Member(number))),
                _ => handle.spawn(props, move || Member(number)),
            }
            .unwrap()
        })
        .collect();
    let all = members.clone();
    let sender = handle.spawn(On::Worker(0), move || Sender(all.clone())).unwrap();
    host.poll(u64::MAX);
    handle.tell(sender, orders);
    let seen = || SEEN.with(|seen| seen.take());
    host.poll(u64::MAX);
    let before = seen();
    clock.advance(WAIT);
    // Timers are looked at now and then.
    for _ in 0..64 {
        host.poll(u64::MAX);
    }
    (members, [before, seen()], host.stats())
}

/// What this member has seen.
fn of(member: usize, seen: &[(usize, Address, u64)]) -> Vec<u64> {
    seen.iter().filter(|(who, ..)| *who == member).map(|(.., number)| *number).collect()
}

#[test]
fn each_message_is_handled_by_its_own_actor_in_order() {
    let mut random = Random::new(3);
    let orders: Vec<_> = (0..500).map(|number| (random.below(MEMBERS), Order::Note(number))).collect();
    let expected = |member| -> Vec<u64> {
        let numbered = orders.iter().zip(0..);
        numbered.filter(|((who, _), _)| *who == member).map(|(_, number)| number).collect()
    };
    let (members, [seen, later], stats) = obey(orders.clone());
    for member in 0..MEMBERS {
        assert_eq!(of(member, &seen), expected(member), "member {member}");
    }
    assert!(later.is_empty(), "there was nothing to wait for");
    assert!(seen.iter().all(|(who, me, _)| members[*who].address() == *me), "an actor has another one's address");
    let of_type = |name: &str| -> u64 {
        let types = stats.actor_types.iter().filter(|one| one.actor_type.ends_with(name));
        types.map(|one| one.handled).sum()
    };
    assert_eq!(of_type("::Stranger"), expected(STRANGER).len() as u64);
    assert_eq!(of_type("::Member"), 500 - expected(STRANGER).len() as u64);
}

#[test]
fn an_actor_that_stops_or_panics_takes_no_neighbour_with_it() {
    let mut orders = Vec::new();
    for number in 0..50 {
        orders.extend((0..MEMBERS).map(|member| (member, Order::Note(number))));
        match number {
            20 => orders.push((0, Order::Stop)),
            30 => orders.push((RESTARTED, Order::Panic)),
            _ => {}
        }
    }
    let (_, [seen, later], stats) = obey(orders);
    let up_to = |last| (0..=last).collect::<Vec<u64>>();
    assert_eq!(of(0, &seen), up_to(20), "after its stop it gets nothing");
    assert_eq!(of(RESTARTED, &seen), up_to(30), "while it waits for its restart it handles nothing");
    assert_eq!(of(RESTARTED, &later), (31..50).collect::<Vec<u64>>(), "what came meanwhile is kept");
    assert_eq!(later.len(), 19);
    for member in [PRIVATE, STRANGER, 4] {
        assert_eq!(of(member, &seen), up_to(49), "member {member}");
    }
    let dead = stats.dead_letters();
    assert_eq!(dead.get(DeadLetterReason::Stopped), 29);
    assert_eq!(dead.get(DeadLetterReason::Panicked), 1);
    assert_eq!(dead.total(), 30);
}

/// Sends a batch whose iterator panics in the middle.
struct Interrupted(ActorRef<u64>);

impl Actor for Interrupted {
    type Msg = u64;

    fn handle(&mut self, last: u64, ctx: &mut Context<'_, u64>) {
        let messages = (0..).inspect(|number| {
            if *number == last {
                panic_quietly();
            }
        });
        ctx.tell_batch(self.0, messages);
    }
}

#[test]
fn what_a_batch_gave_before_it_panicked_is_handled() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    // None, fewer than a publication takes, and more than a segment and a lane take.
    for last in [0, 10, 5_000] {
        for receiver in 0..2 {
            let (sender, received) = std::sync::mpsc::channel();
            let factory = move || {
                let sender = sender.clone();
                from_fn(move |number: u64, _| sender.send(number).expect("the test listens"))
            };
            let receiver = handle.spawn(On::Worker(receiver), factory).unwrap();
            let interrupted = handle.spawn(On::Worker(0), move || Interrupted(receiver)).unwrap();
            handle.tell(interrupted, last);
            for number in 0..last {
                assert_eq!(received.recv_timeout(PATIENCE), Ok(number), "of {last}");
            }
        }
    }
    engine.shutdown(PATIENCE).unwrap();
    assert_eq!(handle.stats().workers.iter().map(|worker| worker.panics).sum::<u64>(), 6);
}

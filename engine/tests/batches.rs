//! Batches: an actor that takes the run of messages at hand gets each message once, in order, and knows where the run
//! ends, whatever it came through and whatever befalls it on the way.

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::sim::{Faults, explore_with};
use hippodrome::{
    Actor, ActorRef, Batch, Context, DeadLetterReason, Engine, Handle, Host, MailboxSpec, On, Overflow, Props, Reply,
    Restart, Stop, from_fn,
};
use parking_lot::Mutex;
use support::{PATIENCE, panic_quietly};

/// What the batches of an actor were: the numbers of each, one by one.
type Batches = Arc<Mutex<Vec<Vec<u64>>>>;

enum Order {
    Note(u64),
    Panic,
    StopSelf,
    /// Take none but this one of the batch.
    Leave(u64),
    Ask(Reply<u64>),
}

struct Gatherer {
    batches: Batches,
    noted: u64,
}

impl Gatherer {
    fn new(batches: &Batches) -> Self {
        Self { batches: batches.clone(), noted: 0 }
    }

    fn note(&mut self, number: u64) {
        self.noted += 1;
        self.batches.lock().last_mut().expect("a batch has begun").push(number);
    }
}

impl Actor for Gatherer {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Note(number) | Order::Leave(number) => self.note(number),
            Order::Panic => panic_quietly(),
            Order::StopSelf => ctx.stop_self(),
            Order::Ask(reply) => reply.send(ctx, self.noted),
        }
    }

    fn handle_batch(&mut self, first: Order, mut rest: Batch<'_, Order>) {
        self.batches.lock().push(Vec::new());
        let mut next = Some(first);
        while let Some(order) = next {
            let leaves = matches!(order, Order::Leave(_));
            self.handle(order, &mut rest.context());
            if leaves {
                return;
            }
            let is_over = rest.is_over();
            next = rest.next();
            assert_eq!(is_over, next.is_none(), "the end is known before it comes");
        }
    }
}

fn host() -> Host {
    Engine::builder().unpinned_workers(1).configure(|config| config.turn_budget = 1000).host().unwrap()
}

fn settle(host: &mut Host) {
    while host.poll(1000) > 0 {}
}

/// An actor that sends all of these orders at once, to whoever they are for.
fn send_together(host: &mut Host, orders: Vec<(ActorRef<Order>, Order)>) {
    let mut orders = Some(orders);
    let sender = host.handle().spawn(On::Worker(0), || {
        from_fn(|orders: Vec<(ActorRef<Order>, Order)>, ctx| {
            for (to, order) in orders {
                ctx.tell(to, order);
            }
        })
    });
    host.handle().tell(sender.unwrap(), orders.take().unwrap());
    settle(host);
}

fn spawn(handle: &Handle, props: Props<Order>, batches: &Batches) -> ActorRef<Order> {
    let batches = batches.clone();
    handle.spawn(props, move || Gatherer::new(&batches)).unwrap()
}

#[test]
fn a_run_of_messages_is_one_batch_and_others_end_it() {
    let mut host = host();
    let (mine, others) = (Batches::default(), Batches::default());
    let one = spawn(&host.handle(), Props::on(On::Worker(0)), &mine);
    let other = spawn(&host.handle(), Props::on(On::Worker(0)), &others);
    let orders = [(one, 1), (one, 2), (one, 3), (other, 4), (other, 5), (one, 6)];
    send_together(&mut host, orders.map(|(to, number)| (to, Order::Note(number))).into());
    assert_eq!(*mine.lock(), [vec![1, 2, 3], vec![6]]);
    assert_eq!(*others.lock(), [vec![4, 5]]);
}

#[test]
fn a_private_mailbox_gives_batches_too() {
    let mut host = host();
    let batches = Batches::default();
    let mailbox = MailboxSpec::bounded(NonZeroUsize::new(64).unwrap()).overflow(Overflow::Reject);
    let actor = spawn(&host.handle(), Props::on(On::Worker(0)).mailbox(mailbox), &batches);
    send_together(&mut host, (0..40).map(|number| (actor, Order::Note(number))).collect());
    assert_eq!(batches.lock().concat(), (0..40).collect::<Vec<_>>());
    assert!(batches.lock().len() <= 2, "{:?}", batches.lock());
}

#[test]
fn end_of_batch_knows_what_waits_in_a_private_mailbox() {
    let mut host = host();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = ends.clone();
    let mailbox = MailboxSpec::bounded(NonZeroUsize::new(64).unwrap());
    let actor = host.handle().spawn(Props::on(On::Worker(0)).mailbox(mailbox), move || {
        let seen = seen.clone();
        from_fn(move |_: u64, ctx| seen.lock().push(ctx.end_of_batch()))
    });
    let actor = actor.unwrap();
    let sender = host.handle().spawn(On::Worker(0), move || {
        from_fn(move |count: u64, ctx| {
            for number in 0..count {
                ctx.tell(actor, number);
            }
        })
    });
    host.handle().tell(sender.unwrap(), 4);
    settle(&mut host);
    assert_eq!(*ends.lock(), [false, false, false, true]);
}

#[test]
fn what_is_left_of_a_batch_is_the_next_one() {
    let mut host = host();
    let batches = Batches::default();
    let actor = spawn(&host.handle(), Props::on(On::Worker(0)), &batches);
    let orders = [Order::Note(1), Order::Leave(2), Order::Note(3), Order::Leave(4), Order::Leave(5)];
    send_together(&mut host, orders.map(|order| (actor, order)).into());
    assert_eq!(*batches.lock(), [vec![1, 2], vec![3, 4], vec![5]]);
}

#[test]
fn a_slice_ends_a_batch() {
    let mut host = Engine::builder().unpinned_workers(1).configure(|config| config.turn_budget = 10).host().unwrap();
    let batches = Batches::default();
    let actor = spawn(&host.handle(), Props::on(On::Worker(0)), &batches);
    send_together(&mut host, (0..25).map(|number| (actor, Order::Note(number))).collect());
    let batches = batches.lock();
    assert_eq!(batches.concat(), (0..25).collect::<Vec<_>>());
    assert!(batches.len() >= 3 && batches.iter().all(|batch| batch.len() <= 10), "{batches:?}");
}

/// Hands each message to another actor alone.
struct OneByOne(Gatherer);

impl Actor for OneByOne {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        self.0.handle_batch(order, Batch::none(ctx));
    }
}

#[test]
fn what_stands_around_an_actor_can_give_it_batches_of_one() {
    let mut host = host();
    let (handle, batches) = (host.handle(), Batches::default());
    let gathers = batches.clone();
    let restart = Restart::up_to(3, Duration::from_secs(60));
    let make = move || OneByOne(Gatherer::new(&gathers));
    let actor = handle.spawn(Props::on(On::Worker(0)).restart(restart), make).unwrap();
    settle(&mut host);
    let orders = [Order::Note(1), Order::Note(2), Order::Panic, Order::Note(3), Order::StopSelf, Order::Note(4)];
    send_together(&mut host, orders.into_iter().map(|order| (actor, order)).collect());
    settle(&mut host);
    // The two empty ones are that of the panic and that of the stop, which ends the run at once.
    assert_eq!(*batches.lock(), [vec![1], vec![2], vec![], vec![3], vec![]]);
    let dead = host.stats().dead_letters();
    assert_eq!((dead.get(DeadLetterReason::Panicked), dead.get(DeadLetterReason::Stopped)), (1, 1));
}

/// It costs the others no turn: the worker goes on where it was.
#[test]
fn a_batch_of_one_ends_no_slice() {
    let mut host = host();
    let (handle, batches) = (host.handle(), Batches::default());
    let gathers = batches.clone();
    let actor = handle.spawn(On::Worker(0), move || OneByOne(Gatherer::new(&gathers))).unwrap();
    settle(&mut host);
    let turns = |host: &mut Host| host.stats().workers[0].turns;
    send_together(&mut host, (0..100).map(|number| (actor, Order::Note(number))).collect());
    let before = turns(&mut host);
    settle(&mut host);
    assert_eq!(batches.lock().len(), 100);
    let took = turns(&mut host) - before;
    assert!(took < 10, "{took} turns for a hundred messages");
}

#[test]
fn a_panic_loses_the_message_in_hand_and_no_other() {
    let mut host = host();
    let batches = Batches::default();
    let restart = Restart::up_to(3, Duration::from_secs(60));
    let actor = spawn(&host.handle(), Props::on(On::Worker(0)).restart(restart), &batches);
    let orders = [Order::Note(1), Order::Panic, Order::Note(2), Order::Note(3)];
    send_together(&mut host, orders.map(|order| (actor, order)).into());
    assert_eq!(batches.lock().concat(), [1, 2, 3]);
    let dead = host.stats().dead_letters();
    assert_eq!((dead.get(DeadLetterReason::Panicked), dead.total()), (1, 1));
}

#[test]
fn an_actor_that_stops_itself_gets_no_more_of_its_batch() {
    let mut host = host();
    let batches = Batches::default();
    let actor = spawn(&host.handle(), Props::on(On::Worker(0)), &batches);
    let orders = [Order::Note(1), Order::StopSelf, Order::Note(2), Order::Note(3)];
    send_together(&mut host, orders.map(|order| (actor, order)).into());
    assert_eq!(batches.lock().concat(), [1]);
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Stopped), 2);
}

#[test]
fn across_workers_every_message_comes_once_and_in_order() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let batches = Batches::default();
    let actor = spawn(&handle, Props::on(On::Worker(1)), &batches);
    let sender = handle.spawn(On::Worker(0), move || {
        from_fn(move |first: u64, ctx| {
            for number in first..first + 100 {
                ctx.tell(actor, Order::Note(number));
            }
        })
    });
    let sender = sender.unwrap();
    for first in (0..10_000).step_by(100) {
        handle.tell_within(PATIENCE, sender, first).unwrap();
    }
    support::wait_until("all have come", || {
        handle.ask(actor, Order::Ask).wait(PATIENCE).is_ok_and(|noted| noted == 10_000)
    });
    assert_eq!(batches.lock().concat(), (0..10_000).collect::<Vec<_>>());
    engine.shutdown(PATIENCE).unwrap();
}

/// A port publishes each message that it is told by itself; those that wait are one batch all the same.
#[test]
fn messages_that_were_published_one_by_one_are_one_batch() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let handle = engine.handle();
    let batches = Batches::default();
    let actor = spawn(&handle, Props::on(On::Worker(0)), &batches);
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let blocker = handle.spawn(On::Worker(0), move || {
        let held = held.clone();
        from_fn(move |(), _ctx| held.lock().recv().unwrap())
    });
    let mut port = handle.port().unwrap();
    port.tell(blocker.unwrap(), ());
    for number in 0..20 {
        port.tell(actor, Order::Note(number));
    }
    hold.send(()).unwrap();
    support::wait_until("all have come", || batches.lock().concat().len() == 20);
    assert_eq!(batches.lock().concat(), (0..20).collect::<Vec<_>>());
    assert_eq!(batches.lock().len(), 1, "{:?}", batches.lock());
    drop(port);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn in_simulation_with_panics_and_stops_all_are_accounted_for() {
    let faults = Faults::none().panics(60).panics_after(90).refusals(20);
    explore_with(
        40,
        |builder| builder.faults(faults),
        |sim| {
            let batches = Batches::default();
            let mailbox = MailboxSpec::bounded(NonZeroUsize::new(32).unwrap());
            let restart = Restart::up_to(u32::MAX, Duration::from_secs(60));
            let handle = sim.handle();
            let plain = spawn(&handle, Props::on(On::Worker(0)).restart(restart), &batches);
            let private = spawn(&handle, Props::on(On::Worker(1)).restart(restart).mailbox(mailbox), &batches);
            let sender = handle.spawn(On::Worker(0), move || {
                from_fn(move |first: u64, ctx| {
                    for number in first..first + 20 {
                        ctx.tell(if number % 2 == 0 { plain } else { private }, Order::Note(number));
                    }
                })
            });
            let sender = sender.unwrap();
            sim.spare(sender);
            for first in (0..400).step_by(20) {
                handle.tell(sender, first);
            }
            sim.run_until_idle().unwrap();
            handle.stop(plain, Stop::Now).unwrap();
            sim.run_until_idle().unwrap();
            // A panic after a message has been handled reports it too, though it came.
            let injected = sim.injected();
            let stats = sim.stats();
            let came = batches.lock().concat();
            let dead = stats.dead_letters().total();
            assert_eq!(came.len() as u64 + dead - injected.panics_after, 400, "{came:?} {injected:?}");
            let mut once = came.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), came.len(), "one came twice");
            for parity in 0..2 {
                assert!(came.iter().filter(|number| *number % 2 == parity).is_sorted());
            }
        },
    );
}

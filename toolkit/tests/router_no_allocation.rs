//! Routers, groups and topics allocate nothing for a message in the steady state. A global allocator counts what all
//! threads of the process allocate while a test measures.

#[path = "common/allocations.rs"]
mod allocations;

#[path = "common/router.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use allocations::allocations_of_all;
use common::{PATIENCE, eventually};
use hippodrome::{Actor, AskError, Context, Engine, Handle, On, Reply, from_fn};
use hippodrome_toolkit::group::{Group, Publisher};
use hippodrome_toolkit::router::{ConsistentHashing, LeastLoaded, Pool, Random, RoundRobin, Router, Strategy};
use hippodrome_toolkit::topic::Topic;

const MESSAGES: u64 = 200;

/// What workers have handled, of anything.
type Handled = Arc<AtomicU64>;

/// A message that may be asked with.
enum Work {
    Count,
    Answer(Reply<u64>),
}

fn worker(handled: Handled) -> impl Actor<Msg = Work> {
    from_fn(move |work: Work, ctx: &mut Context<'_, Work>| match work {
        Work::Count => {
            handled.fetch_add(1, Ordering::Relaxed);
        }
        Work::Answer(reply) => reply.send(ctx, 1),
    })
}

/// Sends in every way that there is.
struct Sender<S> {
    router: Router<Work, S>,
    publisher: Publisher<u64>,
    topic: Topic<u64>,
    handled: Handled,
}

enum Order {
    Send,
    Answered(Result<u64, AskError>),
}

impl<S: Strategy<Work> + 'static> Actor for Sender<S> {
    type Msg = Order;

    fn handle(&mut self, order: Order, ctx: &mut Context<'_, Order>) {
        match order {
            Order::Send => {
                for number in 0..MESSAGES {
                    self.router.tell(ctx, Work::Count);
                    assert!(self.router.try_tell(ctx, Work::Count).is_ok());
                    self.router.ask_first(ctx, PATIENCE, Work::Answer, Order::Answered);
                    assert_eq!(self.publisher.publish(ctx, number), 2);
                }
                assert!(self.topic.publish(ctx, 1));
            }
            Order::Answered(answer) => {
                self.handled.fetch_add(answer.unwrap_or(0), Ordering::Relaxed);
            }
        }
    }
}

/// What one order brings about: two tells, an answer and two published messages each time, and an event for two.
const PER_ORDER: u64 = 5 * MESSAGES + 2;

/// One test, since the count is of the whole process: the harness allocates when a test ends.
#[test]
fn no_message_allocates_in_the_steady_state() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    // A strategy of each kind, over a pool on both workers.
    steady(&handle, "round robin", RoundRobin::default());
    steady(&handle, "random", Random::default());
    steady(&handle, "least loaded", LeastLoaded::default());
    steady(&handle, "consistent hashing", ConsistentHashing::by(|_: &Work| 7));
    engine.shutdown(PATIENCE).unwrap();
}

/// Members of the group and of the topic.
fn spawn_listeners(handle: &Handle, group: &Group<u64>, topic: Topic<u64>, handled: &Handled) {
    for worker in 0..2 {
        let handled = handled.clone();
        let listener = handle.spawn(On::Worker(worker), move || Listener { topic, handled: handled.clone() }).unwrap();
        assert!(group.join(&mut &*handle, listener));
    }
}

struct Listener {
    topic: Topic<u64>,
    handled: Handled,
}

impl Actor for Listener {
    type Msg = u64;

    fn started(&mut self, ctx: &mut Context<'_, u64>) {
        self.topic.subscribe(ctx, |event| Some(*event));
    }

    fn handle(&mut self, _: u64, _: &mut Context<'_, u64>) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }
}

fn steady<S: Strategy<Work> + Send + 'static>(handle: &Handle, name: &'static str, strategy: S) {
    let (handled, topic) = (Handled::default(), Topic::named(name));
    let group = Group::spawn(handle, On::Worker(0)).unwrap();
    spawn_listeners(handle, &group, topic, &handled);
    let works = handled.clone();
    let pool = Pool::of(4, strategy).spawn(handle, move || worker(works.clone())).unwrap();
    assert_eq!(pool.ready(handle).wait(Duration::from_secs(30)), Ok(4));
    let (router, publisher, answers) = (pool.router(), group.publisher(), handled.clone());
    let sender = handle.spawn(On::Worker(0), move || {
        let (router, publisher) = (router.clone(), publisher.clone());
        Sender { router, publisher, topic, handled: answers.clone() }
    });
    let sender = sender.unwrap();
    let round = || {
        let before = handled.load(Ordering::Relaxed);
        handle.tell(sender, Order::Send);
        eventually("all was handled", || handled.load(Ordering::Relaxed) == before + PER_ORDER);
    };
    (0..5).for_each(|_| round());
    // What a message costs, it costs in every round; what a thread needs once is no part of the steady state.
    let mut counted = Vec::with_capacity(10);
    while counted.last() != Some(&0) {
        assert!(counted.len() < 10, "{name} allocates, in 3 rounds each time: {counted:?}");
        counted.push(allocations_of_all(|| (0..3).for_each(|_| round())));
    }
}

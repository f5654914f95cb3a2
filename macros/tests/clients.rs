//! What `#[hippodrome::actor]` promises, on real workers and in simulations.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use hippodrome::sim::{Faults, explore, explore_with};
use hippodrome::{
    ActorRef, AskError, Context, DeadLetterReason, Engine, On, Outside, Props, Reply, Restart, Stop, Tell, from_fn,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Counter {
    total: u64,
    asked: Cell<u64>,
}

impl Counter {
    fn new() -> Self {
        Self { total: 0, asked: Cell::new(0) }
    }
}

#[hippodrome::actor]
impl Counter {
    /// Adds to the total.
    fn add(&mut self, n: u64) {
        assert_ne!(n, 13, "an unlucky number");
        self.total += n;
    }

    /// What was added so far.
    fn total(&self) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.total
    }

    /// Two arguments, a context, and a result.
    fn add_and_double(&mut self, ctx: &mut Context<'_, CounterMsg>, n: u64, mut by: u64) -> Result<u64, String> {
        by += 1;
        assert_eq!(ctx.worker(), 1);
        self.total += n;
        if by > 9 { Err(format!("{by} is too much")) } else { Ok(2 * self.total * by) }
    }

    fn never_answers(&self, reply: Reply<u64>) {
        drop(reply);
    }
}

#[test]
fn a_client_tells_and_asks_from_outside() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let mut port = handle.port().unwrap();
    let counter = CounterClient::from(handle.spawn(On::Worker(1), Counter::new).unwrap());
    counter.add(&handle, 2);
    assert_eq!(counter.total(&handle).wait(PATIENCE), Ok(2));
    counter.add(&mut port, 3);
    assert_eq!(counter.total(&mut port).wait(PATIENCE), Ok(5));
    assert_eq!(counter.add_and_double(&mut port, 1, 0).wait(PATIENCE), Ok(Ok(12)));
    assert_eq!(counter.total(&mut port).wait(PATIENCE), Ok(6));
    assert_eq!(counter.add_and_double(&handle, 0, 9).wait(PATIENCE), Ok(Err("10 is too much".to_owned())));
    assert_eq!(counter.never_answers(&handle).wait(PATIENCE), Err(AskError::Unanswered));

    let stopped = handle.watch(counter).unwrap();
    handle.stop(counter, Stop::Now).unwrap();
    stopped.wait(PATIENCE).unwrap();
    assert_eq!(counter.total(&handle).wait(PATIENCE), Err(AskError::Unanswered));
    drop(port);
    engine.shutdown(PATIENCE).unwrap();
}

/// Asks a counter from a handler.
struct Asker {
    counter: CounterClient,
    answers: ActorRef<Result<u64, AskError>>,
}

#[hippodrome::actor(message = Asked, client = Asks)]
impl Asker {
    fn ask(&mut self, ctx: &mut Context<'_, Asked>, n: u64) {
        self.counter.add(&mut *ctx, n);
        self.counter.total_then(ctx, |total| Asked::Came { total });
    }

    fn ask_in_vain(&mut self, ctx: &mut Context<'_, Asked>) {
        self.counter.never_answers_then(ctx, |total| Asked::Came { total });
    }

    fn came(&mut self, total: Result<u64, AskError>, ctx: &mut Context<'_, Asked>) {
        ctx.tell(self.answers, total);
    }
}

#[test]
fn a_client_asks_from_a_handler() {
    explore(200, |sim| {
        let probe = sim.probe();
        let (handle, answers) = (sim.handle(), probe.actor());
        let counter = CounterClient::from(handle.spawn(On::RoundRobin, Counter::new).unwrap());
        let asker = Asks::from(handle.spawn(On::RoundRobin, move || Asker { counter, answers }).unwrap());
        asker.ask(&handle, 2);
        asker.ask(&handle, 3);
        asker.ask_in_vain(&handle);
        // The tell in front of each ask has arrived before it.
        assert_eq!(probe.expect(sim), Ok(2));
        assert_eq!(probe.expect(sim), Ok(5));
        assert_eq!(probe.expect(sim), Err(AskError::Unanswered));
        probe.expect_none(sim);
    });
}

/// Anybody's way to send: code that is generic over it.
fn send_all(mut send: impl FnMut(u64)) {
    (0..100).for_each(&mut send);
}

/// Checks that numbers come in order from each of the senders.
struct InOrder {
    next: [u64; 3],
    done: mpsc::Sender<[u64; 3]>,
}

#[hippodrome::actor]
impl InOrder {
    fn number(&mut self, sender: usize, n: u64) {
        assert_eq!(self.next[sender], n);
        self.next[sender] += 1;
        if self.next == [100; 3] {
            self.done.send(self.next).unwrap();
        }
    }
}

struct Source(InOrderClient);

#[hippodrome::actor]
impl Source {
    #[started]
    fn begin(&self, ctx: &mut Context<'_, SourceMsg>) {
        send_all(|n| self.0.number(&mut *ctx, 2, n));
    }

    fn unused(&self) {}
}

#[test]
fn the_messages_of_each_sender_arrive_in_the_order_sent() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let (done, is_done) = mpsc::channel();
    let checker = handle.spawn(On::Worker(0), move || InOrder { next: [0; 3], done: done.clone() });
    let checker = InOrderClient::from(checker.unwrap());
    handle.spawn(On::Worker(1), move || Source(checker)).unwrap();
    send_all(|n| checker.number(&handle, 0, n));
    let mut port = handle.port().unwrap();
    send_all(|n| checker.number(&mut port, 1, n));
    assert_eq!(is_done.recv_timeout(PATIENCE), Ok([100; 3]));
    drop(port);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_panic_is_the_actors_and_loses_one_message() {
    explore(100, |sim| {
        let handle = sim.handle();
        let props = Props::on(On::Worker(1)).restart(Restart::up_to(1000, PATIENCE));
        let counter = CounterClient::from(handle.spawn(props, Counter::new).unwrap());
        counter.add(&handle, 2);
        counter.add(&handle, 13);
        counter.add(&handle, 3);
        assert_eq!(sim.wait(counter.total(&handle), PATIENCE), Ok(3));
        assert_eq!(sim.stats().workers[1].dead_letters.get(DeadLetterReason::Panicked), 1);
    });
}

#[test]
fn an_actor_on_a_real_worker_survives_its_panic() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(1, PATIENCE));
    let counter = CounterClient::from(handle.spawn(props, Counter::new).unwrap());
    counter.add(&handle, 2);
    counter.add(&handle, 13);
    counter.add(&handle, 3);
    assert_eq!(counter.total(&handle).wait(PATIENCE), Ok(3));
    engine.shutdown(PATIENCE).unwrap();
}

/// What was handled, whoever was it that handled it.
struct Tally(Arc<AtomicU64>);

#[hippodrome::actor]
impl Tally {
    fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn every_message_is_handled_or_a_dead_letter() {
    explore_with(
        300,
        |builder| builder.faults(Faults::chaos()),
        |sim| {
            let handle = sim.handle();
            let handled = Arc::new(AtomicU64::new(0));
            let counts = handled.clone();
            let props = Props::on(On::Worker(1)).restart(Restart::up_to(1000, PATIENCE));
            let tally = TallyClient::from(handle.spawn(props, move || Tally(counts.clone())).unwrap());
            for _ in 0..20 {
                tally.one(&handle);
                sim.run_for_steps(3);
            }
            sim.shutdown().unwrap();
            let (stats, injected) = (sim.stats(), sim.injected());
            let letters = stats.outside_dead_letters.total()
                + stats.workers.iter().map(|worker| worker.dead_letters.total()).sum::<u64>();
            // One that panicked afterwards was handled, and is reported too.
            assert_eq!(handled.load(Ordering::Relaxed) + letters - injected.panics_after, 20);
        },
    );
}

/// Notes when it starts and stops.
struct Lived(mpsc::Sender<&'static str>);

#[hippodrome::actor]
impl Lived {
    #[started]
    fn begin(&mut self) {
        self.0.send("started").unwrap();
    }

    #[stopped]
    fn end(&self, ctx: &mut Context<'_, LivedMsg>) {
        assert_eq!(ctx.worker(), 0);
        self.0.send("stopped").unwrap();
    }

    fn note(&self, what: &'static str) {
        self.note_inside(what);
    }

    #[skip]
    fn note_inside(&self, what: &'static str) {
        self.0.send(what).unwrap();
    }
}

#[test]
fn marked_methods_are_called_at_the_start_and_the_end() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let (noted, notes) = mpsc::channel();
    let lived = LivedClient::from(engine.handle().spawn(On::Worker(0), move || Lived(noted.clone())).unwrap());
    lived.note(&engine.handle(), "lived");
    engine.shutdown(PATIENCE).unwrap();
    assert_eq!(notes.iter().collect::<Vec<_>>(), ["started", "lived", "stopped"]);
}

/// Generic in what it stores, and in what it does with it, of which no message knows.
struct Store<T, F> {
    value: T,
    change: F,
}

#[hippodrome::actor]
impl<T, F> Store<T, F>
where
    T: Clone + Send + 'static,
    F: Fn(T) -> T + 'static,
{
    fn put(&mut self, value: T) {
        self.value = (self.change)(value);
    }

    fn get(&self) -> T {
        self.value.clone()
    }

    #[cfg(not(test))]
    fn absent(&self, nowhere: Nowhere) {}
}

/// Puts and gets from anywhere outside.
fn swap<T: Clone + Send + 'static>(handle: &hippodrome::Handle, store: StoreClient<T>, value: T) -> hippodrome::Ask<T> {
    store.put(handle, value);
    store.get(handle)
}

#[test]
fn an_actor_may_have_type_parameters() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let handle = engine.handle();
    let shout = |text: String| text.to_uppercase();
    let store = handle.spawn(On::Worker(0), move || Store { value: String::new(), change: shout }).unwrap();
    let client = StoreClient::from(store);
    assert_eq!(swap(&handle, client, "up".to_owned()).wait(PATIENCE).unwrap(), "UP");
    assert_eq!(client, StoreClient::from(client.actor()));
    assert!(format!("{client:?}").starts_with("StoreClient("));
    engine.shutdown(PATIENCE).unwrap();
}

/// What only this file knows of.
#[derive(Debug, PartialEq)]
struct Secret(u64);

/// Known to everybody, though its methods are not, nor what they take.
#[derive(Debug)]
pub struct Safe(Option<Secret>);

#[hippodrome::actor]
impl Safe {
    fn put(&mut self, secret: Secret) {
        self.0 = Some(secret);
    }

    fn take(&mut self) -> Option<Secret> {
        self.0.take()
    }
}

#[test]
fn an_actor_may_be_more_visible_than_its_messages() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let handle = engine.handle();
    let safe = SafeClient::from(handle.spawn(On::Worker(0), || Safe(None)).unwrap());
    safe.put(&handle, Secret(7));
    assert_eq!(safe.take(&handle).wait(PATIENCE), Ok(Some(Secret(7))));
    engine.shutdown(PATIENCE).unwrap();
}

/// A module whose types others use, without comments of its own.
mod visible {
    #![deny(unreachable_pub, clippy::all, clippy::pedantic, warnings)]
    #![expect(clippy::unused_self, reason = "the methods do little")]

    pub(crate) struct Add(u64);

    #[hippodrome::actor(crate = ::hippodrome)]
    impl Add {
        pub(crate) const fn new() -> Self {
            Self(0)
        }

        pub(crate) fn add(&mut self, sender: u64, ctx: u64, map: u64, answer: u64) -> u64 {
            self.0 += sender + ctx + map + answer;
            self.0
        }

        // Called as those of the engine, and as a keyword.
        pub(crate) fn handle(&self) {}

        pub(crate) fn started(&mut self) {}

        pub(crate) fn r#type(&self) -> &'static str {
            "Add"
        }

        fn private(&self, call: fn(&u64) -> &u64, _two: Box<dyn Fn(&str) -> u64 + Send>) {
            let _ = call(&self.0);
        }
    }
}

#[test]
fn names_do_not_meet_those_of_the_expansion() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let handle = engine.handle();
    let add = visible::AddClient::from(handle.spawn(On::Worker(0), visible::Add::new).unwrap());
    add.handle(&handle);
    add.started(&handle);
    assert_eq!(add.r#type(&handle).wait(PATIENCE), Ok("Add"));
    assert_eq!(add.add(&handle, 1, 2, 3, 4).wait(PATIENCE), Ok(10));
    handle.tell(add.actor(), visible::AddMsg::Handle);
    engine.shutdown(PATIENCE).unwrap();
}

/// Tells by whatever it is given, and asks by what can wait.
fn by(mut sender: impl Tell, counter: ActorRef<CounterMsg>) {
    sender.try_tell(counter, CounterMsg::Add { n: 1 }).unwrap();
}

fn ask_by(mut asker: impl Outside, counter: ActorRef<CounterMsg>) -> u64 {
    asker.ask(counter, |reply| CounterMsg::Total { reply }).wait(PATIENCE).unwrap()
}

#[test]
fn generic_code_tells_and_asks_by_any_sender() {
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let handle = engine.handle();
    let counter = handle.spawn(On::Worker(0), Counter::new).unwrap();
    let mut port = handle.port().unwrap();
    by(&handle, counter);
    assert_eq!(ask_by(&handle, counter), 1);
    by(&mut port, counter);
    assert_eq!(ask_by(&mut port, counter), 2);
    drop(port);
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn generic_code_tells_from_a_handler() {
    explore(50, |sim| {
        let handle = sim.handle();
        let counter = handle.spawn(On::Worker(0), Counter::new).unwrap();
        let teller = handle.spawn(On::RoundRobin, move || {
            from_fn(move |times: u64, ctx| {
                by(&mut *ctx, counter);
                if times > 1 {
                    by(ctx, counter);
                }
            })
        });
        handle.tell(teller.unwrap(), 2);
        sim.run_until_idle().unwrap();
        assert_eq!(sim.wait(handle.ask(counter, |reply| CounterMsg::Total { reply }), PATIENCE), Ok(2));
    });
}

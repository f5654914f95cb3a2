//! A board between actors, with all that can happen to its reader: no key is forgotten, and each value is taken or
//! conflated once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hippodrome::sim::{Faults, Sim, explore_with};
use hippodrome::{Actor, ActorRef, Context, Engine, Handle, MailboxSpec, On, Props, Reply, Restart};
use hippodrome_toolkit::latest::{self, Board, BoardReader, BoardRef, BoardWriteError, NotTold, Notice, Replaced};

const PATIENCE: Duration = Duration::from_secs(60);

const KEYS: usize = 130;

/// A value that knows its key and when it was written; no two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Quote {
    key: usize,
    number: u64,
}

/// What was seen of each key, over all lives of the reader.
#[derive(Debug, Default)]
struct Seen {
    taken: BTreeSet<Quote>,
    last: Vec<Option<Quote>>,
}

impl Seen {
    /// Notes a value, and that it belongs where it was found.
    fn note(&mut self, key: usize, quote: Quote) {
        assert_eq!(quote.key, key);
        self.last.resize(KEYS, None);
        self.last[key] = Some(quote);
        self.taken.insert(quote);
    }
}

struct Strategy {
    board: BoardReader<Quote>,
    seen: Arc<Mutex<Seen>>,
    /// Once in so many values it panics when it has seen one; never if 0.
    panics: u64,
}

enum Trade {
    Quotes(Notice),
    Ping(Reply<()>),
}

impl Actor for Strategy {
    type Msg = Trade;

    fn started(&mut self, _: &mut Context<'_, Trade>) {
        let mut seen = self.seen.lock().unwrap();
        self.board.newest(|key, quote| seen.note(key, *quote));
    }

    fn handle(&mut self, msg: Trade, ctx: &mut Context<'_, Trade>) {
        match msg {
            Trade::Quotes(notice) => {
                let Self { board, seen, panics } = self;
                board.take(notice, |key, quote| {
                    seen.lock().unwrap().note(key, *quote);
                    if *panics > 0 && ctx.random().is_multiple_of(*panics) {
                        std::panic::resume_unwind(Box::new("on purpose"));
                    }
                });
            }
            Trade::Ping(reply) => reply.send(ctx, ()),
        }
    }
}

struct Feed(BoardRef<Quote, Trade>);

enum Feeding {
    Quote(Quote),
    Conflated(Reply<u64>),
}

impl Actor for Feed {
    type Msg = Feeding;

    fn handle(&mut self, msg: Feeding, ctx: &mut Context<'_, Feeding>) {
        match msg {
            // One that is refused is told of by the next.
            Feeding::Quote(quote) => _ = self.0.write(ctx, quote.key, quote),
            Feeding::Conflated(reply) => reply.send(ctx, self.0.conflated()),
        }
    }
}

/// The board's reader, what it saw, its end for later, and a feed on each worker.
struct Set {
    feeds: Vec<ActorRef<Feeding>>,
    own: BoardRef<Quote, Trade>,
    strategy: ActorRef<Trade>,
    seen: Arc<Mutex<Seen>>,
    home: Arc<Board<Quote>>,
}

fn set(handle: &Handle, props: Props<Trade>, panics: u64) -> Set {
    let (mut writers, home) = latest::board(KEYS, 3).unwrap();
    let (home, seen) = (Arc::new(home), Arc::<Mutex<Seen>>::default());
    let strategy = handle.spawn(props, {
        let (home, seen) = (home.clone(), seen.clone());
        move || Strategy { board: home.reader().unwrap(), seen: seen.clone(), panics }
    });
    let strategy = strategy.unwrap();
    let mut writers = writers.drain(..).map(|writer| BoardRef::new(writer, strategy, Trade::Quotes));
    let own = writers.next().unwrap();
    let feeds = (0..).zip(writers).map(|(worker, writer)| {
        let mut writer = Some(writer);
        handle.spawn(On::Worker(worker), move || Feed(writer.take().expect("it is not restarted"))).unwrap()
    });
    Set { feeds: feeds.collect(), own, strategy, seen, home }
}

const PATIENT: Restart = Restart::up_to(u32::MAX, Duration::from_secs(1));

/// Writes by feeds and from outside, among faults; then each key once more, among none.
fn quotes_among_faults(sim: &mut Sim, props: Props<Trade>) {
    let mut handle = sim.handle();
    let Set { feeds, mut own, seen, home, .. } = set(&handle, props, 50);
    feeds.iter().for_each(|feed| sim.spare(*feed));
    let (mut number, mut lost) = (0, 0);
    let mut quote = |key| {
        number += 1;
        Quote { key, number }
    };
    for round in 0..300 {
        let quote = quote((round * 37) % KEYS);
        match round % 3 {
            2 => _ = own.write(&mut handle, quote.key, quote),
            // The feed's ring may be full.
            feed => lost += u64::from(handle.try_tell(feeds[feed], Feeding::Quote(quote)).is_err()),
        }
        sim.run_for_steps(round as u64 % 7);
    }
    sim.set_faults(Faults::none());
    sim.advance(Duration::from_secs(1)).unwrap();
    for key in 0..KEYS {
        // The reader may have stopped.
        let _ = own.write(&mut handle, key, quote(key));
        sim.run_until_idle().unwrap();
    }
    sim.advance(Duration::from_secs(1)).unwrap();
    let mut conflated = own.conflated();
    for feed in feeds {
        conflated += sim.ask(feed, Feeding::Conflated).unwrap();
    }
    let mut seen = seen.lock().unwrap();
    // If it has stopped, what it left is as good.
    if let Some(mut left) = home.reader() {
        left.newest(|key, quote| seen.note(key, *quote));
    }
    let buried: u64 = sim.stats().dead_letters().total();
    let newest: Vec<_> = seen.last.iter().map(|quote| quote.map(|quote| quote.number)).collect();
    let all = number;
    assert_eq!(newest, (1..=KEYS as u64).map(|key| Some(all - KEYS as u64 + key)).collect::<Vec<_>>());
    let accounted = seen.taken.len() as u64 + conflated + lost;
    assert!(accounted <= all && all <= accounted + buried, "{all} written, {accounted} taken, conflated or not sent");
}

#[test]
fn no_key_is_forgotten_among_panics_stops_and_full_rings() {
    explore_with(
        150,
        |builder| builder.faults(Faults::chaos()),
        |sim| quotes_among_faults(sim, Props::on(On::Worker(1)).restart(PATIENT)),
    );
}

#[test]
fn no_key_is_forgotten_behind_a_mailbox_that_refuses() {
    explore_with(
        100,
        |builder| builder.faults(Faults::chaos().stops(0)),
        |sim| {
            let mailbox = MailboxSpec::bounded(2.try_into().unwrap());
            quotes_among_faults(sim, Props::on(On::Worker(1)).restart(PATIENT).mailbox(mailbox));
        },
    );
}

#[test]
fn all_keys_that_are_written_before_the_readers_turn_come_by_one_message_in_order() {
    let mut sim = Sim::new(1);
    let mut handle = sim.handle();
    let Set { mut own, seen, strategy, .. } = set(&handle, Props::on(On::Worker(1)), 0);
    sim.run_until_idle().unwrap();
    let before = sim.stats().handled();
    for number in 0..3 {
        for key in (0..KEYS).rev() {
            let replaced = own.write(&mut handle, key, Quote { key, number }).unwrap();
            assert_eq!(replaced.is_unread(), number > 0);
        }
    }
    sim.run_until_idle().unwrap();
    assert_eq!(sim.stats().handled() - before, 1);
    let last = seen.lock().unwrap().last.clone();
    assert_eq!(last, (0..KEYS).map(|key| Some(Quote { key, number: 2 })).collect::<Vec<_>>());
    assert_eq!(own.conflated(), 2 * KEYS as u64);
    assert_eq!(sim.ask(strategy, Trade::Ping), Ok(()));
}

#[test]
fn errors_say_what_went_wrong() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let mut handle = engine.handle();
    let Set { mut own, home, .. } = set(&handle, Props::on(On::Worker(0)), 0);
    let quote = Quote { key: 0, number: 1 };
    let error = own.write(&mut handle, KEYS, quote).unwrap_err();
    assert_eq!(error, BoardWriteError::NoSuchKey { key: KEYS, keys: KEYS, value: quote });
    assert_eq!(error.to_string(), "key 130: the board has 130 keys, from 0 on");
    assert_eq!(own.write(&mut handle, 0, quote), Ok(Replaced::Nothing));
    engine.shutdown(PATIENCE).unwrap();
    let quote = Quote { key: 1, number: 2 };
    let error = own.write(&mut handle, 1, quote).unwrap_err();
    assert_eq!(error, BoardWriteError::NotTold(NotTold::Stopped));
    assert_eq!(error.to_string(), "the value is written, and the actor is not told: it has stopped");
    assert_eq!(own.remind(&mut handle), Err(NotTold::Stopped));
    let mut reader = home.reader().unwrap();
    assert_eq!(reader.newest(|_, _| ()), 2);
    assert_eq!((reader.last(1), reader.last(2)), (Some(&quote), None));
}

#[test]
fn on_real_workers_with_a_reader_that_panics_each_value_is_taken_or_conflated() {
    const EACH: u64 = 20_000;
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let Set { feeds, mut own, strategy, seen, home } = set(&handle, Props::on(On::Worker(1)).restart(PATIENT), 1_000);
    // Numbers are three times the count, and who writes.
    let quote = |count: u64, who: u64| Quote { key: (count * 31 + who) as usize % KEYS, number: count * 3 + who };
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut port = handle.port().unwrap();
            for count in 0..EACH {
                let quote = quote(count, 2);
                _ = own.write(&mut port, quote.key, quote);
            }
            while own.remind(&mut port).is_err() {}
        });
        for (who, feed) in (0..).zip(&feeds) {
            let quotes = (0..EACH).map(|count| Feeding::Quote(quote(count, who)));
            assert_eq!(handle.tell_batch(PATIENCE, *feed, quotes), EACH as usize);
        }
    });
    let mut conflated = own.conflated();
    for feed in feeds {
        conflated += handle.ask(feed, Feeding::Conflated).wait(PATIENCE).unwrap();
    }
    handle.ask(strategy, Trade::Ping).wait(PATIENCE).unwrap();
    engine.shutdown(PATIENCE).unwrap();
    let mut seen = seen.lock().unwrap();
    home.reader().unwrap().newest(|key, quote| seen.note(key, *quote));
    assert_eq!(seen.taken.len() as u64 + conflated, 3 * EACH);
    // The newest of a key is the last that somebody wrote there.
    for quote in seen.last.iter().flatten() {
        assert!(quote.number / 3 + KEYS as u64 >= EACH, "{quote:?}");
    }
}

//! The latest value between actors: one message for many writes, the newest once, and nothing that happens to a message
//! or to the reader leaves it deaf.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::sim::{Sim, explore};
use hippodrome::{
    Actor, ActorRef, Context, DeadLetterReason, Engine, Handle, MailboxSpec, On, Props, Reply, Restart, Stop, from_fn,
};
use hippodrome_toolkit::latest::{self, Latest, LatestError, LatestReader, LatestRef, LatestWriter, NotTold, Notice};

const PATIENCE: Duration = Duration::from_secs(60);

const PATIENT: Restart = Restart::up_to(u32::MAX, Duration::from_secs(1));

/// What a reader has seen, over all of its lives.
#[derive(Default)]
struct Seen {
    values: Mutex<Vec<u64>>,
    notices: AtomicU64,
    starts: AtomicU64,
    /// The next notice is panicked at, before the value is taken.
    panics: AtomicBool,
}

impl Seen {
    fn values(&self) -> Vec<u64> {
        self.values.lock().unwrap().clone()
    }

    fn notices(&self) -> u64 {
        self.notices.load(Ordering::SeqCst)
    }
}

struct Viewer {
    reader: LatestReader<u64>,
    seen: Arc<Seen>,
}

enum View {
    New(Notice),
    Nothing,
    Total(Reply<u64>),
}

impl Actor for Viewer {
    type Msg = View;

    fn started(&mut self, _: &mut Context<'_, View>) {
        self.seen.starts.fetch_add(1, Ordering::SeqCst);
        self.seen.values.lock().unwrap().extend(self.reader.newest());
    }

    fn handle(&mut self, msg: View, ctx: &mut Context<'_, View>) {
        match msg {
            View::New(notice) => {
                self.seen.notices.fetch_add(1, Ordering::SeqCst);
                if self.seen.panics.swap(false, Ordering::SeqCst) {
                    std::panic::resume_unwind(Box::new("on purpose"));
                }
                self.seen.values.lock().unwrap().extend(self.reader.take(notice));
            }
            View::Nothing => {}
            View::Total(reply) => reply.send(ctx, self.seen.values.lock().unwrap().len() as u64),
        }
    }
}

/// A cell's writers, its reader's end for later, and the actor that reads it meanwhile.
struct Set {
    writers: Vec<LatestRef<u64, View>>,
    home: Arc<Latest<u64>>,
    viewer: ActorRef<View>,
    seen: Arc<Seen>,
}

fn set(handle: &Handle, writers: usize, props: impl Into<Props<View>>) -> Set {
    let (writers, home) = latest::cell(writers).unwrap();
    let (home, seen) = (Arc::new(home), Arc::new(Seen::default()));
    let viewer = handle.spawn(props, {
        let (home, seen) = (home.clone(), seen.clone());
        move || Viewer { reader: home.reader().unwrap(), seen: seen.clone() }
    });
    let viewer = viewer.unwrap();
    let writers = writers.into_iter().map(|writer| LatestRef::new(writer, viewer, View::New)).collect();
    Set { writers, home, viewer, seen }
}

#[test]
fn many_writes_before_the_readers_turn_are_one_message() {
    let mut sim = Sim::new(1);
    let mut handle = sim.handle();
    let Set { mut writers, viewer, seen, .. } = set(&handle, 2, On::Worker(1));
    sim.run_until_idle().unwrap();
    for round in 0..10 {
        for value in 0..100 {
            let replaced = writers[value as usize % 2].write(&mut handle, round * 100 + value).unwrap();
            assert_eq!(replaced.is_unread(), value > 0);
        }
        sim.run_until_idle().unwrap();
        assert_eq!(seen.notices(), round + 1);
    }
    assert_eq!(seen.values(), (0..10).map(|round| round * 100 + 99).collect::<Vec<_>>());
    assert_eq!(writers.iter().map(LatestRef::conflated).sum::<u64>(), 990);
    assert_eq!(sim.ask(viewer, View::Total), Ok(10));
    assert_eq!(sim.stats().dead_letters().total(), 0);
}

#[test]
fn the_readers_end_is_lent_to_one_at_a_time_and_given_back() {
    let mut sim = Sim::new(2);
    let mut handle = sim.handle();
    let Set { mut writers, home, viewer, .. } = set(&handle, 1, On::Worker(0));
    sim.run_until_idle().unwrap();
    assert!(home.reader().is_none());
    assert_eq!(format!("{home:?}"), "Latest(lent)");
    writers[0].write(&mut handle, 5).unwrap();
    sim.run_until_idle().unwrap();
    handle.stop(viewer, Stop::Now).unwrap();
    sim.run_until_idle().unwrap();
    assert_eq!(format!("{home:?}"), "Latest");
    let mut reader = home.reader().unwrap();
    assert_eq!(reader.newest(), Some(&5), "it lies there still");
    assert_eq!(format!("{reader:?}"), "LatestReader(Reader { writers: 1, .. })");
    assert!(format!("{:?}", writers[0]).starts_with("LatestRef(to "));
    assert_eq!(latest::cell::<u64>(0).err(), Some(LatestError::Writers { writers: 0, limit: 256 }));
}

#[test]
fn a_reader_that_is_restarted_gets_the_newest_again_and_is_told_of_the_next() {
    let mut sim = Sim::new(3);
    let mut handle = sim.handle();
    let Set { mut writers, seen, .. } = set(&handle, 1, Props::on(On::Worker(1)).restart(PATIENT));
    writers[0].write(&mut handle, 1).unwrap();
    sim.run_until_idle().unwrap();
    // It panics before it has taken the second.
    seen.panics.store(true, Ordering::SeqCst);
    writers[0].write(&mut handle, 2).unwrap();
    sim.run_until_idle().unwrap();
    assert_eq!((seen.starts.load(Ordering::SeqCst), seen.values()), (2, vec![1, 2]));
    // The message that it panicked at has given its notice back.
    writers[0].write(&mut handle, 3).unwrap();
    sim.run_until_idle().unwrap();
    assert_eq!((seen.notices(), seen.values()), (3, vec![1, 2, 3]));
}

/// Of each write: whether it replaced an unread value.
type Results = Arc<Mutex<Vec<Result<bool, NotTold>>>>;

/// A writer's actor, to see what one on the reader's own worker is told.
struct Feed {
    to: LatestRef<u64, View>,
    results: Results,
}

impl Actor for Feed {
    type Msg = u64;

    fn handle(&mut self, value: u64, ctx: &mut Context<'_, u64>) {
        let written = self.to.write(ctx, value);
        self.results.lock().unwrap().push(written.map(|replaced| replaced.is_unread()));
    }
}

fn feed(handle: &Handle, on: On, to: LatestRef<u64, View>) -> (ActorRef<u64>, Results) {
    let results = Arc::default();
    let mut feed = Some(Feed { to, results: Arc::clone(&results) });
    (handle.spawn(on, move || feed.take().expect("it is not restarted")).unwrap(), results)
}

#[test]
fn a_writer_is_told_that_the_reader_has_stopped() {
    let mut sim = Sim::new(4);
    let handle = sim.handle();
    let Set { mut writers, home, viewer, .. } = set(&handle, 1, On::Worker(0));
    let (feed, results) = feed(&handle, On::Worker(0), writers.remove(0));
    handle.tell(feed, 1);
    sim.run_until_idle().unwrap();
    handle.stop(viewer, Stop::Now).unwrap();
    sim.run_until_idle().unwrap();
    handle.tell(feed, 2);
    handle.tell(feed, 3);
    sim.run_until_idle().unwrap();
    assert_eq!(*results.lock().unwrap(), [Ok(false), Err(NotTold::Stopped), Err(NotTold::Stopped)]);
    assert_eq!(home.reader().unwrap().newest(), Some(&3));
}

#[test]
fn a_full_mailbox_refuses_the_notice_and_the_next_write_gives_it() {
    let mut sim = Sim::new(5);
    let handle = sim.handle();
    let one = MailboxSpec::bounded(NonZeroUsize::MIN);
    let Set { mut writers, viewer, seen, .. } = set(&handle, 2, Props::on(On::Worker(0)).mailbox(one));
    // One actor fills the mailbox and writes, in one handler, so that the reader has no turn between.
    let results = Arc::new(Mutex::new(Vec::new()));
    let mut to = Some((writers.remove(0), results.clone()));
    let both = handle.spawn(On::Worker(0), move || {
        let (mut to, results) = to.take().expect("it is not restarted");
        from_fn(move |value: u64, ctx: &mut Context<'_, u64>| {
            ctx.try_tell(viewer, View::Nothing).unwrap();
            let mut results = results.lock().unwrap();
            results.push(to.write(ctx, value).map(|replaced| replaced.is_unread()));
            results.push(to.write(ctx, value + 1).map(|replaced| replaced.is_unread()));
            results.push(to.remind(ctx).map(|()| false));
        })
    });
    handle.tell(both.unwrap(), 1);
    sim.run_until_idle().unwrap();
    assert_eq!(*results.lock().unwrap(), [Err(NotTold::Full); 3]);
    assert_eq!(sim.stats().dead_letters().total(), 0, "what is refused is no dead letter");
    assert_eq!((seen.notices(), seen.values()), (0, vec![]));
    // Now a writer whose message finds room.
    let (feed, results) = feed(&handle, On::Worker(0), writers.remove(0));
    handle.tell(feed, 3);
    sim.run_until_idle().unwrap();
    assert_eq!((results.lock().unwrap().as_slice(), seen.values()), (&[Ok(true)][..], vec![3]));
}

#[test]
fn a_notice_that_is_a_dead_letter_is_given_again() {
    let mut sim = Sim::new(6);
    let mut handle = sim.handle();
    let one = MailboxSpec::bounded(NonZeroUsize::MIN);
    let Set { mut writers, viewer, seen, .. } = set(&handle, 1, Props::on(On::Worker(1)).mailbox(one));
    sim.run_until_idle().unwrap();
    // From outside it is not seen that the mailbox is full.
    for value in 0..100 {
        handle.tell(viewer, View::Nothing);
        handle.tell(viewer, View::Nothing);
        writers[0].write(&mut handle, value).unwrap();
        sim.run_until_idle().unwrap();
    }
    assert!(seen.notices() < 100 && sim.stats().dead_letters().get(DeadLetterReason::MailboxFull) > 0);
    for value in 1_000..1_010 {
        writers[0].write(&mut handle, value).unwrap();
        sim.run_until_idle().unwrap();
        assert_eq!(seen.values().last(), Some(&value));
    }
}

#[test]
fn writers_of_every_kind_on_real_workers() {
    const EACH: u64 = 20_000;
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let handle = engine.handle();
    let Set { mut writers, viewer, seen, .. } = set(&handle, 4, On::Worker(1));
    // Values are four times the count and the writer's number.
    let mut by_port = writers.remove(3);
    let mut by_handle = writers.remove(2);
    let feeds: Vec<_> = (0..2).map(|worker| feed(&handle, On::Worker(worker), writers.remove(0))).collect();
    let conflated = thread::scope(|scope| {
        let ports = scope.spawn(|| {
            let mut port = handle.port().unwrap();
            (0..EACH).for_each(|count| _ = by_port.write(&mut port, count * 4 + 3));
            while by_port.remind(&mut port).is_err() {}
            by_port.conflated()
        });
        let handles = scope.spawn(|| {
            let mut handle = handle.clone();
            (0..EACH).for_each(|count| _ = by_handle.write(&mut handle, count * 4 + 2));
            while by_handle.remind(&mut handle).is_err() {}
            by_handle.conflated()
        });
        for (number, (feed, _)) in (0..).zip(&feeds) {
            assert_eq!(handle.tell_batch(PATIENCE, *feed, (0..EACH).map(|count| count * 4 + number)), EACH as usize);
        }
        ports.join().unwrap() + handles.join().unwrap()
    });
    let deadline = Instant::now() + PATIENCE;
    while feeds.iter().any(|(_, results)| results.lock().unwrap().len() < EACH as usize) {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    // A message behind all notices: what is written is seen.
    let total = handle.ask(viewer, View::Total).wait(PATIENCE).unwrap();
    let by_feeds = feeds.iter().flat_map(|(_, results)| results.lock().unwrap().clone());
    let conflated = conflated + by_feeds.filter(|result| *result == Ok(true)).count() as u64;
    engine.shutdown(PATIENCE).unwrap();
    let values = seen.values();
    assert!(total <= values.len() as u64);
    assert_eq!(values.len() as u64 + conflated, 4 * EACH, "each value was taken or conflated");
    for number in 0..4 {
        let of_one: Vec<_> = values.iter().filter(|value| *value % 4 == number).collect();
        assert!(of_one.is_sorted_by(|one, next| one < next), "newer and newer");
    }
    assert!(values.last().is_some_and(|last| last / 4 == EACH - 1), "the last of somebody is the last of all");
}

#[test]
fn in_every_simulation_the_newest_is_seen_in_the_end() {
    explore(100, |sim| {
        let mut handle = sim.handle();
        let Set { mut writers, seen, .. } = set(&handle, 3, On::Worker(1));
        let (first, _) = feed(&handle, On::Worker(0), writers.remove(0));
        let (second, _) = feed(&handle, On::Worker(1), writers.remove(0));
        for value in 1..200 {
            match value % 3 {
                0 => handle.tell(first, value),
                1 => handle.tell(second, value),
                _ => assert!(writers[0].write(&mut handle, value).is_ok()),
            }
            sim.run_for_steps(value % 5);
        }
        sim.run_until_idle().unwrap();
        writers[0].write(&mut handle, 1_000).unwrap();
        sim.run_until_idle().unwrap();
        assert_eq!(seen.values().last(), Some(&1_000));
        assert!(seen.notices() <= seen.values().len() as u64 + 1, "no notice without a value, but for one");
        assert_eq!(sim.stats().dead_letters().total(), 0);
    });
}

/// Writers whose handles outlive everything, for what is left.
#[test]
fn each_value_is_dropped_once() {
    #[derive(Clone)]
    struct Counted(#[expect(dead_code, reason = "its count matters")] Arc<()>);
    let count = Arc::new(());
    let engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let mut handle = engine.handle();
    let (mut writers, home): (Vec<LatestWriter<Counted>>, _) = latest::cell(2).unwrap();
    let reader = handle.spawn(On::Worker(0), move || {
        let mut reader = home.reader().unwrap();
        from_fn(move |notice: Notice, _| drop(reader.take(notice).cloned()))
    });
    let mut to = LatestRef::new(writers.remove(0), reader.unwrap(), |notice| notice);
    for _ in 0..100 {
        to.write(&mut handle, Counted(count.clone())).unwrap();
    }
    engine.shutdown(PATIENCE).unwrap();
    drop((to, writers));
    assert_eq!(Arc::strong_count(&count), 1);
}

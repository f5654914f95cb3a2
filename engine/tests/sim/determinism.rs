//! The same seed gives the same trace, byte for byte, on any machine.

use std::time::Duration;

use hippodrome::sim::{Builder, Faults, Sim};
use hippodrome::{Actor, ActorRef, Context, Engine, MissedTick, On, Props, Reply, Restart};

use crate::program;

fn trace(seed: u64, faults: Faults, rounds: u64) -> String {
    let workers = 1 + seed as usize % 3;
    program::run(Sim::builder(seed).workers(workers).faults(faults).record_trace(), rounds).trace().unwrap()
}

fn first_difference(one: &str, other: &str) -> String {
    let different = one.lines().zip(other.lines()).enumerate().find(|(_, (one, other))| one != other);
    format!("{different:?}, of {} and {} lines", one.lines().count(), other.lines().count())
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..30 {
        for faults in [Faults::none(), Faults::chaos()] {
            let (one, other) = (trace(seed, faults, 40), trace(seed, faults, 40));
            assert!(one == other, "seed {seed}: {}", first_difference(&one, &other));
        }
    }
}

#[test]
fn a_long_run_gives_the_same_trace() {
    let long = || program::run(Sim::builder(2).workers(3).faults(Faults::chaos()), 6000);
    let (one, other) = (long(), long());
    assert!(one.steps() > 50_000, "{one:?}");
    assert_eq!((one.steps(), one.trace_hash()), (other.steps(), other.trace_hash()));
    assert_eq!(one.trace_tail(), other.trace_tail());
}

#[test]
fn what_else_the_process_does_makes_no_difference() {
    let expected = trace(5, Faults::chaos(), 40);
    let busy = Engine::builder().unpinned_workers(1).start().unwrap();
    let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(|| trace(5, Faults::chaos(), 40))).collect();
    for thread in threads {
        let other = thread.join().unwrap();
        assert!(expected == other, "{}", first_difference(&expected, &other));
    }
    busy.abort();
}

#[test]
fn two_simulations_can_be_run_in_turn() {
    let (mut one, mut other, mut alone) = (ticking(Faults::none()), ticking(Faults::none()), ticking(Faults::none()));
    while one.steps() < 500 {
        one.advance(Duration::from_millis(1)).unwrap();
        other.advance(Duration::from_millis(1)).unwrap();
    }
    alone.advance(one.now()).unwrap();
    assert_eq!(one.trace_hash(), other.trace_hash());
    assert_eq!(alone.now(), one.now());
}

#[test]
fn another_seed_gives_another_trace() {
    let mut hashes: Vec<_> = (0..100).map(|seed| ring(Sim::builder(seed)).trace_hash()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 100);
}

#[test]
fn the_trace_is_written_as_it_is_recorded() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let mut sim = ring(Sim::builder(3).record_trace().trace_to(path.reopen().unwrap()));
    sim.flush_trace().unwrap();
    let written = std::fs::read_to_string(path.path()).unwrap();
    assert_eq!(Some(written), sim.trace());
}

/// The program goes where the order could get lost: a trace without restarts, dead letters or time would prove little.
#[test]
fn the_trace_has_everything_in_it() {
    let traces: String = (0..30).map(|seed| trace(seed, Faults::chaos().start_panics(10), 60)).collect();
    let wanted = [
        ": all",
        ": parks",
        "time ",
        "  handles ",
        "  started ",
        "told to stop",
        ": killed",
        ": panicked",
        "its parent stopped",
        "  restarted ",
        "  dead letter ",
        "  overflow ",
        "  fault: ",
        "is full at",
        "panics when it has handled it",
        "the factory of",
        "the start of",
        "is to stop",
        "fails",
    ];
    for what in wanted {
        let times = traces.lines().filter(|line| line.contains(what)).count();
        assert!(times >= 10, "{what:?} happened only {times} times");
    }
}

fn ticking(faults: Faults) -> Sim {
    let sim = Sim::builder(1).faults(faults).build().unwrap();
    for worker in 0..2 {
        sim.handle().spawn(On::Worker(worker), || Ticker).unwrap();
    }
    sim
}

struct Ticker;

impl Actor for Ticker {
    type Msg = ();

    fn started(&mut self, ctx: &mut Context<'_, ()>) {
        ctx.send_every(Duration::from_millis(1), MissedTick::Skip, || ()).unwrap();
    }

    fn handle(&mut self, (): (), _: &mut Context<'_, ()>) {}
}

/// Hands a token on, and sleeps now and then.
struct Runner {
    next: Option<ActorRef<Run>>,
}

enum Run {
    Next(ActorRef<Run>),
    Token(u32),
    Woken(u32),
    Where(Reply<bool>),
}

impl Actor for Runner {
    type Msg = Run;

    fn handle(&mut self, message: Run, ctx: &mut Context<'_, Run>) {
        match message {
            Run::Next(next) => self.next = Some(next),
            Run::Token(left) if left % 4 == 1 => drop(ctx.send_after(Duration::from_millis(2), Run::Woken(left))),
            Run::Token(0) => {}
            Run::Token(left) | Run::Woken(left) => {
                if let Some(next) = self.next {
                    ctx.tell(next, Run::Token(left - 1));
                }
            }
            Run::Where(reply) => reply.send(ctx, self.next.is_some()),
        }
    }
}

/// A small program with timers, asks, restarts and faults, whose trace is part of the tests.
fn ring(builder: Builder) -> Sim {
    let faults = Faults::none().panics(12).stops(60).delays(5).timer_jitter(Duration::from_millis(3));
    let mut sim = builder.workers(3).faults(faults).build().unwrap();
    let handle = sim.handle();
    let props = |worker| Props::on(On::Worker(worker)).restart(Restart::up_to(10, Duration::from_secs(1)));
    let runners: Vec<_> = (0..6).map(|n| handle.spawn(props(n % 3), || Runner { next: None }).unwrap()).collect();
    for (n, runner) in runners.iter().enumerate() {
        handle.tell(*runner, Run::Next(runners[(n + 1) % runners.len()]));
    }
    handle.tell(runners[0], Run::Token(12));
    handle.tell(runners[3], Run::Token(9));
    sim.advance(Duration::from_millis(20)).unwrap();
    let answer = sim.ask(runners[2], Run::Where);
    sim.note(format_args!("{answer:?}"));
    sim
}

/// Any machine must make this trace of this seed. It changes only with the engine's order of doing things, or with the
/// trace's form; then it is written anew by `HIPPODROME_WRITE_GOLDEN=1 cargo test -p hippodrome --test sim golden`.
#[test]
fn the_golden_trace_is_the_same_on_any_machine() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/golden.txt");
    let sim = ring(Sim::builder(0x5EED).record_trace());
    let trace = format!("{}hash {:016x}\n", sim.trace().unwrap(), sim.trace_hash());
    if std::env::var_os("HIPPODROME_WRITE_GOLDEN").is_some() {
        std::fs::write(path, &trace).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert!(golden == trace, "{}", first_difference(&golden, &trace));
}

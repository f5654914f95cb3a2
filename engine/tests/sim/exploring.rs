//! Many seeds, and one again: a program with a real defect of ordering, the seed that shows it, and its replay.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use hippodrome::sim::{Builder, Sim, explore, explore_with};
use hippodrome::{Actor, ActorRef, Context, On, from_fn};

/// A cache in front of a store, each on a worker of its own. A write goes to the store, and the cache is told by the
/// *writer* to forget the key; a read that was on its way fills it again with the old value. The store would have to tell
/// the cache.
#[derive(Default)]
struct Cache {
    values: BTreeMap<u32, u32>,
    store: Option<ActorRef<ToStore>>,
}

enum ToCache {
    Read(u32, ActorRef<u32>),
    Fill(u32, u32, ActorRef<u32>),
    Forget(u32),
}

enum ToStore {
    Read(u32, ActorRef<ToCache>, ActorRef<u32>),
    Write(u32, u32),
}

impl Actor for Cache {
    type Msg = ToCache;

    fn handle(&mut self, message: ToCache, ctx: &mut Context<'_, ToCache>) {
        match message {
            ToCache::Read(key, reader) => match (self.values.get(&key), self.store) {
                (Some(value), _) => ctx.tell(reader, *value),
                (None, Some(store)) => {
                    let me = ctx.me();
                    ctx.tell(store, ToStore::Read(key, me, reader));
                }
                (None, None) => {}
            },
            ToCache::Fill(key, value, reader) => {
                self.values.insert(key, value);
                ctx.tell(reader, value);
            }
            ToCache::Forget(key) => _ = self.values.remove(&key),
        }
    }
}

#[derive(Default)]
struct Store {
    values: BTreeMap<u32, u32>,
}

impl Actor for Store {
    type Msg = ToStore;

    fn handle(&mut self, message: ToStore, ctx: &mut Context<'_, ToStore>) {
        match message {
            ToStore::Read(key, cache, reader) => {
                let value = self.values.get(&key).copied().unwrap_or_default();
                ctx.tell(cache, ToCache::Fill(key, value, reader));
            }
            ToStore::Write(key, value) => _ = self.values.insert(key, value),
        }
    }
}

fn three_workers(builder: Builder) -> Builder {
    builder.workers(3)
}

/// Writes, then reads when all has come to rest: the new value must come.
fn read_your_write(sim: &mut Sim) {
    let probe = sim.probe::<u32>();
    let store = sim.handle().spawn(On::Worker(0), Store::default).unwrap();
    let cache = sim.handle().spawn(On::Worker(1), move || Cache { store: Some(store), ..Cache::default() }).unwrap();
    let writer = move |value: u32, ctx: &mut Context<'_, u32>| {
        ctx.tell(store, ToStore::Write(1, value));
        ctx.tell(cache, ToCache::Forget(1));
    };
    let writer = sim.handle().spawn(On::Worker(2), move || from_fn(writer)).unwrap();
    sim.handle().tell(cache, ToCache::Read(1, probe.actor()));
    sim.handle().tell(writer, 7);
    sim.run_until_idle().unwrap();
    let _ = probe.drain();
    sim.handle().tell(cache, ToCache::Read(1, probe.actor()));
    assert_eq!(probe.expect(sim), 7, "what was written is read");
}

/// Set for the test that is a victim: it fails on purpose, in a process of its own.
const VICTIM: &str = "HIPPODROME_TEST_VICTIM";

#[test]
fn victim() {
    if std::env::var_os(VICTIM).is_some() {
        explore_with(1000, three_workers, read_your_write);
    }
}

#[test]
fn victim_of_a_probe() {
    if std::env::var_os(VICTIM).is_some() {
        explore(3, |sim| _ = sim.probe::<u64>().expect(sim));
    }
}

#[test]
fn victim_that_counts() {
    if std::env::var_os(VICTIM).is_some() {
        explore(5, |sim| println!("seed {}", sim.seed()));
    }
}

/// Runs a victim, as the command does that is printed.
fn run(victim: &str, environment: &[(&str, &str)]) -> (Output, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("exploring::{victim}"), "--nocapture", "--test-threads", "2"]);
    command.env(VICTIM, "1").env_remove("HIPPODROME_SEED").env_remove("HIPPODROME_SEEDS");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// The seed in the command that the output ends in, which must be there once.
fn seed_of<'a>(text: &'a str, victim: &str) -> &'a str {
    let commands: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("run it again: ")).collect();
    let [command] = commands[..] else { panic!("one command is printed, once: {text}") };
    let seed = command.strip_prefix("HIPPODROME_SEED=").unwrap().split(' ').next().unwrap();
    assert_eq!(command, format!("HIPPODROME_SEED={seed} cargo test -p hippodrome exploring::{victim}"));
    seed
}

#[test]
fn a_defect_is_found_and_replayed_by_its_seed() {
    let (output, text) = run("victim", &[]);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("what was written is read"), "{text}");
    let seed = seed_of(&text, "victim");

    let (again, replayed) = run("victim", &[("HIPPODROME_SEED", seed)]);
    assert!(!again.status.success(), "{replayed}");
    assert_eq!(seed_of(&replayed, "victim"), seed);
    let report = |text: &str| {
        text[text.find("the last lines of the trace").unwrap()..text.find("run it again").unwrap()].to_owned()
    };
    assert_eq!(report(&text), report(&replayed), "the replay goes the same way");
}

#[test]
fn the_defect_depends_on_the_order() {
    let fails = |seed| {
        std::panic::catch_unwind(|| read_your_write(&mut three_workers(Sim::builder(seed)).build().unwrap())).is_err()
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let failures = (0..200).filter(|seed| fails(*seed)).count();
    std::panic::set_hook(hook);
    assert!((5..195).contains(&failures), "some interleavings show it and some do not: {failures} of 200");
}

#[test]
fn a_probe_that_fails_tells_it_once() {
    let (output, text) = run("victim_of_a_probe", &[]);
    assert!(!output.status.success());
    assert_eq!(seed_of(&text, "victim_of_a_probe"), "0x0");
}

#[test]
fn the_environment_says_which_seeds_and_how_many() {
    let seeds = |environment: &[(&str, &str)]| -> Vec<String> {
        let (output, text) = run("victim_that_counts", environment);
        assert!(output.status.success(), "{text}");
        text.lines().filter_map(|line| line.strip_prefix("seed ")).map(str::to_owned).collect()
    };
    assert_eq!(seeds(&[]), ["0", "1", "2", "3", "4"]);
    assert_eq!(seeds(&[("HIPPODROME_SEEDS", "2")]), ["0", "1"]);
    assert_eq!(seeds(&[("HIPPODROME_SEED", "0x2a")]), ["42"]);
    assert_eq!(seeds(&[("HIPPODROME_SEEDS", "0")]), [""; 0]);
    let (output, text) = run("victim_that_counts", &[("HIPPODROME_SEED", "many")]);
    assert!(!output.status.success());
    assert!(text.contains("HIPPODROME_SEED = \"many\": allowed is a number, such as 42 or 0x2a"), "{text}");
}

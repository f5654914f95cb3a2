//! An engine from its builder or from a file: the same checks, the same words; pinning; more workers than cores.

mod common;

use std::fs;
use std::sync::mpsc;

use common::{PATIENCE, take};
use hippodrome::config::{Config, ConfigError};
use hippodrome::{ActorRef, Context, Engine, Error, On, Pinning, Props, StartError, WaitStrategy, from_fn};

/// What is wrong with a configuration, said by the builder and by the file.
fn refusals(change: impl FnOnce(&mut Config), text: &str) -> [String; 2] {
    let builder = Engine::builder().unpinned_workers(1).configure(change);
    let by_builder = match builder.start() {
        Err(StartError::Config(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let by_file = Config::from_toml_str(&format!("{text}\n[[workers]]\n")).unwrap_err().to_string();
    [by_builder, by_file]
}

#[test]
fn the_builder_and_the_file_are_refused_in_the_same_words() {
    let cases = [
        (refusals(|config| config.turn_budget = 0, "turn_budget = 0"), "turn_budget = 0: allowed is 1 to 1000000"),
        (
            refusals(|config| config.event_capacity = 100, "event_capacity = 100"),
            "event_capacity = 100: allowed is a power of two from 64 to 1048576",
        ),
        (
            refusals(|config| config.defaults.lane_kib = 3, "[defaults]\nlane_kib = 3"),
            "defaults.lane_kib = 3: allowed is a power of two from 4 to 65536",
        ),
        (
            refusals(|config| config.name = "two words".to_owned(), "name = \"two words\""),
            "name = \"two words\": allowed is 1 to 11 ASCII letters, digits, `-` or `_`",
        ),
    ];
    for ([by_builder, by_file], expected) in cases {
        assert_eq!(by_builder, expected);
        assert_eq!(by_file, expected);
    }
    assert!(matches!(Engine::builder().start(), Err(StartError::Config(ConfigError::NoWorkers))));
    assert!(matches!(Engine::builder().host(), Err(StartError::Config(ConfigError::NoWorkers))));
    assert!(matches!(Engine::builder().seats(), Err(StartError::Config(ConfigError::NoWorkers))));
}

#[test]
fn an_engine_is_built_from_a_file() -> Result<(), Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("engine.toml");
    fs::write(
        &path,
        "pinning = \"best-effort\"\nmax_ports = 1\n[[workers]]\ncore = 0\n[[workers]]\nwait = \"busy-spin\"\n",
    )
    .unwrap();
    let engine = Engine::from_file(&path)?.start()?;
    let handle = engine.handle();
    assert_eq!(handle.workers(), 2);
    assert_eq!(handle.cores(), [Some(0), None]);
    let _port = handle.port()?;
    assert!(handle.port().is_err(), "max_ports is one");
    engine.shutdown(PATIENCE)?;
    // An error names the file and the place in it.
    fs::write(&path, "[[workers]]\ncores = 0\n").unwrap();
    let error = Engine::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("engine.toml") && error.contains("line 2") && error.contains("cores"), "{error}");
    let error = Engine::from_file(directory.path().join("none.toml")).unwrap_err().to_string();
    assert!(error.contains("none.toml") && error.contains("cannot be read"), "{error}");
    Ok(())
}

#[test]
fn strict_pinning_refuses_a_core_that_is_not_allowed_and_names_those_that_are() {
    let allowed = hippodrome_affinity::allowed_cores().unwrap();
    let error = Engine::builder().unpinned_workers(1).workers([4000]).start().unwrap_err();
    assert!(matches!(error, StartError::Pin { worker: 1, .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains("worker 1") && error.contains("4000") && error.contains(&allowed.to_string()), "{error}");
}

#[test]
fn best_effort_runs_unpinned() {
    let engine = Engine::builder().workers([4000]).pinning(Pinning::BestEffort).start().unwrap();
    let handle = engine.handle();
    let (sender, seen) = mpsc::channel();
    let actor = handle.spawn(On::Worker(0), move || {
        let sender = sender.clone();
        from_fn(move |n: u64, _ctx| sender.send(n).unwrap())
    });
    handle.tell(actor.unwrap(), 1);
    assert_eq!(take(&seen, 1), [1]);
    engine.shutdown(PATIENCE).unwrap();
    // Switched off, nothing is tried.
    Engine::builder().workers([4000]).pinning(Pinning::Off).start().unwrap().shutdown(PATIENCE).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_pinned_worker_is_on_its_core() {
    let allowed = hippodrome_affinity::allowed_cores().unwrap();
    let cores: Vec<_> = allowed.iter().map(|core| core.get()).collect();
    let engine = Engine::builder().workers(cores.iter().copied()).start().unwrap();
    let handle = engine.handle();
    for core in cores {
        let (sender, seen) = mpsc::channel();
        let actor = handle.spawn(On::Core(core), move || {
            let sender = sender.clone();
            from_fn(move |(), _ctx| sender.send(hippodrome_affinity::current_affinity().unwrap()).unwrap())
        });
        handle.tell(actor.unwrap(), ());
        let mask = take(&seen, 1).remove(0);
        assert_eq!(mask.iter().map(|core| core.get()).collect::<Vec<_>>(), [core]);
    }
    engine.shutdown(PATIENCE).unwrap();
}

/// A token that goes round all workers.
struct Hop(u64);

#[test]
fn more_workers_than_cores_work_however_they_wait() {
    let cores = hippodrome_affinity::allowed_cores().unwrap();
    let first = cores.first().unwrap().get();
    let workers = 2 * cores.len() + 1;
    for wait in [WaitStrategy::BusySpin, WaitStrategy::SpinThenYield, WaitStrategy::SpinThenPark] {
        for pinned in [false, true] {
            let builder = Engine::builder().wait(wait);
            // Pinned, they all share one core.
            let builder = match pinned {
                true => builder.workers(vec![first; workers]),
                false => builder.unpinned_workers(workers),
            };
            let engine = builder.start().unwrap();
            let handle = engine.handle();
            let (done, is_done) = mpsc::channel();
            let hops: Vec<ActorRef<Hop>> = (0..workers)
                .map(|worker| {
                    let (done, next) = (done.clone(), format!("hop {}", (worker + 1) % workers));
                    let factory = move || {
                        let (done, next) = (done.clone(), next.clone());
                        from_fn(move |hop: Hop, ctx: &mut Context<'_, Hop>| match hop.0 {
                            0 => done.send(()).unwrap(),
                            n => ctx.tell(ctx.handle().lookup(&next).unwrap(), Hop(n - 1)),
                        })
                    };
                    handle.spawn(Props::on(On::Worker(worker)).named(format!("hop {worker}")), factory).unwrap()
                })
                .collect();
            hops.iter().for_each(|hop| handle.tell(*hop, Hop(200)));
            take(&is_done, workers);
            let report = engine.shutdown(PATIENCE).unwrap();
            assert_eq!(report.handled, workers as u64 * 201, "{wait}, pinned: {pinned}");
        }
    }
}

/// Every limit is kept, and nobody has four tebibytes.
#[test]
fn rings_that_no_machine_has_room_for_are_refused_before_they_are_made() {
    let Some(machine) = hippodrome_affinity::physical_memory_bytes() else { return };
    let builder = || {
        let builder = Engine::builder().unpinned_workers(256);
        builder.configure(|config| {
            config.defaults.lane_kib = 65_536;
            config.max_ports = 0;
        })
    };
    let rings = 256 * (256 * 1024 + 256 * 1024 + 255 * 65_536 * 1024);
    assert!(rings > machine, "this test is for machines of today");
    let errors = [builder().start().err(), builder().host().err(), builder().seats().err()];
    for error in errors.map(Option::unwrap) {
        assert!(
            matches!(error, StartError::TooMuchMemory { bytes, machine_bytes } if (bytes, machine_bytes) == (rings, machine))
        );
        let text = format!("the rings take {rings} bytes, and the machine has {machine}: lower `lane_kib`");
        assert!(error.to_string().starts_with(&text), "{error}");
    }
}

//! What the testing kit promises: an expectation that is met takes what it expects; one that is not says why.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hippodrome::sim::{Faults, Sim, explore_with};
use hippodrome::{
    Actor, ActorRef, Context, DeadLetterReason, Engine, MissedTick, On, Props, Reply, Restart, Stop, StopReason,
    from_fn,
};
use hippodrome_toolkit::testing::{Letter, Probe, Runtime, dead_letters, everywhere, expect_answer, watch};

const SHORT: Duration = Duration::from_millis(30);

/// What a failing expectation says, in a simulation.
fn complaint(expectation: impl FnOnce(&mut Sim, &Probe<u64>)) -> String {
    let mut sim = Sim::new(0x2a);
    let probe = Probe::new(&mut sim);
    let panic = catch_unwind(AssertUnwindSafe(|| expectation(&mut sim, &probe)));
    panic.expect_err("the expectation is met").downcast_ref::<String>().expect("it panics with a text").clone()
}

fn tell(runtime: &mut dyn Runtime, probe: &Probe<u64>, numbers: impl IntoIterator<Item = u64>) {
    let handle = runtime.handle();
    numbers.into_iter().for_each(|n| handle.tell(probe.actor(), n));
}

#[test]
fn expectations_take_what_comes_in_its_order() {
    everywhere(50, |runtime| {
        let probe = Probe::new(runtime);
        tell(runtime, &probe, 1..=9);
        assert_eq!(probe.expect(runtime), 1);
        probe.expect_eq(runtime, 2);
        assert_eq!(probe.expect_that(runtime, "an odd number", |n| n % 2 == 1), 3);
        assert_eq!(probe.fish(runtime, "six", |n| *n == 6), 6);
        probe.expect_all(runtime, [9, 7, 8]);
        probe.expect_none_for(runtime, SHORT);
    });
}

#[test]
fn what_was_not_expected_is_told_with_what_was() {
    let said = complaint(|sim, probe| {
        tell(sim, probe, [8]);
        probe.expect_eq(sim, 7);
    });
    assert!(said.starts_with("expected 7; 8 came\nseed 0x2a, "), "{said}");
    assert!(said.contains("\nrun it again: cargo test"), "{said}");
    let said = complaint(|sim, probe| probe.expect_eq(sim, 7));
    assert!(said.starts_with("expected 7; nothing came, and there was nothing left to do\n"), "{said}");
    let said = complaint(|sim, probe| probe.within(Duration::from_secs(3)).expect_eq(sim, 7));
    assert!(said.starts_with("expected 7; nothing came in 3s\n"), "{said}");
    let said = complaint(|sim, probe| _ = probe.expect(sim));
    assert!(said.starts_with("expected a u64; nothing came"), "{said}");
    let said = complaint(|sim, probe| {
        tell(sim, probe, [8]);
        probe.expect_that(sim, "an odd number", |n| n % 2 == 1);
    });
    assert!(said.starts_with("expected an odd number; 8 came\n"), "{said}");
    let said = complaint(|sim, probe| {
        tell(sim, probe, [8, 10]);
        probe.fish(sim, "an odd number", |n| n % 2 == 1);
    });
    assert!(said.starts_with("expected an odd number sooner or later; [8, 10] came, and nothing more"), "{said}");
    let said = complaint(|sim, probe| {
        tell(sim, probe, [1, 1]);
        probe.expect_all(sim, [1, 2]);
    });
    assert!(said.starts_with("expected [2] yet; 1 came, after [1]\n"), "{said}");
    let said = complaint(|sim, probe| {
        tell(sim, probe, [1]);
        probe.expect_all(sim, [1, 2]);
    });
    assert!(said.starts_with("expected [2] yet; nothing came"), "{said}");
    let said = complaint(|sim, probe| {
        tell(sim, probe, [1]);
        probe.expect_none_for(sim, Duration::ZERO);
    });
    assert!(said.starts_with("expected nothing for 0ns; 1 came\n"), "{said}");
}

#[test]
fn an_expectation_on_real_workers_gives_up_at_its_deadline() {
    let mut engine = Engine::builder().unpinned_workers(1).start().unwrap();
    let probe = Probe::<u64>::new(&mut engine);
    let panic = catch_unwind(AssertUnwindSafe(|| probe.within(SHORT).expect_eq(&mut engine, 7)));
    let said = panic.expect_err("nothing was sent").downcast_ref::<String>().unwrap().clone();
    assert_eq!(said, "expected 7; nothing came in 30ms");
    engine.shutdown(Duration::from_secs(20)).unwrap();
}

/// Tells its listener the time, every second.
struct Slow(ActorRef<u64>);

impl Actor for Slow {
    type Msg = ();

    fn started(&mut self, ctx: &mut Context<'_, ()>) {
        ctx.send_every(Duration::from_secs(1), MissedTick::Burst, || ()).unwrap();
    }

    fn handle(&mut self, (): (), ctx: &mut Context<'_, ()>) {
        ctx.tell(self.0, ctx.now_ns());
    }
}

#[test]
fn no_patience_is_too_long() {
    everywhere(5, |runtime| {
        let probe = Probe::<u64>::new(runtime);
        tell(runtime, &probe, [1]);
        probe.within(Duration::MAX).expect_eq(runtime, 1);
    });
}

#[test]
fn the_time_of_a_simulation_is_virtual() {
    let mut sim = Sim::new(11);
    let probe = Probe::new(&mut sim);
    let listener = probe.actor();
    sim.handle().spawn(On::Worker(1), move || Slow(listener)).unwrap();
    probe.expect_none_for(&mut sim, Duration::from_millis(999));
    probe.within(Duration::from_millis(2)).expect(&mut sim);
    assert!(sim.now() < Duration::from_secs(2));
    // An hour of it takes no time.
    probe.within(Duration::from_secs(3600)).fish(&mut sim, "a late one", |at| *at > 900_000_000_000);
}

#[test]
fn a_probe_answers_and_keeps_what_it_is_to() {
    everywhere(50, |runtime| {
        let mut answered = 0;
        let probe = Probe::answering(runtime, move |(n, reply): (u64, Option<Reply<u64>>), ctx| match reply {
            Some(reply) => {
                answered += 1;
                reply.send(ctx, n + answered);
                None
            }
            None => Some((n, None)),
        });
        let handle = runtime.handle();
        let ask = |n| handle.ask(probe.actor(), move |reply| (n, Some(reply)));
        assert_eq!(expect_answer(runtime, ask(10)), 11);
        assert_eq!(expect_answer(runtime, ask(10)), 12);
        handle.tell(probe.actor(), (3, None));
        let (n, reply) = probe.expect(runtime);
        assert!(n == 3 && reply.is_none());
    });
}

#[test]
fn a_message_with_a_reply_can_be_answered_by_the_test() {
    everywhere(50, |runtime| {
        let probe = Probe::<Reply<u64>>::new(runtime);
        let handle = runtime.handle();
        let ask = handle.ask(probe.actor(), |reply| reply);
        probe.expect(runtime).send_from_outside(7).unwrap();
        assert_eq!(expect_answer(runtime, ask), 7);
    });
}

#[test]
fn an_ask_without_an_answer_fails_the_test() {
    let said = complaint(|sim, _| {
        let silent = sim.handle().spawn(On::Worker(0), || from_fn(|_: Reply<u64>, _ctx| ())).unwrap();
        let ask = sim.handle().ask(silent, |reply| reply);
        expect_answer(sim, ask);
    });
    assert!(said.starts_with("expected an answer, u64; there is none: "), "{said}");
}

#[test]
fn a_stop_is_expected_with_its_reason() {
    everywhere(50, |runtime| {
        let handle = runtime.handle();
        let spawn = || handle.spawn(On::Worker(1), || from_fn(|(), _ctx| panic!("on purpose"))).unwrap();
        let (stopped, killed, panicked) = (spawn(), spawn(), spawn());
        let watched = [stopped, killed, panicked].map(|actor| watch(runtime, actor));
        handle.stop(stopped, Stop::Now).unwrap();
        handle.stop(killed, Stop::Kill).unwrap();
        handle.tell(panicked, ());
        let reasons = watched.map(|watched| watched.expect_stopped(runtime));
        assert_eq!(reasons, [StopReason::Stopped, StopReason::Killed, StopReason::Panicked("on purpose".into())]);
    });
    let said = complaint(|sim, probe| _ = watch(sim, probe.actor()).expect_stopped(sim));
    assert!(
        said.starts_with("expected that ") && said.contains(" stops; it did not, and there was nothing left to do\n"),
        "{said}"
    );
}

#[test]
fn dead_letters_are_expected_as_messages_are() {
    everywhere(50, |runtime| {
        let letters = dead_letters(runtime);
        let handle = runtime.handle();
        let actor = handle.spawn(On::Worker(1), || from_fn(|_: &'static str, _ctx| ())).unwrap();
        let number = handle.spawn(On::Worker(0), || from_fn(|_: u64, _ctx| ())).unwrap();
        let watched = [watch(runtime, actor.address()), watch(runtime, number.address())];
        handle.stop(actor, Stop::Now).unwrap();
        handle.stop(number, Stop::Now).unwrap();
        for watched in watched {
            watched.expect_stopped(runtime);
        }
        handle.tell(actor, "late");
        handle.tell(number, 7);
        let stopped = DeadLetterReason::Stopped;
        letters.expect_all(runtime, [Letter::of::<u64>(number, stopped), Letter::of::<&'static str>(actor, stopped)]);
        letters.expect_none_for(runtime, SHORT);
    });
    let said = complaint(|sim, probe| {
        let letters = dead_letters(sim);
        sim.handle().dead_letter(probe.actor(), 7_u64, DeadLetterReason::Refused);
        letters.expect_none_for(sim, Duration::ZERO);
    });
    assert!(said.starts_with("expected nothing for 0ns; Letter { "), "{said}");
}

#[test]
fn a_panic_is_aimed_at_one_message_of_one_actor() {
    explore_with(
        200,
        |builder| builder.workers(3),
        |sim| {
            let probe = Probe::new(sim);
            let (handle, to) = (sim.handle(), probe.actor());
            let spawn = |worker| {
                let props = Props::on(On::Worker(worker)).restart(Restart::up_to(9, Duration::from_secs(9)));
                handle.spawn(props, move || from_fn(move |n: u64, ctx| ctx.tell(to, n))).unwrap()
            };
            let (hit, other) = (spawn(1), spawn(2));
            let letters = dead_letters(sim);
            sim.panic_at(hit, 2);
            sim.panic_at(hit, 4);
            for n in 1..=5 {
                handle.tell(hit, n);
                handle.tell(other, 10 * n);
            }
            probe.expect_all(sim, [1, 3, 5, 10, 20, 30, 40, 50]);
            probe.expect_none_for(sim, Duration::ZERO);
            letters.expect_all(sim, [1, 2].map(|_| Letter::of::<u64>(hit, DeadLetterReason::Panicked)));
            letters.expect_none_for(sim, Duration::ZERO);
            assert_eq!(sim.injected().panics, 2);
        },
    );
}

#[test]
fn faults_leave_probes_alone() {
    explore_with(
        100,
        |builder| builder.faults(Faults::none().panics(2).stops(3).failures(3)),
        |sim| {
            let probe = Probe::new(sim);
            tell(sim, &probe, 0..50);
            (0..50).for_each(|n| probe.expect_eq(sim, n));
        },
    );
}

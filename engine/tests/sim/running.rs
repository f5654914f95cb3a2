//! Steps, idleness, virtual time, asks, and the end.

use std::time::Duration;

use hippodrome::sim::{Faults, Sim, Step};
use hippodrome::{
    Actor, ActorRef, Address, AskError, Backoff, Context, MissedTick, On, Props, Reply, Restart, ShutdownError, Stop,
    StopReason, from_fn,
};

#[test]
fn nothing_runs_by_itself() {
    let mut sim = Sim::new(1);
    assert_eq!((sim.steps(), sim.now()), (0, Duration::ZERO));
    let probe = sim.probe::<u64>();
    sim.handle().tell(probe.actor(), 1);
    assert!(!sim.is_idle());
    assert!(probe.drain().is_empty());
    sim.run_until_idle().unwrap();
    assert!(sim.is_idle());
    assert_eq!(probe.drain(), [1]);
    let steps = sim.steps();
    assert_eq!((sim.step(), sim.step()), (Step::Idle, Step::Idle), "an idle simulation stays idle");
    assert_eq!((sim.steps(), sim.now()), (steps, Duration::ZERO));
}

#[test]
fn a_step_is_one_turn_of_one_worker() {
    let mut sim = Sim::new(3);
    let probe = sim.probe_on::<u64>(On::Worker(1)).unwrap();
    (0..10).for_each(|n| sim.handle().tell(probe.actor(), n));
    let (mut handled, mut turns) = (0, 0);
    while !sim.is_idle() {
        if let Step::Turn { worker, handled: now } = sim.step() {
            assert!(worker == 1 || now == 0);
            handled += now;
            turns += 1;
        }
    }
    assert_eq!(handled, 10);
    assert_eq!(sim.stats().workers.iter().map(|worker| worker.turns).sum::<u64>(), turns);
    assert_eq!(sim.run_for_steps(5), 0);
}

#[test]
fn what_does_not_become_idle_is_named() {
    struct Echo;
    impl Actor for Echo {
        type Msg = ();
        fn handle(&mut self, (): (), ctx: &mut Context<'_, ()>) {
            let me = ctx.me();
            ctx.tell(me, ());
        }
    }
    let mut sim = Sim::builder(1).step_limit(1000).build().unwrap();
    let echo = sim.handle().spawn(On::Worker(1), || Echo).unwrap();
    sim.handle().tell(echo, ());
    let busy = sim.run_until_idle().unwrap_err();
    assert_eq!(busy.steps, 1000);
    assert_eq!(busy.to_string(), "still busy after 1000 steps: worker 1 has its local ring; Echo at 1/0.1 ran last");
    assert!(sim.advance(Duration::from_secs(1)).is_err());
    assert_eq!(sim.now(), Duration::ZERO, "time moves on only when there is nothing to do");
    assert_eq!(sim.run_for_steps(10), 10);
}

struct Clockwork {
    at: Vec<u64>,
}

enum Wind {
    After(u64),
    Every(u64),
    Rang,
    Times(Reply<Vec<u64>>),
}

impl Actor for Clockwork {
    type Msg = Wind;

    fn handle(&mut self, message: Wind, ctx: &mut Context<'_, Wind>) {
        match message {
            Wind::After(ms) => drop(ctx.send_after(Duration::from_millis(ms), Wind::Rang)),
            Wind::Every(ms) => drop(ctx.send_every(Duration::from_millis(ms), MissedTick::Burst, || Wind::Rang)),
            Wind::Rang => self.at.push(ctx.now_ns() / 1_000_000),
            Wind::Times(reply) => reply.send(ctx, self.at.clone()),
        }
    }
}

#[test]
fn time_moves_from_timer_to_timer() {
    for seed in 0..50 {
        let mut sim = Sim::new(seed);
        let clock = sim.handle().spawn(On::RoundRobin, || Clockwork { at: Vec::new() }).unwrap();
        let other = sim.handle().spawn(On::RoundRobin, || Clockwork { at: Vec::new() }).unwrap();
        [70, 7, 5000].into_iter().for_each(|ms| sim.handle().tell(clock, Wind::After(ms)));
        sim.handle().tell(other, Wind::Every(20));
        sim.advance(Duration::from_millis(100)).unwrap();
        assert_eq!(sim.now(), Duration::from_millis(100));
        assert_eq!(sim.ask(clock, Wind::Times), Ok(vec![7, 70]), "each at its own time");
        assert_eq!(sim.ask(other, Wind::Times), Ok(vec![20, 40, 60, 80, 100]), "a deadline at the end is part of it");
        sim.advance(Duration::from_secs(10)).unwrap();
        assert_eq!(sim.ask(clock, Wind::Times), Ok(vec![7, 70, 5000]), "seed {seed}");
    }
}

#[test]
fn late_timers_are_late_by_the_jitter_at_most() {
    let mut latest = 0;
    for seed in 0..50 {
        let faults = Faults::none().timer_jitter(Duration::from_millis(30));
        let mut sim = Sim::builder(seed).faults(faults).build().unwrap();
        let clock = sim.handle().spawn(On::Worker(0), || Clockwork { at: Vec::new() }).unwrap();
        sim.handle().tell(clock, Wind::After(10));
        sim.advance(Duration::from_millis(1000)).unwrap();
        let rang = sim.ask(clock, Wind::Times).unwrap()[0];
        assert!((10..=40).contains(&rang), "{rang}");
        latest = latest.max(rang);
    }
    assert!(latest > 30, "{latest}");
}

#[test]
fn asks_are_answered_by_running() {
    for seed in 0..50 {
        let mut sim = Sim::new(seed);
        let doubles = |(n, reply): (u64, Reply<u64>), ctx: &mut Context<'_, _>| match n {
            0 => drop(reply),
            1 => std::mem::forget(reply),
            _ => reply.send(ctx, 2 * n),
        };
        let doubles = sim.handle().spawn(On::Worker(1), move || from_fn(doubles)).unwrap();
        assert_eq!(sim.ask(doubles, |reply| (21, reply)), Ok(42));
        assert_eq!(sim.ask(doubles, |reply| (0, reply)), Err(AskError::Unanswered));
        assert_eq!(sim.now(), Duration::ZERO);
        assert_eq!(sim.ask(doubles, |reply| (1, reply)), Err(AskError::TimedOut));
        assert_eq!(sim.now(), Duration::from_secs(5), "the configuration's timeout has passed");
        let ask = sim.handle().ask(doubles, |reply| (1, reply));
        assert_eq!(sim.wait(ask, Duration::from_secs(1)), Err(AskError::TimedOut));
        assert_eq!(sim.now(), Duration::from_secs(6));
        let end = sim.handle().watch(doubles).unwrap();
        sim.handle().stop(doubles, Stop::Kill).unwrap();
        assert_eq!(sim.wait(end, Duration::ZERO).unwrap().reason, StopReason::Killed);
    }
}

#[test]
fn an_ask_between_actors_times_out_in_virtual_time() {
    struct Asker;
    enum Ask {
        Go(hippodrome::ActorRef<Reply<u64>>, hippodrome::ActorRef<u64>),
        Answer(Result<u64, AskError>, hippodrome::ActorRef<u64>),
    }
    impl Actor for Asker {
        type Msg = Ask;
        fn handle(&mut self, message: Ask, ctx: &mut Context<'_, Ask>) {
            match message {
                Ask::Go(whom, tell) => {
                    ctx.ask_within(Duration::from_secs(3), whom, |reply| reply, move |got| Ask::Answer(got, tell));
                }
                Ask::Answer(got, tell) => {
                    assert_eq!(got, Err(AskError::TimedOut));
                    let now = ctx.now_ns() / 1_000_000;
                    ctx.tell(tell, now);
                }
            }
        }
    }
    let mut sim = Sim::new(9);
    let probe = sim.probe();
    let silent = sim.handle().spawn(On::Worker(0), || from_fn(|reply: Reply<u64>, _ctx| std::mem::forget(reply)));
    let asker = sim.handle().spawn(On::Worker(1), || Asker).unwrap();
    sim.handle().tell(asker, Ask::Go(silent.unwrap(), probe.actor()));
    sim.run_until_idle().unwrap();
    assert!(probe.drain().is_empty());
    assert_eq!(probe.expect_within(&mut sim, Duration::from_secs(10)), 3000);
}

#[test]
fn it_shuts_down_in_order() {
    for seed in 0..100 {
        let mut sim = Sim::builder(seed).workers(3).build().unwrap();
        let backoff = Backoff::exponential(Duration::from_millis(50), Duration::from_secs(1));
        let restart = Restart::Restart { max: 5, within: Duration::from_secs(60), backoff };
        let fails = |n: u64, _: &mut Context<'_, u64>| {
            if n == 3 {
                std::panic::resume_unwind(Box::new("quietly"));
            }
        };
        for worker in 0..3 {
            let props = Props::on(On::Worker(worker)).restart(restart);
            let actor = sim.handle().spawn(props, move || from_fn(fails)).unwrap();
            (0..10).for_each(|n| sim.handle().tell(actor, n));
        }
        sim.run_for_steps(seed % 20);
        let report = sim.shutdown().unwrap();
        assert_eq!((report.drained, report.stopped_in_order, report.actors_left), (true, true, 0), "seed {seed}");
        assert_eq!(report.handled, 30, "what waited for the restart was handled");
    }
}

#[test]
fn a_shutdown_that_does_not_come_to_an_end_is_cut_short() {
    let mut sim = Sim::builder(4).step_limit(500).build().unwrap();
    let forever = |(): (), ctx: &mut Context<'_, ()>| {
        let me = ctx.me();
        ctx.tell(me, ());
    };
    let forever = sim.handle().spawn(On::Worker(0), move || from_fn(forever)).unwrap();
    sim.handle().tell(forever, ());
    sim.run_for_steps(50);
    let Err(ShutdownError::DeadlineExceeded(report)) = sim.shutdown() else { panic!("it cannot end in order") };
    assert!(!report.drained);
    assert_eq!(report.left.iter().map(|left| left.count).sum::<u64>(), 1);
}

#[test]
fn an_abort_drops_what_is_left() {
    let mut sim = Sim::new(4);
    let actor = sim.handle().spawn(On::Worker(0), || from_fn(|_: String, _ctx| ())).unwrap();
    (0..1000).for_each(|n| sim.handle().tell(actor, n.to_string()));
    let report = sim.abort();
    assert!(report.left[0].count >= 700, "one turn handles no more than the configuration allows: {report:?}");
    assert_eq!(report.left[0].count + report.handled, 1000);
    assert_eq!(sim.stats().handled(), report.handled, "what was counted is there after the end");
    assert_eq!((sim.step(), sim.run_for_steps(10)), (Step::Idle, 0));
}

/// Asks when it is told whom, and keeps the replies that it owes.
#[derive(Default)]
struct Keeper(Vec<Reply<u64>>);

enum Keep {
    Ask(ActorRef<Keep>),
    Owe(Reply<u64>),
    Answered,
}

impl Actor for Keeper {
    type Msg = Keep;

    fn handle(&mut self, msg: Keep, ctx: &mut Context<'_, Keep>) {
        match msg {
            Keep::Ask(whom) => ctx.ask_within(Duration::from_secs(60), whom, Keep::Owe, |_| Keep::Answered),
            Keep::Owe(reply) => self.0.push(reply),
            Keep::Answered => {}
        }
    }
}

#[test]
fn a_deadlock_is_found_whatever_the_seed() {
    for seed in 0..50 {
        let mut sim = Sim::new(seed);
        let [one, other] = [0, 1].map(|worker| sim.handle().spawn(On::Worker(worker), Keeper::default).unwrap());
        sim.handle().tell(one, Keep::Ask(other));
        sim.run_until_idle().unwrap();
        assert_eq!(sim.wait_cycles(Duration::ZERO), [], "a chain is none");
        sim.handle().tell(other, Keep::Ask(one));
        sim.run_until_idle().unwrap();
        let [cycle] = &sim.wait_cycles(Duration::ZERO)[..] else { panic!("seed {seed}: there is one") };
        let actors: Vec<_> = cycle.actors().iter().map(|waiter| waiter.actor).collect();
        assert_eq!(actors, [Address::from(one), Address::from(other)]);
        sim.advance(Duration::from_secs(59)).unwrap();
        assert_eq!(sim.wait_cycles(Duration::from_secs(59)).len(), 1);
        assert_eq!(sim.wait_cycles(Duration::from_secs(60)), []);
        sim.advance(Duration::from_secs(1)).unwrap();
        assert_eq!(sim.wait_cycles(Duration::ZERO), [], "their time is over");
    }
}

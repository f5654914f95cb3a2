//! Supervised children: their addresses outlive their states, what comes meanwhile is held, and their parent decides.

mod chaos;
#[path = "../common/mod.rs"]
mod common;
mod family;
mod queued_stop;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use common::{PATIENCE, host, next};
use family::{Family, Job, Note, Order, child, everywhere, settle, supervise};
use hippodrome::{
    Actor, ActorRef, ChildEvent, Context, DeadLetterReason, On, Props, Reply, Restart, Stop, StopReason, SystemEvent,
    from_fn,
};

const NUMBERS: [Job; 3] = [Job::Number(1), Job::Number(2), Job::Number(3)];

fn numbers(life: u32) -> [Note; 4] {
    [Note::Started("a", life), Note::Got(1), Note::Got(2), Note::Got(3)]
}

/// Ends a child's life.
type End = fn(&mut Family);

/// How a life ends, what its parent is told, and whether the child's `stopped` runs.
fn ends() -> Vec<(End, StopReason, bool)> {
    vec![
        (|family| family.tell([Job::Panic]), StopReason::Panicked("the child".into()), false),
        (|family| family.tell([Job::Fail]), StopReason::Panicked("it says so".into()), false),
        (|family| family.tell([Job::StopSelf]), StopReason::Stopped, true),
        (|family| family.stop(Stop::Now), StopReason::Stopped, true),
        (|family| family.stop(Stop::AfterQueued), StopReason::Stopped, true),
        (|family| family.stop(Stop::Kill), StopReason::Killed, false),
    ]
}

#[test]
fn whatever_ends_a_life_the_parent_is_told_and_the_next_life_gets_what_came_meanwhile() {
    for (n, (end, reason, stopped)) in ends().into_iter().enumerate() {
        for props in everywhere() {
            let mut family = Family::found(props, Restart::Stop);
            let told = family.handle.watch(family.child).unwrap();
            end(&mut family);
            let notes: &[Note] = if stopped { &[Note::Stopped("a")] } else { &[] };
            family.saw(&[family.ended(reason.clone())], notes);
            family.tell(NUMBERS);
            family.saw(&[], &[]);
            family.restart();
            family.saw(&[family.started()], &numbers(1));
            family.tell([Job::Number(4)]);
            family.saw(&[], &[Note::Got(4)]);
            assert!(told.wait(Duration::ZERO).is_err(), "those who watch it are not told of the end of a life");
            assert_eq!(family.dead(DeadLetterReason::Panicked), u64::from(n == 0), "end {n}");
            let panics = family.host.stats().workers.iter().map(|worker| worker.panics).sum::<u64>();
            assert_eq!(panics, u64::from(n == 0), "end {n}: one that fails itself has not panicked");
            let report = family.end();
            assert_eq!(report.dead_letters.total(), u64::from(n == 0));
        }
    }
}

#[test]
fn a_released_child_ends_for_good_and_what_it_held_is_reported() {
    for (n, (end, reason, _)) in ends().into_iter().enumerate() {
        for props in everywhere() {
            let mut family = Family::found(props.named("child"), Restart::Stop);
            let told = family.handle.watch(family.child).unwrap();
            end(&mut family);
            family.tell(NUMBERS);
            assert_eq!(family.handle.lookup::<Job>("child"), Some(family.child), "it keeps its name");
            family.release();
            assert_eq!(told.wait(PATIENCE).unwrap().reason, reason, "end {n}");
            assert_eq!(family.dead(DeadLetterReason::Stopped), 3);
            family.tell([Job::Number(4)]);
            assert_eq!(family.dead(DeadLetterReason::Stopped), 4);
            assert!(family.handle.lookup::<Job>("child").is_none());
            // Both come too late.
            family.restart();
            family.release();
            assert_eq!(family.host.stats().workers.iter().map(|worker| worker.actors).sum::<u64>(), 1);
            family.end();
        }
    }
}

#[test]
fn a_living_child_that_is_released_goes_on_and_ends_for_good() {
    for props in everywhere() {
        let mut family = Family::found(props, Restart::Stop);
        let told = family.handle.watch(family.child).unwrap();
        family.release();
        family.tell(NUMBERS);
        family.saw(&[], &numbers(0)[1..]);
        family.tell([Job::Panic, Job::Number(4)]);
        family.saw(&[], &[]);
        assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::Panicked("the child".into()));
        family.end();
    }
}

#[test]
fn what_was_queued_when_a_life_ended_is_held_too() {
    for props in everywhere() {
        let mut family = Family::found(props, Restart::Stop);
        family.tell([Job::Number(1), Job::StopSelf, Job::Number(2), Job::Panic, Job::Number(3)]);
        family.saw(&[family.ended(StopReason::Stopped)], &[Note::Got(1), Note::Stopped("a")]);
        family.restart();
        let events = [family.started(), family.ended(StopReason::Panicked("the child".into()))];
        family.saw(&events, &[Note::Started("a", 1), Note::Got(2)]);
        family.restart();
        family.saw(&[family.started()], &[Note::Started("a", 2), Note::Got(3)]);
        assert_eq!(family.end().dead_letters.total(), 1);
    }
}

#[test]
fn a_healthy_child_is_stopped_and_made_anew_by_its_parent() {
    for props in everywhere() {
        let mut family = Family::found(props, Restart::Stop);
        let child = family.child;
        family.tell([Job::Spawn("b")]);
        family.saw(&[], &[Note::Started("b", 0)]);
        family.parent(move |ctx| ctx.stop(child, Stop::Now));
        family.saw(&[family.ended(StopReason::Stopped)], &[Note::Stopped("b"), Note::Stopped("a")]);
        // It has ended already.
        family.parent(move |ctx| ctx.stop(child, Stop::Kill));
        family.saw(&[], &[]);
        family.restart();
        family.saw(&[family.started()], &[Note::Started("a", 1)]);
        family.restart();
        family.saw(&[], &[]);
        family.end();
    }
}

#[test]
fn a_restart_waits_and_an_end_meanwhile_is_told() {
    for props in everywhere() {
        let mut family = Family::found(props, Restart::Stop);
        let child = family.child;
        let wait = Duration::from_millis(10);
        family.tell([Job::Panic]);
        family.parent(move |ctx| ctx.restart_child(child, wait));
        family.tell(NUMBERS);
        family.saw(&[family.ended(StopReason::Panicked("the child".into()))], &[]);
        family.stop(Stop::Now);
        family.saw(&[family.ended(StopReason::Stopped)], &[]);
        family.parent(move |ctx| ctx.restart_child(child, wait));
        family.saw(&[], &[]);
        family.pass(wait - Duration::from_millis(1));
        family.saw(&[], &[]);
        family.pass(Duration::from_millis(2));
        family.saw(&[family.started()], &numbers(1));
        family.end();
    }
}

#[test]
fn the_engine_ends_although_a_child_is_suspended() {
    for props in everywhere() {
        let mut family = Family::found(props, Restart::Stop);
        let told = family.handle.watch(family.child).unwrap();
        family.tell([Job::StopSelf]);
        family.tell(NUMBERS);
        let report = family.end();
        assert!(report.drained && report.stopped_in_order, "{report:?}");
        assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::ParentStopped);
        assert_eq!((report.dead_letters.total(), report.actors_left), (3, 0));
    }
}

#[test]
fn an_aborted_engine_accounts_for_what_a_suspended_child_held() {
    for props in everywhere() {
        let mut family = Family::found(props, Restart::Stop);
        family.tell([Job::StopSelf]);
        family.tell(NUMBERS);
        let report = family.host.abort();
        assert_eq!(report.dead_letters.get(DeadLetterReason::Shutdown), 3);
    }
}

#[test]
fn a_parent_that_is_restarted_takes_its_children_along() {
    for suspended in [false, true] {
        for props in everywhere() {
            let mut family = Family::found(props, Restart::up_to(1, Duration::from_secs(1)));
            let told = family.handle.watch(family.child).unwrap();
            settle(&mut family.host);
            if suspended {
                family.tell([Job::StopSelf]);
                family.tell(NUMBERS);
            }
            family.handle.tell(family.parent, Order::Panic);
            settle(&mut family.host);
            assert_eq!(told.wait(PATIENCE).unwrap().reason, StopReason::ParentStopped);
            assert_eq!(family.dead(DeadLetterReason::Stopped), if suspended { 3 } else { 0 });
            let child = supervise(&mut family.host, family.parent, On::Worker(1).into(), child("b", &family.noting));
            family.handle.tell(child, Job::Number(1));
            settle(&mut family.host);
            assert_eq!(family.notes.try_iter().last(), Some(Note::Got(1)));
            family.end();
        }
    }
}

#[test]
fn supervised_children_stop_one_after_the_other_and_the_youngest_first() {
    for how in [Some(Stop::Now), None] {
        let mut family = Family::found(On::Worker(1).into(), Restart::up_to(1, Duration::from_secs(1)));
        for (name, worker) in [("b", 0), ("c", 1), ("d", 0), ("e", 1)] {
            supervise(&mut family.host, family.parent, On::Worker(worker).into(), child(name, &family.noting));
        }
        // A child of the youngest stops before it does.
        family.handle.tell(family.child, Job::Spawn("aa"));
        settle(&mut family.host);
        family.notes.try_iter().for_each(drop);
        match how {
            Some(how) => family.handle.stop(family.parent, how).unwrap(),
            None => family.handle.tell(family.parent, Order::Panic),
        }
        settle(&mut family.host);
        assert_eq!(family.notes.try_iter().collect::<Vec<_>>(), ["e", "d", "c", "b", "aa", "a"].map(Note::Stopped));
        family.end();
    }
}

#[test]
fn a_factory_or_a_start_that_panics_is_an_end() {
    for worker in [0, 1] {
        for in_factory in [true, false] {
            let mut family = Family::found(On::Worker(0).into(), Restart::Stop);
            let tries = Arc::new(AtomicU32::new(0));
            let fails = move || tries.fetch_add(1, Ordering::Relaxed) < 2;
            let factory = move || {
                assert!(!(in_factory && fails()), "no state");
                Starting(!in_factory && fails())
            };
            let child = supervise(&mut family.host, family.parent, On::Worker(worker).into(), factory);
            let (child, text) = (child.address(), if in_factory { "no state" } else { "no start" });
            let ended = ChildEvent::Ended { child, reason: StopReason::Panicked(text.into()) };
            for _ in 0..2 {
                family.saw(std::slice::from_ref(&ended), &[]);
                family.parent(move |ctx| ctx.restart_child(child, Duration::ZERO));
            }
            family.saw(&[ChildEvent::Started { child }], &[]);
            assert_eq!(family.end().dead_letters.total(), 0);
        }
    }
}

struct Starting(bool);

impl Actor for Starting {
    type Msg = ();

    fn started(&mut self, _ctx: &mut Context<'_, ()>) {
        assert!(!self.0, "no start");
    }

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {}
}

#[test]
fn what_is_asked_subscribed_or_timed_in_a_life_does_not_come_in_the_next() {
    let mut family = Family::found(On::Worker(0).into(), Restart::Stop);
    let (replies, asked) = mpsc::channel::<Reply<u64>>();
    let server = family.handle.spawn(On::Worker(1), move || {
        let replies = replies.clone();
        from_fn(move |reply, _ctx| _ = replies.send(reply))
    });
    let (server, (seen, saw)) = (server.unwrap(), mpsc::channel());
    let asker = supervise(&mut family.host, family.parent, On::Worker(1).into(), move || {
        let seen = seen.clone();
        from_fn(move |what: &'static str, ctx: &mut Context<'_, &'static str>| {
            _ = seen.send(what);
            if what == "live" {
                ctx.ask(server, |reply| reply, |_| "answer");
                ctx.send_after(Duration::from_millis(5), "timer").unwrap();
                ctx.subscribe::<u8>(|_| Some("event"));
            }
        })
    });
    family.handle.tell(asker, "live");
    settle(&mut family.host);
    family.handle.stop(asker, Stop::Now).unwrap();
    settle(&mut family.host);
    next(&asked).send_from_outside(1).unwrap();
    family.parent(move |ctx| ctx.restart_child(asker, Duration::ZERO));
    family.parent(|ctx| _ = ctx.publish(1_u8));
    family.pass(Duration::from_millis(10));
    assert_eq!(saw.try_iter().collect::<Vec<_>>(), ["live"]);
    assert_eq!(family.end().dead_letters.get(DeadLetterReason::LateReply), 1);
}

#[test]
fn a_policy_of_its_own_is_asked_first() {
    let restart = Restart::up_to(1, Duration::from_secs(1));
    let mut family = Family::found(Props::on(On::Worker(1)).restart(restart), Restart::Stop);
    family.tell([Job::Panic]);
    family.saw(&[family.started()], &[Note::Started("a", 1)]);
    family.tell([Job::Panic]);
    family.saw(&[family.ended(StopReason::RestartsExhausted("the child".into()))], &[]);
    family.restart();
    family.saw(&[family.started()], &[Note::Started("a", 2)]);
    family.end();
}

#[test]
fn a_child_that_is_released_as_its_parent_fails_stops_with_it() {
    for suspended in [false, true] {
        for restart in [Restart::Stop, Restart::up_to(1, Duration::from_secs(1))] {
            for props in everywhere() {
                let mut family = Family::found(props, restart);
                let (child, told) = (family.child, family.handle.watch(family.child).unwrap());
                settle(&mut family.host);
                if suspended {
                    family.tell([Job::StopSelf]);
                }
                family.parent(move |ctx| {
                    ctx.release_child(child);
                    std::panic::resume_unwind(Box::new("after that"));
                });
                let reason = told.wait(PATIENCE).unwrap().reason;
                assert!(matches!(reason, StopReason::ParentStopped | StopReason::Stopped), "{reason}");
                assert_eq!(family.end().actors_left, 0);
            }
        }
    }
}

#[test]
fn only_the_parent_has_a_say() {
    let mut family = Family::found(On::Worker(1).into(), Restart::Stop);
    let child = family.child;
    family.tell([Job::StopSelf]);
    let stranger = family.handle.spawn(On::Worker(1), || {
        from_fn(|child: ActorRef<Job>, ctx: &mut Context<'_, _>| {
            ctx.restart_child(child, Duration::ZERO);
            ctx.release_child(child);
        })
    });
    family.handle.tell(stranger.unwrap(), child);
    settle(&mut family.host);
    family.saw(&[family.ended(StopReason::Stopped)], &[Note::Stopped("a")]);
    family.tell(NUMBERS);
    family.restart();
    family.saw(&[family.started()], &numbers(1));
    family.end();
}

#[test]
fn a_parent_that_cannot_make_its_message_fails() {
    let (mut host, _clock) = host(2);
    let handle = host.handle();
    let parent = handle.spawn(On::Worker(0), || {
        from_fn(|(), ctx: &mut Context<'_, ()>| {
            ctx.supervise(On::Worker(1), || from_fn(|(), _ctx| ()), |_| panic!("no message")).unwrap();
        })
    });
    let parent = parent.unwrap();
    let told = handle.watch(parent).unwrap();
    handle.tell(parent, ());
    settle(&mut host);
    let reason = told.wait(PATIENCE).unwrap().reason;
    assert!(matches!(&reason, StopReason::Panicked(text) if text.contains("start or end")), "{reason}");
    assert_eq!(host.shutdown(PATIENCE).unwrap().actors_left, 0);
}

/// Panics as it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("a drop"));
    }
}

#[test]
fn what_makes_a_parents_message_may_panic_as_it_is_dropped() {
    for worker in [0, 1] {
        for aborts in [true, false] {
            let mut family = Family::found(On::Worker(0).into(), Restart::Stop);
            let bomb = Bomb;
            let on_event = move |event| {
                let _ = &bomb;
                Order::Told(event)
            };
            let spawn = move |ctx: &mut Context<'_, Order>| {
                _ = ctx.supervise(On::Worker(worker), || from_fn(|(), _ctx| ()), on_event).unwrap();
            };
            family.parent(spawn);
            let report = if aborts { family.host.abort() } else { family.end() };
            assert_eq!(report.actors_left, if aborts { 3 } else { 0 }, "{report:?}");
        }
    }
}

#[test]
fn the_event_stream_says_how_a_child_lives() {
    let mut family = Family::found(On::Worker(1).into(), Restart::Stop);
    let (child, (seen, saw)) = (family.child.address(), mpsc::channel());
    let listener = family.handle.spawn(On::Worker(0), move || Listener(child, seen.clone())).unwrap();
    settle(&mut family.host);
    family.tell([Job::Panic]);
    family.restart();
    family.stop(Stop::Kill);
    family.release();
    family.handle.stop(listener, Stop::Now).unwrap();
    settle(&mut family.host);
    let saw: Vec<_> = saw.try_iter().collect();
    let expected = ["suspended: panicked: the child", "restarted 1", "suspended: killed", "stopped: killed"];
    assert_eq!(saw, expected);
    family.end();
}

struct Listener(hippodrome::Address, Sender<String>);

impl Actor for Listener {
    type Msg = String;

    fn started(&mut self, ctx: &mut Context<'_, String>) {
        let whose = self.0;
        ctx.subscribe(move |event: &SystemEvent| match event {
            SystemEvent::Suspended { actor, reason, .. } if *actor == whose => Some(format!("suspended: {reason}")),
            SystemEvent::Restarted { actor, restart, .. } if *actor == whose => Some(format!("restarted {restart}")),
            SystemEvent::Stopped { actor, reason, .. } if *actor == whose => Some(format!("stopped: {reason}")),
            _ => None,
        });
    }

    fn handle(&mut self, event: String, _ctx: &mut Context<'_, String>) {
        _ = self.1.send(event);
    }
}

#[test]
fn a_rescued_message_is_no_dead_letter_and_the_next_one_is() {
    let (mut host, _clock) = host(1);
    let handle = host.handle();
    let props = Props::on(On::Worker(0)).restart(Restart::up_to(9, Duration::from_secs(9)));
    let actor = handle.spawn(props, || {
        from_fn(|rescues: bool, ctx: &mut Context<'_, bool>| {
            if rescues {
                ctx.rescue_message();
            }
            panic!("either way");
        })
    });
    let actor = actor.unwrap();
    for rescues in [true, false, true, true, false] {
        handle.tell(actor, rescues);
    }
    settle(&mut host);
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Panicked), 2);
    // A rescue without a panic is forgotten with its message.
    let calm = handle.spawn(On::Worker(0), || from_fn(|(), ctx: &mut Context<'_, ()>| ctx.rescue_message()));
    handle.tell(calm.unwrap(), ());
    handle.tell(actor, false);
    settle(&mut host);
    assert_eq!(host.stats().dead_letters().get(DeadLetterReason::Panicked), 3);
    assert_eq!(host.stats().workers[0].panics, 6);
    host.shutdown(PATIENCE).unwrap();
}

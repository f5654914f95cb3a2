//! One test for each place.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::time::Duration;

use hippodrome::{
    Actor, ActorRef, AskError, Context, Handle, MailboxSpec, MissedTick, On, Overflow, Props, Reply, Restart, Stop,
    StopReason, Terminated, from_fn,
};

use crate::common::PATIENCE;
use crate::world::{Chain, Counts, Drops, World, everywhere, everywhere_with, fail};

pub(crate) const NONE: Counts = Counts { panics: 0, contained: 0, panicked: 0, others: 0 };
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

pub(crate) fn many<M>() -> Props<M> {
    Props::on(On::Worker(0)).restart(Restart::up_to(u32::MAX, PATIENCE))
}

/// An actor that does one thing as it starts for the first time, and notes what comes.
pub(crate) fn does_once<F>(handle: &Handle, props: Props<u64>, first: F) -> (ActorRef<u64>, mpsc::Receiver<u64>)
where
    F: Fn(&mut Context<'_, u64>) + Clone + Send + 'static,
{
    struct Once<F>(Option<F>, mpsc::Sender<u64>);
    impl<F: Fn(&mut Context<'_, u64>) + 'static> Actor for Once<F> {
        type Msg = u64;
        fn started(&mut self, ctx: &mut Context<'_, u64>) {
            if let Some(first) = &self.0 {
                first(ctx);
            }
        }
        fn handle(&mut self, n: u64, _ctx: &mut Context<'_, u64>) {
            self.1.send(n).expect("the test listens");
        }
    }
    let (notes, noted) = mpsc::channel();
    let mut first = Some(first);
    (handle.spawn(props, move || Once(first.take(), notes.clone())).unwrap(), noted)
}

/// Keeps the replies that it owes until it stops.
pub(crate) fn keeping(handle: &Handle, worker: usize) -> ActorRef<Reply<u64>> {
    let keeps = || {
        let mut kept = Vec::new();
        from_fn(move |reply: Reply<u64>, _ctx: &mut Context<'_, _>| kept.push(reply))
    };
    handle.spawn(On::Worker(worker), keeps).unwrap()
}

pub(crate) fn answering(handle: &Handle, worker: usize) -> ActorRef<Reply<u64>> {
    handle.spawn(On::Worker(worker), || from_fn(|reply: Reply<u64>, ctx| reply.send(ctx, 5))).unwrap()
}

#[test]
fn in_handle_with_whatever_the_panic_carries() {
    for (chain, contained) in [(0, 0), (1, 1), (3, 3), (1_000_000, 8)] {
        everywhere(|mut world| {
            let failing = move || from_fn(move |(), _ctx| resume_unwind(Box::new(Chain(chain))));
            let failing = world.handle.spawn(many(), failing).unwrap();
            world.tell_neighbours();
            (0..3).for_each(|_| world.handle.tell(failing, ()));
            world.end(Counts { panics: 3, contained: 3 * contained, panicked: 3, ..NONE });
        });
    }
}

#[test]
fn in_stopped_with_a_panic_whose_drop_panics() {
    struct Failing(Drops);
    impl Actor for Failing {
        type Msg = ();
        fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {}
        fn stopped(&mut self, _ctx: &mut Context<'_, ()>) {
            resume_unwind(Box::new(Chain(2)));
        }
    }
    impl Drop for Failing {
        fn drop(&mut self) {
            drop(self.0.grenade());
        }
    }
    everywhere(|mut world| {
        let drops = Drops::default();
        let dropped = drops.clone();
        let failing = world.handle.spawn(Props::on(On::Worker(0)).named("it"), move || Failing(drops.clone())).unwrap();
        let watch = world.handle.watch(failing).unwrap();
        world.tell_neighbours();
        world.go_on();
        world.handle.stop(failing, Stop::Now).unwrap();
        world.until("it has gone", |world| world.handle.lookup::<()>("it").is_none());
        assert_eq!(watch.wait(PATIENCE).unwrap().reason, StopReason::Stopped);
        // `stopped`, twice what it carried, and the state.
        world.end(Counts { contained: 4, ..NONE });
        assert_eq!(dropped.count(), 1);
    });
}

#[test]
fn in_the_drop_of_a_factory() {
    everywhere(|mut world| {
        let drops = Drops::default();
        let grenade = drops.grenade();
        let actor = world.handle.spawn(On::Worker(1), move || {
            let _captured = &grenade;
            from_fn(|(), _ctx: &mut Context<'_, ()>| ())
        });
        let actor = actor.unwrap();
        world.tell_neighbours();
        world.handle.tell(actor, ());
        world.handle.stop(actor, Stop::AfterQueued).unwrap();
        world.end(Counts { contained: 1, ..NONE });
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn in_the_key_of_a_conflated_message() {
    const KEY: fn(&u64) -> u64 = |n| if *n == 13 { fail() } else { n % 10 };
    for worker in 0..2 {
        everywhere(|mut world| {
            let mailbox = MailboxSpec::bounded(NonZeroUsize::new(100).unwrap()).overflow(Overflow::Conflate(KEY));
            let (seen, noted) = mpsc::channel();
            let receiver = move || {
                let seen = seen.clone();
                from_fn(move |n: u64, _ctx: &mut Context<'_, u64>| seen.send(n).expect("the test listens"))
            };
            let receiver = world.handle.spawn(Props::on(On::Worker(0)).mailbox(mailbox), receiver).unwrap();
            let sender = move || {
                from_fn(move |n: u64, ctx: &mut Context<'_, u64>| {
                    assert!(ctx.try_tell(receiver, n).is_ok());
                    ctx.tell(receiver, n + 1);
                })
            };
            let sender = world.handle.spawn(On::Worker(worker), sender).unwrap();
            world.tell_neighbours();
            // By the second of a pair, then by the first.
            [1, 12, 13, 5].iter().for_each(|n| world.handle.tell(sender, *n));
            world.handle.tell(receiver, 13);
            world.until("all were seen or conflated", {
                let mut seen = Vec::new();
                move |world| {
                    seen.extend(noted.try_iter());
                    let conflated = world.stats().dead_letters().get(hippodrome::DeadLetterReason::Conflated);
                    seen.len() as u64 + conflated == 6
                }
            });
            let conflated = world.stats().dead_letters().get(hippodrome::DeadLetterReason::Conflated);
            world.end(Counts { contained: 3, panicked: 3, others: conflated, ..NONE });
        });
    }
}

#[test]
fn a_key_is_asked_for_once_so_that_it_may_change() {
    use std::cell::Cell;
    struct Fickle(Cell<u64>, u64);
    const KEY: fn(&Fickle) -> u64 = |fickle| fickle.0.replace(99) % 10;
    everywhere(|mut world| {
        let mailbox = MailboxSpec::bounded(NonZeroUsize::new(4).unwrap()).overflow(Overflow::Conflate(KEY));
        let (seen, noted) = mpsc::channel();
        let receiver = move || {
            let seen = seen.clone();
            from_fn(move |n: Fickle, _ctx: &mut Context<'_, Fickle>| seen.send(n.1).expect("the test listens"))
        };
        let receiver = world.handle.spawn(Props::on(On::Worker(0)).mailbox(mailbox), receiver).unwrap();
        let sender = move || {
            from_fn(move |first: u64, ctx: &mut Context<'_, u64>| {
                [1, 2, 11, 3].iter().for_each(|n| ctx.tell(receiver, Fickle(Cell::new(*n), first + n)));
            })
        };
        let sender = world.handle.spawn(On::Worker(0), sender).unwrap();
        world.tell_neighbours();
        let mut all = Vec::new();
        for round in 0..20 {
            world.handle.tell(sender, round * 100);
            world.until("the round is over", |_| {
                all.extend(noted.try_iter());
                all.len() as u64 == 3 * (round + 1)
            });
        }
        let expected = (0..20).flat_map(|round| [11, 2, 3].map(|n| round * 100 + n));
        assert_eq!(all, expected.collect::<Vec<_>>());
        world.end(Counts { others: 20, ..NONE });
    });
}

#[test]
fn in_what_makes_a_timers_message() {
    everywhere(|mut world| {
        let (_, noted) = does_once(&world.handle, many(), |ctx| {
            ctx.send_every(MOMENT, MissedTick::Skip, || fail()).unwrap();
        });
        world.tell_neighbours();
        // No message was lost: there is no dead letter.
        world.end(Counts { panics: 1, ..NONE });
        assert!(noted.try_recv().is_err());
    });
}

#[test]
fn in_the_drop_of_a_timers_message() {
    for cancels in [false, true] {
        everywhere(|mut world| {
            let drops = Drops::default();
            let grenade = drops.clone();
            let armed = move || {
                let drops = grenade.clone();
                from_fn(move |message: Option<crate::world::Grenade>, ctx: &mut Context<'_, _>| {
                    if let Some(grenade) = message {
                        grenade.disarm();
                    }
                    let key = ctx.send_after(PATIENCE * 1000, Some(drops.grenade())).unwrap();
                    if cancels {
                        assert!(ctx.cancel(key));
                    }
                })
            };
            let armed = world.handle.spawn(On::Worker(0), armed).unwrap();
            world.handle.tell(armed, None);
            world.tell_neighbours();
            world.handle.stop(armed, Stop::AfterQueued).unwrap();
            world.end(Counts { contained: 1, ..NONE });
            assert_eq!(drops.count(), 1);
        });
    }
}

#[test]
fn in_the_drop_of_a_closure_that_cancels_its_own_timer() {
    everywhere(|mut world| {
        let drops = Drops::default();
        let (grenade, victim) = (drops.clone(), drops.clone());
        let (_, _noted) = does_once(&world.handle, many(), move |ctx| {
            let grenade = grenade.grenade();
            let make = move || {
                let _captured = &grenade;
                fail()
            };
            ctx.send_every(MOMENT, MissedTick::Skip, make).unwrap();
        });
        world.tell_neighbours();
        world.end(Counts { panics: 1, contained: 1, ..NONE });
        assert_eq!(victim.count(), 1);
    });
}

#[test]
fn in_what_makes_a_message_of_an_event() {
    struct Price;
    everywhere(|mut world| {
        let (_, first) = does_once(&world.handle, many(), |ctx| ctx.subscribe(|_: &Price| Some(1)));
        let (failing, _noted) = does_once(&world.handle, many(), |ctx| ctx.subscribe(|_: &Price| fail()));
        let (_, last) = does_once(&world.handle, many(), |ctx| ctx.subscribe(|_: &Price| Some(2)));
        world.handle.tell(failing, 0);
        world.tell_neighbours();
        world.check(NONE);
        assert!(world.handle.publish(Price));
        // No message was lost: there is no dead letter.
        world.check(Counts { panics: 1, ..NONE });
        assert!(world.handle.publish(Price));
        let mut seen = Vec::new();
        world.until("the others get both", |_| {
            seen.extend(first.try_iter().chain(last.try_iter()));
            seen.len() == 4
        });
        world.end(Counts { panics: 1, ..NONE });
    });
}

#[test]
fn in_a_handler_that_is_told_in_the_middle_of_the_events() {
    struct Price(u64);
    // The first event makes the subscriber ask for more than it may; that it cannot is what it panics at.
    everywhere_with(
        |builder| builder.configure(|config| config.max_asks = 1),
        |mut world| {
            let keeps = keeping(&world.handle, 1);
            struct Asker(ActorRef<Reply<u64>>, mpsc::Sender<u64>);
            impl Actor for Asker {
                type Msg = u64;
                fn started(&mut self, ctx: &mut Context<'_, u64>) {
                    ctx.subscribe(|price: &Price| Some(price.0));
                }
                fn handle(&mut self, n: u64, ctx: &mut Context<'_, u64>) {
                    match n {
                        0 => (0..2).for_each(|_| {
                            ctx.ask_within(PATIENCE, self.0, |reply| reply, |_: Result<u64, AskError>| 13);
                        }),
                        13 => fail(),
                        n => self.1.send(n).expect("the test listens"),
                    }
                }
            }
            let (notes, noted) = mpsc::channel();
            world.handle.spawn(many(), move || Asker(keeps, notes.clone())).unwrap();
            world.tell_neighbours();
            world.check(NONE);
            assert!(world.handle.publish(Price(0)));
            world.check(Counts { panics: 1, panicked: 1, ..NONE });
            for n in 1..=5 {
                assert!(world.handle.publish(Price(n)));
            }
            let mut seen = Vec::new();
            world.until("the worker still reads the events", |_| {
                seen.extend(noted.try_iter());
                seen.len() == 5
            });
            world.handle.stop(keeps, Stop::Now).unwrap();
            world.end(Counts { panics: 1, panicked: 1, ..NONE });
        },
    );
}

#[test]
fn in_a_handler_of_which_the_events_know_nothing() {
    struct Price(u64);
    let (mut host, _clock) = crate::common::host(1);
    let handle = host.handle();
    // Gives the reply that it owes to the test.
    let (give, given) = mpsc::channel();
    let gives = move || {
        let give = give.clone();
        from_fn(move |reply: Reply<u64>, _ctx: &mut Context<'_, _>| give.send(reply).expect("the test listens"))
    };
    let gives = handle.spawn(On::Worker(0), gives).unwrap();
    let asker = move || {
        from_fn(move |n: u64, ctx: &mut Context<'_, u64>| match n {
            0 => ctx.ask(gives, |reply| reply, |_: Result<u64, AskError>| 13),
            _ => fail(),
        })
    };
    let asker = handle.spawn(many(), asker).unwrap();
    let (_, noted) = does_once(&handle, many(), |ctx| ctx.subscribe(|price: &Price| (price.0 > 0).then_some(price.0)));
    handle.tell(asker, 0);
    crate::common::settle(&mut host);
    // In one turn the worker is told that the reply was dropped here, and that there is an event: what the first made it
    // do, it does in the middle of the second.
    drop(given.try_recv().unwrap());
    assert!(handle.publish(Price(0)));
    crate::common::settle(&mut host);
    assert_eq!(host.stats().workers[0].panics, 1);
    for n in 1..=100 {
        assert!(handle.publish(Price(n)));
        crate::common::settle(&mut host);
        assert_eq!(noted.try_recv(), Ok(n), "the worker still reads the events");
    }
    host.shutdown(PATIENCE).unwrap();
}

#[test]
fn in_the_notice_of_a_watched_actors_end() {
    for worker in 0..2 {
        everywhere(|mut world| {
            let watched = answering(&world.handle, 0);
            let (_, noted) = does_once(&world.handle, Props::on(On::Worker(worker)), move |ctx| {
                ctx.watch(watched, |_: Terminated| resume_unwind(Box::new(Chain(1))));
                ctx.watch(watched, |_: Terminated| 1);
            });
            world.tell_neighbours();
            world.check(NONE);
            world.handle.stop(watched, Stop::Now).unwrap();
            world.until("the other notice came", |_| noted.try_recv().is_ok());
            world.end(Counts { contained: 2, ..NONE });
        });
    }
}

#[test]
fn in_the_drop_of_a_notice_that_is_not_wanted_any_more() {
    for worker in 0..2 {
        everywhere(|mut world| {
            let drops = Drops::default();
            let grenade = drops.clone();
            let watched = answering(&world.handle, 0);
            let (_, _noted) = does_once(&world.handle, Props::on(On::Worker(worker)), move |ctx| {
                for _ in 0..2 {
                    let grenade = grenade.grenade();
                    ctx.watch(watched, move |_: Terminated| {
                        let _captured = &grenade;
                        1
                    });
                }
                ctx.unwatch(watched);
            });
            world.tell_neighbours();
            world.end(Counts { contained: 2, ..NONE });
            assert_eq!(drops.count(), 2);
        });
    }
}

#[test]
fn in_the_drop_of_an_event_that_another_replaces() {
    // So small a ring that each event soon replaces another one.
    let small = |builder: hippodrome::Builder| builder.configure(|config| config.event_capacity = 64);
    everywhere_with(small, |mut world| {
        let drops = Drops::default();
        for _ in 0..10 {
            world.handle.publish(drops.grenade());
            world.go_on();
        }
        // What the engine publishes itself replaces them: actors start and stop, each with a parent who is told.
        let (ends, ended) = mpsc::channel();
        let parent = move || {
            let ends = ends.clone();
            from_fn(move |(), ctx: &mut Context<'_, ()>| {
                let child = ctx.spawn(On::Worker(0), || from_fn(|(), _ctx| ())).unwrap();
                ctx.stop(child, Stop::Now);
                ends.send(()).expect("the test listens");
            })
        };
        let parent = world.handle.spawn(Props::on(On::Worker(0)).named("parent"), parent).unwrap();
        for n in 1..=64 {
            world.handle.tell(parent, ());
            world.until("it has spawned", |_| ended.try_recv().is_ok());
            world.until("the child has gone", |world| world.stats().workers[0].actors == 2 || n == 0);
        }
        world.handle.stop(parent, Stop::Now).unwrap();
        world.until("the parent has ended", |world| world.handle.lookup::<()>("parent").is_none());
        assert_eq!(drops.count(), 10);
        world.end(Counts { contained: 10, ..NONE });
    });
}

#[test]
fn in_an_iterator_of_messages() {
    for worker in 0..2 {
        everywhere(|mut world| {
            let (seen, noted) = mpsc::channel();
            let receiver = move || {
                let seen = seen.clone();
                from_fn(move |n: u64, _ctx: &mut Context<'_, u64>| seen.send(n).expect("the test listens"))
            };
            let receiver = world.handle.spawn(On::Worker(worker), receiver).unwrap();
            let sender = move || {
                from_fn(move |first: u64, ctx: &mut Context<'_, u64>| {
                    ctx.tell_batch(receiver, (first..).map(|n| if n % 10 == 7 { fail() } else { n }));
                })
            };
            let sender = world.handle.spawn(many(), sender).unwrap();
            world.tell_neighbours();
            (0..3).for_each(|n| world.handle.tell(sender, n * 10));
            world.end(Counts { panics: 3, panicked: 3, ..NONE });
            let expected: Vec<_> = (0..3).flat_map(|n| n * 10..n * 10 + 7).collect();
            assert_eq!(noted.try_iter().collect::<Vec<_>>(), expected);
        });
    }
}

/// Here so that the world's own promise is tested: a case that expects too little fails.
#[test]
#[should_panic(expected = "contained: 1")]
fn a_case_that_expects_another_count_fails() {
    everywhere(|mut world: World| {
        let drops = Drops::default();
        let (grenade, captured) = (drops.grenade(), drops.clone());
        let actor = world.handle.spawn(On::Worker(0), move || {
            let _captured = (&grenade, &captured);
            from_fn(|(), _ctx: &mut Context<'_, ()>| ())
        });
        world.handle.stop(actor.unwrap(), Stop::Now).unwrap();
        world.until("it has gone", |_| drops.count() == 1);
        world.end(NONE);
    });
}

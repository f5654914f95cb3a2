//! The places of an ask: what makes the question, what makes a message of the answer, and what there is when there is none.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{self, Wake, Waker};

use hippodrome::{ActorRef, Ask, AskError, Context, Handle, On, Reply, Stop, from_fn};

use crate::common::PATIENCE;
use crate::matrix::{MOMENT, NONE, answering, does_once, keeping, many};
use crate::world::{Counts, Drops, everywhere, everywhere_with, fail};

#[test]
fn in_what_makes_a_message_of_an_answer() {
    for worker in 0..2 {
        everywhere(|mut world| {
            let whom = answering(&world.handle, worker);
            does_once(&world.handle, many(), move |ctx| {
                ctx.ask(whom, |reply| reply, |_: Result<u64, AskError>| fail());
            });
            world.tell_neighbours();
            // The answer was sent and cannot be handled.
            world.end(Counts { panics: 1, panicked: 1, ..NONE });
        });
    }
}

#[test]
fn in_what_makes_a_message_of_a_failed_ask() {
    for worker in 0..2 {
        for way in ["dropped", "late", "too many"] {
            let limited = move |config: &mut hippodrome::Config| {
                if way == "too many" {
                    config.max_asks = 1;
                }
            };
            everywhere_with(
                |builder| builder.configure(limited),
                |mut world| {
                    let keeps = move || {
                        let mut kept = Vec::new();
                        from_fn(
                            move |reply: Reply<u64>, _ctx: &mut Context<'_, _>| {
                                if way == "dropped" { drop(reply) } else { kept.push(reply) }
                            },
                        )
                    };
                    let whom = world.handle.spawn(On::Worker(worker), keeps).unwrap();
                    does_once(&world.handle, many(), move |ctx| {
                        if way == "too many" {
                            ctx.ask_within(PATIENCE, whom, |reply| reply, |_: Result<u64, AskError>| 0);
                        }
                        let within = if way == "late" { MOMENT } else { PATIENCE };
                        ctx.ask_within(within, whom, |reply| reply, |_: Result<u64, AskError>| fail());
                    });
                    world.tell_neighbours();
                    // No answer was lost: there is no dead letter.
                    world.check(Counts { panics: 1, ..NONE });
                    world.handle.stop(whom, Stop::Now).unwrap();
                    world.end(Counts { panics: 1, ..NONE });
                },
            );
        }
    }
}

#[test]
fn in_what_makes_a_question() {
    everywhere(|mut world| {
        let whom = answering(&world.handle, 1);
        let asker = move || {
            from_fn(move |_: u64, ctx: &mut Context<'_, u64>| {
                ctx.ask(whom, |_| fail(), |_: Result<u64, AskError>| 0);
            })
        };
        let asker = world.handle.spawn(many(), asker).unwrap();
        world.handle.tell(asker, 0);
        world.tell_neighbours();
        world.end(Counts { panics: 1, panicked: 1, ..NONE });
    });
}

/// A future's executor that panics when it is woken.
struct Faulty;

impl Wake for Faulty {
    fn wake(self: Arc<Self>) {
        fail();
    }
}

/// Asks as a future that such an executor polls, once.
fn ask_with_faulty_waker(handle: &Handle, whom: ActorRef<Reply<u64>>) -> Ask<u64> {
    let mut ask = handle.ask(whom, |reply| reply);
    let waker = Waker::from(Arc::new(Faulty));
    assert!(Pin::new(&mut ask).poll(&mut task::Context::from_waker(&waker)).is_pending());
    ask
}

/// Keeps the first reply until a second one comes; then ends both as it is told.
fn ending(handle: &Handle, end: fn(Reply<u64>, &mut Context<'_, Reply<u64>>)) -> ActorRef<Reply<u64>> {
    let keeps = move || {
        let mut kept = None;
        from_fn(move |reply: Reply<u64>, ctx: &mut Context<'_, _>| match kept.take() {
            None => kept = Some(reply),
            Some(first) => {
                drop(reply);
                end(first, ctx);
            }
        })
    };
    handle.spawn(On::Worker(0), keeps).unwrap()
}

#[test]
fn in_the_waker_of_who_asked() {
    everywhere(|mut world| {
        let whom = ending(&world.handle, |reply, ctx| reply.send(ctx, 7));
        let ask = ask_with_faulty_waker(&world.handle, whom);
        drop(world.handle.ask(whom, |reply| reply));
        world.check(Counts { contained: 1, ..NONE });
        assert_eq!(ask.wait(PATIENCE), Ok(7), "it was answered all the same");
        world.end(Counts { contained: 1, ..NONE });
    });
}

#[test]
fn in_the_waker_of_who_asked_and_gets_no_answer() {
    everywhere(|mut world| {
        let whom = ending(&world.handle, |reply, _ctx| drop(reply));
        let ask = ask_with_faulty_waker(&world.handle, whom);
        drop(world.handle.ask(whom, |reply| reply));
        world.check(Counts { contained: 1, ..NONE });
        assert_eq!(ask.wait(PATIENCE), Err(AskError::Unanswered));
        world.end(Counts { contained: 1, ..NONE });
    });
}

/// Two panics at once would end the process.
#[test]
fn in_the_waker_of_who_asked_while_the_actor_panics() {
    everywhere(|mut world| {
        let whom = ending(&world.handle, |reply, _ctx| {
            let _dropped_by_the_panic = reply;
            fail()
        });
        let ask = ask_with_faulty_waker(&world.handle, whom);
        drop(world.handle.ask(whom, |reply| reply));
        let expected = Counts { panics: 1, contained: 1, panicked: 1, ..NONE };
        world.check(expected);
        assert_eq!(ask.wait(PATIENCE), Err(AskError::Unanswered));
        world.end(expected);
    });
}

#[test]
fn in_the_drop_of_what_was_to_make_a_message_of_an_answer() {
    for worker in 0..2 {
        everywhere(|mut world| {
            let drops = Drops::default();
            let grenade = drops.clone();
            let whom = keeping(&world.handle, worker);
            let (asker, _noted) = does_once(&world.handle, many(), move |ctx| {
                let grenade = grenade.grenade();
                let map = move |_: Result<u64, AskError>| {
                    let _captured = &grenade;
                    1
                };
                ctx.ask_within(PATIENCE, whom, |reply| reply, map);
            });
            world.tell_neighbours();
            world.check(NONE);
            // The asker has gone when its ask ends.
            world.handle.stop(asker, Stop::Now).unwrap();
            world.check(NONE);
            world.handle.stop(whom, Stop::Now).unwrap();
            world.end(Counts { contained: 1, ..NONE });
            assert_eq!(drops.count(), 1);
        });
    }
}

#[test]
fn an_actor_that_asks_again_and_again_leaves_the_others_their_turns() {
    everywhere_with(
        |builder| builder.configure(|config| config.max_asks = 1),
        |mut world| {
            let keeps = keeping(&world.handle, 1);
            let (tries, tried) = mpsc::channel();
            let asker = move || {
                let (mut left, tries) = (100_000_u64, tries.clone());
                from_fn(move |_: u64, ctx: &mut Context<'_, u64>| {
                    match left {
                        0 => return,
                        1 => tries.send(()).expect("the test listens"),
                        _ => {}
                    }
                    left -= 1;
                    ctx.ask_within(PATIENCE * 100, keeps, |reply| reply, |_: Result<u64, AskError>| 0);
                })
            };
            let asker = world.handle.spawn(On::Worker(0), asker).unwrap();
            // The first ask waits; every other one fails, and is tried again.
            (0..2).for_each(|_| world.handle.tell(asker, 0));
            world.tell_neighbours();
            world.until("it has given up", |_| tried.try_recv().is_ok());
            world.handle.stop(asker, Stop::Now).unwrap();
            world.handle.stop(keeps, Stop::Now).unwrap();
            world.end(NONE);
        },
    );
}

#[test]
fn a_failed_ask_of_an_earlier_life_is_not_told_to_the_next() {
    everywhere_with(
        |builder| builder.configure(|config| config.max_asks = 1),
        |mut world| {
            let whom = answering(&world.handle, 1);
            let (_, noted) = does_once(&world.handle, many(), move |ctx| {
                (0..2).for_each(|_| ctx.ask(whom, |reply| reply, |_: Result<u64, AskError>| 1));
                fail();
            });
            world.tell_neighbours();
            let mut expected = Counts { panics: 1, ..NONE };
            // The answer to the first ask comes too late.
            expected.others = 1;
            world.end(expected);
            assert!(noted.try_recv().is_err());
        },
    );
}

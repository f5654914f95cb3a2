//! Panics in drops while the engine ends.

use std::time::Duration;

use hippodrome::{AskError, Context, MissedTick, On, Reply, from_fn};

use crate::world::{Counts, Drops, Grenade, everywhere};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn of_the_closures_that_actors_left_behind() {
    struct Price;
    everywhere(|mut world| {
        let drops = Drops::default();
        for worker in 0..2 {
            let keeps = || {
                let mut kept = Vec::new();
                from_fn(move |reply: Reply<u64>, _ctx: &mut Context<'_, _>| kept.push(reply))
            };
            let keeps = world.handle.spawn(On::Worker(1 - worker), keeps).unwrap();
            let drops = drops.clone();
            let leaves = move || {
                let drops = drops.clone();
                from_fn(move |_: u64, ctx: &mut Context<'_, u64>| {
                    for _ in 0..3 {
                        let (asked, seen, timed) = (drops.grenade(), drops.grenade(), drops.grenade());
                        let map = move |_: Result<u64, AskError>| {
                            let _captured = &asked;
                            1
                        };
                        ctx.ask_within(LONG, keeps, |reply| reply, map);
                        ctx.subscribe(move |_: &Price| {
                            let _captured = &seen;
                            Some(1)
                        });
                        let make = move || {
                            let _captured = &timed;
                            1
                        };
                        ctx.send_every(LONG, MissedTick::Skip, make).unwrap();
                    }
                })
            };
            let leaves = world.handle.spawn(On::Worker(worker), leaves).unwrap();
            world.handle.tell(leaves, 0);
        }
        world.check(Counts::default());
        let report = world.abort();
        assert_eq!(report.stuck_workers, [0; 0], "{report:?}");
        assert_eq!(drops.count(), 18, "each was dropped, and once");
    });
}

#[test]
fn of_the_events_that_are_left() {
    everywhere(|world| {
        let drops = Drops::default();
        (0..10).for_each(|_| assert!(world.handle.publish(drops.grenade())));
        world.end(Counts::default());
        assert_eq!(drops.count(), 10);
    });
}

#[test]
fn of_what_is_left_in_a_port() {
    everywhere(|world| {
        let drops = Drops::default();
        let actor = world.handle.spawn(On::Worker(0), || from_fn(|grenade: Grenade, _ctx| grenade.disarm()));
        let actor = actor.unwrap();
        let mut port = world.handle.port().unwrap();
        let report = world.abort();
        assert_eq!(report.stuck_workers, [0; 0]);
        // The port's thread panics, and drops the port with what nobody reads.
        let thread = std::thread::spawn({
            let drops = drops.clone();
            move || {
                let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    port.tell_batch(Duration::ZERO, actor, (0..3).map(|_| drops.grenade()));
                }));
                // Its own messages: what was refused at once is dropped on its own thread.
                drop(sent);
                drop(port);
            }
        });
        thread.join().unwrap();
        assert!(drops.count() >= 1);
    });
}

//! A stop behind what is queued, of a child that fails before it comes to it.

use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use hippodrome::{Actor, ActorRef, ChildEvent, Context, On, Reply, Stop, StopReason, from_fn};

use crate::common::{PATIENCE, host};
use crate::family::{Job, Note, child, settle};

/// Makes its child anew at once, and stops it after what is queued when it is told to.
struct Keeper {
    child: Option<ActorRef<Job>>,
    notes: Sender<Note>,
    events: Sender<ChildEvent>,
}

enum Keep {
    Told(ChildEvent),
    Give(Reply<ActorRef<Job>>),
    Stop,
}

impl Actor for Keeper {
    type Msg = Keep;

    fn started(&mut self, ctx: &mut Context<'_, Keep>) {
        self.child = ctx.supervise(On::Worker(1), child("a", &self.notes), Keep::Told).ok();
    }

    fn handle(&mut self, keep: Keep, ctx: &mut Context<'_, Keep>) {
        let child = self.child.expect("there is room");
        match keep {
            Keep::Told(event) => {
                if let ChildEvent::Ended { child, .. } = event {
                    ctx.restart_child(child, Duration::ZERO);
                }
                _ = self.events.send(event);
            }
            Keep::Give(reply) => reply.send(ctx, child),
            Keep::Stop => ctx.stop(child, Stop::AfterQueued),
        }
    }
}

/// The stop is for the life in which it is ordered. It waits behind a queue in which that life ends: before the order
/// has come, or between that and the stop.
#[test]
fn a_stop_behind_what_is_queued_does_not_hit_the_next_life() {
    const QUEUED: u64 = 10_000;
    for panics_at in [0, QUEUED / 2] {
        let (mut host, _clock) = host(2);
        let handle = host.handle();
        let ((events, told), (noting, notes)) = (mpsc::channel(), mpsc::channel());
        let keeper = move || Keeper { child: None, notes: noting.clone(), events: events.clone() };
        let keeper = handle.spawn(On::Worker(0), keeper).unwrap();
        let given = handle.ask(keeper, Keep::Give);
        settle(&mut host);
        let child = given.wait(PATIENCE).unwrap();
        let neighbour = handle.spawn(On::Worker(1), || from_fn(|(), _ctx| ())).unwrap();
        let crowd = handle.spawn(On::Worker(1), move || {
            from_fn(move |(), ctx: &mut Context<'_, ()>| {
                for n in 0..QUEUED {
                    ctx.tell(neighbour, ());
                    ctx.tell(child, if n == panics_at { Job::Panic } else { Job::Number(n) });
                }
                ctx.tell(keeper, Keep::Stop);
            })
        });
        handle.tell(crowd.unwrap(), ());
        // The workers take turns, so that the parent has its say while the queue is long.
        (0..QUEUED / 10).for_each(|_| _ = host.poll(64));
        settle(&mut host);
        let ended = ChildEvent::Ended { child: child.address(), reason: StopReason::Panicked("the child".into()) };
        let started = ChildEvent::Started { child: child.address() };
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [started.clone(), ended, started], "{panics_at}");
        assert_eq!(notes.try_iter().filter(|note| matches!(note, Note::Got(_))).count() as u64, QUEUED - 1);
        host.shutdown(PATIENCE).unwrap();
    }
}

//! Workers that stall are reported with the type of the actor that keeps them.

mod common;

use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use common::{PATIENCE, next};
use hippodrome::{Actor, ActorRef, Context, Engine, Handle, MailboxSpec, On, Props, Stop, SystemEvent, from_fn};

/// Waits for as long as the test likes.
#[derive(Clone)]
struct Gate(Arc<Mutex<Receiver<()>>>);

fn gate() -> (Sender<()>, Gate) {
    let (open, opened) = mpsc::channel();
    (open, Gate(Arc::new(Mutex::new(opened))))
}

impl Gate {
    fn pass(&self) {
        self.0.lock().unwrap().recv_timeout(PATIENCE).expect("the gate is opened");
    }
}

/// Where an actor hangs.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Factory,
    Started,
    Handle,
    Stopped,
}

/// Hangs in one place.
struct Hangs(Place, Gate);

impl Hangs {
    fn at(&self, place: Place) {
        if self.0 == place {
            self.1.pass();
        }
    }
}

impl Actor for Hangs {
    type Msg = ();

    fn started(&mut self, _ctx: &mut Context<'_, ()>) {
        self.at(Place::Started);
    }

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {
        self.at(Place::Handle);
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, ()>) {
        self.at(Place::Stopped);
    }
}

/// Is never stuck.
struct Bystander;

impl Actor for Bystander {
    type Msg = ();

    fn handle(&mut self, (): (), _ctx: &mut Context<'_, ()>) {}
}

fn stalls(handle: &Handle) -> Receiver<Option<&'static str>> {
    let (sender, stalls) = mpsc::channel();
    let (ready, is_ready) = mpsc::channel();
    handle
        .spawn(On::Worker(0), move || {
            let (sender, ready) = (sender.clone(), ready.clone());
            let mut is_subscribed = false;
            from_fn(move |stall: Option<Option<&'static str>>, ctx: &mut Context<'_, _>| {
                if !std::mem::replace(&mut is_subscribed, true) {
                    ctx.subscribe(|event| match event {
                        SystemEvent::WorkerStalled { worker: 1, actor_type, .. } => Some(Some(*actor_type)),
                        _ => None,
                    });
                    ready.send(()).unwrap();
                }
                if let Some(stall) = stall {
                    sender.send(stall).unwrap();
                }
            })
        })
        .map(|listener| handle.tell(listener, None))
        .unwrap();
    next(&is_ready);
    stalls
}

/// Whether the actor that `spawn` makes is named while it hangs there, as one among others.
#[track_caller]
fn is_named(name: &str, place: Place, spawn: impl FnOnce(&Handle, Gate) -> ActorRef<()>) {
    let builder = Engine::builder().unpinned_workers(2).configure(|config| config.stall_threshold_ms = 20);
    let engine = builder.start().unwrap();
    let handle = engine.handle();
    let stalls = stalls(&handle);
    let bystander = handle.spawn(On::Worker(1), || Bystander).unwrap();
    handle.tell(bystander, ());
    let (open, gate) = gate();
    let actor = spawn(&handle, gate);
    handle.tell(bystander, ());
    handle.tell(actor, ());
    if place == Place::Stopped {
        handle.stop(actor, Stop::Now).unwrap();
    }
    // A machine that is busy may stall any worker for a while: the one that hangs is named before long.
    while next(&stalls).is_none_or(|found| !found.contains(name)) {}
    open.send(()).unwrap();
    engine.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_stall_names_the_actor_that_hangs_wherever_it_does() {
    let on = On::Worker(1);
    for place in [Place::Started, Place::Handle, Place::Stopped] {
        is_named("Hangs", place, |handle, gate| handle.spawn(on, move || Hangs(place, gate.clone())).unwrap());
    }
    is_named("Hangs", Place::Factory, |handle, gate| {
        let make = move || {
            gate.pass();
            Hangs(Place::Factory, gate.clone())
        };
        handle.spawn(on, make).unwrap()
    });
    is_named("Hangs", Place::Handle, |handle, gate| {
        let props = Props::on(on).mailbox(MailboxSpec::bounded(NonZeroUsize::MIN));
        handle.spawn(props, move || Hangs(Place::Handle, gate.clone())).unwrap()
    });
}

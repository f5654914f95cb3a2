//! Kameo: actors on Tokio, here with unbounded mailboxes.

use std::convert::Infallible;

use hippodrome_perf_kit::{Context, Cores, Failure, Place, Platform, Role, Run, Sample};
use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{self, Message};

use crate::runtime::{Timed, at, on_cores};

pub(crate) mod ask;

/// The programs' platform: a role is an actor.
pub(crate) struct Kameo;

impl Platform for Kameo {
    type Ref<R: Role<Self>> = ActorRef<Player<R>>;
    type Context<'a, R: Role<Self>> = message::Context<Player<R>, ()>;

    fn run<R: Role<Self>>(run: Run<R, R::Msg>, cores: &Cores) -> Result<Sample, Failure> {
        on_cores(cores, async move || {
            let timed = Timed::new();
            let main = spawn(Place::Core(0), Player((run.main)(timed.finish.clone())));
            if let Some(set_up) = run.set_up {
                main.tell(Told(set_up)).try_send().map_err(|_| REFUSED)?;
            }
            settle().await?;
            timed.run(|| main.tell(Told(run.go)).try_send().map_err(|_| REFUSED.into())).await
        })
    }
}

const REFUSED: &str = "kameo: the first actor refused a message";

/// An actor that plays a role.
pub(crate) struct Player<R>(R);

/// A message of a role.
pub(crate) struct Told<M>(M);

impl<R: Role<Kameo>> Actor for Player<R> {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(this: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(this)
    }
}

impl<R: Role<Kameo>> Message<Told<R::Msg>> for Player<R> {
    type Reply = ();

    async fn handle(&mut self, Told(message): Told<R::Msg>, context: &mut message::Context<Self, ()>) {
        self.0.receive(message, context);
    }
}

impl<R: Role<Kameo>> Context<Kameo, R> for message::Context<Player<R>, ()> {
    fn me(&self) -> ActorRef<Player<R>> {
        self.actor_ref().clone()
    }

    #[inline]
    fn tell<To: Role<Kameo>>(&mut self, to: &ActorRef<Player<To>>, message: To::Msg) {
        // A message that is refused is missing in what the run finds.
        let _ = to.tell(Told(message)).try_send();
    }

    fn spawn<New: Role<Kameo>>(&mut self, place: Place, actor: New) -> ActorRef<Player<New>> {
        spawn(place, Player(actor))
    }

    fn stop(&mut self) {
        message::Context::stop(self);
    }
}

/// Spawns an actor that can be told at once. It lives as long as its addresses.
fn spawn<A: Actor<Args = A>>(place: Place, actor: A) -> ActorRef<A> {
    at(place, || A::spawn_with_mailbox(actor, mailbox::unbounded()))
}

/// Waits until everything that was spawned so far has started.
///
/// Tasks are run in the order in which they were spawned, so the first actor has handled its first message before the
/// first probes answer, and what it spawned has started before the second ones do.
async fn settle() -> Result<(), Failure> {
    for core in [0, 1, 0, 1] {
        spawn(Place::Core(core), Probe).ask(Ready).await?;
    }
    Ok(())
}

/// Answers as soon as it has started.
struct Probe;

struct Ready;

impl Actor for Probe {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(this: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(this)
    }
}

impl Message<Ready> for Probe {
    type Reply = ();

    async fn handle(&mut self, _: Ready, _: &mut message::Context<Self, ()>) {}
}

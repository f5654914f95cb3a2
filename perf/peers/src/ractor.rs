//! Ractor: actors on Tokio, with unbounded mailboxes.

use std::marker::PhantomData;

use hippodrome_perf_kit::{Context, Cores, Failure, Place, Platform, Role, Run, Sample};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, ActorRuntime, RpcReplyPort};

use crate::runtime::{Timed, at, on_cores};

pub(crate) mod ask;

/// The programs' platform: a role is the state of an actor.
pub(crate) struct Ractor;

impl Platform for Ractor {
    type Ref<R: Role<Self>> = ActorRef<R::Msg>;
    type Context<'a, R: Role<Self>> = &'a ActorRef<R::Msg>;

    fn run<R: Role<Self>>(run: Run<R, R::Msg>, cores: &Cores) -> Result<Sample, Failure> {
        on_cores(cores, async move || {
            let timed = Timed::new();
            let main = spawn(Place::Core(0), Player::new(), (run.main)(timed.finish.clone()))?;
            if let Some(set_up) = run.set_up {
                main.send_message(set_up).map_err(|_| REFUSED)?;
            }
            settle().await?;
            timed.run(|| main.send_message(run.go).map_err(|_| REFUSED.into())).await
        })
    }
}

const REFUSED: &str = "ractor: the first actor refused a message";

/// An actor that plays a role.
struct Player<R>(PhantomData<fn() -> R>);

impl<R> Player<R> {
    fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R: Role<Ractor>> Actor for Player<R> {
    type Msg = R::Msg;
    type State = R;
    type Arguments = R;

    async fn pre_start(&self, _: ActorRef<R::Msg>, role: R) -> Result<R, ActorProcessingErr> {
        Ok(role)
    }

    async fn handle(&self, me: ActorRef<R::Msg>, message: R::Msg, role: &mut R) -> Result<(), ActorProcessingErr> {
        role.receive(message, &mut &me);
        Ok(())
    }
}

impl<R: Role<Ractor>> Context<Ractor, R> for &ActorRef<R::Msg> {
    fn me(&self) -> ActorRef<R::Msg> {
        (*self).clone()
    }

    #[inline]
    fn tell<To: Role<Ractor>>(&mut self, to: &ActorRef<To::Msg>, message: To::Msg) {
        // A message that is refused is missing in what the run finds.
        let _ = to.send_message(message);
    }

    fn spawn<New: Role<Ractor>>(&mut self, place: Place, actor: New) -> ActorRef<New::Msg> {
        spawn(place, Player::new(), actor).expect("an actor without a name can always be spawned")
    }

    fn stop(&mut self) {
        let cell: &ActorCell = self;
        cell.stop(None);
    }
}

/// Spawns an actor that can be told at once.
fn spawn<A: Actor>(place: Place, actor: A, arguments: A::Arguments) -> Result<ActorRef<A::Msg>, Failure> {
    let (actor, _) = at(place, || ActorRuntime::spawn_instant(None, actor, arguments))?;
    Ok(actor)
}

/// Waits until everything that was spawned so far has started.
///
/// An actor starts in a task of its own, which spawns a second one for its messages. Tasks are run in the order in
/// which they were spawned, so the first actor has handled its first message before the first probes answer, and what
/// it spawned has started before the second ones do.
async fn settle() -> Result<(), Failure> {
    for core in [0, 1, 0, 1] {
        let probe = spawn(Place::Core(core), Probe, ())?;
        probe.call(|reply| reply, None).await?;
    }
    Ok(())
}

/// Answers as soon as it has started.
struct Probe;

impl Actor for Probe {
    type Msg = RpcReplyPort<()>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Self::Msg>, reply: Self::Msg, (): &mut ()) -> Result<(), ActorProcessingErr> {
        Ok(reply.send(())?)
    }
}

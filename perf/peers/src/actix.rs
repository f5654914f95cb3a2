//! Actix: actors on Actix's own Tokio runtimes, told by `do_send`, which never waits for room.

use std::cell::OnceCell;
use std::io;

use actix::{Actor as _, Addr, Arbiter, ArbiterHandle, AsyncContext as _, System};
use hippodrome_affinity::pin_current_thread;
use hippodrome_perf_kit::{Context, Cores, Failure, Place, Platform, Role, Run, Sample, on_core};

use crate::runtime::{Timed, WhenIdle, runtime};

pub(crate) mod ask;

/// The programs' platform: a role is an actor.
pub(crate) struct Actix;

impl Platform for Actix {
    type Ref<R: Role<Self>> = Addr<Player<R>>;
    type Context<'a, R: Role<Self>> = actix::Context<Player<R>>;

    fn run<R: Role<Self>>(run: Run<R, R::Msg>, cores: &Cores) -> Result<Sample, Failure> {
        in_system(cores, async move || {
            let timed = Timed::new();
            let main = Player((run.main)(timed.finish.clone())).start();
            if let Some(set_up) = run.set_up {
                main.do_send(Told(set_up));
            }
            settle().await?;
            timed
                .run(|| {
                    main.do_send(Told(run.go));
                    Ok(())
                })
                .await
        })
    }
}

/// An actor that plays a role.
pub(crate) struct Player<R>(R);

// Nothing in it is ever pinned. Actix asks for it of all actors.
impl<R> Unpin for Player<R> {}

/// A message of a role.
pub(crate) struct Told<M>(M);

impl<M: 'static> actix::Message for Told<M> {
    type Result = ();
}

impl<R: Role<Actix>> actix::Actor for Player<R> {
    type Context = actix::Context<Self>;
}

impl<R: Role<Actix>> actix::Handler<Told<R::Msg>> for Player<R> {
    type Result = ();

    #[inline]
    fn handle(&mut self, Told(message): Told<R::Msg>, context: &mut actix::Context<Self>) {
        self.0.receive(message, context);
    }
}

impl<R: Role<Actix>> Context<Actix, R> for actix::Context<Player<R>> {
    fn me(&self) -> Addr<Player<R>> {
        self.address()
    }

    #[inline]
    fn tell<To: Role<Actix>>(&mut self, to: &Addr<Player<To>>, message: To::Msg) {
        to.do_send(Told(message));
    }

    fn spawn<New: Role<Actix>>(&mut self, place: Place, actor: New) -> Addr<Player<New>> {
        start(place, Player(actor))
    }

    fn stop(&mut self) {
        actix::ActorContext::stop(self);
    }
}

thread_local! {
    /// The arbiters of the current run, of the first core and of the second.
    static ARBITERS: OnceCell<Vec<ArbiterHandle>> = const { OnceCell::new() };
}

/// Makes the current thread one of the run's. Each thread serves one run.
fn join_run(arbiters: Vec<ArbiterHandle>) {
    ARBITERS.with(|all| drop(all.set(arbiters)));
}

/// Starts an actor that can be told at once. It lives as long as its addresses.
fn start<A: actix::Actor<Context = actix::Context<A>> + Send>(place: Place, actor: A) -> Addr<A> {
    let arbiter = match place {
        Place::Here => None,
        Place::Core(number) => ARBITERS.with(|all| all.get().and_then(|all| all.get(number % all.len()).cloned())),
    };
    match arbiter {
        None => actor.start(),
        Some(arbiter) => A::start_in_arbiter(&arbiter, move |_| actor),
    }
}

/// Runs `main` in a system on the first core, with an arbiter on the second, if there is a second.
///
/// Both have ended when it returns, and all actors have been dropped.
fn in_system<T: Send>(cores: &Cores, main: impl AsyncFnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    let when_idle = WhenIdle::on(cores);
    let near = runtime(when_idle)?;
    on_core(cores.first, move || {
        let system = System::with_tokio_rt(|| near);
        let first = system.block_on(async { Arbiter::current() });
        let arbiter = cores.second.map(|core| {
            Arbiter::try_with_tokio_rt(move || {
                pin_current_thread(core).map_err(io::Error::other)?;
                runtime(when_idle)
            })
        });
        let arbiter = arbiter.transpose()?;
        let all: Vec<_> = [first].into_iter().chain(arbiter.as_ref().map(Arbiter::handle)).collect();
        if let Some(arbiter) = &arbiter {
            let all = all.clone();
            arbiter.spawn_fn(move || join_run(all));
        }
        join_run(all);

        let result = system.block_on(main());
        drop(system);
        if let Some(arbiter) = arbiter {
            arbiter.stop();
            arbiter.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        result
    })
}

/// Waits until everything that was started so far runs.
///
/// An arbiter starts actors in the order in which it was told to, so the first actor has handled its first message
/// before the first probes answer, and what it started runs before the second ones do.
async fn settle() -> Result<(), Failure> {
    for core in [0, 1, 0, 1] {
        start(Place::Core(core), Probe).send(Ready).await?;
    }
    Ok(())
}

/// Answers as soon as it runs.
struct Probe;

struct Ready;

impl actix::Message for Ready {
    type Result = ();
}

impl actix::Actor for Probe {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Ready> for Probe {
    type Result = ();

    fn handle(&mut self, _: Ready, _: &mut actix::Context<Self>) {}
}

//! Several producers, each with a port, with a handle, or on a worker of its own.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hippodrome::{Actor, ActorRef, Context, Engine, Handle, On, Port};
use hippodrome_perf_kit::scenarios::fan_in::{CHUNK, Funnel, WINDOW, messages_of};
use hippodrome_perf_kit::scenarios::threads::produce;
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Finish, Sample, Subject};

use super::oversubscribed::settle_workers;
use super::{NAME, PATIENCE, once, pinned_workers};

/// What the programs do not do.
pub(super) const SUBJECTS: &[Subject] = &[
    Subject::new("fan_in", NAME, ports).via("ports"),
    Subject::new("fan_in", NAME, handles).via("handles"),
    Subject::new("fan_in", NAME, workers).via("workers"),
];

/// An engine with one worker on the second core, and the consumer there.
fn consumer(case: &Case, cores: &Cores, finish: &Arc<Finish>) -> Result<(Engine, Handle, ActorRef<Token>), Failure> {
    let (_, second) = cores.pair()?;
    let engine = pinned_workers([second]).start()?;
    let handle = engine.handle();
    let funnel = handle.spawn(On::Worker(0), once(Funnel::new(case, finish.clone())))?;
    Ok((engine, handle, funnel))
}

fn ports(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let finish = Arc::new(Finish::default());
    let (engine, handle, funnel) = consumer(case, cores, &finish)?;
    let ports: Vec<Port> = (0..case.actors).map(|_| handle.port()).collect::<Result<_, _>>()?;
    let producers = ports.into_iter().zip(0..).map(|(mut port, number)| {
        move || {
            port.tell_batch(PATIENCE, funnel, messages_of(case, number));
        }
    });
    let sample = produce(cores.first, &finish, producers.collect())?;
    engine.shutdown(PATIENCE)?;
    Ok(sample)
}

fn handles(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let finish = Arc::new(Finish::default());
    let (engine, handle, funnel) = consumer(case, cores, &finish)?;
    let producers = (0..case.actors).map(|number| {
        let handle = handle.clone();
        move || {
            handle.tell_batch(PATIENCE, funnel, messages_of(case, number));
        }
    });
    let sample = produce(cores.first, &finish, producers.collect())?;
    engine.shutdown(PATIENCE)?;
    Ok(sample)
}

/// Every producer is an actor of a worker of its own; those workers share the first core.
fn workers(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let pinned_to = std::iter::once(second).chain((0..case.actors).map(|_| first));
    let engine = pinned_workers(pinned_to).start()?;
    let handle = engine.handle();
    let finish = Arc::new(Finish::default());
    let producers = Arc::new(OnceLock::new());
    let mut crediting = Some(Crediting { funnel: Funnel::new(case, finish.clone()), producers: producers.clone() });
    let funnel = handle.spawn(On::Worker(0), move || crediting.take().expect("it is never restarted"))?;
    let producer = |number: u64| {
        let case = *case;
        let factory = move || Producer { messages: messages_of(&case, number), funnel };
        handle.spawn(On::Worker(1 + number as usize), factory)
    };
    let addresses = (0..case.actors).map(producer).collect::<Result<Vec<_>, _>>()?;
    let addresses = producers.get_or_init(|| addresses);
    settle_workers(&handle)?;

    let started = Instant::now();
    addresses.iter().for_each(|producer| handle.tell(*producer, Credit(WINDOW)));
    let sample = Sample::new(started, finish.wait()?);
    engine.shutdown(PATIENCE)?;
    Ok(sample)
}

/// So many more messages may be sent.
struct Credit(u64);

/// Sends as much as it has credit for.
struct Producer<I> {
    messages: I,
    funnel: ActorRef<Token>,
}

impl<I: Iterator<Item = Token> + Send + 'static> Actor for Producer<I> {
    type Msg = Credit;

    fn handle(&mut self, Credit(messages): Credit, ctx: &mut Context<'_, Credit>) {
        ctx.tell_batch(self.funnel, self.messages.by_ref().take(messages as usize));
    }
}

/// A funnel that gives credit.
struct Crediting {
    funnel: Funnel,
    producers: Arc<OnceLock<Vec<ActorRef<Credit>>>>,
}

impl Actor for Crediting {
    type Msg = Token;

    #[inline]
    fn handle(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        self.funnel.take(token);
        if (token.sequence + 1).is_multiple_of(CHUNK)
            && let Some(producers) = self.producers.get()
        {
            ctx.tell(producers[token.origin as usize], Credit(CHUNK));
        }
    }
}

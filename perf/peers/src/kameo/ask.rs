//! Kameo's `ask`, from an actor and from the root future of a thread's runtime.

use std::convert::Infallible;

use hippodrome_perf_kit::scenarios::ask::{Questions, answer};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Place, Sample};
use kameo::actor::{Actor, ActorRef};
use kameo::message::{Context, Message};
use tokio::sync::oneshot;

use super::{settle, spawn};
use crate::runtime::on_cores;

/// From a thread.
pub(crate) fn from_thread(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    on_cores(cores, async || {
        let answerer = spawn(Place::Core(1), Answerer);
        settle().await?;
        Ok(ask_all(&answerer, case.messages).await?.sample())
    })
}

/// From an actor.
pub(crate) fn from_actor(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    on_cores(cores, async || {
        let asker = spawn(Place::Core(0), Asker(spawn(Place::Core(1), Answerer)));
        settle().await?;
        let (done, questions) = oneshot::channel();
        asker
            .tell(Ask { total: case.messages, done })
            .try_send()
            .map_err(|_| "kameo: the asker refused its message")?;
        Ok(questions.await??.sample())
    })
}

async fn ask_all(answerer: &ActorRef<Answerer>, total: u64) -> Result<Questions, Failure> {
    let mut questions = Questions::start(total);
    while let Some(token) = questions.next() {
        let Answer(answer) = answerer.ask(Question(token)).await?;
        questions.answered(answer);
    }
    Ok(questions)
}

struct Question(Token);

struct Answer(Token);

struct Answerer;

impl Actor for Answerer {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(this: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(this)
    }
}

impl Message<Question> for Answerer {
    type Reply = Result<Answer, Infallible>;

    async fn handle(&mut self, Question(token): Question, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Ok(Answer(answer(token)))
    }
}

/// Asks so many times, each time when the last answer has come.
struct Ask {
    total: u64,
    done: oneshot::Sender<Result<Questions, Failure>>,
}

struct Asker(ActorRef<Answerer>);

impl Actor for Asker {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(this: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(this)
    }
}

impl Message<Ask> for Asker {
    type Reply = ();

    async fn handle(&mut self, Ask { total, done }: Ask, _: &mut Context<Self, ()>) {
        // The runner waits for it, or has given up.
        let _ = done.send(ask_all(&self.0, total).await);
    }
}

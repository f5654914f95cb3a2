//! Ractor's `call`, from an actor and from the root future of a thread's runtime.

use hippodrome_perf_kit::scenarios::ask::{Questions, answer};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Place, Sample};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::oneshot;

use super::{settle, spawn};
use crate::runtime::on_cores;

/// From a thread.
pub(crate) fn from_thread(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    on_cores(cores, async || {
        let answerer = spawn(Place::Core(1), Answerer, ())?;
        settle().await?;
        Ok(ask_all(&answerer, case.messages).await?.sample())
    })
}

/// From an actor.
pub(crate) fn from_actor(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    on_cores(cores, async || {
        let answerer = spawn(Place::Core(1), Answerer, ())?;
        let asker = spawn(Place::Core(0), Asker, answerer)?;
        settle().await?;
        let (done, questions) = oneshot::channel();
        asker.send_message(Ask { total: case.messages, done })?;
        Ok(questions.await?.sample())
    })
}

async fn ask_all(answerer: &ActorRef<Question>, total: u64) -> Result<Questions, Failure> {
    let mut questions = Questions::start(total);
    while let Some(token) = questions.next() {
        match answerer.call(|reply| Question { token, reply }, None).await? {
            CallResult::Success(answer) => questions.answered(answer),
            other => return Err(format!("ractor: a question was not answered: {other:?}").into()),
        }
    }
    Ok(questions)
}

struct Question {
    token: Token,
    reply: RpcReplyPort<Token>,
}

struct Answerer;

impl Actor for Answerer {
    type Msg = Question;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Question>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Question>, question: Question, (): &mut ()) -> Result<(), ActorProcessingErr> {
        Ok(question.reply.send(answer(question.token))?)
    }
}

/// Asks so many times, each time when the last answer has come.
struct Ask {
    total: u64,
    done: oneshot::Sender<Questions>,
}

struct Asker;

impl Actor for Asker {
    type Msg = Ask;
    type State = ActorRef<Question>;
    type Arguments = ActorRef<Question>;

    async fn pre_start(
        &self,
        _: ActorRef<Ask>,
        answerer: ActorRef<Question>,
    ) -> Result<ActorRef<Question>, ActorProcessingErr> {
        Ok(answerer)
    }

    async fn handle(
        &self,
        _: ActorRef<Ask>,
        ask: Ask,
        answerer: &mut ActorRef<Question>,
    ) -> Result<(), ActorProcessingErr> {
        // The runner, which waits for it, sees a failure as a sender that was dropped.
        let _ = ask.done.send(ask_all(answerer, ask.total).await?);
        Ok(())
    }
}

//! Actix's `send`, from an actor and from the root future of a thread's system.

use actix::{Actor, Addr, AsyncContext as _, Context, Handler, Message, MessageResult, WrapFuture as _};
use hippodrome_perf_kit::scenarios::ask::{Questions, answer};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Place, Sample};
use tokio::sync::oneshot;

use super::{in_system, settle, start};

/// From a thread.
pub(crate) fn from_thread(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    in_system(cores, async || {
        let answerer = start(Place::Core(1), Answerer);
        settle().await?;
        Ok(ask_all(&answerer, case.messages).await?.sample())
    })
}

/// From an actor.
pub(crate) fn from_actor(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    in_system(cores, async || {
        let (done, questions) = oneshot::channel();
        let answerer = start(Place::Core(1), Answerer);
        let asker = Asker(answerer).start();
        settle().await?;
        asker.do_send(Ask { total: case.messages, done });
        Ok(questions.await??.sample())
    })
}

async fn ask_all(answerer: &Addr<Answerer>, total: u64) -> Result<Questions, Failure> {
    let mut questions = Questions::start(total);
    while let Some(token) = questions.next() {
        questions.answered(answerer.send(Question(token)).await?);
    }
    Ok(questions)
}

struct Question(Token);

impl Message for Question {
    type Result = Token;
}

struct Answerer;

impl Actor for Answerer {
    type Context = Context<Self>;
}

impl Handler<Question> for Answerer {
    type Result = MessageResult<Question>;

    fn handle(&mut self, Question(token): Question, _: &mut Context<Self>) -> Self::Result {
        MessageResult(answer(token))
    }
}

/// Asks so many times, each time when the last answer has come.
struct Ask {
    total: u64,
    done: oneshot::Sender<Result<Questions, Failure>>,
}

impl Message for Ask {
    type Result = ();
}

struct Asker(Addr<Answerer>);

impl Actor for Asker {
    type Context = Context<Self>;
}

impl Handler<Ask> for Asker {
    type Result = ();

    fn handle(&mut self, Ask { total, done }: Ask, context: &mut Context<Self>) {
        let answerer = self.0.clone();
        let asking = async move {
            // The runner waits for it, or has given up.
            let _ = done.send(ask_all(&answerer, total).await);
        };
        context.spawn(asking.into_actor(self));
    }
}

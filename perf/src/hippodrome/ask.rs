//! A question to an actor on another core, from a thread with a port and from an actor.

use hippodrome::{Actor, ActorRef, AskError, Context, On, Reply};
use hippodrome_perf_kit::scenarios::ask::{Questions, answer};
use hippodrome_perf_kit::token::Token;
use hippodrome_perf_kit::{Case, Cores, Failure, Sample, Subject, on_core};

use super::oversubscribed::settle_workers;
use super::{NAME, PATIENCE, pinned_workers};

/// What the programs do not do.
pub(super) const SUBJECTS: &[Subject] =
    &[Subject::new("ask", NAME, from_actor).via("actor"), Subject::new("ask", NAME, from_thread).via("thread")];

struct Question {
    token: Token,
    reply: Reply<Token>,
}

struct Answerer;

impl Actor for Answerer {
    type Msg = Question;

    #[inline]
    fn handle(&mut self, Question { token, reply }: Question, context: &mut Context<'_, Question>) {
        reply.send(context, answer(token));
    }
}

fn from_thread(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let engine = pinned_workers([second]).start()?;
    let handle = engine.handle();
    let mut port = handle.port()?;
    let answerer = handle.spawn(On::Worker(0), || Answerer)?;
    settle_workers(&handle)?;
    let sample = on_core(first, || {
        let mut questions = Questions::start(case.messages);
        while let Some(token) = questions.next() {
            questions.answered(port.ask(answerer, |reply| Question { token, reply }).wait(PATIENCE)?);
        }
        Ok(questions.sample())
    });
    engine.shutdown(PATIENCE)?;
    sample
}

/// Asks again when the last answer has come.
struct Asker {
    answerer: ActorRef<Question>,
    asked: Option<(Questions, Done)>,
}

/// Where what came of the questions goes.
type Done = Reply<Result<Questions, AskError>>;

enum Asked {
    /// Ask so many questions.
    Start(u64, Done),
    Answered(Result<Token, AskError>),
}

impl Asker {
    #[inline]
    fn ask(&mut self, context: &mut Context<'_, Asked>) {
        let Some((questions, _)) = &self.asked else { return };
        if let Some(token) = questions.next() {
            context.ask(self.answerer, |reply| Question { token, reply }, Asked::Answered);
        } else if let Some((questions, done)) = self.asked.take() {
            done.send(context, Ok(questions));
        }
    }
}

impl Actor for Asker {
    type Msg = Asked;

    #[inline]
    fn handle(&mut self, asked: Asked, context: &mut Context<'_, Asked>) {
        match (asked, &mut self.asked) {
            (Asked::Answered(Ok(answer)), Some((questions, _))) => questions.answered(answer),
            (Asked::Answered(Err(error)), asked) => {
                if let Some((_, done)) = asked.take() {
                    done.send(context, Err(error));
                }
            }
            (Asked::Start(total, done), asked) => *asked = Some((Questions::start(total), done)),
            (Asked::Answered(Ok(_)), None) => {}
        }
        self.ask(context);
    }
}

fn from_actor(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let engine = pinned_workers([first, second]).start()?;
    let handle = engine.handle();
    let answerer = handle.spawn(On::Worker(1), || Answerer)?;
    let asker = handle.spawn(On::Worker(0), move || Asker { answerer, asked: None })?;
    settle_workers(&handle)?;
    let questions = handle.ask(asker, |done| Asked::Start(case.messages, done)).wait(PATIENCE)??;
    engine.shutdown(PATIENCE)?;
    Ok(questions.sample())
}

//! The handler, which every run has, and the feed, where the sender is an actor too.
//!
//! ```text
//! cross:   thread on the first core ──port──▶ handler on the second core
//!
//! local:   ┌─ go on ─┐
//!          └▶ feed ──┴──message──▶ handler, on the same core
//! ```

use std::hint::black_box;
use std::sync::mpsc;

use hippodrome::{Actor, ActorRef, Context};
use hippodrome_perf_kit::open_loop::{Arrivals, Sender, Sent, Step};
use hippodrome_perf_kit::token::digest;

use super::message::{Message, taken};
use super::recorder::{Record, Recorder};

/// What actors tell the thread that waits for them.
#[derive(Debug)]
pub(crate) enum News {
    /// The handler has its memory.
    Ready,
    /// The feed has sent everything.
    Sent(Sent),
    /// The handler has handled everything.
    Handled(Handled),
    /// The feed could not go on.
    Refused,
}

/// What the handler has handled.
#[derive(Debug)]
pub(crate) struct Handled {
    pub(crate) messages: u64,
    pub(crate) checksum: u64,
    pub(crate) record: Record,
}

/// Handles messages: reads them, works on what it reads, and takes down when it did.
///
/// `F` is the work. What it gives is part of the checksum.
pub(crate) struct Handler<const WORDS: usize, F> {
    work: F,
    messages: u64,
    checksum: u64,
    /// `None` after the end.
    recorder: Option<Recorder>,
    news: mpsc::Sender<News>,
}

impl<const WORDS: usize, F: FnMut(u64) -> u64 + 'static> Handler<WORDS, F> {
    pub(crate) fn new(work: F, recorder: Recorder, news: mpsc::Sender<News>) -> Self {
        Self { work, messages: 0, checksum: 0, recorder: Some(recorder), news }
    }
}

impl<const WORDS: usize, F: FnMut(u64) -> u64 + 'static> Actor for Handler<WORDS, F> {
    type Msg = Message<WORDS>;

    fn started(&mut self, _: &mut Context<'_, Message<WORDS>>) {
        // Whoever waited may have given up; so it is with all news.
        let _ = self.news.send(News::Ready);
    }

    #[inline]
    fn handle(&mut self, message: Message<WORDS>, ctx: &mut Context<'_, Message<WORDS>>) {
        let started_ns = ctx.now_ns();
        let (Some(due_ns), Some(recorder)) = (message.due_ns(), &mut self.recorder) else {
            return self.finish();
        };
        // The work has to be done before the clock is read again.
        let value = black_box((self.work)(message.sum()));
        let ended_ns = ctx.now_ns();
        self.checksum = digest(self.checksum, value);
        self.messages += 1;
        recorder.record(due_ns, started_ns, ended_ns);
    }
}

impl<const WORDS: usize, F> Handler<WORDS, F> {
    #[cold]
    fn finish(&mut self) {
        let Some(recorder) = self.recorder.take() else { return };
        let record = recorder.finish();
        let _ = self.news.send(News::Handled(Handled { messages: self.messages, checksum: self.checksum, record }));
    }
}

/// Sends messages to a handler on its own worker, and tells itself to go on until it has sent all.
pub(crate) struct Feed<const WORDS: usize> {
    to: ActorRef<Message<WORDS>>,
    arrivals: Arrivals,
    /// `None` before it was told to go.
    sender: Option<Sender<Arrivals>>,
    news: mpsc::Sender<News>,
}

/// Go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Go;

impl<const WORDS: usize> Feed<WORDS> {
    pub(crate) fn new(to: ActorRef<Message<WORDS>>, arrivals: Arrivals, news: mpsc::Sender<News>) -> Self {
        Self { to, arrivals, sender: None, news }
    }
}

impl<const WORDS: usize> Actor for Feed<WORDS> {
    type Msg = Go;

    fn handle(&mut self, _: Go, ctx: &mut Context<'_, Go>) {
        let now_ns = ctx.now_ns();
        let sender = self.sender.get_or_insert_with(|| Sender::new(self.arrivals.clone(), now_ns));
        match sender.step(now_ns, |due_ns| taken(ctx.try_tell(self.to, Message::at(due_ns)))) {
            Step::Waiting => ctx.tell(ctx.me(), Go),
            Step::Ended(sent) => drop(self.news.send(News::Sent(sent))),
            Step::Refused => drop(self.news.send(News::Refused)),
        }
    }
}

#[cfg(test)]
mod tests;

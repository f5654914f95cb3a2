//! One actor floods another on one thread.
//!
//! ```text
//!   +--- core ----------------------------------+
//!   |  Flooder -- 256 x Token --> Sink          |
//!   |    ^  |                                   |
//!   |    +--+ Go                                |
//!   +-------------------------------------------+
//! ```
//!
//! The flooder sends a chunk and then tells itself to go on, so that what is queued stays small. The sink takes a
//! checksum over the values in the order they come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::AsyncContext as _;
use hippodrome::{ActorRef, On};

use crate::cores::{Cores, on_core};
use crate::finish::Finish;
use crate::sample::{Failure, Sample};
use crate::scenario::{Gate, Scenario, Subject};
use crate::token::{Sink, Token, digest_of_flood};

pub(crate) static SCENARIO: Scenario = Scenario {
    name: "local_flood",
    unit: "message",
    count: 5_000_000,
    needs_two_cores: false,
    subjects: &[Subject { name: "hippodrome", run: hippodrome }, Subject { name: "actix", run: actix }],
    peer: Some("actix"),
    gates: &[Gate::RatioAtLeast("hippodrome", 12.0)],
};

/// Messages that the flooder sends before the sink has its turn.
const CHUNK: u64 = 256;

/// Sends the next chunk.
struct Go;

struct Flooder<Receiver> {
    sink: Receiver,
    sent: u64,
    total: u64,
}

impl<Receiver> Flooder<Receiver> {
    /// The messages of the next chunk.
    fn next_chunk(&mut self) -> impl Iterator<Item = Token> + use<Receiver> {
        let first = self.sent;
        self.sent = (first + CHUNK).min(self.total);
        (first..self.sent).map(Token::numbered)
    }

    fn is_done(&self) -> bool {
        self.sent == self.total
    }
}

impl hippodrome::Actor for Flooder<ActorRef<Token>> {
    type Msg = Go;

    fn handle(&mut self, _: Go, ctx: &mut hippodrome::Context<'_, Go>) {
        let chunk = self.next_chunk();
        ctx.tell_batch(self.sink, chunk);
        if !self.is_done() {
            ctx.tell(ctx.me(), Go);
        }
    }
}

fn hippodrome(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    let checksum = digest_of_flood(messages);
    on_core(cores.first, || {
        let mut host = super::on_one_thread().host()?;
        let handle = host.handle();
        let finish = Arc::new(Finish::default());
        let end = finish.clone();
        let sink = handle.spawn(On::Worker(0), move || Sink::new(messages, end.clone()))?;
        let flooder = handle.spawn(On::Worker(0), move || Flooder { sink, sent: 0, total: messages })?;
        host.poll(u64::MAX);

        let started = Instant::now();
        handle.tell(flooder, Go);
        super::run(&mut host);
        let ns = finish.get()?.ns_per_message(started, messages, checksum)?;
        host.shutdown(Duration::from_secs(10))?;
        Ok(Sample::local(ns))
    })
}

impl actix::Message for Go {
    type Result = ();
}

impl actix::Actor for Flooder<actix::Addr<Sink>> {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Go> for Flooder<actix::Addr<Sink>> {
    type Result = ();

    fn handle(&mut self, _: Go, ctx: &mut Self::Context) {
        for token in self.next_chunk() {
            self.sink.do_send(token);
        }
        if !self.is_done() {
            ctx.notify(Go);
        }
    }
}

fn actix(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    use actix::Actor as _;
    let checksum = digest_of_flood(messages);
    on_core(cores.first, || {
        let system = actix::System::new();
        let finish = Arc::new(Finish::default());
        let end = finish.clone();
        let flooder = system.block_on(async {
            let sink = Sink::new(messages, end).start();
            Flooder { sink, sent: 0, total: messages }.start()
        });

        let started = Instant::now();
        flooder.do_send(Go);
        system.run()?;
        Ok(Sample::local(finish.get()?.ns_per_message(started, messages, checksum)?))
    })
}

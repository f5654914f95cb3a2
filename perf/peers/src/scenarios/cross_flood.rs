//! A flood from one core to another.
//!
//! ```text
//!   hippodrome_port      thread on core 0 == Port lane ==> Sink on core 1
//!
//!   hippodrome_workers   Source on core 0 == lane, 256 x Token ==> Counter on core 1
//!                                  ^                                   |
//!                                  +----------- Credit(256) -----------+
//!
//!   rtrb                 thread on core 0 == push, one 48-byte value ==> pop, thread on core 1
//! ```
//!
//! An envelope of a 32-byte message takes 48 bytes, so the peer moves values of 48 bytes that carry the same message.
//! All rings have room for about 1024 of them, and the source sends no more than that before it gets credit. Before
//! and after each sample the same two threads measure the raw round trip of a cache line.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hippodrome::{Actor, ActorRef, Context, On};
use hippodrome_affinity::pin_current_thread;

use crate::cores::{Cores, on_core};
use crate::finish::Finish;
use crate::raw::{Bouncer, Bracket, Line, between_workers, to_worker};
use crate::sample::{Failure, Sample};
use crate::scenario::{Gate, Scenario, Subject};
use crate::token::{Sink, Token, digest_of_flood};

pub(crate) static SCENARIO: Scenario = Scenario {
    name: "cross_flood",
    unit: "message",
    count: 5_000_000,
    needs_two_cores: true,
    subjects: &[
        Subject { name: "hippodrome_port", run: port },
        Subject { name: "hippodrome_workers", run: workers },
        Subject { name: "rtrb", run: rtrb },
    ],
    peer: Some("rtrb"),
    gates: &[Gate::RatioAtLeast("hippodrome_port", 1.0), Gate::RatioAtLeast("hippodrome_workers", 1.0)],
};

/// Messages on their way at once.
const WINDOW: u64 = 1024;
/// Messages that are sent for one credit.
const CHUNK: u64 = 256;

/// Longer than any flood takes.
const PATIENCE: Duration = Duration::from_secs(600);

fn port(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let checksum = digest_of_flood(messages);
    let engine = super::on_cores([second]).configure(super::without_stall_reports).start()?;
    let handle = engine.handle();
    let finish = Arc::new(Finish::default());
    let end = finish.clone();
    let sink = handle.spawn(On::Worker(0), move || Sink::new(messages, end.clone()))?;
    let follower = handle.spawn(On::Worker(0), || Bouncer)?;
    let sample = on_core(first, || {
        let mut port = handle.port()?;
        let before_ns = to_worker(&handle, follower);
        let started = Instant::now();
        port.tell_batch(PATIENCE, sink, (0..messages).map(Token::numbered));
        let ns = finish.wait()?.ns_per_message(started, messages, checksum)?;
        Ok(Sample::across(ns, Bracket { before_ns, after_ns: to_worker(&handle, follower) }))
    })?;
    engine.shutdown(Duration::from_secs(10))?;
    Ok(sample)
}

/// Sends as much as it has credit for.
struct Source {
    counter: ActorRef<Token>,
    sent: u64,
    total: u64,
}

/// So many more messages may be sent.
struct Credit(u64);

impl Actor for Source {
    type Msg = Credit;

    fn handle(&mut self, Credit(messages): Credit, ctx: &mut Context<'_, Credit>) {
        let first = self.sent;
        self.sent = (first + messages).min(self.total);
        ctx.tell_batch(self.counter, (first..self.sent).map(Token::numbered));
    }
}

/// A sink that gives credit.
struct Counter {
    sink: Sink,
    source: ActorRef<Credit>,
}

impl Actor for Counter {
    type Msg = Token;

    fn handle(&mut self, token: Token, ctx: &mut Context<'_, Token>) {
        self.sink.take(token);
        if self.sink.received().is_multiple_of(CHUNK) {
            ctx.tell(self.source, Credit(CHUNK));
        }
    }
}

fn workers(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let checksum = digest_of_flood(messages);
    let engine = super::on_cores([first, second]).configure(super::without_stall_reports).start()?;
    let handle = engine.handle();
    let finish = Arc::new(Finish::default());
    let sources = Arc::new(OnceLock::new());
    let (end, source) = (finish.clone(), sources.clone());
    let counter = handle
        .spawn(On::Worker(1), move || Counter { sink: Sink::new(messages, end.clone()), source: *source.wait() })?;
    let source = handle.spawn(On::Worker(0), move || Source { counter, sent: 0, total: messages })?;
    sources.get_or_init(|| source);
    let leader = handle.spawn(On::Worker(0), || Bouncer)?;
    let follower = handle.spawn(On::Worker(1), || Bouncer)?;

    let before_ns = between_workers(&handle, leader, follower)?;
    let started = Instant::now();
    handle.tell(source, Credit(WINDOW));
    let ns = finish.wait()?.ns_per_message(started, messages, checksum)?;
    let after_ns = between_workers(&handle, leader, follower)?;
    engine.shutdown(Duration::from_secs(10))?;
    Ok(Sample::across(ns, Bracket { before_ns, after_ns }))
}

/// As large as the envelope of a message.
struct Value {
    _header: [u64; 2],
    token: Token,
}

const _: () = assert!(size_of::<Value>() == 48);

fn rtrb(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
    let (first, second) = cores.pair()?;
    let checksum = digest_of_flood(messages);
    let finish = Arc::new(Finish::default());
    let (mut producer, mut consumer) = rtrb::RingBuffer::new(WINDOW as usize);
    let (before, after) = (Line::default(), Line::default());
    let sink = Sink::new(messages, finish.clone());
    on_core(first, || {
        std::thread::scope(|scope| {
            let consuming = scope.spawn(|| {
                let pinned = pin_current_thread(second);
                before.follow();
                drain(&mut consumer, sink);
                after.follow();
                pinned
            });
            let before_ns = before.lead();
            let started = Instant::now();
            flood(&mut producer, messages);
            let finished = finish.wait();
            let after_ns = after.lead();
            consuming.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            let ns = finished?.ns_per_message(started, messages, checksum)?;
            Ok(Sample::across(ns, Bracket { before_ns, after_ns }))
        })
    })
}

fn flood(producer: &mut rtrb::Producer<Value>, messages: u64) {
    for sequence in 0..messages {
        let mut value = Value { _header: [sequence, 0], token: Token::numbered(sequence) };
        while let Err(rtrb::PushError::Full(back)) = producer.push(value) {
            value = back;
            std::hint::spin_loop();
        }
    }
}

fn drain(consumer: &mut rtrb::Consumer<Value>, mut sink: Sink) {
    loop {
        match consumer.pop() {
            Ok(value) if sink.take(value.token) => return,
            Ok(_) => {}
            Err(_) => std::hint::spin_loop(),
        }
    }
}

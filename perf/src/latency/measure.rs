//! One rate: an engine is started, everything is sent and handled, and every message is accounted for.

use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use hippodrome::{ActorRef, Clock, Engine, Handle, On, SystemClock};
use hippodrome_affinity::{Pinned, Pinning};
use hippodrome_perf_kit::open_loop::{Arrivals, Sender, Sent, Step};
use hippodrome_perf_kit::token::digest;
use hippodrome_perf_kit::{Failure, Found};

use super::actors::{Feed, Go, Handled, Handler, News};
use super::message::{Message, taken};
use super::point::Point;
use super::recorder::Recorder;
use super::setup::{Setup, Topology};
use super::work::Work;

/// How long actors may take for what they do apart from the run itself.
const PATIENCE: Duration = Duration::from_secs(90);

/// A run that cannot be counted.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("at {rate}/s: sent were {sent}, and handled {handled}")]
    Mismatch { rate: u64, sent: Found, handled: Found },
    #[error("at {rate}/s: {found} messages became dead letters")]
    DeadLetters { rate: u64, found: u64 },
    #[error("at {rate}/s: {measured} messages have times, of {handled}")]
    Unmeasured { rate: u64, measured: u64, handled: u64 },
    #[error("the handler could not be sent to any more")]
    Refused,
    #[error("the run ended before the last message had been handled")]
    Unfinished,
    #[error("payload_bytes = {0}: allowed is 8, 32, 64, 256 or 1024")]
    Payload(u32),
}

/// Measures at one rate, which is from 1 to [`MAX_RATE`](super::search::MAX_RATE).
///
/// # Errors
/// The engine cannot be started or a thread pinned, or not all that was sent was handled, once and as it was sent.
pub(crate) fn measure(setup: &Setup, rate: u64) -> Result<Point, Failure> {
    match setup.payload_bytes {
        8 => measure_words::<1>(setup, rate),
        32 => measure_words::<4>(setup, rate),
        64 => measure_words::<8>(setup, rate),
        256 => measure_words::<32>(setup, rate),
        1024 => measure_words::<128>(setup, rate),
        bytes => Err(RunError::Payload(bytes).into()),
    }
}

fn measure_words<const WORDS: usize>(setup: &Setup, rate: u64) -> Result<Point, Failure> {
    let (arrivals, work) = (setup.arrivals(rate), setup.work);
    let (run, raw) = setup.bracketed(|| {
        let clock = Arc::new(SystemClock::default());
        let engine = Engine::from_config(setup.config.clone()).clock(clock.clone()).start()?;
        let (sent, handled) =
            run::<WORDS>(setup, &engine.handle(), &clock, arrivals.clone(), move |value| work.run(value))?;
        let ago = Duration::from_nanos(clock.now_ns().saturating_sub(sent.start_ns));
        let began_at = SystemTime::now().checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH);
        let dead_letters = engine.shutdown(PATIENCE)?.dead_letters.total();
        match dead_letters {
            0 => Ok((sent, handled, began_at)),
            found => Err(RunError::DeadLetters { rate, found }.into()),
        }
    })?;
    let (sent, handled, began_at) = run;
    check::<WORDS>(rate, arrivals, work, sent, &handled)?;
    Ok(Point::new(rate, began_at, setup.length, sent, handled.record, raw))
}

/// Spawns the handler, sends it everything, and waits until it has handled it.
fn run<const WORDS: usize>(
    setup: &Setup,
    handle: &Handle,
    clock: &SystemClock,
    arrivals: Arrivals,
    work: impl FnMut(u64) -> u64 + Clone + Send + 'static,
) -> Result<(Sent, Handled), Failure> {
    let (sender, news) = mpsc::channel();
    let (length, feeds_news) = (setup.length, sender.clone());
    let handler = move || Handler::new(work.clone(), Recorder::new(length), sender.clone());
    let to = handle.spawn(On::Worker(0), handler)?;
    match news.recv_timeout(PATIENCE) {
        Ok(News::Ready) => {}
        _ => return Err(RunError::Unfinished.into()),
    }
    let patience = Duration::from_nanos(length.total_ns()) + PATIENCE;
    if setup.topology == Topology::Local {
        let feed = handle.spawn(On::Worker(0), move || Feed::new(to, arrivals.clone(), feeds_news.clone()))?;
        handle.tell(feed, Go);
        return Ok(both(None, &news, patience)?);
    }
    // With the handler goes the last one who tells anything, so that nobody waits for one that has panicked.
    drop(feeds_news);
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| send::<WORDS>(setup, handle, to, clock, arrivals));
        sending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    Ok(both(Some(sent), &news, patience)?)
}

/// Waits for what is not known yet.
fn both(sent: Option<Sent>, news: &mpsc::Receiver<News>, patience: Duration) -> Result<(Sent, Handled), RunError> {
    let (mut sent, mut handled) = (sent, None);
    while sent.is_none() || handled.is_none() {
        match news.recv_timeout(patience) {
            Ok(News::Sent(all)) => sent = Some(all),
            Ok(News::Handled(all)) => handled = Some(all),
            Ok(News::Ready) => {}
            Ok(News::Refused) => return Err(RunError::Refused),
            // It took too long, or the actors are gone: the handler has panicked.
            Err(_) => return Err(RunError::Unfinished),
        }
    }
    sent.zip(handled).ok_or(RunError::Unfinished)
}

/// The sending thread of the cross topology.
fn send<const WORDS: usize>(
    setup: &Setup,
    handle: &Handle,
    to: ActorRef<Message<WORDS>>,
    clock: &SystemClock,
    arrivals: Arrivals,
) -> Result<Sent, Failure> {
    if let Pinned::Warned(warning) = Pinning::from(setup.config.pinning).apply(setup.cores.first)? {
        eprintln!("perf: {warning}");
    }
    let mut port = handle.port()?;
    let mut sender = Sender::new(arrivals, clock.now_ns());
    loop {
        match sender.step(clock.now_ns(), |due_ns| taken(port.try_tell(to, Message::at(due_ns)))) {
            Step::Waiting => std::hint::spin_loop(),
            Step::Ended(sent) => return Ok(sent),
            Step::Refused => return Err(RunError::Refused.into()),
        }
    }
}

/// Whether everything that was sent was handled once, in order and unchanged: the arrivals are gone through again, and
/// what the handler must have come to is worked out from them.
fn check<const WORDS: usize>(
    rate: u64,
    arrivals: Arrivals,
    work: Work,
    sent: Sent,
    handled: &Handled,
) -> Result<(), RunError> {
    let result = work.result();
    let mut expected = Found::default();
    for at_ns in arrivals.take(sent.messages as usize) {
        let message = Message::<WORDS>::due_at(sent.start_ns + at_ns);
        expected.units += 1;
        expected.checksum = digest(expected.checksum, result.of(message.sum()));
    }
    let found = Found { units: handled.messages, checksum: handled.checksum };
    if expected != found || expected.units != sent.messages {
        return Err(RunError::Mismatch { rate, sent: expected, handled: found });
    }
    let measured = handled.record.intervals.iter().map(|times| times.len()).sum();
    if measured != handled.messages {
        return Err(RunError::Unmeasured { rate, measured, handled: handled.messages });
    }
    Ok(())
}

#[cfg(test)]
mod tests;

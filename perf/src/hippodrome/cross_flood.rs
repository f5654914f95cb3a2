//! A flood from a port: a thread outside the engine has a lane of its own to the worker.

use std::sync::Arc;

use hippodrome::On;
use hippodrome_perf_kit::scenarios::cross_flood::{Flood, Load, WINDOW, run};
use hippodrome_perf_kit::scenarios::threads::produce;
use hippodrome_perf_kit::token::Sink;
use hippodrome_perf_kit::{Cores, Failure, Finish, Platform, Role, Sample, Subject};

use super::{NAME, PATIENCE, once, pinned_workers};

/// What the programs do not do.
pub(super) const SUBJECTS: &[Subject] = &[Subject::new("cross_flood", NAME, run::<FromPort>).via("port")];

struct FromPort;

impl Flood for FromPort {
    fn flood<const WORDS: usize>(messages: u64, cores: &Cores) -> Result<Sample, Failure> {
        let (first, second) = cores.pair()?;
        let lane_kib = lane_kib(size_of::<Load<WORDS>>());
        let engine = pinned_workers([second]).configure(|config| config.defaults.lane_kib = lane_kib).start()?;
        let handle = engine.handle();
        let finish = Arc::new(Finish::default());
        let drain = Drain::<WORDS>(Sink::new(messages, finish.clone()));
        let drain = handle.spawn(On::Worker(0), once(drain))?;
        let mut port = handle.port()?;
        let flood = || {
            port.tell_batch(PATIENCE, drain, (0..messages).map(Load::numbered));
        };
        let sample = produce(first, &finish, vec![flood])?;
        engine.shutdown(PATIENCE)?;
        Ok(sample)
    }
}

/// Room for as many messages as the other rings have, at least.
fn lane_kib(message_bytes: usize) -> u32 {
    const HEADER_BYTES: u64 = 16;
    let bytes = WINDOW * (message_bytes as u64 + HEADER_BYTES);
    (bytes.next_power_of_two() / 1024).max(4) as u32
}

/// Takes all messages, and their checksum.
struct Drain<const WORDS: usize>(Sink);

impl<P: Platform, const WORDS: usize> Role<P> for Drain<WORDS> {
    type Msg = Load<WORDS>;

    #[inline]
    fn receive(&mut self, load: Load<WORDS>, _: &mut P::Context<'_, Self>) {
        self.0.take(load.sum());
    }
}

//! What the tests of the engine share: messages that count their own fates, a small generator, a clock that steps by
//! itself, and waiting without a timed assertion.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(unreachable_pub, reason = "each test binary includes this as a private module")]

use std::fmt;
use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hippodrome::config::Config;
use hippodrome::{Builder, Clock, Engine};

/// How long tests wait for what must come. Generous, so that a loaded machine fails none.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A clock that goes on by a fixed step whenever somebody looks at it: time passes for a hosted engine as it works, and
/// in the same way in each run.
#[derive(Debug)]
pub struct StepClock {
    now_ns: AtomicU64,
    step_ns: u64,
}

impl StepClock {
    pub fn new(step: Duration) -> Self {
        Self { now_ns: AtomicU64::new(0), step_ns: step.as_nanos() as u64 }
    }
}

impl Clock for StepClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.fetch_add(self.step_ns, Ordering::Relaxed)
    }
}

/// What became of one token.
#[derive(Debug, Default)]
struct Fate {
    handled: AtomicU8,
    given_back: AtomicU8,
    dropped: AtomicU8,
    may_be_quiet: AtomicU8,
    /// The line of the test that made it.
    made_at: AtomicU32,
}

/// Notes the fate of every token it has made. Leaked on purpose: a token that is dropped twice is found and not a use
/// of freed memory.
pub struct Ledger {
    fates: Vec<Fate>,
    created: AtomicUsize,
    fuel: AtomicUsize,
}

/// A message, or part of one, that tells its ledger when it is handled and when it is dropped.
pub struct Token {
    ledger: &'static Ledger,
    id: usize,
}

/// The fates of all tokens of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub created: u64,
    pub handled: u64,
    /// Given back to the sender by `try_tell`.
    pub given_back: u64,
    /// Dropped without being handled or given back, and not one of the quiet ones.
    pub dead: u64,
    /// The same of tokens of which the engine may or may not report the end.
    pub quiet: u64,
}

/// All ledgers, so that a checker of leaks finds them where they are kept.
static KEPT: Mutex<Vec<&'static Ledger>> = Mutex::new(Vec::new());

impl Ledger {
    /// A ledger that has fuel for so many tokens, which is what ends every workload.
    pub fn leak(fuel: usize) -> &'static Self {
        let fates = std::iter::repeat_with(Fate::default).take(fuel).collect();
        let ledger = Self { fates, created: AtomicUsize::new(0), fuel: AtomicUsize::new(fuel) };
        let ledger: &'static Self = Box::leak(Box::new(ledger));
        KEPT.lock().expect("keeping a ledger does not panic").push(ledger);
        ledger
    }

    /// Buys the right to one token. Returns `false` when the fuel is used up.
    pub fn spend(&self) -> bool {
        self.fuel.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |fuel| fuel.checked_sub(1)).is_ok()
    }

    /// A token, if there is fuel left.
    #[track_caller]
    pub fn try_token(&'static self) -> Option<Token> {
        let line = Location::caller().line();
        self.spend().then(|| self.token_at(line))
    }

    /// A token that was paid for.
    #[track_caller]
    pub fn token(&'static self) -> Token {
        self.token_at(Location::caller().line())
    }

    fn token_at(&'static self, line: u32) -> Token {
        let id = self.created.fetch_add(1, Ordering::Relaxed);
        if id >= self.fates.len() {
            eprintln!("a token was made that nobody paid for");
            std::process::abort();
        }
        self.fates[id].made_at.store(line, Ordering::Relaxed);
        Token { ledger: self, id }
    }

    pub fn created(&self) -> u64 {
        self.created.load(Ordering::SeqCst) as u64
    }

    pub fn handled(&self) -> u64 {
        self.all().map(|fate| u64::from(fate.handled.load(Ordering::SeqCst))).sum()
    }

    pub fn dropped(&self) -> u64 {
        self.all().map(|fate| u64::from(fate.dropped.load(Ordering::SeqCst))).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Fate> {
        self.fates[..self.created() as usize].iter()
    }

    /// Checks that each token was dropped exactly once and had one fate, and counts the fates.
    pub fn settle(&self, context: &dyn fmt::Display) -> Summary {
        let mut summary = Summary { created: self.created(), handled: 0, given_back: 0, dead: 0, quiet: 0 };
        for (id, fate) in self.all().enumerate() {
            let handled = u64::from(fate.handled.load(Ordering::SeqCst));
            let given_back = u64::from(fate.given_back.load(Ordering::SeqCst));
            let dropped = fate.dropped.load(Ordering::SeqCst);
            assert_eq!(dropped, 1, "{context}: message {id} was dropped {dropped} times, its fate: {fate:?}");
            assert!(handled + given_back <= 1, "{context}: message {id}: {handled} handled, {given_back} given back");
            summary.handled += handled;
            summary.given_back += given_back;
            let dead = 1 - handled - given_back;
            match fate.may_be_quiet.load(Ordering::SeqCst) {
                0 => summary.dead += dead,
                _ => summary.quiet += dead,
            }
        }
        summary
    }
}

impl Token {
    pub fn id(&self) -> usize {
        self.id
    }

    fn fate(&self) -> &'static Fate {
        &self.ledger.fates[self.id]
    }

    /// Notes that a handler has done its work with it.
    pub fn handled(self) {
        self.fate().handled.fetch_add(1, Ordering::SeqCst);
    }

    /// Notes that the sender has it again.
    pub fn given_back(self) {
        self.fate().given_back.fetch_add(1, Ordering::SeqCst);
    }

    /// Marks it as one that may go without a report: a timer's that is cancelled, a notice for one who has stopped.
    pub fn quiet(self) -> Self {
        self.fate().may_be_quiet.store(1, Ordering::SeqCst);
        self
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.fate().dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({})", self.id)
    }
}

/// Panics as a handler might, without a line on the test's output.
pub fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("as planned"))
}

/// An engine whose rings are as small as the configuration allows, so that everything overflows soon.
pub fn tiny(workers: usize) -> Builder {
    Engine::builder().unpinned_workers(workers).configure(make_tiny)
}

/// The smallest rings that the configuration allows.
pub fn make_tiny(config: &mut Config) {
    config.defaults.local_ring_kib = 16;
    config.defaults.local_ring_limit_kib = 16;
    config.defaults.lane_kib = 4;
    config.defaults.outbox_limit_kib = 16;
    config.defaults.ingress_kib = 4;
}

/// Waits until `is_so`, and fails with `what` only after a time in which it must have come.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

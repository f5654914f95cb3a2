//! A circuit breaker, by itself.
//!
//! Everything that decides whether somebody may pass is one word: a time, whose two lowest bits are the phase. As time goes
//! on, no word comes twice, so a result is known to be of the phase that it was admitted in by that word alone, and whoever
//! changes the phase does it by one exchange. The rest is counts, which are set behind the exchange: if a thread is held up
//! there for a whole phase, a trial or a failure may be counted in the next one or not at all, and no state is ever stuck.
//! Who sees a phase by an acquiring load of the word sees what was counted before the exchange that released it.
//!
//! The models in `breaker/models.rs` show this, and that each of these writes is needed.

#[cfg(all(shuttle, test))]
mod models;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::duration::nanos;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// When a [`Breaker`] opens, and when it closes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// It opens at so many failures; at least 1. The breaker keeps the time of each but one, in eight bytes.
    pub failures: u32,
    /// If they come within this time.
    pub within: Duration,
    /// How long it stays open; at least a microsecond. After that, and each further such time without a result, it lets
    /// some through to try. Longer than a try may take: if others were let through meanwhile, its result comes too late.
    pub cool_down: Duration,
    /// How many it lets through then; at least 1. It closes when as many have gone well, and opens again at the first that
    /// has not.
    pub trials: u32,
}

impl Default for BreakerLimits {
    /// 5 failures within 10 seconds, a cool-down of 10 seconds, 1 trial.
    fn default() -> Self {
        let ten_seconds = Duration::from_secs(10);
        Self { failures: 5, within: ten_seconds, cool_down: ten_seconds, trials: 1 }
    }
}

/// Where a [`Breaker`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Everybody may pass; failures are counted.
    Closed,
    /// Nobody may pass.
    Open,
    /// Some may pass, to try.
    HalfOpen,
}

/// It is not the time to try: the circuit is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit is open until {until_ns} ns on the engine's clock")]
pub struct CircuitOpen {
    /// When somebody may try again, in nanoseconds on the engine's clock.
    pub until_ns: u64,
}

/// A circuit breaker: when something has failed too often it is not tried for a while, and then carefully.
///
/// It stands in front of an actor as a [`CircuitBreaker`](super::CircuitBreaker), or by itself around whatever may fail,
/// such as asks. All clones are one breaker; it is shared between threads without a lock. Times are nanoseconds of one
/// clock: [`Context::now_ns`](hippodrome::Context::now_ns).
///
/// # Examples
/// Around asks:
///
/// ```
/// use hippodrome::{Actor, ActorRef, AskError, Context, Reply};
/// use hippodrome_toolkit::middleware::{Breaker, Permit};
///
/// struct Client {
///     server: ActorRef<Reply<u64>>,
///     breaker: Breaker,
/// }
///
/// enum Call {
///     Go,
///     Came(Permit, Result<u64, AskError>),
/// }
///
/// impl Actor for Client {
///     type Msg = Call;
///     fn handle(&mut self, msg: Call, ctx: &mut Context<'_, Call>) {
///         match msg {
///             Call::Go => match self.breaker.permit(ctx.now_ns()) {
///                 Ok(permit) => ctx.ask(self.server, |reply| reply, |result| Call::Came(permit, result)),
///                 Err(open) => println!("{open}"),
///             },
///             Call::Came(permit, Ok(answer)) => {
///                 permit.succeeded(ctx.now_ns());
///                 println!("{answer}");
///             }
///             Call::Came(permit, Err(_)) => permit.failed(ctx.now_ns()),
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

struct Shared {
    word: AtomicU64,
    /// When the last failures were, in a circle: one less than it opens at. A nanosecond later, so that 0 is none.
    failures: Box<[AtomicU64]>,
    /// How many failures have been put there.
    recorded: AtomicUsize,
    /// How many more may try, while it is half open.
    trials_left: AtomicU32,
    /// How many have gone well.
    successes: AtomicU32,
    within_ns: u64,
    cool_down_ns: u64,
    trials: u32,
}

/// The phase that somebody was let through in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass(u64);

const PHASE: u64 = 3;
/// The time is when it was closed.
const CLOSED: u64 = 0;
/// The time is until when.
const OPEN: u64 = 1;
/// The time is when more are let through, if there was no result.
const HALF_OPEN: u64 = 2;

impl Pass {
    /// Closed at this time, or up to 3 ns earlier.
    fn closed(at_ns: u64) -> Self {
        Self(at_ns & !PHASE | CLOSED)
    }

    /// In this phase until so long after now, or up to 3 ns longer.
    fn until(now_ns: u64, time_ns: u64, phase: u64) -> Self {
        Self(now_ns.saturating_add(time_ns).saturating_add(PHASE) & !PHASE | phase)
    }

    fn phase(self) -> u64 {
        self.0 & PHASE
    }

    fn time_ns(self) -> u64 {
        self.0 & !PHASE
    }

    pub(super) fn is_trial(self) -> bool {
        self.phase() == HALF_OPEN
    }
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(limits: BreakerLimits) -> Self {
        let earlier = limits.failures.saturating_sub(1);
        let shared = Shared {
            word: AtomicU64::new(Pass::closed(0).0),
            failures: (0..earlier).map(|_| AtomicU64::new(0)).collect(),
            recorded: AtomicUsize::new(0),
            trials_left: AtomicU32::new(0),
            successes: AtomicU32::new(0),
            within_ns: nanos(limits.within),
            cool_down_ns: nanos(limits.cool_down.max(Duration::from_micros(1))),
            trials: limits.trials.max(1),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Asks whether something may be tried now. Whoever may, says by the permit how it went.
    ///
    /// # Errors
    /// If it may not: the circuit is open.
    pub fn permit(&self, now_ns: u64) -> Result<Permit, CircuitOpen> {
        let pass = self.admit(|| now_ns)?;
        Ok(Permit { breaker: self.clone(), pass })
    }

    /// Reports a failure that nobody had a permit for. While the circuit is half open it counts as a trial that has failed;
    /// while it is open, for nothing.
    pub fn failed(&self, now_ns: u64) {
        self.fails(self.bystander(), now_ns);
    }

    /// Where it stands at this time.
    #[must_use]
    pub fn circuit(&self, now_ns: u64) -> Circuit {
        let now = self.bystander();
        match now.phase() {
            CLOSED => Circuit::Closed,
            OPEN if now_ns < now.time_ns() => Circuit::Open,
            _ => Circuit::HalfOpen,
        }
    }

    /// The phase now, for somebody who passes whatever it is.
    #[inline]
    pub(super) fn bystander(&self) -> Pass {
        Pass(self.shared.word.load(Ordering::Acquire))
    }

    #[inline]
    pub(super) fn admit(&self, now_ns: impl FnOnce() -> u64) -> Result<Pass, CircuitOpen> {
        let pass = self.bystander();
        if pass.phase() == CLOSED { Ok(pass) } else { self.admit_trial(pass, now_ns()) }
    }

    #[cold]
    fn admit_trial(&self, pass: Pass, now_ns: u64) -> Result<Pass, CircuitOpen> {
        let shared = &*self.shared;
        let one_less = |left: u32| left.checked_sub(1);
        if pass.is_trial() && shared.trials_left.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_ok() {
            return Ok(pass);
        }
        if now_ns >= pass.time_ns() {
            let half_open = Pass::until(now_ns, shared.cool_down_ns, HALF_OPEN);
            if self.change(pass, half_open) {
                shared.successes.store(0, Ordering::Release);
                shared.trials_left.store(shared.trials - 1, Ordering::Release);
                return Ok(half_open);
            }
        }
        Err(CircuitOpen { until_ns: pass.time_ns() })
    }

    /// Somebody who was admitted in this phase has a good result.
    pub(super) fn succeeds(&self, pass: Pass, now_ns: u64) {
        if !pass.is_trial() || self.bystander() != pass {
            return;
        }
        let successes = self.shared.successes.fetch_add(1, Ordering::AcqRel) + 1;
        if successes >= self.shared.trials && self.change(pass, Pass::closed(now_ns)) {
            tracing::info!("a circuit has closed");
        }
    }

    /// Somebody who was admitted in this phase has failed.
    #[cold]
    pub(super) fn fails(&self, pass: Pass, now_ns: u64) {
        let opens = match pass.phase() {
            CLOSED => self.bystander() == pass && self.shared.fails_too_often(pass, now_ns),
            phase => phase == HALF_OPEN,
        };
        let open = Pass::until(now_ns, self.shared.cool_down_ns, OPEN);
        if opens && self.change(pass, open) {
            self.shared.trials_left.store(0, Ordering::Release);
            tracing::warn!(until_ns = open.time_ns(), "a circuit has opened");
        }
    }

    /// Goes from one phase to the next, unless somebody else has.
    fn change(&self, from: Pass, to: Pass) -> bool {
        self.shared.word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Shared {
    /// Notes a failure, and returns whether those before it were as many as are too many, since the circuit was closed.
    fn fails_too_often(&self, closed: Pass, now_ns: u64) -> bool {
        if self.failures.is_empty() {
            return true;
        }
        let place = self.recorded.fetch_add(1, Ordering::Relaxed) % self.failures.len();
        let earliest = self.failures[place].swap(now_ns.saturating_add(1), Ordering::AcqRel);
        earliest > closed.time_ns() && now_ns.saturating_sub(earliest - 1) <= self.within_ns
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.bystander();
        let phase = match now.phase() {
            CLOSED => "closed at",
            OPEN => "open until",
            _ => "half open until",
        };
        write!(formatter, "Breaker({phase} {} ns)", now.time_ns())
    }
}

/// The right to try something once; from [`Breaker::permit`].
///
/// One that is dropped has neither gone well nor failed.
#[derive(Debug)]
#[must_use = "the breaker learns by the permit how it went"]
pub struct Permit {
    breaker: Breaker,
    pass: Pass,
}

impl Permit {
    /// It went well.
    pub fn succeeded(self, now_ns: u64) {
        self.breaker.succeeds(self.pass, now_ns);
    }

    /// It did not.
    pub fn failed(self, now_ns: u64) {
        self.breaker.fails(self.pass, now_ns);
    }
}

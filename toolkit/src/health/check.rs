//! What is checked of an actor, how often, and what is done when it fails.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{ActorRef, Address, Context, Reply};

use super::message::{HealthMessage, Key};

/// What is done about an actor whose worker runs, and that does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// It is reported.
    #[default]
    Report,
    /// And [failed](hippodrome::Context::fail): its restart policy makes it anew, up to as often as that grants.
    Restart,
    /// And told to stop, without what is queued.
    Stop,
}

/// The check of one actor.
///
/// # Examples
/// ```
/// use hippodrome::Address;
/// use hippodrome_toolkit::health::Check;
/// use std::time::Duration;
///
/// fn often(actor: Address) -> Check {
///     Check::ping(actor).named("orders").every(Duration::from_millis(100)).deadline(Duration::from_millis(20)).failures(2)
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check is given to a monitor"]
pub struct Check {
    pub(super) actor: Address,
    pub(super) name: &'static str,
    pub(super) period: Duration,
    pub(super) deadline: Duration,
    pub(super) failures: u32,
    pub(super) on_failure: OnFailure,
    pub(super) question: Question,
}

/// How it is checked.
#[derive(Clone)]
pub(super) enum Question {
    /// By the engine.
    Ping,
    /// By itself: asks it, within this time.
    Own(Ask),
}

type Ask = Arc<dyn Fn(&mut Context<'_, HealthMessage>, Duration, Key) + Send + Sync>;

/// The shortest period of a check.
const PERIOD_LEAST: Duration = Duration::from_millis(1);

impl Check {
    /// Checks by the engine's ping that the actor's worker comes to it and that it has a state. Nothing can be done about
    /// one that fails this, which is reported whatever [`on_failure`](Self::on_failure) says.
    pub fn ping(actor: impl Into<Address>) -> Self {
        Self::new(actor.into(), Question::Ping)
    }

    /// Checks by a question that the actor answers itself, with the message that `make` makes of the reply. Sees how far
    /// the actor has come with what is queued for it.
    pub fn asking<M: Send + 'static>(actor: ActorRef<M>, make: fn(Reply<()>) -> M) -> Self {
        let ask: Ask = Arc::new(move |ctx, deadline, key| {
            ctx.ask_within(deadline, actor, make, move |answer| HealthMessage::answered(key, answer));
        });
        Self::new(actor.address(), Question::Own(ask))
    }

    fn new(actor: Address, question: Question) -> Self {
        Self {
            actor,
            name: "",
            period: Duration::from_secs(1),
            deadline: Duration::from_millis(500),
            failures: 3,
            on_failure: OnFailure::Report,
            question,
        }
    }

    /// The name under which the actor is reported. Default none.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// How often it is checked, 1 ms at the least; not while an earlier question waits for its answer. One that has failed
    /// more often than its check grants is asked less and less often, down to each tenth period. Default 1 s.
    pub fn every(mut self, period: Duration) -> Self {
        self.period = period.max(PERIOD_LEAST);
        self
    }

    /// How long it has to answer. Default 500 ms.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many checks in a row it has to fail until something is done, 1 at the least. Default 3.
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    /// What is done then. Default: it is reported.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ping => "Ping",
            Self::Own(_) => "Own(..)",
        })
    }
}

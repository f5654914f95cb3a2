//! The actor that checks others.

use std::fmt;
use std::sync::Arc;

use hippodrome::{Actor, ActorRef, Address, AskError, Context, MissedTick, Stop, TimerKey};

use super::check::{Check, OnFailure, Question};
use super::message::{HealthMessage, Inner, Key};
use super::table::{HealthRow, HealthTable};

/// How an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// No check of it has ended yet, or none since it was ordered to be made anew.
    Unknown,
    /// It has passed its last check.
    Healthy,
    /// It has failed its last check, and not yet as many as its check grants.
    Failing,
    /// It has failed too many, and its worker runs.
    Unresponsive,
    /// It has failed too many, and its worker does not come to it.
    Stuck,
    /// It has stopped, and is not checked any more.
    Stopped,
    /// It is not checked, for want of a timer: the worker has as many as `max_timers` allows.
    Unchecked,
}

impl fmt::Display for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Unresponsive => "unresponsive",
            Self::Stuck => "stuck",
            Self::Stopped => "stopped",
            Self::Unchecked => "unchecked",
        })
    }
}

/// What a monitor reports: an actor is [`Unresponsive`](Health::Unresponsive) or [`Stuck`](Health::Stuck), it has recovered
/// from that and is [`Healthy`](Health::Healthy), it has [`Stopped`](Health::Stopped), or it is
/// [`Unchecked`](Health::Unchecked).
///
/// Subscribe with [`Context::subscribe`], or name an actor by [`HealthMonitor::report_to`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthEvent {
    /// Who.
    pub actor: Address,
    /// The name that the check gives it.
    pub name: &'static str,
    /// How it is now.
    pub health: Health,
    /// How many checks it has failed in a row.
    pub failures: u32,
    /// What was done about it.
    pub done: OnFailure,
}

/// Tells somebody what is reported.
type Report = Arc<dyn Fn(&mut Context<'_, HealthMessage>, HealthEvent) + Send + Sync>;

/// Checks actors; see the [module's documentation](super). An actor itself: its factory clones it.
///
/// A check costs a timer's message and a ping or an ask, and allocates nothing. There may be as many as the
/// configuration's `max_timers` and `max_asks` leave room for; a check that finds no room for its question is left
/// out, and is no failure of the actor.
#[derive(Clone, Default)]
pub struct HealthMonitor {
    checks: Vec<Check>,
    report: Option<Report>,
    entries: Vec<Entry>,
}

/// One place in the list of checks.
#[derive(Clone)]
struct Entry {
    generation: u32,
    checked: Option<Checked>,
}

/// An actor that is checked.
#[derive(Clone)]
struct Checked {
    check: Check,
    row: HealthRow,
    timer: Option<TimerKey>,
    /// When it was asked what it has not answered yet, in nanoseconds.
    asked_ns: Option<u64>,
    /// How many periods it is left alone.
    skips: u32,
    /// What was reported of it last.
    reported: Health,
}

/// The most periods that one is left alone which fails again and again.
const SKIPS_MOST: u32 = 9;

impl HealthMonitor {
    /// A monitor of nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more check, which the monitor begins with as it starts, and again when it is restarted.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Tells this actor whatever is reported, by the message that `map` makes of it.
    #[must_use]
    pub fn report_to<M: Send + 'static>(mut self, actor: ActorRef<M>, map: fn(HealthEvent) -> M) -> Self {
        self.report = Some(Arc::new(move |ctx, event| ctx.tell(actor, map(event))));
        self
    }

    fn add(&mut self, ctx: &mut Context<'_, HealthMessage>, check: Check) {
        let free = self.entries.iter().position(|entry| entry.checked.is_none());
        let index = free.unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, checked: None });
            self.entries.len() - 1
        });
        let key = Key { index: index as u32, generation: self.entries[index].generation };
        let row = HealthRow {
            actor: check.actor,
            name: check.name,
            health: Health::Unknown,
            failures: 0,
            failures_total: 0,
            answers: 0,
            orders: 0,
            answered_ns: None,
            round_trip_ns: None,
        };
        ctx.watch(check.actor, |terminated| HealthMessage(Inner::Stopped(terminated.actor)));
        let timer = ctx.send_every(check.period, MissedTick::Skip, move || HealthMessage(Inner::Due(key))).ok();
        self.entries[index].checked =
            Some(Checked { check, row, timer, asked_ns: None, skips: 0, reported: Health::Healthy });
        if timer.is_some() {
            self.ask(ctx, key);
        } else {
            self.change(ctx, key, Health::Unchecked, OnFailure::Report);
        }
    }

    fn remove(&mut self, ctx: &mut Context<'_, HealthMessage>, actor: Address) {
        for entry in &mut self.entries {
            let Some(checked) = entry.checked.take_if(|checked| checked.check.actor == actor) else { continue };
            entry.generation = entry.generation.wrapping_add(1);
            if let Some(timer) = checked.timer {
                ctx.cancel(timer);
            }
        }
        ctx.unwatch(actor);
    }

    fn checked(&mut self, key: Key) -> Option<&mut Checked> {
        let entry = self.entries.get_mut(key.index as usize)?;
        (entry.generation == key.generation).then_some(entry.checked.as_mut()).flatten()
    }

    /// A period is over. One that is unwell is asked less and less often: what it was asked may wait for it still, in
    /// rings that are not to be filled with it.
    fn due(&mut self, ctx: &mut Context<'_, HealthMessage>, key: Key) {
        match self.checked(key) {
            Some(Checked { skips: skips @ 1.., .. }) => *skips -= 1,
            Some(_) => self.ask(ctx, key),
            None => {}
        }
    }

    /// Asks, unless an earlier question waits for its answer.
    fn ask(&mut self, ctx: &mut Context<'_, HealthMessage>, key: Key) {
        let now_ns = ctx.now_ns();
        let Some(checked) = self.checked(key) else { return };
        if checked.asked_ns.is_some() || checked.row.health == Health::Stopped {
            return;
        }
        checked.asked_ns = Some(now_ns);
        let (actor, deadline) = (checked.check.actor, checked.check.deadline);
        match &checked.check.question {
            Question::Ping => ctx.ping(actor, deadline, move |answer| HealthMessage::answered(key, answer)),
            Question::Own(ask) => ask(ctx, deadline, key),
        }
    }

    fn answered(&mut self, ctx: &mut Context<'_, HealthMessage>, key: Key, answer: Result<(), AskError>) {
        let now_ns = ctx.now_ns();
        let Some(checked) = self.checked(key) else { return };
        let asked_ns = checked.asked_ns.take();
        if checked.row.health == Health::Stopped {
            return;
        }
        match answer {
            Ok(()) => {
                checked.row.answers += 1;
                checked.row.answered_ns = Some(now_ns);
                checked.row.round_trip_ns = asked_ns.map(|asked_ns| now_ns.saturating_sub(asked_ns));
                checked.row.failures = 0;
                self.change(ctx, key, Health::Healthy, OnFailure::Report);
            }
            // It was not even asked.
            Err(AskError::TooMany) => {}
            Err(error) => {
                checked.row.failures = checked.row.failures.saturating_add(1);
                checked.row.failures_total += 1;
                checked.skips = checked.row.failures.saturating_sub(checked.check.failures).min(SKIPS_MOST);
                if checked.row.failures < checked.check.failures {
                    // One that is known to be unwell is so until it answers.
                    if matches!(checked.row.health, Health::Unknown | Health::Healthy) {
                        checked.row.health = Health::Failing;
                    }
                    return;
                }
                self.failed(ctx, key, error);
            }
        }
    }

    /// The actor has failed as often as its check grants.
    fn failed(&mut self, ctx: &mut Context<'_, HealthMessage>, key: Key, error: AskError) {
        let now_ns = ctx.now_ns();
        let Some(checked) = self.checked(key) else { return };
        let (actor, deadline) = (checked.check.actor, checked.check.deadline);
        match checked.check.question {
            Question::Ping => self.change(ctx, key, of_failed_ping(error), OnFailure::Report),
            Question::Own(_) => {
                // Nothing else is asked until it is clear what is wrong.
                checked.asked_ns = Some(now_ns);
                ctx.ping(actor, deadline, move |answer| HealthMessage(Inner::Verified(key, answer)));
            }
        }
    }

    /// What the engine says of an actor that does not answer.
    fn verified(&mut self, ctx: &mut Context<'_, HealthMessage>, key: Key, answer: Result<(), AskError>) {
        let Some(checked) = self.checked(key) else { return };
        checked.asked_ns = None;
        let (actor, on_failure) = (checked.check.actor, checked.check.on_failure);
        match (answer, on_failure) {
            _ if checked.row.health == Health::Stopped => {}
            (Err(AskError::TooMany), _) => {}
            // One without a state is being made anew, or has stopped: there is nothing to order.
            (Err(error), _) => self.change(ctx, key, of_failed_ping(error), OnFailure::Report),
            (Ok(()), OnFailure::Report) => self.change(ctx, key, Health::Unresponsive, OnFailure::Report),
            (Ok(()), order) => {
                checked.row.orders += 1;
                self.change(ctx, key, Health::Unresponsive, order);
                if let Some(checked) = self.checked(key) {
                    checked.row.failures = 0;
                    checked.row.health = Health::Unknown;
                }
                if order == OnFailure::Stop {
                    ctx.stop(actor, Stop::Now);
                } else {
                    ctx.fail(actor, "it did not answer its health check");
                }
            }
        }
    }

    fn stopped(&mut self, ctx: &mut Context<'_, HealthMessage>, actor: Address) {
        for index in 0..self.entries.len() {
            let Entry { generation, checked: Some(checked) } = &mut self.entries[index] else { continue };
            if checked.check.actor == actor {
                let key = Key { index: index as u32, generation: *generation };
                if let Some(timer) = checked.timer.take() {
                    ctx.cancel(timer);
                }
                self.change(ctx, key, Health::Stopped, OnFailure::Report);
            }
        }
    }

    /// Notes how an actor is, and reports it if it is not as was reported last, or something was done about it.
    fn change(&mut self, ctx: &mut Context<'_, HealthMessage>, key: Key, health: Health, done: OnFailure) {
        let Some(checked) = self.checked(key) else { return };
        checked.row.health = health;
        if std::mem::replace(&mut checked.reported, health) == health && done == OnFailure::Report {
            return;
        }
        let HealthRow { actor, name, failures, .. } = checked.row;
        let event = HealthEvent { actor, name, health, failures, done };
        match health {
            Health::Healthy | Health::Stopped => tracing::info!(%actor, name, %health, "health changed"),
            _ => tracing::warn!(%actor, name, %health, failures, ?done, "health changed"),
        }
        // One that does not fit the event ring is counted there.
        let _ = ctx.publish(event);
        if let Some(report) = &self.report {
            report(ctx, event);
        }
    }
}

/// What it means that a ping was not answered.
fn of_failed_ping(error: AskError) -> Health {
    if error == AskError::TimedOut { Health::Stuck } else { Health::Unresponsive }
}

impl Actor for HealthMonitor {
    type Msg = HealthMessage;

    fn started(&mut self, ctx: &mut Context<'_, HealthMessage>) {
        for check in self.checks.clone() {
            self.add(ctx, check);
        }
    }

    fn handle(&mut self, HealthMessage(message): HealthMessage, ctx: &mut Context<'_, HealthMessage>) {
        match message {
            Inner::Due(key) => self.due(ctx, key),
            Inner::Answered(key, answer) => self.answered(ctx, key, answer),
            Inner::Verified(key, answer) => self.verified(ctx, key, answer),
            Inner::Stopped(actor) => self.stopped(ctx, actor),
            Inner::Add(check) => self.add(ctx, *check),
            Inner::Remove(actor) => self.remove(ctx, actor),
            Inner::Table(reply) => {
                let rows = self.entries.iter().filter_map(|entry| entry.checked.as_ref()).map(|checked| checked.row);
                reply.send(ctx, HealthTable { rows: rows.collect() });
            }
        }
    }
}

impl fmt::Debug for HealthMonitor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checked = self.entries.iter().filter(|entry| entry.checked.is_some()).count();
        write!(formatter, "HealthMonitor({} checks, {checked} running)", self.checks.len())
    }
}

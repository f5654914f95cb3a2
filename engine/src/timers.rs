//! A worker's timers: messages that actors send to themselves later, the deadlines of asks, the waits before restarts.

use std::time::Duration;

use crate::address::Tag;
use crate::asks::AskKey;
use crate::config::Config;
use crate::core::Core;
use crate::inline::Inline;
use crate::shared::Phase;
use crate::supervise::{Task, nanos};
use crate::wheel::{MissedTick, TimerKey, Wheel};

/// Bytes that a timer stores by itself; a larger message or closure is boxed once, when the timer is armed.
const INLINE_WORDS: usize = 5;

/// The timers of one worker.
pub(crate) type Timers = Wheel<Timer>;

/// What is done at a deadline.
pub(crate) struct Timer {
    tag: Tag,
    incarnation: u32,
    action: Action,
}

enum Action {
    /// Sends a message, once.
    Once { message: Inline<INLINE_WORDS>, fire: fn(&mut Core, Tag, Inline<INLINE_WORDS>) },
    /// Makes and sends a message, again and again.
    Every(Box<Periodic>),
    /// Ends an ask.
    Ask {
        ask: AskKey,
        /// When it was armed: at the end of the turn that the ask was made in.
        timed_ns: u64,
    },
    /// Ends the wait before a restart.
    Backoff,
}

struct Periodic {
    period_ns: u64,
    scheduled_ns: u64,
    missed: MissedTick,
    fire: PeriodicFire,
}

/// Makes a message and delivers it.
type PeriodicFire = Box<dyn FnMut(&mut Core, Tag)>;

/// Arming failed: the worker has as many timers as its limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker has {limit} timers armed, as many as `max_timers` allows")]
pub struct TimerLimit {
    /// The limit.
    pub limit: u32,
}

impl Timers {
    pub(crate) fn new(config: &Config, now_ns: u64) -> Self {
        Self::with_limit(Duration::from_micros(config.timer_resolution_us.into()), config.max_timers as usize, now_ns)
    }
}

impl Core {
    pub(crate) fn send_after<M: Send + 'static>(&mut self, delay: Duration, message: M) -> Result<TimerKey, M> {
        let action = Action::Once {
            message: Inline::fitting(message),
            fire: |core, tag, message| {
                if let Some(message) = message.take_fitting::<M>() {
                    core.deliver(tag, message);
                }
            },
        };
        self.arm_for_current(delay, action).map_err(|action| {
            match action {
                Action::Once { message, .. } => message.take_fitting::<M>(),
                _ => None,
            }
            .expect("the message that was just stored")
        })
    }

    pub(crate) fn send_every<M: Send + 'static>(
        &mut self,
        first: Duration,
        period: Duration,
        missed: MissedTick,
        mut make: impl FnMut() -> M + 'static,
    ) -> Result<TimerKey, TimerLimit> {
        let limit = TimerLimit { limit: self.shared.config.max_timers };
        let fire: PeriodicFire = Box::new(move |core, tag| {
            if let Some(message) = core.made(tag, &mut make) {
                core.deliver(tag, message);
            }
        });
        let scheduled_ns = self.clock.now_ns().saturating_add(nanos(first));
        let periodic = Periodic { period_ns: nanos(period).max(1), scheduled_ns, missed, fire };
        self.arm_for_current(first, Action::Every(Box::new(periodic))).map_err(|_| limit)
    }

    /// Arms a timer of the current actor, which will cancel it when it stops or is restarted.
    fn arm_for_current(&mut self, delay: Duration, action: Action) -> Result<TimerKey, Action> {
        let Some(incarnation) = self.current.head().map(|head| head.incarnation) else { return Err(action) };
        if !self.timers.has_room_for(self.asks.untimed() + 1) {
            return Err(action);
        }
        let now_ns = self.clock.now_ns();
        let timer = Timer { tag: self.current.tag, incarnation, action };
        let key = self.timers.arm(now_ns.saturating_add(nanos(delay)), timer).map_err(|timer| timer.action)?;
        let Some(head) = self.current.head_mut() else { return Ok(key) };
        let keys = &mut head.rare().timers;
        if keys.len() == keys.capacity() && !keys.is_empty() {
            let timers = &self.timers;
            keys.retain(|key| timers.get(*key).is_some());
            // As much room as there are timers alive, so that the next look comes after as many arms.
            keys.reserve(keys.len());
        }
        keys.push(key);
        Ok(key)
    }

    /// Cancels a timer of the current actor. Returns whether it was armed.
    pub(crate) fn cancel_timer(&mut self, key: TimerKey) -> bool {
        let tag = self.current.tag;
        let is_mine = self.timers.get(key).is_some_and(|timer| timer.tag == tag);
        if is_mine && let Some(timer) = self.timers.cancel(key) {
            self.contain(|| drop(timer));
        }
        is_mine
    }

    /// Cancels all timers of an actor.
    pub(crate) fn cancel_timers(&mut self, actor: Tag) {
        let Some(rare) = self.head_at_mut(actor).and_then(|head| head.rare.as_mut()) else { return };
        for key in std::mem::take(&mut rare.timers) {
            if let Some(timer) = self.timers.cancel(key) {
                self.contain(|| drop(timer));
            }
        }
    }

    pub(crate) fn arm_backoff(&mut self, tag: Tag, incarnation: u32, wait: Duration) -> bool {
        let deadline_ns = self.clock.now_ns().saturating_add(nanos(wait));
        self.timers.arm(deadline_ns, Timer { tag, incarnation, action: Action::Backoff }).is_ok()
    }

    pub(crate) fn arm_ask(&mut self, ask: AskKey, timed_ns: u64, timeout_ns: u64) -> Option<TimerKey> {
        let action = Action::Ask { ask, timed_ns };
        let timer = Timer { tag: Tag::WORKER, incarnation: 0, action };
        self.timers.arm(timed_ns.saturating_add(timeout_ns), timer).ok()
    }

    /// When the timer of an ask was armed.
    pub(crate) fn ask_timed_ns(&self, key: TimerKey) -> Option<u64> {
        match self.timers.get(key)?.action {
            Action::Ask { timed_ns, .. } => Some(timed_ns),
            _ => None,
        }
    }

    /// Fires what is due at `now_ns`.
    pub(crate) fn run_timers(&mut self) {
        self.timers.advance(self.now_ns);
        while let Some(key) = self.timers.pop_due() {
            self.counters.steps += 1;
            self.fire(key);
        }
    }

    fn fire(&mut self, key: TimerKey) {
        let Some(timer) = self.timers.get_mut(key) else { return };
        let (tag, incarnation) = (timer.tag, timer.incarnation);
        if let Action::Every(periodic) = &mut timer.action {
            let (next_ns, _) = periodic.missed.next_deadline(periodic.scheduled_ns, periodic.period_ns, self.now_ns);
            periodic.scheduled_ns = next_ns;
            // The closure is out of the wheel while it runs: it may cancel its own timer, and it may panic.
            let mut fire = std::mem::replace(&mut periodic.fire, Box::new(|_, _| ()));
            self.timers.rearm(key, next_ns);
            if self.phase == Phase::Running {
                self.contain_for(tag, |core| fire(core, tag));
            }
            if let Some(Timer { action: Action::Every(periodic), .. }) = self.timers.get_mut(key) {
                periodic.fire = fire;
            } else {
                // It was cancelled meanwhile.
                self.contain(|| drop(fire));
            }
            return;
        }
        match self.timers.release(key).map(|timer| timer.action) {
            Some(Action::Once { message, fire }) if self.phase == Phase::Running => fire(self, tag, message),
            Some(Action::Once { message, .. }) => self.contain(|| drop(message)),
            Some(Action::Ask { ask, .. }) => self.ask_timed_out(ask),
            Some(Action::Backoff) => self.order(Task::BackoffOver { actor: tag, incarnation }),
            Some(Action::Every(_)) | None => {}
        }
        if !self.tasks.is_empty() {
            self.do_tasks();
        }
    }
}

//! What a supervisor knows of a child.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{ActorRef, Address, Context, Reply, Stop, TimerKey};

use crate::duration::nanos;
use crate::supervision::intensity::Waits;
use crate::supervision::order::{Order, Supervise};
use crate::supervision::spec::{Lifetime, Spawned, Spec};
use crate::supervision::tree::{NodeState, Tree};

/// A child that was spawned.
pub(crate) struct Child {
    pub(crate) name: Arc<str>,
    actor_type: &'static str,
    pub(crate) lifetime: Lifetime,
    stop: Stop,
    patience: Duration,
    pub(crate) address: Address,
    actor: Box<dyn Any + Send>,
    pub(crate) state: State,
    pub(crate) restarts: u32,
    pub(crate) waits: Waits,
    /// When it is told to stop for good: who wants to know.
    pub(crate) removals: Vec<Reply<bool>>,
    is_removed: bool,
    lives: u32,
    /// How often it was told to stop.
    stops: u32,
    deadline: Option<TimerKey>,
}

/// Where a child stands, as far as its supervisor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It was told to start at this time.
    Starting {
        at_ns: u64,
    },
    /// It lives, and is a supervisor whose children are not all up yet.
    Opening,
    Running {
        since_ns: u64,
    },
    /// It was told to stop.
    Stopping,
    /// Its life has ended, and it waits for its turn to start again.
    Down,
}

/// How long a supervisor that lost a question has until it is asked again.
const LATER: Duration = Duration::from_millis(1);

/// How long a supervisor has to start its children until it is asked again.
const PATIENCE_TO_OPEN: Duration = Duration::from_secs(24 * 60 * 60);

impl Child {
    pub(crate) fn new(spec: Spec, ctx: &mut Context<'_, Supervise>, id: u64) -> Result<Self, hippodrome::SpawnError> {
        let Spec { name, actor_type, lifetime, stop, patience, spawn } = spec;
        let Spawned { address, actor } = spawn(ctx, id)?;
        Ok(Self {
            name,
            actor_type,
            lifetime,
            stop,
            patience,
            address,
            actor,
            state: State::Starting { at_ns: ctx.now_ns() },
            restarts: 0,
            waits: Waits::default(),
            removals: Vec::new(),
            is_removed: false,
            lives: 0,
            stops: 0,
            deadline: None,
        })
    }

    /// The child, if it takes `M`.
    pub(crate) fn actor<M: Send + 'static>(&self) -> Option<ActorRef<M>> {
        self.actor.downcast_ref().copied()
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Whether it can be asked.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.state, State::Opening | State::Running { .. })
    }

    /// Its life has begun. A supervisor is up when all its children are.
    pub(crate) fn started(&mut self, id: u64, ctx: &mut Context<'_, Supervise>) {
        self.lives += 1;
        self.state = State::Opening;
        self.await_up(id, self.lives, ctx);
    }

    /// Asks a supervisor to say when all its children are up; any other child is.
    pub(crate) fn await_up(&mut self, id: u64, lives: u32, ctx: &mut Context<'_, Supervise>) {
        if self.state != State::Opening || self.lives != lives {
            return;
        }
        let Some(supervisor) = self.actor::<Supervise>() else {
            self.state = State::Running { since_ns: ctx.now_ns() };
            return;
        };
        let ask = |reply| Supervise(Order::AwaitUp(reply));
        ctx.ask_within(PATIENCE_TO_OPEN, supervisor, ask, move |up| Supervise(Order::Up(id, lives, up.is_ok())));
    }

    /// A supervisor has said that all its children are up, or the question was lost.
    pub(crate) fn is_up_with_all(&mut self, id: u64, lives: u32, said: bool, ctx: &mut Context<'_, Supervise>) {
        if self.state != State::Opening || self.lives != lives {
            return;
        }
        // It may have ended, which is told presently; or else it is asked again. Without a timer left it is taken for up.
        let again = Supervise(Order::AskUp(id, lives));
        if said || ctx.send_after(LATER, again).is_err() {
            self.state = State::Running { since_ns: ctx.now_ns() };
        }
    }

    /// Whether it is to go for good when its life has ended.
    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed
    }

    /// It is to go for good.
    pub(crate) fn remove(&mut self) {
        self.is_removed = true;
    }

    /// How long it was up, if it is.
    pub(crate) fn up(&self, now_ns: u64) -> Duration {
        match self.state {
            State::Running { since_ns } => Duration::from_nanos(now_ns.saturating_sub(since_ns)),
            _ => Duration::ZERO,
        }
    }

    /// Tells it to start again.
    pub(crate) fn restart(&mut self, wait: Duration, ctx: &mut Context<'_, Supervise>) {
        self.state = State::Starting { at_ns: ctx.now_ns().saturating_add(nanos(wait)) };
        self.restarts += 1;
        ctx.restart_child(self.address, wait);
    }

    /// Tells it to stop, and to be killed if it takes too long.
    pub(crate) fn stop(&mut self, id: u64, ctx: &mut Context<'_, Supervise>) {
        if matches!(self.state, State::Stopping | State::Down) {
            return;
        }
        self.state = State::Stopping;
        self.stops += 1;
        ctx.stop(self.address, self.stop);
        if self.stop != Stop::Kill {
            let impatient = Supervise(Order::Impatient { child: id, stops: self.stops });
            // Without a timer left it has time without end.
            self.deadline = ctx.send_after(self.patience, impatient).ok();
        }
    }

    /// It has had time enough to stop.
    pub(crate) fn kill_if_late(&mut self, stops: u32, ctx: &mut Context<'_, Supervise>) {
        if self.state == State::Stopping && self.stops == stops {
            tracing::warn!(child = %self.address, name = &*self.name, "killed: it did not stop in time");
            ctx.stop(self.address, Stop::Kill);
        }
    }

    /// Its life has ended.
    pub(crate) fn ended(&mut self, ctx: &mut Context<'_, Supervise>) {
        self.state = State::Down;
        if let Some(deadline) = self.deadline.take() {
            ctx.cancel(deadline);
        }
    }

    /// It without its children, as a part of the tree.
    pub(crate) fn node(&self, now_ns: u64) -> Tree {
        let state = match self.state {
            State::Starting { at_ns } if at_ns > now_ns => {
                NodeState::BackingOff { wait_ms: (at_ns - now_ns) / 1_000_000 }
            }
            State::Starting { .. } | State::Opening => NodeState::Starting,
            State::Running { .. } => NodeState::Running,
            State::Stopping => NodeState::Stopping,
            State::Down => NodeState::Down,
        };
        Tree {
            name: self.name.to_string(),
            address: self.address.to_string(),
            actor_type: self.actor_type.to_owned(),
            lifetime: Some(self.lifetime),
            state,
            restarts: self.restarts,
            strategy: None,
            children: Vec::new(),
        }
    }
}

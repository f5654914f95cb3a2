//! The supervisor: an actor that starts, restarts and stops others.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, Address, Backoff, ChildEvent, Context, Reply, StopReason};
use serde::{Deserialize, Serialize};

use crate::supervision::child::{Child, State};
use crate::supervision::intensity::{Intensity, Jitter};
use crate::supervision::order::{Answer, Order, StartChildError, Supervise};
use crate::supervision::spec::{ChildSpec, Lifetime, Spec};
use crate::supervision::tree::{NodeState, Requests, Tree};

/// Who is made anew when a child has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// That child alone: children that do not depend on each other.
    OneForOne,
    /// All children: the others are stopped in reverse order, then all start in order.
    OneForAll,
    /// That child and those that were started after it, in the same way: each depends on those before it.
    RestForOne,
}

impl Display for Strategy {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OneForOne => "one-for-one",
            Self::OneForAll => "one-for-all",
            Self::RestForOne => "rest-for-one",
        })
    }
}

/// A supervisor gave up: a child failed more often than its intensity grants. Published to all subscribers of this event;
/// the supervisor then fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp {
    /// The supervisor.
    pub supervisor: Address,
    /// Whose failure was one too many.
    pub child: Address,
    /// How that life ended.
    pub reason: StopReason,
}

/// An actor that starts children in order, makes them anew as its [`Strategy`] says, and stops them in reverse.
///
/// Its factory makes it with its children's specs: if it is made anew itself, so are they.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, Backoff, Context, Engine, On, Reply, from_fn};
/// use hippodrome_toolkit::supervision::{ChildSpec, Jitter, Strategy, Supervise, Supervisor};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder().unpinned_workers(2).start()?;
/// let handle = engine.handle();
/// let backoff = Backoff::exponential(Duration::from_millis(10), Duration::from_secs(1));
/// let root = handle.spawn(On::Worker(0), move || {
///     Supervisor::new(Strategy::RestForOne)
///         .named("exchange")
///         .intensity(5, Duration::from_secs(10))
///         .backoff(backoff, Jitter::Full)
///         .child(ChildSpec::new("store", On::Worker(1), || from_fn(|n: u64, _ctx| println!("{n}"))))
///         .child(ChildSpec::new("gate", On::Worker(0), || from_fn(|n: u64, _ctx| println!("{n}"))))
/// })?;
/// let tree = handle.ask(root, Supervise::tree).wait(Duration::from_secs(5))?;
/// println!("{tree}");
/// engine.shutdown(Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Supervisor {
    name: Arc<str>,
    strategy: Strategy,
    intensity: Intensity,
    waits: (Backoff, Jitter),
    /// Those that were not started yet.
    pending: VecDeque<Pending>,
    /// By the order of their start.
    children: BTreeMap<u64, Child>,
    names: BTreeMap<Arc<str>, u64>,
    next_child: u64,
    work: Work,
    /// The wait before the group starts again.
    group_wait: Duration,
    requests: Requests,
    /// Those who want to know when all its children are up.
    callers: Vec<Reply<()>>,
}

struct Pending {
    spec: Spec,
    /// Whoever asked for it later.
    answer: Option<Answer>,
}

/// What a supervisor is about.
enum Work {
    /// Starts whoever is down or was not started yet, if there is anybody.
    Start,
    /// Stops all children from this one on, the youngest first.
    Stop { from: u64, then: Then },
    /// It has told the engine to end it.
    Ended,
}

enum Then {
    Start,
    Fail(Arc<str>),
    StopSelf,
}

impl Supervisor {
    /// A supervisor without children, that grants three restarts in five seconds, without waiting.
    pub fn new(strategy: Strategy) -> Self {
        Self {
            name: Arc::from("supervisor"),
            strategy,
            intensity: Intensity::new(3, Duration::from_secs(5)),
            waits: (Backoff::NONE, Jitter::None),
            pending: VecDeque::new(),
            children: BTreeMap::new(),
            names: BTreeMap::new(),
            next_child: 0,
            work: Work::Start,
            group_wait: Duration::ZERO,
            requests: Requests::default(),
            callers: Vec::new(),
        }
    }

    /// Sets the name by which it calls itself, in its tree and in the log.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how many restarts it grants in what time, of all its children together; a group's restart is one. At the next
    /// failure within that time it gives up.
    pub fn intensity(mut self, max: u32, within: Duration) -> Self {
        self.intensity = Intensity::new(max, within);
        self
    }

    /// Sets how long a restart waits. The wait grows from one restart of a child to the next, until it has lived for as
    /// long as the time of the intensity.
    pub fn backoff(mut self, backoff: Backoff, jitter: Jitter) -> Self {
        self.waits = (backoff, jitter);
        self
    }

    /// Adds a child, which is started when the ones before it are up; a supervisor is up when its own children are. If it
    /// cannot be spawned, or its name is taken, the supervisor stops those it has started and fails.
    pub fn child<M: Send + 'static>(mut self, spec: ChildSpec<M>) -> Self {
        self.pending.push_back(Pending { spec: spec.erase(), answer: None });
        self
    }
}

impl Actor for Supervisor {
    type Msg = Supervise;

    fn started(&mut self, ctx: &mut Context<'_, Supervise>) {
        self.go_on(ctx);
    }

    fn handle(&mut self, Supervise(order): Supervise, ctx: &mut Context<'_, Supervise>) {
        match order {
            Order::Child(id, event) => self.child_event(id, event, ctx),
            Order::Impatient { child, stops } => {
                if let Some(child) = self.children.get_mut(&child) {
                    child.kill_if_late(stops, ctx);
                }
            }
            Order::Start(_, answer) if self.is_ending() => answer(ctx, Err(StartChildError::Stopping)),
            Order::Start(spec, answer) => self.start_later(spec, answer, ctx),
            Order::Remove(name, reply) => self.remove_named(&name, reply, ctx),
            Order::AskUp(id, lives) => {
                if let Some(child) = self.children.get_mut(&id) {
                    child.await_up(id, lives, ctx);
                }
            }
            Order::Up(id, lives, said) => {
                if let Some(child) = self.children.get_mut(&id) {
                    child.is_up_with_all(id, lives, said, ctx);
                }
            }
            Order::AwaitUp(reply) => self.callers.push(reply),
            Order::Find(name, found) => found(ctx, self.named_child(&name)),
            Order::Tree(time, reply) => self.tree(time, reply, ctx),
            Order::Branch { request, branch, tree } => self.requests.answered(request, branch, tree, ctx),
            Order::Shutdown if self.is_ending() => {}
            Order::Shutdown => self.end(Then::StopSelf, ctx),
        }
        self.go_on(ctx);
    }
}

impl Supervisor {
    /// Does what can be done now.
    fn go_on(&mut self, ctx: &mut Context<'_, Supervise>) {
        if matches!(self.work, Work::Start) {
            // If one cannot be spawned, it is to stop.
            self.start_next(ctx);
        }
        if let Work::Stop { from, .. } = self.work {
            let mut alive = self.children.range_mut(from..).rev();
            if let Some((id, child)) = alive.find(|(_, child)| child.state != State::Down) {
                return child.stop(*id, ctx);
            }
            match std::mem::replace(&mut self.work, Work::Ended) {
                Work::Stop { then: Then::Start, .. } => {
                    self.work = Work::Start;
                    self.start_next(ctx);
                }
                Work::Stop { then: Then::Fail(why), .. } => return ctx.fail_self(why),
                _ => return ctx.stop_self(),
            }
        }
        if matches!(self.work, Work::Start) && !self.callers.is_empty() && self.is_up() {
            std::mem::take(&mut self.callers).into_iter().for_each(|caller| caller.send(ctx, ()));
        }
    }

    /// Whether all that it was made with have started.
    fn is_up(&self) -> bool {
        self.children.values().all(Child::is_up) && self.pending.iter().all(|pending| pending.answer.is_some())
    }

    /// Starts those that are down, and then those that were not started yet, each when the one before it is up.
    fn start_next(&mut self, ctx: &mut Context<'_, Supervise>) {
        if self.strategy != Strategy::OneForOne
            && let Some(child) = self.children.values_mut().find(|child| !child.is_up())
        {
            if child.state == State::Down {
                child.restart(std::mem::take(&mut self.group_wait), ctx);
            }
            return;
        }
        while let Some(next) = self.pending.front() {
            // Those of one-for-one that came later depend on nobody.
            let is_free = self.strategy == Strategy::OneForOne && next.answer.is_some();
            if !is_free && self.children.values().next_back().is_some_and(|youngest| !youngest.is_up()) {
                return;
            }
            if let Some(pending) = self.pending.pop_front() {
                self.spawn(pending, ctx);
            }
        }
    }

    /// Somebody wants one more child. A name that is taken is refused now, and not when its turn comes: who says the name
    /// meanwhile means the child that has it. One that is being removed has it no longer by then.
    fn start_later(&mut self, spec: Spec, answer: Answer, ctx: &mut Context<'_, Supervise>) {
        if let Some(child) = self.named_child(&spec.name).filter(|child| !child.is_removed()) {
            let error = StartChildError::NameTaken { name: spec.name.clone(), child: child.address };
            return answer(ctx, Err(error));
        }
        self.pending.push_back(Pending { spec, answer: Some(answer) });
    }

    fn spawn(&mut self, Pending { spec, answer }: Pending, ctx: &mut Context<'_, Supervise>) {
        let name = spec.name.clone();
        let spawned = match self.named_child(&name) {
            Some(child) => Err(StartChildError::NameTaken { name: name.clone(), child: child.address }),
            None => Child::new(spec, ctx, self.next_child).map_err(StartChildError::Spawn),
        };
        match spawned {
            Ok(child) => {
                if let Some(answer) = answer {
                    answer(ctx, Ok(&child));
                }
                self.names.insert(name, self.next_child);
                self.children.insert(self.next_child, child);
                self.next_child += 1;
            }
            Err(error) => match answer {
                Some(answer) => answer(ctx, Err(error)),
                None => {
                    let why = format!("supervisor {:?} could not start its child {name:?}: {error}", self.name);
                    self.end(Then::Fail(why.into()), ctx);
                }
            },
        }
    }

    fn child_event(&mut self, id: u64, event: ChildEvent, ctx: &mut Context<'_, Supervise>) {
        let (ChildEvent::Started { child: address } | ChildEvent::Ended { child: address, .. }) = event;
        // What an earlier life of the supervisor was to be told is about nobody.
        let Some(child) = self.children.get_mut(&id).filter(|child| child.address == address) else { return };
        match event {
            ChildEvent::Started { .. } => {
                if child.state != State::Stopping {
                    child.started(id, ctx);
                }
            }
            ChildEvent::Ended { reason, .. } => self.child_ended(id, &reason, ctx),
        }
    }

    fn child_ended(&mut self, id: u64, reason: &StopReason, ctx: &mut Context<'_, Supervise>) {
        let Some(child) = self.children.get_mut(&id) else { return };
        let up = child.up(ctx.now_ns());
        child.ended(ctx);
        let lifetime = child.lifetime;
        if child.is_removed() || self.is_ending() {
            return self.forget(id, ctx);
        }
        if let Work::Stop { from, .. } = self.work
            && id >= from
        {
            // It was stopped with its group, or ended just before that.
            if lifetime == Lifetime::Temporary {
                self.forget(id, ctx);
            }
            return;
        }
        if !lifetime.goes_on_after(reason) {
            return self.forget(id, ctx);
        }
        if !self.intensity.grants(ctx.now_ns()) {
            return self.give_up(id, reason, ctx);
        }
        let Some(child) = self.children.get_mut(&id) else { return };
        let wait = child.waits.next(up, self.intensity.within(), self.waits, ctx);
        if self.strategy == Strategy::OneForOne {
            return child.restart(wait, ctx);
        }
        let from = if self.strategy == Strategy::OneForAll { 0 } else { id };
        self.group_wait = self.group_wait.max(wait);
        self.work = Work::Stop { from, then: Then::Start };
    }

    /// A child failed once too often.
    fn give_up(&mut self, id: u64, reason: &StopReason, ctx: &mut Context<'_, Supervise>) {
        let Some(child) = self.children.get(&id) else { return };
        let (max, within) = (self.intensity.max(), self.intensity.within());
        let why = format!(
            "supervisor {:?} gave up after {max} restarts within {within:?}: child {:?} {reason}",
            self.name, child.name
        );
        tracing::error!(supervisor = %ctx.me().address(), child = %child.address, "{why}");
        let gave_up = GaveUp { supervisor: ctx.me().address(), child: child.address, reason: reason.clone() };
        ctx.publish(gave_up);
        self.forget(id, ctx);
        self.end(Then::Fail(why.into()), ctx);
    }

    fn named_child(&self, name: &str) -> Option<&Child> {
        self.children.get(self.names.get(name)?)
    }

    fn is_ending(&self) -> bool {
        matches!(self.work, Work::Ended | Work::Stop { then: Then::Fail(_) | Then::StopSelf, .. })
    }

    /// From now on nobody starts any more, and all stop.
    fn end(&mut self, then: Then, ctx: &mut Context<'_, Supervise>) {
        self.work = Work::Stop { from: 0, then };
        for answer in std::mem::take(&mut self.pending).into_iter().filter_map(|pending| pending.answer) {
            answer(ctx, Err(StartChildError::Stopping));
        }
        let down = self.children.iter().filter(|(_, child)| child.state == State::Down).map(|(id, _)| *id);
        for id in down.collect::<Vec<_>>() {
            self.forget(id, ctx);
        }
    }

    fn remove_named(&mut self, name: &Arc<str>, reply: Reply<bool>, ctx: &mut Context<'_, Supervise>) {
        if let Some(n) = self.pending.iter().position(|pending| pending.spec.name == *name) {
            if let Some(Pending { answer: Some(answer), .. }) = self.pending.remove(n) {
                answer(ctx, Err(StartChildError::Withdrawn));
            }
            return reply.send(ctx, true);
        }
        let Some(id) = self.names.get(name).copied() else { return reply.send(ctx, false) };
        let Some(child) = self.children.get_mut(&id) else { return reply.send(ctx, false) };
        child.removals.push(reply);
        child.remove();
        match child.state {
            State::Down => self.forget(id, ctx),
            _ => child.stop(id, ctx),
        }
    }

    /// A child whose life has ended goes for good.
    fn forget(&mut self, id: u64, ctx: &mut Context<'_, Supervise>) {
        let Some(child) = self.children.remove(&id) else { return };
        self.names.remove(&child.name);
        ctx.release_child(child.address);
        for reply in child.removals {
            reply.send(ctx, true);
        }
    }

    fn tree(&mut self, time: Duration, reply: Reply<Tree>, ctx: &mut Context<'_, Supervise>) {
        let now_ns = ctx.now_ns();
        let children = self.children.values().map(|child| child.node(now_ns)).collect();
        let branches = self.children.values().enumerate().filter(|(_, child)| child.is_alive());
        let branches: Vec<_> = branches.filter_map(|(n, child)| Some((n, child.actor()?))).collect();
        let tree = Tree {
            name: self.name.to_string(),
            address: ctx.me().address().to_string(),
            actor_type: std::any::type_name::<Self>().to_owned(),
            lifetime: None,
            state: if self.is_ending() { NodeState::Stopping } else { NodeState::Running },
            restarts: 0,
            strategy: Some(self.strategy),
            children,
        };
        self.requests.gather(tree, &branches, time, reply, ctx);
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let children = self.children.len();
        write!(formatter, "Supervisor({}, {}, {children} children)", self.name, self.strategy)
    }
}

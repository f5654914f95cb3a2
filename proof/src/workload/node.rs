//! The workload's actor: on each message it does at random whatever an actor can do.
//!
//! A message brings fuel, and each message that comes of it takes a part of that with it, less one. So all work ends,
//! whatever the actors do, and nothing has to be counted in common.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, Address, AskError, Batch, ChildEvent, Context, MissedTick, Reply, Stop, TimerKey};

use super::graph::{LARGE, Peer, Route, SMALL};
use super::message::{Answer, Content, Msg};
use super::party::{Asked, Fate, Hold, Party, Site};
use super::random::Random;
use super::stream::{Kind, StreamId};
use super::token::{Letter, Token};
use super::world::{Recruit, World, panic_at};

/// An event of the program's own.
#[derive(Debug)]
struct Beat;

/// The right to answer, and who is to get the answer.
#[derive(Debug)]
struct Kept {
    reply: Reply<Answer>,
    asker: Hold,
}

/// The most replies that an actor keeps for later.
const KEPT_MOST: usize = 8;

/// How often a timer ticks before it is cancelled.
const TICKS: u32 = 3;

/// The most messages that an actor takes of a batch.
const BATCH_MOST: usize = 8;

/// An actor of the workload, with messages of `N` words.
#[derive(Debug)]
pub(crate) struct Node<const N: usize> {
    world: Arc<World>,
    me: &'static Party,
    node: usize,
    random: Random,
    /// Fuel for `started`, and what stands for it in the ledger.
    birth: Option<(Token, u32)>,
    /// The same for `stopped`.
    testament: Option<(Token, u32)>,
    kept: Vec<Kept>,
    /// Of questions that wait until the next one in the ring has answered.
    circle: VecDeque<Kept>,
    timer: Option<TimerKey>,
    ticking: Option<(TimerKey, u32)>,
    watched: Option<Address>,
    is_subscribed: bool,
}

impl<const N: usize> Node<N> {
    pub(crate) fn new(
        world: Arc<World>,
        me: &'static Party,
        node: usize,
        random: Random,
        birth: Option<(Token, u32)>,
    ) -> Self {
        Self {
            world,
            me,
            node,
            random,
            birth,
            testament: None,
            kept: Vec::new(),
            circle: VecDeque::new(),
            timer: None,
            ticking: None,
            watched: None,
            is_subscribed: false,
        }
    }

    /// Does something with all of the fuel.
    fn spend(&mut self, mut fuel: u32, ctx: &mut Context<'_, Msg<N>>) {
        for acts_left in (0..=self.random.below(3)).rev() {
            if fuel == 0 {
                return;
            }
            let share = if acts_left == 0 { fuel } else { 1 + self.random.below(fuel as usize) as u32 };
            fuel -= share;
            self.act(share, ctx);
        }
    }

    fn act(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let has_quiet = self.world.plan.has_quiet;
        match self.random.below(100) {
            0..12 => return self.try_tell(share, ctx),
            12..20 => return self.tell_batch(share, ctx),
            20..36 if share > 1 => return self.ask(share, ctx),
            36..41 if has_quiet => return self.send_after(share, ctx),
            41..43 => self.cancel(ctx),
            43..45 if has_quiet => self.tick(ctx),
            45..48 if has_quiet => self.watch(ctx),
            48 => self.unwatch(ctx),
            49 => self.subscribe(ctx),
            50..52 => _ = ctx.publish(Beat),
            52..58 if self.world.plan.has_storms => return self.spawn(share, ctx),
            58 if self.world.plan.has_storms => self.stop(ctx),
            59 if self.world.plan.has_storms => return self.stop_self(share, ctx),
            60..68 => self.answer_kept(ctx),
            _ => {}
        }
        self.tell(share, ctx);
    }

    fn peer(&mut self) -> Option<Peer> {
        self.world.graph.along(self.node, &mut self.random)
    }

    fn tell(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let Some(peer) = self.peer() else { return };
        let stream = peer.stream(&mut self.random);
        if let Some(sabotage) = self.world.sabotage()
            && let Some(other) = self.world.graph.any(&mut self.random)
            && !std::ptr::eq(other.party, peer.party)
        {
            peer.tell_wrongly(ctx, self.me, stream, (sabotage, other));
        }
        peer.tell(ctx, self.me, stream, share - 1);
    }

    fn try_tell(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let Some(peer) = self.peer() else { return };
        let stream = peer.stream(&mut self.random);
        peer.try_tell(ctx, self.me, stream, share - 1);
    }

    fn tell_batch(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let Some(peer) = self.peer() else { return };
        let count = share.min(1 + self.random.below(40) as u32);
        let stream = peer.stream(&mut self.random);
        peer.tell_batch(ctx, self.me, stream, (count, share - count));
    }

    fn ask(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let Some(peer) = self.peer() else { return };
        self.ask_peer(peer, share, ctx);
    }

    fn ask_peer(&mut self, peer: Peer, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let timeout = Duration::from_micros(self.random.pick([1, 300, 3000]));
        let question = self.random.below(share as usize - 1) as u32;
        let stream = peer.stream(&mut self.random);
        peer.ask(ctx, self.me, stream, timeout, (question, share - 2 - question));
    }

    fn send_after(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let delay = Duration::from_micros(self.random.below(3000) as u64);
        let letter = Letter::seal(Token::waiting(self.me, Kind::Timer), share - 1);
        match ctx.send_after(delay, Msg::work(letter)) {
            Ok(timer) => self.timer = Some(timer),
            Err(message) => message.into_letter().end(Fate::Refused),
        }
    }

    fn cancel(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        if let Some(timer) = self.timer.take() {
            self.me.cancelling(|| ctx.cancel(timer));
        }
    }

    /// Arms a timer that ticks, unless one does. What its closure holds says in the ledger that more is to come.
    fn tick(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        if self.ticking.is_some() {
            return;
        }
        let (me, period) = (self.me, Duration::from_micros(50 + self.random.below(500) as u64));
        let missed = self.random.pick([MissedTick::Burst, MissedTick::Skip, MissedTick::Delay]);
        let more = Token::waiting(me, Kind::Ticking);
        let tick = move || {
            let _more = &more;
            Msg::work(Letter::seal(Token::new(me, me, StreamId::of(Kind::Tick)), 0))
        };
        if let Ok(timer) = ctx.send_every(period, missed, tick) {
            self.ticking = Some((timer, TICKS));
        }
    }

    fn ticked(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        let Some((timer, left)) = self.ticking.take() else { return };
        if left > 1 {
            self.ticking = Some((timer, left - 1));
        } else {
            ctx.cancel(timer);
        }
    }

    fn watch(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        let Some(peer) = self.peer() else { return };
        let hold = Hold::of(self.me);
        self.watched = Some(peer.route.address());
        // The notice's token is made when the other one stops, on that one's worker.
        ctx.watch(peer.route.address(), move |_| {
            Msg::work(Letter::seal(Token::waiting(hold.party(), Kind::Notice), 0))
        });
    }

    fn unwatch(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        if let Some(watched) = self.watched.take() {
            ctx.unwatch(watched);
        }
    }

    fn subscribe(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        if std::mem::replace(&mut self.is_subscribed, true) {
            return;
        }
        let hold = Hold::of(self.me);
        ctx.subscribe(move |_: &Beat| {
            let me = hold.party();
            Some(Msg::work(Letter::seal(Token::new(me, me, StreamId::of(Kind::Beat)), 0)))
        });
    }

    /// Spawns an actor that takes over a node, and stops the one that lived there.
    fn spawn(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        let nodes = self.world.graph.nodes();
        let node = self.world.graph.vacant().unwrap_or_else(|| self.random.below(nodes));
        let fuel = self.random.below(share as usize) as u32;
        let peer = if self.random.once_in(3) {
            self.other::<LARGE>(node, fuel, ctx).map(|(child, party, keys)| Peer {
                party,
                route: Route::Large(child),
                keys,
            })
        } else {
            self.other::<SMALL>(node, fuel, ctx).map(|(child, party, keys)| Peer {
                party,
                route: Route::Small(child),
                keys,
            })
        };
        let Some(peer) = peer else { return };
        // It can be told at once, wherever it lives.
        let stream = peer.stream(&mut self.random);
        peer.tell(ctx, self.me, stream, share - 1 - fuel);
        if let Some(previous) = self.world.graph.settle(node, peer) {
            let how = self.random.pick([Stop::Now, Stop::AfterQueued, Stop::Kill]);
            ctx.stop(previous.route.address(), how);
        }
    }

    fn other<const M: usize>(
        &mut self,
        node: usize,
        fuel: u32,
        ctx: &mut Context<'_, Msg<N>>,
    ) -> Option<(ActorRef<Msg<M>>, &'static Party, u8)> {
        let Recruit { props, party, keys } = self.world.recruit::<M>(&mut self.random);
        let factory = self.world.factory(party, node, fuel);
        // Half of them are nobody's children: or whoever stops takes too many along.
        let child = match self.random.below(4) {
            0 => ctx.spawn(props, factory),
            1 if self.world.plan.has_quiet => {
                let hold = Hold::of(self.me);
                ctx.supervise(props, factory, move |event| {
                    let letter = Letter::seal(Token::waiting(hold.party(), Kind::Notice), 0);
                    Msg(Content::Child { letter, event })
                })
            }
            1 => ctx.spawn(props, factory),
            _ => ctx.handle().spawn(props, factory),
        };
        Some((child.ok()?, party, keys))
    }

    /// A supervised child is suspended: it begins anew, at once or later, or ends for good.
    fn decide_on(&mut self, child: Address, ctx: &mut Context<'_, Msg<N>>) {
        match self.random.below(4) {
            0 => ctx.release_child(child),
            1 => ctx.restart_child(child, Duration::from_micros(self.random.below(2000) as u64)),
            _ => ctx.restart_child(child, Duration::ZERO),
        }
    }

    fn stop(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        let Some(peer) = self.world.graph.any(&mut self.random) else { return };
        let how = self.random.pick([Stop::Now, Stop::AfterQueued, Stop::Kill]);
        ctx.stop(peer.route.address(), how);
    }

    fn stop_self(&mut self, share: u32, ctx: &mut Context<'_, Msg<N>>) {
        self.testament = Some((Token::waiting(self.me, Kind::Testament), share));
        ctx.stop_self();
    }

    fn answer_kept(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        if let Some(kept) = self.kept.pop() {
            self.answer(kept, ctx);
        }
    }

    fn answer(&mut self, Kept { reply, asker }: Kept, ctx: &mut Context<'_, Msg<N>>) {
        // Threads are parties that no graph knows; they look at their asks in any order.
        let kind = if asker.party().is_outside() { Kind::OutsideAnswer } else { Kind::Answer };
        let answer = Letter::seal(Token::new(self.me, asker.party(), StreamId::of(kind)), 0);
        reply.send(ctx, answer);
    }

    /// Answers at once, later, never, or after the next one in the ring has answered. Returns the fuel that is left.
    fn question(&mut self, kept: Kept, fuel: u32, ctx: &mut Context<'_, Msg<N>>) -> u32 {
        match self.random.below(8) {
            0 => {}
            1 if self.kept.len() < KEPT_MOST => self.kept.push(kept),
            2..5 if fuel > 1 => {
                if let Some(next) = self.world.graph.next(self.node) {
                    self.circle.push_back(kept);
                    self.ask_peer(next, fuel, ctx);
                    return 0;
                }
            }
            _ => self.answer(kept, ctx),
        }
        fuel
    }

    fn outcome(&mut self, outcome: Result<(), AskError>, ctx: &mut Context<'_, Msg<N>>) {
        self.me.count_asked(match outcome {
            Ok(()) => Asked::Answered,
            Err(AskError::Unanswered) => Asked::Unanswered,
            Err(AskError::TimedOut) => Asked::TimedOut,
            Err(_) => Asked::TooMany,
        });
        if let Some(kept) = self.circle.pop_front() {
            self.answer(kept, ctx);
        }
    }
}

impl<const N: usize> Drop for Node<N> {
    fn drop(&mut self) {
        self.me.end_life();
    }
}

impl<const N: usize> Actor for Node<N> {
    type Msg = Msg<N>;

    fn handle(&mut self, Msg(content): Msg<N>, ctx: &mut Context<'_, Msg<N>>) {
        self.me.count_arrival();
        let (mut question, mut outcome, mut event) = (None, None, None);
        let mut letter = match content {
            Content::Work(letter) => letter,
            Content::Question { letter, asker, reply } => {
                question = Some(Kept { reply, asker: Hold::of(asker) });
                letter
            }
            Content::Outcome { letter, outcome: answer } => {
                outcome = Some(answer);
                letter
            }
            Content::Child { letter, event: of_child } => {
                event = Some(of_child);
                letter
            }
        };
        letter.arrive(self.me);
        if letter.stream().kind == Kind::Tick {
            self.ticked(ctx);
        }
        let fuel = match question {
            Some(kept) => self.question(kept, letter.fuel(), ctx),
            None => letter.fuel(),
        };
        self.spend(fuel, ctx);
        if let Some(outcome) = outcome {
            self.outcome(outcome, ctx);
        }
        if let Some(ChildEvent::Ended { child, .. }) = event {
            self.decide_on(child, ctx);
        }
        if self.world.wants_panic(&mut self.random, 1) {
            panic_at(self.me, Site::Handle);
        }
        // The last thing: as long as a handler may send, something of it is on its way in the ledger.
        letter.end(Fate::Handled);
    }

    /// Every other actor takes a part of what is at hand, or all of it.
    fn handle_batch(&mut self, first: Msg<N>, mut rest: Batch<'_, Msg<N>>) {
        let more = if self.node.is_multiple_of(2) { self.random.below(BATCH_MOST) } else { 0 };
        self.handle(first, &mut rest.context());
        for _ in 0..more {
            let Some(next) = rest.next() else { return };
            self.handle(next, &mut rest.context());
        }
    }

    fn started(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        let birth = self.birth.take();
        if let Some((_, fuel)) = &birth {
            self.spend(*fuel, ctx);
        }
        if self.world.wants_panic(&mut self.random, 4) {
            panic_at(self.me, Site::Started);
        }
        if let Some((token, _)) = birth {
            token.end(Fate::Taken);
        }
    }

    fn stopped(&mut self, ctx: &mut Context<'_, Msg<N>>) {
        let testament = self.testament.take();
        if let Some((_, fuel)) = &testament {
            self.spend(*fuel, ctx);
        }
        if self.world.wants_panic(&mut self.random, 1) {
            panic_at(self.me, Site::Stopped);
        }
        if let Some((token, _)) = testament {
            token.end(Fate::Taken);
        }
    }
}

//! The actors of a workload: on each worker one that sends and one that receives.
//!
//! ```text
//!              Load                      Load (ring only)
//!   sender ───────────▶ receiver ───────────────────────▶ next receiver
//!      ▲                    │
//!      └────────────────────┘
//!           Acknowledged
//! ```
//!
//! A sender has no more than [`WINDOW`] messages under way, which fit the limits of every configuration that is tried,
//! so nothing is ever lost. At full speed it goes on when an acknowledgement comes. At a rate it looks at the clock in
//! every turn, as an actor does that polls a device, and sends what is due; latency counts from when a message was due,
//! whatever kept its sender.
//!
//! A message carries who sent it and its number. Receivers read all of it, and check that each sender's numbers rise.

use std::num::NonZeroU64;
use std::sync::mpsc::Sender as Channel;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hdrhistogram::Histogram;
use hippodrome::{Actor, ActorRef, Context};
use hippodrome_perf_kit::sample::latencies;

/// The most messages of a sender that are under way.
const WINDOW: u64 = 1024;

/// The bits of a message's first word that number it; above them is its sender.
const NUMBER_BITS: u32 = 48;

/// A message of so many words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Load<WORDS> {
    /// The message of this number of a worker's sender.
    #[inline(always)]
    fn new(sender: usize, number: u64) -> Self {
        let first = (sender as u64) << NUMBER_BITS | number;
        Self(std::array::from_fn(|word| first.wrapping_add(word as u64)))
    }

    #[inline(always)]
    fn sender(&self) -> usize {
        (self.0[0] >> NUMBER_BITS) as usize
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        self.0[0] & ((1 << NUMBER_BITS) - 1)
    }

    #[inline(always)]
    fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }

    /// The sum over the messages from 0 to `count` of one sender.
    pub(super) fn sum_of(sender: usize, count: u64) -> u64 {
        let words = WORDS as u64;
        // The product of two neighbours is even; the half of it is taken before it wraps around.
        let triangle = |n: u64| (u128::from(n) * u128::from(n.saturating_sub(1)) / 2) as u64;
        let first_words = ((sender as u64) << NUMBER_BITS).wrapping_mul(count).wrapping_add(triangle(count));
        words.wrapping_mul(first_words).wrapping_add(triangle(words).wrapping_mul(count))
    }
}

/// What all actors of a run know.
#[derive(Debug)]
pub(super) struct Board<const WORDS: usize> {
    /// Whom each worker's sender sends to, by worker.
    pub(super) routes: Vec<Vec<usize>>,
    /// Whether a message goes on until it is back where it came from.
    pub(super) passes_on: bool,
    /// Messages of each sender.
    pub(super) messages: u64,
    /// Messages a second of all senders, if they are sent at a rate.
    pub(super) rate: Option<NonZeroU64>,
    /// Everybody's addresses, once everybody has one.
    pub(super) links: OnceLock<Links<WORDS>>,
}

/// Everybody's addresses, by worker, and when it began.
#[derive(Debug)]
pub(super) struct Links<const WORDS: usize> {
    pub(super) senders: Vec<ActorRef<Cue>>,
    pub(super) receivers: Vec<ActorRef<Load<WORDS>>>,
    pub(super) started: Instant,
}

impl<const WORDS: usize> Board<WORDS> {
    /// Workers whose sender sends.
    pub(super) fn senders(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.routes.len()).filter(|worker| !self.routes[*worker].is_empty())
    }

    /// How many messages end at this worker's receiver.
    pub(super) fn expected(&self, receiver: usize) -> u64 {
        if self.passes_on {
            return self.senders().filter(|sender| *sender == receiver).count() as u64 * self.messages;
        }
        let from = |route: &Vec<usize>| {
            let ways = route.len() as u64;
            let share = |way: usize| (self.messages + ways - 1 - way as u64) / ways;
            route.iter().enumerate().filter(|(_, to)| **to == receiver).map(|(way, _)| share(way)).sum::<u64>()
        };
        self.routes.iter().map(from).sum()
    }

    /// A receiver acknowledges so many messages of a sender at once. What all receivers together hold back is less than
    /// the window, so a sender never waits for good.
    fn portion(&self, sender: usize) -> u32 {
        let ways = self.routes[sender].len().max(1) as u64;
        (WINDOW / (4 * ways)).max(1) as u32
    }

    /// How many senders there are, and which of them this worker's is.
    fn rank(&self, sender: usize) -> (u64, u64) {
        (self.senders().count() as u64, self.senders().take_while(|other| *other < sender).count() as u64)
    }
}

/// The times at which the messages of one sender are due: the senders take turns.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    rate: NonZeroU64,
    senders: u64,
    rank: u64,
}

const NS_A_SECOND: u128 = 1_000_000_000;

impl Schedule {
    /// How many messages are due so many nanoseconds after the start.
    fn due(&self, elapsed_ns: u64) -> u64 {
        let of_all = (u128::from(elapsed_ns) * u128::from(self.rate.get()) / NS_A_SECOND) as u64 + 1;
        (of_all + self.senders - 1).saturating_sub(self.rank) / self.senders
    }

    /// When a message is due, in nanoseconds after the start.
    fn due_ns(&self, number: u64) -> u64 {
        let of_all = u128::from(number) * u128::from(self.senders) + u128::from(self.rank);
        (of_all * NS_A_SECOND).div_ceil(u128::from(self.rate.get())) as u64
    }
}

/// What a sender understands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cue {
    /// Begin.
    Go,
    /// Look at the clock.
    Look,
    /// A receiver has handled so many more of its messages.
    Acknowledged(u32),
}

/// Sends a worker's messages.
pub(super) struct Sender<const WORDS: usize> {
    board: Arc<Board<WORDS>>,
    worker: usize,
    schedule: Option<Schedule>,
    sent: u64,
    acknowledged: u64,
}

impl<const WORDS: usize> Sender<WORDS> {
    pub(super) fn new(board: Arc<Board<WORDS>>, worker: usize) -> Self {
        let schedule = schedule(&board, worker);
        Self { board, worker, schedule, sent: 0, acknowledged: 0 }
    }
}

fn schedule<const WORDS: usize>(board: &Board<WORDS>, sender: usize) -> Option<Schedule> {
    let (senders, rank) = board.rank(sender);
    board.rate.map(|rate| Schedule { rate, senders, rank })
}

impl<const WORDS: usize> Actor for Sender<WORDS> {
    type Msg = Cue;

    fn handle(&mut self, cue: Cue, ctx: &mut Context<'_, Cue>) {
        if let Cue::Acknowledged(messages) = cue {
            self.acknowledged += u64::from(messages);
            if self.schedule.is_some() {
                return;
            }
        }
        let Some(links) = self.board.links.get() else { return };
        let due = self.schedule.map_or(u64::MAX, |times| times.due(links.started.elapsed().as_nanos() as u64));
        let end = due.min(self.acknowledged + WINDOW).min(self.board.messages);
        let route = &self.board.routes[self.worker];
        while self.sent < end {
            let to = route[(self.sent % route.len() as u64) as usize];
            ctx.tell(links.receivers[to], Load::new(self.worker, self.sent));
            self.sent += 1;
        }
        if self.schedule.is_some() && self.sent < self.board.messages {
            ctx.tell(ctx.me(), Cue::Look);
        }
    }
}

/// What a receiver has come to.
#[derive(Debug)]
pub(super) struct Received {
    /// The sum over the messages.
    pub(super) sum: u64,
    /// Messages that came after a later one of the same sender.
    pub(super) disordered: u64,
    /// From when each message was due to when it was handled, if they were sent at a rate.
    pub(super) latency_ns: Option<Histogram<u64>>,
    /// When the last message was handled.
    pub(super) ended: Instant,
}

/// What a receiver knows of one sender.
#[derive(Clone, Copy, Debug)]
struct Source {
    /// The least number that may come next.
    next: u64,
    unacknowledged: u32,
    portion: u32,
    schedule: Option<Schedule>,
}

/// Receives a worker's messages.
pub(super) struct Receiver<const WORDS: usize> {
    board: Arc<Board<WORDS>>,
    worker: usize,
    sources: Vec<Source>,
    left: u64,
    sum: u64,
    disordered: u64,
    latency_ns: Option<Histogram<u64>>,
    done: Channel<Received>,
}

impl<const WORDS: usize> Receiver<WORDS> {
    pub(super) fn new(board: Arc<Board<WORDS>>, worker: usize, done: Channel<Received>) -> Self {
        let source = |sender| Source {
            next: 0,
            unacknowledged: 0,
            portion: board.portion(sender),
            schedule: schedule(&board, sender),
        };
        Self {
            worker,
            sources: (0..board.routes.len()).map(source).collect(),
            left: board.expected(worker),
            sum: 0,
            disordered: 0,
            latency_ns: board.rate.map(|_| latencies()),
            done,
            board,
        }
    }
}

impl<const WORDS: usize> Actor for Receiver<WORDS> {
    type Msg = Load<WORDS>;

    fn handle(&mut self, load: Load<WORDS>, ctx: &mut Context<'_, Load<WORDS>>) {
        let Some(links) = self.board.links.get() else { return };
        let (sender, number) = (load.sender(), load.number());
        self.sum = self.sum.wrapping_add(load.sum());
        let source = &mut self.sources[sender];
        self.disordered += u64::from(number < source.next);
        source.next = number + 1;
        if self.board.passes_on && self.worker != sender {
            return ctx.tell(links.receivers[(self.worker + 1) % links.receivers.len()], load);
        }
        if let (Some(schedule), Some(latency_ns)) = (source.schedule, &mut self.latency_ns) {
            let now_ns = links.started.elapsed().as_nanos() as u64;
            latency_ns.saturating_record(now_ns.saturating_sub(schedule.due_ns(number)).max(1));
        }
        source.unacknowledged += 1;
        if source.unacknowledged == source.portion {
            source.unacknowledged = 0;
            ctx.tell(links.senders[sender], Cue::Acknowledged(source.portion));
        }
        self.left -= 1;
        if self.left == 0 {
            let (sum, disordered, latency_ns) = (self.sum, self.disordered, self.latency_ns.take());
            // Whoever waits for it has given up if nobody listens.
            let _ = self.done.send(Received { sum, disordered, latency_ns, ended: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(routes: Vec<Vec<usize>>, messages: u64, rate: Option<u64>) -> Board<4> {
        Board { routes, passes_on: false, messages, rate: rate.and_then(NonZeroU64::new), links: OnceLock::new() }
    }

    #[test]
    fn the_sum_of_all_messages_is_known_without_adding_them() {
        for (sender, count) in [(0, 0), (0, 1), (3, 7), (63, 1000)] {
            let one_by_one =
                (0..count).fold(0, |sum: u64, number| sum.wrapping_add(Load::<4>::new(sender, number).sum()));
            assert_eq!(Load::<4>::sum_of(sender, count), one_by_one);
            let loads = (0..count).map(|number| Load::<1>::new(sender, number));
            assert_eq!(Load::<1>::sum_of(sender, count), loads.fold(0, |sum: u64, load| sum.wrapping_add(load.sum())));
        }
    }

    #[test]
    fn a_message_knows_its_sender_and_number() {
        let load = Load::<2>::new(63, (1 << 40) + 5);
        assert_eq!((load.sender(), load.number()), (63, (1 << 40) + 5));
    }

    #[test]
    fn what_is_sent_is_what_is_expected() {
        let board = board(vec![vec![1, 2], vec![0, 2], vec![0, 1], vec![]], 7, None);
        let expected: Vec<u64> = (0..4).map(|worker| board.expected(worker)).collect();
        assert_eq!(expected, [8, 7, 6, 0]);
        assert_eq!(expected.iter().sum::<u64>(), 3 * 7);
    }

    #[test]
    fn receivers_never_hold_back_a_whole_window() {
        for ways in [1, 2, 7, 63] {
            let board = board(vec![(0..ways).collect()], 1, None);
            assert!(u64::from(board.portion(0)) * (ways as u64) < WINDOW);
        }
    }

    #[test]
    fn senders_take_turns_and_keep_the_rate_together() {
        let board = board(vec![vec![1], vec![], vec![1]], 100, Some(1_000_000));
        let (first, second) = (schedule(&board, 0).unwrap(), schedule(&board, 2).unwrap());
        assert_eq!((first.due_ns(0), second.due_ns(0), first.due_ns(1), second.due_ns(1)), (0, 1000, 2000, 3000));
        for elapsed_ns in 0..10_000 {
            for schedule in [first, second] {
                let due = schedule.due(elapsed_ns);
                assert!(due == 0 || schedule.due_ns(due - 1) <= elapsed_ns);
                assert!(schedule.due_ns(due) > elapsed_ns);
            }
        }
    }
}

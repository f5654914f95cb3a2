//! The queue of a pool: bounded, and closed once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender};

use super::error::{TaskError, contained, panicked};
use super::tasks::{CancelToken, Ticket};

/// A piece of work in the queue.
pub(super) trait Job: Send {
    /// Whether nobody waits for it any more.
    fn is_cancelled(&self) -> bool;

    /// Does it, and sends the outcome.
    fn run(self: Box<Self>);

    /// Says that it is not going to be done.
    fn refuse(self: Box<Self>);
}

/// Work, and who is told of its outcome.
pub(super) struct Work<W, T: Send + 'static> {
    pub(super) work: W,
    pub(super) ticket: Ticket<T>,
}

impl<W, T> Job for Work<W, T>
where
    W: FnOnce(&CancelToken) -> T + Send,
    T: Send + 'static,
{
    fn is_cancelled(&self) -> bool {
        self.ticket.is_cancelled()
    }

    fn run(self: Box<Self>) {
        let Self { work, ticket } = *self;
        let token = ticket.token();
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&token))).map_err(panicked);
        ticket.answer(outcome);
    }

    fn refuse(self: Box<Self>) {
        self.ticket.answer(Err(TaskError::ShutDown));
    }
}

/// What a thread of the pool gets.
pub(super) enum Order {
    Run(Box<dyn Job>),
    /// The thread ends.
    End,
}

/// Why there is no place in the queue.
pub(super) enum NoPlace {
    Full,
    Closed,
}

/// Work that waits, and how much of it may.
pub(super) struct Queue {
    sender: Sender<Order>,
    receiver: Receiver<Order>,
    /// How many places are taken, and whether the queue is closed. A place is taken before its work comes, and given
    /// back when a thread takes that out. So the channel, which has a place for each and one for the end of each thread,
    /// always has room, and a queue that is closed knows what is still to come.
    places: AtomicUsize,
    capacity: usize,
    threads: usize,
    running: AtomicUsize,
}

/// The bit of `places` that says that the queue is closed.
const CLOSED: usize = 1 << (usize::BITS - 1);

impl Queue {
    pub(super) fn new(capacity: usize, threads: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(capacity + threads);
        Self { sender, receiver, places: AtomicUsize::new(0), capacity, threads, running: AtomicUsize::new(0) }
    }

    /// Takes a place, for work that is [`put`](Self::put) there at once.
    pub(super) fn take_place(&self) -> Result<(), NoPlace> {
        let taken = self.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, |places| {
            (places & CLOSED == 0 && places < self.capacity).then_some(places + 1)
        });
        taken.map(|_| ()).map_err(|places| if places & CLOSED == 0 { NoPlace::Full } else { NoPlace::Closed })
    }

    /// Puts work into the place that was taken for it.
    pub(super) fn put(&self, job: Box<dyn Job>) {
        self.send(Order::Run(job));
    }

    fn send(&self, order: Order) {
        // There is a place for it, and the channel lives as long as the queue; were there none, whoever waits for
        // the work would be told that it was cancelled.
        let _ = self.sender.try_send(order);
    }

    /// Waits for the next order, and gives its place back.
    pub(super) fn next(&self) -> Order {
        self.given(self.receiver.recv().unwrap_or(Order::End))
    }

    /// The next work, if some waits.
    pub(super) fn try_next(&self) -> Option<Order> {
        self.receiver.try_recv().ok().map(|order| self.given(order))
    }

    fn given(&self, order: Order) -> Order {
        if let Order::Run(_) = order {
            self.places.fetch_sub(1, Ordering::AcqRel);
        }
        order
    }

    /// Begins with a job, unless it was cancelled.
    pub(super) fn begin(&self, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        if job.is_cancelled() {
            contained(|| drop(job));
            return None;
        }
        self.running.fetch_add(1, Ordering::Relaxed);
        Some(job)
    }

    /// Does what a job that was begun is about. Nothing of it unwinds.
    pub(super) fn finish(&self, job: Box<dyn Job>) {
        contained(|| job.run());
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes no more work, and lets each thread end behind what waits.
    pub(super) fn close(&self) {
        if self.places.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED == 0 {
            (0..self.threads).for_each(|_| self.send(Order::End));
        }
    }

    /// Refuses all that waits in a closed queue. Returns how much that was.
    pub(super) fn refuse_rest(&self) -> usize {
        let (mut refused, mut ends) = (0, 0);
        // A place may have been taken whose work is just coming.
        while self.queued() > 0 {
            match self.try_next() {
                Some(Order::Run(job)) => {
                    refused += 1;
                    contained(|| job.refuse());
                }
                Some(Order::End) => ends += 1,
                None => std::thread::yield_now(),
            }
        }
        // For threads that are still busy.
        (0..ends).for_each(|_| self.send(Order::End));
        refused
    }

    pub(super) fn queued(&self) -> usize {
        self.places.load(Ordering::Acquire) & !CLOSED
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }
}

//! The side that gets the answer.

use super::cell::Link;
use super::error::{Closed, WaitError};
use super::state::Word;
use super::thread_waker::with_thread_waker;
use crate::sync::{spin_loop, thread};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How often a wait looks before it yields: a few microseconds in all, so that a slow answer wastes little.
const SPINS: u32 = if cfg!(shuttle) { 1 } else { 100 };
/// How often a wait yields before it parks.
const YIELDS: u32 = if cfg!(shuttle) { 1 } else { 4 };

/// The side of a channel that gets the answer; made by [`Pool::channel`](super::Pool::channel).
///
/// There are three ways to the answer: as a future, which any executor can run; [`Receiver::wait`], which blocks the
/// calling thread; and [`Receiver::try_take`], which does not wait. Once the answer has been taken, each of them tells
/// [`Closed`]. Dropped, it abandons the channel and drops an answer that is there.
///
/// # Panics
///
/// A panic of a waker, when it is cloned or dropped, comes out of a poll or of the drop. The receiver stays usable.
#[must_use = "a receiver that is dropped abandons the channel"]
pub struct Receiver<T> {
    /// Of a cell that this receiver has not left; `None` once it has.
    link: Option<Link<T>>,
}

// SAFETY: sending a `Receiver` to another thread sends at most the value, which is `Send`. All else in the cell is
// guarded by its state, and wakers and pools may be used from any thread.
unsafe impl<T: Send> Send for Receiver<T> {}

// SAFETY: a shared `Receiver` can only be asked whether it has left its cell.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(link: Link<T>) -> Self {
        Self { link: Some(link) }
    }

    /// The answer, if it is there; `None` if it may still come. One atomic load where it is not there.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the sender was dropped without an answer, or the answer was taken before.
    pub fn try_take(&mut self) -> Option<Result<T, Closed>> {
        let Some(link) = self.link else { return Some(Err(Closed)) };
        // SAFETY: this receiver has not left.
        let word = unsafe { link.state() }.look();
        word.is_finished().then(|| self.collect(link, word))
    }

    /// Blocks the calling thread until there is an answer, for at most `timeout`: it spins shortly, yields, then parks.
    /// A timeout too long for the clock to express never ends.
    ///
    /// The thread may be left with an unpark token, and may have used up one that was meant for other code of the same
    /// thread, as with any call of the standard library that parks. An actor must not call this: it would block its
    /// core.
    ///
    /// Cost: no allocation but, once for each thread, of its waker.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] if the sender was dropped without an answer, or the answer was taken before.
    /// [`WaitError::TimedOut`] if the time was up. The channel is then abandoned: a late answer goes back to its
    /// sender.
    ///
    /// ```
    /// use hippodrome_ringbuf::oneshot::{Pool, WaitError};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = Pool::new(16).channel::<u32>();
    /// assert_eq!(receiver.wait(Duration::from_millis(1)), Err(WaitError::TimedOut));
    /// assert_eq!(sender.send(7), Err(7));
    /// ```
    pub fn wait(mut self, timeout: Duration) -> Result<T, WaitError> {
        if let Some(answer) = self.try_take() {
            return answer.map_err(WaitError::from);
        }
        if !timeout.is_zero() {
            let deadline = Instant::now().checked_add(timeout);
            if let Some(answer) = self.spin().or_else(|| self.park(deadline)) {
                return answer.map_err(WaitError::from);
            }
        }
        // An answer that the sender knows as delivered may have come since the last look: it is not lost.
        self.give_up().map_or(Err(WaitError::TimedOut), |answer| answer.map_err(WaitError::from))
    }

    /// Looks again [`SPINS`] times, then between [`YIELDS`] yields, so that neither side pays for a park where the
    /// answer comes soon. The pauses do not grow, since the last one would be added to the answer's latency.
    fn spin(&mut self) -> Option<Result<T, Closed>> {
        for round in 0..SPINS + YIELDS {
            if round < SPINS {
                spin_loop()
            } else {
                thread::yield_now()
            }
            if let Some(answer) = self.try_take() {
                return Some(answer);
            }
        }
        None
    }

    /// Parks until there is an answer, or up to the deadline. Whoever unparks the thread, and why, does not matter:
    /// only the state of the cell and the clock do.
    fn park(&mut self, deadline: Option<Instant>) -> Option<Result<T, Closed>> {
        if let Poll::Ready(answer) = with_thread_waker(|waker| self.poll_with(waker)) {
            return Some(answer);
        }
        loop {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return None,
                Some(left) => thread::park_timeout(left),
            }
            if let Some(answer) = self.try_take() {
                return Some(answer);
            }
        }
    }

    /// Takes the answer or sees to it that `waker`, and no other, is woken when it comes.
    fn poll_with(&mut self, waker: &Waker) -> Poll<Result<T, Closed>> {
        let Some(link) = self.link else { return Poll::Ready(Err(Closed)) };
        // SAFETY: this receiver has not left.
        let word = unsafe { link.state() }.look();
        let finished = if word.is_finished() { Err(word) } else { register(link, word, waker) };
        match finished {
            Ok(()) => Poll::Pending,
            Err(word) => Poll::Ready(self.collect(link, word)),
        }
    }

    /// Takes the answer of a sender that has finished, and leaves.
    fn collect(&mut self, link: Link<T>, word: Word) -> Result<T, Closed> {
        self.link = None;
        // SAFETY: the value of a sender that has finished belongs to the receiver, who takes it once: it leaves here.
        let answer = if word.is_answered() { Ok(unsafe { link.take_value() }) } else { Err(Closed) };
        // SAFETY: the receiver has not left until `abandon`. A word that says finished, and no longer registered, says
        // that the sender has left; so does what `abandon` finds. Then the whole cell belongs to the receiver.
        unsafe {
            if !word.is_registered() || !link.state().abandon().is_registered() {
                link.release();
            }
        }
        answer
    }

    /// Leaves, with the answer if it is there in the last moment.
    pub(super) fn give_up(&mut self) -> Option<Result<T, Closed>> {
        let link = self.link?;
        // SAFETY: this receiver has not left.
        let state = unsafe { link.state() };
        let mut word = state.look();
        let mut waker = None;
        if word.is_registered() && !word.is_finished() {
            match state.reclaim() {
                // SAFETY: the slot belongs to a receiver that has reclaimed it.
                Ok(()) => waker = unsafe { link.take_waker() },
                Err(finished) => word = finished,
            }
        }
        if word.is_finished() {
            return Some(self.collect(link, word));
        }
        self.link = None;
        let found = state.abandon();
        let answer = found.is_finished().then(|| {
            // SAFETY: the sender finished before, with no waker to take, and so has left: the cell and the value, which
            // nobody has taken, belong to the receiver.
            unsafe {
                let answer = if found.is_answered() { Ok(link.take_value()) } else { Err(Closed) };
                link.release();
                answer
            }
        });
        // Last, since this is code of the user: it may panic.
        drop(waker);
        answer
    }
}

/// Puts `waker` in the slot, in place of one that may be there. The error is the word of a sender that has finished.
///
/// Code of the user runs where the cell is whole: a clone while the slot is empty and the receiver's, a drop after
/// the slot was handed over.
fn register<T>(link: Link<T>, word: Word, waker: &Waker) -> Result<(), Word> {
    // SAFETY: the receiver has not left; it does not, here.
    let state = unsafe { link.state() };
    let mut old = None;
    if word.is_registered() {
        state.reclaim()?;
        // SAFETY: the slot belongs to a receiver that has reclaimed it.
        old = unsafe { link.take_waker() };
    }
    let new = old.take_if(|old| old.will_wake(waker)).unwrap_or_else(|| waker.clone());
    // SAFETY: the slot belongs to a receiver that has not registered, and it is empty.
    unsafe { link.put_waker(new) };
    let registered = state.register();
    // SAFETY: a receiver that failed to register still owns the slot.
    let unused = if registered.is_err() { unsafe { link.take_waker() } } else { None };
    drop((old, unused));
    registered
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    /// The answer, or [`Closed`]; also after the answer was taken, so a poll too many does no harm. The waker of the
    /// latest poll is woken.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_with(context.waker())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        drop(self.give_up());
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receiver").field("is_open", &self.link.is_some()).finish()
    }
}

//! The side that answers.

use super::cell::Link;
use super::state::Outcome;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// The side of a channel that answers, once; made by [`Pool::channel`](super::Pool::channel).
///
/// One pointer wide, and so is an `Option` of it. Dropped without an answer, it closes the channel and the receiver
/// learns at once.
///
/// # Panics
///
/// A panic of the receiver's waker comes out of [`Sender::send`] or of the drop; the answer has been delivered, or the
/// channel closed, before.
///
/// # Variance
///
/// A sender of a long-lived reference is none of a short-lived one, for the receiver counts on the long life:
///
/// ```compile_fail
/// use hippodrome_ringbuf::oneshot::Sender;
///
/// fn shorten<'short>(sender: Sender<&'static str>) -> Sender<&'short str> {
///     sender
/// }
/// ```
#[repr(transparent)]
pub struct Sender<T> {
    /// Of a cell that this sender has not left.
    link: Link<T>,
}

// SAFETY: sending a `Sender` to another thread sends at most the value, which is `Send`. All else in the cell is
// guarded by its state, and wakers and pools may be used from any thread.
unsafe impl<T: Send> Send for Sender<T> {}

// SAFETY: a shared `Sender` can only be asked for the state, by an atomic load.
unsafe impl<T: Send> Sync for Sender<T> {}

impl<T> Sender<T> {
    pub(super) fn new(link: Link<T>) -> Self {
        Self { link }
    }

    /// Answers. Never blocks; wakes the receiver where it waits.
    ///
    /// `Ok` means that the receiver was there: a [`Receiver::wait`](super::Receiver::wait) returns the value even where
    /// its time runs out in the same moment. A receiver that is dropped later, without having looked, drops the value.
    ///
    /// # Errors
    ///
    /// Gives the value back if the receiver was dropped or has given up waiting.
    ///
    /// ```
    /// use hippodrome_ringbuf::oneshot::Pool;
    ///
    /// let pool = Pool::new(16);
    /// let (sender, receiver) = pool.channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("too late"), Err("too late"));
    /// ```
    pub fn send(self, value: T) -> Result<(), T> {
        let link = ManuallyDrop::new(self).link;
        // SAFETY: the value belongs to the sender until it has finished.
        unsafe { link.put_value(value) };
        // SAFETY: this sender has not left, and finishes once, as it was consumed.
        if unsafe { finish(link, Outcome::Answered) } {
            return Ok(());
        }
        // SAFETY: the receiver has left, so cell and value belong to the sender, who wrote the value just now.
        unsafe {
            let value = link.take_value();
            link.release();
            Err(value)
        }
    }

    /// Whether the receiver was dropped or has given up, so that an answer would come back: worth asking before an
    /// answer that takes long to work out. One atomic load. Once true it stays true.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        // SAFETY: this sender has not left.
        unsafe { self.link.state() }.look().is_abandoned()
    }

    /// The sender as a bare pointer, to be made a sender again by [`Sender::from_raw`]. Without this the channel stays
    /// open, and its cell in use, for ever.
    #[must_use]
    pub fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).link.into_raw()
    }

    /// Makes a pointer from [`Sender::into_raw`] a sender again.
    ///
    /// # Safety
    ///
    /// `raw` came from `into_raw` of a `Sender<T>` of the same `T`, lifetimes included, and is used here only once. If
    /// this is another thread than that of `into_raw`, `T` is `Send`.
    ///
    /// ```
    /// use hippodrome_ringbuf::oneshot::{Pool, Sender};
    ///
    /// let (sender, mut receiver) = Pool::new(16).channel::<u32>();
    /// let raw = sender.into_raw();
    /// // SAFETY: the pointer comes from a `Sender<u32>` and is used once.
    /// let sender = unsafe { Sender::<u32>::from_raw(raw) };
    /// assert_eq!(sender.send(7), Ok(()));
    /// assert_eq!(receiver.try_take(), Some(Ok(7)));
    /// ```
    #[must_use]
    pub unsafe fn from_raw(raw: NonNull<()>) -> Self {
        Self { link: Link::from_raw(raw) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: this sender has not left, and finishes once, as it is dropped. If the receiver has left, the cell
        // belongs to the sender.
        unsafe {
            if !finish(self.link, Outcome::Closed) {
                self.link.release();
            }
        }
    }
}

/// Finishes and wakes the receiver. True: the receiver is told, and the cell is no longer the sender's. False: the
/// receiver had left, and the cell belongs to the sender.
///
/// # Safety
///
/// The link is of a sender that has not finished and, for an answer, has written the value.
unsafe fn finish<T>(link: Link<T>, outcome: Outcome) -> bool {
    // SAFETY: the sender has not left.
    let found = unsafe { link.state() }.finish(outcome);
    if found.is_abandoned() {
        return false;
    }
    if !found.is_registered() {
        return true;
    }
    // SAFETY: the slot belongs to a sender that finds it registered, which has not left until it has said so.
    let (waker, found) = unsafe {
        let waker = link.take_waker();
        (waker, link.state().sender_leaves())
    };
    if found.is_abandoned() {
        // SAFETY: the receiver has left with the answer, so the cell belongs to the sender.
        unsafe { link.release() };
    }
    // Last, since this is code of the user: it may panic, or run the receiver right here.
    if let Some(waker) = waker {
        waker.wake();
    }
    true
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("is_abandoned", &self.is_abandoned()).finish()
    }
}

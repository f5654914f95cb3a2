//! A source that other threads and actors push into.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hippodrome::{ActorRef, Handle, Reply};
use hippodrome_ringbuf::{PopError, PushError, mpsc};
use parking_lot::Mutex;

use super::failure::OnFailure;
use super::signal::{Signal, Tally};
use super::stage::{Stage, Step, Turn};
use crate::duration::nanos;

/// Why an element was not taken. It comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError<T> {
    /// The stream is behind: as many elements wait as the feed has room for.
    #[error("the feed is full")]
    Full(T),
    /// The stream has ended, or was never run.
    #[error("the stream has ended")]
    Ended(T),
}

impl<T> OfferError<T> {
    /// The element.
    pub fn into_element(self) -> T {
        match self {
            Self::Full(element) | Self::Ended(element) => element,
        }
    }
}

impl<T> fmt::Debug for OfferError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full(_) => "Full(_)",
            Self::Ended(_) => "Ended(_)",
        })
    }
}

/// Pushes elements into a stream, from any thread or actor. Cloned freely; the stream ends when the last one is dropped
/// and all elements have been taken.
///
/// The elements of one feed are taken in the order in which it offered them. An offer costs a push into a ring that all
/// clones share; one that wakes a sleeping stream also sends it a message.
///
/// # Examples
/// ```
/// use hippodrome::Engine;
/// use hippodrome_toolkit::stream::Source;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder().unpinned_workers(1).start()?;
/// let (feed, source) = Source::feed(1024);
/// let running = source.count().run(&engine.handle())?;
/// std::thread::spawn(move || {
///     for n in 0..100 {
///         feed.offer(n).expect("there is room for 1,024");
///     }
/// });
/// assert_eq!(running.wait(Duration::from_secs(5))?, 100);
/// # engine.shutdown(Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
///
/// # Cost
/// An offer to a stream that is awake is a push. One that sleeps is woken by a message; where the worker's ingress is full, by
/// an order, which allocates.
pub struct Feed<T> {
    /// There until the feed is dropped.
    producer: Option<mpsc::Producer<T>>,
    bell: Arc<Bell>,
}

/// How a stream that has nothing to do is woken.
///
/// The stream says that it sleeps, fences and looks at the ring once more; a feed pushes, fences and looks whether the
/// stream sleeps. One of the two sees the other.
#[derive(Default)]
struct Bell {
    sleeps: AtomicBool,
    sleeper: OnceLock<(ActorRef<Signal>, Handle)>,
    /// Dropping this wakes the stream where a message finds no room.
    reserve: Mutex<Option<Reserve>>,
}

/// An ask of the stream's own: its end, which always finds room, is a wake.
struct Reserve {
    /// Its time is up then, and it wakes nobody any more.
    until_ns: u64,
    _reply: Reply<()>,
}

impl Bell {
    fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.sleeps.load(Ordering::Relaxed)
            && self.sleeps.swap(false, Ordering::AcqRel)
            && let Some((sleeper, handle)) = self.sleeper.get()
            && handle.try_tell(*sleeper, Signal::Wake).is_err()
        {
            drop(self.reserve.lock().take());
        }
    }
}

impl<T> Feed<T> {
    /// Offers an element. Never waits.
    ///
    /// # Errors
    /// The element, if there is no room for it now, or the stream has ended.
    pub fn offer(&self, element: T) -> Result<(), OfferError<T>> {
        let Some(producer) = &self.producer else { return Err(OfferError::Ended(element)) };
        producer.push(element).map_err(|error| match error {
            PushError::Full(element) => OfferError::Full(element),
            PushError::Closed(element) => OfferError::Ended(element),
        })?;
        self.bell.ring();
        Ok(())
    }
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self { producer: self.producer.clone(), bell: self.bell.clone() }
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        // Whoever is woken is to see that this one has left.
        drop(self.producer.take());
        self.bell.ring();
    }
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Feed<{}>", std::any::type_name::<T>())
    }
}

/// The stream's end of a feed.
pub(crate) struct Fed<T> {
    elements: mpsc::Consumer<T>,
    bell: Arc<Bell>,
    tally: Tally,
}

/// Makes a feed, with room for so many elements: at least one, and at most 2³⁰.
pub(crate) fn feed<T>(elements: usize) -> (Feed<T>, Fed<T>) {
    let (producer, consumer) = match mpsc::ring(elements.clamp(1, ELEMENTS_MAX)) {
        Ok(ends) => ends,
        // The memory is not to be had: the least is.
        Err(_) => mpsc::ring(1).expect("a ring of one element"),
    };
    let bell = Arc::new(Bell::default());
    let fed = Fed { elements: consumer, bell: bell.clone(), tally: Tally::default() };
    (Feed { producer: Some(producer), bell }, fed)
}

const ELEMENTS_MAX: usize = 1 << 30;

/// How long the wake in reserve is good for. Its end wakes the stream, which makes another one before it sleeps again.
const RESERVED_FOR: Duration = Duration::from_secs(3600);

impl<T: Send + 'static> Fed<T> {
    /// Takes no more, and drops what is there.
    fn close(&mut self) {
        self.elements.close();
        while let Ok(element) = self.elements.pop() {
            drop(element);
            self.tally.add(1);
        }
    }

    /// Says that the stream sleeps. Returns an element that has come meanwhile.
    fn sleep(&mut self, turn: &mut Turn<'_, '_>) -> Result<T, PopError> {
        {
            let mut reserve = self.bell.reserve.lock();
            let now_ns = turn.now_ns();
            if reserve.as_ref().is_none_or(|reserve| reserve.until_ns <= now_ns) {
                let until_ns = now_ns.saturating_add(nanos(RESERVED_FOR));
                *reserve = Some(Reserve { until_ns, _reply: turn.ctx().promise(RESERVED_FOR, |_| Signal::Wake) });
            }
        }
        self.bell.sleeps.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let element = self.elements.pop();
        if element.is_ok() {
            self.bell.sleeps.store(false, Ordering::Relaxed);
        }
        element
    }
}

impl<T: Send + 'static> Stage for Fed<T> {
    type Item = T;

    #[inline]
    fn next(&mut self, turn: &mut Turn<'_, '_>) -> Step<T> {
        if !turn.spend() {
            return Step::Wait;
        }
        let popped = match self.elements.pop() {
            Err(PopError::Empty) => self.sleep(turn),
            popped => popped,
        };
        match popped {
            Ok(element) => Step::Item(element),
            Err(PopError::Empty) => Step::Wait,
            Err(PopError::Closed) => Step::End,
        }
    }

    fn start(&mut self, turn: &mut Turn<'_, '_>) {
        self.tally = turn.tally.clone();
        let _ = self.bell.sleeper.set((turn.ctx().me(), turn.ctx().handle()));
    }

    fn receive(&mut self, signal: Signal, _: &mut Turn<'_, '_>) -> Option<Signal> {
        Some(signal)
    }

    fn cancel(&mut self, _: &mut Turn<'_, '_>) {
        self.close();
    }

    fn is_closed(&self) -> bool {
        true
    }

    fn restart(&mut self, _: &mut Turn<'_, '_>) {}

    fn recover(&mut self, _: &mut Turn<'_, '_>) -> Option<OnFailure> {
        None
    }
}

impl<T> Drop for Fed<T> {
    fn drop(&mut self) {
        self.elements.close();
        while let Ok(element) = self.elements.pop() {
            drop(element);
            self.tally.add(1);
        }
        // The stream's own wake is not one for somebody who comes later.
        drop(self.bell.reserve.lock().take());
    }
}

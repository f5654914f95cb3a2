//! The event bus: a multi-producer disruptor that every worker and the log read.
//!
//! Publishing never waits: what does not fit is counted. The slowest reader holds the ring, so each worker reads it in
//! its turns whether or not it has subscribers. Events are stored in the ring's slots, in place; the one that a new
//! event replaces is dropped by the publisher, after it has published.

use std::any::TypeId;
use std::sync::Arc;

use disruptor::{BusySpin, EventPoller, MultiConsumerBarrier, MultiProducer, MultiProducerBarrier, Polling, Producer};

use crate::address::Tag;
use crate::core::Core;
use crate::event::SystemEvent;
use crate::inline::Inline;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// The most bytes that an event may have.
pub const EVENT_BYTES: usize = EVENT_WORDS * 8;
const EVENT_WORDS: usize = 9;

/// A slot of the ring.
struct Slot(Option<Inline<EVENT_WORDS>>);

// SAFETY: only `Bus::publish` fills a slot, with a value that is `Send`.
unsafe impl Send for Slot {}
// SAFETY: only `Bus::publish` fills a slot, with a value that is `Sync`.
unsafe impl Sync for Slot {}

type Poller = EventPoller<Slot, MultiProducerBarrier>;

/// One publisher's end of the bus.
pub(crate) struct Publisher {
    producer: MultiProducer<Slot, MultiConsumerBarrier>,
    shared: Arc<BusShared>,
}

impl Clone for Publisher {
    fn clone(&self) -> Self {
        Self { producer: self.producer.clone(), shared: self.shared.clone() }
    }
}

/// What all ends of the bus share.
#[derive(Debug, Default)]
pub(crate) struct BusShared {
    /// Events that did not fit.
    lost: AtomicU64,
    /// Per worker: whether anybody there subscribes.
    subscribed: Vec<AtomicBool>,
}

impl BusShared {
    /// Whether anybody on this worker subscribes to anything.
    pub(crate) fn is_subscribed(&self, worker: usize) -> bool {
        self.subscribed[worker].load(Ordering::Acquire)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// A reader of the bus.
pub(crate) struct BusReader(Poller);

impl std::fmt::Debug for BusReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BusReader")
    }
}

impl BusReader {
    /// Calls `see` for every system event that was published since the last call.
    pub(crate) fn system_events(&mut self, mut see: impl FnMut(&SystemEvent)) -> usize {
        let mut seen = 0;
        if let Ok(mut events) = self.0.poll() {
            for slot in &mut events {
                seen += 1;
                if let Some(event) = slot.0.as_ref().and_then(Inline::get::<SystemEvent>) {
                    see(event);
                }
            }
        }
        seen
    }
}

/// Delivers an event to an actor of this worker, if it wants it.
type Deliver = Box<dyn FnMut(&mut Core, Tag, &Inline<EVENT_WORDS>)>;

struct Subscription {
    event: TypeId,
    actor: Tag,
    incarnation: u32,
    deliver: Deliver,
}

/// A worker's ends of the bus, and who subscribes there.
pub(crate) struct WorkerBus {
    publisher: Publisher,
    reader: Option<BusReader>,
    subscriptions: Vec<Subscription>,
}

impl WorkerBus {
    pub(crate) fn new(publisher: Publisher, reader: BusReader) -> Self {
        Self { publisher, reader: Some(reader), subscriptions: Vec::new() }
    }
}

impl Core {
    /// Publishes an event, and rings for the workers where somebody subscribes. Never waits.
    pub(crate) fn publish_event<E: Send + Sync + 'static>(&mut self, event: E) -> bool {
        let published = self.bus.publisher.publish(event);
        if published {
            self.shared.ring_subscribers(self.bus.publisher.shared());
        }
        published
    }

    /// From now on the current actor gets the events that `map` makes a message of.
    pub(crate) fn subscribe<E, M>(&mut self, mut map: impl FnMut(&E) -> Option<M> + 'static)
    where
        E: Send + Sync + 'static,
        M: Send + 'static,
    {
        let Some(head) = self.current.head else { return };
        // SAFETY: the head is the current actor's; only its state is borrowed by its handler.
        let incarnation = unsafe { head.as_ref() }.incarnation;
        let deliver: Deliver = Box::new(move |core, actor, event| {
            if let Some(message) = event.get::<E>().and_then(&mut map) {
                core.deliver(actor, message);
            }
        });
        self.bus.subscriptions.push(Subscription {
            event: TypeId::of::<E>(),
            actor: self.current.tag,
            incarnation,
            deliver,
        });
        self.bus.publisher.shared.subscribed[self.index].store(true, Ordering::Release);
    }

    /// Hands the events that came to the subscribers on this worker.
    pub(crate) fn poll_events(&mut self) {
        let Some(mut reader) = self.bus.reader.take() else { return };
        match reader.0.poll() {
            Ok(mut events) => {
                for slot in &mut events {
                    if let Some(event) = &slot.0 {
                        self.deliver_event(event);
                    }
                }
            }
            Err(Polling::NoEvents | Polling::Shutdown) => {}
        }
        self.bus.reader = Some(reader);
    }

    fn deliver_event(&mut self, event: &Inline<EVENT_WORDS>) {
        // Who subscribes while this event is delivered gets the next one.
        let (mut n, mut end) = (0, self.bus.subscriptions.len());
        while n < end {
            let subscription = &mut self.bus.subscriptions[n];
            if subscription.event != event.type_id() {
                n += 1;
                continue;
            }
            let (actor, incarnation) = (subscription.actor, subscription.incarnation);
            // SAFETY: the table's heads are valid, and the borrow ends at once.
            let lives = self.slots.head(actor).is_some_and(|head| unsafe { head.as_ref() }.incarnation == incarnation);
            if !lives {
                let stale = self.bus.subscriptions.remove(n);
                end -= 1;
                self.contain(|| drop(stale));
                continue;
            }
            // The closure is out of the list while it runs: what it delivers may subscribe too.
            let mut deliver = std::mem::replace(&mut subscription.deliver, Box::new(|_, _, _| ()));
            self.contain_for(actor, |core| deliver(core, actor, event));
            self.counters.steps += 1;
            self.bus.subscriptions[n].deliver = deliver;
            n += 1;
        }
    }
}

/// Builds the bus for `readers` readers: the workers, then the log.
pub(crate) fn bus(capacity: usize, workers: usize) -> (Publisher, Vec<BusReader>) {
    let mut builder = disruptor::build_multi_producer(capacity.max(64), || Slot(None), BusySpin).with_multi_consumer();
    let mut readers = Vec::with_capacity(workers + 1);
    for _ in 0..=workers {
        let (poller, next) = builder.new_event_poller();
        readers.push(BusReader(poller));
        builder = next;
    }
    let shared =
        Arc::new(BusShared { lost: AtomicU64::new(0), subscribed: (0..workers).map(|_| false.into()).collect() });
    (Publisher { producer: builder.build(), shared }, readers)
}

impl Publisher {
    /// Publishes an event, unless the ring is full. Returns whether it fitted.
    pub(crate) fn publish<E: Send + Sync + 'static>(&mut self, event: E) -> bool {
        let mut event = Slot(Some(Inline::new(event)));
        let published = self.producer.try_publish(|slot| std::mem::swap(slot, &mut event)).is_ok();
        if !published {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        published
    }

    pub(crate) fn shared(&self) -> &Arc<BusShared> {
        &self.shared
    }
}

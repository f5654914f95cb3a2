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
use crate::failure::contained;
use crate::inline::SharedInline;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// The most bytes that an event may have.
pub const EVENT_BYTES: usize = EVENT_WORDS * 8;
const EVENT_WORDS: usize = 9;

/// A slot of the ring.
struct Slot(Option<SharedInline<EVENT_WORDS>>);

impl Drop for Slot {
    fn drop(&mut self) {
        // The ring drops all that is left in it: a panic there would end the process if another event had one too.
        contained(|| drop(self.0.take()));
    }
}

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
                if let Some(event) = slot.0.as_ref().and_then(SharedInline::get::<SystemEvent>) {
                    see(event);
                }
            }
        }
        seen
    }
}

/// Delivers an event to an actor of this worker, if it wants it.
type Deliver = Box<dyn FnMut(&mut Core, Tag, &SharedInline<EVENT_WORDS>)>;

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
        let (published, replaced) = self.bus.publisher.publish(event);
        self.contain(|| drop(replaced));
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
        let Some(incarnation) = self.current.head().map(|head| head.incarnation) else { return };
        let deliver: Deliver = Box::new(move |core, actor, event| {
            let Some(event) = event.get::<E>() else { return };
            if let Some(message) = core.made(actor, || map(event)).flatten() {
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

    /// Drops all subscriptions, as the worker ends.
    pub(crate) fn drop_subscriptions(&mut self) {
        for subscription in std::mem::take(&mut self.bus.subscriptions) {
            self.contain(|| drop(subscription));
        }
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

    fn deliver_event(&mut self, event: &SharedInline<EVENT_WORDS>) {
        // Who subscribes while this event is delivered gets the next one.
        let (mut n, mut end) = (0, self.bus.subscriptions.len());
        while n < end {
            let subscription = &self.bus.subscriptions[n];
            if subscription.event != event.type_id() {
                n += 1;
                continue;
            }
            let (actor, incarnation) = (subscription.actor, subscription.incarnation);
            let lives = self.head_at(actor).is_some_and(|head| head.incarnation == incarnation);
            if !lives {
                let stale = self.bus.subscriptions.remove(n);
                end -= 1;
                self.contain(|| drop(stale));
                continue;
            }
            // The closure is out of the list while it runs: what it delivers may subscribe too.
            let mut deliver = std::mem::replace(&mut self.bus.subscriptions[n].deliver, Box::new(|_, _, _| ()));
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
    /// Publishes an event, unless the ring is full. Returns whether it fitted, and what is to be dropped: it or the one
    /// that it replaced, whose drop may panic.
    pub(crate) fn publish<E: Send + Sync + 'static>(&mut self, event: E) -> (bool, Option<impl Sized + use<E>>) {
        let mut event = Slot(Some(SharedInline::new(event)));
        let published = self.producer.try_publish(|slot| std::mem::swap(slot, &mut event)).is_ok();
        if !published {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        (published, event.0.take())
    }

    pub(crate) fn shared(&self) -> &Arc<BusShared> {
        &self.shared
    }
}

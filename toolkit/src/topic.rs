//! Topics: events by name, and the actors that subscribe to them.
//!
//! # What
//! A [`Topic`] is a name and a type of event. Whoever publishes to it does not know who listens; actors subscribe, on any
//! worker, and get each event as a message of their own.
//!
//! # Trade-offs
//! Topics go by the engine's event bus, a disruptor that every worker reads: to publish costs the same however many
//! listen, and nothing per subscriber on the publisher's side. In exchange an event is small, at most
//! [`TOPIC_EVENT_BYTES`]; it is dropped and [counted](hippodrome::Stats::lost_events) where the bus is full, since nobody
//! waits for a slow reader; and all topics share the bus with the engine's own events. What must not be lost goes to a
//! [group](crate::group), by messages.
//!
//! A subscriber's worker compares the topic of each event of the same type that anybody publishes. So many names with one
//! type of event, and subscribers for each, cost names times events; a type for each kind of event costs less.
//!
//! # How to use it
//! ```
//! use hippodrome::{Actor, Context};
//! use hippodrome_toolkit::topic::Topic;
//!
//! #[derive(Clone, Copy)]
//! struct Price(f64);
//!
//! const EURUSD: Topic<Price> = Topic::named("prices/EURUSD");
//!
//! struct Trader;
//!
//! impl Actor for Trader {
//!     type Msg = Price;
//!
//!     fn started(&mut self, ctx: &mut Context<'_, Price>) {
//!         EURUSD.subscribe(ctx, |price| Some(*price));
//!     }
//!
//!     fn handle(&mut self, Price(price): Price, _ctx: &mut Context<'_, Price>) {
//!         println!("at {price}");
//!     }
//! }
//!
//! /// Says whether it fitted the bus.
//! fn quote(price: f64, ctx: &mut Context<'_, f64>) -> bool {
//!     EURUSD.publish(ctx, Price(price))
//! }
//! ```

use std::fmt;
use std::marker::PhantomData;

use hippodrome::{Context, EVENT_BYTES, Handle};

/// The most bytes that an event of a topic may have; a larger one does not compile.
pub const TOPIC_EVENT_BYTES: usize = EVENT_BYTES - size_of::<u64>();

/// A name for events of type `E`: `Copy`, and the same wherever the name and the type are the same.
///
/// A topic is known by a hash of its name with 64 bits: among a million topics the odds are 1 to 37 millions that any two
/// of the same type are taken for one another.
pub struct Topic<E> {
    id: u64,
    event: PhantomData<fn(E)>,
}

/// An event on its way.
struct Published<E> {
    topic: u64,
    event: E,
}

impl<E> Topic<E> {
    /// The topic of this name. Nothing needs to be set up for it.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        Self { id: fnv1a(name.as_bytes()), event: PhantomData }
    }
}

impl<E: Send + Sync + 'static> Topic<E> {
    /// Publishes an event to all subscribers of this topic. Returns whether it fitted the bus; it never waits.
    pub fn publish<M: Send + 'static>(self, ctx: &mut Context<'_, M>, event: E) -> bool {
        ctx.publish(Published { topic: self.id, event })
    }

    /// Publishes an event from a thread outside the engine; see [`Handle::publish`].
    pub fn publish_from_outside(self, handle: &Handle, event: E) -> bool {
        handle.publish(Published { topic: self.id, event })
    }

    /// From now on this actor gets a message for each event of this topic that `map` makes one of. Ends when the actor
    /// stops or is restarted: subscribe in [`started`](hippodrome::Actor::started). Allocates when it subscribes, never
    /// for an event.
    pub fn subscribe<M: Send + 'static>(
        self,
        ctx: &mut Context<'_, M>,
        mut map: impl FnMut(&E) -> Option<M> + 'static,
    ) {
        let topic = self.id;
        ctx.subscribe(
            move |published: &Published<E>| {
                if published.topic == topic { map(&published.event) } else { None }
            },
        );
    }
}

impl<E> Clone for Topic<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Topic<E> {}

impl<E> PartialEq for Topic<E> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<E> Eq for Topic<E> {}

impl<E> fmt::Debug for Topic<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Topic<{}>({:#018x})", std::any::type_name::<E>(), self.id)
    }
}

/// Fowler, Noll and Vo's hash of 64 bits, 1a: short, and known when the program is compiled.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325;
    let mut n = 0;
    while n < bytes.len() {
        hash = (hash ^ bytes[n] as u64).wrapping_mul(0x0000_0100_0000_01B3);
        n += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // The test vectors of the authors.
        assert_eq!(fnv1a(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn a_topic_is_its_name() {
        assert_eq!(Topic::<u8>::named("a"), Topic::named("a"));
        assert_ne!(Topic::<u8>::named("a"), Topic::named("b"));
    }
}

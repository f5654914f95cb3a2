//! Who gets the next message.

use crate::router::hashing::mix;
use crate::router::list::{Routee, Routees};

/// Chooses the routee of a message. Each router has a value of its own.
///
/// # Examples
/// A strategy of one's own:
/// ```
/// use hippodrome_toolkit::router::{Routee, Strategy};
///
/// /// The first routee that has fewer than so many messages in flight.
/// #[derive(Clone)]
/// struct FillUp(u64);
///
/// impl<M> Strategy<M> for FillUp {
///     fn choose<'r>(&mut self, routees: &'r [Routee<M>], _message: &M) -> Option<&'r Routee<M>> {
///         routees.iter().find(|routee| routee.in_flight() < self.0).or(routees.first())
///     }
///
///     fn counts(&self) -> bool {
///         true
///     }
/// }
/// ```
pub trait Strategy<M>: Clone {
    /// Who gets the message; nobody only if there are no routees.
    fn choose<'r>(&mut self, routees: &'r [Routee<M>], message: &M) -> Option<&'r Routee<M>>;

    /// Called once in a router that is made or cloned: it is the list's router of this number, counted from 0. So senders
    /// can begin at different routees.
    fn start(&mut self, router: u64) {
        let _ = router;
    }

    /// Called before a message that is the first with this list of routees.
    fn changed(&mut self, routees: &Routees<M>) {
        let _ = routees;
    }

    /// Whether a pool with this strategy counts what is [in flight](Routee::in_flight).
    fn counts(&self) -> bool {
        false
    }
}

/// The routees in turn. Each router begins at another one.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin {
    next: usize,
}

impl<M> Strategy<M> for RoundRobin {
    #[inline(always)]
    fn choose<'r>(&mut self, routees: &'r [Routee<M>], _message: &M) -> Option<&'r Routee<M>> {
        if let Some(routee) = routees.get(self.next) {
            self.next += 1;
            return Some(routee);
        }
        self.next = 1;
        routees.first()
    }

    fn start(&mut self, router: u64) {
        self.next = router as usize;
    }

    fn changed(&mut self, routees: &Routees<M>) {
        self.next = within(self.next, routees);
    }
}

/// A place in the list that stands for this one, which may be beyond its end; kept as it is while there are no routees yet.
fn within<M>(place: usize, routees: &Routees<M>) -> usize {
    place.checked_rem(routees.as_slice().len()).unwrap_or(place)
}

/// Any of the routees, each as likely as the others.
///
/// The generator is the router's own, and begins with its number: the same program chooses the same. Its numbers are a
/// linear congruential sequence of 64 bits, of which the upper ones count. Not for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A number below `end`, which fits 32 bits.
    #[inline(always)]
    fn below(&mut self, end: usize) -> usize {
        // The multiplier is Steele and Vigna's for 64 bits (2021).
        self.state = self.state.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(1);
        (((self.state >> 32) * end as u64) >> 32) as usize
    }
}

impl<M> Strategy<M> for Random {
    #[inline(always)]
    fn choose<'r>(&mut self, routees: &'r [Routee<M>], _message: &M) -> Option<&'r Routee<M>> {
        let index = self.below(routees.len());
        routees.get(index)
    }

    fn start(&mut self, router: u64) {
        self.state = mix(router.wrapping_add(1));
    }
}

/// The routee with the fewest messages in flight, of all routers' together: the one that is idle, if one is.
///
/// Up to [`SCANNED`](Self::SCANNED) routees are all looked at; of more than these, two that are drawn at random, which
/// keeps the longest queue nearly as short (Mitzenmacher 2001).
///
/// Only a [`Pool`](crate::router::Pool) that has this strategy counts what is in flight, of what is sent through its
/// routers. Others' routees all look idle, and get their messages in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastLoaded {
    random: Random,
    first: usize,
}

impl LeastLoaded {
    /// How many routees are all looked at.
    pub const SCANNED: usize = 8;

    /// The least loaded of a few; of those that are equal, the first from where the last search began.
    #[inline]
    fn scan<'r, M>(&mut self, routees: &'r [Routee<M>]) -> Option<&'r Routee<M>> {
        let first = if self.first < routees.len() { self.first } else { 0 };
        self.first = first + 1;
        let (before, behind) = routees.split_at(first);
        let (mut least, mut fewest) = (None, u64::MAX);
        for part in [behind, before] {
            for routee in part {
                let in_flight = routee.in_flight();
                if in_flight == 0 {
                    return Some(routee);
                }
                if in_flight < fewest {
                    (least, fewest) = (Some(routee), in_flight);
                }
            }
        }
        least
    }
}

impl<M> Strategy<M> for LeastLoaded {
    #[inline]
    fn choose<'r>(&mut self, routees: &'r [Routee<M>], _message: &M) -> Option<&'r Routee<M>> {
        if routees.len() <= Self::SCANNED {
            return self.scan(routees);
        }
        let one = self.random.below(routees.len());
        // Another one: drawn of the rest, which is one shorter.
        let other = self.random.below(routees.len() - 1);
        let other = other + usize::from(other >= one);
        let (one, other) = (routees.get(one)?, routees.get(other)?);
        Some(if other.in_flight() < one.in_flight() { other } else { one })
    }

    fn start(&mut self, router: u64) {
        self.first = router as usize;
        Strategy::<M>::start(&mut self.random, router);
    }

    fn changed(&mut self, routees: &Routees<M>) {
        self.first = within(self.first, routees);
    }

    fn counts(&self) -> bool {
        true
    }
}

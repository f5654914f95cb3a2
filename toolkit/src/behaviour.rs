//! Behaviours: an actor that handles messages in another way from now on, and goes back.
//!
//! # What
//! A [`Behaviour`] is one of an actor's functions that handles a message. [`Behaviours`] is which of them does so now, and
//! a stack of those to go back to: what Akka calls `become` and `unbecome`.
//!
//! # Trade-offs
//! Handling by a behaviour costs one indirect call, and the compiler inlines nothing through it. An actor with
//! two or three modes and one `match` over them is as good; one whose modes have data of their own, timeouts, or hooks is a
//! [state machine](crate::machine).
//!
//! A behaviour is a function and not a closure: what it needs is in the actor, so that changing it allocates nothing.
//!
//! # How to use
//! See [`Behaviours`]; the page `docs/guide/behaviours.md` of the guide has more.

use std::any::type_name;
use std::fmt;

use hippodrome::{Actor, Context};

/// A way to handle messages: a function of the actor's.
pub type Behaviour<A> = fn(&mut A, <A as Actor>::Msg, &mut Context<'_, <A as Actor>::Msg>);

/// How an actor handles its messages now, and what it goes back to.
///
/// A change holds from the next message on.
///
/// # Examples
/// ```
/// use hippodrome::{Actor, Context, Reply};
/// use hippodrome_toolkit::behaviour::Behaviours;
///
/// struct Lamp {
///     behaviours: Behaviours<Self>,
/// }
///
/// enum Press {
///     Button,
///     IsLit(Reply<bool>),
/// }
///
/// impl Lamp {
///     fn new() -> Self {
///         Self { behaviours: Behaviours::new(Self::dark) }
///     }
///
///     fn dark(&mut self, msg: Press, ctx: &mut Context<'_, Press>) {
///         match msg {
///             Press::Button => self.behaviours.replace(Self::lit),
///             Press::IsLit(reply) => reply.send(ctx, false),
///         }
///     }
///
///     fn lit(&mut self, msg: Press, ctx: &mut Context<'_, Press>) {
///         match msg {
///             Press::Button => self.behaviours.replace(Self::dark),
///             Press::IsLit(reply) => reply.send(ctx, true),
///         }
///     }
/// }
///
/// impl Actor for Lamp {
///     type Msg = Press;
///
///     fn handle(&mut self, msg: Press, ctx: &mut Context<'_, Press>) {
///         self.behaviours.current()(self, msg, ctx);
///     }
/// }
/// ```
pub struct Behaviours<A: Actor> {
    current: Behaviour<A>,
    /// Those below it, of which the first `depth` are used.
    below: [Behaviour<A>; DEPTH_MAX],
    depth: usize,
}

/// How many behaviours there can be below the current one.
pub const DEPTH_MAX: usize = 8;

/// A behaviour was not put on others: there are as many as there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{DEPTH_MAX} behaviours are below the current one, as many as there can be")]
pub struct TooDeep;

impl<A: Actor> Behaviours<A> {
    /// The behaviour that it begins with.
    #[must_use]
    pub fn new(first: Behaviour<A>) -> Self {
        Self { current: first, below: [first; DEPTH_MAX], depth: 0 }
    }

    /// What handles a message now.
    #[inline(always)]
    #[must_use]
    pub fn current(&self) -> Behaviour<A> {
        self.current
    }

    /// Puts another behaviour in place of the current one, which is forgotten: Akka's `become`.
    #[doc(alias = "become")]
    pub fn replace(&mut self, next: Behaviour<A>) {
        self.current = next;
    }

    /// Puts another behaviour on the current one, to which [`pop`](Self::pop) goes back: Akka's `become` that discards
    /// nothing.
    ///
    /// # Errors
    /// If there are [`DEPTH_MAX`] below it already; then nothing has changed.
    #[doc(alias = "become")]
    pub fn push(&mut self, next: Behaviour<A>) -> Result<(), TooDeep> {
        let place = self.below.get_mut(self.depth).ok_or(TooDeep)?;
        *place = std::mem::replace(&mut self.current, next);
        self.depth += 1;
        Ok(())
    }

    /// Goes back to the behaviour below, and returns whether there is one: Akka's `unbecome`.
    #[doc(alias = "unbecome")]
    pub fn pop(&mut self) -> bool {
        let below = self.depth.checked_sub(1);
        if let Some(below) = below {
            self.current = self.below[below];
            self.depth = below;
        }
        below.is_some()
    }

    /// How many behaviours are below the current one.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl<A: Actor> fmt::Debug for Behaviours<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Behaviours<{}>({} below)", type_name::<A>(), self.depth)
    }
}

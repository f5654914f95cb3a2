//! What a simulation puts around the methods of actors. Every other engine runs them [`Bare`].
//!
//! Which of the two an actor has is decided when it is spawned, by the functions in its
//! [vtable](crate::cell::Vtable): a message costs no check.

use crate::address::Address;
use crate::core::Core;

#[cfg(not(feature = "sim"))]
pub(crate) use none::{after_one, before_next, injected, is_squeezed};

#[cfg(feature = "sim")]
pub(crate) use crate::sim::{after_one, before_next, injected, is_squeezed};

/// Runs before and after the methods of actors; what panics here is the actor's panic.
pub(crate) trait Instrument: 'static {
    /// Before the factory of the actor at this address, of the type with this name.
    #[inline(always)]
    fn before_factory(actor: Address, actor_type: &'static str) {
        let _ = (actor, actor_type);
    }

    /// After the current actor's `started`.
    #[inline(always)]
    fn after_started(core: &mut Core) {
        let _ = core;
    }

    /// Before the current actor handles a message.
    #[inline(always)]
    fn before_message(core: &mut Core) {
        let _ = core;
    }

    /// After it has handled it.
    #[inline(always)]
    fn after_message(core: &mut Core) {
        let _ = core;
    }
}

/// Nothing.
pub(crate) struct Bare;

impl Instrument for Bare {}

/// Without simulations.
#[cfg(not(feature = "sim"))]
mod none {
    use std::any::Any;

    use crate::address::Address;
    use crate::core::Core;

    /// After a message that is not the last of a batch.
    #[inline(always)]
    pub(crate) fn after_one(_core: &mut Core) {}

    /// Before a message that is not the first of a batch.
    #[inline(always)]
    pub(crate) fn before_next(_core: &mut Core) {}

    /// Whether a mailbox that holds so many messages is to be full for the next one.
    #[inline(always)]
    pub(crate) fn is_squeezed(_actor: Address, _messages: usize) -> bool {
        false
    }

    /// What a panic says that a simulation made.
    pub(crate) fn injected(_panic: &(dyn Any + Send)) -> Option<&'static str> {
        None
    }
}

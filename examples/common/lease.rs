//! What outlives an actor that panics.
//!
//! An actor's state goes with the panic, and its factory makes another. What must not go has a [`Home`] beside the
//! factory, whose lock the actor holds for as long as it lives: one incarnation after another. So it is the actor's own,
//! and nothing is locked or counted on the way of a message.

use std::sync::Arc;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};

/// What an actor keeps, in the hands of the one that lives now. It goes home when this is dropped.
pub type Lease<T> = ArcMutexGuard<RawMutex, T>;

/// Where something is kept while nobody has it.
#[derive(Debug)]
pub struct Home<T>(Arc<Mutex<T>>);

/// The value was still out when it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("what an actor keeps is still in use")]
pub struct NotAtHome;

impl<T> Home<T> {
    /// Keeps a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// Takes the value out, until the lease is dropped.
    ///
    /// # Errors
    /// It is out.
    pub fn try_lease(&self) -> Result<Lease<T>, NotAtHome> {
        self.0.try_lock_arc().ok_or(NotAtHome)
    }

    /// Takes the value out for an actor.
    ///
    /// # Panics
    /// If it is out: two actors live that were made by one factory.
    pub fn lease(&self) -> Lease<T> {
        self.try_lease().expect("an actor gives it back when it is dropped, and is made again after that")
    }
}

impl<T> Clone for Home<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_home_from_a_panic_as_it_was() {
        let home = Home::new(1);
        let holder = home.clone();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let mut lease = holder.lease();
            *lease += 1;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panic.is_err());
        let lease = home.lease();
        assert!(home.try_lease().is_err());
        assert_eq!(*lease, 2);
    }
}

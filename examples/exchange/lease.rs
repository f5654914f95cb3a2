//! What outlives an actor that panics.
//!
//! An actor's state goes with the panic, and its factory makes another. What must not go has a [`Home`] beside the
//! factory, from which the actor takes it out on a [`Lease`]. The lease is dropped with the actor's state, whatever ended
//! it, and puts it back. While the actor lives it owns the value: nothing is locked or counted on the way of a message.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Where something is kept while nobody has it.
#[derive(Debug)]
pub(crate) struct Home<T>(Arc<Mutex<Option<Box<T>>>>);

/// The value was still out when it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("what an actor keeps was still in use")]
pub(crate) struct NotAtHome;

impl<T> Home<T> {
    /// Keeps a value.
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(value)))))
    }

    /// Takes the value out, until the lease is dropped.
    ///
    /// # Panics
    /// If it is out already: two actors were made by one factory.
    pub(crate) fn lease(&self) -> Lease<T> {
        let value = self.lock().take();
        assert!(value.is_some(), "{NotAtHome}");
        Lease { value, home: self.clone() }
    }

    /// Takes the value away for good.
    ///
    /// # Errors
    /// It is out.
    pub(crate) fn take(&self) -> Result<T, NotAtHome> {
        self.lock().take().map(|value| *value).ok_or(NotAtHome)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Home<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A value that goes home when this is dropped.
#[derive(Debug)]
pub(crate) struct Lease<T> {
    /// There until the drop.
    value: Option<Box<T>>,
    home: Home<T>,
}

impl<T> Deref for Lease<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value.as_deref().expect("a lease has its value until it is dropped")
    }
}

impl<T> DerefMut for Lease<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_deref_mut().expect("a lease has its value until it is dropped")
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        *self.home.lock() = self.value.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_home_from_a_panic_as_it_was() {
        let home = Home::new(1);
        let holder = home.clone();
        let panic = std::panic::catch_unwind(move || {
            let mut lease = holder.lease();
            *lease += 1;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panic.is_err());
        let mut lease = home.lease();
        *lease += 1;
        assert!(home.take().is_err());
        drop(lease);
        assert_eq!(home.take().unwrap(), 3);
        assert!(home.take().is_err());
    }
}

//! loom's names. Each atomic operation and each fence is a *site*, which [`mutation`] may weaken.

mod mutation;

pub(crate) use loom::alloc::{alloc, dealloc};
pub(crate) use loom::cell::UnsafeCell;
pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::Arc;
pub(crate) use loom::thread_local;
pub(crate) use std::sync::atomic::Ordering;

use std::panic::Location;

use mutation::{Change, changed};

/// loom's threads have no time.
pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use loom::thread::{Thread, current, park, yield_now};

    /// A park for ever is one that only somebody can end; any other time is over at once, which leaves the others all
    /// moments between going to sleep and waking.
    pub(crate) fn park_timeout(timeout: Duration) {
        if timeout == Duration::MAX {
            loom::thread::park();
        }
    }
}

/// A fence, unless the mutant does without.
#[track_caller]
pub(crate) fn fence(order: Ordering) {
    match changed("fence", &[order], None) {
        Some(Change::Removed) => {}
        Some(Change::Order(weaker)) => loom::sync::atomic::fence(weaker),
        _ => loom::sync::atomic::fence(order),
    }
}

/// The half of an order that a load can have.
fn of_load(order: Ordering) -> Ordering {
    match order {
        Ordering::Release => Ordering::Relaxed,
        Ordering::AcqRel => Ordering::Acquire,
        other => other,
    }
}

/// The half of an order that a store can have.
fn of_store(order: Ordering) -> Ordering {
    match order {
        Ordering::Acquire => Ordering::Relaxed,
        Ordering::AcqRel => Ordering::Release,
        other => other,
    }
}

/// A method that reads, modifies and writes: torn, it is a load and a store with a gap between them.
macro_rules! read_modify_write {
    ($name:ident, $value:ty, $modify:expr) => {
        #[track_caller]
        pub(crate) fn $name(&self, operand: $value, order: Ordering) -> $value {
            match changed(stringify!($name), &[order], Some(self.made_at)) {
                Some(Change::Torn) => {
                    let before = self.atomic.load(of_load(order));
                    self.atomic.store($modify(before, operand), of_store(order));
                    before
                }
                Some(Change::Order(weaker)) => self.atomic.$name(operand, weaker),
                _ => self.atomic.$name(operand, order),
            }
        }
    };
}

/// An atomic of the model checker, with the methods that the rings use of it.
macro_rules! atomic {
    ($name:ident, $value:ty $(, $method:ident)*) => {
        #[derive(Debug)]
        pub(crate) struct $name {
            atomic: loom::sync::atomic::$name,
            made_at: &'static Location<'static>,
        }

        impl $name {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                Self { atomic: loom::sync::atomic::$name::new(value), made_at: Location::caller() }
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                match changed("load", &[order], Some(self.made_at)) {
                    Some(Change::Order(weaker)) => self.atomic.load(weaker),
                    _ => self.atomic.load(order),
                }
            }

            $(atomic!(@ $method, $value);)*
        }
    };
    (@ store, $value:ty) => {
        #[track_caller]
        pub(crate) fn store(&self, value: $value, order: Ordering) {
            match changed("store", &[order], Some(self.made_at)) {
                Some(Change::Removed) => {}
                Some(Change::Order(weaker)) => self.atomic.store(value, weaker),
                _ => self.atomic.store(value, order),
            }
        }
    };
    (@ swap, $value:ty) => { read_modify_write!(swap, $value, |_, new| new); };
    (@ fetch_add, $value:ty) => { read_modify_write!(fetch_add, $value, <$value>::wrapping_add); };
    (@ fetch_sub, $value:ty) => { read_modify_write!(fetch_sub, $value, <$value>::wrapping_sub); };
    (@ fetch_or, $value:ty) => { read_modify_write!(fetch_or, $value, |before, bits| before | bits); };
    (@ fetch_and, $value:ty) => { read_modify_write!(fetch_and, $value, |before, bits| before & bits); };
    (@ $exchange:ident, $value:ty) => {
        #[track_caller]
        pub(crate) fn $exchange(
            &self,
            from: $value,
            to: $value,
            success: Ordering,
            failure: Ordering,
        ) -> Result<$value, $value> {
            match changed(stringify!($exchange), &[success, failure], Some(self.made_at)) {
                Some(Change::Torn) => {
                    let before = self.atomic.load(failure);
                    if before != from {
                        return Err(before);
                    }
                    self.atomic.store(to, of_store(success));
                    Ok(before)
                }
                Some(Change::Order(weaker)) => self.atomic.$exchange(from, to, weaker, failure),
                Some(Change::Failure(weaker)) => self.atomic.$exchange(from, to, success, weaker),
                _ => self.atomic.$exchange(from, to, success, failure),
            }
        }
    };
}

atomic!(AtomicBool, bool, store, swap);
atomic!(AtomicU8, u8, store);
atomic!(AtomicU32, u32, fetch_add, fetch_sub, compare_exchange);
atomic!(AtomicU64, u64, store, swap, fetch_or, fetch_and, compare_exchange, compare_exchange_weak);
atomic!(AtomicUsize, usize, fetch_add, fetch_sub);

/// A value that is set once: seen by whoever is told of it by something ordered, as the standard library's is.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    /// Loom's own, since it is no site: that its orderings hold is the standard library's business.
    is_set: loom::sync::atomic::AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { is_set: loom::sync::atomic::AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(init);
        self.is_set.store(true, Ordering::Release);
        value
    }
}

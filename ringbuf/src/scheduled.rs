//! Atomics and threads for models that shuttle schedules: `--cfg shuttle` only.
//!
//! An atomic is the standard library's, in its place in memory, and each access to it is a point where the scheduler may
//! let another thread run. There is no weak memory here: what an ordering is for, loom's models show.
//!
//! A model must be able to fail. So one *site*, a place in the source that writes an atomic or wakes a thread, can be
//! taken out: `HIPPODROME_MUTANT=file.rs:line` names it, and what is written there is not written.
//! [`sites`] tells which have been passed.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

pub use std::sync::atomic::Ordering;

/// The variable that names the site which is taken out.
pub const MUTANT: &str = "HIPPODROME_MUTANT";

type Site = (&'static str, u32);

static PASSED: Mutex<BTreeMap<Site, &'static str>> = Mutex::new(BTreeMap::new());

/// The sites that this process has passed, as `file.rs:line`, and what each does.
pub fn sites() -> Vec<(String, &'static str)> {
    let passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    passed.iter().map(|((file, line), what)| (format!("{file}:{line}"), *what)).collect()
}

/// Whether what is done here is to be left out.
fn is_out(site: &'static Location<'static>, what: &'static str) -> bool {
    static OUT: OnceLock<Option<String>> = OnceLock::new();
    PASSED.lock().unwrap_or_else(PoisonError::into_inner).insert((site.file(), site.line()), what);
    let out = OUT.get_or_init(|| std::env::var(MUTANT).ok());
    out.as_ref().is_some_and(|out| *out == format!("{}:{}", site.file(), site.line()))
}

/// A point where another thread may go on. A sleep is one, and does nothing else.
fn switch() {
    shuttle::thread::sleep(Duration::ZERO);
}

/// Nothing: the scheduler keeps one order for all.
pub fn fence(_: Ordering) {}

/// Lets others go on: who spins waits for them.
pub fn spin_loop() {
    shuttle::thread::yield_now();
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// The standard library's, with a point of the scheduler at each access.
        #[derive(Debug, Default)]
        #[repr(transparent)]
        #[allow(missing_docs, reason = "each is the method of the standard library's")]
        pub struct $name(std::sync::atomic::$name);

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }

        #[allow(missing_docs, reason = "each is the method of the standard library's")]
        impl $name {
            pub const fn new(value: $value) -> Self {
                Self(std::sync::atomic::$name::new(value))
            }

            /// # Safety
            /// As for the standard library's.
            pub unsafe fn from_ptr<'a>(place: *mut $value) -> &'a Self {
                // SAFETY: the caller's promise, and the two have the same form.
                unsafe { &*place.cast::<Self>() }
            }

            pub fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }

            pub fn load(&self, order: Ordering) -> $value {
                switch();
                self.0.load(order)
            }

            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                switch();
                if !is_out(Location::caller(), "store") {
                    self.0.store(value, order);
                }
            }

            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                switch();
                match is_out(Location::caller(), "swap") {
                    true => self.0.load(Ordering::SeqCst),
                    false => self.0.swap(value, order),
                }
            }

            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                switch();
                let new = if is_out(Location::caller(), "compare_exchange") { current } else { new };
                self.0.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                mut change: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut current = self.load(fetch);
                while let Some(new) = change(current) {
                    match self.compare_exchange(current, new, set, fetch) {
                        Ok(before) => return Ok(before),
                        Err(now) => current = now,
                    }
                }
                Err(current)
            }
        }
    };
}

macro_rules! fetches {
    ($name:ident, $value:ty: $($fetch:ident)*) => {
        #[allow(missing_docs, reason = "each is the method of the standard library's")]
        impl $name {
            $(
                #[track_caller]
                pub fn $fetch(&self, value: $value, order: Ordering) -> $value {
                    switch();
                    match is_out(Location::caller(), stringify!($fetch)) {
                        true => self.0.load(Ordering::SeqCst),
                        false => self.0.$fetch(value, order),
                    }
                }
            )*
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU8, u8);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);
fetches!(AtomicBool, bool: fetch_or fetch_and);
fetches!(AtomicU8, u8: fetch_add fetch_sub fetch_or fetch_and fetch_max);
fetches!(AtomicU32, u32: fetch_add fetch_sub fetch_or fetch_and fetch_max);
fetches!(AtomicU64, u64: fetch_add fetch_sub fetch_or fetch_and fetch_max);
fetches!(AtomicUsize, usize: fetch_add fetch_sub fetch_or fetch_and fetch_max);

/// Threads that park and are woken. There is no time: a timed park is one that only somebody can end, and none ends by
/// chance, so that a wake-up which is missed is a deadlock.
pub mod thread {
    use std::panic::Location;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    pub use shuttle::thread::{ThreadId, yield_now};

    /// A thread, with the token that a wake-up leaves.
    #[derive(Clone, Debug)]
    pub struct Thread {
        thread: shuttle::thread::Thread,
        token: Arc<AtomicBool>,
    }

    shuttle::thread_local! {
        static CURRENT: Thread = Thread { thread: shuttle::thread::current(), token: Arc::default() };
    }

    impl Thread {
        /// The thread's number.
        pub fn id(&self) -> ThreadId {
            self.thread.id()
        }

        /// Wakes the thread if it is parked, or else lets its next park end at once.
        #[track_caller]
        pub fn unpark(&self) {
            super::switch();
            if !super::is_out(Location::caller(), "unpark") {
                self.token.store(true, Ordering::SeqCst);
                self.thread.unpark();
            }
        }
    }

    /// The calling thread.
    pub fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    /// Waits until somebody unparks the calling thread.
    pub fn park() {
        let token = current().token;
        while !token.swap(false, Ordering::SeqCst) {
            shuttle::thread::park();
        }
    }

    /// The same: nobody counts the time.
    pub fn park_timeout(_timeout: Duration) {
        park();
    }
}
